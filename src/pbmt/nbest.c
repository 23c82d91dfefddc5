/* N-best lists: filling, merging, a column more, choosing. */
#include "pbmt/nbest.h"

#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

rapt_status rapt__pbmt_nbest_init(rapt__pbmt_nbest *l, rapt_context *ctx, const rapt__pbmt_columns *columns) {
  *l = (rapt__pbmt_nbest){.ctx = ctx, .columns = *columns};
  RAPT_TRY(rapt__reserve(ctx, (void **)&l->first, &l->sentence_room, 0, sizeof *l->first));
  RAPT_TRY(rapt__reserve(ctx, (void **)&l->word_at, &l->word_at_room, 0, sizeof *l->word_at));
  RAPT_TRY(rapt__reserve(ctx, (void **)&l->span_at, &l->span_at_room, 0, sizeof *l->span_at));
  l->first[0] = l->word_at[0] = l->span_at[0] = 0;
  return RAPT_OK;
}

void rapt__pbmt_nbest_free(rapt__pbmt_nbest *l) {
  if (!l->ctx) return;
  rapt__free(l->ctx, l->first);
  rapt__free(l->ctx, l->word_at);
  rapt__free(l->ctx, l->span_at);
  rapt__free(l->ctx, l->words);
  rapt__free(l->ctx, l->spans);
  rapt__free(l->ctx, l->features);
  *l = (rapt__pbmt_nbest){0};
}

static rapt_status make_room(rapt__pbmt_nbest *l, void **items, size_t *room, size_t wanted, size_t size) {
  while (*room < wanted) RAPT_TRY(rapt__reserve(l->ctx, items, room, *room, size));
  return RAPT_OK;
}

rapt_status rapt__pbmt_nbest_add(rapt__pbmt_nbest *l, const int32_t *words, size_t length, const rapt__pbmt_span *spans,
                                 size_t span_count, const double *features) {
  size_t word = l->word_at[l->entries], span = l->span_at[l->entries], feature = l->entries * l->columns.count;
  RAPT_TRY(make_room(l, (void **)&l->word_at, &l->word_at_room, l->entries + 2, sizeof *l->word_at));
  RAPT_TRY(make_room(l, (void **)&l->span_at, &l->span_at_room, l->entries + 2, sizeof *l->span_at));
  RAPT_TRY(make_room(l, (void **)&l->words, &l->word_room, word + length, sizeof *l->words));
  RAPT_TRY(make_room(l, (void **)&l->spans, &l->span_room, span + span_count, sizeof *l->spans));
  RAPT_TRY(make_room(l, (void **)&l->features, &l->feature_room, feature + l->columns.count, sizeof *l->features));
  if (length) memcpy(l->words + word, words, length * sizeof *words);
  if (span_count) memcpy(l->spans + span, spans, span_count * sizeof *spans);
  if (l->columns.count) memcpy(l->features + feature, features, l->columns.count * sizeof *features);
  l->entries++;
  l->word_at[l->entries] = word + length;
  l->span_at[l->entries] = span + span_count;
  return RAPT_OK;
}

rapt_status rapt__pbmt_nbest_end(rapt__pbmt_nbest *l) {
  RAPT_TRY(make_room(l, (void **)&l->first, &l->sentence_room, l->sentences + 2, sizeof *l->first));
  l->first[++l->sentences] = l->entries;
  return RAPT_OK;
}

/* Copies the entries of one sentence whose words are not in `seen`, which borrows the words of `from`. */
static rapt_status copy_new(rapt__pbmt_nbest *to, const rapt__pbmt_nbest *from, size_t s, rapt__table *seen) {
  for (size_t k = from->first[s]; k < from->first[s + 1]; k++) {
    const int32_t *words = from->words + from->word_at[k];
    size_t length = from->word_at[k + 1] - from->word_at[k];
    const char *key = length ? (const char *)words : "";
    rapt__slot *slot = rapt__table_get(seen, key, length * sizeof *words, 0, 0);
    if (!slot) return RAPT_ENOMEM;
    if (slot->value++ > 0) continue;
    RAPT_TRY(rapt__pbmt_nbest_add(to, words, length, from->spans + from->span_at[k],
                                  from->span_at[k + 1] - from->span_at[k], from->features + k * from->columns.count));
  }
  return RAPT_OK;
}

rapt_status rapt__pbmt_nbest_merge(rapt__pbmt_nbest *l, const rapt__pbmt_nbest *from) {
  if (l->sentences != from->sentences || !rapt__pbmt_columns_equal(&l->columns, &from->columns))
    return rapt__fail(l->ctx, RAPT_EINVAL,
                      "n-best lists of %zu sentences and %zu features, and of %zu and %zu or with other features",
                      l->sentences, l->columns.count, from->sentences, from->columns.count);
  rapt__pbmt_nbest both;
  rapt_status status = rapt__pbmt_nbest_init(&both, l->ctx, &l->columns);
  for (size_t s = 0; s < l->sentences && status == RAPT_OK; s++) {
    rapt__table seen;
    rapt__table_init(&seen, l->ctx);
    status = copy_new(&both, l, s, &seen);
    if (status == RAPT_OK) status = copy_new(&both, from, s, &seen);
    if (status == RAPT_OK) status = rapt__pbmt_nbest_end(&both);
    rapt__table_free(&seen);
  }
  if (status != RAPT_OK) {
    rapt__pbmt_nbest_free(&both);
    return status;
  }
  rapt__pbmt_nbest_free(l);
  *l = both;
  return RAPT_OK;
}

rapt_status rapt__pbmt_nbest_add_column(rapt__pbmt_nbest *l, const char *name, const double *values) {
  rapt__pbmt_columns names = l->columns;
  double *features;
  size_t room;
  RAPT_TRY(rapt__pbmt_columns_add(l->ctx, &names, name));
  RAPT_TRY(rapt__pbmt_columns_append(l->ctx, l->entries, l->columns.count, l->features, values, &features, &room));
  rapt__free(l->ctx, l->features);
  l->features = features;
  l->feature_room = room;
  l->columns = names;
  return RAPT_OK;
}

double rapt__pbmt_nbest_score(const rapt__pbmt_nbest *l, size_t entry, const double *weights) {
  double sum = 0;
  for (size_t c = 0; c < l->columns.count; c++) sum += weights[c] * l->features[entry * l->columns.count + c];
  return sum;
}

void rapt__pbmt_nbest_pick(const rapt__pbmt_nbest *l, const double *weights, size_t *best) {
  for (size_t s = 0; s < l->sentences; s++) {
    double most = 0;
    best[s] = SIZE_MAX;
    for (size_t k = l->first[s]; k < l->first[s + 1]; k++) {
      double score = rapt__pbmt_nbest_score(l, k, weights);
      if (best[s] != SIZE_MAX && !(score > most)) continue;
      most = score;
      best[s] = k;
    }
  }
}

static int by_score(const void *a, const void *b) {
  const rapt__pbmt_ranked *x = a, *y = b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return x->entry < y->entry ? -1 : x->entry > y->entry;
}

size_t rapt__pbmt_nbest_rank(const rapt__pbmt_nbest *l, size_t sentence, const double *weights,
                             rapt__pbmt_ranked *order) {
  size_t first = l->first[sentence], count = l->first[sentence + 1] - first;
  for (size_t k = 0; k < count; k++)
    order[k] = (rapt__pbmt_ranked){first + k, rapt__pbmt_nbest_score(l, first + k, weights)};
  qsort(order, count, sizeof *order, by_score);
  return count;
}
