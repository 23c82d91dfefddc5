/* Attention of one sequence to another with a choice of score, mask and normaliser: the family of recurrent translators. (The
 * Transformer's is rapt_attention.) */
#ifndef RAPT_SRC_NN_ATTENTION_H
#define RAPT_SRC_NN_ATTENTION_H

#include "nn/nn.h"

/* Scores e of a query q (Q) against the annotation h (V) at position j. */
typedef enum rapt__score {
  RAPT__SCORE_ADDITIVE, /* v·tanh(W·q + U·h)             (Bahdanau et al. 2015, appendix A.1.2) */
  RAPT__SCORE_DOT,      /* q·h, Q = V                    (Luong et al. 2015, eq. 8) */
  RAPT__SCORE_SCALED,   /* q·h/√V                        (Vaswani et al. 2017, eq. 1) */
  RAPT__SCORE_BILINEAR, /* q·(W·h), Luong's "general" */
  RAPT__SCORE_LOCATION  /* (W·q)_j: the annotation is not looked at */
} rapt__score;

typedef enum rapt__normaliser {
  RAPT__NORMAL_SOFTMAX,
  RAPT__NORMAL_SIGMOID /* σ(e) over their sum: smoother        (Chorowski et al. 2015, §2.2) */
} rapt__normaliser;

typedef struct rapt__attention_kind {
  rapt__score score;
  rapt__normaliser normaliser;
  int64_t units;     /* of the additive score's hidden layer */
  int64_t query;     /* Q: of the bilinear score */
  int64_t positions; /* of the location score: the most that a source can have */
} rapt__attention_kind;

/* What does not depend on the query, once for all of them: annotations (B, S, V) → keys (B, S, K). Declares NAME.key.weight
 * where the score has it. */
rapt_tensor *rapt__nn_attention_keys(const rapt__layers *l, const char *name, const rapt__attention_kind *kind,
                                     rapt_tensor *annotations);
/* lengths int32 (B) → (B, 1, S): 1 where a position counts. */
rapt_tensor *rapt__nn_mask(rapt_tensor *lengths, int64_t positions);
/* query (B, T, Q) over keys and values (B, S, V) → (B, T, V); mask broadcasts to (B, T, S), or NULL. *weights gets (B, T, S).
 * Declares NAME.query.weight and NAME.score.weight where the score has them. */
rapt_tensor *rapt__nn_attention(const rapt__layers *l, const char *name, const rapt__attention_kind *kind,
                                rapt_tensor *query, rapt_tensor *keys, rapt_tensor *values, rapt_tensor *mask,
                                rapt_tensor **weights);

/* count tensors of one shape joined along their first axis, however many. */
rapt_tensor *rapt__nn_stack(rapt_tensor *const *parts, int64_t count);

#endif
