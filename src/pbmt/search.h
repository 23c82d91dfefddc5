/* The search graph of one sentence, between filling the stacks and reading the best paths. */
#ifndef RAPT_SRC_PBMT_SEARCH_H
#define RAPT_SRC_PBMT_SEARCH_H

#include "pbmt/decode.h"

enum { RAPT__PBMT_COVER = RAPT__PBMT_LONGEST_INPUT / 64 };

/* One way to translate source words begin … end - 1. */
typedef struct rapt__pbmt_choice {
  const int32_t *words;
  int begin, end, length;
  bool copied;
  double feature[4];   /* phi and lex, both ways */
  const double *extra; /* the table's own features; NULL where it has none, and of copied words */
  double score;        /* weighted, without language model and distortion */
  double estimate;     /* with the language model from no context */
  int rank;            /* in the phrase table */
} rapt__pbmt_choice;

typedef struct rapt__pbmt_node rapt__pbmt_node;

/* A step of a path: `from` and one phrase more, or the end of the sentence where choice is NULL. */
typedef struct rapt__pbmt_arc {
  struct rapt__pbmt_arc *next; /* into the same node */
  const rapt__pbmt_node *from;
  const rapt__pbmt_choice *choice;
  double lm, score; /* ln p of the words; weighted sum of the step's features */
  int jump;
} rapt__pbmt_arc;

struct rapt__pbmt_node {
  uint64_t cover[RAPT__PBMT_COVER];
  int last; /* where the last phrase ended */
  rapt__ngram_state state;
  double score, total; /* of the best path here; and with the estimate of the rest */
  uint64_t serial;
  rapt__pbmt_arc *arcs;
  rapt__pbmt_node *chain; /* of the same hash */
};

typedef struct rapt__pbmt_graph {
  const rapt__pbmt_decoder *decoder;
  rapt__arena arena; /* owns the graph */
  const int32_t *words;
  int length;
  rapt__pbmt_choice *choices; /* those of a span lie together, best estimate first */
  size_t choice_count, choice_room;
  size_t *span;   /* (length, RAPT__PBMT_LONGEST_PHRASE + 1) where the choices of begin and words - 1 begin */
  double *future; /* (length, length + 1) estimate of the best way to translate begin … end - 1 */
  rapt__pbmt_node *start, *goal;
  uint64_t serial;
} rapt__pbmt_graph;

rapt_status rapt__pbmt_graph_open(const rapt__pbmt_decoder *decoder, const int32_t *words, size_t length,
                                  rapt__pbmt_graph *graph); /* choices and estimates; to be freed after a failure too */
rapt_status rapt__pbmt_graph_search(rapt__pbmt_graph *graph);
rapt_status rapt__pbmt_graph_read(rapt__pbmt_graph *graph, size_t n, rapt__pbmt_nbest *lists);
void rapt__pbmt_graph_free(rapt__pbmt_graph *graph);

static inline size_t rapt__pbmt_span_at(const rapt__pbmt_graph *g, int begin, int end) {
  return g->span[begin * (RAPT__PBMT_LONGEST_PHRASE + 1) + end - begin - 1];
}
static inline size_t rapt__pbmt_span_end(const rapt__pbmt_graph *g, int begin, int end) {
  return g->span[begin * (RAPT__PBMT_LONGEST_PHRASE + 1) + end - begin];
}
static inline double *rapt__pbmt_future(const rapt__pbmt_graph *g, int begin, int end) {
  return g->future + begin * (g->length + 1) + end;
}

#endif
