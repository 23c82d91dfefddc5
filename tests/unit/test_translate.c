/* Translation of lines by models of every architecture: order, faults of lines, options, the same bits in any company. */
#include "unit/unit.h"

#include <rapt/rapt.h>

#include <math.h>

enum { LINES = 24, NBEST = 3 };

static const char *const lines[LINES] = {"a cat sees the dog",
                                         "the dog runs",
                                         "",
                                         "a man reads a book about a dog and a cat in the house",
                                         "unheard words here",
                                         "cat",
                                         "  \t ",
                                         "the man sees the cat and the cat sees the man",
                                         "a book",
                                         "the house of the man",
                                         "in the house a cat runs",
                                         "dog dog dog dog dog dog dog dog dog dog",
                                         "the book about the house",
                                         "a a a",
                                         "runs",
                                         "sees the man",
                                         "the cat runs and the dog runs and the man runs",
                                         "and",
                                         "about a man",
                                         "the the",
                                         "house",
                                         "a dog reads the book",
                                         "a cat and a dog",
                                         "the man reads"};
static size_t sizes[LINES];

static rapt_tokenizer *words(rapt_context *ctx) {
  static const char text[] = "the the the a a a a man cat dog house book runs reads sees about in and of";
  rapt_tokenizer *t;
  assert_ok(ctx, rapt_tokenizer_train_words(ctx, text, sizeof text - 1, NULL, &t));
  return t;
}

