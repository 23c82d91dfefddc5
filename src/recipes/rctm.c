/* Recurrent continuous translation models (Kalchbrenner & Blunsom 2013): how probable a net without alignments finds
 * translations, next to IBM model 1; whether it minds the order of the source's words; and whether it orders a
 * phrase-based system's lists as well as that system. */
#include "recipes/rctm.h"

#include "base/rng.h"
#include "formats/svg.h"
#include "recipes/findings.h"
#include "recipes/lm_report.h"

#include <math.h>
#include <string.h>

typedef struct rctm_settings {
  rapt__translation_settings translation;
  bool raw, language_model;
  int64_t rounds, nbest;
} rctm_settings;

#define AT(field) offsetof(rctm_settings, field)
static const rapt__key keys[] = {
    RAPT__TRANSLATION_KEYS,
    {"text.raw", NULL, RAPT__KEY_BOOL, AT(raw), "true", 0, 0, NULL,
     "the text is as people write it: it is put into lower case, words and marks apart"},
    {"rctm.language_model", NULL, RAPT__KEY_BOOL, AT(language_model), "true", 0, 0, NULL,
     "also trains the language model alone, that knows no source"},
    {"rctm.rounds", NULL, RAPT__KEY_INT, AT(rounds), "5", 1, 1000, NULL, "of expectation maximisation of IBM model 1"},
    {"rctm.nbest", NULL, RAPT__KEY_INT, AT(nbest), "100", 0, 1000, NULL,
     "entries of the phrase-based system's lists that are reranked; 0: none are made"},
    {0}};
#undef AT

static const char *const defaults[] = {
    "data=multi30k",     "text.source=en",        "text.target=fr",          "text.min_count=2",
    "model.dropout=0.2", "train.smoothing=0",     "train.steps=6000",        "train.batch=64",
    "train.lr=2e-3",     "train.warmup=100",      "train.weight_decay=0.01", "train.eval_every=500",
    "train.evals=1000",  "train.save_every=1000", "train.sample_every=0",    NULL};

/* How far below IBM model 1's perplexity that of RCTM II has to be; by how much shuffling the source has to raise a
 * perplexity; BLEU that the reranked lists may lose against the system that made them. */
static const double below = 0.40, raised = 0.10, lost = 0.3;

enum { FIRST, SECOND, LANGUAGE, NETS };
static const char *const names[NETS] = {"RCTM I", "RCTM II", "language model"};
static const char *const sources[NETS] = {"sentence", "ngrams", "none"};
static const char *const dirs[NETS] = {NULL, "ngrams", "language-model"};

enum { STREAM_SHUFFLE = 11 };

typedef struct study {
  rapt__run *run;
  const rctm_settings *s;
  rapt__corpus corpus;
  rapt__system systems[NETS];
  int nets;
  rapt__pairs test; /* in the nets' words */
  rapt__rctm_ibm1 ibm1;
  double perplexity[NETS], shuffled[NETS];
  rapt__rctm_rerank rerank;
  rapt__findings findings;
  rapt__text bars, nearest;
} study;

/* ---- Text and nets ---- */

static rapt_status read_text(study *t) {
  RAPT_TRY(rapt__corpus_load(t->run, &t->s->translation, &t->corpus));
  rapt__bitext *sets[] = {&t->corpus.train, &t->corpus.valid, &t->corpus.test};
  for (int i = 0; i < 3 && t->s->raw; i++) RAPT_TRY(rapt__bitext_split(sets[i], 0));
  return RAPT_OK;
}

static rapt_status train(study *t, int which) {
  rapt__run *run = t->run;
  const rapt__model *arch = rapt__model_find(run->recipe->architecture);
  void *config = rapt__arena_new(&run->arena, 1, arch->config_size);
  const char *dir = dirs[which] ? rapt__run_path(run, dirs[which]) : run->common.out;
  if (!config || !dir) return RAPT_ENOMEM;
  memcpy(config, run->model, arch->config_size);
  rapt__config table = {arch->keys, config};
  RAPT_TRY(rapt__config_set(run->ctx, &run->arena, &table, 1, "model.source", sources[which], run->recipe->info.id));
  rapt__system *y = &t->systems[which];
  RAPT_TRY(rapt__system_begin(run, &t->s->translation, &t->corpus, arch, config, names[which], y));
  return rapt__system_train(y, dir);
}

/* ---- Perplexities ---- */

