/* The parameter lists of algorithms 8, 9 and 10. One walk over each list serves to count, to place and to
 * initialise. */
#include "explain/formal/formal.h"

#include "base/rng.h"

enum { LIMIT = 1 << 24, LIMIT_LAYERS = 4096 }; /* products of two sizes then fit; sums are checked */

/* Where the walk stands. With base == NULL it only counts. */
typedef struct walk {
  double *base;
  size_t used;
  bool overflow;
  double scale;
  uint64_t seed;
  rapt__arena *arena;
  rapt_status status;
} walk;

typedef enum fill { MATRIX, ZEROS, ONES } fill;

static double *take(walk *w, size_t rows, size_t cols, fill how) {
  size_t at = w->used, n = rows * cols;
  w->overflow = w->overflow || rapt__add_overflows(w->used, n, &w->used);
  if (!w->base) return NULL;
  double *p = w->base + at;
  if (w->scale != 0 && how != ZEROS)
    for (size_t i = 0; i < n; i++) p[i] = how == ONES ? 1 : w->scale * rapt__rng_normal(w->seed, 0, at + i);
  return p;
}

/* The array of a list's repeated part, or NULL when only counting. */
static void *repeat(walk *w, size_t count, size_t size) {
  if (!w->base) return NULL;
  void *p = rapt__arena_new(w->arena, count, size);
  if (!p) w->status = RAPT_ENOMEM;
  return p;
}

static void walk_norm(walk *w, size_t dim, rapt__formal_norm_params *out) {
  out->dim = dim;
  out->gamma = take(w, dim, 1, ONES);
  out->beta = take(w, dim, 1, ZEROS);
}

static void walk_attention(walk *w, const rapt__formal_hyper *h, rapt__formal_attention_params *out) {
  *out = (rapt__formal_attention_params){.d_x = h->d_e, .d_z = h->d_e, .d_attn = h->d_attn, .d_out = h->d_mid};
  out->w_q = take(w, h->d_attn, h->d_e, MATRIX);
  out->b_q = take(w, h->d_attn, 1, ZEROS);
  out->w_k = take(w, h->d_attn, h->d_e, MATRIX);
  out->b_k = take(w, h->d_attn, 1, ZEROS);
  out->w_v = take(w, h->d_mid, h->d_e, MATRIX);
  out->b_v = take(w, h->d_mid, 1, ZEROS);
}

static void walk_mhattention(walk *w, const rapt__formal_hyper *h, rapt__formal_mhattention_params *out) {
  *out = (rapt__formal_mhattention_params){.heads = h->heads, .d_mid = h->d_mid, .d_out = h->d_e};
  out->head = repeat(w, h->heads, sizeof *out->head);
  if (w->status != RAPT_OK) return;
  for (size_t i = 0; i < h->heads; i++) {
    rapt__formal_attention_params counted;
    walk_attention(w, h, out->head ? &out->head[i] : &counted);
  }
  out->w_o = take(w, h->d_e, h->heads * h->d_mid, MATRIX);
  out->b_o = take(w, h->d_e, 1, ZEROS);
}

static void walk_mlp(walk *w, const rapt__formal_hyper *h, rapt__formal_mlp_params *out) {
  *out = (rapt__formal_mlp_params){.d_e = h->d_e, .d_mlp = h->d_mlp};
  out->w_1 = take(w, h->d_mlp, h->d_e, MATRIX);
  out->b_1 = take(w, h->d_mlp, 1, ZEROS);
  out->w_2 = take(w, h->d_e, h->d_mlp, MATRIX);
  out->b_2 = take(w, h->d_e, 1, ZEROS);
}

static void walk_layers(walk *w, const rapt__formal_hyper *h, rapt__formal_layer_params **out) {
  *out = repeat(w, h->layers, sizeof **out);
  for (size_t l = 0; l < h->layers && w->status == RAPT_OK; l++) {
    rapt__formal_layer_params counted, *layer = *out ? &(*out)[l] : &counted;
    walk_mhattention(w, h, &layer->attention);
    walk_norm(w, h->d_e, &layer->norm_1);
    walk_mlp(w, h, &layer->mlp);
    walk_norm(w, h->d_e, &layer->norm_2);
  }
}

static void walk_ed(walk *w, const rapt__formal_hyper *h, rapt__formal_ed *out) {
  out->w_e = take(w, h->vocab, h->d_e, MATRIX);
  out->w_p = take(w, h->max_length, h->d_e, MATRIX);
  walk_layers(w, h, &out->encoder);
  out->decoder = repeat(w, h->dec_layers, sizeof *out->decoder);
  for (size_t l = 0; l < h->dec_layers && w->status == RAPT_OK; l++) {
    rapt__formal_decoder_params counted, *layer = out->decoder ? &out->decoder[l] : &counted;
    walk_mhattention(w, h, &layer->self);
    walk_norm(w, h->d_e, &layer->norm_3);
    walk_mhattention(w, h, &layer->cross);
    walk_norm(w, h->d_e, &layer->norm_4);
    walk_mlp(w, h, &layer->mlp);
    walk_norm(w, h->d_e, &layer->norm_5);
  }
  out->w_u = take(w, h->vocab, h->d_e, MATRIX);
}

