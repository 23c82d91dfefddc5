/* rapt bench. */
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

typedef struct request {
  bool list, profile;
  const char *json; /* file, "-" for standard output, or NULL */
  double threads;
  const char *only[MOST], *settings[MOST];
  int only_count;
  rapt_bench_options options;
} request;

typedef struct output {
  bool table;
  FILE *json; /* text in memory, or NULL */
  int count;
} output;

static void timing(void *user, const rapt_timing *t) {
  output *out = user;
  if (out->json) {
    fprintf(out->json,
            "%s{\"id\": \"%s\", \"name\": \"%s\", \"seconds\": %.6g, \"cpu_seconds\": %.6g, \"rate\": %.6g, \"unit\": "
            "\"%s\", ",
            out->count ? ",\n " : "", t->work->id, t->work->title, t->seconds, t->cpu_seconds, t->rate, t->work->unit);
    if (isfinite(t->loss)) fprintf(out->json, "\"loss\": %.9g, ", t->loss);
    fprintf(out->json,
            "\"repeats\": %lld, \"plan_seconds\": %.6g, \"nodes\": %lld, \"arena_bytes\": %lld, \"parameters\": %lld}",
            (long long)t->repeats, t->plan_seconds, (long long)t->nodes, (long long)t->arena_bytes,
            (long long)t->parameters);
  }
  if (out->table) {
    if (out->count == 0)
      printf("%-20s %15s %23s %6s %9s\n", "work", "least time", "rate        ", "nodes", "plan us/n");
    printf("%-20s %12.1f us %11.2f %-11s", t->work->id, t->seconds * 1e6, t->rate, t->work->unit);
    if (t->nodes > 0) printf(" %6lld %9.2f", (long long)t->nodes, t->plan_seconds * 1e6 / (double)t->nodes);
    putchar('\n');
    fflush(stdout);
  }
  out->count++;
}

static int list(void) {
  for (int i = 0; i < rapt_work_count(); i++) {
    const rapt_work_info *w = rapt_work_get(i);
    printf("%-20s %s%s%s\n", w->id, w->title, w->settings ? "; takes settings" : "", w->heavy ? "; only by name" : "");
  }
  return EXIT_DONE;
}

/* A value may follow --json; another option or a setting is not one. */
static const char *json_target(int argc, char **argv, int *i) {
  const char *text = argv[*i] + strlen("--json");
  if (*text == '=') return text + 1;
  const char *next = *i + 1 < argc ? argv[*i + 1] : NULL;
  if (!next || (next[0] == '-' && next[1]) || strchr(next, '=')) return "-";
  ++*i;
  return next;
}

/* Works of this id, or of this family: whose ids begin with the name and a hyphen. */
static bool add_named(request *r, const char *name) {
  size_t n = strlen(name);
  int before = r->only_count;
  for (int i = 0; i < rapt_work_count(); i++) {
    const char *id = rapt_work_get(i)->id;
    if (strncmp(id, name, n) != 0 || (id[n] && id[n] != '-')) continue;
    if (r->only_count == MOST) return false;
    r->only[r->only_count++] = id;
  }
  if (r->only_count == before && r->only_count < MOST) r->only[r->only_count++] = name; /* refused with the nearest */
  return true;
}

static int read_request(int argc, char **argv, request *r) {
  const char *value;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--list") == 0) {
      r->list = true;
    } else if (strcmp(argv[i], "--profile") == 0) {
      r->profile = true;
    } else if (strcmp(argv[i], "--json") == 0 || strncmp(argv[i], "--json=", 7) == 0) {
      r->json = json_target(argc, argv, &i);
      if (!*r->json) return cli_usage(&cli_bench, "--json= needs a file or \"-\"");
    } else if (cli_option("--only", argc, argv, &i, &value)) {
      if (!value) return cli_usage(&cli_bench, "--only needs the id of a work; --list names them");
      if (r->only_count == MOST) return cli_usage(&cli_bench, "more than %d times --only", MOST);
      r->only[r->only_count++] = value;
    } else if (cli_option("--threads", argc, argv, &i, &value)) {
      if (!value || !cli_number(value, &r->threads) || r->threads < 1 || r->threads > 1024)
        return cli_usage(&cli_bench, "--threads needs a number from 1 to 1024");
    } else if (cli_option("--repeat", argc, argv, &i, &value)) {
      double n;
      if (!value || !cli_number(value, &n) || n < 1 || n > 1e9 || n != floor(n))
        return cli_usage(&cli_bench, "--repeat needs a whole number from 1 to 1000000000");
      r->options.repeats = (int64_t)n;
    } else if (cli_option("--seconds", argc, argv, &i, &value)) {
      if (!value || !cli_number(value, &r->options.seconds) || r->options.seconds <= 0 || r->options.seconds > 1e6)
        return cli_usage(&cli_bench, "--seconds needs a number above 0 and up to 1000000");
    } else if (cli_option("--save-inputs", argc, argv, &i, &value)) {
      if (!value) return cli_usage(&cli_bench, "--save-inputs needs a file");
      r->options.save = value;
    } else if (argv[i][0] != '-' && strchr(argv[i], '=')) {
      if (r->options.setting_count == MOST) return cli_usage(&cli_bench, "more than %d settings", MOST);
      r->settings[r->options.setting_count++] = argv[i];
    } else if (argv[i][0] == '-') {
      return cli_usage(&cli_bench, "unexpected argument \"%s\"", argv[i]);
    } else if (!add_named(r, argv[i])) {
      return cli_usage(&cli_bench, "more than %d works", MOST);
    }
  }
  r->options.settings = r->settings;
  if (r->profile && (r->only_count != 1 || r->json || r->options.save))
    return cli_usage(&cli_bench, "--profile needs one work, and stands without --json and --save-inputs");
  if (r->only_count != 1 && (r->options.save || r->options.setting_count > 0))
    return cli_usage(&cli_bench, "--save-inputs and settings need one work");
  return EXIT_DONE;
}

