/* Relative positions as ids of a table's rows: clipped distances (Shaw et al. 2018, §3.2) and T5's buckets (Raffel et al.
 * 2020, §2.1). */
#include "ops/ops.h"

#include <math.h>

typedef struct relative_attr {
  int64_t lo, hi;                /* of clipped distances */
  int64_t buckets, max_distance; /* buckets 0: clipped distances */
  bool both;
} relative_attr;

static void relative_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  rapt__split_rows(node->out[0].dim[0], node->out[0].dim[1], split);
}

/* Half of the buckets hold one distance each, the others grow with the logarithm up to max_distance. The small term keeps
 * distances that begin a bucket from falling below it by rounding. */
static int64_t bucket_of(const relative_attr *a, int64_t distance) {
  int64_t buckets = a->buckets, first = 0;
  if (a->both) {
    buckets /= 2;
    if (distance < 0) first = buckets;
    distance = distance < 0 ? -distance : distance;
  } else if (distance < 0) {
    distance = 0;
  }
  int64_t exact = buckets / 2;
  if (distance < exact) return first + distance;
  double ratio = log((double)distance / (double)exact) / log((double)a->max_distance / (double)exact);
  int64_t more = (int64_t)(ratio * (double)(buckets - exact) + 1e-9);
  return first + (exact + more < buckets ? exact + more : buckets - 1);
}

static void relative_forward(const rapt__call *call) {
  const relative_attr *a = call->node->attr;
  const int32_t *positions = call->in[0];
  int64_t keys = call->node->out[0].dim[1];
  for (int64_t i = call->begin; i < call->end; i++) {
    int32_t *ids = (int32_t *)call->out[0] + i * keys;
    for (int64_t j = 0; j < keys; j++) {
      int64_t distance = positions[i] - j;
      if (a->buckets)
        ids[j] = (int32_t)bucket_of(a, distance);
      else
        ids[j] = (int32_t)((distance < a->lo ? a->lo : distance > a->hi ? a->hi : distance) - a->lo);
    }
  }
}

const rapt__op rapt__op_relative = {
    .name = "relative", .flags = RAPT__NO_GRADIENT, .split = relative_split, .forward = relative_forward};

static rapt_tensor *relative(rapt_tensor *positions, int64_t keys, const relative_attr *a) {
  if (rapt__poisoned(positions)) return positions;
  if (positions->ndim != 1 || positions->dtype != RAPT_I32 || keys < 1 || keys > INT32_MAX)
    return rapt__poison(positions->graph, RAPT_ESHAPE,
                        "relative: positions %s must be integers (Tq), keys %lld one or more",
                        rapt__shape_text(positions), (long long)keys);
  rapt__node *node = rapt__node_new(positions->graph, &rapt__op_relative, &positions, 1, a, sizeof *a);
  return node ? rapt__node_out(node, RAPT_I32, RAPT__DIMS(positions->dim[0], keys)) : &positions->graph->poison;
}

rapt_tensor *rapt_relative_positions(rapt_tensor *positions, int64_t keys, int64_t lo, int64_t hi) {
  if (rapt__poisoned(positions)) return positions;
  if (lo > hi || lo < -INT32_MAX / 2 || hi > INT32_MAX / 2)
    return rapt__poison(positions->graph, RAPT_EINVAL, "relative: distances from %lld to %lld are no range",
                        (long long)lo, (long long)hi);
  return relative(positions, keys, &(relative_attr){.lo = lo, .hi = hi});
}

rapt_tensor *rapt_relative_buckets(rapt_tensor *positions, int64_t keys, int64_t buckets, int64_t max_distance,
                                   bool both) {
  if (rapt__poisoned(positions)) return positions;
  int64_t exact = both ? buckets / 4 : buckets / 2;
  if (exact < 1 || buckets % (both ? 4 : 2) != 0 || buckets > INT32_MAX || max_distance <= exact)
    return rapt__poison(
        positions->graph, RAPT_EINVAL,
        "relative: %lld buckets must be a multiple of %d, and their greatest distance, %lld, above %lld",
        (long long)buckets, both ? 4 : 2, (long long)max_distance, (long long)exact);
  return relative(positions, keys, &(relative_attr){.buckets = buckets, .max_distance = max_distance, .both = both});
}
