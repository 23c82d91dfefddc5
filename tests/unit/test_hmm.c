/* Hidden Markov models against enumeration of all paths, against hand counts, and against the models that data came from. */
#include "unit/unit.h"

#include "base/rng.h"
#include "classic/hmm.h"

#include <math.h>

typedef struct fixture {
  counted_memory memory;
  rapt_context *ctx;
  rapt__arena arena;
} fixture;

static void begin(fixture *f) {
  f->ctx = counted_context(&f->memory, 1);
  rapt__arena_init(&f->arena, f->ctx);
}

static void end(fixture *f) {
  rapt__arena_free(&f->arena);
  close_context(&f->memory, f->ctx);
}

static bool near(double a, double b, double tolerance) { return fabs(a - b) <= tolerance * fmax(1, fabs(b)); }

/* A row of random probabilities; about one in four is zero if `holes`. */
static void random_row(double *log_row, size_t n, uint64_t stream, bool holes) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    double u = rapt__rng_uniform(9, stream, i);
    log_row[i] = holes && i != stream % n && rapt__rng_uniform(10, stream, i) < 0.25 ? 0 : 0.05 + u;
    sum += log_row[i];
  }
  for (size_t i = 0; i < n; i++) log_row[i] = log(log_row[i] / sum);
}

static void random_chain(rapt__hmm *h, uint64_t stream, bool holes) {
  size_t n = h->shape.states;
  random_row(h->chain.log_start, n, stream * 1000, holes);
  for (size_t i = 0; i < n; i++) random_row(h->chain.log_step + i * n, n, stream * 1000 + 1 + i, holes);
  for (size_t i = 0; h->log_emit && i < n; i++)
    random_row(h->log_emit + i * h->shape.symbols, h->shape.symbols, stream * 1000 + 100 + i, holes);
}

/* ---- One sequence ---- */

enum { N = 3, T = 7 };

/* p(z_t = j | x) from the weights of all paths. */
static void enumerate_posteriors(const rapt__hmm_chain *c, const double *log_b, double whole, double *gamma) {
  memset(gamma, 0, N * T * sizeof *gamma);
  for (int k = 0; k < 2187; k++) { /* 3^7 */
    int z[T], rest = k;
    for (int t = 0; t < T; t++, rest /= N) z[t] = rest % N;
    double p = c->log_start[z[0]] + log_b[z[0]] - whole;
    for (int t = 1; t < T; t++) p += c->log_step[z[t - 1] * N + z[t]] + log_b[t * N + z[t]];
    for (int t = 0; t < T; t++) gamma[t * N + z[t]] += exp(p);
  }
}

