/* Long time lags, experiments 2 to 6 of the paper on LSTM and the guessing of its forerunner: the course of a run, its verdicts. */
#include "recipes/lag.h"

#include "base/file.h"

#include <math.h>
#include <string.h>

static const char *const groups[] = {"all", "2", "3", "adding", "multiplication", "order", NULL};

#define AT(field) offsetof(rapt__lag_settings, field)
static const rapt__key keys[] = {
    {"lag.task", NULL, RAPT__KEY_CHOICE, AT(task), "all", 0, 0, groups, "which of the experiments"},
    {"lag.seeds", NULL, RAPT__KEY_INT, AT(seeds), "3", 1, 1000, NULL,
     "runs of every experiment, with the seeds seed, seed + 1, …"},
    {"lag.budget", NULL, RAPT__KEY_REAL, AT(budget), "1", 1e-6, 1000, NULL,
     "factor of the sequences that a net may learn from"},
    {"lag.lag", NULL, RAPT__KEY_REAL, AT(lag), "1", 0.01, 10, NULL,
     "factor of the lags (not of temporal order); none gets below 10"},
    {"lag.long", NULL, RAPT__KEY_BOOL, AT(long_lag), "false", 0, 0, NULL, "with the adding problem of lag 1000"},
    {0}};
#undef AT

static const char *const long_settings[] = {"lag.long=true", NULL};
static const char pass_mark[] =
    "adding, lag 100: at most 3 of 2560 wrong within 100,000 sequences; 2c, lag 100: solved "
    "within 40,000; order, 4 classes: at least 99 % right; each with every seed";
static const rapt_preset presets[] = {
    {"long", "With the adding problem of lag 1000, which takes most of the time.", pass_mark, 40, long_settings}, {0}};

static const char *const method_names[] = {"LSTM", "tanh net", "guessing"};

/* ---- Training ---- */

static bool advance(void *user, int job) {
  rapt__lag_runs *r = user;
  return rapt__lag_trial_advance(&r->trials[job]);
}

/* In steps, since sequences of one experiment are ten times as long as those of another. */
static void count(void *user, int64_t *done, int64_t *total) {
  const rapt__lag_runs *r = user;
  *done = *total = 0;
  for (int i = 0; i < r->count * (int)r->settings->seeds; i++) {
    const rapt__lag_trial *t = &r->trials[i];
    *done += t->sequences * t->lag;
    *total += (t->ended ? t->sequences : t->budget) * t->lag;
  }
}

static rapt_status choose(rapt__lag_runs *r) {
  size_t all = 0;
  while (rapt__lag_experiments[all].name) all++;
  r->experiments = rapt__arena_new(&r->run->arena, all, sizeof *r->experiments);
  if (!r->experiments) return RAPT_ENOMEM;
  for (const rapt__lag_experiment *e = rapt__lag_experiments; e->name; e++) {
    bool wanted = r->settings->task == 0 || strcmp(groups[r->settings->task], e->group) == 0;
    if (wanted && (!e->only_long || r->settings->long_lag)) r->experiments[r->count++] = e;
  }
  return RAPT_OK;
}

static rapt_status begin(rapt__lag_runs *r) {
  const rapt__lag_settings *s = r->settings;
  RAPT_TRY(choose(r));
  r->trials = rapt__arena_new(&r->run->arena, (size_t)r->count * (size_t)s->seeds, sizeof *r->trials);
  if (!r->trials) return RAPT_ENOMEM;
  for (int i = 0; i < r->count; i++)
    for (int64_t k = 0; k < s->seeds; k++) {
      rapt__lag_trial *t = &r->trials[i * s->seeds + k];
      t->experiment = r->experiments[i];
      t->seed = (uint64_t)(r->run->common.seed + k);
      bool fixed = t->experiment->task == RAPT__LAG_ORDER_4 || t->experiment->task == RAPT__LAG_ORDER_8;
      t->lag = fixed ? t->experiment->lag : (int)fmax(10, round(s->lag * t->experiment->lag));
      t->budget = (int64_t)fmax(1, s->budget * (double)t->experiment->sequences);
      RAPT_TRY(rapt__lag_trial_begin(r->run->ctx, t));
    }
  return RAPT_OK;
}

/* ---- The result ---- */

static rapt_status say(rapt__lag_runs *r, const char *line) {
  if (!line) return RAPT_ENOMEM;
  rapt__run_say(r->run, RAPT_EVENT_RESULT, "%s", line);
  r->lines[r->line_count++] = line;
  return RAPT_OK;
}

