/* A net learns a task with a long lag sequence by sequence, or its weights are guessed until they fit. */
#include "recipes/lag.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

#define STREAM_TRAIN ((uint64_t)2 << 32)
#define STREAM_TEST ((uint64_t)3 << 32)
#define STREAM_GUESS ((uint64_t)5 << 32)

/* What a gradient through time may be long; without it the plain net's weights run away on long sequences. */
#define CLIP 1.0

enum { STEPS_OF_A_ROUND = 100000 };

rapt_status rapt__lag_trial_begin(rapt_context *ctx, rapt__lag_trial *t) {
  const rapt__lag_experiment *e = t->experiment;
  t->shape = rapt__lag_shape_of(e->task, t->lag);
  const rapt__lag_shape *s = &t->shape;
  size_t room = (size_t)s->longest * (size_t)s->dense;
  t->sequence.index = rapt__new(ctx, room, sizeof(int));
  t->sequence.value = t->sequence.index ? rapt__new(ctx, room, sizeof(double)) : NULL;
  t->distances = t->sequence.value ? rapt__new(ctx, RAPT__LAG_WINDOW, sizeof(double)) : NULL;
  t->scratch = t->distances ? rapt__new(ctx, (size_t)s->outputs, sizeof(double)) : NULL;
  if (!t->scratch) return RAPT_ENOMEM;
  if (e->method != RAPT__LAG_LSTM) {
    rapt__plain_method method = e->method == RAPT__LAG_RNN ? RAPT__PLAIN_THROUGH_TIME : RAPT__PLAIN_ELMAN;
    RAPT_TRY(rapt__plain_rnn_new(ctx, s->inputs, e->cells, s->outputs, s->longest, method, &t->plain));
    t->plain.linear = e->linear;
    rapt__plain_rnn_start(&t->plain, t->seed, e->range);
    t->guesses = 1;
    return RAPT_OK;
  }
  const rapt__lstm1997_shape shape = {.inputs = s->inputs,
                                      .outputs = s->outputs,
                                      .blocks = e->blocks,
                                      .cells = e->cells,
                                      .gates_seen = true,
                                      .all_biases = true,
                                      .shortcuts = e->shortcuts,
                                      .linear = e->linear,
                                      .entropy = e->entropy};
  RAPT_TRY(rapt__lstm1997_new(ctx, &shape, &t->lstm));
  rapt__lstm1997_start(&t->lstm, t->seed, e->range, e->in_bias, e->out_bias);
  return RAPT_OK;
}

void rapt__lag_trial_free(rapt_context *ctx, rapt__lag_trial *t) {
  rapt__free(ctx, t->sequence.index);
  rapt__free(ctx, t->sequence.value);
  rapt__free(ctx, t->distances);
  rapt__free(ctx, t->scratch);
  rapt__lstm1997_free(ctx, &t->lstm);
  rapt__plain_rnn_free(ctx, &t->plain);
}

/* ---- A sequence ---- */

static const double *outputs(rapt__lag_trial *t) {
  return t->experiment->method == RAPT__LAG_LSTM ? rapt__lstm1997_outputs(&t->lstm)
                                                 : rapt__plain_rnn_outputs(&t->plain);
}

static void learn(rapt__lag_trial *t, const double *target) {
  const rapt__lag_experiment *e = t->experiment;
  if (e->method == RAPT__LAG_LSTM)
    rapt__lstm1997_learn(&t->lstm, target, e->rate);
  else
    rapt__plain_rnn_learn(&t->plain, target, e->rate, CLIP);
}

/* The result of a sequence: largest error against the target, mean distance from the target without noise, mean square. */
typedef struct outcome {
  double largest, distance, square;
} outcome;

static void compare(const double *out, const double *target, const double *truth, int count, outcome *o) {
  double distance = 0, square = 0;
  for (int k = 0; k < count; k++) {
    double error = fabs(target[k] - out[k]);
    o->largest = fmax(o->largest, fabs(truth[k] - out[k]));
    distance += fabs(truth[k] - out[k]) / count;
    square += error * error / count;
  }
  o->distance = distance;
  o->square = square;
}

/* The symbol that the target of step t is. */
static int next_symbol(const rapt__lag_sequence *q, int t) { return t + 1 < q->steps ? q->index[t + 1] : q->last; }

