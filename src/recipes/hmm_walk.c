/* rapt explain hmm: forward, backward and Viterbi step by step, for moods or for the words of a sentence. */
#include "recipes/hmm.h"

#include "data/sets.h"

#include <limits.h>
#include <math.h>
#include <string.h>

enum { MOST_WORDS = 40 };

typedef struct walk {
  rapt__explanation *e;
  const char *word[MOST_WORDS];
  size_t words, states;
  const char *const *names; /* (states) */
  const rapt__hmm_chain *chain;
  double *log_b, *alpha, *beta, *gamma, *delta; /* (words, states), logarithms */
  int32_t *back, *path, *each;
  double whole, best;
} walk;

/* ---- The sentence ---- */

/* One word more, of `size` bytes. */
static rapt_status add_word(walk *w, const char *bytes, size_t size) {
  if (size == 0) return RAPT_OK;
  if (w->words == MOST_WORDS)
    return rapt__fail(w->e->ctx, RAPT_EKEY, "the sentence has more than %d words", MOST_WORDS);
  char *word = rapt__arena_new(&w->e->arena, size + 1, 1);
  if (!word) return RAPT_ENOMEM;
  memcpy(word, bytes, size);
  w->word[w->words++] = word;
  return RAPT_OK;
}

/* Words are what stands between spaces; a mark at the end of one is a word of its own. */
static rapt_status split(walk *w, const char *sentence) {
  RAPT_TRY(rapt__sheet_check(w->e->ctx, sentence));
  for (const char *at = sentence; *at;) {
    size_t size = strcspn(at, " "), marks = 0;
    while (marks < size && strchr(".,;:!?", at[size - 1 - marks])) marks++;
    RAPT_TRY(add_word(w, at, size - marks));
    RAPT_TRY(add_word(w, at + size - marks, marks));
    at += size;
    at += strspn(at, " ");
  }
  return w->words ? RAPT_OK : rapt__fail(w->e->ctx, RAPT_EKEY, "the sentence has no words");
}

/* ---- Steps and matrices ---- */

static void step(walk *w, const char *number, const char *formula) {
  rapt__sheet_step(w->e->sheet, number, formula, NULL, NULL, 0);
}

/* values (words, states) as states in rows, as many words side by side as the sheet holds; only states that some
 * word gives a posterior of at least 1/1000. */
static rapt_status table(walk *w, const char *name, const double *values, bool logs) {
  for (size_t first = 0; first < w->words; first += RAPT__SHEET_COLUMNS) {
    size_t columns = w->words - first < RAPT__SHEET_COLUMNS ? w->words - first : RAPT__SHEET_COLUMNS, rows = 0;
    double *at = rapt__arena_new(&w->e->arena, w->states, columns * sizeof *at);
    const char **labels = rapt__arena_new(&w->e->arena, w->states, sizeof *labels);
    if (!at || !labels) return RAPT_ENOMEM;
    for (size_t j = 0; j < w->states; j++) {
      bool shown = w->states <= 4;
      for (size_t t = 0; t < w->words; t++) shown = shown || w->gamma[t * w->states + j] >= log(1e-3);
      if (!shown) continue;
      labels[rows] = w->names[j];
      for (size_t t = 0; t < columns; t++) {
        double value = values[(first + t) * w->states + j];
        at[rows * columns + t] = logs ? value : exp(value);
      }
      rows++;
    }
    const rapt__matrix m = {name, at, rows, columns, labels, w->word + first};
    rapt__sheet_matrix(w->e->sheet, &m);
  }
  return w->e->sheet->status;
}

static rapt_status run_algorithms(walk *w) {
  size_t n = w->states, size = w->words * n;
  rapt__arena *arena = &w->e->arena;
  w->alpha = rapt__arena_new(arena, size, sizeof(double));
  w->beta = rapt__arena_new(arena, size, sizeof(double));
  w->gamma = rapt__arena_new(arena, size, sizeof(double));
  w->delta = rapt__arena_new(arena, size, sizeof(double));
  w->back = rapt__arena_new(arena, size, sizeof(int32_t));
  w->path = rapt__arena_new(arena, w->words, sizeof(int32_t));
  w->each = rapt__arena_new(arena, w->words, sizeof(int32_t));
  if (!w->alpha || !w->beta || !w->gamma || !w->delta || !w->back || !w->path || !w->each) return RAPT_ENOMEM;
  w->whole = rapt__hmm_forward(w->chain, w->log_b, w->words, w->alpha);
  rapt__hmm_backward(w->chain, w->log_b, w->words, w->beta);
  if (!isfinite(w->whole)) return rapt__fail(w->e->ctx, RAPT_ENAN, "the model gives this sentence no probability");
  rapt__hmm_posteriors(n, w->words, w->alpha, w->beta, w->whole, w->gamma);
  rapt__hmm_decode(n, w->words, w->gamma, w->each);
  for (size_t i = 0; i < size; i++) w->gamma[i] = log(w->gamma[i]);
  w->best = rapt__hmm_viterbi(w->chain, w->log_b, w->words, w->delta, w->back, w->path);
  return RAPT_OK;
}

