/* Phrase pairs as text for a net, and the net's scores as a feature of the phrase table. */
#include "recipes/cho.h"

#include "base/file.h"
#include "base/rng.h"

enum { STREAM_SAMPLE = 11 };         /* high half of the random stream */
enum { CHUNK = 4096, VALID = 1000 }; /* pairs scored at a time; pairs to validate on */

/* The source phrase of each option, (options). */
static rapt_status sources_of(const rapt__pbmt_phrases *t, rapt__arena *arena, uint32_t **out) {
  *out = rapt__arena_new(arena, t->count, sizeof **out);
  if (!*out) return RAPT_ENOMEM;
  for (size_t n = 0; n < t->phrases; n++)
    for (size_t k = t->first[n]; k < t->first[n + 1]; k++) (*out)[k] = (uint32_t)n;
  return RAPT_OK;
}

static rapt_status print(const rapt__cho_pbmt *p, int side, uint32_t source, size_t option, rapt__text *out) {
  const rapt__pbmt_phrases *t = &p->model.phrases;
  if (side == RAPT__SOURCE)
    return rapt__pbmt_lexicon_print(&p->words[0], t->source[source].words, (size_t)t->source[source].length, out);
  return rapt__pbmt_lexicon_print(&p->words[1], t->options[option].words, (size_t)t->options[option].length, out);
}

/* ---- Text to train on ---- */

static rapt_status make_bitext(const rapt__cho_pbmt *p, const uint32_t *sources, const uint32_t *order, size_t count,
                               rapt__bitext *out) {
  rapt_context *ctx = p->run->ctx;
  rapt__text texts[2];
  rapt_status status = RAPT_OK;
  for (int i = 0; i < 2; i++) rapt__text_init(&texts[i], ctx);
  for (size_t k = 0; k < count; k++)
    for (int i = 0; i < 2 && status == RAPT_OK; i++) {
      status = print(p, i, sources[order[k]], order[k], &texts[i]);
      if (status == RAPT_OK) status = rapt__text_add(&texts[i], "\n", 1);
    }
  if (status == RAPT_OK)
    return rapt__bitext_parse(ctx, (const char *const[]){"source phrases", "target phrases"},
                              (char *const[]){texts[0].data, texts[1].data},
                              (const size_t[]){texts[0].size, texts[1].size}, 0, out);
  for (int i = 0; i < 2; i++) rapt__text_free(&texts[i]);
  return status;
}

static rapt_status sample(const rapt__cho_pbmt *p, rapt__arena *arena, rapt__corpus *out) {
  const rapt__cho_settings *own = p->run->own;
  size_t count = p->model.phrases.count, held = count / 10 < VALID ? count / 10 + 1 : VALID;
  if (count < 2 || count > UINT32_MAX)
    return rapt__fail(p->run->ctx, RAPT_EINVAL, "the phrase table has %zu pairs; 2 to %u can be learnt from", count,
                      UINT32_MAX);
  uint32_t *order = rapt__arena_new(arena, count, sizeof *order), *sources;
  if (!order) return RAPT_ENOMEM;
  RAPT_TRY(sources_of(&p->model.phrases, arena, &sources));
  rapt__rng_shuffle((uint64_t)p->run->common.seed, (uint64_t)STREAM_SAMPLE << 32, 0, order, count);
  size_t taken = count - held;
  if (own->sampled > 0 && (uint64_t)own->sampled < taken) taken = (size_t)own->sampled;
  RAPT_TRY(make_bitext(p, sources, order, taken, &out->train));
  return make_bitext(p, sources, order + count - held, held, &out->valid);
}

rapt_status rapt__cho_phrase_corpus(const rapt__cho_pbmt *p, rapt__corpus *out) {
  rapt__arena arena;
  rapt__arena_init(&arena, p->run->ctx);
  *out = (rapt__corpus){0};
  rapt_status status = sample(p, &arena, out);
  rapt__arena_free(&arena);
  return status;
}

/* ---- Scores ---- */

