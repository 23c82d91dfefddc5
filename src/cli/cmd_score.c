/* rapt score: metrics of translation, error rates, alignment error rate, and tests between systems. */
#include "cli/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Options ---- */

/* The order in which sacrebleu prints them. */
static const char *const names[] = {"bleu", "chrf", "per", "ter", "wer", NULL};
static const rapt_metric_kind kinds[] = {RAPT_BLEU, RAPT_CHRF, RAPT_PER, RAPT_TER, RAPT_WER};

static int read_metrics(score_job *j, const char *list) {
  memset(j->wanted, 0, sizeof j->wanted);
  for (const char *at = list; at;) {
    const char *comma = strchr(at, ',');
    size_t size = comma ? (size_t)(comma - at) : strlen(at);
    char name[16] = "";
    if (size < sizeof name) memcpy(name, at, size);
    int k = 0;
    while (names[k] && strcmp(names[k], name) != 0) k++;
    if (!names[k]) {
      const char *near = cli_nearest(name, names);
      return cli_usage(&cli_score, "--metrics takes bleu, chrf, ter, wer and per with commas, not \"%.*s\"%s%s%s",
                       (int)(size < 100 ? size : 100), at, near ? "; did you mean \"" : "", near ? near : "",
                       near ? "\"" : "");
    }
    j->wanted[k] = true;
    at = comma ? comma + 1 : NULL;
  }
  return EXIT_DONE;
}

static const char *tokenizer_text(int i) { return rapt_bleu_tokenizer_text((rapt_bleu_tokenizer)i); }
static const char *smoothing_text(int i) { return rapt_bleu_smoothing_text((rapt_bleu_smoothing)i); }

/* The value's place in a list of names that ends with NULL. */
static int choose(const char *option, const char *value, const char *(*text)(int), int *out) {
  char list[SCORE_TEXT] = "";
  for (int i = 0; text(i); i++) {
    if (value && strcmp(value, text(i)) == 0) {
      *out = i;
      return EXIT_DONE;
    }
    snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", text(i));
  }
  return cli_usage(&cli_score, "%s is one of %s", option, list);
}

/* *known: the argument is an option with a value. */
static int read_valued(score_job *j, int argc, char **argv, int *i, bool *known) {
  rapt_metric *bleu = &j->metric[0], *chrf = &j->metric[1];
  double chars = chrf->char_order, words = chrf->word_order, beta = chrf->beta;
  const struct {
    const char *name;
    double *to, min, max;
    bool whole;
  } numbers[] = {{"--references", &j->references, 1, 1000, true},
                 {"--width", &j->digits, 0, 12, true},
                 {"--samples", &j->samples, 1, 1e7, true},
                 {"--seed", &j->seed, 0, 9007199254740992.0, true},
                 {"--threads", &j->threads, 0, 1024, true},
                 {"--gold-first", &j->gold_first, 0, 1, true},
                 {"--hyp-first", &j->hyp_first, 0, 1, true},
                 {"--smooth-value", &bleu->smooth_value, 0, 1e6, false},
                 {"--chrf-char-order", &chars, 1, RAPT_CHRF_ORDERS, true},
                 {"--chrf-word-order", &words, 0, RAPT_CHRF_ORDERS, true},
                 {"--chrf-beta", &beta, 1, 100, true}};
  const char *value = NULL;
  int chosen = 0, code;
  *known = true;
  for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
    double n;
    if (!cli_option(numbers[k].name, argc, argv, i, &value)) continue;
    bool good = value && cli_number(value, &n) && n >= numbers[k].min && n <= numbers[k].max;
    if (!good || (numbers[k].whole && n != floor(n)))
      return cli_usage(&cli_score, "%s needs a %snumber from %g to %g", numbers[k].name,
                       numbers[k].whole ? "whole " : "", numbers[k].min, numbers[k].max);
    *numbers[k].to = n;
    chrf->char_order = (int)chars;
    chrf->word_order = (int)words;
    chrf->beta = (int)beta;
    return EXIT_DONE;
  }
  if (cli_option("--metrics", argc, argv, i, &value))
    return value ? read_metrics(j, value) : cli_usage(&cli_score, "--metrics needs a list: bleu,chrf");
  if (cli_option("--tokenize", argc, argv, i, &value)) {
    if ((code = choose("--tokenize", value, tokenizer_text, &chosen)) == EXIT_DONE)
      bleu->tokenizer = (rapt_bleu_tokenizer)chosen;
    return code;
  }
  if (cli_option("--smooth-method", argc, argv, i, &value)) {
    if ((code = choose("--smooth-method", value, smoothing_text, &chosen)) == EXIT_DONE)
      bleu->smoothing = (rapt_bleu_smoothing)chosen;
    return code;
  }
  if (cli_option("--format", argc, argv, i, &value)) {
    j->json = value && strcmp(value, "json") == 0;
    bool good = j->json || (value && strcmp(value, "text") == 0);
    return good ? EXIT_DONE : cli_usage(&cli_score, "--format is text or json");
  }
  if (cli_option("--alignment", argc, argv, i, &value)) {
    j->gold = value;
    return value ? EXIT_DONE : cli_usage(&cli_score, "--alignment needs a file of gold links");
  }
  *known = false;
  return EXIT_DONE;
}

