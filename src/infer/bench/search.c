/* Translating a batch with a Transformer of random weights, by beam search over a fixed number of tokens. */
#include "infer/bench/bench.h"

#include "base/rng.h"
#include "infer/search.h"

#include <string.h>

enum { VOCABULARY = 8000, CONTEXT = 64 };

static rapt_status run(rapt__bench *b) {
  int64_t batch = b->size[0], tokens = b->size[1];
  rapt_translate_options given = {.beam = b->size[2], .alpha = 0.6, .max_length = tokens, .min_length = tokens}, o;
  rapt__arena arena;
  rapt__arena_init(&arena, b->ctx);
  rapt__request *requests = rapt__arena_new(&arena, (size_t)batch, sizeof *requests);
  rapt__answer *answers = rapt__arena_new(&arena, (size_t)batch, sizeof *answers);
  rapt_status status = requests && answers ? rapt__options_check(b->ctx, &given, &o) : RAPT_ENOMEM;
  for (int64_t i = 0; status == RAPT_OK && i < batch; i++)
    requests[i] = (rapt__request){{b->ids + i * tokens, tokens}, i};
  if (status == RAPT_OK) status = rapt__search_run(b->search, requests, batch, NULL, 0, &o, &arena, answers, NULL);
  for (int64_t i = 0; status == RAPT_OK && i < batch; i++)
    memcpy(b->ids + (batch + i) * tokens, answers[i].hypotheses[0].tokens, (size_t)tokens * sizeof *b->ids);
  rapt__arena_free(&arena);
  return status;
}

static rapt_status build(rapt__bench *b) {
  static const char *const settings[] = {"model.vocabulary=8000", "model.source_vocabulary=8000", "model.context=64",
                                         "model.width=256"};
  RAPT_TRY(rapt_model_new(b->ctx, "transformer", settings, 4, NULL, 1, &b->model));
  b->params = b->model->params;
  rapt__search_model model = {b->model->arch->seq2seq, b->model->config, b->params, VOCABULARY, CONTEXT};
  RAPT_TRY(rapt__search_new(b->ctx, &model, 1, &b->search));
  int64_t count = b->size[0] * b->size[1];
  b->ids = rapt__new(b->ctx, 2 * (size_t)count, sizeof *b->ids); /* sources, then translations */
  if (!b->ids) return RAPT_ENOMEM;
  for (int64_t i = 0; i < count; i++)
    b->ids[i] = RAPT__UNK + 1 + (int32_t)rapt__rng_below(1, 0, (uint64_t)i, VOCABULARY - RAPT__UNK - 1);
  for (int i = 0; i < 2; i++)
    b->extra[i] = (rapt__st_entry){.name = i ? "output.ids" : "input.ids",
                                   .type = RAPT__ST_I32,
                                   .ndim = 2,
                                   .dim = {b->size[0], b->size[1]},
                                   .size = count,
                                   .data = (uint8_t *)(b->ids + i * count)};
  b->extras = 2;
  b->run = run;
  b->amount = (double)count;
  return RAPT_OK;
}

const rapt__work rapt__works_search[] = {
    {{"beam", "Transformer 3 + 3 x 256, vocabulary 8000: 24 tokens from 24, beam 4, batch 32", "tokens/s", true, false},
     build,
     {32, 24, 4},
     NULL},
    {{0}}};
