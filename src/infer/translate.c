/* Lines of text through a search, and back in order. */
#include "infer/translator.h"

#include "tasks/model.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

enum { WINDOW = 16 }; /* batches that are sorted by length at a time */
enum { ROWS = 4096 }; /* of a batch, unless one sentence has more */

/* ---- The translator ---- */

static bool same_tokens(const rapt_tokenizer *a, const rapt_tokenizer *b) {
  if (a == b) return true;
  bool same = a->kind == b->kind && a->count == b->count && a->lowercase == b->lowercase && a->split == b->split;
  for (size_t i = 0; same && i < a->count; i++) {
    const rapt__token *x = &a->tokens[i], *y = &b->tokens[i];
    same = x->size == y->size && memcmp(x->bytes, y->bytes, x->size) == 0;
  }
  return same;
}

static rapt_status check_model(const rapt_model *model, const rapt_model *first, int number) {
  rapt_context *ctx = model->ctx;
  if (!model->arch->seq2seq)
    return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s is a language model and translates nothing", model->arch->name);
  if (!model->tokenizer)
    return rapt__fail(ctx, RAPT_EINVAL, "the model has no tokenizer, so it cannot read or write text");
  if (rapt_tokenizer_size(model->tokenizer) != rapt_model_vocabulary(model))
    return rapt__fail(
        ctx, RAPT_EINVAL,
        "the target's tokenizer has %lld tokens and the model %lld: config.json and tokenizer.json are of "
        "different models",
        (long long)rapt_tokenizer_size(model->tokenizer), (long long)rapt_model_vocabulary(model));
  if (!same_tokens(model->tokenizer, first->tokenizer) ||
      !same_tokens(rapt__model_source(model), rapt__model_source(first)))
    return rapt__fail(ctx, RAPT_EINVAL,
                      "model %d has other tokens than the first; models that translate together share vocabularies",
                      number + 1);
  return RAPT_OK;
}

rapt_status rapt_translator_new(rapt_model *const *models, int count, rapt_translator **out) {
  *out = NULL;
  if (count < 1) return RAPT_EINVAL; /* there is no context yet to say more in */
  rapt_context *ctx = models[0]->ctx;
  if (count > RAPT__ENSEMBLE)
    return rapt__fail(ctx, RAPT_EINVAL, "%d models; a translator has 1 to %d", count, RAPT__ENSEMBLE);
  rapt__search_model parts[RAPT__ENSEMBLE];
  int64_t context = rapt_model_context(models[0]);
  for (int m = 0; m < count; m++) {
    const rapt_model *model = models[m];
    if (model->ctx != ctx) return rapt__fail(ctx, RAPT_EINVAL, "model %d belongs to another context", m + 1);
    RAPT_TRY(check_model(model, models[0], m));
    parts[m] = (rapt__search_model){model->arch->seq2seq, model->config, model->params, rapt_model_vocabulary(model),
                                    rapt_model_context(model)};
    if (parts[m].context < context) context = parts[m].context;
  }
  rapt_translator *t = rapt__new(ctx, 1, sizeof *t);
  if (!t) return RAPT_ENOMEM;
  *t = (rapt_translator){
      .ctx = ctx, .source = rapt__model_source(models[0]), .target = models[0]->tokenizer, .context = context};
  rapt_status status = rapt__search_new(ctx, parts, count, &t->search);
  if (status == RAPT_OK) status = rapt__forced_new(ctx, parts, count, &t->forced);
  if (status != RAPT_OK)
    rapt_translator_free(t);
  else
    *out = t;
  return status;
}

void rapt_translator_free(rapt_translator *t) {
  if (!t) return;
  rapt__search_free(t->search);
  rapt__forced_free(t->forced);
  rapt__free(t->ctx, t);
}

/* ---- Order ---- */

