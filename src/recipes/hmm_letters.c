/* Two states for the letters of a text: what Baum–Welch finds are vowels and consonants (Cave & Neuwirth 1980). */
#include "recipes/hmm.h"

#include <math.h>
#include <string.h>

enum { SPACE = 26, SYMBOLS = 27, STREAM = 41 << 20 };

typedef struct letters {
  int32_t *symbols; /* owned */
  size_t *at;       /* owned; a sequence is a paragraph */
  size_t count, sequences;
} letters;

static void letters_free(rapt_context *ctx, letters *l) {
  rapt__free(ctx, l->symbols);
  rapt__free(ctx, l->at);
}

/* Letters without case; whatever else stands between two letters is one space. An empty line ends a paragraph. */
static rapt_status read_letters(rapt__run *run, const char *text, size_t size, letters *l) {
  size_t capacity = 0;
  l->symbols = rapt__new(run->ctx, size + 1, sizeof *l->symbols);
  if (!l->symbols) return RAPT_ENOMEM;
  RAPT_TRY(rapt__reserve(run->ctx, (void **)&l->at, &capacity, 0, sizeof *l->at));
  l->at[0] = 0;
  bool space = false;
  for (size_t i = 0; i <= size; i++) {
    bool stop = i == size || (text[i] == '\n' && i + 1 < size && text[i + 1] == '\n');
    int c = i < size ? text[i] | 0x20 : 0;
    if (stop && l->count > l->at[l->sequences]) {
      RAPT_TRY(rapt__reserve(run->ctx, (void **)&l->at, &capacity, l->sequences + 1, sizeof *l->at));
      l->at[++l->sequences] = l->count;
    }
    if (stop || c < 'a' || c > 'z') {
      space = !stop && l->count > l->at[l->sequences];
      continue;
    }
    if (space) l->symbols[l->count++] = SPACE;
    l->symbols[l->count++] = c - 'a';
    space = false;
  }
  return l->sequences ? RAPT_OK : rapt__fail(run->ctx, RAPT_EFORMAT, "%s: there is no letter in it", run->common.data);
}

/* ---- What the states are ---- */

typedef struct split {
  size_t of[2][2];    /* [state][vowel]: letters without y */
  size_t y[2];        /* [state] */
  double purity, all; /* without y; with y as a consonant */
  size_t vowel_state; /* where e is likelier */
} split;

static bool is_vowel(int32_t c) {
  return c == 'a' - 'a' || c == 'e' - 'a' || c == 'i' - 'a' || c == 'o' - 'a' || c == 'u' - 'a';
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static void judge_path(const rapt__hmm *h, const letters *l, const int32_t *path, split *s) {
  memset(s, 0, sizeof *s);
  for (size_t t = 0; t < l->count; t++) {
    if (l->symbols[t] == SPACE) continue;
    if (l->symbols[t] == 'y' - 'a')
      s->y[path[t]]++;
    else
      s->of[path[t]][is_vowel(l->symbols[t])]++;
  }
  size_t right = larger(s->of[0][0], s->of[0][1]) + larger(s->of[1][0], s->of[1][1]), y = s->y[0] + s->y[1];
  size_t total = s->of[0][0] + s->of[0][1] + s->of[1][0] + s->of[1][1];
  size_t with_y = larger(s->of[0][0] + s->y[0], s->of[0][1]) + larger(s->of[1][0] + s->y[1], s->of[1][1]);
  s->purity = total ? (double)right / (double)total : 0;
  s->all = total + y ? (double)with_y / (double)(total + y) : 0;
  s->vowel_state = h->log_emit['e' - 'a'] > h->log_emit[SYMBOLS + 'e' - 'a'] ? 0 : 1;
}

static rapt_status draw(rapt__hmm_run *r, const rapt__hmm *h, const split *s, const char *const *names) {
  static const char *const labels[SYMBOLS] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m",    "n",
                                              "o", "p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z", "space"};
  const char *const sides[2] = {"vowel state", "consonant state"};
  double values[SYMBOLS * 2];
  for (size_t k = 0; k < SYMBOLS; k++)
    for (size_t side = 0; side < 2; side++)
      values[2 * k + side] = exp(h->log_emit[(side ? 1 - s->vowel_state : s->vowel_state) * SYMBOLS + k]);
  const rapt__bars bars = {.title = "What each state emits",
                           .x_title = "probability",
                           .labels = labels,
                           .series = sides,
                           .values = values,
                           .count = SYMBOLS,
                           .series_count = 2};
  RAPT_TRY(rapt__hmm_save(r->run, "letters.json", h, names, labels));
  rapt__text svg;
  rapt__text_init(&svg, r->run->ctx);
  rapt_status status = rapt__hmm_state_diagram(&svg, "From letter to letter", &h->chain, names);
  if (status == RAPT_OK) status = rapt__svg_bars(&svg, &bars);
  const char *kept = status == RAPT_OK ? rapt__hmm_picture(r, "letters.svg", &svg) : NULL;
  rapt__text_free(&svg);
  RAPT_TRY(status);
  return rapt__hmm_section(r, (rapt__report_section){.heading = "Letters",
                                                     .text = "Two states, trained on letters and spaces alone. Nothing "
                                                             "told them what a vowel is.",
                                                     .svg = kept});
}

