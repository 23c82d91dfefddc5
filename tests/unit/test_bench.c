/* Works of `rapt bench`: each is built and run, with GPT-2's size made small; the file of inputs; faults. */
#include "unit/unit.h"

#include <rapt/rapt.h>
#include "formats/safetensors.h"

#include <math.h>

static const char *const small[] = {"model.vocabulary=40", "model.context=16", "model.layers=1",
                                    "model.width=16",      "model.heads=2",    "bench.tokens=6"};
enum { SMALL = sizeof small / sizeof *small };

static char path[] = "/tmp/rapt-bench-XXXXXX";

static void keep(void *user, const rapt_timing *t) { *(rapt_timing *)user = *t; }

static bool starts(const char *text, const char *part) { return strncmp(text, part, strlen(part)) == 0; }

static void test_every_work(void **state) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  assert_true(rapt_work_count() > 10);
  assert_null(rapt_work_get(-1));
  assert_null(rapt_work_get(rapt_work_count()));
  for (int i = 0; i < rapt_work_count(); i++) {
    const rapt_work_info *w = rapt_work_get(i);
    if (w->heavy && !w->settings) continue;
    rapt_timing t = {0};
    rapt_bench_options o = {.only = w->id, .repeats = 2};
    if (w->settings) {
      o.settings = small;
      o.setting_count = SMALL;
    }
    assert_ok(ctx, rapt_bench_run(ctx, &o, keep, &t));
    assert_ptr_equal(t.work, w);
    assert_int_equal(t.repeats, 2);
    assert_true(isfinite(t.seconds) && t.seconds > 0 && t.rate > 0);
    assert_true(isfinite(t.cpu_seconds) && t.cpu_seconds > 0);
    if (strstr(w->title, "step")) assert_true(isfinite(t.loss) && t.parameters > 0 && t.nodes > 0);
  }
  close_context(&memory, ctx);
}

static float value(const rapt__safetensors *st, const char *name, int index) {
  const rapt__st_entry *e = rapt__safetensors_find(st, name);
  assert_non_null(e);
  float all[8];
  assert_true(e->size <= 8 && index < e->size);
  assert_ok(st->ctx, rapt__safetensors_read(st, e, all));
  return all[index];
}

/* The losses of the file are those of the very steps that are timed, and its weights those before the first. */
static void test_save(void **state) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_timing t = {0};
  rapt_bench_options o = {
      .only = "gpt2-124m-4x64", .repeats = 1, .save = path, .settings = small, .setting_count = SMALL};
  float losses[4];
  for (int i = 0; i < 4; i++) {
    o.repeats = i + 1;
    assert_ok(ctx, rapt_bench_run(ctx, &o, keep, &t));
    losses[i] = (float)t.loss;
    assert_true(i == 0 || losses[i] < losses[i - 1]);
  }
  rapt__safetensors st;
  assert_ok(ctx, rapt__safetensors_open(ctx, path, &st));
  for (int i = 0; i < 4; i++) assert_float_equal(value(&st, "losses", i), losses[i], 0);
  const rapt__st_entry *tokens = rapt__safetensors_find(&st, "input.tokens");
  assert_non_null(tokens);
  assert_int_equal(tokens->type, RAPT__ST_I32);
  assert_int_equal(tokens->dim[0], 4);
  assert_int_equal(tokens->dim[1], 6);
  const rapt__st_entry *bias = rapt__safetensors_find(&st, "transformer.h.0.mlp.c_fc.bias");
  assert_non_null(bias);
  float biases[64];
  assert_int_equal(bias->size, 64);
  assert_ok(ctx, rapt__safetensors_read(&st, bias, biases));
  for (int i = 0; i < 64; i++) assert_float_equal(biases[i], 0, 0);
  assert_string_equal(rapt__safetensors_meta(&st, "work"), "gpt2-124m-4x64");
  assert_string_equal(rapt__safetensors_meta(&st, "weight_decay"), "0.10000000000000001");
  rapt__safetensors_close(&st);
  o = (rapt_bench_options){.only = "matmul-64x64x32", .repeats = 1, .save = path};
  assert_ok(ctx, rapt_bench_run(ctx, &o, keep, &t));
  assert_ok(ctx, rapt__safetensors_open(ctx, path, &st));
  assert_non_null(rapt__safetensors_find(&st, "input.a"));
  assert_non_null(rapt__safetensors_find(&st, "output.c"));
  assert_null(rapt__safetensors_find(&st, "losses"));
  rapt__safetensors_close(&st);
  close_context(&memory, ctx);
}

