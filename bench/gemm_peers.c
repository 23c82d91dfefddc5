/* The matrix product beside OpenBLAS, BLIS, oneDNN and libxsmm, on the shapes that rapt's models have; bench/gemm_peers.sh
 * builds and runs it. Peers are loaded with dlopen, so nothing links against them; one that is not there is left out. All run on
 * one thread, in turn, and the least of many repetitions counts. Every result is held against a sum in double. */
#include "kernels/gemm.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- Shapes ---- */

typedef struct shape {
  const char *model;
  char
      what; /* f: weight (in, out); h: (out, in); each forward, dX and dW. Else one product: n, t, T, b (see products_of) */
  int64_t rows, n, k;
} shape;

static const shape shapes[] = {
    {"gpt 0.8M", 'f', 768, 384, 128},    {"gpt 0.8M", 'f', 768, 128, 128},    {"gpt 0.8M", 'f', 768, 512, 128},
    {"gpt 0.8M", 'f', 768, 128, 512},    {"gpt 0.8M", 'h', 768, 65, 128},     {"gpt2 256", 'f', 256, 2304, 768},
    {"gpt2 256", 'f', 256, 768, 768},    {"gpt2 256", 'f', 256, 3072, 768},   {"gpt2 256", 'f', 256, 768, 3072},
    {"gpt2 256", 'h', 256, 50257, 768},  {"gpt2 1024", 'f', 1024, 2304, 768}, {"gpt2 1024", 'f', 1024, 768, 768},
    {"gpt2 1024", 'f', 1024, 3072, 768}, {"gpt2 1024", 'f', 1024, 768, 3072}, {"in-context", 'f', 2624, 64, 64},
    {"in-context", 'f', 2624, 192, 64},  {"in-context", 'f', 2624, 256, 64},  {"in-context", 'f', 2624, 64, 256},
    {"mlp", 'f', 64, 256, 784},          {"mlp", 'f', 64, 10, 256},           {"lstm step", 'f', 16, 1024, 256},
    {"gru step", 'f', 16, 768, 256},     {"rnn step", 'f', 1, 256, 64},       {"attention", 'f', 64, 64, 32},
    {"attention", 'f', 5, 64, 64},       {"nplm", 'f', 256, 10000, 100},      {"generate", 'n', 1, 768, 768},
    {"generate", 't', 1, 768, 768},      {"generate", 'n', 1, 3072, 768},     {"generate", 't', 1, 3072, 768},
    {"generate", 'n', 1, 50257, 768},    {"generate", 't', 1, 50257, 768},
};

/* One product: C (m, n) = A·B, row-major, A or B stored transposed. */
typedef struct product {
  const char *model, *use;
  int64_t m, n, k;
  bool at, bt;
  const float *a, *b;
  double *want; /* at SAMPLES places of C */
  int64_t *place;
} product;

enum { SAMPLES = 512 };

static int products_of(const shape *s, product *p) {
  int64_t r = s->rows, n = s->n, k = s->k;
  product forward = {s->model, "y", r, n, k, false, s->what == 'h' || s->what == 't'};
  p[0] = forward;
  if (s->what == 'n' || s->what == 't') return 1;
  p[1] = (product){s->model, "dx", r, k, n, false, s->what == 'f'};
  p[2] = s->what == 'f' ? (product){s->model, "dw", k, n, r, true, false}
                        : (product){s->model, "dw", n, k, r, true, false};
  return 3;
}

/* ---- Libraries ---- */

typedef void sgemm_fn(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                      const float *b, int ldb, float beta, float *c, int ldc);
typedef void sgemv_fn(int order, int trans, int m, int n, float alpha, const float *a, int lda, const float *x,
                      int incx, float beta, float *y, int incy);
typedef int dnnl_fn(char ta, char tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                    const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
typedef void small_fn(const float *a, const float *b, float *c, ...);
typedef small_fn *dispatch_fn(int m, int n, int k, const int *lda, const int *ldb, const int *ldc, const float *alpha,
                              const float *beta, const int *flags, const int *prefetch);

enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };
enum { RAPT, OPENBLAS, BLIS, ONEDNN, LIBXSMM, LIBRARIES };
static const char *const names[LIBRARIES] = {"rapt", "openblas", "blis", "onednn", "libxsmm"};
static const char *details[LIBRARIES];

