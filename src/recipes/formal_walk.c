/* A sentence walked through one layer of DTransformer: every line of the note's pseudocode on the way, the line of C that
 * does it, and every matrix. */
#include "recipes/formal_checks.h"

#include "base/file.h"
#include "explain/formal/formal.h"
#include "explain/formal/note.h"

#include <math.h>
#include <string.h>

enum { MOST_WORDS = RAPT__SHEET_COLUMNS };

typedef struct walk {
  rapt__sheet *sheet;
  rapt__arena *arena;
  size_t words, vocab;
  const char *word[MOST_WORDS];       /* of the sentence */
  const char *vocabulary[MOST_WORDS]; /* its different words, in order */
  int32_t ids[MOST_WORDS];
} walk;

/* ---- The sentence ---- */

/* Words are what stands between spaces; every different word is one id. */
static rapt_status split(walk *w, const char *sentence) {
  RAPT_TRY(rapt__sheet_check(w->arena->ctx, sentence));
  char *rest = rapt__arena_strdup(w->arena, sentence);
  if (!rest) return RAPT_ENOMEM;
  char *word, *place = NULL;
  for (word = strtok_r(rest, " ", &place); word; word = strtok_r(NULL, " ", &place)) {
    if (w->words == MOST_WORDS)
      return rapt__fail(w->arena->ctx, RAPT_EKEY, "the sentence has more than %d words; a line holds no more columns",
                        MOST_WORDS);
    size_t id = 0;
    while (id < w->vocab && strcmp(w->vocabulary[id], word) != 0) id++;
    if (id == w->vocab) w->vocabulary[w->vocab++] = word;
    w->ids[w->words] = (int32_t)id;
    w->word[w->words++] = word;
  }
  return w->words ? RAPT_OK : rapt__fail(w->arena->ctx, RAPT_EKEY, "the sentence has no words");
}

/* ---- Steps and matrices ---- */

static void step(walk *w, int algorithm, int line) {
  const rapt__formal_line *l = rapt__formal_line_find(algorithm, line);
  rapt__formal_place place;
  char number[16], where[128];
  if (!l || !rapt__formal_place_find(algorithm, line, &place)) {
    if (w->sheet->status == RAPT_OK)
      w->sheet->status = rapt__fail(w->arena->ctx, RAPT_ENOTFOUND,
                                    "line %d of algorithm %d stands nowhere in the source", line, algorithm);
    return;
  }
  snprintf(number, sizeof number, "%d.%d", algorithm, line);
  snprintf(where, sizeof where, "%s:%d", place.path, place.number);
  rapt__sheet_step(w->sheet, number, l->text, where, place.code, place.size);
}

static void steps(walk *w, int algorithm, int first, int last) {
  for (int line = first; line <= last; line++) step(w, algorithm, line);
}

static void matrix(walk *w, const char *name, const double *at, size_t rows, size_t columns,
                   const char *const *row_labels, const char *const *column_labels) {
  rapt__matrix m = {name, at, rows, columns, row_labels, column_labels};
  rapt__sheet_matrix(w->sheet, &m);
}

static void weights(walk *w, const char *name, const double *at, size_t rows, size_t columns) {
  matrix(w, name, at, rows, columns, NULL, NULL);
}

static void tokens(walk *w, const char *name, rapt__formal_tokens x) {
  matrix(w, name, x.at, x.length, x.dim, w->word, NULL);
}

static void square(walk *w, const char *name, const double *at) {
  matrix(w, name, at, w->words, w->words, w->word, w->word);
}

/* Lines 1 and 2 of layer_norm for every token. */
static rapt_status norm(walk *w, const char *what, const rapt__formal_norm_params *p,
                        const rapt__formal_norm_tape *on) {
  size_t n = on->x.length, d = on->x.dim;
  rapt__formal_tokens m, v;
  RAPT_TRY(rapt__formal_tokens_new(w->arena, n, 1, &m));
  RAPT_TRY(rapt__formal_tokens_new(w->arena, n, 1, &v));
  for (size_t t = 0; t < n; t++) {
    const double *e = rapt__formal_row(on->x, t);
    for (size_t i = 0; i < d; i++) m.at[t] += e[i] / (double)d;
    for (size_t i = 0; i < d; i++) v.at[t] += (e[i] - m.at[t]) * (e[i] - m.at[t]) / (double)d;
  }
  rapt__sheet_heading(w->sheet, "Algorithm 6, layer_norm: %s", what);
  step(w, 6, 1);
  tokens(w, "m of every token", m);
  step(w, 6, 2);
  tokens(w, "v of every token", v);
  step(w, 6, 3);
  weights(w, "gamma", p->gamma, 1, d);
  weights(w, "beta", p->beta, 1, d);
  tokens(w, "normalised, scaled and shifted", on->out);
  return RAPT_OK;
}

