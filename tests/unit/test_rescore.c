/* <rapt/rescore.h>: reading lists of several programs, faults by line, tuning, ranking, memory. Columns of models are tested with the
 * command (tests/cli/test_cli.sh). */
#include "unit/unit.h"

#include <math.h>
#include <rapt/rescore.h>

static counted_memory memory;
static rapt_context *ctx;

static int set_up(void **state) {
  (void)state;
  ctx = counted_context(&memory, 1);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  close_context(&memory, ctx);
  return 0;
}

static rapt_status parse(const char *text, rapt_nbest **out) {
  return rapt_nbest_parse(ctx, "list", text, strlen(text), out);
}

/* What is ranked, as "list:rank text score; …". */
typedef struct heard {
  char text[4096];
  int stop; /* after so many entries; 0: never */
  int entries;
} heard;

static bool hear(void *user, const rapt_nbest_entry *e) {
  heard *h = user;
  size_t used = strlen(h->text);
  snprintf(h->text + used, sizeof h->text - used, "%d:%d %.*s %g; ", (int)e->list, (int)e->rank, (int)e->text.size,
           e->text.data, e->score);
  return ++h->entries != h->stop;
}

static void expect(const rapt_nbest *n, const double *weights, const char *wanted) {
  heard h = {.stop = 0};
  assert_ok(ctx, rapt_nbest_rank(n, weights, hear, &h));
  assert_string_equal(h.text, wanted);
}

static void expect_columns(const rapt_nbest *n, const char *wanted) {
  char text[400] = "";
  for (int64_t c = 0; c < rapt_nbest_columns(n); c++) {
    strcat(text, rapt_nbest_column(n, c));
    strcat(text, " ");
  }
  assert_string_equal(text, wanted);
  assert_null(rapt_nbest_column(n, rapt_nbest_columns(n)));
  assert_null(rapt_nbest_column(n, -1));
}

static void test_forms(void **state) {
  (void)state;
  rapt_nbest *n;
  /* Plain numbers; a list without entries; blanks; a last line without its end. */
  assert_ok(ctx, parse("0 ||| a b ||| -1 2 ||| -3\n0 ||| c |||  -2   5 ||| -1\r\n2 |||  d  e ||| 0 1 ||| 7", &n));
  expect_columns(n, "score f1 f2 ");
  assert_int_equal(rapt_nbest_lists(n), 3);
  assert_int_equal(rapt_nbest_entries(n), 4);
  expect(n, (double[]){1, 0, 0}, "0:0 c -1; 0:1 a b -3; 1:0  0; 2:0 d  e 7; ");
  expect(n, (double[]){0, 1, 0}, "0:0 a b -1; 0:1 c -2; 1:0  0; 2:0 d  e 0; ");
  expect(n, (double[]){0, 0, 0}, "0:0 a b 0; 0:1 c 0; 1:0  0; 2:0 d  e 0; "); /* equal ones in their order */
  heard h = {.stop = 2};
  assert_ok(ctx, rapt_nbest_rank(n, (double[]){1, 0, 0}, hear, &h));
  assert_int_equal(h.entries, 2);
  assert_ok(ctx, rapt_nbest_pad(n, 5));
  assert_int_equal(rapt_nbest_lists(n), 5);
  assert_fails(ctx, rapt_nbest_pad(n, 4), RAPT_EINVAL, "5 n-best lists for 4 lines");
  rapt_nbest_free(n);
  /* Names as Moses writes them, and what stands behind the score. */
  assert_ok(ctx, parse("0 ||| a ||| LM0= -1 TM0= -2 -3 WP= 4 ||| -9.5 ||| 0-0\n", &n));
  expect_columns(n, "score LM0 TM0 TM0.2 WP ");
  expect(n, (double[]){0, 1, 10, 100, 1000}, "0:0 a 3679; ");
  rapt_nbest_free(n);
  /* rapt translate --nbest, without and with alignments; an empty text. */
  assert_ok(ctx, parse("0 ||| a ||| -0.5 ||| 0-0 1-1\n0 |||  ||| -0.25\n", &n));
  expect_columns(n, "score ");
  expect(n, (double[]){2}, "0:0  -0.5; 0:1 a -1; ");
  rapt_nbest_free(n);
}

