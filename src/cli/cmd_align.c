/* rapt align: word alignments of two files. */
#include "cli/cli.h"

#include <string.h>

static void print(void *user, const char *links, size_t size) {
  (void)user;
  fwrite(links, 1, size, stdout);
  putchar('\n');
}

/* The index of `value` among the names, or -1 after a message. */
static int choose(const char *option, const char *const *names, const char *value) {
  for (int k = 0; value && names[k]; k++)
    if (strcmp(names[k], value) == 0) return k;
  const char *near = value ? cli_nearest(value, names) : NULL;
  if (!value)
    cli_usage(&cli_align, "%s needs a name after it", option);
  else
    cli_usage(&cli_align, "%s knows no \"%s\"%s%s%s", option, value, near ? "; did you mean \"" : "", near ? near : "",
              near ? "\"" : "");
  return -1;
}

static int align(int argc, char **argv) {
  static const char *const models[] = {"hmm", "ibm1", NULL};
  static const char *const symmetries[] = {"gdfa", "intersection", "union", "forward", "backward", NULL};
  rapt_align_options options = {0};
  const char *files[2], *value;
  int count = 0, chosen;
  double number, threads = 0;
  for (int i = 1; i < argc; i++) {
    if (cli_option("--model", argc, argv, &i, &value)) {
      if ((chosen = choose("--model", models, value)) < 0) return EXIT_USAGE;
      options.model = (rapt_align_model)chosen;
    } else if (cli_option("--symmetrise", argc, argv, &i, &value)) {
      if ((chosen = choose("--symmetrise", symmetries, value)) < 0) return EXIT_USAGE;
      options.symmetry = (rapt_align_symmetry)chosen;
    } else if (cli_option("--rounds", argc, argv, &i, &value)) {
      if (!value || !cli_number(value, &number) || number < 1 || number > 1000 || number != (int)number)
        return cli_usage(&cli_align, "--rounds needs a number from 1 to 1000");
      options.ibm1_rounds = options.hmm_rounds = (int)number;
    } else if (cli_option("--threads", argc, argv, &i, &value)) {
      if (!value || !cli_number(value, &threads) || threads < 1 || threads > 256 || threads != (int)threads)
        return cli_usage(&cli_align, "--threads needs a number from 1 to 256");
    } else if (argv[i][0] == '-') {
      return cli_usage(&cli_align, "unknown option \"%s\"", argv[i]);
    } else if (count == 2) {
      return cli_usage(&cli_align, "unexpected argument \"%s\"", argv[i]);
    } else {
      files[count++] = argv[i];
    }
  }
  if (count < 2) return cli_usage(&cli_align, "which two files?");
  rapt_context *ctx = cli_context((int)threads);
  if (!ctx) return EXIT_FAILED;
  int code = rapt_align_files(ctx, files[0], files[1], &options, print, NULL) == RAPT_OK ? EXIT_DONE : cli_failed(ctx);
  rapt_context_free(ctx);
  return code;
}

const command cli_align = {
    "align", "SOURCE TARGET [--model NAME] [--symmetrise NAME] [--rounds N] [--threads N]",
    "links between the words of two files, line by line", align,
    "\nSOURCE and TARGET are text files, plain or gzipped, with the same number of lines: one tokenised sentence a "
    "line,\n"
    "words between blanks. The models are learnt from these files; for each line the links are printed as pairs of\n"
    "positions from 0, for instance \"0-0 1-2\".\n\n"
    "  --model       hmm: hidden Markov model, neighbours move together (default); ibm1: IBM model 1\n"
    "  --symmetrise  how the two directions are joined: gdfa (grow-diag-final-and, default), intersection, union,\n"
    "                forward (a source word for each target word), backward\n"
    "  --rounds      of expectation maximisation for each model (5)\n"
    "  --threads     default: what the machine offers; the result is the same\n\n"
    "A line has at most 1000 words; a line without words must be left out on both sides.\n"};
