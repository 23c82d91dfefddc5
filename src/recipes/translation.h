/* What recipes of machine translation share: parallel text by name and direction, tokenizers, training, translating the test
 * text, BLEU, and the parts of a report about them. */
#ifndef RAPT_SRC_RECIPES_TRANSLATION_H
#define RAPT_SRC_RECIPES_TRANSLATION_H

#include "recipes/recipes.h"
#include "tasks/seq2seq.h"
#include "recipes/training.h"

#include <rapt/metrics.h>
#include <rapt/translate.h>

/* ---- Settings ---- */

enum { RAPT__UNITS_WORDS, RAPT__UNITS_BPE };
extern const char *const rapt__translation_units[];

/* The first member of a recipe's own settings. */
typedef struct rapt__translation_settings {
  const char *source, *target; /* languages, as the files name them */
  int units;
  int64_t min_count, vocabulary, max_words, pairs;
  bool joint;
  int64_t max_tokens;
  double smoothing, sampling; /* of labels; of what the decoder reads */
  int sampling_decay;
  int64_t sampling_updates;
  int64_t beam;
  double alpha;
} rapt__translation_settings;

/* Rows of a recipe's table of keys, for a struct whose first member is rapt__translation_settings. */
#define RAPT__TRANSLATION_AT(field) offsetof(rapt__translation_settings, field)
#define RAPT__TRANSLATION_KEYS                                                                                           \
  {"text.source", NULL, RAPT__KEY_TEXT, RAPT__TRANSLATION_AT(source), "de", 0, 0, NULL, "language that is read"},        \
      {"text.target", NULL, RAPT__KEY_TEXT, RAPT__TRANSLATION_AT(target), "en", 0, 0, NULL, "language that is written"}, \
      {"text.tokenizer",                                                                                                 \
       NULL,                                                                                                             \
       RAPT__KEY_CHOICE,                                                                                                 \
       RAPT__TRANSLATION_AT(units),                                                                                      \
       "words",                                                                                                          \
       0,                                                                                                                \
       0,                                                                                                                \
       rapt__translation_units,                                                                                          \
       "what a token is: what stands between blanks, or pieces of words (bpe)"},                                         \
      {"text.min_count",                                                                                                 \
       NULL,                                                                                                             \
       RAPT__KEY_INT,                                                                                                    \
       RAPT__TRANSLATION_AT(min_count),                                                                                  \
       "3",                                                                                                              \
       1,                                                                                                                \
       1 << 20,                                                                                                          \
       NULL,                                                                                                             \
       "words that the training text has less often are unknown"},                                                       \
      {"text.vocabulary",                                                                                                \
       NULL,                                                                                                             \
       RAPT__KEY_INT,                                                                                                    \
       RAPT__TRANSLATION_AT(vocabulary),                                                                                 \
       "0",                                                                                                              \
       0,                                                                                                                \
       1 << 20,                                                                                                          \
       NULL,                                                                                                             \
       "ids of a side at most; 0: no limit for words, 4096 for bpe"},                                                    \
      {"text.joint",                                                                                                     \
       NULL,                                                                                                             \
       RAPT__KEY_BOOL,                                                                                                   \
       RAPT__TRANSLATION_AT(joint),                                                                                      \
       "false",                                                                                                          \
       0,                                                                                                                \
       0,                                                                                                                \
       NULL,                                                                                                             \
       "one vocabulary for both languages"},                                                                             \
      {"text.max_words",                                                                                                 \
       NULL,                                                                                                             \
       RAPT__KEY_INT,                                                                                                    \
       RAPT__TRANSLATION_AT(max_words),                                                                                  \
       "0",                                                                                                              \
       0,                                                                                                                \
       1 << 16,                                                                                                          \
       NULL,                                                                                                             \
       "training pairs with more words on a side are left out; 0: none"},                                                \
      {"text.pairs",                                                                                                     \
       NULL,                                                                                                             \
       RAPT__KEY_INT,                                                                                                    \
       RAPT__TRANSLATION_AT(pairs),                                                                                      \
       "0",                                                                                                              \
       0,                                                                                                                \
       1e9,                                                                                                              \
       NULL,                                                                                                             \
       "training pairs, from the first on; 0: all"},                                                                     \
      {"train.max_tokens",                                                                                               \
       NULL,                                                                                                             \
       RAPT__KEY_INT,                                                                                                    \
       RAPT__TRANSLATION_AT(max_tokens),                                                                                 \
       "0",                                                                                                              \
       0,                                                                                                                \
       1 << 20,                                                                                                          \
       NULL,                                                                                                             \
       "tokens of a batch at most: its rows × the longer of source and target; 0: train.batch rows"},                    \
      {"train.smoothing",                                                                                                \
       NULL,                                                                                                             \
       RAPT__KEY_REAL,                                                                                                   \
       RAPT__TRANSLATION_AT(smoothing),                                                                                  \
       "0.1",                                                                                                            \
       0,                                                                                                                \
       0.99,                                                                                                             \
       NULL,                                                                                                             \
       "label smoothing: this much of the probability is spread over all tokens"},                                       \
      {"train.sampling",                                                                                                 \
       NULL,                                                                                                             \
       RAPT__KEY_REAL,                                                                                                   \
       RAPT__TRANSLATION_AT(sampling),                                                                                   \
       "0",                                                                                                              \
       0,                                                                                                                \
       1,                                                                                                                \
       NULL,                                                                                                             \
       "share of the tokens that the decoder reads in training that it drew itself, at most; 0: none"},                  \
      {"train.sampling_decay",                                                                                           \
       NULL,                                                                                                             \
       RAPT__KEY_CHOICE,                                                                                                 \
       RAPT__TRANSLATION_AT(sampling_decay),                                                                             \
       "linear",                                                                                                         \
       0,                                                                                                                \
       0,                                                                                                                \
       rapt__sampling_decays,                                                                                            \
       "how the share of the target's own tokens falls with the updates"},                                               \
      {"train.sampling_updates",                                                                                         \
       NULL,                                                                                                             \
       RAPT__KEY_INT,                                                                                                    \
       RAPT__TRANSLATION_AT(sampling_updates),                                                                           \
       "1000",                                                                                                           \
       1,                                                                                                                \
       1e12,                                                                                                             \
       NULL,                                                                                                             \
       "K of that: 1 - u/K, exp(-u/K) or K/(K + exp(u/K)) after u updates"},                                             \
      {"search.beam",                                                                                                    \
       NULL,                                                                                                             \
       RAPT__KEY_INT,                                                                                                    \
       RAPT__TRANSLATION_AT(beam),                                                                                       \
       "5",                                                                                                              \
       1,                                                                                                                \
       1024,                                                                                                             \
       NULL,                                                                                                             \
       "hypotheses that the search of a translation follows"},                                                           \
  {                                                                                                                      \
    "search.alpha", NULL, RAPT__KEY_REAL, RAPT__TRANSLATION_AT(alpha), "1", 0, 10, NULL,                                 \
        "a hypothesis's log-probability is divided by its length to this power"                                          \
  }