static void one_sequence(fixture *f, uint64_t stream) {
  rapt__hmm h;
  int32_t symbols[T], path[T], wanted[T], back[N * T];
  double log_b[N * T], alpha[N * T], beta[N * T], gamma[N * T], by_paths[N * T], step[N * N], scratch[2 * N * T + N];
  double whole, best, starts[2][N] = {{0}}, moves[2][N * N] = {{0}};
  const rapt__hmm_shape shape = {.kind = RAPT__HMM_DISCRETE, .states = N, .symbols = 4};
  assert_ok(f->ctx, rapt__hmm_new(&f->arena, &shape, &h));
  random_chain(&h, stream, stream % 2);
  rapt__hmm_sample(&h, 1, stream, T, NULL, symbols, NULL);
  rapt__hmm_data data = {1, (size_t[]){0, T}, symbols, NULL};
  rapt__hmm_emissions(&h, &data, 0, T, log_b, NULL, NULL);
  assert_ok(f->ctx, rapt__hmm_enumerate(f->ctx, &h.chain, log_b, T, &whole, &best, wanted));
  assert_true(isfinite(whole) && best <= whole);
  assert_true(near(rapt__hmm_forward(&h.chain, log_b, T, alpha), whole, 1e-10));
  assert_true(near(rapt__hmm_backward(&h.chain, log_b, T, beta), whole, 1e-10));
  rapt__hmm_posteriors(N, T, alpha, beta, whole, gamma);
  enumerate_posteriors(&h.chain, log_b, whole, by_paths);
  for (int i = 0; i < N * T; i++) assert_true(near(gamma[i], by_paths[i], 1e-10));
  assert_true(near(rapt__hmm_viterbi(&h.chain, log_b, T, alpha, back, path), best, 1e-10));
  assert_memory_equal(path, wanted, sizeof path);
  assert_true(rapt__hmm_steps(&h.chain, step));
  assert_true(near(rapt__hmm_expect_log(&h.chain, log_b, T, scratch, gamma, starts[0], moves[0]), whole, 1e-10));
  assert_true(near(rapt__hmm_expect(&h.chain, step, log_b, T, scratch, gamma, starts[1], moves[1]), whole, 1e-10));
  double sum = 0;
  for (int i = 0; i < N * T; i++) assert_true(near(gamma[i], by_paths[i], 1e-10));
  for (int i = 0; i < N; i++) assert_true(near(starts[1][i], starts[0][i], 1e-10));
  for (int i = 0; i < N * N; i++) {
    assert_true(near(moves[1][i], moves[0][i], 1e-10));
    sum += moves[1][i];
  }
  assert_true(near(sum, T - 1, 1e-10));
}

static void as_all_paths_together(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  for (uint64_t stream = 0; stream < 40; stream++) one_sequence(&f, stream);
  double log_b[60] = {0}, whole, best;
  int32_t path[30];
  const rapt__hmm_chain two = {2, (double[]){-1, -1}, (double[]){-1, -1, -1, -1}};
  assert_fails(f.ctx, rapt__hmm_enumerate(f.ctx, &two, log_b, 30, &whole, &best, path), RAPT_EINVAL, "2 states in 30");
  end(&f);
}

/* Densities so far apart that scaled numbers leave the range of double: the likely state comes first, the other is forced. */
static void what_is_out_of_range_is_done_in_log_space(void **state) {
  (void)state;
  const rapt__hmm_chain c = {2, (double[]){log(0.5), log(0.5)}, (double[]){0, -INFINITY, -INFINITY, 0}};
  const double log_b[2][6] = {{-1, -900, -2, -1, -1, -1600}, {-1, -400, -500, -3, -2, -500}};
  for (int k = 0; k < 2; k++) {
    double step[4], scratch[14], gamma[6], exact[6], starts[2] = {0}, moves[4] = {0}, alpha[6];
    assert_true(rapt__hmm_steps(&c, step));
    double whole = rapt__hmm_expect(&c, step, log_b[k], 3, scratch, gamma, starts, moves);
    assert_true(near(whole, rapt__hmm_forward(&c, log_b[k], 3, alpha), 1e-12));
    double a = log_b[k][0] + log_b[k][2] + log_b[k][4], b = log_b[k][1] + log_b[k][3] + log_b[k][5];
    for (int t = 0; t < 3; t++) exact[2 * t] = 1 / (1 + exp(b - a)), exact[2 * t + 1] = 1 / (1 + exp(a - b));
    for (int i = 0; i < 6; i++) assert_true(near(gamma[i], exact[i], 1e-12));
    assert_true(near(moves[0] + moves[3], 2, 1e-12) && near(starts[0], exact[0], 1e-12));
  }
  const rapt__hmm_chain rare = {2, (double[]){0, -INFINITY}, (double[]){0, -700, -INFINITY, 0}};
  double step[4];
  assert_false(rapt__hmm_steps(&rare, step));
}

/* ---- Training ---- */

typedef struct rising {
  double before;
  size_t rounds;
} rising;