static void test_wrong_use(void **state) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_timing t;
  rapt_bench_options o = {.only = "gpt-0.8", .repeats = 1};
  assert_fails(ctx, rapt_bench_run(ctx, &o, keep, &t), RAPT_EKEY, "did you mean \"gpt-0.8m\"");
  const char *wrong[] = {"model.layer=2",   "bench.batch=0", "bench.token=3",
                         "bench.tokens=65", "nonsense",      "bench.batch"};
  const char *says[] = {"model.layers", "bench.batch", "bench.tokens", "more than model.context=64",
                        "key=value",    "key=value"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    o = (rapt_bench_options){.only = "gpt-0.8m", .repeats = 1, .settings = wrong + i, .setting_count = 1};
    assert_fails(ctx, rapt_bench_run(ctx, &o, keep, &t), RAPT_EKEY, says[i]);
  }
  o.only = "mlp";
  assert_fails(ctx, rapt_bench_run(ctx, &o, keep, &t), RAPT_EKEY, "takes no settings");
  o.only = NULL;
  assert_fails(ctx, rapt_bench_run(ctx, &o, keep, &t), RAPT_EINVAL, "id of one work");
  o = (rapt_bench_options){.only = "matmul-64x64x32", .save = "/nowhere/file"};
  assert_fails(ctx, rapt_bench_run(ctx, &o, keep, &t), RAPT_ENOTFOUND, "/nowhere/file");
  rapt_context_interrupt(ctx);
  o = (rapt_bench_options){.only = "matmul-64x64x32"};
  assert_fails(ctx, rapt_bench_run(ctx, &o, keep, &t), RAPT_EINTERRUPTED, "interrupted");
  close_context(&memory, ctx);
}

/* Every allocation fails once: an error each time, no crash, no leak. */
static void test_memory(void **state) {
  static const char *const ids[] = {"mlp", "gpt-0.8m", "decode", "matmul-64x64x32", "lstm-small"};
  for (size_t w = 0; w < sizeof ids / sizeof *ids; w++) {
    bool settings = starts(ids[w], "gpt") || strcmp(ids[w], "decode") == 0;
    rapt_bench_options o = {.only = ids[w],
                            .repeats = 1,
                            .save = path,
                            .settings = settings ? small : NULL,
                            .setting_count = settings ? SMALL : 0};
    for (long n = 1;; n += n < 100 ? 1 : 1 + n / 30) {
      counted_memory memory;
      rapt_context *ctx = counted_context(&memory, 1);
      rapt_timing t;
      memory.fail_at = memory.calls + n;
      rapt_status status = rapt_bench_run(ctx, &o, keep, &t);
      memory.fail_at = 0;
      close_context(&memory, ctx);
      if (status == RAPT_OK) {
        assert_true(n > 5);
        break;
      }
      assert_int_equal(status, RAPT_ENOMEM);
    }
  }
}

typedef struct sums {
  double seconds, product_flops;
  int64_t nodes;
  bool falling;
  double last;
} sums;

static void add_op(void *user, const rapt_op_time *t) {
  sums *s = user;
  assert_true(t->nodes > 0 && t->seconds >= 0 && t->bytes >= 0);
  s->falling = s->falling && (s->nodes == 0 || t->seconds <= s->last);
  s->last = t->seconds;
  s->nodes += t->nodes;
  s->product_flops += t->flops;
}

/* A perceptron's products: forward both layers, backward both weights and the hidden layer. */
static void test_profile(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  rapt_bench_options o = {.only = "mlp", .repeats = 2};
  sums s = {.falling = true};
  assert_int_equal(rapt_bench_profile(ctx, &o, add_op, &s), RAPT_OK);
  double expected = 2.0 * 64 * (784 * 256 * 2 + 256 * 10 * 3);
  assert_true(fabs(s.product_flops - expected) < 1);
  assert_true(s.falling);
  rapt_timing t;
  assert_int_equal(rapt_bench_run(ctx, &o, keep, &t), RAPT_OK);
  assert_int_equal(s.nodes, t.nodes);
  o.only = "decode";
  o.settings = small;
  o.setting_count = SMALL;
  assert_fails(ctx, rapt_bench_profile(ctx, &o, add_op, &s), RAPT_EUNSUPPORTED, "several plans");
  o = (rapt_bench_options){0};
  assert_fails(ctx, rapt_bench_profile(ctx, &o, add_op, &s), RAPT_EINVAL, "id of one work");
  rapt_machine_peak peak;
  assert_int_equal(rapt_machine_measure(ctx, &peak), RAPT_OK);
  assert_true(peak.flops > 1e6 && isfinite(peak.flops) && peak.bytes > 1e6 && isfinite(peak.bytes));
  close_context(&memory, ctx);
}

int main(void) {
  int fd = mkstemp(path);
  if (fd < 0) return 1;
  close(fd);
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_work), cmocka_unit_test(test_save),
                                     cmocka_unit_test(test_wrong_use), cmocka_unit_test(test_memory),
                                     cmocka_unit_test(test_profile)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  unlink(path);
  return failed;
}
