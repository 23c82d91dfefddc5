/* What the recipe bahdanau looks into beside BLEU: adjectives that change places, and sentences by length. */
#include "unit/unit.h"

#include "base/file.h"
#include "recipes/bahdanau.h"

#include <rapt/rapt.h>
#include <sys/stat.h>

static char root[] = "/tmp/rapt-bahdanau-XXXXXX";

/* ---- Swaps ---- */

enum { MOST = 12 };

/* Splits "a b c" in place. */
static int64_t split(char *text, const char **tokens) {
  int64_t n = 0;
  for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) tokens[n++] = word;
  return n;
}

/* looked: for each target token a digit, the source token of greatest weight. */
static int find(const char *source, const char *target, const char *looked, rapt__swap *swaps, size_t *pairs) {
  char text[2][100];
  const char *tokens[2][MOST];
  float weights[MOST * MOST];
  strcpy(text[0], source);
  strcpy(text[1], target);
  rapt__aligned s = {tokens[0], tokens[1], split(text[0], tokens[0]), split(text[1], tokens[1]), weights};
  assert_int_equal(strlen(looked), s.target_count);
  for (int64_t j = 0; j < s.target_count; j++)
    for (int64_t i = 0; i < s.source_count; i++)
      weights[j * s.source_count + i] = looked[j] - '0' == i ? 0.5F : 0.5F / (float)s.source_count;
  *pairs = 0;
  return rapt__find_swaps(&s, 4, swaps, pairs);
}

static void swaps_are_found(void **state) {
  (void)state;
  static const struct {
    const char *source, *target, *looked;
    int pairs, swaps, crosswise;
  } cases[] = {{"a red car .", "une voiture rouge .", "0213", 1, 1, 1},
               {"a red car .", "une voiture rouge .", "0223", 1, 1, 0},      /* both at the car */
               {"a red car .", "une voiture rouge .", "0123", 1, 1, 0},      /* in order */
               {"a red fire truck .", "un camion rouge .", "0314", 1, 1, 1}, /* the noun's second word */
               {"a red car .", "une rouge voiture .", "0123", 1, 0, 0},      /* not behind the noun */
               {"a red car .", "rouge voiture .", "123", 1, 0, 0},
               {"a red car .", "une voiture bleue .", "0213", 1, 0, 0}, /* another adjective */
               {"the car is red .", "la voiture est rouge .", "01234", 0, 0, 0},
               {"red and red car", "voiture rouge", "32", 0, 0, 0}, /* which of them? */
               {"a red car", "rouge voiture rouge", "121", 1, 0, 0},
               {"a red white car", "voiture blanche rouge", "321", 1, 1, 1}, /* behind "red" is no noun */
               {"a gray cat and a blue dog", "un chat gris et un chien bleu", "0213465", 2, 2, 2},
               {"a gray cat and a grey dog", "un chat gris et un chien", "021346", 0, 0, 0},
               {"red", "rouge", "0", 0, 0, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    rapt__swap swaps[4];
    size_t pairs;
    int n = find(cases[i].source, cases[i].target, cases[i].looked, swaps, &pairs), cross = 0;
    for (int k = 0; k < n; k++) cross += swaps[k].crosswise;
    if ((int)pairs != cases[i].pairs || n != cases[i].swaps || cross != cases[i].crosswise)
      fail_msg("%s > %s: %d pairs, %d swaps, %d crosswise", cases[i].source, cases[i].target, (int)pairs, n, cross);
  }
}

/* ---- The recipe on made-up text ---- */

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

static void expect(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("\"%s\" is not in:\n%s", part, text);
}

/* "the red car …", so many of them in a line: 1, or 8 in every other line. */
static void write_part(const char *part, int first, int lines, bool lengthy) {
  static const char *const en[2][4] = {{"red", "blue", "green", "white"}, {"car", "house", "shirt", "cup"}};
  static const char *const fr[2][4] = {{"rouge", "bleue", "verte", "blanche"},
                                       {"voiture", "maison", "chemise", "tasse"}};
  FILE *f[2];
  for (int i = 0; i < 2; i++) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s/%s.%s", root, lengthy ? "long" : "short", part, i ? "fr" : "en");
    assert_non_null(f[i] = fopen(path, "w"));
  }
  for (int n = first; n < first + lines; n++) {
    for (int k = 0; k < (lengthy && n % 2 ? 8 : 1); k++) {
      int a = (n * 7 + k) % 4, b = (n * 3 + k * k) / 4 % 4;
      fprintf(f[0], "the %s %s ", en[0][a], en[1][b]);
      fprintf(f[1], "la %s %s ", fr[1][b], fr[0][a]);
    }
    for (int i = 0; i < 2; i++) fputs("\n", f[i]);
  }
  for (int i = 0; i < 2; i++) assert_int_equal(fclose(f[i]), 0);
}

