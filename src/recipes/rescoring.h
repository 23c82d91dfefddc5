/* The recipe sundermeyer-birnn-rescoring: a phrase-based system, n-best lists of two texts, recurrent models that score their
 * entries, and what tuning makes of the scores. */
#ifndef RAPT_SRC_RECIPES_RESCORING_H
#define RAPT_SRC_RECIPES_RESCORING_H

#include "pbmt/lines.h"
#include "pbmt/model.h"
#include "pbmt/sequences.h"
#include "recipes/findings.h"
#include "recipes/training.h"

#include <rapt/metrics.h>

typedef struct rapt__rescoring_settings {
  const char *source, *target; /* languages, as the files name them */
  int64_t pairs, longest, stack, rounds, starts, nbest;
  int64_t seeds, min_count, features, units;
  double dropout;
  bool deep, phrases;
} rapt__rescoring_settings;

enum { RAPT__RESCORING_TRAIN, RAPT__RESCORING_DEV, RAPT__RESCORING_TEST, RAPT__RESCORING_SETS };
enum { RAPT__RESCORING_SEEDS = 5, RAPT__RESCORING_SYSTEMS = 2 + 3 * RAPT__RESCORING_SEEDS };

/* What is made of the lists with some of their features. */
typedef struct rapt__rescored {
  const char *name;                        /* in the run's arena or static */
  double dev;                              /* BLEU that tuning reached */
  double bleu, ter;                        /* of the test text */
  double nats;                             /* of a token of the validation text; NaN without a network */
  double weights[RAPT__PBMT_MOST_COLUMNS]; /* 0 for what it does not use */
  size_t *best;                            /* (sentences of the test text) in the run's arena */
  double *stats[2];                        /* rows of BLEU and TER, in the run's arena */
} rapt__rescored;

typedef enum rapt__rescoring_kind {
  RAPT__RESCORING_LM,     /* target words alone */
  RAPT__RESCORING_LEFT,   /* aligned words, source up to the present one */
  RAPT__RESCORING_BOTH,   /* aligned words, all of the source */
  RAPT__RESCORING_PHRASES /* phrases, all of the source */
} rapt__rescoring_kind;

typedef struct rapt__rescoring {
  rapt__run *run;
  const rapt__rescoring_settings *settings;
  rapt__findings findings;

  /* Text (rescoring_base.c) */
  rapt__pbmt_lexicon words[2]; /* source, target */
  rapt__pbmt_file file[RAPT__RESCORING_SETS][2];
  rapt__pbmt_text text[RAPT__RESCORING_SETS][2];
  int32_t *copy; /* owned */

  /* The phrase-based system */
  rapt__pbmt_links links[2]; /* of the training and of the validation text, aligned together */
  rapt__pbmt_model system;
  rapt__pbmt_nbest lists[RAPT__RESCORING_SETS]; /* of the validation and the test text */

  /* Sequences (rescoring_nets.c) */
  rapt__step_vocab vocab[2];
  rapt__pairs train, valid, entries[RAPT__RESCORING_SETS]; /* of the network at hand, */
  int form;                                                /* which of three forms: 0: none yet */

  rapt__rescored systems[RAPT__RESCORING_SYSTEMS];
  size_t count;
} rapt__rescoring;

/* Reads the texts, aligns, extracts, tunes, and leaves the lists. */
rapt_status rapt__rescoring_begin(rapt__rescoring *r);
void rapt__rescoring_end(rapt__rescoring *r);

/* Trains a network of a kind in DIR of the run's directory, and adds its scores to both lists as a column `name`. *nats gets the
 * mean loss of the validation text. run->result->interrupted tells whether it came to an end. */
rapt_status rapt__rescoring_net(rapt__rescoring *r, rapt__rescoring_kind kind, const char *name, uint64_t seed,
                                double *nats);

/* Another system: the decoder's features and columns `extra` (count) of the lists, weights tuned from those of `from`. A count of
 * −1: the decoder's own weights and choice. */
rapt_status rapt__rescoring_tune(rapt__rescoring *r, const char *name, const rapt__rescored *from,
                                 const char *const *extra, int count, double nats);

/* Files of the run directory and report.html. */
rapt_status rapt__rescoring_report(rapt__rescoring *r);
/* The words of an entry of the test lists as text; NULL without memory. */
const char *rapt__rescoring_words(const rapt__rescoring *r, const int32_t *words, size_t count, int side);

#endif
