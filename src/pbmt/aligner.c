/* Making an aligner: the cells of its table and where each sentence pair finds its own. */
#include "pbmt/aligner.h"

#include "base/team.h"

/* Where each source word stands: the tokens of word e are at[first[e]..first[e + 1]). */
typedef struct token {
  uint32_t sentence, position;
} token;
typedef struct index {
  size_t *first;
  token *at;
} index;

static rapt_status index_words(rapt__arena *arena, const rapt__pbmt_text *text, index *out) {
  size_t total = 0, vocab = (size_t)text->vocab;
  for (size_t s = 0; s < text->count; s++) total += rapt__pbmt_length(text, s);
  out->first = rapt__arena_new(arena, vocab + 2, sizeof *out->first);
  out->at = rapt__arena_new(arena, total, sizeof *out->at);
  if (!out->first || !out->at) return RAPT_ENOMEM;
  /* Counted two places ahead, so that filling moves each word's place to where the next one begins. */
  for (size_t s = 0; s < text->count; s++)
    for (size_t i = 0; i < rapt__pbmt_length(text, s); i++) out->first[rapt__pbmt_words(text, s)[i] + 2]++;
  for (size_t e = 2; e < vocab + 2; e++) out->first[e] += out->first[e - 1];
  for (size_t s = 0; s < text->count; s++)
    for (size_t i = 0; i < rapt__pbmt_length(text, s); i++)
      out->at[out->first[rapt__pbmt_words(text, s)[i] + 1]++] = (token){(uint32_t)s, (uint32_t)i + 1};
  return RAPT_OK;
}

/* The cells of one source word, while its tokens are gone through. */
typedef struct filling {
  rapt__aligner *a;
  size_t *seen;   /* (target vocab) the number of the source word that was with f last, from 1 */
  uint32_t *slot; /* (target vocab) its cell */
  int32_t *word;  /* (capacity) */
  size_t capacity;
} filling;

static rapt_status fill_column(filling *f, size_t number, size_t s, size_t position) {
  rapt__aligner *a = f->a;
  size_t columns = rapt__pbmt_length(&a->source, s) + 1, rows = rapt__pbmt_length(&a->target, s);
  if (!rapt__aligner_has(a, s)) return RAPT_OK;
  for (size_t j = 0; j < rows; j++) {
    int32_t word = rapt__pbmt_words(&a->target, s)[j];
    if (f->seen[word] != number) {
      if (a->cells == UINT32_MAX)
        return rapt__fail(a->ctx, RAPT_EINVAL, "alignment: the texts have more than 2^32 different pairs of words");
      RAPT_TRY(rapt__reserve(a->ctx, (void **)&f->word, &f->capacity, a->cells, sizeof *f->word));
      f->seen[word] = number;
      f->slot[word] = (uint32_t)a->cells;
      f->word[a->cells++] = word;
    }
    a->cell[a->link[s] + j * columns + position] = f->slot[word];
  }
  return RAPT_OK;
}

static rapt_status fill_cells(filling *f, const index *words) {
  rapt__aligner *a = f->a;
  size_t vocab = (size_t)a->source.vocab;
  for (size_t e = 0; e < vocab; e++) {
    a->first[e] = a->cells;
    for (size_t k = words->first[e]; k < words->first[e + 1]; k++)
      RAPT_TRY(fill_column(f, e + 1, words->at[k].sentence, words->at[k].position));
  }
  a->first[vocab] = a->cells;
  for (size_t s = 0; s < a->source.count; s++) RAPT_TRY(fill_column(f, vocab + 1, s, 0));
  a->first[vocab + 1] = a->cells;
  a->word = rapt__arena_new(&a->arena, a->cells, sizeof *a->word);
  if (!a->word) return RAPT_ENOMEM;
  for (size_t c = 0; c < a->cells; c++) a->word[c] = f->word[c];
  return RAPT_OK;
}

static rapt_status make_cells(rapt__aligner *a) {
  rapt__arena local;
  filling f = {.a = a};
  index words = {0};
  size_t targets = (size_t)a->target.vocab;
  rapt__arena_init(&local, a->ctx);
  f.seen = rapt__arena_new(&local, targets, sizeof *f.seen);
  f.slot = rapt__arena_new(&local, targets, sizeof *f.slot);
  rapt_status status = f.seen && f.slot ? index_words(&local, &a->source, &words) : RAPT_ENOMEM;
  if (status == RAPT_OK) status = fill_cells(&f, &words);
  rapt__free(a->ctx, f.word);
  rapt__arena_free(&local);
  return status;
}

