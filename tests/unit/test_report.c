/* Plots and reports: escaping, points that cannot be drawn, ticks, sections, failing memory. */
#include "unit/unit.h"

#include "base/file.h"
#include "formats/svg.h"
#include "train/report.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define BAD "\xEF\xBF\xBD"

typedef struct world {
  counted_memory memory;
  rapt_context *ctx;
  rapt__text text;
  char dir[64], path[128];
} world;

static int open_world(void **state) {
  world *w = calloc(1, sizeof *w);
  w->ctx = counted_context(&w->memory, 1);
  rapt__text_init(&w->text, w->ctx);
  snprintf(w->dir, sizeof w->dir, "/tmp/rapt_report_XXXXXX");
  *state = w;
  if (!mkdtemp(w->dir)) return -1;
  snprintf(w->path, sizeof w->path, "%s/report.html", w->dir);
  return 0;
}

static int close_world(void **state) {
  world *w = *state;
  rapt__text_free(&w->text);
  unlink(w->path);
  int left = rmdir(w->dir) != 0; /* a temporary file would still be there */
  rapt_context_free(w->ctx);
  left |= w->memory.live != 0;
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

static void assert_lacks(const char *text, const char *part) {
  if (strstr(text, part)) fail_msg("\"%s\" should not be there", part);
}

static const char *escaped(world *w, const char *s) {
  rapt__text_free(&w->text);
  assert_ok(w->ctx, rapt__xml_escape(&w->text, s));
  return w->text.data ? w->text.data : "";
}

static const char *plotted(world *w, const rapt__plot *plot) {
  rapt__text_free(&w->text);
  assert_ok(w->ctx, rapt__svg_plot(&w->text, plot));
  const char *svg = w->text.data;
  assert_int_equal(strncmp(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\"", 39), 0);
  assert_string_equal(svg + w->text.size - 7, "</svg>\n");
  assert_has(svg, "@media(prefers-color-scheme:dark)");
  assert_lacks(svg, "nan");
  assert_lacks(svg, "inf");
  return svg;
}

static void escaping(void **state) {
  world *w = *state;
  assert_string_equal(escaped(w, NULL), "");
  assert_string_equal(escaped(w, ""), "");
  assert_string_equal(escaped(w, "plain\n\ttext"), "plain\n\ttext");
  assert_string_equal(escaped(w, "<a href=\"x\">'&amp;'</a>"),
                      "&lt;a href=&quot;x&quot;&gt;&#39;&amp;amp;&#39;&lt;/a&gt;");
  assert_string_equal(escaped(w, "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"),
                      "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
  assert_string_equal(escaped(w, "\x01|\x1B|\x7F"), BAD "|" BAD "|\x7F");
  assert_string_equal(escaped(w, "\xFF|\xC0\xAF|\x80"), BAD "|" BAD BAD "|" BAD);
  assert_string_equal(escaped(w, "\xE2\x82"), BAD BAD);         /* cut off */
  assert_string_equal(escaped(w, "\xE2<b>"), BAD "&lt;b&gt;");  /* hides no markup */
  assert_string_equal(escaped(w, "\xED\xA0\x80"), BAD BAD BAD); /* a surrogate */
  assert_string_equal(escaped(w, "\xEF\xBF\xBF|\xF4\x90\x80\x80"), BAD BAD BAD "|" BAD BAD BAD BAD);
  assert_string_equal(escaped(w, "\xE0\x80\xBC"), BAD BAD BAD); /* an overlong "<" */
}

static void plot_parts(void **state) {
  world *w = *state;
  const double x[] = {0, 50, 100}, y[] = {0, 10, 5};
  const rapt__series series[] = {{"a<b", x, y, 3}, {NULL, x, y, 2}};
  const rapt__plot plot = {"T & t", "step", "loss", false, false, series, 2, 600, 300};
  const char *svg = plotted(w, &plot);
  assert_has(svg, "viewBox=\"0 0 600.0 300.0\"");
  assert_has(svg, "<title>T &amp; t</title>");
  assert_has(svg, ">step</text>");
  assert_has(svg, ">loss</text>");
  assert_has(svg, ">a&lt;b</text>");
  assert_has(svg, ">20</text>");
  assert_has(svg, ">100</text>");
  assert_int_equal(occurrences(svg, "class=\"key\""), 1);
  assert_int_equal(occurrences(svg, "<circle"), 3);
  assert_int_equal(occurrences(svg, "<path"), 3); /* two lines and one key */
}

static void points_that_cannot_be_drawn(void **state) {
  world *w = *state;
  const double x[] = {0, 1, 2, 3, NAN, 5, 6, 7}, y[] = {1, NAN, 2, INFINITY, 3, -INFINITY, 1e308, 4};
  const rapt__series series = {"s", x, y, COUNT(x)};
  const rapt__plot plot = {.series = &series, .count = 1};
  const char *svg = plotted(w, &plot);
  assert_int_equal(occurrences(svg, "<circle"), 3);
  assert_lacks(svg, "e308");

  const rapt__series none = {"s", x + 4, y, 1};
  assert_int_equal(occurrences(plotted(w, &(rapt__plot){.series = &none, .count = 1}), "<circle"), 0);
}

static void logarithmic(void **state) {
  world *w = *state;
  const double x[] = {1, 10, 100, 1000, 0, -5}, y[] = {1e-6, 1e-3, 1, 1e6, 1, 1};
  const rapt__series series = {"s", x, y, COUNT(x)};
  const rapt__plot plot = {.log_x = true, .log_y = true, .series = &series, .count = 1, .width = 500, .height = 500};
  const char *svg = plotted(w, &plot);
  assert_int_equal(occurrences(svg, "<circle"), 4); /* 0 and -5 have no logarithm */
  assert_has(svg, ">10</text>");
  assert_has(svg, ">1000</text>");
  assert_has(svg, ">1e-6</text>");
  assert_has(svg, ">1e6</text>");
  /* Equal factors are equal distances on x. */
  double at[4];
  const char *s = svg;
  for (int i = 0; i < 4; i++) {
    s = strstr(s, "cx=\"") + 4;
    at[i] = strtod(s, NULL);
  }
  assert_true(fabs((at[1] - at[0]) - (at[3] - at[2])) < 0.3 && at[1] - at[0] > 50);

  const double narrow[] = {2.1, 2.2, 2.3, 2.4};
  const rapt__series close = {"s", x, narrow, 4};
  assert_has(plotted(w, &(rapt__plot){.log_y = true, .series = &close, .count = 1}), ">2.2</text>");
}

static void empty_plots(void **state) {
  world *w = *state;
  assert_lacks(plotted(w, &(rapt__plot){0}), "<path");
  const rapt__series series = {"empty", NULL, NULL, 0};
  const char *svg = plotted(w, &(rapt__plot){.series = &series, .count = 1, .log_x = true, .log_y = true});
  assert_has(svg, ">empty</text>");
  assert_int_equal(occurrences(svg, "<path"), 1); /* the key */
}

static void extreme_ranges(void **state) {
  world *w = *state;
  static const double values[][2] = {
      {3, 3},         {0, 0},           {-1e300, 1e300},         {1e-310, 2e-310},
      {-1e-300, 0},   {1e15, 1e15 + 1}, {1, 1.0000000000000002}, {0.1, 0.30000000000000004},
      {1e-300, 1e300}};
  for (size_t i = 0; i < COUNT(values); i++)
    for (int log = 0; log < 2; log++) {
      const rapt__series series = {"s", values[i], values[i], 2};
      const char *svg = plotted(w, &(rapt__plot){.log_x = log, .log_y = log, .series = &series, .count = 1});
      size_t ticks = occurrences(svg, "class=\"end\"");
      assert_true(ticks >= 2 && ticks <= 16);
      assert_lacks(svg, ">-0<");
      assert_lacks(svg, "00000000");
    }
}

static void many_points_stay_small(void **state) {
  world *w = *state;
  enum { N = 200000 };
  double *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y);
  for (int i = 0; i < N; i++) {
    x[i] = i;
    y[i] = i == N / 3 ? 1000 : (i * 7919) % 101; /* noise, and one peak */
  }
  const rapt__series series = {NULL, x, y, N};
  const char *svg = plotted(w, &(rapt__plot){.series = &series, .count = 1});
  assert_true(w->text.size < 100000);
  assert_has(svg, " 18.0L"); /* the peak is still at the top of the plot */
  free(x);
  free(y);
}

static const char *const verdicts[] = {"Reached <2.0", "Slower & steadier"};
static const char *const figures[][4] = {{"loss <nats>", "1.5", "1.4", "\xE2\x9C\x93"}, {"speed", NULL, "9", NULL}};
static const char *const settings[] = {"model.layers=4", "train.note=a=b<c", "flag", NULL};
static const char *const rows[] = {"heads=<4>", NULL};
static const char *const columns[] = {"rank", "text <1>"};
static const char *const cells[] = {"1", "a & b", NULL, "c"};
static const rapt__report_table table = {columns, cells, 2, 2};
static const rapt__report_section sections[] = {
    {"Attention & more", "What it <looks> at", "<svg id=\"heat\"></svg>", "\n<kept>", rows},
    {.svg = "<svg id=\"bare\"></svg>", .table = &table},
};
static const rapt__report full = {
    .title = "Small <GPT>",
    .paper = "Someone & others, 2017",
    .about = "About \"it\"",
    .verdicts = verdicts,
    .verdict_count = COUNT(verdicts),
    .figures = figures,
    .figure_count = COUNT(figures),
    .plot_svg = "<svg id=\"p\"></svg>",
    .sample = "\nOnce <script>alert(1)</script>\xFF",
    .sections = sections,
    .section_count = COUNT(sections),
    .settings = settings,
    .command = "rapt train 'x'",
    .environment = "gcc > 12",
};

static void report_parts(void **state) {
  world *w = *state;
  assert_ok(w->ctx, rapt__report_write(w->ctx, w->path, &full));
  char *html;
  size_t size;
  assert_ok(w->ctx, rapt__file_read(w->ctx, w->path, 1 << 20, &html, &size));
  static const char *const parts[] = {
      "<title>Small &lt;GPT&gt;</title>",
      "<h1>Small &lt;GPT&gt;</h1>",
      "Someone &amp; others, 2017",
      "About &quot;it&quot;",
      "<li>Reached &lt;2.0</li>",
      "<li>Slower &amp; steadier</li>",
      "<th scope=\"row\">loss &lt;nats&gt;</th><td>1.5</td><td>1.4</td><td>\xE2\x9C\x93</td></tr>",
      "<th scope=\"row\">speed</th><td></td><td>9</td><td></td></tr>",
      "<svg id=\"p\"></svg>",
      "<pre>\n\nOnce &lt;script&gt;alert(1)&lt;/script&gt;" BAD "</pre>",
      "<th scope=\"row\">model.layers</th><td>4</td>",
      "<th scope=\"row\">train.note</th><td>a=b&lt;c</td>",
      "<th scope=\"row\">flag</th><td></td>",
      "<h2>Attention &amp; more</h2>\n<p>What it &lt;looks&gt; at</p>\n<div class=\"pictures\">\n<svg "
      "id=\"heat\"></svg></div>\n"
      "<pre>\n\n&lt;kept&gt;</pre>\n<table class=\"settings\"><tbody>\n<tr><th "
      "scope=\"row\">heads</th><td>&lt;4&gt;</td></tr>\n"
      "</tbody></table>\n<div class=\"pictures\">\n<svg id=\"bare\"></svg></div>\n<div class=\"wide\"><table "
      "class=\"rows\">\n<thead><tr><th scope=\"col\">rank</th><th scope=\"col\">text &lt;1&gt;</th></tr></thead>\n"
      "<tbody>\n<tr><td>1</td><td>a &amp; b</td></tr>\n<tr><td></td><td>c</td></tr>\n</tbody></table></div>\n"
      "<h2>Settings</h2>",
      "rapt train &#39;x&#39;",
      "gcc &gt; 12",
  };
  assert_int_equal(strncmp(html, "<!DOCTYPE html>", 15), 0);
  for (size_t i = 0; i < COUNT(parts); i++) assert_has(html, parts[i]);
  assert_lacks(html, "<script");
  assert_lacks(html, "http"); /* nothing is fetched */
  rapt__free(w->ctx, html);
}

static void report_without_parts(void **state) {
  world *w = *state;
  assert_ok(w->ctx, rapt__report_write(w->ctx, w->path, &(rapt__report){.title = "Only"}));
  char *html;
  size_t size;
  assert_ok(w->ctx, rapt__file_read(w->ctx, w->path, 1 << 20, &html, &size));
  assert_has(html, "<h1>Only</h1>");
  static const char *const absent[] = {"<h2", "<table", "<pre", "<p", "<ul", "<svg"};
  for (size_t i = 0; i < COUNT(absent); i++) assert_lacks(html, absent[i]);
  rapt__free(w->ctx, html);
}

static void report_to_nowhere(void **state) {
  world *w = *state;
  assert_int_not_equal(rapt__report_write(w->ctx, "/nonexistent/report.html", &full), RAPT_OK);
  assert_has(rapt_context_message(w->ctx), "/nonexistent/report.html");
  rapt_context_clear(w->ctx);
}

/* The last allocation of a replacement comes behind the rename, so that a failure may leave the new file. */
static void assert_absent_or_whole(world *w) {
  if (access(w->path, F_OK) != 0) return;
  char *html;
  size_t size;
  rapt_context_clear(w->ctx);
  assert_ok(w->ctx, rapt__file_read(w->ctx, w->path, 1 << 20, &html, &size));
  assert_true(size > 8 && strcmp(html + size - 8, "</html>\n") == 0);
  rapt__free(w->ctx, html);
}

static void failing_memory(void **state) {
  world *w = *state;
  const double x[] = {0, 1, 2}, y[] = {1, 3, 2};
  const rapt__series series = {"s", x, y, 3};
  const rapt__plot plot = {"T", "x", "y", false, true, &series, 1, 0, 0};
  for (int what = 0; what < 2; what++) {
    long live = w->memory.live, failures = 0;
    for (long at = 1;; at++) {
      w->memory.calls = 0;
      w->memory.fail_at = at;
      rapt__text text;
      rapt__text_init(&text, w->ctx);
      rapt_status status = what ? rapt__report_write(w->ctx, w->path, &full) : rapt__svg_plot(&text, &plot);
      w->memory.fail_at = 0;
      rapt__text_free(&text);
      assert_int_equal(w->memory.live, live);
      if (status == RAPT_OK) break;
      assert_int_equal(status, RAPT_ENOMEM);
      assert_int_equal(rapt_context_status(w->ctx), RAPT_ENOMEM);
      assert_absent_or_whole(w);
      rapt_context_clear(w->ctx);
      failures++;
    }
    assert_true(failures >= 3);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(escaping),       TEST(plot_parts),           TEST(logarithmic),       TEST(points_that_cannot_be_drawn),
      TEST(empty_plots),    TEST(extreme_ranges),       TEST(report_parts),      TEST(many_points_stay_small),
      TEST(failing_memory), TEST(report_without_parts), TEST(report_to_nowhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
