/* BLEU on word ids, from counts by sentence that can be added up. */
#include "pbmt/tune.h"

#include <math.h>
#include <string.h>

static int occurrences(const int32_t *in, size_t length, const int32_t *ngram, size_t n) {
  int count = 0;
  for (size_t i = 0; i + n <= length; i++) count += memcmp(in + i, ngram, n * sizeof *in) == 0;
  return count;
}

rapt__pbmt_counts rapt__pbmt_count(const int32_t *words, size_t length, const int32_t *reference,
                                   size_t reference_length) {
  rapt__pbmt_counts c = {.reference = (int32_t)reference_length};
  for (size_t n = 1; n <= 4; n++)
    for (size_t i = 0; i + n <= length; i++) {
      /* The k-th occurrence of an n-gram matches if the reference has k of them. */
      int before = occurrences(words, i + n - 1, words + i, n);
      c.all[n - 1]++;
      c.match[n - 1] += occurrences(reference, reference_length, words + i, n) > before;
    }
  return c;
}

void rapt__pbmt_counts_add(rapt__pbmt_counts *sum, const rapt__pbmt_counts *more, int times) {
  for (int n = 0; n < 4; n++) {
    sum->all[n] += times * more->all[n];
    sum->match[n] += times * more->match[n];
  }
  sum->reference += times * more->reference;
}

double rapt__pbmt_bleu(const rapt__pbmt_counts *sum) {
  double mean = 0;
  for (int n = 0; n < 4; n++) {
    if (sum->match[n] == 0) return 0;
    mean += log((double)sum->match[n] / sum->all[n]) / 4;
  }
  if (sum->all[0] < sum->reference) mean += 1 - (double)sum->reference / sum->all[0];
  return 100 * exp(mean);
}

double rapt__pbmt_bleu_of(const rapt__pbmt_nbest *l, const size_t *best, const rapt__pbmt_text *references) {
  rapt__pbmt_counts sum = {0};
  for (size_t s = 0; s < l->sentences; s++) {
    size_t k = best[s], at = k == SIZE_MAX ? 0 : l->word_at[k], length = k == SIZE_MAX ? 0 : l->word_at[k + 1] - at;
    rapt__pbmt_counts one =
        rapt__pbmt_count(l->words + at, length, rapt__pbmt_words(references, s), rapt__pbmt_length(references, s));
    rapt__pbmt_counts_add(&sum, &one, 1);
  }
  return rapt__pbmt_bleu(&sum);
}
