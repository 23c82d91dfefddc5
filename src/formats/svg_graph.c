/* Directed graphs as SVG: circles, and arrows whose thickness is a weight. */
#include "formats/svg_parts.h"

#include <math.h>
#include <string.h>

enum { MAX_NODES = 2000, MAX_EDGES = 20000, RADIUS = 26, HEAD = 9 };
static const double pi = 3.14159265358979323846;

typedef struct point {
  double x, y;
} point;

static rapt_status add(rapt__text *out, const char *s) { return rapt__text_add(out, s, strlen(s)); }

static double within(double x) { return isfinite(x) ? fmin(fmax(x, 0), 1) : 0; }

/* `from` moved by `length` towards `to`. */
static point towards(point from, point to, double length) {
  double dx = to.x - from.x, dy = to.y - from.y, far = hypot(dx, dy);
  return far > 0 ? (point){from.x + dx / far * length, from.y + dy / far * length} : from;
}

static rapt_status add_point(rapt__text *out, const char *before, point p) {
  RAPT_TRY(rapt__svg_coordinate(out, before, p.x));
  return rapt__svg_coordinate(out, " ", p.y);
}

/* Thin arrows are pale as well. A number with two places, the same in every locale. */
static rapt_status add_look(rapt__text *out, const rapt__svg_edge *e) {
  double w = within(e->weight);
  int opacity = (int)lround(100 * (0.15 + 0.85 * w));
  RAPT_TRY(rapt__text_addf(out, "stroke:var(--%s);stroke-opacity:%d%%;", e->strong ? "c1" : "dim",
                           e->strong ? 100 : opacity));
  RAPT_TRY(rapt__svg_coordinate(out, "stroke-width:", (e->strong ? 2.4 : 0.8) + 2.6 * w));
  return RAPT_OK;
}

static rapt_status add_head(rapt__text *out, const rapt__svg_edge *e, point tip, point from) {
  point base = towards(tip, from, HEAD);
  double dx = (tip.x - base.x) * 0.42, dy = (tip.y - base.y) * 0.42;
  RAPT_TRY(add_point(out, "<path d=\"M", tip));
  RAPT_TRY(add_point(out, " L", (point){base.x - dy, base.y + dx}));
  RAPT_TRY(add_point(out, " L", (point){base.x + dy, base.y - dx}));
  return rapt__text_addf(out, " Z\" style=\"fill:var(--%s);fill-opacity:%d%%\"/>\n", e->strong ? "c1" : "dim",
                         e->strong ? 100 : (int)lround(100 * (0.15 + 0.85 * within(e->weight))));
}

/* A loop on the side of the node that looks away from `centre`. */
static rapt_status add_loop(rapt__text *out, const rapt__svg_edge *e, point at, point centre, double radius,
                            bool head) {
  double out_x = at.x - centre.x, out_y = at.y - centre.y, far = hypot(out_x, out_y);
  double angle = far > 1 ? atan2(out_y, out_x) : -pi / 2, open = 0.42, reach = 2.75 * radius;
  point a = {at.x + radius * cos(angle - open), at.y + radius * sin(angle - open)};
  point b = {at.x + radius * cos(angle + open), at.y + radius * sin(angle + open)};
  point c = {at.x + reach * cos(angle - open), at.y + reach * sin(angle - open)};
  point d = {at.x + reach * cos(angle + open), at.y + reach * sin(angle + open)};
  RAPT_TRY(add_point(out, "<path class=\"line\" d=\"M", a));
  RAPT_TRY(add_point(out, " C", c));
  RAPT_TRY(add_point(out, " ", d));
  RAPT_TRY(add_point(out, " ", head ? towards(b, d, HEAD / 2.0) : b));
  RAPT_TRY(add(out, "\" style=\""));
  RAPT_TRY(add_look(out, e));
  RAPT_TRY(add(out, "\"/>\n"));
  if (head) RAPT_TRY(add_head(out, e, b, d));
  if (!e->label) return RAPT_OK;
  double away = 2.3 * radius + 16;
  return rapt__svg_text(out, "mid", at.x + away * cos(angle), at.y + away * sin(angle) + 4, false, e->label);
}

static rapt_status add_edge(rapt__text *out, const rapt__svg_edge *e, point from, point to, double radius,
                            bool straight) {
  double dx = to.x - from.x, dy = to.y - from.y, bend = straight ? 0 : 0.16;
  point middle = {(from.x + to.x) / 2 + bend * dy, (from.y + to.y) / 2 - bend * dx};
  point a = towards(from, straight ? to : middle, radius), b = towards(to, straight ? from : middle, radius);
  RAPT_TRY(add_point(out, "<path class=\"line\" d=\"M", a));
  RAPT_TRY(straight ? add(out, " L") : add_point(out, " Q", middle));
  RAPT_TRY(add_point(out, " ", straight ? b : towards(b, middle, HEAD / 2.0)));
  RAPT_TRY(add(out, "\" style=\""));
  RAPT_TRY(add_look(out, e));
  RAPT_TRY(add(out, "\"/>\n"));
  if (!straight) RAPT_TRY(add_head(out, e, b, middle));
  if (!e->label) return RAPT_OK;
  /* The curve's middle lies halfway to its control point; the label a little further out. */
  double far = hypot(dx, dy), lift = bend * far / 2 + 11;
  point at = {(from.x + to.x) / 2 + (far > 0 ? dy / far * lift : 0),
              (from.y + to.y) / 2 - (far > 0 ? dx / far * lift : 0)};
  return rapt__svg_text(out, "mid", at.x, at.y + 4, false, e->label);
}

