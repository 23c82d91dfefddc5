/* Gemma 3's text model (Kamath et al. 2025): norms before and after every branch, norms of queries and keys, five sliding
 * layers for one that sees everything. */
#include "models/decoder.h"

/* clang-format off */
static const rapt__key keys[] = {
    RAPT__DECODER_KEYS("262208", "131072", "26", "8", "4", "2304", "9216", "true"),
    RAPT__DECODER_HEAD_SIZE("256"),
    RAPT__DECODER_ACTIVATION("hidden_activation|hidden_act", "gelu_pytorch_tanh"),
    RAPT__DECODER_ROPE("rope_parameters.full_attention.", "1000000"),
    {"model.local_rope_base", "rope_parameters.sliding_attention.rope_theta|rope_local_base_freq", RAPT__KEY_REAL,
     RAPT__DECODER(local_rope_base), "10000", 1, 1e12, NULL, "base of the rotary frequencies in sliding layers", NULL},
    {"model.query_scalar", "query_pre_attn_scalar", RAPT__KEY_INT, RAPT__DECODER(query_scalar), "0", 0, 1e6, NULL,
     "scores are divided by its root; 0: the head's size", "256"},
    RAPT__DECODER_WINDOW("4096"),
    {"model.pattern", "_sliding_window_pattern|sliding_window_pattern", RAPT__KEY_INT, RAPT__DECODER(pattern), "6", 1,
     1024, NULL, "every so manyth layer does not slide, unless model.layer_types says so", NULL},
    {"model.attention_bias", "attention_bias", RAPT__KEY_BOOL, RAPT__DECODER(qkv_bias), "false", 0, 0, NULL,
     "biases in the linear layers of attention", NULL},
    RAPT__DECODER_LAYER_TYPES,
    {0}};
/* clang-format on */

static rapt_status settle(rapt_context *ctx, rapt__arena *arena, void *config) {
  rapt__decoder_config *c = config;
  c->out_bias = c->qkv_bias;
  c->head_norms = c->unit_norms = c->branch_norms = c->scaled = c->has_local_rope = true;
  if (!c->query_scalar) c->query_scalar = c->head_size ? c->head_size : c->width / c->heads;
  return rapt__decoder_settle(ctx, arena, c);
}

const rapt__model rapt__model_gemma3 = {.name = "gemma3",
                                        .hf_class = "Gemma3ForCausalLM",
                                        .hf_type = "gemma3_text",
                                        .hf_prefix = "model.",
                                        .hf_unread = rapt__decoder_unread,
                                        .hf_tied = rapt__decoder_tied,
                                        .keys = keys,
                                        .config_size = sizeof(rapt__decoder_config),
                                        .settle = settle,
                                        .check = rapt__decoder_check,
                                        .hidden = rapt__decoder_hidden,
                                        .context = rapt__decoder_context,
                                        .vocabulary = rapt__decoder_vocabulary,
                                        .has_cache = true};
