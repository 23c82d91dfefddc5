/* The direct hidden Markov model on a Transformer (Wang et al. 2018, 2021): each target word comes from one source position,
 * and the probability of a translation is the sum over all choices of positions:
 *
 *   p(e | f) = Σ_{j_1 … j_I} Π_i p(j_i | j_{i−1}, e_0^{i−1}, f) p(e_i | j_i, e_0^{i−1}, f)
 *
 * Zero-order: the alignment model leaves j_{i−1} out, and the sum is one of each position's own. With s_i the decoder's
 * state before word i, h_j the encoder's at j and E the table of embeddings, the lexicon is
 *
 *   p(e | i, j) = exp(E_e·(s_i + l_j)) / Z_ij,   l_j = W h_j,   Z_ij = Σ_v exp(E_v·s_i) exp(E_v·l_j)
 *
 * Its score is a sum over i and j, so that all Z_ij of a sentence are one product of an (I, V) and a (V, J) matrix: no
 * vocabulary is ever held for a pair (i, j). */
#include "models/direct_hmm.h"

#include "models/transformer.h"
#include "nn/attention.h"

#include <math.h>

typedef struct direct_hmm_config {
  rapt__transformer_config net; /* first */
  int order;
  int64_t cross, jump;
} direct_hmm_config;

enum { ZERO, FIRST };
static const char *const orders[] = {"zero", "first", NULL};

#define AT(field) offsetof(direct_hmm_config, field)
static const rapt__key keys[] = {RAPT__TRANSFORMER_KEYS,
                                 {"model.order", "alignment_order", RAPT__KEY_CHOICE, AT(order), "zero", 0, 0, orders,
                                  "whether the next source position depends on the last one (first) or not (zero)"},
                                 {"model.cross", "cross_attention_layers", RAPT__KEY_INT, AT(cross), "0", 0, 29, NULL,
                                  "layers of the decoder, the lowest, that attend to the source besides"},
                                 {"model.jump", "max_jump", RAPT__KEY_INT, AT(jump), "8", 1, 1 << 10, NULL,
                                  "first order: longer jumps between source positions count as so long"},
                                 {0}};
#undef AT

bool rapt__direct_hmm_first(const void *config) { return ((const direct_hmm_config *)config)->order == FIRST; }

static rapt_status check(rapt_context *ctx, const void *config) {
  const direct_hmm_config *c = config;
  RAPT_TRY(rapt__transformer_check(ctx, &c->net));
  if (c->cross > c->net.decoder_layers)
    return rapt__fail(ctx, RAPT_EKEY, "model.cross=%lld is more than model.decoder_layers=%lld", (long long)c->cross,
                      (long long)c->net.decoder_layers);
  return RAPT_OK;
}

/* Behind the memory of the layers that attend. */
enum { LEXICON, GROWN, TOP, KEYS, PAST };
/* Sums below it count as it, so that no logarithm is infinite where both sides share no word at all. */
static const double least = 1e-35;
static const double hidden = -1e30;

/* The output while it is built. */
typedef struct output {
  rapt__seq2seq_pass *pass;
  rapt__layers l;
  const direct_hmm_config *c;
  rapt_tensor *lexicon; /* l (B, S, C) */
  rapt_tensor *grown;   /* exp(E·l − top) (B, S, V) */
  rapt_tensor *top;     /* max E·l (B, 1, S) */
  rapt_tensor *keys;    /* (B, S, C) */
  rapt_tensor *past;    /* (B, S, C): what a position adds to the question for the next; first order */
  rapt_tensor *head;    /* E (V, C) */
  rapt_tensor *mask;    /* (B, 1, S) */
} output;

/* What belongs to decoder states s (B, T, C). */
typedef struct scores {
  rapt_tensor *states;     /* s */
  rapt_tensor *words;      /* E·s − max (B, T, V) */
  rapt_tensor *most;       /* max E·s (B, T, 1) */
  rapt_tensor *normaliser; /* log Z (B, T, S), of scores without both maxima */
} scores;

