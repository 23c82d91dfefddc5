/* Times the matrix product and attention of one level on one thread: GFLOP/s by shape and layout. By hand, after a build:
 *   gcc -std=c17 -O2 -D_GNU_SOURCE -Iinclude -Isrc bench/kernels.c build/release/librapt.a -lm -lpthread -o /tmp/kernels
 *   RAPT_CPU=avx2 /tmp/kernels [gemm|skinny|attention] */
#include "kernels/attention.h"
#include "kernels/gemm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *room(size_t bytes) {
  void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);
  if (!p) exit(1);
  return p;
}

static real *numbers(int64_t n) {
  real *p = room((size_t)n * sizeof *p);
  for (int64_t i = 0; i < n; i++) p[i] = (real)(i * 7919 % 2001 - 1000) / 1000;
  return p;
}

/* Best of several rounds of about 20 ms each, in seconds a call: the machine may be busy with other things. */
static double best_time(void (*call)(void *), void *arg) {
  call(arg);
  double start = now();
  call(arg);
  double once = now() - start, best = 1e9;
  int64_t calls = once > 0.02 ? 1 : 1 + (int64_t)(0.02 / (once + 1e-9));
  for (int round = 0; round < 7; round++) {
    start = now();
    for (int64_t i = 0; i < calls; i++) call(arg);
    double each = (now() - start) / (double)calls;
    best = each < best ? each : best;
  }
  return best;
}

typedef struct product_case {
  const k_kernels *k;
  k_gemm g;
  void *scratch;
} product_case;

static void run_product(void *arg) {
  product_case *p = arg;
  rapt__gemm(p->k, &p->g, p->scratch);
}

/* Layouts by name: n: plain, t: transposed in memory; A first. */
static double time_product(const k_kernels *k, int64_t m, int64_t n, int64_t depth, const char *layout) {
  real *a = numbers(m * depth), *b = numbers(depth * n), *c = numbers(m * n);
  bool at = layout[0] == 't', bt = layout[1] == 't';
  product_case p = {k,
                    {.m = m,
                     .n = n,
                     .k = depth,
                     .a = a,
                     .a_row = at ? 1 : depth,
                     .a_col = at ? m : 1,
                     .b = b,
                     .b_row = bt ? 1 : n,
                     .b_col = bt ? depth : 1,
                     .c = c,
                     .c_row = n,
                     .alpha = 1,
                     .activation = -1},
                    NULL};
  p.scratch = room(rapt__gemm_scratch(k, &p.g));
  double seconds = best_time(run_product, &p);
  free(a), free(b), free(c), free(p.scratch);
  return 2e-9 * (double)m * (double)n * (double)depth / seconds;
}

static void table(const k_kernels *k, const char *title, const int64_t (*shapes)[3], int count) {
  static const char *const layouts[] = {"nn", "nt", "tn", "tt"};
  printf("%s: m x n x k, GFLOP/s\n%-20s", title, "");
  for (int l = 0; l < 4; l++) printf(" %7s", layouts[l]);
  printf("  units\n");
  for (int i = 0; i < count; i++) {
    char name[64];
    snprintf(name, sizeof name, "%lld x %lld x %lld", (long long)shapes[i][0], (long long)shapes[i][1],
             (long long)shapes[i][2]);
    printf("%-20s", name);
    for (int l = 0; l < 4; l++) printf(" %7.1f", time_product(k, shapes[i][0], shapes[i][1], shapes[i][2], layouts[l]));
    k_gemm g = {.m = shapes[i][0], .n = shapes[i][1], .k = shapes[i][2], .a_row = shapes[i][2], .a_col = 1, .alpha = 1};
    g.b_row = g.n, g.b_col = 1, g.c_row = g.n, g.activation = -1;
    k_gemm_plan plan;
    rapt__gemm_plan(k, &g, &plan);
    printf("  %lld+%lld\n", (long long)plan.units[0], (long long)plan.units[1]);
  }
}

typedef struct attention_case {
  const k_kernels *k;
  k_attention a;
  void *scratch;
  bool backward;
} attention_case;

