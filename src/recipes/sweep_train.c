/* The processes of a sweep: started, waited for, stopped. Each is a process group of its own, so that a Ctrl-C on the
 * terminal reaches it once, through us; a second one would kill it while it saves. */
#include "recipes/sweep.h"

#include "base/file.h"
#include "base/team.h"

#include <rapt/parallel.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_JOBS = 1024, PAUSE_NS = 20000000, TAIL = 4096 };

typedef struct child {
  pid_t pid; /* 0: free */
  rapt_sweep_run *run;
  bool resumed, told; /* it goes on with an earlier run; it was asked to stop */
} child;

typedef struct work {
  rapt_sweep *sweep;
  rapt_context *ctx;
  const rapt_sweep_options *options;
  child *children; /* jobs */
  int jobs;
  char threads[40]; /* "train.threads=2", or "": as the settings say */
  char **environment;
  size_t next, step, ended; /* the next run to look at; every step-th is ours */
} work;

/* ---- Starting ---------------------------------------------------------------------------------------------------- */

/* A child trains alone, also where mpirun has started us: it must not see Open MPI's variables. */
static char **own_environment(rapt_context *ctx) {
  static const char *const hidden[] = {"OMPI_", "PMIX_", "PRTE_", "PMI_"};
  size_t n = 0, kept = 0;
  while (environ[n]) n++;
  char **list = rapt__new(ctx, n + 1, sizeof *list);
  for (size_t i = 0; list && i < n; i++) {
    bool hide = false;
    for (size_t h = 0; h < sizeof hidden / sizeof *hidden; h++)
      hide = hide || strncmp(environ[i], hidden[h], strlen(hidden[h])) == 0;
    if (!hide) list[kept++] = environ[i];
  }
  return list;
}