/* The tape keeps what the softmax made of the scores; the scores themselves are made again here. */
static rapt_status head(walk *w, size_t number, size_t heads, const rapt__formal_attention_params *p,
                        const rapt__formal_attention_tape *on) {
  rapt__formal_tokens s, mask;
  RAPT_TRY(rapt__formal_tokens_new(w->arena, w->words, w->words, &s));
  RAPT_TRY(rapt__formal_tokens_new(w->arena, w->words, w->words, &mask));
  rapt__sheet_heading(w->sheet, "Algorithm 4, Attention: head %zu of %zu", number, heads);
  step(w, 4, 1);
  weights(w, "W_q", p->w_q, p->d_attn, p->d_x);
  weights(w, "b_q", p->b_q, 1, p->d_attn);
  tokens(w, "queries Q", on->q);
  step(w, 4, 2);
  weights(w, "W_k", p->w_k, p->d_attn, p->d_z);
  weights(w, "b_k", p->b_k, 1, p->d_attn);
  tokens(w, "keys K", on->k);
  step(w, 4, 3);
  weights(w, "W_v", p->w_v, p->d_out, p->d_z);
  weights(w, "b_v", p->b_v, 1, p->d_out);
  tokens(w, "values V", on->v);
  step(w, 4, 4);
  rapt__formal_linear(on->k.at, NULL, on->q, s);
  square(w, "scores S: a row asks, a column answers", s.at);
  step(w, 4, 5);
  for (size_t i = 0; i < w->words * w->words; i++) {
    mask.at[i] = i % w->words <= i / w->words;
    s.at[i] = mask.at[i] != 0 ? s.at[i] / sqrt((double)p->d_attn) : -INFINITY;
  }
  square(w, "Mask: 1 where the column's word is not later than the row's", mask.at);
  square(w, "masked scores over sqrt d_attn", s.at);
  step(w, 4, 6);
  square(w, "softmax: the weights of a row sum to 1", on->a.at);
  tokens(w, "V softmax: the values mixed", on->out);
  return RAPT_OK;
}

static rapt_status attention(walk *w, const rapt__formal_mhattention_params *p,
                             const rapt__formal_mhattention_tape *on) {
  for (size_t h = 0; h < p->heads; h++) RAPT_TRY(head(w, h + 1, p->heads, &p->head[h], &on->head[h]));
  rapt__sheet_heading(w->sheet, "Algorithm 5, MHAttention");
  steps(w, 5, 1, 3);
  tokens(w, "Y: the heads side by side", on->y);
  step(w, 5, 4);
  weights(w, "W_o", p->w_o, p->d_out, p->heads * p->d_mid);
  weights(w, "b_o", p->b_o, 1, p->d_out);
  tokens(w, "W_o Y + b_o", on->out);
  return RAPT_OK;
}

static rapt_status embed(walk *w, const rapt__formal_d *theta, rapt__formal_tokens x) {
  const rapt__formal_hyper *h = &theta->hyper;
  rapt__formal_tokens ids, e, positions;
  RAPT_TRY(rapt__formal_tokens_new(w->arena, w->words, 1, &ids));
  RAPT_TRY(rapt__formal_tokens_new(w->arena, w->words, h->d_e, &e));
  for (size_t t = 0; t < w->words; t++) {
    ids.at[t] = w->ids[t];
    rapt__formal_token_embedding(theta->w_e, h->d_e, (size_t)w->ids[t], rapt__formal_row(e, t));
  }
  positions = (rapt__formal_tokens){w->words, h->d_e, theta->w_p};
  rapt__sheet_heading(w->sheet, "Algorithms 1 and 2, embeddings");
  tokens(w, "x: the ids, counted from 0", ids);
  step(w, 1, 1);
  matrix(w, "W_e, a row an id", theta->w_e, h->vocab, h->d_e, w->vocabulary, NULL);
  tokens(w, "W_e[:, x[t]]", e);
  step(w, 2, 1);
  tokens(w, "W_p[:, t]: position t is that of the word", positions);
  rapt__sheet_heading(w->sheet, "Algorithm 10, DTransformer: lines 1 to 4");
  steps(w, 10, 1, 3);
  tokens(w, "X", x);
  step(w, 10, 4);
  return RAPT_OK;
}

static rapt_status layer(walk *w, const rapt__formal_layer_params *p, const rapt__formal_layer_tape *on,
                         rapt__formal_tokens out) {
  RAPT_TRY(norm(w, "before the attention", &p->norm_1, &on->norm_1));
  step(w, 10, 5);
  tokens(w, "X~", on->norm_1.out);
  RAPT_TRY(attention(w, &p->attention, &on->attention));
  step(w, 10, 6);
  tokens(w, "X", on->norm_2.x);
  RAPT_TRY(norm(w, "before the feed-forward part", &p->norm_2, &on->norm_2));
  step(w, 10, 7);
  tokens(w, "X~", on->norm_2.out);
  rapt__sheet_heading(w->sheet, "Algorithm 10, DTransformer: the feed-forward part");
  step(w, 10, 8);
  weights(w, "W_mlp1", p->mlp.w_1, p->mlp.d_mlp, p->mlp.d_e);
  weights(w, "b_mlp1", p->mlp.b_1, 1, p->mlp.d_mlp);
  tokens(w, "U = W_mlp1 X~ + b_mlp1", on->mlp.u);
  tokens(w, "GELU(U)", on->mlp.h);
  weights(w, "W_mlp2", p->mlp.w_2, p->mlp.d_e, p->mlp.d_mlp);
  weights(w, "b_mlp2", p->mlp.b_2, 1, p->mlp.d_e);
  tokens(w, "W_mlp2 GELU(U) + b_mlp2", on->mlp.out);
  tokens(w, "X", out);
  return RAPT_OK;
}

