/* Texts as lines. */
#include "metrics/metrics.h"

#include "base/file.h"

#include <limits.h>
#include <string.h>
#include <utf8proc.h>

/* Where the line ends without the white space behind it; SIZE_MAX where it is not UTF-8. */
static size_t stripped(const char *line, size_t size) {
  size_t kept = 0;
  for (size_t at = 0; at < size;) {
    utf8proc_int32_t code;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)line + at, (utf8proc_ssize_t)(size - at), &code);
    if (n <= 0) return SIZE_MAX;
    at += (size_t)n;
    if (!rapt__is_space((uint32_t)code)) kept = at;
  }
  return kept;
}

rapt_status rapt_lines_parse(rapt_context *ctx, const char *name, const char *text, size_t size, rapt_lines *out) {
  *out = (rapt_lines){0};
  size_t count = 0;
  for (size_t at = 0; at < size; count++) {
    const char *end = memchr(text + at, '\n', size - at);
    at = end ? (size_t)(end - text) + 1 : size;
  }
  if (count == 0) return rapt__fail(ctx, RAPT_EFORMAT, "%s is empty: there is no line to score", name);
  rapt_segment *line = rapt__new(ctx, count, sizeof *line);
  if (!line) return RAPT_ENOMEM;
  size_t at = 0;
  for (size_t i = 0; i < count; i++) {
    const char *end = memchr(text + at, '\n', size - at);
    size_t length = end ? (size_t)(end - text) - at : size - at, kept = stripped(text + at, length);
    if (kept == SIZE_MAX) {
      bool packed = i == 0 && length > 1 && memcmp(text, "\x1F\x8B", 2) == 0;
      rapt__free(ctx, line);
      return rapt__fail(ctx, RAPT_EFORMAT, "%s: line %zu is not UTF-8; %s", name, i + 1,
                        packed ? "the file is packed: unpack it with gzip -d" : "convert the file with iconv");
    }
    line[i] = (rapt_segment){text + at, kept};
    at += length + 1;
  }
  out->line = line;
  out->count = (int64_t)count;
  return RAPT_OK;
}

rapt_status rapt_lines_read(rapt_context *ctx, const char *path, rapt_lines *out) {
  *out = (rapt_lines){0};
  char *text;
  size_t size;
  RAPT_TRY(rapt__file_read(ctx, path, SIZE_MAX / 4, &text, &size));
  rapt_status status = rapt_lines_parse(ctx, path, text, size, out);
  if (status != RAPT_OK)
    rapt__free(ctx, text);
  else
    out->text = text;
  return status;
}

void rapt_lines_free(rapt_context *ctx, rapt_lines *lines) {
  rapt__free(ctx, lines->line);
  rapt__free(ctx, lines->text);
  *lines = (rapt_lines){0};
}
