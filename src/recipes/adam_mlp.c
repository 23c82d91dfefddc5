/* A network with two hidden layers of rectified units and dropout on handwritten digits (the paper's Figure 2a). */
#include "recipes/adam.h"

#include <math.h>

static const int methods[] = {RAPT__ADAM_NESTEROV, RAPT__ADAM_ADAGRAD, RAPT__ADAM_RMSPROP, RAPT__ADAM_ADADELTA,
                              RAPT__ADAM_ADAM};

static rapt_tensor *layer(rapt_graph *graph, rapt_params *params, rapt_tensor *x, const char *name, int64_t out,
                          rapt_activation activation) {
  int64_t in = rapt_dim(x, -1);
  rapt_scope_begin(graph, "%s", name);
  rapt_tensor *w = rapt_param(graph, params, "weight", 2, (int64_t[]){in, out},
                              (rapt_init){RAPT_INIT_NORMAL, sqrt(2 / (double)in)}); /* (He et al. 2015) */
  rapt_tensor *b = rapt_param(graph, params, "bias", 1, &out, (rapt_init){RAPT_INIT_ZEROS, 0, true});
  rapt_tensor *y = rapt_linear(x, w, false, b, activation);
  rapt_scope_end(graph);
  return y;
}

static rapt_tensor *loss(const rapt__adam_problem *p, rapt_graph *graph, rapt_params *params,
                         rapt_tensor *inputs[RAPT__ADAM_INPUTS]) {
  int64_t width = p->width;
  rapt__adam_images_inputs(p, graph, inputs);
  rapt_tensor *h = rapt_dropout(layer(graph, params, inputs[0], "hidden1", width, RAPT_RELU), 0.5);
  h = rapt_dropout(layer(graph, params, h, "hidden2", width, RAPT_RELU), 0.5);
  return rapt_cross_entropy(layer(graph, params, h, "output", RAPT__ADAM_CLASSES, RAPT_IDENTITY), inputs[1], NULL);
}

static rapt__adam_problem problem(rapt__adam *a) {
  const rapt__adam_settings *s = a->settings;
  return (rapt__adam_problem){.ctx = a->run->ctx,
                              .seed = (uint64_t)a->run->common.seed,
                              .batch = s->batch,
                              .batches = a->images.labels.size / s->batch,
                              .width = s->mlp_width,
                              .milliseconds = 19,
                              .set = &a->images,
                              .loss = loss,
                              .feed = rapt__adam_images_feed};
}

static rapt__adam_contest contest(const rapt__adam *a, rapt__adam_problem *p) {
  return (rapt__adam_contest){.experiment = "mlp",
                              .problem = p,
                              .methods = methods,
                              .method_count = sizeof methods / sizeof *methods,
                              .reach = 1,
                              .passes = a->settings->mlp_passes,
                              .points = 10};
}

void rapt__adam_mlp_plan(rapt__adam *a) {
  rapt__adam_problem p = problem(a);
  rapt__adam_contest c = contest(a, &p);
  rapt__adam_expect(a, &p, rapt__adam_contest_updates(&c));
}

rapt_status rapt__adam_mlp(rapt__adam *a) {
  rapt__adam_problem p = problem(a);
  rapt__adam_contest c = contest(a, &p);
  RAPT_TRY(rapt__adam_contest_run(a, &c));
  return rapt__adam_contest_section(a, &c, "Two hidden layers with dropout",
                                    "Mean loss of each tenth of a pass, with dropout; each optimizer with the best of "
                                    "three rates. No pass mark stands on it.");
}
