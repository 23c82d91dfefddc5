/* Recurrent encoder–decoders without attention against PyTorch (tests/golden/make_rnn_encdec.py). */
#include "golden/seq2seq_golden.h"

#include "kernels/kernels.h"

static const char directory[] = "tests/golden/rnn-encdec";
static const char *const nets[] = {"sutskever", "cho", "gru", "mixed", "memory", "grconv"};

static void training_is_that_of_pytorch(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
    for (int level = 0; level < K_LEVEL_COUNT; level++)
      if (rapt__kernels_at((k_level)level))
        s2s_check_training("rnn-encdec", directory, nets[i], rapt__kernels_level_name((k_level)level), 1e-5);
}

static void steps_give_the_scores_of_whole_targets(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) s2s_check_steps("rnn-encdec", directory, nets[i], 1e-5);
}

static void vocabularies_are_asked_for(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_model *model;
  const char *settings[] = {"model.vocabulary=5"};
  assert_fails(ctx, rapt_model_new(ctx, "rnn-encdec", settings, 1, NULL, 1, &model), RAPT_EKEY,
               "model.source_vocabulary");
  close_context(&memory, ctx);
}

static void a_pyramid_needs_a_decoder_that_reads_one_vector(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_model *model;
  const char *settings[] = {"model.vocabulary=5", "model.source_vocabulary=5", "model.encoder=grconv",
                            "model.reverse=false"};
  assert_fails(ctx, rapt_model_new(ctx, "rnn-encdec", settings, 4, NULL, 1, &model), RAPT_EKEY, "feed_context=true");
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(training_is_that_of_pytorch), cmocka_unit_test(steps_give_the_scores_of_whole_targets),
      cmocka_unit_test(vocabularies_are_asked_for), cmocka_unit_test(a_pyramid_needs_a_decoder_that_reads_one_vector)};
  return cmocka_run_group_tests_name("rnn-encdec", tests, NULL, NULL);
}
