/* Recurrent continuous translation models (Kalchbrenner & Blunsom 2013): a recurrent language model of the target to
 * whose every state the source adds a vector. That vector comes from convolutions over the source: of the whole
 * sentence (RCTM I), or of its n-grams, brought to the target's length and undone to one vector for each target word
 * (RCTM II). Without it, the language model. */
#include "models/models.h"

#include "nn/attention.h"
#include "nn/classes.h"
#include "nn/recurrent.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

enum { SENTENCE, NGRAMS, NONE };

typedef struct rctm_config {
  int64_t vocabulary, source_vocabulary, context, width, classes, levels;
  double dropout;
  int source;
} rctm_config;

static const char *const sources[] = {"sentence", "ngrams", "none", NULL};

#define AT(field) offsetof(rctm_config, field)
static const rapt__key keys[] = {
    {"model.source_vocabulary", "source_vocab_size", RAPT__KEY_INT, AT(source_vocabulary), "0", 0, 1 << 24, NULL,
     "tokens of the source; 0: its tokenizer's"},
    {"model.vocabulary", "vocab_size", RAPT__KEY_INT, AT(vocabulary), "0", 0, 1 << 24, NULL,
     "tokens of the target; 0: its tokenizer's"},
    {"model.context", "max_position_embeddings", RAPT__KEY_INT, AT(context), "64", 2, 512, NULL,
     "tokens of a sentence at most, its end included"},
    {"model.source", "conditioning", RAPT__KEY_CHOICE, AT(source), "sentence", 0, 0, sources,
     "what the target is conditioned on: a vector of the sentence (RCTM I), vectors of its n-grams (RCTM II), nothing"},
    {"model.width", "hidden_size", RAPT__KEY_INT, AT(width), "128", 1, 1 << 14, NULL,
     "units of the recurrent layer, and size of every vector"},
    {"model.classes", "num_classes", RAPT__KEY_INT, AT(classes), "0", 0, 1 << 20, NULL,
     "classes of target words; 0: the square root of their number"},
    {"model.levels", "num_levels", RAPT__KEY_INT, AT(levels), "2", 1, 6, NULL,
     "convolutions of RCTM II: 1, 2, 3 make vectors of 2, 4, 7 words"},
    {"model.dropout", "dropout", RAPT__KEY_REAL, AT(dropout), "0", 0, 0.99, NULL,
     "dropout of word vectors and before the output"},
    {0}};
#undef AT

static rapt_status check(rapt_context *ctx, const void *config) {
  const rctm_config *c = config;
  if (c->vocabulary < 1 || c->source_vocabulary < 1)
    return rapt__fail(ctx, RAPT_EKEY, "model.vocabulary or model.source_vocabulary is not set");
  return RAPT_OK;
}

/* ---- Pieces ---- */

static const double table_deviation = 0.3, output_range = 0.1;

/* Row by row of the paper's matrices, one kernel for every feature: uniform with the variance that keeps that of its
 * input. */
static rapt_tensor *kernel(const rapt__layers *l, const char *side, int64_t size, int64_t width) {
  char name[64];
  snprintf(name, sizeof name, "%s.kernel.%lld.weight", side, (long long)size);
  return rapt_param(l->graph, l->params, name, 2, (int64_t[]){size, width},
                    (rapt_init){RAPT_INIT_UNIFORM, sqrt(3 / (double)size), false});
}

/* tanh of the columns of x (B, N, C) convolved along N: (B, N − size + 1, C). `flip`: from the last row of k (size, C)
 * on. */
static rapt_tensor *convolve(rapt_tensor *x, rapt_tensor *k, bool flip) {
  int64_t size = rapt_dim(k, 0), out = rapt_dim(x, 1) - size + 1;
  rapt_tensor *sum = NULL;
  for (int64_t j = 0; j < size; j++) {
    rapt_tensor *part = rapt_mul(rapt_slice(x, 1, j, out), rapt_slice(k, 0, flip ? size - 1 - j : j, 1));
    sum = sum ? rapt_add(sum, part) : part;
  }
  return rapt_tanh(sum);
}

/* 0, 1, …, n − 1, with n at this one of three axes. */
static rapt_tensor *range(rapt_graph *graph, int axis, int64_t n) {
  int64_t dims[3] = {1, 1, 1};
  dims[axis] = n;
  rapt_tensor *ones = rapt_fill(graph, 1, 3, dims);
  return rapt_sub(rapt_cumsum(ones, axis), ones);
}

