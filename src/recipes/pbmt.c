/* Phrase-based translation (Koehn, Och and Marcu 2003): the baseline that neural translation is measured against.
 * Words are aligned, phrases counted, weights tuned; then the same with shorter phrases. */
#include "recipes/recipes.h"

#include "base/file.h"
#include "formats/svg.h"
#include "pbmt/lines.h"
#include "pbmt/model.h"
#include "train/report.h"

#include <string.h>
#include <time.h>

typedef struct pbmt_settings {
  int direction, align;
  int64_t longest, order, stack, distortion, rounds, starts, nbest;
  bool compare;
} pbmt_settings;

static const char *const directions[] = {"de-en", "en-de", NULL}, *const models[] = {"ibm1", "hmm", NULL};

#define AT(field) offsetof(pbmt_settings, field)
static const rapt__key keys[] = {
    {"pbmt.direction", NULL, RAPT__KEY_CHOICE, AT(direction), "de-en", 0, 0, directions, "source and target language"},
    {"pbmt.align", NULL, RAPT__KEY_CHOICE, AT(align), "hmm", 0, 0, models, "model of the word alignment"},
    {"pbmt.longest", NULL, RAPT__KEY_INT, AT(longest), "7", 1, RAPT__PBMT_LONGEST_PHRASE, NULL, "words of a phrase"},
    {"pbmt.order", NULL, RAPT__KEY_INT, AT(order), "4", 1, RAPT__NGRAM_MAX_ORDER, NULL, "n of the language model"},
    {"pbmt.stack", NULL, RAPT__KEY_INT, AT(stack), "100", 1, 1e6, NULL, "hypotheses kept on a stack"},
    {"pbmt.distortion", NULL, RAPT__KEY_INT, AT(distortion), "6", 0, 100, NULL, "words that a jump may pass over"},
    {"pbmt.rounds", NULL, RAPT__KEY_INT, AT(rounds), "6", 1, 100, NULL, "of decoding the tuning text"},
    {"pbmt.starts", NULL, RAPT__KEY_INT, AT(starts), "5", 0, 1000, NULL, "random starts of each tuning"},
    {"pbmt.nbest", NULL, RAPT__KEY_INT, AT(nbest), "100", 1, 10000, NULL, "entries of an n-best list"},
    {"pbmt.compare", NULL, RAPT__KEY_BOOL, AT(compare), "true", 0, 0, NULL,
     "also with phrases of one word and of at most three words"},
    {0}};

static const double mark = 29, margin = 1; /* BLEU of the default; what phrases over three words may still gain */

/* ---- Data ---- */

enum { TRAIN, DEV, TEST, SETS };
static const char *const sets[SETS] = {"train", "val", "test_2016_flickr"};

typedef struct corpus {
  rapt__pbmt_lexicon words[2]; /* source, target */
  rapt__pbmt_file file[SETS][2];
  rapt__pbmt_text text[SETS][2];
  rapt__pbmt_vocab vocab;
  int32_t *copy; /* owned */
} corpus;

static rapt_status load(rapt__run *run, corpus *c) {
  const pbmt_settings *s = run->own;
  const char *dir = rapt__run_data(run), *direction = directions[s->direction];
  if (!dir) return rapt_context_status(run->ctx);
  for (int side = 0; side < 2; side++) {
    RAPT_TRY(rapt__pbmt_lexicon_init(&c->words[side], run->ctx));
    for (int set = 0; set < SETS; set++) {
      const char *path =
          rapt__arena_format(&run->arena, "%s/tok/%s.lc.norm.tok.%.2s.gz", dir, sets[set], direction + 3 * side);
      if (!path) return RAPT_ENOMEM;
      RAPT_TRY(rapt__pbmt_file_read(&c->words[side], path, 1 << 20, &c->file[set][side]));
    }
  }
  RAPT_TRY(rapt__pbmt_lexicon_copies(&c->words[0], &c->words[1], &c->copy));
  c->vocab = (rapt__pbmt_vocab){.copy = c->copy, .end = RAPT__PBMT_END};
  for (int set = 0; set < SETS; set++) {
    for (int side = 0; side < 2; side++)
      c->text[set][side] = rapt__pbmt_file_text(&c->file[set][side], &c->words[side]);
    RAPT_TRY(rapt__pbmt_file_match(sets[set], &c->file[set][0], "its translation", &c->file[set][1]));
  }
  return RAPT_OK;
}

