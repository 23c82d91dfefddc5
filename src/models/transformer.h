/* The Transformer's two stacks, for architectures that put another output on them. */
#ifndef RAPT_SRC_MODELS_TRANSFORMER_H
#define RAPT_SRC_MODELS_TRANSFORMER_H

#include "models/models.h"

#include <stddef.h>

/* Settings of both stacks; the first member of the settings of an architecture that is made of them. */
typedef struct rapt__transformer_config {
  int64_t source_vocabulary, vocabulary, context, encoder_layers, decoder_layers, encoder_heads, decoder_heads, width,
      encoder_inner, decoder_inner;
  double dropout, attention_dropout, activation_dropout;
  int activation;
  bool shared, scaled;

  /* What a class fixes when it settles: */
  bool learned;        /* positions are tables, else sinusoids */
  bool embedding_norm; /* embeddings are normed */
} rapt__transformer_config;

extern const char *const rapt__transformer_activations[];

/* Rows of its table of keys. */
#define RAPT__TRANSFORMER_AT(field) offsetof(rapt__transformer_config, field)
#define RAPT__TRANSFORMER_KEYS                                                                                         \
  {"model.source_vocabulary",                                                                                          \
   "vocab_size",                                                                                                       \
   RAPT__KEY_INT,                                                                                                      \
   RAPT__TRANSFORMER_AT(source_vocabulary),                                                                            \
   "0",                                                                                                                \
   0,                                                                                                                  \
   1 << 24,                                                                                                            \
   NULL,                                                                                                               \
   "tokens of the source; 0: its tokenizer's"},                                                                        \
      {"model.vocabulary",                                                                                             \
       "decoder_vocab_size",                                                                                           \
       RAPT__KEY_INT,                                                                                                  \
       RAPT__TRANSFORMER_AT(vocabulary),                                                                               \
       "0",                                                                                                            \
       0,                                                                                                              \
       1 << 24,                                                                                                        \
       NULL,                                                                                                           \
       "tokens of the target; 0: its tokenizer's"},                                                                    \
      {"model.context",                                                                                                \
       "max_position_embeddings",                                                                                      \
       RAPT__KEY_INT,                                                                                                  \
       RAPT__TRANSFORMER_AT(context),                                                                                  \
       "128",                                                                                                          \
       1,                                                                                                              \
       1 << 16,                                                                                                        \
       NULL,                                                                                                           \
       "tokens that a sentence may have, on either side"},                                                             \
      {"model.encoder_layers",                                                                                         \
       "encoder_layers",                                                                                               \
       RAPT__KEY_INT,                                                                                                  \
       RAPT__TRANSFORMER_AT(encoder_layers),                                                                           \
       "3",                                                                                                            \
       1,                                                                                                              \
       100,                                                                                                            \
       NULL,                                                                                                           \
       "layers that read the source"},                                                                                 \
      {"model.decoder_layers",                                                                                         \
       "decoder_layers",                                                                                               \
       RAPT__KEY_INT,                                                                                                  \
       RAPT__TRANSFORMER_AT(decoder_layers),                                                                           \
       "3",                                                                                                            \
       1,                                                                                                              \
       30,                                                                                                             \
       NULL,                                                                                                           \
       "layers that write the target"},                                                                                \
      {"model.width",                                                                                                  \
       "d_model",                                                                                                      \
       RAPT__KEY_INT,                                                                                                  \
       RAPT__TRANSFORMER_AT(width),                                                                                    \
       "256",                                                                                                          \
       2,                                                                                                              \
       1 << 16,                                                                                                        \
       NULL,                                                                                                           \
       "size of the hidden state; even"},                                                                              \
      {"model.heads",                                                                                                  \
       "encoder_attention_heads",                                                                                      \
       RAPT__KEY_INT,                                                                                                  \
       RAPT__TRANSFORMER_AT(encoder_heads),                                                                            \
       "4",                                                                                                            \
       1,                                                                                                              \
       1024,                                                                                                           \
       NULL,                                                                                                           \
       "attention heads of the encoder; divides the width"},                                                           \
      {"model.decoder_heads",                                                                                          \
       "decoder_attention_heads",                                                                                      \
       RAPT__KEY_INT,                                                                                                  \
       RAPT__TRANSFORMER_AT(decoder_heads),                                                                            \
       "0",                                                                                                            \
       0,                                                                                                              \
       1024,                                                                                                           \
       NULL,                                                                                                           \
       "attention heads of the decoder; 0: as many as the encoder"},                                                   \
      {"model.inner",                                                                                                  \
       "encoder_ffn_dim",                                                                                              \
       RAPT__KEY_INT,                                                                                                  \
       RAPT__TRANSFORMER_AT(encoder_inner),                                                                            \
       "0",                                                                                                            \
       0,                                                                                                              \
       1 << 18,                                                                                                        \
       NULL,                                                                                                           \
       "size of the encoder's feed-forward layers; 0: 4 × width"},                                                     \
      {"model.decoder_inner",                                                                                          \
       "decoder_ffn_dim",                                                                                              \
       RAPT__KEY_INT,                                                                                                  \
       RAPT__TRANSFORMER_AT(decoder_inner),                                                                            \
       "0",                                                                                                            \
       0,                                                                                                              \
       1 << 18,                                                                                                        \
       NULL,                                                                                                           \
       "size of the decoder's feed-forward layers; 0: as the encoder's"},                                              \
      {"model.dropout",                                                                                                \
       "dropout",                                                                                                      \
       RAPT__KEY_REAL,                                                                                                 \
       RAPT__TRANSFORMER_AT(dropout),                                                                                  \
       "0.1",                                                                                                          \
       0,                                                                                                              \
       0.99,                                                                                                           \
       NULL,                                                                                                           \
       "dropout of embeddings and residual branches"},                                                                 \
      {"model.attention_dropout",                                                                                      \
       "attention_dropout",                                                                                            \
       RAPT__KEY_REAL,                                                                                                 \
       RAPT__TRANSFORMER_AT(attention_dropout),                                                                        \
       "0",                                                                                                            \
       0,                                                                                                              \
       0.99,                                                                                                           \
       NULL,                                                                                                           \
       "dropout of attention probabilities"},                                                                          \
      {"model.activation_dropout",                                                                                     \
       "activation_dropout",                                                                                           \
       RAPT__KEY_REAL,                                                                                                 \
       RAPT__TRANSFORMER_AT(activation_dropout),                                                                       \
       "0",                                                                                                            \
       0,                                                                                                              \
       0.99,                                                                                                           \
       NULL,                                                                                                           \
       "dropout inside feed-forward layers"},                                                                          \
      {"model.activation",                                                                                             \
       "activation_function",                                                                                          \
       RAPT__KEY_CHOICE,                                                                                               \
       RAPT__TRANSFORMER_AT(activation),                                                                               \
       "relu",                                                                                                         \
       0,                                                                                                              \
       0,                                                                                                              \
       rapt__transformer_activations,                                                                                  \
       "of the feed-forward layers"},                                                                                  \
      {"model.shared",                                                                                                 \
       "share_encoder_decoder_embeddings",                                                                             \
       RAPT__KEY_BOOL,                                                                                                 \
       RAPT__TRANSFORMER_AT(shared),                                                                                   \
       "true",                                                                                                         \
       0,                                                                                                              \
       0,                                                                                                              \
       NULL,                                                                                                           \
       "one table of embeddings for source and target (one vocabulary)"},                                              \
  {                                                                                                                    \
    "model.scaled", "scale_embedding", RAPT__KEY_BOOL, RAPT__TRANSFORMER_AT(scaled), "true", 0, 0, NULL,               \
        "embeddings are multiplied by the root of the width"                                                           \
  }

/* Fills in what follows from other settings, and checks them against each other. */
rapt_status rapt__transformer_settle(rapt_context *ctx, rapt__arena *arena, void *config);
rapt_status rapt__transformer_check(rapt_context *ctx, const void *config);

/* The encoder's states (B, S, C). The first `cross` layers of the decoder attend to them: their keys and values become the
 * first 2·cross tensors of the memory. */
rapt_tensor *rapt__transformer_encode(rapt__seq2seq_pass *pass, rapt__encoded *encoded, int64_t cross);
/* The decoder's states (B, T, C), causal; a step keeps its past in caches. */
rapt_tensor *rapt__transformer_decode(rapt__seq2seq_pass *pass, const rapt__encoded *encoded, int64_t cross);
/* The target's table of embeddings, which is the output's as well (V, C). */
rapt_tensor *rapt__transformer_head(rapt__seq2seq_pass *pass);

/* The fields that every such model has. */
int64_t rapt__transformer_context(const void *config);
int64_t *rapt__transformer_vocabulary(void *config);
int64_t *rapt__transformer_source_vocabulary(void *config);

#endif
