/* Drawing sequences with long time lags. */
#include "data/lag_tasks.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

enum {
  FIRST = 3,         /* steps of experiment 3 that carry the class */
  MOST_BEHIND = 200, /* random symbols of 2c behind the lag; more come once in a billion sequences */
  ORDER_LONGEST = 110,
};

rapt__lag_shape rapt__lag_shape_of(rapt__lag_task task, int lag) {
  switch (task) {
  case RAPT__LAG_2A:
  case RAPT__LAG_2B: return (rapt__lag_shape){lag + 1, lag + 1, 1, lag, true};
  case RAPT__LAG_2C: return (rapt__lag_shape){lag + 4, 2, 1, lag + MOST_BEHIND + 3, false};
  case RAPT__LAG_3A:
  case RAPT__LAG_3B:
  case RAPT__LAG_3C: return (rapt__lag_shape){1, 1, 1, lag + lag / 10, false};
  case RAPT__LAG_ADDING:
  case RAPT__LAG_MULTIPLICATION: return (rapt__lag_shape){2, 1, 2, lag + lag / 10, false};
  case RAPT__LAG_ORDER_4: return (rapt__lag_shape){8, 4, 1, ORDER_LONGEST, false};
  default: return (rapt__lag_shape){8, 8, 1, ORDER_LONGEST, false};
  }
}

/* Random numbers of one sequence, one behind the other. */
typedef struct source {
  uint64_t seed, stream, next;
} source;

static int below(source *s, int limit) { return (int)rapt__rng_below(s->seed, s->stream, s->next++, (uint64_t)limit); }
static int between(source *s, int low, int high) { return low + below(s, high - low + 1); }
static double uniform(source *s, double low, double high) {
  return low + (high - low) * rapt__rng_uniform(s->seed, s->stream, s->next++);
}
static double normal(source *s, double mean, double variance) {
  return mean + sqrt(variance) * rapt__rng_normal(s->seed, s->stream, s->next++);
}

static void put(rapt__lag_sequence *q, int symbol) {
  q->index[q->steps] = symbol;
  q->value[q->steps++] = 1;
}

/* Symbols a1 … a(p−1) are 0 … p − 2, x is p − 1, y is p. */
static void draw_prediction(bool random, int p, source *s, rapt__lag_sequence *q) {
  int ends = below(s, 2) ? p : p - 1;
  put(q, ends);
  for (int i = 0; i < p - 1; i++) put(q, random ? below(s, p - 1) : i);
  q->last = ends;
}

/* Symbols a1 … ap are 0 … p − 1, then b, e, x, y. At least q = p of them, then e with probability 0.1 at each step. */
static void draw_lag(int p, source *s, rapt__lag_sequence *q) {
  int which = below(s, 2);
  put(q, p);
  put(q, p + 2 + which);
  for (int i = 0; i < p; i++) put(q, below(s, p));
  for (int i = 0; i < MOST_BEHIND && below(s, 10) != 0; i++) put(q, below(s, p));
  put(q, p + 1);
  q->target[which] = 1;
}

static void draw_classes(rapt__lag_task task, int t, source *s, rapt__lag_sequence *q) {
  int length = between(s, t, t + t / 10), positive = below(s, 2);
  for (; q->steps < length; q->steps++) {
    double mean = q->steps >= FIRST ? 0 : positive ? 1 : -1;
    q->index[q->steps] = 0;
    q->value[q->steps] = q->steps < FIRST && task != RAPT__LAG_3B ? mean : normal(s, mean, 0.2);
  }
  if (task != RAPT__LAG_3C) {
    q->target[0] = positive;
    return;
  }
  q->truth[0] = positive ? 0.8 : 0.2;
  q->target[0] = normal(s, q->truth[0], 0.1);
}

/* Pairs of a number and a marker, which is 1 for the two numbers that count and −1 at both ends. */
static void draw_pairs(rapt__lag_task task, int t, source *s, rapt__lag_sequence *q) {
  bool add = task == RAPT__LAG_ADDING;
  int length = between(s, t, t + t / 10), half = t / 2 - 1;
  int first = below(s, 10 < length ? 10 : length), second;
  do second = below(s, half > 1 ? half : 2);
  while (second == first);
  double x[2] = {0};
  for (int i = 0; i < length; i++) {
    double number = uniform(s, add ? -1 : 0, 1), marker = i == 0 || i == length - 1 ? -1 : 0;
    if (i == first || i == second) {
      marker = 1;
      x[i == second] = number;
    }
    if (i == 0 && marker == 1) { /* the first pair keeps its −1, and its number does not count */
      marker = -1;
      x[i == second] = add ? 0 : 1;
    }
    for (int k = 0; k < 2; k++) q->index[2 * i + k] = k;
    q->value[2 * i] = number;
    q->value[2 * i + 1] = marker;
  }
  q->steps = length;
  q->target[0] = add ? 0.5 + (x[0] + x[1]) / 4 : x[0] * x[1];
}

/* Symbols a b c d are 0 … 3, E B X Y 4 … 7. */
static void draw_order(rapt__lag_task task, source *s, rapt__lag_sequence *q) {
  static const int four[2][2] = {{10, 20}, {50, 60}}, eight[3][2] = {{10, 20}, {33, 43}, {66, 76}};
  bool three = task == RAPT__LAG_ORDER_8;
  int count = three ? 3 : 2, at[3], class = 0, length = between(s, 100, ORDER_LONGEST);
  for (int i = 0; i < count; i++)
    at[i] = between(s, three ? eight[i][0] : four[i][0], three ? eight[i][1] : four[i][1]);
  put(q, 4);
  for (int next = 0; q->steps < length - 1;) {
    if (next < count && q->steps == at[next]) {
      int which = below(s, 2);
      class = 2 * class + which;
      put(q, 6 + which);
      next++;
    } else {
      put(q, below(s, 4));
    }
  }
  put(q, 5);
  q->target[class] = 1;
}

void rapt__lag_draw(rapt__lag_task task, int lag, uint64_t seed, uint64_t stream, uint64_t index,
                    rapt__lag_sequence *out) {
  source s = {seed, stream, index << 20};
  out->steps = 0;
  memset(out->target, 0, sizeof out->target);
  memset(out->truth, 0, sizeof out->truth);
  switch (task) {
  case RAPT__LAG_2A:
  case RAPT__LAG_2B: draw_prediction(task == RAPT__LAG_2B, lag, &s, out); break;
  case RAPT__LAG_2C: draw_lag(lag, &s, out); break;
  case RAPT__LAG_3A:
  case RAPT__LAG_3B:
  case RAPT__LAG_3C: draw_classes(task, lag, &s, out); break;
  case RAPT__LAG_ADDING:
  case RAPT__LAG_MULTIPLICATION: draw_pairs(task, lag, &s, out); break;
  default: draw_order(task, &s, out);
  }
  if (task != RAPT__LAG_3C) memcpy(out->truth, out->target, sizeof out->truth);
}