static void train(const char *data, const char *const *extra, heard *h, char *page, size_t size) {
  static int runs;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  char text[300], out[300], path[300], *bytes;
  size_t n = 0;
  const char *settings[30] = {text,
                              out,
                              "text.source=en",
                              "text.target=fr",
                              "text.min_count=1",
                              "model.dropout=0",
                              "model.width=16",
                              "model.embedding=16",
                              "model.attention_width=16",
                              "model.maxout=8",
                              "train.batch=16",
                              "train.lr=1e-2",
                              "train.warmup=10",
                              "train.eval_every=0",
                              "train.save_every=0"};
  while (settings[n]) n++;
  snprintf(text, sizeof text, "data=%s/%s", root, data);
  snprintf(out, sizeof out, "out=%s/run-%d", root, ++runs);
  while (*extra) settings[n++] = *extra++;
  rapt_run_result r;
  *h = (heard){{0}};
  assert_ok(ctx, rapt_recipe_train(ctx, "bahdanau", settings, (int)n, hear, h, &r));
  assert_false(r.interrupted);
  assert_false(r.passed);
  snprintf(path, sizeof path, "%s/run-%d/report.html", root, runs);
  assert_ok(ctx, rapt__file_read(ctx, path, 1 << 24, &bytes, &n));
  snprintf(page, size, "%s", bytes);
  rapt__free(ctx, bytes);
  close_context(&memory, ctx);
}

static char page[1 << 20];

static void crosswise_is_claimed(void **state) {
  (void)state;
  heard h;
  size_t count, pairs;
  double share;
  train("short", (const char *const[]){"train.steps=150", "model.context=12", "search.beam=1", NULL}, &h, page,
        sizeof page);
  const char *claim = strstr(h.results, "claim: of adjectives and nouns that change places at least 80 % are aligned");
  if (!claim) fail_msg("%s", h.results);
  assert_non_null(claim = strchr(claim, '('));
  assert_int_equal(sscanf(claim, "(%lf %% of %zu, of %zu in the source)", &share, &count, &pairs), 3);
  assert_int_equal(pairs, 40);
  assert_in_range(count, 35, 40); /* the toy is learnt */
  expect(page, "Adjectives that changed places");
  expect(page, " looked at ");
}

static void length_is_claimed(void **state) {
  (void)state;
  heard h;
  train("short",
        (const char *const[]){"train.steps=2", "model.context=12", "search.beam=1", "bahdanau.compare=true", NULL}, &h,
        page, sizeof page);
  expect(h.results, "40 test sentences have up to 20 words and 0 have more: too few to judge by length");
  train("long",
        (const char *const[]){"train.steps=20", "model.context=30", "search.beam=1", "bahdanau.compare=true", NULL}, &h,
        page, sizeof page);
  expect(h.results, "claim: on 110 sentences of more than 20 words attention beats no attention by at least 3 BLEU");
  expect(h.results, "claim: with attention BLEU does not fall with length");
  expect(page, "21 to 30");
}

static int make_root(void **state) {
  (void)state;
  char path[300];
  if (!mkdtemp(root)) return 1;
  snprintf(path, sizeof path, "%s/home", root);
  if (setenv("RAPT_HOME", path, 1) != 0) return 1;
  for (int lengthy = 0; lengthy < 2; lengthy++) {
    snprintf(path, sizeof path, "%s/%s", root, lengthy ? "long" : "short");
    if (mkdir(path, 0700) != 0) return 1;
    write_part("train", 0, 300, lengthy);
    write_part("valid", 300, 20, lengthy);
    write_part("test", 400, lengthy ? 220 : 40, lengthy);
  }
  return 0;
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(swaps_are_found), cmocka_unit_test(crosswise_is_claimed),
                                     cmocka_unit_test(length_is_claimed)};
  return cmocka_run_group_tests_name("bahdanau", tests, make_root, remove_root);
}
