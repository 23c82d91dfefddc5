/* Llama (Touvron et al. 2023), and what has its class: Llama 2 and 3, SmolLM, TinyLlama. */
#include "models/decoder.h"

/* clang-format off */
static const rapt__key keys[] = {
    RAPT__DECODER_KEYS("32000", "2048", "32", "32", "0", "4096", "11008", "false"),
    RAPT__DECODER_HEAD_SIZE(NULL),
    RAPT__DECODER_ACTIVATION("hidden_act", "silu"),
    RAPT__DECODER_ROPE("rope_parameters.", "10000"),
    {"model.attention_bias", "attention_bias", RAPT__KEY_BOOL, RAPT__DECODER(qkv_bias), "false", 0, 0, NULL,
     "biases in the linear layers of attention", NULL},
    {"model.inner_bias", "mlp_bias", RAPT__KEY_BOOL, RAPT__DECODER(inner_bias), "false", 0, 0, NULL,
     "biases in those of the feed-forward layer", NULL},
    {0}};
/* clang-format on */

static rapt_status settle(rapt_context *ctx, rapt__arena *arena, void *config) {
  rapt__decoder_config *c = config;
  c->out_bias = c->qkv_bias;
  return rapt__decoder_settle(ctx, arena, c);
}

const rapt__model rapt__model_llama = {.name = "llama",
                                       .hf_class = "LlamaForCausalLM",
                                       .hf_type = "llama",
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
