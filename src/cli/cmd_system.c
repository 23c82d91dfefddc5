/* rapt doctor. */
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
  printf("data      %s\n",
         data && *data ? data : "RAPT_DATA is not set; data sets are looked for in the cache (rapt data --help)");
  return EXIT_DONE;
}

const command cli_doctor = {"doctor", "", "what this machine offers: CPU, threads, memory, data", doctor, ""};
