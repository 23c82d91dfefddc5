/* The features of a translation: those that every decoder has, then such as a table of phrases or a list of
 * translations was given besides, each under a name of its own. */
#ifndef RAPT_SRC_PBMT_COLUMNS_H
#define RAPT_SRC_PBMT_COLUMNS_H

#include "pbmt/bitext.h"

/* In the order of columns and weights; name and first weight. All but the counts are natural logarithms. Distortion is
 * minus the words jumped over; the copied words' weight is not tuned. */
#define RAPT__PBMT_FEATURES(X)                                                                                         \
  X(LM, "language model", 0.25)                                                                                        \
  X(PHI_SOURCE, "phi(f|e)", 0.1)                                                                                       \
  X(PHI_TARGET, "phi(e|f)", 0.1)                                                                                       \
  X(LEX_SOURCE, "lex(f|e)", 0.05)                                                                                      \
  X(LEX_TARGET, "lex(e|f)", 0.05)                                                                                      \
  X(PHRASES, "phrases", -0.1)                                                                                          \
  X(WORDS, "target words", 0.25)                                                                                       \
  X(DISTORTION, "distortion", 0.1)                                                                                     \
  X(COPIES, "copied words", -10)

enum {
#define RAPT__PBMT_FEATURE_ENUM(name, text, weight) RAPT__PBMT_##name,
  RAPT__PBMT_FEATURES(RAPT__PBMT_FEATURE_ENUM)
#undef RAPT__PBMT_FEATURE_ENUM
      RAPT__PBMT_FEATURE_COUNT
};

extern const char *const rapt__pbmt_feature_names[RAPT__PBMT_FEATURE_COUNT];
extern const double rapt__pbmt_first_weights[RAPT__PBMT_FEATURE_COUNT];

enum { RAPT__PBMT_MOST_COLUMNS = 32, RAPT__PBMT_COLUMN_NAME = 32 }; /* a name's bytes, its end included */

typedef struct rapt__pbmt_columns {
  size_t count;
  char name[RAPT__PBMT_MOST_COLUMNS][RAPT__PBMT_COLUMN_NAME];
} rapt__pbmt_columns;

/* The columns that every decoder has. */
rapt__pbmt_columns rapt__pbmt_columns_first(void);
/* RAPT_EINVAL for one too many, a name that is there already, is empty or too long. */
rapt_status rapt__pbmt_columns_add(rapt_context *ctx, rapt__pbmt_columns *columns, const char *name);
/* values (rows) behind each of the rows of `old` (rows, before): *out (rows, before + 1) is new, freed with rapt__free, and has
 * *room numbers. */
rapt_status rapt__pbmt_columns_append(rapt_context *ctx, size_t rows, size_t before, const double *old,
                                      const double *values, double **out, size_t *room);
/* The number of a column, or -1. */
int rapt__pbmt_columns_find(const rapt__pbmt_columns *columns, const char *name);
bool rapt__pbmt_columns_equal(const rapt__pbmt_columns *a, const rapt__pbmt_columns *b);
/* "language model 0.250, phi(f|e) 0.100": weights (columns) in words. */
rapt_status rapt__pbmt_columns_print(const rapt__pbmt_columns *columns, const double *weights, rapt__text *out);

#endif