/* One line a word: the best way into the state that the path takes there. */
static rapt_status tell_path(walk *w) {
  rapt__text text;
  rapt__text_init(&text, w->e->ctx);
  rapt_status status = RAPT_OK;
  for (size_t t = 0; t < w->words && status == RAPT_OK; t++) {
    size_t j = (size_t)w->path[t];
    double p = exp(w->gamma[t * w->states + j]);
    status =
        t == 0 ? rapt__text_addf(&text, "%-16.16s %-10s it is the first; posterior %.3f\n", w->word[t], w->names[j], p)
               : rapt__text_addf(&text, "%-16.16s %-10s from %s, which it follows with %.3f; posterior %.3f\n",
                                 w->word[t], w->names[j], w->names[w->path[t - 1]],
                                 exp(w->chain->log_step[(size_t)w->path[t - 1] * w->states + j]), p);
  }
  if (status == RAPT_OK) rapt__sheet_block(w->e->sheet, text.data);
  rapt__text_free(&text);
  return status;
}

/* ---- Forward in numbers, for two states ---- */

static rapt_status tell_sums(walk *w) {
  rapt__text text;
  rapt__text_init(&text, w->e->ctx);
  rapt_status status = RAPT_OK;
  size_t n = w->states;
  for (size_t t = 0; t < w->words && status == RAPT_OK; t++)
    for (size_t j = 0; j < n && status == RAPT_OK; j++) {
      double b = exp(w->log_b[t * n + j]), a = exp(w->alpha[t * n + j]);
      if (t == 0) {
        status = rapt__text_addf(&text, "alpha_1(%s) = %.4f x %.2f = %.6f\n", w->names[j], exp(w->chain->log_start[j]),
                                 b, a);
        continue;
      }
      status = rapt__text_addf(&text, "alpha_%zu(%s) = (", t + 1, w->names[j]);
      for (size_t i = 0; i < n && status == RAPT_OK; i++)
        status = rapt__text_addf(&text, "%s%.6f x %.2f", i ? " + " : "", exp(w->alpha[(t - 1) * n + i]),
                                 exp(w->chain->log_step[i * n + j]));
      if (status == RAPT_OK) status = rapt__text_addf(&text, ") x %.2f = %.6f\n", b, a);
    }
  if (status == RAPT_OK) rapt__sheet_block(w->e->sheet, text.data);
  rapt__text_free(&text);
  return status;
}

/* ---- The course, the same for both models ---- */

static rapt_status go(walk *w, bool small) {
  rapt__sheet *sheet = w->e->sheet;
  RAPT_TRY(run_algorithms(w));
  rapt__sheet_heading(sheet, "Forward: everything up to here");
  step(w, "1", "alpha_1(j) = start(j) b_j(x_1)");
  step(w, "2", "alpha_t(j) = (sum over i of alpha_{t-1}(i) step(i, j)) b_j(x_t)");
  if (small) RAPT_TRY(tell_sums(w));
  /* Of a sentence the numbers are too small to be read, and known up to a factor only: columns are made to sum to one. */
  double *shown = rapt__arena_new(&w->e->arena, w->words, w->states * sizeof *shown);
  if (!shown) return RAPT_ENOMEM;
  for (size_t i = 0; i < w->words * w->states; i++)
    shown[i] = w->alpha[i] - (small ? 0 : rapt__log_sum(w->alpha + i / w->states * w->states, w->states));
  RAPT_TRY(
      table(w, small ? "alpha, a row a state" : "alpha, each column over its sum: what is known so far", shown, false));
  step(w, "3", "p(x) = sum over j of alpha_T(j)");
  if (small) rapt__sheet_say(sheet, "p(x) = %.8f, and its logarithm %.6f", exp(w->whole), w->whole);
  rapt__sheet_heading(sheet, "Backward: everything behind");
  step(w, "4", "beta_T(i) = 1");
  step(w, "5", "beta_t(i) = sum over j of step(i, j) b_j(x_{t+1}) beta_{t+1}(j)");
  for (size_t i = 0; i < w->words * w->states; i++)
    shown[i] = w->beta[i] - (small ? 0 : rapt__log_sum(w->beta + i / w->states * w->states, w->states));
  RAPT_TRY(table(w, small ? "beta" : "beta, each column over its sum: what the rest asks for", shown, false));
  rapt__sheet_heading(sheet, "Posteriors: both together");
  step(w, "6", "gamma_t(j) = alpha_t(j) beta_t(j) / p(x)");
  RAPT_TRY(table(w, "gamma: a column sums to 1", w->gamma, false));
  rapt__sheet_heading(sheet, "Viterbi: the best path of all");
  step(w, "7", "delta_1(j) = start(j) b_j(x_1)");
  step(w, "8", "delta_t(j) = (max over i of delta_{t-1}(i) step(i, j)) b_j(x_t), and remember that i");
  RAPT_TRY(table(w, "log delta", w->delta, true));
  step(w, "9", "begin at the largest delta_T and go back from each state to the one remembered");
  RAPT_TRY(tell_path(w));
  size_t differ = 0;
  for (size_t t = 0; t < w->words; t++) differ += w->path[t] != w->each[t];
  if (small)
    rapt__sheet_say(sheet, "The path has %.1f %% of p(x); all others share the rest.", 100 * exp(w->best - w->whole));
  rapt__sheet_say(sheet, "Taken one by one, the states with the largest posterior differ from the path at %zu of %zu.",
                  differ, w->words);
  return sheet->status;
}

