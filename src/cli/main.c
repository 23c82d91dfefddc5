/* rapt: finds the sub-command. */
#include "cli/cli.h"

#include <string.h>

static const command *const commands[] = {
    &cli_recipes, &cli_show,      &cli_explain, &cli_train,  &cli_sweep, &cli_eval,  &cli_generate,
    &cli_score,   &cli_translate, &cli_rescore, &cli_runs,   &cli_data,  &cli_align, &cli_bench,
    &cli_inspect, &cli_convert,   &cli_embed,   &cli_doctor, NULL};

static void overview(FILE *to) {
  fprintf(to, "usage: rapt COMMAND [arguments]\n\nTrains, runs and explains the architectures of the Transformer "
              "literature on an "
              "ordinary CPU.\n\n");
  for (int i = 0; commands[i]; i++) fprintf(to, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
  fprintf(to, "\n`rapt COMMAND --help` says more. A first run: rapt train gpt data=my-text.txt\n");
}

int main(int argc, char **argv) {
  if (argc < 2) {
    overview(stderr);
    return EXIT_USAGE;
  }
  if (cli_is_help(argv[1]) || strcmp(argv[1], "help") == 0) {
    overview(stdout);
    return EXIT_DONE;
  }
  if (strcmp(argv[1], "--version") == 0) {
    printf("rapt %s\n", rapt_version());
    return EXIT_DONE;
  }
  const char *names[sizeof commands / sizeof *commands] = {0};
  for (int i = 0; commands[i]; i++) {
    names[i] = commands[i]->name;
    if (strcmp(argv[1], commands[i]->name) != 0) continue;
    for (int a = 2; a < argc; a++)
      if (cli_is_help(argv[a])) {
        printf("usage: rapt %s %s\n\n%s\n%s", commands[i]->name, commands[i]->arguments, commands[i]->summary,
               commands[i]->help);
        return EXIT_DONE;
      }
    int code = commands[i]->run(argc - 1, argv + 1);
    if (fflush(stdout) != 0 || ferror(stdout)) {
      fprintf(stderr, "rapt: cannot write to standard output\n");
      return code ? code : EXIT_FAILED;
    }
    return code;
  }
  const char *near = cli_nearest(argv[1], names);
  fprintf(stderr, "rapt: there is no command \"%s\"%s%s%s; `rapt --help` lists them\n", argv[1],
          near ? "; did you mean \"" : "", near ? near : "", near ? "\"" : "");
  return EXIT_USAGE;
}
