/* Parts of speech of the English Web Treebank: the counted tagger on its test sentences. */
#include "recipes/hmm.h"

#include <math.h>
#include <string.h>

typedef struct score {
  size_t words, right, unknown, unknown_right;
  size_t one_by_one; /* right without looking at the neighbours: the likeliest tag of the word alone */
  double *confusion; /* (tags, tags): true, then given; owned */
} score;

typedef struct room {
  double *log_b, *delta; /* (longest, tags) owned, as are the others */
  int32_t *back, *path;
} room;

static int tag_of(const rapt__tagger *t, const char *name) {
  for (size_t i = 0; i < t->tags; i++)
    if (strcmp(t->names[i], name) == 0) return (int)i;
  return -1;
}

static void tag_sentence(const rapt__tagger *t, const rapt__conllu_word *words, size_t length, room *m, score *s) {
  size_t n = t->tags;
  for (size_t w = 0; w < length; w++) rapt__tagger_emissions(t, words[w].form, m->log_b + w * n);
  rapt__hmm_viterbi(&t->chain, m->log_b, length, m->delta, m->back, m->path);
  for (size_t w = 0; w < length; w++) {
    int truth = tag_of(t, words[w].tag);
    size_t alone = 0;
    for (size_t i = 1; i < n; i++) {
      const double *b = m->log_b + w * n;
      if (b[i] + log(t->prior[i]) > b[alone] + log(t->prior[alone])) alone = i;
    }
    bool right = truth == m->path[w], unknown = !rapt__tagger_knows(t, words[w].form);
    s->words++;
    s->right += right;
    s->one_by_one += (int)alone == truth;
    s->unknown += unknown;
    s->unknown_right += unknown && right;
    if (truth >= 0) s->confusion[(size_t)truth * n + (size_t)m->path[w]]++;
  }
}

static rapt_status tag_all(rapt_context *ctx, const rapt__tagger *t, const rapt__conllu *test, score *s) {
  size_t longest = 0, n = t->tags;
  for (size_t i = 0; i < test->sentences; i++) {
    size_t length = test->at[i + 1] - test->at[i];
    longest = length > longest ? length : longest;
  }
  room m = {rapt__new(ctx, longest, n * sizeof *m.log_b), rapt__new(ctx, longest, n * sizeof *m.delta),
            rapt__new(ctx, longest, n * sizeof *m.back), rapt__new(ctx, longest, sizeof *m.path)};
  s->confusion = rapt__new(ctx, n * n, sizeof *s->confusion);
  bool full = m.log_b && m.delta && m.back && m.path && s->confusion;
  for (size_t i = 0; full && i < test->sentences; i++)
    tag_sentence(t, test->words + test->at[i], test->at[i + 1] - test->at[i], &m, s);
  rapt__free(ctx, m.log_b);
  rapt__free(ctx, m.delta);
  rapt__free(ctx, m.back);
  rapt__free(ctx, m.path);
  return full ? RAPT_OK : RAPT_ENOMEM;
}

/* "NOUN as PROPN=412 times", the most frequent mistakes. */
static const char **mistakes(rapt__hmm_run *r, const rapt__tagger *t, const double *confusion) {
  enum { ROWS = 10 };
  size_t n = t->tags, count = 0;
  bool used[RAPT__TAGGER_TAGS * RAPT__TAGGER_TAGS] = {false};
  const char **rows = rapt__arena_new(&r->run->arena, ROWS + 1, sizeof *rows);
  while (rows && count < ROWS) {
    size_t best = n * n;
    for (size_t i = 0; i < n * n; i++)
      if (i / n != i % n && !used[i] && confusion[i] > 0 && (best == n * n || confusion[i] > confusion[best])) best = i;
    if (best == n * n) break;
    used[best] = true;
    rows[count] = rapt__arena_format(&r->run->arena, "%s taken for %s=%.0f", t->names[best / n], t->names[best % n],
                                     confusion[best]);
    if (!rows[count++]) rows = NULL;
  }
  return rows;
}

