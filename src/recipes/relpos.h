/* What the files of the recipe relative-position share: settings, nets, verdicts, sections of the page. */
#ifndef RAPT_SRC_RECIPES_RELPOS_H
#define RAPT_SRC_RECIPES_RELPOS_H

#include "nn/positions.h"
#include "recipes/findings.h"
#include "tasks/model.h"
#include "tasks/task.h"

enum { RAPT__RELPOS_ALL, RAPT__RELPOS_STRINGS, RAPT__RELPOS_MUSIC };

typedef struct rapt__relpos_settings {
  int task;
  int64_t length, symbols, strings, width, layers, heads;              /* of strings */
  int64_t events, music_steps, music_batch, music_width, music_layers; /* of music */
  double init, dropout;
  bool test;
} rapt__relpos_settings;

enum { RAPT__RELPOS_SECTIONS = 4 };
typedef struct rapt__relpos_section {
  const char *heading, *text, *svg; /* in the run's arena */
  const char **rows;                /* "key=value", ended by NULL; or NULL */
} rapt__relpos_section;

/* A run under way. */
typedef struct rapt__relpos {
  rapt__run *run;
  const rapt__relpos_settings *settings;
  rapt__findings findings;
  rapt__relpos_section sections[RAPT__RELPOS_SECTIONS];
  size_t section_count;
  double begun;
} rapt__relpos;

/* A decoder to make: gpt2 with positions of one kind and otherwise the same settings. */
typedef struct rapt__relpos_shape {
  rapt__position kind;
  int64_t vocabulary, context, layers, width, heads;
  double init, dropout;
} rapt__relpos_shape;

/* ---- relative-position.c ---- */

rapt_status rapt__relpos_model(rapt__relpos *r, const rapt__relpos_shape *shape, rapt_model **out);
/* Trains the model in DIR below the run's; `best`: the parameters of the lowest validation loss are taken at the end.
 * run->result->interrupted: it was stopped. */
rapt_status rapt__relpos_train(rapt__relpos *r, rapt__task *task, rapt_model *model, const char *dir, int64_t steps,
                               int64_t batch, bool best);

/* ---- relpos_strings.c: copying and reversing, at lengths that were not trained ---- */
rapt_status rapt__relpos_strings(rapt__relpos *r);
/* ---- relpos_music.c: chorales, event by event ---- */
rapt_status rapt__relpos_music(rapt__relpos *r);
/* ---- relpos_skew.c: skewing against a vector for every pair ---- */
rapt_status rapt__relpos_skew(rapt__relpos *r);

/* ---- relpos_report.c ---- */

/* Appends to `svg` how alike positions are for a net: cosines of what stands for each of them, or T5's biases. Kinds that have
 * neither append nothing. */
rapt_status rapt__relpos_map(rapt__relpos *r, rapt__position kind, const rapt_model *model,
                             const rapt__relpos_shape *shape, rapt__text *svg);
rapt_status rapt__relpos_report(rapt__relpos *r);

#endif
