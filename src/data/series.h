/* Labelled series of several channels in the .ts format of the UEA/UCR archive (Bagnall et al. 2018). */
#ifndef RAPT_SRC_DATA_SERIES_H
#define RAPT_SRC_DATA_SERIES_H

#include "base/base.h"

typedef struct rapt__one_series {
  int32_t label; /* index of its name behind @classLabel */
  int64_t frames;
  float *x; /* (frames, channels), owned */
} rapt__one_series;

typedef struct rapt__series_set {
  rapt_context *ctx;
  rapt__one_series *at; /* owned */
  size_t count, capacity;
  int64_t channels; /* the same in all series */
  int64_t labels;
} rapt__series_set;

/* Reads a file, plain or gzipped: "@classLabel true NAME …", "@data", then a line a series, its channels behind each
 * other with colons between and the label last, values with commas between. Times, missing values and channels of
 * different length in one series are refused. RAPT_EFORMAT names the line. Free it after a failure too. */
rapt_status rapt__series_read(rapt_context *ctx, const char *path, rapt__series_set *out);
void rapt__series_free(rapt__series_set *set);

#endif