static void run_attention(void *arg) {
  attention_case *p = arg;
  int64_t units = rapt__attention_units(&p->a, p->backward);
  for (int64_t u = 0; u < units; u++) {
    if (p->backward)
      rapt__attention_backward(p->k, &p->a, u, p->scratch);
    else
      rapt__attention_forward(p->k, &p->a, u, p->scratch);
  }
}

static void time_attention(const k_kernels *k, int64_t batch, int64_t heads, int64_t time, int64_t dim, bool causal) {
  int64_t n = batch * heads * time * dim, wide = heads * dim;
  real *x[9];
  for (int i = 0; i < 9; i++) x[i] = numbers(n);
  attention_case p = {.k = k};
  k_attention *a = &p.a;
  *a = (k_attention){.batch = batch,
                     .heads = heads,
                     .kv_heads = heads,
                     .tq = time,
                     .tk = time,
                     .dim = dim,
                     .dim_v = dim,
                     .scale = (real)(1 / sqrt((double)dim)),
                     .causal = causal};
  a->q = x[0], a->k = x[1], a->v = x[2], a->out = x[3], a->lse = x[4];
  a->o = x[3], a->dout = x[5], a->dq = x[6], a->dk = x[7], a->dv = x[8];
  a->q_batch = a->k_batch = a->v_batch = a->o_batch = time * wide;
  a->q_time = a->k_time = a->v_time = a->o_time = wide;
  a->q_head = a->k_head = a->v_head = a->o_head = dim;
  printf("%lld x %lld heads, %lld x %lld%-8s", (long long)batch, (long long)heads, (long long)time, (long long)dim,
         causal ? " causal" : "");
  double pairs = (double)(batch * heads) * (double)time * (double)(causal ? time + 1 : 2 * time) / 2;
  for (int pass = 0; pass < 2; pass++) {
    p.backward = pass == 1;
    p.scratch = room(rapt__attention_scratch(k, a, p.backward));
    double flop = (p.backward ? 10e-9 : 4e-9) * pairs * (double)dim;
    printf("  %s %6.1f GFLOP/s", p.backward ? "backward" : "forward", flop / best_time(run_attention, &p));
    free(p.scratch);
  }
  printf("\n");
  for (int i = 0; i < 9; i++) free(x[i]);
}

int main(int argc, char **argv) {
  static const int64_t blocked[][3] = {{64, 64, 32},    {64, 64, 64},       {128, 128, 64},   {256, 64, 64},
                                       {768, 128, 128}, {768, 512, 128},    {768, 128, 512},  {128, 512, 768},
                                       {512, 512, 512}, {1024, 1024, 1024}, {2048, 384, 384}, {8, 512, 512},
                                       {16, 512, 512},  {32, 2048, 512},    {61, 67, 71}};
  static const int64_t thin[][3] = {{1, 256, 256},  {1, 512, 512}, {1, 2048, 512}, {1, 8192, 512},
                                    {2, 512, 512},  {4, 512, 512}, {256, 1, 256},  {512, 1, 512},
                                    {2048, 1, 512}, {512, 2, 512}, {512, 4, 512},  {4096, 3, 64}};
  const k_kernels *k = rapt__kernels();
  const char *only = argc > 1 ? argv[1] : NULL;
  printf("level %s, one thread\n", k->name);
  if (!only || strcmp(only, "gemm") == 0) table(k, "products", blocked, sizeof blocked / sizeof *blocked);
  if (!only || strcmp(only, "skinny") == 0) table(k, "skinny products", thin, sizeof thin / sizeof *thin);
  if (!only || strcmp(only, "attention") == 0) {
    time_attention(k, 8, 4, 64, 32, true);
    time_attention(k, 4, 4, 256, 32, true);
    time_attention(k, 4, 4, 256, 64, false);
    time_attention(k, 4, 4, 256, 64, true);
    time_attention(k, 1, 8, 1024, 64, true);
    time_attention(k, 32, 8, 16, 32, false);
  }
  return 0;
}