static void test_faults(void **state) {
  (void)state;
  rapt_nbest *n;
  char many[600] = "0 ||| a |||";
  assert_fails(ctx, parse("", &n), RAPT_EFORMAT, "list: the file is empty");
  assert_fails(ctx, parse("0 ||| a ||| 1\n\n", &n), RAPT_EFORMAT, "list:2: the line does not begin with the number");
  assert_fails(ctx, parse("-1 ||| a ||| 1\n", &n), RAPT_EFORMAT, "list:1: the line does not begin with the number");
  assert_fails(ctx, parse("0.5 ||| a ||| 1\n", &n), RAPT_EFORMAT, "list:1: the line does not begin with the number");
  assert_fails(ctx, parse("0 ||| a\n", &n), RAPT_EFORMAT, "list:1: \"number ||| text ||| features ||| score\"");
  assert_fails(ctx, parse("0 ||| a ||| b\n", &n), RAPT_EFORMAT, "list:1: neither the third nor the fourth field");
  assert_fails(ctx, parse("0 ||| a ||| 1 x ||| 2\n", &n), RAPT_EFORMAT, "list:1: \"x\" is no number");
  assert_fails(ctx, parse("0 ||| a ||| 1 nan ||| 2\n", &n), RAPT_EFORMAT, "list:1: \"nan\" is no number");
  assert_fails(ctx, parse("1 ||| a ||| 1\n0 ||| a ||| 1\n", &n), RAPT_EFORMAT, "list:2: the numbers of lists fall");
  assert_fails(ctx, parse("0 ||| a ||| 1 ||| 1\n0 ||| a ||| 1 2 ||| 1\n", &n), RAPT_EFORMAT,
               "list:2: the features are other ones");
  assert_fails(ctx, parse("0 ||| a\xff ||| 1\n", &n), RAPT_EFORMAT, "list:1: the text is not UTF-8");
  for (int k = 0; k < 31; k++) strcat(many, " 1");
  strcat(many, " ||| 1\n");
  assert_fails(ctx, parse(many, &n), RAPT_EFORMAT, "list:1: more than 30 features");
  assert_fails(ctx, rapt_nbest_read(ctx, "/nowhere/list", &n), RAPT_ENOTFOUND, "/nowhere/list");
  assert_null(n);
  rapt_nbest_free(NULL);
}

/* The first feature lies: entries with the words of the references have the higher second one. */
static const char *const lists = "0 ||| x y z u v ||| 9 1 ||| 5\n0 ||| a b c d e ||| 1 2 ||| 4\n"
                                 "1 ||| x y z u ||| 8 0 ||| 5\n1 ||| f g h i j ||| 0 3 ||| 4\n",
                         *const references = "a b c d e\nf g h i j\n";

static rapt_status tune(const char *text, const char *wanted, const rapt_nbest_tuning *options, double *weights,
                        double *bleu) {
  rapt_nbest *n = NULL;
  rapt_lines lines = {0};
  rapt_status status = parse(text, &n);
  if (status == RAPT_OK) status = rapt_lines_parse(ctx, "references", wanted, strlen(wanted), &lines);
  if (status == RAPT_OK) status = rapt_nbest_tune(n, &lines, options, weights, bleu);
  rapt_lines_free(ctx, &lines);
  rapt_nbest_free(n);
  return status;
}

static void test_tuning(void **state) {
  (void)state;
  double weights[3] = {1, 0, 0}, bleu = 0;
  rapt_nbest *n;
  assert_ok(ctx, tune(lists, references, NULL, weights, &bleu));
  assert_true(fabs(bleu - 100) < 1e-9);
  assert_true(fabs(fabs(weights[0]) + fabs(weights[1]) + fabs(weights[2]) - 1) < 1e-9);
  assert_ok(ctx, parse(lists, &n));
  heard h = {.stop = 1};
  assert_ok(ctx, rapt_nbest_rank(n, weights, hear, &h));
  assert_non_null(strstr(h.text, "0:0 a b c d e"));
  rapt_nbest_free(n);
  assert_fails(ctx, tune(lists, "a\n", NULL, weights, &bleu), RAPT_EINVAL, "2 n-best lists and 1 references");
  assert_fails(ctx, tune(lists, references, &(rapt_nbest_tuning){.starts = -1}, weights, &bleu), RAPT_EINVAL,
               "-1 starts");
}

static void test_out_of_memory(void **state) {
  (void)state;
  int failures = 0;
  for (long at = 1;; at++) {
    long live = memory.live;
    double weights[3] = {1, 0, 0}, bleu;
    memory.fail_at = memory.calls + at;
    rapt_status status = tune(lists, references, NULL, weights, &bleu);
    memory.fail_at = 0;
    rapt_context_clear(ctx);
    assert_int_equal(memory.live, live);
    if (status == RAPT_OK) break;
    assert_int_equal(status, RAPT_ENOMEM);
    failures++;
  }
  assert_true(failures > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms), cmocka_unit_test(test_faults),
                                     cmocka_unit_test(test_tuning), cmocka_unit_test(test_out_of_memory)};
  return cmocka_run_group_tests_name("rescore", tests, set_up, tear_down);
}
