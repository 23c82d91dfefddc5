/* rapt explain: a recipe followed by hand. Headings and steps are set off on a terminal; elsewhere the text is plain. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void tell(void *user, rapt_explain_part part, const char *text) {
  static const char *const on[] = {"\033[1;36m", "\033[1m", "\033[2m", ""};
  const bool *terminal = user;
  if (*terminal && *on[part])
    printf("%s%s\033[0m", on[part], text);
  else
    fputs(text, stdout);
}

static int explain(int argc, char **argv) {
  rapt_explain_options options = {.seed = 1};
  const char *id = NULL, *value;
  double seed = 1;
  struct {
    const char *name, **to;
  } texts[] = {{"--sentence", &options.sentence}, {"--html", &options.html}, {"--out", &options.out}};
  for (int i = 1; i < argc; i++) {
    bool known = false;
    for (size_t k = 0; k < sizeof texts / sizeof *texts && !known; k++) {
      if (!cli_option(texts[k].name, argc, argv, &i, &value)) continue;
      known = true;
      if (!value || !*value) return cli_usage(&cli_explain, "%s needs a value", texts[k].name);
      *texts[k].to = value;
    }
    if (known) continue;
    if (cli_option("--seed", argc, argv, &i, &value)) {
      if (!value || !cli_number(value, &seed) || seed < 0 || seed > 1e15 || seed != (double)(uint64_t)seed)
        return cli_usage(&cli_explain, "--seed needs a whole number from 0 to 1e15");
    } else if (argv[i][0] == '-')
      return cli_usage(&cli_explain, "unknown option \"%s\"", argv[i]);
    else if (id)
      return cli_usage(&cli_explain, "one recipe at a time, not \"%s\" too", argv[i]);
    else
      id = argv[i];
  }
  if (!id) return cli_usage(&cli_explain, "which recipe?");
  rapt_context *ctx = cli_context(1);
  if (!ctx) return EXIT_FAILED;
  options.seed = (uint64_t)seed;
  bool terminal = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
  int code = rapt_recipe_explain(ctx, id, &options, tell, &terminal) == RAPT_OK ? EXIT_DONE : cli_failed(ctx);
  rapt_context_free(ctx);
  return code;
}

const command cli_explain = {
    "explain", "RECIPE [--sentence TEXT] [--seed N] [--html FILE] [--out DIR]",
    "walks through a recipe with every number", explain,
    "\n  --sentence TEXT   the words to walk through, at most eight (default: the recipe's own)\n"
    "  --seed N          of the weights (1)\n"
    "  --html FILE       also writes a page with a heat map of every matrix\n"
    "  --out DIR         also writes explain.txt and explain.html there\n"};
