/* rapt translate: lines through a sequence-to-sequence model. */
#include "cli/translate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_MODELS = 16, WINDOW = 16 };

typedef struct request {
  const char *dirs[MOST_MODELS];
  int dir_count;
  const char *source, *targets, *output;
  rapt_translate_options options;
  result_writer writer;
} request;

/* ---- Arguments ---- */

/* Numbers, by where they go: a whole one or a real one. */
typedef struct number {
  const char *name;
  int64_t *whole;
  double *real;
  double min, max;
} number;

/* A name out of a list: its index, or −1. */
static int choice(const char *value, const char *const *names) {
  for (int i = 0; value && names[i]; i++)
    if (strcmp(value, names[i]) == 0) return i;
  return -1;
}

typedef struct named {
  const char *name, *values;
  const char *const *names;
  int *to;
} named;

/* What stands in the arguments and is no field of the options. */
typedef struct choices {
  int penalty, stopping, alignment, format;
  int64_t seed;
  double alpha; /* NaN: not given */
} choices;

/* One option at argv[*i]: EXIT_DONE, EXIT_USAGE after a message, or −1 for something else. */
static int parse_option(int argc, char **argv, int *i, request *r, choices *c) {
  static const char *const penalties[] = {"power", "gnmt", NULL}, *const formats[] = {"text", "json", NULL};
  static const char *const stoppings[] = {"estimate", "first", "never", NULL};
  static const char *const alignments[] = {"moses", "hard", "matrix", NULL};
  rapt_translate_options *o = &r->options;
  const number numbers[] = {{"--beam", &o->beam, NULL, 1, 1024},
                            {"--nbest", &o->nbest, NULL, 1, 1024},
                            {"--length-penalty", NULL, &c->alpha, -10, 10},
                            {"--coverage", NULL, &o->beta, 0, 100},
                            {"--max-length", &o->max_length, NULL, 1, 1 << 20},
                            {"--max-ratio", NULL, &o->max_ratio, 0, 1000},
                            {"--min-length", &o->min_length, NULL, 0, 1 << 20},
                            {"--groups", &o->groups, NULL, 1, 1024},
                            {"--diversity", NULL, &o->diversity, 0, 1000},
                            {"--no-repeat", &o->no_repeat, NULL, 1, 1 << 20},
                            {"--temperature", NULL, &o->temperature, 1e-6, 1000},
                            {"--top-k", &o->top_k, NULL, 0, 1 << 24},
                            {"--top-p", NULL, &o->top_p, 0, 1},
                            {"--min-p", NULL, &o->min_p, 0, 1},
                            {"--seed", &c->seed, NULL, 0, 9007199254740992.0},
                            {"--batch", &o->batch, NULL, 1, 4096}};
  const named names[] = {{"--penalty", "power or gnmt", penalties, &c->penalty},
                         {"--stopping", "estimate, first or never", stoppings, &c->stopping},
                         {"--alignments", "moses, hard or matrix", alignments, &c->alignment},
                         {"--format", "text or json", formats, &c->format}};
  const struct {
    const char *name, **to;
  } texts[] = {{"--prefix", &o->prefix}, {"--score", &r->targets}, {"-o", &r->output}};
  const struct {
    const char *name;
    bool *to;
  } flags[] = {
      {"--sample", &o->sample}, {"--ban-unknown", &o->ban_unknown}, {"--replace-unknown", &o->replace_unknown}};
  const char *value = NULL;
  double n;
  for (size_t k = 0; k < sizeof flags / sizeof *flags; k++)
    if (strcmp(argv[*i], flags[k].name) == 0) {
      *flags[k].to = true;
      return EXIT_DONE;
    }
  for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
    const number *at = &numbers[k];
    if (!cli_option(at->name, argc, argv, i, &value)) continue;
    if (!value || !cli_number(value, &n) || n < at->min || n > at->max || (at->whole && n != floor(n)))
      return cli_usage(&cli_translate, "%s needs a %snumber from %g to %g", at->name, at->whole ? "whole " : "",
                       at->min, at->max);
    if (at->whole)
      *at->whole = (int64_t)n;
    else
      *at->real = n;
    return EXIT_DONE;
  }
  for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
    if (!cli_option(names[k].name, argc, argv, i, &value)) continue;
    int found = choice(value, names[k].names);
    if (found < 0) return cli_usage(&cli_translate, "%s is %s", names[k].name, names[k].values);
    *names[k].to = found;
    return EXIT_DONE;
  }
  for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
    if (!cli_option(texts[k].name, argc, argv, i, &value)) continue;
    if (!value) return cli_usage(&cli_translate, "%s needs a value", texts[k].name);
    *texts[k].to = value;
    return EXIT_DONE;
  }
  if (!cli_option("--ensemble", argc, argv, i, &value)) return -1;
  if (!value) return cli_usage(&cli_translate, "--ensemble needs a model directory");
  if (r->dir_count >= MOST_MODELS) return cli_usage(&cli_translate, "more than %d models", MOST_MODELS);
  r->dirs[r->dir_count++] = value;
  return EXIT_DONE;
}

