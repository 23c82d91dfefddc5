/* Files of the run directory, bars, and the lists before and after. */
#include "recipes/rescoring.h"

#include "base/file.h"
#include "formats/svg.h"
#include "train/report.h"

#include <math.h>
#include <string.h>

enum { SHOWN = 12, TOP = 4, COLUMNS = 5, ROWS = SHOWN * (TOP + 3) };

/* The system whose choice is shown: the first network over all of the source. */
static const rapt__rescored *shown_system(const rapt__rescoring *r) {
  const rapt__rescored *best = NULL;
  for (size_t k = 0; k < r->count && !best; k++)
    if (strncmp(r->systems[k].name, "+ all of the source, seed", 25) == 0) best = &r->systems[k];
  return best ? best : &r->systems[r->count - 1];
}

/* translation.txt: what the shown system chose. */
static rapt_status save_translation(rapt__rescoring *r, const rapt__rescored *y) {
  const rapt__pbmt_nbest *l = &r->lists[RAPT__RESCORING_TEST];
  const char *path = rapt__run_path(r->run, "translation.txt");
  rapt__text text;
  rapt__text_init(&text, r->run->ctx);
  rapt_status status = path ? RAPT_OK : RAPT_ENOMEM;
  for (size_t s = 0; s < l->sentences && status == RAPT_OK; s++) {
    size_t k = y->best[s];
    status = rapt__pbmt_lexicon_print(&r->words[1], l->words + l->word_at[k], l->word_at[k + 1] - l->word_at[k], &text);
    if (status == RAPT_OK) status = rapt__text_add(&text, "\n", 1);
  }
  if (status == RAPT_OK) status = rapt__file_replace(r->run->ctx, path, text.data, text.size);
  rapt__text_free(&text);
  return status;
}

/* nbest.txt and nbest-val.txt: the lists with all features, as other programs read them; the score is the shown
 * system's. */
static rapt_status save_lists(rapt__rescoring *r, const rapt__rescored *y, int set, const char *name) {
  const rapt__pbmt_nbest *l = &r->lists[set];
  const char *path = rapt__run_path(r->run, name);
  rapt__text text;
  rapt__text_init(&text, r->run->ctx);
  rapt_status status = path ? RAPT_OK : RAPT_ENOMEM;
  for (size_t s = 0; s < l->sentences; s++)
    for (size_t k = l->first[s]; k < l->first[s + 1] && status == RAPT_OK; k++) {
      status = rapt__text_addf(&text, "%zu ||| ", s);
      if (status == RAPT_OK)
        status =
            rapt__pbmt_lexicon_print(&r->words[1], l->words + l->word_at[k], l->word_at[k + 1] - l->word_at[k], &text);
      if (status == RAPT_OK) status = rapt__text_add(&text, " |||", 4);
      for (size_t c = 0; c < l->columns.count && status == RAPT_OK; c++)
        status = rapt__text_addf(&text, " %.6g", l->features[k * l->columns.count + c]);
      if (status == RAPT_OK) status = rapt__text_addf(&text, " ||| %.6g\n", rapt__pbmt_nbest_score(l, k, y->weights));
    }
  if (status == RAPT_OK) status = rapt__file_replace(r->run->ctx, path, text.data ? text.data : "", text.size);
  rapt__text_free(&text);
  return status;
}

/* ---- The lists before and after ---- */

typedef struct viewer {
  rapt__rescoring *r;
  const rapt__rescored *from, *to;
  const char *cells[ROWS * COLUMNS];
  size_t rows;
} viewer;

static rapt_status add_row(viewer *v, const char *mark, const char *now, const char *before, const char *score,
                           const char *text) {
  if (v->rows == ROWS) return RAPT_OK;
  if (!now || !before || !score || !text) return RAPT_ENOMEM;
  const char *row[COLUMNS] = {mark, now, before, score, text};
  memcpy(v->cells + v->rows++ * COLUMNS, row, sizeof row);
  return RAPT_OK;
}

static size_t rank_of(const rapt__pbmt_ranked *list, size_t count, size_t entry) {
  size_t k = 0;
  while (k < count && list[k].entry != entry) k++;
  return k + 1;
}

