/* Alignments of hypotheses by models that need the whole target for them: a pass over targets that are known by now. */
#include "infer/translator.h"

typedef struct late {
  rapt_translator *t;
  const rapt__line_ids *lines;
  rapt_hypothesis **hypotheses; /* of all lines, one behind the other */
  const int64_t *line_of;       /* the line of each */
  rapt__arena *arena;
} late;

static rapt_status align_batch(late *y, const rapt__place *places, int64_t count) {
  rapt__forced_pair *pairs = rapt__arena_new(y->arena, (size_t)count, sizeof *pairs);
  if (!pairs) return RAPT_ENOMEM;
  for (int64_t i = 0; i < count; i++) {
    const rapt__line_ids *line = &y->lines[y->line_of[places[i].index]];
    const rapt_hypothesis *h = y->hypotheses[places[i].index];
    pairs[i] = (rapt__forced_pair){.source = {line->ids, line->count},
                                   .target = h->tokens,
                                   .count = h->count,
                                   .number = y->line_of[places[i].index]};
    pairs[i].log_probs = rapt__arena_new(y->arena, (size_t)h->count, sizeof(float));
    pairs[i].alignment = rapt__arena_new(y->arena, (size_t)h->count * (size_t)line->count, sizeof(float));
    if (!pairs[i].log_probs || !pairs[i].alignment) return RAPT_ENOMEM;
  }
  RAPT_TRY(rapt__forced_align(y->t->forced, pairs, count));
  for (int64_t i = 0; i < count; i++) y->hypotheses[places[i].index]->alignment = pairs[i].alignment;
  return RAPT_OK;
}

rapt_status rapt__align_late(rapt_translator *t, const rapt__line_ids *lines, rapt__answer *answers, int64_t count,
                             int64_t batch, rapt__arena *arena) {
  int64_t all = 0, n = 0;
  if (!rapt__forced_late(t->forced)) return RAPT_OK;
  for (int64_t i = 0; i < count; i++) all += answers[i].count;
  rapt__place *places = rapt__arena_new(arena, (size_t)all + 1, sizeof *places);
  rapt_hypothesis **hypotheses = rapt__arena_new(arena, (size_t)all + 1, sizeof *hypotheses);
  int64_t *line_of = rapt__arena_new(arena, (size_t)all + 1, sizeof *line_of);
  if (!places || !hypotheses || !line_of) return RAPT_ENOMEM;
  for (int64_t i = 0; i < count; i++)
    for (int64_t k = 0; k < answers[i].count; k++) {
      rapt_hypothesis *h = &answers[i].hypotheses[k];
      if (h->count < 1) continue;
      hypotheses[n] = h;
      line_of[n] = i;
      places[n] = (rapt__place){
          {rapt__padded(lines[i].count, t->context), rapt__padded(h->count, t->context)}, lines[i].count, n};
      n++;
    }
  late y = {t, lines, hypotheses, line_of, arena};
  rapt__places_sort(places, n);
  for (int64_t i = 0, size; i < n; i += size) {
    size = rapt__places_alike(places, i, n, rapt__forced_rows(t->forced, places[i].shape[1], batch));
    RAPT_TRY(align_batch(&y, places + i, size));
  }
  return RAPT_OK;
}
