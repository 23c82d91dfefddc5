/* What is measured in time: batches by tokens, and a second thread. Parts are timed in turn, each by its
 * least time, so that a busy machine disturbs all alike. */
#include "recipes/toolkit.h"

#include "base/file.h"
#include "base/team.h"

#include <math.h>

/* ---- Batches by tokens ---- */

typedef struct arm {
  rapt__deals deals;
  rapt__plans plans;
  double *least; /* [batches] seconds of the processor */
} arm;

static rapt_status begin_arm(rapt__toolkit *t, rapt__elsewhere *e, arm *a) {
  a->deals.smoothing = t->settings->translation.smoothing;
  a->deals.dropout = true;
  a->plans = (rapt__plans){.ctx = e->ctx,
                           .task = &a->deals.task,
                           .params = e->model->params,
                           .update = rapt__update_settings(&t->run->train),
                           .seed = (uint64_t)t->run->common.seed};
  a->least = rapt__arena_new(&t->run->arena, (size_t)a->deals.count, sizeof *a->least);
  if (!a->least) return RAPT_ENOMEM;
  for (int64_t i = 0; i < a->deals.count; i++) a->least[i] = INFINITY;
  return rapt__plans_begin(&a->plans);
}

/* Of a whole update, with a rate of 0: every round computes the same. */
static rapt_status update(rapt__plans *plans, rapt__train_plan *p, int i) {
  RAPT_TRY(plans->task->fill(plans->task, p->plan, i, 0));
  *(real *)rapt_plan_data(p->plan, p->lr) = 0;
  *(real *)rapt_plan_data(p->plan, p->count) = 1;
  return rapt_plan_run(p->plan, (uint64_t)i);
}

static rapt_status time_arm(rapt__toolkit *t, arm *a) {
  for (int i = 0; i < (int)a->deals.count && !rapt__toolkit_stopped(t); i++) {
    rapt__train_plan *p;
    RAPT_TRY(rapt__plans_batch(&a->plans, i, &p));
    double begin = rapt__processor_time();
    RAPT_TRY(update(&a->plans, p, i));
    a->least[i] = fmin(a->least[i], rapt__processor_time() - begin);
  }
  return RAPT_OK;
}

static double seconds_of(const arm *a) {
  double sum = 0;
  for (int64_t i = 0; i < a->deals.count; i++) sum += a->least[i];
  return sum;
}

/* The sentences of `tokens` shuffled, in as many batches. */
static rapt_status deal_by_sentences(rapt__toolkit *t, rapt__elsewhere *e, const rapt__deals *tokens,
                                     rapt__deals *out) {
  rapt__run *run = t->run;
  const rapt__pairs *pairs = tokens->pairs;
  const rapt__pair **all = rapt__deals_shuffle(&run->arena, pairs, (uint64_t)run->common.seed);
  bool *wanted = rapt__arena_new(&run->arena, pairs->count, sizeof *wanted);
  int64_t count = 0;
  if (!all || !wanted) return RAPT_ENOMEM;
  for (int64_t i = 0; i < tokens->count; i++)
    for (int64_t k = 0; k < tokens->at[i].count; k++) wanted[tokens->at[i].pairs[k] - pairs->at] = true;
  for (size_t i = 0; i < pairs->count; i++)
    if (wanted[all[i] - pairs->at]) all[count++] = all[i];
  return rapt__deals_cut(&run->arena, e->model, pairs, all, count, (count + tokens->count - 1) / tokens->count, out);
}

static rapt_status compare_batches(rapt__toolkit *t, rapt__elsewhere *e, arm *tokens, arm *plain) {
  RAPT_TRY(
      rapt__deals_take(&t->run->arena, e->model, &t->net.task.train_batches, t->settings->sentences, &tokens->deals));
  RAPT_TRY(deal_by_sentences(t, e, &tokens->deals, &plain->deals));
  RAPT_TRY(begin_arm(t, e, tokens));
  RAPT_TRY(begin_arm(t, e, plain));
  for (int64_t r = 0; r < t->settings->rounds && !rapt__toolkit_stopped(t); r++) {
    RAPT_TRY(time_arm(t, plain));
    RAPT_TRY(time_arm(t, tokens));
  }
  if (rapt__toolkit_stopped(t)) return RAPT_OK;
  double n = (double)tokens->deals.sentences, fast = n / seconds_of(tokens), slow = n / seconds_of(plain);
  t->run->result->figure = fast / slow;
  rapt__toolkit_bar_add(t, "batches by tokens", fast / slow, 1.5);
  RAPT_TRY(rapt__findings_say(
      &t->findings,
      "%lld sentences with %lld tokens: %lld batches by tokens have %lld with padding, %lld batches by sentences %lld",
      (long long)tokens->deals.sentences, (long long)rapt__deals_real(&tokens->deals), (long long)tokens->deals.count,
      (long long)rapt__deals_padded(&tokens->deals), (long long)plain->deals.count,
      (long long)rapt__deals_padded(&plain->deals)));
  return rapt__findings_judge(&t->findings, true, fast / slow >= 1.5,
                              "batches of at most %lld tokens, of sentences of like length, train %.0f sentences a "
                              "second of the processor, batches of as many sentences in random order %.0f (%.2f times "
                              "as many, at least 1.5)",
                              (long long)t->settings->translation.max_tokens, fast, slow, fast / slow);
}

