/* How a Transformer learns where its tokens stand: a family of kinds, each at the place where its paper has it. A decoder
 * calls all four functions; those that its kind does not need change nothing. */
#ifndef RAPT_SRC_NN_POSITIONS_H
#define RAPT_SRC_NN_POSITIONS_H

#include "nn/nn.h"

typedef enum rapt__position {
  RAPT__POSITION_LEARNED,  /* a table added to the embeddings */
  RAPT__POSITION_ROPE,     /* queries and keys are turned                        (Su et al. 2021) */
  RAPT__POSITION_NONE,     /* only the causal mask tells */
  RAPT__POSITION_SINUSOID, /* waves added to the scaled embeddings               (Vaswani et al. 2017, §3.5) */
  RAPT__POSITION_SHAW,     /* q·(k + a), a by clipped distance, shared by heads  (Shaw et al. 2018, eq. 4) */
  RAPT__POSITION_SKEW,     /* the same with a vector a distance and head         (Huang et al. 2018, §3.4) */
  RAPT__POSITION_ALIBI,    /* −slope·distance added to the scores                (Press et al. 2022) */
  RAPT__POSITION_T5        /* a learnt number a bucket of distances and head     (Raffel et al. 2020, §2.1) */
} rapt__position;

enum { RAPT__POSITIONS = 8 };
extern const char *const rapt__position_names[]; /* "learned", …, then NULL */

typedef struct rapt__positions {
  rapt__position kind;
  int64_t heads;
  int64_t context;               /* positions there can be */
  int64_t clip;                  /* Shaw: distances at and past it are one */
  int64_t buckets, max_distance; /* T5 */
  double base;                   /* of the rotary frequencies */
  double init;                   /* standard deviation of new tables */
  bool naive; /* Shaw, skew: makes a vector for every pair, O(T²·d) of memory: what skewing is held to */
} rapt__positions;

/* x (B, T, C) with positions `at` int32 (T) in it: declares wpe.weight (context, C) where they are learnt. */
rapt_tensor *rapt__nn_position_embed(const rapt__layers *l, const rapt__positions *p, rapt_tensor *x, rapt_tensor *at);
/* A bias that all layers share, (H, Tq, Tk) for queries at `at` int32 (Tq) and keys at 0 … keys − 1; NULL: the kind has none.
 * Declares relative.weight (buckets, H) where it is learnt. */
rapt_tensor *rapt__nn_position_shared(const rapt__layers *l, const rapt__positions *p, rapt_tensor *at, int64_t keys);
/* Queries or keys (B, T, H, D), turned where the kind turns them. */
rapt_tensor *rapt__nn_position_turn(const rapt__positions *p, rapt_tensor *x, rapt_tensor *at);
/* A layer's own bias of scaled scores, (B, H, Tq, Tk), for causal attention of q (B, Tq, H, D): what is right of a query's own
 * place means nothing. `at` is 0 … keys − 1 unless Tq = 1. NULL: the kind has none. Declares relative.weight. */
rapt_tensor *rapt__nn_position_bias(const rapt__layers *l, const rapt__positions *p, rapt_tensor *q, rapt_tensor *at,
                                    int64_t keys);

/* (B, H, T, T) with the product of query i and the vector of distance T − 1 − c in column c → the same with it in column
 * j = i − distance; what is right of the diagonal means nothing. A pad, a reshape and a slice (Huang et al. 2018, §3.4.1). */
rapt_tensor *rapt__nn_skew(rapt_tensor *x);
/* (H): the slopes of ALiBi's heads, 2^(−8h/H) for a power of two, else those of the power below and every other one of the
 * power above. */
rapt_tensor *rapt__nn_alibi_slopes(rapt_graph *graph, int64_t heads);

#endif
