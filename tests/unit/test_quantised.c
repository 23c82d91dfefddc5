/* Weights in blocks in graphs: linear and embedding compute with them, threads change nothing, and what cannot be is refused. */
#include "unit/unit.h"

#include "base/rng.h"
#include "graph/params.h"
#include "ops/ops.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
enum { K = 256, N = 70 };

typedef struct world {
  counted_memory memory;
  rapt_context *ctx;
  int block;
  bool turned;
  uint8_t *rows;  /* (N, K) as blocks */
  float *numbers; /* the same read */
  rapt_params *params;
} world;

static float number(uint64_t stream, int64_t i) { return (float)rapt__rng_normal(7, stream, (uint64_t)i); }

static void open_world(world *opened, int block, bool turned, int threads) {
  world w = {.block = block, .turned = turned};
  w.ctx = counted_context(&opened->memory, threads);
  const k_blocks *b = &rapt__kernels()->blocks[block];
  w.numbers = malloc(N * K * sizeof(float));
  w.rows = malloc((size_t)(N * K / b->elements) * b->bytes);
  for (int i = 0; i < N * K; i++) w.numbers[i] = number(1, i);
  b->write(N * K, w.numbers, w.rows);
  b->read(N * K, w.rows, w.numbers);
  rapt_graph *graph;
  assert_ok(w.ctx, rapt_params_new(w.ctx, &w.params));
  assert_ok(w.ctx, rapt_graph_new(w.ctx, &graph));
  rapt_param(graph, w.params, "w", 2, turned ? (int64_t[]){K, N} : (int64_t[]){N, K}, (rapt_init){RAPT_INIT_NORMAL, 1});
  rapt_param(graph, w.params, "b", 1, (int64_t[]){N}, (rapt_init){RAPT_INIT_NORMAL, 1});
  rapt_graph_free(graph);
  assert_ok(w.ctx, rapt__params_attach(w.params, 0, block, turned, w.rows));
  assert_ok(w.ctx, rapt_params_start(w.params, 3));
  w.memory = opened->memory;
  *opened = w;
}

static void close_world(world *w) {
  rapt_params_free(w->params);
  free(w->rows);
  free(w->numbers);
  close_context(&w->memory, w->ctx);
}

static rapt_tensor *weight(world *w, rapt_graph *graph) {
  return rapt_param(graph, w->params, "w", 2, w->turned ? (int64_t[]){K, N} : (int64_t[]){N, K}, (rapt_init){0});
}

/* y (m, N) of numbers that follow from their place. */
static void run_linear(world *w, int64_t m, float *y) {
  rapt_graph *graph;
  rapt_plan *plan;
  assert_ok(w->ctx, rapt_graph_new(w->ctx, &graph));
  rapt_tensor *x = rapt_input(graph, "x", RAPT_F32, 2, (int64_t[]){m, K});
  rapt_tensor *b = rapt_param(graph, w->params, "b", 1, (int64_t[]){N}, (rapt_init){0});
  rapt_tensor *out = rapt_linear(x, weight(w, graph), !w->turned, b, RAPT_RELU);
  assert_ok(w->ctx, rapt_plan_new(graph, &out, 1, NULL, &plan));
  float *in = rapt_plan_data(plan, x);
  for (int64_t i = 0; i < m * K; i++) in[i] = number(2, i);
  assert_ok(w->ctx, rapt_plan_run(plan, 0));
  memcpy(y, rapt_plan_data(plan, out), (size_t)(m * N) * sizeof *y);
  rapt_plan_free(plan);
  rapt_graph_free(graph);
}

static const int64_t row_counts[] = {1, 2, 3, 4, 9, 40, 130};

static void products(void **state) {
  (void)state;
  for (int block = 0; block < K_BLOCK_COUNT; block++)
    for (int turned = 0; turned < 2; turned++) {
      world w;
      open_world(&w, block, turned, 1);
      const rapt__param *bias = w.params->items[1];
      bool integers = rapt__kernels()->blocks[block].elements > 1;
      float *y = malloc(130 * N * sizeof *y);
      for (size_t r = 0; r < COUNT(row_counts); r++) {
        int64_t m = row_counts[r];
        run_linear(&w, m, y);
        for (int64_t i = 0; i < m; i++)
          for (int64_t j = 0; j < N; j++) {
            double sum = (double)w.params->values[bias->offset + j], mass = 0;
            for (int64_t p = 0; p < K; p++) {
              sum += (double)number(2, i * K + p) * (double)w.numbers[j * K + p];
              mass += fabs((double)w.numbers[j * K + p]);
            }
            /* Activations of eight bits are off by half a step of the greatest, here below 4.6/127, where products are integers. */
            double most = integers && m <= 3 ? 4.6 / 127 / 2 * mass : 2e-4;
            if (fabs(fmax(sum, 0) - (double)y[i * N + j]) > most)
              fail_msg("type %d, %lld rows: [%lld, %lld] is %g, not %g", block, (long long)m, (long long)i,
                       (long long)j, (double)y[i * N + j], fmax(sum, 0));
          }
      }
      free(y);
      close_world(&w);
    }
}

