/* Decoding: with the states of the past kept, against the whole prefix for every token; beams in groups. */
#include "recipes/toolkit.h"

#include "base/file.h"
#include "graph/plan.h"
#include "infer/search.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SENTENCES = 24 }; /* so many rows a step of the search has at least */
static const double wanted = 5;

/* Sentences of one padded length, greedily translated into exactly `length` tokens each. */
typedef struct decoding {
  rapt__toolkit *t;
  rapt__elsewhere place;
  rapt__request *requests; /* [count] */
  int64_t count, padded, length;

  /* Running the whole prefix again: the encoder once, then a plan for each length, all in one memory. */
  rapt_graph *encoder_graph, **graphs; /* owned: [length] */
  rapt_plan *encoder, **plans;
  rapt__pool pool;
  real **memory; /* [memories] what the encoder left, in the arena */
  size_t memories;
  int32_t *tokens; /* (count, length) */
} decoding;

/* ---- Sentences ---- */

static int64_t padded_of(const decoding *d, const rapt__pair *pair) {
  return rapt__padded(pair->count[RAPT__SOURCE] + 1, rapt_model_context(d->place.model));
}

/* The padded length that most validation sentences have, among lengths up to SENTENCES · 8. */
static int64_t usual_length(const decoding *d, const rapt__pairs *pairs) {
  int64_t counts[SENTENCES + 1] = {0}, best = 1;
  for (size_t i = 0; i < pairs->count; i++) {
    int64_t class = (padded_of(d, &pairs->at[i]) + 7) / 8;
    if (class <= SENTENCES) counts[class]++;
  }
  for (int64_t c = 2; c <= SENTENCES; c++)
    if (counts[c] > counts[best]) best = c;
  return best;
}

static rapt_status choose_sentences(decoding *d) {
  rapt__arena *arena = &d->t->run->arena;
  const rapt__pairs *pairs = &d->t->net.task.valid_pairs;
  int64_t class = usual_length(d, pairs);
  d->requests = rapt__arena_new(arena, SENTENCES, sizeof *d->requests);
  if (!d->requests) return RAPT_ENOMEM;
  for (size_t i = 0; i < pairs->count && d->count < SENTENCES; i++) {
    const rapt__pair *pair = &pairs->at[i];
    int64_t n = pair->count[RAPT__SOURCE], padded = padded_of(d, pair);
    if ((padded + 7) / 8 != class || (d->count && padded != d->padded)) continue;
    int32_t *ids = rapt__arena_new(arena, (size_t)n + 1, sizeof *ids);
    if (!ids) return RAPT_ENOMEM;
    memcpy(ids, pairs->ids + pair->begin[RAPT__SOURCE], (size_t)n * sizeof *ids);
    ids[n] = RAPT__EOS;
    d->padded = padded;
    d->requests[d->count] = (rapt__request){.source = {ids, n + 1}, .number = d->count};
    d->count++;
  }
  return d->count ? RAPT_OK
                  : rapt__fail(d->t->run->ctx, RAPT_EINVAL, "no validation sentence has fewer than %d tokens",
                               SENTENCES * 8);
}

/* ---- The whole prefix ---- */

static rapt__seq2seq_pass pass_of(const decoding *d, rapt_graph *graph) {
  rapt__seq2seq_pass pass = {.graph = graph, .params = d->place.model->params, .config = d->place.model->config};
  pass.source_lengths = rapt_input(graph, "source_lengths", RAPT_I32, 1, &d->count);
  return pass;
}

static void *data_of(rapt_plan *plan, const char *name) {
  rapt_tensor *t = rapt_plan_find(plan, name);
  return t ? rapt_plan_data(plan, t) : NULL;
}

static void fill_lengths(const decoding *d, rapt_plan *plan) {
  int32_t *lengths = data_of(plan, "source_lengths");
  for (int64_t r = 0; lengths && r < d->count; r++) lengths[r] = (int32_t)d->requests[r].source.count;
}