static rapt_tensor *linear(const rapt__layers *l, const char *name, rapt_tensor *x, bool bias) {
  int64_t c = rapt_dim(x, -1);
  return rapt__nn_linear(l, name, x, c, true, bias, 1 / sqrt((double)c), RAPT_IDENTITY);
}

/* ---- The encoder's side ---- */

static void encode(rapt__seq2seq_pass *pass, rapt__encoded *encoded) {
  const direct_hmm_config *c = pass->config;
  rapt__layers l = {pass->graph, pass->params};
  rapt_tensor *h = rapt__transformer_encode(pass, encoded, c->cross);
  rapt_scope_begin(pass->graph, "hmm");
  rapt_tensor *lexicon = linear(&l, "lexicon", h, true);
  if (pass->training) lexicon = rapt_dropout(lexicon, c->net.dropout);
  rapt_tensor *keys_of = linear(&l, "key", h, false);
  rapt_tensor *past = c->order == FIRST ? linear(&l, "past", h, false) : NULL;
  rapt_scope_end(pass->graph);
  rapt_tensor *words = rapt_linear(lexicon, rapt__transformer_head(pass), true, NULL, RAPT_IDENTITY);
  rapt_tensor *top = rapt_detach(rapt_reduce_max(words, -1, true));
  rapt__encoded_memory(encoded, lexicon);
  rapt__encoded_memory(encoded, rapt_exp(rapt_sub(words, top)));
  rapt__encoded_memory(encoded, rapt_reshape(top, 3, (int64_t[]){rapt_dim(h, 0), 1, rapt_dim(h, 1)}));
  rapt__encoded_memory(encoded, keys_of);
  if (past) rapt__encoded_memory(encoded, past);
}

static output output_of(rapt__seq2seq_pass *pass, const rapt__encoded *encoded) {
  const direct_hmm_config *c = pass->config;
  rapt_tensor *const *own = encoded->memory + 2 * c->cross;
  return (output){.pass = pass,
                  .l = {pass->graph, pass->params},
                  .c = c,
                  .lexicon = own[LEXICON],
                  .grown = own[GROWN],
                  .top = own[TOP],
                  .keys = own[KEYS],
                  .past = c->order == FIRST ? own[PAST] : NULL,
                  .head = rapt__transformer_head(pass),
                  .mask = rapt__nn_mask(pass->source_lengths, rapt_dim(own[LEXICON], 1))};
}

/* ---- The lexicon ---- */

/* The normaliser does not depend on the maxima that are taken out, so that no gradient goes through them. */
static scores scores_of(const output *o, rapt_tensor *states) {
  rapt_tensor *words = rapt_linear(states, o->head, true, NULL, RAPT_IDENTITY);
  rapt_tensor *most = rapt_detach(rapt_reduce_max(words, -1, true));
  words = rapt_sub(words, most);
  rapt_tensor *z = rapt_matmul(rapt_exp(words), o->grown, false, true);
  return (scores){states, words, most, rapt_log(rapt_clamp(z, least, INFINITY))};
}

/* log p(word i | i, j) (B, T, S). Smoothed as labels are: a part of every word's logarithm, which is the score of the mean
 * embedding. */
static rapt_tensor *emission_of(const output *o, const scores *s, rapt_tensor *words, double smoothing) {
  rapt_tensor *e = rapt_embedding(o->head, words);
  if (smoothing > 0) e = rapt_add(rapt_scale(e, 1 - smoothing), rapt_scale(rapt_mean(o->head, 0, false), smoothing));
  rapt_tensor *own = rapt_sub(rapt_sum(rapt_mul(e, s->states), -1, true), s->most);
  rapt_tensor *source = rapt_sub(rapt_matmul(e, o->lexicon, false, true), o->top);
  return rapt_sub(rapt_add(source, own), s->normaliser);
}

