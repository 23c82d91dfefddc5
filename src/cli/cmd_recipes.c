/* rapt recipes, rapt show. */
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void widen(int *width, const char *text) {
  if ((int)strlen(text) > *width) *width = (int)strlen(text);
}

static void list_recipes(void) {
  int id = 0, task = 0, data = 0;
  for (int i = 0; i < rapt_recipe_count(); i++) {
    const rapt_recipe_info *r = rapt_recipe_get(i);
    widen(&id, r->id);
    widen(&task, r->task);
    widen(&data, r->data);
  }
  printf("%-*s  minutes  %-*s  %-*s  pass mark\n", id, "recipe", task, "task", data, "data");
  for (int i = 0; i < rapt_recipe_count(); i++) {
    const rapt_recipe_info *r = rapt_recipe_get(i);
    printf("%-*s  %7d  %-*s  %-*s  %s\n", id, r->id, r->minutes, task, r->task, data, r->data, r->pass_mark);
  }
}

/* ---- Full runs of recipes ---- */

typedef struct verification {
  const char *verify, *out; /* "all" or "ID,ID"; NULL: the list is wanted */
  double seeds;
  bool any; /* an option that only --verify has */
  sweep_wish wish;
} verification;

/* 0, or the exit code of a usage error. */
static int read_arguments(int argc, char **argv, verification *v) {
  const char *value;
  for (int i = 1; i < argc; i++) {
    if (cli_option("--verify", argc, argv, &i, &value)) {
      if (!(v->verify = value)) return cli_usage(&cli_recipes, "--verify needs \"all\" or recipes: gpt,nplm");
      continue;
    }
    v->any = true;
    if (strcmp(argv[i], "--dry-run") == 0) {
      v->wish.dry_run = true;
    } else if (strcmp(argv[i], "--json") == 0) {
      v->wish.json = true;
    } else if (cli_option("--csv", argc, argv, &i, &value)) {
      if (!(v->wish.csv = value)) return cli_usage(&cli_recipes, "--csv needs the name of a file");
    } else if (cli_option("--out", argc, argv, &i, &value)) {
      if (!(v->out = value) || !*value) return cli_usage(&cli_recipes, "--out needs the name of a directory");
    } else if (cli_option("--seeds", argc, argv, &i, &value)) {
      if (!value || !cli_number(value, &v->seeds) || v->seeds < 1 || v->seeds > 1000 || v->seeds != floor(v->seeds))
        return cli_usage(&cli_recipes, "--seeds needs a whole number from 1 to 1000");
    } else if (argv[i][0] == '-') {
      return cli_usage(&cli_recipes, "unknown option \"%s\"", argv[i]);
    } else {
      return cli_usage(&cli_recipes, "unexpected argument \"%s\"", argv[i]);
    }
  }
  if (v->any && !v->verify) return cli_usage(&cli_recipes, "only --verify has further options");
  return 0;
}

static bool all_reached(const rapt_sweep *sweep) {
  for (size_t i = 0; i < rapt_sweep_count(sweep); i++) {
    const rapt_sweep_run *run = rapt_sweep_get(sweep, i);
    if (run->state != RAPT_SWEEP_SKIPPED && (run->state != RAPT_SWEEP_DONE || run->mark != RAPT_MARK_REACHED))
      return false;
  }
  return true;
}

static int verify_in(rapt_context *ctx, const verification *v, const char *const *ids, int count) {
  char dated[64] = "runs/verify", again[1024];
  time_t now = time(NULL);
  struct tm local;
  if (localtime_r(&now, &local)) strftime(dated, sizeof dated, "runs/verify-%Y%m%d-%H%M%S", &local);
  rapt_sweep *sweep;
  if (rapt_sweep_new_recipes(ctx, ids, count, (int)v->seeds, v->out ? v->out : dated, &sweep) != RAPT_OK)
    return cli_failed(ctx);
  snprintf(again, sizeof again, "rapt recipes --verify %s --seeds %d --out %s", v->verify, (int)v->seeds,
           rapt_sweep_dir(sweep));
  int code = cli_do_sweep(ctx, sweep, &v->wish, again);
  if (code == EXIT_DONE && !v->wish.dry_run && !all_reached(sweep)) code = EXIT_FAILED;
  rapt_sweep_free(ctx, sweep);
  return code;
}