/* Default signals, standard output and error into the log, no input. Returns an errno. */
static int spawn(const work *w, const char *log, char *const *arguments, pid_t *pid) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  sigset_t none, reset;
  sigemptyset(&none);
  sigemptyset(&reset);
  sigaddset(&reset, SIGINT);
  sigaddset(&reset, SIGTERM);
  sigaddset(&reset, SIGPIPE);
  int error = posix_spawn_file_actions_init(&files);
  if (error) return error;
  error = posix_spawnattr_init(&attributes);
  if (error) {
    posix_spawn_file_actions_destroy(&files);
    return error;
  }
  error = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  if (!error) error = posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (!error) error = posix_spawn_file_actions_adddup2(&files, 1, 2);
  if (!error) error = posix_spawnattr_setsigmask(&attributes, &none);
  if (!error) error = posix_spawnattr_setsigdefault(&attributes, &reset);
  if (!error) error = posix_spawnattr_setpgroup(&attributes, 0);
  if (!error)
    error =
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  if (!error) error = posix_spawn(pid, w->options->program, &files, &attributes, arguments, w->environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

static rapt_status remove_file(rapt_context *ctx, const char *dir, const char *name) {
  char *path = rapt__path_join(ctx, dir, name);
  if (!path) return RAPT_ENOMEM;
  rapt_status status = unlink(path) == 0 || errno == ENOENT ? RAPT_OK : rapt__fail_errno(ctx, "remove it", path);
  rapt__free(ctx, path);
  return status;
}

/* How a run begins: it is new; it goes on; it could not go on and begins once more, in the same place. */
typedef enum start { FRESH, RESUME, ANEW } start;

static rapt_status begin(work *w, child *c, rapt_sweep_run *run, start how) {
  bool resume = how == RESUME;
  rapt__arena arena;
  rapt__arena_init(&arena, w->ctx);
  const char **arguments = rapt__arena_new(&arena, (size_t)run->setting_count + 6, sizeof *arguments);
  const char *log = rapt__arena_format(&arena, "%s/train.log", run->dir),
             *out = rapt__arena_format(&arena, "out=%s", run->dir);
  rapt_status status = arguments && log && out ? rapt__make_dirs(w->ctx, run->dir) : RAPT_ENOMEM;
  if (status == RAPT_OK) status = remove_file(w->ctx, run->dir, "result.json");
  if (status == RAPT_OK && how == ANEW) status = remove_file(w->ctx, run->dir, "run.json");
  if (status == RAPT_OK) {
    size_t n = 0;
    arguments[n++] = w->options->program;
    arguments[n++] = "train";
    arguments[n++] = resume ? "--resume" : run->recipe;
    if (resume) arguments[n++] = run->dir;
    for (int i = 0; !resume && i < run->setting_count; i++) arguments[n++] = run->settings[i];
    if (*w->threads) arguments[n++] = w->threads;
    if (!resume) arguments[n++] = out;
    int error = spawn(w, log, (char *const *)arguments, &c->pid);
    if (error) {
      c->pid = 0;
      errno = error;
      status = rapt__fail_errno(w->ctx, "start it", w->options->program);
    }
  }
  rapt__arena_free(&arena);
  if (status != RAPT_OK) return status;
  c->run = run;
  c->resumed = resume;
  c->told = false;
  run->state = RAPT_SWEEP_RUNNING;
  return RAPT_OK;
}

/* ---- The end of one ---------------------------------------------------------------------------------------------- */

/* The last line of the log, without what could steer a terminal, into `line`. */
static void last_line(const char *dir, char line[512]) {
  char path[4096 + 16], tail[TAIL + 1];
  snprintf(path, sizeof path, "%s/train.log", dir);
  *line = 0;
  FILE *f = fopen(path, "rb");
  if (!f) return;
  if (fseek(f, -TAIL, SEEK_END) != 0) rewind(f);
  size_t size = fread(tail, 1, TAIL, f);
  fclose(f);
  while (size && (tail[size - 1] == '\n' || tail[size - 1] == ' ' || tail[size - 1] == 0)) size--;
  tail[size] = 0;
  size_t begin = size;
  while (begin && tail[begin - 1] != '\n') begin--;
  if (strncmp(tail + begin, "rapt: ", 6) == 0) begin += 6;
  snprintf(line, 512, "%.511s", tail + begin);
  json_t *text = json_string(line); /* NULL where it is not UTF-8, or is cut within a character */
  for (unsigned char *p = (unsigned char *)line; *p; p++)
    if (*p < 0x20 || *p == 0x7F || (!text && *p >= 0x80)) *p = '?';
  json_decref(text);
}

static rapt_status note_failure(work *w, rapt_sweep_run *run, int code) {
  char line[512];
  run->state = RAPT_SWEEP_FAILED;
  last_line(run->dir, line);
  if (WIFSIGNALED(code))
    run->why =
        rapt__arena_format(&w->sweep->arena, "killed by signal %d (%s)", WTERMSIG(code), strsignal(WTERMSIG(code)));
  else if (WEXITSTATUS(code) == 0)
    run->why = rapt__arena_format(&w->sweep->arena, "the index of runs does not have its result: %s", line);
  else
    run->why = rapt__arena_format(&w->sweep->arena, "%s", *line ? line : "it says nothing; see its train.log");
  return run->why ? RAPT_OK : RAPT_ENOMEM;
}

static void tell(work *w, const rapt_sweep_run *run) {
  if (w->options->tell) w->options->tell(w->options->user, run, w->ended, w->sweep->count);
}

static bool is_interrupted(const work *w) { return atomic_load(&w->ctx->interrupted); }

/* What a process that ended with 0 has left behind: done, stopped where it was asked to, or nothing that can be found. */
static rapt_status take_result(work *w, const child *c, int code) {
  rapt_sweep_run *run = c->run;
  RAPT_TRY(rapt__sweep_look(w->sweep, run));
  if (run->state == RAPT_SWEEP_DONE) return RAPT_OK;
  bool may_stop = c->told;
  for (int i = 0; i < run->setting_count; i++)
    may_stop = may_stop || strncmp(run->settings[i], "train.stop_at=", 14) == 0;
  return may_stop ? RAPT_OK : note_failure(w, run, code);
}

static rapt_status finish(work *w, child *c, int code) {
  rapt_sweep_run *run = c->run;
  bool well = WIFEXITED(code) && WEXITSTATUS(code) == 0;
  c->pid = 0;
  if (!well && c->resumed && !c->told) return begin(w, c, run, ANEW);
  if (!well && c->told)
    RAPT_TRY(rapt__sweep_look(w->sweep, run)); /* killed before it could save, or with its own kind of end */
  else
    RAPT_TRY(well ? take_result(w, c, code) : note_failure(w, run, code));
  if (run->state == RAPT_SWEEP_DONE || run->state == RAPT_SWEEP_FAILED) {
    w->ended++;
    RAPT_TRY(rapt__sweep_keep(w->sweep, run));
  }
  tell(w, run);
  return RAPT_OK;
}

/* ---- All of them ------------------------------------------------------------------------------------------------- */

static bool is_to_do(const rapt_sweep_run *run) {
  return run->state == RAPT_SWEEP_PLANNED || run->state == RAPT_SWEEP_STOPPED;
}

/* The next run of our share that is to be done; NULL: there is none. Another process may have begun it by now. */
static rapt_status next_run(work *w, rapt_sweep_run **out) {
  for (*out = NULL; w->next < w->sweep->count; w->next += w->step) {
    rapt_sweep_run *run = &w->sweep->runs[w->next];
    if (!is_to_do(run)) continue;
    RAPT_TRY(rapt__sweep_look(w->sweep, run));
    if (!is_to_do(run)) continue;
    w->next += w->step;
    *out = run;
    return RAPT_OK;
  }
  return RAPT_OK;
}

static rapt_status fill_slots(work *w) {
  for (int i = 0; i < w->jobs && !is_interrupted(w); i++) {
    if (w->children[i].pid) continue;
    rapt_sweep_run *run;
    RAPT_TRY(next_run(w, &run));
    if (!run) return RAPT_OK;
    RAPT_TRY(begin(w, &w->children[i], run, run->state == RAPT_SWEEP_STOPPED ? RESUME : FRESH));
    tell(w, run);
  }
  return RAPT_OK;
}

static void ask_to_stop(work *w) {
  for (int i = 0; i < w->jobs; i++)
    if (w->children[i].pid && !w->children[i].told) {
      kill(w->children[i].pid, SIGINT);
      w->children[i].told = true;
    }
}

static rapt_status reap(work *w, int *alive) {
  rapt_status status = RAPT_OK;
  *alive = 0;
  for (int i = 0; i < w->jobs && status == RAPT_OK; i++) {
    int code;
    if (!w->children[i].pid) continue;
    pid_t got = waitpid(w->children[i].pid, &code, WNOHANG);
    /* Somebody else has waited for it: how it ended is not known, and its directory says what it left. */
    if (got < 0 && errno != EINTR) code = 0;
    if (got > 0 || (got < 0 && errno != EINTR)) status = finish(w, &w->children[i], code);
    if (w->children[i].pid) ++*alive;
  }
  return status;
}

/* After an error nothing is left running. */
static void stop_all(work *w) {
  int code;
  ask_to_stop(w);
  for (int i = 0; i < w->jobs; i++)
    while (w->children[i].pid && waitpid(w->children[i].pid, &code, 0) < 0 && errno == EINTR) continue;
}

static rapt_status loop(work *w) {
  for (int alive = 1; alive;) {
    RAPT_TRY(fill_slots(w));
    if (is_interrupted(w)) ask_to_stop(w);
    RAPT_TRY(reap(w, &alive));
    if (!alive && !is_interrupted(w) && w->next < w->sweep->count) alive = 1;
    if (alive) nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
  }
  return RAPT_OK;
}

/* As many as the processors bear. Where the settings leave train.threads open, one thread each is the fastest, since the
 * runs need not wait for each other. */
static void share_processors(work *w, size_t left) {
  rapt_sweep *s = w->sweep;
  int cores = w->step > 1 ? 1 : rapt__cpu_count(); /* mpirun has spread the ranks over the processors */
  int64_t jobs = w->options->jobs > 0 ? w->options->jobs : s->threads > 0 ? cores / s->threads : cores;
  if (jobs > (int64_t)left) jobs = (int64_t)left;
  if (jobs > MOST_JOBS) jobs = MOST_JOBS;
  w->jobs = s->jobs = jobs > 1 ? (int)jobs : 1;
  if (s->recipe && s->has_threads && s->threads == 0)
    snprintf(w->threads, sizeof w->threads, "train.threads=%d", cores / w->jobs > 1 ? cores / w->jobs : 1);
}

static rapt_status train_share(work *w) {
  size_t left = 0;
  for (size_t i = 0; i < w->sweep->count; i++) {
    rapt_sweep_run *run = &w->sweep->runs[i];
    run->earlier = run->state == RAPT_SWEEP_DONE;
    if (run->earlier || run->state == RAPT_SWEEP_SKIPPED) w->ended++;
    if (i % w->step == w->next && is_to_do(run)) left++;
  }
  share_processors(w, left);
  RAPT_TRY(rapt__make_dirs(w->ctx, w->sweep->dir));
  w->children = rapt__new(w->ctx, (size_t)w->jobs, sizeof *w->children);
  w->environment = w->children ? own_environment(w->ctx) : NULL;
  rapt_status status = w->environment ? loop(w) : RAPT_ENOMEM;
  if (status != RAPT_OK && w->children) stop_all(w);
  rapt__free(w->ctx, w->environment);
  rapt__free(w->ctx, w->children);
  return status;
}

rapt_status rapt_sweep_train(rapt_context *ctx, rapt_sweep *sweep, const rapt_sweep_options *options) {
  if (!options || !options->program || options->jobs < 0)
    return rapt__fail(ctx, RAPT_EINVAL, "a sweep needs the program to start, and a number of jobs from 0 on");
  size_t rank = (size_t)rapt_parallel_rank(ctx), size = (size_t)rapt_parallel_size(ctx);
  work w = {.sweep = sweep, .ctx = ctx, .options = options, .next = rank, .step = size};
  RAPT_TRY(train_share(&w));
  if (size == 1) return RAPT_OK;
  rapt_parallel_leave(ctx); /* waits for the others */
  for (size_t i = 0; rank == 0 && i < sweep->count; i++) {
    bool earlier = sweep->runs[i].earlier;
    if (i % size == rank || sweep->runs[i].state == RAPT_SWEEP_SKIPPED) continue;
    RAPT_TRY(rapt__sweep_collect(sweep, &sweep->runs[i]));
    sweep->runs[i].earlier = earlier;
  }
  return RAPT_OK;
}
