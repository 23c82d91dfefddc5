/* Word alignments and their error rate (Och & Ney 2003). */
#include "metrics/metrics.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* Sorted within a pair, each once. */
typedef struct link {
  uint32_t source, target;
  bool sure;
} link;

struct rapt_alignments {
  rapt_context *ctx;
  link *links; /* owned; those of pair i are links[end[i − 1] … end[i]) */
  size_t *end; /* owned */
  size_t count, pairs, link_capacity, pair_capacity;
};

typedef struct reader {
  const char *name, *line, *at, *end; /* `at` in the line that begins at `line`; `end` of the text */
  int first;
} reader;

static rapt_status fail_here(rapt_alignments *a, const reader *r, const char *what) {
  return rapt__fail(a->ctx, RAPT_EFORMAT, "%s: line %zu, column %zu: %s", r->name, a->pairs + 1,
                    (size_t)(r->at - r->line) + 1, what);
}

static rapt_status read_word(rapt_alignments *a, reader *r, uint32_t *out) {
  enum { MOST = 1 << 30 };
  if (r->at == r->end || *r->at < '0' || *r->at > '9')
    return fail_here(a, r, "a link is written \"i-j\", or \"ipj\" if it is only possible");
  int64_t word = 0;
  const char *start = r->at;
  for (; r->at < r->end && *r->at >= '0' && *r->at <= '9' && word <= MOST; r->at++) word = 10 * word + (*r->at - '0');
  if (word > MOST || word < r->first) {
    r->at = start;
    return fail_here(a, r,
                     word > MOST ? "the number of a word is too large" : "word 0, though words are counted from 1");
  }
  *out = (uint32_t)(word - r->first);
  return RAPT_OK;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static rapt_status read_link(rapt_alignments *a, reader *r) {
  link l = {0};
  RAPT_TRY(read_word(a, r, &l.source));
  if (r->at == r->end || (*r->at != '-' && *r->at != 'p' && *r->at != '?'))
    return fail_here(a, r, "\"-\" or \"p\" is missing between the two words of a link");
  l.sure = *r->at++ == '-';
  RAPT_TRY(read_word(a, r, &l.target));
  if (r->at < r->end && !is_blank(*r->at) && *r->at != '\n') return fail_here(a, r, "a link ends with white space");
  RAPT_TRY(rapt__reserve(a->ctx, (void **)&a->links, &a->link_capacity, a->count, sizeof *a->links));
  a->links[a->count++] = l;
  return RAPT_OK;
}

static int compare_places(const link *a, const link *b) {
  if (a->source != b->source) return a->source < b->source ? -1 : 1;
  return (a->target > b->target) - (a->target < b->target);
}

/* Of equal links the sure one comes first and stays. */
static int compare(const void *a, const void *b) {
  const link *x = a, *y = b;
  int places = compare_places(x, y);
  return places ? places : (int)y->sure - (int)x->sure;
}

static rapt_status end_pair(rapt_alignments *a) {
  size_t begin = a->pairs ? a->end[a->pairs - 1] : 0, kept = begin;
  if (a->count > begin) qsort(a->links + begin, a->count - begin, sizeof *a->links, compare);
  for (size_t i = begin; i < a->count; i++)
    if (kept == begin || compare_places(&a->links[i], &a->links[kept - 1]) != 0) a->links[kept++] = a->links[i];
  a->count = kept;
  RAPT_TRY(rapt__reserve(a->ctx, (void **)&a->end, &a->pair_capacity, a->pairs, sizeof *a->end));
  a->end[a->pairs++] = kept;
  return RAPT_OK;
}

static rapt_status read_all(rapt_alignments *a, reader *r) {
  while (r->at < r->end) {
    r->line = r->at;
    while (r->at < r->end && *r->at != '\n') {
      if (is_blank(*r->at))
        r->at++;
      else
        RAPT_TRY(read_link(a, r));
    }
    if (r->at < r->end) r->at++;
    RAPT_TRY(end_pair(a));
  }
  if (a->pairs == 0) return rapt__fail(a->ctx, RAPT_EFORMAT, "%s is empty: there is no line to score", r->name);
  return RAPT_OK;
}

rapt_status rapt_alignments_parse(rapt_context *ctx, const char *name, const char *text, size_t size, int first,
                                  rapt_alignments **out) {
  *out = NULL;
  if (first != 0 && first != 1)
    return rapt__fail(ctx, RAPT_EINVAL, "%s: words are counted from 0 or 1, not from %d", name, first);
  rapt_alignments *a = rapt__new(ctx, 1, sizeof *a);
  if (!a) return RAPT_ENOMEM;
  a->ctx = ctx;
  /* Not NULL, even without links. */
  rapt_status status = rapt__reserve(ctx, (void **)&a->links, &a->link_capacity, 0, sizeof *a->links);
  if (status == RAPT_OK) status = read_all(a, &(reader){name, text, text, size ? text + size : text, first});
  if (status == RAPT_OK)
    *out = a;
  else
    rapt_alignments_free(a);
  return status;
}

rapt_status rapt_alignments_read(rapt_context *ctx, const char *path, int first, rapt_alignments **out) {
  *out = NULL;
  char *text;
  size_t size;
  RAPT_TRY(rapt__file_read(ctx, path, SIZE_MAX / 4, &text, &size));
  rapt_status status = rapt_alignments_parse(ctx, path, text, size, first, out);
  rapt__free(ctx, text);
  return status;
}

void rapt_alignments_free(rapt_alignments *a) {
  if (!a) return;
  rapt__free(a->ctx, a->links);
  rapt__free(a->ctx, a->end);
  rapt__free(a->ctx, a);
}

int64_t rapt_alignments_count(const rapt_alignments *a) { return (int64_t)a->pairs; }

int64_t rapt_alignments_least(const rapt_alignments *a) {
  int64_t least = -1;
  for (size_t i = 0; i < a->count; i++) {
    uint32_t word = a->links[i].source < a->links[i].target ? a->links[i].source : a->links[i].target;
    if (least < 0 || word < least) least = word;
  }
  return least;
}

/* Both are sorted, so the common links are met in one walk. */
static void add_pair(const link *gold, const link *gold_end, const link *hyp, const link *hyp_end,
                     rapt_alignment_score *out) {
  out->links += hyp_end - hyp;
  out->possible += gold_end - gold;
  while (gold < gold_end) {
    out->sure += gold->sure;
    while (hyp < hyp_end && compare_places(hyp, gold) < 0) hyp++;
    if (hyp < hyp_end && compare_places(hyp, gold) == 0) {
      out->correct_possible++;
      out->correct_sure += gold->sure;
    }
    gold++;
  }
}

static double divide(int64_t a, int64_t b) { return b ? (double)a / (double)b : 0; }

rapt_status rapt_alignments_score(rapt_context *ctx, const rapt_alignments *gold, const rapt_alignments *hypothesis,
                                  rapt_alignment_score *out) {
  *out = (rapt_alignment_score){0};
  if (gold->pairs != hypothesis->pairs)
    return rapt__fail(ctx, RAPT_ESHAPE, "the gold alignment has %zu lines, the other %zu", gold->pairs,
                      hypothesis->pairs);
  size_t g = 0, h = 0;
  for (size_t i = 0; i < gold->pairs; i++) {
    add_pair(gold->links + g, gold->links + gold->end[i], hypothesis->links + h, hypothesis->links + hypothesis->end[i],
             out);
    g = gold->end[i];
    h = hypothesis->end[i];
  }
  out->pairs = (int64_t)gold->pairs;
  out->precision = divide(out->correct_possible, out->links);
  out->recall = divide(out->correct_sure, out->sure);
  int64_t all = out->links + out->sure;
  out->aer = all ? 1 - divide(out->correct_sure + out->correct_possible, all) : 0;
  return RAPT_OK;
}
