/* A sequence-to-sequence architecture against PyTorch: DIR/expected.json has one batch and, by net, scores, loss, gradients and ten
 * losses of AdamW. A net is DIR/NAME.safetensors with its settings in that file (tests/golden/make_rnn_encdec.py shows the
 * form), or, where no architecture is named, the model directory DIR (pair_golden.py). Steps over the tokens are held against the
 * scores of whole targets. */
#ifndef RAPT_TESTS_SEQ2SEQ_GOLDEN_H
#define RAPT_TESTS_SEQ2SEQ_GOLDEN_H

#include "unit/unit.h"

#include "base/file.h"
#include "formats/safetensors.h"
#include "tasks/seq2seq.h"

#include <jansson.h>
#include <math.h>

#define S2S_ROUNDING 1e-7 /* of a gradient: that of a key's bias is zero, and rounding on both sides */

typedef struct s2s_golden {
  counted_memory memory;
  rapt_context *ctx;
  json_t *expected, *net; /* all of the file; this net's part */
  rapt_model *model;
  int64_t rows, sizes[2]; /* B; S, T */
} s2s_golden;

static inline json_t *s2s_part(const json_t *object, const char *name) {
  json_t *found = json_object_get(object, name);
  if (!found) fail_msg("expected.json: \"%s\" is missing", name);
  return found;
}

static inline double s2s_number(const json_t *list, size_t i) {
  const json_t *value = json_array_get(list, i);
  if (!json_is_number(value)) fail_msg("expected.json: number %zu of a list is missing", i);
  return json_number_value(value);
}

static inline void s2s_near(const char *what, size_t i, double got, double want, double allowed) {
  if (!(fabs(got - want) <= allowed))
    fail_msg("%s[%zu] is %.9g, PyTorch has %.9g (allowed %g)", what, i, got, want, allowed);
}

static inline void s2s_begin(s2s_golden *g, const char *arch, const char *dir, const char *name) {
  char path[200], vocabularies[2][64];
  const char *settings[32] = {vocabularies[0], vocabularies[1]};
  int count = 2;
  json_error_t error;
  *g = (s2s_golden){0};
  snprintf(path, sizeof path, "%s/expected.json", dir);
  g->expected = json_load_file(path, 0, &error);
  if (!g->expected)
    fail_msg("%s:%d: %s (the test runs in the root of the sources)", error.source, error.line, error.text);
  g->net = s2s_part(s2s_part(g->expected, "nets"), name);
  static const char *const keys[] = {"vocabulary", "source_vocabulary"};
  g->ctx = counted_context(&g->memory, 2);
  if (!arch) {
    assert_ok(g->ctx, rapt_model_load(g->ctx, dir, &g->model));
  } else {
    for (int i = 0; i < 2; i++)
      snprintf(vocabularies[i], sizeof vocabularies[i], "model.%s=%lld", keys[i],
               json_integer_value(s2s_part(g->expected, keys[i])));
    size_t index;
    json_t *value;
    json_array_foreach(s2s_part(g->net, "settings"), index, value) settings[count++] = json_string_value(value);
    assert_ok(g->ctx, rapt_model_new(g->ctx, arch, settings, count, NULL, 1, &g->model));
    snprintf(path, sizeof path, "%s/%s.safetensors", dir, name);
    assert_ok(g->ctx, rapt__model_read_weights(g->model, path));
  }
  g->rows = (int64_t)json_array_size(s2s_part(g->expected, "source"));
  g->sizes[0] = (int64_t)json_array_size(json_array_get(s2s_part(g->expected, "source"), 0));
  g->sizes[1] = (int64_t)json_array_size(json_array_get(s2s_part(g->expected, "target"), 0));
}

static inline void s2s_end(s2s_golden *g) {
  rapt_model_free(g->model);
  json_decref(g->expected);
  close_context(&g->memory, g->ctx);
}

static inline void s2s_fill(const s2s_golden *g, rapt_plan *plan, const char *name) {
  int32_t *to = rapt_plan_data(plan, rapt_plan_find(plan, name));
  const json_t *list = s2s_part(g->expected, name);
  for (size_t i = 0; to && i < json_array_size(list); i++) {
    const json_t *row = json_array_get(list, i);
    if (!json_is_array(row)) *to++ = (int32_t)s2s_number(list, i);
    for (size_t j = 0; j < json_array_size(row); j++) *to++ = (int32_t)s2s_number(row, j);
  }
}

/* Whether a place of the targets, b·T + t, has a label. */
static inline bool s2s_counts(const s2s_golden *g, size_t place) {
  size_t t = (size_t)g->sizes[1];
  return s2s_number(json_array_get(s2s_part(g->expected, "labels"), place / t), place % t) >= 0;
}