/* Over the words and the end of every target that fits, as IBM model 1's is. */
static rapt_status measure(study *t, int which, const rapt__line *sources_of, double *perplexity) {
  const rapt__bitext *text = &t->corpus.test;
  rapt__line *targets = rapt__arena_new(&t->run->arena, text->count, sizeof *targets);
  double *log_probs, sum = 0, tokens = 0;
  if (!targets) return RAPT_ENOMEM;
  for (size_t i = 0; i < text->count; i++) targets[i] = text->pairs[i][RAPT__TARGET];
  RAPT_TRY(rapt__rctm_score(t->run, t->systems[which].model, sources_of, targets, text->count, &log_probs));
  for (size_t i = 0; i < text->count; i++)
    if (isfinite(log_probs[i])) sum += log_probs[i];
  for (size_t i = 0; i < t->test.count; i++) tokens += (double)t->test.at[i].count[RAPT__TARGET] + 1;
  *perplexity = exp(-sum / tokens);
  return RAPT_OK;
}

/* The words of every test source in a random order. */
static rapt_status shuffle_words(study *t, rapt__line *line, size_t number) {
  rapt__arena *arena = &t->run->arena;
  size_t words = 1, size = line->size;
  for (size_t i = 0; i < size; i++) words += line->bytes[i] == ' ';
  rapt__line *word = rapt__arena_new(arena, words, sizeof *word);
  uint32_t *order = rapt__arena_new(arena, words, sizeof *order);
  char *out = rapt__arena_new(arena, size + 1, 1);
  if (!word || !order || !out) return RAPT_ENOMEM;
  size_t n = 0, at = 0;
  for (size_t from = 0, to; from < size; from = to + 1) {
    const char *blank = memchr(line->bytes + from, ' ', size - from);
    to = blank ? (size_t)(blank - line->bytes) : size;
    if (to > from) word[n++] = (rapt__line){line->bytes + from, to - from};
  }
  rapt__rng_shuffle((uint64_t)t->run->common.seed, (uint64_t)STREAM_SHUFFLE << 32, number << 16, order, n);
  for (size_t i = 0; i < n; i++) {
    if (i > 0) out[at++] = ' ';
    memcpy(out + at, word[order[i]].bytes, word[order[i]].size);
    at += word[order[i]].size;
  }
  *line = (rapt__line){out, at};
  return RAPT_OK;
}

static rapt_status measure_all(study *t) {
  rapt__run *run = t->run;
  const rapt__seq2seq_task *task = &t->systems[FIRST].task;
  const rapt_tokenizer *source = rapt__model_source(t->systems[FIRST].model),
                       *target = rapt_model_tokenizer(t->systems[FIRST].model);
  const rapt__bitext *text = &t->corpus.test;
  int64_t most = rapt_model_context(t->systems[FIRST].model) - 1;
  RAPT_TRY(rapt__pairs_encode(run->ctx, source, target, text, most, "test text", &t->test));
  rapt__line *lines = rapt__arena_new(&run->arena, text->count, sizeof *lines);
  rapt__line *mixed = rapt__arena_new(&run->arena, text->count, sizeof *mixed);
  if (!lines || !mixed) return RAPT_ENOMEM;
  for (size_t i = 0; i < text->count; i++) {
    mixed[i] = lines[i] = text->pairs[i][RAPT__SOURCE];
    RAPT_TRY(shuffle_words(t, &mixed[i], i));
  }
  const rapt__pairs *sets[] = {&task->train_pairs, &task->valid_pairs, &t->test};
  const int32_t sizes[] = {(int32_t)rapt_tokenizer_size(source), (int32_t)rapt_tokenizer_size(target)};
  RAPT_TRY(rapt__rctm_ibm1_measure(run, sets, sizes, t->s->rounds, &t->ibm1));
  for (int i = 0; i < t->nets; i++) {
    RAPT_TRY(measure(t, i, lines, &t->perplexity[i]));
    RAPT_TRY(measure(t, i, mixed, &t->shuffled[i]));
  }
  return RAPT_OK;
}

/* ---- Verdict ---- */