static rapt_status make_encoder(decoding *d, rapt__encoded *encoded) {
  rapt_context *ctx = d->place.ctx;
  RAPT_TRY(rapt_graph_new(ctx, &d->encoder_graph));
  rapt__seq2seq_pass pass = pass_of(d, d->encoder_graph);
  pass.source = rapt_input(d->encoder_graph, "source", RAPT_I32, 2, (int64_t[]){d->count, d->padded});
  d->place.model->arch->seq2seq->encode(&pass, encoded);
  RAPT_TRY(rapt_plan_new(d->encoder_graph, encoded->memory, encoded->count, NULL, &d->encoder));
  int32_t *source = data_of(d->encoder, "source");
  for (int64_t i = 0; i < d->count * d->padded; i++) {
    const rapt__source *s = &d->requests[i / d->padded].source;
    source[i] = i % d->padded < s->count ? s->ids[i % d->padded] : RAPT__PAD;
  }
  fill_lengths(d, d->encoder);
  d->memories = (size_t)encoded->count;
  d->memory = rapt__arena_new(&d->t->run->arena, d->memories, sizeof *d->memory);
  return d->memory ? RAPT_OK : RAPT_ENOMEM;
}

/* Scores of the last of `length` tokens. */
static rapt_status make_prefix(decoding *d, const rapt__encoded *encoded, int64_t length) {
  rapt_graph **graph = &d->graphs[length - 1];
  RAPT_TRY(rapt_graph_new(d->place.ctx, graph));
  rapt__seq2seq_pass pass = pass_of(d, *graph);
  pass.target = rapt_input(*graph, "target", RAPT_I32, 2, (int64_t[]){d->count, length});
  pass.target_lengths = rapt_input(*graph, "target_lengths", RAPT_I32, 1, &d->count);
  rapt__encoded inputs = {.count = 0};
  for (int i = 0; i < encoded->count; i++) {
    char name[24];
    const rapt_tensor *m = encoded->memory[i];
    snprintf(name, sizeof name, "memory.%d", i);
    rapt__encoded_memory(&inputs, rapt_input(*graph, name, rapt_type(m), rapt_ndim(m), rapt_dims(m)));
  }
  rapt__output o = d->place.model->arch->seq2seq->decode(&pass, &inputs);
  rapt_tensor *last = rapt_slice(o.hidden, 1, length - 1, 1);
  rapt_tensor *logits = rapt_tap(rapt_linear(last, o.head, true, o.bias, RAPT_IDENTITY), "logits");
  return rapt__plan_new(*graph, &logits, 1, NULL, &d->pool, &d->plans[length - 1]);
}

static rapt_status make_prefixes(decoding *d) {
  rapt__arena *arena = &d->t->run->arena;
  rapt__encoded encoded = {.count = 0};
  d->pool = (rapt__pool){.ctx = d->place.ctx};
  d->graphs = rapt__arena_new(arena, (size_t)d->length, sizeof(rapt_graph *));
  d->plans = rapt__arena_new(arena, (size_t)d->length, sizeof(rapt_plan *));
  d->tokens = rapt__arena_new(arena, (size_t)(d->count * d->length), sizeof *d->tokens);
  if (!d->graphs || !d->plans || !d->tokens) return RAPT_ENOMEM;
  RAPT_TRY(make_encoder(d, &encoded));
  for (int64_t n = d->length; n >= 1; n--) RAPT_TRY(make_prefix(d, &encoded, n));
  for (size_t i = 0; i < d->memories; i++) d->memory[i] = rapt_plan_data(d->encoder, encoded.memory[i]);
  return RAPT_OK;
}

/* Plans share their memory, so that inputs are laid before each run; that is not timed. */
static void fill_prefix(const decoding *d, rapt_plan *plan, int64_t length) {
  int32_t *target = data_of(plan, "target"), *lengths = data_of(plan, "target_lengths");
  fill_lengths(d, plan);
  for (size_t i = 0; i < d->memories; i++) {
    char name[24];
    snprintf(name, sizeof name, "memory.%d", (int)i);
    rapt_tensor *m = rapt_plan_find(plan, name);
    if (m) memcpy(rapt_plan_data(plan, m), d->memory[i], (size_t)rapt_size(m) * sizeof(real));
  }
  for (int64_t r = 0; r < d->count; r++) {
    if (lengths) lengths[r] = (int32_t)length;
    for (int64_t i = 0; i < length; i++) target[r * length + i] = i == 0 ? RAPT__BOS : d->tokens[r * d->length + i - 1];
  }
}

