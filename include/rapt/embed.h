/* rapt/embed.h: encoders: a state for every token of a sequence, one vector for a text, what a masked token is. */
#ifndef RAPT_EMBED_H
#define RAPT_EMBED_H

#include <rapt/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One sequence of tokens, special ones ([CLS], [SEP]) included. */
typedef struct rapt_sequence {
  const int32_t *ids;   /* (count), borrowed */
  const int32_t *types; /* (count): 0 for a first text, 1 for a second one, borrowed; NULL: all 0 */
  int64_t count;        /* 1 to the model's context */
} rapt_sequence;

/* How the states of a sequence become one vector. */
typedef enum rapt_pooling {
  RAPT_POOLING_MEAN,  /* of all tokens */
  RAPT_POOLING_CLS,   /* the first token's */
  RAPT_POOLING_MAX,   /* the greatest of each component */
  RAPT_POOLING_POOLER /* the layer over the first token's state that BERT has for it */
} rapt_pooling;

typedef struct rapt_embed_options {
  rapt_pooling pooling;
  bool normalize;     /* to length 1 */
  int64_t max_tokens; /* longer sequences are cut by who makes them of texts; 0: the context */
} rapt_embed_options;

/* All functions take a model of kind RAPT_KIND_ENCODER. Results of a sequence do not depend on what else is in the call, to
 * the bit. */

/* The size of states, and of embeddings; 0 of other kinds. */
RAPT_API int64_t rapt_encoder_width(const rapt_model *model);
/* What modules.json and what it refers to say in a directory of sentence-transformers; else the mean, not normalised. */
RAPT_API rapt_embed_options rapt_encoder_options(const rapt_model *model);
/* States of the last layer, of one sequence after the other: (sum of counts, width). */
RAPT_API rapt_status rapt_encoder_hidden(rapt_model *model, const rapt_sequence *sequences, int64_t count, float *out);
/* Embeddings (count, width); options NULL: the model's own. (Reimers & Gurevych 2019) */
RAPT_API rapt_status rapt_encoder_embed(rapt_model *model, const rapt_sequence *sequences, int64_t count,
                                        const rapt_embed_options *options, float *out);
/* The same of texts (UTF-8; an invalid byte is read as U+FFFD), with the special tokens of the model's tokenizer and cut to
 * max_tokens. */
RAPT_API rapt_status rapt_encoder_embed_texts(rapt_model *model, const char *const *texts, const size_t *sizes,
                                              int64_t count, const rapt_embed_options *options, float *out);
/* The probability of every token of the vocabulary at one position of the sequence, which has a mask there: (vocabulary). Needs
 * a class with that head (BertForMaskedLM). (Devlin et al. 2019, §3.1) */
RAPT_API rapt_status rapt_encoder_masked(rapt_model *model, const rapt_sequence *sequence, int64_t position,
                                         float *probabilities);

#ifdef __cplusplus
}
#endif
#endif
