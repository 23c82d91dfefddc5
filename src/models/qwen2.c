/* Qwen 2 (Yang et al. 2024): Llama with biases of queries, keys and values. */
#include "models/decoder.h"

/* clang-format off */
static const rapt__key keys[] = {
    RAPT__DECODER_KEYS("151936", "32768", "32", "32", "32", "4096", "22016", "false"),
    RAPT__DECODER_ACTIVATION("hidden_act", "silu"),
    RAPT__DECODER_ROPE("rope_parameters.", "10000"),
    RAPT__DECODER_WINDOW("4096"),
    {"model.use_window", "use_sliding_window", RAPT__KEY_BOOL, RAPT__DECODER(use_window), "false", 0, 0, NULL,
     "the window counts", NULL},
    {"model.full_layers", "max_window_layers", RAPT__KEY_INT, RAPT__DECODER(full_layers), "0", 0, 1024, NULL,
     "layers at the bottom that do not slide, unless model.layer_types says so", "28"},
    RAPT__DECODER_LAYER_TYPES,
    {0}};
/* clang-format on */

static rapt_status settle(rapt_context *ctx, rapt__arena *arena, void *config) {
  rapt__decoder_config *c = config;
  c->qkv_bias = true;
  if (!c->use_window) c->window = 0;
  return rapt__decoder_settle(ctx, arena, c);
}

const rapt__model rapt__model_qwen2 = {.name = "qwen2",
                                       .hf_class = "Qwen2ForCausalLM",
                                       .hf_type = "qwen2",
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
