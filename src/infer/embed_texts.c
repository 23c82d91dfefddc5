/* Texts as tokens with the special ones of the encoder, then as embeddings. */
#include <rapt/embed.h>

#include "tasks/encoder.h"

static rapt_status tokens_of(rapt_model *model, const char *const *texts, const size_t *sizes, int64_t count,
                             int64_t most, rapt_encoding **encodings) {
  rapt_encode_options o = {.special_tokens = true, .max_length = most};
  for (int64_t i = 0; i < count; i++) {
    RAPT_TRY(rapt_tokenizer_encode_with(model->tokenizer, texts[i], sizes[i], NULL, 0, &o, &encodings[i]));
    if (encodings[i]->count < 1)
      return rapt__fail(model->ctx, RAPT_EINVAL, "text %lld has no token, and the tokenizer adds none",
                        (long long)i + 1);
  }
  return RAPT_OK;
}

rapt_status rapt_encoder_embed_texts(rapt_model *model, const char *const *texts, const size_t *sizes, int64_t count,
                                     const rapt_embed_options *options, float *out) {
  rapt_context *ctx = model->ctx;
  if (!model->arch->encoder)
    return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s is no encoder: it has no embeddings of texts", model->arch->name);
  if (!model->tokenizer) return rapt__fail(ctx, RAPT_EINVAL, "the model has no tokenizer, which texts need");
  rapt_embed_options own = options ? *options : model->embed;
  int64_t context = rapt_model_context(model), most = own.max_tokens;
  if (most < 1 || most > context) most = context;
  rapt_encoding **encodings = rapt__new(ctx, (size_t)count + 1, sizeof *encodings);
  rapt_sequence *sequences = rapt__new(ctx, (size_t)count + 1, sizeof *sequences);
  rapt_status status = encodings && sequences ? RAPT_OK : RAPT_ENOMEM;
  if (status == RAPT_OK) status = tokens_of(model, texts, sizes, count, most, encodings);
  for (int64_t i = 0; status == RAPT_OK && i < count; i++)
    sequences[i] = (rapt_sequence){encodings[i]->ids, encodings[i]->types, encodings[i]->count};
  if (status == RAPT_OK) status = rapt_encoder_embed(model, sequences, count, &own, out);
  for (int64_t i = 0; encodings && i < count; i++) rapt_encoding_free(model->tokenizer, encodings[i]);
  rapt__free(ctx, encodings);
  rapt__free(ctx, sequences);
  return status;
}
