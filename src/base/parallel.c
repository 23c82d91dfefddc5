/* Open MPI, loaded when mpirun started the process. MPI's interface is one of names in C, not of addresses in a library, so
 * what follows is Open MPI's: its handles are pointers to objects that it exports. */
#include "base/parallel.h"

#include "base/file.h"
#include "base/lazy.h"

#include <limits.h>
#include <stdlib.h>
#include <time.h>

enum { FUNNELED = 1 }; /* MPI_THREAD_FUNNELED: only the thread that joined calls MPI */
#define IN_PLACE ((void *)1)

struct rapt__parallel {
  int rank, size;
  bool trained, apart; /* the spread training is over; the others no longer answer */
};

static struct {
  int (*initialized)(int *);
  int (*init)(int *, char ***, int, int *);
  int (*finalize)(void);
  int (*rank)(void *, int *);
  int (*size)(void *, int *);
  int (*set_errhandler)(void *, void *);
  int (*iallreduce)(const void *, void *, int, void *, void *, void *, void **);
  int (*ibcast)(void *, int, void *, int, void *, void **);
  int (*ibarrier)(void *, void **);
  int (*test)(void **, int *, void *);
  char *world, *real, *number, *byte, *sum, *most, *errors_return;
} mpi;

static rapt_status load(rapt_context *ctx) {
  const rapt__symbol symbols[] = {{"MPI_Initialized", &mpi.initialized},
                                  {"MPI_Init_thread", &mpi.init},
                                  {"MPI_Finalize", &mpi.finalize},
                                  {"MPI_Comm_rank", &mpi.rank},
                                  {"MPI_Comm_size", &mpi.size},
                                  {"MPI_Comm_set_errhandler", &mpi.set_errhandler},
                                  {"MPI_Iallreduce", &mpi.iallreduce},
                                  {"MPI_Ibcast", &mpi.ibcast},
                                  {"MPI_Ibarrier", &mpi.ibarrier},
                                  {"MPI_Test", &mpi.test},
                                  {"ompi_mpi_comm_world", &mpi.world},
                                  {"ompi_mpi_float", &mpi.real},
                                  {"ompi_mpi_double", &mpi.number},
                                  {"ompi_mpi_byte", &mpi.byte},
                                  {"ompi_mpi_op_sum", &mpi.sum},
                                  {"ompi_mpi_op_max", &mpi.most},
                                  {"ompi_mpi_errors_return", &mpi.errors_return}};
  return rapt__lazy_load(ctx, "libmpi.so.40", "training under mpirun", true, symbols, sizeof symbols / sizeof *symbols);
}

rapt_status rapt_parallel_join(rapt_context *ctx) {
  const char *size = getenv("OMPI_COMM_WORLD_SIZE"); /* Open MPI's own word for a process that it started */
  if (ctx->parallel || !size || strtol(size, NULL, 10) < 2) return RAPT_OK;
  RAPT_TRY(load(ctx));
  rapt__parallel *p = rapt__new(ctx, 1, sizeof *p);
  if (!p) return RAPT_ENOMEM;
  int ready = 0, got;
  int error = mpi.initialized(&ready);
  if (!error && !ready) error = mpi.init(NULL, NULL, FUNNELED, &got);
  if (!error) error = mpi.set_errhandler(mpi.world, mpi.errors_return);
  if (!error) error = mpi.rank(mpi.world, &p->rank);
  if (!error) error = mpi.size(mpi.world, &p->size);
  if (error) {
    rapt__free(ctx, p);
    return rapt__fail(ctx, RAPT_EIO, "Open MPI does not start: its error %d", error);
  }
  ctx->parallel = p;
  return RAPT_OK;
}

int rapt_parallel_rank(const rapt_context *ctx) { return ctx->parallel ? ctx->parallel->rank : 0; }
int rapt_parallel_size(const rapt_context *ctx) { return ctx->parallel ? ctx->parallel->size : 1; }

bool rapt__parallel_spread(const rapt_context *ctx) {
  const rapt__parallel *p = ctx->parallel;
  return p && p->size > 1 && !p->trained && !p->apart;
}