/* Lengths int32 (B), at most n, as reals (B, 1, 1). */
static rapt_tensor *as_reals(rapt_tensor *lengths, int64_t n) { return rapt_sum(rapt__nn_mask(lengths, n), -1, true); }

static rapt_tensor *constant(const rapt__seq2seq_pass *pass, double value) {
  return rapt_fill(pass->graph, value, 3, (int64_t[]){1, 1, 1});
}

/* ids (B, N) → (B, N, C) */
static rapt_tensor *embed(const rapt__seq2seq_pass *pass, const rapt__layers *l, const char *name, rapt_tensor *ids,
                          int64_t vocabulary) {
  const rctm_config *c = pass->config;
  rapt_tensor *x = rapt_embedding(rapt__nn_table(l, name, vocabulary, c->width, table_deviation), ids);
  return rapt_dropout(x, pass->training ? c->dropout : 0);
}

/* ---- RCTM I: the convolutional sentence model ---- */

/* Kernels of 2, 3, … columns, each of which leaves so many columns less one; `gone` of them before that of `size`. A
 * sentence of which at most `size` columns are left before the kernel of this size gets a top kernel instead that takes
 * them all. */
static int64_t gone(int64_t size) { return (size - 1) * (size - 2) / 2; }

/* The largest top kernel of sentences with at most n words. */
static int64_t largest_top(int64_t n) {
  int64_t size = 2;
  while (gone(size) + size < n) size++;
  return size;
}

/* x (B, S, C) → (B, C). Which rows end at a level follows from their length alone: their columns are kept there, and
 * one top kernel is picked for every row. */
static rapt_tensor *sentence_vector(const rapt__seq2seq_pass *pass, const rapt__layers *l, rapt_tensor *x) {
  const rctm_config *c = pass->config;
  int64_t b = rapt_dim(x, 0), s = rapt_dim(x, 1), most = largest_top(c->context), n = c->width;
  rapt_tensor *tops =
      rapt_param(l->graph, l->params, "source.top.weight", 3, (int64_t[]){most, most, n},
                 (rapt_init){RAPT_INIT_UNIFORM, sqrt(3 / (double)most), false}); /* r columns: tops[r − 1, 0 … r − 1] */
  rapt_tensor *kernels[64], *length = rapt_one_hot(pass->source_lengths, s + 1), *kept = NULL, *left = NULL;
  for (int64_t size = 2; size < most; size++) kernels[size] = kernel(l, "source", size, n);
  for (int64_t size = 2;; size++) {
    int64_t columns = s - gone(size), take = columns < size ? columns : size, least = size == 2 ? 1 : 2;
    rapt_tensor *ends = rapt_slice(length, 1, gone(size) + least, take - least + 1);
    rapt_tensor *which =
        rapt_pad(ends, 1, least - 1, most - take); /* (B, most): one hot at the columns that are left */
    rapt_tensor *here = rapt_reshape(rapt_sum(ends, -1, false), 3, (int64_t[]){b, 1, 1});
    rapt_tensor *mine = rapt_mul(rapt_pad(rapt_slice(x, 1, 0, take), 1, 0, most - take), here);
    kept = kept ? rapt_add(kept, mine) : mine;
    left = left ? rapt_add(left, which) : which;
    if (columns <= size) break;
    x = convolve(x, kernels[size], false);
  }
  rapt_tensor *past = rapt_sub(rapt_cumsum(left, -1), left); /* 1 behind the last column that is left */
  rapt_tensor *inside = rapt_reshape(rapt_equal(past, rapt_scale(past, 0)), 3, (int64_t[]){b, most, 1});
  rapt_tensor *top = rapt_matmul(left, rapt_reshape(tops, 2, (int64_t[]){most, most * n}), false, false);
  top = rapt_mul(rapt_reshape(top, 3, (int64_t[]){b, most, n}), rapt_mul(kept, inside));
  return rapt_tanh(rapt_sum(top, 1, false));
}

/* ---- RCTM II: the convolutional n-gram model and its inverse ---- */

static int64_t words_of(const rctm_config *c) { return 1 + c->levels * (c->levels + 1) / 2; }

