/* The whole baseline: word alignment, phrase table, language model, weights; trained, tuned and put to work. */
#ifndef RAPT_SRC_PBMT_MODEL_H
#define RAPT_SRC_PBMT_MODEL_H

#include "pbmt/align.h"
#include "pbmt/decode.h"
#include "pbmt/tune.h"

typedef struct rapt__pbmt_settings {
  rapt__align_settings align;
  int longest_phrase; /* words, 1 to RAPT__PBMT_LONGEST_PHRASE */
  int most_options;   /* kept in the table for a source phrase */
  int order;          /* of the language model: interpolated Kneser-Ney with three discounts an order */
  rapt__pbmt_search search;
  rapt__pbmt_tuning tuning; /* fixed is not read: only the weight of copied words stays as it is */
  int rounds;               /* of decoding the tuning text, each but the last followed by tuning */
  int tuning_nbest;         /* entries of a list in tuning */
} rapt__pbmt_settings;

#define RAPT__PBMT_DEFAULTS                                                                                            \
  ((rapt__pbmt_settings){.align = RAPT__ALIGN_DEFAULTS,                                                                \
                         .longest_phrase = 7,                                                                          \
                         .most_options = 100,                                                                          \
                         .order = 4,                                                                                   \
                         .search = RAPT__PBMT_SEARCH_DEFAULTS,                                                         \
                         .tuning = RAPT__PBMT_TUNING_DEFAULTS,                                                         \
                         .rounds = 6,                                                                                  \
                         .tuning_nbest = 100})

/* Ids of both languages: `end` closes sentences of the language model and is in no sentence; copy (source vocab) says
 * which target word a source word becomes when it is copied. */
typedef struct rapt__pbmt_vocab {
  const int32_t *copy;
  int32_t end;
} rapt__pbmt_vocab;

typedef struct rapt__pbmt_model {
  rapt_context *ctx;
  rapt__pbmt_settings settings;
  rapt__pbmt_phrases phrases;
  rapt__ngram *lm;            /* owned */
  int32_t *copy;              /* (source_vocab) owned */
  rapt__pbmt_decoder decoder; /* reads all of these; has the weights */
} rapt__pbmt_model;

/* A line on how far things are, without its end. */
typedef void (*rapt__pbmt_tell_fn)(void *user, const char *line);

/* Phrase table and language model of a parallel text; the weights are rapt__pbmt_first_weights. The text may go when
 * this returns. The model stays where it is (its decoder points into it); free it with rapt__pbmt_free, after a
 * failure too. */
rapt_status rapt__pbmt_train(rapt_context *ctx, const rapt__pbmt_settings *settings, const rapt__pbmt_text *source,
                             const rapt__pbmt_text *target, const rapt__pbmt_vocab *vocab, rapt__pbmt_model *out);
/* The same with a word alignment that is there already. */
rapt_status rapt__pbmt_train_linked(rapt_context *ctx, const rapt__pbmt_settings *settings,
                                    const rapt__pbmt_text *source, const rapt__pbmt_text *target,
                                    const rapt__pbmt_links *links, const rapt__pbmt_vocab *vocab,
                                    rapt__pbmt_model *out);
void rapt__pbmt_free(rapt__pbmt_model *model);

/* One feature of phrases more, as rapt__pbmt_phrases_add_column has it, with the weight that tuning begins from. */
rapt_status rapt__pbmt_add_feature(rapt__pbmt_model *model, const char *name, const double *values, double weight);

/* Tunes the weights on a text of its own: decodes it, adds what is new to the n-best lists, finds the best weights
 * for these, and so on, until hardly an entry in a thousand is new. Keeps the weights whose decoding had the highest
 * BLEU (*bleu, may be NULL). */
rapt_status rapt__pbmt_tune(rapt__pbmt_model *model, const rapt__pbmt_text *source, const rapt__pbmt_text *target,
                            rapt__pbmt_tell_fn tell, void *user, double *bleu);

/* The n best translations of every sentence, best first. Free the lists after a failure too. */
rapt_status rapt__pbmt_translate(const rapt__pbmt_model *model, const rapt__pbmt_text *source, size_t n,
                                 rapt__pbmt_nbest *out);

/* All of it in one call: trains, tunes, and translates both the tuning and the test text, each into lists of `n`. */
typedef struct rapt__pbmt_task {
  rapt__pbmt_text train_source, train_target, dev_source, dev_target, test_source;
  rapt__pbmt_vocab vocab;
  size_t n;
} rapt__pbmt_task;
typedef struct rapt__pbmt_outcome {
  double weights[RAPT__PBMT_MOST_COLUMNS]; /* of dev.columns, which are those of test */
  rapt__pbmt_nbest dev, test;
} rapt__pbmt_outcome;

/* Free the outcome with rapt__pbmt_outcome_free, after a failure too. */
rapt_status rapt__pbmt_baseline(rapt_context *ctx, const rapt__pbmt_settings *settings, const rapt__pbmt_task *task,
                                rapt__pbmt_tell_fn tell, void *user, rapt__pbmt_outcome *out);
void rapt__pbmt_outcome_free(rapt__pbmt_outcome *outcome);

#endif
