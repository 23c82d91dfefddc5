/* rapt rescore: scores of models in n-best lists, weights, the best entries. */
#include "cli/translate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MODELS = 16 };
enum { TEST, DEV }; /* the lists that are ranked, and those that weights are tuned on */

/* A column: a translator of one or several models, or a language model. */
typedef struct column {
  const char *dirs; /* with commas between */
  bool language;
  char name[24];
} column;

typedef struct request {
  const char *lists[2], *sources[2], *references; /* of TEST and of DEV, on which weights are tuned */
  const char *weights, *keep, *output;
  column columns[MOST_MODELS];
  int count;
  int64_t nbest;
  rapt_nbest_tuning tuning;
} request;

/* ---- Arguments ---- */

static int add_column(request *r, const char *dirs, bool language) {
  int number = 1;
  if (r->count == MOST_MODELS) return cli_usage(&cli_rescore, "more than %d models", MOST_MODELS);
  for (int k = 0; k < r->count; k++) number += r->columns[k].language == language;
  column *c = &r->columns[r->count++];
  *c = (column){.dirs = dirs, .language = language};
  snprintf(c->name, sizeof c->name, "%s%d", language ? "lm" : "model", number);
  return EXIT_DONE;
}

/* One option at argv[*i]: EXIT_DONE, EXIT_USAGE after a message, or −1 for something else. */
static int parse_option(int argc, char **argv, int *i, request *r) {
  const struct {
    const char *name, **to;
  } texts[] = {{"--source", &r->sources[TEST]},
               {"--tune", &r->lists[DEV]},
               {"--tune-source", &r->sources[DEV]},
               {"--tune-reference", &r->references},
               {"--weights", &r->weights},
               {"--save-weights", &r->keep},
               {"-o", &r->output}};
  double starts = r->tuning.starts, seed = (double)r->tuning.seed, nbest = (double)r->nbest, n;
  const struct {
    const char *name;
    double *to, min, max;
  } numbers[] = {{"--starts", &starts, 1, 1000}, {"--seed", &seed, 0, 9007199254740992.0}, {"--nbest", &nbest, 1, 1e9}};
  const char *value = NULL;
  for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
    if (!cli_option(texts[k].name, argc, argv, i, &value)) continue;
    if (!value) return cli_usage(&cli_rescore, "%s needs a file", texts[k].name);
    *texts[k].to = value;
    return EXIT_DONE;
  }
  for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
    if (!cli_option(numbers[k].name, argc, argv, i, &value)) continue;
    if (!value || !cli_number(value, &n) || n < numbers[k].min || n > numbers[k].max || n != floor(n))
      return cli_usage(&cli_rescore, "%s needs a whole number from %g to %g", numbers[k].name, numbers[k].min,
                       numbers[k].max);
    *numbers[k].to = n;
    r->tuning = (rapt_nbest_tuning){(int)starts, (uint64_t)seed};
    r->nbest = (int64_t)nbest;
    return EXIT_DONE;
  }
  bool language = cli_option("--lm", argc, argv, i, &value);
  if (!language && !cli_option("--model", argc, argv, i, &value)) return -1;
  if (!value) return cli_usage(&cli_rescore, "%s needs a model directory", language ? "--lm" : "--model");
  return add_column(r, value, language);
}

static int settle(const request *r) {
  bool translates = false;
  for (int k = 0; k < r->count; k++) translates = translates || !r->columns[k].language;
  if (!r->lists[TEST]) return cli_usage(&cli_rescore, "which n-best lists?");
  if (translates && !r->sources[TEST])
    return cli_usage(&cli_rescore, "--model needs --source, the text that was translated");
  if (r->lists[DEV] && !r->references) return cli_usage(&cli_rescore, "--tune needs --tune-reference");
  if (r->lists[DEV] && translates && !r->sources[DEV])
    return cli_usage(&cli_rescore, "--tune with --model needs --tune-source");
  if (!r->lists[DEV] && (r->references || r->sources[DEV] || r->keep))
    return cli_usage(&cli_rescore, "%s without --tune",
                     r->references     ? "--tune-reference"
                     : r->sources[DEV] ? "--tune-source"
                                       : "--save-weights");
  if (r->count > 0 && !r->lists[DEV] && !r->weights)
    return cli_usage(&cli_rescore, "how much do the models weigh? --tune finds it, --weights says it");
  return EXIT_DONE;
}

static int parse_arguments(int argc, char **argv, request *r) {
  for (int i = 1; i < argc; i++) {
    int code = parse_option(argc, argv, &i, r);
    if (code > 0) return code;
    if (code == EXIT_DONE) continue;
    if (argv[i][0] == '-') return cli_usage(&cli_rescore, "unknown option \"%s\"", argv[i]);
    if (r->lists[TEST]) return cli_usage(&cli_rescore, "unexpected argument \"%s\"", argv[i]);
    r->lists[TEST] = argv[i];
  }
  return settle(r);
}

