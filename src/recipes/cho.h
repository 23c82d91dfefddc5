/* Parts of the recipe cho-encoder-decoder: words of raw text, a phrase-based system, a net that scores its phrases,
 * vectors of phrases, translations by classes of sentences, and the trees of a gated recursive convolutional network.
 * */
#ifndef RAPT_SRC_RECIPES_CHO_H
#define RAPT_SRC_RECIPES_CHO_H

#include "pbmt/lines.h"
#include "pbmt/model.h"
#include "recipes/findings.h"
#include "recipes/translation.h"

typedef struct rapt__cho_settings {
  rapt__translation_settings translation; /* first */
  bool nets, phrases;
  int64_t longest, stack, rounds, tunings;                         /* of the phrase-based system */
  int64_t sampled, phrase_steps, phrase_tokens, phrase_vocabulary; /* of the net that scores phrases */
} rapt__cho_settings;

/* ---- Words ---- */

/* Makes every line of the corpus lower-case words between blanks: letters, marks and digits are words, an apostrophe
 * ends the word before it and a hyphen may stand inside one; any other character is a word by itself. */
rapt_status rapt__cho_words(rapt__corpus *corpus);

/* ---- The phrase-based system ---- */

enum { RAPT__CHO_TRAIN, RAPT__CHO_DEV, RAPT__CHO_TEST, RAPT__CHO_SETS };

typedef struct rapt__cho_pbmt {
  rapt__run *run;
  const rapt__corpus *corpus; /* borrowed */
  rapt__pbmt_lexicon words[2];
  int32_t *ids[RAPT__CHO_SETS][2], *copy; /* owned */
  size_t *begin[RAPT__CHO_SETS][2];
  rapt__pbmt_text text[RAPT__CHO_SETS][2];
  rapt__pbmt_model model;
  double start[RAPT__PBMT_FEATURE_COUNT]; /* weights that tunings start from */
} rapt__cho_pbmt;

/* Reads the corpus as ids, aligns it, extracts phrases. Free it after a failure too. */
rapt_status rapt__cho_pbmt_begin(rapt__run *run, const rapt__corpus *corpus, rapt__cho_pbmt *out);
void rapt__cho_pbmt_free(rapt__cho_pbmt *p);
/* Tunes once from the first weights, to have weights for the next to start from. */
rapt_status rapt__cho_pbmt_settle(rapt__cho_pbmt *p);
/* Tunes from those weights, and 0 for the table's own features, `tunings` times with different seeds, and translates
 * the test text with each: outputs (tunings). */
rapt_status rapt__cho_pbmt_measure(rapt__cho_pbmt *p, const char *what, rapt__translated *outputs);

/* ---- Scores of phrases ---- */

/* Text of phrase pairs to train on: each pair of the table is as likely as any other, however often it was seen. */
rapt_status rapt__cho_phrase_corpus(const rapt__cho_pbmt *p, rapt__corpus *out);
/* Adds feature "rnn(f|e)": ln p of a target phrase, its end included, by the model. Only pairs whose source phrase
 * stands in the tuning or test text are scored, since no other is ever looked at; the others have 0. */
rapt_status rapt__cho_score_phrases(rapt__cho_pbmt *p, rapt_model *model);

/* ---- Vectors of phrases ---- */

/* Whether phrases that the net puts side by side have translations with a word in common, one that is not among the
 * RAPT__CHO_COMMON most frequent of its language; and a picture. */
enum { RAPT__CHO_COMMON = 50, RAPT__CHO_PHRASES = 1000 };
typedef struct rapt__cho_neighbours {
  int64_t phrases;        /* 0: too few to say anything */
  double nearest, random; /* shares of phrases; of pairs */
  int64_t apart;          /* phrases of which there is a nearest one without a common word on the source side */
  double nearest_apart, random_apart; /* the same of pairs without a common word on the source side */
} rapt__cho_neighbours;
rapt_status rapt__cho_phrase_vectors(const rapt__cho_pbmt *p, const rapt_model *model, rapt__cho_neighbours *out,
                                     rapt__text *svg);

/* ---- Classes of test sentences ---- */

enum { RAPT__CHO_CLASSES = 6 };
typedef struct rapt__cho_classes {
  int *class_of; /* (sentences) in the run's arena */
  size_t sentences;
  int count;
  double x[RAPT__CHO_CLASSES]; /* the mean length, or the number of unknown words */
} rapt__cho_classes;
/* By words of the source, about as many sentences in each; and by words that the model does not know, in source and
 * reference together: 0, 1, 2, more. */
rapt_status rapt__cho_by_length(rapt__run *run, const rapt__corpus *corpus, rapt__cho_classes *out);
rapt_status rapt__cho_by_unknown(rapt__run *run, const rapt__corpus *corpus, const rapt_model *model,
                                 rapt__cho_classes *out);

enum { RAPT__CHO_SYSTEMS = 4 };
typedef struct rapt__cho_compared {
  const char *name;
  const rapt__translated *output;
  double score[RAPT__CHO_CLASSES];
} rapt__cho_compared;
/* Fills the scores, and draws them as lines. */
rapt_status rapt__cho_compare(rapt__run *run, const rapt_metric *metric, const rapt__cho_classes *classes,
                              const char *title, const char *x_title, rapt__cho_compared *systems, size_t count,
                              rapt__text *svg);
/* −1 to 1: Spearman's rank correlation of scores with the number of the class; NaN for fewer than three classes. */
double rapt__cho_trend(const double *scores, int count);
/* The last class is below the first one, and the trend is −0.5 or lower. */
bool rapt__cho_falls(const double *scores, int count);

/* ---- Trees ---- */

/* The pyramids that the model's gated recursive convolutional network builds over some test sentences. */
rapt_status rapt__cho_trees(rapt__run *run, const rapt__corpus *corpus, const rapt_model *model, rapt__text *svg);

#endif