/* How many n-grams a sentence of this length (B, 1, 1) has; a short one has one with nothing at its end. */
static rapt_tensor *ngrams(const rapt__seq2seq_pass *pass, rapt_tensor *length) {
  rapt_tensor *count = rapt_sub(length, constant(pass, (double)(words_of(pass->config) - 1)));
  return rapt_max(count, constant(pass, 1));
}

/* x (B, S, C) → vectors of n-grams for the target's side (B, S', C). */
static rapt_tensor *ngram_vectors(const rapt__seq2seq_pass *pass, const rapt__layers *l, rapt_tensor *x) {
  const rctm_config *c = pass->config;
  int64_t b = rapt_dim(x, 0), s = rapt_dim(x, 1), g = words_of(c);
  x = rapt_mul(x, rapt_reshape(rapt__nn_mask(pass->source_lengths, s), 3, (int64_t[]){b, s, 1}));
  if (s < g) x = rapt_pad(x, 1, 0, g - s);
  for (int64_t size = 2; size <= c->levels + 1; size++) x = convolve(x, kernel(l, "source", size, c->width), false);
  return rapt__nn_linear(l, "transfer", x, c->width, true, true, 1 / sqrt((double)c->width), RAPT_TANH);
}

/* n-grams (B, S', C) of a source of `source` words (B, 1, 1) as vectors (B, T, C) of the words of a target of `target`:
 * the n-grams are spread evenly over those of the target, with linear interpolation, and the inverse convolutions lead
 * from these to words. */
static rapt_tensor *word_vectors(const rapt__seq2seq_pass *pass, const rapt__layers *l, rapt_tensor *x,
                                 rapt_tensor *source, rapt_tensor *target, int64_t t) {
  const rctm_config *c = pass->config;
  int64_t g = words_of(c), wide = t > g ? t - g + 1 : 1;
  rapt_tensor *from = ngrams(pass, source), *to = ngrams(pass, target), *half = constant(pass, 0.5);
  rapt_tensor *j = range(pass->graph, 1, wide), *i = range(pass->graph, 2, rapt_dim(x, 1));
  rapt_tensor *place = rapt_sub(rapt_mul(rapt_add(j, half), rapt_div(from, to)), half);
  place = rapt_min(rapt_max(place, constant(pass, 0)), rapt_sub(from, constant(pass, 1)));
  rapt_tensor *near = rapt_relu(rapt_sub(constant(pass, 1), rapt_abs(rapt_sub(place, i))));
  x = rapt_matmul(rapt_mul(near, rapt_less(j, to)), x, false, false);
  for (int64_t size = c->levels + 1; size >= 2; size--)
    x = convolve(rapt_pad(x, 1, size - 1, size - 1), kernel(l, "target", size, c->width), true);
  return rapt_slice(x, 1, 0, t); /* past `target` it is zero, or of a target shorter than an n-gram */
}

/* The length of the target, its end not counted, is Poisson with mean k·exp(w_k) for a source of k tokens: ln of that,
 * (B, 1, 1). */
static rapt_tensor *log_mean_length(const rapt__seq2seq_pass *pass, const rapt__layers *l, rapt_tensor *source) {
  const rctm_config *c = pass->config;
  rapt_tensor *w = rapt_param(l->graph, l->params, "length.weight", 2, (int64_t[]){c->context + 1, 1},
                              (rapt_init){RAPT_INIT_ZEROS, 0, true});
  w = rapt_embedding(w, pass->source_lengths);
  return rapt_add(rapt_reshape(w, 3, (int64_t[]){rapt_dim(w, 0), 1, 1}), rapt_log(source));
}

/* The most probable length, its end counted. */
static rapt_tensor *likely_length(const rapt__seq2seq_pass *pass, const rapt__layers *l, rapt_tensor *source) {
  const rctm_config *c = pass->config;
  rapt_tensor *mean = rapt_exp(log_mean_length(pass, l, source));
  return rapt_sum(rapt_less_equal(range(pass->graph, 2, c->context), mean), -1, true);
}

/* ---- Encoder and decoder ---- */

/* Source words behind n-grams (B, S', C), at least as many as the longest row has. */
static rapt_tensor *source_words(const rapt__seq2seq_pass *pass, const rapt_tensor *ngram) {
  return as_reals(pass->source_lengths, rapt_dim(ngram, 1) + words_of(pass->config) - 1);
}

