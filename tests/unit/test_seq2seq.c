/* Sentence pairs as batches: shapes, epochs, what lies in a batch, and training on it. */
#include "unit/unit.h"

#include "base/rng.h"
#include "tasks/seq2seq.h"
#include "train/trainer.h"

#include <math.h>
#include <rapt/rapt.h>

/* ---- A small architecture: the source's first token beside the last target token ---- */

typedef struct toy_config {
  int64_t vocabulary, source_vocabulary, context;
} toy_config;

enum { WIDTH = 8 };

static const rapt__key keys[] = {
    {"model.vocabulary", "vocab_size", RAPT__KEY_INT, offsetof(toy_config, vocabulary), "0", 0, 1 << 20, NULL, ""},
    {"model.source_vocabulary", "source_vocab_size", RAPT__KEY_INT, offsetof(toy_config, source_vocabulary), "0", 0,
     1 << 20, NULL, ""},
    {"model.context", "context", RAPT__KEY_INT, offsetof(toy_config, context), "16", 1, 1 << 20, NULL, ""},
    {0}};

static rapt_status check(rapt_context *ctx, const void *config) {
  (void)ctx, (void)config;
  return RAPT_OK;
}

static rapt_tensor *table(const rapt__seq2seq_pass *pass, const char *name, int64_t rows, int64_t width) {
  return rapt_param(pass->graph, pass->params, name, 2, (int64_t[]){rows, width},
                    (rapt_init){RAPT_INIT_NORMAL, 0.3, false});
}

static void encode(rapt__seq2seq_pass *pass, rapt__encoded *encoded) {
  const toy_config *c = pass->config;
  rapt_tensor *first = rapt_embedding(table(pass, "source", c->source_vocabulary, WIDTH), pass->source);
  rapt__encoded_memory(encoded, rapt_slice(first, 1, 0, 1));
}

static rapt__output decode(rapt__seq2seq_pass *pass, const rapt__encoded *encoded) {
  const toy_config *c = pass->config;
  rapt_tensor *x = rapt_embedding(table(pass, "target", c->vocabulary, WIDTH), pass->target);
  rapt__output o = {.hidden = rapt_tanh(rapt_add(x, encoded->memory[0])),
                    .head = table(pass, "head", c->vocabulary, WIDTH)};
  return o;
}

static rapt_tensor *own_loss(rapt__seq2seq_pass *pass, const rapt__encoded *encoded, rapt_tensor *labels,
                             double smoothing) {
  rapt__output o = decode(pass, encoded);
  return rapt__output_loss(&o, labels, smoothing, false);
}

static int64_t context_of(const void *config) { return ((const toy_config *)config)->context; }
static int64_t *vocabulary_of(void *config) { return &((toy_config *)config)->vocabulary; }
static int64_t *source_vocabulary_of(void *config) { return &((toy_config *)config)->source_vocabulary; }

static const rapt__seq2seq plain = {
    .encode = encode, .decode = decode, .step = decode, .source_vocabulary = source_vocabulary_of};
static const rapt__seq2seq with_loss = {
    .encode = encode, .decode = decode, .step = decode, .loss = own_loss, .source_vocabulary = source_vocabulary_of};
#define TOY(functions)                                                                                                 \
  {                                                                                                                    \
    .name = "toy", .hf_class = "Toy", .hf_type = "toy", .hf_prefix = "", .keys = keys,                                 \
    .config_size = sizeof(toy_config), .check = check, .context = context_of, .vocabulary = vocabulary_of,             \
    .seq2seq = functions                                                                                               \
  }
static const rapt__model archs[2] = {TOY(&plain), TOY(&with_loss)};

/* ---- A text of numbers, each two more than the one before, and its translation: the same by other names ---- */

static void numbers(rapt__text *out, uint64_t stream, size_t lines, const char *format, int64_t most) {
  for (size_t i = 0; i < lines; i++) {
    uint64_t count = 1 + rapt__rng_below(3, stream, i * 64, (uint64_t)most);
    uint64_t first = rapt__rng_below(3, stream, i * 64 + 1, 9);
    for (uint64_t j = 0; j < count; j++)
      assert_int_equal(rapt__text_addf(out, format, (int)((first + 2 * j) % 9)), RAPT_OK);
    assert_int_equal(rapt__text_add(out, "\n", 1), RAPT_OK);
  }
}

static char root[] = "/tmp/rapt-seq2seq-XXXXXX";

