/* rapt explain as a library call: what is told, the source lines it names, files, refusals, memory. */
#include "unit/unit.h"

#include "base/file.h"
#include "explain/formal/note.h"
#include "explain/sheet.h"

#include <math.h>
#include <rapt/rapt.h>

static char root[] = "/tmp/rapt-explain-XXXXXX";

static int make_root(void **state) {
  (void)state;
  return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state) {
  (void)state;
  char command[64];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

static char *read_all(const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) fail_msg("%s: run the tests from the repository's root", path);
  char *text = calloc(1, 1 << 21);
  assert_true(fread(text, 1, (1 << 21) - 1, f) > 0);
  fclose(f);
  return text;
}

/* Every line of pseudocode is marked exactly once in the source, and every mark has its line. */
static void every_line_has_one_place(void **state) {
  (void)state;
  size_t marks = 0, lines = 0;
  for (const rapt__formal_source *source = rapt__formal_sources; source->path; source++) {
    int algorithm, line;
    for (size_t at = 0; rapt__formal_mark_next((const char *)source->text, &at, &algorithm, &line); marks++)
      if (!rapt__formal_line_find(algorithm, line))
        fail_msg("%s marks %d.%d, which the pseudocode does not have", source->path, algorithm, line);
  }
  int last_algorithm = 0, last_line = 0;
  for (const rapt__formal_line *l = rapt__formal_lines; l->algorithm; l++, lines++) {
    rapt__formal_place place;
    if (!rapt__formal_place_find(l->algorithm, l->line, &place))
      fail_msg("%d.%d (%s) stands nowhere", l->algorithm, l->line, l->text);
    assert_true(place.size > 0);
    assert_true(strlen(l->text) <= 70);
    assert_true(l->algorithm == last_algorithm ? l->line > last_line : l->algorithm == last_algorithm + 1);
    last_algorithm = l->algorithm;
    last_line = l->line;
  }
  assert_int_equal(last_algorithm, RAPT__FORMAL_ALGORITHMS);
  assert_int_equal(marks, lines);
}

/* The number that is told is the line's in the file as it lies there. */
static void places_are_the_files_own(void **state) {
  (void)state;
  for (const rapt__formal_line *l = rapt__formal_lines; l->algorithm; l++) {
    rapt__formal_place place;
    char mark[16];
    assert_true(rapt__formal_place_find(l->algorithm, l->line, &place));
    char *text = read_all(place.path), *at = text;
    for (int i = 1; i < place.number; i++) at = strchr(at, '\n') + 1;
    at[strcspn(at, "\n")] = 0;
    snprintf(mark, sizeof mark, " %d.%d ", l->algorithm, l->line);
    if (!strstr(at, mark)) fail_msg("%s:%d lacks the mark%s", place.path, place.number, mark);
    char *code = strndup(place.code, place.size);
    assert_non_null(strstr(at, code));
    free(code);
    free(text);
  }
}

static void marks_are_read_strictly(void **state) {
  (void)state;
  const char *text = "x; /* 4.5 */ /* 0.5 of it: no. */ /* 4.x */ /* 12.3 12.4 */ /* see 4.6 */ 7.8 ";
  const int wanted[][2] = {{4, 5}, {0, 5}, {12, 3}, {12, 4}};
  size_t at = 0;
  int algorithm, line;
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    assert_true(rapt__formal_mark_next(text, &at, &algorithm, &line));
    assert_int_equal(algorithm, wanted[i][0]);
    assert_int_equal(line, wanted[i][1]);
  }
  assert_false(rapt__formal_mark_next(text, &at, &algorithm, &line));
  assert_false(rapt__formal_place_find(4, 99, &(rapt__formal_place){0}));
}

typedef struct heard {
  size_t bytes, parts[4], widest;
} heard;

static void hear(void *user, rapt_explain_part part, const char *text) {
  heard *h = user;
  h->parts[part]++;
  h->bytes += strlen(text);
  for (const char *line = text; *line;) {
    size_t n = strcspn(line, "\n");
    if (n > h->widest) h->widest = n; /* bytes: the sentences below are ASCII */
    line += n + (line[n] == '\n');
  }
}

static void a_sentence_is_walked_through(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  char dir[64], page[64], path[96];
  snprintf(dir, sizeof dir, "%s/kept/deep", root);
  snprintf(page, sizeof page, "%s/page.html", root);
  rapt_explain_options o = {
      .sentence = "one two three four five six seven oneverylongword", .seed = 7, .html = page, .out = dir};
  heard h = {0};
  assert_ok(ctx, rapt_recipe_explain(ctx, "formal-algorithms", &o, hear, &h));
  assert_true(h.widest <= 100);
  assert_true(h.parts[RAPT_EXPLAIN_HEADING] > 8);
  /* Algorithms 1 and 2; 10 has ten lines; 6 three times; 4 twice; 5; 7. */
  assert_int_equal(h.parts[RAPT_EXPLAIN_STEP], 2 + 10 + 3 * 3 + 2 * 6 + 4 + 1);
  assert_int_equal(h.parts[RAPT_EXPLAIN_STEP], h.parts[RAPT_EXPLAIN_CODE]);
  snprintf(path, sizeof path, "%s/explain.txt", dir);
  char *text = read_all(path);
  assert_int_equal(strlen(text), h.bytes);
  assert_non_null(strstr(text, "oneverylong"));
  free(text);
  snprintf(path, sizeof path, "%s/explain.html", dir);
  char *kept = read_all(path), *html = read_all(page);
  assert_string_equal(kept, html);
  assert_non_null(strstr(html, "<svg"));
  assert_null(strstr(html, "src=\""));
  assert_null(strstr(html, "href=\""));
  assert_non_null(strstr(html, "</html>"));
  free(kept);
  free(html);
  /* The same seed tells the same, another one something else. */
  heard again = {0};
  assert_ok(ctx, rapt_recipe_explain(ctx, "formal-algorithms", &o, hear, &again));
  assert_memory_equal(&h, &again, sizeof h);
  assert_ok(ctx, rapt_recipe_explain(ctx, "formal-algorithms", NULL, NULL, NULL));
  close_context(&memory, ctx);
}