static const k_kernels *kernels;
static sgemm_fn *sgemm[LIBRARIES];
static sgemv_fn *sgemv[LIBRARIES];
static dnnl_fn *dnnl;
static dispatch_fn *dispatch;

static void *open_first(const char *const *candidates) {
  void *handle = NULL;
  for (int i = 0; !handle && candidates[i]; i++) handle = dlopen(candidates[i], RTLD_NOW | RTLD_LOCAL);
  return handle;
}

/* POSIX lets a symbol's address become a function's; C does not, hence the detour over memory. */
static bool find(void *handle, const char *name, void *function) {
  void *symbol = handle ? dlsym(handle, name) : NULL;
  memcpy(function, &symbol, sizeof symbol);
  return symbol != NULL;
}

static void load_blas(int library, void *handle) {
  find(handle, "cblas_sgemm", &sgemm[library]);
  find(handle, "cblas_sgemv", &sgemv[library]);
}

static void load_libraries(void) {
  static const char *const one_thread[] = {"OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS"};
  for (int i = 0; i < 3; i++) setenv(one_thread[i], "1", 1);
  void *blas = open_first((const char *const[]){"libopenblas.so.0", NULL});
  void *blis = open_first((const char *const[]){"libblis.so.4", "libblis.so.3", NULL});
  void *onednn = open_first((const char *const[]){"libdnnl.so.3", "libdnnl.so.2", NULL});
  void *xsmm = open_first((const char *const[]){"libxsmm.so", NULL});
  char *(*corename)(void);
  int (*architecture)(void);
  const char *(*architecture_name)(int);
  void (*start)(void);
  load_blas(OPENBLAS, blas);
  load_blas(BLIS, blis);
  find(onednn, "dnnl_sgemm", &dnnl);
  find(xsmm, "libxsmm_smmdispatch", &dispatch);
  if (find(blas, "openblas_get_corename", &corename)) details[OPENBLAS] = corename();
  if (find(xsmm, "libxsmm_init", &start)) start();
  if (find(blis, "bli_arch_query_id", &architecture) && find(blis, "bli_arch_string", &architecture_name))
    details[BLIS] = architecture_name(architecture());
  const char *(*target)(void);
  if (find(xsmm, "libxsmm_get_target_arch", &target)) details[LIBXSMM] = target();
  details[RAPT] = kernels->name;
}

/* ---- One product by one library ---- */

typedef struct job {
  const product *p;
  int library;
  k_gemm g;
  void *scratch;
  small_fn *small;
  float *c;
} job;

static void *room(size_t bytes) {
  void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);
  if (!p) exit(1);
  return p;
}

static bool job_start(job *j, const product *p, int library, float *c) {
  *j = (job){.p = p, .library = library, .c = c};
  if (library == RAPT) {
    j->g = (k_gemm){.m = p->m, .n = p->n, .k = p->k, .a = p->a, .b = p->b, .c = c, .c_row = p->n};
    j->g.alpha = 1, j->g.activation = -1;
    j->g.a_row = p->at ? 1 : p->k, j->g.a_col = p->at ? p->m : 1;
    j->g.b_row = p->bt ? 1 : p->n, j->g.b_col = p->bt ? p->k : 1;
    j->scratch = room(rapt__gemm_scratch(kernels, &j->g));
    return true;
  }
  if (library == ONEDNN) return dnnl;
  if (library == LIBXSMM) {
    /* Column-major: Cᵀ = Bᵀ·Aᵀ. The generated kernel alone; where there is none the library would call a BLAS. */
    int m = (int)p->n, n = (int)p->m, k = (int)p->k, lda = p->bt ? k : m, ldb = p->at ? n : k;
    int flags = (p->bt ? 1 : 0) | (p->at ? 2 : 0);
    if (!dispatch || p->m * p->n * p->k > (int64_t)1 << 26) return false;
    j->small = dispatch(m, n, k, &lda, &ldb, &m, &(float){1}, &(float){0}, &flags, NULL);
    return j->small;
  }
  return sgemm[library];
}

