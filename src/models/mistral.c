/* Mistral (Jiang et al. 2023): Llama with a sliding window in all layers. */
#include "models/decoder.h"

/* clang-format off */
static const rapt__key keys[] = {
    RAPT__DECODER_KEYS("32000", "131072", "32", "32", "8", "4096", "14336", "false"),
    RAPT__DECODER_HEAD_SIZE(NULL),
    RAPT__DECODER_ACTIVATION("hidden_act", "silu"),
    RAPT__DECODER_ROPE("rope_parameters.", "10000"),
    RAPT__DECODER_WINDOW("4096"),
    {0}};
/* clang-format on */

static rapt_status settle(rapt_context *ctx, rapt__arena *arena, void *config) {
  rapt__decoder_config *c = config;
  c->all_slide = true;
  return rapt__decoder_settle(ctx, arena, c);
}

const rapt__model rapt__model_mistral = {.name = "mistral",
                                         .hf_class = "MistralForCausalLM",
                                         .hf_type = "mistral",
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
