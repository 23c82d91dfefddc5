/* A model out of a GGUF file. */
#include "tasks/gguf.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool rapt__is_gguf(const char *path) {
  char head[4];
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  bool is = read(fd, head, sizeof head) == sizeof head && memcmp(head, "GGUF", sizeof head) == 0;
  close(fd);
  return is;
}

/* ---- Names ---- */

const rapt__gguf_name *rapt__gguf_name_of(const rapt__gguf_arch *arch, const char *parameter, char *name, size_t room) {
  for (const rapt__gguf_name *row = arch->names; row->gguf; row++) {
    const char *layer = strstr(row->parameter, "%d");
    if (!layer) {
      if (strcmp(row->parameter, parameter) != 0) continue;
      snprintf(name, room, "%s", row->gguf);
      return row;
    }
    size_t before = (size_t)(layer - row->parameter);
    if (strncmp(row->parameter, parameter, before) != 0) continue;
    const char *number = parameter + before;
    size_t digits = strspn(number, "0123456789");
    if (digits < 1 || digits > 9 || strcmp(number + digits, layer + 2) != 0) continue;
    const char *at = strstr(row->gguf, "%d");
    snprintf(name, room, "%.*s%.*s%s", (int)(at - row->gguf), row->gguf, (int)digits, number, at + 2);
    return row;
  }
  return NULL;
}

/* ---- Settings ---- */

/* The shortest decimal that is this float. */
static void float_text(double value, char *text, size_t room) {
  for (int digits = 6; digits <= 9; digits++) {
    snprintf(text, room, "%.*g", digits, value);
    if (strtof(text, NULL) == (float)value) return;
  }
}

static const rapt__key *key_of(const rapt__model *arch, const char *hf) {
  const rapt__key *key = arch->keys;
  while (key->name && !(key->hf && strcmp(key->hf, hf) == 0)) key++;
  return key;
}

static rapt_status set(rapt_model *model, const rapt__gguf *g, const char *hf, const char *text) {
  rapt__config config = {model->arch->keys, model->config};
  rapt_status status =
      rapt__config_set(model->ctx, &model->arena, &config, 1, key_of(model->arch, hf)->name, text, g->name);
  return status == RAPT_EKEY ? RAPT_EFORMAT : status;
}

static rapt_status read_settings(rapt_model *model, const rapt__gguf *g) {
  const rapt__gguf_arch *arch = model->arch->gguf;
  for (const rapt__gguf_key *row = arch->keys; row->gguf; row++) {
    char key[160], text[64];
    snprintf(key, sizeof key, "%s.%s", arch->name, row->gguf);
    const rapt__gguf_value *value = rapt__gguf_value_of(g, key);
    bool integer = key_of(model->arch, row->setting)->type == RAPT__KEY_INT;
    if (!value) return rapt__fail(model->ctx, RAPT_EFORMAT, "%s: key %s is missing", g->name, key);
    if (!rapt__gguf_is_number(value->kind) || (integer && !rapt__gguf_is_integer(value->kind)))
      return rapt__fail(model->ctx, RAPT_EFORMAT, "%s: key %s is no %snumber (%s)", g->name, key,
                        integer ? "whole " : "", rapt__gguf_kind_name(value->kind));
    if (value->kind == RAPT__GGUF_BOOL)
      snprintf(text, sizeof text, "%s", rapt__gguf_integer(value) ? "true" : "false");
    else if (rapt__gguf_is_integer(value->kind))
      snprintf(text, sizeof text, "%lld", (long long)rapt__gguf_integer(value));
    else
      float_text(rapt__gguf_real(value), text, sizeof text);
    RAPT_TRY(set(model, g, row->setting, text));
  }
  if (arch->tied) RAPT_TRY(set(model, g, arch->tied, rapt__gguf_find(g, arch->output) ? "false" : "true"));
  const rapt__gguf_tensor *table = rapt__gguf_find(g, arch->table);
  if (!table || table->ndim != 2)
    return rapt__fail(model->ctx, RAPT_EFORMAT, "%s: the matrix %s is missing", g->name, arch->table);
  if (model->tokenizer && rapt_tokenizer_size(model->tokenizer) > table->dim[0])
    return rapt__fail(model->ctx, RAPT_EFORMAT, "%s: the tokenizer has %lld tokens, %s %lld rows", g->name,
                      (long long)rapt_tokenizer_size(model->tokenizer), arch->table, (long long)table->dim[0]);
  *model->arch->vocabulary(model->config) = table->dim[0];
  return RAPT_OK;
}

