/* Parts of a report about translations. */
#include "recipes/translation.h"

#include "base/file.h"
#include "formats/svg.h"

#include <math.h>

static const size_t longest[RAPT__LENGTHS] = {8, 12, 16, 20, 30, 40, SIZE_MAX}; /* words of the source, per class */
static const char *const labels[RAPT__LENGTHS] = {"to 8 words", "9 to 12",  "13 to 16",   "17 to 20",
                                                  "21 to 30",   "31 to 40", "41 and more"};

static size_t words_of(const rapt__line *line) {
  size_t words = 0;
  for (size_t i = 0; i < line->size; i++) words += line->bytes[i] != ' ' && (i == 0 || line->bytes[i - 1] == ' ');
  return words;
}

rapt_status rapt__bleu_between(rapt__run *run, const rapt__corpus *corpus, const rapt__translation_settings *s,
                               const rapt__translated *output, size_t least, size_t most, double *bleu,
                               size_t *sentences) {
  rapt_metric metric = rapt__translation_metric(s);
  int width = rapt_metric_width(&metric);
  const rapt__bitext *text = &corpus->test;
  double *sum = rapt__arena_new(&run->arena, (size_t)width, sizeof *sum);
  if (!sum) return RAPT_ENOMEM;
  *sentences = 0;
  for (size_t i = 0; i < text->count; i++) {
    size_t words = words_of(&text->pairs[i][RAPT__SOURCE]);
    if (words < least || words > most) continue;
    ++*sentences;
    for (int j = 0; j < width; j++) sum[j] += output->stats[i * (size_t)width + (size_t)j];
  }
  rapt_score score = {.score = NAN};
  if (*sentences > 0) RAPT_TRY(rapt_metric_score(run->ctx, &metric, sum, &score));
  *bleu = score.score;
  return RAPT_OK;
}

rapt_status rapt__bleu_by_length(rapt__run *run, const rapt__corpus *corpus, const rapt__translation_settings *s,
                                 const char *const *names, const rapt__translated *const *outputs, size_t count,
                                 rapt__text *svg) {
  size_t sentences;
  double *values = rapt__arena_new(&run->arena, RAPT__LENGTHS * count, sizeof *values);
  if (!values) return RAPT_ENOMEM;
  for (int c = 0; c < RAPT__LENGTHS; c++)
    for (size_t i = 0; i < count; i++)
      RAPT_TRY(rapt__bleu_between(run, corpus, s, outputs[i], c ? longest[c - 1] + 1 : 0, longest[c],
                                  &values[(size_t)c * count + i], &sentences));
  rapt__bars bars = {.title = "BLEU by length of the source",
                     .x_title = "BLEU",
                     .labels = labels,
                     .series = names,
                     .values = values,
                     .count = RAPT__LENGTHS,
                     .series_count = count};
  return rapt__svg_bars(svg, &bars);
}

rapt_status rapt__sample_translations(const rapt__corpus *corpus, const rapt__translated *output, size_t count,
                                      rapt__text *out) {
  const rapt__bitext *text = &corpus->test;
  if (count > text->count) count = text->count;
  for (size_t i = 0; i < count; i++) {
    size_t at = i * text->count / count;
    const rapt__line *pair = text->pairs[at];
    RAPT_TRY(rapt__text_addf(out, "%.*s\n  reference    %.*s\n  translation  %s\n\n", (int)pair[RAPT__SOURCE].size,
                             pair[RAPT__SOURCE].bytes, (int)pair[RAPT__TARGET].size, pair[RAPT__TARGET].bytes,
                             output->lines[at].data));
  }
  return RAPT_OK;
}

rapt_status rapt__write_translations(rapt__run *run, const rapt__corpus *corpus, const rapt__translated *output,
                                     const char *file) {
  rapt__out out;
  const char *path = rapt__run_path(run, file);
  if (!path) return RAPT_ENOMEM;
  RAPT_TRY(rapt__out_open(run->ctx, path, &out));
  for (size_t i = 0; i < corpus->test.count; i++) rapt__out_printf(&out, "%s\n", output->lines[i].data);
  if (out.status == RAPT_OK) return rapt__out_commit(&out);
  rapt_status status = out.status;
  rapt__out_abort(&out);
  return status;
}

void rapt__say_translated(rapt__run *run, const rapt_metric *metric, const char *what, const rapt__translated *t) {
  rapt_score_style style = {.digits = 2, .references = 1};
  char line[512];
  rapt_score_format(metric, &t->score, &style, line, sizeof line);
  rapt__run_say(run, RAPT_EVENT_RESULT, "%-26s %s, %.0f s", what, line, t->seconds);
}
