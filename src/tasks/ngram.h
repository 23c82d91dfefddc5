/* Interpolated Kneser–Ney n-gram language models over integer ids: the baseline every neural language model is
 * measured against. Chen and Goodman 1999, "An empirical study of smoothing techniques for language modeling", with
 * one fixed discount per order or, "modified", three of them.
 *
 *   p(w | h) = max(c(hw) - D(c(hw)), 0) / c(h.) + (what the discounts took / c(h.)) p(w | h without its first word)
 *
 * c is the raw count at the highest order, and below it the number of distinct words seen to the left of hw, so that
 * a word which follows one word only counts once. The recursion ends in the uniform distribution over the
 * vocabulary, so every conditional distribution sums to one. */
#ifndef RAPT_SRC_NGRAM_H
#define RAPT_SRC_NGRAM_H

#include "base/base.h"

#define RAPT__NGRAM_MAX_ORDER 5
#define RAPT__NGRAM_STREAM (-1) /* instead of an end id: one stream, no sentences */

typedef struct rapt__ngram rapt__ngram;

/* Counts ids[0..count), each in [0, vocab), as one stream. `order` is 1 to 5; free the model with rapt__ngram_free. */
rapt_status rapt__ngram_train(rapt_context *ctx, const int32_t *ids, size_t count, int32_t vocab, int order,
                              bool modified, rapt__ngram **out);

/* The same for sentences that each close with the id `end`: no n-gram reaches over an end, every sentence is
 * preceded by a start marker that is itself never predicted, and n-grams that begin with the marker keep their raw
 * counts, as nothing can stand to their left. Sentences without any other id are allowed. */
rapt_status rapt__ngram_train_sentences(rapt_context *ctx, const int32_t *ids, size_t count, int32_t vocab, int32_t end,
                                        int order, bool modified, rapt__ngram **out);
void rapt__ngram_free(rapt__ngram *lm);

int rapt__ngram_order(const rapt__ngram *lm);
int32_t rapt__ngram_vocab(const rapt__ngram *lm);

/* The id of the start marker, for use as the first id of a context. It equals the size of the vocabulary. */
int32_t rapt__ngram_start(const rapt__ngram *lm);

/* The discount taken at an order (1 to the model's) from an n-gram whose count is `count` (3 stands for 3 and more). */
double rapt__ngram_discount(const rapt__ngram *lm, int order, int count);

/* p(id | context[0..n)), oldest first. Only the last order - 1 ids matter; with sentences, what stands before and at
 * the last end id counts as the start marker. Unknown ids in the context cut it short. Zero for an id outside [0,
 * vocab). */
double rapt__ngram_prob(const rapt__ngram *lm, const int32_t *context, size_t n, int32_t id);

/* What the model needs to know of the words before, for programs that grow sentences word by word in many ways: where
 * the last 1, 2, … words are among the n-grams, as far as something was seen behind them. Equal states give equal
 * probabilities for all that may follow. */
typedef struct rapt__ngram_state {
  uint32_t length, node[RAPT__NGRAM_MAX_ORDER - 1];
} rapt__ngram_state;

/* The state at the start of a sentence (of no context for a model of one stream), and the state of no context. */
void rapt__ngram_begin(const rapt__ngram *lm, rapt__ngram_state *state);
void rapt__ngram_no_context(rapt__ngram_state *state);
/* p(id | state), the same number as from rapt__ngram_prob, and the state behind the id; `next` may be `state`. */
double rapt__ngram_step(const rapt__ngram *lm, const rapt__ngram_state *state, int32_t id, rapt__ngram_state *next);

/* out[i] = p(ids[i] | what precedes it), (count). As one stream (end = RAPT__NGRAM_STREAM) the context of the first
 * id is empty. With an end id contexts do not cross it: a sentence begins with the start marker if the model was
 * trained on sentences with that end, else with the end id itself. RAPT_EINVAL for an id outside the vocabulary. */
rapt_status rapt__ngram_probs(const rapt__ngram *lm, const int32_t *ids, size_t count, int32_t end, double *out);

/* exp of the mean negative log-probability of all ids, ends included; infinite if one of them has probability zero. */
rapt_status rapt__ngram_perplexity(const rapt__ngram *lm, const int32_t *ids, size_t count, int32_t end, double *out);

/* Weights of a linear mixture of models that maximise the likelihood of held-out data, by expectation maximisation
 * from equal weights: probs (models, count) holds each model's probability of each held-out id, weights (models)
 * receives the result, which sums to one. Stops after `rounds`, or when no weight moves by more than 1e-10. Ids to
 * which every model gives zero are left out; RAPT_EINVAL if that leaves none. */
rapt_status rapt__ngram_mixture(rapt_context *ctx, const double *probs, size_t models, size_t count, int rounds,
                                double *weights);

#endif
