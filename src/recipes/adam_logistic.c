/* Logistic regression on handwritten digits (the paper's Figure 1, left), and the mean of Adam's parameters. */
#include "recipes/adam.h"

#include <math.h>

static const int methods[] = {RAPT__ADAM_NESTEROV, RAPT__ADAM_ADAGRAD, RAPT__ADAM_RMSPROP,
                              RAPT__ADAM_ADADELTA, RAPT__ADAM_ADAMAX,  RAPT__ADAM_ADAM};

static rapt_tensor *loss(const rapt__adam_problem *p, rapt_graph *graph, rapt_params *params,
                         rapt_tensor *inputs[RAPT__ADAM_INPUTS]) {
  const rapt__adam_images *set = p->set;
  enum { CLASSES = RAPT__ADAM_CLASSES };
  rapt__adam_images_inputs(p, graph, inputs);
  rapt_tensor *w =
      rapt_param(graph, params, "weight", 2, (int64_t[]){set->features, CLASSES}, (rapt_init){RAPT_INIT_ZEROS});
  rapt_tensor *b = rapt_param(graph, params, "bias", 1, (int64_t[]){CLASSES}, (rapt_init){RAPT_INIT_ZEROS, 0, true});
  return rapt_cross_entropy(rapt_linear(inputs[0], w, false, b, RAPT_IDENTITY), inputs[1], NULL);
}

static rapt__adam_problem problem(rapt__adam *a) {
  const rapt__adam_settings *s = a->settings;
  return (rapt__adam_problem){.ctx = a->run->ctx,
                              .seed = (uint64_t)a->run->common.seed,
                              .batch = s->batch,
                              .batches = a->images.labels.size / s->batch,
                              .milliseconds = 0.15,
                              .set = &a->images,
                              .loss = loss,
                              .feed = rapt__adam_images_feed};
}

static rapt__adam_contest contest(const rapt__adam *a, rapt__adam_problem *p) {
  return (rapt__adam_contest){.experiment = "logistic",
                              .problem = p,
                              .methods = methods,
                              .method_count = sizeof methods / sizeof *methods,
                              .reach = 3,
                              .passes = a->settings->passes,
                              .points = 1,
                              .average = a->settings->average};
}

void rapt__adam_logistic_plan(rapt__adam *a) {
  rapt__adam_problem p = problem(a);
  rapt__adam_contest c = contest(a, &p);
  rapt__adam_expect(a, &p, rapt__adam_contest_updates(&c));
}

rapt_status rapt__adam_logistic(rapt__adam *a) {
  rapt__adam_problem p = problem(a);
  rapt__adam_contest c = contest(a, &p);
  RAPT_TRY(rapt__adam_contest_run(a, &c));
  const rapt__adam_best *adam = &c.best[RAPT__ADAM_ADAM], *nesterov = &c.best[RAPT__ADAM_NESTEROV];
  a->run->result->figure = adam->final;
  RAPT_TRY(rapt__findings_judge(&a->findings, true, isfinite(adam->final) && adam->final <= nesterov->final + 0.01,
                                "logistic: Adam's train NLL %.4f is at most that of Nesterov %.4f + 0.01", adam->final,
                                nesterov->final));
  if (c.average > 0)
    RAPT_TRY(
        rapt__findings_say(&a->findings,
                           "logistic: NLL over all training images of Adam's last parameters %.4f, of their running "
                           "mean with decay %g %.4f",
                           adam->last, c.average, adam->averaged));
  return rapt__adam_contest_section(a, &c, "Logistic regression on handwritten digits",
                                    "Mean loss of the batches of each pass; each optimizer with the best of seven "
                                    "rates, which falls as one over the root of the pass.");
}