static void encode(rapt__seq2seq_pass *pass, rapt__encoded *encoded) {
  const rctm_config *c = pass->config;
  rapt__layers l = {pass->graph, pass->params};
  if (c->source == NONE) return;
  rapt_tensor *x = embed(pass, &l, "source.embed", pass->source, c->source_vocabulary);
  if (c->source == SENTENCE) {
    rapt__encoded_memory(encoded, sentence_vector(pass, &l, x));
    return;
  }
  rapt_tensor *ngram = ngram_vectors(pass, &l, x), *k = source_words(pass, ngram);
  rapt__encoded_memory(encoded, ngram);
  /* For search, which does not know the target's length. */
  rapt__encoded_memory(encoded, word_vectors(pass, &l, ngram, k, likely_length(pass, &l, k), c->context));
}

/* What the source adds at every place of the target, (T, B, C), or NULL. */
static rapt_tensor *added(const rapt__seq2seq_pass *pass, const rapt__layers *l, const rapt__encoded *encoded) {
  const rctm_config *c = pass->config;
  int64_t b = rapt_dim(pass->target, 0), t = rapt_dim(pass->target, 1);
  if (c->source == NONE) return NULL;
  if (c->source == SENTENCE) return rapt_broadcast(encoded->memory[0], 3, (int64_t[]){t, b, c->width});
  rapt_tensor *k = source_words(pass, encoded->memory[0]), *m = as_reals(pass->target_lengths, t);
  return rapt_permute(word_vectors(pass, l, encoded->memory[0], k, m, t), (int[]){1, 0, 2});
}

/* States (B, T, C) of the language model. One product over word and source side by side is the sum of the paper's two. */
static rapt_tensor *states(const rapt__seq2seq_pass *pass, const rapt__layers *l, rapt_tensor *source, rapt_tensor *h0,
                           rapt_tensor **h_n) {
  const rctm_config *c = pass->config;
  rapt_tensor *x = rapt_permute(embed(pass, l, "target.embed", pass->target, c->vocabulary), (int[]){1, 0, 2});
  if (source) x = rapt_concat((rapt_tensor *[]){x, source}, 2, 2);
  rapt__nn_recurrent_options o = {.units = c->width, .h0 = h0, .h_n = h_n};
  x = rapt_permute(rapt__nn_rnn(l, "rnn", x, &o), (int[]){1, 0, 2});
  return rapt_dropout(x, pass->training ? c->dropout : 0);
}

static rapt__class_head head_of(const rapt__layers *l, const rctm_config *c) {
  return rapt__nn_class_head(l, "head", c->vocabulary, c->width, c->classes, output_range);
}

static rapt__output decode(rapt__seq2seq_pass *pass, const rapt__encoded *encoded) {
  rapt__layers l = {pass->graph, pass->params};
  rapt__class_head head = head_of(&l, pass->config);
  rapt_tensor *h = states(pass, &l, added(pass, &l, encoded), NULL, NULL);
  return (rapt__output){.logits = rapt__nn_class_log_probs(&head, h)};
}

/* The source's vector at the newest place, (1, B, C); past the likely length the last one goes on. */
static rapt_tensor *added_now(const rapt__seq2seq_pass *pass, const rapt__layers *l, const rapt__encoded *encoded) {
  const rctm_config *c = pass->config;
  int64_t b = rapt_dim(pass->target, 0), dims[3] = {1, b, c->width};
  if (c->source == NONE) return NULL;
  if (c->source == SENTENCE) return rapt_reshape(encoded->memory[0], 3, dims);
  rapt_tensor *places = range(pass->graph, 2, c->context);
  rapt_tensor *last = likely_length(pass, l, source_words(pass, encoded->memory[0]));
  rapt_tensor *at = rapt_sub(as_reals(pass->filled, c->context), constant(pass, 1));
  at = rapt_min(at, rapt_sub(last, constant(pass, 1)));
  return rapt_reshape(rapt_matmul(rapt_equal(places, at), encoded->memory[1], false, false), 3, dims);
}