/* ---- The two models ---- */

static int mood_of(const char *word) {
  for (int i = 0; i < RAPT__HMM_MOODS; i++)
    if (strcmp(rapt__hmm_mood_names[i], word) == 0) return i;
  return -1;
}

static rapt_status walk_weather(walk *w) {
  rapt__hmm h;
  rapt__sheet *sheet = w->e->sheet;
  RAPT_TRY(rapt__hmm_weather_model(&w->e->arena, &h));
  int32_t moods[MOST_WORDS];
  for (size_t t = 0; t < w->words; t++) moods[t] = mood_of(w->word[t]);
  w->states = RAPT__HMM_WEATHERS;
  w->names = rapt__hmm_weather_names;
  w->chain = &h.chain;
  w->log_b = rapt__arena_new(&w->e->arena, w->words, w->states * sizeof(double));
  if (!w->log_b) return RAPT_ENOMEM;
  const rapt__hmm_data data = {1, (size_t[]){0, w->words}, moods, NULL};
  rapt__hmm_emissions(&h, &data, 0, w->words, w->log_b, NULL, NULL);
  double start[2], steps[4], emit[4];
  for (int i = 0; i < 4; i++) steps[i] = exp(h.chain.log_step[i]), emit[i] = exp(h.log_emit[i]);
  for (int i = 0; i < 2; i++) start[i] = exp(h.chain.log_start[i]);
  rapt__sheet_heading(sheet, "The weather that only moods tell of");
  rapt__sheet_say(sheet, "The weather is hidden; each day one mood is seen. Which weather made these moods?");
  const rapt__matrix all[3] = {
      {"start", start, 1, 2, NULL, rapt__hmm_weather_names},
      {"step: a row is today, a column tomorrow", steps, 2, 2, rapt__hmm_weather_names, rapt__hmm_weather_names},
      {"b: a row is the weather, a column the mood", emit, 2, 2, rapt__hmm_weather_names, rapt__hmm_mood_names}};
  for (int i = 0; i < 3; i++) rapt__sheet_matrix(sheet, &all[i]);
  return go(w, true);
}

static rapt_status tag_words(walk *w, const rapt__tagger *t) {
  rapt__sheet *sheet = w->e->sheet;
  size_t unknown = 0;
  w->states = t->tags;
  w->names = t->names;
  w->chain = &t->chain;
  w->log_b = rapt__arena_new(&w->e->arena, w->words, w->states * sizeof(double));
  if (!w->log_b) return RAPT_ENOMEM;
  for (size_t i = 0; i < w->words; i++) rapt__tagger_emissions(t, w->word[i], w->log_b + i * w->states);
  rapt__sheet_heading(sheet, "A sentence and its hidden parts of speech");
  rapt__sheet_say(sheet,
                  "The model was counted from the training part of the English Web Treebank just now: %zu sentences,\n"
                  "%zu tags. Only tags that some word of the sentence gives a posterior of at least 1/1000 are shown.",
                  t->train.sentences, t->tags);
  for (size_t i = 0; i < w->words; i++) {
    if (rapt__tagger_knows(t, w->word[i])) continue;
    rapt__sheet_say(sheet, "\"%s\" never stood there: its tag is guessed from its last letters.", w->word[i]);
    unknown++;
  }
  if (unknown == 0) rapt__sheet_say(sheet, "Every word of the sentence stood there.");
  return go(w, false);
}

static rapt_status walk_tags(walk *w) {
  char path[PATH_MAX];
  int missing;
  rapt__tagger t = {0};
  RAPT_TRY(rapt__data_find(w->e->ctx, "data set", "ud-english-ewt", path, sizeof path, &missing));
  rapt_status status = rapt__tagger_learn(w->e->ctx, path, 10, 1, 0.5, &t);
  if (status == RAPT_OK) status = tag_words(w, &t);
  rapt__tagger_free(&t);
  return status;
}

rapt_status rapt__hmm_explain(rapt__explanation *e) {
  walk w = {.e = e};
  RAPT_TRY(split(&w, e->sentence ? e->sentence : "happy happy grumpy grumpy happy grumpy"));
  bool moods = true;
  for (size_t t = 0; t < w.words; t++) moods = moods && mood_of(w.word[t]) >= 0;
  return moods ? walk_weather(&w) : walk_tags(&w);
}
