/* Bidirectional recurrent networks (Schuster & Paliwal 1997): forward and backward states under one output, against
 * forward nets that answer late and against two nets merged. */
#include "recipes/birnn.h"

#include "base/file.h"

static const char *const experiments[] = {"all", "regression", "digits", "vowels", NULL}; /* as RAPT__BIRNN_ALL, … */

#define AT(field) offsetof(rapt__birnn_settings, field)
static const rapt__key keys[] = {
    {"birnn.experiment", NULL, RAPT__KEY_CHOICE, AT(experiment), "all", 0, 0, experiments, "which of the experiments"},
    {"birnn.units", NULL, RAPT__KEY_INT, AT(units), "32", 1, 4096, NULL,
     "tanh units in each direction of a bidirectional net; nets of one direction get about as many parameters"},
    {"birnn.test", NULL, RAPT__KEY_BOOL, AT(test), "true", 0, 0, NULL,
     "false: settings are being chosen, and errors are those on validation sequences"},
    {"birnn.recordings", NULL, RAPT__KEY_INT, AT(recordings), "0", 0, 1e9, NULL,
     "spoken digits to train with at most; 0: all"},
    {"birnn.vowels", NULL, RAPT__KEY_TEXT, AT(vowels), "ts-classification", 0, 0, NULL,
     "folder with JapaneseVowels_TRAIN.ts.gz and _TEST.ts.gz, or the name of a data set"},
    {0}};
#undef AT

static const char *const defaults[] = {"data=fsdd",
                                       "train.steps=6000",
                                       "train.batch=10",
                                       "train.optimizer=adam",
                                       "train.lr=3e-3",
                                       "train.min_lr=3e-5",
                                       "train.beta2=0.999",
                                       "train.weight_decay=0",
                                       "train.eval_every=250",
                                       "train.save_every=1000",
                                       "train.sample_every=0",
                                       NULL};

static rapt_status experiments_run(rapt__birnn_run *b) {
  static rapt_status (*const parts[])(rapt__birnn_run *) = {NULL, rapt__birnn_regression, rapt__birnn_digits,
                                                            rapt__birnn_vowels};
  int chosen = b->settings->experiment;
  for (int i = RAPT__BIRNN_REGRESSION; i <= RAPT__BIRNN_VOWELS && !b->run->result->interrupted; i++)
    if (chosen == RAPT__BIRNN_ALL || chosen == i) RAPT_TRY(parts[i](b));
  return RAPT_OK;
}

static rapt_status finish(rapt__birnn_run *b) {
  rapt__run *run = b->run;
  run->result->passed = !run->changed && b->findings.missed == 0;
  const char *mark = run->changed ? "not judged, as settings were changed" : run->result->passed ? "reached" : "missed";
  RAPT_TRY(rapt__findings_say(&b->findings, "pass mark: %s: %s", run->recipe->info.pass_mark, mark));
  return rapt__birnn_report(b);
}

static rapt_status birnn(rapt__run *run) {
  rapt__birnn_run b = {.run = run, .findings = {.run = run}, .settings = run->own, .begun = rapt__now()};
  rapt__text_init(&b.csv, run->ctx);
  rapt_status status = rapt__text_addf(&b.csv, "experiment,net,delay,error\n");
  if (status == RAPT_OK) status = experiments_run(&b);
  if (status == RAPT_OK && !run->result->interrupted) status = finish(&b);
  rapt__text_free(&b.csv);
  return status;
}

const rapt__recipe rapt__recipe_birnn = {
    .info = {.id = "birnn",
             .title = "Bidirectional recurrent networks",
             .paper = "Schuster and Paliwal 1997, Bidirectional Recurrent Neural Networks",
             .task = "regression and labelling of frames",
             .data = "fsdd, ts-classification",
             .paper_figure = "curves; on TIMIT the bidirectional net is the best of all structures",
             .pass_mark = "regression: MSE <= 0.5 x best delayed net; digits: frame errors >= 15 % below the forward "
                          "net; vowels >= 96 %",
             .claim = "bidirectional < best delay < forward only, and the delay has an optimum",
             .minutes = 12,
             .about = "What is being said now also depends on what comes next. A bidirectional net reads a sequence "
                      "from both ends and answers at\n"
                      "every frame with all of it in view. Its rivals: a forward net that waits some frames before it "
                      "answers, and a forward and a\n"
                      "backward net whose opinions are merged. On made-up sums over past and future, on spoken digits, "
                      "and on vowels of nine men."},
    .keys = keys,
    .own_size = sizeof(rapt__birnn_settings),
    .defaults = defaults,
    .run = birnn};
