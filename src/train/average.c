/* A ring of weights and their mean. */
#include "train/average.h"

#include <string.h>

rapt_status rapt__average_begin(rapt__average *a, rapt_context *ctx, int64_t size, const rapt_params *params) {
  *a = (rapt__average){.ctx = ctx};
  for (int64_t i = 0; i < size; i++) {
    a->kept[i] = rapt__new(ctx, (size_t)params->extent, sizeof **a->kept);
    if (!a->kept[i]) return RAPT_ENOMEM;
    a->size = i + 1;
  }
  return RAPT_OK;
}

void rapt__average_free(rapt__average *a) {
  for (int64_t i = 0; i < a->size; i++) rapt__free(a->ctx, a->kept[i]);
  a->size = a->count = 0;
}

void rapt__average_add(rapt__average *a, const rapt_params *params) {
  if (a->size == 0) return;
  memcpy(a->kept[a->count % a->size], params->values, (size_t)params->extent * sizeof **a->kept);
  a->count++;
}

int64_t rapt__average_count(const rapt__average *a) { return a->count < a->size ? a->count : a->size; }

void rapt__average_apply(const rapt__average *a, rapt_params *params) {
  int64_t n = rapt__average_count(a);
  for (int64_t j = 0; j < params->extent; j++) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)a->kept[i][j];
    params->values[j] = (real)(sum / (double)n);
  }
}