/* ---- Weights ---- */

static const rapt__gguf_tensor *tensor_of(const rapt_model *model, const rapt__gguf *g, const rapt__param *p,
                                          bool *turned, bool *plain) {
  char name[300];
  const rapt__gguf_name *row = rapt__gguf_name_of(model->arch->gguf, p->name, name, sizeof name);
  const rapt__gguf_tensor *t = row ? rapt__gguf_find(g, name) : NULL;
  if (!t) {
    rapt__fail(model->ctx, RAPT_EFORMAT, "%s: tensor %s, the parameter \"%s\", is missing", g->name, row ? name : "?",
               p->name);
    return NULL;
  }
  *turned = row->flags & RAPT__GGUF_TURNED;
  *plain = row->flags & RAPT__GGUF_PLAIN;
  bool same = t->ndim == p->ndim;
  for (int i = 0; same && i < p->ndim; i++) same = t->dim[i] == p->dim[*turned ? p->ndim - 1 - i : i];
  if (!same) {
    rapt__fail(model->ctx, RAPT_EFORMAT,
               "%s: tensor %s has another shape than the settings say (%lld elements, %lld "
               "expected)",
               g->name, name, (long long)t->size, (long long)p->size);
    return NULL;
  }
  if (!t->type->computed) {
    rapt__fail(model->ctx, RAPT_EUNSUPPORTED, "%s: tensor %s is stored as %s, which rapt does not compute with",
               g->name, name, t->type->name);
    return NULL;
  }
  return t;
}

/* Matrices that are not float32 stay where they are. */
static rapt_status attach(rapt_model *model, const rapt__gguf *g) {
  rapt_params *params = model->params;
  for (size_t i = 0; i < params->count; i++) {
    bool turned, plain;
    const rapt__gguf_tensor *t = tensor_of(model, g, params->items[i], &turned, &plain);
    if (!t) return model->ctx->status;
    if (t->ndim == 2 && !plain && t->type->type != RAPT__F32)
      RAPT_TRY(rapt__params_attach(params, (int64_t)i, rapt__kernels_block(t->type->type), turned, t->data));
  }
  return RAPT_OK;
}

static rapt_status read_numbers(rapt_model *model, const rapt__gguf *g, const rapt__param *p) {
  bool turned, plain;
  const rapt__gguf_tensor *t = tensor_of(model, g, p, &turned, &plain);
  if (!t) return model->ctx->status;
  int64_t width = t->ndim ? t->dim[t->ndim - 1] : 1, rows = t->size / width;
  real *values = model->params->values + p->offset, *room = rapt__new(model->ctx, (size_t)width, sizeof *room);
  if (!room) return RAPT_ENOMEM;
  int block = rapt__kernels_block(t->type->type);
  size_t bytes = rapt__type_row(t->type, width);
  for (int64_t r = 0; r < rows; r++) {
    const uint8_t *from = t->data + (size_t)r * bytes;
    if (block >= 0) {
      rapt__kernels()->blocks[block].read(width, from, room);
    } else {
      float number;
      for (int64_t i = 0; i < width; i++) {
        memcpy(&number, from + (size_t)i * sizeof number, sizeof number);
        room[i] = number;
      }
    }
    for (int64_t i = 0; i < width; i++) values[turned ? i * rows + r : r * width + i] = room[i];
  }
  rapt__free(model->ctx, room);
  return RAPT_OK;
}