static rapt__output step(rapt__seq2seq_pass *pass, const rapt__encoded *encoded) {
  const rctm_config *c = pass->config;
  rapt__layers l = {pass->graph, pass->params};
  rapt__class_head head = head_of(&l, c);
  int64_t b = rapt_dim(pass->target, 0), dims[3] = {b, 1, c->width};
  rapt_tensor *state = rapt__seq2seq_state(pass, "h", 3, dims), *last;
  rapt_tensor *h0 = rapt_reshape(state, 3, (int64_t[]){1, b, c->width});
  rapt_tensor *h = states(pass, &l, added_now(pass, &l, encoded), h0, &last);
  rapt__output out = {.logits = rapt__nn_class_log_probs(&head, h)};
  rapt__seq2seq_keep(state, rapt_reshape(last, 3, dims));
  return out;
}

/* ---- Loss and score ---- */

/* ln p(m | k) of the pass's targets, (B, 1, 1). */
static rapt_tensor *length_log_prob(const rapt__seq2seq_pass *pass, const rapt__layers *l, rapt_tensor *source) {
  int64_t t = rapt_dim(pass->target, 1);
  rapt_tensor *m = rapt_sub(as_reals(pass->target_lengths, t), constant(pass, 1));
  rapt_tensor *log_mean = log_mean_length(pass, l, source);
  rapt_tensor *terms = rapt_log(rapt_max(range(pass->graph, 2, t), constant(pass, 1))); /* of ln m! */
  rapt_tensor *factorial = rapt_sum(rapt_mul(rapt__nn_mask(pass->target_lengths, t), terms), -1, true);
  return rapt_sub(rapt_sub(rapt_mul(m, log_mean), rapt_exp(log_mean)), factorial);
}

static rapt_tensor *loss(rapt__seq2seq_pass *pass, const rapt__encoded *encoded, rapt_tensor *labels,
                         double smoothing) {
  const rctm_config *c = pass->config;
  rapt__layers l = {pass->graph, pass->params};
  rapt__class_head head = head_of(&l, c);
  rapt_tensor *h = states(pass, &l, added(pass, &l, encoded), NULL, NULL);
  rapt_tensor *words = rapt__nn_class_loss(&head, h, labels, smoothing);
  if (c->source != NGRAMS) return words;
  /* Rows without a label are empty. */
  rapt_tensor *one = rapt_fill(pass->graph, 1, 2, (int64_t[]){c->vocabulary, 1});
  rapt_tensor *counts = rapt_slice(rapt_embedding(one, labels), 1, 0, 1);
  rapt_tensor *lengths = length_log_prob(pass, &l, source_words(pass, encoded->memory[0]));
  return rapt_sub(words, rapt_sum(rapt_mul(lengths, counts), RAPT_ALL, false));
}

static rapt_tensor *score(rapt__seq2seq_pass *pass, const rapt__encoded *encoded, rapt_tensor *labels) {
  const rctm_config *c = pass->config;
  rapt__layers l = {pass->graph, pass->params};
  rapt__class_head head = head_of(&l, c);
  rapt_tensor *h = states(pass, &l, added(pass, &l, encoded), NULL, NULL);
  rapt_tensor *words = rapt__nn_class_label_log_probs(&head, h, labels);
  if (c->source != NGRAMS) return words;
  int64_t b = rapt_dim(labels, 0), t = rapt_dim(labels, 1);
  rapt_tensor *lengths = length_log_prob(pass, &l, source_words(pass, encoded->memory[0]));
  return rapt_add(words, rapt_pad(rapt_reshape(lengths, 2, (int64_t[]){b, 1}), 1, 0, t - 1));
}

static int64_t context(const void *config) { return ((const rctm_config *)config)->context; }
static int64_t *vocabulary(void *config) { return &((rctm_config *)config)->vocabulary; }
static int64_t *source_vocabulary(void *config) { return &((rctm_config *)config)->source_vocabulary; }

static const rapt__seq2seq seq2seq = {.encode = encode,
                                      .decode = decode,
                                      .step = step,
                                      .loss = loss,
                                      .score = score,
                                      .source_vocabulary = source_vocabulary};

const rapt__model rapt__model_rctm = {.name = "rctm",
                                      .hf_class = "RecurrentContinuousTranslationModel",
                                      .hf_type = "rctm",
                                      .hf_prefix = "",
                                      .keys = keys,
                                      .config_size = sizeof(rctm_config),
                                      .check = check,
                                      .context = context,
                                      .vocabulary = vocabulary,
                                      .seq2seq = &seq2seq};
