/* Mel-frequency cepstral coefficients (Davis & Mermelstein 1980): what a short piece of sound is like, in a few
 * numbers. */
#ifndef RAPT_SRC_DATA_MFCC_H
#define RAPT_SRC_DATA_MFCC_H

#include "base/base.h"

enum { RAPT__MFCC = 13, RAPT__MFCC_WIDTH = 2 * RAPT__MFCC }; /* coefficients; with their slopes */

/* How many frames so many samples give: one every 10 ms while a window of 25 ms fits, one at least. */
int64_t rapt__mfcc_frames(size_t samples, uint32_t rate);
/* out (frames, RAPT__MFCC_WIDTH). Pre-emphasis 0.97, Hamming windows, power spectrum of the next power of two,
 * logarithm of 26 triangular filters equally wide on the mel scale up to half the rate, cosine transform
 * (orthonormal, the 13 first), then the slope over two frames on either side (at the ends the last frame is
 * repeated). rate: 1000 to 100,000. */
rapt_status rapt__mfcc(rapt_context *ctx, const float *samples, size_t count, uint32_t rate, float *out);

#endif
