/* CoNLL-U: words, ranges, empty nodes, comments, broken lines, failing memory. */
#include "unit/unit.h"

#include "data/conllu.h"

#define REST "\t_\t_\t_\t_\t_\t_"
static const char two[] = "# text = I don't\n1\tI\ti\tPRON" REST "\n2-3\tdon't\t_\t_" REST "\n2\tdo\tdo\tAUX" REST
                          "\r\n3\tn't\tnot\tPART" REST "\n\n\n1\tGo\tgo\tVERB" REST "\n1.1\tleft\tleave\tVERB" REST;

static rapt_status parse(rapt_context *ctx, const char *text, size_t size, rapt__conllu *out) {
  *out = (rapt__conllu){.ctx = ctx};
  char *copy = rapt__alloc(ctx, size + 1);
  if (!copy) return RAPT_ENOMEM;
  memcpy(copy, text, size);
  return rapt__conllu_parse(ctx, "file", copy, size, out);
}

static void sentences_are_read(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__conllu c;
  assert_ok(ctx, parse(ctx, two, sizeof two - 1, &c));
  assert_int_equal(c.sentences, 2);
  assert_int_equal(c.at[1], 3);
  assert_int_equal(c.at[2], 4);
  assert_string_equal(c.words[1].form, "do");
  assert_string_equal(c.words[2].tag, "PART");
  assert_string_equal(c.words[3].form, "Go");
  rapt__conllu_free(&c);
  close_context(&memory, ctx);
}

static void broken_files_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t size;
    const char *part;
  } cases[] = {{"# only\n\n", 8, "no word"},
               {"", 0, "no word"},
               {"1\tI\n", 4, "line 1 has not the ten"},
               {"#\n1\tI\ti\t\t_\t_\t_\t_\t_\t_\n", 22, "line 2 has not the ten"},
               {"1\tI\ti\tX" REST "\t_\n", 23, "line 1 has not the ten"},
               {"1\tI\ti\tX" REST "\n1\t\0\n", 25, "line 2 has a zero byte"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    rapt__conllu c;
    assert_fails(ctx, parse(ctx, cases[i].text, cases[i].size, &c), RAPT_EFORMAT, cases[i].part);
    rapt__conllu_free(&c);
    close_context(&memory, ctx);
  }
}

static void memory_runs_out(void **state) {
  (void)state;
  for (long at = 1;; at++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    rapt__conllu c;
    memory.fail_at = memory.calls + at;
    rapt_status status = parse(ctx, two, sizeof two - 1, &c);
    memory.fail_at = 0;
    rapt__conllu_free(&c);
    close_context(&memory, ctx);
    if (status == RAPT_OK) {
      assert_int_equal(at, 4); /* the copy, words, sentences */
      return;
    }
    assert_int_equal(status, RAPT_ENOMEM);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sentences_are_read),
      cmocka_unit_test(broken_files_are_refused),
      cmocka_unit_test(memory_runs_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
