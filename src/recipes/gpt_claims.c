/* Claims about a trained GPT. */
#include "recipes/gpt_claims.h"

#include "tasks/ngram.h"

#include <math.h>
#include <string.h>

enum { ORDER = 5, SAMPLE = 2000, MOST_COUNTED = 20000000 };

static size_t find_gap(const char *text, size_t from, size_t size) {
  while (from + 1 < size && !(text[from] == '\n' && text[from + 1] == '\n')) from++;
  return from + 1 < size ? from : size;
}

static bool has_speaker(const char *block, size_t size) {
  const char *end = memchr(block, '\n', size);
  size_t line = end ? (size_t)(end - block) : size;
  return line > 1 && block[line - 1] == ':';
}

double rapt__speaker_share(const char *text, size_t size, int64_t *blocks) {
  int64_t with = 0;
  *blocks = 0;
  for (size_t gap = find_gap(text, 0, size); gap < size;) {
    size_t begin = gap;
    while (begin < size && text[begin] == '\n') begin++;
    gap = find_gap(text, begin, size);
    if (gap == size) break;
    with += has_speaker(text + begin, gap - begin);
    ++*blocks;
  }
  return *blocks ? (double)with / (double)*blocks : 0;
}

static rapt_status count_ngrams(rapt__run *run, const rapt__lm *lm, rapt__gpt_claims *out) {
  rapt__ngram *ngram = NULL;
  double *probs = rapt__new(run->ctx, (size_t)lm->valid_count, sizeof *probs);
  rapt_status status = probs ? RAPT_OK : RAPT_ENOMEM;
  if (status == RAPT_OK)
    status = rapt__ngram_train(run->ctx, lm->train, (size_t)lm->train_count, (int32_t)rapt_model_vocabulary(lm->model),
                               ORDER, true, &ngram);
  if (status == RAPT_OK)
    status = rapt__ngram_probs(ngram, lm->valid, (size_t)lm->valid_count, RAPT__NGRAM_STREAM, probs);
  double sum = 0;
  for (int64_t i = 1; status == RAPT_OK && i < lm->valid_count; i++) sum -= log(probs[i]);
  out->ngram = sum / (double)(lm->valid_count - 1);
  out->compared = status == RAPT_OK;
  rapt__ngram_free(ngram);
  rapt__free(run->ctx, probs);
  return status;
}

static rapt_status read_layout(rapt__run *run, const rapt__lm *lm, const char *text, size_t size,
                               rapt__gpt_claims *out) {
  int64_t blocks;
  out->text = rapt__speaker_share(text, size, &blocks);
  rapt__text sample;
  rapt__text_init(&sample, run->ctx);
  rapt_status status = rapt__lm_write(lm, SAMPLE, lm->seed, &sample);
  if (status == RAPT_OK && sample.size)
    out->sample = rapt__speaker_share(sample.data, sample.size, &out->sample_blocks);
  rapt__text_free(&sample);
  return status;
}

rapt_status rapt__gpt_claims_measure(rapt__run *run, const rapt__lm *lm, rapt__gpt_claims *out) {
  *out = (rapt__gpt_claims){0};
  double sum;
  char *text;
  size_t size;
  RAPT_TRY(rapt__model_eval_ids(lm->model, lm->valid, lm->valid_count, &sum));
  out->model = sum / (double)(lm->valid_count - 1);
  if (lm->train_count <= MOST_COUNTED) RAPT_TRY(count_ngrams(run, lm, out));
  RAPT_TRY(rapt_tokenizer_decode(lm->model->tokenizer, lm->valid, lm->valid_count, &text, &size));
  out->bits_per_byte = sum / log(2) / (double)size;
  rapt_status status = read_layout(run, lm, text, size, out);
  rapt_tokenizer_release(lm->model->tokenizer, text);
  return status;
}