typedef struct setup {
  rapt_context *ctx;
  rapt__bitext train, valid;
  rapt_model *model;
  rapt__seq2seq_task task;
} setup;

static void read_text(setup *s, uint64_t stream, size_t lines, rapt__bitext *out, rapt__text text[2]) {
  char paths[2][64];
  for (int i = 0; i < 2; i++) {
    snprintf(paths[i], sizeof paths[i], "%s/%llu.%d", root, (unsigned long long)stream, i);
    rapt__text_init(&text[i], s->ctx);
    numbers(&text[i], stream, lines, i ? "n%d " : "%d ", 20);
    FILE *f = fopen(paths[i], "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text[i].data, 1, text[i].size, f), text[i].size);
    assert_int_equal(fclose(f), 0);
  }
  assert_ok(s->ctx, rapt__bitext_read(s->ctx, paths[0], paths[1], 0, out));
}

static void begin(setup *s, rapt_context *ctx, const rapt__model *arch, int64_t batch, int64_t max_tokens) {
  *s = (setup){.ctx = ctx};
  rapt__text text[4];
  rapt_tokenizer *sides[2];
  read_text(s, 1, 203, &s->train, text);
  read_text(s, 2, 31, &s->valid, text + 2);
  for (int i = 0; i < 2; i++)
    assert_ok(ctx, rapt_tokenizer_train_words(ctx, text[i].data, text[i].size, NULL, &sides[i]));
  for (int i = 0; i < 4; i++) rapt__text_free(&text[i]);
  assert_ok(ctx, rapt__model_empty_pair(ctx, arch, sides[0], sides[1], &s->model));
  assert_ok(ctx, rapt__model_declare(s->model));
  assert_ok(ctx, rapt_params_start(s->model->params, 3));
  s->task = (rapt__seq2seq_task){.model = s->model,
                                 .train = &s->train,
                                 .valid = &s->valid,
                                 .batch = batch,
                                 .max_tokens = max_tokens,
                                 .evals = 1000,
                                 .smoothing = 0.1,
                                 .seed = 3};
}

static void end(setup *s) {
  rapt__seq2seq_free(&s->task);
  rapt_model_free(s->model);
  rapt__bitext_free(&s->train);
  rapt__bitext_free(&s->valid);
}

/* ---- Tests ---- */

/* Counts how often each pair comes in an epoch, and looks at every batch's shape. */
static void walk(const rapt__seq2seq_task *t, rapt__batches *b, uint64_t epoch, int *seen, uint64_t *order) {
  memset(seen, 0, b->pairs->count * sizeof *seen);
  *order = 0;
  for (uint64_t i = epoch * b->count; i < (epoch + 1) * b->count; i++) {
    int64_t count;
    const rapt__bucket *k = &t->buckets.at[rapt__batches_get(b, i, &count)];
    assert_in_range(count, 1, k->rows);
    if (t->max_tokens > 0) assert_true(k->rows == 1 || k->rows * (k->longest + 1) <= t->max_tokens);
    if (t->max_tokens == 0) assert_true(k->rows <= t->batch);
    for (int64_t row = 0; row < count; row++) {
      const rapt__pair *p = rapt__batches_pair(b, i, row);
      assert_true(p->count[0] <= k->count[0] && p->count[1] <= k->count[1]);
      seen[p - b->pairs->at]++;
      *order = *order * 31 + (uint64_t)(p - b->pairs->at);
    }
  }
  for (size_t i = 0; i < b->pairs->count; i++) assert_int_equal(seen[i], 1);
}

static void every_epoch_has_every_pair_once(void **state) {
  (void)state;
  for (int64_t max_tokens = 0; max_tokens <= 120; max_tokens += 60) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    setup s, again;
    int seen[203];
    uint64_t orders[3];
    begin(&s, ctx, &archs[0], 7, max_tokens);
    assert_ok(ctx, rapt__seq2seq_init(&s.task));
    assert_in_range(s.task.buckets.count, 2, RAPT__BUCKETS);
    assert_true(s.task.train_pairs.lengthy > 0); /* the text has up to 20 words, the model sees 15 */
    assert_int_equal(s.task.train_pairs.lengthy + s.task.train_pairs.count, 203);
    for (uint64_t e = 0; e < 2; e++) walk(&s.task, &s.task.train_batches, e, seen, &orders[e]);
    assert_true(orders[0] != orders[1]);
    walk(&s.task, &s.task.valid_batches, 0, seen, &orders[2]);
    begin(&again, ctx, &archs[0], 7, max_tokens);
    assert_ok(ctx, rapt__seq2seq_init(&again.task));
    walk(&again.task, &again.task.train_batches, 1, seen, &orders[2]);
    assert_true(orders[1] == orders[2]);
    end(&s);
    end(&again);
    close_context(&memory, ctx);
  }
}

