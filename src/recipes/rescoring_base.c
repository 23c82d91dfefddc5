/* Text, word alignment, the phrase-based system and its n-best lists. */
#include "recipes/rescoring.h"

#include "base/file.h"
#include "pbmt/plain.h"

#include <string.h>

static const char *const sets[RAPT__RESCORING_SETS] = {"train", "val", "test_2016_flickr"};

/* Text in lower case and words between blanks: the data set's own where it has both languages, else cut up here. */
static rapt_status read_side(rapt__rescoring *r, const char *dir, const char *language, bool ready, int set, int side) {
  const char *form = ready ? "%s/tok/%s.lc.norm.tok.%s.gz" : "%s/raw/%s.%s.gz";
  const char *path = rapt__arena_format(&r->run->arena, form, dir, sets[set], language);
  size_t most = 1 << 20;
  if (!path) return RAPT_ENOMEM;
  if (ready) return rapt__pbmt_file_read(&r->words[side], path, most, &r->file[set][side]);
  rapt__pbmt_apostrophe apostrophe = strcmp(language, "fr") == 0 ? RAPT__APOSTROPHE_LEFT : RAPT__APOSTROPHE_RIGHT;
  return rapt__pbmt_plain_read(&r->words[side], path, apostrophe, most, &r->file[set][side]);
}

static bool has_ready(const char *dir, const char *language, rapt__run *run, bool *ready) {
  const char *path = rapt__arena_format(&run->arena, "%s/tok/train.lc.norm.tok.%s.gz", dir, language);
  if (path) *ready = *ready && rapt__file_exists(path);
  return path != NULL;
}

static rapt_status load(rapt__rescoring *r) {
  const rapt__rescoring_settings *s = r->settings;
  const char *dir = rapt__run_data(r->run);
  bool ready = true;
  if (!dir) return rapt_context_status(r->run->ctx);
  if (!has_ready(dir, s->source, r->run, &ready) || !has_ready(dir, s->target, r->run, &ready)) return RAPT_ENOMEM;
  for (int side = 0; side < 2; side++) {
    RAPT_TRY(rapt__pbmt_lexicon_init(&r->words[side], r->run->ctx));
    for (int set = 0; set < RAPT__RESCORING_SETS; set++)
      RAPT_TRY(read_side(r, dir, side ? s->target : s->source, ready, set, side));
  }
  RAPT_TRY(rapt__pbmt_lexicon_copies(&r->words[0], &r->words[1], &r->copy));
  for (int set = 0; set < RAPT__RESCORING_SETS; set++) {
    for (int side = 0; side < 2; side++)
      r->text[set][side] = rapt__pbmt_file_text(&r->file[set][side], &r->words[side]);
    RAPT_TRY(rapt__pbmt_file_match(sets[set], &r->file[set][0], "its translation", &r->file[set][1]));
  }
  for (int side = 0; side < 2; side++)
    if (s->pairs > 0 && (size_t)s->pairs < r->text[0][side].count) r->text[0][side].count = (size_t)s->pairs;
  return RAPT_OK;
}

/* ---- Word alignment ---- */

/* Two texts one after the other. */
static rapt_status join(rapt__rescoring *r, int side, rapt__pbmt_text *out) {
  const rapt__pbmt_text *a = &r->text[RAPT__RESCORING_TRAIN][side], *b = &r->text[RAPT__RESCORING_DEV][side];
  size_t words = a->begin[a->count], more = b->begin[b->count];
  int32_t *ids = rapt__arena_new(&r->run->arena, words + more, sizeof *ids);
  size_t *begin = rapt__arena_new(&r->run->arena, a->count + b->count + 1, sizeof *begin);
  if (!ids || !begin) return RAPT_ENOMEM;
  memcpy(ids, a->ids, words * sizeof *ids);
  memcpy(ids + words, b->ids, more * sizeof *ids);
  memcpy(begin, a->begin, a->count * sizeof *begin);
  for (size_t s = 0; s <= b->count; s++) begin[a->count + s] = words + b->begin[s];
  *out = (rapt__pbmt_text){ids, begin, a->count + b->count, a->vocab};
  return RAPT_OK;
}

static rapt_status part(rapt_context *ctx, const rapt__pbmt_links *all, size_t from, size_t count,
                        rapt__pbmt_links *out) {
  RAPT_TRY(rapt__pbmt_links_init(out, ctx, count));
  for (size_t s = 0; s < count; s++) {
    for (size_t k = all->begin[from + s]; k < all->begin[from + s + 1]; k++)
      RAPT_TRY(rapt__pbmt_links_add(out, all->at[k].source, all->at[k].target));
    rapt__pbmt_links_end(out, s);
  }
  return RAPT_OK;
}

