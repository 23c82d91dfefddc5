/* Attention with a choice of score, and putting many steps together. */
#include "nn/attention.h"

#include <math.h>
#include <stdio.h>

static rapt_tensor *project(const rapt__layers *l, const char *name, const char *part, rapt_tensor *x, int64_t out) {
  char full[160];
  snprintf(full, sizeof full, "%s.%s", name, part);
  return rapt__nn_linear(l, full, x, out, true, false, 1 / sqrt((double)rapt_dim(x, -1)), RAPT_IDENTITY);
}

rapt_tensor *rapt__nn_attention_keys(const rapt__layers *l, const char *name, const rapt__attention_kind *kind,
                                     rapt_tensor *annotations) {
  if (kind->score == RAPT__SCORE_ADDITIVE) return project(l, name, "key", annotations, kind->units);
  if (kind->score == RAPT__SCORE_BILINEAR) return project(l, name, "key", annotations, kind->query);
  return annotations;
}

rapt_tensor *rapt__nn_mask(rapt_tensor *lengths, int64_t positions) {
  /* A row's length as a place, and ones in front of it. */
  rapt_tensor *past = rapt_cumsum(rapt_one_hot(lengths, positions + 1), -1);
  rapt_tensor *mask = rapt_slice(past, -1, 0, positions);
  mask = rapt_reshape(mask, 3, (int64_t[]){rapt_dim(lengths, 0), 1, positions});
  return rapt_equal(mask, rapt_scale(mask, 0));
}

/* (B, T, S) */
static rapt_tensor *scores_of(const rapt__layers *l, const char *name, const rapt__attention_kind *kind,
                              rapt_tensor *query, rapt_tensor *keys) {
  int64_t b = rapt_dim(query, 0), t = rapt_dim(query, 1), s = rapt_dim(keys, 1), n = rapt_dim(keys, 2);
  switch (kind->score) {
  case RAPT__SCORE_ADDITIVE: {
    rapt_tensor *q = project(l, name, "query", query, kind->units);
    rapt_tensor *k = keys;
    if (t > 1) {
      q = rapt_reshape(q, 4, (int64_t[]){b, t, 1, n});
      k = rapt_reshape(k, 4, (int64_t[]){b, 1, s, n});
    }
    return rapt_reshape(project(l, name, "score", rapt_tanh(rapt_add(k, q)), 1), 3, (int64_t[]){b, t, s});
  }
  case RAPT__SCORE_SCALED: return rapt_scale(rapt_matmul(query, keys, false, true), 1 / sqrt((double)n));
  case RAPT__SCORE_LOCATION: return rapt_slice(project(l, name, "query", query, kind->positions), -1, 0, s);
  default: return rapt_matmul(query, keys, false, true);
  }
}

rapt_tensor *rapt__nn_attention(const rapt__layers *l, const char *name, const rapt__attention_kind *kind,
                                rapt_tensor *query, rapt_tensor *keys, rapt_tensor *values, rapt_tensor *mask,
                                rapt_tensor **weights) {
  rapt_tensor *a = scores_of(l, name, kind, query, keys);
  if (kind->normaliser == RAPT__NORMAL_SOFTMAX) {
    a = rapt_softmax(a, mask);
  } else {
    a = rapt_sigmoid(a);
    if (mask) a = rapt_mul(a, mask);
    a = rapt_div(a, rapt_sum(a, -1, true));
  }
  if (weights) *weights = a;
  return rapt_matmul(a, values, false, false);
}

rapt_tensor *rapt__nn_stack(rapt_tensor *const *parts, int64_t count) {
  enum { MOST = 8 }; /* that a concat takes */
  if (count <= 1) return parts[0];
  if (count <= MOST) return rapt_concat(parts, (int)count, 0);
  rapt_tensor *joined[MOST];
  int n = 0;
  int64_t each = 1;
  while (each * MOST < count) each *= MOST;
  for (int64_t at = 0; at < count; at += each)
    joined[n++] = rapt__nn_stack(parts + at, count - at < each ? count - at : each);
  return rapt_concat(joined, n, 0);
}
