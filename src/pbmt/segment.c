/* The best segmentation of a pair by dynamic programming over the target. */
#include "pbmt/segment.h"

#include <math.h>
#include <string.h>

rapt_status rapt__segmenter_init(rapt_context *ctx, const rapt__pbmt_phrases *table, const double *weights, int longest,
                                 rapt__segmenter *s) {
  *s = (rapt__segmenter){.ctx = ctx, .table = table, .weights = weights, .longest = longest};
  s->best = rapt__new(ctx, RAPT__PBMT_LONGEST + 1, sizeof *s->best);
  s->last = rapt__new(ctx, RAPT__PBMT_LONGEST + 1, sizeof *s->last);
  s->source_first = rapt__new(ctx, 4 * RAPT__PBMT_LONGEST, sizeof *s->source_first);
  if (!s->best || !s->last || !s->source_first) return RAPT_ENOMEM;
  s->source_last = s->source_first + RAPT__PBMT_LONGEST;
  s->target_first = s->source_last + RAPT__PBMT_LONGEST;
  s->target_last = s->target_first + RAPT__PBMT_LONGEST;
  return RAPT_OK;
}

void rapt__segmenter_free(rapt__segmenter *s) {
  if (!s->ctx) return;
  rapt__free(s->ctx, s->best);
  rapt__free(s->ctx, s->last);
  rapt__free(s->ctx, s->source_first);
  *s = (rapt__segmenter){0};
}

static void reach(int16_t *first, int16_t *last, int16_t to) {
  if (to < *first) *first = to;
  if (to > *last) *last = to;
}

/* From where to where each word's links reach on the other side; first > last for a word without links. */
static void read_links(rapt__segmenter *s, size_t source_length, size_t target_length, const rapt__pbmt_link *links,
                       size_t count) {
  for (size_t i = 0; i < source_length; i++) s->source_first[i] = INT16_MAX, s->source_last[i] = -1;
  for (size_t j = 0; j < target_length; j++) s->target_first[j] = INT16_MAX, s->target_last[j] = -1;
  for (size_t k = 0; k < count; k++) {
    reach(&s->source_first[links[k].source], &s->source_last[links[k].source], links[k].target);
    reach(&s->target_first[links[k].target], &s->target_last[links[k].target], links[k].source);
  }
}

/* The source span of target words from … to - 1, words without links included; false where links lead out of it. */
static bool source_span(const rapt__segmenter *s, size_t source_length, int from, int to, rapt__pbmt_span *span) {
  int16_t first = INT16_MAX, last = -1;
  for (int j = from; j < to; j++) {
    if (s->target_first[j] < first) first = s->target_first[j];
    if (s->target_last[j] > last) last = s->target_last[j];
  }
  if (last < 0) return false;
  for (int i = first; i <= last; i++)
    if (s->source_last[i] >= 0 && (s->source_first[i] < from || s->source_last[i] >= to)) return false;
  while ((size_t)last + 1 < source_length && s->source_last[last + 1] < 0) last++;
  int front = first;
  while (front > 0 && s->source_last[front - 1] < 0) front--;
  if (front == 0) first = 0;
  *span = (rapt__pbmt_span){first, (int16_t)(last + 1), (int16_t)from, (int16_t)to, false};
  return true;
}

/* The weighted sum of the table's features of a phrase pair; −INFINITY where it has none. */
static double score(const rapt__segmenter *s, const int32_t *source, const int32_t *target,
                    const rapt__pbmt_span *span) {
  const rapt__pbmt_option *o;
  size_t length = (size_t)(span->target_end - span->target_begin);
  size_t count = rapt__pbmt_phrases_find(s->table, source + span->begin, (size_t)(span->end - span->begin), &o);
  for (size_t k = 0; k < count; k++, o++)
    if ((size_t)o->length == length && memcmp(o->words, target + span->target_begin, length * sizeof *target) == 0)
      return s->weights[RAPT__PBMT_PHI_SOURCE] * o->phi_source + s->weights[RAPT__PBMT_PHI_TARGET] * o->phi_target +
             s->weights[RAPT__PBMT_LEX_SOURCE] * o->lex_source + s->weights[RAPT__PBMT_LEX_TARGET] * o->lex_target +
             s->weights[RAPT__PBMT_PHRASES];
  return -INFINITY;
}

size_t rapt__segment(rapt__segmenter *s, const int32_t *source, size_t source_length, const int32_t *target,
                     size_t target_length, const rapt__pbmt_link *links, size_t link_count, rapt__pbmt_span *spans) {
  size_t count = 0;
  read_links(s, source_length, target_length, links, link_count);
  s->best[0] = 0;
  for (int to = 1; to <= (int)target_length; to++) {
    s->best[to] = -INFINITY;
    for (int from = to - 1; from >= 0 && to - from <= s->longest; from--) {
      rapt__pbmt_span span;
      if (s->best[from] == -INFINITY || !source_span(s, source_length, from, to, &span)) continue;
      if (span.end - span.begin > s->longest) continue;
      double total = s->best[from] + score(s, source, target, &span);
      if (!(total > s->best[to])) continue;
      s->best[to] = total;
      s->last[to] = span;
    }
  }
  if (s->best[target_length] == -INFINITY) return 0;
  for (size_t to = target_length; to > 0; to = (size_t)s->last[to].target_begin) spans[count++] = s->last[to];
  for (size_t k = 0; k < count / 2; k++) {
    rapt__pbmt_span swap = spans[k];
    spans[k] = spans[count - 1 - k];
    spans[count - 1 - k] = swap;
  }
  return count;
}
