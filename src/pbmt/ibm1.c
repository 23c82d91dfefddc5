/* IBM model 1 on one sentence pair (Brown et al. 1993, equations 5, 8 and 12). */
#include "pbmt/aligner.h"

#include <math.h>

double rapt__aligner_expect_ibm1(const rapt__aligner *a, size_t s, double *post) {
  size_t columns = rapt__pbmt_length(&a->source, s) + 1, rows = rapt__pbmt_length(&a->target, s);
  const uint32_t *cell = a->cell + a->link[s];
  double likelihood = 0;
  for (size_t j = 0; j < rows; j++, cell += columns, post += columns) {
    double sum = 0;
    for (size_t i = 0; i < columns; i++) sum += post[i] = a->prob[cell[i]];
    for (size_t i = 0; i < columns; i++) post[i] /= sum;
    likelihood += log(sum / (double)columns);
  }
  return likelihood;
}

void rapt__aligner_best_ibm1(const rapt__aligner *a, size_t s, int32_t *best) {
  size_t columns = rapt__pbmt_length(&a->source, s) + 1, rows = rapt__pbmt_length(&a->target, s);
  const uint32_t *cell = a->cell + a->link[s];
  for (size_t j = 0; j < rows; j++, cell += columns) {
    size_t at = 1;
    for (size_t i = 2; i < columns; i++)
      if (a->prob[cell[i]] > a->prob[cell[at]]) at = i;
    best[j] = a->prob[cell[0]] > a->prob[cell[at]] ? -1 : (int32_t)at - 1;
  }
}