static outcome go_through(rapt__lag_trial *t, bool learning) {
  const rapt__lag_shape *s = &t->shape;
  const rapt__lag_sequence *q = &t->sequence;
  outcome o = {0};
  double *scratch = t->scratch;
  bool lstm = t->experiment->method == RAPT__LAG_LSTM;
  if (lstm)
    rapt__lstm1997_reset(&t->lstm);
  else
    rapt__plain_rnn_reset(&t->plain);
  for (int i = 0; i < q->steps; i++) {
    rapt__sparse x = {s->dense, q->index + i * s->dense, q->value + i * s->dense};
    if (lstm)
      rapt__lstm1997_step(&t->lstm, &x, learning);
    else
      rapt__plain_rnn_step(&t->plain, &x, learning);
    if (!s->every_step && i + 1 < q->steps) continue;
    const double *out = outputs(t), *target = q->target, *truth = q->truth;
    if (s->every_step) {
      scratch[next_symbol(q, i)] = 1;
      target = truth = scratch;
      if (t->experiment->task == RAPT__LAG_2B) o.largest = 0; /* what is between cannot be known */
    }
    compare(out, target, truth, s->outputs, &o);
    if (learning) learn(t, target);
    if (s->every_step) scratch[next_symbol(q, i)] = 0;
  }
  return o;
}

/* ---- Until solved ---- */

static void keep(rapt__lag_trial *t, const outcome *o) {
  double *place = &t->distances[t->sequences % RAPT__LAG_WINDOW];
  bool right = o->largest < t->experiment->tolerance;
  if (t->kept == RAPT__LAG_WINDOW) {
    t->sum -= fabs(*place);
    t->wrong -= *place > 0;
  } else {
    t->kept++;
  }
  *place = right ? -o->distance : o->distance;
  t->sum += fabs(*place);
  t->wrong += *place > 0;
  t->sequences++;
  t->squares += o->square;
  if (++t->summed * RAPT__LAG_POINTS < t->budget && t->sequences < t->budget) return;
  if (t->points < RAPT__LAG_POINTS) t->curve[t->points++] = t->squares / (double)t->summed;
  t->squares = 0;
  t->summed = 0;
}

static bool is_solved(const rapt__lag_trial *t) {
  const rapt__lag_experiment *e = t->experiment;
  return t->kept == RAPT__LAG_WINDOW && t->wrong <= e->allowed &&
         (e->distance == 0 || t->sum <= e->distance * RAPT__LAG_WINDOW);
}

/* A guess that cannot solve the task any more gives way to the next one. */
static void guess_again(rapt__lag_trial *t) {
  const rapt__lag_experiment *e = t->experiment;
  if (t->wrong <= e->allowed && (e->distance == 0 || t->sum <= e->distance * RAPT__LAG_WINDOW)) return;
  uint64_t seed = (uint64_t)rapt__rng_u32(t->seed, STREAM_GUESS, 2 * (uint64_t)t->guesses) << 32 |
                  rapt__rng_u32(t->seed, STREAM_GUESS, 2 * (uint64_t)t->guesses + 1);
  rapt__plain_rnn_start(&t->plain, seed, e->range);
  t->guesses++;
  t->kept = 0;
  t->sum = 0;
  t->wrong = 0;
}

static void test(rapt__lag_trial *t) {
  double sum = 0, squares = 0;
  for (int i = 0; i < RAPT__LAG_TEST; i++) {
    rapt__lag_draw(t->experiment->task, t->lag, t->seed, STREAM_TEST, (uint64_t)i, &t->sequence);
    outcome o = go_through(t, false);
    t->test_wrong += !(o.largest < t->experiment->tolerance);
    t->test_square += o.square / RAPT__LAG_TEST;
    t->test_distance += o.distance / RAPT__LAG_TEST;
    sum += t->sequence.target[0] / RAPT__LAG_TEST;
    squares += t->sequence.target[0] * t->sequence.target[0] / RAPT__LAG_TEST;
  }
  t->variance = squares - sum * sum;
}

bool rapt__lag_trial_advance(rapt__lag_trial *t) {
  const rapt__lag_experiment *e = t->experiment;
  for (int steps = 0; steps < STEPS_OF_A_ROUND && !t->solved && t->sequences < t->budget; steps += t->sequence.steps) {
    rapt__lag_draw(e->task, t->lag, t->seed, STREAM_TRAIN, (uint64_t)t->sequences, &t->sequence);
    outcome o = go_through(t, e->method != RAPT__LAG_GUESS);
    keep(t, &o);
    t->solved = is_solved(t);
    if (e->method == RAPT__LAG_GUESS && !t->solved) guess_again(t);
  }
  if (!t->solved && t->sequences < t->budget) return false;
  test(t);
  t->ended = true;
  return true;
}
