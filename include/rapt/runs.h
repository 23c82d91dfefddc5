/* rapt/runs.h: the index of training runs, one SQLite file a user. What a run made is in its directory; the index only
 * says which runs there are, so it may be lost or missing without harm.
 *
 * The file is runs.db in $RAPT_HOME, else in $XDG_DATA_HOME/rapt, else in $HOME/.local/share/rapt. Several processes may use
 * it at once. Errors name the file: RAPT_EIO where it cannot be read or written, RAPT_EFORMAT where it is damaged or of a
 * newer rapt, RAPT_ENOTFOUND where no home is known. */
#ifndef RAPT_RUNS_H
#define RAPT_RUNS_H

#include <rapt/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "lost" is never stored: it is a run that was noted as running by a process of this host which no longer lives. */
#define RAPT_RUN_STATE_LIST(X)                                                                                         \
  X(RUNNING, "running") X(DONE, "done") X(STOPPED, "stopped") X(FAILED, "failed") X(LOST, "lost")

typedef enum rapt_run_state {
#define RAPT_RUN_STATE_ENUM(name, text) RAPT_RUN_##name,
  RAPT_RUN_STATE_LIST(RAPT_RUN_STATE_ENUM)
#undef RAPT_RUN_STATE_ENUM
} rapt_run_state;

/* "running", "done", "stopped" (can be resumed), "failed" or "lost". Never NULL. */
RAPT_API const char *rapt_run_state_text(rapt_run_state state);

typedef enum rapt_run_mark { RAPT_MARK_NOT_JUDGED, RAPT_MARK_REACHED, RAPT_MARK_MISSED } rapt_run_mark;

/* "not judged", "reached" or "missed". Never NULL. */
RAPT_API const char *rapt_run_mark_text(rapt_run_mark mark);

/* Unknown are texts that are NULL (read from the index: empty), reals that are NaN, and integers below 0. */
typedef struct rapt_run_record {
  const char *id;       /* unique; letters, digits, '-' and '_', at most 64 */
  const char *recipe;   /* "gpt" */
  const char *dir;      /* the run directory; absolute once stored */
  const char *settings; /* those that differ from the recipe's defaults: a JSON object of texts */
  const char *version;  /* of rapt */
  const char *started;  /* ISO 8601 in UTC, "2026-01-02T03:04:05Z" */
  const char *ended;    /* likewise; set by rapt_runs_put */
  const char *host;     /* where it ran last; set by rapt_runs_put, as is pid */
  int64_t pid;
  rapt_run_state state;
  rapt_run_mark mark;
  int64_t seed, steps; /* updates made so far */
  double seconds;      /* of training, over all sessions */
  double loss, best;   /* newest and lowest validation loss */
  double figure;       /* the recipe's */
} rapt_run_record;

/* A record of which nothing is known. */
RAPT_API rapt_run_record rapt_run_record_unknown(void);

/* Adds a run, or updates the one with this id. `id` must be given; of a new run also `recipe` and `dir`. What is unknown
 * keeps its stored value; `started` of a new run is the present time. A run put as running belongs to the calling process,
 * and has no end, figure or judgement until it is put again. */
RAPT_API rapt_status rapt_runs_put(rapt_context *ctx, const rapt_run_record *run);

typedef struct rapt_run_list {
  const rapt_run_record *runs; /* texts are never NULL, and live until rapt_run_list_free */
  size_t count;
} rapt_run_list;

/* The runs, newest first: of one recipe, or of all when `recipe` is NULL; at most `limit`, 0: all. Without an index the
 * list is empty. */
RAPT_API rapt_status rapt_runs_list(rapt_context *ctx, const char *recipe, size_t limit, rapt_run_list **out);

/* The run with this id, else the newest one in this directory, else the one whose id alone begins so: a list of one.
 * RAPT_ENOTFOUND: there is none, and the sentence names the nearest; RAPT_EINVAL: several ids begin so. */
RAPT_API rapt_status rapt_runs_find(rapt_context *ctx, const char *name, rapt_run_list **out);

RAPT_API void rapt_run_list_free(rapt_context *ctx, rapt_run_list *list); /* NULL is allowed */

/* Forgets the runs whose directory does not exist any more; *count says how many those were. */
RAPT_API rapt_status rapt_runs_prune(rapt_context *ctx, size_t *count);

/* Every setting in which two runs differ. A side that has no such setting is "-"; one whose default is not known, because
 * another version of rapt made the run, is "(default)". Texts live during the call only. */
typedef void (*rapt_run_difference_fn)(void *user, const char *key, const char *a, const char *b);
RAPT_API rapt_status rapt_runs_compare(rapt_context *ctx, const rapt_run_record *a, const rapt_run_record *b,
                                       rapt_run_difference_fn each, void *user);

/* Draws the losses of these runs, read from the metrics.jsonl of their directories, into one SVG file. */
RAPT_API rapt_status rapt_runs_plot(rapt_context *ctx, const rapt_run_record *runs, size_t count, const char *path);

#ifdef __cplusplus
}
#endif
#endif