static void walk_e(walk *w, const rapt__formal_hyper *h, rapt__formal_e *out) {
  out->w_e = take(w, h->vocab, h->d_e, MATRIX);
  out->w_p = take(w, h->max_length, h->d_e, MATRIX);
  walk_layers(w, h, &out->layer);
  out->w_f = take(w, h->d_f, h->d_e, MATRIX);
  out->b_f = take(w, h->d_f, 1, ZEROS);
  walk_norm(w, h->d_f, &out->norm);
  out->w_u = take(w, h->vocab, h->d_f, MATRIX);
}

static void walk_d(walk *w, const rapt__formal_hyper *h, rapt__formal_d *out) {
  out->w_e = take(w, h->vocab, h->d_e, MATRIX);
  out->w_p = take(w, h->max_length, h->d_e, MATRIX);
  walk_layers(w, h, &out->layer);
  walk_norm(w, h->d_e, &out->norm);
  out->w_u = take(w, h->vocab, h->d_e, MATRIX);
}

static bool sensible(const rapt__formal_hyper *h) {
  const size_t sizes[] = {h->vocab, h->max_length, h->d_e, h->d_mlp, h->d_attn, h->d_mid};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    if (sizes[i] == 0 || sizes[i] > LIMIT) return false;
  return h->heads > 0 && h->heads <= LIMIT_LAYERS && h->layers <= LIMIT_LAYERS && h->dec_layers <= LIMIT_LAYERS;
}

size_t rapt__formal_ed_count(const rapt__formal_hyper *hyper) {
  walk w = {0};
  rapt__formal_ed counted;
  if (!sensible(hyper)) return 0;
  walk_ed(&w, hyper, &counted);
  return w.overflow ? 0 : w.used;
}

size_t rapt__formal_e_count(const rapt__formal_hyper *hyper) {
  walk w = {0};
  rapt__formal_e counted;
  if (!sensible(hyper) || hyper->d_f == 0 || hyper->d_f > LIMIT) return 0;
  walk_e(&w, hyper, &counted);
  return w.overflow ? 0 : w.used;
}

size_t rapt__formal_d_count(const rapt__formal_hyper *hyper) {
  walk w = {0};
  rapt__formal_d counted;
  if (!sensible(hyper)) return 0;
  walk_d(&w, hyper, &counted);
  return w.overflow ? 0 : w.used;
}

/* Room for `count` parameters and a walk that fills it. */
static rapt_status begin(rapt__arena *arena, const char *what, size_t count, double scale, uint64_t seed, walk *w) {
  if (count == 0)
    return rapt__fail(arena->ctx, RAPT_EINVAL, "%s: a hyperparameter is zero or too large to make parameters of", what);
  *w = (walk){.scale = scale, .seed = seed, .arena = arena, .base = rapt__arena_new(arena, count, sizeof *w->base)};
  return w->base ? RAPT_OK : RAPT_ENOMEM;
}

rapt_status rapt__formal_ed_new(rapt__arena *arena, const rapt__formal_hyper *hyper, double scale, uint64_t seed,
                                rapt__formal_ed *out) {
  walk w = {0};
  *out = (rapt__formal_ed){.hyper = *hyper, .count = rapt__formal_ed_count(hyper)};
  RAPT_TRY(begin(arena, "EDTransformer", out->count, scale, seed, &w));
  out->all = w.base;
  walk_ed(&w, hyper, out);
  return w.status;
}

rapt_status rapt__formal_e_new(rapt__arena *arena, const rapt__formal_hyper *hyper, double scale, uint64_t seed,
                               rapt__formal_e *out) {
  walk w = {0};
  *out = (rapt__formal_e){.hyper = *hyper, .count = rapt__formal_e_count(hyper)};
  RAPT_TRY(begin(arena, "ETransformer", out->count, scale, seed, &w));
  out->all = w.base;
  walk_e(&w, hyper, out);
  return w.status;
}

rapt_status rapt__formal_d_new(rapt__arena *arena, const rapt__formal_hyper *hyper, double scale, uint64_t seed,
                               rapt__formal_d *out) {
  walk w = {0};
  *out = (rapt__formal_d){.hyper = *hyper, .count = rapt__formal_d_count(hyper)};
  RAPT_TRY(begin(arena, "DTransformer", out->count, scale, seed, &w));
  out->all = w.base;
  walk_d(&w, hyper, out);
  return w.status;
}
