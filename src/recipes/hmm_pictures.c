/* Pictures of hidden Markov models: states with their arrows, and the trellis. */
#include "recipes/hmm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Two places of a probability, with a point in every locale. */
static const char *percent(rapt__arena *arena, double p) {
  int hundredths = (int)lround(100 * p);
  return rapt__arena_format(arena, "%d.%02d", hundredths / 100, hundredths % 100);
}

static rapt_status diagram(rapt__arena *arena, rapt__text *out, const char *title, const rapt__hmm_chain *c,
                           const char *const *names) {
  size_t n = c->states, count = 0;
  rapt__svg_node *nodes = rapt__arena_new(arena, n, sizeof *nodes);
  rapt__svg_edge *edges = rapt__arena_new(arena, n, n * sizeof *edges);
  if (!nodes || !edges) return RAPT_ENOMEM;
  for (size_t i = 0; i < n; i++) {
    nodes[i] = (rapt__svg_node){.label = names[i], .shade = 0.25};
    for (size_t j = 0; j < n; j++) {
      double p = exp(c->log_step[i * n + j]);
      if (p < 0.02) continue;
      edges[count] = (rapt__svg_edge){.from = i, .to = j, .weight = p, .label = percent(arena, p)};
      if (!edges[count++].label) return RAPT_ENOMEM;
    }
  }
  double radius = 26;
  for (size_t i = 0; i < n; i++) radius = fmax(radius, 3.6 * (double)strlen(names[i]) + 4);
  const rapt__digraph graph = {.title = title,
                               .nodes = nodes,
                               .edges = edges,
                               .node_count = n,
                               .edge_count = count,
                               .radius = fmin(radius, 44),
                               .width = n <= 2 ? 560 : 760,
                               .height = n <= 2   ? 210
                                         : n <= 8 ? 620
                                                  : 760};
  return rapt__svg_digraph(out, &graph);
}

rapt_status rapt__hmm_state_diagram(rapt__text *out, const char *title, const rapt__hmm_chain *c,
                                    const char *const *names) {
  rapt__arena arena;
  rapt__arena_init(&arena, out->ctx);
  rapt_status status = diagram(&arena, out, title, c, names);
  rapt__arena_free(&arena);
  return status;
}

enum { LEFT = 70, TOP = 80, ACROSS = 96, DOWN = 84, NODE = 25 };

/* Rows of nodes for the states, in a last row their names; the steps' names below. */
static rapt_status trellis(rapt__arena *arena, rapt__text *out, const char *title, const rapt__hmm_chain *c,
                           const double *log_alpha, const int32_t *path, size_t length, const char *const *names,
                           const char *const *steps) {
  size_t n = c->states, count = 0;
  rapt__svg_node *nodes = rapt__arena_new(arena, length, n * sizeof *nodes);
  rapt__svg_edge *edges = rapt__arena_new(arena, length, n * n * sizeof *edges);
  if (!nodes || !edges) return RAPT_ENOMEM;
  for (size_t t = 0; t < length; t++)
    for (size_t j = 0; j < n; j++) {
      double p = exp(log_alpha[t * n + j] - rapt__log_sum(log_alpha + t * n, n));
      nodes[t * n + j] = (rapt__svg_node){.label = percent(arena, p),
                                          .note = j + 1 == n ? steps[t] : NULL,
                                          .x = LEFT + 30 + ACROSS * (double)t,
                                          .y = TOP + DOWN * (double)j,
                                          .shade = p,
                                          .strong = (size_t)path[t] == j};
      if (!nodes[t * n + j].label) return RAPT_ENOMEM;
    }
  for (int best = 0; best < 2; best++) /* the path last, so that it lies on top */
    for (size_t t = 1; t < length; t++)
      for (size_t i = 0; i < n * n; i++) {
        bool on_path = i / n == (size_t)path[t - 1] && i % n == (size_t)path[t];
        if (on_path != best || c->log_step[i] == -INFINITY) continue;
        edges[count++] = (rapt__svg_edge){
            .from = (t - 1) * n + i / n, .to = t * n + i % n, .weight = exp(c->log_step[i]), .strong = on_path};
      }
  const rapt__digraph graph = {.title = title,
                               .nodes = nodes,
                               .edges = edges,
                               .node_count = length * n,
                               .edge_count = count,
                               .placed = true,
                               .straight = true,
                               .radius = NODE,
                               .width = LEFT + 30 + ACROSS * (double)length,
                               .height = TOP + DOWN * (double)n};
  size_t begin = out->size;
  RAPT_TRY(rapt__svg_digraph(out, &graph));
  /* The states' names are put before the element's end. */
  const char end[] = "</svg>\n";
  if (out->size - begin < sizeof end) return RAPT_OK;
  out->size -= sizeof end - 1;
  for (size_t j = 0; j < n; j++) {
    RAPT_TRY(rapt__text_addf(out, "<text x=\"10\" y=\"%d\">", TOP + DOWN * (int)j + 4));
    RAPT_TRY(rapt__xml_escape(out, names[j]));
    RAPT_TRY(rapt__text_addf(out, "</text>\n"));
  }
  return rapt__text_add(out, end, sizeof end - 1);
}

rapt_status rapt__hmm_trellis(rapt__text *out, const char *title, const rapt__hmm_chain *c, const double *log_alpha,
                              const int32_t *path, size_t length, const char *const *names, const char *const *steps) {
  rapt__arena arena;
  rapt__arena_init(&arena, out->ctx);
  rapt_status status = trellis(&arena, out, title, c, log_alpha, path, length, names, steps);
  rapt__arena_free(&arena);
  return status;
}