typedef struct kind {
  const char *name;
  const char *settings[8];
  int count;
} kind;
static const kind kinds[] = {
    {"rnn-encdec", {"model.width=24", "model.layers=2", "model.context=27", "model.init=0.5"}, 4},
    {"rnn-encdec",
     {"model.width=20", "model.cell=gru-before", "model.bidirectional=true", "model.reverse=false",
      "model.feed_context=true", "model.maxout=12", "model.context=24", "model.init=0.5"},
     8},
    {"rnnsearch",
     {"model.width=24", "model.embedding=12", "model.attention_width=16", "model.maxout=20", "model.context=27"},
     5},
    {"rnnsearch", {"model.width=24", "model.cell=lstm", "model.score=dot", "model.context=24"}, 4},
    {"transformer",
     {"model.width=24", "model.heads=2", "model.context=27", "model.encoder_layers=2", "model.decoder_layers=2"},
     5},
    {"rctm", {"model.width=24", "model.context=27", "model.classes=5"}, 3},
    {"rctm", {"model.width=20", "model.context=24", "model.source=none"}, 3},
    {"rctm", {"model.width=20", "model.context=24", "model.source=ngrams"}, 3},
    {"direct-hmm",
     {"model.width=24", "model.heads=2", "model.context=27", "model.encoder_layers=2", "model.decoder_layers=2"},
     5},
    {"direct-hmm",
     {"model.width=24", "model.heads=2", "model.context=27", "model.encoder_layers=1", "model.decoder_layers=2",
      "model.order=first", "model.cross=1", "model.jump=3"},
     8}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static bool aligns(const kind *k) { return strcmp(k->name, "rnn-encdec") != 0 && strcmp(k->name, "rctm") != 0; }
/* Whether a target's score depends on its length, which search does not know. */
static bool knows_length(const kind *k) { return strcmp(k->settings[k->count - 1], "model.source=ngrams") == 0; }

static rapt_model *make(rapt_context *ctx, const kind *k, uint64_t seed) {
  rapt_model *model;
  assert_ok(ctx, rapt_model_new(ctx, k->name, k->settings, k->count, words(ctx), seed, &model));
  return model;
}

/* What was translated, as bytes that are the same where the results are. */
typedef struct record {
  rapt_context *ctx;
  rapt__text bytes;
  int64_t next, hypotheses, aligned;
} record;

static bool note(void *user, const rapt_translation *t) {
  record *r = user;
  assert_int_equal(t->line, r->next++);
  assert_int_equal(t->status, RAPT_OK);
  for (int64_t i = 0; i < t->count; i++) {
    const rapt_hypothesis *h = &t->hypotheses[i];
    size_t n = (size_t)h->count;
    rapt__text_add(&r->bytes, h->text, h->size + 1);
    rapt__text_add(&r->bytes, &h->score, sizeof h->score);
    rapt__text_add(&r->bytes, h->tokens, n * sizeof *h->tokens);
    rapt__text_add(&r->bytes, h->log_probabilities, n * sizeof *h->log_probabilities);
    if (h->alignment) rapt__text_add(&r->bytes, h->alignment, n * (size_t)t->source_count * sizeof *h->alignment);
    r->aligned += h->alignment != NULL;
    r->hypotheses++;
    if (i > 0) assert_true(h->score <= h[-1].score);
    for (int64_t j = 0; h->alignment && j < h->count; j++) {
      double sum = 0;
      for (int64_t s = 0; s < t->source_count; s++) sum += (double)h->alignment[j * t->source_count + s];
      assert_true(fabs(sum - 1) < 1e-4);
    }
  }
  return true;
}

static void translate(rapt_context *ctx, rapt_translator *t, rapt_translate_options o, int64_t batch, record *r) {
  *r = (record){.ctx = ctx};
  rapt__text_init(&r->bytes, ctx);
  o.batch = batch;
  assert_ok(ctx, rapt_translate(t, lines, sizes, LINES, &o, note, r));
  assert_int_equal(r->next, LINES);
}

static void every_architecture_translates_in_any_company(void **state) {
  (void)state;
  const rapt_translate_options o = {
      .beam = NBEST, .nbest = NBEST, .alpha = 1, .max_ratio = 2, .max_length = 2, .alignments = true};
  for (int k = 0; k < KINDS; k++) {
    counted_memory memory[2];
    rapt_context *ctx[2];
    record all[4];
    for (int c = 0; c < 2; c++) {
      ctx[c] = counted_context(&memory[c], c ? 3 : 1);
      rapt_model *model = make(ctx[c], &kinds[k], 5);
      rapt_translator *t;
      assert_ok(ctx[c], rapt_translator_new(&model, 1, &t));
      translate(ctx[c], t, o, c ? 7 : 1, &all[2 * c]);
      translate(ctx[c], t, o, c ? 24 : 3, &all[2 * c + 1]);
      rapt_translator_free(t);
      rapt_model_free(model);
    }
    for (int i = 1; i < 4; i++) {
      assert_int_equal(all[0].bytes.size, all[i].bytes.size);
      assert_memory_equal(all[0].bytes.data, all[i].bytes.data, all[0].bytes.size);
    }
    assert_true(all[0].hypotheses > 2 * LINES);
    if (!aligns(&kinds[k]))
      assert_int_equal(all[0].aligned, 0);
    else
      assert_int_equal(all[0].aligned, all[0].hypotheses - 2); /* two lines are empty */
    for (int i = 0; i < 4; i++) rapt__text_free(&all[i].bytes);
    for (int c = 0; c < 2; c++) close_context(&memory[c], ctx[c]);
  }
}

typedef struct given {
  const char *texts[LINES];
  size_t sizes[LINES];
  double scores[LINES], log_probs[LINES];
  int64_t next;
} given;

static bool keep(void *user, const rapt_translation *t) {
  given *g = user;
  g->texts[g->next] = strdup(t->hypotheses[0].text);
  g->sizes[g->next] = t->hypotheses[0].size;
  g->scores[g->next] = t->hypotheses[0].score;
  g->log_probs[g->next++] = t->hypotheses[0].ended ? t->hypotheses[0].log_probability : NAN;
  return true;
}

static bool check_score(void *user, const rapt_translation *t) {
  given *g = user;
  int64_t i = g->next++;
  if (isnan(g->log_probs[i])) return true; /* cut: as a target it has an end more */
  bool empty = i == 2 || i == 6;
  assert_int_equal(t->status, empty ? RAPT_EINVAL : RAPT_OK);
  if (empty) {
    assert_non_null(strstr(t->message, "the source is empty"));
    return true;
  }
  assert_true(fabs(t->hypotheses[0].log_probability - g->log_probs[i]) < 1e-3);
  assert_true(fabs(t->hypotheses[0].score - g->scores[i]) < 1e-3);
  return true;
}

static void scores_of_translations_are_those_of_the_search(void **state) {
  (void)state;
  for (int k = 0; k < KINDS; k++) {
    if (knows_length(&kinds[k])) continue;
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 2);
    rapt_model *models[2] = {make(ctx, &kinds[k], 5), make(ctx, &kinds[k], 6)};
    rapt_translator *t;
    given g = {.next = 0};
    rapt_translate_options o = {.beam = 4, .alpha = 0.6, .length_penalty = RAPT_LENGTH_GNMT};
    if (aligns(&kinds[k])) o.beta = 0.1;
    assert_ok(ctx, rapt_translator_new(models, 2, &t));
    assert_ok(ctx, rapt_translate(t, lines, sizes, LINES, &o, keep, &g));
    g.next = 0;
    assert_ok(ctx, rapt_translate_score(t, lines, sizes, g.texts, g.sizes, LINES, &o, check_score, &g));
    assert_int_equal(g.next, LINES);
    for (int i = 0; i < LINES; i++) free((char *)g.texts[i]);
    rapt_translator_free(t);
    rapt_model_free(models[0]);
    rapt_model_free(models[1]);
    close_context(&memory, ctx);
  }
}

