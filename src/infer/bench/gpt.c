/* Training steps of GPT: small and as large as GPT-2's smallest, with random weights. */
#include "infer/bench/bench.h"

#include "base/config.h"
#include "tasks/lm.h"

#include <string.h>

static const rapt__key keys[] = {
    {"bench.batch", NULL, RAPT__KEY_INT, 0, "1", 1, 1 << 20, NULL, "sequences in a step"},
    {"bench.tokens", NULL, RAPT__KEY_INT, sizeof(int64_t), "1", 1, 1 << 20, NULL, "tokens of a sequence"},
    {0}};

/* One of the caller's settings "bench.…=…". */
static rapt_status set_size(rapt__bench *b, const char *text, const char *equals) {
  rapt__config config = {keys, b->size};
  rapt__arena arena;
  rapt__arena_init(&arena, b->ctx);
  char *name = rapt__arena_format(&arena, "%.*s", (int)(equals - text), text);
  rapt_status status = name ? rapt__config_set(b->ctx, &arena, &config, 1, name, equals + 1, "settings") : RAPT_ENOMEM;
  rapt__arena_free(&arena);
  return status;
}

rapt_status rapt__bench_gpt(rapt__bench *b) {
  const char *settings[64];
  int count = 0, room = sizeof settings / sizeof *settings;
  for (; b->work->settings[count]; count++) settings[count] = b->work->settings[count];
  for (int i = 0; i < b->options->setting_count; i++) {
    const char *text = b->options->settings[i], *equals = strchr(text, '=');
    if (strncmp(text, "bench.", 6) == 0 && equals) {
      RAPT_TRY(set_size(b, text, equals));
    } else {
      if (count == room) return rapt__fail(b->ctx, RAPT_EKEY, "more than %d settings", room);
      settings[count++] = text;
    }
  }
  RAPT_TRY(rapt_model_new(b->ctx, "gpt2", settings, count, NULL, 1, &b->model));
  b->params = b->model->params;
  if (b->size[1] > rapt_model_context(b->model))
    return rapt__fail(b->ctx, RAPT_EKEY, "bench.tokens=%lld is more than model.context=%lld", (long long)b->size[1],
                      (long long)rapt_model_context(b->model));
  return RAPT_OK;
}

static rapt_tensor *loss(rapt__bench *b) {
  rapt__lm_pass pass = {.graph = b->graph, .params = b->params, .config = b->model->config, .training = true};
  pass.tokens = rapt_input(b->graph, "tokens", RAPT_I32, 2, b->size);
  pass.positions = rapt_input(b->graph, "positions", RAPT_I32, 1, b->size + 1);
  rapt_tensor *labels = rapt_input(b->graph, "labels", RAPT_I32, 2, b->size), *head;
  rapt_tensor *x = b->model->arch->hidden(&pass, &head);
  return rapt__lm_loss(x, head, labels);
}

static rapt_status build(rapt__bench *b) {
  RAPT_TRY(rapt__bench_gpt(b));
  RAPT_TRY(rapt__bench_train(b, loss, 1));
  int64_t v = rapt_model_vocabulary(b->model);
  rapt__bench_ids(b, rapt_plan_find(b->plan, "tokens"), v);
  rapt__bench_ids(b, rapt_plan_find(b->plan, "labels"), v);
  int32_t *positions = rapt_plan_data(b->plan, rapt_plan_find(b->plan, "positions"));
  for (int64_t i = 0; positions && i < b->size[1]; i++) positions[i] = (int32_t)i;
  b->amount = (double)(b->size[0] * b->size[1]);
  return RAPT_OK;
}

static const char *const gpt_small[] = {"model.vocabulary=65", NULL};
const char *const rapt__bench_gpt2_124m[] = {"model.vocabulary=50257", "model.context=1024", "model.layers=12",
                                             "model.heads=12",         "model.width=768",    NULL};

const rapt__work rapt__works_gpt[] = {
    {{"gpt-0.8m", "GPT step, 4 x 128, context 64, batch 12", "tokens/s", false, true}, build, {12, 64}, gpt_small},
    {{"gpt2-124m-4x64", "GPT-2 124M step, 4 x 64 tokens", "tokens/s", true, true},
     build,
     {4, 64},
     rapt__bench_gpt2_124m},
    {{"gpt2-124m-1x1024", "GPT-2 124M step, 1 x 1024 tokens", "tokens/s", true, true},
     build,
     {1, 1024},
     rapt__bench_gpt2_124m},
    {{0}}};
