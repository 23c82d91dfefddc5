/* A net learns the embedded Reber grammar string by string. */
#include "recipes/reber.h"

#include "base/rng.h"

#define STREAM_TRAIN ((uint64_t)2 << 32)
#define STREAM_TEST ((uint64_t)3 << 32)
#define STREAM_ORDER ((uint64_t)4 << 32)

enum { SYMBOLS = RAPT__REBER_SYMBOLS, RTRL_HIDDEN = 12, ELMAN_HIDDEN = 15 };

const char *const rapt__reber_method_names[] = {"LSTM, 3 blocks of size 2", "LSTM, 4 blocks of size 1",
                                                "LSTM, 3 blocks of size 2, without shortcuts", "RTRL, 12 units",
                                                "Elman, 15 units"};

/* Of the net without shortcuts: the paper's. */
#define FIRST_RATE 0.5

rapt_status rapt__reber_sets_draw(rapt__run *run, const rapt__reber_settings *s, uint64_t seed,
                                  rapt__reber_sets *sets) {
  size_t count = (size_t)s->strings;
  sets->train = rapt__arena_new(&run->arena, count, sizeof *sets->train);
  sets->test = rapt__arena_new(&run->arena, count, sizeof *sets->test);
  if (!sets->train || !sets->test) return RAPT_ENOMEM;
  for (size_t i = 0; i < count; i++) {
    rapt__reber_draw(seed, STREAM_TRAIN, i, &sets->train[i]);
    rapt__reber_draw(seed, STREAM_TEST, i, &sets->test[i]);
  }
  return RAPT_OK;
}

static bool is_lstm(const rapt__reber_trial *t) { return t->method <= RAPT__REBER_FIRST; }

static double rate_of(const rapt__reber_trial *t) {
  const rapt__reber_settings *s = t->settings;
  switch (t->method) {
  case RAPT__REBER_FIRST: return FIRST_RATE;
  case RAPT__REBER_RTRL: return s->rtrl_rate;
  case RAPT__REBER_ELMAN: return s->elman_rate;
  default: return s->rate;
  }
}

rapt_status rapt__reber_trial_begin(rapt_context *ctx, rapt__reber_trial *t) {
  bool single = t->method == RAPT__REBER_LSTM_1, first = t->method == RAPT__REBER_FIRST;
  bool rtrl = t->method == RAPT__REBER_RTRL;
  if (!is_lstm(t)) {
    RAPT_TRY(rapt__plain_rnn_new(ctx, SYMBOLS, rtrl ? RTRL_HIDDEN : ELMAN_HIDDEN, SYMBOLS, 1,
                                 rtrl ? RAPT__PLAIN_RTRL : RAPT__PLAIN_ELMAN, &t->plain));
    t->plain.entropy = true;
    rapt__plain_rnn_start(&t->plain, t->seed, 0.2);
    return RAPT_OK;
  }
  rapt__lstm1997_shape shape = {.inputs = SYMBOLS,
                                .outputs = SYMBOLS,
                                .blocks = single ? 4 : 3,
                                .cells = single ? 1 : 2,
                                .gates_seen = first,
                                .all_biases = !first,
                                .shortcuts = !first,
                                .entropy = !first};
  RAPT_TRY(rapt__lstm1997_new(ctx, &shape, &t->lstm));
  rapt__lstm1997_start(&t->lstm, t->seed, 0.2, (rapt__lstm1997_bias){0, 0}, (rapt__lstm1997_bias){-1, -1});
  return RAPT_OK;
}

void rapt__reber_trial_free(rapt_context *ctx, rapt__reber_trial *t) {
  rapt__lstm1997_free(ctx, &t->lstm);
  rapt__plain_rnn_free(ctx, &t->plain);
}

/* ---- A symbol ---- */

static void reset(rapt__reber_trial *t) {
  if (is_lstm(t))
    rapt__lstm1997_reset(&t->lstm);
  else
    rapt__plain_rnn_reset(&t->plain);
}