/* ---- Models ---- */

typedef struct job {
  rapt_context *ctx;
  const request *r;
  rapt_nbest *lists[2];  /* owned; [DEV] NULL without tuning */
  rapt_lines sources[2]; /* owned */
} job;

static bool add_translator(job *j, const column *c, rapt_model *const *models, int count) {
  rapt_translator *t = NULL;
  bool good = rapt_translator_new(models, count, &t) == RAPT_OK;
  for (int set = 0; set < 2 && good; set++)
    good = !j->lists[set] || rapt_nbest_add_translator(j->lists[set], c->name, t, &j->sources[set]) == RAPT_OK;
  rapt_translator_free(t);
  return good;
}

static bool add_scores(job *j, const column *c) {
  rapt_model *models[MOST_MODELS] = {NULL};
  int count = 0;
  bool good = true;
  for (const char *at = c->dirs; at && good && count < MOST_MODELS;) {
    const char *comma = c->language ? NULL : strchr(at, ',');
    char *dir = strndup(at, comma ? (size_t)(comma - at) : strlen(at));
    good = dir && rapt_model_load(j->ctx, dir, &models[count]) == RAPT_OK;
    count += good;
    free(dir);
    at = comma ? comma + 1 : NULL;
  }
  if (good && !c->language) good = add_translator(j, c, models, count);
  for (int set = 0; set < 2 && good && c->language; set++)
    good = !j->lists[set] || rapt_nbest_add_language(j->lists[set], c->name, models[0]) == RAPT_OK;
  for (int m = 0; m < count; m++) rapt_model_free(models[m]);
  return good;
}

/* Lists and sources; with sources there is a list for each. */
static bool read_lists(job *j) {
  for (int set = 0; set < 2; set++) {
    if (!j->r->lists[set]) continue;
    if (rapt_nbest_read(j->ctx, j->r->lists[set], &j->lists[set]) != RAPT_OK) return false;
    if (!j->r->sources[set]) continue;
    if (rapt_lines_read(j->ctx, j->r->sources[set], &j->sources[set]) != RAPT_OK) return false;
    if (rapt_nbest_pad(j->lists[set], j->sources[set].count) != RAPT_OK) return false;
  }
  return true;
}

/* ---- Weights ---- */

/* Lines "name weight"; columns that are not named weigh nothing. */
static int read_weights(const job *j, const char *path, double *weights) {
  size_t size;
  char *text = cli_read(path, &size), *save = NULL;
  int code = text ? EXIT_DONE : EXIT_FAILED;
  int64_t columns = rapt_nbest_columns(j->lists[TEST]);
  for (int64_t c = 0; c < columns; c++) weights[c] = 0;
  char *copy = text ? strndup(text, size) : NULL;
  for (char *line = copy ? strtok_r(copy, "\n", &save) : NULL; line && code == EXIT_DONE;
       line = strtok_r(NULL, "\n", &save)) {
    char *blank = strrchr(line, ' ');
    double weight = 0;
    int64_t c = 0;
    if (blank) *blank = 0;
    while (c < columns && strcmp(rapt_nbest_column(j->lists[TEST], c), line) != 0) c++;
    if (!blank || !cli_number(blank + 1, &weight)) {
      fprintf(stderr, "rapt: %s: \"name weight\" is expected, not \"%s\"\n", path, line);
      code = EXIT_FAILED;
    } else if (c == columns) {
      fprintf(stderr, "rapt: %s: the lists have no column \"%s\"\n", path, line);
      code = EXIT_FAILED;
    } else {
      weights[c] = weight;
    }
  }
  if (text && !copy) code = EXIT_FAILED;
  free(copy);
  free(text);
  return code;
}

static int save_weights(const job *j, const double *weights) {
  output_file out;
  if (!output_open(&out, j->r->keep)) return EXIT_FAILED;
  for (int64_t c = 0; c < rapt_nbest_columns(j->lists[TEST]); c++)
    fprintf(out.file, "%s %.9g\n", rapt_nbest_column(j->lists[TEST], c), weights[c]);
  return output_close(&out, true) ? EXIT_DONE : EXIT_FAILED;
}

/* BLEU before and after goes to standard error, where it does not mix with the translations. */
static int tune(const job *j, double *weights) {
  rapt_lines references = {0};
  double bleu;
  int code = EXIT_DONE;
  if (rapt_lines_read(j->ctx, j->r->references, &references) != RAPT_OK ||
      rapt_nbest_pad(j->lists[DEV], references.count) != RAPT_OK ||
      rapt_nbest_tune(j->lists[DEV], &references, &j->r->tuning, weights, &bleu) != RAPT_OK)
    code = cli_failed(j->ctx);
  rapt_lines_free(j->ctx, &references);
  if (code != EXIT_DONE) return code;
  fprintf(stderr, "BLEU %.2f on %s:", bleu, j->r->lists[DEV]);
  for (int64_t c = 0; c < rapt_nbest_columns(j->lists[DEV]); c++)
    fprintf(stderr, " %s %.4g", rapt_nbest_column(j->lists[DEV], c), weights[c]);
  fputc('\n', stderr);
  return j->r->keep ? save_weights(j, weights) : EXIT_DONE;
}