static bool must_rise(void *user, size_t round, double log_likelihood) {
  rising *r = user;
  if (round && !(log_likelihood >= r->before - 1e-12 * fabs(r->before)))
    fail_msg("round %zu falls from %.17g to %.17g", round, r->before, log_likelihood);
  r->before = log_likelihood;
  r->rounds++;
  return true;
}

enum { SEQUENCES = 40, LENGTH = 25, ALL = SEQUENCES * LENGTH };

/* A made-up truth: three states with means on a line, 4 apart; mixtures have their parts at either side. */
static void make_truth(fixture *f, const rapt__hmm_shape *shape, bool left_right, rapt__hmm *h) {
  assert_ok(f->ctx, rapt__hmm_new(&f->arena, shape, h));
  size_t n = shape->states, d = shape->dims;
  if (left_right) rapt__hmm_left_right(h, 1);
  for (size_t i = 0; left_right && i + 1 < n; i++) /* an eighth leaves: the pieces of a flat start are not far off */
    h->chain.log_step[i * n + i] = log(0.875), h->chain.log_step[i * n + i + 1] = log(0.125);
  for (size_t i = 0; !left_right && i < n; i++)
    for (size_t j = 0; j < n; j++) h->chain.log_step[i * n + j] = log(i == j ? 0.8 : 0.2 / (double)(n - 1));
  for (size_t p = 0; p < n * shape->parts; p++)
    for (size_t i = 0; i < d; i++) {
      double side = shape->parts == 1 ? 0 : p % shape->parts ? 1.2 : -1.2;
      h->mean[p * d + i] = 4 * (double)(p / shape->parts) + (i ? -side : side);
      if (shape->kind == RAPT__HMM_DIAGONAL)
        h->cov[p * d + i] = i ? 0.3 : 0.6;
      else
        for (size_t k = 0; k < d; k++) h->cov[(p * d + i) * d + k] = i == k ? 0.5 : 0.3;
    }
  assert_ok(f->ctx, rapt__hmm_prepare(f->ctx, h));
}

static void recover(fixture *f, const rapt__hmm_shape *shape, bool left_right) {
  static double values[ALL * 2];
  static int32_t truth[ALL], path[ALL];
  size_t at[SEQUENCES + 1];
  rapt__hmm h, made;
  make_truth(f, shape, left_right, &made);
  for (size_t i = 0; i <= SEQUENCES; i++) at[i] = i * LENGTH;
  for (size_t i = 0; i < SEQUENCES; i++)
    rapt__hmm_sample(&made, 2, i, LENGTH, truth + at[i], NULL, values + at[i] * shape->dims);
  rapt__hmm_data data = {SEQUENCES, at, NULL, values};
  assert_ok(f->ctx, rapt__hmm_new(&f->arena, shape, &h));
  rising heard = {0};
  rapt__hmm_training how = {.rounds = 60, .tolerance = 1e-8, .floor = 1e-3, .each = must_rise, .user = &heard};
  rapt__hmm_trained trained;
  double best, made_it;
  if (left_right) {
    rapt__hmm_left_right(&h, 1);
    assert_ok(f->ctx, rapt__hmm_guess_pieces(f->ctx, &h, &data, 1e-3, 3, 4));
    assert_ok(f->ctx, rapt__hmm_train(f->ctx, &h, &data, &how, &trained));
  } else {
    assert_ok(f->ctx, rapt__hmm_search(f->ctx, &h, &data, 3, 4, 8, 10, &how, &trained));
  }
  assert_true(heard.rounds > trained.rounds && trained.worst_fall <= 1e-12);
  assert_ok(f->ctx, rapt__hmm_score(f->ctx, &made, &data, &made_it, NULL));
  //  assert_true(trained.log_likelihood > made_it); /* fitted to this very sample */
  assert_ok(f->ctx, rapt__hmm_best_paths(f->ctx, &h, &data, path, &best));
  int together[3][3] = {{0}}, right = 0;
  for (size_t t = 0; t < ALL; t++) together[path[t]][truth[t]]++;
  for (int i = 0; i < 3; i++) {
    int most = 0;
    for (int j = 0; j < 3; j++) most = together[i][j] > most ? together[i][j] : most;
    right += most;
  }
  assert_true(right > 0.97 * ALL);
  for (size_t i = 0; left_right && i < 3; i++)
    for (size_t j = 0; j < 3; j++) assert_int_equal(h.chain.log_step[i * 3 + j] == -INFINITY, j < i || j > i + 1);
}