/* ---- Text ---- */

typedef struct rapt__corpus {
  rapt__bitext train, valid, test;
  bool raw; /* the text came as it was written, so it was split (rapt__bitext_split), and the tokenizers split alike */
} rapt__corpus;

/* Reads setting `data`: a data set or a folder with train, val (valid, dev) and test files of both languages, PART.LANGUAGE, plain
 * or gzipped, or as multi30k, tatoeba-eng-fra and bible-kjv-rv have them. The numbers of pairs are told. Free it after a failure
 * too. */
rapt_status rapt__corpus_load(rapt__run *run, const rapt__translation_settings *s, rapt__corpus *out);
void rapt__corpus_free(rapt__corpus *corpus);
/* Tokenizers of the training text; *source is NULL where one reads both. They are the caller's. */
rapt_status rapt__corpus_tokenizers(rapt__run *run, const rapt__translation_settings *s, const rapt__corpus *corpus,
                                    rapt_tokenizer **source, rapt_tokenizer **target);

/* ---- A system: model, task, trainer, translations of the test text ---- */

typedef struct rapt__system {
  const char *name; /* in reports; static or in the run's arena */
  rapt__run *run;
  const rapt__translation_settings *settings;
  const rapt__corpus *corpus;
  rapt_model *model; /* owned */
  rapt__seq2seq_task task;
  rapt__trainer trainer;
  rapt__train_settings train; /* the run's, until changed before the training */
  rapt_metric metric;         /* of the test; rapt__translation_metric until changed */
} rapt__system;