/* The options that may be asked for in the tuning and the test text: wanted[0..count). */
static rapt_status find_wanted(const rapt__cho_pbmt *p, rapt__arena *arena, uint32_t **wanted, size_t *count) {
  const rapt__pbmt_phrases *t = &p->model.phrases;
  bool *seen = rapt__arena_new(arena, t->count, sizeof *seen);
  *wanted = rapt__arena_new(arena, t->count, sizeof **wanted);
  *count = 0;
  if (!seen || !*wanted) return RAPT_ENOMEM;
  for (int set = RAPT__CHO_DEV; set <= RAPT__CHO_TEST; set++)
    for (size_t s = 0; s < p->text[set][0].count; s++) {
      const int32_t *words = rapt__pbmt_words(&p->text[set][0], s);
      size_t length = rapt__pbmt_length(&p->text[set][0], s);
      for (size_t i = 0; i < length; i++)
        for (size_t n = 1; n <= (size_t)p->model.settings.longest_phrase && i + n <= length; n++) {
          const rapt__pbmt_option *options;
          size_t found = rapt__pbmt_phrases_find(t, words + i, n, &options);
          for (size_t k = 0; k < found; k++) seen[options - t->options + (ptrdiff_t)k] = true;
        }
    }
  for (size_t k = 0; k < t->count; k++)
    if (seen[k]) (*wanted)[(*count)++] = (uint32_t)k;
  return RAPT_OK;
}

typedef struct taking {
  const uint32_t *wanted;
  double *values;
  rapt_context *ctx;
  rapt_status status;
} taking;

static bool take(void *user, const rapt_translation *t) {
  taking *x = user;
  if (t->status != RAPT_OK) {
    x->status = rapt__fail(x->ctx, t->status, "scoring phrases: %s", t->message);
    return false;
  }
  x->values[x->wanted[t->line]] = t->hypotheses[0].log_probability;
  return true;
}

static rapt_status score_chunk(const rapt__cho_pbmt *p, rapt_translator *translator, const uint32_t *sources, taking *x,
                               size_t from, size_t count) {
  rapt__text texts[2];
  size_t at[2][CHUNK + 1], sizes[2][CHUNK];
  const char *lines[2][CHUNK];
  rapt_status status = RAPT_OK;
  for (int i = 0; i < 2; i++) rapt__text_init(&texts[i], p->run->ctx);
  for (int i = 0; i < 2 && status == RAPT_OK; i++) {
    at[i][0] = 0;
    for (size_t k = 0; k < count && status == RAPT_OK; k++) {
      uint32_t option = x->wanted[from + k];
      status = print(p, i, sources[option], option, &texts[i]);
      at[i][k + 1] = texts[i].size;
    }
    for (size_t k = 0; k < count && status == RAPT_OK; k++) {
      lines[i][k] = texts[i].data + at[i][k];
      sizes[i][k] = at[i][k + 1] - at[i][k];
    }
  }
  rapt_translate_options options = {.batch = 256, .first_line = (int64_t)from};
  if (status == RAPT_OK)
    status =
        rapt_translate_score(translator, lines[0], sizes[0], lines[1], sizes[1], (int64_t)count, &options, take, x);
  for (int i = 0; i < 2; i++) rapt__text_free(&texts[i]);
  return status == RAPT_OK ? x->status : status;
}

static rapt_status score_all(rapt__cho_pbmt *p, rapt_model *model, rapt__arena *arena) {
  uint32_t *sources, *wanted;
  size_t count;
  double began = rapt__now(), *values = rapt__arena_new(arena, p->model.phrases.count, sizeof *values);
  rapt_translator *translator;
  if (!values) return RAPT_ENOMEM;
  RAPT_TRY(sources_of(&p->model.phrases, arena, &sources));
  RAPT_TRY(find_wanted(p, arena, &wanted, &count));
  RAPT_TRY(rapt_translator_new(&model, 1, &translator));
  taking x = {.wanted = wanted, .values = values, .ctx = p->run->ctx};
  rapt_status status = RAPT_OK;
  for (size_t from = 0; from < count && status == RAPT_OK; from += CHUNK)
    status = score_chunk(p, translator, sources, &x, from, count - from < CHUNK ? count - from : CHUNK);
  rapt_translator_free(translator);
  if (status != RAPT_OK) return status;
  rapt__run_say(p->run, RAPT_EVENT_NOTE, "%zu phrase pairs scored in %.0f s", count, rapt__now() - began);
  return rapt__pbmt_add_feature(&p->model, "rnn(f|e)", values, 0);
}

rapt_status rapt__cho_score_phrases(rapt__cho_pbmt *p, rapt_model *model) {
  rapt__arena arena;
  rapt__arena_init(&arena, p->run->ctx);
  rapt_status status = score_all(p, model, &arena);
  rapt__arena_free(&arena);
  return status;
}