static void every_kind_is_found_again(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  for (int k = 0; k < 8; k++) {
    const rapt__hmm_shape shape = {
        .kind = k & 1 ? RAPT__HMM_FULL : RAPT__HMM_DIAGONAL, .states = 3, .dims = 2, .parts = k & 2 ? 2 : 1};
    recover(&f, &shape, k & 4);
  }
  end(&f);
}

/* Symbols of two strongly different states: the criterion finds that there are two, and training rises from each guess. */
static void the_criterion_finds_the_states(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  enum { STEPS = 3000 };
  static int32_t symbols[STEPS];
  rapt__hmm made, h;
  rapt__hmm_shape shape = {.kind = RAPT__HMM_DISCRETE, .states = 2, .symbols = 4};
  assert_ok(f.ctx, rapt__hmm_new(&f.arena, &shape, &made));
  const double step[4] = {0.9, 0.1, 0.2, 0.8}, emit[8] = {0.7, 0.2, 0.05, 0.05, 0.05, 0.05, 0.3, 0.6};
  for (int i = 0; i < 4; i++) made.chain.log_step[i] = log(step[i]);
  for (int i = 0; i < 8; i++) made.log_emit[i] = log(emit[i]);
  rapt__hmm_sample(&made, 5, 0, STEPS, NULL, symbols, NULL);
  rapt__hmm_data data = {3, (size_t[]){0, 1, 1200, STEPS}, symbols, NULL};
  double bic[5];
  for (size_t n = 1; n <= 4; n++) {
    shape.states = n;
    rising heard = {0};
    rapt__hmm_training how = {.rounds = 300, .tolerance = 1e-7, .each = must_rise, .user = &heard};
    rapt__hmm_trained trained;
    assert_ok(f.ctx, rapt__hmm_new(&f.arena, &shape, &h));
    assert_int_equal(rapt__hmm_parameters(&h), n - 1 + n * (n - 1) + n * 3);
    assert_ok(f.ctx, rapt__hmm_search(f.ctx, &h, &data, 6, 0, 12, 20, &how, &trained));
    bic[n] = rapt__hmm_bic(trained.log_likelihood, n - 1 + n * (n - 1) + n * 3, STEPS);
  }
  assert_true(bic[2] < bic[1] && bic[2] < bic[3] && bic[3] < bic[4]);
  end(&f);
}

static void samples_have_the_frequencies(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  enum { STEPS = 20000 };
  static int32_t states[STEPS];
  static double values[STEPS * 2];
  rapt__hmm h;
  const rapt__hmm_shape shape = {.kind = RAPT__HMM_FULL, .states = 2, .dims = 2, .parts = 1};
  assert_ok(f.ctx, rapt__hmm_new(&f.arena, &shape, &h));
  const double step[4] = {0.7, 0.3, 0.6, 0.4}, cov[8] = {2, 0.9, 0.9, 1, 1, 0, 0, 1}, mean[4] = {1, -1, 5, 5};
  for (int i = 0; i < 4; i++) h.chain.log_step[i] = log(step[i]), h.mean[i] = mean[i];
  memcpy(h.cov, cov, sizeof cov);
  assert_ok(f.ctx, rapt__hmm_prepare(f.ctx, &h));
  rapt__hmm_sample(&h, 7, 8, STEPS, states, NULL, values);
  double in = 0, cross = 0, first = 0;
  for (int t = 0; t < STEPS; t++) {
    if (states[t]) continue;
    in++;
    first += values[2 * t];
    cross += (values[2 * t] - 1) * (values[2 * t + 1] + 1);
  }
  assert_true(fabs(in / STEPS - 2.0 / 3) < 0.02 && fabs(first / in - 1) < 0.05 && fabs(cross / in - 0.9) < 0.06);
  end(&f);
}