static int same_columns(const job *j) {
  int64_t count = rapt_nbest_columns(j->lists[TEST]);
  bool same = count == rapt_nbest_columns(j->lists[DEV]);
  for (int64_t c = 0; c < count && same; c++)
    same = strcmp(rapt_nbest_column(j->lists[TEST], c), rapt_nbest_column(j->lists[DEV], c)) == 0;
  if (same) return EXIT_DONE;
  fprintf(stderr, "rapt: %s and %s have different features\n", j->r->lists[TEST], j->r->lists[DEV]);
  return EXIT_FAILED;
}

/* ---- Output ---- */

typedef struct writer {
  FILE *to;
  int64_t columns, nbest; /* nbest 0: the best text alone */
} writer;

static bool write_entry(void *user, const rapt_nbest_entry *e) {
  const writer *w = user;
  if (e->rank >= (w->nbest ? w->nbest : 1)) return true;
  if (w->nbest) fprintf(w->to, "%lld ||| ", (long long)e->list);
  fwrite(e->text.data, 1, e->text.size, w->to);
  if (w->nbest) {
    fputs(" |||", w->to);
    for (int64_t c = 0; c < w->columns; c++) fprintf(w->to, " %.9g", e->features[c]);
    fprintf(w->to, " ||| %.9g", e->score);
  }
  fputc('\n', w->to);
  return !ferror(w->to);
}

static int work(job *j) {
  double weights[RAPT_NBEST_COLUMNS] = {1}; /* the score that the lists came with */
  output_file out;
  int code = EXIT_DONE;
  if (!read_lists(j)) return cli_failed(j->ctx);
  if (j->lists[DEV] && same_columns(j) != EXIT_DONE) return EXIT_FAILED;
  for (int k = 0; k < j->r->count; k++)
    if (!add_scores(j, &j->r->columns[k])) return cli_failed(j->ctx);
  if (j->r->weights) code = read_weights(j, j->r->weights, weights);
  if (code == EXIT_DONE && j->lists[DEV]) code = tune(j, weights);
  if (code != EXIT_DONE || !output_open(&out, j->r->output)) return code == EXIT_DONE ? EXIT_FAILED : code;
  writer w = {out.file, rapt_nbest_columns(j->lists[TEST]), j->r->nbest};
  if (rapt_nbest_rank(j->lists[TEST], weights, write_entry, &w) != RAPT_OK) code = cli_failed(j->ctx);
  return output_close(&out, code == EXIT_DONE) ? code : EXIT_FAILED;
}

static int rescore(int argc, char **argv) {
  request r = {.count = 0};
  int code = parse_arguments(argc, argv, &r);
  if (code != EXIT_DONE) return code;
  job j = {.ctx = cli_context(0), .r = &r};
  if (!j.ctx) return EXIT_FAILED;
  code = work(&j);
  for (int set = 0; set < 2; set++) {
    rapt_nbest_free(j.lists[set]);
    rapt_lines_free(j.ctx, &j.sources[set]);
  }
  rapt_context_free(j.ctx);
  return code;
}

const command cli_rescore = {
    "rescore", "NBEST [--model DIR] [--lm DIR] [options]", "ranks n-best lists anew with scores of models", rescore,
    "\n  NBEST                 lines \"number ||| text ||| features ||| score\", as rapt translate --nbest, the "
    "recipe\n"
    "                        pbmt and Moses write them, plain or gzipped; features may be missing\n"
    "  --model DIR[,DIR...]  a column more: log-probabilities of a sequence-to-sequence model, or of the mean of\n"
    "                        several; may be repeated\n"
    "  --lm DIR              a column more: log-probabilities of a language model; may be repeated\n"
    "  --source FILE         the text that was translated, a line for each list; --model needs it\n"
    "  --tune NBEST --tune-source FILE --tune-reference FILE\n"
    "                        lists of another text, on which weights with the highest BLEU are looked for\n"
    "  --starts N, --seed N  of that search: random starts and their seed (20, 0)\n"
    "  --save-weights FILE   what was found, as lines \"name weight\"\n"
    "  --weights FILE        such lines: the weights, or where --tune begins; else the score the lists came with\n"
    "  --nbest N             writes the N best entries with all columns instead of the best text\n"
    "  -o FILE               writes there, and only when all is done\n"
    "\nColumns are called score, then as the file calls its features (f1, f2, ... where it does not), then model1,\n"
    "model2, ..., lm1, ... The best text of each list is printed, an empty line for a list without entries.\n"};