typedef struct faults {
  int64_t count, wrong[8];
  rapt_status status[8];
  char message[8][200];
} faults;

static bool note_fault(void *user, const rapt_translation *t) {
  faults *f = user;
  if (t->status == RAPT_OK) return true;
  assert_int_equal(t->count, 0);
  f->wrong[f->count] = t->line;
  f->status[f->count] = t->status;
  snprintf(f->message[f->count++], 200, "%s", t->message);
  return true;
}

static void lines_with_faults_are_named_and_skipped(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_model *model = make(ctx, &kinds[4], 5);
  rapt_translator *t;
  faults f = {.count = 0};
  char lengthy[400] = "";
  for (int i = 0; i < 27; i++) strcat(lengthy, "cat ");
  const char *const bad[] = {"the cat", "the c\xfft", lengthy, lengthy + 4};
  const size_t bad_sizes[] = {7, 7, strlen(lengthy), strlen(lengthy + 4)};
  rapt_translate_options o = {.first_line = 1};
  assert_ok(ctx, rapt_translator_new(&model, 1, &t));
  assert_ok(ctx, rapt_translate(t, bad, bad_sizes, 4, &o, note_fault, &f));
  assert_int_equal(f.count, 2);
  assert_int_equal(f.wrong[0], 2);
  assert_int_equal(f.status[0], RAPT_EFORMAT);
  assert_string_equal(f.message[0], "line 2: byte 5 is not valid UTF-8; convert the text with iconv");
  assert_int_equal(f.wrong[1], 3);
  assert_int_equal(f.status[1], RAPT_EINVAL);
  assert_string_equal(f.message[1],
                      "line 3: 27 tokens and the end do not fit the model's context of 27; divide the line");
  assert_int_equal(rapt_context_status(ctx), RAPT_OK);
  rapt_translator_free(t);
  rapt_model_free(model);
  close_context(&memory, ctx);
}

static bool stop(void *user, const rapt_translation *t) {
  (void)t;
  return ++*(int *)user < 3;
}

static bool prefixed(void *user, const rapt_translation *t) {
  if (t->count && t->hypotheses[0].count > 0) *(int *)user += strncmp(t->hypotheses[0].text, "the house", 9) != 0;
  return true;
}

static bool unknown(void *user, const rapt_translation *t) {
  int *n = user;
  for (int64_t i = 0; i < t->count; i++) {
    const rapt_hypothesis *h = &t->hypotheses[i];
    for (int64_t j = 0; j < h->count; j++) n[0] += h->tokens[j] == 3;
    n[1] += strstr(h->text, "<unk>") != NULL;
    n[2] += t->line == 4 && (strstr(h->text, "unheard") || strstr(h->text, "words") || strstr(h->text, "here"));
  }
  return true;
}