static void unload(rapt__run *run, corpus *c) {
  for (int side = 0; side < 2; side++) {
    for (int set = 0; set < SETS; set++) rapt__pbmt_file_free(&c->file[set][side]);
    rapt__pbmt_lexicon_free(&c->words[side]);
  }
  rapt__free(run->ctx, c->copy);
}

/* ---- One system ---- */

/* Of all threads: what other programs do on the machine does not show. */
static double processor_seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

static void tell(void *user, const char *line) { rapt__run_say(user, RAPT_EVENT_NOTE, "%s", line); }

/* translation.txt, and nbest.txt with the weights in front: "number ||| words ||| features ||| score". */
static rapt_status save(rapt__run *run, const corpus *c, const rapt__pbmt_nbest *lists, const double *weights) {
  const char *best_path = rapt__run_path(run, "translation.txt"), *list_path = rapt__run_path(run, "nbest.txt");
  rapt__text best, list;
  rapt__text_init(&best, run->ctx);
  rapt__text_init(&list, run->ctx);
  rapt_status status = best_path && list_path ? RAPT_OK : RAPT_ENOMEM;
  for (size_t s = 0; s < lists->sentences && status == RAPT_OK; s++)
    for (size_t k = lists->first[s]; k < lists->first[s + 1] && status == RAPT_OK; k++) {
      const int32_t *words = lists->words + lists->word_at[k];
      size_t count = lists->word_at[k + 1] - lists->word_at[k];
      if (k == lists->first[s]) {
        status = rapt__pbmt_lexicon_print(&c->words[1], words, count, &best);
        if (status == RAPT_OK) status = rapt__text_add(&best, "\n", 1);
      }
      if (status == RAPT_OK) status = rapt__text_addf(&list, "%zu ||| ", s);
      if (status == RAPT_OK) status = rapt__pbmt_lexicon_print(&c->words[1], words, count, &list);
      if (status == RAPT_OK) status = rapt__text_add(&list, " |||", 4);
      for (size_t f = 0; f < lists->columns.count && status == RAPT_OK; f++)
        status = rapt__text_addf(&list, " %.6g", lists->features[k * lists->columns.count + f]);
      if (status == RAPT_OK) status = rapt__text_addf(&list, " ||| %.6g\n", rapt__pbmt_nbest_score(lists, k, weights));
    }
  if (status == RAPT_OK) status = rapt__file_replace(run->ctx, best_path, best.data, best.size);
  if (status == RAPT_OK) status = rapt__file_replace(run->ctx, list_path, list.data, list.size);
  rapt__text_free(&best);
  rapt__text_free(&list);
  return status;
}

static rapt_status say_weights(rapt__run *run, const rapt__pbmt_model *m) {
  rapt__text line;
  rapt__text_init(&line, run->ctx);
  rapt_status status = rapt__pbmt_columns_print(&m->phrases.columns, m->decoder.weights, &line);
  if (status == RAPT_OK) rapt__run_say(run, RAPT_EVENT_NOTE, "weights: %s", line.data);
  rapt__text_free(&line);
  return status;
}

