/* N-best lists of any system: columns, tuning, ranking. */
#include "pbmt/rescore.h"

#include "pbmt/tune.h"

#include <string.h>

enum { STARTS = 20, DIRECTIONS = 20 };

_Static_assert(RAPT_NBEST_COLUMNS == RAPT__PBMT_MOST_COLUMNS, "the public limit is that of the lists");

void rapt_nbest_free(rapt_nbest *n) {
  if (!n) return;
  rapt__pbmt_nbest_free(&n->lists);
  rapt__pbmt_lexicon_free(&n->words);
  rapt__arena_free(&n->arena);
  rapt__free(n->ctx, n->texts);
  rapt__free(n->ctx, n->ids);
  rapt__free(n->ctx, n);
}

int64_t rapt_nbest_lists(const rapt_nbest *n) { return (int64_t)n->lists.sentences; }
int64_t rapt_nbest_entries(const rapt_nbest *n) { return (int64_t)n->lists.entries; }
int64_t rapt_nbest_columns(const rapt_nbest *n) { return (int64_t)n->lists.columns.count; }
const char *rapt_nbest_column(const rapt_nbest *n, int64_t index) {
  return index >= 0 && index < rapt_nbest_columns(n) ? n->lists.columns.name[index] : NULL;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

rapt_status rapt__nbest_words(rapt_nbest *n, const char *text, size_t size, size_t *count) {
  *count = 0;
  for (size_t i = 0; i < size;) {
    while (i < size && is_blank(text[i])) i++;
    size_t begin = i;
    while (i < size && !is_blank(text[i])) i++;
    if (i == begin) break;
    RAPT_TRY(rapt__reserve(n->ctx, (void **)&n->ids, &n->id_room, *count, sizeof *n->ids));
    RAPT_TRY(rapt__pbmt_lexicon_id(&n->words, text + begin, i - begin, &n->ids[*count]));
    ++*count;
  }
  return RAPT_OK;
}

rapt_status rapt__nbest_add(rapt_nbest *n, rapt_segment text, const double *features) {
  size_t count;
  RAPT_TRY(rapt__nbest_words(n, text.data, text.size, &count));
  RAPT_TRY(rapt__reserve(n->ctx, (void **)&n->texts, &n->text_room, n->lists.entries, sizeof *n->texts));
  n->texts[n->lists.entries] = text;
  return rapt__pbmt_nbest_add(&n->lists, n->ids, count, NULL, 0, features);
}

rapt_status rapt_nbest_pad(rapt_nbest *n, int64_t lists) {
  const double none[RAPT__PBMT_MOST_COLUMNS] = {0};
  if (lists < rapt_nbest_lists(n))
    return rapt__fail(n->ctx, RAPT_EINVAL, "%lld n-best lists for %lld lines", (long long)rapt_nbest_lists(n),
                      (long long)lists);
  while (rapt_nbest_lists(n) < lists) {
    RAPT_TRY(rapt__nbest_add(n, (rapt_segment){"", 0}, none));
    RAPT_TRY(rapt__pbmt_nbest_end(&n->lists));
  }
  return RAPT_OK;
}

/* ---- Tuning ---- */

static rapt_status read_references(rapt_nbest *n, const rapt_lines *lines, size_t *begin, int32_t **ids, size_t *room) {
  size_t used = 0;
  for (int64_t s = 0; s < lines->count; s++) {
    rapt_segment line = lines->line[s];
    size_t count;
    /* New words stay in the lexicon, so that their letters must stay too. */
    char *copy = rapt__arena_new(&n->arena, line.size + 1, 1);
    if (!copy) return RAPT_ENOMEM;
    if (line.size) memcpy(copy, line.data, line.size);
    RAPT_TRY(rapt__nbest_words(n, copy, line.size, &count));
    while (*room < used + count) RAPT_TRY(rapt__reserve(n->ctx, (void **)ids, room, *room, sizeof **ids));
    if (count) memcpy(*ids + used, n->ids, count * sizeof **ids);
    used += count;
    begin[s + 1] = used;
  }
  return RAPT_OK;
}

rapt_status rapt_nbest_tune(rapt_nbest *n, const rapt_lines *references, const rapt_nbest_tuning *options,
                            double *weights, double *bleu) {
  rapt__pbmt_tuning settings = RAPT__PBMT_TUNING_DEFAULTS;
  int32_t *ids = NULL;
  size_t room = 0;
  double found;
  if (references->count != rapt_nbest_lists(n))
    return rapt__fail(n->ctx, RAPT_EINVAL, "%lld n-best lists and %lld references", (long long)rapt_nbest_lists(n),
                      (long long)references->count);
  if (options && options->starts < 0) return rapt__fail(n->ctx, RAPT_EINVAL, "tuning: %d starts", options->starts);
  settings.starts = options && options->starts ? options->starts : STARTS;
  settings.directions = DIRECTIONS;
  settings.seed = options ? options->seed : 0;
  size_t *begin = rapt__new(n->ctx, (size_t)references->count + 1, sizeof *begin);
  rapt_status status = begin ? read_references(n, references, begin, &ids, &room) : RAPT_ENOMEM;
  if (status == RAPT_OK) {
    rapt__pbmt_text text = {ids, begin, (size_t)references->count, (int32_t)n->words.count};
    status = rapt__pbmt_tune_weights(&n->lists, &text, &settings, weights, &found);
  }
  if (status == RAPT_OK && bleu) *bleu = found;
  rapt__free(n->ctx, begin);
  rapt__free(n->ctx, ids);
  return status;
}

/* ---- Ranking ---- */

rapt_status rapt_nbest_rank(const rapt_nbest *n, const double *weights, rapt_nbest_fn each, void *user) {
  const rapt__pbmt_nbest *l = &n->lists;
  rapt__pbmt_ranked *order = rapt__new(n->ctx, l->entries, sizeof *order);
  if (!order) return RAPT_ENOMEM;
  bool go = true;
  for (size_t s = 0; s < l->sentences && go; s++) {
    size_t count = rapt__pbmt_nbest_rank(l, s, weights, order);
    for (size_t k = 0; k < count && go; k++) {
      size_t e = order[k].entry;
      const rapt_nbest_entry entry = {(int64_t)s, (int64_t)k, n->texts[e], l->features + e * l->columns.count,
                                      order[k].score};
      go = each(user, &entry);
    }
  }
  rapt__free(n->ctx, order);
  return RAPT_OK;
}
