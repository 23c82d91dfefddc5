/* Generation: the key/value cache while the text fits the context, whole windows past it, bytes streamed as whole UTF-8. */
#include "infer/sampler.h"

#include "base/rng.h"
#include "tasks/model.h"

#include <string.h>

enum { STREAM_SAMPLE = 5 };

typedef struct generation {
  rapt_model *model;
  const rapt_generate_options *options;
  rapt_stream_fn stream;
  void *user;
  int32_t *ids; /* owned */
  int64_t count;
  float *logits;         /* (V) owned */
  rapt__candidate *room; /* (V) owned */
  char pending[8];       /* bytes of a character that is not whole yet */
  size_t pending_size;
} generation;

/* How many bytes at the end of the text begin a UTF-8 character without ending it. */
static size_t unfinished(const char *s, size_t n) {
  for (size_t back = 1; back <= 3 && back <= n; back++) {
    unsigned char c = (unsigned char)s[n - back];
    if (c < 0x80) return 0;
    if (c < 0xC0) continue;
    size_t need = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    return back < need ? back : 0;
  }
  return 0;
}

static bool emit(generation *g, const char *bytes, size_t size) {
  char joined[1024];
  while (size > 0) {
    size_t part = size < sizeof joined - sizeof g->pending ? size : sizeof joined - sizeof g->pending;
    memcpy(joined, g->pending, g->pending_size);
    memcpy(joined + g->pending_size, bytes, part);
    size_t n = g->pending_size + part, rest = unfinished(joined, n);
    memcpy(g->pending, joined + n - rest, rest);
    g->pending_size = rest;
    if (n > rest && !g->stream(g->user, joined, n - rest)) return false;
    bytes += part;
    size -= part;
  }
  return true;
}

/* Logits of the token after ids[0..count). `*cached`: tokens whose keys and values are in the cache. */
static rapt_status next_logits(generation *g, int64_t *cached) {
  rapt_model *model = g->model;
  int64_t context = rapt_model_context(model), v = rapt_model_vocabulary(model);
  const real *logits;
  if (g->options->no_cache || !model->arch->has_cache || g->count > context) {
    int64_t n = g->count < context ? g->count : context;
    RAPT_TRY(rapt__model_pass(model, RAPT__PASS_ALL, g->ids + g->count - n, n, 0, &logits));
    logits += (n - 1) * v;
  } else if (*cached == 0) {
    RAPT_TRY(rapt__model_pass(model, RAPT__PASS_CACHE, g->ids, g->count, 0, &logits));
    *cached = g->count;
  } else {
    RAPT_TRY(rapt__model_pass(model, RAPT__PASS_CACHE, g->ids + g->count - 1, 1, g->count - 1, &logits));
    *cached = g->count;
  }
  for (int64_t i = 0; i < v; i++) g->logits[i] = (float)logits[i];
  return RAPT_OK;
}

static rapt_status run(generation *g) {
  rapt_context *ctx = g->model->ctx;
  int64_t cached = 0, prompt = g->count, v = rapt_model_vocabulary(g->model);
  for (int64_t i = 0; i < g->options->tokens; i++) {
    if (atomic_load(&ctx->interrupted)) return rapt__fail(ctx, RAPT_EINTERRUPTED, "generation was interrupted");
    RAPT_TRY(next_logits(g, &cached));
    double u = rapt__rng_uniform(g->options->seed, (uint64_t)STREAM_SAMPLE << 32, (uint64_t)i);
    int32_t id = rapt__sample_token(g->logits, v, g->ids, g->count, g->options, u, g->room);
    g->ids[g->count++] = id;
    size_t size;
    const char *bytes = rapt_tokenizer_token(g->model->tokenizer, id, &size);
    if (bytes && !emit(g, bytes, size)) break;
  }
  if (g->pending_size && g->count > prompt) g->stream(g->user, g->pending, g->pending_size);
  return RAPT_OK;
}

rapt_status rapt_model_generate(rapt_model *model, const char *prompt, size_t size,
                                const rapt_generate_options *options, rapt_stream_fn stream, void *user) {
  rapt_context *ctx = model->ctx;
  RAPT_TRY(rapt__model_is_language(model));
  if (!model->tokenizer) return rapt__fail(ctx, RAPT_EINVAL, "the model has no tokenizer, so it cannot read a prompt");
  if (options->tokens < 0 || options->tokens > (1 << 28))
    return rapt__fail(ctx, RAPT_EINVAL, "tokens to generate: %lld", (long long)options->tokens);
  int32_t *encoded = NULL;
  int64_t count = 0, v = rapt_model_vocabulary(model);
  if (size) RAPT_TRY(rapt__model_encode(model, prompt, size, &encoded, &count));
  generation g = {.model = model, .options = options, .stream = stream, .user = user};
  g.ids = rapt__new(ctx, (size_t)(count + options->tokens + 1), sizeof *g.ids);
  g.logits = rapt__new(ctx, (size_t)v, sizeof *g.logits);
  g.room = rapt__new(ctx, (size_t)v, sizeof *g.room);
  rapt_status status = g.ids && g.logits && g.room ? RAPT_OK : RAPT_ENOMEM;
  if (status == RAPT_OK) {
    if (count) memcpy(g.ids, encoded, (size_t)count * sizeof *g.ids);
    g.count = count ? count : 1;
    if (model->arch->has_cache && !options->no_cache) status = rapt__model_reserve(model, g.count + options->tokens);
    if (status == RAPT_OK) status = run(&g);
  }
  rapt__free(ctx, encoded);
  rapt__free(ctx, g.ids);
  rapt__free(ctx, g.logits);
  rapt__free(ctx, g.room);
  return status;
}
