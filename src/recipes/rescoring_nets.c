/* Networks over the training text, and their scores of the lists' entries. */
#include "recipes/rescoring.h"

#include "base/file.h"
#include "pbmt/segment.h"

#include <math.h>
#include <string.h>

/* What turns sentences of all texts into sequences of one kind. */
typedef struct reader {
  rapt__rescoring *r;
  rapt__rescoring_kind kind;
  rapt__sequencer sequencer;
  rapt__segmenter segmenter;
  rapt__pbmt_span *spans; /* owned */
  size_t apart;           /* sentence pairs that no phrases make */
} reader;

static int words_of(const reader *d) { return d->kind == RAPT__RESCORING_PHRASES ? (int)d->r->settings->longest : 1; }

static rapt_status reader_init(rapt__rescoring *r, rapt__rescoring_kind kind, reader *d) {
  *d = (reader){.r = r, .kind = kind};
  RAPT_TRY(rapt__sequencer_init(r->run->ctx, &r->vocab[0], &r->vocab[1], &d->sequencer));
  RAPT_TRY(rapt__segmenter_init(r->run->ctx, &r->system.phrases, r->system.decoder.weights, (int)r->settings->longest,
                                &d->segmenter));
  d->spans = rapt__new(r->run->ctx, RAPT__PBMT_LONGEST, sizeof *d->spans);
  return d->spans ? RAPT_OK : RAPT_ENOMEM;
}

static void reader_free(reader *d) {
  rapt__sequencer_free(&d->sequencer);
  rapt__segmenter_free(&d->segmenter);
  if (d->spans) rapt__free(d->r->run->ctx, d->spans);
}

/* A sentence pair with links. */
static rapt_status read_pair(reader *d, int set, size_t s, const rapt__pbmt_link *links, size_t count,
                             rapt__pairs *out) {
  const rapt__pbmt_text *text = d->r->text[set];
  const int32_t *source = rapt__pbmt_words(&text[0], s), *target = rapt__pbmt_words(&text[1], s);
  size_t source_length = rapt__pbmt_length(&text[0], s), target_length = rapt__pbmt_length(&text[1], s);
  if (d->kind == RAPT__RESCORING_LM) return rapt__sequence_target(&d->sequencer, target, target_length, out);
  if (d->kind != RAPT__RESCORING_PHRASES)
    return rapt__sequence_words(&d->sequencer, source, source_length, target, target_length, links, count, out);
  size_t spans = rapt__segment(&d->segmenter, source, source_length, target, target_length, links, count, d->spans);
  if (spans == 0) {
    d->apart++;
    return RAPT_OK;
  }
  return rapt__sequence_phrases(&d->sequencer, source, target, d->spans, spans, words_of(d), out);
}

static rapt_status read_text(reader *d, int set, const rapt__pbmt_links *links, rapt__pairs *out) {
  *out = (rapt__pairs){.ctx = d->r->run->ctx};
  for (size_t s = 0; s < d->r->text[set][0].count; s++)
    RAPT_TRY(read_pair(d, set, s, links->at + links->begin[s], links->begin[s + 1] - links->begin[s], out));
  return RAPT_OK;
}

static rapt_status read_entry(reader *d, int set, size_t s, size_t k, rapt__pbmt_links *links, rapt__pairs *out) {
  const rapt__pbmt_nbest *l = &d->r->lists[set];
  const rapt__pbmt_text *text = &d->r->text[set][0];
  const int32_t *source = rapt__pbmt_words(text, s), *target = l->words + l->word_at[k];
  size_t target_length = l->word_at[k + 1] - l->word_at[k];
  if (d->kind == RAPT__RESCORING_LM) return rapt__sequence_target(&d->sequencer, target, target_length, out);
  if (d->kind == RAPT__RESCORING_PHRASES)
    return rapt__sequence_phrases(&d->sequencer, source, target, l->spans + l->span_at[k],
                                  l->span_at[k + 1] - l->span_at[k], words_of(d), out);
  links->size = 0;
  RAPT_TRY(rapt__pbmt_entry_links(&d->r->system.phrases, &d->r->links[0], source, l, k, links));
  return rapt__sequence_words(&d->sequencer, source, rapt__pbmt_length(text, s), target, target_length, links->at,
                              links->size, out);
}

static rapt_status read_lists(reader *d, int set) {
  const rapt__pbmt_nbest *l = &d->r->lists[set];
  rapt__pbmt_links links;
  d->r->entries[set] = (rapt__pairs){.ctx = d->r->run->ctx};
  rapt_status status = rapt__pbmt_links_init(&links, d->r->run->ctx, 1);
  for (size_t s = 0; s < l->sentences; s++)
    for (size_t k = l->first[s]; k < l->first[s + 1] && status == RAPT_OK; k++)
      status = read_entry(d, set, s, k, &links, &d->r->entries[set]);
  rapt__pbmt_links_free(&links);
  return status;
}