static rapt_status finish(rapt__hmm_run *r, const rapt__hmm *h, const letters *l, const rapt__hmm_trained *trained,
                          const int32_t *path) {
  split s;
  judge_path(h, l, path, &s);
  size_t v = s.vowel_state, c = 1 - v;
  const char *names[2];
  names[v] = "vowel";
  names[c] = "consonant";
  RAPT_TRY(rapt__findings_say(
      &r->findings,
      "letters: %zu symbols, %zu rounds, %.4f nats a symbol; the vowel state took %zu vowels and %zu "
      "consonants, the other %zu and %zu; y: %zu and %zu",
      l->count, trained->rounds, -trained->log_likelihood / (double)l->count, s.of[v][1], s.of[v][0], s.of[c][1],
      s.of[c][0], s.y[v], s.y[c]));
  RAPT_TRY(
      rapt__findings_judge(&r->findings, true, s.purity >= 0.95,
                           "letters: two states split vowels from consonants, %.2f %% of the letters pure, at least 95 "
                           "%% (y left out; %.2f %% with y as a consonant)",
                           100 * s.purity, 100 * s.all));
  RAPT_TRY(rapt__hmm_judge_rise(r, "letters", trained));
  r->run->result->figure = 100 * s.purity;
  return draw(r, h, &s, names);
}

/* Paragraphs from the start that have about a tenth of all symbols. */
static size_t tenth(const letters *l) {
  size_t i = 1;
  while (i < l->sequences && l->at[i] < l->count / 10) i++;
  return i;
}

/* Which maximum a guess will reach shows late, so that every guess is trained to its end; a tenth of the text is enough for
 * that. The likeliest is then trained on all of it. */
static rapt_status train(rapt__hmm_run *r, const letters *l, int32_t *path) {
  rapt__run *run = r->run;
  const rapt__hmm_settings *s = r->settings;
  const rapt__hmm_shape shape = {.kind = RAPT__HMM_DISCRETE, .states = 2, .symbols = SYMBOLS};
  const rapt__hmm_data all = {l->sequences, l->at, l->symbols, NULL};
  rapt__hmm_data part = all;
  rapt__hmm h;
  rapt__hmm_trained first, trained;
  double best;
  part.sequences = tenth(l);
  size_t rounds = (size_t)s->rounds, few = part.at[part.sequences];
  RAPT_TRY(rapt__hmm_new(&run->arena, &shape, &h));
  rapt__hmm_training how = rapt__hmm_told(r, "letters, guesses", rounds, few, 0, 0.6);
  r->rounds = (size_t)s->guesses * (rounds + 1) + rounds;
  RAPT_TRY(rapt__hmm_search(run->ctx, &h, &part, (uint64_t)run->common.seed, STREAM, (size_t)s->guesses, rounds, &how,
                            &first));
  how = rapt__hmm_told(r, "letters", rounds, l->count, 0.6, 1);
  r->rounds = rounds + 1;
  RAPT_TRY(rapt__hmm_train(run->ctx, &h, &all, &how, &trained));
  trained.worst_fall = fmax(trained.worst_fall, first.worst_fall);
  RAPT_TRY(rapt__hmm_best_paths(run->ctx, &h, &all, path, &best));
  return finish(r, &h, l, &trained, path);
}

rapt_status rapt__hmm_letters(rapt__hmm_run *r) {
  char *text;
  size_t size;
  letters l = {0};
  RAPT_TRY(rapt__run_text(r->run, "input.txt", &text, &size));
  rapt_status status = read_letters(r->run, text, size, &l);
  rapt__free(r->run->ctx, text);
  int32_t *path = status == RAPT_OK ? rapt__new(r->run->ctx, l.count, sizeof *path) : NULL;
  if (status == RAPT_OK) status = path ? train(r, &l, path) : RAPT_ENOMEM;
  rapt__free(r->run->ctx, path);
  letters_free(r->run->ctx, &l);
  return status;
}
