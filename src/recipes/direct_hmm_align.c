/* Word alignments: what a translator gives for the reference translations, and what counting words finds. */
#include "recipes/direct_hmm.h"

#include "base/file.h"

#include <rapt/align.h>
#include <string.h>

/* ---- By a translator ---- */

typedef struct taking {
  rapt__run *run;
  rapt__aligned_pair *pairs;
  rapt_status status;
} taking;

static const void *copy_of(rapt__run *run, const void *from, size_t count, size_t size) {
  void *to = rapt__arena_new(&run->arena, count, size);
  if (to) memcpy(to, from, count * size);
  return to;
}

static bool take(void *user, const rapt_translation *t) {
  taking *k = user;
  if (t->status != RAPT_OK || !t->count || !t->hypotheses[0].alignment) return true;
  const rapt_hypothesis *h = &t->hypotheses[0];
  rapt__aligned_pair *p = &k->pairs[t->line];
  p->source = copy_of(k->run, t->source, (size_t)t->source_count, sizeof *t->source);
  p->target = copy_of(k->run, h->tokens, (size_t)h->count, sizeof *h->tokens);
  p->alignment = copy_of(k->run, h->alignment, (size_t)(h->count * t->source_count), sizeof *h->alignment);
  if (!p->source || !p->target || !p->alignment) k->status = RAPT_ENOMEM;
  p->source_count = t->source_count;
  p->target_count = h->count;
  return k->status == RAPT_OK;
}

rapt_status rapt__align_references(const rapt__system *system, rapt__aligned_pair **out) {
  rapt__run *run = system->run;
  const rapt__bitext *text = &system->corpus->test;
  const char **lines[2];
  size_t *sizes[2];
  for (int side = 0; side < 2; side++) RAPT_TRY(rapt__bitext_side(run, text, side, &lines[side], &sizes[side]));
  *out = rapt__arena_new(&run->arena, text->count, sizeof **out);
  if (!*out) return RAPT_ENOMEM;
  rapt_translator *translator;
  rapt_translate_options options = {.alignments = true};
  taking user = {run, *out, RAPT_OK};
  RAPT_TRY(rapt_translator_new((rapt_model *const[]){system->model}, 1, &translator));
  rapt_status status = rapt_translate_score(translator, lines[RAPT__SOURCE], sizes[RAPT__SOURCE], lines[RAPT__TARGET],
                                            sizes[RAPT__TARGET], (int64_t)text->count, &options, take, &user);
  rapt_translator_free(translator);
  return status == RAPT_OK ? user.status : status;
}

/* words[i]: the word, between blanks, that token i begins in. Returns how many words there are. */
static int64_t words_of(const rapt_tokenizer *t, const int32_t *ids, int64_t count, int64_t *words) {
  int64_t word = -1;
  bool inside = false;
  for (int64_t i = 0; i < count; i++) {
    size_t size;
    const char *bytes = rapt_tokenizer_token(t, ids[i], &size);
    words[i] = -1;
    for (size_t k = 0; bytes && k < size; k++) {
      bool blank = bytes[k] == ' ';
      if (!blank && !inside) word++;
      if (!blank && words[i] < 0) words[i] = word;
      inside = !blank;
    }
    if (words[i] < 0) words[i] = word < 0 ? 0 : word;
  }
  return word + 1;
}

static int64_t greatest(const float *row, int64_t n) {
  int64_t best = 0;
  for (int64_t j = 1; j < n; j++)
    if (row[j] > row[best]) best = j;
  return best;
}

static rapt_status add_links(const rapt__system *system, const rapt__aligned_pair *p, rapt__text *out) {
  rapt__arena arena;
  rapt__arena_init(&arena, system->run->ctx);
  int64_t *source = rapt__arena_new(&arena, (size_t)p->source_count, sizeof *source);
  int64_t *target = rapt__arena_new(&arena, (size_t)p->target_count, sizeof *target);
  rapt_status status = source && target ? RAPT_OK : RAPT_ENOMEM;
  if (status == RAPT_OK) {
    words_of(rapt__model_source(system->model), p->source, p->source_count - 1, source);
    words_of(system->model->tokenizer, p->target, p->target_count - 1, target);
  }
  /* A link that comes twice counts once where links are compared. */
  for (int64_t i = 0; i + 1 < p->target_count && status == RAPT_OK; i++) {
    int64_t j = greatest(p->alignment + i * p->source_count, p->source_count);
    if (j + 1 < p->source_count)
      status = rapt__text_addf(out, "%lld-%lld ", (long long)source[j], (long long)target[i]);
  }
  rapt__arena_free(&arena);
  return status;
}

rapt_status rapt__word_links(const rapt__system *system, const rapt__aligned_pair *pairs, rapt__text *out) {
  for (size_t i = 0; i < system->corpus->test.count; i++) {
    if (pairs[i].target_count) RAPT_TRY(add_links(system, &pairs[i], out));
    RAPT_TRY(rapt__text_add(out, "\n", 1));
  }
  return RAPT_OK;
}

/* ---- By counting ---- */

static rapt_status write_side(rapt__run *run, const rapt__corpus *corpus, int side, const char *path) {
  const rapt__bitext *texts[] = {&corpus->train, &corpus->test};
  rapt__out out;
  RAPT_TRY(rapt__out_open(run->ctx, path, &out));
  for (int t = 0; t < 2; t++)
    for (size_t i = 0; i < texts[t]->count; i++) {
      const rapt__line *line = &texts[t]->pairs[i][side];
      rapt__out_write(&out, line->bytes, line->size);
      rapt__out_write(&out, "\n", 1);
    }
  return rapt__out_commit(&out);
}

typedef struct keeping {
  size_t skip; /* lines of the training text */
  rapt__text *out;
  rapt_status status;
} keeping;

static void keep(void *user, const char *links, size_t size) {
  keeping *k = user;
  if (k->skip > 0) {
    k->skip--;
    return;
  }
  if (k->status == RAPT_OK) k->status = rapt__text_add(k->out, links, size);
  if (k->status == RAPT_OK) k->status = rapt__text_add(k->out, "\n", 1);
}

rapt_status rapt__statistical_links(rapt__run *run, const rapt__corpus *corpus, rapt__text *out) {
  const char *source = rapt__run_path(run, "aligned.source"), *target = rapt__run_path(run, "aligned.target");
  keeping user = {corpus->train.count, out, RAPT_OK};
  if (!source || !target) return RAPT_ENOMEM;
  RAPT_TRY(write_side(run, corpus, RAPT__SOURCE, source));
  RAPT_TRY(write_side(run, corpus, RAPT__TARGET, target));
  RAPT_TRY(rapt_align_files(run->ctx, source, target, NULL, keep, &user));
  return user.status;
}

rapt_status rapt__disagreement(rapt__run *run, const rapt__text *a, const rapt__text *b, double *out) {
  rapt_alignments *sides[2] = {NULL, NULL};
  rapt_alignment_score score = {0};
  rapt_status status = rapt_alignments_parse(run->ctx, "links", a->data, a->size, 0, &sides[0]);
  if (status == RAPT_OK) status = rapt_alignments_parse(run->ctx, "links", b->data, b->size, 0, &sides[1]);
  if (status == RAPT_OK) status = rapt_alignments_score(run->ctx, sides[0], sides[1], &score);
  for (int i = 0; i < 2; i++) rapt_alignments_free(sides[i]);
  *out = score.aer;
  return status;
}
