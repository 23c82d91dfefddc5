/* What a gated recursive convolutional network makes of a sentence: which child each node is made of. */
#include "recipes/cho.h"

#include "formats/svg.h"
#include "nn/grconv.h"

#include <string.h>

enum { TREES = 2, LEAST = 5, MOST = 10 }; /* pictures; words of a sentence */

typedef struct pyramid {
  rapt__arena arena;
  int64_t height;          /* levels: words and the end of the sentence */
  const rapt_real **gates; /* [level]: (height − level, RAPT__GRCONV_GATES), from level 1 on; in the plan */
  const char **words;      /* [height] */
} pyramid;

/* Number of node j of a level, counted from the lowest level. */
static size_t node_at(const pyramid *y, int64_t level, int64_t j) {
  return (size_t)(level * y->height - level * (level - 1) / 2 + j);
}

/* ---- The picture ---- */

/* What a node hands down of its own share of the sentence's vector: to the child that it copies, and half each of what
 * it makes new of both. */
static void flow(const pyramid *y, rapt__svg_node *nodes, rapt__svg_edge *edges, size_t *edge_count) {
  nodes[node_at(y, y->height - 1, 0)].shade = 1;
  for (int64_t level = y->height - 1; level > 0; level--)
    for (int64_t j = 0; j < y->height - level; j++) {
      const rapt_real *g = y->gates[level] + j * RAPT__GRCONV_GATES;
      size_t at = node_at(y, level, j);
      double fresh = (double)g[RAPT__GRCONV_NEW],
             copied[2] = {(double)g[RAPT__GRCONV_LEFT], (double)g[RAPT__GRCONV_RIGHT]};
      nodes[at].strong = fresh > copied[0] && fresh > copied[1];
      for (int child = 0; child < 2; child++) {
        double part = nodes[at].shade * (copied[child] + fresh / 2);
        size_t to = node_at(y, level - 1, j + child);
        nodes[to].shade += part;
        edges[(*edge_count)++] = (rapt__svg_edge){at, to, part, NULL, copied[child] > 0.5};
      }
    }
}

static rapt_status draw(pyramid *y, rapt__text *svg) {
  const double width = 720, step = width / (double)(y->height + 1), rise = 46;
  size_t count = node_at(y, y->height - 1, 0) + 1, edge_count = 0;
  rapt__svg_node *nodes = rapt__arena_new(&y->arena, count, sizeof *nodes);
  rapt__svg_edge *edges = rapt__arena_new(&y->arena, 2 * count, sizeof *edges);
  if (!nodes || !edges) return RAPT_ENOMEM;
  double height = rise * (double)(y->height - 1) + 90;
  for (int64_t level = 0; level < y->height; level++)
    for (int64_t j = 0; j < y->height - level; j++)
      nodes[node_at(y, level, j)] = (rapt__svg_node){.note = level ? NULL : y->words[j],
                                                     .x = step * ((double)(j + 1) + (double)level / 2),
                                                     .y = height - 50 - rise * (double)level};
  flow(y, nodes, edges, &edge_count);
  return rapt__svg_digraph(svg, &(rapt__digraph){.title = "What each node is made of",
                                                 .nodes = nodes,
                                                 .edges = edges,
                                                 .node_count = count,
                                                 .edge_count = edge_count,
                                                 .placed = true,
                                                 .straight = true,
                                                 .radius = 9,
                                                 .width = width,
                                                 .height = height});
}

/* ---- The gates ---- */

static rapt_status read_gates(pyramid *y, rapt_plan *plan) {
  y->gates = rapt__arena_new(&y->arena, (size_t)y->height, sizeof *y->gates);
  if (!y->gates) return RAPT_ENOMEM;
  for (int64_t level = 1; level < y->height; level++) {
    char name[64];
    snprintf(name, sizeof name, "encoder.grconv.gates.%d", (int)level);
    rapt_tensor *gates = rapt_plan_find(plan, name);
    if (!gates) return rapt__fail(y->arena.ctx, RAPT_EINVAL, "the plan has no \"%s\"", name);
    y->gates[level] = rapt_plan_data(plan, gates);
  }
  return RAPT_OK;
}

