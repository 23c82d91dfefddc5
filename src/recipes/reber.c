/* The embedded Reber grammar, experiment 1 of the paper on LSTM: settings, the course of a run, its verdicts. */
#include "recipes/reber.h"

#include "base/file.h"

#include <math.h>

#define AT(field) offsetof(rapt__reber_settings, field)
static const rapt__key keys[] = {
    {"reber.seeds", NULL, RAPT__KEY_INT, AT(seeds), "30", 1, 1000, NULL,
     "runs of every method, with the seeds seed, seed + 1, …"},
    {"reber.strings", NULL, RAPT__KEY_INT, AT(strings), "256", 1, 100000, NULL,
     "strings of a seed's training set, and of its test set"},
    {"reber.sequences", NULL, RAPT__KEY_INT, AT(sequences), "15000", 1, 100000000, NULL,
     "strings that a net may learn from"},
    {"reber.check", NULL, RAPT__KEY_INT, AT(check), "100", 1, 100000, NULL, "strings between two tests"},
    {"reber.rate", NULL, RAPT__KEY_REAL, AT(rate), "0.07", 0, 100, NULL,
     "learning rate of LSTM; that of the net without shortcuts is 0.5"},
    {"reber.rtrl_rate", NULL, RAPT__KEY_REAL, AT(rtrl_rate), "0.02", 0, 100, NULL, "learning rate of RTRL"},
    {"reber.elman_rate", NULL, RAPT__KEY_REAL, AT(elman_rate), "0.02", 0, 100, NULL, "learning rate of Elman's net"},
    {0}};
#undef AT

/* Published figures of the methods, in their order; remembered, not looked up. */
static const char *const published[RAPT__REBER_METHODS] = {
    "8,440 strings, 100 % of the runs (?)", "9,500 strings, 97 % (?)", "8,440 strings, 100 % (?)",
    "25,000 strings, some of the runs (?)", "0 % after more than 200,000 strings (?)"};

typedef struct reber {
  rapt__run *run;
  const rapt__reber_settings *settings;
  rapt__reber_sets *sets;    /* (seeds), in the run's arena */
  rapt__reber_trial *trials; /* (methods, seeds), in the run's arena */
  const char *lines[16];     /* of the result */
  size_t line_count;
  double begun;
} reber;

typedef struct score {
  int64_t solved, wrong, only_outer, tested;
  double mean; /* strings until solved, of the runs that did; NaN: none */
} score;

static int job_count(const reber *r) { return RAPT__REBER_METHODS * (int)r->settings->seeds; }

static rapt__reber_trial *trials_of(const reber *r, int method) { return r->trials + method * r->settings->seeds; }

static score count_method(const reber *r, int method) {
  score s = {0};
  double sum = 0;
  const rapt__reber_trial *t = trials_of(r, method);
  for (int64_t i = 0; i < r->settings->seeds; i++) {
    s.solved += t[i].solved;
    sum += t[i].solved ? (double)t[i].sequences : 0;
    s.wrong += t[i].wrong;
    s.only_outer += t[i].only_outer;
    s.tested += r->settings->strings;
  }
  s.mean = s.solved ? sum / (double)s.solved : NAN;
  return s;
}

/* ---- Training ---- */

static bool advance(void *user, int job) {
  reber *r = user;
  return rapt__reber_trial_advance(&r->trials[job]);
}

static void count(void *user, int64_t *done, int64_t *total) {
  const reber *r = user;
  *done = *total = 0;
  for (int i = 0; i < job_count(r); i++) {
    *done += r->trials[i].sequences;
    *total += r->trials[i].solved ? r->trials[i].sequences : r->settings->sequences;
  }
}

static rapt_status begin(reber *r) {
  rapt__run *run = r->run;
  size_t seeds = (size_t)r->settings->seeds;
  r->sets = rapt__arena_new(&run->arena, seeds, sizeof *r->sets);
  r->trials = r->sets ? rapt__arena_new(&run->arena, seeds * RAPT__REBER_METHODS, sizeof *r->trials) : NULL;
  if (!r->trials) return RAPT_ENOMEM;
  for (size_t i = 0; i < seeds; i++) {
    uint64_t seed = (uint64_t)run->common.seed + i;
    RAPT_TRY(rapt__reber_sets_draw(run, r->settings, seed, &r->sets[i]));
    for (int m = 0; m < RAPT__REBER_METHODS; m++) {
      rapt__reber_trial *t = &trials_of(r, m)[i];
      *t = (rapt__reber_trial){.method = m, .seed = seed, .settings = r->settings, .sets = &r->sets[i]};
      RAPT_TRY(rapt__reber_trial_begin(run->ctx, t));
    }
  }
  return RAPT_OK;
}

/* ---- The result ---- */

static rapt_status say(reber *r, const char *line) {
  if (!line) return RAPT_ENOMEM;
  rapt__run_say(r->run, RAPT_EVENT_RESULT, "%s", line);
  r->lines[r->line_count++] = line;
  return RAPT_OK;
}

