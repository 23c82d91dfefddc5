/* Columns that models give. */
#include "pbmt/rescore.h"

#include <string.h>

/* ---- Translators ---- */

typedef struct scored {
  rapt_nbest *n;
  const size_t *entry; /* of every pair that is scored */
  double *values;
  rapt_status status;
} scored;

static bool take(void *user, const rapt_translation *t) {
  scored *s = user;
  size_t entry = s->entry[t->line];
  if (t->status != RAPT_OK) {
    s->status =
        rapt__fail(s->n->ctx, t->status, "entry %zu of the n-best lists cannot be scored: %s", entry + 1, t->message);
    return false;
  }
  s->values[entry] = t->hypotheses[0].log_probability;
  return true;
}

/* Pairs of a source and an entry, as rapt_translate_score takes them. */
typedef struct pairs {
  const char **text[2];
  size_t *size[2];
  size_t *entry;
  int64_t count;
} pairs;

static rapt_status collect(const rapt_nbest *n, const rapt_lines *sources, rapt__arena *arena, pairs *p) {
  const rapt__pbmt_nbest *l = &n->lists;
  for (int side = 0; side < 2; side++) {
    p->text[side] = rapt__arena_new(arena, l->entries, sizeof *p->text[side]);
    p->size[side] = rapt__arena_new(arena, l->entries, sizeof *p->size[side]);
    if (!p->text[side] || !p->size[side]) return RAPT_ENOMEM;
  }
  p->entry = rapt__arena_new(arena, l->entries, sizeof *p->entry);
  if (!p->entry) return RAPT_ENOMEM;
  for (size_t s = 0; s < l->sentences; s++)
    for (size_t k = l->first[s]; k < l->first[s + 1]; k++) {
      if (n->texts[k].size == 0 && l->first[s + 1] - l->first[s] == 1) continue; /* stands for none */
      p->text[0][p->count] = sources->line[s].data;
      p->size[0][p->count] = sources->line[s].size;
      p->text[1][p->count] = n->texts[k].data;
      p->size[1][p->count] = n->texts[k].size;
      p->entry[p->count++] = k;
    }
  return RAPT_OK;
}

rapt_status rapt_nbest_add_translator(rapt_nbest *n, const char *name, rapt_translator *translator,
                                      const rapt_lines *sources) {
  if (sources->count != rapt_nbest_lists(n))
    return rapt__fail(n->ctx, RAPT_EINVAL, "%lld n-best lists and %lld sources", (long long)rapt_nbest_lists(n),
                      (long long)sources->count);
  rapt__arena arena;
  pairs p = {.count = 0};
  rapt__arena_init(&arena, n->ctx);
  double *values = rapt__arena_new(&arena, n->lists.entries, sizeof *values);
  rapt_status status = values ? collect(n, sources, &arena, &p) : RAPT_ENOMEM;
  if (status == RAPT_OK) {
    scored s = {n, p.entry, values, RAPT_OK};
    status = rapt_translate_score(translator, p.text[0], p.size[0], p.text[1], p.size[1], p.count, NULL, take, &s);
    if (status == RAPT_OK) status = s.status;
  }
  if (status == RAPT_OK) status = rapt__pbmt_nbest_add_column(&n->lists, name, values);
  rapt__arena_free(&arena);
  return status;
}

/* ---- Language models ---- */

static rapt_status score_entry(rapt_nbest *n, rapt_model *model, size_t entry, rapt__text *text, double *value) {
  rapt_eval e;
  text->size = 0;
  RAPT_TRY(rapt__text_add(text, "\n", 1));
  RAPT_TRY(rapt__text_add(text, n->texts[entry].data, n->texts[entry].size));
  RAPT_TRY(rapt__text_add(text, "\n", 1));
  RAPT_TRY(rapt_model_eval(model, text->data, text->size, &e));
  *value = -e.loss * (double)e.tokens;
  return RAPT_OK;
}

rapt_status rapt_nbest_add_language(rapt_nbest *n, const char *name, rapt_model *model) {
  const rapt__pbmt_nbest *l = &n->lists;
  rapt__text text;
  double *values = rapt__new(n->ctx, l->entries, sizeof *values);
  rapt_status status = values ? RAPT_OK : RAPT_ENOMEM;
  rapt__text_init(&text, n->ctx);
  for (size_t s = 0; s < l->sentences && status == RAPT_OK; s++) {
    if (atomic_load(&n->ctx->interrupted))
      status = rapt__fail(n->ctx, RAPT_EINTERRUPTED, "scoring was interrupted after %zu lists", s);
    for (size_t k = l->first[s]; k < l->first[s + 1] && status == RAPT_OK; k++)
      if (n->texts[k].size > 0 || l->first[s + 1] - l->first[s] > 1)
        status = score_entry(n, model, k, &text, &values[k]);
  }
  if (status == RAPT_OK) status = rapt__pbmt_nbest_add_column(&n->lists, name, values);
  rapt__text_free(&text);
  rapt__free(n->ctx, values);
  return status;
}