static void threads_change_nothing(void **state) {
  (void)state;
  for (size_t r = 0; r < COUNT(row_counts); r++) {
    float *y[2];
    for (int t = 0; t < 2; t++) {
      world w;
      open_world(&w, K_BLOCK_Q4_K, true, t ? 4 : 1);
      y[t] = malloc((size_t)(row_counts[r] * N) * sizeof(float));
      run_linear(&w, row_counts[r], y[t]);
      close_world(&w);
    }
    assert_memory_equal(y[0], y[1], (size_t)(row_counts[r] * N) * sizeof(float));
    free(y[0]);
    free(y[1]);
  }
}

static void embeddings(void **state) {
  (void)state;
  for (int block = 0; block < K_BLOCK_COUNT; block++) {
    world w;
    open_world(&w, block, false, 1);
    rapt_graph *graph;
    rapt_plan *plan;
    assert_ok(w.ctx, rapt_graph_new(w.ctx, &graph));
    rapt_tensor *ids = rapt_input(graph, "ids", RAPT_I32, 1, (int64_t[]){4});
    rapt_tensor *out = rapt_embedding(weight(&w, graph), ids);
    assert_ok(w.ctx, rapt_plan_new(graph, &out, 1, NULL, &plan));
    memcpy(rapt_plan_data(plan, ids), (int32_t[]){3, N - 1, N, -1}, 4 * sizeof(int32_t));
    assert_ok(w.ctx, rapt_plan_run(plan, 0));
    const float *y = rapt_plan_data(plan, out);
    assert_memory_equal(y, w.numbers + 3 * K, K * sizeof *y);
    assert_memory_equal(y + K, w.numbers + (N - 1) * K, K * sizeof *y);
    for (int i = 2 * K; i < 4 * K; i++) assert_true(y[i] == 0);
    rapt_plan_free(plan);
    rapt_graph_free(graph);
    close_world(&w);
  }
}

static void refusals(void **state) {
  (void)state;
  world w;
  open_world(&w, K_BLOCK_Q8_0, false, 1);
  rapt_graph *graph;
  rapt_real *values;
  assert_ok(w.ctx, rapt_params_get(w.params, 0, NULL, NULL, NULL, &values));
  assert_null(values);
  for (int what = 0; what < 5; what++) {
    static const char *const parts[] = {"reshape: \"w\" is kept as its file has it",
                                        "linear: the blocks of \"w\" run along the outputs",
                                        "gradient: \"w\" is kept as its file has it",
                                        "linear: no gradient flows through \"w\"", "slice: \"w\" is kept"};
    assert_ok(w.ctx, rapt_graph_new(w.ctx, &graph));
    rapt_tensor *x = rapt_input(graph, "x", RAPT_F32, 2, (int64_t[]){1, what == 1 ? N : K}), *grad;
    rapt_tensor *y;
    rapt_status status = RAPT_EUNSUPPORTED;
    switch (what) {
    case 0: rapt_reshape(weight(&w, graph), 1, (int64_t[]){N * K}); break;
    case 1: rapt_linear(x, weight(&w, graph), false, NULL, RAPT_IDENTITY); break;
    case 2: rapt_grad_params(rapt_sum_to(x, 0, NULL), w.params); break;
    case 3:
      y = rapt_linear(x, weight(&w, graph), true, NULL, RAPT_IDENTITY);
      status = rapt_grad(rapt_sum_to(y, 0, NULL), &x, 1, &grad);
      break;
    default: rapt_slice(weight(&w, graph), 0, 0, 1); break;
    }
    if (graph->status != RAPT_EUNSUPPORTED) fail_msg("%s", rapt_context_message(w.ctx));
    assert_fails(w.ctx, status, RAPT_EUNSUPPORTED, parts[what]);
    rapt_graph_free(graph);
  }
  assert_fails(w.ctx, rapt__params_attach(w.params, 0, K_BLOCK_Q8_0, false, w.rows), RAPT_EINVAL, "started before");
  close_world(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(products), cmocka_unit_test(threads_change_nothing),
                                     cmocka_unit_test(embeddings), cmocka_unit_test(refusals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
