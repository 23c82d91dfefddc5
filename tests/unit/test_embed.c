/* Embeddings of texts: those of their tokens, cut to a length, and what is refused. */
#include "unit/unit.h"

#include <rapt/embed.h>
#include <rapt/rapt.h>

enum { WIDTH = 8, TEXTS = 3 };
static const char *const texts[TEXTS] = {"a cat sat", "on a mat , a cat", "mat"};

static rapt_model *make(rapt_context *ctx, const char *arch, const char *const *settings, int count) {
  static const char text[] = "a cat sat on a mat , a cat";
  rapt_tokenizer *words;
  rapt_model *model;
  assert_ok(ctx, rapt_tokenizer_train_words(ctx, text, sizeof text - 1, NULL, &words));
  assert_ok(ctx, rapt_model_new(ctx, arch, settings, count, words, 3, &model));
  return model;
}

static rapt_model *make_encoder(rapt_context *ctx) {
  static const char *const settings[] = {"model.width=8", "model.heads=2", "model.layers=1", "model.context=6"};
  return make(ctx, "bert", settings, 4);
}

static void texts_have_the_embeddings_of_their_tokens(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_model *model = make_encoder(ctx);
  size_t sizes[TEXTS];
  float got[TEXTS * WIDTH], want[WIDTH];
  for (int i = 0; i < TEXTS; i++) sizes[i] = strlen(texts[i]);
  rapt_embed_options o = {.pooling = RAPT_POOLING_CLS, .normalize = true, .max_tokens = 4};
  assert_int_equal(rapt_encoder_width(model), WIDTH);
  assert_ok(ctx, rapt_encoder_embed_texts(model, texts, sizes, TEXTS, &o, got));
  for (int i = 0; i < TEXTS; i++) {
    int32_t *ids;
    int64_t count;
    assert_ok(ctx, rapt_tokenizer_encode(rapt_model_tokenizer(model), texts[i], sizes[i], &ids, &count));
    rapt_sequence one = {.ids = ids, .count = count < 4 ? count : 4};
    assert_ok(ctx, rapt_encoder_embed(model, &one, 1, &o, want));
    assert_memory_equal(got + i * WIDTH, want, sizeof want);
    rapt_tokenizer_release(rapt_model_tokenizer(model), ids);
  }
  size_t nothing = 0;
  assert_fails(ctx, rapt_encoder_embed_texts(model, texts, &nothing, 1, &o, got), RAPT_EINVAL, "text 1 has no token");
  rapt_model_free(model);
  close_context(&memory, ctx);
}

static void others_have_none(void **state) {
  (void)state;
  static const char *const settings[] = {"model.width=8", "model.heads=2", "model.layers=1"};
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_model *model = make(ctx, "gpt2", settings, 3);
  size_t size = 1;
  float out[WIDTH];
  assert_fails(ctx, rapt_encoder_embed_texts(model, texts, &size, 1, NULL, out), RAPT_EUNSUPPORTED,
               "gpt2 is no encoder");
  rapt_model_free(model);
  close_context(&memory, ctx);
}

static void memory_that_fails_is_told(void **state) {
  (void)state;
  counted_memory memory;
  long calls = 1;
  for (long at = 0; at <= calls; at++) {
    rapt_context *ctx = counted_context(&memory, 1);
    rapt_model *model = make_encoder(ctx);
    size_t size = strlen(texts[0]);
    float out[WIDTH];
    long before = memory.calls;
    memory.fail_at = at ? before + at : 0;
    rapt_status status = rapt_encoder_embed_texts(model, texts, &size, 1, NULL, out);
    memory.fail_at = 0;
    if (at == 0) calls = memory.calls - before;
    assert_int_equal(status, at ? RAPT_ENOMEM : RAPT_OK);
    rapt_model_free(model);
    close_context(&memory, ctx);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(texts_have_the_embeddings_of_their_tokens),
                                     cmocka_unit_test(others_have_none), cmocka_unit_test(memory_that_fails_is_told)};
  return cmocka_run_group_tests_name("embed", tests, NULL, NULL);
}
