/* A part-of-speech tagger: a hidden Markov model counted from a treebank. Tags of unknown words are guessed from their ends,
 * as in Brants 2000, "TnT: a statistical part-of-speech tagger". */
#include "recipes/hmm.h"

#include "base/file.h"

#include <math.h>
#include <string.h>

char *rapt__tagger_file(rapt_context *ctx, const char *dir, const char *name) {
  char *plain = rapt__path_join(ctx, dir, name), *packed = plain ? rapt__format(ctx, "%s.gz", plain) : NULL;
  bool there = packed && rapt__file_exists(plain), packed_there = packed && rapt__file_exists(packed);
  if (packed && !there && !packed_there)
    rapt__fail(ctx, RAPT_ENOTFOUND, "%s: there is no such file, nor one with .gz behind; say hmm.treebank=FOLDER",
               plain);
  if (!there) {
    rapt__free(ctx, plain);
    plain = NULL;
  }
  if (there || !packed_there) {
    rapt__free(ctx, packed);
    packed = NULL;
  }
  return plain ? plain : packed;
}

/* ---- Shapes and suffixes ---- */

/* A digit somewhere, a capital in front, or neither: each has suffixes of its own. */
static int shape_of(const char *word) {
  if (strpbrk(word, "0123456789")) return 2;
  return *word >= 'A' && *word <= 'Z';
}

static size_t longest_suffix(size_t size) { return size < RAPT__TAGGER_SUFFIX ? size : RAPT__TAGGER_SUFFIX; }

/* The counts behind a key, made if it is new; NULL: no memory. */
static double *row_of(rapt__tagger *t, rapt__table *table, const char *key, size_t size) {
  rapt__slot *slot = rapt__table_get(table, key, size, 0, (int64_t)t->rows);
  if (!slot) return NULL;
  if (slot->value == (int64_t)t->rows) {
    if (rapt__reserve(t->ctx, (void **)&t->counts, &t->capacity, t->rows, t->tags * sizeof *t->counts) != RAPT_OK)
      return NULL;
    memset(t->counts + t->rows++ * t->tags, 0, t->tags * sizeof *t->counts);
  }
  return t->counts + (size_t)slot->value * t->tags;
}

static const double *find_row(const rapt__tagger *t, const rapt__table *table, const char *key, size_t size) {
  const rapt__slot *slot = rapt__table_find(table, key, size, 0);
  return slot ? t->counts + (size_t)slot->value * t->tags : NULL;
}

static double sum_of(const double *row, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += row[i];
  return sum;
}

/* ---- Counting ---- */

static int tag_index(const rapt__tagger *t, const char *name) {
  for (size_t i = 0; i < t->tags; i++)
    if (strcmp(t->names[i], name) == 0) return (int)i;
  return -1;
}

/* The different tags, in order of bytes. */
static rapt_status collect_tags(rapt__tagger *t, const char *path) {
  for (size_t w = 0; w < t->train.at[t->train.sentences]; w++) {
    const char *name = t->train.words[w].tag;
    if (tag_index(t, name) >= 0) continue;
    for (const char *c = name; *c; c++)
      if (*c <= ' ' || *c > '~')
        return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: the tag of word %zu is not plain ASCII", path, w + 1);
    if (t->tags == RAPT__TAGGER_TAGS)
      return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: there are more than %d different tags", path, RAPT__TAGGER_TAGS);
    size_t at = t->tags++;
    for (; at > 0 && strcmp(t->names[at - 1], name) > 0; at--) t->names[at] = t->names[at - 1];
    t->names[at] = name;
  }
  return RAPT_OK;
}

/* Counts of the chain stand in log_start and log_step until they are turned into logarithms. */
static rapt_status count_words(rapt__tagger *t) {
  size_t n = t->tags;
  for (size_t s = 0; s < t->train.sentences; s++) {
    size_t before = 0;
    for (size_t w = t->train.at[s]; w < t->train.at[s + 1]; w++) {
      const char *form = t->train.words[w].form;
      size_t tag = (size_t)tag_index(t, t->train.words[w].tag);
      double *row = row_of(t, &t->words, form, strlen(form));
      if (!row) return RAPT_ENOMEM;
      row[tag]++;
      t->prior[tag]++;
      (w == t->train.at[s] ? t->chain.log_start : t->chain.log_step + before * n)[tag]++;
      before = tag;
    }
  }
  return RAPT_OK;
}