/* What follows from the options together. */
static int settle(request *r, const choices *c) {
  rapt_translate_options *o = &r->options;
  if (!r->dirs[0]) return cli_usage(&cli_translate, "which model directory?");
  if (!r->source) r->source = "-";
  if (r->targets && strcmp(r->targets, "-") == 0 && strcmp(r->source, "-") == 0)
    return cli_usage(&cli_translate, "sources and targets cannot both come from standard input");
  r->writer.moses_list = o->nbest > 0 && !r->targets;
  r->writer.json = c->format == 1;
  r->writer.scores = r->targets != NULL;
  r->writer.alignments = (alignment_format)(c->alignment + 1);
  o->alignments = c->alignment >= 0 || r->writer.json;
  o->length_penalty = (rapt_length_penalty)c->penalty;
  o->stopping = (rapt_stopping)c->stopping;
  o->seed = (uint64_t)c->seed;
  /* Given targets are scored as they are unless a penalty is asked for. */
  o->alpha = !isnan(c->alpha) ? c->alpha : r->targets || o->sample ? 0 : 0.6;
  if (o->beam == 0) o->beam = !o->sample && o->nbest > 4 ? o->nbest : 4;
  if (o->groups > 1 && o->beam % o->groups != 0)
    return cli_usage(&cli_translate, "--groups %lld do not divide --beam %lld", (long long)o->groups,
                     (long long)o->beam);
  if (!o->sample && o->nbest > o->beam)
    return cli_usage(&cli_translate, "--nbest %lld is more than --beam %lld", (long long)o->nbest, (long long)o->beam);
  return EXIT_DONE;
}

static int parse_arguments(int argc, char **argv, request *r) {
  choices c = {.penalty = RAPT_LENGTH_GNMT, .stopping = RAPT_STOP_ESTIMATE, .alignment = -1, .alpha = NAN};
  for (int i = 1; i < argc; i++) {
    int code = parse_option(argc, argv, &i, r, &c);
    if (code > 0) return code;
    if (code == EXIT_DONE) continue;
    if (argv[i][0] == '-' && argv[i][1]) return cli_usage(&cli_translate, "unknown option \"%s\"", argv[i]);
    if (!r->dirs[0])
      r->dirs[0] = argv[i];
    else if (!r->source)
      r->source = argv[i];
    else
      return cli_usage(&cli_translate, "unexpected argument \"%s\" (further models go behind --ensemble)", argv[i]);
  }
  return settle(r, &c);
}

/* ---- Work ---- */

static int cannot_read(const char *path) {
  if (errno == EINTR)
    fprintf(stderr, "rapt: interrupted\n");
  else
    fprintf(stderr, "rapt: cannot read %s: %s\n", path, strerror(errno));
  return EXIT_FAILED;
}

/* Lines in windows, or one by one behind a prompt where somebody types them. */
static int translate_lines(rapt_context *ctx, rapt_translator *t, request *r) {
  rapt_translate_options o = r->options;
  bool typed = strcmp(r->source, "-") == 0 && isatty(STDIN_FILENO);
  int64_t most = typed ? 1 : (o.batch ? o.batch : 32) * WINDOW;
  const char **lines = malloc((size_t)most * sizeof *lines);
  size_t *sizes = malloc((size_t)most * sizeof *sizes);
  line_reader reader;
  int code = lines && sizes && lines_open(&reader, r->source) ? EXIT_DONE : EXIT_FAILED;
  if (!lines || !sizes) fprintf(stderr, "rapt: out of memory\n");
  bool opened = code == EXIT_DONE;
  o.first_line = 1;
  while (code == EXIT_DONE) {
    if (typed) fputs("> ", stderr);
    int64_t count = lines_next(&reader, most, lines, sizes);
    if (count < 0) code = cannot_read(r->source);
    if (count <= 0) break;
    if (rapt_translate(t, lines, sizes, count, &o, write_result, &r->writer) != RAPT_OK) code = cli_failed(ctx);
    o.first_line += count;
    if (fflush(r->writer.to) != 0 || ferror(r->writer.to)) break;
  }
  if (typed && code == EXIT_DONE) fputc('\n', stderr);
  if (opened) lines_close(&reader);
  free(lines);
  free(sizes);
  return code;
}

