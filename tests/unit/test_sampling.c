/* Scheduled sampling: how its share grows, what is replaced by what, and that training with it follows from the seed alone. */
#include "unit/toy_text.h"

#include "base/rng.h"
#include "recipes/translation.h"
#include "tasks/seq2seq.h"

#include <math.h>
#include <rapt/rapt.h>
#include <sys/stat.h>

static char root[] = "/tmp/rapt-sampling-XXXXXX";

static void shares_grow_as_the_paper_says(void **state) {
  (void)state;
  static const struct {
    int decay;
    double most;
    int64_t updates, at;
    double share;
  } cases[] = {{RAPT__SAMPLING_LINEAR, 1, 1000, 0, 0},         {RAPT__SAMPLING_LINEAR, 1, 1000, 250, 0.25},
               {RAPT__SAMPLING_LINEAR, 0.5, 1000, 750, 0.5},   {RAPT__SAMPLING_LINEAR, 1, 1000, 5000, 1},
               {RAPT__SAMPLING_EXPONENTIAL, 1, 100, 0, 0},     {RAPT__SAMPLING_EXPONENTIAL, 1, 100, 100, 0.6321205588},
               {RAPT__SAMPLING_SIGMOID, 1, 100, 0, 1.0 / 101}, {RAPT__SAMPLING_SIGMOID, 1, 100, 461, 0.501207},
               {RAPT__SAMPLING_SIGMOID, 1, 100, 1 << 30, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    rapt__sampling s = {.most = cases[i].most, .decay = cases[i].decay, .updates = cases[i].updates};
    double share = rapt__sampling_share(&s, cases[i].at);
    if (!(fabs(share - cases[i].share) < 1e-5)) fail_msg("case %zu: %g", i, share);
  }
}

/* ---- A model and its batches ---- */

typedef struct setup {
  rapt_context *ctx;
  rapt__bitext train, valid;
  rapt_model *model;
  rapt__seq2seq_task task;
} setup;

static const char *path_of(const char *name) {
  static char paths[4][300];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", root, name);
  return path;
}

static void begin(setup *s, rapt_context *ctx, const char *arch_name, double most) {
  *s = (setup){.ctx = ctx};
  const rapt__model *arch = rapt__model_find(arch_name);
  rapt_tokenizer *sides[2];
  assert_ok(ctx, rapt__bitext_read(ctx, path_of("text/train.de"), path_of("text/train.en"), 0, &s->train));
  assert_ok(ctx, rapt__bitext_read(ctx, path_of("text/valid.de"), path_of("text/valid.en"), 0, &s->valid));
  for (int i = 0; i < 2; i++)
    assert_ok(ctx, rapt_tokenizer_train_words(ctx, s->train.text[i], strlen(s->train.text[i]), NULL, &sides[i]));
  int64_t sizes[2] = {rapt_tokenizer_size(sides[0]), rapt_tokenizer_size(sides[1])};
  assert_ok(ctx, rapt__model_empty_pair(ctx, arch, sides[0], sides[1], &s->model));
  static const char *const settings[] = {"model.width=16", "model.context=16", "model.dropout=0", NULL};
  rapt__config config = {arch->keys, s->model->config};
  rapt__arena arena;
  rapt__arena_init(&arena, ctx);
  assert_ok(ctx, rapt__config_defaults(ctx, &arena, &config, 1));
  for (int i = 0; settings[i]; i++)
    assert_ok(ctx, rapt__config_set(ctx, &arena, &config, 1, settings[i], NULL, "test"));
  if (strcmp(arch_name, "transformer") == 0)
    assert_ok(ctx, rapt__config_set(ctx, &arena, &config, 1, "model.shared=false", NULL, "test"));
  *arch->vocabulary(s->model->config) = sizes[1];
  if (arch->seq2seq->source_vocabulary) *arch->seq2seq->source_vocabulary(s->model->config) = sizes[0];
  rapt__arena_free(&arena);
  assert_ok(ctx, rapt__model_declare(s->model));
  assert_ok(ctx, rapt_params_start(s->model->params, 3));
  s->task = (rapt__seq2seq_task){.model = s->model,
                                 .train = &s->train,
                                 .valid = &s->valid,
                                 .batch = 8,
                                 .evals = 1,
                                 .seed = 3,
                                 .sampling = {.most = most, .decay = RAPT__SAMPLING_LINEAR, .updates = 100}};
  assert_ok(ctx, rapt__seq2seq_init(&s->task));
}

static void end(setup *s) {
  rapt__seq2seq_free(&s->task);
  rapt_model_free(s->model);
  rapt__bitext_free(&s->train);
  rapt__bitext_free(&s->valid);
}

/* The decoder's input in training batch `index`: as filled, and the labels. */
static int64_t fill(setup *s, uint64_t index, int32_t *target, int32_t *labels) {
  rapt_graph *graph;
  rapt_plan *plan;
  rapt__batch batch;
  rapt__task *task = &s->task.task;
  assert_true(task->batch(task, true, index, &batch));
  assert_ok(s->ctx, rapt_graph_new(s->ctx, &graph));
  rapt_tensor *loss = task->loss(task, graph, s->model->params, true, batch.bucket);
  assert_ok(s->ctx, rapt_plan_new(graph, &loss, 1, NULL, &plan));
  assert_ok(s->ctx, task->fill(task, plan, batch.bucket, index));
  rapt__seq2seq_inputs in = rapt__seq2seq_inputs_of(plan);
  const rapt__bucket *b = &s->task.buckets.at[batch.bucket];
  int64_t count = b->rows * (b->count[RAPT__TARGET] + 1);
  assert_true(count <= 200);
  memcpy(target, in.target, (size_t)count * sizeof *target);
  memcpy(labels, in.labels, (size_t)count * sizeof *labels);
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  return count;
}

static void a_share_of_the_tokens_is_drawn(void **state) {
  (void)state;
  static const char *const archs[] = {"rnnsearch", "rnn-encdec", "transformer"};
  for (int a = 0; a < 3; a++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 2);
    setup plain, drawn;
    int32_t before[200], after[200], labels[2][200];
    int64_t changed = 0, all = 0;
    begin(&plain, ctx, archs[a], 0);
    begin(&drawn, ctx, archs[a], 0.5);
    for (uint64_t index = 0; index < 90; index += index < 60 ? 20 : 1) {
      int64_t n = fill(&plain, index, before, labels[0]);
      assert_int_equal(fill(&drawn, index, after, labels[1]), n);
      assert_memory_equal(labels[0], labels[1], (size_t)n * sizeof *labels[0]);
      for (int64_t i = 0; i < n; i++) {
        bool inside = before[i] != RAPT__BOS && before[i] != RAPT__PAD;
        if (before[i] != after[i]) assert_true(inside && after[i] > RAPT__EOS);
        if (index >= 60) all += inside;
        if (index >= 60) changed += before[i] != after[i];
      }
      if (index == 0) assert_memory_equal(before, after, (size_t)n * sizeof *before); /* the share is still 0 */
    }
    /* Half is drawn from 50 updates on; of that, about one in 15 is what was there. */
    double share = (double)changed / (double)all;
    if (!(share > 0.42 && share < 0.51)) fail_msg("%s: %g of %lld", archs[a], share, (long long)all);
    end(&plain);
    end(&drawn);
    close_context(&memory, ctx);
  }
}

