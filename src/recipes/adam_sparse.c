/* Logistic regression on the words of film reviews (the paper's Figure 1, right): rare features and dropout on them. */
#include "recipes/adam.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

enum { STREAM_ORDER = 2, STREAM_DROP = 7, HELD_OUT = 9, CLASSES = 2 };

static const int methods[] = {RAPT__ADAM_NESTEROV, RAPT__ADAM_ADAGRAD, RAPT__ADAM_RMSPROP, RAPT__ADAM_ADAM};

/* The reviews of folds 0 to 8, in a new order for every pass. */
typedef struct training {
  const rapt__reviews *reviews;
  uint32_t *members, *order; /* [count] in the run's arena; order is of members */
  size_t count;
  int64_t pass;
} training;

static rapt_tensor *loss(const rapt__adam_problem *p, rapt_graph *graph, rapt_params *params,
                         rapt_tensor *inputs[RAPT__ADAM_INPUTS]) {
  const training *set = p->set;
  int64_t words = set->reviews->features;
  inputs[0] = rapt_input(graph, "x", RAPT_F32, 2, (int64_t[]){p->batch, words});
  inputs[1] = rapt_input(graph, "labels", RAPT_I32, 1, &p->batch);
  rapt_tensor *w = rapt_param(graph, params, "weight", 2, (int64_t[]){words, CLASSES}, (rapt_init){RAPT_INIT_ZEROS});
  rapt_tensor *b = rapt_param(graph, params, "bias", 1, (int64_t[]){CLASSES}, (rapt_init){RAPT_INIT_ZEROS, 0, true});
  return rapt_cross_entropy(rapt_linear(inputs[0], w, false, b, RAPT_IDENTITY), inputs[1], NULL);
}

/* Half of the words that a review has are left out, anew in every pass, and the others count twice: dropout on the
 * features, drawn only where they are not zero anyway. One block of random words decides about 128. */
static void fill_row(const rapt__reviews *r, size_t review, uint64_t seed, int64_t pass, rapt_real *x) {
  uint32_t bits[4];
  size_t block = SIZE_MAX;
  for (size_t at = r->begin[review]; at < r->begin[review + 1]; at++) {
    if (at / 128 != block) {
      block = at / 128;
      rapt__philox(seed, ((uint64_t)STREAM_DROP << 32) + (uint64_t)pass, block, bits);
    }
    if (bits[at / 32 % 4] >> at % 32 & 1) x[r->words[at]] = 2;
  }
}

static void feed(rapt__adam_problem *p, int64_t pass, int64_t batch, void *const data[RAPT__ADAM_INPUTS]) {
  training *set = p->set;
  if (set->pass != pass)
    rapt__rng_shuffle(p->seed, (uint64_t)STREAM_ORDER << 32, (uint64_t)pass * set->count, set->order, set->count);
  set->pass = pass;
  rapt_real *x = data[0];
  int32_t *labels = data[1];
  memset(x, 0, (size_t)(p->batch * set->reviews->features) * sizeof *x);
  for (int64_t i = 0; i < p->batch; i++) {
    size_t review = set->members[set->order[batch * p->batch + i]];
    fill_row(set->reviews, review, p->seed, pass, x + i * set->reviews->features);
    labels[i] = set->reviews->positive[review];
  }
}

static size_t count_training(const rapt__reviews *r) {
  size_t n = 0;
  for (size_t i = 0; i < r->count; i++) n += r->fold[i] != HELD_OUT;
  return n;
}

static rapt__adam_problem problem(rapt__adam *a, training *set) {
  const rapt__adam_settings *s = a->settings;
  return (rapt__adam_problem){.ctx = a->run->ctx,
                              .seed = (uint64_t)a->run->common.seed,
                              .batch = s->batch,
                              .batches = (int64_t)count_training(&a->reviews) / s->batch,
                              .milliseconds = 0.7,
                              .set = set,
                              .loss = loss,
                              .feed = feed};
}

static rapt__adam_contest contest(const rapt__adam *a, rapt__adam_problem *p) {
  return (rapt__adam_contest){.experiment = "sparse",
                              .problem = p,
                              .methods = methods,
                              .method_count = sizeof methods / sizeof *methods,
                              .reach = 3,
                              .passes = a->settings->sparse_passes,
                              .points = 1};
}

void rapt__adam_sparse_plan(rapt__adam *a) {
  rapt__adam_problem p = problem(a, NULL);
  rapt__adam_contest c = contest(a, &p);
  rapt__adam_expect(a, &p, rapt__adam_contest_updates(&c));
}

static rapt_status gather(rapt__adam *a, training *set) {
  const rapt__reviews *r = &a->reviews;
  size_t room = count_training(r);
  *set = (training){.reviews = r,
                    .members = rapt__arena_new(&a->run->arena, room, sizeof *set->members),
                    .order = rapt__arena_new(&a->run->arena, room, sizeof *set->order)};
  if (!set->members || !set->order) return RAPT_ENOMEM;
  for (size_t i = 0; i < r->count; i++)
    if (r->fold[i] != HELD_OUT) set->members[set->count++] = (uint32_t)i;
  return RAPT_OK;
}

rapt_status rapt__adam_sparse(rapt__adam *a) {
  training set;
  rapt__adam_problem p = problem(a, &set);
  rapt__adam_contest c = contest(a, &p);
  if (p.batches == 0)
    return rapt__fail(a->run->ctx, RAPT_EINVAL, "%s: %zu reviews in folds 0 to 8 do not fill a batch of %lld",
                      a->settings->reviews, count_training(&a->reviews), (long long)p.batch);
  RAPT_TRY(gather(a, &set));
  RAPT_TRY(rapt__adam_contest_run(a, &c));
  const rapt__adam_best *adam = &c.best[RAPT__ADAM_ADAM], *adagrad = &c.best[RAPT__ADAM_ADAGRAD];
  RAPT_TRY(rapt__findings_judge(&a->findings, true, isfinite(adam->final) && adam->final <= adagrad->final * 1.02,
                                "sparse: Adam's train NLL %.4f is at most 2 %% above that of AdaGrad %.4f", adam->final,
                                adagrad->final));
  return rapt__adam_contest_section(a, &c, "Words of film reviews with dropout",
                                    "Mean loss of the batches of each pass, with half of the words dropped; each "
                                    "optimizer with the best of seven rates, which falls as one over the root of the "
                                    "pass.");
}