/* Phrases of at most `longest` words: BLEU on the test set. The system of the settings also leaves its lists. */
static rapt_status try_length(rapt__run *run, const corpus *c, const rapt__pbmt_links *links, int longest, bool keep,
                              double *bleu) {
  const pbmt_settings *own = run->own;
  rapt__pbmt_settings s = RAPT__PBMT_DEFAULTS;
  rapt__pbmt_model m;
  rapt__pbmt_nbest lists = {0};
  s.longest_phrase = longest;
  s.order = (int)own->order;
  s.search.stack = (int)own->stack;
  s.search.distortion = (int)own->distortion;
  s.rounds = (int)own->rounds;
  s.tuning.starts = (int)own->starts;
  s.tuning.seed = (uint64_t)run->common.seed;
  s.tuning_nbest = (int)own->nbest;
  double began = processor_seconds(), trained = 0, tuned = 0, dev;
  rapt_status status =
      rapt__pbmt_train_linked(run->ctx, &s, &c->text[TRAIN][0], &c->text[TRAIN][1], links, &c->vocab, &m);
  trained = processor_seconds();
  if (status == RAPT_OK) {
    rapt__run_say(run, RAPT_EVENT_NOTE, "phrases of at most %d %s: %zu source phrases, %zu pairs", longest,
                  longest == 1 ? "word" : "words", m.phrases.phrases, m.phrases.count);
    status = rapt__pbmt_tune(&m, &c->text[DEV][0], &c->text[DEV][1], tell, run, &dev);
  }
  tuned = processor_seconds();
  if (status == RAPT_OK) status = rapt__pbmt_translate(&m, &c->text[TEST][0], keep ? (size_t)own->nbest : 1, &lists);
  if (status == RAPT_OK) {
    size_t *best = rapt__arena_new(&run->arena, lists.sentences, sizeof *best);
    for (size_t k = 0; best && k < lists.sentences; k++) best[k] = lists.first[k];
    if (best) *bleu = rapt__pbmt_bleu_of(&lists, best, &c->text[TEST][1]);
    status = best ? RAPT_OK : RAPT_ENOMEM;
  }
  if (status == RAPT_OK) status = say_weights(run, &m);
  if (status == RAPT_OK) {
    rapt__run_say(
        run, RAPT_EVENT_RESULT,
        "phrases of at most %d: BLEU %.2f on val, %.2f on test (processor seconds: table %.1f, tuning %.1f, test %.1f)",
        longest, dev, *bleu, trained - began, tuned - trained, processor_seconds() - tuned);
    if (keep) status = save(run, c, &lists, m.decoder.weights);
  }
  rapt__pbmt_nbest_free(&lists);
  rapt__pbmt_free(&m);
  return status;
}

/* ---- Verdict ---- */

typedef struct outcome {
  double bleu[3]; /* longest phrase of the settings, of one word, of three */
  int longest[3], count;
} outcome;

static rapt_status report(rapt__run *run, const outcome *o, const char *const *lines, size_t line_count) {
  const rapt_recipe_info *info = &run->recipe->info;
  const char *page = rapt__run_path(run, "report.html"), **settings = rapt__run_settings(run);
  const char *labels[3], *ours = rapt__arena_format(&run->arena, "%.2f", o->bleu[0]);
  rapt__text svg;
  rapt__text_init(&svg, run->ctx);
  rapt_status status = page && settings && ours ? RAPT_OK : RAPT_ENOMEM;
  for (int k = 0; k < o->count && status == RAPT_OK; k++)
    if (!(labels[k] = rapt__arena_format(&run->arena, "at most %d", o->longest[k]))) status = RAPT_ENOMEM;
  if (status == RAPT_OK)
    status = rapt__svg_bars(&svg, &(rapt__bars){.title = "Words of a phrase",
                                                .x_title = "BLEU on the test set",
                                                .labels = labels,
                                                .values = o->bleu,
                                                .count = (size_t)o->count});
  if (status == RAPT_OK) {
    const char *const figures[][4] = {{"test BLEU", ours, "", "at least 29"}};
    status = rapt__report_write(run->ctx, page,
                                &(rapt__report){.title = info->title,
                                                .paper = info->paper,
                                                .about = info->about,
                                                .verdicts = lines,
                                                .verdict_count = line_count,
                                                .figures = figures,
                                                .figure_count = 1,
                                                .plot_svg = svg.data,
                                                .settings = settings,
                                                .command = "rapt train pbmt"});
  }
  rapt__text_free(&svg);
  return status;
}

