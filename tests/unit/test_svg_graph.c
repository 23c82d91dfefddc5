/* Graphs as SVG: what stands in them, what cannot be drawn, failing memory. */
#include "unit/unit.h"

#include "formats/svg.h"

#include <math.h>

static size_t occurrences(const char *text, const char *part) {
  size_t count = 0;
  for (const char *s = text; (s = strstr(s, part)); s += strlen(part)) count++;
  return count;
}

static const rapt__svg_node nodes[] = {{.label = "sun & sea", .x = 100, .y = 80, .shade = 0.9, .note = "0.9"},
                                       {.label = "rain", .x = 300, .y = 80, .shade = 0.1, .strong = true},
                                       {.x = 500, .y = 80, .shade = NAN}};
static const rapt__svg_edge edges[] = {
    {0, 0, 0.8, "0.8", false}, {0, 1, 0.2, "0.2", true}, {1, 0, INFINITY, NULL, false}, {1, 2, -1, "<", false}};

static void a_graph_is_drawn(void **state) {
  (void)state;
  for (int k = 0; k < 4; k++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    rapt__text text;
    rapt__text_init(&text, ctx);
    const rapt__digraph graph = {.title = "States",
                                 .nodes = nodes,
                                 .edges = edges,
                                 .node_count = 3,
                                 .edge_count = 4,
                                 .placed = k & 1,
                                 .straight = k & 2};
    assert_ok(ctx, rapt__svg_digraph(&text, &graph));
    assert_int_equal(strncmp(text.data, "<svg ", 5), 0);
    assert_string_equal(text.data + text.size - 7, "</svg>\n");
    assert_int_equal(occurrences(text.data, "<circle"), 6);
    assert_int_equal(occurrences(text.data, "class=\"line\""), 4);
    assert_int_equal(occurrences(text.data, " Z\""), k & 2 ? 0 : 4); /* heads of arrows */
    assert_int_equal(occurrences(text.data, "sun &amp; sea") + occurrences(text.data, ">&lt;<"), 2);
    assert_int_equal(occurrences(text.data, "nan") + occurrences(text.data, "inf"), 0);
    assert_int_equal(occurrences(text.data, "cx=\"300.0\""), k & 1 ? 2 : 0);
    rapt__text_free(&text);
    close_context(&memory, ctx);
  }
}

static void what_cannot_be_drawn_is_refused(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__text text;
  rapt__text_init(&text, ctx);
  rapt__digraph graph = {.nodes = nodes, .edges = edges, .node_count = 2, .edge_count = 4};
  assert_fails(ctx, rapt__svg_digraph(&text, &graph), RAPT_EINVAL, "edge 3 joins nodes 1 and 2 of 2");
  graph.node_count = 2001;
  assert_fails(ctx, rapt__svg_digraph(&text, &graph), RAPT_EINVAL, "2001 nodes");
  const rapt__svg_node lost = {.x = NAN};
  graph = (rapt__digraph){.nodes = &lost, .node_count = 1, .placed = true};
  assert_fails(ctx, rapt__svg_digraph(&text, &graph), RAPT_EINVAL, "node 0 is placed nowhere");
  rapt__text_free(&text);
  close_context(&memory, ctx);
}

static void memory_runs_out(void **state) {
  (void)state;
  const rapt__digraph graph = {.nodes = nodes, .edges = edges, .node_count = 3, .edge_count = 4};
  for (long at = 1, failures = 0;; at++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    rapt__text text;
    rapt__text_init(&text, ctx);
    memory.fail_at = memory.calls + at;
    rapt_status status = rapt__svg_digraph(&text, &graph);
    memory.fail_at = 0;
    rapt__text_free(&text);
    close_context(&memory, ctx);
    if (status == RAPT_OK) {
      assert_true(failures > 2);
      return;
    }
    assert_int_equal(status, RAPT_ENOMEM);
    failures++;
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_graph_is_drawn),
      cmocka_unit_test(what_cannot_be_drawn_is_refused),
      cmocka_unit_test(memory_runs_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
