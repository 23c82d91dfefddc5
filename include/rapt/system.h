/* rapt/system.h: what the machine offers and how fast the kernels are, for `rapt doctor` and `rapt bench`. */
#ifndef RAPT_SYSTEM_H
#define RAPT_SYSTEM_H

#include <rapt/base.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rapt_system {
  const char *kernels;   /* level in use: "avx2" */
  const char *wanted;    /* RAPT_CPU, or NULL */
  const char *available; /* "ref avx2" */
  int affinity;          /* processors of the affinity mask */
  double quota;          /* of the control group in processors; 0: none */
  int threads;           /* that a context takes by default */
  int64_t memory_bytes;  /* of the machine */
} rapt_system;
RAPT_API void rapt_system_get(rapt_system *out);

/* ---- Benchmarks -------------------------------------------------------------------------------------------------- */

/* A work is something to time: a matrix product, attention forward and backward, a whole training step, decoding. Weights
 * and inputs are random numbers that depend on the work alone. */
typedef struct rapt_work_info {
  const char *id;    /* "gpt-0.8m" */
  const char *title; /* "GPT step, 4 x 128, context 64, batch 12" */
  const char *unit;  /* of rapt_timing.rate: "tokens/s" */
  bool heavy;        /* takes seconds or gigabytes: runs only when asked for by its id */
  bool settings;     /* takes settings */
} rapt_work_info;
RAPT_API int rapt_work_count(void);
RAPT_API const rapt_work_info *rapt_work_get(int index); /* NULL outside [0, rapt_work_count()) */

typedef struct rapt_bench_options {
  const char *only; /* the id of one work; NULL: all that are not heavy */
  /* For a work that takes them: "model.key=value", "bench.batch=N", "bench.tokens=N" (per sequence, at most
   * model.context) instead of its own. */
  const char *const *settings;
  int setting_count;
  int64_t repeats; /* exactly so many repetitions; 0: as `seconds` says */
  double seconds;  /* to repeat each work, at least three times; 0: half a second */
  /* With `only`: a safetensors file to write before timing, from which another program can compute the same: parameters
   * under their names, inputs as "input.NAME", results as "output.NAME", and of a training step "losses" (4), the loss
   * of the first step and after 1, 2 and 3 updates. Its metadata has the rates of the optimizer. NULL: none. */
  const char *save;
} rapt_bench_options;

typedef struct rapt_timing {
  const rapt_work_info *work;
  double seconds;      /* the least of all repetitions; of decoding: of one token */
  double cpu_seconds;  /* the least processor time of the process, of all its threads, in the same way */
  double rate;         /* in work->unit */
  double loss;         /* of the last repetition; NaN where there is none */
  double plan_seconds; /* of planning the graph, the least of several times; 0 where several plans are used */
  int64_t repeats;
  int64_t nodes;       /* of the plan */
  int64_t arena_bytes; /* of all tensors and scratch of the plan */
  int64_t parameters;  /* elements */
} rapt_timing;
typedef void (*rapt_timing_fn)(void *user, const rapt_timing *timing);
/* What a work spends its time on: all nodes of one op in one line. Node by node the least of all repetitions counts. */
typedef struct rapt_op_time {
  const char *op;
  int64_t nodes;
  double seconds, flops, bytes; /* rapt_node_time, summed */
} rapt_op_time;
typedef struct rapt_machine_peak {
  double flops; /* a second: of the product's innermost loop on data in the first cache, one thread */
  double bytes; /* a second: reading memory that no cache holds, one thread */
} rapt_machine_peak;
typedef void (*rapt_op_time_fn)(void *user, const rapt_op_time *time);
/* Profiles one work that runs a plan; most time first. RAPT_EUNSUPPORTED for works that run several plans. */
RAPT_API rapt_status rapt_bench_profile(rapt_context *ctx, const rapt_bench_options *options, rapt_op_time_fn each,
                                        void *user);
RAPT_API rapt_status rapt_machine_measure(rapt_context *ctx, rapt_machine_peak *out);
/* Builds and times works on the context's threads; `each` gets one timing a work. `options` may be NULL. RAPT_EKEY: no such
 * work or setting; RAPT_EINTERRUPTED after rapt_context_interrupt. */
RAPT_API rapt_status rapt_bench_run(rapt_context *ctx, const rapt_bench_options *options, rapt_timing_fn each,
                                    void *user);

#ifdef __cplusplus
}
#endif
#endif