static inline rapt__seq2seq_pass s2s_pass(const s2s_golden *g, rapt_graph *graph) {
  rapt__seq2seq_pass pass = {.graph = graph, .params = g->model->params, .config = g->model->config};
  pass.source = rapt_input(graph, "source", RAPT_I32, 2, (int64_t[]){g->rows, g->sizes[0]});
  pass.source_lengths = rapt_input(graph, "source_lengths", RAPT_I32, 1, &g->rows);
  return pass;
}

static inline rapt_tensor *s2s_logits(const rapt__output *o) {
  return o->logits ? o->logits : rapt_linear(o->hidden, o->head, true, o->bias, RAPT_IDENTITY);
}

/* The mean over labels, of the architecture's own loss where it has one. */
static inline rapt_tensor *s2s_loss(const s2s_golden *g, rapt__seq2seq_pass *pass, const rapt__encoded *encoded,
                                    const rapt__output *output, rapt_tensor *labels) {
  const rapt__seq2seq *s = g->model->arch->seq2seq;
  double smoothing = json_number_value(s2s_part(g->expected, "smoothing")), count = 0;
  if (!s->loss) return rapt__output_loss(output, labels, smoothing, true);
  const json_t *rows = s2s_part(g->expected, "labels");
  for (size_t i = 0; i < json_array_size(rows); i++)
    for (size_t j = 0; j < json_array_size(json_array_get(rows, i)); j++)
      count += s2s_number(json_array_get(rows, i), j) >= 0;
  return rapt_scale(s->loss(pass, encoded, labels, smoothing), 1 / count);
}

/* Is the parameter one that no gradient flows into? */
static inline bool s2s_is_fixed(const s2s_golden *g, const char *name) {
  const json_t *fixed = json_object_get(g->expected, "fixed");
  return fixed && strcmp(json_string_value(fixed), name) == 0;
}

/* Scores, loss and gradients of a batch, then ten updates. */
static inline void s2s_check_training(const char *arch, const char *dir, const char *name, const char *cpu,
                                      double tolerance) {
  s2s_golden g;
  s2s_begin(&g, arch, dir, name);
  rapt_graph *graph;
  rapt_plan *plan;
  assert_ok(g.ctx, rapt_graph_new(g.ctx, &graph));
  rapt__seq2seq_pass pass = s2s_pass(&g, graph);
  pass.target = rapt_input(graph, "target", RAPT_I32, 2, (int64_t[]){g.rows, g.sizes[1]});
  pass.target_lengths = rapt_input(graph, "target_lengths", RAPT_I32, 1, &g.rows);
  rapt_tensor *labels = rapt_input(graph, "labels", RAPT_I32, 2, (int64_t[]){g.rows, g.sizes[1]});
  rapt__encoded encoded = {.count = 0};
  const rapt__seq2seq *s = g.model->arch->seq2seq;
  s->encode(&pass, &encoded);
  rapt__output output = s->decode(&pass, &encoded);
  rapt_tensor *logits = s2s_logits(&output);
  rapt_tensor *loss = s2s_loss(&g, &pass, &encoded, &output, labels);
  rapt_tensor *gradient = rapt_grad_params(loss, g.model->params);
  rapt_tensor *lr = rapt_input(graph, "lr", RAPT_F32, 0, NULL), *count = rapt_input(graph, "count", RAPT_F32, 0, NULL);
  rapt_update_options update = {.method = RAPT_ADAMW,
                                .beta1 = 0.9,
                                .beta2 = 0.99,
                                .eps = 1e-8,
                                .weight_decay = json_number_value(s2s_part(g.expected, "decay")),
                                .clip = json_number_value(s2s_part(g.expected, "clip"))};
  rapt_tensor *norm = rapt_update(g.model->params, gradient, lr, count, &update);
  rapt_plan_options options = {.cpu = cpu};
  assert_ok(g.ctx, rapt_plan_new(graph, (rapt_tensor *[]){logits, loss, gradient, norm}, 4, &options, &plan));
  static const char *const inputs[] = {"source", "source_lengths", "target", "target_lengths", "labels"};
  const json_t *losses = s2s_part(g.net, "losses");
  for (size_t n = 0; n < json_array_size(losses); n++) {
    for (int i = 0; i < 5; i++) s2s_fill(&g, plan, inputs[i]);
    *(rapt_real *)rapt_plan_data(plan, lr) = (rapt_real)json_number_value(s2s_part(g.expected, "lr"));
    *(rapt_real *)rapt_plan_data(plan, count) = (rapt_real)(n + 1);
    assert_ok(g.ctx, rapt_plan_run(plan, n));
    s2s_near("loss", n, (double)*(rapt_real *)rapt_plan_data(plan, loss), s2s_number(losses, n), 10 * tolerance);
    if (n > 0) continue;
    const rapt_real *found = rapt_plan_data(plan, logits);
    size_t v = (size_t)rapt_model_vocabulary(g.model), all = (size_t)(g.rows * g.sizes[1]) * v;
    assert_int_equal(json_array_size(s2s_part(g.net, "logits")), all);
    for (size_t i = 0; i < all; i++)
      if (s2s_counts(&g, i / v))
        s2s_near("logits", i, (double)found[i], s2s_number(s2s_part(g.net, "logits"), i), tolerance);
    found = rapt_plan_data(plan, gradient);
    assert_int_equal(json_object_size(s2s_part(g.net, "gradients")), g.model->params->count);
    for (size_t p = 0; p < g.model->params->count; p++) {
      const rapt__param *param = g.model->params->items[p];
      const json_t *want = s2s_part(s2s_part(g.net, "gradients"), param->name);
      double most = 0;
      assert_int_equal(json_array_size(want), param->size);
      for (size_t i = 0; i < (size_t)param->size; i++) most = fmax(most, fabs(s2s_number(want, i)));
      assert_true(most > 0 || s2s_is_fixed(&g, param->name));
      for (size_t i = 0; i < (size_t)param->size; i++)
        s2s_near(param->name, i, (double)found[param->offset + (int64_t)i], s2s_number(want, i),
                 fmax(tolerance * most, S2S_ROUNDING));
    }
  }
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  s2s_end(&g);
}