/* log Σ_j exp(prior_j) p(· | i, j) (B, T, V) for log-probabilities of positions (B, T, S). */
static rapt_tensor *mixture_of(const output *o, const scores *s, rapt_tensor *prior) {
  rapt_tensor *u = rapt_sub(prior, s->normaliser);
  rapt_tensor *most = rapt_reduce_max(u, -1, true);
  rapt_tensor *sum = rapt_matmul(rapt_exp(rapt_sub(u, most)), o->grown, false, false);
  return rapt_add(rapt_add(s->words, rapt_log(rapt_clamp(sum, least, INFINITY))), most);
}

/* ---- The alignment ---- */

/* log p(j | question) for questions (B, n, C) → (B, n, S), with `more` (S', S) added for n = T·S', or NULL. */
static rapt_tensor *positions_of(const output *o, rapt_tensor *questions, rapt_tensor *more) {
  int64_t b = rapt_dim(questions, 0), n = rapt_dim(questions, 1), s = rapt_dim(o->keys, 1);
  rapt_tensor *x = rapt_scale(rapt_matmul(questions, o->keys, false, true), 1 / sqrt((double)o->c->net.width));
  rapt_tensor *mask = o->mask, *none = rapt_fill(o->l.graph, hidden, 0, NULL);
  if (more) {
    x = rapt_add(rapt_reshape(x, 4, (int64_t[]){b, n / s, s, s}), more);
    mask = rapt_reshape(mask, 4, (int64_t[]){b, 1, 1, s});
  }
  return rapt_log_softmax(rapt_where(mask, x, none));
}

static rapt_tensor *ask(const output *o, rapt_tensor *x) { return linear(&o->l, "query", x, true); }

/* Zero order: (B, T, S). */
static rapt_tensor *alignment_of(const output *o, rapt_tensor *states) {
  rapt_scope_begin(o->l.graph, "hmm");
  rapt_tensor *x = positions_of(o, ask(o, states), NULL);
  rapt_scope_end(o->l.graph);
  return x;
}

/* A score for each jump, as (S', S): the indices of equal numbers in their order are the positions. */
static rapt_tensor *jumps_of(const output *o) {
  int64_t s = rapt_dim(o->keys, 1), most = o->c->jump;
  rapt_tensor *places;
  rapt_top_k(rapt_fill(o->l.graph, 0, 1, &s), s, &places);
  rapt_tensor *table = rapt__nn_table(&o->l, "jump", 2 * most + 1, 1, 0.02);
  return rapt_reshape(rapt_embedding(table, rapt_relative_positions(places, s, -most, most)), 2, (int64_t[]){s, s});
}

/* First order: log p(j | j', i) as (B, T, S', S), and log p(j) of the first word as (B, S), whose "position before" is a
 * parameter. */
static rapt_tensor *moves_of(const output *o, rapt_tensor *states, rapt_tensor **start) {
  int64_t b = rapt_dim(states, 0), t = rapt_dim(states, 1), c = rapt_dim(states, 2), s = rapt_dim(o->keys, 1);
  rapt_scope_begin(o->l.graph, "hmm");
  rapt_tensor *question = ask(o, states);
  rapt_tensor *both = rapt_tanh(
      rapt_add(rapt_reshape(question, 4, (int64_t[]){b, t, 1, c}), rapt_reshape(o->past, 4, (int64_t[]){b, 1, s, c})));
  rapt_tensor *mixed = rapt_reshape(linear(&o->l, "mix", both, false), 3, (int64_t[]){b, t * s, c});
  rapt_tensor *moves = positions_of(o, mixed, jumps_of(o));
  rapt_tensor *begin = rapt_param(o->l.graph, o->l.params, "begin", 1, &c, (rapt_init){RAPT_INIT_NORMAL, 1, true});
  rapt_tensor *first = rapt_tanh(rapt_add(rapt_slice(question, 1, 0, 1), begin));
  *start = rapt_reshape(positions_of(o, linear(&o->l, "mix", first, false), NULL), 2, (int64_t[]){b, s});
  rapt_scope_end(o->l.graph);
  return moves;
}

