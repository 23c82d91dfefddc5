/* Film reviews out of a tar archive. */
#include "data/reviews.h"

#include "data/packed.h"
#include "data/tar.h"
#include "data/words.h"

#include <string.h>

enum { TRAINING_FOLDS = 9 };
static const size_t limit = (size_t)1 << 28; /* bytes of the archive's content */

/* A review's text in the archive. */
typedef struct member {
  const char *text;
  size_t size;
  uint8_t positive, fold;
} member;

typedef struct reader {
  rapt_context *ctx;
  const char *path;
  char *data;
  size_t size;
  member *members;
  size_t count, capacity;
  rapt__words words; /* of the training folds; ranked, the index is the feature */
} reader;

/* ---- The archive ---- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* "…/pos/cv123_45678.txt": true, verdict and fold. */
static bool parse_name(const char *name, member *m) {
  const char *file = strrchr(name, '/');
  if (!file || file - name < 3 || (file - name > 3 && file[-4] != '/')) return false;
  m->positive = strncmp(file - 3, "pos", 3) == 0;
  if (!m->positive && strncmp(file - 3, "neg", 3) != 0) return false;
  file++;
  size_t n = strlen(file);
  if (n < 10 || strncmp(file, "cv", 2) != 0 || strcmp(file + n - 4, ".txt") != 0) return false;
  if (!is_digit(file[2]) || !is_digit(file[3]) || !is_digit(file[4]) || file[5] != '_') return false;
  m->fold = (uint8_t)(file[2] - '0');
  return true;
}

static rapt_status add_member(void *user, const rapt__tar_member *file) {
  reader *r = user;
  member m = {.text = file->data, .size = file->size};
  if (!parse_name(file->name, &m)) return RAPT_OK;
  RAPT_TRY(rapt__reserve(r->ctx, (void **)&r->members, &r->capacity, r->count, sizeof *r->members));
  r->members[r->count++] = m;
  return RAPT_OK;
}

/* ---- Words ---- */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f'; }

/* The next word from *at on; false at the end. */
static bool next_word(const member *m, size_t *at, const char **bytes, size_t *size) {
  while (*at < m->size && is_blank(m->text[*at])) ++*at;
  size_t begin = *at;
  while (*at < m->size && !is_blank(m->text[*at])) ++*at;
  *bytes = m->text + begin;
  *size = *at - begin;
  return *size > 0;
}

static rapt_status count_words(reader *r) {
  const char *bytes;
  size_t size;
  for (size_t i = 0; i < r->count; i++) {
    if (r->members[i].fold >= TRAINING_FOLDS) continue;
    for (size_t at = 0; next_word(&r->members[i], &at, &bytes, &size);)
      RAPT_TRY(rapt__words_count(&r->words, bytes, size));
  }
  return RAPT_OK;
}

/* ---- Rows ---- */

/* `seen` remembers for every feature the last review that has it, counted from 1. */
static rapt_status fill_rows(reader *r, size_t *seen, rapt__reviews *out) {
  size_t used = 0, capacity = 0;
  for (size_t i = 0; i < r->count; i++) {
    const char *bytes;
    size_t size;
    out->begin[i] = used;
    out->positive[i] = r->members[i].positive;
    out->fold[i] = r->members[i].fold;
    for (size_t at = 0; next_word(&r->members[i], &at, &bytes, &size);) {
      const rapt__slot *slot = rapt__table_find(&r->words.ids, bytes, size, 0);
      if (!slot || slot->value >= out->features || seen[slot->value] == i + 1) continue;
      seen[slot->value] = i + 1;
      RAPT_TRY(rapt__reserve(r->ctx, (void **)&out->words, &capacity, used, sizeof *out->words));
      out->words[used++] = (int32_t)slot->value;
    }
  }
  out->begin[r->count] = used;
  return RAPT_OK;
}

static rapt_status make_rows(reader *r, int64_t most, rapt__reviews *out) {
  out->features = (int64_t)r->words.count < most ? (int64_t)r->words.count : most;
  out->count = r->count;
  out->begin = rapt__new(r->ctx, r->count + 1, sizeof *out->begin);
  out->positive = rapt__new(r->ctx, r->count, sizeof *out->positive);
  out->fold = rapt__new(r->ctx, r->count, sizeof *out->fold);
  size_t *seen = rapt__new(r->ctx, (size_t)out->features, sizeof *seen);
  bool room = out->begin && out->positive && out->fold && seen;
  rapt_status status = room ? fill_rows(r, seen, out) : RAPT_ENOMEM;
  rapt__free(r->ctx, seen);
  return status;
}

static rapt_status read_reviews(reader *r, int64_t most, rapt__reviews *out) {
  RAPT_TRY(rapt__packed_read(r->ctx, r->path, limit, &r->data, &r->size));
  RAPT_TRY(rapt__tar_walk(r->ctx, r->path, r->data, r->size, add_member, r));
  if (r->count == 0)
    return rapt__fail(r->ctx, RAPT_EFORMAT, "%s: no member is named …/neg/cvNNN_….txt or …/pos/cvNNN_….txt", r->path);
  RAPT_TRY(count_words(r));
  if (r->words.count == 0) return rapt__fail(r->ctx, RAPT_EFORMAT, "%s: there is no word in folds 0 to 8", r->path);
  RAPT_TRY(rapt__words_rank(&r->words, 0));
  return make_rows(r, most, out);
}

rapt_status rapt__reviews_read(rapt_context *ctx, const char *path, int64_t most, rapt__reviews *out) {
  reader r = {.ctx = ctx, .path = path};
  *out = (rapt__reviews){.ctx = ctx};
  rapt__words_init(&r.words, ctx);
  rapt_status status = read_reviews(&r, most, out);
  rapt__words_free(&r.words);
  rapt__free(ctx, r.members);
  rapt__free(ctx, r.data);
  return status;
}

void rapt__reviews_free(rapt__reviews *reviews) {
  if (!reviews->ctx) return;
  rapt__free(reviews->ctx, reviews->begin);
  rapt__free(reviews->ctx, reviews->words);
  rapt__free(reviews->ctx, reviews->positive);
  rapt__free(reviews->ctx, reviews->fold);
  *reviews = (rapt__reviews){0};
}
