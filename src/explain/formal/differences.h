/* Central differences of the three losses: what every gradient is held against. */
#ifndef RAPT_SRC_FORMAL_DIFFERENCES_H
#define RAPT_SRC_FORMAL_DIFFERENCES_H

#include "explain/formal/formal.h"

/* A model with its example: exactly one of ed, e and d. The differences step through theta's array and put it back. */
typedef struct rapt__formal_case {
  rapt__formal_ed *ed;
  rapt__formal_e *e;
  rapt__formal_d *d;
  rapt__formal_text z, x; /* z is ed's */
  const int32_t *masked;  /* e's */
  int32_t mask_token;
} rapt__formal_case;

typedef struct rapt__formal_comparison {
  double worst;    /* relative to the element, or to a thousandth of the largest one where the element is smaller */
  size_t checked;  /* elements compared */
  size_t narrowed; /* of them: only a smaller step stayed on one side of every kink */
  size_t skipped;  /* a ReLU's input changes its sign between the points, however close: no slope to compare with */
} rapt__formal_comparison;

/* The gradient g of the case's loss, laid out like theta->all, against differences of fourth order for the parameters
 * first, first + stride, … A difference across the kink of a ReLU is not a slope; such an element is tried again with
 * smaller steps and then skipped. g that is all zeros, or holds a NaN, makes `worst` NaN. */
rapt_status rapt__formal_compare(rapt_context *ctx, const rapt__formal_case *of, const double *g, size_t first,
                                 size_t stride, rapt__formal_comparison *out);

#endif