static rapt_status run_encoder(pyramid *y, const rapt_model *model, const int32_t *ids, rapt_graph *graph,
                               rapt__text *svg) {
  int64_t one = 1;
  rapt__seq2seq_pass pass = {.graph = graph, .params = model->params, .config = model->config, .taps = true};
  pass.source = rapt_input(graph, "source", RAPT_I32, 2, (int64_t[]){1, y->height});
  pass.source_lengths = rapt_input(graph, "source_lengths", RAPT_I32, 1, &one);
  rapt__encoded encoded = {.count = 0};
  model->arch->seq2seq->encode(&pass, &encoded);
  rapt_plan *plan;
  RAPT_TRY(rapt_plan_new(graph, &encoded.starts[0].value, 1, NULL, &plan));
  memcpy(rapt_plan_data(plan, pass.source), ids, (size_t)y->height * sizeof *ids);
  *(int32_t *)rapt_plan_data(plan, pass.source_lengths) = (int32_t)y->height;
  rapt_status status = rapt_plan_run(plan, 0);
  if (status == RAPT_OK) status = read_gates(y, plan);
  if (status == RAPT_OK) status = draw(y, svg);
  rapt_plan_free(plan);
  return status;
}

/* The words of a line between blanks, and the end. */
static rapt_status read_words(pyramid *y, const rapt__line *line) {
  char *copy = rapt__arena_new(&y->arena, line->size + 1, 1), *rest;
  y->words = rapt__arena_new(&y->arena, (size_t)y->height, sizeof *y->words);
  if (!copy || !y->words) return RAPT_ENOMEM;
  memcpy(copy, line->bytes, line->size);
  int64_t count = 0;
  for (char *word = strtok_r(copy, " ", &rest); word && count < y->height; word = strtok_r(NULL, " ", &rest))
    y->words[count++] = word;
  if (count < y->height) y->words[count] = "</s>";
  return RAPT_OK;
}

/* Draws a sentence; *drawn stays false for one that has words that the model does not know, too few or too many. */
static rapt_status try_sentence(rapt_context *ctx, const rapt_model *model, const rapt__line *line, rapt__text *svg,
                                bool *drawn) {
  const rapt_tokenizer *tokenizer = rapt__model_source(model);
  int32_t *ids, copy[MOST + 1];
  int64_t count;
  *drawn = false;
  RAPT_TRY(rapt_tokenizer_encode(tokenizer, line->bytes, line->size, &ids, &count));
  bool good = count >= LEAST && count <= MOST;
  for (int64_t k = 0; k < count && good; k++) {
    good = ids[k] != RAPT__UNK;
    copy[k] = ids[k];
  }
  rapt_tokenizer_release(tokenizer, ids);
  if (!good) return RAPT_OK;
  copy[count] = RAPT__EOS;
  pyramid y = {.height = count + 1};
  rapt_graph *graph;
  rapt__arena_init(&y.arena, ctx);
  rapt_status status = read_words(&y, line);
  if (status == RAPT_OK) status = rapt_graph_new(ctx, &graph);
  if (status == RAPT_OK) {
    status = run_encoder(&y, model, copy, graph, svg);
    rapt_graph_free(graph);
  }
  rapt__arena_free(&y.arena);
  *drawn = status == RAPT_OK;
  return status;
}

rapt_status rapt__cho_trees(rapt__run *run, const rapt__corpus *corpus, const rapt_model *model, rapt__text *svg) {
  int trees = 0;
  for (size_t i = 0; i < corpus->test.count && trees < TREES; i++) {
    bool drawn;
    RAPT_TRY(try_sentence(run->ctx, model, &corpus->test.pairs[i][RAPT__SOURCE], svg, &drawn));
    trees += drawn;
  }
  return RAPT_OK;
}
