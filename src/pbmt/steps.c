/* One-to-one steps from links, and the links of a translation. */
#include "pbmt/steps.h"

#include <stdlib.h>
#include <string.h>

enum { FREE, UNLINKED, TAKEN }; /* of a source word */

typedef struct walk {
  size_t source_length;
  const rapt__pbmt_link *links;
  size_t link_count;
  uint8_t *state;
  rapt__pbmt_step *out;
  size_t count;
} walk;

static void put(walk *w, int source, int target) {
  w->out[w->count++] = (rapt__pbmt_step){(int16_t)source, (int16_t)target};
}

/* The words without links between source word `source` and the next that has one. */
static void follow(walk *w, int source) {
  for (size_t i = (size_t)(source + 1); i < w->source_length && w->state[i] == UNLINKED; i++)
    put(w, (int)i, RAPT__STEP_UNALIGNED);
}

static void take(walk *w, int source, int target) {
  w->state[source] = TAKEN;
  put(w, source, target);
  follow(w, source);
}

static bool has_later(const walk *w, size_t link) {
  return link + 1 < w->link_count && w->links[link + 1].source == w->links[link].source;
}

static void target_word(walk *w, int target) {
  int first = RAPT__STEP_UNALIGNED;
  for (size_t k = 0; k < w->link_count && first < 0; k++) {
    if (w->links[k].target != target) continue;
    first = w->state[w->links[k].source] == FREE ? w->links[k].source : RAPT__STEP_ALIGNED;
  }
  if (first < 0) {
    put(w, first, target);
    return;
  }
  take(w, first, target);
  for (size_t k = 0; k < w->link_count; k++)
    if (w->links[k].target == target && w->state[w->links[k].source] == FREE && !has_later(w, k))
      take(w, w->links[k].source, RAPT__STEP_ALIGNED);
}

size_t rapt__pbmt_steps(size_t source_length, size_t target_length, const rapt__pbmt_link *links, size_t link_count,
                        uint8_t *taken, rapt__pbmt_step *out) {
  walk w = {source_length, links, link_count, taken, out, 0};
  for (size_t i = 0; i < source_length; i++) taken[i] = UNLINKED;
  for (size_t k = 0; k < link_count; k++) taken[links[k].source] = FREE;
  follow(&w, -1);
  for (size_t j = 0; j < target_length; j++) target_word(&w, (int)j);
  return w.count;
}

/* ---- Links of a translation ---- */

static const rapt__pbmt_option *option_of(const rapt__pbmt_phrases *table, const int32_t *source, size_t source_length,
                                          const int32_t *target, size_t target_length) {
  const rapt__pbmt_option *options;
  size_t count = rapt__pbmt_phrases_find(table, source, source_length, &options);
  for (size_t k = 0; k < count; k++)
    if ((size_t)options[k].length == target_length &&
        memcmp(options[k].words, target, target_length * sizeof *target) == 0)
      return &options[k];
  return NULL;
}

/* Links of the training text inside the place that the option names, moved to the span. */
static rapt_status add_span(const rapt__pbmt_links *links, const rapt__pbmt_option *o, const rapt__pbmt_span *span,
                            rapt__pbmt_links *out) {
  int width = span->end - span->begin;
  for (size_t k = links->begin[o->sentence]; k < links->begin[o->sentence + 1]; k++) {
    int i = links->at[k].source - o->source_at, j = links->at[k].target - o->target_at;
    if (i >= 0 && i < width && j >= 0 && j < o->length)
      RAPT_TRY(rapt__pbmt_links_add(out, span->begin + i, span->target_begin + j));
  }
  return RAPT_OK;
}

static int by_source(const void *a, const void *b) {
  const rapt__pbmt_link *x = a, *y = b;
  return x->source != y->source ? x->source - y->source : x->target - y->target;
}

rapt_status rapt__pbmt_entry_links(const rapt__pbmt_phrases *table, const rapt__pbmt_links *links,
                                   const int32_t *source, const rapt__pbmt_nbest *lists, size_t entry,
                                   rapt__pbmt_links *out) {
  const int32_t *words = lists->words + lists->word_at[entry];
  size_t before = out->size;
  for (size_t k = lists->span_at[entry]; k < lists->span_at[entry + 1]; k++) {
    const rapt__pbmt_span *span = &lists->spans[k];
    if (span->copied) {
      RAPT_TRY(rapt__pbmt_links_add(out, span->begin, span->target_begin));
      continue;
    }
    const rapt__pbmt_option *o = option_of(table, source + span->begin, (size_t)(span->end - span->begin),
                                           words + span->target_begin, (size_t)(span->target_end - span->target_begin));
    if (!o)
      return rapt__fail(out->ctx, RAPT_EINVAL,
                        "entry %zu of the n-best lists has a phrase pair that is not in the table: source words %d to "
                        "%d",
                        entry + 1, span->begin + 1, span->end);
    RAPT_TRY(add_span(links, o, span, out));
  }
  if (out->size > before) qsort(out->at + before, out->size - before, sizeof *out->at, by_source);
  return RAPT_OK;
}