static rapt_status add_node(rapt__text *out, const rapt__svg_node *n, point at, double radius) {
  int shade = (int)lround(100 * within(n->shade));
  for (int layer = 0; layer < 2; layer++) { /* paper below the colour, so that edges do not shine through */
    RAPT_TRY(rapt__svg_coordinate(out, "<circle cx=\"", at.x));
    RAPT_TRY(rapt__svg_coordinate(out, "\" cy=\"", at.y));
    RAPT_TRY(rapt__svg_coordinate(out, "\" r=\"", radius));
    if (layer == 0) RAPT_TRY(add(out, "\" style=\"fill:var(--bg)\"/>\n"));
  }
  RAPT_TRY(rapt__text_addf(out, "\" style=\"fill:var(--c0);fill-opacity:%d%%;stroke:var(--%s);stroke-width:%s\"/>\n",
                           shade, n->strong ? "c1" : "dim", n->strong ? "3" : "1"));
  if (n->label) {
    /* On a full colour the letters take the page's. */
    RAPT_TRY(add(out, shade > 55 ? "<g class=\"full\">" : "<g class=\"pale\">"));
    RAPT_TRY(rapt__svg_text(out, "mid", at.x, at.y + 4, false, n->label));
    RAPT_TRY(add(out, "</g>\n"));
  }
  return n->note ? rapt__svg_text(out, "mid", at.x, at.y + radius + 14, false, n->note) : RAPT_OK;
}

static point place(const rapt__digraph *g, size_t i, double width, double height) {
  if (g->placed) return (point){g->nodes[i].x, g->nodes[i].y};
  double angle = pi + 2 * pi * (double)i / (double)g->node_count, title = g->title ? 30 : 0;
  double radius = g->radius > 0 ? g->radius : RADIUS, room = g->node_count == 1 ? 1e9 : 3.2 * radius;
  double across = fmax(width / 2 - room, 0), down = fmax((height - title) / 2 - room, 0);
  across = fmin(across, 1.6 * fmax(down, 100)); /* an ellipse, but not a line */
  return (point){width / 2 + across * cos(angle), (height + title) / 2 + down * sin(angle)};
}

static rapt_status check(rapt_context *ctx, const rapt__digraph *g) {
  if (g->node_count > MAX_NODES || g->edge_count > MAX_EDGES)
    return rapt__fail(ctx, RAPT_EINVAL, "graph: %zu nodes and %zu edges, at most %d and %d can be drawn", g->node_count,
                      g->edge_count, MAX_NODES, MAX_EDGES);
  for (size_t i = 0; i < g->edge_count; i++)
    if (g->edges[i].from >= g->node_count || g->edges[i].to >= g->node_count)
      return rapt__fail(ctx, RAPT_EINVAL, "graph: edge %zu joins nodes %zu and %zu of %zu", i, g->edges[i].from,
                        g->edges[i].to, g->node_count);
  for (size_t i = 0; g->placed && i < g->node_count; i++)
    if (!(fabs(g->nodes[i].x) <= 1e6 && fabs(g->nodes[i].y) <= 1e6))
      return rapt__fail(ctx, RAPT_EINVAL, "graph: node %zu is placed nowhere on the page", i);
  return RAPT_OK;
}

rapt_status rapt__svg_digraph(rapt__text *out, const rapt__digraph *g) {
  RAPT_TRY(check(out->ctx, g));
  double width = g->width >= 60 && g->width <= 20000 ? g->width : 720;
  double height = g->height >= 60 && g->height <= 20000 ? g->height : 420;
  double radius = g->radius > 0 && g->radius <= 1000 ? g->radius : RADIUS;
  RAPT_TRY(rapt__svg_begin(out, g->title ? g->title : "Graph", width, height));
  RAPT_TRY(add(out, "<style>.rapt-plot .full text{fill:var(--bg)}.rapt-plot .pale text{fill:var(--ink)}</style>\n"));
  if (g->title) RAPT_TRY(rapt__svg_text(out, "name", 12, 24, false, g->title));
  point centre = {width / 2, (height + (g->title ? 30 : 0)) / 2};
  for (size_t i = 0; i < g->edge_count; i++) {
    const rapt__svg_edge *e = &g->edges[i];
    point from = place(g, e->from, width, height), to = place(g, e->to, width, height);
    /* In a graph whose places are given loops stand on top. */
    point inside = g->placed ? (point){from.x, from.y + 2} : centre;
    RAPT_TRY(e->from == e->to ? add_loop(out, e, from, inside, radius, !g->straight)
                              : add_edge(out, e, from, to, radius, g->straight));
  }
  for (size_t i = 0; i < g->node_count; i++) RAPT_TRY(add_node(out, &g->nodes[i], place(g, i, width, height), radius));
  return add(out, "</svg>\n");
}
