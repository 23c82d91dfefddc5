/* The family of decoders after Llama (Touvron et al. 2023): RMS norms, rotary positions, grouped-query attention, gated
 * feed-forward layers. A class of the family is a small file: its table of settings, what it fixes, its descriptor. */
#ifndef RAPT_SRC_MODELS_DECODER_H
#define RAPT_SRC_MODELS_DECODER_H

#include "models/models.h"

#include <stddef.h>

typedef struct rapt__decoder_config {
  int64_t vocabulary, context, layers, heads, kv_heads, head_size, width, inner;
  int64_t window;        /* of sliding layers; 0: none slides */
  int64_t full_layers;   /* Qwen: so many layers at the bottom do not slide */
  int64_t pattern;       /* Gemma: every so manyth layer does not slide */
  int64_t rope_original; /* context before rope_scaling */
  int64_t query_scalar;  /* scores are divided by its root; 0: the head's size */
  double eps, init, attention_dropout, rope_base, local_rope_base, rope_factor, rope_low, rope_high;
  int activation, rope_scaling;
  bool tied, qkv_bias, out_bias, inner_bias, use_window;
  const char *layer_types; /* a word a layer, with commas */

  /* What the class fixes: */
  bool head_norms;     /* RMS norms of queries and keys, a head each (Qwen 3, Gemma 3) */
  bool unit_norms;     /* norms multiply by 1 + weight (Gemma) */
  bool branch_norms;   /* what a branch adds is normed too (Gemma 2) */
  bool scaled;         /* embeddings grow by √width (Gemma) */
  bool all_slide;      /* every layer has the window (Mistral) */
  bool has_local_rope; /* sliding layers have a base of their own and no scaling */
} rapt__decoder_config;

extern const char *const rapt__decoder_activations[], *const rapt__decoder_scalings[];

#define RAPT__DECODER(field) offsetof(rapt__decoder_config, field)

/* Rows that all classes have; the arguments are what absence means in the class's config.json. The formatter does not settle
 * on a form for these lists. */
/* clang-format off */
#define RAPT__DECODER_KEYS(VOCABULARY, CONTEXT, LAYERS, HEADS, KV_HEADS, WIDTH, INNER, TIED) \
  {"model.vocabulary", "vocab_size", RAPT__KEY_INT, RAPT__DECODER(vocabulary), "0", 0, 1 << 24, NULL, \
   "tokens in the vocabulary; 0: the tokenizer's", VOCABULARY}, \
  {"model.context", "max_position_embeddings", RAPT__KEY_INT, RAPT__DECODER(context), "64", 1, 1 << 24, NULL, \
   "tokens that a prediction can see", CONTEXT}, \
  {"model.layers", "num_hidden_layers", RAPT__KEY_INT, RAPT__DECODER(layers), "4", 1, 1024, NULL, \
   "blocks of attention and feed-forward", LAYERS}, \
  {"model.heads", "num_attention_heads", RAPT__KEY_INT, RAPT__DECODER(heads), "4", 1, 1024, NULL, \
   "attention heads", HEADS}, \
  {"model.kv_heads", "num_key_value_heads", RAPT__KEY_INT, RAPT__DECODER(kv_heads), "0", 0, 1024, NULL, \
   "heads of keys and values (grouped-query attention); divides the heads; 0: as many", KV_HEADS}, \
  {"model.width", "hidden_size", RAPT__KEY_INT, RAPT__DECODER(width), "128", 1, 1 << 16, NULL, \
   "size of the hidden state", WIDTH}, \
  {"model.inner", "intermediate_size", RAPT__KEY_INT, RAPT__DECODER(inner), "0", 0, 1 << 20, NULL, \
   "size of the feed-forward layer; 0: 8/3 of the width, up to a multiple of 16", INNER}, \
  {"model.eps", "rms_norm_eps", RAPT__KEY_REAL, RAPT__DECODER(eps), "1e-6", 0, 1, NULL, \
   "added to the mean square in norms", NULL}, \
  {"model.init", "initializer_range", RAPT__KEY_REAL, RAPT__DECODER(init), "0.02", 0, 10, NULL, \
   "standard deviation of new weights", NULL}, \
  {"model.attention_dropout", "attention_dropout", RAPT__KEY_REAL, RAPT__DECODER(attention_dropout), "0", 0, 0.99, \
   NULL, "dropout of attention probabilities", NULL}, \
  {"model.tied", "tie_word_embeddings", RAPT__KEY_BOOL, RAPT__DECODER(tied), "true", 0, 0, NULL, \
   "output weights are the token embeddings", TIED}

