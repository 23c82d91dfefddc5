/* Protocol buffers' wire format. */
#include "text/protobuf.h"

#include <string.h>

static bool read_varint(rapt__pb *pb, uint64_t *out) {
  *out = 0;
  for (int shift = 0; shift < 64 && pb->at < pb->end; shift += 7) {
    unsigned char c = (unsigned char)*pb->at++;
    *out |= (uint64_t)(c & 127) << shift;
    if (!(c & 128)) return true;
  }
  return false;
}

static bool read_fixed(rapt__pb *pb, int bytes, uint64_t *out) {
  *out = 0;
  if (pb->end - pb->at < bytes) return false;
  for (int i = 0; i < bytes; i++) *out |= (uint64_t)(unsigned char)*pb->at++ << (8 * i);
  return true;
}

static bool read_value(rapt__pb *pb, rapt__pb_field *f) {
  switch (f->wire) {
  case 0: return read_varint(pb, &f->value);
  case 1: return read_fixed(pb, 8, &f->value);
  case 5: return read_fixed(pb, 4, &f->value);
  case 2:
    if (!read_varint(pb, &f->value) || f->value > (uint64_t)(pb->end - pb->at)) return false;
    f->bytes = pb->at;
    f->size = (size_t)f->value;
    pb->at += f->size;
    return true;
  default: return false;
  }
}

bool rapt__pb_next(rapt__pb *pb, rapt__pb_field *out) {
  uint64_t key;
  *out = (rapt__pb_field){0};
  if (pb->bad || pb->at >= pb->end) return false;
  pb->bad = !read_varint(pb, &key) || key >> 3 == 0 || key >> 3 > UINT32_MAX;
  if (pb->bad) return false;
  out->number = (uint32_t)(key >> 3);
  out->wire = (int)(key & 7);
  pb->bad = !read_value(pb, out);
  return !pb->bad;
}

float rapt__pb_float(const rapt__pb_field *f) {
  uint32_t bits = (uint32_t)f->value;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
