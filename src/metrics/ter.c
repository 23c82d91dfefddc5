/* TER (Snover et al. 2006). A row: the fewest edits to a reference, the mean length of the references.
 *
 * The search for shifts is greedy, and which shift is taken among equals follows Tercom as sacrebleu has it: the
 * limits, the beam around the diagonal and the order of preference below decide figures and are not free. */
#include "metrics/metrics.h"

#include <math.h>
#include <string.h>

enum { MAX_SHIFT_SIZE = 10, MAX_SHIFT_DISTANCE = 50, BEAM = 25, MAX_CANDIDATES = 1000, INFINITE = 1 << 30 };
typedef enum edit { UNDEFINED, KEEP, SUBSTITUTE, INSERT, DELETE } edit;

/* One hypothesis against one reference. Row i of the table is the distance of the first i words to the first j of the
 * reference, kept for the j of its band alone. */
typedef struct problem {
  rapt_context *ctx;
  const uint32_t *ref;
  size_t ref_size, hyp_size, beam, stride;
  double ratio;
  uint32_t *words, *shifted; /* (hyp_size) the hypothesis with the shifts so far, and with one more */
  uint32_t *row0;            /* (ref_size + 1) */
  uint32_t *cost;            /* (hyp_size, stride) rows 1 … */
  uint32_t *lines[2];        /* (stride) rows of a shifted hypothesis, in turn */
  uint8_t *edits;            /* (hyp_size, stride) */
  int64_t *align;            /* (ref_size) the hypothesis' word for each of the reference; −1 before the first */
  uint8_t *ref_wrong, *hyp_wrong;
  int candidates;
} problem;

typedef struct band {
  size_t begin, end;
} band;

static band band_of(const problem *p, size_t i) {
  if (i == 0) return (band){0, p->ref_size + 1};
  size_t diagonal = (size_t)floor((double)i * p->ratio);
  band b = {diagonal > p->beam ? diagonal - p->beam : 0, diagonal + p->beam};
  if (i == p->hyp_size || b.end > p->ref_size + 1) b.end = p->ref_size + 1;
  return b;
}

static uint32_t *row_of(const problem *p, size_t i) { return i == 0 ? p->row0 : p->cost + (i - 1) * p->stride; }

static uint32_t at(const uint32_t *row, band b, size_t j) {
  return j >= b.begin && j < b.end ? row[j - b.begin] : INFINITE;
}

/* Row i for the word that stands there; `edits` may be NULL. Among equals keeping and substituting come first, then
 * leaving out, then inserting. */
static void fill(const problem *p, size_t i, uint32_t word, const uint32_t *above, uint32_t *row, uint8_t *edits) {
  band upper = band_of(p, i - 1), own = band_of(p, i);
  for (size_t j = own.begin; j < own.end; j++) {
    uint32_t best = INFINITE, left = j > own.begin ? row[j - 1 - own.begin] : INFINITE;
    edit e = UNDEFINED;
    if (j > 0) {
      bool same = word == p->ref[j - 1];
      uint32_t cost = at(above, upper, j - 1) + !same;
      if (cost < best) {
        best = cost;
        e = same ? KEEP : SUBSTITUTE;
      }
    }
    uint32_t cost = at(above, upper, j) + 1;
    if (cost < best) {
      best = cost;
      e = DELETE;
    }
    if (left + 1 < best) {
      best = left + 1;
      e = INSERT;
    }
    row[j - own.begin] = best;
    if (edits) edits[j - own.begin] = (uint8_t)e;
  }
}

/* The distance of p->words, with the table, and who stands for whom. */
static uint32_t measure(problem *p) {
  for (size_t i = 1; i <= p->hyp_size; i++)
    fill(p, i, p->words[i - 1], row_of(p, i - 1), row_of(p, i), p->edits + (i - 1) * p->stride);
  size_t i = p->hyp_size, j = p->ref_size;
  while (i > 0 || j > 0) {
    edit e = i == 0 ? INSERT : (edit)p->edits[(i - 1) * p->stride + j - band_of(p, i).begin];
    if (e == INSERT) {
      j--;
      p->align[j] = (int64_t)i - 1;
      p->ref_wrong[j] = 1;
      continue;
    }
    i--;
    p->hyp_wrong[i] = e != KEEP;
    if (e == DELETE) continue;
    j--;
    p->align[j] = (int64_t)i;
    p->ref_wrong[j] = e != KEEP;
  }
  return at(row_of(p, p->hyp_size), band_of(p, p->hyp_size), p->ref_size);
}