static bool read_flag(score_job *j, const char *argument) {
  rapt_metric *chrf = &j->metric[1], *ter = &j->metric[3];
  const struct {
    const char *name;
    bool *to;
  } flags[] = {{"--lowercase", &j->lowercase},
               {"--sentence-level", &j->sentence_level},
               {"--confidence", &j->confidence},
               {"--paired-bootstrap", &j->bootstrap},
               {"--paired-randomization", &j->randomize},
               {"--chrf-whitespace", &chrf->whitespace},
               {"--chrf-eps-smoothing", &chrf->eps_smoothing},
               {"--ter-normalized", &ter->normalized},
               {"--ter-no-punct", &ter->no_punct},
               {"--ter-asian-support", &ter->asian_support},
               {"--ter-case-sensitive", &ter->case_sensitive}};
  for (size_t k = 0; k < sizeof flags / sizeof *flags; k++)
    if (strcmp(argument, flags[k].name) == 0) return *flags[k].to = true;
  return false;
}

/* What does not go together. */
static int check_job(score_job *j) {
  int metrics = 0, tests = j->confidence + j->bootstrap + j->randomize;
  for (int k = 0; k < SCORE_METRICS; k++) metrics += j->wanted[k];
  if (j->gold) {
    if (j->files != 1 || tests || j->sentence_level)
      return cli_usage(&cli_score, "--alignment needs one file of links beside the gold one, and no tests");
    return EXIT_DONE;
  }
  j->systems = j->files - (int)j->references;
  if (j->systems < 0)
    return cli_usage(&cli_score, j->files ? "--references %.0f needs as many files" : "which reference?",
                     j->references);
  static char standard[] = "-";
  if (j->systems == 0) {
    j->file[j->files++] = standard; /* behind the arguments there is room: the sub-command's own name was one */
    j->systems = 1;
  }
  int streams = 0;
  for (int i = 0; i < j->files; i++) streams += strcmp(j->file[i], "-") == 0;
  if (streams > 1) return cli_usage(&cli_score, "standard input can be read once");
  if (tests > 1) return cli_usage(&cli_score, "one test at a time");
  if (j->confidence && j->systems > 1)
    return cli_usage(&cli_score, "--confidence is for one system; several are compared by --paired-bootstrap");
  if ((j->bootstrap || j->randomize) && j->systems < 2)
    return cli_usage(&cli_score, "a test between systems needs two of them");
  if (j->sentence_level && (metrics > 1 || j->systems > 1 || tests))
    return cli_usage(&cli_score, "--sentence-level goes with one metric and one system, and without tests");
  if (j->samples == 0) j->samples = j->randomize ? 10000 : 1000;
  return EXIT_DONE;
}