static void job_run(const job *j) {
  const product *p = j->p;
  int m = (int)p->m, n = (int)p->n, k = (int)p->k, lda = p->at ? m : k, ldb = p->bt ? k : n;
  switch (j->library) {
  case RAPT: rapt__gemm(kernels, &j->g, j->scratch); break;
  case ONEDNN: dnnl(p->at ? 'T' : 'N', p->bt ? 'T' : 'N', m, n, k, 1, p->a, lda, p->b, ldb, 0, j->c, n); break;
  case LIBXSMM: j->small(p->b, p->a, j->c); break;
  default:
    if (m == 1 && sgemv[j->library]) { /* what a caller of a BLAS would take */
      sgemv[j->library](ROW_MAJOR, p->bt ? PLAIN : TRANSPOSED, p->bt ? n : k, p->bt ? k : n, 1, p->b, ldb, p->a, 1, 0,
                        j->c, 1);
    } else {
      sgemm[j->library](ROW_MAJOR, p->at ? TRANSPOSED : PLAIN, p->bt ? TRANSPOSED : PLAIN, m, n, k, 1, p->a, lda, p->b,
                        ldb, 0, j->c, n);
    }
  }
}

/* ---- Checking and timing ---- */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *numbers(int64_t n, uint32_t seed) {
  float *p = room((size_t)n * sizeof *p);
  for (int64_t i = 0; i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    p[i] = (float)(seed >> 8) / (float)(1 << 23) - 1;
  }
  return p;
}

static void expect(product *p) {
  uint32_t seed = 1;
  for (int s = 0; s < SAMPLES; s++) {
    seed = seed * 1664525u + 1013904223u;
    int64_t at = s == 0 ? p->m * p->n - 1 : (int64_t)((double)seed / 4294967296.0 * (double)(p->m * p->n));
    int64_t i = at / p->n, j = at % p->n;
    double sum = 0;
    for (int64_t q = 0; q < p->k; q++) {
      double a = (double)p->a[p->at ? q * p->m + i : i * p->k + q],
             b = (double)p->b[p->bt ? j * p->k + q : q * p->n + j];
      sum += a * b;
    }
    p->place[s] = at, p->want[s] = sum;
  }
}

static bool right(const product *p, const float *c) {
  for (int s = 0; s < SAMPLES; s++) {
    if (!(fabs((double)c[p->place[s]] - p->want[s]) <= 1e-6 * (4 + sqrt((double)p->k)) * 4)) return false;
  }
  return true;
}

/* Seconds a call, by library; infinite where it cannot or its result is wrong. Libraries take turns of at least 1 ms, and
 * whoever runs first changes each round, so that none always finds the caches as another left them. */
static void measure(const product *p, float *c, int rounds, double *seconds) {
  job jobs[LIBRARIES];
  int64_t calls[LIBRARIES];
  for (int l = 0; l < LIBRARIES; l++) {
    seconds[l] = INFINITY, calls[l] = 0;
    if (!job_start(&jobs[l], p, l, c)) continue;
    for (int64_t i = 0; i < p->m * p->n; i++) c[i] = NAN;
    job_run(&jobs[l]);
    if (!right(p, c)) {
      fprintf(stderr, "%s: wrong result at %lld x %lld x %lld %c%c\n", names[l], (long long)p->m, (long long)p->n,
              (long long)p->k, p->at ? 't' : 'n', p->bt ? 't' : 'n');
      continue;
    }
    double start = now();
    job_run(&jobs[l]);
    calls[l] = 1 + (int64_t)(1e-3 / (now() - start + 1e-9));
  }
  for (int round = 0; round < rounds; round++) {
    for (int turn = 0; turn < LIBRARIES; turn++) {
      int l = (turn + round) % LIBRARIES;
      if (!calls[l]) continue;
      job_run(&jobs[l]);
      double start = now();
      for (int64_t i = 0; i < calls[l]; i++) job_run(&jobs[l]);
      double each = (now() - start) / (double)calls[l];
      seconds[l] = each < seconds[l] ? each : seconds[l];
    }
  }
  free(jobs[RAPT].scratch);
}