static rapt_status draw(rapt__hmm_run *r, const rapt__tagger *t, score *s) {
  size_t n = t->tags;
  const char **rows = mistakes(r, t, s->confusion);
  if (!rows) return RAPT_ENOMEM;
  for (size_t i = 0; i < n; i++) {
    double sum = 0;
    for (size_t j = 0; j < n; j++) sum += s->confusion[i * n + j];
    for (size_t j = 0; sum > 0 && j < n; j++) s->confusion[i * n + j] /= sum;
  }
  const rapt__heat heat = {.title = "A row is a true tag: where its words went",
                           .row_title = "true",
                           .column_title = "given",
                           .row_labels = t->names,
                           .column_labels = t->names,
                           .values = s->confusion,
                           .rows = n,
                           .columns = n,
                           .low = 0,
                           .high = 1};
  rapt__text svg;
  rapt__text_init(&svg, r->run->ctx);
  rapt_status status = rapt__svg_heat(&svg, &heat);
  const char *kept = status == RAPT_OK ? rapt__hmm_picture(r, "tags.svg", &svg) : NULL;
  rapt__text_free(&svg);
  RAPT_TRY(status);
  return rapt__hmm_section(
      r, (rapt__report_section){.heading = "Parts of speech",
                                .text = "Here the states are known in training and only counted. Words that training "
                                        "never saw are judged by their last letters, a capital in front, or a digit.",
                                .svg = kept,
                                .rows = rows});
}

static rapt_status judge(rapt__hmm_run *r, const rapt__tagger *t, score *s) {
  double share = (double)s->right / (double)s->words;
  size_t known = s->words - s->unknown, known_right = s->right - s->unknown_right;
  RAPT_TRY(rapt__findings_say(
      &r->findings,
      "tags: %zu words of the test part: %.2f %% right; known words %.2f %%, unknown words %.2f %% of "
      "%zu",
      s->words, 100 * share, known ? 100 * (double)known_right / (double)known : 0,
      s->unknown ? 100 * (double)s->unknown_right / (double)s->unknown : 0, s->unknown));
  RAPT_TRY(rapt__findings_judge(&r->findings, true, share >= 0.89,
                                "tags: the counted tagger is right for %.2f %%, at least 89 %%", 100 * share));
  RAPT_TRY(rapt__findings_judge(&r->findings, false, s->right > s->one_by_one,
                                "tags: the neighbours help (%.2f %% against %.2f %% of the words taken one by one)",
                                100 * share, 100 * (double)s->one_by_one / (double)s->words));
  RAPT_TRY(rapt__tagger_save(r->run, "tagger.json", t));
  return draw(r, t, s);
}

static rapt_status test_tagger(rapt__hmm_run *r, const char *dir, const rapt__tagger *t) {
  rapt_context *ctx = r->run->ctx;
  char *path = rapt__tagger_file(ctx, dir, "en_ewt-ud-test.conllu");
  rapt__conllu test = {0};
  score s = {0};
  rapt_status status = path ? rapt__conllu_read(ctx, path, &test) : rapt_context_status(ctx);
  if (status == RAPT_OK) status = tag_all(ctx, t, &test, &s);
  if (status == RAPT_OK) status = judge(r, t, &s);
  rapt__free(ctx, path);
  rapt__free(ctx, s.confusion);
  rapt__conllu_free(&test);
  return status;
}

rapt_status rapt__hmm_tags(rapt__hmm_run *r) {
  const rapt__hmm_settings *s = r->settings;
  rapt__tagger t = {0};
  const char *dir = rapt__run_data_named(r->run, s->treebank);
  if (!dir) return rapt_context_status(r->run->ctx);
  rapt_status status = rapt__tagger_learn(r->run->ctx, dir, s->step_weight, s->suffix_weight, s->word_weight, &t);
  if (status == RAPT_OK) status = test_tagger(r, dir, &t);
  rapt__tagger_free(&t);
  return status;
}
