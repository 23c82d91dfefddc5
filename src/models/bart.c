/* BART (Lewis et al. 2020): the Transformer with learned positions, normed embeddings and one vocabulary, under the tensor names
 * of Hugging Face's BartForConditionalGeneration. */
#include "models/transformer.h"

#include <stddef.h>

#define AT(field) offsetof(rapt__transformer_config, field)
static const rapt__key keys[] = {
    {"model.vocabulary", "vocab_size", RAPT__KEY_INT, AT(vocabulary), "0", 0, 1 << 24, NULL,
     "tokens of both sides; 0: the tokenizer's", "50265"},
    {"model.context", "max_position_embeddings", RAPT__KEY_INT, AT(context), "128", 1, 1 << 16, NULL,
     "tokens that a text may have, on either side", "1024"},
    {"model.encoder_layers", "encoder_layers", RAPT__KEY_INT, AT(encoder_layers), "3", 1, 100, NULL,
     "layers that read the source", "12"},
    {"model.decoder_layers", "decoder_layers", RAPT__KEY_INT, AT(decoder_layers), "3", 1, 30, NULL,
     "layers that write the target", "12"},
    {"model.width", "d_model", RAPT__KEY_INT, AT(width), "256", 1, 1 << 16, NULL, "size of the hidden state", "1024"},
    {"model.heads", "encoder_attention_heads", RAPT__KEY_INT, AT(encoder_heads), "4", 1, 1024, NULL,
     "attention heads of the encoder; divides the width", "16"},
    {"model.decoder_heads", "decoder_attention_heads", RAPT__KEY_INT, AT(decoder_heads), "0", 0, 1024, NULL,
     "attention heads of the decoder; 0: as many as the encoder", "16"},
    {"model.inner", "encoder_ffn_dim", RAPT__KEY_INT, AT(encoder_inner), "0", 0, 1 << 18, NULL,
     "size of the encoder's feed-forward layers; 0: 4 × width", "4096"},
    {"model.decoder_inner", "decoder_ffn_dim", RAPT__KEY_INT, AT(decoder_inner), "0", 0, 1 << 18, NULL,
     "size of the decoder's feed-forward layers; 0: as the encoder's", "4096"},
    {"model.dropout", "dropout", RAPT__KEY_REAL, AT(dropout), "0.1", 0, 0.99, NULL,
     "dropout of embeddings and residual branches"},
    {"model.attention_dropout", "attention_dropout", RAPT__KEY_REAL, AT(attention_dropout), "0", 0, 0.99, NULL,
     "dropout of attention probabilities"},
    {"model.activation_dropout", "activation_dropout", RAPT__KEY_REAL, AT(activation_dropout), "0", 0, 0.99, NULL,
     "dropout inside feed-forward layers"},
    {"model.activation", "activation_function", RAPT__KEY_CHOICE, AT(activation), "gelu", 0, 0,
     rapt__transformer_activations, "of the feed-forward layers"},
    {"model.scaled", "scale_embedding", RAPT__KEY_BOOL, AT(scaled), "false", 0, 0, NULL,
     "embeddings are multiplied by the root of the width"},
    {0}};
#undef AT

static rapt_status settle(rapt_context *ctx, rapt__arena *arena, void *config) {
  rapt__transformer_config *c = config;
  c->source_vocabulary = c->vocabulary;
  c->shared = c->learned = c->embedding_norm = true;
  return rapt__transformer_settle(ctx, arena, c);
}

static int64_t layers_of(const rapt__seq2seq_pass *pass) {
  return ((const rapt__transformer_config *)pass->config)->decoder_layers;
}

static void encode(rapt__seq2seq_pass *pass, rapt__encoded *encoded) {
  rapt__transformer_encode(pass, encoded, layers_of(pass));
}

/* The scores' bias is a buffer of PyTorch's, which training leaves alone: it rules out tokens. */
static rapt__output run_decoder(rapt__seq2seq_pass *pass, const rapt__encoded *encoded) {
  rapt_tensor *x = rapt__transformer_decode(pass, encoded, layers_of(pass));
  int64_t dims[2] = {1, ((const rapt__transformer_config *)pass->config)->vocabulary};
  rapt_tensor *bias =
      rapt_param(pass->graph, pass->params, "final_logits_bias", 2, dims, (rapt_init){RAPT_INIT_ZEROS, 0, true});
  return (rapt__output){
      .hidden = x, .head = rapt__transformer_head(pass), .bias = rapt_detach(rapt_reshape(bias, 1, dims + 1))};
}

static const rapt__seq2seq seq2seq = {.encode = encode, .decode = run_decoder, .step = run_decoder};

static const char *const tied[] = {"model.encoder.embed_tokens.weight",
                                   "model.shared.weight",
                                   "model.decoder.embed_tokens.weight",
                                   "model.shared.weight",
                                   "lm_head.weight",
                                   "model.shared.weight",
                                   NULL};
static const char *const optional[] = {"final_logits_bias", NULL};
static const char *const allowed[] = {"normalize_embedding", NULL};

const rapt__model rapt__model_bart = {.name = "bart",
                                      .hf_class = "BartForConditionalGeneration",
                                      .hf_type = "bart",
                                      .hf_prefix = "",
                                      .hf_tied = tied,
                                      .hf_optional = optional,
                                      .hf_allowed = allowed,
                                      .keys = keys,
                                      .config_size = sizeof(rapt__transformer_config),
                                      .settle = settle,
                                      .check = rapt__transformer_check,
                                      .context = rapt__transformer_context,
                                      .vocabulary = rapt__transformer_vocabulary,
                                      .seq2seq = &seq2seq};
