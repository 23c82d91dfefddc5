/* What the parts of the recipe lstm-tutorials share: settings, the networks, verdicts, pictures. */
#ifndef RAPT_SRC_RECIPES_LSTM_TUTORIALS_H
#define RAPT_SRC_RECIPES_LSTM_TUTORIALS_H

#include "explain/recurrent/gradients.h"
#include "models/char_rnn.h"
#include "recipes/findings.h"
#include "tasks/recurrent_lm.h"
#include "train/report.h"

typedef struct rapt__lstm_settings {
  int64_t units, features, window, steps;
  double rnn_lr;
} rapt__lstm_settings;

enum { RAPT__LSTM_NETS = 4, RAPT__LSTM_SECTIONS = 8 };

/* One language model. */
typedef struct rapt__lstm_net {
  const char *name, *dir; /* "tanh RNN"; its run directory */
  rapt__char_rnn net;
  rapt__recurrent_lm lm;
  double seconds;     /* of training */
  double valid, test; /* bits a character: of the last evaluation, of the whole text */
  double *at, *bits;  /* the curve: characters read, bits a character of the evaluations; in the run's arena */
  size_t points;
} rapt__lstm_net;

typedef struct rapt__lstm {
  rapt__run *run;
  const rapt__lstm_settings *settings;
  rapt_tokenizer *tokenizer;     /* owned */
  int32_t *train, *valid, *test; /* owned */
  int64_t train_count, valid_count, test_count;
  rapt__lstm_net nets[RAPT__LSTM_NETS]; /* in the order of training */
  rapt__findings findings;
  rapt__report_section sections[RAPT__LSTM_SECTIONS]; /* texts in the run's arena */
  size_t section_count;
} rapt__lstm;

/* ---- lstm-tutorials.c ---- */

/* A part of the report. Everything lies in the run's arena or is constant. */
void rapt__lstm_section(rapt__lstm *l, const rapt__report_section *section);
/* The text as a string in the run's arena, and no longer in `text`. NULL: no memory. */
const char *rapt__lstm_keep(rapt__lstm *l, rapt__text *text);

/* ---- lstm_checks.c: gradients in every way, engine against plain code, the delay equation ---- */

rapt_status rapt__lstm_check(rapt__lstm *l);
/* `count` normal numbers of a stream of the seed, in the arena. NULL: no memory. */
double *rapt__lstm_normal(rapt__arena *arena, uint64_t seed, uint64_t stream, size_t count);

/* ---- lstm_flow.c: how far gradients reach back ---- */

/* The claim, on networks with the weights they start with. */
rapt_status rapt__lstm_flow(rapt__lstm *l);
/* The picture: the loss of the last of 100 characters by every earlier state, before and after training. Called for the weights
 * that a net has; `rows` takes one row of `RAPT__LSTM_BACK` logarithms for h and one for c. */
enum { RAPT__LSTM_BACK = 100 };
rapt_status rapt__lstm_reach(rapt__lstm *l, const rapt__lstm_net *net, double *rows);

/* ---- lstm_traces.c: gates over a text ---- */

/* The recurrent layer of a net as a plain cell; *cell is set, *theta in the arena. */
rapt_status rapt__lstm_plain(rapt__arena *arena, const rapt__lstm_net *net, rapt__plain_cell *cell, double **theta);
/* Vectors of the symbols, (count, features), in the arena. NULL: no memory. */
double *rapt__lstm_inputs(rapt__arena *arena, const rapt__lstm_net *net, const int32_t *ids, size_t count);
rapt_status rapt__lstm_traces(rapt__lstm *l, const rapt__lstm_net *net);

/* ---- lstm_walk.c ---- */

rapt_status rapt__lstm_walk(rapt__explanation *e);

#endif