/* The output of a search over the test text. */
typedef struct rapt__translated {
  rapt_segment *lines; /* [corpus->test.count] in the run's arena */
  rapt_score score;
  double *stats; /* (sentences, width of the metric) in the run's arena */
  double seconds;
} rapt__translated;

/* A model of this architecture and configuration, with new weights. Free it after a failure too. */
rapt_status rapt__system_begin(rapt__run *run, const rapt__translation_settings *s, const rapt__corpus *corpus,
                               const rapt__model *arch, const void *config, const char *name, rapt__system *out);
void rapt__system_free(rapt__system *system);
/* Trains in `dir`, going on from its checkpoint when the run is resumed; run->result->interrupted tells whether it came to the
 * end. */
rapt_status rapt__system_train(rapt__system *system, const char *dir);
/* Translates the test text with the mean of the systems' probabilities. run->result->interrupted is set when it was stopped. */
rapt_status rapt__systems_test(rapt__system *const *systems, int count, int64_t beam, rapt__translated *out);
/* One side of a text as rapt_translate takes lines, in the run's arena. */
rapt_status rapt__bitext_side(rapt__run *run, const rapt__bitext *text, int side, const char ***lines, size_t **sizes);
/* Searches translations of these lines as the recipe does, with their alignments. */
rapt_status rapt__system_align(const rapt__system *system, const char *const *lines, const size_t *sizes, int64_t count,
                               rapt_translation_fn each, void *user);
/* The metric: words between blanks as they are, or sacrebleu's defaults for pieces of words. */
rapt_metric rapt__translation_metric(const rapt__translation_settings *s);

/* The score of lines that are there already, of a text's pairs in order; the lines' number is the text's. */
rapt_status rapt__score_translated(rapt__run *run, const rapt_metric *metric, const rapt__bitext *text,
                                   rapt__translated *out);
/* The score of those of `count` sentences whose class is `which`; NaN without such. */
rapt_status rapt__score_class(rapt__run *run, const rapt_metric *metric, const rapt__translated *output,
                              const int *class_of, size_t count, int which, double *score);

/* A line of the result: what it was, the score as sacrebleu prints it, the seconds that it took. */
void rapt__say_translated(rapt__run *run, const rapt_metric *metric, const char *what, const rapt__translated *t);

/* ---- Report ---- */

enum { RAPT__LENGTHS = 7 }; /* classes of source length */

/* BLEU of the test sentences whose source has `least` to `most` words, and how many they are; NaN of none. */
rapt_status rapt__bleu_between(rapt__run *run, const rapt__corpus *corpus, const rapt__translation_settings *s,
                               const rapt__translated *output, size_t least, size_t most, double *bleu,
                               size_t *sentences);

/* A bar chart of BLEU by length of the source, a group for every class, a bar for every system. */
rapt_status rapt__bleu_by_length(rapt__run *run, const rapt__corpus *corpus, const rapt__translation_settings *s,
                                 const char *const *names, const rapt__translated *const *outputs, size_t count,
                                 rapt__text *svg);
/* Test sentences with reference and translation, spread over the text. */
rapt_status rapt__sample_translations(const rapt__corpus *corpus, const rapt__translated *output, size_t count,
                                      rapt__text *out);
/* test.hyp of the run directory: a line for every pair of the test text. */
rapt_status rapt__write_translations(rapt__run *run, const rapt__corpus *corpus, const rapt__translated *output,
                                     const char *file);

#endif