/* Padding is a small part of what is computed. */
static void shapes_follow_the_lengths(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  setup s;
  begin(&s, ctx, &archs[0], 4, 0);
  s.task.model->config = &(toy_config){16, 16, 64};
  assert_ok(ctx, rapt__seq2seq_init(&s.task));
  double real_tokens = 0, all = 0, one = 0;
  for (size_t i = 0; i < s.task.train_pairs.count; i++)
    real_tokens += (double)(s.task.train_pairs.at[i].count[0] + s.task.train_pairs.at[i].count[1] + 2);
  for (int b = 0; b < s.task.buckets.count; b++) {
    const rapt__bucket *k = &s.task.buckets.at[b];
    size_t batches = s.task.train_batches.first[b + 1] - s.task.train_batches.first[b];
    all += (double)batches * (double)(k->rows * (k->count[0] + k->count[1] + 2));
    one += (double)batches * (double)(k->rows * 42);
  }
  assert_true(all < 1.2 * real_tokens && one > 1.7 * real_tokens);
  end(&s);
  close_context(&memory, ctx);
}

static int32_t *data_of(rapt_plan *plan, const char *name) { return rapt_plan_data(plan, rapt_plan_find(plan, name)); }

static void a_batch_is_laid_out_for_teacher_forcing(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  setup s;
  rapt_graph *graph;
  rapt_plan *plan;
  int64_t count = 0;
  begin(&s, ctx, &archs[0], 7, 0);
  assert_ok(ctx, rapt__seq2seq_init(&s.task));
  uint64_t index = 0; /* a batch that is not full */
  rapt__batch batch;
  for (;; index++) {
    int bucket = rapt__batches_get(&s.task.train_batches, index, &count);
    if (count < s.task.buckets.at[bucket].rows) break;
  }
  assert_true(s.task.task.batch(&s.task.task, true, index, &batch));
  const rapt__bucket *b = &s.task.buckets.at[batch.bucket];
  int64_t source = b->count[0] + 1, target = b->count[1] + 1, counted = 0;
  assert_ok(ctx, rapt_graph_new(ctx, &graph));
  rapt_tensor *loss = s.task.task.loss(&s.task.task, graph, s.model->params, true, batch.bucket);
  assert_ok(ctx, rapt_plan_new(graph, &loss, 1, &(rapt_plan_options){.keep_all = true}, &plan));
  assert_ok(ctx, s.task.task.fill(&s.task.task, plan, batch.bucket, index));
  const int32_t *x = data_of(plan, "source"), *y = data_of(plan, "target"), *labels = data_of(plan, "labels");
  for (int64_t r = 0; r < b->rows; r++) {
    const rapt__pair *p = r < count ? rapt__batches_pair(&s.task.train_batches, index, r) : NULL;
    int64_t ns = p ? p->count[0] : 0, nt = p ? p->count[1] : 0;
    const int32_t *ids = s.task.train_pairs.ids;
    for (int64_t i = 0; i < source; i++)
      assert_int_equal(x[r * source + i], i < ns ? ids[p->begin[0] + (size_t)i] : i == ns ? RAPT__EOS : RAPT__PAD);
    for (int64_t i = 0; i < target; i++) {
      int32_t id = i < nt ? ids[p->begin[1] + (size_t)i] : i == nt && p ? RAPT__EOS : -100;
      assert_int_equal(labels[r * target + i], id);
      assert_int_equal(y[r * target + i], i == 0 ? RAPT__BOS : i <= nt ? ids[p->begin[1] + (size_t)i - 1] : RAPT__PAD);
      counted += id != -100;
    }
    if (data_of(plan, "source_lengths")) assert_int_equal(data_of(plan, "source_lengths")[r], ns + 1);
    if (data_of(plan, "target_lengths")) assert_int_equal(data_of(plan, "target_lengths")[r], nt + 1);
  }
  assert_true(batch.weight == (double)counted);
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  end(&s);
  close_context(&memory, ctx);
}

