/* Parallel text and tokenizers for recipes of machine translation. */
#include "recipes/translation.h"

#include "base/file.h"
#include "data/sword.h"
#include "data/tatoeba.h"

#include <string.h>

const char *const rapt__translation_units[] = {"words", "bpe", NULL};

/* ---- Text ---- */

/* How folders name their files: what stands before the part, between it and the language, and behind that. The first form of
 * which both training files are there is taken. */
static const struct {
  const char *before, *between, *behind;
  bool raw; /* as it was written: words are not apart from punctuation */
} forms[] = {
    {"", ".", "", false}, {"", ".", ".gz", false}, {"tok/", ".lc.norm.tok.", ".gz", false}, {"raw/", ".", ".gz", true}};
static const char *const part_names[3][4] = {
    {"train", NULL}, {"val", "valid", "dev", NULL}, {"test", "test_2016_flickr", NULL}};

static const char *file_of(rapt__run *run, size_t form, const char *dir, const char *part, const char *language) {
  return rapt__arena_format(&run->arena, "%s/%s%s%s%s%s", dir, forms[form].before, part, forms[form].between, language,
                            forms[form].behind);
}

/* Both files of a part in this form; out[0] is NULL where they are not there. */
static rapt_status find_part(rapt__run *run, size_t form, const char *dir, const char *const *names,
                             const rapt__translation_settings *s, const char *out[2]) {
  for (; *names; names++) {
    out[RAPT__SOURCE] = file_of(run, form, dir, *names, s->source);
    out[RAPT__TARGET] = file_of(run, form, dir, *names, s->target);
    if (!out[RAPT__SOURCE] || !out[RAPT__TARGET]) return RAPT_ENOMEM;
    if (rapt__file_exists(out[RAPT__SOURCE]) && rapt__file_exists(out[RAPT__TARGET])) return RAPT_OK;
  }
  out[RAPT__SOURCE] = NULL;
  return RAPT_OK;
}

static rapt_status find_files(rapt__run *run, const char *dir, const rapt__translation_settings *s,
                              const char *files[3][2], bool *raw) {
  for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
    RAPT_TRY(find_part(run, f, dir, part_names[0], s, files[0]));
    if (!files[0][0]) continue;
    *raw = forms[f].raw;
    for (int p = 1; p < 3; p++) {
      RAPT_TRY(find_part(run, f, dir, part_names[p], s, files[p]));
      if (!files[p][0])
        return rapt__fail(run->ctx, RAPT_ENOTFOUND, "%s: %s is there, but no %s.%s and %s.%s (or .gz) beside it", dir,
                          files[0][0], part_names[p][0], s->source, part_names[p][0], s->target);
    }
    return RAPT_OK;
  }
  return rapt__fail(run->ctx, RAPT_ENOTFOUND,
                    "%s: no training text from %s to %s; a folder with train.%s, train.%s, and val and test alike (or "
                    ".gz) is expected: say data=FOLDER, text.source and text.target",
                    dir, s->source, s->target, s->source, s->target);
}

static rapt_status read_files(rapt__run *run, const char *dir, const rapt__translation_settings *s, rapt__corpus *out) {
  const char *files[3][2];
  rapt__bitext *texts[] = {&out->train, &out->valid, &out->test};
  RAPT_TRY(find_files(run, dir, s, files, &out->raw));
  for (int i = 0; i < 3; i++) RAPT_TRY(rapt__bitext_read(run->ctx, files[i][0], files[i][1], 0, texts[i]));
  return RAPT_OK;
}

/* ---- Texts of two languages in forms of their own ---- */

/* Which of the two languages that there are is read and which is written. */
static rapt_status find_sides(rapt__run *run, const char *dir, const rapt__translation_settings *s,
                              const char *const languages[2], int sides[2]) {
  const char *wanted[2] = {s->source, s->target};
  for (int i = 0; i < 2; i++)
    sides[i] = strcmp(wanted[i], languages[0]) == 0 ? 0 : strcmp(wanted[i], languages[1]) == 0 ? 1 : -1;
  if (sides[0] >= 0 && sides[1] >= 0 && sides[0] != sides[1]) return RAPT_OK;
  return rapt__fail(run->ctx, RAPT_ENOTFOUND,
                    "%s: no training text from %s to %s; there is text.source=%s text.target=%s, and the other way",
                    dir, s->source, s->target, languages[0], languages[1]);
}

static rapt_status read_tatoeba(rapt__run *run, const char *dir, const char *path, const rapt__translation_settings *s,
                                rapt__bitext parts[RAPT__PARTS]) {
  int sides[2];
  RAPT_TRY(find_sides(run, dir, s, (const char *const[2]){"en", "fr"}, sides));
  return rapt__tatoeba_read(run->ctx, path, sides[0], sides[1], parts);
}

static rapt_status read_bibles(rapt__run *run, const char *dir, const rapt__translation_settings *s,
                               rapt__bitext parts[RAPT__PARTS]) {
  static const char *const modules[2] = {"engKJV2006eb", "spaRV1909eb"};
  int sides[2];
  RAPT_TRY(find_sides(run, dir, s, (const char *const[2]){"en", "es"}, sides));
  return rapt__sword_pairs(run->ctx, dir, (const char *const[2]){modules[sides[0]], modules[sides[1]]}, parts);
}

