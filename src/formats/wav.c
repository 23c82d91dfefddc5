/* WAV files: chunks of RIFF, each a name, a size and that many bytes, padded to an even number. */
#include "formats/wav.h"

#include "base/file.h"

#include <math.h>
#include <string.h>

enum { HEADER = 44, PCM = 1 };

static void put(uint8_t *at, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get(const uint8_t *at, int bytes) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; i++) value |= (uint32_t)at[i] << (8 * i);
  return value;
}

rapt_status rapt__wav_write(rapt_context *ctx, const char *path, const double *samples, size_t count, uint32_t rate) {
  if (count > (UINT32_MAX - HEADER) / 2)
    return rapt__fail(ctx, RAPT_EINVAL, "%s: %zu samples do not fit into a WAV file", path, count);
  rapt__out out;
  uint32_t bytes = (uint32_t)count * 2;
  uint8_t head[HEADER] = "RIFF....WAVEfmt ....................data";
  put(head + 4, bytes + HEADER - 8, 4);
  put(head + 16, 16, 4);
  put(head + 20, PCM, 2);
  put(head + 22, 1, 2);
  put(head + 24, rate, 4);
  put(head + 28, rate * 2, 4);
  put(head + 32, 2, 2);
  put(head + 34, 16, 2);
  put(head + 40, bytes, 4);
  RAPT_TRY(rapt__out_open(ctx, path, &out));
  rapt_status status = rapt__out_write(&out, head, HEADER);
  for (size_t i = 0; i < count && status == RAPT_OK; i++) {
    uint8_t sample[2];
    put(sample, (uint32_t)(int32_t)lround(fmin(fmax(samples[i], -1), 1) * 32767), 2);
    status = rapt__out_write(&out, sample, sizeof sample);
  }
  if (status == RAPT_OK) return rapt__out_commit(&out);
  rapt__out_abort(&out);
  return status;
}

static rapt_status check_kind(rapt_context *ctx, const char *what, const uint8_t *fmt, uint32_t *rate) {
  uint32_t kind = get(fmt, 2), channels = get(fmt + 2, 2), bits = get(fmt + 14, 2);
  *rate = get(fmt + 4, 4);
  if (kind == PCM && channels == 1 && bits == 16) return RAPT_OK;
  return rapt__fail(ctx, RAPT_EUNSUPPORTED,
                    "%s: sound of kind %u, %u channels, %u bits; one channel of 16-bit PCM is supported", what, kind,
                    channels, bits);
}

static rapt_status read_samples(rapt_context *ctx, const uint8_t *data, size_t bytes, float **samples, size_t *count) {
  *count = bytes / 2;
  *samples = rapt__new(ctx, *count + 1, sizeof **samples);
  if (!*samples) return RAPT_ENOMEM;
  for (size_t i = 0; i < *count; i++) (*samples)[i] = (float)(int16_t)get(data + 2 * i, 2) / 32768;
  return RAPT_OK;
}

rapt_status rapt__wav_parse(rapt_context *ctx, const char *what, const uint8_t *data, size_t size, float **samples,
                            size_t *count, uint32_t *rate) {
  bool kind = false;
  *samples = NULL;
  if (size < 12 || memcmp(data, "RIFF", 4) != 0 || memcmp(data + 8, "WAVE", 4) != 0)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: does not begin as a WAV file does", what);
  for (size_t at = 12; size - at >= 8;) {
    size_t bytes = get(data + at + 4, 4), left = size - at - 8;
    const uint8_t *chunk = data + at + 8;
    if (bytes > left)
      return rapt__fail(ctx, RAPT_EFORMAT, "%s: byte %zu: a chunk of %zu bytes, but %zu are left", what, at, bytes,
                        left);
    if (memcmp(data + at, "fmt ", 4) == 0 && bytes >= 16) {
      RAPT_TRY(check_kind(ctx, what, chunk, rate));
      kind = true;
    } else if (memcmp(data + at, "data", 4) == 0) {
      if (!kind) return rapt__fail(ctx, RAPT_EFORMAT, "%s: byte %zu: sound before what kind it is", what, at);
      return read_samples(ctx, chunk, bytes, samples, count);
    }
    size_t whole = bytes + bytes % 2;
    at += 8 + (whole < left ? whole : left);
  }
  return rapt__fail(ctx, RAPT_EFORMAT, "%s: has no sound in it", what);
}
