/* Whole sequences: who of nine men said these two vowels (Kudo et al. 1999)? Every frame votes with the logarithms
 * of its probabilities. Of the training series every fifth is for validation. */
#include "recipes/birnn.h"

#include "base/file.h"
#include "data/series.h"

#include <math.h>

static rapt_status add(rapt__birnn_run *b, const rapt__one_series *s, int64_t channels, rapt__sequences *set) {
  size_t values = (size_t)(s->frames * channels);
  float *x = rapt__arena_new(&b->run->arena, values, sizeof *x);
  int32_t *labels = rapt__arena_new(&b->run->arena, (size_t)s->frames, sizeof *labels);
  if (!x || !labels) return RAPT_ENOMEM;
  for (size_t j = 0; j < values; j++) x[j] = s->x[j];
  for (int64_t t = 0; t < s->frames; t++) labels[t] = s->label;
  set->at[set->count++] = (rapt__sequence){.frames = s->frames, .x = x, .labels = labels};
  return RAPT_OK;
}

static rapt_status read(rapt__birnn_run *b, const char *dir, const char *name, rapt__series_set *set) {
  const char *path = rapt__arena_format(&b->run->arena, "%s/%s.ts.gz", dir, name);
  return path ? rapt__series_read(b->run->ctx, path, set) : RAPT_ENOMEM;
}

static rapt_status split(rapt__birnn_run *b, const rapt__series_set *train, const rapt__series_set *test,
                         rapt__birnn_task *task) {
  if (train->channels != test->channels || train->labels != test->labels)
    return rapt__fail(b->run->ctx, RAPT_EFORMAT,
                      "the series for training and for the test differ in channels or labels");
  rapt__sequences *sets[3] = {&task->train, &task->valid, &task->test};
  for (int p = 0; p < 3; p++) {
    const rapt__series_set *from = p < 2 ? train : test;
    *sets[p] = (rapt__sequences){.at = rapt__arena_new(&b->run->arena, from->count, sizeof(rapt__sequence)),
                                 .inputs = train->channels};
    if (!sets[p]->at) return RAPT_ENOMEM;
    for (size_t i = 0; i < from->count; i++)
      if (p == 2 || (i % 5 == 4) == (p == 1)) RAPT_TRY(add(b, &from->at[i], from->channels, sets[p]));
  }
  task->outputs = train->labels;
  return RAPT_OK;
}

static rapt_status load(rapt__birnn_run *b, rapt__birnn_task *task) {
  rapt__series_set train = {0}, test = {0};
  const char *dir = rapt__run_data_named(b->run, b->settings->vowels);
  if (!dir) return rapt_context_status(b->run->ctx);
  rapt_status status = read(b, dir, "JapaneseVowels_TRAIN", &train);
  if (status == RAPT_OK) status = read(b, dir, "JapaneseVowels_TEST", &test);
  if (status == RAPT_OK) status = split(b, &train, &test, task);
  rapt__series_free(&train);
  rapt__series_free(&test);
  return status;
}

/* The share of sequences whose frames together vote for the label. */
static double votes(const rapt__birnn_task *task, const float *out) {
  size_t right = 0;
  for (size_t i = 0; i < task->test.count; i++) {
    const rapt__sequence *s = &task->test.at[i];
    double best = -INFINITY;
    int64_t winner = 0;
    for (int64_t k = 0; k < task->outputs; k++) {
      double sum = 0;
      for (int64_t t = 0; t < s->frames; t++) {
        const float *row = out + t * task->outputs;
        double most = -INFINITY, all = 0;
        for (int64_t j = 0; j < task->outputs; j++) most = fmax(most, (double)row[j]);
        for (int64_t j = 0; j < task->outputs; j++) all += exp((double)row[j] - most);
        sum += (double)row[k] - most - log(all);
      }
      if (sum > best) best = sum, winner = k;
    }
    right += winner == s->labels[0];
    out += s->frames * task->outputs;
  }
  return (double)right / (double)task->test.count;
}

rapt_status rapt__birnn_vowels(rapt__birnn_run *b) {
  rapt__birnn_task task = {.name = "vowels", .answer = RAPT__CLASSES};
  rapt__birnn_net nets[] = {{.name = "forward", .direction = RAPT__FORWARD}, {.name = "both", .direction = RAPT__BOTH}};
  double right[2];
  RAPT_TRY(load(b, &task));
  if (!b->settings->test) task.test = task.valid;
  for (int i = 0; i < 2; i++) {
    RAPT_TRY(rapt__birnn_train(b, &task, &nets[i]));
    if (b->run->result->interrupted) return RAPT_OK;
    right[i] = 100 * votes(&task, nets[i].out);
    RAPT_TRY(rapt__birnn_row(b, &task, nets[i].name, 0, 1 - right[i] / 100));
  }
  return rapt__findings_judge(
      &b->findings, true, right[1] >= 96,
      "vowels: the bidirectional net knows at least 96 %% of the speakers (%.2f %%; the forward "
      "net %.2f %%)",
      right[1], right[0]);
}
