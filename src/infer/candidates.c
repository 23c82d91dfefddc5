/* Top-n of a row without sorting it: whole blocks are skipped whose greatest score is not among the best so far. */
#include "infer/candidates.h"

#include <math.h>

enum { BLOCK = 64 };

/* The mean of the models' probabilities. */
static const real *mean(const rapt__row *row) {
  real *sum = row->room, *one = row->room + row->vocabulary;
  for (int m = 0; m < row->models; m++) {
    real *to = m ? one : sum;
    row->k->exp_shift(row->vocabulary, -row->lse[m], 1 / (real)row->models, row->logits[m], to);
    if (m) row->k->binary[K_BINARY_add](row->vocabulary, sum, 1, one, 1, sum);
  }
  return sum;
}

static void ban(const rapt__row *row) {
  for (int64_t i = 0; i < row->banned_count; i++)
    if (row->banned[i] >= 0 && row->banned[i] < row->vocabulary)
      for (int m = 0; m < row->models; m++) row->logits[m][row->banned[i]] = (real)-INFINITY;
}

/* In falling order; the newest of equals comes last. */
static void insert(rapt__choice *best, int64_t count, int32_t token, double score) {
  int64_t at = count;
  for (; at > 0 && best[at - 1].log_prob < score; at--) best[at] = best[at - 1];
  best[at] = (rapt__choice){token, score};
}

static int64_t scan(const k_kernels *k, const real *x, int64_t count, int64_t n, real least, rapt__choice *best) {
  int64_t found = 0;
  for (int64_t begin = 0; begin < count; begin += BLOCK) {
    int64_t size = count - begin < BLOCK ? count - begin : BLOCK;
    if (k->max(size, x + begin) <= least) continue;
    for (int64_t i = begin; i < begin + size; i++) {
      if (x[i] <= least) continue;
      if (x[i] != x[i]) return -1;
      insert(best, found < n ? found : n - 1, (int32_t)i, (double)x[i]);
      if (found < n) found++;
      if (found == n) least = (real)best[n - 1].log_prob;
    }
  }
  return found;
}

int64_t rapt__row_best(const rapt__row *row, int64_t n, rapt__choice *best) {
  ban(row);
  bool several = row->models > 1;
  int64_t found =
      scan(row->k, several ? mean(row) : row->logits[0], row->vocabulary, n, several ? 0 : (real)-INFINITY, best);
  for (int64_t i = 0; i < found; i++)
    best[i].log_prob = several ? log(best[i].log_prob) : best[i].log_prob - (double)row->lse[0];
  return found;
}

double rapt__row_log_prob(const rapt__row *row, int32_t token) {
  if (row->models == 1) return (double)row->logits[0][token] - (double)row->lse[0];
  double sum = 0;
  for (int m = 0; m < row->models; m++) sum += exp((double)row->logits[m][token] - (double)row->lse[m]);
  return log(sum / row->models);
}

const real *rapt__row_logits(const rapt__row *row) {
  ban(row);
  if (row->models == 1) return row->logits[0];
  const real *sum = mean(row);
  row->k->unary[K_UNARY_log](row->vocabulary, sum, row->room);
  return row->room;
}
