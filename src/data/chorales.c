/* Piano rolls out of JSON. */
#include "data/chorales.h"

#include "formats/json.h"

typedef struct reader {
  rapt_context *ctx;
  const char *path, *part;
  size_t piece;
} reader;

static rapt_status read_frame(const reader *r, const json_t *notes, size_t frame, uint8_t *sounds) {
  if (!json_is_array(notes))
    return rapt__fail(r->ctx, RAPT_EFORMAT, "%s: \"%s\", piece %zu, frame %zu: not a list of notes", r->path, r->part,
                      r->piece, frame);
  for (size_t i = 0; i < json_array_size(notes); i++) {
    const json_t *note = json_array_get(notes, i);
    json_int_t n = json_integer_value(note) - RAPT_ROLL_LOWEST;
    if (!json_is_integer(note) || n < 0 || n >= RAPT_ROLL_NOTES)
      return rapt__fail(r->ctx, RAPT_EFORMAT,
                        "%s: \"%s\", piece %zu, frame %zu: note %zu is not a whole number from %d to %d", r->path,
                        r->part, r->piece, frame, i, RAPT_ROLL_LOWEST, RAPT_ROLL_LOWEST + RAPT_ROLL_NOTES - 1);
    sounds[n] = 1;
  }
  return RAPT_OK;
}

static rapt_status read_piece(const reader *r, const json_t *frames, rapt_roll *out) {
  size_t count = json_array_size(frames);
  if (!json_is_array(frames) || count == 0)
    return rapt__fail(r->ctx, RAPT_EFORMAT, "%s: \"%s\", piece %zu: not a list of frames", r->path, r->part, r->piece);
  out->sounds = rapt__new(r->ctx, count, RAPT_ROLL_NOTES);
  if (!out->sounds) return RAPT_ENOMEM;
  out->frames = (int64_t)count;
  for (size_t i = 0; i < count; i++)
    RAPT_TRY(read_frame(r, json_array_get(frames, i), i, out->sounds + i * RAPT_ROLL_NOTES));
  return RAPT_OK;
}

static rapt_status read_parts(reader *r, const json_t *root, int first, int last, rapt__chorales *out) {
  static const char *const names[] = {"train", "valid", "test"};
  const json_t *parts[RAPT__CHORALES_PARTS] = {NULL};
  for (int p = 0; p < RAPT__CHORALES_PARTS; p++) {
    if (p >= first && p <= last) {
      parts[p] = json_object_get(root, names[p]);
      if (json_array_size(parts[p]) == 0)
        return rapt__fail(r->ctx, RAPT_EFORMAT, "%s: \"%s\" is not a list of pieces", r->path, names[p]);
    }
    out->begin[p + 1] = out->begin[p] + json_array_size(parts[p]);
  }
  out->pieces = rapt__new(r->ctx, out->begin[RAPT__CHORALES_PARTS], sizeof *out->pieces);
  if (!out->pieces) return RAPT_ENOMEM;
  for (int p = first; p <= last; p++) {
    r->part = names[p];
    for (r->piece = 0; r->piece < json_array_size(parts[p]); r->piece++)
      RAPT_TRY(read_piece(r, json_array_get(parts[p], r->piece), &out->pieces[out->begin[p] + r->piece]));
  }
  return RAPT_OK;
}

rapt_status rapt__chorales_read(rapt_context *ctx, const char *path, int first, int last, rapt__chorales *out) {
  reader r = {.ctx = ctx, .path = path};
  json_t *root;
  *out = (rapt__chorales){.ctx = ctx};
  RAPT_TRY(rapt__json_read(ctx, path, &root));
  rapt_status status = read_parts(&r, root, first, last, out);
  json_decref(root);
  return status;
}

void rapt__chorales_free(rapt__chorales *c) {
  if (!c->ctx) return;
  for (size_t i = 0; c->pieces && i < c->begin[RAPT__CHORALES_PARTS]; i++) rapt__free(c->ctx, c->pieces[i].sounds);
  rapt__free(c->ctx, c->pieces);
  *c = (rapt__chorales){0};
}