static rapt_status say_perplexities(study *t) {
  rapt__findings *f = &t->findings;
  int32_t unk = (int32_t)rapt_tokenizer_find(rapt_model_tokenizer(t->systems[FIRST].model), "<unk>", 5);
  size_t tokens = 0, unknown = 0;
  for (size_t i = 0; i < t->test.count; i++)
    for (int64_t j = 0; j < t->test.at[i].count[RAPT__TARGET]; j++, tokens++)
      unknown += t->test.ids[t->test.at[i].begin[RAPT__TARGET] + (size_t)j] == unk;
  RAPT_TRY(
      rapt__findings_say(f, "test text: %zu pairs, %zu words of the target, of which %.1f %% are unknown to all models",
                         t->test.count, tokens, 100 * (double)unknown / (double)tokens));
  RAPT_TRY(rapt__findings_say(f, "perplexity of IBM model 1: %.2f (%.1f %% of a word's probability from its frequency)",
                              t->ibm1.perplexity, 100 * t->ibm1.share));
  for (int i = t->nets - 1; i >= 0; i--)
    RAPT_TRY(rapt__findings_say(f, "perplexity of %s: %.2f%s", i == LANGUAGE ? "the language model" : names[i],
                                t->perplexity[i], i == LANGUAGE ? ", which sees no source" : ""));
  return RAPT_OK;
}

static rapt_status judge(study *t) {
  rapt__findings *f = &t->findings;
  rapt_run_result *result = t->run->result;
  double ibm1 = t->ibm1.perplexity, first = t->perplexity[FIRST], second = t->perplexity[SECOND];
  RAPT_TRY(say_perplexities(t));
  RAPT_TRY(rapt__findings_judge(f, true, second <= (1 - below) * ibm1,
                                "pass mark: RCTM II's perplexity is at least %.0f %% below IBM model 1's (%.2f against "
                                "%.2f, %.1f %%)",
                                100 * below, second, ibm1, 100 * (1 - second / ibm1)));
  RAPT_TRY(rapt__findings_judge(f, true, second <= first,
                                "pass mark: RCTM II's perplexity is not above RCTM I's (%.2f against %.2f)", second,
                                first));
  for (int i = FIRST; i <= SECOND; i++)
    RAPT_TRY(rapt__findings_judge(f, false, t->shuffled[i] >= (1 + raised) * t->perplexity[i],
                                  "claim: shuffling the source's words raises the perplexity of %s by at least %.0f %% "
                                  "(%.2f to %.2f, %.1f %%)",
                                  names[i], 100 * raised, t->perplexity[i], t->shuffled[i],
                                  100 * (t->shuffled[i] / t->perplexity[i] - 1)));
  if (t->s->nbest > 0) {
    const rapt__rctm_rerank *r = &t->rerank;
    for (int i = 0; i < RAPT__RCTM_NETS; i++)
      RAPT_TRY(
          rapt__findings_say(f,
                             "lists of %.0f entries ordered by %s and the number of words: %.2f BLEU; by %s and all "
                             "features of the phrase-based system: %.2f BLEU",
                             r->entries, names[i], r->alone[i], names[i], r->together[i]));
    RAPT_TRY(rapt__findings_judge(
        f, false, r->alone[SECOND] >= r->baseline - lost,
        "claim: RCTM II with two features orders the lists as well as the phrase-based system with "
        "its eight, less %.1f BLEU at most (%.2f against %.2f)",
        lost, r->alone[SECOND], r->baseline));
  }
  result->figure = second;
  result->passed = !t->run->changed && f->missed == 0;
  return rapt__findings_say(f, "pass marks: %s",
                            t->run->changed  ? "not judged, as settings were changed"
                            : f->missed == 0 ? "reached"
                                             : "missed");
}

/* ---- Report ---- */

static rapt_status draw(study *t) {
  const char *labels[1 + 2 * NETS];
  double values[1 + 2 * NETS];
  size_t n = 0;
  labels[n] = "IBM model 1";
  values[n++] = t->ibm1.perplexity;
  for (int i = t->nets - 1; i >= 0; i--) {
    labels[n] = names[i];
    values[n++] = t->perplexity[i];
  }
  for (int i = SECOND; i >= FIRST; i--) {
    labels[n] = rapt__arena_format(&t->run->arena, "%s, source shuffled", names[i]);
    if (!labels[n]) return RAPT_ENOMEM;
    values[n++] = t->shuffled[i];
  }
  RAPT_TRY(rapt__svg_bars(&t->bars, &(rapt__bars){.title = "Perplexity of the test targets",
                                                  .x_title = "perplexity",
                                                  .labels = labels,
                                                  .values = values,
                                                  .count = n}));
  return rapt__rctm_nearest(t->run, t->systems[FIRST].model, &t->corpus.test, &t->nearest);
}

