/* A model as a GGUF file. */
#include "base/half.h"
#include "tasks/gguf.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Settings ---- */

static const rapt__key *key_of(const rapt_model *model, const char *hf, const void **field) {
  for (const rapt__key *key = model->arch->keys; key->name; key++)
    if (key->hf && strcmp(key->hf, hf) == 0) {
      *field = (const char *)model->config + key->offset;
      return key;
    }
  return NULL;
}

static rapt_status check_fixed(const rapt_model *model, const char *path) {
  const rapt__gguf_arch *arch = model->arch->gguf;
  for (const rapt__gguf_fixed *row = arch->fixed; row && row->setting; row++) {
    const void *field = NULL;
    const rapt__key *key = key_of(model, row->setting, &field);
    rapt__text text;
    rapt__text_init(&text, model->ctx);
    rapt_status status = rapt__config_print(&text, key, field);
    if (status == RAPT_OK && strcmp(text.data, row->value) != 0)
      status =
          rapt__fail(model->ctx, RAPT_EUNSUPPORTED, "%s: %s=%s has no form in GGUF's architecture %s, which has %s",
                     path, key->name, text.data, arch->name, row->value);
    rapt__text_free(&text);
    RAPT_TRY(status);
  }
  return RAPT_OK;
}

static void put_settings(rapt__gguf_out *out, const rapt_model *model) {
  const rapt__gguf_arch *arch = model->arch->gguf;
  for (const rapt__gguf_key *row = arch->keys; row->gguf; row++) {
    char name[160];
    const void *field = NULL;
    const rapt__key *key = key_of(model, row->setting, &field);
    snprintf(name, sizeof name, "%s.%s", arch->name, row->gguf);
    if (row->value)
      rapt__gguf_put_u32(out, name, (uint32_t)row->value(model->config));
    else if (key->type == RAPT__KEY_INT)
      rapt__gguf_put_u32(out, name, (uint32_t) * (const int64_t *)field);
    else if (key->type == RAPT__KEY_REAL)
      rapt__gguf_put_f32(out, name, (float)*(const double *)field);
    else if (key->type == RAPT__KEY_BOOL)
      rapt__gguf_put_bool(out, name, *(const bool *)field);
  }
}

/* GGML's numbers of what most of a file is. */
static uint32_t file_type(rapt__type type) {
  switch (type) {
  case RAPT__F16: return 1;
  case RAPT__Q4_0: return 2;
  case RAPT__Q8_0: return 7;
  case RAPT__Q5_0: return 8;
  case RAPT__Q4_K: return 14;
  case RAPT__Q5_K: return 16;
  case RAPT__Q6_K: return 18;
  case RAPT__BF16: return 32;
  default: return 0;
  }
}

/* ---- Weights ---- */

static bool divides(rapt__type type, int64_t row) { return row % rapt__type_of(type)->elements == 0; }

/* Of a matrix with such rows: the type that is wanted, or the next finer one that they are whole blocks of. */
static const rapt__type_info *type_for(const rapt__type_info *wanted, int64_t row) {
  rapt__type type = wanted->type;
  if (type == RAPT__Q4_K && !divides(type, row)) type = RAPT__Q5_0;
  if ((type == RAPT__Q5_K || type == RAPT__Q6_K) && !divides(type, row)) type = RAPT__Q8_0;
  if (!divides(type, row)) type = RAPT__F16;
  return rapt__type_of(type);
}

void rapt__param_row(const rapt_params *params, const rapt__param *p, bool turned, int64_t row, float *out) {
  int64_t width = p->ndim ? p->dim[turned ? 0 : p->ndim - 1] : 1, rows = p->size / width;
  if (p->blocks) { /* these are rows of the file already */
    const k_blocks *b = &rapt__kernels()->blocks[p->block];
    b->read(width, (const char *)p->blocks + row * (width / b->elements) * (int64_t)b->bytes, out);
    return;
  }
  const real *values = params->values + p->offset;
  for (int64_t i = 0; i < width; i++) out[i] = (float)values[turned ? i * rows + row : row * width + i];
}

typedef struct item {
  const rapt__param *p;
  rapt__gguf_tensor tensor;
  bool turned;
} item;

static rapt_status describe(const rapt_model *model, const char *path, const rapt__type_info *type, item *it,
                            rapt__arena *arena) {
  char name[300];
  const rapt__param *p = it->p;
  const rapt__gguf_name *row = rapt__gguf_name_of(model->arch->gguf, p->name, name, sizeof name);
  if (!row)
    return rapt__fail(model->ctx, RAPT_EUNSUPPORTED, "%s: parameter \"%s\" has no name in GGUF's architecture %s", path,
                      p->name, model->arch->gguf->name);
  if (p->ndim > RAPT__GGUF_DIMS)
    return rapt__fail(model->ctx, RAPT_EUNSUPPORTED, "%s: parameter \"%s\" has %d dimensions; GGUF has %d", path,
                      p->name, p->ndim, RAPT__GGUF_DIMS);
  it->turned = row->flags & RAPT__GGUF_TURNED;
  rapt__gguf_tensor *t = &it->tensor;
  *t = (rapt__gguf_tensor){.name = rapt__arena_strdup(arena, name), .ndim = p->ndim, .size = p->size};
  if (!t->name) return RAPT_ENOMEM;
  for (int i = 0; i < p->ndim; i++) t->dim[i] = p->dim[it->turned ? p->ndim - 1 - i : i];
  int64_t width = t->ndim ? t->dim[t->ndim - 1] : 1;
  t->type = p->ndim == 2 && !(row->flags & RAPT__GGUF_PLAIN) ? type_for(type, width) : rapt__type_of(RAPT__F32);
  t->bytes = (size_t)(p->size / width) * rapt__type_row(t->type, width);
  return RAPT_OK;
}

