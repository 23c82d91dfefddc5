/* BERT with the head of masked language modelling (Devlin et al. 2019, §3.1), under the tensor names of BertForMaskedLM. */
#include "models/bert.h"

static rapt_tensor *hidden(const rapt__encoder_pass *pass) {
  rapt_scope_begin(pass->graph, "bert");
  rapt_tensor *x = rapt__bert_hidden(pass);
  rapt_scope_end(pass->graph);
  return x;
}

static rapt__output masked(const rapt__encoder_pass *pass, rapt_tensor *states) {
  const rapt__bert_config *c = pass->config;
  rapt__layers l = {pass->graph, pass->params};
  rapt_scope_begin(pass->graph, "cls.predictions");
  rapt_scope_begin(pass->graph, "transform");
  rapt_tensor *x = rapt__bert_linear(pass, "dense", states, c->width, rapt__bert_activation(c));
  x = rapt__bert_norm(pass, "LayerNorm", x);
  rapt_scope_end(pass->graph);
  rapt_tensor *bias =
      rapt_param(pass->graph, pass->params, "bias", 1, &c->vocabulary, (rapt_init){RAPT_INIT_ZEROS, 0, true});
  rapt_scope_end(pass->graph);
  rapt_tensor *table = rapt__nn_table(&l, "bert.embeddings.word_embeddings", c->vocabulary, c->width, c->init);
  return (rapt__output){.hidden = x, .head = table, .bias = bias};
}

static const rapt__encoder encoder = {.hidden = hidden, .masked = masked, .width = rapt__bert_width};

/* The head of next-sentence prediction and its pooler are left out. */
static const char *const unread[] = {"embeddings.position_ids",     "pooler.dense.weight",       "pooler.dense.bias",
                                     "cls.seq_relationship.weight", "cls.seq_relationship.bias", NULL};
static const char *const tied[] = {"cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight",
                                   "cls.predictions.decoder.bias", "cls.predictions.bias", NULL};

const rapt__model rapt__model_bert_mlm = {.name = "bert-mlm",
                                          .hf_class = "BertForMaskedLM",
                                          .hf_type = "bert",
                                          .hf_prefix = "",
                                          .hf_unread = unread,
                                          .hf_tied = tied,
                                          .hf_renamed = rapt__bert_renamed,
                                          .keys = rapt__bert_keys,
                                          .config_size = sizeof(rapt__bert_config),
                                          .settle = rapt__bert_settle,
                                          .check = rapt__bert_check,
                                          .context = rapt__bert_context,
                                          .vocabulary = rapt__bert_vocabulary,
                                          .encoder = &encoder};