static void options_do_what_they_say(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_model *model = make(ctx, &kinds[2], 5), *language;
  rapt_translator *t;
  int calls = 0, wrong = 0, found[3] = {0};
  assert_ok(ctx, rapt_translator_new(&model, 1, &t));
  assert_ok(ctx, rapt_translate(t, lines, sizes, LINES, NULL, stop, &calls));
  assert_int_equal(calls, 3);
  rapt_translate_options o = {.beam = 3, .prefix = "the house"};
  assert_ok(ctx, rapt_translate(t, lines, sizes, LINES, &o, prefixed, &wrong));
  assert_int_equal(wrong, 0);
  o = (rapt_translate_options){.sample = true, .nbest = 4, .temperature = 3, .replace_unknown = true};
  assert_ok(ctx, rapt_translate(t, lines, sizes, LINES, &o, unknown, found));
  assert_true(found[0] > 0 && found[1] == 0 && found[2] > 0);
  o.replace_unknown = false;
  assert_ok(ctx, rapt_translate(t, lines, sizes, LINES, &o, unknown, found));
  assert_true(found[1] > 0);
  o.ban_unknown = true;
  memset(found, 0, sizeof found);
  assert_ok(ctx, rapt_translate(t, lines, sizes, LINES, &o, unknown, found));
  assert_int_equal(found[0], 0);
  const struct {
    rapt_translate_options o;
    const char *part;
  } bad[] = {{{.beam = -1}, "beam"},
             {{.beam = 3, .nbest = 4}, "nbest 4"},
             {{.beam = 4, .groups = 3}, "3 groups"},
             {{.alpha = NAN}, "alpha"},
             {{.top_p = 1.5}, "top_p"},
             {{.batch = 1 << 20}, "batch"},
             {{.prefix = "a </s>"}, "special"},
             {{.prefix = "a \xff"}, "UTF-8"},
             {{.prefix = "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a"}, "do not fit"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_fails(ctx, rapt_translate(t, lines, sizes, LINES, &bad[i].o, stop, &calls), RAPT_EKEY, bad[i].part);
  rapt_context_interrupt(ctx);
  assert_fails(ctx, rapt_translate(t, lines, sizes, LINES, NULL, stop, &calls), RAPT_EINTERRUPTED, "interrupted");
  rapt_translator_free(t);
  const char *settings[] = {"model.width=8", "model.heads=1", "model.layers=1", "model.vocabulary=9"};
  assert_ok(ctx, rapt_model_new(ctx, "gpt2", settings, 4, NULL, 1, &language));
  rapt_model *both[] = {model, language};
  assert_fails(ctx, rapt_translator_new(&language, 1, &t), RAPT_EUNSUPPORTED, "gpt2 is a language model");
  assert_fails(ctx, rapt_translator_new(both, 2, &t), RAPT_EUNSUPPORTED, "gpt2 is a language model");
  rapt_model_free(language);
  rapt_model_free(model);
  close_context(&memory, ctx);
}

static void models_with_other_words_do_not_go_together(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_tokenizer *other;
  rapt_model *models[2] = {make(ctx, &kinds[0], 5)};
  rapt_translator *t;
  assert_ok(ctx, rapt_tokenizer_train_words(ctx, "a b c", 5, NULL, &other));
  assert_ok(ctx, rapt_model_new(ctx, kinds[0].name, kinds[0].settings, kinds[0].count, other, 1, &models[1]));
  assert_fails(ctx, rapt_translator_new(models, 2, &t), RAPT_EINVAL, "share vocabularies");
  rapt_model_free(models[0]);
  rapt_model_free(models[1]);
  close_context(&memory, ctx);
}

static void a_model_without_alignment_says_so(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_model *model = make(ctx, &kinds[0], 5);
  rapt_translator *t;
  int calls = 0;
  rapt_translate_options o = {.beam = 2, .beta = 0.1};
  assert_ok(ctx, rapt_translator_new(&model, 1, &t));
  assert_fails(ctx, rapt_translate(t, lines, sizes, LINES, &o, stop, &calls), RAPT_EUNSUPPORTED, "alignments");
  rapt_translator_free(t);
  rapt_model_free(model);
  close_context(&memory, ctx);
}

/* Every allocation fails once. */
static void failing_allocations_are_survived(void **state) {
  (void)state;
  counted_memory memory;
  long failures = 0;
  for (long n = 1;; n += n < 60 ? 1 : 1 + n / 15) {
    rapt_context *ctx = counted_context(&memory, 1);
    rapt_model *model = make(ctx, &kinds[2], 5);
    rapt_translator *t = NULL;
    int calls = 0;
    rapt_translate_options o = {.beam = 2, .alpha = 1, .max_length = 4, .replace_unknown = true};
    memory.fail_at = memory.calls + n;
    rapt_status status = rapt_translator_new(&model, 1, &t);
    if (status == RAPT_OK) status = rapt_translate(t, lines + 4, sizes + 4, 2, &o, stop, &calls);
    if (status == RAPT_OK)
      status = rapt_translate_score(t, lines + 4, sizes + 4, lines + 7, sizes + 7, 2, &o, stop, &calls);
    memory.fail_at = 0;
    rapt_translator_free(t);
    rapt_model_free(model);
    close_context(&memory, ctx);
    if (status == RAPT_OK) break;
    assert_int_equal(status, RAPT_ENOMEM);
    failures++;
  }
  assert_true(failures > 60);
}

static int begin(void **state) {
  (void)state;
  for (int i = 0; i < LINES; i++) sizes[i] = strlen(lines[i]);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_architecture_translates_in_any_company),
                                     cmocka_unit_test(scores_of_translations_are_those_of_the_search),
                                     cmocka_unit_test(lines_with_faults_are_named_and_skipped),
                                     cmocka_unit_test(options_do_what_they_say),
                                     cmocka_unit_test(models_with_other_words_do_not_go_together),
                                     cmocka_unit_test(a_model_without_alignment_says_so),
                                     cmocka_unit_test(failing_allocations_are_survived)};
  return cmocka_run_group_tests(tests, begin, NULL);
}