static const double *read_symbol(rapt__reber_trial *t, int symbol, bool learning) {
  static const int places[SYMBOLS] = {0, 1, 2, 3, 4, 5, 6};
  static const double one = 1;
  rapt__sparse x = {1, &places[symbol], &one};
  if (!is_lstm(t)) {
    rapt__plain_rnn_step(&t->plain, &x, learning);
    return rapt__plain_rnn_outputs(&t->plain);
  }
  rapt__lstm1997_step(&t->lstm, &x, learning);
  return rapt__lstm1997_outputs(&t->lstm);
}

static void learn_string(rapt__reber_trial *t, const rapt__reber_string *string) {
  double rate = rate_of(t);
  reset(t);
  for (int i = 0; i + 1 < string->length; i++) {
    double target[SYMBOLS] = {0};
    target[string->symbol[i + 1]] = 1;
    read_symbol(t, string->symbol[i], true);
    if (is_lstm(t))
      rapt__lstm1997_learn(&t->lstm, target, rate);
    else
      rapt__plain_rnn_learn(&t->plain, target, rate, 0);
  }
}

/* ---- Testing ---- */

/* Every symbol that may follow has a larger output than every one that may not. */
static bool ranks_right(const double *out, uint8_t allowed) {
  double least = 2, most = -1;
  for (int s = 0; s < SYMBOLS; s++) {
    if (allowed >> s & 1)
      least = out[s] < least ? out[s] : least;
    else
      most = out[s] > most ? out[s] : most;
  }
  return least > most;
}

enum { RIGHT, OUTER_WRONG, WRONG };

/* OUTER_WRONG: no mistake but in the last T or P, which is predicted from the third last symbol. */
static int predict(rapt__reber_trial *t, const rapt__reber_string *string) {
  int verdict = RIGHT;
  reset(t);
  for (int i = 0; i + 1 < string->length; i++) {
    if (ranks_right(read_symbol(t, string->symbol[i], false), string->allowed[i])) continue;
    if (i + 3 != string->length) return WRONG;
    verdict = OUTER_WRONG;
  }
  return verdict;
}

static bool all_right(rapt__reber_trial *t) {
  for (int64_t i = 0; i < t->settings->strings; i++)
    if (predict(t, &t->sets->test[i]) != RIGHT) return false;
  return true;
}

static void count_mistakes(rapt__reber_trial *t) {
  for (int64_t i = 0; i < t->settings->strings; i++) {
    int verdict = predict(t, &t->sets->test[i]);
    t->wrong += verdict != RIGHT;
    t->only_outer += verdict == OUTER_WRONG;
  }
}

bool rapt__reber_trial_advance(rapt__reber_trial *t) {
  const rapt__reber_settings *s = t->settings;
  int64_t end = t->sequences + s->check < s->sequences ? t->sequences + s->check : s->sequences;
  for (; t->sequences < end; t->sequences++) {
    uint64_t drawn = rapt__rng_below(t->seed, STREAM_ORDER, (uint64_t)t->sequences, (uint64_t)s->strings);
    learn_string(t, &t->sets->train[drawn]);
  }
  t->solved = all_right(t);
  if (!t->solved && t->sequences < s->sequences) return false;
  count_mistakes(t);
  return true;
}

void rapt__reber_states(rapt__lstm1997 *net, const rapt__reber_string *string, double *states) {
  int cells = net->shape.blocks * net->shape.cells, steps = string->length - 1;
  rapt__lstm1997_reset(net);
  for (int i = 0; i < steps; i++) {
    static const double one = 1;
    int symbol = string->symbol[i];
    rapt__lstm1997_step(net, &(rapt__sparse){1, &symbol, &one}, false);
    for (int c = 0; c < cells; c++) states[c * steps + i] = net->state[c];
  }
}
