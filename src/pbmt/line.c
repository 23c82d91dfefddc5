/* Line searches: BLEU along a line of weights, exactly. */
#include "pbmt/line.h"

#include <math.h>
#include <stdlib.h>

/* The score of an entry along the line: at + x * slope. */
struct ray {
  double slope, at;
  size_t entry;
};
typedef struct ray ray;

/* Where a sentence's best entry changes; -INFINITY for its first one. */
struct corner {
  double x;
  size_t sentence, entry;
};
typedef struct corner corner;

static int by_slope(const void *a, const void *b) {
  const ray *x = a, *y = b;
  if (x->slope != y->slope) return x->slope < y->slope ? -1 : 1;
  if (x->at != y->at) return x->at > y->at ? -1 : 1;
  return x->entry < y->entry ? -1 : x->entry > y->entry;
}

static int by_place(const void *a, const void *b) {
  const corner *x = a, *y = b;
  if (x->x != y->x) return x->x < y->x ? -1 : 1;
  return x->sentence < y->sentence ? -1 : x->sentence > y->sentence;
}

/* The upper envelope of a sentence's rays from x = -INFINITY on: the ray of the least slope first, then always the ray
 * that cuts the present one soonest. A ray that ends before it begins is taken back. */
static void add_envelope(rapt__pbmt_line *l, size_t sentence, size_t count) {
  size_t base = l->count;
  ray *kept = l->rays;
  size_t n = 0;
  if (count > 1) qsort(l->rays, count, sizeof *l->rays, by_slope);
  for (size_t k = 0; k < count; k++) {
    ray r = l->rays[k];
    if (n > 0 && kept[n - 1].slope == r.slope) continue; /* parallel, and not above */
    double x = -INFINITY;
    while (n > 0) {
      x = (kept[n - 1].at - r.at) / (r.slope - kept[n - 1].slope);
      if (x > l->corners[base + n - 1].x) break;
      n--;
      x = -INFINITY;
    }
    kept[n] = r;
    l->corners[base + n++] = (corner){x, sentence, r.entry};
  }
  l->count = base + n;
}

/* Goes through the stretches from left to right. */
static void sweep(rapt__pbmt_line *l, const rapt__pbmt_counts *counts, double *best_x, double *best_bleu) {
  rapt__pbmt_counts sum = {0};
  size_t k = 0;
  double from = -INFINITY;
  qsort(l->corners, l->count, sizeof *l->corners, by_place);
  for (; k < l->count && l->corners[k].x == -INFINITY; k++) {
    l->now[l->corners[k].sentence] = l->corners[k].entry;
    rapt__pbmt_counts_add(&sum, &counts[l->corners[k].entry], 1);
  }
  *best_bleu = -1;
  *best_x = 0;
  for (;;) {
    double to = k < l->count ? l->corners[k].x : INFINITY, bleu = rapt__pbmt_bleu(&sum);
    bool has_zero = from <= 0 && 0 < to;
    if (bleu > *best_bleu || (bleu == *best_bleu && has_zero)) {
      *best_bleu = bleu;
      *best_x = has_zero && from == -INFINITY && to == INFINITY ? 0
                : from == -INFINITY                             ? to - 0.5
                : to == INFINITY                                ? from + 0.5
                                                                : from + (to - from) / 2;
    }
    if (k == l->count) break;
    for (; k < l->count && l->corners[k].x == to; k++) {
      const corner *c = &l->corners[k];
      rapt__pbmt_counts_add(&sum, &counts[l->now[c->sentence]], -1);
      rapt__pbmt_counts_add(&sum, &counts[c->entry], 1);
      l->now[c->sentence] = c->entry;
    }
    from = to;
  }
}

rapt_status rapt__pbmt_line_init(rapt__pbmt_line *l, const rapt__pbmt_nbest *lists) {
  *l = (rapt__pbmt_line){.ctx = lists->ctx};
  size_t longest = 0;
  for (size_t s = 0; s < lists->sentences; s++) {
    size_t count = lists->first[s + 1] - lists->first[s];
    if (count == 0) return rapt__fail(l->ctx, RAPT_EINVAL, "tuning: the n-best list of sentence %zu is empty", s + 1);
    if (count > longest) longest = count;
  }
  l->rays = rapt__new(l->ctx, longest, sizeof *l->rays);
  l->corners = rapt__new(l->ctx, lists->entries, sizeof *l->corners);
  l->now = rapt__new(l->ctx, lists->sentences, sizeof *l->now);
  return l->rays && l->corners && l->now ? RAPT_OK : RAPT_ENOMEM;
}

void rapt__pbmt_line_free(rapt__pbmt_line *l) {
  if (!l->ctx) return;
  rapt__free(l->ctx, l->rays);
  rapt__free(l->ctx, l->corners);
  rapt__free(l->ctx, l->now);
  *l = (rapt__pbmt_line){0};
}

void rapt__pbmt_line_search(rapt__pbmt_line *l, const rapt__pbmt_nbest *lists, const rapt__pbmt_counts *counts,
                            const double *weights, const double *direction, double *x, double *bleu) {
  l->count = 0;
  for (size_t s = 0; s < lists->sentences; s++) {
    size_t first = lists->first[s], count = lists->first[s + 1] - first;
    for (size_t k = 0; k < count; k++)
      l->rays[k] = (ray){.slope = rapt__pbmt_nbest_score(lists, first + k, direction),
                         .at = rapt__pbmt_nbest_score(lists, first + k, weights),
                         .entry = first + k};
    add_envelope(l, s, count);
  }
  sweep(l, counts, x, bleu);
}
