/* JSON files of settings. */
#include "formats/json.h"

#include "base/file.h"

rapt_status rapt__json_read(rapt_context *ctx, const char *path, json_t **out) {
  char *text;
  size_t size;
  json_error_t error;
  *out = NULL;
  RAPT_TRY(rapt__file_read(ctx, path, 16 << 20, &text, &size));
  *out = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
  rapt__free(ctx, text);
  if (!*out) return rapt__fail(ctx, RAPT_EFORMAT, "%s:%d:%d: %s", path, error.line, error.column, error.text);
  return RAPT_OK;
}
