/* Recurrent layers: the same bits whatever the number of threads, what lengths, zoneout and dropout do, errors, allocations
 * that fail. */
#include "unit.h"

#include "graph/graph.h"
#include "graph/params.h"
#include "nn/recurrent.h"

#include <math.h>

typedef struct run {
  counted_memory memory;
  rapt_context *ctx;
  rapt_params *params;
  rapt_graph *graph;
  rapt_plan *plan;
  rapt_tensor *x, *y, *h_n, *lengths, *loss, *gradient;
} run;

enum { T = 12, B = 29, I = 33, H = 47 };

static rapt_status make(run *r, rapt_cell cell, rapt__nn_recurrent_options o, int64_t rows) {
  rapt_status status = rapt_params_new(r->ctx, &r->params);
  for (int pass = 0; pass < 2 && status == RAPT_OK; pass++) {
    rapt_graph_free(r->graph);
    r->graph = NULL;
    status = rapt_graph_new(r->ctx, &r->graph);
    if (status != RAPT_OK) break;
    r->x = rapt_input(r->graph, "x", RAPT_F32, 3, (const int64_t[]){T, rows, I});
    r->lengths = o.lengths = rapt_input(r->graph, "lengths", RAPT_I32, 1, &rows);
    o.h_n = &r->h_n;
    const rapt__layers l = {r->graph, r->params};
    r->y = rapt__nn_recurrent(&l, "r", cell, r->x, &o);
    r->loss = rapt_add(rapt_sum(rapt_square(r->y), RAPT_ALL, false), rapt_sum(r->h_n, RAPT_ALL, false));
    if (pass == 0) {
      status = r->graph->status == RAPT_OK ? rapt_params_start(r->params, 3) : r->graph->status;
      continue;
    }
    r->gradient = rapt_grad_params(r->loss, r->params);
    rapt_tensor *outputs[] = {r->y, r->h_n, r->gradient};
    status = rapt_plan_new(r->graph, outputs, 3, NULL, &r->plan);
  }
  return status;
}

static void fill(run *r) {
  real *x = rapt_plan_data(r->plan, r->x);
  for (int64_t i = 0; i < rapt_size(r->x); i++) x[i] = (real)sin(0.37 * (double)i);
  int32_t *lengths = rapt_plan_data(r->plan, r->lengths);
  for (int64_t i = 0; i < rapt_size(r->lengths); i++) lengths[i] = (int32_t)(i % 5 == 4 ? i % (T + 2) : T);
}

static void drop(run *r) {
  rapt_plan_free(r->plan);
  rapt_graph_free(r->graph);
  rapt_params_free(r->params);
  close_context(&r->memory, r->ctx);
}

static void begin(run *r, rapt_cell cell, rapt__nn_recurrent_options o, int threads, int64_t rows) {
  *r = (run){0};
  r->ctx = counted_context(&r->memory, threads);
  assert_ok(r->ctx, make(r, cell, o, rows));
  fill(r);
  assert_ok(r->ctx, rapt_plan_run(r->plan, 5));
}

static void assert_same_bits(const run *a, const run *b, const rapt_tensor *ta, const rapt_tensor *tb) {
  assert_memory_equal(rapt_plan_data(a->plan, ta), rapt_plan_data(b->plan, tb), (size_t)rapt_size(ta) * sizeof(real));
}

static void threads_do_not_matter(void **state) {
  (void)state;
  static const rapt__nn_recurrent_options kinds[] = {
      {.units = H, .layers = 2, .bidirectional = true, .dropout = 0.2, .weight_noise = 0.1},
      {.units = H, .projection = 9, .peepholes = true, .zoneout_h = 0.2, .zoneout_c = 0.3}};
  static const rapt_cell cells[] = {RAPT_RNN_TANH, RAPT_LSTM, RAPT_GRU, RAPT_GRU_BEFORE, RAPT_LSTM};
  for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
    for (int64_t rows = 2; rows <= B; rows += B - 2) {
      run one, many;
      begin(&one, cells[i], kinds[i == 4], 1, rows);
      for (int threads = 2; threads <= 3; threads++) {
        begin(&many, cells[i], kinds[i == 4], threads, rows);
        assert_same_bits(&one, &many, one.y, many.y);
        assert_same_bits(&one, &many, one.h_n, many.h_n);
        assert_same_bits(&one, &many, one.gradient, many.gradient);
        drop(&many);
      }
      drop(&one);
    }
  }
}

/* A row that ends earlier gives zeros from there on, and its last state is the one of its own last step. */
static void lengths_end_rows(void **state) {
  (void)state;
  run r;
  begin(&r, RAPT_GRU, (rapt__nn_recurrent_options){.units = H}, 1, 10);
  const real *y = rapt_plan_data(r.plan, r.y), *h = rapt_plan_data(r.plan, r.h_n);
  const int64_t row = 9, length = 9; /* as fill has it */
  assert_int_equal(((int32_t *)rapt_plan_data(r.plan, r.lengths))[row], length);
  for (int64_t t = 0; t < T; t++)
    for (int64_t j = 0; j < H; j++) assert_true((y[(t * 10 + row) * H + j] != 0) == (t < length));
  assert_memory_equal(h + row * H, y + ((length - 1) * 10 + row) * H, H * sizeof(real));
  /* Lengths below 0 are 0, lengths past the end are the end. */
  ((int32_t *)rapt_plan_data(r.plan, r.lengths))[row] = -7;
  ((int32_t *)rapt_plan_data(r.plan, r.lengths))[0] = INT32_MAX;
  assert_ok(r.ctx, rapt_plan_run(r.plan, 5));
  for (int64_t j = 0; j < H; j++) {
    assert_true(h[row * H + j] == 0);
    assert_true(h[j] == y[((T - 1) * 10) * H + j] && h[j] != 0);
  }
  drop(&r);
}

