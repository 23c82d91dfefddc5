/* Test sentences by length and by unknown words, and how systems fare in each class. */
#include "recipes/cho.h"

#include "formats/svg.h"

#include <math.h>
#include <stdlib.h>

static int words_of(const rapt__line *line) {
  int words = 0;
  for (size_t i = 0; i < line->size; i++) words += line->bytes[i] != ' ' && (i == 0 || line->bytes[i - 1] == ' ');
  return words;
}

static int rising(const void *a, const void *b) {
  int x = *(const int *)a, y = *(const int *)b;
  return (x > y) - (x < y);
}

rapt_status rapt__cho_by_length(rapt__run *run, const rapt__corpus *corpus, rapt__cho_classes *out) {
  const rapt__bitext *text = &corpus->test;
  int bounds[RAPT__CHO_CLASSES] = {0}, members[RAPT__CHO_CLASSES] = {0};
  int *sorted = rapt__arena_new(&run->arena, text->count, sizeof *sorted);
  *out = (rapt__cho_classes){.class_of = rapt__arena_new(&run->arena, text->count, sizeof *out->class_of),
                             .sentences = text->count};
  if (!sorted || !out->class_of) return RAPT_ENOMEM;
  for (size_t i = 0; i < text->count; i++) sorted[i] = words_of(&text->pairs[i][RAPT__SOURCE]);
  qsort(sorted, text->count, sizeof *sorted, rising);
  for (size_t c = 1; c <= RAPT__CHO_CLASSES; c++) {
    int bound = sorted[(c * text->count + RAPT__CHO_CLASSES - 1) / RAPT__CHO_CLASSES - 1];
    if (out->count == 0 || bound > bounds[out->count - 1]) bounds[out->count++] = bound;
  }
  for (size_t i = 0; i < text->count; i++) {
    int words = words_of(&text->pairs[i][RAPT__SOURCE]), c = 0;
    while (words > bounds[c]) c++;
    out->class_of[i] = c;
    out->x[c] += words;
    members[c]++;
  }
  for (int c = 0; c < out->count; c++) out->x[c] /= members[c];
  return RAPT_OK;
}

static rapt_status count_unknown(const rapt_tokenizer *tokenizer, const rapt__line *line, int *unknown) {
  int32_t *ids;
  int64_t count;
  RAPT_TRY(rapt_tokenizer_encode(tokenizer, line->bytes, line->size, &ids, &count));
  for (int64_t k = 0; k < count; k++) *unknown += ids[k] == RAPT__UNK;
  rapt_tokenizer_release(tokenizer, ids);
  return RAPT_OK;
}

rapt_status rapt__cho_by_unknown(rapt__run *run, const rapt__corpus *corpus, const rapt_model *model,
                                 rapt__cho_classes *out) {
  enum { MANY = 3 };
  const rapt__bitext *text = &corpus->test;
  *out = (rapt__cho_classes){.class_of = rapt__arena_new(&run->arena, text->count, sizeof *out->class_of),
                             .sentences = text->count,
                             .count = MANY + 1,
                             .x = {0, 1, 2, MANY}};
  if (!out->class_of) return RAPT_ENOMEM;
  for (size_t i = 0; i < text->count; i++) {
    int unknown = 0;
    RAPT_TRY(count_unknown(rapt__model_source(model), &text->pairs[i][RAPT__SOURCE], &unknown));
    RAPT_TRY(count_unknown(model->tokenizer, &text->pairs[i][RAPT__TARGET], &unknown));
    out->class_of[i] = unknown < MANY ? unknown : MANY;
  }
  return RAPT_OK;
}

rapt_status rapt__cho_compare(rapt__run *run, const rapt_metric *metric, const rapt__cho_classes *classes,
                              const char *title, const char *x_title, rapt__cho_compared *systems, size_t count,
                              rapt__text *svg) {
  rapt__series series[RAPT__CHO_SYSTEMS];
  for (size_t s = 0; s < count; s++) {
    for (int c = 0; c < classes->count; c++)
      RAPT_TRY(rapt__score_class(run, metric, systems[s].output, classes->class_of, classes->sentences, c,
                                 &systems[s].score[c]));
    series[s] = (rapt__series){systems[s].name, classes->x, systems[s].score, (size_t)classes->count};
  }
  return rapt__svg_plot(
      svg, &(rapt__plot){.title = title, .x_title = x_title, .y_title = "BLEU", .series = series, .count = count});
}

/* Ranks from 1; equal values share the mean of theirs. */
static double rank_of(const double *values, int count, int at) {
  double below = 0, equal = 0;
  for (int i = 0; i < count; i++) {
    below += values[i] < values[at];
    equal += values[i] == values[at];
  }
  return below + (equal + 1) / 2;
}

double rapt__cho_trend(const double *scores, int count) {
  double y[RAPT__CHO_CLASSES], xy = 0, xx = 0, yy = 0;
  int n = 0;
  for (int i = 0; i < count; i++)
    if (isfinite(scores[i])) y[n++] = scores[i];
  if (n < 3) return NAN;
  for (int i = 0; i < n; i++) {
    double a = i + 1 - (n + 1) / 2.0, b = rank_of(y, n, i) - (n + 1) / 2.0;
    xy += a * b;
    xx += a * a;
    yy += b * b;
  }
  return yy > 0 ? xy / sqrt(xx * yy) : 0;
}

bool rapt__cho_falls(const double *scores, int count) {
  double first = NAN, last = NAN;
  for (int i = 0; i < count; i++) {
    if (!isfinite(scores[i])) continue;
    if (!isfinite(first)) first = scores[i];
    last = scores[i];
  }
  return last < first && rapt__cho_trend(scores, count) <= -0.5;
}