static void html_is_escaped(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  char page[64];
  snprintf(page, sizeof page, "%s/escaped.html", root);
  rapt_explain_options o = {.sentence = "<script>alert(1)</script> \xC3\xBC&", .html = page};
  assert_ok(ctx, rapt_recipe_explain(ctx, "formal-algorithms", &o, NULL, NULL));
  char *html = read_all(page);
  assert_null(strstr(html, "<script"));
  assert_non_null(strstr(html, "&lt;script"));
  free(html);
  close_context(&memory, ctx);
}

static void refusals(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_explain_options o = {.sentence = "   "};
  assert_fails(ctx, rapt_recipe_explain(ctx, "formal-algorithms", &o, NULL, NULL), RAPT_EKEY, "no words");
  o.sentence = "1 2 3 4 5 6 7 8 9";
  assert_fails(ctx, rapt_recipe_explain(ctx, "formal-algorithms", &o, NULL, NULL), RAPT_EKEY, "more than 8 words");
  o.sentence = "clear \033[2J the screen";
  assert_fails(ctx, rapt_recipe_explain(ctx, "formal-algorithms", &o, NULL, NULL), RAPT_EKEY, "byte 6");
  o.sentence = "half \xC3";
  assert_fails(ctx, rapt_recipe_explain(ctx, "formal-algorithms", &o, NULL, NULL), RAPT_EKEY, "byte 5");
  assert_fails(ctx, rapt_recipe_explain(ctx, "gpt", NULL, NULL, NULL), RAPT_EUNSUPPORTED, "formal-algorithms");
  assert_fails(ctx, rapt_recipe_explain(ctx, "formal-algorithm", NULL, NULL, NULL), RAPT_EKEY, "formal-algorithms");
  o = (rapt_explain_options){.html = "/nowhere/at/all.html"};
  assert_fails(ctx, rapt_recipe_explain(ctx, "formal-algorithms", &o, NULL, NULL), RAPT_ENOTFOUND, "/nowhere");
  close_context(&memory, ctx);
}

static void odd_numbers_are_told(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__sheet sheet;
  rapt__sheet_init(&sheet, ctx, NULL, NULL);
  const double odd[] = {NAN, -INFINITY, INFINITY, 12345.678, -0.00001, 1.5};
  const char *labels[] = {
      "a", "b",
      "\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC"};
  rapt__sheet_matrix(&sheet, &(rapt__matrix){"odd", odd, 2, 3, NULL, labels});
  assert_ok(ctx, sheet.status);
  assert_non_null(strstr(sheet.plain.data, "      nan     -inf      inf\n"));
  assert_non_null(strstr(sheet.plain.data, " 1.23e+04  -0.0000   1.5000\n"));
  rapt__sheet_matrix(&sheet, &(rapt__matrix){"wide", odd, 1, RAPT__SHEET_COLUMNS + 1, NULL, NULL});
  assert_int_equal(sheet.status, RAPT_ESHAPE);
  rapt_context_clear(ctx);
  rapt__sheet_free(&sheet);
  close_context(&memory, ctx);
}

static void memory_runs_out(void **state) {
  (void)state;
  long step = 1, failures = 0;
  for (long at = 1;; at += step, step = at / 8 + 1) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    char page[64];
    snprintf(page, sizeof page, "%s/fails.html", root);
    rapt_explain_options o = {.html = page};
    memory.fail_at = memory.calls + at;
    rapt_status status = rapt_recipe_explain(ctx, "formal-algorithms", &o, NULL, NULL);
    memory.fail_at = 0;
    close_context(&memory, ctx);
    if (status == RAPT_OK) break;
    assert_int_equal(status, RAPT_ENOMEM);
    failures++;
  }
  assert_true(failures > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_line_has_one_place), cmocka_unit_test(places_are_the_files_own),
      cmocka_unit_test(marks_are_read_strictly),  cmocka_unit_test(a_sentence_is_walked_through),
      cmocka_unit_test(html_is_escaped),          cmocka_unit_test(refusals),
      cmocka_unit_test(odd_numbers_are_told),     cmocka_unit_test(memory_runs_out),
  };
  return cmocka_run_group_tests(tests, make_root, remove_root);
}
