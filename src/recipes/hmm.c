/* Hidden Markov models: the recipe's settings, course, verdicts and report. */
#include "recipes/hmm.h"

#include "base/file.h"

#include <math.h>
#include <stdio.h>

static const char *const experiments[] = {"all", "weather", "gaussians", "letters", "chords", "tags", NULL};

#define AT(field) offsetof(rapt__hmm_settings, field)
static const rapt__key keys[] = {
    {"hmm.experiment", NULL, RAPT__KEY_CHOICE, AT(experiment), "all", 0, 0, experiments, "which of the experiments"},
    {"hmm.guesses", NULL, RAPT__KEY_INT, AT(guesses), "16", 1, 1000, NULL,
     "first guesses of every model that is trained without labels"},
    {"hmm.first_rounds", NULL, RAPT__KEY_INT, AT(first), "15", 1, 100000, NULL,
     "rounds of Baum-Welch for every guess, the best of which goes on; letters have guesses of hmm.rounds"},
    {"hmm.rounds", NULL, RAPT__KEY_INT, AT(rounds), "200", 1, 100000, NULL, "rounds of Baum-Welch at most"},
    {"hmm.tolerance", NULL, RAPT__KEY_REAL, AT(tolerance), "1e-7", 0, 1, NULL,
     "training ends when a round gains less, in nats for each observation; 0: never"},
    {"hmm.chords", NULL, RAPT__KEY_TEXT, AT(chords), "jsb-chorales", 0, 0, NULL,
     "folder with jsb-chorales-quarter.json, or the name of a data set"},
    {"hmm.chord_count", NULL, RAPT__KEY_INT, AT(chord_count), "48", 1, 4000, NULL,
     "chords that are symbols, from the most frequent; all others are one more"},
    {"hmm.most_states", NULL, RAPT__KEY_INT, AT(most_states), "14", 2, 64, NULL,
     "of chords: models with 1 to so many states are compared"},
    {"hmm.treebank", NULL, RAPT__KEY_TEXT, AT(treebank), "ud-english-ewt", 0, 0, NULL,
     "folder with en_ewt-ud-train.conllu and en_ewt-ud-test.conllu (or .gz), or the name of a data set"},
    {"hmm.step_weight", NULL, RAPT__KEY_REAL, AT(step_weight), "10", 1e-6, 1e6, NULL,
     "of the tags' frequencies beside the counts of what follows a tag"},
    {"hmm.suffix_weight", NULL, RAPT__KEY_REAL, AT(suffix_weight), "1", 1e-6, 1e6, NULL,
     "of a shorter suffix beside the counts of a longer one"},
    {"hmm.word_weight", NULL, RAPT__KEY_REAL, AT(word_weight), "0.5", 1e-6, 1e6, NULL,
     "of a word's suffixes beside its own counts"},
    {0}};
#undef AT
static const char *const defaults[] = {"data=tinyshakespeare", NULL};

/* ---- Lines ---- */

rapt_status rapt__hmm_judge_rise(rapt__hmm_run *r, const char *what, const rapt__hmm_trained *trained) {
  return rapt__findings_judge(
      &r->findings, true, trained->worst_fall <= 1e-12,
      "%s: no round of Baum-Welch falls (by more than rounding: %.1e of the log-likelihood at most)", what,
      trained->worst_fall);
}

/* ---- Progress ---- */

static bool each(void *user, size_t round, double log_likelihood) {
  rapt__hmm_run *r = user;
  (void)round;
  rapt__run *run = r->run;
  if (atomic_load(&run->ctx->interrupted)) {
    run->result->interrupted = true;
    return false;
  }
  double now = rapt__now(), seconds = now - r->begun;
  size_t seen = r->seen < r->rounds ? ++r->seen : r->rounds;
  if (!run->tell || now - r->told < 0.2) return true;
  double done = r->share[0] + (r->share[1] - r->share[0]) * (double)seen / (double)r->rounds;
  r->told = now;
  rapt_progress p = {.step = (int64_t)seen,
                     .steps = (int64_t)r->rounds,
                     .loss = -log_likelihood / (double)r->steps,
                     .eval_loss = NAN,
                     .seconds = seconds,
                     .seconds_left = seconds * (1 / done - 1),
                     .stage = r->stage};
  run->tell(run->tell_user, RAPT_EVENT_PROGRESS, &p, NULL);
  return true;
}

rapt__hmm_training rapt__hmm_told(rapt__hmm_run *r, const char *stage, size_t rounds, size_t observations, double from,
                                  double to) {
  const rapt__hmm_settings *s = r->settings;
  double width = r->part[1] - r->part[0];
  r->stage = stage;
  r->seen = 0;
  r->rounds = (size_t)s->guesses * ((size_t)s->first + 1) + rounds + 1;
  r->steps = observations;
  r->share[0] = r->part[0] + from * width;
  r->share[1] = r->part[0] + to * width;
  return (rapt__hmm_training){.rounds = rounds, .tolerance = s->tolerance, .floor = 1e-4, .each = each, .user = r};
}

