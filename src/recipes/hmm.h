/* What the experiments of the recipe hmm share: settings, verdicts, sections of the report, saved models, the tagger. */
#ifndef RAPT_SRC_RECIPES_HMM_H
#define RAPT_SRC_RECIPES_HMM_H

#include "classic/hmm.h"
#include "data/conllu.h"
#include "formats/svg.h"
#include "recipes/findings.h"
#include "text/tokenizer.h"
#include "train/report.h"

enum {
  RAPT__HMM_ALL,
  RAPT__HMM_WEATHER,
  RAPT__HMM_GAUSSIANS,
  RAPT__HMM_LETTERS,
  RAPT__HMM_CHORDS,
  RAPT__HMM_TAGS,
  RAPT__HMM_EXPERIMENTS
};

typedef struct rapt__hmm_settings {
  int experiment;
  int64_t guesses, first, rounds, most_states, chord_count;
  double tolerance, step_weight, suffix_weight, word_weight;
  const char *chords, *treebank;
} rapt__hmm_settings;

enum { RAPT__HMM_SECTIONS = RAPT__HMM_EXPERIMENTS };

/* A run under way. */
typedef struct rapt__hmm_run {
  rapt__run *run;
  const rapt__hmm_settings *settings;
  rapt__findings findings;
  rapt__report_section sections[RAPT__HMM_SECTIONS];
  size_t section_count;
  const char *stage;
  size_t rounds, seen, steps; /* rounds of the training under way, at most, and how many were; observations in it */
  double begun, told;
  double part[2], share[2]; /* of all work: where the experiment under way and its training begin and end */
} rapt__hmm_run;

/* ---- hmm.c ---- */

/* Settings of a training that tells its progress as `stage` and ends when the user interrupts it. It is the work of the
 * experiment from `from` to `to`, of 0 … 1. */
rapt__hmm_training rapt__hmm_told(rapt__hmm_run *r, const char *stage, size_t rounds, size_t observations, double from,
                                  double to);
/* What EM promises: no round falls by more than rounding. */
rapt_status rapt__hmm_judge_rise(rapt__hmm_run *r, const char *what, const rapt__hmm_trained *trained);
/* `svg` is kept in the run's arena, also as FILE in the run directory, and emptied. NULL after an error. */
const char *rapt__hmm_picture(rapt__hmm_run *r, const char *file, rapt__text *svg);
rapt_status rapt__hmm_section(rapt__hmm_run *r, rapt__report_section section);

/* ---- The experiments, one a file ---- */

rapt_status rapt__hmm_weather(rapt__hmm_run *r);
rapt_status rapt__hmm_gaussians(rapt__hmm_run *r);
rapt_status rapt__hmm_letters(rapt__hmm_run *r);
rapt_status rapt__hmm_chords(rapt__hmm_run *r);
rapt_status rapt__hmm_tags(rapt__hmm_run *r);

/* The model of the weather example and its names. */
enum { RAPT__HMM_WEATHERS = 2, RAPT__HMM_MOODS = 2 };
extern const char *const rapt__hmm_weather_names[RAPT__HMM_WEATHERS], *const rapt__hmm_mood_names[RAPT__HMM_MOODS];
rapt_status rapt__hmm_weather_model(rapt__arena *arena, rapt__hmm *h);

/* ---- hmm_save.c: models as JSON; docs/recipes/hmm.md has the format ---- */

/* states: N names; symbols: S names of a discrete model, else NULL. */
rapt_status rapt__hmm_save(rapt__run *run, const char *file, const rapt__hmm *h, const char *const *states,
                           const char *const *symbols);

/* ---- hmm_pictures.c ---- */

/* The states with what leads from one to another, above 2 %. */
rapt_status rapt__hmm_state_diagram(rapt__text *out, const char *title, const rapt__hmm_chain *c,
                                    const char *const *names);
/* A column a step: circles filled by p(z_t = j | x_1 … x_t), with `path` drawn over it. names (N), steps (T). */
rapt_status rapt__hmm_trellis(rapt__text *out, const char *title, const rapt__hmm_chain *c, const double *log_alpha,
                              const int32_t *path, size_t length, const char *const *names, const char *const *steps);

/* ---- hmm_tagger.c: a tagger counted from a treebank ---- */

enum { RAPT__TAGGER_TAGS = 32, RAPT__TAGGER_SHAPES = 3, RAPT__TAGGER_SUFFIX = 10, RAPT__TAGGER_RARE = 10 };

typedef struct rapt__tagger {
  rapt_context *ctx;
  rapt__conllu train; /* words and tags point into it */
  size_t tags;
  const char *names[RAPT__TAGGER_TAGS]; /* in order of bytes */
  rapt__hmm_chain chain;                /* owned */
  double prior[RAPT__TAGGER_TAGS];      /* p(tag) */
  double suffix_weight, word_weight;
  rapt__table words, suffixes[RAPT__TAGGER_SHAPES]; /* to a row of counts */
  double *counts;                                   /* (rows, tags) owned */
  size_t rows, capacity;
} rapt__tagger;

/* Counts from en_ewt-ud-train.conllu (or .gz) in `dir`. Free it, after a failure too. */
rapt_status rapt__tagger_learn(rapt_context *ctx, const char *dir, double step_weight, double suffix_weight,
                               double word_weight, rapt__tagger *out);
void rapt__tagger_free(rapt__tagger *t);
bool rapt__tagger_knows(const rapt__tagger *t, const char *word);
/* log p(tag | word) − log p(tag) of every tag: log p(word | tag) up to a number that is the same for all. */
void rapt__tagger_emissions(const rapt__tagger *t, const char *word, double *log_b);
rapt_status rapt__tagger_save(rapt__run *run, const char *file, const rapt__tagger *t);
/* DIR/NAME or DIR/NAME.gz, allocated; NULL after an error. */
char *rapt__tagger_file(rapt_context *ctx, const char *dir, const char *name);

/* ---- hmm_walk.c ---- */

rapt_status rapt__hmm_explain(rapt__explanation *e);

#endif
