/* rapt/system.h: what the machine offers and how fast the kernels are, for `rapt doctor` and `rapt bench`. */
#ifndef RAPT_SYSTEM_H
#define RAPT_SYSTEM_H

#include <rapt/base.h>

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

/* One timing: `rate` in GFLOP/s or GB/s as `unit` says. */
typedef struct rapt_timing {
  const char *name, *unit;
  double seconds, rate;
} rapt_timing;
typedef void (*rapt_timing_fn)(void *user, const rapt_timing *timing);
/* Times kernels and whole training steps on the context's threads: the least of several repetitions each. */
RAPT_API rapt_status rapt_bench_run(rapt_context *ctx, rapt_timing_fn each, void *user);

#ifdef __cplusplus
}
#endif
#endif