/* The networks are judged on aligned validation text, so that it is aligned with the training text; phrases are learnt from the
 * training text alone. */
static rapt_status align(rapt__rescoring *r) {
  rapt__align_settings settings = RAPT__ALIGN_DEFAULTS;
  rapt__pbmt_text both[2];
  rapt__pbmt_links all;
  size_t trained = r->text[RAPT__RESCORING_TRAIN][0].count, judged = r->text[RAPT__RESCORING_DEV][0].count;
  for (int side = 0; side < 2; side++) RAPT_TRY(join(r, side, &both[side]));
  rapt_status status = rapt__align_text(r->run->ctx, &both[0], &both[1], &settings, &all);
  if (status == RAPT_OK) status = part(r->run->ctx, &all, 0, trained, &r->links[0]);
  if (status == RAPT_OK) status = part(r->run->ctx, &all, trained, judged, &r->links[1]);
  rapt__pbmt_links_free(&all);
  return status;
}

/* ---- The system ---- */

static void tell(void *user, const char *line) { rapt__run_say(user, RAPT_EVENT_NOTE, "%s", line); }

static rapt_status decode(rapt__rescoring *r) {
  const rapt__rescoring_settings *s = r->settings;
  rapt__pbmt_settings p = RAPT__PBMT_DEFAULTS;
  rapt__pbmt_vocab vocab = {.copy = r->copy, .end = RAPT__PBMT_END};
  double dev;
  p.longest_phrase = (int)s->longest;
  p.search.stack = (int)s->stack;
  p.rounds = (int)s->rounds;
  p.tuning.starts = (int)s->starts;
  p.tuning.seed = (uint64_t)r->run->common.seed;
  const rapt__pbmt_text(*text)[2] = (const rapt__pbmt_text(*)[2])r->text;
  RAPT_TRY(rapt__pbmt_train_linked(r->run->ctx, &p, &text[RAPT__RESCORING_TRAIN][0], &text[RAPT__RESCORING_TRAIN][1],
                                   &r->links[0], &vocab, &r->system));
  rapt__run_say(r->run, RAPT_EVENT_NOTE, "phrases of at most %lld words: %zu pairs", (long long)s->longest,
                r->system.phrases.count);
  RAPT_TRY(
      rapt__pbmt_tune(&r->system, &text[RAPT__RESCORING_DEV][0], &text[RAPT__RESCORING_DEV][1], tell, r->run, &dev));
  for (int set = RAPT__RESCORING_DEV; set <= RAPT__RESCORING_TEST; set++) {
    RAPT_TRY(rapt__pbmt_translate(&r->system, &text[set][0], (size_t)s->nbest, &r->lists[set]));
    rapt__run_say(r->run, RAPT_EVENT_NOTE, "%s: %zu entries in %zu lists", sets[set], r->lists[set].entries,
                  r->lists[set].sentences);
  }
  return RAPT_OK;
}

rapt_status rapt__rescoring_begin(rapt__rescoring *r) {
  const rapt__pbmt_text *train = r->text[RAPT__RESCORING_TRAIN];
  RAPT_TRY(load(r));
  RAPT_TRY(align(r));
  rapt__run_say(r->run, RAPT_EVENT_NOTE, "%zu sentence pairs, %d and %d words, %zu links", train[0].count,
                (int)train[0].vocab, (int)train[1].vocab, r->links[0].size);
  RAPT_TRY(decode(r));
  for (int side = 0; side < 2; side++)
    RAPT_TRY(rapt__step_vocab_init(r->run->ctx, &train[side], r->settings->min_count, &r->vocab[side]));
  return RAPT_OK;
}

void rapt__rescoring_end(rapt__rescoring *r) {
  rapt__pbmt_free(&r->system);
  rapt__pairs_free(&r->train);
  rapt__pairs_free(&r->valid);
  for (int set = 0; set < RAPT__RESCORING_SETS; set++) {
    rapt__pbmt_nbest_free(&r->lists[set]);
    rapt__pairs_free(&r->entries[set]);
  }
  for (int side = 0; side < 2; side++) {
    rapt__pbmt_links_free(&r->links[side]);
    rapt__step_vocab_free(&r->vocab[side]);
    for (int set = 0; set < RAPT__RESCORING_SETS; set++) rapt__pbmt_file_free(&r->file[set][side]);
    rapt__pbmt_lexicon_free(&r->words[side]);
  }
  rapt__free(r->run->ctx, r->copy);
}
