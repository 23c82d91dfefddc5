/* rapt doctor, rapt bench. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

static int doctor(int argc, char **argv) {
  if (argc > 1) return cli_usage(&cli_doctor, "unexpected argument \"%s\"", argv[1]);
  rapt_system s;
  rapt_system_get(&s);
  const char *data = getenv("RAPT_DATA");
  printf("version   rapt %s\n", rapt_version());
  printf("kernels   %s (this CPU and build have: %s)\n", s.kernels, s.available);
  if (s.wanted && strcmp(s.wanted, s.kernels) != 0)
    printf("          RAPT_CPU=%s is not available here and was ignored\n", s.wanted);
  printf("threads   %d (affinity mask: %d", s.threads, s.affinity);
  if (s.quota > 0)
    printf(", cgroup quota: %.2f)\n", s.quota);
  else
    printf(", no cgroup quota)\n");
  printf("BLAS      none needed: own matrix product\n");
  printf("memory    %.1f GiB\n", (double)s.memory_bytes / (1 << 30));
  printf("data      %s\n", data && *data ? data : "RAPT_DATA is not set; recipes read the file that data=FILE names");
  return EXIT_DONE;
}

const command cli_doctor = {"doctor", "", "what this machine offers: CPU, threads, memory, data", doctor, ""};

typedef struct table {
  bool json, first;
} table;

static void timing(void *user, const rapt_timing *t) {
  table *out = user;
  if (out->json) {
    printf("%s{\"name\": \"%s\", \"seconds\": %.6g, \"rate\": %.6g, \"unit\": \"%s\"}", out->first ? "" : ",\n ",
           t->name, t->seconds, t->rate, t->unit);
  } else {
    printf("%-44s %12.1f us %10.2f %s\n", t->name, t->seconds * 1e6, t->rate, t->unit);
  }
  out->first = false;
  fflush(stdout);
}

static int bench(int argc, char **argv) {
  table out = {.first = true};
  double threads = 1;
  const char *value;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--json") == 0)
      out.json = true;
    else if (cli_option("--threads", argc, argv, &i, &value)) {
      if (!value || !cli_number(value, &threads) || threads < 1 || threads > 1024)
        return cli_usage(&cli_bench, "--threads needs a number from 1 to 1024");
    } else
      return cli_usage(&cli_bench, "unexpected argument \"%s\"", argv[i]);
  }
  rapt_context *ctx = cli_context((int)threads);
  if (!ctx) return EXIT_FAILED;
  if (out.json) printf("[");
  int code = rapt_bench_run(ctx, timing, &out) == RAPT_OK ? EXIT_DONE : cli_failed(ctx);
  if (out.json) printf("]\n");
  rapt_context_free(ctx);
  return code;
}

const command cli_bench = {"bench", "[--threads N] [--json]", "times kernels and whole training steps", bench,
                           "\n  --threads N   threads to use (1)\n  --json        a JSON list instead of the table\n"};