static int read_arguments(score_job *j, int argc, char **argv) {
  for (int k = 0; k < SCORE_METRICS; k++) j->metric[k] = rapt_metric_default(kinds[k]);
  for (int i = 1; i < argc; i++) {
    bool known = false;
    int code = read_valued(j, argc, argv, &i, &known);
    if (code != EXIT_DONE) return code;
    if (known || read_flag(j, argv[i])) continue;
    if (argv[i][0] == '-' && argv[i][1]) return cli_usage(&cli_score, "unknown option \"%s\"", argv[i]);
    j->file[j->files++] = argv[i];
  }
  for (int k = 0; k < SCORE_METRICS; k++) {
    j->metric[k].lowercase = j->lowercase;
    j->metric[k].effective_order = j->sentence_level;
  }
  return check_job(j);
}

/* ---- Files ---- */

static int read_inputs(rapt_context *ctx, const score_job *j, score_input *in) {
  for (int i = 0; i < j->files; i++) {
    size_t size;
    in[i].name = strcmp(j->file[i], "-") == 0 ? "standard input" : j->file[i];
    in[i].text = cli_read(j->file[i], &size);
    if (!in[i].text) return EXIT_FAILED;
    if (rapt_lines_parse(ctx, in[i].name, in[i].text, size, &in[i].lines) != RAPT_OK) return cli_failed(ctx);
    long long own = in[i].lines.count, first = in[0].lines.count;
    if (own == first) continue;
    fprintf(stderr, "rapt: %s has %lld lines and %s has %lld: line %lld of %s has no partner\n", in[0].name, first,
            in[i].name, own, (own < first ? own : first) + 1, own < first ? in[0].name : in[i].name);
    return EXIT_FAILED;
  }
  return EXIT_DONE;
}

/* ---- Scores ---- */

static rapt_status score_sentences(rapt_context *ctx, const score_job *j, const rapt_metric *m, const double *stats,
                                   int64_t segments) {
  const rapt_score_style style = score_style(j);
  int width = rapt_metric_width(m);
  for (int64_t i = 0; i < segments; i++) {
    rapt_score s;
    char text[SCORE_TEXT];
    rapt_status status = rapt_metric_score(ctx, m, stats + i * width, &s);
    if (status != RAPT_OK) return status;
    if (j->json) {
      printf(i ? ",\n" : "[\n");
      score_print_object(m, &s, &style);
    } else {
      rapt_score_format(m, &s, &style, text, sizeof text);
      puts(text);
    }
  }
  if (j->json) puts("\n]");
  return RAPT_OK;
}

/* One system: sacrebleu's lines, those of several metrics under each other by their "=". */
static rapt_status print_one(rapt_context *ctx, const score_job *j, const score_result *results, int count,
                             int64_t segments) {
  char text[SCORE_METRICS][SCORE_TEXT];
  size_t left[SCORE_METRICS], widest = 0;
  const rapt_score_style style = score_style(j);
  for (int k = 0; k < count; k++) {
    double sum[6 * RAPT_CHRF_ORDERS];
    rapt_score s;
    rapt_metric_sum(results[k].m, results[k].stats[0], segments, sum);
    rapt_status status = rapt_metric_score(ctx, results[k].m, sum, &s);
    if (status != RAPT_OK) return status;
    s.mean = results[k].compared[0].mean;
    s.interval = results[k].compared[0].interval;
    if (j->json) {
      printf("%s", k ? ",\n" : count > 1 ? "[\n" : "");
      score_print_object(results[k].m, &s, &style);
      continue;
    }
    rapt_score_format(results[k].m, &s, &style, text[k], sizeof text[k]);
    left[k] = (size_t)(strchr(text[k], '=') - text[k]);
    if (left[k] > widest) widest = left[k];
  }
  if (j->json)
    puts(count > 1 ? "\n]" : "");
  else
    for (int k = 0; k < count; k++) printf("%*s%s\n", (int)(widest - left[k]), "", text[k]);
  return RAPT_OK;
}

