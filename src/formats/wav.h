/* Sound as 16-bit PCM in a WAV file, one channel. */
#ifndef RAPT_SRC_FORMATS_WAV_H
#define RAPT_SRC_FORMATS_WAV_H

#include "base/base.h"

/* Samples in [-1, 1], others are clipped. The file is replaced as a whole. */
rapt_status rapt__wav_write(rapt_context *ctx, const char *path, const double *samples, size_t count, uint32_t rate);

/* Sound from the bytes of a file: one channel, 16 bits. *samples, freed with rapt__free, are in [-1, 1). `what`
 * names the file in errors: RAPT_EFORMAT with the byte, RAPT_EUNSUPPORTED for other kinds of sound. */
rapt_status rapt__wav_parse(rapt_context *ctx, const char *what, const uint8_t *data, size_t size, float **samples,
                            size_t *count, uint32_t *rate);

#endif