void rapt__parallel_finished(rapt_context *ctx) {
  if (ctx->parallel) ctx->parallel->trained = true;
}

static rapt_status apart(rapt_context *ctx, const char *why) {
  ctx->parallel->apart = true;
  return rapt__fail(ctx, RAPT_EINTERRUPTED, "a process of this run %s", why);
}

/* Polls, first at once and then with pauses: the processes may share a core. */
static rapt_status await(rapt_context *ctx, void **request, double patience) {
  double interrupted = 0;
  for (int64_t round = 0;; round++) {
    int done = 0;
    if (mpi.test(request, &done, NULL) != 0) return apart(ctx, "is gone");
    if (done) return RAPT_OK;
    if (patience > 0 && atomic_load(&ctx->interrupted)) {
      double now = rapt__now();
      if (interrupted == 0) interrupted = now;
      if (now - interrupted > patience) return apart(ctx, "does not answer");
    }
    if (round > 1000) nanosleep(&(struct timespec){.tv_nsec = round > 5000 ? 500000 : 20000}, NULL);
  }
}

enum { PART = 1 << 30 }; /* MPI counts in int */

rapt_status rapt__parallel_begin_sum(rapt_context *ctx, float *values, size_t count, rapt__reduction *r) {
  if (ctx->parallel->apart) return RAPT_EINTERRUPTED;
  if (count > PART) return rapt__fail(ctx, RAPT_EINVAL, "a sum of %zu values in one piece", count);
  if (mpi.iallreduce(IN_PLACE, values, (int)count, mpi.real, mpi.sum, mpi.world, &r->request) != 0)
    return apart(ctx, "is gone");
  return RAPT_OK;
}

void rapt__parallel_push(rapt__reduction *r) {
  int done;
  if (r->request) mpi.test(&r->request, &done, NULL); /* an error shows again in the wait */
}

/* Long enough for a step to end that is under way in another process; mpirun kills a second after it asks to end. */
static const double patience = 0.4;

rapt_status rapt__parallel_wait(rapt_context *ctx, rapt__reduction *r) {
  return ctx->parallel->apart ? RAPT_EINTERRUPTED : await(ctx, &r->request, patience);
}

rapt_status rapt__parallel_sum(rapt_context *ctx, float *values, size_t count) {
  for (size_t at = 0; at < count; at += PART) {
    rapt__reduction r;
    RAPT_TRY(rapt__parallel_begin_sum(ctx, values + at, count - at < PART ? count - at : PART, &r));
    RAPT_TRY(rapt__parallel_wait(ctx, &r));
  }
  return RAPT_OK;
}

rapt_status rapt__parallel_most(rapt_context *ctx, double *values, size_t count) {
  void *request;
  if (ctx->parallel->apart) return RAPT_EINTERRUPTED;
  if (mpi.iallreduce(IN_PLACE, values, (int)count, mpi.number, mpi.most, mpi.world, &request) != 0)
    return apart(ctx, "is gone");
  return await(ctx, &request, patience);
}

rapt_status rapt__parallel_copy(rapt_context *ctx, void *values, size_t bytes) {
  for (size_t at = 0; at < bytes; at += PART) {
    void *request;
    size_t n = bytes - at < PART ? bytes - at : PART;
    if (ctx->parallel->apart) return RAPT_EINTERRUPTED;
    if (mpi.ibcast((char *)values + at, (int)n, mpi.byte, 0, mpi.world, &request) != 0) return apart(ctx, "is gone");
    RAPT_TRY(await(ctx, &request, patience));
  }
  return RAPT_OK;
}

void rapt_parallel_leave(rapt_context *ctx) {
  rapt__parallel *p = ctx->parallel;
  if (!p) return;
  void *request;
  /* After an error the others may be waiting for a sum: mpirun ends them when this process ends without a farewell. */
  bool together = !p->apart && ctx->status == RAPT_OK;
  if (together && mpi.ibarrier(mpi.world, &request) == 0 && await(ctx, &request, patience) == RAPT_OK) mpi.finalize();
  ctx->parallel = NULL;
  rapt__free(ctx, p);
}