/* ---- Whole targets ---- */

/* Everything that a sentence's sum is made of, under names, for who asks for taps. */
static void tap(const output *o, rapt_tensor *x, const char *name) {
  if (o->pass->taps) rapt_tap(x, "hmm.%s", name);
}

/* 1 where a label counts, (B, T). */
static rapt_tensor *counting(const output *o, rapt_tensor *labels) {
  rapt_tensor *ones = rapt_fill(o->l.graph, 1, 2, (int64_t[]){rapt_dim(o->head, 0), 1});
  return rapt_reshape(rapt_embedding(ones, labels), 2, rapt_dims(labels));
}

static rapt_tensor *loss(rapt__seq2seq_pass *pass, const rapt__encoded *encoded, rapt_tensor *labels,
                         double smoothing) {
  output o = output_of(pass, encoded);
  scores s = scores_of(&o, rapt__transformer_decode(pass, encoded, o.c->cross));
  rapt_tensor *emission = emission_of(&o, &s, labels, smoothing), *counts = counting(&o, labels), *sums, *start;
  if (o.c->order == ZERO) {
    sums = rapt_logsumexp(rapt_add(alignment_of(&o, s.states), emission));
  } else {
    rapt_tensor *moves = moves_of(&o, s.states, &start);
    sums = rapt_hmm_forward(emission, start, moves, pass->source_lengths, pass->target_lengths, NULL);
    counts = rapt_reshape(rapt_slice(counts, 1, 0, 1), 1, rapt_dims(sums)); /* rows that only fill a batch have none */
  }
  return rapt_neg(rapt_sum(rapt_mul(sums, counts), RAPT_ALL, false));
}

/* The words that the decoder reads, one step earlier: what it is to say, except for the last. */
static rapt_tensor *said(rapt_tensor *target) {
  int64_t t = rapt_dim(target, 1);
  if (t == 1) return target;
  return rapt_concat((rapt_tensor *[]){rapt_slice(target, 1, 1, t - 1), rapt_slice(target, 1, t - 1, 1)}, 2, 1);
}

/* log p(j at i | words before i) (B, T, S); sets the pass's alignment. */
static rapt_tensor *zero_order(const output *o, const scores *s) {
  rapt__seq2seq_pass *pass = o->pass;
  int64_t length = rapt_dim(o->keys, 1);
  rapt_tensor *prior = alignment_of(o, s->states);
  pass->alignment = rapt_exp(prior);
  if (!pass->labels) return prior;
  rapt_tensor *emission = emission_of(o, s, pass->labels, 0), *joint = rapt_add(prior, emission);
  pass->alignment = rapt_one_hot(rapt_argmax(joint, -1), length);
  tap(o, prior, "alignment");
  tap(o, emission, "emission");
  tap(o, rapt_logsumexp(joint), "sum");
  tap(o, rapt_softmax(joint, NULL), "posterior");
  return prior;
}

static rapt_tensor *first_order(const output *o, const scores *s) {
  rapt__seq2seq_pass *pass = o->pass;
  rapt_tensor *lengths = pass->source_lengths, *counts = pass->target_lengths, *start, *prior, *posterior;
  rapt_tensor *moves = moves_of(o, s->states, &start);
  rapt_tensor *emission = emission_of(o, s, pass->labels ? pass->labels : said(pass->target), 0);
  rapt_hmm_options options = {&prior, &posterior};
  rapt_tensor *sum = rapt_hmm_forward(emission, start, moves, lengths, counts, &options);
  pass->alignment = rapt_exp(prior);
  if (!pass->labels) return prior;
  pass->alignment = rapt_one_hot(rapt_hmm_best(emission, start, moves, lengths, counts), rapt_dim(o->keys, 1));
  tap(o, start, "start");
  tap(o, moves, "move");
  tap(o, emission, "emission");
  tap(o, sum, "sum");
  tap(o, posterior, "posterior");
  return prior;
}