/* What was measured goes out whole, after the last work. */
static int write_json(const char *path, const char *text, size_t size) {
  bool standard = strcmp(path, "-") == 0;
  FILE *f = standard ? stdout : fopen(path, "w");
  bool good = f && fwrite(text, 1, size, f) == size && fflush(f) == 0;
  if (f && !standard && fclose(f) != 0) good = false;
  if (good) return EXIT_DONE;
  fprintf(stderr, "rapt: cannot write %s\n", standard ? "standard output" : path);
  return EXIT_FAILED;
}

/* ---- Profile ---- */

typedef struct profile {
  rapt_op_time lines[256];
  int count;
  double seconds;
} profile;

static void add_line(void *user, const rapt_op_time *time) {
  profile *p = user;
  p->seconds += time->seconds;
  if (p->count < 256) p->lines[p->count++] = *time;
}

static void print_profile(const profile *p, const rapt_machine_peak *peak) {
  printf("%-22s %6s %12s %7s %12s %7s\n", "op", "nodes", "time", "share", "rate", "of peak");
  for (int i = 0; i < p->count; i++) {
    const rapt_op_time *t = &p->lines[i];
    bool product = t->flops > 0;
    double rate = (product ? t->flops : t->bytes) / t->seconds, most = product ? peak->flops : peak->bytes;
    printf("%-22s %6lld %9.1f us %5.1f %% %6.1f %-7s %5.0f %%\n", t->op, (long long)t->nodes, t->seconds * 1e6,
           100 * t->seconds / p->seconds, rate * 1e-9, product ? "GFLOP/s" : "GB/s", 100 * rate / most);
  }
  printf("%-22s %6s %9.1f us\n", "all", "", p->seconds * 1e6);
  printf("peak of one thread: %.1f GFLOP/s in the first cache, %.1f GB/s from memory (caches are faster)\n",
         peak->flops * 1e-9, peak->bytes * 1e-9);
}

static int run_profile(rapt_context *ctx, request *r) {
  profile *p = calloc(1, sizeof *p);
  rapt_machine_peak peak;
  r->options.only = r->only[0];
  bool done =
      p && rapt_bench_profile(ctx, &r->options, add_line, p) == RAPT_OK && rapt_machine_measure(ctx, &peak) == RAPT_OK;
  if (done) print_profile(p, &peak);
  if (!p) fprintf(stderr, "rapt: out of memory\n");
  int code = done ? EXIT_DONE : p ? cli_failed(ctx) : EXIT_FAILED;
  free(p);
  return code;
}

static int bench(int argc, char **argv) {
  request r = {.threads = 1};
  int code = read_request(argc, argv, &r);
  if (code != EXIT_DONE) return code;
  if (r.list) return list();
  rapt_context *ctx = cli_context((int)r.threads);
  if (!ctx) return EXIT_FAILED;
  if (r.profile) {
    code = run_profile(ctx, &r);
    rapt_context_free(ctx);
    return code;
  }
  char *text = NULL;
  size_t size = 0;
  output out = {.table = !r.json || strcmp(r.json, "-") != 0, .json = r.json ? open_memstream(&text, &size) : NULL};
  if (out.json) fputc('[', out.json);
  rapt_status status = RAPT_OK;
  for (int i = 0; status == RAPT_OK && i < (r.only_count ? r.only_count : 1); i++) {
    r.options.only = r.only_count ? r.only[i] : NULL;
    status = rapt_bench_run(ctx, &r.options, timing, &out);
  }
  code = status == RAPT_OK ? EXIT_DONE : cli_failed(ctx);
  if (r.json && !out.json) {
    fprintf(stderr, "rapt: out of memory\n");
    code = EXIT_FAILED;
  } else if (out.json) {
    fputs("]\n", out.json);
    bool whole = fclose(out.json) == 0;
    if (code == EXIT_DONE) code = whole ? write_json(r.json, text, size) : EXIT_FAILED;
  }
  free(text);
  rapt_context_free(ctx);
  return code;
}

const command cli_bench = {
    "bench", "[option ...] [WORK ...] [key=value ...]", "times kernels, attention, decoding and whole training steps",
    bench,
    "\n  WORK             an id, or what several begin with: `rapt bench optimizers`; without one all but the heavy "
    "ones\n"
    "  --list           the works that can be timed\n"
    "  --only ID        the same as WORK for one id (may be repeated)\n"
    "  --profile        where the time of one work goes, op by op, beside the most that one thread can do\n"
    "  --threads N      threads to use (1)\n"
    "  --repeat N       exactly so many repetitions of each work\n"
    "  --seconds S      repeat each work for so long, at least three times (0.5)\n"
    "  --json [FILE]    a JSON list, to standard output instead of the table, or to a file\n"
    "  --save-inputs F  writes weights, inputs and results of the work as safetensors, for other libraries\n"
    "  key=value        settings of a GPT work: model.layers, model.width, ..., bench.batch, bench.tokens\n"};