/* The rows of every system by one metric, and the test. */
static rapt_status score_metric(rapt_context *ctx, const score_job *j, const score_input *in,
                                const rapt_segment *const *references, score_result *r) {
  int64_t segments = in[0].lines.count;
  int width = rapt_metric_width(r->m), count = (int)j->references;
  for (int s = 0; s < j->systems; s++) {
    r->stats[s] = calloc((size_t)segments * (size_t)width, sizeof(double));
    if (!r->stats[s]) return RAPT_ENOMEM;
    rapt_status status =
        rapt_metric_stats(ctx, r->m, in[count + s].lines.line, references, count, segments, r->stats[s]);
    if (status != RAPT_OK) return status;
  }
  const double *const *stats = (const double *const *)r->stats;
  if (j->randomize)
    return rapt_metric_randomize(ctx, r->m, stats, j->systems, segments, (int64_t)j->samples, (uint64_t)j->seed,
                                 r->compared);
  if (j->bootstrap || j->confidence)
    return rapt_metric_bootstrap(ctx, r->m, stats, j->systems, segments, (int64_t)j->samples, (uint64_t)j->seed,
                                 r->compared);
  for (int s = 0; s < j->systems; s++) {
    double sum[6 * RAPT_CHRF_ORDERS];
    rapt_score score;
    rapt_metric_sum(r->m, stats[s], segments, sum);
    rapt_status status = rapt_metric_score(ctx, r->m, sum, &score);
    if (status != RAPT_OK) return status;
    r->compared[s] = (rapt_compared){.score = score.score, .p = NAN};
  }
  return RAPT_OK;
}

static rapt_status score_all(rapt_context *ctx, const score_job *j, const score_input *in, score_result *results,
                             int count) {
  const rapt_segment **references = calloc((size_t)j->references, sizeof *references);
  rapt_status status = references ? RAPT_OK : RAPT_ENOMEM;
  for (int r = 0; references && r < (int)j->references; r++) references[r] = in[r].lines.line;
  for (int k = 0; k < count && status == RAPT_OK; k++) status = score_metric(ctx, j, in, references, &results[k]);
  free(references);
  if (status != RAPT_OK) return status;
  int64_t segments = in[0].lines.count;
  const score_input *systems = in + (int)j->references;
  if (j->sentence_level) return score_sentences(ctx, j, results[0].m, results[0].stats[0], segments);
  if (j->systems == 1) return print_one(ctx, j, results, count, segments);
  (j->json ? score_print_json : score_print_table)(j, results, count, systems);
  return RAPT_OK;
}

static int score_texts(rapt_context *ctx, const score_job *j) {
  score_input *in = calloc((size_t)j->files, sizeof *in);
  score_result results[SCORE_METRICS] = {0};
  int count = 0, code = in ? read_inputs(ctx, j, in) : EXIT_FAILED;
  rapt_status status = in ? RAPT_OK : RAPT_ENOMEM;
  for (int k = 0; k < SCORE_METRICS && status == RAPT_OK && code == EXIT_DONE; k++) {
    if (!j->wanted[k]) continue;
    score_result *r = &results[count++];
    *r = (score_result){&j->metric[k], calloc((size_t)j->systems, sizeof *r->stats),
                        calloc((size_t)j->systems, sizeof *r->compared)};
    if (!r->stats || !r->compared) status = RAPT_ENOMEM;
  }
  if (status == RAPT_OK && code == EXIT_DONE) status = score_all(ctx, j, in, results, count);
  if (status == RAPT_ENOMEM && rapt_context_status(ctx) == RAPT_OK) {
    fprintf(stderr, "rapt: out of memory\n");
    code = EXIT_FAILED;
  } else if (status != RAPT_OK)
    code = cli_failed(ctx);
  for (int k = 0; k < count; k++) {
    for (int s = 0; results[k].stats && s < j->systems; s++) free(results[k].stats[s]);
    free(results[k].stats);
    free(results[k].compared);
  }
  for (int i = 0; in && i < j->files; i++) {
    rapt_lines_free(ctx, &in[i].lines);
    free(in[i].text);
  }
  free(in);
  return code;
}

/* ---- Alignments ---- */

static rapt_alignments *read_links(rapt_context *ctx, const char *path, double first, const char *option) {
  const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
  size_t size;
  char *text = cli_read(path, &size);
  rapt_alignments *a = NULL;
  if (text && rapt_alignments_parse(ctx, name, text, size, (int)first, &a) != RAPT_OK) cli_failed(ctx);
  free(text);
  if (a && first == 0 && rapt_alignments_least(a) > 0)
    fprintf(stderr, "rapt: %s never names word 0: are its words counted from 1? Then say %s 1\n", name, option);
  return a;
}

