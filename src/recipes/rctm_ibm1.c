/* IBM model 1 (Brown et al. 1993) as a model of target sentences, for the words that the nets know. */
#include "recipes/rctm.h"

#include "pbmt/align.h"

#include <math.h>

/* Shares that are tried. Every known word has a frequency above zero, so that any but the first gives finite
 * perplexities. */
static const double shares[] = {0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5};
enum { SHARES = sizeof shares / sizeof *shares };

typedef struct ibm1 {
  rapt__pbmt_text sides[2]; /* of the training pairs */
  rapt__aligner *aligner;
  double *frequency; /* of target words */
  double *length;    /* by source length: mean of the target's */
  int64_t longest;
} ibm1;

static rapt_status side_of(rapt__run *run, const rapt__pairs *pairs, int side, int32_t vocabulary,
                           rapt__pbmt_text *out) {
  size_t total = 0;
  for (size_t i = 0; i < pairs->count; i++) total += (size_t)pairs->at[i].count[side];
  int32_t *ids = rapt__arena_new(&run->arena, total, sizeof *ids);
  size_t *begin = rapt__arena_new(&run->arena, pairs->count + 1, sizeof *begin), at = 0;
  if (!ids || !begin) return RAPT_ENOMEM;
  for (size_t i = 0; i < pairs->count; i++) {
    begin[i] = at;
    for (int64_t j = 0; j < pairs->at[i].count[side]; j++) ids[at++] = pairs->ids[pairs->at[i].begin[side] + (size_t)j];
  }
  begin[pairs->count] = at;
  *out = (rapt__pbmt_text){.ids = ids, .begin = begin, .count = pairs->count, .vocab = vocabulary};
  return RAPT_OK;
}

/* Means by the source's length, drawn towards the ratio of all by one sentence's weight. */
static rapt_status learn_lengths(rapt__run *run, const rapt__pairs *train, ibm1 *m) {
  for (size_t i = 0; i < train->count; i++)
    if (m->longest < train->at[i].count[RAPT__SOURCE]) m->longest = train->at[i].count[RAPT__SOURCE];
  double *sentences = rapt__arena_new(&run->arena, (size_t)m->longest + 1, sizeof *sentences), words[2] = {0, 0};
  m->length = rapt__arena_new(&run->arena, (size_t)m->longest + 1, sizeof *m->length);
  if (!sentences || !m->length) return RAPT_ENOMEM;
  for (size_t i = 0; i < train->count; i++) {
    const rapt__pair *p = &train->at[i];
    for (int s = 0; s < 2; s++) words[s] += (double)p->count[s];
    sentences[p->count[RAPT__SOURCE]]++;
    m->length[p->count[RAPT__SOURCE]] += (double)p->count[RAPT__TARGET];
  }
  for (int64_t k = 0; k <= m->longest; k++)
    m->length[k] = (m->length[k] + words[1] / words[0] * (double)k) / (sentences[k] + 1);
  return RAPT_OK;
}

static rapt_status learn(rapt__run *run, const rapt__pairs *train, const int32_t vocabularies[2], int64_t rounds,
                         ibm1 *m) {
  rapt__align_settings settings = RAPT__ALIGN_DEFAULTS;
  double likelihood;
  settings.model = RAPT__ALIGN_IBM1;
  for (int side = 0; side < 2; side++) RAPT_TRY(side_of(run, train, side, vocabularies[side], &m->sides[side]));
  RAPT_TRY(learn_lengths(run, train, m));
  m->frequency = rapt__arena_new(&run->arena, (size_t)vocabularies[1], sizeof *m->frequency);
  if (!m->frequency) return RAPT_ENOMEM;
  const rapt__pbmt_text *target = &m->sides[1];
  size_t words = target->begin[target->count];
  for (size_t i = 0; i < words; i++) m->frequency[target->ids[i]] += 1 / (double)words;
  RAPT_TRY(rapt__aligner_new(run->ctx, &m->sides[0], &m->sides[1], &settings, &m->aligner));
  for (int64_t r = 0; r < rounds; r++) RAPT_TRY(rapt__aligner_round(m->aligner, RAPT__ALIGN_IBM1, &likelihood));
  return RAPT_OK;
}

/* Adds −ln p of a pair for every share. */
static void add_pair(const ibm1 *m, const rapt__pairs *pairs, const rapt__pair *p, double *sums) {
  const int32_t *e = pairs->ids + p->begin[RAPT__SOURCE], *f = pairs->ids + p->begin[RAPT__TARGET];
  int64_t k = p->count[RAPT__SOURCE], words = p->count[RAPT__TARGET];
  double scale = k > m->longest ? (double)k / (double)m->longest : 1;
  double mean = m->length[k > m->longest ? m->longest : k] * scale;
  double length = (double)words * log(mean) - mean - lgamma((double)words + 1);
  for (int s = 0; s < SHARES; s++) sums[s] -= length;
  for (int64_t j = 0; j < words; j++) {
    double t = rapt__aligner_translation(m->aligner, -1, f[j]);
    for (int64_t i = 0; i < k; i++) t += rapt__aligner_translation(m->aligner, e[i], f[j]);
    t /= (double)(k + 1);
    for (int s = 0; s < SHARES; s++) sums[s] -= log((1 - shares[s]) * t + shares[s] * m->frequency[f[j]]);
  }
}

static void perplexities(const ibm1 *m, const rapt__pairs *pairs, double *out) {
  double tokens = 0;
  for (int s = 0; s < SHARES; s++) out[s] = 0;
  for (size_t i = 0; i < pairs->count; i++) {
    add_pair(m, pairs, &pairs->at[i], out);
    tokens += (double)pairs->at[i].count[RAPT__TARGET] + 1;
  }
  for (int s = 0; s < SHARES; s++) out[s] = exp(out[s] / tokens);
}

rapt_status rapt__rctm_ibm1_measure(rapt__run *run, const rapt__pairs *const sets[3], const int32_t vocabularies[2],
                                    int64_t rounds, rapt__rctm_ibm1 *out) {
  ibm1 m = {.longest = 1};
  rapt_status status = learn(run, sets[0], vocabularies, rounds, &m);
  if (status == RAPT_OK) {
    double valid[SHARES], test[SHARES];
    int best = SHARES - 1;
    perplexities(&m, sets[1], valid);
    perplexities(&m, sets[2], test);
    for (int s = 0; s < SHARES; s++)
      if (valid[s] < valid[best]) best = s;
    *out = (rapt__rctm_ibm1){.share = shares[best], .perplexity = test[best]};
  }
  rapt__aligner_free(m.aligner);
  return status;
}
