/* Works of `rapt bench`: each family is one file with a table; bench.c lists the tables, builds and times. */
#ifndef RAPT_SRC_INFER_BENCH_H
#define RAPT_SRC_INFER_BENCH_H

#include <rapt/system.h>
#include "formats/safetensors.h"
#include "tasks/model.h"

typedef struct rapt__bench rapt__bench;

typedef struct rapt__work {
  rapt_work_info info;
  rapt_status (*build)(rapt__bench *b);
  int64_t size[3];             /* what the family's build function reads, for instance batch and tokens */
  const char *const *settings; /* NULL-terminated, of the model, before the caller's */
} rapt__work;

/* Each ends with an entry without an id. */
extern const rapt__work rapt__works_matmul[], rapt__works_attention[], rapt__works_gpt[], rapt__works_small[],
    rapt__works_translation[], rapt__works_decode[], rapt__works_search[], rapt__works_recurrent[],
    rapt__works_optimizers[];

/* A work that is built and can be run. Everything is owned unless it says otherwise. */
struct rapt__bench {
  rapt_context *ctx;                 /* borrowed */
  const rapt__work *work;            /* constant */
  const rapt_bench_options *options; /* borrowed */
  int64_t size[3];                   /* of the work, or what settings made of it */
  rapt_model *model;                 /* or NULL */
  rapt_params *params;               /* of the model where there is one (then borrowed), or NULL */
  rapt_graph *graph;
  rapt_plan *plan;                    /* NULL where `run` is set */
  double plan_seconds;                /* of rapt__bench_plan */
  rapt_tensor *loss;                  /* (), kept by the plan; or NULL */
  rapt_tensor *count;                 /* the number of the update, of a training step; else NULL */
  rapt_status (*run)(rapt__bench *b); /* one repetition; NULL: a run of the plan */
  int64_t parts;                      /* like ones in a repetition: the time is given for one; 0: 1 */
  double amount;                      /* of info.unit in one of them, without the "/s" */
  int32_t *ids;                       /* decode.c: prompt, then what was generated; search.c: sources; or NULL */
  struct rapt__search *search;        /* or NULL */
  rapt__st_entry extra[4];            /* to be saved beside parameters, inputs and taps; data borrowed */
  size_t extras;
};

/* Makes b->params, if there is no model, and a plan of one step of AdamW on the loss that `build` makes in b->graph from
 * b->params. Sets loss, count, plan. clip: of the gradient's norm, 0: off. */
rapt_status rapt__bench_train(rapt__bench *b, rapt_tensor *(*build)(rapt__bench *b), double clip);
/* Plans b->graph several times, as everything here is done, and keeps the last plan and the least time. */
rapt_status rapt__bench_plan(rapt__bench *b, rapt_tensor *const *outputs, int count);
extern const rapt_update_options rapt__bench_adamw;
#define RAPT__BENCH_RATE                                                                                               \
  1e-4 /* small enough for three updates of the largest model to stay where rounding does not matter */

/* Fill an input of the plan with numbers that depend on its name: normal, or integers in [0, limit). */
void rapt__bench_normal(rapt__bench *b, const rapt_tensor *t, double scale);
void rapt__bench_ids(rapt__bench *b, const rapt_tensor *t, int64_t limit);

/* gpt.c: makes b->model from the work's settings and the caller's; size[0] and size[1] are batch and tokens. */
rapt_status rapt__bench_gpt(rapt__bench *b);
extern const char *const rapt__bench_gpt2_124m[];

/* The work of this id; RAPT_EKEY with the nearest one. */
rapt_status rapt__bench_find(rapt_context *ctx, const char *id, const rapt__work **out);
rapt_status rapt__bench_build(rapt_context *ctx, const rapt__work *work, const rapt_bench_options *options,
                              rapt__bench *b);
/* Runs once; `update` counts from 1. *loss NaN where there is none. */
rapt_status rapt__bench_once(rapt__bench *b, int64_t update, double *loss);
void rapt__bench_free(rapt__bench *b);

/* save.c: builds the work twice where steps change it, and writes options->save. */
rapt_status rapt__bench_save(rapt_context *ctx, const rapt__work *work, const rapt_bench_options *options);

#endif