/* A sentence, its reference, the entries that are at the top now, and the one that was at the top before. */
static rapt_status add_sentence(viewer *v, size_t s, rapt__pbmt_ranked *now, rapt__pbmt_ranked *before) {
  rapt__rescoring *r = v->r;
  rapt__arena *arena = &r->run->arena;
  const rapt__pbmt_nbest *l = &r->lists[RAPT__RESCORING_TEST];
  const rapt__pbmt_text *source = &r->text[RAPT__RESCORING_TEST][0], *target = &r->text[RAPT__RESCORING_TEST][1];
  size_t count = rapt__pbmt_nbest_rank(l, s, v->to->weights, now);
  rapt__pbmt_nbest_rank(l, s, v->from->weights, before);
  RAPT_TRY(add_row(v, "source", "", "", "",
                   rapt__rescoring_words(r, rapt__pbmt_words(source, s), rapt__pbmt_length(source, s), 0)));
  RAPT_TRY(add_row(v, "reference", "", "", "",
                   rapt__rescoring_words(r, rapt__pbmt_words(target, s), rapt__pbmt_length(target, s), 1)));
  size_t old = rank_of(now, count, before[0].entry) - 1;
  for (size_t n = 0; n < TOP + 1; n++) {
    size_t k = n < TOP ? n : old;
    if (n < TOP ? n >= count : old < TOP) continue;
    size_t e = now[k].entry, was = rank_of(before, count, e);
    RAPT_TRY(add_row(v,
                     k == 0     ? "after"
                     : was == 1 ? "before"
                                : "",
                     rapt__arena_format(arena, "%zu", k + 1), rapt__arena_format(arena, "%zu", was),
                     rapt__arena_format(arena, "%.3f", now[k].score),
                     rapt__rescoring_words(r, l->words + l->word_at[e], l->word_at[e + 1] - l->word_at[e], 1)));
  }
  return RAPT_OK;
}

/* The first sentences for which the two systems choose differently. */
static rapt_status view(viewer *v) {
  const rapt__pbmt_nbest *l = &v->r->lists[RAPT__RESCORING_TEST];
  size_t longest = 0;
  for (size_t s = 0; s < l->sentences; s++)
    if (l->first[s + 1] - l->first[s] > longest) longest = l->first[s + 1] - l->first[s];
  rapt__pbmt_ranked *room = rapt__arena_new(&v->r->run->arena, 2 * longest, sizeof *room);
  if (!room) return RAPT_ENOMEM;
  for (size_t s = 0, shown = 0; s < l->sentences && shown < SHOWN; s++) {
    if (v->from->best[s] == v->to->best[s]) continue;
    RAPT_TRY(add_sentence(v, s, room, room + longest));
    shown++;
  }
  return RAPT_OK;
}

/* ---- The page ---- */

static rapt_status add_bars(rapt__rescoring *r, bool ter, rapt__text *out) {
  const char *labels[RAPT__RESCORING_SYSTEMS];
  double values[RAPT__RESCORING_SYSTEMS];
  for (size_t k = 0; k < r->count; k++) {
    labels[k] = r->systems[k].name;
    values[k] = ter ? r->systems[k].ter : r->systems[k].bleu;
  }
  return rapt__svg_bars(out, &(rapt__bars){.title = ter ? "TER: less is better" : "BLEU: more is better",
                                           .x_title = ter ? "TER on the test set" : "BLEU on the test set",
                                           .labels = labels,
                                           .values = values,
                                           .count = r->count});
}

static rapt_status write_page(rapt__rescoring *r, viewer *v, const char *bars) {
  static const char *const columns[COLUMNS] = {"", "rank", "was", "score", ""};
  const rapt_recipe_info *info = &r->run->recipe->info;
  const char *page = rapt__run_path(r->run, "report.html"), **settings = rapt__run_settings(r->run);
  const char *ours = rapt__arena_format(&r->run->arena, "%+.2f", r->run->result->figure - r->systems[1].bleu);
  if (!page || !settings || !ours) return RAPT_ENOMEM;
  const char *const figures[][4] = {{"BLEU gained over the language model", ours, "up to 1.6", "at least 0.5"}};
  const rapt__report_table table = {columns, v->cells, COLUMNS, v->rows};
  const rapt__report_section sections[] = {
      {.heading = "Systems", .svg = bars},
      {.heading = "N-best lists before and after",
       .text = "The first sentences of the test text for which the network chooses another entry than the language "
               "model does: the top of the list by the new score, and where each entry was before.",
       .table = &table}};
  return rapt__report_write(r->run->ctx, page,
                            &(rapt__report){.title = info->title,
                                            .paper = info->paper,
                                            .about = info->about,
                                            .verdicts = r->findings.lines,
                                            .verdict_count = r->findings.count,
                                            .figures = figures,
                                            .figure_count = 1,
                                            .sections = sections,
                                            .section_count = 2,
                                            .settings = settings,
                                            .command = "rapt train sundermeyer-birnn-rescoring"});
}

rapt_status rapt__rescoring_report(rapt__rescoring *r) {
  const rapt__rescored *y = shown_system(r);
  viewer *v = rapt__arena_new(&r->run->arena, 1, sizeof *v);
  rapt__text bars;
  if (!v) return RAPT_ENOMEM;
  v->r = r;
  v->from = &r->systems[1];
  v->to = y;
  RAPT_TRY(save_translation(r, y));
  RAPT_TRY(save_lists(r, y, RAPT__RESCORING_TEST, "nbest.txt"));
  RAPT_TRY(save_lists(r, y, RAPT__RESCORING_DEV, "nbest-val.txt"));
  RAPT_TRY(view(v));
  rapt__text_init(&bars, r->run->ctx);
  rapt_status status = add_bars(r, false, &bars);
  if (status == RAPT_OK) status = add_bars(r, true, &bars);
  if (status == RAPT_OK) status = write_page(r, v, bars.data);
  rapt__text_free(&bars);
  return status;
}
