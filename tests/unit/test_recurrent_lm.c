/* Truncated backpropagation through time with states that go along: pieces are read as if they were one text, and a resumed
 * run has the same bits. */
#include "unit/unit.h"

#include "models/char_rnn.h"
#include "tasks/recurrent_lm.h"
#include "train/trainer.h"

#include <math.h>

enum { SYMBOLS = 7, COUNT = 2000 };

static rapt_tensor *hidden(const void *net, rapt_graph *graph, rapt_params *params, bool training, rapt_tensor *ids,
                           rapt_tensor *const *before, rapt_tensor **after, rapt_tensor **head, rapt_tensor **bias) {
  (void)training;
  return rapt__char_rnn_hidden(net, graph, params, ids, before, after, head, bias);
}
static void start(const void *net, rapt_params *params) { rapt__char_rnn_start(net, params); }

static const rapt__char_rnn nets[] = {
    {RAPT__CHAR_RNN, SYMBOLS, 4, 9, 0, 0},       {RAPT__CHAR_GRU, SYMBOLS, 4, 9, 0, 0},
    {RAPT__CHAR_LSTM, SYMBOLS, 4, 9, 0, 0},      {RAPT__CHAR_PEEPHOLES, SYMBOLS, 4, 9, 0, 0},
    {RAPT__CHAR_AUGMENTED, SYMBOLS, 4, 9, 5, 3},
};
enum { NETS = sizeof nets / sizeof *nets };

/* Every symbol follows from the two before, and sometimes from nothing. */
static const int32_t *text(void) {
  static int32_t ids[COUNT];
  unsigned state = 5;
  for (int i = 0; i < COUNT; i++) {
    unsigned r = (state = state * 1103515245u + 12345u) >> 16;
    ids[i] = i < 2 || r % 5 == 0 ? (int32_t)(r / 5 % SYMBOLS) : (ids[i - 1] + 2 * ids[i - 2] + 1) % SYMBOLS;
  }
  return ids;
}

static void open_lm(rapt_context *ctx, const rapt__char_rnn *net, int64_t steps, int64_t batch, int64_t accumulate,
                    rapt__recurrent_lm *lm) {
  *lm = (rapt__recurrent_lm){.ctx = ctx,
                             .hidden = hidden,
                             .start = start,
                             .net = net,
                             .ahead = net->window ? net->window - 1 : 0,
                             .train = text(),
                             .valid = text() + 1500,
                             .train_count = 1500,
                             .valid_count = COUNT - 1500,
                             .steps = steps,
                             .batch = batch,
                             .accumulate = accumulate,
                             .evals = 100,
                             .seed = 3};
  lm->states = rapt__char_rnn_states(net, lm->width);
  assert_ok(ctx, rapt__recurrent_lm_init(lm));
}

static rapt__train_settings settings(int64_t steps, double lr, int64_t accumulate) {
  return (rapt__train_settings){.steps = steps,
                                .accumulate = accumulate,
                                .lr = lr,
                                .min_lr = lr,
                                .beta1 = 0.9,
                                .beta2 = 0.99,
                                .eps = 1e-8,
                                .clip = 1};
}

static void train(rapt_context *ctx, rapt__recurrent_lm *lm, const char *dir, int64_t steps, int64_t stop_at, double lr,
                  bool resume, double *eval) {
  rapt__trainer t;
  rapt__trainer_init(&t, ctx);
  t.task = &lm->task;
  t.params = lm->params;
  t.settings = settings(steps, lr, lm->accumulate);
  t.settings.stop_at = stop_at;
  t.settings.eval_every = 7;
  t.seed = 3;
  t.dir = dir;
  assert_ok(ctx, rapt__trainer_run(&t, resume));
  if (eval) *eval = t.eval_loss;
  rapt__trainer_free(&t);
}

static size_t slurp(const char *dir, const char *name, char *to, size_t room) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *f = fopen(path, "rb");
  if (!f) fail_msg("%s is missing", path);
  size_t size = fread(to, 1, room - 1, f);
  to[size] = 0;
  fclose(f);
  return size;
}

static char scratch[2][40] = {"/tmp/rapt-rlm-a-XXXXXX", "/tmp/rapt-rlm-b-XXXXXX"};

static int make_scratch(void **state) {
  (void)state;
  return !mkdtemp(scratch[0]) || !mkdtemp(scratch[1]);
}
static int remove_scratch(void **state) {
  (void)state;
  char command[200];
  snprintf(command, sizeof command, "rm -rf '%s' '%s'", scratch[0], scratch[1]);
  return system(command);
}

/* With a rate of 0 the batches of training are the pieces of one reading. */
static void pieces_are_read_as_one(void **state) {
  (void)state;
  for (int i = 0; i < NETS; i++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    rapt__recurrent_lm lm;
    static char metrics[1 << 16];
    open_lm(ctx, &nets[i], 5, 1, 1, &lm);
    train(ctx, &lm, scratch[0], 6, 0, 0, false, NULL);
    slurp(scratch[0], "metrics.jsonl", metrics, sizeof metrics);
    double sum = 0, loss, whole;
    int step, n = 0;
    for (const char *line = metrics; (line = strstr(line, "{\"step\": ")); line++)
      if (sscanf(line, "{\"step\": %d, \"loss\": %lf", &step, &loss) == 2) sum += loss, n++;
    assert_int_equal(n, 6);
    /* 30 places, and what the last step sees ahead. */
    assert_ok(ctx, rapt__recurrent_lm_measure(&lm, text(), 31 + lm.ahead, &whole));
    assert_true(fabs(sum / 6 - whole) < 1e-5);
    /* Without what goes along the pieces would be read otherwise. */
    double cold = 0;
    for (int p = 0; p < 6; p++) {
      double one;
      assert_ok(ctx, rapt__recurrent_lm_measure(&lm, text() + 5 * p, 6 + lm.ahead, &one));
      cold += one / 6;
    }
    assert_true(fabs(cold - whole) > 1e-4);
    rapt__recurrent_lm_free(&lm);
    close_context(&memory, ctx);
  }
}