static rapt_status write_table(const rapt__lag_runs *r) {
  rapt__text csv;
  rapt__text_init(&csv, r->run->ctx);
  rapt_status status = rapt__text_addf(&csv, "task,lag,method,seed,solved,sequences,guesses,test wrong,test square,"
                                             "test distance,variance of the target\n");
  for (int i = 0; i < r->count * (int)r->settings->seeds && status == RAPT_OK; i++) {
    const rapt__lag_trial *t = &r->trials[i];
    status = rapt__text_addf(&csv, "\"%s\",%d,%s,%llu,%d,%lld,%lld,%lld,%.6g,%.6g,%.6g\n", t->experiment->name, t->lag,
                             method_names[t->experiment->method], (unsigned long long)t->seed, t->solved,
                             (long long)t->sequences, (long long)t->guesses, (long long)t->test_wrong, t->test_square,
                             t->test_distance, t->variance);
  }
  const char *path = rapt__run_path(r->run, "trials.csv");
  if (status == RAPT_OK) status = path ? rapt__file_replace(r->run->ctx, path, csv.data, csv.size) : RAPT_ENOMEM;
  rapt__text_free(&csv);
  return status;
}

double rapt__lag_mean_sequences(const rapt__lag_runs *r, int experiment, int64_t *solved) {
  double sum = 0;
  *solved = 0;
  for (int64_t k = 0; k < r->settings->seeds; k++) {
    const rapt__lag_trial *t = &r->trials[experiment * r->settings->seeds + k];
    *solved += t->solved;
    sum += t->solved ? (double)t->sequences : 0;
  }
  return *solved ? sum / (double)*solved : NAN;
}

static rapt_status tell_experiment(rapt__lag_runs *r, int i) {
  rapt__arena *arena = &r->run->arena;
  const rapt__lag_experiment *e = r->experiments[i];
  const rapt__lag_trial *first = &r->trials[i * r->settings->seeds];
  int64_t solved, worst = 0, seeds = r->settings->seeds;
  double mean = rapt__lag_mean_sequences(r, i, &solved);
  for (int64_t k = 0; k < seeds; k++) worst = first[k].test_wrong > worst ? first[k].test_wrong : worst;
  const char *after = solved ? rapt__arena_format(arena, "after %.0f sequences in the mean", mean)
                             : rapt__arena_format(arena, "within %lld sequences", (long long)first->budget);
  const char *paper = e->paper ? rapt__arena_format(arena, "; paper: %s", e->paper) : "";
  if (!after || !paper) return RAPT_ENOMEM;
  return say(r, rapt__arena_format(arena,
                                   "%s, lag %d, %s: %lld of %lld runs solve it %s%s; test: at most %lld of %d wrong",
                                   e->name, first->lag, method_names[e->method], (long long)solved, (long long)seeds,
                                   after, paper, (long long)worst, RAPT__LAG_TEST));
}

/* The place of an experiment among those that ran, or −1. */
static int find(const rapt__lag_runs *r, rapt__lag_task task, int lag, rapt__lag_method method) {
  for (int i = 0; i < r->count; i++) {
    const rapt__lag_experiment *e = r->experiments[i];
    if (e->task == task && e->lag == lag && e->method == method) return i;
  }
  return -1;
}

static rapt_status claim(rapt__lag_runs *r, bool holds, const char *line) {
  if (!line) return RAPT_ENOMEM;
  return say(r, rapt__arena_format(&r->run->arena, "%s: %s", line, rapt__judged(holds)));
}

static rapt_status claim_baseline(rapt__lag_runs *r) {
  int i = find(r, RAPT__LAG_ADDING, 100, RAPT__LAG_RNN), j = find(r, RAPT__LAG_ADDING, 100, RAPT__LAG_LSTM);
  if (i < 0 || j < 0) return RAPT_OK;
  double rnn = INFINITY, lstm = 0; /* the least and the largest share of the variance */
  for (int64_t k = 0; k < r->settings->seeds; k++) {
    const rapt__lag_trial *a = &r->trials[i * r->settings->seeds + k], *b = &r->trials[j * r->settings->seeds + k];
    rnn = fmin(rnn, a->test_square / a->variance);
    lstm = fmax(lstm, b->test_square / b->variance);
  }
  return claim(r, rnn >= 0.9 && lstm < 0.1,
               rapt__arena_format(&r->run->arena,
                                  "adding: the tanh net stays at the variance of the target (at least 0.9 of it, every "
                                  "seed) and LSTM does not (below 0.1): %.3f and %.3f",
                                  rnn, lstm));
}

