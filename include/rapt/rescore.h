/* rapt/rescore.h: n-best lists of any translation system: scores of models are added to their entries, weights tuned by minimum
 * error rate training (Och 2003), and the entries ranked anew. */
#ifndef RAPT_RESCORE_H
#define RAPT_RESCORE_H

#include <rapt/metrics.h>
#include <rapt/model.h>
#include <rapt/translate.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RAPT_NBEST_COLUMNS 32 /* at most */

/* Lists of entries, each with a text and the same columns of numbers. */
typedef struct rapt_nbest rapt_nbest;

/* Reads lines "number ||| text ||| features ||| score" as Moses and the recipe pbmt write them, or "number ||| text ||| score" as
 * `rapt translate --nbest` does; what stands behind is not read. Numbers count lists from 0 and do not fall; a list that has no
 * entry gets an empty one. Columns: "score", then the features, named as the file names them ("LM0=") or f1, f2, … At most 30 of
 * them. RAPT_EFORMAT names `name` and the line. */
RAPT_API rapt_status rapt_nbest_parse(rapt_context *ctx, const char *name, const char *text, size_t size,
                                      rapt_nbest **out);
RAPT_API rapt_status rapt_nbest_read(rapt_context *ctx, const char *path, rapt_nbest **out); /* plain or gzipped */
RAPT_API void rapt_nbest_free(rapt_nbest *nbest);                                            /* NULL is fine */

RAPT_API int64_t rapt_nbest_lists(const rapt_nbest *nbest);
RAPT_API int64_t rapt_nbest_entries(const rapt_nbest *nbest); /* of all lists */
RAPT_API int64_t rapt_nbest_columns(const rapt_nbest *nbest);
RAPT_API const char *rapt_nbest_column(const rapt_nbest *nbest, int64_t index); /* its name; NULL out of range */

/* Further lists without entries, each with an empty one, until there are `lists`. RAPT_EINVAL where there are more. */
RAPT_API rapt_status rapt_nbest_pad(rapt_nbest *nbest, int64_t lists);

/* A column under a name that there is not yet: ln p(entry | line of the sources), by the translator's model or by the mean of
 * its models' probabilities. Entries that stand for none get 0. RAPT_EINVAL for another number of lines than lists; an entry that
 * cannot be scored is an error that names it. */
RAPT_API rapt_status rapt_nbest_add_translator(rapt_nbest *nbest, const char *name, rapt_translator *translator,
                                               const rapt_lines *sources);
/* The same by a language model: ln p of the entry and a line break behind a line break. */
RAPT_API rapt_status rapt_nbest_add_language(rapt_nbest *nbest, const char *name, rapt_model *model);

/* Zeros are the defaults. */
typedef struct rapt_nbest_tuning {
  int starts; /* searches from random weights besides the one from those given (0: 20) */
  uint64_t seed;
} rapt_nbest_tuning;

/* Weights (columns) with the highest BLEU (up to four words, one reference, words between white space) of the best entries; the
 * search begins at `weights`, which get what it found, their magnitudes adding up to 1. `options` may be NULL. *bleu may be NULL.
 * RAPT_EINVAL for another number of references than lists; rapt_context_interrupt stops it. */
RAPT_API rapt_status rapt_nbest_tune(rapt_nbest *nbest, const rapt_lines *references, const rapt_nbest_tuning *options,
                                     double *weights, double *bleu);

typedef struct rapt_nbest_entry {
  int64_t list, rank; /* from 0 */
  rapt_segment text;
  const double *features; /* (columns) */
  double score;           /* weighted sum */
} rapt_nbest_entry;
/* False stops without an error. */
typedef bool (*rapt_nbest_fn)(void *user, const rapt_nbest_entry *entry);

/* All entries of all lists, best first, the earlier one among equals. Everything is valid during the call. */
RAPT_API rapt_status rapt_nbest_rank(const rapt_nbest *nbest, const double *weights, rapt_nbest_fn each, void *user);

#ifdef __cplusplus
}
#endif
#endif