/* Numbers that a type has no room for. A block's scale is a half of a divisor of its greatest number. */
static rapt_status check_row(const rapt_model *model, const char *path, const item *it, int64_t n, const float *x) {
  rapt__type type = it->tensor.type->type;
  float most = type == RAPT__F32 ? INFINITY : type == RAPT__BF16 ? 3.38e38F : 65504;
  for (int64_t i = 0; i < n; i++)
    if (type != RAPT__F32 && !(fabsf(x[i]) <= most))
      return rapt__fail(model->ctx, RAPT_EINVAL, "%s: tensor %s: %g has no form in %s", path, it->tensor.name,
                        (double)x[i], it->tensor.type->name);
  return RAPT_OK;
}

static rapt_status write_rows(const rapt_model *model, const char *path, rapt__gguf_out *out, const item *it,
                              float *numbers, void *packed) {
  const rapt__gguf_tensor *t = &it->tensor;
  int64_t width = t->ndim ? t->dim[t->ndim - 1] : 1, rows = t->size / width;
  int block = rapt__kernels_block(t->type->type);
  if (it->p->blocks && it->p->block == block && it->p->turned == it->turned) { /* as it is */
    RAPT_TRY(rapt__gguf_data(out, it->p->blocks, t->bytes));
    return rapt__gguf_end(out);
  }
  for (int64_t r = 0; r < rows; r++) {
    rapt__param_row(model->params, it->p, it->turned, r, numbers);
    RAPT_TRY(check_row(model, path, it, width, numbers));
    if (block >= 0) rapt__kernels()->blocks[block].write(width, numbers, packed);
    RAPT_TRY(rapt__gguf_data(out, block >= 0 ? packed : numbers, rapt__type_row(t->type, width)));
  }
  return rapt__gguf_end(out);
}

static rapt_status write_weights(const rapt_model *model, const char *path, rapt__gguf_out *out, const item *items) {
  int64_t widest = 1;
  for (size_t i = 0; i < model->params->count; i++) {
    const rapt__gguf_tensor *t = &items[i].tensor;
    if (t->ndim && t->dim[t->ndim - 1] > widest) widest = t->dim[t->ndim - 1];
  }
  float *numbers = rapt__new(model->ctx, (size_t)widest, sizeof *numbers);
  void *packed = rapt__new(model->ctx, (size_t)widest, sizeof *numbers); /* no type is wider */
  rapt_status status = numbers && packed ? RAPT_OK : RAPT_ENOMEM;
  for (size_t i = 0; i < model->params->count && status == RAPT_OK; i++)
    status = write_rows(model, path, out, &items[i], numbers, packed);
  rapt__free(model->ctx, numbers);
  rapt__free(model->ctx, packed);
  return status;
}

static rapt_status save(const rapt_model *model, const char *path, const rapt__type_info *type, rapt__arena *arena,
                        rapt__gguf_out *out) {
  item *items = rapt__arena_new(arena, model->params->count + 1, sizeof *items);
  if (!items) return RAPT_ENOMEM;
  rapt__gguf_put_text(out, "general.architecture", model->arch->gguf->name);
  rapt__gguf_put_text(out, "general.type", "model");
  rapt__gguf_put_u32(out, "general.file_type", file_type(type->type));
  rapt__gguf_put_u32(out, "general.quantization_version", 2);
  put_settings(out, model);
  rapt__gguf_put_u32(out, "general.alignment", RAPT__GGUF_ALIGNMENT);
  if (model->tokenizer) RAPT_TRY(rapt__gguf_write_tokenizer(out, model->tokenizer, rapt_model_vocabulary(model)));
  for (size_t i = 0; i < model->params->count; i++) {
    items[i].p = model->params->items[i];
    RAPT_TRY(describe(model, path, type, &items[i], arena));
    rapt__gguf_put_tensor(out, &items[i].tensor);
  }
  RAPT_TRY(rapt__gguf_begin(out, path));
  return write_weights(model, path, out, items);
}

rapt_status rapt__gguf_save(const rapt_model *model, const char *path, const rapt__type_info *type) {
  if (!model->arch->gguf)
    return rapt__fail(model->ctx, RAPT_EUNSUPPORTED, "%s: the architecture %s has no form in GGUF", path,
                      model->arch->name);
  RAPT_TRY(check_fixed(model, path));
  rapt__arena arena;
  rapt__gguf_out out;
  rapt__arena_init(&arena, model->ctx);
  rapt__gguf_out_init(&out, model->ctx);
  rapt_status status = save(model, path, type, &arena, &out);
  if (status == RAPT_OK)
    status = rapt__gguf_commit(&out);
  else
    rapt__gguf_abort(&out);
  rapt__arena_free(&arena);
  return status;
}