static rapt_status report(study *t) {
  char text[6][40];
  const double numbers[6] = {t->ibm1.perplexity,      t->perplexity[FIRST],    t->perplexity[SECOND],
                             t->perplexity[LANGUAGE], t->rerank.alone[SECOND], t->rerank.baseline};
  const char *const rows[6][2] = {{"perplexity, IBM model 1", ""},
                                  {"perplexity, RCTM I", ""},
                                  {"perplexity, RCTM II", "at most 0.6 of IBM model 1's, and RCTM I's"},
                                  {"perplexity, language model", ""},
                                  {"BLEU, lists ordered by RCTM II", "at most 0.3 below the next"},
                                  {"BLEU, phrase-based system", ""}};
  const char *figures[6][4];
  size_t count = 0;
  for (int i = 0; i < 6; i++) {
    if ((i == 3 && t->nets < NETS) || (i > 3 && t->s->nbest == 0)) continue;
    snprintf(text[i], sizeof text[i], "%.2f", numbers[i]);
    const char *row[4] = {rows[i][0], text[i], i == 2 ? "over 43 % below alignment-based models" : "", rows[i][1]};
    memcpy(figures[count++], row, sizeof row);
  }
  RAPT_TRY(draw(t));
  const rapt__report_section sections[] = {
      {.heading = "Perplexities", .svg = t->bars.data},
      {.heading = "Nearest sentences",
       .text = "Sentences of the test text, each with the cosines of those whose vectors lie nearest to its own. The "
               "vectors are what the convolutional sentence model makes of the source.",
       .verbatim = t->nearest.data}};
  rapt__report parts = {.verdicts = t->findings.lines,
                        .verdict_count = t->findings.count,
                        .figures = (const char *const(*)[4])figures,
                        .figure_count = count,
                        .sections = sections,
                        .section_count = 2};
  return rapt__training_report(t->run, &t->systems[FIRST].trainer, &parts);
}

/* ---- The run ---- */

static rapt_status work(study *t) {
  rapt__run *run = t->run;
  RAPT_TRY(read_text(t));
  for (int i = 0; i < t->nets && !run->result->interrupted; i++) RAPT_TRY(train(t, i));
  if (run->result->interrupted) return RAPT_OK;
  RAPT_TRY(measure_all(t));
  rapt_model *nets[RAPT__RCTM_NETS] = {t->systems[FIRST].model, t->systems[SECOND].model};
  if (t->s->nbest > 0) RAPT_TRY(rapt__rctm_rerank_measure(run, &t->corpus, nets, t->s->nbest, &t->rerank));
  RAPT_TRY(judge(t));
  return report(t);
}

static rapt_status rctm(rapt__run *run) {
  const rctm_settings *s = run->own;
  study t = {.run = run, .s = s, .nets = s->language_model ? NETS : LANGUAGE, .findings = {.run = run}};
  rapt__text_init(&t.bars, run->ctx);
  rapt__text_init(&t.nearest, run->ctx);
  rapt_status status = work(&t);
  if (status == RAPT_EINTERRUPTED) {
    rapt_context_clear(run->ctx);
    run->result->interrupted = true;
    status = RAPT_OK;
  }
  rapt__text_free(&t.bars);
  rapt__text_free(&t.nearest);
  rapt__pairs_free(&t.test);
  for (int i = 0; i < NETS; i++) rapt__system_free(&t.systems[i]);
  rapt__corpus_free(&t.corpus);
  return status;
}

const rapt__recipe rapt__recipe_rctm = {
    .info =
        {.id = "rctm",
         .title = "Recurrent continuous translation models",
         .paper = "Kalchbrenner and Blunsom 2013, Recurrent Continuous Translation Models",
         .task = "machine translation",
         .data = "multi30k",
         .paper_figure = "perplexity of translations over 43 % below that of alignment-based models (abstract)",
         .pass_mark = "RCTM II's perplexity at least 40 % below IBM model 1's and not above RCTM I's",
         .claim = "shuffling the source's words raises the perplexity; the models order n-best lists as well as the "
                  "phrase-based system that made them",
         .minutes = 15,
         .about =
             "A recurrent language model writes the target, and every one of its states gets a vector of the source.\n"
             "Convolutions make that vector: in RCTM I of the whole sentence, layer by layer until one column is left; "
             "in\n"
             "RCTM II of its n-grams, which are brought to the length of the target and led back to one vector a "
             "word.\n"
             "There are no alignments. The models are measured by how probable they find given translations."},
    .architecture = "rctm",
    .keys = keys,
    .own_size = sizeof(rctm_settings),
    .neutral = (const char *const[]){"rctm.language_model", NULL},
    .defaults = defaults,
    .run = rctm};