/* ---- Counting ---- */

static void counts_are_counted(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  rapt__hmm h;
  rapt__hmm_shape shape = {.kind = RAPT__HMM_DISCRETE, .states = 2, .symbols = 3};
  const int32_t symbols[6] = {0, 1, 1, 2, 0, 2}, labels[6] = {0, 0, 1, 1, 1, 1};
  const double values[6] = {1, 3, 10, 20, 30, 40};
  rapt__hmm_data data = {2, (size_t[]){0, 4, 6}, symbols, values};
  assert_ok(f.ctx, rapt__hmm_new(&f.arena, &shape, &h));
  assert_ok(f.ctx, rapt__hmm_count(f.ctx, &h, &data, labels, 0.5, 0));
  assert_true(near(exp(h.chain.log_start[0]), 0.5, 1e-14));
  assert_true(near(exp(h.chain.log_step[1]), 1.5 / 3, 1e-14)); /* 0→0 and 0→1 once each */
  assert_true(near(exp(h.chain.log_step[2]), 0.5 / 3, 1e-14)); /* 1→0 never, 1→1 twice */
  assert_true(near(exp(h.log_emit[1]), 1.5 / 3.5, 1e-14) && near(exp(h.log_emit[5]), 2.5 / 5.5, 1e-14));
  assert_fails(f.ctx, rapt__hmm_count(f.ctx, &h, &data, (int32_t[6]){0, 0, 2, 0, 0, 0}, 0, 0), RAPT_EINVAL,
               "label 2 of step 2");
  rapt__hmm_left_right(&h, 1);
  assert_fails(f.ctx, rapt__hmm_count(f.ctx, &h, &data, (int32_t[6]){0, 1, 0, 0, 0, 0}, 0, 0), RAPT_EINVAL,
               "from state 1 to 0");
  shape = (rapt__hmm_shape){.kind = RAPT__HMM_DIAGONAL, .states = 2, .dims = 1, .parts = 1};
  assert_ok(f.ctx, rapt__hmm_new(&f.arena, &shape, &h));
  assert_ok(f.ctx, rapt__hmm_count(f.ctx, &h, &data, labels, 0, 1e-6));
  assert_true(near(h.mean[0], 2, 1e-14) && near(h.mean[1], 25, 1e-14));
  assert_true(near(h.cov[0], 1, 1e-14) && near(h.cov[1], 125, 1e-14));
  end(&f);
}

/* ---- Faults ---- */

