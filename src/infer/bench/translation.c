/* Training steps of translators, as the recipes transformer and bahdanau take them, without dropout: another library draws other
 * random numbers. */
#include "infer/bench/bench.h"

#include "base/rng.h"
#include "tasks/seq2seq.h"

enum { ROWS, SOURCE, TARGET };                       /* of size[]: tokens at most, with the one that ends a sentence */
enum { SHORTER = 4, STREAM_LENGTHS = 8 };            /* sentences have up to so many tokens less */
enum { FIRST_WORD = RAPT__UNK + 1, IGNORED = -100 }; /* ids of words; labels that do not count */
#define SMOOTHING 0.1

static rapt_tensor *loss(rapt__bench *b) {
  rapt__bucket shape = {.count = {b->size[SOURCE] - 1, b->size[TARGET] - 1}, .rows = b->size[ROWS]};
  return rapt__seq2seq_loss(b->model, b->graph, b->params, &shape, SMOOTHING, true);
}

static int32_t random_word(uint64_t row, uint64_t at, int64_t vocabulary) {
  return FIRST_WORD + (int32_t)rapt__rng_below(1, row, at, (uint64_t)(vocabulary - FIRST_WORD));
}

/* A batch of pairs whose lengths differ by as much as those of a bucket. */
static void fill(rapt__bench *b) {
  rapt__seq2seq_inputs in = rapt__seq2seq_inputs_of(b->plan);
  int64_t s = b->size[SOURCE], t = b->size[TARGET], v = *b->model->arch->vocabulary(b->model->config);
  for (int64_t row = 0; row < b->size[ROWS]; row++) {
    int64_t ns = s - 1 - (int64_t)rapt__rng_below(1, STREAM_LENGTHS, (uint64_t)row, SHORTER);
    int64_t nt = t - 1 - (int64_t)rapt__rng_below(2, STREAM_LENGTHS, (uint64_t)row, SHORTER);
    for (int64_t i = 0; i < s; i++)
      in.source[row * s + i] = i < ns    ? random_word(2 * (uint64_t)row, (uint64_t)i, v)
                               : i == ns ? RAPT__EOS
                                         : RAPT__PAD;
    for (int64_t i = 0; i < t; i++) {
      int32_t word = random_word(2 * (uint64_t)row + 1, (uint64_t)i, v);
      in.target[row * t + i] = i == 0 ? RAPT__BOS : i <= nt ? in.labels[row * t + i - 1] : RAPT__PAD;
      in.labels[row * t + i] = i < nt ? word : i == nt ? RAPT__EOS : IGNORED;
    }
    in.source_lengths[row] = (int32_t)(ns + 1);
    if (in.target_lengths) in.target_lengths[row] = (int32_t)(nt + 1);
    b->amount += (double)(nt + 1);
  }
}

static rapt_status build(rapt__bench *b) {
  int count = 0;
  while (b->work->settings[count]) count++;
  /* The first is the architecture. */
  RAPT_TRY(rapt_model_new(b->ctx, b->work->settings[0], b->work->settings + 1, count - 1, NULL, 1, &b->model));
  b->params = b->model->params;
  RAPT_TRY(rapt__bench_train(b, loss, 1));
  fill(b);
  return RAPT_OK;
}

static const char *const transformer[] = {"transformer",     "model.vocabulary=8000", "model.source_vocabulary=8000",
                                          "model.inner=512", "model.dropout=0",       NULL};
static const char *const bahdanau[] = {"rnnsearch", "model.vocabulary=8000", "model.source_vocabulary=8000", NULL};

const rapt__work rapt__works_translation[] = {
    {{"transformer", "Transformer step, 3 + 3 x 256, vocabulary 8000, 64 pairs of 16 tokens", "tokens/s", false, false},
     build,
     {64, 16, 16},
     transformer},
    {{"bahdanau", "RNNsearch step, 256 units, vocabulary 8000, 64 pairs of 16 words", "tokens/s", false, false},
     build,
     {64, 16, 16},
     bahdanau},
    {{0}}};
