/* rapt inspect: what is in a file of a model. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

enum { FEW = 8, WIDTH = 76 }; /* elements of arrays, and characters of a value, that are shown without --all */

/* 1234567 as "1.23 M"; units of 1000. */
static const char *amount(int64_t n, const char *unit, char *text, size_t room) {
  static const char *const prefixes[] = {"", " k", " M", " G", " T", " P", " E"};
  double x = (double)n;
  int p = 0;
  for (; x >= 999.5 && p < 6; p++) x /= 1000;
  snprintf(text, room, "%.*f%s%s%s",
           p == 0 || x >= 99.95 ? 0
           : x >= 9.995         ? 1
                                : 2,
           x, prefixes[p], p == 0 && *unit ? " " : "", unit);
  return text;
}

static void shape_text(const rapt_tensor_info *t, char *text, size_t room) {
  size_t used = (size_t)snprintf(text, room, "(");
  for (int i = 0; i < t->ndim && used < room; i++)
    used += (size_t)snprintf(text + used, room - used, "%s%lld", i ? ", " : "", (long long)t->dims[i]);
  if (used < room) snprintf(text + used, room - used, ")");
}

/* Long values are cut at a character's boundary. */
static void print_value(const rapt_metadata *m, bool all) {
  size_t n = strlen(m->json);
  if (all || n <= WIDTH) {
    fputs(m->json, stdout);
  } else {
    for (n = WIDTH; n > 0 && ((unsigned char)m->json[n] & 0xC0) == 0x80;) n--;
    printf("%.*s …", (int)n, m->json);
  }
  if (m->count >= 0 && (m->shortened || n < strlen(m->json))) printf("  (%lld elements)", (long long)m->count);
}

static rapt_status print_plain(rapt_model_file *f, bool all) {
  rapt_model_file_totals totals;
  rapt_model_file_get_totals(f, &totals);
  printf("%s\n", totals.format);
  if (totals.metadata) printf("\nmetadata\n");
  for (int64_t i = 0; i < totals.metadata && !ferror(stdout); i++) {
    rapt_metadata m;
    rapt_status status = rapt_model_file_get_metadata(f, i, all ? -1 : FEW, &m);
    if (status != RAPT_OK) return status;
    printf("  %-40s %-8s ", m.key, m.type);
    print_value(&m, all);
    putchar('\n');
  }
  if (totals.tensors) printf("\n%-48s %-8s %14s  shape\n", "tensors", "type", "bytes");
  for (int64_t i = 0; i < totals.tensors && !ferror(stdout); i++) {
    rapt_tensor_info t;
    rapt_status status = rapt_model_file_get_tensor(f, i, &t);
    if (status != RAPT_OK) return status;
    char shape[200];
    shape_text(&t, shape, sizeof shape);
    printf("  %-46s %-8s %14lld  %s\n", t.name, t.type, (long long)t.bytes, shape);
  }
  char elements[32], bytes[32], file[32];
  printf("\n%lld tensors, %s elements, %s of tensors in %s\n", (long long)totals.tensors,
         amount(totals.elements, "", elements, sizeof elements), amount(totals.tensor_bytes, "B", bytes, sizeof bytes),
         amount(totals.bytes, "B", file, sizeof file));
  return RAPT_OK;
}

static rapt_status print_json(rapt_model_file *f, bool all) {
  rapt_model_file_totals totals;
  rapt_model_file_get_totals(f, &totals);
  printf("{\"format\": ");
  cli_json_text(totals.format);
  printf(", \"files\": %lld, \"bytes\": %lld, \"elements\": %lld, \"tensor_bytes\": %lld,\n \"metadata\": {",
         (long long)totals.files, (long long)totals.bytes, (long long)totals.elements, (long long)totals.tensor_bytes);
  for (int64_t i = 0; i < totals.metadata && !ferror(stdout); i++) {
    rapt_metadata m;
    rapt_status status = rapt_model_file_get_metadata(f, i, all ? -1 : FEW, &m);
    if (status != RAPT_OK) return status;
    printf("%s\n  ", i ? "," : "");
    cli_json_text(m.key);
    printf(": {\"type\": \"%s\"", m.type);
    if (m.count >= 0) printf(", \"count\": %lld", (long long)m.count);
    if (m.shortened) printf(", \"shortened\": true");
    printf(", \"value\": %s}", m.json);
  }
  printf("},\n \"tensors\": [");
  for (int64_t i = 0; i < totals.tensors && !ferror(stdout); i++) {
    rapt_tensor_info t;
    rapt_status status = rapt_model_file_get_tensor(f, i, &t);
    if (status != RAPT_OK) return status;
    printf("%s\n  {\"name\": ", i ? "," : "");
    cli_json_text(t.name);
    printf(", \"type\": \"%s\", \"shape\": [", t.type);
    for (int d = 0; d < t.ndim; d++) printf("%s%lld", d ? ", " : "", (long long)t.dims[d]);
    printf("], \"bytes\": %lld, \"file\": ", (long long)t.bytes);
    cli_json_text(t.file);
    printf("}");
  }
  printf("]}\n");
  return RAPT_OK;
}

static int inspect(int argc, char **argv) {
  const char *path = NULL;
  bool json = false, all = false;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--json") == 0)
      json = true;
    else if (strcmp(argv[i], "--all") == 0)
      all = true;
    else if (argv[i][0] == '-')
      return cli_usage(&cli_inspect, "unknown option \"%s\"", argv[i]);
    else if (path)
      return cli_usage(&cli_inspect, "unexpected argument \"%s\"", argv[i]);
    else
      path = argv[i];
  }
  if (!path) return cli_usage(&cli_inspect, "which file or model directory?");
  rapt_context *ctx = cli_context(1);
  if (!ctx) return EXIT_FAILED;
  rapt_model_file *f = NULL;
  rapt_status status = rapt_model_file_open(ctx, path, &f);
  if (status == RAPT_OK) status = json ? print_json(f, all) : print_plain(f, all);
  int code = status == RAPT_OK ? EXIT_DONE : cli_failed(ctx);
  rapt_model_file_free(f);
  rapt_context_free(ctx);
  return code;
}

const command cli_inspect = {
    "inspect", "FILE|DIR [--json] [--all]", "what is in a model's file: metadata, tensors, sizes", inspect,
    "\nReads GGUF, safetensors, an index of several safetensors files, or a model directory; weights are not loaded.\n"
    "  --json   one JSON object\n"
    "  --all    arrays and long values whole, not just their beginning\n"};