/* Every tensor is a parameter's, or one that the table knows to be none. */
static rapt_status check_others(const rapt_model *model, const rapt__gguf *g) {
  const rapt__gguf_arch *arch = model->arch->gguf;
  const char **names = rapt__new(model->ctx, model->params->count + 1, sizeof *names);
  rapt__arena arena;
  rapt__arena_init(&arena, model->ctx);
  rapt_status status = names ? RAPT_OK : RAPT_ENOMEM;
  for (size_t i = 0; i < model->params->count && status == RAPT_OK; i++) {
    char name[300];
    rapt__gguf_name_of(arch, model->params->items[i]->name, name, sizeof name);
    names[i] = rapt__arena_strdup(&arena, name);
    if (!names[i]) status = RAPT_ENOMEM;
  }
  for (size_t t = 0; t < g->tensor_count && status == RAPT_OK; t++) {
    bool known = false;
    for (size_t i = 0; i < model->params->count && !known; i++) known = strcmp(names[i], g->tensors[t].name) == 0;
    for (const char *const *u = arch->unread; u && *u && !known; u++) known = strcmp(*u, g->tensors[t].name) == 0;
    if (!known)
      status = rapt__fail(model->ctx, RAPT_EFORMAT, "%s: tensor %s belongs to no parameter of %s", g->name,
                          g->tensors[t].name, model->arch->name);
  }
  rapt__free(model->ctx, names);
  rapt__arena_free(&arena);
  return status;
}

static rapt_status fill(rapt_model *model, const rapt__gguf *g, bool numbers) {
  RAPT_TRY(read_settings(model, g));
  RAPT_TRY(rapt__model_declare(model));
  if (!numbers) RAPT_TRY(attach(model, g));
  for (size_t i = 0; i < model->params->count; i++) model->params->items[i]->init.kind = RAPT_INIT_ZEROS;
  RAPT_TRY(rapt_params_start(model->params, 0));
  for (size_t i = 0; i < model->params->count; i++)
    if (!model->params->items[i]->blocks) RAPT_TRY(read_numbers(model, g, model->params->items[i]));
  return check_others(model, g);
}

static rapt_status find_arch(const rapt__gguf *g, const rapt__model **arch) {
  const rapt__gguf_value *value = rapt__gguf_value_of(g, "general.architecture");
  char known[256] = "";
  if (!value || value->kind != RAPT__GGUF_TEXT)
    return rapt__fail(g->ctx, RAPT_EFORMAT, "%s: key general.architecture is missing", g->name);
  for (int i = 0; rapt__models[i]; i++) {
    const rapt__gguf_arch *a = rapt__models[i]->gguf;
    if (!a) continue;
    if (strlen(a->name) == value->count && memcmp(a->name, value->at, (size_t)value->count) == 0) {
      *arch = rapt__models[i];
      return RAPT_OK;
    }
    size_t n = strlen(known);
    snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", a->name);
  }
  return rapt__fail(g->ctx, RAPT_EUNSUPPORTED, "%s: general.architecture \"%.*s\" is not supported; rapt has %s",
                    g->name, value->count < 60 ? (int)value->count : 60, (const char *)value->at, known);
}

rapt_status rapt__gguf_load(rapt_context *ctx, const char *path, bool numbers, rapt_model **out) {
  *out = NULL;
  rapt__gguf *g = rapt__new(ctx, 1, sizeof *g);
  if (!g) return RAPT_ENOMEM;
  const rapt__model *arch = NULL;
  rapt_model *model = NULL;
  rapt_tokenizer *tokenizer = NULL;
  rapt_status status = rapt__gguf_open(ctx, path, g);
  if (status == RAPT_OK) status = find_arch(g, &arch);
  if (status == RAPT_OK) status = rapt__gguf_read_tokenizer(g, &tokenizer);
  if (status == RAPT_OK) status = rapt__model_empty(ctx, arch, tokenizer, &model);
  if (status == RAPT_OK) status = fill(model, g, numbers);
  if (status == RAPT_OK && !numbers) {
    model->file = g; /* the weights lie in it */
    g = NULL;
  }
  if (g) rapt__gguf_close(g);
  rapt__free(ctx, g);
  if (status != RAPT_OK)
    rapt_model_free(model);
  else
    *out = model;
  return status;
}
