/* A sheet of explanation: headings, steps with their source, sentences and matrices, told line by line as plain text and
 * kept as a page of HTML with a heat map for every matrix. Recipes write on it; see docs/adding-a-recipe.md. */
#ifndef RAPT_SRC_SHEET_H
#define RAPT_SRC_SHEET_H

#include "base/base.h"

#include <rapt/explain.h>

typedef struct rapt__sheet {
  rapt_context *ctx;
  rapt_explain_fn tell; /* or NULL */
  void *user;
  rapt_status status;     /* the first failure; later calls do nothing */
  rapt__text plain, html; /* what was written so far */
  bool in_row;            /* pictures stand side by side in the page until something else comes */
} rapt__sheet;

enum { RAPT__SHEET_COLUMNS = 8 }; /* as many numbers fit into a line of 100 columns */

typedef struct rapt__matrix {
  const char *name;                                     /* with what it means: "Q, a row a token" */
  const double *at;                                     /* (rows, columns), row-major; -inf is told as such */
  size_t rows, columns;                                 /* at most RAPT__SHEET_COLUMNS columns */
  const char *const *row_labels, *const *column_labels; /* UTF-8, cut to fit; or NULL */
} rapt__matrix;

void rapt__sheet_init(rapt__sheet *sheet, rapt_context *ctx, rapt_explain_fn tell, void *user);
void rapt__sheet_free(rapt__sheet *sheet);
/* Whether a user's sentence can stand on a sheet: UTF-8 without control and format characters. RAPT_EKEY names the byte. */
rapt_status rapt__sheet_check(rapt_context *ctx, const char *sentence);
void rapt__sheet_heading(rapt__sheet *sheet, const char *fmt, ...) RAPT_PRINTF(2, 3);
void rapt__sheet_say(rapt__sheet *sheet, const char *fmt, ...)
    RAPT_PRINTF(2, 3); /* whole lines, without the last break */
/* Lines that keep their spaces. */
void rapt__sheet_block(rapt__sheet *sheet, const char *text);
/* A step "4.5  S <- K' Q"; place ("src/…/attention.c:53") and code (`size` bytes) may be NULL. */
void rapt__sheet_step(rapt__sheet *sheet, const char *number, const char *formula, const char *place, const char *code,
                      size_t size);
void rapt__sheet_matrix(rapt__sheet *sheet, const rapt__matrix *matrix);
/* The page so far, whole and closed, with nothing that it would have to load. */
rapt_status rapt__sheet_write(rapt__sheet *sheet, const char *path, const char *title, const char *paper);

#endif
