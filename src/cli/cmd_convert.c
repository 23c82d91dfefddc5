/* rapt convert: models from one form of file into another. */
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "500M", "2G", "1000000": units of 1000. */
static bool read_bytes(const char *text, int64_t *out) {
  static const char units[] = "kMGT";
  char *end;
  double x = strtod(text, &end);
  const char *unit = *end ? strchr(units, *end == 'K' ? 'k' : *end) : NULL;
  if (end == text || (*end && (!unit || end[1]))) return false;
  for (const char *u = units; unit && u <= unit; u++) x *= 1000;
  *out = (int64_t)(x >= 1 && x <= 1e15 ? x : 0);
  return *out > 0;
}

static int convert(int argc, char **argv) {
  const char *from = NULL, *to = NULL, *value;
  rapt_convert_options options = {0};
  for (int i = 1; i < argc; i++) {
    if (cli_option("--type", argc, argv, &i, &value)) {
      if (!value) return cli_usage(&cli_convert, "--type needs a type, for instance q8_0");
      options.type = value;
    } else if (cli_option("--shard-size", argc, argv, &i, &value)) {
      if (!value || !read_bytes(value, &options.shard_bytes))
        return cli_usage(&cli_convert, "--shard-size needs a number of bytes, for instance 2G");
    } else if (strcmp(argv[i], "--force") == 0) {
      options.replace = true;
    } else if (argv[i][0] == '-') {
      return cli_usage(&cli_convert, "unknown option \"%s\"", argv[i]);
    } else if (!from) {
      from = argv[i];
    } else if (!to) {
      to = argv[i];
    } else {
      return cli_usage(&cli_convert, "unexpected argument \"%s\"", argv[i]);
    }
  }
  if (!to) return cli_usage(&cli_convert, from ? "into which file or directory?" : "which file or model directory?");
  rapt_context *ctx = cli_context(1);
  if (!ctx) return EXIT_FAILED;
  rapt_model_file *file = NULL;
  rapt_status status = rapt_model_convert(ctx, from, to, &options);
  if (status == RAPT_OK) status = rapt_model_file_open(ctx, to, &file);
  int code = status == RAPT_OK ? EXIT_DONE : cli_failed(ctx);
  if (file) {
    rapt_model_file_totals totals;
    rapt_model_file_get_totals(file, &totals);
    printf("%s: %s, %lld tensors, %lld bytes\n", to, totals.format, (long long)totals.tensors, (long long)totals.bytes);
  }
  rapt_model_file_free(file);
  rapt_context_free(ctx);
  return code;
}

const command cli_convert = {
    "convert", "FILE|DIR FILE.gguf|DIR [--type T] [--shard-size BYTES] [--force]",
    "between model directories and GGUF files, quantised or not", convert,
    "\nReads a model directory or a GGUF file. Writes a GGUF file where the second name ends in .gguf, else a "
    "directory.\n"
    "  --type T             of the matrices: f32 (default), f16, bf16; in GGUF also q8_0, q5_0, q4_0, q4_k, q5_k, "
    "q6_k\n"
    "  --shard-size BYTES   of a directory: weights in several files of at most so many bytes (500M, 2G)\n"
    "  --force              replaces what is there\n"};
