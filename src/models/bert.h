/* BERT (Devlin et al. 2019), shared by its classes: with a pooler, and with the head of masked language modelling. */
#ifndef RAPT_SRC_MODELS_BERT_H
#define RAPT_SRC_MODELS_BERT_H

#include "models/models.h"

typedef struct rapt__bert_config {
  int64_t vocabulary, context, types, layers, heads, width, inner;
  double dropout, attention_dropout, eps, init;
  int activation;
} rapt__bert_config;

extern const rapt__key rapt__bert_keys[];
extern const char *const rapt__bert_renamed[];

rapt_status rapt__bert_settle(rapt_context *ctx, rapt__arena *arena, void *config);
rapt_status rapt__bert_check(rapt_context *ctx, const void *config);
int64_t rapt__bert_context(const void *config);
int64_t *rapt__bert_vocabulary(void *config);
int64_t rapt__bert_width(const void *config);

/* The network in the graph's scope, which is "bert" in the classes that have a head. */
rapt_tensor *rapt__bert_hidden(const rapt__encoder_pass *pass);
/* activation(x·W + b): a layer of heads. */
rapt_tensor *rapt__bert_linear(const rapt__encoder_pass *pass, const char *name, rapt_tensor *x, int64_t out,
                               rapt_activation activation);
rapt_activation rapt__bert_activation(const rapt__bert_config *config);
rapt_tensor *rapt__bert_norm(const rapt__encoder_pass *pass, const char *name, rapt_tensor *x);

#endif
