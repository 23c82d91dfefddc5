/* Sequences that are to be copied. */
#include "recipes/copy_task.h"

#include "base/rng.h"

#include <string.h>

enum { STREAM = 0x43, SYMBOLS = 10, SHORTEST = 4, LONGEST = 12 };

static rapt_status fill(rapt__run *run, uint64_t part, size_t lines, rapt__bitext *out) {
  rapt__text text;
  uint64_t seed = (uint64_t)run->common.seed, draw = 0;
  rapt__text_init(&text, run->ctx);
  *out = (rapt__bitext){.ctx = run->ctx};
  rapt_status status = RAPT_OK;
  for (size_t i = 0; i < lines && status == RAPT_OK; i++) {
    uint64_t n = SHORTEST + rapt__rng_below(seed, (STREAM + part) << 32, draw++, LONGEST - SHORTEST + 1);
    for (uint64_t k = 0; k < n && status == RAPT_OK; k++)
      status = rapt__text_addf(&text, "%s%c", k ? " " : "",
                               'a' + (int)rapt__rng_below(seed, (STREAM + part) << 32, draw++, SYMBOLS));
    if (status == RAPT_OK) status = rapt__text_add(&text, "\n", 1);
  }
  if (status != RAPT_OK) {
    rapt__text_free(&text);
    return status;
  }
  out->text[0] = text.data;
  for (const char *at = text.data, *end; (end = strchr(at, '\n')); at = end + 1) {
    rapt__line line = {at, (size_t)(end - at)};
    RAPT_TRY(rapt__reserve(run->ctx, (void **)&out->pairs, &out->capacity, out->count, sizeof *out->pairs));
    out->pairs[out->count][RAPT__SOURCE] = out->pairs[out->count][RAPT__TARGET] = line;
    out->count++;
  }
  return RAPT_OK;
}

rapt_status rapt__copy_corpus(rapt__run *run, rapt__corpus *out) {
  *out = (rapt__corpus){0};
  RAPT_TRY(fill(run, 0, 20000, &out->train));
  RAPT_TRY(fill(run, 1, 200, &out->valid));
  return fill(run, 2, 500, &out->test);
}

double rapt__copied(const rapt__corpus *corpus, const rapt__translated *output) {
  size_t right = 0;
  for (size_t i = 0; i < corpus->test.count; i++) {
    const rapt__line *line = &corpus->test.pairs[i][RAPT__TARGET];
    right += output->lines[i].size == line->size && memcmp(output->lines[i].data, line->bytes, line->size) == 0;
  }
  return (double)right / (double)corpus->test.count;
}
