/* GGUF, written: version 3, little-endian. */
#include "formats/gguf.h"

#include <string.h>

void rapt__gguf_out_init(rapt__gguf_out *out, rapt_context *ctx) {
  *out = (rapt__gguf_out){.ctx = ctx};
  rapt__text_init(&out->pairs, ctx);
  rapt__text_init(&out->tensors, ctx);
}

static void add(rapt__gguf_out *out, rapt__text *text, const void *bytes, size_t size) {
  if (out->status == RAPT_OK) out->status = rapt__text_add(text, bytes, size);
}

static void add_number(rapt__gguf_out *out, rapt__text *text, uint64_t value, int size) {
  uint8_t bytes[8];
  for (int i = 0; i < size; i++) bytes[i] = (uint8_t)(value >> (8 * i));
  add(out, text, bytes, (size_t)size);
}

static void add_text(rapt__gguf_out *out, rapt__text *text, const char *bytes, size_t size) {
  add_number(out, text, size, 8);
  add(out, text, bytes, size);
}

static void add_key(rapt__gguf_out *out, const char *key, rapt__gguf_kind kind) {
  add_text(out, &out->pairs, key, strlen(key));
  add_number(out, &out->pairs, kind, 4);
  out->pair_count++;
}

void rapt__gguf_put_text(rapt__gguf_out *out, const char *key, const char *text) {
  add_key(out, key, RAPT__GGUF_TEXT);
  add_text(out, &out->pairs, text, strlen(text));
}

void rapt__gguf_put_u32(rapt__gguf_out *out, const char *key, uint32_t value) {
  add_key(out, key, RAPT__GGUF_U32);
  add_number(out, &out->pairs, value, 4);
}

void rapt__gguf_put_f32(rapt__gguf_out *out, const char *key, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  add_key(out, key, RAPT__GGUF_F32);
  add_number(out, &out->pairs, bits, 4);
}

void rapt__gguf_put_bool(rapt__gguf_out *out, const char *key, bool value) {
  add_key(out, key, RAPT__GGUF_BOOL);
  add_number(out, &out->pairs, value, 1);
}

void rapt__gguf_put_array(rapt__gguf_out *out, const char *key, rapt__gguf_kind element, uint64_t count) {
  add_key(out, key, RAPT__GGUF_ARRAY);
  add_number(out, &out->pairs, element, 4);
  add_number(out, &out->pairs, count, 8);
}

void rapt__gguf_put_element_text(rapt__gguf_out *out, const char *bytes, size_t size) {
  add_text(out, &out->pairs, bytes, size);
}

void rapt__gguf_put_element_i32(rapt__gguf_out *out, int32_t value) {
  add_number(out, &out->pairs, (uint32_t)value, 4);
}

void rapt__gguf_put_value(rapt__gguf_out *out, const char *key, const rapt__gguf_value *value) {
  add_key(out, key, value->kind);
  if (value->kind == RAPT__GGUF_ARRAY) add_number(out, &out->pairs, value->element, 4);
  if (value->kind == RAPT__GGUF_ARRAY || value->kind == RAPT__GGUF_TEXT) add_number(out, &out->pairs, value->count, 8);
  add(out, &out->pairs, value->at, (size_t)(value->end - value->at));
}

void rapt__gguf_put_tensor(rapt__gguf_out *out, const rapt__gguf_tensor *t) {
  add_text(out, &out->tensors, t->name, strlen(t->name));
  add_number(out, &out->tensors, (uint64_t)t->ndim, 4);
  for (int i = t->ndim - 1; i >= 0; i--) add_number(out, &out->tensors, (uint64_t)t->dim[i], 8);
  add_number(out, &out->tensors, t->type->type, 4);
  add_number(out, &out->tensors, out->offset, 8);
  out->tensor_count++;
  uint64_t padded;
  if (__builtin_add_overflow(t->bytes, (uint64_t)RAPT__GGUF_ALIGNMENT - 1, &padded) ||
      __builtin_add_overflow(out->offset, padded & ~((uint64_t)RAPT__GGUF_ALIGNMENT - 1), &out->offset))
    if (out->status == RAPT_OK)
      out->status = rapt__fail(out->ctx, RAPT_EINVAL, "tensor %s: the tensors are larger than a file can be", t->name);
}

static rapt_status pad(rapt__gguf_out *out, uint64_t written) {
  static const uint8_t zeros[RAPT__GGUF_ALIGNMENT];
  size_t over = (size_t)(written % RAPT__GGUF_ALIGNMENT);
  return over ? rapt__out_write(&out->file, zeros, RAPT__GGUF_ALIGNMENT - over) : RAPT_OK;
}

rapt_status rapt__gguf_begin(rapt__gguf_out *out, const char *path) {
  RAPT_TRY(out->status);
  out->status = rapt__out_open(out->ctx, path, &out->file);
  RAPT_TRY(out->status);
  out->begun = true;
  uint8_t head[24] = "GGUF\3";
  for (int i = 0; i < 8; i++) {
    head[8 + i] = (uint8_t)(out->tensor_count >> (8 * i));
    head[16 + i] = (uint8_t)(out->pair_count >> (8 * i));
  }
  rapt__out_write(&out->file, head, sizeof head);
  rapt__out_write(&out->file, out->pairs.data, out->pairs.size);
  rapt__out_write(&out->file, out->tensors.data, out->tensors.size);
  return out->status = pad(out, sizeof head + out->pairs.size + out->tensors.size);
}

rapt_status rapt__gguf_data(rapt__gguf_out *out, const void *data, size_t size) {
  RAPT_TRY(out->status);
  out->written += size;
  return out->status = rapt__out_write(&out->file, data, size);
}

rapt_status rapt__gguf_end(rapt__gguf_out *out) {
  RAPT_TRY(out->status);
  out->status = pad(out, out->written);
  out->written = (out->written + RAPT__GGUF_ALIGNMENT - 1) & ~((uint64_t)RAPT__GGUF_ALIGNMENT - 1);
  return out->status;
}

static void release(rapt__gguf_out *out) {
  rapt__text_free(&out->pairs);
  rapt__text_free(&out->tensors);
}

rapt_status rapt__gguf_commit(rapt__gguf_out *out) {
  if (out->status == RAPT_OK && out->written != out->offset)
    out->status = rapt__fail(out->ctx, RAPT_EINVAL, "%s: %llu bytes of tensors were announced and %llu written",
                             out->file.path, (unsigned long long)out->offset, (unsigned long long)out->written);
  if (out->status != RAPT_OK) {
    rapt__gguf_abort(out);
    return out->status;
  }
  out->begun = false;
  release(out);
  return out->status = rapt__out_commit(&out->file);
}

void rapt__gguf_abort(rapt__gguf_out *out) {
  if (out->begun) rapt__out_abort(&out->file);
  out->begun = false;
  release(out);
}
