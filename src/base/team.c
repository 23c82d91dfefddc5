/* The thread team. A run is published in one atomic word, from which caller and workers draw tickets; a worker that
 * sleeps through a run costs it nothing, since the caller waits for drawn tickets and not for workers.
 *
 * Why that is safe: the word holds the run's number and its next ticket, and reads CLOSED between runs. A worker reads
 * the word, then the job, then draws by compare-and-swap. The job changes only after every drawn ticket of the last run
 * has been reported done, so a draw that succeeds proves that the job just read belongs to it. */
#include "base/team.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

enum {
  MAX_TEAM = 1024,
  SPIN = 3000,        /* pauses before a thread sleeps: some tens of microseconds, a few small kernels long */
  SPIN_CROWDED = 100, /* with more threads than processors, spinning takes time from those that work */
};

#define CLOSED UINT32_MAX     /* no ticket to draw */
#define MAX_TICKETS INT32_MAX /* more tasks than this share tickets */

typedef struct worker {
  rapt__team *team; /* borrowed */
  pthread_t thread;
  int index;
} worker;

struct rapt__team {
  int size;        /* threads, the caller included */
  int spin;        /* pauses before sleeping */
  worker *workers; /* owned; [0] stands for the caller */
  pthread_mutex_t mutex;
  pthread_cond_t wake, finished;
  atomic_int sleepers; /* workers that wait for `wake`, or are about to */
  atomic_int waiting;  /* the caller waits for `finished`, or is about to */
  atomic_bool stop;

  /* The job of the run in progress. */
  _Atomic(rapt__task_fn) fn;
  _Atomic(void *) arg;
  _Atomic int64_t tasks;
  _Atomic int64_t tickets;

  _Alignas(64) _Atomic uint64_t word; /* run number << 32 | next ticket */
  _Alignas(64) _Atomic int64_t done;  /* tickets whose tasks have ended */
};

/* What this thread is doing, so that a run started from inside a task stays on its thread instead of waiting for
 * itself. */
static _Thread_local const rapt__team *current_team;
static _Thread_local int current_worker;

