/* rapt embed: a vector for every line. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 256 }; /* lines */
enum { JSON, NPY, CSV };

typedef struct wish {
  const char *dir, *file;
  int format, pooling; /* pooling −1: the model's */
  int normalize;       /* −1: the model's */
  double threads;
} wish;

static int choice(const char *value, const char *const *names) {
  for (int i = 0; value && names[i]; i++)
    if (strcmp(names[i], value) == 0) return i;
  return -1;
}

/* 0, or the exit code of a usage error. */
static int read_arguments(int argc, char **argv, wish *w) {
  static const char *const formats[] = {"json", "npy", "csv", NULL};
  static const char *const poolings[] = {"mean", "cls", "max", "pooler", NULL}; /* as rapt_pooling */
  const char *value;
  for (int i = 1; i < argc; i++) {
    if (cli_option("--format", argc, argv, &i, &value)) {
      if ((w->format = choice(value, formats)) < 0) return cli_usage(&cli_embed, "--format is json, npy or csv");
    } else if (cli_option("--pooling", argc, argv, &i, &value)) {
      if ((w->pooling = choice(value, poolings)) < 0)
        return cli_usage(&cli_embed, "--pooling is mean, cls, max or pooler");
    } else if (cli_option("--threads", argc, argv, &i, &value)) {
      if (!value || !cli_number(value, &w->threads) || w->threads < 0 || w->threads > 1024)
        return cli_usage(&cli_embed, "--threads needs a number");
    } else if (strcmp(argv[i], "--normalize") == 0 || strcmp(argv[i], "--no-normalize") == 0) {
      w->normalize = strcmp(argv[i], "--normalize") == 0;
    } else if (argv[i][0] == '-' && argv[i][1]) {
      return cli_usage(&cli_embed, "unknown option \"%s\"", argv[i]);
    } else if (!w->dir) {
      w->dir = argv[i];
    } else if (!w->file) {
      w->file = argv[i];
    } else {
      return cli_usage(&cli_embed, "too many arguments");
    }
  }
  return w->dir ? 0 : cli_usage(&cli_embed, "the model directory is missing");
}

/* The next line without its end; false after the last. */
static bool next_line(const char **at, const char *end, const char **line, size_t *size) {
  if (*at == end) return false;
  const char *feed = memchr(*at, '\n', (size_t)(end - *at));
  *line = *at;
  *size = (size_t)((feed ? feed : end) - *at);
  *at = feed ? feed + 1 : end;
  if (*size && (*line)[*size - 1] == '\r') --*size;
  return true;
}

/* Version 1.0 of NumPy's format: the header ends at a multiple of 64 bytes. */
static void print_npy_header(long long rows, long long width) {
  char header[128];
  int used =
      snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %lld), }", rows, width);
  int size = (10 + used + 1 + 63) / 64 * 64 - 10;
  printf("\x93NUMPY%c%c%c%c%s%*s\n", 1, 0, size & 255, size >> 8, header, size - used - 1, "");
}

static void print_vector(int format, const float *x, int64_t width) {
  if (format == NPY) {
    fwrite(x, sizeof *x, (size_t)width, stdout); /* the machines that rapt runs on are little-endian */
    return;
  }
  if (format == JSON) putchar('[');
  for (int64_t i = 0; i < width; i++) printf("%s%.9g", i ? "," : "", (double)x[i]);
  fputs(format == JSON ? "]\n" : "\n", stdout);
}

static rapt_status embed(rapt_model *model, const wish *w, const rapt_embed_options *o, const char *text, size_t size) {
  const char *lines[AT_ONCE], *at = text, *end = text + size;
  size_t sizes[AT_ONCE];
  int64_t width = rapt_encoder_width(model), count;
  float *out = malloc(sizeof *out * AT_ONCE * (size_t)(width ? width : 1));
  rapt_status status = out ? RAPT_OK : RAPT_ENOMEM;
  if (status == RAPT_OK && w->format == NPY && width) {
    long long rows = 0;
    for (const char *line = text; next_line(&line, end, &lines[0], &sizes[0]);) rows++;
    print_npy_header(rows, width);
  }
  do {
    for (count = 0; count < AT_ONCE && next_line(&at, end, &lines[count], &sizes[count]);) count++;
    if (status == RAPT_OK) status = rapt_encoder_embed_texts(model, lines, sizes, count, o, out);
    for (int64_t i = 0; i < count && status == RAPT_OK; i++) print_vector(w->format, out + i * width, width);
  } while (count == AT_ONCE && status == RAPT_OK && !ferror(stdout));
  free(out);
  return status;
}

static int run(int argc, char **argv) {
  wish w = {.pooling = -1, .normalize = -1};
  int wrong = read_arguments(argc, argv, &w);
  if (wrong) return wrong;
  rapt_context *ctx = cli_context((int)w.threads);
  if (!ctx) return EXIT_FAILED;
  rapt_model *model = NULL;
  size_t size = 0;
  int code = EXIT_FAILED;
  rapt_status status = rapt_model_load(ctx, w.dir, &model);
  char *text = status == RAPT_OK ? cli_read(w.file ? w.file : "-", &size) : NULL;
  if (status == RAPT_OK && text) {
    rapt_embed_options o = rapt_encoder_options(model);
    if (w.pooling >= 0) o.pooling = (rapt_pooling)w.pooling;
    if (w.normalize >= 0) o.normalize = w.normalize;
    status = embed(model, &w, &o, text, size);
    code = EXIT_DONE;
  }
  if (status == RAPT_ENOMEM && rapt_context_status(ctx) == RAPT_OK)
    fprintf(stderr, "rapt: out of memory\n"), code = EXIT_FAILED;
  else if (status != RAPT_OK)
    code = cli_failed(ctx);
  free(text);
  rapt_model_free(model);
  rapt_context_free(ctx);
  return code;
}

const command cli_embed = {
    "embed", "DIR [FILE] [--format json|npy|csv]", "a vector for every line of a text, by an encoder", run,
    "reads lines from FILE or standard input and writes one embedding a line, as the model directory says\n"
    "(sentence-transformers' pooling and normalisation; else the mean of the last states)\n\n"
    "  --format F        json (an array a line, default), csv, or npy (one array of float32)\n"
    "  --pooling P       mean, cls, max or pooler instead of the model's\n"
    "  --normalize       to length 1; --no-normalize: not, whatever the model says\n"
    "  --threads N       0: automatic\n\n"
    "Longer lines are cut to the tokens that the model takes. An empty line has an embedding too.\n"};
