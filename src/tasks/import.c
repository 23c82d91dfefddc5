/* Reading a model's weights from a file that names tensors as some release of the class does: every tensor of the file is
 * given to the parameter that it means, and what is left over on either side is told. */
#include "formats/weights.h"
#include "tasks/model.h"

#include <stdio.h>
#include <string.h>

enum { NAME = 300 }; /* the most bytes of a name, its end included; longer ones belong to no parameter */

typedef enum kind { OWN, COPY, UNREAD, ZERO, UNKNOWN } kind;

/* What has been met so far. */
typedef struct reading {
  rapt_model *model;
  const char *path;
  uint8_t *filled; /* of every parameter: 0, or 1 + OWN or COPY */
  int64_t read, unread;
  rapt__text missing, unknown; /* names */
  int64_t missing_count, unknown_count;
} reading;

static size_t ending(const char *name, const char *end) {
  size_t n = strlen(name), m = strlen(end);
  return n >= m && strcmp(name + n - m, end) == 0 ? n - m : SIZE_MAX;
}

static bool ends_in(const char *name, const char *const *endings) {
  for (; endings && *endings; endings++)
    if (ending(name, *endings) != SIZE_MAX) return true;
  return false;
}

/* The parameter of a name, whether the name has the prefix of the class or lacks it; −1. */
static int64_t find_either(const rapt_model *model, const char *name) {
  const char *prefix = model->arch->hf_prefix;
  char longer[2 * NAME];
  size_t n = strlen(prefix);
  int64_t found = rapt_params_find(model->params, name);
  if (found >= 0 || n == 0) return found;
  if (strncmp(name, prefix, n) == 0) return rapt_params_find(model->params, name + n);
  snprintf(longer, sizeof longer, "%s%s", prefix, name);
  return rapt_params_find(model->params, longer);
}

/* The name as the class has it today: older endings, and the place of a text model inside a larger one. */
static void modernise(const rapt_model *model, const char *name, char out[NAME]) {
  static const char outer[] = "language_model.", inner[] = "model.language_model.";
  const char *const *pair = model->arch->hf_renamed;
  if (model->is_part && strncmp(name, inner, sizeof inner - 1) == 0)
    snprintf(out, NAME, "model.%s", name + sizeof inner - 1);
  else
    snprintf(out, NAME, "%s",
             model->is_part && strncmp(name, outer, sizeof outer - 1) == 0 ? name + sizeof outer - 1 : name);
  for (; pair && *pair; pair += 2) {
    size_t at = ending(out, pair[0]);
    if (at == SIZE_MAX) continue;
    snprintf(out + at, NAME - at, "%s", pair[1]);
    return;
  }
}

/* What a tensor of the file is; *index is its parameter. */
static kind kind_of(const rapt_model *model, const char *name, int64_t *index) {
  const rapt__model *arch = model->arch;
  char today[NAME];
  if (strlen(name) >= NAME) return UNKNOWN;
  modernise(model, name, today);
  *index = find_either(model, today);
  if (*index >= 0) return OWN;
  for (const char *const *pair = arch->hf_tied; pair && *pair; pair += 2) {
    if (strcmp(pair[0], today) != 0) continue;
    *index = rapt_params_find(model->params, pair[1]);
    if (*index >= 0) return COPY;
  }
  if (ends_in(today, arch->hf_unread)) return UNREAD;
  if (ends_in(today, arch->hf_zero)) return ZERO;
  /* The other parts of a model of which this is one. */
  return model->is_part && strcmp(today, name) == 0 ? UNREAD : UNKNOWN;
}

static rapt_status note(rapt__text *list, int64_t *count, const char *name) {
  enum { SHOWN = 5 };
  if (++*count > SHOWN) return RAPT_OK;
  return rapt__text_addf(list, "%s\"%s\"", *count > 1 ? ", " : "", name);
}

/* Of a file's tensor: its elements as floats, freed by the caller; NULL after an error. */
static float *elements(const reading *in, const rapt__safetensors *st, const rapt__st_entry *e) {
  float *values = rapt__new(in->model->ctx, (size_t)e->size + 1, sizeof *values);
  if (!values || rapt__safetensors_read(st, e, values) == RAPT_OK) return values;
  rapt__free(in->model->ctx, values);
  return NULL;
}

static rapt_status read_param(reading *in, const rapt__safetensors *st, const rapt__st_entry *e, int64_t index) {
  rapt_params *params = in->model->params;
  const rapt__param *p = params->items[index];
  bool same = e->ndim == p->ndim;
  for (int i = 0; same && i < p->ndim; i++) same = e->dim[i] == p->dim[i];
  if (!same)
    return rapt__fail(in->model->ctx, RAPT_EFORMAT,
                      "%s: tensor \"%s\" has another shape than config.json says (%lld elements, %lld expected)",
                      in->path, e->name, (long long)e->size, (long long)p->size);
  float *values = elements(in, st, e);
  if (!values) return rapt_context_status(in->model->ctx);
  for (int64_t i = 0; i < p->size; i++) params->values[p->offset + i] = (real)values[i];
  rapt__free(in->model->ctx, values);
  return RAPT_OK;
}

