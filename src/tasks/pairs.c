/* Encoding pairs, choosing shapes, dealing out batches. */
#include "tasks/pairs.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

/* ---- Pairs ---- */

static rapt_status add_ids(rapt__pairs *p, const int32_t *ids, int64_t count) {
  while (p->id_capacity - p->id_count < (size_t)count) {
    size_t capacity = p->id_capacity ? 2 * p->id_capacity : 4096;
    int32_t *grown = rapt__grow(p->ctx, p->ids, capacity, sizeof *grown);
    if (!grown) return RAPT_ENOMEM;
    p->ids = grown;
    p->id_capacity = capacity;
  }
  memcpy(p->ids + p->id_count, ids, (size_t)count * sizeof *ids);
  p->id_count += (size_t)count;
  return RAPT_OK;
}

rapt_status rapt__pairs_add(rapt__pairs *p, const int32_t *source, int64_t source_count, const int32_t *target,
                            int64_t target_count) {
  rapt__pair pair = {.begin = {p->id_count, p->id_count + (size_t)source_count}, .count = {source_count, target_count}};
  RAPT_TRY(rapt__reserve(p->ctx, (void **)&p->at, &p->capacity, p->count, sizeof *p->at));
  RAPT_TRY(add_ids(p, source, source_count));
  RAPT_TRY(add_ids(p, target, target_count));
  p->at[p->count++] = pair;
  return RAPT_OK;
}

static rapt_status encode_pair(rapt__pairs *p, const rapt_tokenizer *const sides[2], const rapt__line lines[2],
                               int64_t most) {
  rapt__pair pair;
  size_t before = p->id_count;
  for (int i = 0; i < 2; i++) {
    int32_t *ids;
    RAPT_TRY(rapt_tokenizer_encode(sides[i], lines[i].bytes, lines[i].size, &ids, &pair.count[i]));
    pair.begin[i] = p->id_count;
    bool fits = pair.count[i] >= 1 && pair.count[i] <= most;
    rapt_status status = fits ? add_ids(p, ids, pair.count[i]) : RAPT_OK;
    rapt_tokenizer_release(sides[i], ids);
    RAPT_TRY(status);
    if (!fits) {
      p->id_count = before;
      p->lengthy++;
      return RAPT_OK;
    }
  }
  RAPT_TRY(rapt__reserve(p->ctx, (void **)&p->at, &p->capacity, p->count, sizeof *p->at));
  p->at[p->count++] = pair;
  return RAPT_OK;
}

rapt_status rapt__pairs_encode(rapt_context *ctx, const rapt_tokenizer *source, const rapt_tokenizer *target,
                               const rapt__bitext *bitext, int64_t most, const char *what, rapt__pairs *out) {
  *out = (rapt__pairs){.ctx = ctx};
  if (bitext->count > UINT32_MAX)
    return rapt__fail(ctx, RAPT_EINVAL, "%s: %zu sentence pairs are more than the %u that can be dealt out", what,
                      bitext->count, UINT32_MAX);
  for (size_t i = 0; i < bitext->count; i++)
    RAPT_TRY(encode_pair(out, (const rapt_tokenizer *const[]){source, target}, bitext->pairs[i], most));
  if (out->count == 0)
    return rapt__fail(ctx, RAPT_EINVAL,
                      "%s: all %zu sentence pairs have more than %lld tokens on a side; raise model.context", what,
                      bitext->count, (long long)most);
  return RAPT_OK;
}

void rapt__pairs_free(rapt__pairs *pairs) {
  if (!pairs->ctx) return;
  rapt__free(pairs->ctx, pairs->ids);
  rapt__free(pairs->ctx, pairs->at);
  *pairs = (rapt__pairs){0};
}

/* ---- Shapes ---- */

static int64_t longer(const rapt__pair *p) { return p->count[0] > p->count[1] ? p->count[0] : p->count[1]; }

/* What is known of the pairs whose longer side has a certain length. */
typedef struct length {
  int64_t pairs, count[2];
} length;