static int verify(const verification *v) {
  char *list = strdup(v->verify), *rest = list;
  const char **ids = calloc(strlen(v->verify) + 1, sizeof *ids);
  rapt_context *ctx = list && ids ? cli_context(1) : NULL;
  int count = 0, code = EXIT_FAILED;
  if (ctx && strcmp(v->verify, "all") != 0)
    while (rest) ids[count++] = strsep(&rest, ",");
  if (ctx) code = verify_in(ctx, v, ids, count);
  if (ctx) rapt_context_free(ctx);
  free(ids);
  free(list);
  return code;
}

static int recipes(int argc, char **argv) {
  verification v = {.seeds = 1, .wish.jobs = 1};
  int code = read_arguments(argc, argv, &v);
  if (code) return code;
  if (v.verify) return verify(&v);
  list_recipes();
  return EXIT_DONE;
}

const command cli_recipes = {
    "recipes", "[--verify all|ID,ID… [--seeds N] [--out DIR] [--dry-run] [--json] [--csv FILE]]",
    "lists the papers that can be trained, or trains them all", recipes,
    "\n  --verify IDS    train these recipes with their defaults, one after the other, and say which reach their pass "
    "marks\n"
    "  --seeds N       each with the seeds 1 … N (1)\n"
    "  --out DIR       where the runs go; what is done there is not repeated (runs/verify-DATE-TIME)\n"
    "  --dry-run       only list them, with the minutes that they state\n"
    "  --json          the results as JSON\n"
    "  --csv FILE      also write them there\n"
    "\nThe exit code is 1 where a mark is missed or a run fails; recipes whose data sets are missing are skipped. "
    "`rapt data get NAME`\n"
    "fetches a data set.\n"};

typedef struct shown {
  bool config;
  char section[64];
} shown;

static void setting(void *user, const char *key, const char *initial, const char *help) {
  shown *s = user;
  if (!s->config) {
    printf("  %-22s %-12s %s\n", key, *initial ? initial : "-", help);
    return;
  }
  const char *dot = strchr(key, '.');
  size_t n = dot ? (size_t)(dot - key) : 0;
  if (n != strlen(s->section) || strncmp(key, s->section, n) != 0) {
    snprintf(s->section, sizeof s->section, "%.*s", (int)n, key);
    if (n) printf("%s:\n", s->section);
  }
  printf("%s%s: %s%s%s  # %s\n", n ? "  " : "", dot ? dot + 1 : key, *initial ? "" : "\"\"", initial, "", help);
}

static void presets(const rapt_recipe_info *r) {
  if (r->presets) printf("presets (preset=NAME):\n");
  for (const rapt_preset *p = r->presets; p && p->name; p++) {
    printf("  %-14s %s; %d minutes%s%s\n  %-14s", p->name, p->about, p->minutes, p->pass_mark ? "; pass mark " : "",
           p->pass_mark ? p->pass_mark : "", "");
    for (int i = 0; p->settings[i]; i++) printf(" %s", p->settings[i]);
    printf("\n");
  }
  if (r->presets) printf("\n");
}

static int show(int argc, char **argv) {
  const char *id = NULL;
  shown s = {0};
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--config") == 0)
      s.config = true;
    else if (argv[i][0] == '-')
      return cli_usage(&cli_show, "unknown option \"%s\"", argv[i]);
    else if (id)
      return cli_usage(&cli_show, "one recipe at a time, not \"%s\" too", argv[i]);
    else
      id = argv[i];
  }
  if (!id) return cli_usage(&cli_show, "which recipe?");
  const rapt_recipe_info *r = rapt_recipe_find(id);
  rapt_context *ctx = cli_context(1);
  if (!ctx) return EXIT_FAILED;
  if (r && s.config) {
    printf("# %s: edit, then `rapt train FILE.yaml`\nrecipe: %s\n", r->title, r->id);
  } else if (r) {
    printf("%s: %s\n\npaper      %s\ntask       %s\ndata       %s\nin paper   %s\npass mark  %s\nclaim      "
           "%s\nminutes    %d\n\n%s\n\n",
           r->id, r->title, r->paper, r->task, r->data, r->paper_figure, r->pass_mark, r->claim, r->minutes, r->about);
    presets(r);
    printf("settings (key=value):\n");
  }
  int code = rapt_recipe_settings(ctx, id, setting, &s) == RAPT_OK ? EXIT_DONE : cli_failed(ctx);
  rapt_context_free(ctx);
  return code;
}

const command cli_show = {"show", "RECIPE [--config]", "explains a recipe and its settings", show,
                          "\n  --config   print a YAML file with every setting, to edit and train from\n"};
