/* Bar charts and heat maps: what stands in them, values that cannot be drawn, limits, colours, failing memory. */
#include "unit/unit.h"

#include "formats/svg.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

typedef struct world {
  counted_memory memory;
  rapt_context *ctx;
  rapt__text text;
} world;

static int open_world(void **state) {
  world *w = calloc(1, sizeof *w);
  w->ctx = counted_context(&w->memory, 1);
  rapt__text_init(&w->text, w->ctx);
  *state = w;
  return 0;
}

static int close_world(void **state) {
  world *w = *state;
  rapt__text_free(&w->text);
  rapt_context_free(w->ctx);
  int left = w->memory.live != 0;
  free(w);
  return left;
}

static size_t occurrences(const char *text, const char *part) {
  size_t count = 0;
  for (const char *s = text; (s = strstr(s, part)); s += strlen(part)) count++;
  return count;
}

static void assert_has(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("\"%s\" is missing", part);
}

static const char *finished(world *w, rapt_status status) {
  assert_ok(w->ctx, status);
  const char *svg = w->text.data;
  assert_int_equal(strncmp(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\"", 39), 0);
  assert_string_equal(svg + w->text.size - 7, "</svg>\n");
  assert_int_equal(occurrences(svg, "\"nan"), 0);
  assert_int_equal(occurrences(svg, "\"inf"), 0);
  return svg;
}

static const char *bars_of(world *w, const rapt__bars *bars) {
  rapt__text_free(&w->text);
  return finished(w, rapt__svg_bars(&w->text, bars));
}

static const char *heat_of(world *w, const rapt__heat *heat) {
  rapt__text_free(&w->text);
  return finished(w, rapt__svg_heat(&w->text, heat));
}

static double attribute(const char *svg, const char *class_or_style, const char *name) {
  const char *hit = strstr(svg, class_or_style), *start = hit;
  assert_non_null(hit);
  while (*start != '<') start--;
  char wanted[32];
  snprintf(wanted, sizeof wanted, " %s=\"", name);
  const char *at = strstr(start, wanted);
  assert_non_null(at);
  return strtod(at + strlen(wanted), NULL);
}

static const char *const labels[] = {"one", "two <&>", "three"};
static const char *const names[] = {"ours", "the paper's"};

static void bars(void **state) {
  world *w = *state;
  static const double values[] = {10, 20, NAN, 5, 40, INFINITY};
  const char *svg = bars_of(w, &(rapt__bars){"T & t", "nats", labels, names, values, 3, 2, 600});
  assert_has(svg, "<title>T &amp; t</title>");
  assert_has(svg, ">two &lt;&amp;&gt;</text>");
  assert_has(svg, ">nats</text>");
  assert_has(svg, ">the paper&#39;s</text>");
  assert_int_equal(occurrences(svg, "<rect rx="), 2 + 4); /* the key and the finite values */
  assert_int_equal(occurrences(svg, ">\xE2\x80\x93</text>"), 2);
  assert_has(svg, ">40</text>");

  static const double two[] = {30, 10};
  svg = bars_of(w, &(rapt__bars){.labels = labels, .series = names, .values = two, .count = 1, .series_count = 2});
  const char *first = strstr(svg, "height=\"14\" style=\"fill:var(--c0)"), *start = first;
  assert_non_null(first);
  double long_one = attribute(start, "fill:var(--c0)", "width");
  double short_one = attribute(strstr(svg, "height=\"14\" style=\"fill:var(--c1)"), "fill:var(--c1)", "width");
  assert_true(fabs(long_one - 3 * short_one) < 0.5 && long_one > 100);

  static const double signs[] = {-1, 2, 0};
  svg = bars_of(w, &(rapt__bars){.labels = labels, .values = signs, .count = 3});
  assert_has(svg, ">-1</text>");
  assert_has(svg, ">0</text>");
  assert_int_equal(occurrences(svg, "<rect rx="), 3);

  bars_of(w, &(rapt__bars){0});
  static const double nothing[] = {0, 0, NAN}, huge[] = {1e300, -1e300, 1e308};
  bars_of(w, &(rapt__bars){.labels = labels, .values = nothing, .count = 3});
  assert_int_equal(occurrences(bars_of(w, &(rapt__bars){.labels = labels, .values = huge, .count = 3}), "<rect rx="),
                   2);
  assert_fails(w->ctx, rapt__svg_bars(&w->text, &(rapt__bars){.count = 1001}), RAPT_EINVAL, "1001");
  assert_fails(w->ctx, rapt__svg_bars(&w->text, &(rapt__bars){.series_count = 9}), RAPT_EINVAL, "9");
}