/* Every rare word counts for each of its suffixes, once for every time that it stands in the text. */
static rapt_status count_suffixes(rapt__tagger *t) {
  for (size_t w = 0; w < t->train.at[t->train.sentences]; w++) {
    const char *form = t->train.words[w].form;
    size_t size = strlen(form), tag = (size_t)tag_index(t, t->train.words[w].tag);
    const double *own = find_row(t, &t->words, form, size);
    if (!own || sum_of(own, t->tags) > RAPT__TAGGER_RARE) continue;
    for (size_t k = 0; k <= longest_suffix(size); k++) {
      double *row = row_of(t, &t->suffixes[shape_of(form)], form + size - k, k);
      if (!row) return RAPT_ENOMEM;
      row[tag]++;
    }
  }
  return RAPT_OK;
}

/* log of (count + weight · prior) / (sum + weight). */
static void smooth(double *row, const double *prior, size_t n, double weight) {
  double sum = sum_of(row, n);
  for (size_t i = 0; i < n; i++) row[i] = log((row[i] + weight * prior[i]) / (sum + weight));
}

static rapt_status learn(rapt__tagger *t, const char *path, double step_weight) {
  RAPT_TRY(rapt__conllu_read(t->ctx, path, &t->train));
  RAPT_TRY(collect_tags(t, path));
  size_t n = t->chain.states = t->tags;
  t->chain.log_start = rapt__new(t->ctx, n, sizeof(double));
  t->chain.log_step = rapt__new(t->ctx, n * n, sizeof(double));
  if (!t->chain.log_start || !t->chain.log_step) return RAPT_ENOMEM;
  RAPT_TRY(count_words(t));
  RAPT_TRY(count_suffixes(t));
  double all = sum_of(t->prior, n);
  for (size_t i = 0; i < n; i++) t->prior[i] /= all;
  smooth(t->chain.log_start, t->prior, n, step_weight);
  for (size_t i = 0; i < n; i++) smooth(t->chain.log_step + i * n, t->prior, n, step_weight);
  return RAPT_OK;
}

rapt_status rapt__tagger_learn(rapt_context *ctx, const char *dir, double step_weight, double suffix_weight,
                               double word_weight, rapt__tagger *out) {
  *out = (rapt__tagger){.ctx = ctx, .suffix_weight = suffix_weight, .word_weight = word_weight};
  rapt__table_init(&out->words, ctx);
  for (int i = 0; i < RAPT__TAGGER_SHAPES; i++) rapt__table_init(&out->suffixes[i], ctx);
  char *path = rapt__tagger_file(ctx, dir, "en_ewt-ud-train.conllu");
  if (!path) return rapt_context_status(ctx);
  rapt_status status = learn(out, path, step_weight);
  rapt__free(ctx, path);
  return status;
}

void rapt__tagger_free(rapt__tagger *t) {
  if (!t->ctx) return;
  rapt__conllu_free(&t->train);
  rapt__table_free(&t->words);
  for (int i = 0; i < RAPT__TAGGER_SHAPES; i++) rapt__table_free(&t->suffixes[i]);
  rapt__free(t->ctx, t->chain.log_start);
  rapt__free(t->ctx, t->chain.log_step);
  rapt__free(t->ctx, t->counts);
}

/* ---- Tagging ---- */

bool rapt__tagger_knows(const rapt__tagger *t, const char *word) {
  return rapt__table_find(&t->words, word, strlen(word), 0) != NULL;
}

/* p becomes (count + weight p) / (sum + weight). */
static void mix(double *p, const double *counts, size_t n, double weight) {
  double sum = sum_of(counts, n);
  for (size_t i = 0; i < n; i++) p[i] = (counts[i] + weight * p[i]) / (sum + weight);
}

void rapt__tagger_emissions(const rapt__tagger *t, const char *word, double *log_b) {
  size_t n = t->tags, size = strlen(word);
  double p[RAPT__TAGGER_TAGS];
  memcpy(p, t->prior, n * sizeof *p);
  for (size_t k = 0; k <= longest_suffix(size); k++) {
    const double *row = find_row(t, &t->suffixes[shape_of(word)], word + size - k, k);
    if (!row) break;
    mix(p, row, n, t->suffix_weight);
  }
  const double *own = find_row(t, &t->words, word, size);
  if (own) mix(p, own, n, t->word_weight);
  for (size_t i = 0; i < n; i++) log_b[i] = log(p[i]) - log(t->prior[i]);
}