static rapt_status judge(rapt__run *run, const outcome *o) {
  rapt_run_result *result = run->result;
  char text[2][200];
  const char *lines[2] = {text[0], text[1]};
  result->figure = o->bleu[0];
  result->passed = !run->changed && o->bleu[0] >= mark;
  snprintf(text[0], sizeof text[0], "pass mark: at least %.0f BLEU: %s", mark,
           run->changed     ? "not judged, as settings were changed"
           : result->passed ? "reached"
                            : "missed");
  if (o->count == 3)
    snprintf(text[1], sizeof text[1],
             "phrases beat words, and three words are nearly enough: %.2f BLEU for one word, %.2f for three, %.2f for "
             "%d: %s",
             o->bleu[1], o->bleu[2], o->bleu[0], o->longest[0],
             rapt__judged(o->bleu[2] > o->bleu[1] && o->bleu[0] > o->bleu[1] && o->bleu[0] - o->bleu[2] <= margin));
  size_t count = o->count == 3 ? 2 : 1;
  for (size_t k = 0; k < count; k++) rapt__run_say(run, RAPT_EVENT_RESULT, "%s", lines[k]);
  return report(run, o, lines, count);
}

static rapt_status work(rapt__run *run, corpus *c, rapt__pbmt_links *links) {
  const pbmt_settings *s = run->own;
  rapt__align_settings align = RAPT__ALIGN_DEFAULTS;
  align.model = (rapt__align_model)s->align;
  RAPT_TRY(load(run, c));
  double began = processor_seconds();
  RAPT_TRY(rapt__align_text(run->ctx, &c->text[TRAIN][0], &c->text[TRAIN][1], &align, links));
  rapt__run_say(run, RAPT_EVENT_NOTE, "%zu sentence pairs, %zu links (%.1f processor seconds)", links->count,
                links->size, processor_seconds() - began);
  outcome o = {.longest = {(int)s->longest, 1, 3}, .count = s->compare && s->longest > 3 ? 3 : 1};
  for (int k = 0; k < o.count; k++) RAPT_TRY(try_length(run, c, links, o.longest[k], k == 0, &o.bleu[k]));
  return judge(run, &o);
}

static rapt_status pbmt(rapt__run *run) {
  corpus c = {0};
  rapt__pbmt_links links = {0};
  rapt_status status = work(run, &c, &links);
  rapt__pbmt_links_free(&links);
  unload(run, &c);
  if (status == RAPT_EINTERRUPTED) {
    rapt_context_clear(run->ctx);
    run->result->interrupted = true;
    status = RAPT_OK;
  }
  return status;
}

static const char *const defaults[] = {"data=multi30k", NULL};

const rapt__recipe rapt__recipe_pbmt = {
    .info = {.id = "pbmt",
             .title = "Phrase-based translation",
             .paper = "Koehn, Och and Marcu 2003, Statistical Phrase-Based Translation",
             .task = "translation",
             .data = "multi30k",
             .paper_figure =
                 "Europarl de-en, 320,000 sentence pairs: 0.2469 BLEU for AP, figures of our data are others",
             .pass_mark = "at least 29 BLEU",
             .claim = "phrases beat words, and phrases of up to three words are nearly as good as longer ones",
             .minutes = 3,
             .about =
                 "Translation before neural networks: words of sentence pairs are linked, phrases that the links do "
                 "not cross are counted,\n"
                 "and a translation is the sequence of phrases with the highest weighted sum of log-probabilities, "
                 "language model included.\n"
                 "Neural recipes take it as their baseline and rescore its n-best lists."},
    .keys = keys,
    .own_size = sizeof(pbmt_settings),
    .neutral = (const char *const[]){"pbmt.compare", NULL},
    .defaults = defaults,
    .only_threads = true,
    .run = pbmt};