#define RAPT__DECODER_HEAD_SIZE(SIZE) \
  {"model.head_size", "head_dim", RAPT__KEY_INT, RAPT__DECODER(head_size), "0", 0, 1 << 12, NULL, \
   "size of a head; even; 0: the width divided by the heads", SIZE}

#define RAPT__DECODER_ACTIVATION(HF, NAME) \
  {"model.activation", HF, RAPT__KEY_CHOICE, RAPT__DECODER(activation), NAME, 0, 0, rapt__decoder_activations, \
   "of the feed-forward layer's gate", NULL}

/* PLACE: where rope_parameters lie in files of today; older ones have rope_theta and rope_scaling. */
#define RAPT__DECODER_ROPE(PLACE, BASE) \
  {"model.rope_base", PLACE "rope_theta|rope_theta", RAPT__KEY_REAL, RAPT__DECODER(rope_base), BASE, 1, 1e12, NULL, \
   "base of the rotary frequencies", NULL}, \
  {"model.rope_scaling", PLACE "rope_type|rope_scaling.rope_type|rope_scaling.type", RAPT__KEY_CHOICE, \
   RAPT__DECODER(rope_scaling), "default", 0, 0, rapt__decoder_scalings, \
   "how rotary frequencies are slowed down for long texts", NULL}, \
  {"model.rope_factor", "?" PLACE "factor|rope_scaling.factor", RAPT__KEY_REAL, RAPT__DECODER(rope_factor), "1", \
   1e-6, 1e6, NULL, "rope_scaling=linear, llama3: by so much", NULL}, \
  {"model.rope_low", "?" PLACE "low_freq_factor|rope_scaling.low_freq_factor", RAPT__KEY_REAL, \
   RAPT__DECODER(rope_low), "0", 0, 1e6, NULL, \
   "rope_scaling=llama3: frequencies with fewer waves in the original context are slowed down by the factor; 0: 1", NULL}, \
  {"model.rope_high", "?" PLACE "high_freq_factor|rope_scaling.high_freq_factor", RAPT__KEY_REAL, \
   RAPT__DECODER(rope_high), "0", 0, 1e6, NULL, \
   "rope_scaling=llama3: frequencies with more waves in it stay; 0: 4", NULL}, \
  {"model.rope_original", "?" PLACE "original_max_position_embeddings|rope_scaling.original_max_position_embeddings", \
   RAPT__KEY_INT, RAPT__DECODER(rope_original), "0", 0, 1 << 24, NULL, \
   "rope_scaling=llama3: the original context; 0: the context", NULL}

#define RAPT__DECODER_WINDOW(SIZE) \
  {"model.window", "sliding_window", RAPT__KEY_INT, RAPT__DECODER(window), "0", 0, 1 << 24, NULL, \
   "tokens that a sliding layer sees; 0: all", SIZE}

#define RAPT__DECODER_LAYER_TYPES \
  {"model.layer_types", "layer_types", RAPT__KEY_LIST, RAPT__DECODER(layer_types), NULL, 0, 0, NULL, \
   "full_attention or sliding_attention for each layer, with commas; empty: as the class has them", NULL}
/* clang-format on */

/* Settles what follows from other settings, after the class has set its own. */
rapt_status rapt__decoder_settle(rapt_context *ctx, rapt__arena *arena, rapt__decoder_config *config);
rapt_status rapt__decoder_check(rapt_context *ctx, const void *config);
rapt_tensor *rapt__decoder_hidden(const rapt__lm_pass *pass, rapt_tensor **head);
int64_t rapt__decoder_context(const void *config);
int64_t *rapt__decoder_vocabulary(void *config);
extern const char *const rapt__decoder_unread[], *const rapt__decoder_tied[];

#endif