/* Draws follow the probabilities of the first pass, whose weights are all zero but a bias. */
static void draws_follow_the_model(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  setup s;
  int32_t target[200], labels[200];
  double seen[64] = {0}, all = 0;
  begin(&s, ctx, "rnnsearch", 1);
  int64_t vocabulary = rapt_model_vocabulary(s.model);
  assert_in_range(vocabulary, 5, 64);
  memset(s.model->params->values, 0, (size_t)s.model->params->extent * sizeof *s.model->params->values);
  for (uint64_t index = 100; index < 220; index++) { /* the share is 1 */
    int64_t n = fill(&s, index, target, labels);
    for (int64_t i = 0; i < n; i++)
      if (target[i] != RAPT__BOS && target[i] != RAPT__PAD) seen[target[i]]++, all++;
  }
  /* Equally likely: each has all / (vocabulary - 3) within five deviations. */
  double mean = all / (double)(vocabulary - 3);
  for (int64_t v = RAPT__EOS + 1; v < vocabulary; v++)
    if (!(fabs(seen[v] - mean) < 5 * sqrt(mean))) fail_msg("token %d: %g, expected %g", (int)v, seen[v], mean);
  end(&s);
  close_context(&memory, ctx);
}

/* ---- A recipe ---- */

static void hear(void *user, rapt_event event, const rapt_progress *progress, const char *text) {
  (void)text;
  if (event == RAPT_EVENT_EVAL) *(double *)user = progress->eval_loss;
}