/* Tatoeba's file, SWORD's folder of modules, or files of lines. */
static rapt_status read_texts(rapt__run *run, const rapt__translation_settings *s, rapt__corpus *out) {
  rapt__bitext parts[RAPT__PARTS] = {{0}};
  const char *dir = rapt__run_data(run);
  if (!dir) return rapt_context_status(run->ctx);
  const char *pairs = rapt__arena_format(&run->arena, "%s/fra.txt.gz", dir);
  const char *modules = rapt__arena_format(&run->arena, "%s/mods.d", dir);
  if (!pairs || !modules) return RAPT_ENOMEM;
  bool tatoeba = rapt__file_exists(pairs);
  if (!tatoeba && !rapt__file_exists(modules)) return read_files(run, dir, s, out);
  rapt_status status = tatoeba ? read_tatoeba(run, dir, pairs, s, parts) : read_bibles(run, dir, s, parts);
  *out = (rapt__corpus){parts[RAPT__TRAIN], parts[RAPT__VALID], parts[RAPT__TEST], true};
  return status;
}

void rapt__corpus_free(rapt__corpus *corpus) {
  rapt__bitext_free(&corpus->train);
  rapt__bitext_free(&corpus->valid);
  rapt__bitext_free(&corpus->test);
}

rapt_status rapt__corpus_load(rapt__run *run, const rapt__translation_settings *s, rapt__corpus *out) {
  static const char *const what[] = {"training", "validation", "test"};
  rapt__bitext *texts[] = {&out->train, &out->valid, &out->test};
  *out = (rapt__corpus){0};
  RAPT_TRY(read_texts(run, s, out));
  out->raw = out->raw && s->units == RAPT__UNITS_WORDS;
  for (int i = 0; i < 3; i++) {
    size_t most = i == 0 ? (size_t)s->max_words : 0;
    RAPT_TRY(out->raw ? rapt__bitext_split(texts[i], most) : rapt__bitext_limit(texts[i], most));
    if (texts[i]->empty || texts[i]->lengthy)
      rapt__run_say(run, RAPT_EVENT_NOTE, "%s text: %zu pairs left out for a blank line, %zu for their length", what[i],
                    texts[i]->empty, texts[i]->lengthy);
  }
  if (s->pairs > 0 && (size_t)s->pairs < out->train.count) out->train.count = (size_t)s->pairs;
  rapt__run_say(run, RAPT_EVENT_NOTE, "%s to %s: %zu pairs to train on, %zu for validation, %zu to test", s->source,
                s->target, out->train.count, out->valid.count, out->test.count);
  return RAPT_OK;
}

/* ---- Tokenizers ---- */

static rapt_status add_side(const rapt__bitext *b, int side, rapt__text *out) {
  for (size_t i = 0; i < b->count; i++) {
    RAPT_TRY(rapt__text_add(out, b->pairs[i][side].bytes, b->pairs[i][side].size));
    RAPT_TRY(rapt__text_add(out, "\n", 1));
  }
  return RAPT_OK;
}

static rapt_status learn(rapt__run *run, const rapt__translation_settings *s, bool raw, const rapt__text *text,
                         rapt_tokenizer **out) {
  if (s->units == RAPT__UNITS_WORDS) {
    /* What is translated later may be as raw as the training text was. */
    rapt_words_options options = {
        .vocabulary = s->vocabulary, .min_count = s->min_count, .lowercase = raw, .punctuation = raw};
    return rapt_tokenizer_train_words(run->ctx, text->data, text->size, &options, out);
  }
  int64_t size = s->vocabulary ? s->vocabulary : 4096;
  RAPT_TRY(rapt_tokenizer_train_bpe(run->ctx, text->data, text->size, size < 260 ? 256 : size - 4, out));
  return rapt_tokenizer_add_specials(out);
}

/* Only tokens that stand for no word would be learnt without a complaint. */
static rapt_status check_words(rapt__run *run, const rapt__translation_settings *s, const rapt_tokenizer *t,
                               const char *what) {
  if (rapt_tokenizer_size(t) > RAPT__UNK + 1) return RAPT_OK;
  return rapt__fail(run->ctx, RAPT_EINVAL,
                    "text.vocabulary=%lld and text.min_count=%lld leave no word of the %s text: raise the one (0: no "
                    "limit) or lower the other",
                    (long long)s->vocabulary, (long long)s->min_count, what);
}

rapt_status rapt__corpus_tokenizers(rapt__run *run, const rapt__translation_settings *s, const rapt__corpus *corpus,
                                    rapt_tokenizer **source, rapt_tokenizer **target) {
  rapt__text texts[2];
  rapt_tokenizer **sides[2] = {source, target};
  const char *const what[2] = {"source", s->joint ? "whole" : "target"};
  rapt_status status = RAPT_OK;
  *source = *target = NULL;
  for (int i = 0; i < 2; i++) rapt__text_init(&texts[i], run->ctx);
  for (int i = 0; i < 2 && status == RAPT_OK; i++) status = add_side(&corpus->train, i, &texts[s->joint ? 1 : i]);
  for (int i = s->joint ? 1 : 0; i < 2 && status == RAPT_OK; i++)
    status = learn(run, s, corpus->raw, &texts[i], sides[i]);
  for (int i = 0; i < 2; i++) rapt__text_free(&texts[i]);
  for (int i = s->joint ? 1 : 0; i < 2 && status == RAPT_OK; i++) status = check_words(run, s, *sides[i], what[i]);
  if (status == RAPT_OK) return RAPT_OK;
  for (int i = 0; i < 2; i++) {
    rapt_tokenizer_free(*sides[i]);
    *sides[i] = NULL;
  }
  return status;
}