/* ---- The report ---- */

const char *rapt__hmm_picture(rapt__hmm_run *r, const char *file, rapt__text *svg) {
  const char *path = rapt__run_path(r->run, file), *kept = rapt__arena_strdup(&r->run->arena, svg->data);
  if (!path || !kept || rapt__file_replace(r->run->ctx, path, svg->data, svg->size) != RAPT_OK) kept = NULL;
  rapt__text_free(svg);
  return kept;
}

rapt_status rapt__hmm_section(rapt__hmm_run *r, rapt__report_section section) {
  if (!section.text || !section.svg) return RAPT_ENOMEM;
  if (r->section_count < RAPT__HMM_SECTIONS) r->sections[r->section_count++] = section;
  return RAPT_OK;
}

static rapt_status report(rapt__hmm_run *r) {
  rapt__run *run = r->run;
  const char *page = rapt__run_path(run, "report.html"), **settings = rapt__run_settings(run);
  const char *environment = rapt__arena_format(&run->arena, "rapt %s, double precision, one thread, %.0f s",
                                               rapt_version(), rapt__now() - r->begun);
  if (!page || !settings || !environment) return RAPT_ENOMEM;
  const rapt__report all = {.title = run->recipe->info.title,
                            .paper = run->recipe->info.paper,
                            .about = run->recipe->info.about,
                            .verdicts = r->findings.lines,
                            .verdict_count = r->findings.count,
                            .sections = r->sections,
                            .section_count = r->section_count,
                            .settings = settings,
                            .command = "rapt train hmm",
                            .environment = environment};
  return rapt__report_write(run->ctx, page, &all);
}

/* ---- The run ---- */

static bool chosen(const rapt__hmm_run *r, int experiment) {
  return r->settings->experiment == RAPT__HMM_ALL || r->settings->experiment == experiment;
}

static rapt_status go_through(rapt__hmm_run *r) {
  static const struct {
    double work; /* of the defaults, for the time left */
    rapt_status (*run)(rapt__hmm_run *r);
  } parts[RAPT__HMM_EXPERIMENTS] = {[RAPT__HMM_WEATHER] = {1, rapt__hmm_weather},
                                    [RAPT__HMM_GAUSSIANS] = {1, rapt__hmm_gaussians},
                                    [RAPT__HMM_LETTERS] = {40, rapt__hmm_letters},
                                    [RAPT__HMM_CHORDS] = {56, rapt__hmm_chords},
                                    [RAPT__HMM_TAGS] = {2, rapt__hmm_tags}};
  double all = 0, done = 0;
  for (int i = RAPT__HMM_WEATHER; i < RAPT__HMM_EXPERIMENTS; i++) all += chosen(r, i) ? parts[i].work : 0;
  for (int i = RAPT__HMM_WEATHER; i < RAPT__HMM_EXPERIMENTS; i++) {
    if (!chosen(r, i)) continue;
    r->part[0] = done / all;
    r->part[1] = (done += parts[i].work) / all;
    RAPT_TRY(parts[i].run(r));
  }
  return RAPT_OK;
}

static rapt_status hmm(rapt__run *run) {
  rapt__hmm_run r = {.run = run, .findings = {.run = run}, .settings = run->own, .begun = rapt__now()};
  if (run->resume)
    return rapt__fail(run->ctx, RAPT_EUNSUPPORTED,
                      "hmm: a stopped run cannot go on; start it anew with another "
                      "out=DIR");
  RAPT_TRY(go_through(&r));
  run->result->passed = !run->changed && r.findings.missed == 0;
  const char *mark = run->changed          ? "not judged, since settings were changed"
                     : run->result->passed ? "reached"
                                           : "missed";
  RAPT_TRY(rapt__findings_say(&r.findings, "pass mark: %s: %s", run->recipe->info.pass_mark, mark));
  return report(&r);
}

const rapt__recipe rapt__recipe_hmm = {
    .info = {.id = "hmm",
             .title = "Hidden Markov models",
             .paper = "Dorairaj, Hidden Markov Models Simplified; Rabiner 1989, A Tutorial on Hidden Markov Models",
             .task = "sequence models without gradients",
             .data = "tinyshakespeare, jsb-chorales, ud-english-ewt",
             .paper_figure = "a tutorial: worked examples only",
             .pass_mark = "all paths 1e-10; no round falls; letters >= 95 % pure; tags >= 89 %",
             .claim = "two hidden states, given nothing but letters, tell vowels from consonants",
             .minutes = 2,
             .about =
                 "Something hidden goes from state to state, and each state shows something that can be seen: moods "
                 "tell of the weather,\n"
                 "letters of a hidden kind of sound, words of their part of speech. Forward and backward sum over "
                 "all paths of states,\n"
                 "Viterbi finds the best of them, Baum-Welch learns the probabilities from what is seen alone. No "
                 "gradient is needed."},
    .keys = keys,
    .own_size = sizeof(rapt__hmm_settings),
    .no_training = true,
    .defaults = defaults,
    .run = hmm,
    .explain = rapt__hmm_explain};
