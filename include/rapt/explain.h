/* rapt/explain.h: recipes that can be followed by hand. */
#ifndef RAPT_EXPLAIN_H
#define RAPT_EXPLAIN_H

#include <rapt/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a piece of an explanation is, for whoever sets it off on a screen. */
typedef enum rapt_explain_part {
  RAPT_EXPLAIN_HEADING,
  RAPT_EXPLAIN_STEP, /* a line of pseudocode or a formula */
  RAPT_EXPLAIN_CODE, /* the place in the source, and its line */
  RAPT_EXPLAIN_TEXT
} rapt_explain_part;
/* `text` is one or more whole lines of at most 100 columns and lives during the call only. */
typedef void (*rapt_explain_fn)(void *user, rapt_explain_part part, const char *text);

typedef struct rapt_explain_options {
  const char *sentence; /* to walk through; NULL: the recipe's own */
  uint64_t seed;
  const char *html; /* file that receives a page with pictures and needs nothing else, or NULL */
  const char *out;  /* folder that receives explain.txt and explain.html, or NULL */
} rapt_explain_options;

/* Explains a recipe with real numbers; `options` and `tell` may be NULL. RAPT_EUNSUPPORTED: the recipe has no
 * explanation, the sentence says which have one. */
RAPT_API rapt_status rapt_recipe_explain(rapt_context *ctx, const char *id, const rapt_explain_options *options,
                                         rapt_explain_fn tell, void *user);

#ifdef __cplusplus
}
#endif
#endif