static void print_row(const product *p, const double *seconds, FILE *json, bool first) {
  double flop = 2e-9 * (double)p->m * (double)p->n * (double)p->k, best = INFINITY;
  char name[64];
  snprintf(name, sizeof name, "%lldx%lldx%lld", (long long)p->m, (long long)p->n, (long long)p->k);
  printf("%-11s %-3s %-16s %c%c", p->model, p->use, name, p->at ? 't' : 'n', p->bt ? 't' : 'n');
  fprintf(json, "%s{\"model\":\"%s\",\"use\":\"%s\",\"m\":%lld,\"n\":%lld,\"k\":%lld,\"layout\":\"%c%c\"",
          first ? "" : ",", p->model, p->use, (long long)p->m, (long long)p->n, (long long)p->k, p->at ? 't' : 'n',
          p->bt ? 't' : 'n');
  for (int l = 0; l < LIBRARIES; l++) {
    if (l != RAPT && seconds[l] < best) best = seconds[l];
    if (isinf(seconds[l])) {
      printf(" %8s", "-");
      fprintf(json, ",\"%s\":null", names[l]);
    } else {
      printf(" %8.1f", flop / seconds[l]);
      fprintf(json, ",\"%s\":%.2f", names[l], flop / seconds[l]);
    }
  }
  if (isinf(best) || isinf(seconds[RAPT])) {
    printf("   -\n");
    fprintf(json, ",\"ratio\":null}");
  } else {
    printf("  %.2f\n", best / seconds[RAPT]);
    fprintf(json, ",\"ratio\":%.3f}", best / seconds[RAPT]);
  }
  fflush(stdout);
}

int main(int argc, char **argv) {
  const char *only = argc > 1 && argv[1][0] ? argv[1] : NULL;
  int rounds = argc > 2 ? atoi(argv[2]) : 20;
  kernels = rapt__kernels();
  load_libraries();
  char *text = NULL;
  size_t size = 0;
  FILE *json = open_memstream(&text, &size);
  if (!json) return 1;
  printf("m x n x k, layouts of A and B (t: stored transposed), GFLOP/s, one thread; least of %d repetitions\n",
         rounds);
  fprintf(json, "{\"rounds\":%d,\"libraries\":{", rounds);
  for (int l = 0; l < LIBRARIES; l++) {
    bool there = l == RAPT || sgemm[l] || (l == ONEDNN && dnnl) || (l == LIBXSMM && dispatch);
    printf("%s: %s%s", names[l], details[l] ? details[l] : there ? "there" : "not found", l < LIBXSMM ? ", " : "\n");
    fprintf(json, "%s\"%s\":\"%s\"", l ? "," : "", names[l], details[l] ? details[l] : there ? "there" : "not found");
  }
  fprintf(json, "},\"products\":[");
  printf("%-34s", "");
  for (int l = 0; l < LIBRARIES; l++) printf(" %8s", names[l]);
  printf("  rapt / best peer\n");
  bool first = true;
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    product products[3];
    int count = products_of(&shapes[s], products);
    if (only && strncmp(shapes[s].model, only, strlen(only)) != 0) continue;
    for (int i = 0; i < count; i++) {
      product *p = &products[i];
      double want[SAMPLES], seconds[LIBRARIES];
      int64_t place[SAMPLES];
      float *a = numbers(p->m * p->k, 7), *b = numbers(p->k * p->n, 11), *c = room((size_t)(p->m * p->n) * sizeof *c);
      p->a = a, p->b = b, p->want = want, p->place = place;
      expect(p);
      measure(p, c, rounds, seconds);
      print_row(p, seconds, json, first);
      first = false;
      free(a), free(b), free(c);
    }
  }
  fprintf(json, "]}\n");
  fclose(json);
  fputs(text, stdout);
  free(text);
  return 0;
}