static int score_alignment(rapt_context *ctx, const score_job *j) {
  if (strcmp(j->gold, "-") == 0 && strcmp(j->file[0], "-") == 0)
    return cli_usage(&cli_score, "standard input can be read once");
  rapt_alignments *gold = read_links(ctx, j->gold, j->gold_first, "--gold-first"), *hyp = NULL;
  if (gold) hyp = read_links(ctx, j->file[0], j->hyp_first, "--hyp-first");
  rapt_alignment_score s;
  int code = EXIT_FAILED, digits = (int)j->digits;
  if (hyp) code = rapt_alignments_score(ctx, gold, hyp, &s) == RAPT_OK ? EXIT_DONE : cli_failed(ctx);
  if (code == EXIT_DONE && j->json)
    printf(
        "{\"aer\": %.12g, \"precision\": %.12g, \"recall\": %.12g, \"pairs\": %lld, \"links\": %lld, \"sure\": %lld, "
        "\"possible\": %lld, \"correct_sure\": %lld, \"correct_possible\": %lld}\n",
        s.aer, s.precision, s.recall, (long long)s.pairs, (long long)s.links, (long long)s.sure, (long long)s.possible,
        (long long)s.correct_sure, (long long)s.correct_possible);
  else if (code == EXIT_DONE)
    printf("AER = %.*f (precision = %.*f recall = %.*f links = %lld sure = %lld possible = %lld)\n", digits,
           100 * s.aer, digits, 100 * s.precision, digits, 100 * s.recall, (long long)s.links, (long long)s.sure,
           (long long)s.possible);
  rapt_alignments_free(gold);
  rapt_alignments_free(hyp);
  return code;
}

static int score(int argc, char **argv) {
  score_job j = {.wanted = {true}, .references = 1, .digits = 2, .seed = 12345, .file = argv};
  int code = read_arguments(&j, argc, argv);
  if (code != EXIT_DONE) return code;
  rapt_context *ctx = cli_context((int)j.threads);
  if (!ctx) return EXIT_FAILED;
  code = j.gold ? score_alignment(ctx, &j) : score_texts(ctx, &j);
  rapt_context_free(ctx);
  return code;
}

const command cli_score = {
    "score", "REF [HYP...] [options] | --alignment GOLD HYP", "BLEU, chrF, TER, error rates, alignment error rate",
    score,
    "\n  REF, HYP                one sentence a line; - reads standard input, as no HYP does\n"
    "  --metrics LIST          of bleu (default), chrf, ter, wer, per, with commas\n"
    "  --references N          the first N files are references of the same sentences (1)\n"
    "  --lowercase             bleu, chrf, wer and per do not tell case (ter never does, but for "
    "--ter-case-sensitive)\n"
    "  --tokenize NAME         of bleu: 13a (default), intl, zh, char, none\n"
    "  --smooth-method NAME    of bleu: exp (default), floor, add-k, none; --smooth-value V: of floor 0.1, of add-k 1\n"
    "  --chrf-word-order N     2 is chrF++ (0); also --chrf-char-order (6), --chrf-beta (2), --chrf-whitespace,\n"
    "                          --chrf-eps-smoothing\n"
    "  --ter-normalized        also --ter-no-punct, --ter-asian-support, --ter-case-sensitive\n"
    "  --sentence-level        one line a sentence, by one metric; bleu leaves out orders a sentence is too short for\n"
    "  --confidence            mean and 95 % interval of resampled corpora\n"
    "  --paired-bootstrap      is a HYP different from the first one? paired bootstrap resampling\n"
    "  --paired-randomization  the same by approximate randomization\n"
    "  --samples N             of these (1000, for randomization 10000); --seed N (12345); --threads N\n"
    "  --format text|json      figures with --width N digits behind the point (2)\n\n"
    "  --alignment GOLD        HYP holds links i-j, one sentence pair a line; GOLD also possible ones, ipj\n"
    "  --gold-first 0|1        the number of the first word, as --hyp-first 0|1 (0)\n\n"
    "Figures and lines are those of sacrebleu " RAPT_SACREBLEU_VERSION "; random numbers are rapt's own.\n"};
