/* Spoken digits out of a tar archive. */
#include "data/digits.h"

#include "data/mfcc.h"
#include "data/packed.h"
#include "data/tar.h"
#include "formats/wav.h"

#include <string.h>

static const size_t limit = (size_t)1 << 28; /* bytes of the archive's content */

/* "…/7_theo_12.wav": digit and take. */
static bool parse_name(const char *name, rapt__recording *r) {
  const char *slash = strrchr(name, '/'), *file = slash ? slash + 1 : name, *last = strrchr(file, '_');
  size_t n = strlen(file);
  if (n < 9 || strcmp(file + n - 4, ".wav") != 0 || file[0] < '0' || file[0] > '9' || file[1] != '_') return false;
  if (last < file + 2) return false;
  r->digit = file[0] - '0';
  r->take = 0;
  const char *c = last + 1;
  for (; *c >= '0' && *c <= '9' && c - last < 8; c++) r->take = r->take * 10 + (*c - '0');
  return c > last + 1 && strcmp(c, ".wav") == 0;
}

static rapt_status add_recording(void *user, const rapt__tar_member *member) {
  rapt__digits *d = user;
  rapt__recording r = {0};
  float *samples;
  size_t count;
  uint32_t rate;
  if (!parse_name(member->name, &r)) return RAPT_OK;
  RAPT_TRY(rapt__reserve(d->ctx, (void **)&d->at, &d->capacity, d->count, sizeof *d->at));
  RAPT_TRY(rapt__wav_parse(d->ctx, member->name, (const uint8_t *)member->data, member->size, &samples, &count, &rate));
  r.frames = rapt__mfcc_frames(count, rate);
  r.x = rapt__new(d->ctx, (size_t)r.frames * RAPT__MFCC_WIDTH, sizeof *r.x);
  rapt_status status = r.x ? rapt__mfcc(d->ctx, samples, count, rate, r.x) : RAPT_ENOMEM;
  rapt__free(d->ctx, samples);
  d->at[d->count++] = r;
  return status;
}

rapt_status rapt__digits_read(rapt_context *ctx, const char *path, rapt__digits *out) {
  char *data;
  size_t size;
  *out = (rapt__digits){.ctx = ctx};
  RAPT_TRY(rapt__packed_read(ctx, path, limit, &data, &size));
  rapt_status status = rapt__tar_walk(ctx, path, data, size, add_recording, out);
  rapt__free(ctx, data);
  if (status == RAPT_OK && out->count == 0)
    status = rapt__fail(ctx, RAPT_EFORMAT, "%s: no member is named …/DIGIT_SPEAKER_TAKE.wav", path);
  return status;
}

void rapt__digits_free(rapt__digits *digits) {
  if (!digits->ctx) return;
  for (size_t i = 0; i < digits->count; i++) rapt__free(digits->ctx, digits->at[i].x);
  rapt__free(digits->ctx, digits->at);
  *digits = (rapt__digits){0};
}
