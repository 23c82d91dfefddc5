/* Nets of the recipe birnn: training, judging, merging. */
#include "recipes/birnn.h"
#include "recipes/training.h"

#include "tasks/params_file.h"

#include <math.h>

static rapt_tensor *network(const rapt__frames *f, rapt_graph *graph, rapt_params *params, rapt_tensor *x,
                            rapt_tensor *lengths, bool training) {
  (void)training;
  return rapt__birnn_outputs(f->user, graph, params, x, lengths);
}

static rapt_status save(const rapt__frames *f, const char *dir) {
  RAPT_TRY(rapt__make_dirs(f->ctx, dir));
  char *path = rapt__path_join(f->ctx, dir, "model.safetensors");
  rapt_status status = path ? rapt__params_write(f->params, path, NULL) : RAPT_ENOMEM;
  rapt__free(f->ctx, path);
  return status;
}

/* Units of one direction that give about the parameters of `units` in both. */
static int64_t units_of(const rapt__birnn *net, int64_t units, int64_t inputs) {
  rapt__birnn both = *net, one = *net;
  both.direction = RAPT__BOTH;
  both.units = one.units = units;
  if (net->direction == RAPT__BOTH) return units;
  int64_t aim = rapt__birnn_size(&both, inputs);
  while (rapt__birnn_size(&one, inputs) < aim) one.units++;
  int64_t over = rapt__birnn_size(&one, inputs) - aim;
  one.units--;
  return aim - rapt__birnn_size(&one, inputs) < over ? one.units : one.units + 1;
}

static rapt_status train(rapt__birnn_run *b, rapt__frames *f, const char *dir) {
  rapt__run *run = b->run;
  rapt__trainer t;
  rapt__trainer_init(&t, run->ctx);
  rapt__run_trainer(run, &t, &f->task, f->params, dir);
  rapt_status status = rapt__run_train(run, &t);
  if (status == RAPT_OK && !t.interrupted && t.best_step != t.step) {
    const char *best = rapt__arena_format(&run->arena, "%s/best/model.safetensors", dir);
    status = best ? rapt__params_read(f->params, best) : RAPT_ENOMEM;
  }
  rapt__trainer_free(&t);
  return status;
}

rapt_status rapt__birnn_train(rapt__birnn_run *b, const rapt__birnn_task *task, rapt__birnn_net *net) {
  rapt__run *run = b->run;
  rapt__birnn shape = {.cell = RAPT_RNN_TANH, .direction = net->direction, .outputs = task->outputs};
  rapt_params *params;
  shape.units = net->units = units_of(&shape, b->settings->units, task->train.inputs);
  net->size = rapt__birnn_size(&shape, task->train.inputs);
  size_t size = (size_t)(rapt__frames_count(&task->test) * task->outputs);
  const char *dir = rapt__arena_format(&run->arena, "%s/%s/%s", run->common.out, task->name, net->name);
  net->out = rapt__arena_new(&run->arena, size, sizeof *net->out);
  if (!dir || !net->out) return RAPT_ENOMEM;
  rapt__run_say(run, RAPT_EVENT_NOTE, "%s, %s: %lld units in each direction, %lld parameters", task->name, net->name,
                (long long)net->units, (long long)net->size);
  RAPT_TRY(rapt_params_new(run->ctx, &params));
  rapt__frames f = {.ctx = run->ctx,
                    .params = params,
                    .train = &task->train,
                    .valid = &task->valid,
                    .answer = task->answer,
                    .outputs = task->outputs,
                    .delay = net->delay,
                    .batch = run->train.batch,
                    .seed = (uint64_t)run->common.seed,
                    .network = network,
                    .user = &shape,
                    .save = save};
  rapt_status status = rapt__frames_init(&f);
  if (status == RAPT_OK) status = rapt__frames_start(&f);
  if (status == RAPT_OK) status = train(b, &f, dir);
  if (status == RAPT_OK && !run->result->interrupted) status = rapt__frames_run(&f, &task->test, net->out, NULL);
  rapt__frames_free(&f);
  rapt_params_free(params);
  return status;
}

/* ---- Judging ---- */

double rapt__birnn_squares(const rapt__birnn_task *task, const float *out) {
  double sum = 0;
  for (size_t i = 0; i < task->test.count; i++) {
    const rapt__sequence *s = &task->test.at[i];
    for (int64_t j = 0; j < s->frames * task->outputs; j++, out++)
      sum += ((double)*out - (double)s->y[j]) * ((double)*out - (double)s->y[j]);
  }
  return sum / (double)(rapt__frames_count(&task->test) * task->outputs);
}

double rapt__birnn_errors(const rapt__birnn_task *task, const float *out) {
  int64_t wrong = 0;
  for (size_t i = 0; i < task->test.count; i++)
    for (int64_t t = 0; t < task->test.at[i].frames; t++, out += task->outputs) {
      int32_t best = 0;
      for (int32_t k = 1; k < task->outputs; k++)
        if (out[k] > out[best]) best = k;
      wrong += best != task->test.at[i].labels[t];
    }
  return (double)wrong / (double)rapt__frames_count(&task->test);
}

/* log Σ exp */
static double log_sum(const float *x, int64_t n) {
  double most = -INFINITY, sum = 0;
  for (int64_t i = 0; i < n; i++) most = fmax(most, (double)x[i]);
  for (int64_t i = 0; i < n; i++) sum += exp((double)x[i] - most);
  return most + log(sum);
}

void rapt__birnn_pool(const rapt__birnn_task *task, const float *a, const float *b, bool logarithmic, float *out) {
  int64_t n = task->outputs, frames = rapt__frames_count(&task->test);
  for (int64_t t = 0; t < frames; t++, a += n, b += n, out += n) {
    double za = log_sum(a, n), zb = log_sum(b, n);
    for (int64_t k = 0; k < n; k++) {
      double pa = (double)a[k] - za, pb = (double)b[k] - zb;
      out[k] = (float)(logarithmic ? (pa + pb) / 2 : log((exp(pa) + exp(pb)) / 2 + 1e-300));
    }
  }
}
