/* Greedy decoding of one sequence with the key/value cache: half of the tokens are a prompt, read before timing begins, and a
 * repetition makes the other half anew. */
#include "infer/bench/bench.h"

#include "base/rng.h"

/* The next id after those that the cache holds and `count` new ones. */
static rapt_status next(rapt__bench *b, const int32_t *ids, int64_t count, int64_t start, int32_t *out) {
  const real *logits;
  RAPT_TRY(rapt__model_pass(b->model, RAPT__PASS_CACHE, ids, count, start, &logits));
  int64_t v = rapt_model_vocabulary(b->model), best = 0;
  for (int64_t i = 1; i < v; i++)
    if (logits[i] > logits[best]) best = i;
  *out = (int32_t)best;
  return RAPT_OK;
}

static rapt_status run(rapt__bench *b) {
  int64_t prompt = b->size[1] - b->parts;
  for (int64_t i = 0; i < b->parts; i++) {
    int64_t at = prompt + i;
    RAPT_TRY(next(b, b->ids + at, 1, at, b->ids + at + 1));
  }
  return RAPT_OK;
}

static rapt_status build(rapt__bench *b) {
  RAPT_TRY(rapt__bench_gpt(b));
  int64_t n = b->size[1], prompt = n / 2;
  if (b->size[0] != 1 || prompt < 1)
    return rapt__fail(b->ctx, RAPT_EKEY, "decoding needs bench.batch=1 and bench.tokens of at least 2");
  b->ids = rapt__new(b->ctx, (size_t)n + 1, sizeof *b->ids);
  if (!b->ids) return RAPT_ENOMEM;
  int64_t v = rapt_model_vocabulary(b->model);
  for (int64_t i = 0; i < prompt; i++) b->ids[i] = (int32_t)rapt__rng_below(1, 0, (uint64_t)i, (uint64_t)v);
  RAPT_TRY(next(b, b->ids, prompt, 0, b->ids + prompt));
  b->run = run;
  b->parts = n - prompt;
  b->amount = 1;
  b->extra[0] = (rapt__st_entry){
      .name = "input.ids", .type = RAPT__ST_I32, .ndim = 1, .dim = {prompt}, .size = prompt, .data = (uint8_t *)b->ids};
  b->extra[1] = (rapt__st_entry){.name = "output.ids",
                                 .type = RAPT__ST_I32,
                                 .ndim = 1,
                                 .dim = {b->parts + 1},
                                 .size = b->parts + 1,
                                 .data = (uint8_t *)(b->ids + prompt)};
  b->extras = 2;
  return RAPT_OK;
}

const rapt__work rapt__works_decode[] = {
    {{"decode", "GPT-2 124M greedy decoding, 32 tokens after 32", "tokens/s", true, true},
     build,
     {1, 64},
     rapt__bench_gpt2_124m},
    {{0}}};
