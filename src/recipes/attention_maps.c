/* Where translators look. */
#include "recipes/attention_maps.h"

#include "formats/svg.h"

#include <string.h>

/* A token as text: its bytes, where a space begins it without that. In the run's arena. */
static const char *text_of(rapt__run *run, const rapt_tokenizer *t, int32_t id) {
  size_t size;
  const char *bytes = rapt_tokenizer_token(t, id, &size);
  if (!bytes) return "";
  bool space = size > 1 && *bytes == ' ';
  char *copy = rapt__arena_new(&run->arena, size + 1, 1);
  if (copy) memcpy(copy, bytes + space, size - space);
  return copy ? copy : "";
}

const char *const *rapt__token_texts(rapt__run *run, const rapt_tokenizer *t, const int32_t *ids, int64_t count) {
  const char **out = rapt__arena_new(&run->arena, (size_t)count + 1, sizeof *out);
  for (int64_t i = 0; out && i < count; i++) out[i] = text_of(run, t, ids[i]);
  return out;
}

/* ---- Alignments ---- */

typedef struct drawing {
  const rapt__system *system;
  rapt__text *svg;
  rapt_status status;
} drawing;

static rapt_status draw(drawing *d, const rapt_translation *t) {
  const rapt_hypothesis *h = t->count ? &t->hypotheses[0] : NULL;
  rapt__run *run = d->system->run;
  if (t->status != RAPT_OK || !h || !h->alignment || h->count == 0) return RAPT_OK;
  const rapt_model *model = d->system->model;
  size_t cells = (size_t)(h->count * t->source_count);
  double *values = rapt__arena_new(&run->arena, cells, sizeof *values);
  rapt__heat heat = {.row_labels = rapt__token_texts(run, model->tokenizer, h->tokens, h->count),
                     .column_labels = rapt__token_texts(run, rapt__model_source(model), t->source, t->source_count),
                     .values = values,
                     .rows = (size_t)h->count,
                     .columns = (size_t)t->source_count,
                     .high = 1,
                     .cell = 22};
  if (!values || !heat.row_labels || !heat.column_labels) return RAPT_ENOMEM;
  for (size_t i = 0; i < cells; i++) values[i] = (double)h->alignment[i];
  return rapt__svg_heat(d->svg, &heat);
}

static bool take(void *user, const rapt_translation *t) {
  drawing *d = user;
  d->status = draw(d, t);
  return d->status == RAPT_OK;
}

rapt_status rapt__alignment_maps(const rapt__system *system, int64_t count, rapt__text *svg) {
  enum { MOST = 32 };
  const rapt__bitext *text = &system->corpus->test;
  const char *lines[MOST];
  size_t sizes[MOST];
  int64_t n = 0;
  for (; n < count && n < MOST && (size_t)n < text->count; n++) {
    size_t at = (size_t)n * text->count / (size_t)count;
    lines[n] = text->pairs[at][RAPT__SOURCE].bytes;
    sizes[n] = text->pairs[at][RAPT__SOURCE].size;
  }
  drawing d = {.system = system, .svg = svg};
  RAPT_TRY(rapt__system_align(system, lines, sizes, n, take, &d));
  return d.status;
}

/* ---- Heads ---- */

/* A pair as ids: the source with its end, and what the decoder reads. */
typedef struct ids {
  int32_t *source, *target; /* owned */
  int64_t source_count, target_count;
} ids;

static rapt_status encode_side(rapt_context *ctx, const rapt_tokenizer *t, const rapt__line *line, bool source,
                               int32_t **out, int64_t *count) {
  int32_t *raw;
  int64_t n;
  RAPT_TRY(rapt_tokenizer_encode(t, line->bytes, line->size, &raw, &n));
  *out = rapt__new(ctx, (size_t)n + 1, sizeof **out);
  if (*out) {
    if (n) memcpy(*out + !source, raw, (size_t)n * sizeof **out);
    (*out)[source ? n : 0] = source ? RAPT__EOS : RAPT__BOS;
  }
  rapt_tokenizer_release(t, raw);
  *count = n + 1;
  return *out ? RAPT_OK : RAPT_ENOMEM;
}

