/* The recipe direct-hmm-mt on a small made-up text: all three nets learn to translate, every mark and claim is judged, the sum
 * over alignments is that of all paths, and links, lattices and a translator's directory are left. */
#include "unit/toy_text.h"

#include "base/file.h"

#include <rapt/metrics.h>
#include <rapt/rapt.h>
#include <sys/stat.h>

static char root[] = "/tmp/rapt-direct-XXXXXX";

static int make_root(void **state) {
  (void)state;
  char path[300];
  if (!mkdtemp(root)) return 1;
  snprintf(path, sizeof path, "%s/home", root);
  if (setenv("RAPT_HOME", path, 1) != 0) return 1;
  snprintf(path, sizeof path, "%s/text", root);
  if (mkdir(path, 0700) != 0) return 1;
  write_text(root, "text", "train", 0, 400);
  write_text(root, "text", "valid", 7, 20);
  write_text(root, "text", "test", 31, 30);
  return 0;
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

typedef struct heard {
  char results[6000];
} heard;

static void hear(void *user, rapt_event event, const rapt_progress *progress, const char *text) {
  heard *h = user;
  (void)progress;
  if (event != RAPT_EVENT_RESULT) return;
  size_t n = strlen(h->results);
  snprintf(h->results + n, sizeof h->results - n, "%s\n", text);
}

static const char *expect(const char *text, const char *part) {
  const char *found = strstr(text, part);
  if (!found) fail_msg("\"%s\" is not in:\n%s", part, text);
  return found;
}

static void train(rapt_context *ctx, const char *name, const char *const *extra, heard *h, rapt_run_result *r) {
  char data[300], out[300];
  const char *settings[40] = {data,
                              out,
                              "model.width=32",
                              "model.inner=48",
                              "model.heads=2",
                              "model.encoder_layers=1",
                              "model.decoder_layers=1",
                              "model.dropout=0",
                              "model.context=24",
                              "text.vocabulary=400",
                              "search.beam=2",
                              "train.smoothing=0",
                              "train.batch=16",
                              "train.lr=5e-3",
                              "train.warmup=30",
                              "train.average=2",
                              "train.eval_every=50",
                              "train.save_every=0"};
  int n = 18;
  snprintf(data, sizeof data, "data=%s/text", root);
  snprintf(out, sizeof out, "out=%s/%s", root, name);
  *h = (heard){{0}};
  while (*extra) settings[n++] = *extra++;
  assert_ok(ctx, rapt_recipe_train(ctx, "direct-hmm-mt", settings, n, hear, h, r));
  assert_false(r->interrupted);
  assert_false(r->passed); /* not judged with these settings */
}

static double number_behind(const heard *h, const char *part) { return atof(expect(h->results, part) + strlen(part)); }

static void three_nets(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  heard h;
  rapt_run_result r;
  char path[300], *page;
  size_t size;
  train(ctx, "all", (const char *const[]){"train.steps=150", NULL}, &h, &r);
  if (!(r.figure > 90)) fail_msg("%s", h.results);
  if (!(number_behind(&h, "first order: ") > 90)) fail_msg("%s", h.results);
  expect(h.results, "mark: the zero order is at most 0.3 BLEU behind");
  expect(h.results, "mark: both orders are within 0.7 BLEU");
  expect(h.results, "mark: an update of the zero order takes");
  expect(h.results, "claim: Viterbi alignments of the zero order");
  expect(h.results, "claim: Viterbi alignments of the first order");
  expect(expect(h.results, "mark: the sum over alignments is that of all paths"), "holds\npass mark: not judged");
  snprintf(path, sizeof path, "%s/all/report.html", root);
  assert_ok(ctx, rapt__file_read(ctx, path, 1 << 24, &page, &size));
  expect(page, "Alignment lattices");
  expect(page, "class=\"dot\"");
  rapt__free(ctx, page);

  /* Links of the three nets and of counting, of as many pairs. */
  static const char *const links[] = {"aligned.links", "test.links", "other-order/test.links",
                                      "transformer/test.links"};
  for (int i = 0; i < 4; i++) {
    rapt_alignments *a;
    snprintf(path, sizeof path, "%s/all/%s", root, links[i]);
    assert_ok(ctx, rapt_alignments_read(ctx, path, 0, &a));
    assert_int_equal(rapt_alignments_count(a), 30);
    rapt_alignments_free(a);
  }
  close_context(&memory, ctx);
}

static bool check_links(void *user, const rapt_translation *t) {
  int *seen = user;
  const rapt_hypothesis *h = &t->hypotheses[0];
  assert_int_equal(t->status, RAPT_OK);
  assert_non_null(h->alignment);
  for (int64_t i = 0; i < h->count; i++) { /* a path, not a guess at what comes */
    double sum = 0;
    for (int64_t j = 0; j < t->source_count; j++) {
      double x = (double)h->alignment[i * t->source_count + j];
      assert_true(x == 0 || x == 1);
      sum += x;
    }
    assert_true(sum == 1);
  }
  (*seen)++;
  return true;
}

static void first_order_alone(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  heard h;
  rapt_run_result r;
  char dir[300];
  train(ctx, "alone",
        (const char *const[]){"train.steps=40", "model.order=first", "model.cross=1", "direct-hmm-mt.compare=false",
                              NULL},
        &h, &r);
  expect(h.results, "mark: the sum over alignments is that of all paths");
  assert_null(strstr(h.results, "Transformer of its size"));

  rapt_model *model;
  rapt_translator *translator;
  int seen = 0;
  snprintf(dir, sizeof dir, "%s/alone", root);
  assert_ok(ctx, rapt_model_load(ctx, dir, &model));
  assert_string_equal(rapt_model_architecture(model), "direct-hmm");
  assert_ok(ctx, rapt_translator_new(&model, 1, &translator));
  const char *lines[2] = {"hier sieht mann kind", "dort ruft frau vogel"};
  rapt_translate_options options = {.beam = 3, .nbest = 2, .alignments = true};
  assert_ok(ctx, rapt_translate(translator, lines, (size_t[]){20, 20}, 2, &options, check_links, &seen));
  assert_ok(ctx, rapt_translate_score(translator, lines, (size_t[]){20, 20}, lines, (size_t[]){20, 20}, 2, &options,
                                      check_links, &seen));
  assert_int_equal(seen, 4);
  rapt_translator_free(translator);
  rapt_model_free(model);
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(three_nets), cmocka_unit_test(first_order_alone)};
  return cmocka_run_group_tests(tests, make_root, remove_root);
}
