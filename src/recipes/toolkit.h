/* The recipe fairseq-toolkit: what its checks share. */
#ifndef RAPT_SRC_RECIPES_TOOLKIT_H
#define RAPT_SRC_RECIPES_TOOLKIT_H

#include "recipes/findings.h"
#include "recipes/translation.h"
#include "train/plans.h"

enum { RAPT__TOOLKIT_BARS = 4 };

typedef struct rapt__toolkit_settings {
  rapt__translation_settings translation; /* first */
  int64_t updates, sentences, length, rounds;
} rapt__toolkit_settings;

/* A ratio with what it has to reach. */
typedef struct rapt__toolkit_bar {
  const char *what;
  double measured, mark;
} rapt__toolkit_bar;

typedef struct rapt__toolkit {
  rapt__run *run;
  const rapt__toolkit_settings *settings;
  rapt__corpus corpus;
  rapt__system net;
  real *start, *trained; /* (extent) in the run's arena: the net's weights before and after its training */
  rapt__findings findings;
  int unjudged; /* parts of the pass mark that this machine cannot judge */
  rapt__toolkit_bar bars[RAPT__TOOLKIT_BARS];
  size_t bar_count;
} rapt__toolkit;

void rapt__toolkit_bar_add(rapt__toolkit *t, const char *what, double measured, double mark);
rapt_status rapt__toolkit_report(rapt__toolkit *t);
/* Gives the net these weights and no optimizer state. */
void rapt__toolkit_reset(rapt__toolkit *t, const real *values);
/* The run's settings of training, changed by "key=value" texts. */
rapt_status rapt__toolkit_settings_of(rapt__run *run, const char *const *changes, rapt__train_settings *out);
bool rapt__toolkit_stopped(const rapt__toolkit *t);

/* ---- Batches dealt out by the recipe ---- */

typedef struct rapt__deal {
  rapt__bucket shape;
  const rapt__pair **pairs; /* [count] */
  int64_t count;
} rapt__deal;

/* A task with a plan for every batch. What is in it lies in an arena. */
typedef struct rapt__deals {
  rapt__task task; /* first */
  const rapt_model *model;
  const rapt__pairs *pairs;
  rapt__deal *at; /* [count] */
  int64_t count, sentences;
  double smoothing; /* of training */
  bool dropout;     /* in training */
} rapt__deals;

/* The first `count` of `list`, `rows` at a time, each batch as long as its longest sentences. */
rapt_status rapt__deals_cut(rapt__arena *arena, const rapt_model *model, const rapt__pairs *pairs,
                            const rapt__pair *const *list, int64_t count, int64_t rows, rapt__deals *out);
/* Whole batches from the beginning of an epoch, until they have so many sentences. */
rapt_status rapt__deals_take(rapt__arena *arena, const rapt_model *model, rapt__batches *batches, int64_t sentences,
                             rapt__deals *out);
/* All pairs of a set in random order. NULL: no memory. */
const rapt__pair **rapt__deals_shuffle(rapt__arena *arena, const rapt__pairs *pairs, uint64_t seed);
int64_t rapt__deals_padded(const rapt__deals *d); /* tokens of all batches, padding included */
int64_t rapt__deals_real(const rapt__deals *d);   /* without it */
/* The mean loss of a token over all batches, without dropout and smoothing. */
rapt_status rapt__deals_loss(rapt__deals *d, rapt_model *model, double *loss);

/* ---- A model in a context of its own ---- */

/* With so many threads, and the memory functions of the run's context. Its errors are taken over by
 * rapt__elsewhere_end. */
typedef struct rapt__elsewhere {
  rapt_context *ctx; /* owned */
  rapt_model *model; /* owned: of the run directory */
} rapt__elsewhere;
rapt_status rapt__elsewhere_begin(rapt__toolkit *t, int threads, rapt__elsewhere *out);
/* Returns `status`, after its sentence was given to the run's context. */
rapt_status rapt__elsewhere_end(rapt__toolkit *t, rapt__elsewhere *e, rapt_status status);

double rapt__processor_time(void); /* seconds of this process */

/* ---- The checks ---- */

rapt_status rapt__toolkit_registry(rapt__toolkit *t);   /* architectures by name, trained by one task and trainer */
rapt_status rapt__toolkit_accumulate(rapt__toolkit *t); /* four batches against one */
rapt_status rapt__toolkit_resume(rapt__toolkit *t);     /* a stopped run against a whole one */
rapt_status rapt__toolkit_processes(rapt__toolkit *t);  /* several processes against one that accumulates */
rapt_status rapt__toolkit_batches(rapt__toolkit *t);    /* batches by tokens against batches by sentences */
rapt_status rapt__toolkit_decode(rapt__toolkit *t);     /* one token at a time against the whole prefix */
rapt_status rapt__toolkit_diverse(rapt__toolkit *t);    /* beams in groups */
rapt_status rapt__toolkit_storage(rapt__toolkit *t);    /* two bytes a number */
rapt_status rapt__toolkit_threads(rapt__toolkit *t);    /* two threads */

#endif
