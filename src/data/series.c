/* The .ts format. */
#include "data/series.h"

#include "data/packed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const size_t limit = (size_t)1 << 28; /* bytes of a file's content */
enum { LABELS = 256, LABEL_BYTES = 64 };

typedef struct reader {
  rapt_context *ctx;
  const char *path;
  int64_t line;
  bool data; /* behind @data */
  char labels[LABELS][LABEL_BYTES];
  rapt__series_set *out;
} reader;

static rapt_status add_labels(reader *r, char *text) {
  char *rest, *word = strtok_r(text, " \t", &rest);
  if (!word || strcasecmp(word, "true") != 0)
    return rapt__fail(r->ctx, RAPT_EFORMAT, "%s:%lld: series without class labels", r->path, (long long)r->line);
  while ((word = strtok_r(NULL, " \t", &rest))) {
    if (r->out->labels == LABELS || strlen(word) >= LABEL_BYTES)
      return rapt__fail(r->ctx, RAPT_EFORMAT, "%s:%lld: more than %d labels, or one of %d bytes", r->path,
                        (long long)r->line, LABELS, LABEL_BYTES);
    strcpy(r->labels[r->out->labels++], word);
  }
  return RAPT_OK;
}

static int64_t count_of(const char *text, char c) {
  int64_t n = 0;
  for (; *text; text++) n += *text == c;
  return n;
}

/* "1.5,2,…" as channel `channel`. strtod follows the locale, which the library leaves as the program has it. */
static rapt_status read_channel(reader *r, const char *text, int64_t channel, rapt__one_series *s) {
  int64_t frames = count_of(text, ',') + 1;
  if (frames != s->frames)
    return rapt__fail(r->ctx, RAPT_EFORMAT, "%s:%lld: channel %lld has %lld values, the first one %lld", r->path,
                      (long long)r->line, (long long)channel, (long long)frames, (long long)s->frames);
  for (int64_t t = 0; t < frames; t++) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || (*end != ',' && *end != 0) || !isfinite(value) || fabs(value) > 1e30)
      return rapt__fail(r->ctx, RAPT_EFORMAT, "%s:%lld: channel %lld, value %lld is not a number", r->path,
                        (long long)r->line, (long long)channel, (long long)t);
    s->x[t * r->out->channels + channel] = (float)value;
    text = end + 1;
  }
  return RAPT_OK;
}

static rapt_status add_series(reader *r, char *text) {
  char *name = strrchr(text, ':');
  rapt__series_set *out = r->out;
  if (!name) return rapt__fail(r->ctx, RAPT_EFORMAT, "%s:%lld: no colon", r->path, (long long)r->line);
  *name++ = 0;
  int32_t label = 0;
  while (label < out->labels && strcmp(r->labels[label], name) != 0) label++;
  if (label == out->labels)
    return rapt__fail(r->ctx, RAPT_EFORMAT, "%s:%lld: label \"%.40s\" is not behind @classLabel", r->path,
                      (long long)r->line, name);
  int64_t channels = count_of(text, ':') + 1;
  if (out->channels == 0) out->channels = channels;
  if (channels != out->channels)
    return rapt__fail(r->ctx, RAPT_EFORMAT, "%s:%lld: %lld channels, %lld in the lines before", r->path,
                      (long long)r->line, (long long)channels, (long long)out->channels);
  RAPT_TRY(rapt__reserve(r->ctx, (void **)&out->at, &out->capacity, out->count, sizeof *out->at));
  char *next = strchr(text, ':');
  if (next) *next = 0;
  rapt__one_series *s = &out->at[out->count];
  *s = (rapt__one_series){.label = label, .frames = count_of(text, ',') + 1};
  s->x = rapt__new(r->ctx, (size_t)s->frames * (size_t)channels, sizeof *s->x);
  if (!s->x) return RAPT_ENOMEM;
  out->count++;
  for (int64_t c = 0; c < channels; c++) {
    RAPT_TRY(read_channel(r, text, c, s));
    if (c + 1 == channels) break;
    text = next + 1;
    next = strchr(text, ':');
    if (next) *next = 0;
  }
  return RAPT_OK;
}

static rapt_status read_line(reader *r, char *line) {
  static const char labels[] = "@classLabel ";
  if (*line == 0 || *line == '#') return RAPT_OK;
  if (r->data) return add_series(r, line);
  if (strncasecmp(line, labels, sizeof labels - 1) == 0) return add_labels(r, line + sizeof labels - 1);
  if (strncasecmp(line, "@timeStamps true", 16) == 0)
    return rapt__fail(r->ctx, RAPT_EUNSUPPORTED, "%s:%lld: series with times", r->path, (long long)r->line);
  if (*line != '@')
    return rapt__fail(r->ctx, RAPT_EFORMAT, "%s:%lld: values before @data", r->path, (long long)r->line);
  r->data = strncasecmp(line, "@data", 5) == 0;
  return RAPT_OK;
}

static rapt_status read_lines(reader *r, char *text, size_t size) {
  for (char *end = text + size; text < end;) {
    char *stop = memchr(text, '\n', (size_t)(end - text));
    if (!stop) stop = end;
    *stop = 0;
    if (stop > text && stop[-1] == '\r') stop[-1] = 0;
    r->line++;
    RAPT_TRY(read_line(r, text));
    text = stop + 1;
  }
  return r->out->count ? RAPT_OK : rapt__fail(r->ctx, RAPT_EFORMAT, "%s: no series", r->path);
}

rapt_status rapt__series_read(rapt_context *ctx, const char *path, rapt__series_set *out) {
  char *text = NULL, *grown;
  size_t size;
  *out = (rapt__series_set){.ctx = ctx};
  reader *r = rapt__new(ctx, 1, sizeof *r);
  if (!r) return RAPT_ENOMEM;
  *r = (reader){.ctx = ctx, .path = path, .out = out};
  rapt_status status = rapt__packed_read(ctx, path, limit, &text, &size);
  if (status == RAPT_OK && !(grown = rapt__grow(ctx, text, size + 1, 1))) status = RAPT_ENOMEM;
  if (status == RAPT_OK) {
    text = grown; /* one byte more, for the end of a last line without a line feed */
    status = read_lines(r, text, size);
  }
  rapt__free(ctx, text);
  rapt__free(ctx, r);
  return status;
}

void rapt__series_free(rapt__series_set *set) {
  if (!set->ctx) return;
  for (size_t i = 0; i < set->count; i++) rapt__free(set->ctx, set->at[i].x);
  rapt__free(set->ctx, set->at);
  *set = (rapt__series_set){0};
}
