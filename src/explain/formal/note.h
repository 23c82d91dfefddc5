/* The note's pseudocode line by line, and where each line stands in this folder's source. The source travels in the
 * library as text, so that an installed rapt can show it; comments such as "4.5" (algorithm 4, line 5) tie the two. */
#ifndef RAPT_SRC_FORMAL_NOTE_H
#define RAPT_SRC_FORMAL_NOTE_H

#include <stdbool.h>
#include <stddef.h>

/* A file of src/explain/formal/; the build makes the list, which ends with path == NULL. */
typedef struct rapt__formal_source {
  const char *path;          /* from the repository's root */
  const unsigned char *text; /* terminated with a zero byte */
} rapt__formal_source;
extern const rapt__formal_source rapt__formal_sources[];

enum { RAPT__FORMAL_ALGORITHMS = 15 };
extern const char *const rapt__formal_names[RAPT__FORMAL_ALGORITHMS + 1]; /* from 1 */

typedef struct rapt__formal_line {
  int algorithm, line;
  const char *text; /* ASCII, at most 70 letters: the table of all lines has 100 columns */
} rapt__formal_line;
/* In order; the last one has algorithm 0. Lines that only say "end", and returns of what is there already, are left
 * out: C has no line for them. */
extern const rapt__formal_line rapt__formal_lines[];

const rapt__formal_line *rapt__formal_line_find(int algorithm, int line); /* NULL: there is none */

/* Where a line stands. */
typedef struct rapt__formal_place {
  const char *path;
  int number;       /* of the line in the file, from 1 */
  const char *code; /* without indentation and mark; not terminated */
  size_t size;
} rapt__formal_place;
bool rapt__formal_place_find(int algorithm, int line, rapt__formal_place *out);
/* The next mark in `text` from *at on, which moves behind it; false at the end. Several marks may share a comment. */
bool rapt__formal_mark_next(const char *text, size_t *at, int *algorithm, int *line);

#endif
