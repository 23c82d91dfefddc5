/* rapt train: runs a recipe, with a progress line on a terminal and plain lines elsewhere. */
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct screen {
  bool terminal, line; /* line: an unfinished progress line is on the screen */
  double told;
} screen;

static void clock_text(char out[32], double seconds) {
  if (seconds < 100)
    snprintf(out, 32, "%.0f s", seconds);
  else if (seconds < 6000)
    snprintf(out, 32, "%.0f min %02.0f s", floor(seconds / 60), fmod(floor(seconds), 60));
  else
    snprintf(out, 32, "%.1f h", seconds / 3600);
}

static void clear_line(screen *s) {
  if (s->line) fputs("\r\033[K", stderr);
  s->line = false;
}

static void tell(void *user, rapt_event event, const rapt_progress *p, const char *text) {
  screen *s = user;
  char left[32], passed[32];
  clock_text(left, p->seconds_left);
  clock_text(passed, p->seconds);
  switch (event) {
  case RAPT_EVENT_PROGRESS:
    if (!s->terminal && p->seconds - s->told < 10 && p->step != p->steps) return;
    s->told = p->seconds;
    clear_line(s);
    fprintf(stderr, "step %lld/%lld  ", (long long)p->step, (long long)p->steps);
    if (!isnan(p->loss))
      fprintf(stderr, "loss %.4f  lr %.2g  ", p->loss, p->lr); /* NaN: what runs has no common loss */
    if (p->tokens_per_second > 0) fprintf(stderr, "%.0f tokens/s  ", p->tokens_per_second); /* 0: not of tokens */
    fprintf(stderr, "%s, %s left%s", passed, left, s->terminal ? "" : "\n");
    s->line = s->terminal;
    break;
  case RAPT_EVENT_EVAL:
    clear_line(s);
    fprintf(stderr, "step %lld  train %.4f  validation %.4f  (%s)\n", (long long)p->step, p->loss, p->eval_loss,
            passed);
    break;
  case RAPT_EVENT_SAMPLE:
    clear_line(s);
    fprintf(stderr, "--- a sample at step %lld ---\n%s\n---\n", (long long)p->step, text);
    break;
  case RAPT_EVENT_NOTE:
    clear_line(s);
    fprintf(stderr, "%s\n", text);
    break;
  case RAPT_EVENT_RESULT:
    clear_line(s);
    printf("%s\n", text);
    break;
  }
  fflush(stderr);
}

static void report_done(const char *dir) {
  char report[1100];
  snprintf(report, sizeof report, "%s/report.html", dir);
  bool has_report = access(report, R_OK) == 0;
  fprintf(stderr, "done: %s%s%s%s\n", dir, has_report ? " (open " : "", has_report ? report : "",
          has_report ? ")" : "");
}

static int find_threads(int argc, char **argv) {
  double n = 0;
  for (int i = 1; i < argc; i++)
    if (strncmp(argv[i], "train.threads=", 14) == 0 && (!cli_number(argv[i] + 14, &n) || n < 0 || n > 1024)) return -1;
  return (int)n;
}

static bool is_file(const char *name) {
  size_t n = strlen(name);
  return strchr(name, '/') || (n > 5 && strcmp(name + n - 5, ".yaml") == 0) ||
         (n > 4 && strcmp(name + n - 4, ".yml") == 0);
}

static rapt_status join(rapt_context *ctx) {
  rapt_status status = rapt_parallel_join(ctx);
  if (status == RAPT_OK && rapt_parallel_size(ctx) > 1 && rapt_parallel_rank(ctx) == 0)
    fprintf(stderr, "%d processes share every step\n", rapt_parallel_size(ctx));
  return status;
}

static int train(int argc, char **argv) {
  const char *what = NULL, *resume = NULL, *value;
  const char **settings = calloc((size_t)argc + 1, sizeof *settings);
  int count = 0, code = EXIT_FAILED;
  if (!settings) return EXIT_FAILED;
  for (int i = 1; i < argc; i++) {
    if (cli_option("--resume", argc, argv, &i, &value)) {
      if (!value)
        code = cli_usage(&cli_train, "--resume needs the run directory");
      else
        resume = value;
      if (!value) goto done;
    } else if (argv[i][0] == '-') {
      code = cli_usage(&cli_train, "unknown option \"%s\"", argv[i]);
      goto done;
    } else if (strchr(argv[i], '=')) {
      settings[count++] = argv[i];
    } else if (what) {
      code = cli_usage(&cli_train, "one recipe at a time, not \"%s\" too (settings are key=value)", argv[i]);
      goto done;
    } else {
      what = argv[i];
    }
  }
  if (!what == !resume) {
    code = cli_usage(&cli_train, resume ? "--resume knows the recipe; leave out \"%s\"" : "which recipe?",
                     what ? what : "");
    goto done;
  }
  int threads = find_threads(argc, argv);
  if (threads < 0) {
    code = cli_usage(&cli_train, "train.threads must be a number from 0 to 1024");
    goto done;
  }
  rapt_context *ctx = cli_context(threads);
  if (!ctx) goto done;
  screen s = {.terminal = isatty(STDERR_FILENO)};
  rapt_run_result result;
  rapt_status status = join(ctx);
  if (status == RAPT_OK)
    status = resume          ? rapt_recipe_resume(ctx, resume, settings, count, tell, &s, &result)
             : is_file(what) ? rapt_recipe_train_file(ctx, what, settings, count, tell, &s, &result)
                             : rapt_recipe_train(ctx, what, settings, count, tell, &s, &result);
  clear_line(&s);
  if (status != RAPT_OK) {
    code = cli_failed(ctx);
  } else if (rapt_parallel_rank(ctx) > 0) {
    code = EXIT_DONE;
  } else {
    code = EXIT_DONE;
    if (result.interrupted)
      fprintf(stderr, "stopped; saved. Go on with: rapt train --resume %s\n", result.dir);
    else
      report_done(result.dir);
  }
  rapt_context_free(ctx);
done:
  free(settings);
  return code;
}

const command cli_train = {
    "train", "RECIPE|FILE.yaml [key=value …] | --resume DIR [key=value …]",
    "trains a recipe and leaves a run directory", train,
    "\n  --resume DIR   go on with an interrupted run; the weights end up the same as without the interruption\n"
    "\nmpirun -n N rapt train … spreads every step over N processes (Open MPI): the same as train.accumulate=N times "
    "as large, in\n"
    "less time.\n"
    "\nProgress goes to stderr, the result to stdout. Ctrl-C saves and says how to go on. `rapt show RECIPE` lists the "
    "settings, for\n"
    "instance: rapt train gpt data=my-text.txt train.steps=2000 model.layers=4 out=runs/first\n"};
