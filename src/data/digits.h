/* Spoken digits (the Free Spoken Digit Dataset) as mel-frequency cepstral coefficients, from the archive as it is
 * handed out. */
#ifndef RAPT_SRC_DATA_DIGITS_H
#define RAPT_SRC_DATA_DIGITS_H

#include "base/base.h"

typedef struct rapt__recording {
  int digit, take;
  int64_t frames;
  float *x; /* (frames, RAPT__MFCC_WIDTH), owned */
} rapt__recording;

typedef struct rapt__digits {
  rapt_context *ctx;
  rapt__recording *at; /* owned; in the archive's order */
  size_t count, capacity;
} rapt__digits;

/* Reads a tar archive, plain or gzipped, whose members …/DIGIT_SPEAKER_TAKE.wav are recordings of one channel and 16
 * bits; others are passed over. RAPT_EFORMAT names the member. Free it after a failure too. */
rapt_status rapt__digits_read(rapt_context *ctx, const char *path, rapt__digits *out);
void rapt__digits_free(rapt__digits *digits);

#endif