/* What rapt saves it reads back as the same model. With RAPT_SAVED=FOLDER in the environment it saves there too, under the
 * directory's last name, for check_transformers.py. */
static inline void s2s_check_saved(const char *dir) {
  s2s_golden g;
  rapt_model *again;
  char path[300];
  s2s_begin(&g, NULL, dir, "model");
  const char *keep = getenv("RAPT_SAVED");
  snprintf(path, sizeof path, "%s%s", keep ? keep : "", strrchr(dir, '/'));
  if (keep) assert_ok(g.ctx, rapt_model_save(g.model, path));
  char *scratch = rapt__scratch_dir(g.ctx);
  assert_ok(g.ctx, rapt_model_save(g.model, scratch));
  assert_ok(g.ctx, rapt_model_load(g.ctx, scratch, &again));
  const rapt_params *one = g.model->params, *two = again->params;
  assert_int_equal(one->count, two->count);
  for (size_t i = 0; i < one->count; i++) {
    assert_string_equal(one->items[i]->name, two->items[i]->name);
    assert_memory_equal(one->values + one->items[i]->offset, two->values + two->items[i]->offset,
                        (size_t)one->items[i]->size * sizeof *one->values);
  }
  for (const rapt__key *key = g.model->arch->keys; key->name; key++) {
    rapt__text texts[2];
    for (int i = 0; i < 2; i++) {
      rapt__text_init(&texts[i], g.ctx);
      rapt__text_add(&texts[i], "", 1);
      texts[i].size = 0;
      assert_ok(g.ctx, rapt__config_print(&texts[i], key, (char *)(i ? again : g.model)->config + key->offset));
    }
    assert_string_equal(texts[0].data, texts[1].data);
    for (int i = 0; i < 2; i++) rapt__text_free(&texts[i]);
  }
  rapt_model_free(again);
  rapt__scratch_remove(scratch);
  rapt__free(g.ctx, scratch);
  s2s_end(&g);
}

/* A row of an alignment sums to 1. */
static inline void s2s_check_alignment(const s2s_golden *g, rapt_plan *plan, const rapt_tensor *alignment,
                                       int64_t row) {
  double sum = 0;
  for (int64_t s = 0; alignment && s < g->sizes[0]; s++)
    sum += (double)((const rapt_real *)rapt_plan_data(plan, alignment))[row * g->sizes[0] + s];
  if (alignment) s2s_near("an alignment's sum", (size_t)row, sum, 1, 1e-5);
}