/* Both kinds of networks over words read the same sequences. */
static int form_of(rapt__rescoring_kind kind) {
  return kind == RAPT__RESCORING_LM ? 1 : kind == RAPT__RESCORING_PHRASES ? 3 : 2;
}

static rapt_status read_all(rapt__rescoring *r, rapt__rescoring_kind kind) {
  reader d;
  if (r->form == form_of(kind)) return RAPT_OK;
  r->form = 0;
  rapt__pairs_free(&r->train);
  rapt__pairs_free(&r->valid);
  for (int set = 0; set < RAPT__RESCORING_SETS; set++) rapt__pairs_free(&r->entries[set]);
  rapt_status status = reader_init(r, kind, &d);
  if (status == RAPT_OK) status = read_text(&d, RAPT__RESCORING_TRAIN, &r->links[0], &r->train);
  size_t apart = d.apart;
  if (status == RAPT_OK) status = read_text(&d, RAPT__RESCORING_DEV, &r->links[1], &r->valid);
  for (int set = RAPT__RESCORING_DEV; set <= RAPT__RESCORING_TEST && status == RAPT_OK; set++)
    status = read_lists(&d, set);
  if (status == RAPT_OK && kind == RAPT__RESCORING_PHRASES)
    rapt__run_say(r->run, RAPT_EVENT_NOTE, "%zu of %zu training pairs cannot be made of phrases of the table", apart,
                  r->text[RAPT__RESCORING_TRAIN][0].count);
  if (status == RAPT_OK) r->form = form_of(kind);
  reader_free(&d);
  return status;
}

/* ---- A network ---- */

static rapt__aligned_rnn network(const rapt__rescoring *r, rapt__rescoring_kind kind) {
  const rapt__rescoring_settings *s = r->settings;
  return (rapt__aligned_rnn){.sources = kind == RAPT__RESCORING_LM ? 0 : r->vocab[0].size,
                             .targets = r->vocab[1].size,
                             .features = s->features,
                             .units = s->units,
                             .words = kind == RAPT__RESCORING_PHRASES ? s->longest : 1,
                             .history = true,
                             .bidirectional = kind >= RAPT__RESCORING_BOTH,
                             .deep = s->deep && kind != RAPT__RESCORING_LM,
                             .dropout = s->dropout};
}

static rapt_status add_scores(rapt__rescoring *r, const rapt__aligned_task *task, const char *name) {
  for (int set = RAPT__RESCORING_DEV; set <= RAPT__RESCORING_TEST; set++) {
    double *scores = rapt__new(r->run->ctx, r->entries[set].count, sizeof *scores);
    rapt_status status = scores ? rapt__aligned_score(task, &r->entries[set], scores) : RAPT_ENOMEM;
    if (status == RAPT_OK) status = rapt__pbmt_nbest_add_column(&r->lists[set], name, scores);
    rapt__free(r->run->ctx, scores);
    RAPT_TRY(status);
  }
  return RAPT_OK;
}

static rapt_status train_and_score(rapt__rescoring *r, rapt__aligned_task *task, const char *name, double *nats) {
  rapt__run *run = r->run;
  rapt__trainer t;
  const char *dir = rapt__run_path(run, name);
  if (!dir) return RAPT_ENOMEM;
  RAPT_TRY(rapt__aligned_init(task));
  rapt__trainer_init(&t, run->ctx);
  rapt__run_trainer(run, &t, &task->task, task->params, dir);
  t.seed = task->seed;
  rapt__run_say(run, RAPT_EVENT_NOTE, "%s: %lld parameters, %zu batches an epoch in %d shapes", name,
                (long long)rapt_params_size(task->params), task->train_batches.count, task->buckets.count);
  rapt_status status = rapt__run_train(run, &t);
  double seconds = t.seconds, begin = rapt__now();
  rapt__trainer_free(&t);
  if (status != RAPT_OK || run->result->interrupted) return status;
  RAPT_TRY(rapt__aligned_measure(task, &r->valid, nats));
  RAPT_TRY(add_scores(r, task, name));
  rapt__run_say(run, RAPT_EVENT_NOTE,
                "%s: perplexity %.2f of the validation text; %.0f s of training, %.0f s of scoring", name, exp(*nats),
                seconds, rapt__now() - begin);
  return RAPT_OK;
}

rapt_status rapt__rescoring_net(rapt__rescoring *r, rapt__rescoring_kind kind, const char *name, uint64_t seed,
                                double *nats) {
  RAPT_TRY(read_all(r, kind));
  rapt__aligned_task task = {.ctx = r->run->ctx,
                             .net = network(r, kind),
                             .train = &r->train,
                             .valid = &r->valid,
                             .batch = r->run->train.batch,
                             .evals = r->run->train.evals,
                             .seed = seed};
  rapt_status status = train_and_score(r, &task, name, nats);
  rapt__aligned_free(&task);
  return status;
}