static rapt__output decode(rapt__seq2seq_pass *pass, const rapt__encoded *encoded) {
  output o = output_of(pass, encoded);
  scores s = scores_of(&o, rapt__transformer_decode(pass, encoded, o.c->cross));
  rapt_tensor *prior = o.c->order == ZERO ? zero_order(&o, &s) : first_order(&o, &s);
  return (rapt__output){.logits = mixture_of(&o, &s, prior)};
}

/* ---- One word at a time ---- */

/* First order: the words so far weigh the positions of the last one, which the moves lead on from. The store keeps of the
 * last step what does not depend on the word that was chosen then. */
static rapt_tensor *go_on(const output *o, const scores *s) {
  rapt__seq2seq_pass *pass = o->pass;
  int64_t b = rapt_dim(s->states, 0), length = rapt_dim(o->keys, 1), context = o->c->net.context;
  rapt_tensor *start, *moves = moves_of(o, s->states, &start);
  rapt_scope_begin(pass->graph, "hmm");
  rapt_tensor *begun = rapt__seq2seq_state(pass, "begun", 3, (int64_t[]){b, 1, 1});
  rapt_tensor *last = rapt__seq2seq_state(pass, "last", 3, (int64_t[]){b, 1, context});
  rapt_scope_end(pass->graph);
  rapt_tensor *word = rapt_matmul(rapt_embedding(o->head, pass->target), o->lexicon, false, true);
  rapt_tensor *joint = rapt_add(rapt_slice(last, 2, 0, length), word);
  rapt_tensor *before = rapt_softmax(joint, o->mask);
  rapt_tensor *chances = rapt_exp(rapt_reshape(moves, 3, (int64_t[]){b, length, length}));
  rapt_tensor *now = rapt_log(rapt_clamp(rapt_matmul(before, chances, false, false), least, INFINITY));
  now = rapt_where(begun, now, rapt_reshape(start, 3, rapt_dims(now)));
  now = rapt_where(o->mask, now, rapt_fill(pass->graph, hidden, 0, NULL));
  rapt_tensor *kept = rapt_sub(rapt_sub(now, s->normaliser), o->top);
  rapt__seq2seq_keep(last, rapt_pad(kept, 2, 0, context - length));
  rapt__seq2seq_keep(begun, rapt_fill(pass->graph, 1, 3, (int64_t[]){b, 1, 1}));
  return now;
}

static rapt__output step(rapt__seq2seq_pass *pass, const rapt__encoded *encoded) {
  output o = output_of(pass, encoded);
  scores s = scores_of(&o, rapt__transformer_decode(pass, encoded, o.c->cross));
  rapt_tensor *prior = o.c->order == ZERO ? alignment_of(&o, s.states) : go_on(&o, &s);
  pass->alignment = rapt_exp(prior);
  return (rapt__output){.logits = mixture_of(&o, &s, prior)};
}

static const rapt__seq2seq seq2seq = {.encode = encode,
                                      .decode = decode,
                                      .step = step,
                                      .loss = loss,
                                      .source_vocabulary = rapt__transformer_source_vocabulary,
                                      .late_alignment = true};

const rapt__model rapt__model_direct_hmm = {.name = "direct-hmm",
                                            .hf_class = "DirectHMM",
                                            .hf_type = "direct-hmm",
                                            .hf_prefix = "",
                                            .keys = keys,
                                            .config_size = sizeof(direct_hmm_config),
                                            .settle = rapt__transformer_settle,
                                            .check = check,
                                            .context = rapt__transformer_context,
                                            .vocabulary = rapt__transformer_vocabulary,
                                            .seq2seq = &seq2seq};