/* The distance of p->shifted, whose first `same` words are those of p->words. */
static uint32_t measure_shifted(const problem *p, size_t same) {
  const uint32_t *above = row_of(p, same);
  for (size_t i = same + 1; i <= p->hyp_size; i++) {
    uint32_t *row = p->lines[i & 1];
    fill(p, i, p->shifted[i - 1], above, row, NULL);
    above = row;
  }
  return at(above, band_of(p, p->hyp_size), p->ref_size);
}

static size_t copy(uint32_t *to, size_t fill_at, const uint32_t *words, size_t begin, size_t end, size_t size) {
  if (end > size) end = size;
  if (begin >= end) return fill_at;
  memcpy(to + fill_at, words + begin, (end - begin) * sizeof *to);
  return fill_at + end - begin;
}

/* p->shifted = the words with [start, start + length) moved before `target`. A target inside moves them on by the
 * distance from `start`, as Tercom does. */
static void move(problem *p, size_t start, size_t length, size_t target) {
  const uint32_t *w = p->words;
  size_t n = p->hyp_size, end = start + length, to = 0;
  if (target < start) {
    to = copy(p->shifted, to, w, 0, target, n);
    to = copy(p->shifted, to, w, start, end, n);
    to = copy(p->shifted, to, w, target, start, n);
    copy(p->shifted, to, w, end, n, n);
    return;
  }
  size_t past = target > end ? target : length + target;
  to = copy(p->shifted, to, w, 0, start, n);
  to = copy(p->shifted, to, w, end, past, n);
  to = copy(p->shifted, to, w, start, end, n);
  copy(p->shifted, to, w, past, n, n);
}

typedef struct shift {
  bool found;
  int64_t gain;
  size_t start, length, target;
} shift;

/* The greatest gain; then the longest, the earliest, the one with the earliest target. */
static bool better(const shift *a, const shift *b) {
  if (!b->found || a->gain != b->gain) return !b->found || a->gain > b->gain;
  if (a->length != b->length) return a->length > b->length;
  if (a->start != b->start) return a->start < b->start;
  return a->target < b->target;
}

static bool any_wrong(const uint8_t *wrong, size_t begin, size_t length) {
  return memchr(wrong + begin, 1, length) != NULL;
}

/* The places to which `length` words that match the reference at `ref` may go: before that place, or behind the words
 * that stand for those of the match. */
static void try_targets(problem *p, uint32_t before, size_t start, size_t ref, size_t length, shift *best) {
  int64_t previous = -1;
  for (size_t k = 0; k <= length; k++) { /* the word before the match, then those of the match */
    if (ref + k > p->ref_size) break;
    int64_t target = ref + k == 0 ? 0 : p->align[ref + k - 1] + 1;
    if (target == previous) continue;
    previous = target;
    move(p, start, length, (size_t)target);
    size_t same = start < (size_t)target ? start : (size_t)target;
    shift s = {true, (int64_t)before - measure_shifted(p, same), start, length, (size_t)target};
    p->candidates++;
    if (better(&s, best)) *best = s;
  }
}

/* The best shift of words that the reference has too, at another place, when both places are wrong as they are. */
static rapt_status find_shift(problem *p, shift *best) {
  uint32_t before = measure(p);
  for (size_t start = 0; start < p->hyp_size; start++) {
    size_t ref = start > MAX_SHIFT_DISTANCE ? start - MAX_SHIFT_DISTANCE : 0;
    for (; ref < p->ref_size && ref <= start + MAX_SHIFT_DISTANCE; ref++) {
      for (size_t n = 0; n < MAX_SHIFT_SIZE && start + n < p->hyp_size && ref + n < p->ref_size;) {
        if (p->words[start + n] != p->ref[ref + n]) break;
        n++;
        int64_t here = p->align[ref];
        if (!any_wrong(p->hyp_wrong, start, n) || !any_wrong(p->ref_wrong, ref, n)) continue;
        if (here >= (int64_t)start && here < (int64_t)(start + n)) continue;
        if (atomic_load(&p->ctx->interrupted)) return rapt__fail(p->ctx, RAPT_EINTERRUPTED, "scoring was interrupted");
        try_targets(p, before, start, ref, n, best);
        if (p->candidates >= MAX_CANDIDATES) return RAPT_OK;
      }
    }
  }
  return RAPT_OK;
}

/* Cuts the next `count` items of `size` bytes off the block; every size divides the ones before it. */
static void *cut(char **from, size_t count, size_t size) {
  void *p = *from;
  *from += count * size;
  return p;
}

