/* Options of a translation: what zero stands for, and what does not fit together. */
#include "infer/search.h"

enum { MOST_BEAM = 1024, MOST_BATCH = 4096, BATCH = 32 };

typedef struct bound {
  const char *name;
  double value, min, max;
} bound;

rapt_status rapt__options_check(rapt_context *ctx, const rapt_translate_options *given, rapt_translate_options *out) {
  *out = given ? *given : (rapt_translate_options){0};
  if (out->beam == 0) out->beam = 1;
  if (out->nbest == 0) out->nbest = 1;
  if (out->groups == 0) out->groups = 1;
  if (out->batch == 0) out->batch = BATCH;
  if (out->temperature == 0) out->temperature = 1;
  const bound bounds[] = {{"beam", (double)out->beam, 1, MOST_BEAM},
                          {"nbest", (double)out->nbest, 1, MOST_BEAM},
                          {"groups", (double)out->groups, 1, MOST_BEAM},
                          {"batch", (double)out->batch, 1, MOST_BATCH},
                          {"alpha", out->alpha, -10, 10},
                          {"beta", out->beta, 0, 100},
                          {"max_ratio", out->max_ratio, 0, 1000},
                          {"max_length", (double)out->max_length, 0, 1 << 20},
                          {"min_length", (double)out->min_length, 0, 1 << 20},
                          {"diversity", out->diversity, 0, 1000},
                          {"no_repeat", (double)out->no_repeat, 0, 1 << 20},
                          {"temperature", out->temperature, 1e-6, 1000},
                          {"top_k", (double)out->top_k, 0, 1 << 24},
                          {"top_p", out->top_p, 0, 1},
                          {"min_p", out->min_p, 0, 1},
                          {"length_penalty", out->length_penalty, RAPT_LENGTH_POWER, RAPT_LENGTH_GNMT},
                          {"stopping", out->stopping, RAPT_STOP_ESTIMATE, RAPT_STOP_NEVER}};
  for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
    if (!(bounds[i].value >= bounds[i].min && bounds[i].value <= bounds[i].max))
      return rapt__fail(ctx, RAPT_EKEY, "translation: %s is %g; it must lie between %g and %g", bounds[i].name,
                        bounds[i].value, bounds[i].min, bounds[i].max);
  if (!out->sample && out->nbest > out->beam)
    return rapt__fail(ctx, RAPT_EKEY, "translation: nbest %lld is more than the beam of %lld finds",
                      (long long)out->nbest, (long long)out->beam);
  if (out->beam % out->groups != 0)
    return rapt__fail(ctx, RAPT_EKEY, "translation: %lld groups do not divide the beam of %lld", (long long)out->groups,
                      (long long)out->beam);
  return RAPT_OK;
}
