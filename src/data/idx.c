/* Reading IDX: a header of big-endian numbers, then the bytes; nothing is believed before the file has shown it. */
#include "data/idx.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

enum { PIECE = 1 << 20 };
static const size_t limit = (size_t)1 << 31; /* bytes of one file's content */

static uint32_t big_endian(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static rapt_status fail_stream(rapt_context *ctx, gzFile file, const char *path, size_t at) {
  int code = Z_OK;
  const char *text = gzerror(file, &code);
  if (code == Z_MEM_ERROR) return rapt__fail_memory(ctx, 0);
  if (code == Z_ERRNO) return rapt__fail_errno(ctx, "read it", path);
  return rapt__fail(ctx, RAPT_EFORMAT, "%s: content byte %zu: bad gzip data (%s)", path, at, text);
}

/* Exactly `size` bytes at content offset `at`. */
static rapt_status read_exact(rapt_context *ctx, gzFile file, const char *path, size_t at, uint8_t *data, size_t size) {
  for (size_t done = 0; done < size;) {
    size_t want = size - done < PIECE ? size - done : PIECE;
    int got = gzread(file, data + done, (unsigned)want);
    if (got < 0) return fail_stream(ctx, file, path, at + done);
    if (got == 0)
      return rapt__fail(ctx, RAPT_EFORMAT, "%s: ends at content byte %zu, %zu more are needed", path, at + done,
                        size - done);
    done += (size_t)got;
  }
  return RAPT_OK;
}

static rapt_status read_header(rapt_context *ctx, gzFile file, const char *path, int ndim, rapt__idx *out) {
  uint8_t head[16];
  RAPT_TRY(read_exact(ctx, file, path, 0, head, 4));
  if (head[0] || head[1]) return rapt__fail(ctx, RAPT_EFORMAT, "%s: byte 0: not an IDX file", path);
  if (head[2] != 8)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: byte 2: type 0x%02x, only unsigned bytes (0x08) are read", path, head[2]);
  if (head[3] != ndim)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: byte 3: %d dimensions, %d are expected", path, head[3], ndim);
  RAPT_TRY(read_exact(ctx, file, path, 4, head + 4, 4 * (size_t)ndim));
  size_t size = 1;
  for (int i = 0; i < ndim; i++) {
    uint32_t dim = big_endian(head + 4 + 4 * i);
    if (dim == 0) return rapt__fail(ctx, RAPT_EFORMAT, "%s: byte %d: dimension %d is 0", path, 4 + 4 * i, i);
    if (rapt__mul_overflows(size, dim, &size) || size > limit)
      return rapt__fail(ctx, RAPT_EFORMAT, "%s: byte %d: dimension %d of %u makes the data larger than %zu bytes", path,
                        4 + 4 * i, i, dim, limit);
    out->dims[i] = dim;
  }
  out->ndim = ndim;
  out->size = (int64_t)size;
  return RAPT_OK;
}

/* Grows with what was really read: a short file that announces gigabytes does not get them. */
static rapt_status read_body(rapt_context *ctx, gzFile file, const char *path, rapt__idx *out) {
  size_t size = (size_t)out->size, head = 4 + 4 * (size_t)out->ndim, room = 0;
  for (size_t done = 0; done < size;) {
    if (done == room) {
      room = room ? 2 * room : PIECE;
      if (room > size) room = size;
      uint8_t *data = rapt__grow(ctx, out->data, room, 1);
      if (!data) return RAPT_ENOMEM;
      out->data = data;
    }
    RAPT_TRY(read_exact(ctx, file, path, head + done, out->data + done, room - done));
    done = room;
  }
  uint8_t extra;
  int got = gzread(file, &extra, 1);
  if (got < 0) return fail_stream(ctx, file, path, head + size);
  if (got > 0)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: content byte %zu: data after the announced end", path, head + size);
  return RAPT_OK;
}

rapt_status rapt__idx_read(rapt_context *ctx, const char *path, int ndim, rapt__idx *out) {
  *out = (rapt__idx){0};
  if (ndim < 1 || ndim > 3) return rapt__fail(ctx, RAPT_EINVAL, "idx: %d dimensions, 1 to 3 can be read", ndim);
  errno = 0;
  gzFile file = gzopen(path, "rb");
  if (!file) return errno ? rapt__fail_errno(ctx, "open it", path) : rapt__fail_memory(ctx, 0);
  rapt_status status = read_header(ctx, file, path, ndim, out);
  if (status == RAPT_OK) status = read_body(ctx, file, path, out);
  gzclose_r(file);
  if (status != RAPT_OK) rapt__idx_free(ctx, out);
  return status;
}

void rapt__idx_free(rapt_context *ctx, rapt__idx *idx) {
  rapt__free(ctx, idx->data);
  *idx = (rapt__idx){0};
}