/* The share of units that keep their value from one step to the next is the probability, and other steps of training keep
 * others. */
static void zoneout_keeps_its_share(void **state) {
  (void)state;
  run r;
  begin(&r, RAPT_LSTM, (rapt__nn_recurrent_options){.units = H, .zoneout_h = 0.3}, 1, B);
  const real *y = rapt_plan_data(r.plan, r.y);
  int64_t kept = 0, all = 0, same = 0;
  for (int64_t i = B * H; i < T * B * H; i++) {
    if (y[i] == 0) continue; /* past a length, or kept since the beginning */
    all++;
    kept += y[i] == y[i - B * H];
  }
  double share = (double)kept / (double)all;
  if (!(fabs(share - 0.3) < 0.03)) fail_msg("%.3f of the units kept their value", share);
  real first[B * H];
  memcpy(first, y, sizeof first);
  assert_ok(r.ctx, rapt_plan_run(r.plan, 6));
  for (int64_t i = 0; i < B * H; i++) same += (y[i] == 0) == (first[i] == 0);
  assert_true(same > B * H / 4 && same < B * H * 3 / 4);
  drop(&r);
}

static void mean_zoneout_is_a_mixture(void **state) {
  (void)state;
  run plain, mixed;
  begin(&plain, RAPT_RNN_TANH, (rapt__nn_recurrent_options){.units = H}, 1, 3);
  begin(&mixed, RAPT_RNN_TANH, (rapt__nn_recurrent_options){.units = H, .zoneout_h = 0.25, .zoneout_mean = true}, 1, 3);
  const real *a = rapt_plan_data(plain.plan, plain.y), *b = rapt_plan_data(mixed.plan, mixed.y);
  for (int64_t i = 0; i < 3 * H; i++) assert_true(fabs(0.75 * (double)a[i] - (double)b[i]) < 1e-6); /* from h = 0 */
  drop(&plain);
  drop(&mixed);
}

static void wrong_uses_are_refused(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  for (int i = 0; i < 9; i++) {
    rapt_graph *graph;
    assert_ok(ctx, rapt_graph_new(ctx, &graph));
    rapt_tensor *x = rapt_fill(graph, 0, RAPT__DIMS(4, 2, 3)), *w = rapt_fill(graph, 0, RAPT__DIMS(20, 3));
    rapt_tensor *u = rapt_fill(graph, 0, RAPT__DIMS(20, 5)), *b = rapt_fill(graph, 0, RAPT__DIMS(20)), *h_n;
    rapt_recurrent_options o = {.cell = RAPT_LSTM, .h_n = &h_n};
    const char *part = "w_hh (20, 5)";
    switch (i) {
    case 0: o.cell = RAPT_GRU; break;
    case 1: b = x, part = "b_ih (4, 2, 3)"; break;
    case 2: o.h0 = rapt_fill(graph, 0, RAPT__DIMS(5, 2)), part = "h0 (5, 2)"; break;
    case 3: o.lengths = b, part = "must be int32 (2)"; break;
    case 4: o.zoneout_h = 1, part = "must be in [0, 1)"; break;
    case 5: o.peepholes = rapt_fill(graph, 0, RAPT__DIMS(2, 5)), part = "peepholes (2, 5)"; break;
    case 6: o.cell = RAPT_RNN_TANH, o.no_forget = true, part = "belong to RAPT_LSTM"; break;
    case 7: o.w_hr = rapt_fill(graph, 0, RAPT__DIMS(3, 5)), part = "w_hr (3, 5)"; break;
    default: o.cell = (rapt_cell)77, part = "the cell 77"; break;
    }
    if (i == 6) w = rapt_fill(graph, 0, RAPT__DIMS(5, 3)), u = rapt_fill(graph, 0, RAPT__DIMS(5, 5)), b = NULL;
    rapt_tensor *y = rapt_recurrent(x, w, u, b, NULL, &o);
    assert_true(rapt__poisoned(y) && rapt__poisoned(h_n));
    rapt_plan *plan;
    rapt_status status = rapt_plan_new(graph, &y, 1, NULL, &plan);
    assert_int_equal(status, i == 4 || i == 6 ? RAPT_EINVAL : RAPT_ESHAPE);
    if (!strstr(rapt_context_message(ctx), part)) fail_msg("%d: \"%s\"", i, rapt_context_message(ctx));
    rapt_context_clear(ctx);
    rapt_graph_free(graph);
  }
  close_context(&memory, ctx);
}

/* Every allocation fails once: an error each time, and nothing is left behind. */
static void failing_allocations_are_safe(void **state) {
  (void)state;
  long failures = 0;
  const rapt__nn_recurrent_options o = {
      .units = 3, .layers = 2, .bidirectional = true, .projection = 2, .peepholes = true};
  for (long n = 1;; n++) {
    run r = {0};
    r.ctx = counted_context(&r.memory, 1);
    r.memory.fail_at = r.memory.calls + n;
    rapt_status status = make(&r, RAPT_LSTM, o, 2);
    r.memory.fail_at = 0;
    drop(&r);
    if (status == RAPT_OK) break;
    assert_int_equal(status, RAPT_ENOMEM);
    failures++;
  }
  assert_true(failures > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(threads_do_not_matter),   cmocka_unit_test(lengths_end_rows),
      cmocka_unit_test(zoneout_keeps_its_share), cmocka_unit_test(mean_zoneout_is_a_mixture),
      cmocka_unit_test(wrong_uses_are_refused),  cmocka_unit_test(failing_allocations_are_safe),
  };
  return cmocka_run_group_tests_name("recurrent layers", tests, NULL, NULL);
}