/* The last step picks a word, as algorithm 14 does at temperature 0. */
static rapt_status unembed(walk *w, const rapt__formal_d *theta, const rapt__formal_d_tape *tape) {
  const rapt__formal_hyper *h = &theta->hyper;
  rapt__formal_tokens scores;
  RAPT_TRY(rapt__formal_tokens_new(w->arena, w->words, h->vocab, &scores));
  RAPT_TRY(norm(w, "the last one", &theta->norm, &tape->norm));
  step(w, 10, 10);
  rapt__sheet_heading(w->sheet, "Algorithm 7, unembedding");
  step(w, 7, 1);
  matrix(w, "W_u, a row an id", theta->w_u, h->vocab, h->d_e, w->vocabulary, NULL);
  rapt__formal_linear(theta->w_u, NULL, tape->norm.out, scores);
  matrix(w, "W_u X", scores.at, w->words, h->vocab, w->word, w->vocabulary);
  step(w, 10, 11);
  matrix(w, "P: the word that follows each", tape->p.at, w->words, h->vocab, w->word, w->vocabulary);
  int32_t next = rapt__formal_sample(rapt__formal_row(tape->p, w->words - 1), h->vocab, 0, 0);
  rapt__sheet_say(w->sheet, "Read the last row: behind \"%s\" these weights expect \"%s\".", w->word[w->words - 1],
                  w->vocabulary[next]);
  return RAPT_OK;
}

/* The lines of one algorithm, from `line` on; returns the first of the next. */
static const rapt__formal_line *list(rapt__text *out, const rapt__formal_line *line, rapt_status *status) {
  int algorithm = line->algorithm;
  *status = rapt__text_addf(out, "%d  %s\n", algorithm, rapt__formal_names[algorithm]);
  for (; *status == RAPT_OK && line->algorithm == algorithm; line++) {
    rapt__formal_place place;
    char number[16];
    if (!rapt__formal_place_find(algorithm, line->line, &place)) continue;
    const char *file = strrchr(place.path, '/');
    snprintf(number, sizeof number, "%d.%d", algorithm, line->line);
    *status =
        rapt__text_addf(out, "%-6s%-70.70s %s:%d\n", number, line->text, file ? file + 1 : place.path, place.number);
  }
  return line;
}

/* Every line of all algorithms with its place, so that the note can be read beside the source. */
static rapt_status table(walk *w) {
  rapt__text text;
  rapt_status status = RAPT_OK;
  rapt__sheet_heading(w->sheet, "The fifteen algorithms and their lines in src/explain/formal/");
  rapt__text_init(&text, w->arena->ctx);
  for (const rapt__formal_line *line = rapt__formal_lines; line->algorithm && status == RAPT_OK;) {
    text.size = 0;
    line = list(&text, line, &status);
    if (status == RAPT_OK) rapt__sheet_block(w->sheet, text.data);
  }
  rapt__text_free(&text);
  return status;
}

static rapt_status walk_through(walk *w, uint64_t seed) {
  const rapt__formal_hyper hyper = {.vocab = w->vocab,
                                    .max_length = w->words,
                                    .layers = 1,
                                    .heads = 2,
                                    .d_e = 4,
                                    .d_mlp = 6,
                                    .d_attn = 2,
                                    .d_mid = 2};
  rapt__formal_d d;
  rapt__formal_d_tape tape;
  RAPT_TRY(rapt__formal_d_new(w->arena, &hyper, 0.7, seed, &d));
  rapt__formal_shake(d.all, d.count, 0.1, seed + 20);
  RAPT_TRY(rapt__formal_dtransformer(w->arena, w->ids, w->words, &d, &tape));
  rapt__sheet_heading(w->sheet, "A sentence through one layer of DTransformer");
  rapt__sheet_say(w->sheet,
                  "The weights are random and few (%zu numbers, seed %llu): what is shown is where every number comes\n"
                  "from, not what a trained model would think. A row is a token; the note writes tokens as columns.\n"
                  "A step is a line of the note's pseudocode (4.5: algorithm 4, line 5), below it the line of C.",
                  d.count, (unsigned long long)seed);
  RAPT_TRY(embed(w, &d, tape.layer->norm_1.x));
  RAPT_TRY(layer(w, d.layer, tape.layer, tape.norm.x));
  RAPT_TRY(unembed(w, &d, &tape));
  RAPT_TRY(table(w));
  return w->sheet->status;
}

rapt_status rapt__formal_walk(rapt__sheet *sheet, rapt__arena *arena, const char *sentence, uint64_t seed) {
  walk w = {.sheet = sheet, .arena = arena};
  /* "the" stands twice: its place alone tells the two apart. */
  RAPT_TRY(split(&w, sentence ? sentence : "the dog sees the cat"));
  return walk_through(&w, seed);
}