/* Lays the arrays out in the workspace, which keeps its memory from one segment to the next. */
static rapt_status lay_out(rapt__workspace *w, problem *p) {
  size_t n = p->hyp_size, m = p->ref_size, cells, items;
  if (rapt__mul_overflows(n + 2, p->stride, &cells) || rapt__add_overflows(cells, 2 * (n + m) + 1, &items))
    return rapt__fail_memory(w->ctx, SIZE_MAX);
  RAPT_TRY(rapt__workspace_cells(w, items, sizeof(int64_t)));
  char *from = w->cells;
  p->align = cut(&from, m, sizeof *p->align);
  p->words = cut(&from, n, sizeof *p->words);
  p->shifted = cut(&from, n, sizeof *p->shifted);
  p->row0 = cut(&from, m + 1, sizeof *p->row0);
  p->cost = cut(&from, n * p->stride, sizeof *p->cost);
  for (int i = 0; i < 2; i++) p->lines[i] = cut(&from, p->stride, sizeof *p->lines[i]);
  p->edits = cut(&from, n * p->stride, 1);
  p->ref_wrong = cut(&from, m, 1);
  p->hyp_wrong = cut(&from, n, 1);
  return RAPT_OK;
}

rapt_status rapt__ter_edits(rapt__workspace *w, size_t hypothesis, size_t reference, double *edits) {
  const rapt__sequences *s = &w->sequences;
  problem p = {.ctx = w->ctx,
               .ref = s->symbol + rapt__sequence_begin(s, reference),
               .ref_size = rapt__sequence_size(s, reference),
               .hyp_size = rapt__sequence_size(s, hypothesis),
               .beam = BEAM};
  if (p.ref_size == 0 || p.hyp_size == 0) {
    *edits = (double)(p.ref_size + p.hyp_size);
    return RAPT_OK;
  }
  p.ratio = (double)p.ref_size / (double)p.hyp_size;
  if (p.ratio / 2 > BEAM) p.beam = (size_t)ceil(p.ratio / 2 + BEAM); /* else rows would not overlap */
  p.stride = 2 * p.beam + 1;
  RAPT_TRY(lay_out(w, &p));
  memcpy(p.words, s->symbol + rapt__sequence_begin(s, hypothesis), p.hyp_size * sizeof *p.words);
  for (size_t j = 0; j <= p.ref_size; j++) p.row0[j] = (uint32_t)j;
  size_t shifts = 0;
  for (;;) {
    shift best = {0};
    RAPT_TRY(find_shift(&p, &best));
    if (p.candidates >= MAX_CANDIDATES || !best.found || best.gain <= 0) break;
    shifts++;
    move(&p, best.start, best.length, best.target);
    memcpy(p.words, p.shifted, p.hyp_size * sizeof *p.words);
  }
  *edits = (double)shifts + at(row_of(&p, p.hyp_size), band_of(&p, p.hyp_size), p.ref_size);
  return RAPT_OK;
}

static bool valid(const rapt_metric *m) {
  (void)m;
  return true;
}

static int width(const rapt_metric *m) {
  (void)m;
  return 2;
}

static rapt_status read(rapt__workspace *w, const rapt_metric *m, bool reference) {
  rapt__chars_strip(&w->tokens.now);
  RAPT_TRY(rapt__tokenize_ter(w->ctx, m, &w->tokens));
  if (reference) RAPT_TRY(rapt__tokenize_ter(w->ctx, m, &w->tokens)); /* sacrebleu tokenizes references twice */
  return rapt__sequences_add_words(&w->sequences, &w->tokens.now);
}

static rapt_status row(rapt__workspace *w, const rapt_metric *m, int references, double *out) {
  (void)m;
  double length = 0;
  for (int r = 1; r <= references; r++) {
    double edits;
    RAPT_TRY(rapt__ter_edits(w, 0, (size_t)r, &edits));
    length += (double)rapt__sequence_size(&w->sequences, (size_t)r);
    if (r == 1 || edits < out[0]) out[0] = edits;
  }
  out[1] = length / references;
  return RAPT_OK;
}

static void score(const rapt_metric *m, const double *sum, rapt_score *out) {
  (void)m;
  out->edits = sum[0];
  out->ref_length = sum[1];
  out->score = 100 * (sum[1] > 0 ? sum[0] / sum[1] : sum[0] > 0);
}

const rapt__metric_type rapt__metric_ter = {"TER", valid, width, read, row, score};