static rapt_status check_zero(reading *in, const rapt__safetensors *st, const rapt__st_entry *e) {
  float *values = elements(in, st, e);
  if (!values) return rapt_context_status(in->model->ctx);
  rapt_status status = RAPT_OK;
  for (int64_t i = 0; status == RAPT_OK && i < e->size; i++)
    if (values[i] != 0)
      status =
          rapt__fail(in->model->ctx, RAPT_EUNSUPPORTED, "%s: tensor \"%s\" is not all zero, and %s does not use it",
                     in->path, e->name, in->model->arch->name);
  rapt__free(in->model->ctx, values);
  return status;
}

/* A second tensor for a parameter that is filled. */
static rapt_status check_same(reading *in, const rapt__safetensors *st, const rapt__st_entry *e, int64_t index) {
  const rapt__param *p = in->model->params->items[index];
  float *values = e->size == p->size ? elements(in, st, e) : NULL;
  if (!values && e->size == p->size) return rapt_context_status(in->model->ctx);
  bool same = values != NULL;
  for (int64_t i = 0; same && i < p->size; i++) same = in->model->params->values[p->offset + i] == (real)values[i];
  rapt__free(in->model->ctx, values);
  if (same) return RAPT_OK;
  return rapt__fail(in->model->ctx, RAPT_EFORMAT,
                    "%s: tensor \"%s\" is not the same as \"%s\", to which config.json ties it", in->path, e->name,
                    p->name);
}

/* Of two tied tensors the one with the parameter's own name counts; another one beside it has to be the same. */
static rapt_status take(reading *in, const rapt__safetensors *st, const rapt__st_entry *e) {
  int64_t index = -1;
  kind what = kind_of(in->model, e->name, &index);
  switch (what) {
  case OWN:
    if (in->filled[index] == 1 + OWN)
      return rapt__fail(in->model->ctx, RAPT_EFORMAT, "%s: tensor \"%s\" is a second one for the parameter \"%s\"",
                        in->path, e->name, in->model->params->items[index]->name);
    break;
  case COPY: break;
  case UNREAD: in->unread++; return RAPT_OK;
  case ZERO: in->unread++; return check_zero(in, st, e);
  case UNKNOWN: return note(&in->unknown, &in->unknown_count, e->name);
  }
  if (in->filled[index]) return check_same(in, st, e, index);
  in->read++;
  in->filled[index] = (uint8_t)(1 + what);
  return read_param(in, st, e, index);
}

/* Everything that does not fit, in one sentence. */
static rapt_status judge(reading *in) {
  const rapt_params *params = in->model->params;
  for (size_t i = 0; i < params->count; i++)
    if (!in->filled[i] && !ends_in(params->items[i]->name, in->model->arch->hf_optional))
      RAPT_TRY(note(&in->missing, &in->missing_count, params->items[i]->name));
  if (in->missing_count || in->unknown_count) {
    char missing[48] = "", unknown[64] = "";
    if (in->missing_count) snprintf(missing, sizeof missing, "; %lld missing: ", (long long)in->missing_count);
    if (in->unknown_count)
      snprintf(unknown, sizeof unknown, "; %lld belong to no parameter: ", (long long)in->unknown_count);
    return rapt__fail(in->model->ctx, RAPT_EFORMAT, "%s: %lld of %zu tensors of %s are there%s%s%s%s", in->path,
                      (long long)in->read, params->count, in->model->arch->hf_class, missing,
                      in->missing.data ? in->missing.data : "", unknown, in->unknown.data ? in->unknown.data : "");
  }
  rapt__log(in->model->ctx, RAPT_LOG_DEBUG, "%s: %lld of %zu tensors of %s read, %lld others left out", in->path,
            (long long)in->read, params->count, in->model->arch->hf_class, (long long)in->unread);
  return RAPT_OK;
}

/* All tensors of the files, which are closed here. */
static rapt_status read_all(rapt_model *model, rapt__weights *w) {
  rapt_context *ctx = model->ctx;
  reading in = {.model = model, .path = w->path};
  rapt__text_init(&in.missing, ctx);
  rapt__text_init(&in.unknown, ctx);
  in.filled = rapt__new(ctx, model->params->count + 1, 1);
  rapt_status status = in.filled ? RAPT_OK : RAPT_ENOMEM;
  for (size_t i = 0; i < w->count && status == RAPT_OK; i++)
    status = take(&in, &w->files[w->file_of[i]], w->entries[i]);
  if (status == RAPT_OK) status = judge(&in);
  rapt__free(ctx, in.filled);
  rapt__text_free(&in.missing);
  rapt__text_free(&in.unknown);
  rapt__weights_close(w);
  return status;
}

rapt_status rapt__model_read_weights(rapt_model *model, const char *path) {
  rapt__weights w;
  RAPT_TRY(rapt__weights_open(model->ctx, path, &w));
  return read_all(model, &w);
}

rapt_status rapt__model_read_directory(rapt_model *model, const char *dir) {
  rapt__weights w;
  RAPT_TRY(rapt__weights_open_dir(model->ctx, dir, &w));
  return read_all(model, &w);
}
