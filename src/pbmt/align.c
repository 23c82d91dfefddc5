/* Aligning a text: rounds of expectation maximisation over blocks of sentence pairs, then both directions joined. The
 * pairs of a block are gone through by all threads, and their counts are added up in order by one. */
#include "pbmt/aligner.h"

#include "base/team.h"

#include <string.h>

enum { GRAIN = 16 }; /* sentence pairs a thread takes at once */

typedef struct job {
  rapt__aligner *a;
  rapt__align_model model;
  size_t begin, end; /* sentence pairs */
  int32_t *best;     /* (target words of the text) for the last pass */
} job;

static double *scratch_of(const rapt__aligner *a, int worker) { return a->scratch + (size_t)worker * a->scratch_size; }

static double expect_pair(const rapt__aligner *a, rapt__align_model model, size_t s, double *scratch, double *post) {
  if (!rapt__aligner_has(a, s)) return 0;
  if (model == RAPT__ALIGN_IBM1) return rapt__aligner_expect_ibm1(a, s, post);
  return rapt__aligner_expect_hmm(a, s, scratch, post, post + a->link[s + 1] - a->link[s]);
}

static void expect(void *arg, int64_t task, int worker) {
  job *j = arg;
  rapt__aligner *a = j->a;
  size_t begin = j->begin + (size_t)task * GRAIN, end = begin + GRAIN < j->end ? begin + GRAIN : j->end;
  for (size_t s = begin; s < end; s++)
    a->likelihood[s] = expect_pair(a, j->model, s, scratch_of(a, worker), a->work + (a->place[s] - a->place[j->begin]));
}

static void add_up(const job *j) {
  rapt__aligner *a = j->a;
  for (size_t s = j->begin; s < j->end; s++) {
    const double *post = a->work + (a->place[s] - a->place[j->begin]);
    size_t links = a->link[s + 1] - a->link[s];
    const uint32_t *cell = a->cell + a->link[s];
    for (size_t k = 0; k < links; k++) a->mass[cell[k]] += post[k];
    if (links && j->model == RAPT__ALIGN_HMM)
      rapt__aligner_count_moves(a, rapt__pbmt_length(&a->source, s), post + links);
  }
}

static void run(job *j, rapt__task_fn fn) {
  rapt__team_run(j->a->ctx->team, fn, j, (int64_t)((j->end - j->begin + GRAIN - 1) / GRAIN));
}

/* Words that hardly occur any more in posteriors keep their old distribution rather than divide by nothing. */
static void maximise_words(rapt__aligner *a) {
  for (size_t e = 0; e <= (size_t)a->source.vocab; e++) {
    double sum = 0;
    for (size_t c = a->first[e]; c < a->first[e + 1]; c++) sum += a->mass[c];
    if (sum > 0)
      for (size_t c = a->first[e]; c < a->first[e + 1]; c++) a->prob[c] = a->mass[c] / sum;
  }
}

rapt_status rapt__aligner_round(rapt__aligner *a, rapt__align_model model, double *likelihood) {
  job j = {.a = a, .model = model};
  *likelihood = 0;
  memset(a->mass, 0, a->cells * sizeof *a->mass);
  memset(a->moved, 0, (2 * (size_t)a->longest + 1) * sizeof *a->moved);
  memset(a->stood, 0, rapt__aligner_place((size_t)a->longest + 1, 0) * sizeof *a->stood);
  for (; j.begin < a->source.count; j.begin = j.end) {
    if (atomic_load(&a->ctx->interrupted))
      return rapt__fail(a->ctx, RAPT_EINTERRUPTED, "alignment was interrupted at sentence %zu", j.begin + 1);
    j.end = j.begin + 1;
    while (j.end < a->source.count && a->place[j.end + 1] - a->place[j.begin] <= a->work_size) j.end++;
    run(&j, expect);
    add_up(&j);
  }
  for (size_t s = 0; s < a->source.count; s++) *likelihood += a->likelihood[s];
  maximise_words(a);
  if (model == RAPT__ALIGN_HMM) rapt__aligner_maximise_jumps(a);
  return RAPT_OK;
}

static rapt_status check_sentence(const rapt__aligner *a, size_t sentence) {
  if (sentence < a->source.count) return RAPT_OK;
  return rapt__fail(a->ctx, RAPT_EINVAL, "alignment: there is no sentence pair %zu among %zu", sentence + 1,
                    a->source.count);
}