static void heat_cells(void **state) {
  world *w = *state;
  static const double values[] = {0, 0.5, 1, 2, -1, NAN};
  const char *const columns[] = {"a", "b & c", "a label that is \xC3\xA9\xC3\xA9\xC3\xA9 far too long to stand"};
  static const bool marked[] = {false, true, false, false, false, true};
  const char *svg = heat_of(w, &(rapt__heat){"T", "to", "from", labels, columns, values, 2, 3, 0, 1, 20, marked});
  assert_int_equal(occurrences(svg, "<circle class=\"dot\""), 2);
  const char *cells = strstr(svg, "<g class=\"cells\">"), *key = strstr(cells + 1, "<g class=\"cells\">");
  assert_non_null(key);
  char *matrix = strndup(cells, (size_t)(key - cells));
  assert_int_equal(occurrences(matrix, "<rect"), 6);
  assert_int_equal(occurrences(matrix, "class=\"h0\""), 2); /* 0, and -1 below the scale */
  assert_int_equal(occurrences(matrix, "class=\"h16\""), 1);
  assert_int_equal(occurrences(matrix, "class=\"h31\""), 2); /* 1, and 2 above it */
  assert_int_equal(occurrences(matrix, "class=\"none\""), 1);
  assert_has(matrix, "<title>one \xE2\x86\x92 b &amp; c: 0.5</title>");
  assert_has(svg, ">a label that is \xC3\xA9\xC3\xA9\xC3\xA9 far\xE2\x80\xA6</text>");
  assert_has(svg, ">to</text>");
  assert_has(svg, ">from</text>");
  free(matrix);

  assert_int_equal(occurrences(key, "<rect"), 32);
  /* One scale for light and one for dark pages, each with 32 colours that differ. */
  assert_int_equal(occurrences(svg, ".rapt-plot .h31{fill:#"), 2);
  char light[8], previous[8] = "";
  for (int i = 0; i < 32; i++) {
    char rule[40];
    int size = snprintf(rule, sizeof rule, ".rapt-plot .h%d{fill:", i);
    memcpy(light, strstr(svg, rule) + size, 7);
    light[7] = 0;
    assert_string_not_equal(light, previous);
    memcpy(previous, light, sizeof light);
  }
}

static void heat_limits(void **state) {
  world *w = *state;
  heat_of(w, &(rapt__heat){0});
  static const double same[] = {3, 3, 3, 3}, none[] = {NAN, INFINITY, -INFINITY, NAN},
                      huge[] = {-1e300, 1e300, 0, 1e308};
  heat_of(w, &(rapt__heat){.values = same, .rows = 2, .columns = 2});
  heat_of(w, &(rapt__heat){.values = none, .rows = 2, .columns = 2});
  const char *svg = heat_of(w, &(rapt__heat){.values = huge, .rows = 2, .columns = 2, .low = NAN, .high = 1});
  assert_has(svg, "<rect class=\"h31\"");
  assert_has(svg, "<rect class=\"none\"");
  double *big = calloc(512 * 512, sizeof *big);
  svg = heat_of(w, &(rapt__heat){.values = big, .rows = 512, .columns = 512});
  assert_int_equal(occurrences(svg, "<rect"), 1 + 32 + 512); /* a row of one colour is one rectangle */
  free(big);
  assert_fails(w->ctx, rapt__svg_heat(&w->text, &(rapt__heat){.rows = 513}), RAPT_EINVAL, "513");
  assert_fails(w->ctx, rapt__svg_heat(&w->text, &(rapt__heat){.columns = SIZE_MAX}), RAPT_EINVAL, "columns");
  /* Labels that are no text: only continuation bytes, and more of them than fit. */
  char odd[400];
  memset(odd, 0x80, sizeof odd - 1);
  odd[sizeof odd - 1] = 0;
  const char *const bad[] = {odd, "\xE2"};
  heat_of(w, &(rapt__heat){.values = same, .rows = 2, .columns = 2, .row_labels = bad, .column_labels = bad});
}

static void failing_memory(void **state) {
  world *w = *state;
  static const double values[] = {1, 3, 2};
  for (int what = 0; what < 2; what++) {
    long live = w->memory.live, failures = 0;
    for (long at = 1;; at++) {
      w->memory.calls = 0;
      w->memory.fail_at = at;
      rapt__text text;
      rapt__text_init(&text, w->ctx);
      rapt_status status =
          what ? rapt__svg_bars(&text, &(rapt__bars){.labels = labels, .values = values, .count = 3})
               : rapt__svg_heat(&text, &(rapt__heat){.row_labels = labels, .values = values, .rows = 3, .columns = 1});
      w->memory.fail_at = 0;
      rapt__text_free(&text);
      assert_int_equal(w->memory.live, live);
      if (status == RAPT_OK) break;
      assert_int_equal(status, RAPT_ENOMEM);
      rapt_context_clear(w->ctx);
      failures++;
    }
    assert_true(failures >= 3);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
  const struct CMUnitTest tests[] = {TEST(bars), TEST(heat_cells), TEST(heat_limits), TEST(failing_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