static rapt_status build(const rapt_model *model, const ids *p, rapt_graph *graph, rapt_plan **plan) {
  rapt__encoded encoded = {.count = 0};
  rapt__seq2seq_pass pass = {.graph = graph, .params = model->params, .config = model->config, .taps = true};
  pass.source = rapt_input(graph, "source", RAPT_I32, 2, (int64_t[]){1, p->source_count});
  pass.source_lengths = rapt_input(graph, "source_lengths", RAPT_I32, 1, (int64_t[]){1});
  pass.target = rapt_input(graph, "target", RAPT_I32, 2, (int64_t[]){1, p->target_count});
  pass.target_lengths = rapt_input(graph, "target_lengths", RAPT_I32, 1, (int64_t[]){1});
  model->arch->seq2seq->encode(&pass, &encoded);
  rapt__output out = model->arch->seq2seq->decode(&pass, &encoded);
  RAPT_TRY(rapt_plan_new(graph, &out.hidden, 1, NULL, plan));
  memcpy(rapt_plan_data(*plan, pass.source), p->source, (size_t)p->source_count * sizeof *p->source);
  memcpy(rapt_plan_data(*plan, pass.target), p->target, (size_t)p->target_count * sizeof *p->target);
  *(int32_t *)rapt_plan_data(*plan, pass.source_lengths) = (int32_t)p->source_count;
  return rapt_plan_run(*plan, 0);
}

static rapt_status tell_heads(rapt_plan *plan, rapt__head_fn each, void *user) {
  static const struct {
    const char *kind, *tap;
  } kinds[] = {{"encoder", "model.encoder.layers.%d.self_attn.probs"},
               {"decoder", "model.decoder.layers.%d.self_attn.probs"},
               {"decoder to encoder", "model.decoder.layers.%d.encoder_attn.probs"}};
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
    for (int layer = 0;; layer++) {
      char name[64], *place;
      snprintf(name, sizeof name, "%s", kinds[k].tap);
      place = strstr(name, "%d");
      snprintf(place, sizeof name - (size_t)(place - name), "%d%s", layer, strstr(kinds[k].tap, "%d") + 2);
      rapt_tensor *probs = rapt_plan_find(plan, name);
      if (!probs) break;
      const real *all = rapt_plan_data(plan, probs);
      int64_t rows = rapt_dim(probs, 2), columns = rapt_dim(probs, 3);
      for (int64_t h = 0; h < rapt_dim(probs, 1); h++) {
        rapt__head head = {kinds[k].kind, layer, h, rows, columns, all + h * rows * columns};
        RAPT_TRY(each(user, &head));
      }
    }
  return RAPT_OK;
}

rapt_status rapt__each_head(const rapt__system *system, size_t pair, rapt__pair_text *text, rapt__head_fn each,
                            void *user) {
  const rapt_model *model = system->model;
  rapt_context *ctx = model->ctx;
  const rapt__line *lines = system->corpus->test.pairs[pair];
  ids p = {0};
  rapt_graph *graph = NULL;
  rapt_plan *plan = NULL;
  rapt_status status =
      encode_side(ctx, rapt__model_source(model), &lines[RAPT__SOURCE], true, &p.source, &p.source_count);
  if (status == RAPT_OK)
    status = encode_side(ctx, model->tokenizer, &lines[RAPT__TARGET], false, &p.target, &p.target_count);
  if (status == RAPT_OK) status = rapt_graph_new(ctx, &graph);
  if (status == RAPT_OK) status = build(model, &p, graph, &plan);
  if (status == RAPT_OK && text) {
    *text = (rapt__pair_text){rapt__token_texts(system->run, rapt__model_source(model), p.source, p.source_count),
                              rapt__token_texts(system->run, model->tokenizer, p.target, p.target_count),
                              p.source_count, p.target_count};
    if (!text->source || !text->target) status = RAPT_ENOMEM;
  }
  if (status == RAPT_OK) status = tell_heads(plan, each, user);
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  rapt__free(ctx, p.source);
  rapt__free(ctx, p.target);
  return status;
}