/* The validation loss. */
static double train(const char *name, int threads, const char *const *extra) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, threads);
  char data[300], out[300];
  size_t n = 0;
  const char *settings[30] = {data,
                              out,
                              "model.width=16",
                              "model.embedding=16",
                              "model.attention_width=16",
                              "model.maxout=8",
                              "model.context=16",
                              "text.min_count=1",
                              "train.batch=8",
                              "train.steps=30",
                              "train.eval_every=0",
                              "train.save_every=0",
                              "search.beam=1"};
  while (settings[n]) n++;
  snprintf(data, sizeof data, "data=%s/text", root);
  snprintf(out, sizeof out, "out=%s/%s", root, name);
  while (*extra) settings[n++] = *extra++;
  rapt_run_result r;
  double loss = NAN;
  assert_ok(ctx, rapt_recipe_train(ctx, "bahdanau", settings, (int)n, hear, &loss, &r));
  close_context(&memory, ctx);
  assert_true(loss > 0 || r.interrupted);
  return loss;
}

static void training_follows_from_the_seed(void **state) {
  (void)state;
  static const char *const drawn[] = {"train.sampling=0.5", "train.sampling_updates=20", NULL};
  static const char *const apart[] = {"train.sampling=0.5", "train.sampling_updates=20", "train.accumulate=2", NULL};
  double plain = train("plain", 1, (const char *const[]){NULL}), one = train("one", 1, drawn);
  assert_true(one == train("two", 3, drawn)); /* bit by bit, with any number of threads */
  assert_true(one != plain);
  assert_true(train("apart", 2, apart) != one);
  /* Stopped and gone on with, it has the same end. */
  static const char *const stopped[] = {"train.sampling=0.5", "train.sampling_updates=20", "train.stop_at=11", NULL};
  counted_memory memory;
  rapt_run_result r;
  double loss = NAN;
  train("stopped", 1, stopped);
  rapt_context *ctx = counted_context(&memory, 2);
  assert_ok(ctx,
            rapt_recipe_resume(ctx, path_of("stopped"), (const char *const[]){"train.stop_at=0"}, 1, hear, &loss, &r));
  assert_true(loss == one);
  close_context(&memory, ctx);
}

static int make_root(void **state) {
  (void)state;
  if (!mkdtemp(root)) return 1;
  if (setenv("RAPT_HOME", path_of("home"), 1) != 0 || mkdir(path_of("text"), 0700) != 0) return 1;
  write_text(root, "text", "train", 0, 200);
  write_text(root, "text", "valid", 7, 20);
  write_text(root, "text", "test", 31, 10);
  return 0;
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shares_grow_as_the_paper_says), cmocka_unit_test(a_share_of_the_tokens_is_drawn),
      cmocka_unit_test(draws_follow_the_model), cmocka_unit_test(training_follows_from_the_seed)};
  return cmocka_run_group_tests_name("sampling", tests, make_root, remove_root);
}