static void count_lengths(const rapt__pairs *p, bool counts, length *lengths) {
  for (size_t i = 0; i < p->count; i++) {
    length *l = &lengths[longer(&p->at[i])];
    l->pairs += counts;
    for (int s = 0; s < 2; s++)
      if (l->count[s] < p->at[i].count[s]) l->count[s] = p->at[i].count[s];
  }
}

static int64_t rows_for(int64_t longest, int64_t batch, int64_t max_tokens) {
  if (max_tokens <= 0) return batch;
  int64_t rows = max_tokens / (longest + 1);
  return rows < 1 ? 1 : rows;
}

/* Tokens that the batches of a bucket of these lengths have in an epoch, padding included; its last one is half empty on
 * average. `out` gets the bucket. */
static double cost_of(const length *lengths, int64_t from, int64_t to, int64_t batch, int64_t max_tokens,
                      rapt__bucket *out) {
  int64_t pairs = 0;
  *out = (rapt__bucket){.longest = to};
  for (int64_t i = from; i <= to; i++) {
    pairs += lengths[i].pairs;
    for (int s = 0; s < 2; s++)
      if (out->count[s] < lengths[i].count[s]) out->count[s] = lengths[i].count[s];
  }
  out->rows = rows_for(to, batch, max_tokens);
  if (out->rows > pairs) out->rows = pairs > 0 ? pairs : 1;
  return ((double)pairs + 0.5 * (double)out->rows) * (double)(out->count[0] + out->count[1] + 2);
}

/* best[k][n]: the least cost of lengths 1 … n in k + 1 buckets; from[k][n]: where the last of them begins. */
static void choose(const length *lengths, int64_t longest, int64_t batch, int64_t max_tokens, double *best,
                   int32_t *from, rapt__buckets *out) {
  int64_t width = longest + 1;
  rapt__bucket bucket;
  for (int64_t n = 1; n <= longest; n++)
    for (int k = 0; k < RAPT__BUCKETS; k++) best[k * width + n] = INFINITY;
  for (int64_t n = 1; n <= longest; n++)
    for (int64_t i = 1; i <= n; i++) {
      double cost = cost_of(lengths, i, n, batch, max_tokens, &bucket);
      for (int k = i == 1 ? 0 : 1; k < RAPT__BUCKETS; k++) {
        double all = k == 0 ? cost : i == 1 ? INFINITY : best[(k - 1) * width + i - 1] + cost;
        if (all >= best[k * width + n]) continue;
        best[k * width + n] = all;
        from[k * width + n] = (int32_t)i;
      }
    }
  int least = 0;
  for (int k = 1; k < RAPT__BUCKETS; k++)
    if (best[k * width + longest] < best[least * width + longest]) least = k;
  out->count = least + 1;
  for (int64_t n = longest, k = least; k >= 0; k--) {
    int64_t begin = from[k * width + n];
    cost_of(lengths, begin, n, batch, max_tokens, &out->at[k]);
    n = begin - 1;
  }
}

rapt_status rapt__buckets_choose(const rapt__pairs *train, const rapt__pairs *valid, int64_t batch, int64_t max_tokens,
                                 rapt__buckets *out) {
  const rapt__pairs *sets[] = {train, valid};
  int64_t longest = 0;
  for (int s = 0; s < 2; s++)
    for (size_t i = 0; i < sets[s]->count; i++)
      if (longer(&sets[s]->at[i]) > longest) longest = longer(&sets[s]->at[i]);
  *out = (rapt__buckets){0};
  rapt__arena arena;
  rapt__arena_init(&arena, train->ctx);
  size_t width = (size_t)longest + 1;
  length *lengths = rapt__arena_new(&arena, width, sizeof *lengths);
  double *best = rapt__arena_new(&arena, width, RAPT__BUCKETS * sizeof *best);
  int32_t *from = rapt__arena_new(&arena, width, RAPT__BUCKETS * sizeof *from);
  if (lengths && best && from) {
    count_lengths(train, true, lengths);
    count_lengths(valid, false, lengths);
    choose(lengths, longest, batch, max_tokens, best, from, out);
  }
  rapt__arena_free(&arena);
  return out->count ? RAPT_OK : RAPT_ENOMEM;
}