static rapt_status claim_guessing(rapt__lag_runs *r, rapt__lag_task task, const char *name, bool guessing_wins) {
  int i = find(r, task, 100, RAPT__LAG_GUESS), j = find(r, task, 100, RAPT__LAG_LSTM);
  if (i < 0 || j < 0) return RAPT_OK;
  int64_t guessed, learnt, seeds = r->settings->seeds;
  double guesses = rapt__lag_mean_sequences(r, i, &guessed), sequences = rapt__lag_mean_sequences(r, j, &learnt);
  bool holds = guessing_wins ? guessed == seeds && !(learnt == seeds && sequences <= guesses)
                             : learnt == seeds && !(guessed == seeds && guesses <= sequences);
  return claim(r, holds,
               rapt__arena_format(
                   &r->run->arena,
                   "%s: guessing needs %s sequences than LSTM: %lld runs solved after %.0f, against %lld "
                   "after %.0f",
                   name, guessing_wins ? "fewer" : "more", (long long)guessed, guesses, (long long)learnt, sequences));
}

/* All three marks; false if one of the experiments was not run. */
static bool reached(const rapt__lag_runs *r) {
  int adding = find(r, RAPT__LAG_ADDING, 100, RAPT__LAG_LSTM), lag = find(r, RAPT__LAG_2C, 100, RAPT__LAG_LSTM);
  int order = find(r, RAPT__LAG_ORDER_4, 100, RAPT__LAG_LSTM);
  if (adding < 0 || lag < 0 || order < 0) return false;
  for (int64_t k = 0; k < r->settings->seeds; k++) {
    const rapt__lag_trial *a = &r->trials[adding * r->settings->seeds + k];
    const rapt__lag_trial *b = &r->trials[lag * r->settings->seeds + k];
    const rapt__lag_trial *c = &r->trials[order * r->settings->seeds + k];
    if (a->test_wrong > 3 || !b->solved || c->test_wrong * 100 > RAPT__LAG_TEST) return false;
  }
  return true;
}

static rapt_status judge(rapt__lag_runs *r) {
  rapt__run *run = r->run;
  int64_t solved;
  for (int i = 0; i < r->count; i++) RAPT_TRY(tell_experiment(r, i));
  RAPT_TRY(claim_baseline(r));
  RAPT_TRY(claim_guessing(r, RAPT__LAG_3A, "3a", true));
  RAPT_TRY(claim_guessing(r, RAPT__LAG_3C, "3c", false));
  int adding = find(r, RAPT__LAG_ADDING, 100, RAPT__LAG_LSTM);
  if (adding >= 0) run->result->figure = rapt__lag_mean_sequences(r, adding, &solved);
  run->result->passed = !run->changed && reached(r);
  return say(r, rapt__arena_format(&run->arena, "pass mark: %s: %s", run->recipe->info.pass_mark,
                                   run->changed          ? "not judged, since settings were changed"
                                   : run->result->passed ? "reached"
                                                         : "missed"));
}

static rapt_status train(rapt__lag_runs *r) {
  RAPT_TRY(begin(r));
  const rapt__rounds rounds = {.run = r->run,
                               .stage = "train",
                               .user = r,
                               .jobs = r->count * (int)r->settings->seeds,
                               .advance = advance,
                               .count = count};
  RAPT_TRY(rapt__rounds_run(&rounds));
  RAPT_TRY(write_table(r));
  RAPT_TRY(judge(r));
  return rapt__lag_report(r);
}

static rapt_status run_lags(rapt__run *run) {
  rapt__lag_runs r = {.run = run, .settings = run->own, .begun = rapt__now()};
  if (run->resume)
    return rapt__fail(run->ctx, RAPT_EUNSUPPORTED,
                      "lstm-long-lag: a stopped run cannot go on; start it anew with another out=DIR");
  rapt_status status = train(&r);
  for (int i = 0; r.trials && i < r.count * (int)r.settings->seeds; i++) rapt__lag_trial_free(run->ctx, &r.trials[i]);
  return status;
}

const rapt__recipe rapt__recipe_lstm_long_lag = {
    .info =
        {.id = "lstm-long-lag",
         .title = "LSTM and long time lags",
         .paper = "Hochreiter and Schmidhuber 1997, Long Short-Term Memory, experiments 2 to 6; the same 1996, LSTM "
                  "can Solve Hard Long Time Lag Problems",
         .task = "prediction and classification at the end of a sequence",
         .data = "made as it runs",
         .paper_figure = "adding, lags 100, 500 and 1000: 74,000, 209,000 and 853,000 sequences, 1, 0 and 1 of 2560 "
                         "wrong",
         .pass_mark = pass_mark,
         .claim = "on the adding problem a tanh net stays at the variance of the target; guessing weights beats LSTM "
                  "on task 3a, not on 3c",
         .minutes = 10,
         .about =
             "Sequences whose first symbols or numbers decide what is asked at the end, with a hundred to a thousand "
             "steps between\n"
             "that do not matter: the cell of 1997 with a truncated gradient, a recurrent net of tanh units trained "
             "through time, and\n"
             "weights that are only guessed.",
         .presets = presets},
    .keys = keys,
    .own_size = sizeof(rapt__lag_settings),
    .no_data = true,
    .only_threads = true,
    .run = run_lags};
