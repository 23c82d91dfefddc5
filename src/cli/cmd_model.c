/* rapt eval, rapt generate: using a trained model. */
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int eval(int argc, char **argv) {
  const char *dir = NULL, *path = NULL;
  bool json = false;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--json") == 0)
      json = true;
    else if (argv[i][0] == '-' && argv[i][1])
      return cli_usage(&cli_eval, "unknown option \"%s\"", argv[i]);
    else if (!dir)
      dir = argv[i];
    else if (!path)
      path = argv[i];
    else
      return cli_usage(&cli_eval, "unexpected argument \"%s\"", argv[i]);
  }
  if (!dir || !path)
    return cli_usage(&cli_eval, !dir ? "which model directory?" : "which text file? (- for standard input)");
  size_t size;
  char *text = cli_read(path, &size);
  rapt_context *ctx = text ? cli_context(0) : NULL;
  if (!ctx) {
    free(text);
    return EXIT_FAILED;
  }
  rapt_model *model = NULL;
  rapt_eval e;
  int code = EXIT_DONE;
  if (rapt_model_load(ctx, dir, &model) != RAPT_OK || rapt_model_eval(model, text, size, &e) != RAPT_OK)
    code = cli_failed(ctx);
  else if (json)
    printf("{\"loss\": %.9g, \"perplexity\": %.9g, \"bits_per_byte\": %.9g, \"tokens\": %lld, \"bytes\": %lld}\n",
           e.loss, e.perplexity, e.bits_per_byte, (long long)e.tokens, (long long)e.bytes);
  else
    printf("loss           %.4f nats a token\nperplexity     %.3f\nbits per byte  %.4f\ntokens         %lld of %lld "
           "bytes\n",
           e.loss, e.perplexity, e.bits_per_byte, (long long)e.tokens, (long long)e.bytes);
  rapt_model_free(model);
  rapt_context_free(ctx);
  free(text);
  return code;
}

const command cli_eval = {"eval", "DIR FILE [--json]", "loss, perplexity and bits per byte of a model on a text", eval,
                          "\n  FILE     the text; - reads standard input\n  --json   one line of JSON\n"};

static bool stream(void *user, const char *bytes, size_t size) {
  (void)user;
  return fwrite(bytes, 1, size, stdout) == size && fflush(stdout) == 0;
}

static int generate(int argc, char **argv) {
  rapt_generate_options o = {.tokens = 200, .temperature = 0.8};
  const char *dir = NULL, *prompt = "\n", *value = NULL;
  bool silent = false;
  double n, tokens = 200, top_k = 0, seed = 0;
  struct {
    const char *name;
    double *to, min, max;
  } numbers[] = {{"--tokens", &tokens, 0, 1e8},
                 {"--temperature", &o.temperature, 0, 1000},
                 {"--top-k", &top_k, 0, 1e8},
                 {"--top-p", &o.top_p, 0, 1},
                 {"--min-p", &o.min_p, 0, 1},
                 {"--repetition-penalty", &o.repetition_penalty, 0, 1000},
                 {"--seed", &seed, 0, 9007199254740992.0}};
  for (int i = 1; i < argc; i++) {
    bool known = false;
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers && !known; k++) {
      if (!cli_option(numbers[k].name, argc, argv, &i, &value)) continue;
      known = true;
      if (!value || !cli_number(value, &n) || n < numbers[k].min || n > numbers[k].max)
        return cli_usage(&cli_generate, "%s needs a number from %g to %g", numbers[k].name, numbers[k].min,
                         numbers[k].max);
      *numbers[k].to = n;
    }
    if (known) continue;
    if (cli_option("--prompt", argc, argv, &i, &value)) {
      if (!value) return cli_usage(&cli_generate, "--prompt needs a text");
      prompt = value;
    } else if (strcmp(argv[i], "--no-cache") == 0)
      o.no_cache = true;
    else if (strcmp(argv[i], "--no-echo") == 0)
      silent = true;
    else if (argv[i][0] == '-')
      return cli_usage(&cli_generate, "unknown option \"%s\"", argv[i]);
    else if (dir)
      return cli_usage(&cli_generate, "unexpected argument \"%s\" (a text to continue goes behind --prompt)", argv[i]);
    else
      dir = argv[i];
  }
  if (!dir) return cli_usage(&cli_generate, "which model directory?");
  o.tokens = (int64_t)tokens;
  o.top_k = (int64_t)top_k;
  o.seed = (uint64_t)seed;
  rapt_context *ctx = cli_context(0);
  if (!ctx) return EXIT_FAILED;
  rapt_model *model = NULL;
  int code = EXIT_DONE;
  rapt_status status = rapt_model_load(ctx, dir, &model);
  if (status == RAPT_OK) {
    if (!silent) fputs(prompt, stdout);
    status = rapt_model_generate(model, prompt, strlen(prompt), &o, stream, NULL);
    putchar('\n');
  }
  if (status != RAPT_OK) code = cli_failed(ctx);
  rapt_model_free(model);
  rapt_context_free(ctx);
  return code;
}

const command cli_generate = {
    "generate", "DIR [--prompt TEXT] [--tokens N] [options]", "continues a text with a trained model", generate,
    "\n  --prompt TEXT           text to continue (default: a line break)\n  --tokens N              tokens to make "
    "(200)\n"
    "  --temperature T         0: always the likeliest token (0.8)\n  --top-k K               only the K likeliest "
    "tokens (off)\n"
    "  --top-p P               only the likeliest tokens of total probability P (off)\n"
    "  --min-p P               only tokens of at least P times the best one's probability (off)\n"
    "  --repetition-penalty R  divides the scores of tokens that were there before (off)\n"
    "  --seed N                the same seed gives the same text (0)\n"
    "  --no-cache              runs the whole context for every token: the same text, slower\n"
    "  --no-echo               does not print the prompt\n"};
