/* The phrase table: pairs of phrases that are consistent with a word alignment, and how good each is (Koehn, Och and
 * Marcu 2003, "Statistical phrase-based translation"; Och and Ney 2004).
 *
 * Source words i1 … i2 and target words j1 … j2 are a phrase pair when there is a link between them and no link leads
 * from inside to outside. With counts over all such pairs of the text, f a source and e a target phrase:
 *
 *   phi(f | e) = c(f, e) / c(e)        phi(e | f) = c(f, e) / c(f)
 *   lex(f | e) = prod_i 1 / |links of f_i| sum_{j linked to i} w(f_i | e_j),   w(f | e) = links(f, e) / links(e)
 *
 * and lex(e | f) likewise; a word without links is linked to the empty word. Where a pair was met with several
 * alignments the highest lexical weight stands. */
#ifndef RAPT_SRC_PBMT_PHRASES_H
#define RAPT_SRC_PBMT_PHRASES_H

#include "pbmt/columns.h"
#include "text/tokenizer.h"

#define RAPT__PBMT_LONGEST_PHRASE 7

/* A target phrase for a source phrase, with natural logarithms. */
typedef struct rapt__pbmt_option {
  const int32_t *words; /* in the table's copy of the target text */
  int32_t length;
  uint32_t count;                /* c(f, e) */
  double phi_source, phi_target; /* ln phi(f | e), ln phi(e | f) */
  double lex_source, lex_target; /* ln lex(f | e), ln lex(e | f) */
  /* Where in the text, the first time, the pair has the alignment that gives lex_target: sentence pair, and where source and
   * target phrase begin in it. */
  uint32_t sentence;
  int16_t source_at, target_at;
} rapt__pbmt_option;

typedef struct rapt__pbmt_source {
  const int32_t *words; /* in the table's copy of the source text */
  int32_t length;
} rapt__pbmt_source;

typedef struct rapt__pbmt_phrases {
  rapt_context *ctx;
  rapt__arena arena;   /* owns what follows but `sources` and `extra` */
  rapt__table sources; /* the words of a source phrase as bytes → its number; the keys lie in source_words */
  int32_t *source_words, *target_words;
  rapt__pbmt_source *source;  /* (phrases) */
  size_t *first;              /* (phrases + 1) */
  rapt__pbmt_option *options; /* options[first[n]..first[n + 1]), by falling phi(e | f) */
  size_t phrases, count;      /* source phrases, options */
  rapt__pbmt_columns columns; /* all features of a translation: those that every decoder has, then the table's own */
  double *extra;              /* (count, extra_count) owned: what the table's own say of an option */
  size_t extra_count;
} rapt__pbmt_phrases;

/* Extracts phrases of at most `longest` words on either side; keeps for a source phrase the `most` likeliest targets.
 * Free the table with rapt__pbmt_phrases_free, after a failure too. */
rapt_status rapt__pbmt_phrases_extract(rapt_context *ctx, const rapt__pbmt_text *source, const rapt__pbmt_text *target,
                                       const rapt__pbmt_links *links, int longest, int most, rapt__pbmt_phrases *out);
void rapt__pbmt_phrases_free(rapt__pbmt_phrases *phrases);

/* The options of a source phrase and their number; 0 when it is not in the table. */
size_t rapt__pbmt_phrases_find(const rapt__pbmt_phrases *phrases, const int32_t *words, size_t length,
                               const rapt__pbmt_option **options);

/* One feature of options more, under a name that no other has: values (count). A translation's feature is the sum over
 * its phrases; words that are copied add nothing to it. */
rapt_status rapt__pbmt_phrases_add_column(rapt__pbmt_phrases *phrases, const char *name, const double *values);

/* ---- Lexical weights ---- */

/* ln of each word's factor in lex(f | e) and lex(e | f), for the text as it is linked. */
typedef struct rapt__pbmt_lexical {
  double *source; /* (source words of the text) owned by the arena it was made in */
  double *target; /* (target words of the text) */
} rapt__pbmt_lexical;

rapt_status rapt__pbmt_lexical_weigh(rapt__arena *arena, const rapt__pbmt_text *source, const rapt__pbmt_text *target,
                                     const rapt__pbmt_links *links, rapt__pbmt_lexical *out);

#endif