rapt_status rapt__aligner_posteriors(rapt__aligner *a, rapt__align_model model, size_t s, double *out,
                                     double *likelihood) {
  RAPT_TRY(check_sentence(a, s));
  *likelihood = expect_pair(a, model, s, a->scratch, a->work);
  memcpy(out, a->work, (a->link[s + 1] - a->link[s]) * sizeof *out);
  return RAPT_OK;
}

static void best_pair(const rapt__aligner *a, rapt__align_model model, size_t s, double *scratch, int32_t *best) {
  if (!rapt__aligner_has(a, s)) {
    for (size_t j = 0; j < rapt__pbmt_length(&a->target, s); j++) best[j] = -1;
  } else if (model == RAPT__ALIGN_IBM1) {
    rapt__aligner_best_ibm1(a, s, best);
  } else {
    rapt__aligner_best_hmm(a, s, scratch, best);
  }
}

rapt_status rapt__aligner_best(rapt__aligner *a, rapt__align_model model, size_t s, int32_t *best) {
  RAPT_TRY(check_sentence(a, s));
  best_pair(a, model, s, a->scratch, best);
  return RAPT_OK;
}

static void decide(void *arg, int64_t task, int worker) {
  job *j = arg;
  size_t begin = (size_t)task * GRAIN, end = begin + GRAIN < j->end ? begin + GRAIN : j->end;
  for (size_t s = begin; s < end; s++)
    best_pair(j->a, j->model, s, scratch_of(j->a, worker), j->best + (j->a->target.begin[s] - j->a->target.begin[0]));
}

/* Learns one direction; *best gets the best link of each target word of the text, to be freed. */
static rapt_status learn(rapt_context *ctx, const rapt__pbmt_text *source, const rapt__pbmt_text *target,
                         const rapt__align_settings *settings, int32_t **best) {
  rapt__aligner *a;
  double likelihood;
  RAPT_TRY(rapt__aligner_new(ctx, source, target, settings, &a));
  rapt_status status = RAPT_OK;
  for (int r = 0; r < settings->ibm1_rounds && status == RAPT_OK; r++)
    status = rapt__aligner_round(a, RAPT__ALIGN_IBM1, &likelihood);
  for (int r = 0; r < settings->hmm_rounds && status == RAPT_OK && settings->model == RAPT__ALIGN_HMM; r++)
    status = rapt__aligner_round(a, RAPT__ALIGN_HMM, &likelihood);
  size_t words = target->begin[target->count] - target->begin[0];
  if (status == RAPT_OK && !(*best = rapt__new(ctx, words, sizeof **best))) status = RAPT_ENOMEM;
  if (status == RAPT_OK) run(&(job){.a = a, .model = settings->model, .end = target->count, .best = *best}, decide);
  rapt__aligner_free(a);
  return status;
}

static rapt_status join_text(rapt__align_join join, const rapt__pbmt_text *source, const rapt__pbmt_text *target,
                             const int32_t *forward, const int32_t *backward, rapt__pbmt_links *out) {
  size_t room = 1;
  for (size_t s = 0; s < source->count; s++) {
    size_t n = rapt__pbmt_length(source, s), rows = rapt__pbmt_length(target, s), need = n * rows + n + rows;
    if (need > room) room = need;
  }
  uint8_t *marks = rapt__alloc(out->ctx, room);
  rapt_status status = marks ? RAPT_OK : RAPT_ENOMEM;
  for (size_t s = 0; s < source->count && status == RAPT_OK; s++) {
    status = rapt__align_join_pair(join, forward + (target->begin[s] - target->begin[0]), rapt__pbmt_length(target, s),
                                   backward + (source->begin[s] - source->begin[0]), rapt__pbmt_length(source, s),
                                   marks, out);
    rapt__pbmt_links_end(out, s);
  }
  rapt__free(out->ctx, marks);
  return status;
}

rapt_status rapt__align_text(rapt_context *ctx, const rapt__pbmt_text *source, const rapt__pbmt_text *target,
                             const rapt__align_settings *settings, rapt__pbmt_links *out) {
  int32_t *forward = NULL, *backward = NULL;
  *out = (rapt__pbmt_links){0};
  RAPT_TRY(rapt__pbmt_check_pair(ctx, source, target));
  rapt_status status = rapt__pbmt_links_init(out, ctx, source->count);
  if (status == RAPT_OK) status = learn(ctx, source, target, settings, &forward);
  if (status == RAPT_OK) status = learn(ctx, target, source, settings, &backward);
  if (status == RAPT_OK) status = join_text(settings->join, source, target, forward, backward, out);
  rapt__free(ctx, forward);
  rapt__free(ctx, backward);
  return status;
}