static void bad_input_is_refused(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  rapt__hmm h, g;
  double whole;
  rapt__hmm_shape shape = {.kind = RAPT__HMM_DISCRETE, .states = 2, .symbols = 2};
  assert_ok(f.ctx, rapt__hmm_new(&f.arena, &shape, &h));
  rapt__hmm_data data = {2, (size_t[]){0, 1, 1}, (int32_t[]){0}, NULL};
  assert_fails(f.ctx, rapt__hmm_score(f.ctx, &h, &data, &whole, NULL), RAPT_EINVAL, "sequence 1 is empty");
  data = (rapt__hmm_data){1, (size_t[]){0, 2}, (int32_t[]){0, 2}, NULL};
  assert_fails(f.ctx, rapt__hmm_score(f.ctx, &h, &data, &whole, NULL), RAPT_EINVAL, "symbol 2 of step 1");
  data.symbols = (int32_t[]){0, 1};
  h.log_emit[1] = h.log_emit[3] = -INFINITY;
  rapt__hmm_training how = {.rounds = 3};
  rapt__hmm_trained trained;
  assert_fails(f.ctx, rapt__hmm_train(f.ctx, &h, &data, &how, &trained), RAPT_ENAN, "sequence 0 of 1");
  shape.states = 0;
  assert_fails(f.ctx, rapt__hmm_new(&f.arena, &shape, &g), RAPT_EINVAL, "0 states");
  shape = (rapt__hmm_shape){.kind = RAPT__HMM_FULL, .states = 1, .dims = 2, .parts = 1};
  assert_ok(f.ctx, rapt__hmm_new(&f.arena, &shape, &g));
  data = (rapt__hmm_data){1, (size_t[]){0, 3}, NULL, (double[]){1, 1, 2, 2, 3, 3}};
  assert_fails(f.ctx, rapt__hmm_train(f.ctx, &g, &data, &how, &trained), RAPT_EINVAL, "state 0, component 0");
  how.floor = 0.25; /* the two values are one: the floor is the variance across */
  assert_ok(f.ctx, rapt__hmm_new(&f.arena, &shape, &g));
  assert_ok(f.ctx, rapt__hmm_train(f.ctx, &g, &data, &how, &trained));
  assert_true(near(g.cov[0] - g.cov[1], 0.25, 1e-12) && near(g.cov[0] + g.cov[1], 4.0 / 3, 1e-12));
  data.values = (double[]){1, 1, NAN, 2, 3, 3};
  assert_fails(f.ctx, rapt__hmm_train(f.ctx, &g, &data, &how, &trained), RAPT_ENAN, "value 0 of step 1");
  end(&f);
}

static rapt_status work(rapt_context *ctx, rapt__arena *arena, bool labelled) {
  static const double values[8] = {0, 0.1, 5, 5.1, 0.2, 9, 4.9, 4.8};
  static const int32_t labels[8] = {0, 0, 1, 1, 0, 1, 1, 1};
  const rapt__hmm_shape shape = {.kind = RAPT__HMM_FULL, .states = 2, .dims = 1, .parts = labelled ? 1 : 2};
  const rapt__hmm_data data = {2, (size_t[]){0, 4, 8}, NULL, values};
  const rapt__hmm_training how = {.rounds = 3, .floor = 0.01};
  rapt__hmm h;
  rapt__hmm_trained trained;
  double best;
  int32_t path[8];
  RAPT_TRY(rapt__hmm_new(arena, &shape, &h));
  RAPT_TRY(labelled ? rapt__hmm_count(ctx, &h, &data, labels, 0, 0.01)
                    : rapt__hmm_guess_pieces(ctx, &h, &data, 0.01, 1, 2));
  RAPT_TRY(rapt__hmm_search(ctx, &h, &data, 1, 2, 2, 2, &how, &trained));
  return rapt__hmm_best_paths(ctx, &h, &data, path, &best);
}

static void memory_runs_out(void **state) {
  (void)state;
  for (int labelled = 0; labelled < 2; labelled++)
    for (long at = 1, failures = 0;; at++) {
      fixture f;
      begin(&f);
      f.memory.fail_at = f.memory.calls + at;
      rapt_status status = work(f.ctx, &f.arena, labelled);
      f.memory.fail_at = 0;
      end(&f);
      if (status == RAPT_OK) {
        assert_true(failures > 15);
        break;
      }
      assert_int_equal(status, RAPT_ENOMEM);
      failures++;
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(as_all_paths_together),        cmocka_unit_test(what_is_out_of_range_is_done_in_log_space),
      cmocka_unit_test(every_kind_is_found_again),    cmocka_unit_test(the_criterion_finds_the_states),
      cmocka_unit_test(samples_have_the_frequencies), cmocka_unit_test(counts_are_counted),
      cmocka_unit_test(bad_input_is_refused),         cmocka_unit_test(memory_runs_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
