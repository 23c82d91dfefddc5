/* rapt sweep: many runs of a recipe over a grid of settings. */
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct watcher {
  bool spread; /* several ranks: each counts only its own runs */
} watcher;

static void tell(void *user, const rapt_sweep_run *run, size_t ended, size_t total) {
  const watcher *w = user;
  if (!w->spread) fprintf(stderr, "[%zu/%zu] ", ended, total);
  fprintf(stderr, "%s: ", run->name);
  if (run->state == RAPT_SWEEP_RUNNING)
    fprintf(stderr, "begins, log %s/train.log\n", run->dir);
  else if (run->state == RAPT_SWEEP_DONE)
    fprintf(stderr, "figure %.5g, mark %s, %.2f minutes\n", run->figure, rapt_run_mark_text(run->mark), run->minutes);
  else
    fprintf(stderr, "%s%s%s\n", rapt_sweep_state_text(run->state), *run->why ? ": " : "", run->why);
}

static int print(rapt_context *ctx, rapt_sweep *sweep, rapt_sweep_form form) {
  const char *text;
  if (rapt_sweep_text(ctx, sweep, form, &text) != RAPT_OK) return cli_failed(ctx);
  fputs(text, stdout);
  return EXIT_DONE;
}

static int write_csv(rapt_context *ctx, rapt_sweep *sweep, const char *path) {
  const char *text;
  if (rapt_sweep_text(ctx, sweep, RAPT_SWEEP_CSV, &text) != RAPT_OK) return cli_failed(ctx);
  FILE *f = fopen(path, "wb");
  bool whole = f && fputs(text, f) >= 0;
  if (f && fclose(f) != 0) whole = false;
  if (!whole) fprintf(stderr, "rapt: cannot write %s\n", path);
  return whole ? EXIT_DONE : EXIT_FAILED;
}

static size_t count_in(const rapt_sweep *sweep, rapt_sweep_state state) {
  size_t n = 0;
  for (size_t i = 0; i < rapt_sweep_count(sweep); i++) n += rapt_sweep_get(sweep, i)->state == state;
  return n;
}

static int show_results(rapt_context *ctx, rapt_sweep *sweep, const sweep_wish *wish, const char *again) {
  int code = print(ctx, sweep, wish->json ? RAPT_SWEEP_JSON : RAPT_SWEEP_TABLE);
  if (code == EXIT_DONE && rapt_sweep_save(ctx, sweep) != RAPT_OK) code = cli_failed(ctx);
  if (code == EXIT_DONE && wish->csv) code = write_csv(ctx, sweep, wish->csv);
  if (code != EXIT_DONE) return code;
  size_t left =
      count_in(sweep, RAPT_SWEEP_PLANNED) + count_in(sweep, RAPT_SWEEP_STOPPED) + count_in(sweep, RAPT_SWEEP_RUNNING);
  if (left)
    fprintf(stderr, "not done: %zu of %zu; %s goes on\n", left, rapt_sweep_count(sweep), again);
  else
    fprintf(stderr, "done: %s (open %s/sweep.html)\n", rapt_sweep_dir(sweep), rapt_sweep_dir(sweep));
  return count_in(sweep, RAPT_SWEEP_FAILED) ? EXIT_FAILED : EXIT_DONE;
}

int cli_do_sweep(rapt_context *ctx, rapt_sweep *sweep, const sweep_wish *wish, const char *again) {
  bool first = rapt_parallel_rank(ctx) == 0;
  if (wish->dry_run) return first ? print(ctx, sweep, RAPT_SWEEP_PLAN) : EXIT_DONE;
  watcher w = {.spread = rapt_parallel_size(ctx) > 1};
  /* The file that runs now, even if another one is installed in its place meanwhile. */
  rapt_sweep_options options = {.program = "/proc/self/exe", .jobs = wish->jobs, .tell = tell, .user = &w};
  if (rapt_sweep_train(ctx, sweep, &options) != RAPT_OK) return cli_failed(ctx);
  return first ? show_results(ctx, sweep, wish, again) : EXIT_DONE;
}

typedef struct request {
  const char *recipe, **settings; /* settings: count */
  int count;
  sweep_wish wish;
} request;

/* 0, or the exit code of a usage error. */
static int read_arguments(int argc, char **argv, request *r) {
  const char *value;
  double jobs;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--dry-run") == 0) {
      r->wish.dry_run = true;
    } else if (strcmp(argv[i], "--json") == 0) {
      r->wish.json = true;
    } else if (cli_option("--csv", argc, argv, &i, &value)) {
      if (!(r->wish.csv = value)) return cli_usage(&cli_sweep, "--csv needs the name of a file");
    } else if (cli_option("--jobs", argc, argv, &i, &value)) {
      if (!value || !cli_number(value, &jobs) || jobs < 1 || jobs > 1024 || jobs != floor(jobs))
        return cli_usage(&cli_sweep, "--jobs needs a whole number from 1 to 1024");
      r->wish.jobs = (int)jobs;
    } else if (argv[i][0] == '-') {
      return cli_usage(&cli_sweep, "unknown option \"%s\"", argv[i]);
    } else if (strchr(argv[i], '=')) {
      r->settings[r->count++] = argv[i];
    } else if (r->recipe) {
      return cli_usage(&cli_sweep, "one recipe at a time, not \"%s\" too (settings are key=value)", argv[i]);
    } else {
      r->recipe = argv[i];
    }
  }
  return r->recipe ? 0 : cli_usage(&cli_sweep, "which recipe?");
}

static int do_request(const request *r) {
  rapt_context *ctx = cli_context(1);
  if (!ctx) return EXIT_FAILED;
  rapt_sweep *sweep = NULL;
  int code;
  if (rapt_parallel_join(ctx) != RAPT_OK || rapt_sweep_new(ctx, r->recipe, r->settings, r->count, &sweep) != RAPT_OK)
    code = cli_failed(ctx);
  else
    code = cli_do_sweep(ctx, sweep, &r->wish, "the same command");
  rapt_sweep_free(ctx, sweep);
  rapt_context_free(ctx);
  return code;
}

static int sweep_command(int argc, char **argv) {
  request r = {.settings = calloc((size_t)argc + 1, sizeof *r.settings)};
  if (!r.settings) return EXIT_FAILED;
  int code = read_arguments(argc, argv, &r);
  if (code == 0) code = do_request(&r);
  free(r.settings);
  return code;
}

const command cli_sweep = {
    "sweep", "RECIPE [key=value|key=A,B|key=M..N …] [--jobs N] [--dry-run] [--json] [--csv FILE]",
    "trains a recipe with every combination of values", sweep_command,
    "\n  --jobs N      runs at a time (as many as the processors bear with train.threads each)\n"
    "  --dry-run     check everything and list the runs\n"
    "  --json        the results as JSON\n"
    "  --csv FILE    also write the results there\n"
    "\nA value may be a list, train.lr=1e-3,3e-3, a range of whole numbers, seed=1..5, or both; \"\\,\" is a comma "
    "inside "
    "a value.\n"
    "Every combination is a run of its own below out=DIR (sweeps/RECIPE), which also gets results.csv and sweep.html. "
    "The same\n"
    "command goes on where one was stopped: what is done is not repeated. Over several seeds the table has mean ± "
    "standard\n"
    "deviation. mpirun -n N rapt sweep … spreads the runs over N processes.\n"};
