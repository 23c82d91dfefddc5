/* What the machine offers. */
#include <rapt/system.h>

#include "base/team.h"
#include "kernels/kernels.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void rapt_system_get(rapt_system *out) {
  static const char *const lists[] = {"ref", "ref avx2", "ref avx2 avx512", "ref neon"};
  *out = (rapt_system){.kernels = rapt__kernels()->name,
                       .wanted = getenv("RAPT_CPU"),
                       .affinity = rapt__cpu_affinity(),
                       .quota = rapt__cpu_quota(),
                       .threads = rapt__cpu_count()};
  out->available = lists[rapt__kernels_at(K_LEVEL_avx512) ? 2
                         : rapt__kernels_at(K_LEVEL_avx2) ? 1
                         : rapt__kernels_at(K_LEVEL_neon) ? 3
                                                          : 0];
  out->memory_bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
}