int rapt__bucket_of(const rapt__buckets *buckets, const rapt__pair *pair) {
  int b = 0;
  while (b < buckets->count - 1 && longer(pair) > buckets->at[b].longest) b++;
  return b;
}

/* ---- Batches ---- */

rapt_status rapt__batches_init(const rapt__pairs *pairs, const rapt__buckets *buckets, uint64_t seed, uint64_t stream,
                               rapt__batches *out) {
  *out = (rapt__batches){.pairs = pairs, .buckets = buckets, .seed = seed, .stream = stream, .epoch = UINT64_MAX};
  size_t filled[RAPT__BUCKETS] = {0};
  for (size_t i = 0; i < pairs->count; i++) out->begin[rapt__bucket_of(buckets, &pairs->at[i]) + 1]++;
  for (int b = 0; b < buckets->count; b++) {
    size_t rows = (size_t)buckets->at[b].rows;
    out->first[b + 1] = out->first[b] + (out->begin[b + 1] + rows - 1) / rows;
    out->begin[b + 1] += out->begin[b];
  }
  out->count = out->first[buckets->count];
  out->members = rapt__new(pairs->ctx, pairs->count, sizeof *out->members);
  out->order = rapt__new(pairs->ctx, pairs->count, sizeof *out->order);
  out->sequence = rapt__new(pairs->ctx, out->count, sizeof *out->sequence);
  if (!out->members || !out->order || !out->sequence) return RAPT_ENOMEM;
  for (size_t i = 0; i < pairs->count; i++) {
    int b = rapt__bucket_of(buckets, &pairs->at[i]);
    out->members[out->begin[b] + filled[b]++] = (uint32_t)i;
  }
  return RAPT_OK;
}

void rapt__batches_free(rapt__batches *batches) {
  if (!batches->pairs) return;
  rapt_context *ctx = batches->pairs->ctx;
  rapt__free(ctx, batches->members);
  rapt__free(ctx, batches->order);
  rapt__free(ctx, batches->sequence);
  *batches = (rapt__batches){0};
}

static void shuffle(rapt__batches *b, uint64_t epoch) {
  uint64_t stream = b->stream << 32, pairs = b->pairs->count;
  for (int i = 0; i < b->buckets->count; i++)
    rapt__rng_shuffle(b->seed, stream, epoch * pairs + b->begin[i], b->order + b->begin[i],
                      b->begin[i + 1] - b->begin[i]);
  rapt__rng_shuffle(b->seed, stream + 1, epoch * b->count, b->sequence, b->count);
  b->epoch = epoch;
}

/* Number of a batch among those of all buckets. */
static size_t number_of(const rapt__batches *b, uint64_t index, int *bucket) {
  size_t number = b->sequence[index % b->count];
  for (*bucket = 0; number >= b->first[*bucket + 1];) ++*bucket;
  return number;
}

int rapt__batches_get(rapt__batches *b, uint64_t index, int64_t *count) {
  if (b->epoch != index / b->count) shuffle(b, index / b->count);
  int bucket;
  size_t number = number_of(b, index, &bucket), rows = (size_t)b->buckets->at[bucket].rows;
  size_t from = b->begin[bucket] + (number - b->first[bucket]) * rows, left = b->begin[bucket + 1] - from;
  *count = (int64_t)(left < rows ? left : rows);
  return bucket;
}

const rapt__pair *rapt__batches_pair(const rapt__batches *b, uint64_t index, int64_t row) {
  int bucket;
  size_t number = number_of(b, index, &bucket), rows = (size_t)b->buckets->at[bucket].rows;
  size_t at = b->begin[bucket] + (number - b->first[bucket]) * rows + (size_t)row;
  return &b->pairs->at[b->members[b->begin[bucket] + b->order[at]]];
}