rapt_status rapt__toolkit_batches(rapt__toolkit *t) {
  rapt__elsewhere e;
  arm tokens = {.least = NULL}, plain = {.least = NULL};
  rapt_status status = rapt__elsewhere_begin(t, 1, &e);
  if (status == RAPT_OK) status = compare_batches(t, &e, &tokens, &plain);
  if (tokens.plans.ctx) rapt__plans_free(&tokens.plans);
  if (plain.plans.ctx) rapt__plans_free(&plain.plans);
  return rapt__elsewhere_end(t, &e, status);
}

/* ---- A second thread ---- */

enum { THREADS = 2 };
static const double wanted_speed = 1.6, free_cores = 1.8; /* times as fast; the second: loops without memory */

typedef struct spinning {
  int64_t turns;
  volatile double result[THREADS];
} spinning;

static void spin(void *arg, int64_t task, int worker) {
  spinning *s = arg;
  double x = (double)task + 1;
  (void)worker;
  for (int64_t i = 0; i < s->turns; i++) x = x * 0.999999 + 1e-6;
  s->result[task] = x;
}

typedef struct team {
  rapt__elsewhere place;
  arm arm;
  double update, spin; /* least seconds by the clock */
} team;

static double time_spin(team *m, spinning *s) {
  double begin = rapt__now();
  rapt__team_run(m->place.ctx->team, spin, s, THREADS);
  return rapt__now() - begin;
}

static rapt_status time_update(team *m) {
  rapt__train_plan *p;
  RAPT_TRY(rapt__plans_batch(&m->arm.plans, 0, &p));
  double begin = rapt__now();
  RAPT_TRY(update(&m->arm.plans, p, 0));
  m->update = fmin(m->update, rapt__now() - begin);
  return RAPT_OK;
}

/* The loops together take one thread as long as an update. */
static rapt_status time_teams(rapt__toolkit *t, team *teams) {
  spinning s = {.turns = 1000000};
  RAPT_TRY(time_update(&teams[0]));
  double once = time_spin(&teams[0], &s), turns = 1e6 * teams[0].update / once;
  s.turns = turns < 1e9 ? (int64_t)turns + 1 : (int64_t)1e9;
  for (int64_t r = 0; r < 3 * t->settings->rounds && !rapt__toolkit_stopped(t); r++)
    for (int i = 0; i < THREADS; i++) {
      RAPT_TRY(time_update(&teams[i]));
      teams[i].spin = fmin(teams[i].spin, time_spin(&teams[i], &s));
    }
  return RAPT_OK;
}

static rapt_status begin_team(rapt__toolkit *t, int threads, const rapt__pair *const *list, int64_t count, team *m) {
  m->update = m->spin = INFINITY;
  RAPT_TRY(rapt__elsewhere_begin(t, threads, &m->place));
  RAPT_TRY(
      rapt__deals_cut(&t->run->arena, m->place.model, &t->net.task.train_pairs, list, count, count, &m->arm.deals));
  return begin_arm(t, &m->place, &m->arm);
}

static rapt_status compare_teams(rapt__toolkit *t, team *teams) {
  rapt__batches *batches = &t->net.task.train_batches;
  int64_t count;
  rapt__batches_get(batches, 0, &count);
  const rapt__pair **list = rapt__arena_new(&t->run->arena, (size_t)count, sizeof *list);
  if (!list) return RAPT_ENOMEM;
  for (int64_t i = 0; i < count; i++) list[i] = rapt__batches_pair(batches, 0, i);
  for (int i = 0; i < THREADS; i++) RAPT_TRY(begin_team(t, i + 1, list, count, &teams[i]));
  RAPT_TRY(time_teams(t, teams));
  if (rapt__toolkit_stopped(t)) return RAPT_OK;
  double faster = teams[0].update / teams[1].update, spins = teams[0].spin / teams[1].spin;
  rapt__toolkit_bar_add(t, "two threads", faster, wanted_speed);
  rapt__toolkit_bar_add(t, "two loops without memory (spin test)", spins, free_cores);
  if (spins >= free_cores)
    return rapt__findings_judge(&t->findings, true, faster >= wanted_speed,
                                "an update takes %.0f ms with two threads, %.0f ms with one (%.2f times as fast, at "
                                "least %.1f; two loops without memory: %.2f)",
                                1e3 * teams[1].update, 1e3 * teams[0].update, faster, wanted_speed, spins);
  t->unjudged++;
  return rapt__findings_say(&t->findings,
                            "an update takes %.0f ms with two threads, %.0f ms with one (%.2f times as fast): not "
                            "judged, as no two cores are free (two loops without memory: %.2f times, at least %.1f)",
                            1e3 * teams[1].update, 1e3 * teams[0].update, faster, spins, free_cores);
}

rapt_status rapt__toolkit_threads(rapt__toolkit *t) {
  team teams[THREADS] = {{.update = 0}, {.update = 0}};
  rapt_status status = compare_teams(t, teams);
  for (int i = 0; i < THREADS; i++) {
    if (teams[i].arm.plans.ctx) rapt__plans_free(&teams[i].arm.plans);
    status = rapt__elsewhere_end(t, &teams[i].place, status);
  }
  return status;
}