static inline void pause_cpu(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static inline uint32_t run_of(uint64_t word) { return (uint32_t)(word >> 32); }

static void run_ticket(const rapt__team *team, rapt__task_fn fn, void *arg, int64_t tasks, int64_t tickets,
                       int64_t ticket, int index) {
  int64_t each = tasks / tickets, rest = tasks % tickets;
  int64_t first = ticket * each + (ticket < rest ? ticket : rest);
  int64_t end = first + each + (ticket < rest);
  const rapt__team *outer_team = current_team;
  int outer_worker = current_worker;
  current_team = team;
  current_worker = index;
  for (int64_t task = first; task < end; task++) fn(arg, task, index);
  current_team = outer_team;
  current_worker = outer_worker;
}

/* Draws tickets of the run in progress until none is left. */
static void take_part(rapt__team *team, int index) {
  uint64_t word = atomic_load_explicit(&team->word, memory_order_acquire);
  for (;;) {
    uint32_t ticket = (uint32_t)word;
    if (ticket == CLOSED) return;
    rapt__task_fn fn = atomic_load_explicit(&team->fn, memory_order_relaxed);
    void *arg = atomic_load_explicit(&team->arg, memory_order_relaxed);
    int64_t tasks = atomic_load_explicit(&team->tasks, memory_order_relaxed);
    int64_t tickets = atomic_load_explicit(&team->tickets, memory_order_relaxed);
    if (ticket >= tickets) return;
    if (!atomic_compare_exchange_weak_explicit(&team->word, &word, word + 1, memory_order_acq_rel,
                                               memory_order_acquire))
      continue;
    run_ticket(team, fn, arg, tasks, tickets, ticket, index);
    if (atomic_fetch_add(&team->done, 1) + 1 == tickets && atomic_load(&team->waiting)) {
      pthread_mutex_lock(&team->mutex);
      pthread_cond_signal(&team->finished);
      pthread_mutex_unlock(&team->mutex);
    }
    word = atomic_load_explicit(&team->word, memory_order_acquire);
  }
}

/* Waits until a run other than `seen` was published, or the end. */
static uint32_t await_run(rapt__team *team, uint32_t seen) {
  for (int i = 0; i < team->spin; i++) {
    uint32_t now = run_of(atomic_load_explicit(&team->word, memory_order_acquire));
    if (now != seen || atomic_load_explicit(&team->stop, memory_order_relaxed)) return now;
    pause_cpu();
  }
  pthread_mutex_lock(&team->mutex);
  /* Counted before the word is looked at again, and the caller does it the other way round: one of the two sees it. */
  atomic_fetch_add(&team->sleepers, 1);
  uint32_t now;
  while ((now = run_of(atomic_load(&team->word))) == seen && !atomic_load(&team->stop))
    pthread_cond_wait(&team->wake, &team->mutex);
  atomic_fetch_sub(&team->sleepers, 1);
  pthread_mutex_unlock(&team->mutex);
  return now;
}

static void *worker_main(void *arg) {
  worker *self = arg;
  rapt__team *team = self->team;
  uint32_t seen = 0;
  while (!atomic_load(&team->stop)) {
    seen = await_run(team, seen);
    take_part(team, self->index);
  }
  return NULL;
}

static void await_done(rapt__team *team, int64_t tickets) {
  for (int i = 0; i < team->spin; i++) {
    if (atomic_load_explicit(&team->done, memory_order_acquire) == tickets) return;
    pause_cpu();
  }
  pthread_mutex_lock(&team->mutex);
  atomic_store(&team->waiting, 1);
  while (atomic_load(&team->done) != tickets) pthread_cond_wait(&team->finished, &team->mutex);
  atomic_store(&team->waiting, 0);
  pthread_mutex_unlock(&team->mutex);
}

static void wake_sleepers(rapt__team *team, int64_t wanted) {
  int sleepers = atomic_load(&team->sleepers);
  if (sleepers == 0) return;
  /* With the lock taken once, a counted sleeper is either inside its wait or will still see the new run. */
  pthread_mutex_lock(&team->mutex);
  pthread_mutex_unlock(&team->mutex);
  if (wanted >= sleepers) {
    pthread_cond_broadcast(&team->wake);
  } else {
    while (wanted-- > 0) pthread_cond_signal(&team->wake);
  }
}

void rapt__team_run(rapt__team *team, rapt__task_fn fn, void *arg, int64_t tasks) {
  if (tasks <= 0) return;
  bool nested = current_team == team;
  if (nested || team->size == 1 || tasks == 1) {
    run_ticket(team, fn, arg, tasks, 1, 0, nested ? current_worker : 0);
    return;
  }
  int64_t tickets = tasks < MAX_TICKETS ? tasks : MAX_TICKETS;
  atomic_store_explicit(&team->fn, fn, memory_order_relaxed);
  atomic_store_explicit(&team->arg, arg, memory_order_relaxed);
  atomic_store_explicit(&team->tasks, tasks, memory_order_relaxed);
  atomic_store_explicit(&team->tickets, tickets, memory_order_relaxed);
  atomic_store_explicit(&team->done, 0, memory_order_relaxed);
  uint64_t run = (uint64_t)(run_of(atomic_load_explicit(&team->word, memory_order_relaxed)) + 1) << 32;
  atomic_store(&team->word, run);
  wake_sleepers(team, tickets - 1);
  take_part(team, 0);
  await_done(team, tickets);
  atomic_store(&team->word, run | CLOSED);
}

/* Signals are for the program's own threads, so the workers start with all of them blocked. */
static int start_workers(rapt__team *team, int threads) {
  sigset_t all, before;
  sigfillset(&all);
  bool masked = pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
  int started = 1;
  for (; started < threads; started++) {
    team->workers[started] = (worker){.team = team, .index = started};
    if (pthread_create(&team->workers[started].thread, NULL, worker_main, &team->workers[started]) != 0) break;
  }
  if (masked) pthread_sigmask(SIG_SETMASK, &before, NULL);
  return started;
}

static rapt_status init_locks(rapt_context *ctx, rapt__team *team) {
  int error = pthread_mutex_init(&team->mutex, NULL);
  if (error == 0) {
    error = pthread_cond_init(&team->wake, NULL);
    if (error == 0) {
      error = pthread_cond_init(&team->finished, NULL);
      if (error == 0) return RAPT_OK;
      pthread_cond_destroy(&team->wake);
    }
    pthread_mutex_destroy(&team->mutex);
  }
  return rapt__fail(ctx, RAPT_ENOMEM, "threads: cannot make the locks of the team: %s", strerror(error));
}

rapt_status rapt__team_new(rapt_context *ctx, int threads, rapt__team **out) {
  *out = NULL;
  if (threads < 1) threads = 1;
  if (threads > MAX_TEAM) threads = MAX_TEAM;
  rapt__team *team = rapt__alloc_aligned(ctx, sizeof *team);
  if (!team) return RAPT_ENOMEM;
  team->workers = rapt__new(ctx, (size_t)threads, sizeof *team->workers);
  rapt_status status = team->workers ? init_locks(ctx, team) : RAPT_ENOMEM;
  if (status != RAPT_OK) {
    rapt__free(ctx, team->workers);
    rapt__free_aligned(ctx, team);
    return status;
  }
  atomic_init(&team->word, (uint64_t)CLOSED);
  team->spin = threads > rapt__cpu_count() ? SPIN_CROWDED : SPIN;
  team->size = start_workers(team, threads);
  if (team->size < threads)
    rapt__log(ctx, RAPT_LOG_WARN, "threads: only %d of %d could be started", team->size, threads);
  *out = team;
  return RAPT_OK;
}

void rapt__team_free(rapt_context *ctx, rapt__team *team) {
  if (!team) return;
  atomic_store(&team->stop, true);
  pthread_mutex_lock(&team->mutex);
  pthread_cond_broadcast(&team->wake);
  pthread_mutex_unlock(&team->mutex);
  for (int i = 1; i < team->size; i++) pthread_join(team->workers[i].thread, NULL);
  pthread_cond_destroy(&team->finished);
  pthread_cond_destroy(&team->wake);
  pthread_mutex_destroy(&team->mutex);
  rapt__free(ctx, team->workers);
  rapt__free_aligned(ctx, team);
}

int rapt__team_size(const rapt__team *team) { return team->size; }