/* Links, and how much room a block and a worker need. */
static rapt_status measure(rapt__aligner *a) {
  size_t total = 0, whole = 0, largest = 0;
  a->longest = 1;
  a->link = rapt__arena_new(&a->arena, a->source.count + 1, sizeof *a->link);
  a->place = rapt__arena_new(&a->arena, a->source.count + 1, sizeof *a->place);
  if (!a->link || !a->place) return RAPT_ENOMEM;
  for (size_t s = 0; s < a->source.count; s++) {
    size_t n = rapt__pbmt_length(&a->source, s), rows = rapt__pbmt_length(&a->target, s);
    a->link[s] = total;
    a->place[s] = whole;
    if (n == 0 || rows == 0) continue;
    size_t room = (rows + n) * (n + 1), scratch = rapt__aligner_scratch(n, rows);
    if (rapt__add_overflows(whole, room, &whole)) return rapt__fail_memory(a->ctx, SIZE_MAX);
    total += rows * (n + 1);
    if (room > largest) largest = room;
    if (scratch > a->scratch_size) a->scratch_size = scratch;
    if ((int)n > a->longest) a->longest = (int)n;
  }
  a->link[a->source.count] = total;
  a->place[a->source.count] = whole;
  a->work_size = whole < RAPT__ALIGNER_BLOCK ? whole : RAPT__ALIGNER_BLOCK;
  if (largest > a->work_size) a->work_size = largest;
  a->cell = rapt__arena_new(&a->arena, total, sizeof *a->cell);
  return a->cell ? RAPT_OK : RAPT_ENOMEM;
}

static rapt_status make_room(rapt__aligner *a) {
  size_t longest = (size_t)a->longest, workers = (size_t)rapt__team_size(a->ctx->team);
  a->prob = rapt__arena_new(&a->arena, a->cells, sizeof *a->prob);
  a->mass = rapt__arena_new(&a->arena, a->cells, sizeof *a->mass);
  a->jump = rapt__arena_new(&a->arena, 2 * longest + 1, sizeof *a->jump);
  a->moved = rapt__arena_new(&a->arena, 2 * longest + 1, sizeof *a->moved);
  a->left = rapt__arena_new(&a->arena, longest + 1, sizeof *a->left);
  a->right = rapt__arena_new(&a->arena, longest + 1, sizeof *a->right);
  a->stood = rapt__arena_new(&a->arena, rapt__aligner_place(longest + 1, 0), sizeof *a->stood);
  a->heap = rapt__arena_new(&a->arena, 2 * longest + 2, sizeof *a->heap);
  a->work = rapt__arena_new(&a->arena, a->work_size, sizeof *a->work);
  a->scratch = rapt__arena_new(&a->arena, a->scratch_size, workers * sizeof *a->scratch);
  a->likelihood = rapt__arena_new(&a->arena, a->source.count, sizeof *a->likelihood);
  if (!a->prob || !a->mass || !a->jump || !a->moved || !a->left || !a->right || !a->stood || !a->heap || !a->work ||
      !a->scratch || !a->likelihood)
    return RAPT_ENOMEM;
  for (size_t c = 0; c < a->cells; c++) a->prob[c] = 1.0 / a->target.vocab;
  for (int d = 0; d <= 2 * a->longest; d++) a->jump[d] = 1;
  rapt__aligner_sum_jumps(a);
  return RAPT_OK;
}

rapt_status rapt__aligner_new(rapt_context *ctx, const rapt__pbmt_text *source, const rapt__pbmt_text *target,
                              const rapt__align_settings *settings, rapt__aligner **out) {
  *out = NULL;
  RAPT_TRY(rapt__pbmt_check_pair(ctx, source, target));
  if (!(settings->empty > 0 && settings->empty < 1 && settings->uniform > 0 && settings->uniform < 1))
    return rapt__fail(ctx, RAPT_EINVAL,
                      "alignment: the shares of the empty word (%g) and of uniform moves (%g) must be "
                      "above 0 and below 1",
                      settings->empty, settings->uniform);
  rapt__aligner *a = rapt__new(ctx, 1, sizeof *a);
  if (!a) return RAPT_ENOMEM;
  *a = (rapt__aligner){.ctx = ctx, .source = *source, .target = *target, .settings = *settings};
  rapt__arena_init(&a->arena, ctx);
  a->first = rapt__arena_new(&a->arena, (size_t)source->vocab + 2, sizeof *a->first);
  rapt_status status = a->first ? measure(a) : RAPT_ENOMEM;
  if (status == RAPT_OK) status = make_cells(a);
  if (status == RAPT_OK) status = make_room(a);
  if (status != RAPT_OK) {
    rapt__aligner_free(a);
    return status;
  }
  *out = a;
  return RAPT_OK;
}

void rapt__aligner_free(rapt__aligner *a) {
  if (!a) return;
  rapt__arena_free(&a->arena);
  rapt__free(a->ctx, a);
}

double rapt__aligner_translation(const rapt__aligner *a, int32_t e, int32_t f) {
  size_t word = e < 0 ? (size_t)a->source.vocab : (size_t)e;
  if (e >= a->source.vocab) return 0;
  for (size_t c = a->first[word]; c < a->first[word + 1]; c++)
    if (a->word[c] == f) return a->prob[c];
  return 0;
}