/* Token by token over a store of states: the same scores, and alignments whose rows sum to 1. */
static inline void s2s_check_steps(const char *arch, const char *dir, const char *name, double tolerance) {
  s2s_golden g;
  s2s_begin(&g, arch, dir, name);
  const rapt__seq2seq *s = g.model->arch->seq2seq;
  rapt_graph *graphs[2];
  rapt_plan *plans[2];
  rapt_tensor *outputs[2 * RAPT__SEQ2SEQ_TENSORS];
  rapt__encoded encoded = {.count = 0}, given = {.count = 0};
  int n = 0;
  for (int i = 0; i < 2; i++) assert_ok(g.ctx, rapt_graph_new(g.ctx, &graphs[i]));
  rapt__seq2seq_pass pass = s2s_pass(&g, graphs[0]);
  s->encode(&pass, &encoded);
  for (int i = 0; i < encoded.count; i++) outputs[n++] = encoded.memory[i];
  for (int i = 0; i < encoded.start_count; i++) outputs[n++] = encoded.starts[i].value;
  assert_ok(g.ctx, rapt_plan_new(graphs[0], outputs, n, NULL, &plans[0]));
  s2s_fill(&g, plans[0], "source");
  s2s_fill(&g, plans[0], "source_lengths");
  assert_ok(g.ctx, rapt_plan_run(plans[0], 0));

  rapt__seq2seq_pass step = {.graph = graphs[1], .params = g.model->params, .config = g.model->config};
  assert_ok(g.ctx, rapt_params_new(g.ctx, &step.states));
  step.source_lengths = rapt_input(graphs[1], "source_lengths", RAPT_I32, 1, &g.rows);
  step.target = rapt_input(graphs[1], "token", RAPT_I32, 2, (int64_t[]){g.rows, 1});
  step.at = rapt_input(graphs[1], "at", RAPT_I32, 0, NULL);
  step.filled = rapt_input(graphs[1], "filled", RAPT_I32, 1, &g.rows);
  for (int i = 0; i < encoded.count; i++) {
    char input[32];
    snprintf(input, sizeof input, "memory.%d", i);
    const rapt_tensor *m = encoded.memory[i];
    rapt__encoded_memory(&given, rapt_input(graphs[1], input, m->dtype, m->ndim, m->dim));
  }
  rapt__output output = s->step(&step, &given);
  rapt_tensor *logits = s2s_logits(&output);
  if (step.alignment) rapt_tap(step.alignment, "alignment");
  assert_ok(g.ctx, rapt_params_start(step.states, 0));
  assert_ok(g.ctx, rapt_plan_new(graphs[1], &logits, 1, NULL, &plans[1]));
  for (int i = 0; i < encoded.count; i++) {
    void *to = rapt_plan_data(plans[1], given.memory[i]);
    size_t bytes = (size_t)given.memory[i]->size * (given.memory[i]->dtype == RAPT_I32 ? 4 : sizeof(rapt_real));
    if (to) memcpy(to, rapt_plan_data(plans[0], encoded.memory[i]), bytes);
  }
  for (int i = 0; i < encoded.start_count; i++) {
    int64_t at = rapt_params_find(step.states, encoded.starts[i].name);
    if (at < 0) fail_msg("step asks for no state \"%s\"", encoded.starts[i].name);
    const rapt__param *p = step.states->items[at];
    assert_int_equal(p->size, encoded.starts[i].value->size);
    memcpy(step.states->values + p->offset, rapt_plan_data(plans[0], encoded.starts[i].value),
           (size_t)p->size * sizeof(rapt_real));
  }
  s2s_fill(&g, plans[1], "source_lengths");
  int64_t v = rapt_model_vocabulary(g.model);
  for (int64_t t = 0; t < g.sizes[1]; t++) {
    int32_t *token = rapt_plan_data(plans[1], step.target), *at = rapt_plan_data(plans[1], step.at),
            *filled = rapt_plan_data(plans[1], step.filled);
    if (at) *at = (int32_t)t;
    for (int64_t r = 0; r < g.rows; r++) {
      token[r] = (int32_t)s2s_number(json_array_get(s2s_part(g.expected, "target"), (size_t)r), (size_t)t);
      if (filled) filled[r] = (int32_t)t + 1;
    }
    assert_ok(g.ctx, rapt_plan_run(plans[1], 0));
    const rapt_real *found = rapt_plan_data(plans[1], logits);
    for (int64_t r = 0; r < g.rows; r++) {
      if (!s2s_counts(&g, (size_t)(r * g.sizes[1] + t))) continue;
      s2s_check_alignment(&g, plans[1], step.alignment, r);
      for (int64_t j = 0; j < v; j++) {
        size_t i = (size_t)((r * g.sizes[1] + t) * v + j);
        s2s_near("step", i, (double)found[r * v + j], s2s_number(s2s_part(g.net, "logits"), i), tolerance);
      }
    }
  }
  for (int i = 0; i < 2; i++) {
    rapt_plan_free(plans[i]);
    rapt_graph_free(graphs[i]);
  }
  rapt_params_free(step.states);
  s2s_end(&g);
}

#endif
