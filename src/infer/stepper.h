/* One model in a search: a batch of sentences is encoded once, then every row, a hypothesis, takes a token at a time.
 *
 * Sentences have slots of `width` rows each. Plans have more rows than are used: a multiple of 8, and never so few that a kernel
 * for few rows would be chosen, which rounds differently. So a row's numbers do not depend on what else is in the batch, provided
 * that the length S of the batch follows from the sentence alone (rapt__padded). */
#ifndef RAPT_SRC_INFER_STEPPER_H
#define RAPT_SRC_INFER_STEPPER_H

#include "graph/params.h"
#include "tasks/model.h"

/* What a search needs of a model. */
typedef struct rapt__search_model {
  const rapt__seq2seq *arch;
  const void *config;
  rapt_params *params; /* borrowed */
  int64_t vocabulary;  /* of the target */
  int64_t context;     /* most tokens of a target with its begin, and of a source with its end */
} rapt__search_model;

typedef struct rapt__source {
  const int32_t *ids; /* with the end of the sentence */
  int64_t count;
} rapt__source;

typedef struct rapt__stepper rapt__stepper;

rapt_status rapt__stepper_new(rapt_context *ctx, const rapt__search_model *model, rapt__stepper **out);
void rapt__stepper_free(rapt__stepper *s);

/* Up to this length a sentence of `count` tokens is padded, on either side. */
int64_t rapt__padded(int64_t count, int64_t context);
/* Rows of a plan in which `used` rows are wanted. */
int64_t rapt__stepper_rows(int64_t used);

/* Encodes sentences, all of the same rapt__padded, and fills the rows of their slots. */
rapt_status rapt__stepper_begin(rapt__stepper *s, const rapt__source *sources, int64_t count, int64_t width);

/* What a step leaves, (rows, …), in the plan's memory: valid until the next step. Search may write into the logits. */
typedef struct rapt__step {
  real *logits;          /* (rows, V) */
  const real *lse;       /* (rows): their log-sum-exp */
  const real *alignment; /* (rows, S), or NULL where the model has none */
} rapt__step;
/* Every row takes tokens[row], the newest of its hypothesis. */
rapt_status rapt__stepper_step(rapt__stepper *s, const int32_t *tokens, rapt__step *out);

/* Row `to` becomes a copy of row `from` of the same slot. */
void rapt__stepper_copy(rapt__stepper *s, int64_t to, int64_t from);
/* Only slots[0..count), in rising order, go on; slot slots[i] becomes slot i. */
rapt_status rapt__stepper_keep(rapt__stepper *s, const int64_t *slots, int64_t count);

#endif