static int by_shape(const void *a, const void *b) {
  const rapt__place *x = a, *y = b;
  for (int i = 0; i < 2; i++)
    if (x->shape[i] != y->shape[i]) return x->shape[i] < y->shape[i] ? -1 : 1;
  if (x->count != y->count) return x->count < y->count ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

void rapt__places_sort(rapt__place *places, int64_t count) {
  if (count) qsort(places, (size_t)count, sizeof *places, by_shape);
}

int64_t rapt__places_alike(const rapt__place *places, int64_t begin, int64_t count, int64_t most) {
  int64_t n = 1;
  while (n < most && begin + n < count &&
         memcmp(places[begin + n].shape, places[begin].shape, sizeof places->shape) == 0)
    n++;
  return n;
}

/* ---- A window of lines ---- */

typedef struct window {
  rapt_translator *t;
  const rapt_translate_options *o;
  const int32_t *prefix;
  int64_t prefix_count;
  int64_t first, count;  /* number of its first line */
  rapt__line_ids *lines; /* [count] */
  rapt__answer *answers; /* [count] */
  rapt__arena *arena;
} window;

static rapt_status read_lines(window *w, const char *const *lines, const size_t *sizes) {
  w->lines = rapt__arena_new(w->arena, (size_t)w->count, sizeof *w->lines);
  w->answers = rapt__arena_new(w->arena, (size_t)w->count, sizeof *w->answers);
  if (!w->lines || !w->answers) return RAPT_ENOMEM;
  for (int64_t i = 0; i < w->count; i++)
    RAPT_TRY(rapt__line_read(w->t->ctx, w->t->source, lines[i], sizes[i], w->t->context, w->first + i, "", w->arena,
                             &w->lines[i]));
  return RAPT_OK;
}

static rapt_status translate_batch(window *w, const rapt__place *places, int64_t count) {
  rapt__request *requests = rapt__arena_new(w->arena, (size_t)count, sizeof *requests);
  rapt__answer *answers = rapt__arena_new(w->arena, (size_t)count, sizeof *answers);
  if (!requests || !answers) return RAPT_ENOMEM;
  for (int64_t i = 0; i < count; i++) {
    const rapt__line_ids *line = &w->lines[places[i].index];
    requests[i] = (rapt__request){{line->ids, line->count}, w->first + places[i].index};
  }
  RAPT_TRY(rapt__search_run(w->t->search, requests, count, w->prefix, w->prefix_count, w->o, w->arena, answers, NULL));
  for (int64_t i = 0; i < count; i++) w->answers[places[i].index] = answers[i];
  return RAPT_OK;
}

static rapt_status translate_lines(window *w) {
  rapt__place *places = rapt__arena_new(w->arena, (size_t)w->count, sizeof *places);
  int64_t count = 0;
  if (!places) return RAPT_ENOMEM;
  for (int64_t i = 0; i < w->count; i++) {
    const rapt__line_ids *line = &w->lines[i];
    if (line->status != RAPT_OK || line->empty) continue;
    places[count++] = (rapt__place){{rapt__padded(line->count, w->t->context), 0}, line->count, i};
  }
  rapt__places_sort(places, count);
  for (int64_t i = 0, n; i < count; i += n) {
    int64_t most = ROWS / (w->o->sample ? w->o->nbest : w->o->beam);
    if (most > w->o->batch) most = w->o->batch;
    n = rapt__places_alike(places, i, count, most > 1 ? most : 1);
    RAPT_TRY(translate_batch(w, places + i, n));
  }
  return RAPT_OK;
}

/* Calls the user for every line; *go: whether to go on. */
static rapt_status deliver(window *w, rapt_translation_fn each, void *user, bool *go) {
  const rapt_hypothesis nothing = {.text = "", .ended = true};
  for (int64_t i = 0; i < w->count && *go; i++) {
    const rapt__line_ids *line = &w->lines[i];
    rapt__answer *answer = &w->answers[i];
    for (int64_t k = 0; k < answer->count; k++) {
      rapt_hypothesis *h = &answer->hypotheses[k];
      RAPT_TRY(rapt__hypothesis_text(w->t->target, w->t->source, w->o->replace_unknown ? line : NULL, w->arena, h));
      if (!w->o->alignments) h->alignment = NULL;
    }
    rapt_translation t = {.line = w->first + i,
                          .status = line->status,
                          .message = line->message,
                          .source = line->ids,
                          .source_count = line->count,
                          .hypotheses = answer->hypotheses,
                          .count = answer->count};
    if (line->status == RAPT_OK && line->empty) t.hypotheses = &nothing, t.count = 1;
    *go = each(user, &t);
  }
  return RAPT_OK;
}

static rapt_status read_prefix(rapt_translator *t, const rapt_translate_options *o, rapt__arena *arena,
                               rapt__line_ids *out) {
  *out = (rapt__line_ids){.count = 1};
  if (!o->prefix) return RAPT_OK;
  RAPT_TRY(rapt__line_read(t->ctx, t->target, o->prefix, strlen(o->prefix), t->context, 0, "", arena, out));
  if (out->status != RAPT_OK)
    return rapt__fail(t->ctx, RAPT_EKEY, "translation: the prefix \"%.60s\" does not do (%s)", o->prefix, out->message);
  for (int64_t i = 0; i + 1 < out->count; i++)
    if (out->ids[i] == RAPT__EOS || out->ids[i] == RAPT__BOS || out->ids[i] == RAPT__PAD)
      return rapt__fail(t->ctx, RAPT_EKEY, "translation: the prefix \"%.60s\" holds a special token", o->prefix);
  return RAPT_OK;
}

rapt_status rapt_translate(rapt_translator *t, const char *const *lines, const size_t *sizes, int64_t count,
                           const rapt_translate_options *options, rapt_translation_fn each, void *user) {
  rapt_translate_options o;
  RAPT_TRY(rapt__options_check(t->ctx, options, &o));
  rapt__arena whole;
  rapt__arena_init(&whole, t->ctx);
  rapt__line_ids prefix;
  rapt_status status = read_prefix(t, &o, &whole, &prefix);
  bool go = true;
  for (int64_t i = 0; i < count && go && status == RAPT_OK; i += WINDOW * o.batch) {
    rapt__arena arena;
    rapt__arena_init(&arena, t->ctx);
    window w = {.t = t,
                .o = &o,
                .prefix = prefix.ids,
                .prefix_count = prefix.count - 1,
                .first = o.first_line + i,
                .count = count - i < WINDOW * o.batch ? count - i : WINDOW * o.batch,
                .arena = &arena};
    status = read_lines(&w, lines + i, sizes + i);
    if (status == RAPT_OK) status = translate_lines(&w);
    if (status == RAPT_OK && (o.alignments || o.replace_unknown))
      status = rapt__align_late(t, w.lines, w.answers, w.count, o.batch, &arena);
    if (status == RAPT_OK) status = deliver(&w, each, user, &go);
    rapt__arena_free(&arena);
  }
  rapt__arena_free(&whole);
  return status;
}
