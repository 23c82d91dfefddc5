/* IDX files (MNIST's format), plain or gzipped: unsigned bytes with one to three dimensions. */
#ifndef RAPT_SRC_IDX_H
#define RAPT_SRC_IDX_H

#include "base/base.h"

typedef struct rapt__idx {
  uint8_t *data; /* owned; rapt__idx_free */
  int ndim;
  int64_t dims[3];
  int64_t size; /* bytes of data */
} rapt__idx;

/* Reads a file that must have `ndim` dimensions (1..3). On failure *out is empty. */
rapt_status rapt__idx_read(rapt_context *ctx, const char *path, int ndim, rapt__idx *out);
void rapt__idx_free(rapt_context *ctx, rapt__idx *idx);

#endif
