/* Templates against Jinja as transformers uses it (tests/golden/make_templates.py). */
#include "unit/unit.h"

#include "text/template.h"

static json_t *read_cases(void) {
  json_error_t error;
  json_t *all = json_load_file("tests/golden/templates.json", 0, &error);
  if (!all) fail_msg("%s:%d: %s (the test runs in the root of the sources)", error.source, error.line, error.text);
  return all;
}

static rapt_status render(rapt_context *ctx, const json_t *one, const json_t *variables, rapt__text *out) {
  rapt__template *t;
  const json_t *text = json_object_get(one, "template");
  RAPT_TRY(rapt__template_new(ctx, "chat", json_string_value(text), json_string_length(text), &t));
  rapt_status status = rapt__template_render(t, variables, 0, out);
  rapt__template_free(t);
  return status;
}

static void templates_give_what_jinja_gives(void **state) {
  (void)state;
  json_t *all = read_cases(), *cases = json_object_get(all, "cases"), *one;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  size_t i;
  int wrong = 0;
  json_array_foreach(cases, i, one) {
    const json_t *variables = json_array_get(json_object_get(all, "variables"),
                                             (size_t)json_integer_value(json_object_get(one, "variables")));
    const char *text = json_string_value(json_object_get(one, "template")),
               *want = json_string_value(json_object_get(one, "want"));
    rapt__text out;
    rapt__text_init(&out, ctx);
    rapt_status status = render(ctx, one, variables, &out);
    const char *got = out.data ? out.data : "";
    if (want && status != RAPT_OK)
      print_error("%s\n  fails: %s\n", text, rapt_context_message(ctx)), wrong++;
    else if (want && strcmp(got, want) != 0)
      print_error("%s\n  gives %s\n  Jinja %s\n", text, got, want), wrong++;
    else if (!want && (status == RAPT_OK || !strstr(rapt_context_message(ctx), "chat:1: ")))
      print_error("%s\n  gives %s (%s), Jinja refuses it\n", text, got, rapt_context_message(ctx)), wrong++;
    rapt__text_free(&out);
    rapt_context_clear(ctx);
  }
  json_decref(all);
  close_context(&memory, ctx);
  assert_int_equal(wrong, 0);
}

static void assert_refused(const char *text, const char *part) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__template *t;
  rapt__text out;
  rapt__text_init(&out, ctx);
  rapt_status status = rapt__template_new(ctx, "chat", text, strlen(text), &t);
  if (status == RAPT_OK) status = rapt__template_render(t, NULL, 0, &out);
  assert_int_not_equal(status, RAPT_OK);
  if (!strstr(rapt_context_message(ctx), part))
    fail_msg("\"%s\" does not contain \"%s\"", rapt_context_message(ctx), part);
  rapt__text_free(&out);
  rapt__template_free(t);
  close_context(&memory, ctx);
}

static void work_and_depth_are_bounded(void **state) {
  (void)state;
  char deep[4000] = "{{ ";
  for (int i = 0; i < 500; i++) strcat(deep, "(");
  assert_refused(deep, "chat:1: expressions are nested too deeply");
  deep[0] = 0;
  for (int i = 0; i < 200; i++) strcat(deep, "{% if 1 %}");
  assert_refused(deep, "nested too deeply");
  strcpy(deep, "{{ 1");
  for (int i = 0; i < 900; i++) strcat(deep, "|abs");
  assert_refused(strcat(deep, " ~ }}"), "chat:1: ");
  assert_refused("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
                 "more than is allowed");
  assert_refused("{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
                 "more than is allowed");
  assert_refused("{{ 'abcd' * 9999999999 }}", "more than is allowed");
  assert_refused("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "too deeply");
  assert_refused("a\n\xff", "chat:2: byte 2 is no UTF-8");
  assert_refused("{% include 'x' %}", "{% include %} is not known");
  assert_refused("{{ 9223372036854775807 + 1 }}", "64 bits");
}

static void every_failing_allocation_is_told(void **state) {
  (void)state;
  json_t *all = read_cases(), *one = json_array_get(json_object_get(all, "cases"), 4);
  const json_t *variables = json_array_get(json_object_get(all, "variables"), 0);
  counted_memory memory;
  long calls = 1;
  for (long at = 0; at <= calls; at++) {
    rapt_context *ctx = counted_context(&memory, 1);
    rapt__text out;
    rapt__text_init(&out, ctx);
    long before = memory.calls;
    memory.fail_at = at ? before + at : 0;
    rapt_status status = render(ctx, one, variables, &out);
    memory.fail_at = 0;
    if (at == 0) calls = memory.calls - before;
    assert_int_equal(status, at ? RAPT_ENOMEM : RAPT_OK);
    rapt__text_free(&out);
    close_context(&memory, ctx);
  }
  json_decref(all);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(templates_give_what_jinja_gives),
                                     cmocka_unit_test(work_and_depth_are_bounded),
                                     cmocka_unit_test(every_failing_allocation_is_told)};
  return cmocka_run_group_tests_name("templates", tests, NULL, NULL);
}