/* Trains for a while; the losses before and after. */
static void train(setup *s, int64_t steps, int64_t accumulate, double losses[2]) {
  rapt__trainer t;
  rapt__trainer_init(&t, s->ctx);
  rapt__arena arena;
  rapt__arena_init(&arena, s->ctx);
  rapt__config config = {rapt__train_keys, &t.settings};
  assert_ok(s->ctx, rapt__config_defaults(s->ctx, &arena, &config, 1));
  rapt__arena_free(&arena);
  t.settings.steps = steps;
  t.settings.accumulate = accumulate;
  t.settings.eval_every = 1;
  t.settings.warmup = 0;
  t.settings.lr = 0.02;
  t.task = &s->task.task;
  t.params = s->model->params;
  t.seed = 3;
  assert_ok(s->ctx, rapt__trainer_run(&t, false));
  losses[0] = t.points[0].valid;
  losses[1] = t.eval_loss;
  rapt__trainer_free(&t);
}

/* The evaluation is one of tokens: the same for batches of any size, and for a loss that the architecture makes itself. */
static void the_loss_is_that_of_a_token(void **state) {
  (void)state;
  static const struct {
    int64_t batch, max_tokens;
    int arch;
  } ways[] = {{7, 0, 0}, {3, 0, 0}, {1, 100, 0}, {7, 0, 1}};
  double first = 0;
  for (int i = 0; i < 4; i++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 2);
    setup s;
    double losses[2];
    begin(&s, ctx, &archs[ways[i].arch], ways[i].batch, ways[i].max_tokens);
    assert_ok(ctx, rapt__seq2seq_init(&s.task));
    rapt_graph *graph;
    rapt_plan *plan;
    double sum = 0, weight = 0;
    rapt__batch batch;
    for (uint64_t n = 0; s.task.task.batch(&s.task.task, false, n, &batch); n++) {
      assert_ok(ctx, rapt_graph_new(ctx, &graph));
      rapt_tensor *loss = s.task.task.loss(&s.task.task, graph, s.model->params, false, batch.bucket);
      assert_ok(ctx, rapt_plan_new(graph, &loss, 1, NULL, &plan));
      assert_true(s.task.task.fill_eval(&s.task.task, plan, n));
      assert_ok(ctx, rapt_plan_run(plan, 0));
      sum += batch.weight * (double)*(rapt_real *)rapt_plan_data(plan, loss);
      weight += batch.weight;
      rapt_plan_free(plan);
      rapt_graph_free(graph);
    }
    double before = sum / weight;
    train(&s, 60, 1 + i % 2, losses);
    assert_true(before > 2 && losses[1] < 0.6 * before); /* 13 ids: log 13 = 2.56 */
    if (i == 0) first = before;
    assert_true(fabs(before - first) < 1e-6);
    end(&s);
    close_context(&memory, ctx);
  }
}

static void failing_allocations_leave_nothing_behind(void **state) {
  (void)state;
  for (long n = 1;; n += n < 40 ? 1 : n / 8) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    setup s;
    begin(&s, ctx, &archs[0], 5, 0);
    memory.fail_at = memory.calls + n;
    rapt_status status = rapt__seq2seq_init(&s.task);
    memory.fail_at = 0;
    assert_true(status == RAPT_OK || status == RAPT_ENOMEM);
    end(&s);
    close_context(&memory, ctx);
    if (status == RAPT_OK) break;
  }
}

static void what_cannot_be_trained_is_named(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  setup s;
  begin(&s, ctx, &archs[0], 5, 0);
  s.task.model->config = &(toy_config){16, 16, 1};
  assert_fails(ctx, rapt__seq2seq_init(&s.task), RAPT_EINVAL, "raise model.context");
  end(&s);
  close_context(&memory, ctx);
}

static int make_root(void **state) {
  (void)state;
  return !mkdtemp(root);
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_epoch_has_every_pair_once),
      cmocka_unit_test(shapes_follow_the_lengths),
      cmocka_unit_test(a_batch_is_laid_out_for_teacher_forcing),
      cmocka_unit_test(the_loss_is_that_of_a_token),
      cmocka_unit_test(what_cannot_be_trained_is_named),
      cmocka_unit_test(failing_allocations_leave_nothing_behind),
  };
  return cmocka_run_group_tests_name("seq2seq", tests, make_root, remove_root);
}
