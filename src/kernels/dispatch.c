/* Chooses the kernels: one table per level of instruction set, each made from ref's by the level's install functions;
 * avx512's is made from avx2's. */
#include "kernels/variants.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  k_level level;
  void (*install)(k_kernels *);
} variants[] = {
    {K_LEVEL_ref, rapt__vec_ref},          {K_LEVEL_ref, rapt__reduce_ref},     {K_LEVEL_ref, rapt__rows_ref},
    {K_LEVEL_ref, rapt__random_ref},       {K_LEVEL_ref, rapt__optim_ref},      {K_LEVEL_ref, rapt__gemm_ref},
    {K_LEVEL_ref, rapt__cells_ref},        {K_LEVEL_ref, rapt__blocks_ref},     {K_LEVEL_ref, rapt__blocks_k_ref},
    {K_LEVEL_ref, rapt__blocks_write_ref},
#ifdef RAPT_HAVE_AVX2
    {K_LEVEL_avx2, rapt__vec_avx2},        {K_LEVEL_avx2, rapt__reduce_avx2},   {K_LEVEL_avx2, rapt__rows_avx2},
    {K_LEVEL_avx2, rapt__random_avx2},     {K_LEVEL_avx2, rapt__optim_avx2},    {K_LEVEL_avx2, rapt__gemm_avx2},
    {K_LEVEL_avx2, rapt__cells_avx2},      {K_LEVEL_avx512, rapt__gemm_avx512}, {K_LEVEL_avx2, rapt__blocks_avx2},
    {K_LEVEL_avx2, rapt__blocks_k_avx2},
#endif
#ifdef RAPT_HAVE_NEON
    {K_LEVEL_neon, rapt__vec_neon},        {K_LEVEL_neon, rapt__reduce_neon},   {K_LEVEL_neon, rapt__rows_neon},
    {K_LEVEL_neon, rapt__optim_neon},      {K_LEVEL_neon, rapt__gemm_neon},     {K_LEVEL_neon, rapt__cells_neon},
    {K_LEVEL_neon, rapt__blocks_neon},     {K_LEVEL_neon, rapt__blocks_k_neon},
#endif
};

static const char *const level_names[K_LEVEL_COUNT] = {
#define LEVEL_NAME(name) #name,
    K_LEVEL_LIST(LEVEL_NAME)
#undef LEVEL_NAME
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static k_kernels tables[K_LEVEL_COUNT];
static bool available[K_LEVEL_COUNT];
static k_level chosen;

/* The faster variants are written for float; in double precision ref stands alone. */
static bool have_level(k_level level) {
  if (level == K_LEVEL_ref) return true;
  if (sizeof(real) != sizeof(float)) return false;
#ifdef RAPT_HAVE_AVX2
  /* F16C, which these files may use too, is older than AVX2: no CPU has one without the other. */
  if (level == K_LEVEL_avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (level == K_LEVEL_avx512) return have_level(K_LEVEL_avx2) && __builtin_cpu_supports("avx512f");
#endif
#ifdef RAPT_HAVE_NEON
  if (level == K_LEVEL_neon) return true; /* part of every aarch64 */
#endif
  return false;
}

static void build_tables(void) {
  for (int level = 0; level < K_LEVEL_COUNT; level++) {
    available[level] = have_level((k_level)level);
    if (!available[level]) continue;
    if (level != K_LEVEL_ref) tables[level] = tables[level == K_LEVEL_avx512 ? K_LEVEL_avx2 : K_LEVEL_ref];
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
      if (variants[i].level == (k_level)level) variants[i].install(&tables[level]);
    }
    tables[level].name = level_names[level];
    chosen = (k_level)level;
  }
  const char *wanted = getenv("RAPT_CPU");
  for (int level = 0; wanted && level < K_LEVEL_COUNT; level++) {
    if (available[level] && strcmp(wanted, level_names[level]) == 0) chosen = (k_level)level;
  }
}

const k_kernels *rapt__kernels(void) {
  pthread_once(&once, build_tables);
  return &tables[chosen];
}

const k_kernels *rapt__kernels_at(k_level level) {
  pthread_once(&once, build_tables);
  return (unsigned)level < K_LEVEL_COUNT && available[level] ? &tables[level] : NULL;
}

const char *rapt__kernels_level_name(k_level level) {
  return (unsigned)level < K_LEVEL_COUNT ? level_names[level] : "unknown";
}

int rapt__kernels_block(rapt__type type) {
  static const rapt__type types[K_BLOCK_COUNT] = {
#define TYPE(name, number, elements, bytes) RAPT__##name,
      RAPT__WEIGHT_TYPE_LIST(TYPE)
#undef TYPE
  };
  for (int b = 0; b < K_BLOCK_COUNT; b++)
    if (types[b] == type) return b;
  return -1;
}