/* What the search may not choose before the greatest length: the first three ids (tasks/model.h). */
static int32_t best_of(const real *logits, int64_t vocabulary) {
  int64_t best = RAPT__EOS + 1;
  for (int64_t v = best + 1; v < vocabulary; v++)
    if (logits[v] > logits[best]) best = v;
  return (int32_t)best;
}

static rapt_status run_prefixes(decoding *d, double *least) {
  int64_t vocabulary = rapt_model_vocabulary(d->place.model);
  double begin = rapt__processor_time(), sum;
  RAPT_TRY(rapt_plan_run(d->encoder, 0));
  sum = rapt__processor_time() - begin;
  for (int64_t n = 1; n <= d->length && !rapt__toolkit_stopped(d->t); n++) {
    rapt_plan *plan = d->plans[n - 1];
    fill_prefix(d, plan, n);
    begin = rapt__processor_time();
    RAPT_TRY(rapt_plan_run(plan, 0));
    sum += rapt__processor_time() - begin;
    const real *logits = data_of(plan, "logits");
    for (int64_t r = 0; r < d->count; r++)
      d->tokens[r * d->length + n - 1] = best_of(logits + r * vocabulary, vocabulary);
  }
  *least = fmin(*least, sum);
  return RAPT_OK;
}

/* ---- The search ---- */

static rapt_status run_search(decoding *d, rapt__search *search, double *least, int64_t *same) {
  rapt__arena arena;
  rapt__answer answers[SENTENCES];
  rapt_translate_options options;
  rapt_translate_options given = {.beam = 1, .max_length = d->length, .min_length = d->length};
  RAPT_TRY(rapt__options_check(d->place.ctx, &given, &options));
  rapt__arena_init(&arena, d->place.ctx);
  double begin = rapt__processor_time();
  rapt_status status = rapt__search_run(search, d->requests, d->count, NULL, 0, &options, &arena, answers, NULL);
  *least = fmin(*least, rapt__processor_time() - begin);
  *same = 0;
  for (int64_t r = 0; r < d->count && status == RAPT_OK; r++) {
    const rapt_hypothesis *h = answers[r].hypotheses;
    for (int64_t i = 0; answers[r].count && i < h->count && i < d->length; i++)
      *same += h->tokens[i] == d->tokens[r * d->length + i];
  }
  rapt__arena_free(&arena);
  return status;
}

static rapt_status compare(decoding *d, rapt__search *search) {
  double fast = INFINITY, slow = INFINITY;
  int64_t same = 0, all = d->count * d->length;
  for (int64_t r = 0; r < 2 * d->t->settings->rounds + 1 && !rapt__toolkit_stopped(d->t); r++) {
    RAPT_TRY(run_prefixes(d, &slow));
    RAPT_TRY(run_search(d, search, &fast, &same));
  }
  if (rapt__toolkit_stopped(d->t)) return RAPT_OK;
  rapt__toolkit_bar_add(d->t, "decoding with kept states", slow / fast, wanted);
  return rapt__findings_judge(
      &d->t->findings, true, same == all && slow / fast >= wanted,
      "%lld tokens for each of %lld sentences take %.0f ms of the processor with the past kept, "
      "%.0f ms with the whole prefix run again (%.2f times, at least %.0f; %lld of %lld tokens "
      "are the same)",
      (long long)d->length, (long long)d->count, 1e3 * fast, 1e3 * slow, slow / fast, wanted, (long long)same,
      (long long)all);
}