/* However a text is cut into pieces. */
static void the_measure_does_not_depend_on_pieces(void **state) {
  (void)state;
  for (int i = 0; i < NETS; i++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    double nats[2];
    for (int k = 0; k < 2; k++) {
      rapt__recurrent_lm lm;
      open_lm(ctx, &nets[i], k ? 13 : 4, 3, 1, &lm);
      assert_ok(ctx, rapt__recurrent_lm_measure(&lm, text(), 200, &nats[k]));
      rapt__recurrent_lm_free(&lm);
    }
    assert_true(fabs(nats[0] - nats[1]) < 1e-5);
    close_context(&memory, ctx);
  }
}

static void it_learns(void **state) {
  (void)state;
  for (int i = 0; i < NETS; i++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 2);
    rapt__recurrent_lm lm;
    double eval;
    open_lm(ctx, &nets[i], 10, 8, 1, &lm);
    train(ctx, &lm, NULL, 500, 0, 1e-2, false, &eval);
    /* The text has 0.2·ln 7 + a little over 0.5 nats of noise; ln 7 = 1.95. */
    if (!(eval < 1.5)) fail_msg("net %d: %g nats", i, eval);
    print_message("net %d: %.3f nats\n", i, eval);
    rapt__recurrent_lm_free(&lm);
    close_context(&memory, ctx);
  }
}

/* Across the end of a pass too: 1500 symbols in 8 rows of two parts are 9 pieces of 10. */
static void a_resumed_run_is_the_same_run(void **state) {
  (void)state;
  for (int accumulate = 1; accumulate <= 2; accumulate++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    static char file[2][1 << 18];
    size_t size[2];
    rapt__recurrent_lm lm;
    open_lm(ctx, &nets[4], 10, 8, accumulate, &lm);
    train(ctx, &lm, scratch[0], 25, 0, 1e-2, false, NULL);
    rapt__recurrent_lm_free(&lm);
    static const int64_t stops[] = {4, 16, 0};
    for (int part = 0; part < 3; part++) {
      open_lm(ctx, &nets[4], 10, 8, accumulate, &lm);
      train(ctx, &lm, scratch[1], 25, stops[part], 1e-2, part > 0, NULL);
      rapt__recurrent_lm_free(&lm);
    }
    static const char *const names[] = {"model.safetensors", "metrics.jsonl"};
    for (int i = 0; i < 2; i++) {
      for (int k = 0; k < 2; k++) size[k] = slurp(scratch[k], names[i], file[k], sizeof file[k]);
      assert_int_equal(size[0], size[1]);
      assert_memory_equal(file[0], file[1], size[0]);
    }
    /* A checkpoint of other rows is refused. */
    open_lm(ctx, &nets[4], 10, 7, accumulate, &lm);
    rapt__trainer t;
    rapt__trainer_init(&t, ctx);
    t.task = &lm.task, t.params = lm.params, t.settings = settings(30, 1e-2, accumulate), t.dir = scratch[1];
    assert_fails(ctx, rapt__trainer_run(&t, true), RAPT_EFORMAT, "\"carried\" is missing or of another size");
    rapt__trainer_free(&t);
    rapt__recurrent_lm_free(&lm);
    close_context(&memory, ctx);
  }
}

static void a_short_text_is_refused(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__recurrent_lm lm = {.ctx = ctx,
                           .hidden = hidden,
                           .net = &nets[0],
                           .states = 1,
                           .width = {9},
                           .train = text(),
                           .valid = text(),
                           .train_count = 100,
                           .valid_count = 100,
                           .steps = 20,
                           .batch = 5,
                           .accumulate = 1};
  assert_fails(ctx, rapt__recurrent_lm_init(&lm), RAPT_EINVAL, "too short");
  rapt__recurrent_lm_free(&lm);
  close_context(&memory, ctx);
}

static void parameters_are_counted(void **state) {
  (void)state;
  for (int i = 0; i < NETS; i++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    rapt__recurrent_lm lm;
    open_lm(ctx, &nets[i], 4, 3, 1, &lm);
    assert_int_equal(rapt_params_size(lm.params), rapt__char_rnn_count(&nets[i]));
    rapt__recurrent_lm_free(&lm);
    close_context(&memory, ctx);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parameters_are_counted),
      cmocka_unit_test(pieces_are_read_as_one),
      cmocka_unit_test(the_measure_does_not_depend_on_pieces),
      cmocka_unit_test(it_learns),
      cmocka_unit_test(a_resumed_run_is_the_same_run),
      cmocka_unit_test(a_short_text_is_refused),
  };
  return cmocka_run_group_tests_name("recurrent_lm", tests, make_scratch, remove_scratch);
}