static int score_pairs(rapt_context *ctx, rapt_translator *t, request *r) {
  const char *paths[] = {r->source, r->targets}, **lines[2] = {NULL, NULL};
  char *texts[2] = {NULL, NULL};
  size_t sizes[2], *line_sizes[2] = {NULL, NULL};
  int64_t counts[2] = {0, 0};
  int code = EXIT_DONE;
  for (int i = 0; i < 2 && code == EXIT_DONE; i++) {
    texts[i] = cli_read(paths[i], &sizes[i]);
    counts[i] = texts[i] ? lines_split(texts[i], sizes[i], &lines[i], &line_sizes[i]) : -1;
    if (counts[i] < 0) code = EXIT_FAILED;
    if (texts[i] && counts[i] < 0) fprintf(stderr, "rapt: out of memory\n");
  }
  if (code == EXIT_DONE && counts[0] != counts[1]) {
    fprintf(stderr, "rapt: %s has %lld lines and %s %lld; each source needs one target\n", paths[0],
            (long long)counts[0], paths[1], (long long)counts[1]);
    code = EXIT_FAILED;
  }
  rapt_translate_options o = r->options;
  o.first_line = 1;
  o.nbest = 1;
  if (code == EXIT_DONE && rapt_translate_score(t, lines[0], line_sizes[0], lines[1], line_sizes[1], counts[0], &o,
                                                write_result, &r->writer) != RAPT_OK)
    code = cli_failed(ctx);
  for (int i = 0; i < 2; i++) {
    free(texts[i]);
    free(lines[i]);
    free(line_sizes[i]);
  }
  return code;
}

static int run(rapt_context *ctx, rapt_model **models, request *r) {
  rapt_translator *t = NULL;
  for (int m = 0; m < r->dir_count; m++)
    if (rapt_model_load(ctx, r->dirs[m], &models[m]) != RAPT_OK) return cli_failed(ctx);
  if (rapt_translator_new(models, r->dir_count, &t) != RAPT_OK) return cli_failed(ctx);
  output_file out;
  int code = EXIT_FAILED;
  if (output_open(&out, r->output)) {
    r->writer.source = strcmp(r->source, "-") == 0 ? "standard input" : r->source;
    r->writer.targets = r->targets && strcmp(r->targets, "-") == 0 ? "standard input" : r->targets;
    r->writer.to = out.file;
    r->writer.target = rapt_model_tokenizer(models[0]);
    code = r->targets ? score_pairs(ctx, t, r) : translate_lines(ctx, t, r);
    if (!output_close(&out, code == EXIT_DONE)) code = EXIT_FAILED;
  }
  rapt_translator_free(t);
  return code;
}

static int translate(int argc, char **argv) {
  request r = {.dir_count = 1};
  int code = parse_arguments(argc, argv, &r);
  if (code != EXIT_DONE) return code;
  rapt_context *ctx = cli_context(0);
  if (!ctx) return EXIT_FAILED;
  rapt_model *models[MOST_MODELS] = {NULL};
  code = run(ctx, models, &r);
  for (int m = 0; m < r.dir_count; m++) rapt_model_free(models[m]);
  rapt_context_free(ctx);
  if (code == EXIT_DONE && r.writer.faults > 0) {
    fprintf(stderr, "rapt: %lld lines have no result; theirs are empty\n", (long long)r.writer.faults);
    code = EXIT_FAILED;
  }
  return code;
}

const command cli_translate = {
    "translate", "DIR [FILE] [options]", "translates lines with a trained sequence-to-sequence model", translate,
    "\n  FILE                  a sentence a line; - or none: standard input, with a prompt on a terminal\n"
    "  --ensemble DIR        one more model, for the mean of probabilities; may be repeated\n"
    "  -o FILE               writes there, and only when all is done\n"
    "  --beam K              hypotheses that are followed; 1: greedy (4)\n"
    "  --nbest N             N results a line, as \"number ||| text ||| score\", lines counted from 0\n"
    "  --length-penalty A    exponent of the length that scores are divided by; 0: none (0.6)\n"
    "  --penalty power|gnmt  length^A or ((5 + length) / 6)^A (gnmt)\n"
    "  --coverage B          weight of Wu et al.'s coverage penalty (0)\n"
    "  --stopping WHEN       estimate, first or never: as early_stopping False, True, \"never\" in transformers "
    "(estimate)\n"
    "  --max-length N, --max-ratio A\n"
    "                        at most A × source tokens + N tokens (what the model holds)\n"
    "  --min-length N        at least N tokens before the end (0)\n"
    "  --groups G, --diversity L\n"
    "                        diverse beam search: G groups, and what a token costs that earlier groups chose (1, 0)\n"
    "  --no-repeat N         no N tokens in a row twice (off)\n"
    "  --prefix TEXT         every translation begins so\n"
    "  --ban-unknown         never <unk>\n"
    "  --replace-unknown     <unk> becomes the source word that it is aligned to\n"
    "  --sample              draws instead of searching, --nbest times (1):\n"
    "  --temperature T, --top-k K, --top-p P, --min-p P\n"
    "                        as in generate (1, off, off, off)\n"
    "  --seed N              the same seed gives the same draws (0)\n"
    "  --score TARGETS       prints log-probabilities of the lines of TARGETS instead; with --length-penalty, scores\n"
    "  --alignments HOW      behind each text: moses, pairs source-target; hard, a source word for each target\n"
    "                        token; below each text: matrix, a row for each target token\n"
    "  --format text|json    json: an object a line, with tokens, probabilities and alignments (text)\n"
    "  --batch N             sentences at a time; the results are the same (32)\n"
    "\nAn empty line gives an empty line. So does a line that is not UTF-8 or too long for the model; it is named on\n"
    "standard error, and the exit code is 1 at the end.\n"};
