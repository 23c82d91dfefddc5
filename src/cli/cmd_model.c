/* rapt eval, rapt generate: using a trained model. */
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* What `rapt generate` was asked for. Options that only one kind of model takes are remembered by name. */
typedef struct request {
  rapt_generate_options text;
  rapt_music_options music;
  double tempo;
  const char *dir, *prompt, *out;
  bool silent;
  const char *only_text, *only_music; /* the last such option that was given */
} request;

/* Returns an exit code, or −1 to go on. */
static int parse_request(int argc, char **argv, request *r) {
  const char *value = NULL;
  double n, tokens = 200, frames = 64, top_k = 0, seed = 0, temperature = -1;
  struct {
    const char *name;
    double *to, min, max;
    const char **only;
  } numbers[] = {{"--tokens", &tokens, 0, 1e8, &r->only_text},
                 {"--temperature", &temperature, 0, 1000, NULL},
                 {"--top-k", &top_k, 0, 1e8, &r->only_text},
                 {"--top-p", &r->text.top_p, 0, 1, &r->only_text},
                 {"--min-p", &r->text.min_p, 0, 1, &r->only_text},
                 {"--repetition-penalty", &r->text.repetition_penalty, 0, 1000, &r->only_text},
                 {"--frames", &frames, 1, 1 << 20, &r->only_music},
                 {"--tempo", &r->tempo, 4, 1000, &r->only_music},
                 {"--seed", &seed, 0, 9007199254740992.0, NULL}};
  for (int i = 1; i < argc; i++) {
    bool known = false;
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers && !known; k++) {
      if (!cli_option(numbers[k].name, argc, argv, &i, &value)) continue;
      known = true;
      if (!value || !cli_number(value, &n) || n < numbers[k].min || n > numbers[k].max)
        return cli_usage(&cli_generate, "%s needs a number from %g to %g", numbers[k].name, numbers[k].min,
                         numbers[k].max);
      *numbers[k].to = n;
      if (numbers[k].only) *numbers[k].only = numbers[k].name;
    }
    if (known) continue;
    if (cli_option("--prompt", argc, argv, &i, &value)) {
      if (!value) return cli_usage(&cli_generate, "--prompt needs a text");
      r->prompt = value;
      r->only_text = "--prompt";
    } else if (cli_option("--out", argc, argv, &i, &value)) {
      if (!value) return cli_usage(&cli_generate, "--out needs a file, FILE.mid or FILE.wav");
      r->out = value;
      r->only_music = "--out";
    } else if (strcmp(argv[i], "--no-cache") == 0) {
      r->text.no_cache = true;
      r->only_text = "--no-cache";
    } else if (strcmp(argv[i], "--no-echo") == 0) {
      r->silent = true;
      r->only_text = "--no-echo";
    } else if (argv[i][0] == '-') {
      return cli_usage(&cli_generate, "unknown option \"%s\"", argv[i]);
    } else if (r->dir) {
      return cli_usage(&cli_generate, "unexpected argument \"%s\" (a text to continue goes behind --prompt)", argv[i]);
    } else {
      r->dir = argv[i];
    }
  }
  if (!r->dir) return cli_usage(&cli_generate, "which model directory?");
  r->text.tokens = (int64_t)tokens;
  r->text.top_k = (int64_t)top_k;
  r->text.temperature = temperature < 0 ? 0.8 : temperature;
  r->music.frames = (int64_t)frames;
  r->music.temperature = temperature < 0 ? 1 : temperature;
  r->text.seed = r->music.seed = (uint64_t)seed;
  return -1;
}

static int generate_text(rapt_context *ctx, rapt_model *model, const request *r) {
  if (r->only_music) return cli_usage(&cli_generate, "%s: %s writes text, not music", r->only_music, r->dir);
  if (!r->silent) fputs(r->prompt, stdout);
  rapt_status status = rapt_model_generate(model, r->prompt, strlen(r->prompt), &r->text, stream, NULL);
  putchar('\n');
  return status == RAPT_OK ? EXIT_DONE : cli_failed(ctx);
}

static int generate_music(rapt_context *ctx, rapt_model *model, const request *r) {
  if (r->only_text) return cli_usage(&cli_generate, "%s: %s writes music, not text", r->only_text, r->dir);
  if (!r->out && isatty(STDOUT_FILENO))
    return cli_usage(&cli_generate, "%s writes music, and MIDI is nothing for a terminal: say --out FILE.mid", r->dir);
  rapt_roll *roll = NULL;
  rapt_status status = rapt_music_generate(model, &r->music, &roll);
  if (status == RAPT_OK)
    status = r->out ? rapt_roll_save(ctx, roll, r->tempo, r->out) : rapt_roll_midi(ctx, roll, r->tempo, stream, NULL);
  rapt_roll_free(ctx, roll);
  return status == RAPT_OK ? EXIT_DONE : cli_failed(ctx);
}

static int generate(int argc, char **argv) {
  request r = {.prompt = "\n", .tempo = 90};
  int code = parse_request(argc, argv, &r);
  if (code >= 0) return code;
  rapt_context *ctx = cli_context(0);
  if (!ctx) return EXIT_FAILED;
  rapt_model *model = NULL;
  if (rapt_model_load(ctx, r.dir, &model) != RAPT_OK)
    code = cli_failed(ctx);
  else if (rapt_model_get_kind(model) == RAPT_KIND_MUSIC)
    code = generate_music(ctx, model, &r);
  else
    code = generate_text(ctx, model, &r);
  rapt_model_free(model);
  rapt_context_free(ctx);
  return code;
}

const command cli_generate = {
    "generate", "DIR [--prompt TEXT] [--tokens N] [--out FILE] [options]",
    "lets a trained model continue a text or write music", generate,
    "\n  --prompt TEXT           text to continue (default: a line break)\n  --tokens N              tokens to make "
    "(200)\n"
    "  --temperature T         0: always the likeliest token (0.8)\n  --top-k K               only the K likeliest "
    "tokens (off)\n"
    "  --top-p P               only the likeliest tokens of total probability P (off)\n"
    "  --min-p P               only tokens of at least P times the best one's probability (off)\n"
    "  --repetition-penalty R  divides the scores of tokens that were there before (off)\n"
    "  --seed N                the same seed gives the same text (0)\n"
    "  --no-cache              runs the whole context for every token: the same text, slower\n"
    "  --no-echo               does not print the prompt\n"
    "\nA model of music (rapt train gru-music) writes a standard MIDI file; --temperature (1) and --seed work as "
    "above.\n"
    "  --frames N              quarter notes to write (64)\n"
    "  --tempo N               quarter notes a minute (90)\n"
    "  --out FILE              FILE.mid, or FILE.wav for sound; without it MIDI goes to standard output, unless that "
    "is a "
    "terminal\n"};
