/* Given pairs of lines, scored in batches and delivered in order. */
#include "infer/translator.h"

#include "tasks/model.h"

enum { WINDOW = 16 };

typedef struct window {
  rapt_translator *t;
  const rapt_translate_options *o;
  int64_t first, count;
  rapt__line_ids *sides[2];    /* [count] source, target */
  rapt_hypothesis *hypotheses; /* [count] */
  rapt__arena *arena;
} window;

static rapt_status read_side(window *w, int side, const char *const *lines, const size_t *sizes) {
  w->sides[side] = rapt__arena_new(w->arena, (size_t)w->count, sizeof *w->sides[side]);
  if (!w->sides[side]) return RAPT_ENOMEM;
  for (int64_t i = 0; i < w->count; i++)
    RAPT_TRY(rapt__line_read(w->t->ctx, side ? w->t->target : w->t->source, lines[i], sizes[i], w->t->context,
                             w->first + i, side ? "target: " : "source: ", w->arena, &w->sides[side][i]));
  return RAPT_OK;
}

/* A pair's fault is that of its first line that has one. */
static rapt_status check_pairs(window *w) {
  for (int64_t i = 0; i < w->count; i++) {
    rapt__line_ids *source = &w->sides[0][i], *target = &w->sides[1][i];
    if (source->status == RAPT_OK && source->empty)
      RAPT_TRY(
          rapt__line_fault(source, w->arena, RAPT_EINVAL, w->first + i, "the source is empty; leave the pair out"));
    if (source->status == RAPT_OK && target->status != RAPT_OK) {
      source->status = target->status;
      source->message = target->message;
    }
  }
  return RAPT_OK;
}

static rapt_status score_batch(window *w, const rapt__place *places, int64_t count) {
  bool wanted = w->o->alignments || w->o->beta != 0, aligned;
  rapt__forced_pair *pairs = rapt__arena_new(w->arena, (size_t)count, sizeof *pairs);
  if (!pairs) return RAPT_ENOMEM;
  for (int64_t i = 0; i < count; i++) {
    const rapt__line_ids *source = &w->sides[0][places[i].index], *target = &w->sides[1][places[i].index];
    size_t cells = (size_t)target->count * (size_t)source->count;
    pairs[i] = (rapt__forced_pair){.source = {source->ids, source->count},
                                   .target = target->ids,
                                   .count = target->count,
                                   .number = w->first + places[i].index};
    pairs[i].log_probs = rapt__arena_new(w->arena, (size_t)target->count, sizeof(float));
    if (wanted) pairs[i].alignment = rapt__arena_new(w->arena, cells, sizeof(float));
    if (!pairs[i].log_probs || (wanted && !pairs[i].alignment)) return RAPT_ENOMEM;
  }
  RAPT_TRY(rapt__forced_run(w->t->forced, pairs, count, &aligned));
  if (w->o->beta != 0 && !aligned)
    return rapt__fail(w->t->ctx, RAPT_EUNSUPPORTED, "the coverage penalty needs alignments, which the model has not");
  double *room = rapt__arena_new(w->arena, (size_t)places[count - 1].shape[0], sizeof *room);
  if (!room) return RAPT_ENOMEM;
  for (int64_t i = 0; i < count; i++) {
    const rapt__line_ids *target = &w->sides[1][places[i].index];
    double sum = 0;
    for (int64_t t = 0; t < pairs[i].count; t++) sum += (double)pairs[i].log_probs[t];
    double score = rapt__length_penalty(w->o, sum, pairs[i].count);
    int64_t width = pairs[i].source.count;
    if (w->o->beta != 0) score += rapt__coverage(pairs[i].alignment, pairs[i].count, width, width, w->o->beta, room);
    w->hypotheses[places[i].index] =
        (rapt_hypothesis){.text = target->text,
                          .size = target->size,
                          .tokens = target->ids,
                          .count = target->count,
                          .ended = true,
                          .score = score,
                          .log_probability = sum,
                          .log_probabilities = pairs[i].log_probs,
                          .alignment = aligned && w->o->alignments ? pairs[i].alignment : NULL};
  }
  /* The penalty was for what the search would have seen. */
  if (w->o->alignments && rapt__forced_late(w->t->forced)) return rapt__forced_align(w->t->forced, pairs, count);
  return RAPT_OK;
}

static rapt_status score_pairs(window *w) {
  rapt__place *places = rapt__arena_new(w->arena, (size_t)w->count, sizeof *places);
  w->hypotheses = rapt__arena_new(w->arena, (size_t)w->count, sizeof *w->hypotheses);
  int64_t count = 0;
  if (!places || !w->hypotheses) return RAPT_ENOMEM;
  for (int64_t i = 0; i < w->count; i++) {
    const rapt__line_ids *source = &w->sides[0][i], *target = &w->sides[1][i];
    if (source->status != RAPT_OK) continue;
    places[count++] = (rapt__place){
        {rapt__padded(source->count, w->t->context), rapt__padded(target->count, w->t->context)}, source->count, i};
  }
  rapt__places_sort(places, count);
  for (int64_t i = 0, n; i < count; i += n) {
    if (atomic_load(&w->t->ctx->interrupted))
      return rapt__fail(w->t->ctx, RAPT_EINTERRUPTED, "scoring was interrupted");
    n = rapt__places_alike(places, i, count, rapt__forced_rows(w->t->forced, places[i].shape[1], w->o->batch));
    RAPT_TRY(score_batch(w, places + i, n));
  }
  return RAPT_OK;
}

rapt_status rapt_translate_score(rapt_translator *t, const char *const *sources, const size_t *source_sizes,
                                 const char *const *targets, const size_t *target_sizes, int64_t count,
                                 const rapt_translate_options *options, rapt_translation_fn each, void *user) {
  rapt_translate_options o;
  RAPT_TRY(rapt__options_check(t->ctx, options, &o));
  rapt_status status = RAPT_OK;
  bool go = true;
  for (int64_t i = 0; i < count && go && status == RAPT_OK; i += WINDOW * o.batch) {
    rapt__arena arena;
    rapt__arena_init(&arena, t->ctx);
    window w = {.t = t,
                .o = &o,
                .first = o.first_line + i,
                .count = count - i < WINDOW * o.batch ? count - i : WINDOW * o.batch,
                .arena = &arena};
    status = read_side(&w, 0, sources + i, source_sizes + i);
    if (status == RAPT_OK) status = read_side(&w, 1, targets + i, target_sizes + i);
    if (status == RAPT_OK) status = check_pairs(&w);
    if (status == RAPT_OK) status = score_pairs(&w);
    for (int64_t k = 0; k < w.count && go && status == RAPT_OK; k++) {
      const rapt__line_ids *source = &w.sides[0][k];
      rapt_translation one = {.line = w.first + k,
                              .status = source->status,
                              .message = source->message,
                              .source = source->ids,
                              .source_count = source->count,
                              .hypotheses = &w.hypotheses[k],
                              .count = source->status == RAPT_OK};
      go = each(user, &one);
    }
    rapt__arena_free(&arena);
  }
  return status;
}
