/* Joining the links of two directions. Grow-diag-final-and starts from the intersection, adds links of the union that
 * touch a link there is and reach a word without one, until there are no more, and at last links of each direction
 * between two words that have none. */
#include "pbmt/align.h"

#include <string.h>

enum { FORWARD = 1, BACKWARD = 2, BOTH = 3, TAKEN = 4 };

typedef struct grid {
  size_t rows, columns;  /* source and target words */
  uint8_t *mark;         /* (rows, columns) directions that have the link, and whether it is taken */
  uint8_t *row, *column; /* whether the word has a taken link */
} grid;

static void take(grid *g, size_t i, size_t j) {
  g->mark[i * g->columns + j] |= TAKEN;
  g->row[i] = g->column[j] = 1;
}

/* Each round goes over the grid in order of source and then target positions, so that the result is fixed. */
static void grow_diag(grid *g) {
  static const int step[8][2] = {{-1, 0}, {0, -1}, {1, 0}, {0, 1}, {-1, -1}, {-1, 1}, {1, -1}, {1, 1}};
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < g->rows; i++)
      for (size_t j = 0; j < g->columns; j++) {
        if (!(g->mark[i * g->columns + j] & TAKEN)) continue;
        for (int k = 0; k < 8; k++) {
          size_t y = i + (size_t)step[k][0], x = j + (size_t)step[k][1]; /* -1 wraps to beyond the grid */
          if (y >= g->rows || x >= g->columns || (g->row[y] && g->column[x])) continue;
          uint8_t mark = g->mark[y * g->columns + x];
          if (!mark || mark & TAKEN) continue;
          take(g, y, x);
          more = true;
        }
      }
  }
}

static void final_and(grid *g, uint8_t direction) {
  for (size_t i = 0; i < g->rows; i++)
    for (size_t j = 0; j < g->columns; j++)
      if (g->mark[i * g->columns + j] & direction && !g->row[i] && !g->column[j]) take(g, i, j);
}

static bool is_wanted(rapt__align_join join, uint8_t mark) {
  switch (join) {
  case RAPT__ALIGN_FORWARD: return mark & FORWARD;
  case RAPT__ALIGN_BACKWARD: return mark & BACKWARD;
  case RAPT__ALIGN_INTERSECTION: return (mark & BOTH) == BOTH;
  case RAPT__ALIGN_UNION: return mark & BOTH;
  case RAPT__ALIGN_GDFA: break;
  }
  return mark & TAKEN;
}

rapt_status rapt__align_join_pair(rapt__align_join join, const int32_t *forward, size_t target_length,
                                  const int32_t *backward, size_t source_length, uint8_t *marks,
                                  rapt__pbmt_links *links) {
  grid g = {.rows = source_length, .columns = target_length, .mark = marks};
  size_t cells = g.rows * g.columns;
  g.row = marks + cells;
  g.column = g.row + g.rows;
  memset(marks, 0, cells + g.rows + g.columns);
  for (size_t j = 0; j < g.columns; j++)
    if (forward[j] >= 0) marks[(size_t)forward[j] * g.columns + j] |= FORWARD;
  for (size_t i = 0; i < g.rows; i++)
    if (backward[i] >= 0) marks[i * g.columns + (size_t)backward[i]] |= BACKWARD;
  if (join == RAPT__ALIGN_GDFA) {
    for (size_t i = 0; i < g.rows; i++)
      for (size_t j = 0; j < g.columns; j++)
        if ((marks[i * g.columns + j] & BOTH) == BOTH) take(&g, i, j);
    grow_diag(&g);
    final_and(&g, FORWARD);
    final_and(&g, BACKWARD);
  }
  for (size_t i = 0; i < g.rows; i++)
    for (size_t j = 0; j < g.columns; j++)
      if (is_wanted(join, marks[i * g.columns + j])) RAPT_TRY(rapt__pbmt_links_add(links, (int)i, (int)j));
  return RAPT_OK;
}