static rapt_status decode(decoding *d) {
  rapt__search *search;
  RAPT_TRY(rapt__elsewhere_begin(d->t, 1, &d->place));
  rapt_model *m = d->place.model;
  if (d->length + 1 > rapt_model_context(m))
    return rapt__fail(d->place.ctx, RAPT_EKEY, "fairseq.length=%lld does not fit model.context=%lld with its begin",
                      (long long)d->length, (long long)rapt_model_context(m));
  RAPT_TRY(choose_sentences(d));
  RAPT_TRY(make_prefixes(d));
  rapt__search_model model = {m->arch->seq2seq, m->config, m->params, rapt_model_vocabulary(m), rapt_model_context(m)};
  RAPT_TRY(rapt__search_new(d->place.ctx, &model, 1, &search));
  rapt_status status = compare(d, search);
  rapt__search_free(search);
  return status;
}

rapt_status rapt__toolkit_decode(rapt__toolkit *t) {
  decoding d = {.t = t, .length = t->settings->length};
  rapt_status status = decode(&d);
  rapt_plan_free(d.encoder);
  rapt_graph_free(d.encoder_graph);
  for (int64_t n = 0; d.plans && n < d.length; n++) rapt_plan_free(d.plans[n]);
  for (int64_t n = 0; d.graphs && n < d.length; n++) rapt_graph_free(d.graphs[n]);
  if (d.pool.ctx) rapt__pool_free(&d.pool);
  return rapt__elsewhere_end(t, &d.place, status);
}

/* ---- Beams in groups ---- */

enum { BEAM = 6, GROUPS = 3, TRANSLATED = 60, LONGEST = 256 };

typedef struct variety {
  double distinct, all; /* pairs of neighbouring tokens, summed over sentences */
  double score;
  int64_t lines;
} variety;

/* Of a sentence's translations: how many pairs of neighbouring tokens there are, and how many different ones. */
static bool count_pairs(void *user, const rapt_translation *translation) {
  variety *v = user;
  int32_t pairs[BEAM * LONGEST][2];
  size_t count = 0;
  if (translation->status != RAPT_OK || translation->count == 0) return true;
  for (int64_t h = 0; h < translation->count; h++) {
    const rapt_hypothesis *y = &translation->hypotheses[h];
    for (int64_t i = 0; i + 1 < y->count && i < LONGEST / 2; i++) {
      bool seen = false;
      for (size_t k = 0; k < count && !seen; k++) seen = pairs[k][0] == y->tokens[i] && pairs[k][1] == y->tokens[i + 1];
      v->all++;
      if (seen) continue;
      v->distinct++;
      pairs[count][0] = y->tokens[i];
      pairs[count++][1] = y->tokens[i + 1];
    }
  }
  v->score += translation->hypotheses[0].score;
  v->lines++;
  return true;
}

rapt_status rapt__toolkit_diverse(rapt__toolkit *t) {
  const rapt__bitext *text = &t->corpus.test;
  const char *lines[TRANSLATED];
  size_t sizes[TRANSLATED];
  int64_t count = 0;
  for (; count < TRANSLATED && (size_t)count < text->count; count++) {
    lines[count] = text->pairs[count][RAPT__SOURCE].bytes;
    sizes[count] = text->pairs[count][RAPT__SOURCE].size;
  }
  rapt_translate_options options = {.beam = BEAM, .nbest = BEAM, .alpha = 1, .max_ratio = 1.5, .max_length = 10};
  variety plain = {0}, grouped = {0};
  rapt_translator *translator;
  RAPT_TRY(rapt_translator_new((rapt_model *const[]){t->net.model}, 1, &translator));
  rapt_status status = rapt_translate(translator, lines, sizes, count, &options, count_pairs, &plain);
  options.groups = GROUPS;
  options.diversity = 0.5;
  if (status == RAPT_OK) status = rapt_translate(translator, lines, sizes, count, &options, count_pairs, &grouped);
  rapt_translator_free(translator);
  if (status != RAPT_OK) return status;
  double a = 100 * plain.distinct / plain.all, b = 100 * grouped.distinct / grouped.all;
  return rapt__findings_judge(&t->findings, false, b > a,
                              "of the pairs of neighbouring tokens in %d translations of a sentence, %.1f %% are "
                              "different ones with a diverse beam (%d groups, 0.5), %.1f %% with a plain one; the best "
                              "one's mean log-probability: %.3f and %.3f",
                              BEAM, b, GROUPS, a, grouped.score / (double)grouped.lines,
                              plain.score / (double)plain.lines);
}
