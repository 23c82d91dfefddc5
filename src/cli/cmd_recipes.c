/* rapt recipes, rapt show. */
#include "cli/cli.h"

#include <string.h>

static int recipes(int argc, char **argv) {
  if (argc > 1) return cli_usage(&cli_recipes, "unexpected argument \"%s\"", argv[1]);
  printf("%-20s %-8s %-26s %-18s %s\n", "recipe", "minutes", "task", "data", "pass mark");
  for (int i = 0; i < rapt_recipe_count(); i++) {
    const rapt_recipe_info *r = rapt_recipe_get(i);
    printf("%-20s %-8d %-26s %-18s %s\n", r->id, r->minutes, r->task, r->data, r->pass_mark);
  }
  return EXIT_DONE;
}

const command cli_recipes = {"recipes", "", "lists the papers that can be trained", recipes, ""};

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
