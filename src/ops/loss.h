/* What cross_entropy and linear_cross_entropy share: settings, the loss of one row and its gradient. */
#ifndef RAPT_SRC_LOSS_H
#define RAPT_SRC_LOSS_H

#include "ops/ops.h"

typedef struct rapt__loss_attr {
  double smoothing;
  int32_t ignore;
  bool sum;
  int64_t classes;
} rapt__loss_attr;

static inline bool rapt__label_counts(const rapt__loss_attr *t, int32_t label) {
  return label != t->ignore && label >= 0 && label < t->classes;
}
int64_t rapt__labels_counted(const rapt__loss_attr *t, const int32_t *labels, int64_t rows);
real rapt__label_loss(const k_kernels *k, const rapt__loss_attr *t, const real *logits, int32_t label, real lse);
/* dx = scale·(softmax(logits) − smoothed one-hot); dx may be logits. */
void rapt__label_loss_grad(const k_kernels *k, const rapt__loss_attr *t, const real *logits, int32_t label, real lse,
                           real scale, real *dx);
rapt__loss_attr rapt__loss_settings(const rapt_cross_entropy_options *options, int64_t classes);

#endif