static rapt_status write_table(const reber *r) {
  rapt__text csv;
  rapt__text_init(&csv, r->run->ctx);
  rapt_status status = rapt__text_addf(&csv, "method,seed,solved,strings,wrong,wrong only in the last T or P\n");
  for (int i = 0; i < job_count(r) && status == RAPT_OK; i++) {
    const rapt__reber_trial *t = &r->trials[i];
    status = rapt__text_addf(&csv, "\"%s\",%llu,%d,%lld,%lld,%lld\n", rapt__reber_method_names[t->method],
                             (unsigned long long)t->seed, t->solved, (long long)t->sequences, (long long)t->wrong,
                             (long long)t->only_outer);
  }
  const char *path = rapt__run_path(r->run, "trials.csv");
  if (status == RAPT_OK) status = path ? rapt__file_replace(r->run->ctx, path, csv.data, csv.size) : RAPT_ENOMEM;
  rapt__text_free(&csv);
  return status;
}

/* How many of the test strings are no training strings. */
static int64_t count_unseen(const reber *r) {
  int64_t unseen = 0, strings = r->settings->strings;
  for (int64_t k = 0; k < r->settings->seeds; k++)
    for (int64_t i = 0; i < strings; i++) {
      int64_t j = 0;
      while (j < strings && !rapt__reber_equal(&r->sets[k].test[i], &r->sets[k].train[j])) j++;
      unseen += j == strings;
    }
  return unseen;
}

static rapt_status tell_method(reber *r, int method, const score *s) {
  rapt__arena *arena = &r->run->arena;
  const char *mean = isfinite(s->mean) ? rapt__arena_format(arena, " after %.0f strings in the mean", s->mean) : "";
  const char *name = rapt__reber_method_names[method];
  if (!mean) return RAPT_ENOMEM;
  return say(r, rapt__arena_format(arena,
                                   "%s: %lld of %lld runs solve it%s; at the end %.1f %% of the test strings have a "
                                   "mistake, %.1f %% only in the last T or P; paper: %s",
                                   name, (long long)s->solved, (long long)r->settings->seeds, mean,
                                   100 * (double)s->wrong / (double)s->tested,
                                   100 * (double)s->only_outer / (double)s->tested, published[method]));
}

static rapt_status judge(reber *r) {
  rapt__run *run = r->run;
  score scores[RAPT__REBER_METHODS];
  for (int m = 0; m < RAPT__REBER_METHODS; m++) {
    scores[m] = count_method(r, m);
    RAPT_TRY(tell_method(r, m, &scores[m]));
  }
  int64_t lstm = scores[RAPT__REBER_LSTM_2].solved, elman = scores[RAPT__REBER_ELMAN].solved;
  int64_t seeds = r->settings->seeds, tested = scores[0].tested;
  RAPT_TRY(say(r, rapt__arena_format(&run->arena, "%.1f %% of the test strings are not among the training strings",
                                     100 * (double)count_unseen(r) / (double)tested)));
  RAPT_TRY(say(r, rapt__arena_format(&run->arena,
                                     "the last T or P is learnt by LSTM and not by Elman's net: at least 90 %% of the "
                                     "runs against at most 10 %%, %lld and %lld of %lld: %s",
                                     (long long)lstm, (long long)elman, (long long)seeds,
                                     rapt__judged(lstm * 10 >= seeds * 9 && elman * 10 <= seeds))));
  run->result->figure = (double)lstm;
  run->result->passed = !run->changed && lstm >= 27 && elman <= 3;
  return say(r, rapt__arena_format(&run->arena, "pass mark: %s: %s", run->recipe->info.pass_mark,
                                   run->changed          ? "not judged, since settings were changed"
                                   : run->result->passed ? "reached"
                                                         : "missed"));
}

static rapt_status train(reber *r) {
  const rapt__rounds rounds = {
      .run = r->run, .stage = "train", .user = r, .jobs = job_count(r), .advance = advance, .count = count};
  RAPT_TRY(begin(r));
  RAPT_TRY(rapt__rounds_run(&rounds));
  RAPT_TRY(write_table(r));
  RAPT_TRY(judge(r));
  return rapt__reber_report(r->run, r->settings, r->trials, r->lines, r->line_count, rapt__now() - r->begun);
}

static rapt_status run_reber(rapt__run *run) {
  reber r = {.run = run, .settings = run->own, .begun = rapt__now()};
  if (run->resume)
    return rapt__fail(run->ctx, RAPT_EUNSUPPORTED,
                      "reber: a stopped run cannot go on; start it anew with another out=DIR");
  rapt_status status = train(&r);
  for (int i = 0; r.trials && i < job_count(&r); i++) rapt__reber_trial_free(run->ctx, &r.trials[i]);
  return status;
}

const rapt__recipe rapt__recipe_reber = {
    .info = {.id = "reber",
             .title = "LSTM and the embedded Reber grammar",
             .paper = "Hochreiter and Schmidhuber 1997, Long Short-Term Memory, experiment 1",
             .task = "prediction of the next symbol",
             .data = "made as it runs",
             .paper_figure = "3 blocks of size 2: all runs solve it after 8,440 strings (?: from memory)",
             .pass_mark =
                 "LSTM (3 blocks of size 2) solves it in at least 27 of 30 runs within 15,000 strings, Elman's "
                 "net in at most 3",
             .claim = "LSTM learns the T or P that has to be remembered through the string, Elman's net does not",
             .minutes = 2,
             .about =
                 "Strings of a small grammar in which the last letter but one repeats the second one, however long "
                 "the string between.\n"
                 "Nets read them letter by letter and say what may come next: LSTM with the cell of 1997, and "
                 "recurrent nets without cells,\n"
                 "trained by RTRL and in Elman's way. A run solves the task when no test string has a mistake."},
    .keys = keys,
    .own_size = sizeof(rapt__reber_settings),
    .no_data = true,
    .only_threads = true,
    .run = run_reber};
