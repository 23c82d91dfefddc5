/* The Transformer (Vaswani et al. 2017) normed after the residual sum, shared by the classes that differ from Marian's in their
 * settings. */
#ifndef RAPT_SRC_MODELS_TRANSFORMER_H
#define RAPT_SRC_MODELS_TRANSFORMER_H

#include "models/models.h"

typedef struct rapt__transformer_config {
  int64_t source_vocabulary, vocabulary, context, encoder_layers, decoder_layers, encoder_heads, decoder_heads, width,
      encoder_inner, decoder_inner;
  double dropout, attention_dropout, activation_dropout;
  int activation;
  bool shared, scaled;

  /* What the class fixes: */
  bool learned;        /* positions are tables, else sinusoids */
  bool embedding_norm; /* embeddings are normed */
  bool logits_bias;    /* a bias of the scores that is not trained */
} rapt__transformer_config;

extern const char *const rapt__transformer_activations[];

rapt_status rapt__transformer_settle(rapt_context *ctx, rapt__arena *arena, void *config);
rapt_status rapt__transformer_check(rapt_context *ctx, const void *config);
int64_t rapt__transformer_context(const void *config);
int64_t *rapt__transformer_vocabulary(void *config);
void rapt__transformer_encode(rapt__seq2seq_pass *pass, rapt__encoded *encoded);
rapt__output rapt__transformer_decode(rapt__seq2seq_pass *pass, const rapt__encoded *encoded); /* whole, and a step */

#endif
