/* The formal algorithms against PyTorch in double precision; make_formal.py wrote the numbers. */
#include "unit/unit.h"

#include "explain/formal/formal.h"

#include <jansson.h>
#include <math.h>

static rapt_context *ctx;
static rapt__arena arena;
static json_t *golden;
static rapt__formal_hyper hyper;
static const double bound = 1e-12; /* of the largest number of each list */

static size_t size_of(const char *name) {
  json_t *value = json_object_get(json_object_get(golden, "sizes"), name);
  assert_true(json_is_integer(value));
  return (size_t)json_integer_value(value);
}

static void read_sizes(void) {
  hyper = (rapt__formal_hyper){.vocab = size_of("vocab"),
                               .max_length = size_of("max_length"),
                               .layers = 2,
                               .dec_layers = 2,
                               .heads = size_of("heads"),
                               .d_e = size_of("d_e"),
                               .d_mlp = size_of("d_mlp"),
                               .d_f = size_of("d_f")};
  hyper.d_attn = hyper.d_mid = hyper.d_e / hyper.heads;
}

static int set_up(void **state) {
  (void)state;
  if (rapt_context_new(&ctx, &(rapt_options){.threads = 1}) != RAPT_OK) return -1;
  rapt__arena_init(&arena, ctx);
  golden = json_load_file("tests/golden/formal.json", 0, NULL);
  if (!golden) return -1;
  read_sizes();
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  json_decref(golden);
  rapt__arena_free(&arena);
  rapt_context_free(ctx);
  return 0;
}

/* A list of numbers, of lists, …, flat. */
static void flatten(json_t *value, double *to, size_t room, size_t *used) {
  json_t *item;
  size_t i;
  if (json_is_array(value)) {
    json_array_foreach(value, i, item) flatten(item, to, room, used);
    return;
  }
  assert_true(json_is_number(value) && *used < room);
  to[(*used)++] = json_number_value(value);
}

static double *list(const char *part, const char *name, size_t count) {
  double *to = rapt__arena_new(&arena, count, sizeof *to);
  size_t used = 0;
  assert_non_null(to);
  flatten(json_object_get(part ? json_object_get(golden, part) : golden, name), to, count, &used);
  if (used != count) fail_msg("%s.%s: %zu numbers instead of %zu", part ? part : "", name, used, count);
  return to;
}

static rapt__formal_tokens tokens(const char *part, const char *name, size_t length, size_t dim) {
  return (rapt__formal_tokens){length, dim, list(part, name, length * dim)};
}

static rapt__formal_text ids(const char *name) {
  size_t n = json_array_size(json_object_get(golden, name));
  int32_t *to = rapt__arena_new(&arena, n, sizeof *to);
  const double *from = list(NULL, name, n);
  assert_non_null(to);
  for (size_t i = 0; i < n; i++) to[i] = (int32_t)from[i];
  return (rapt__formal_text){to, n};
}

static void same(const char *what, const double *got, const double *wanted, size_t count) {
  double worst = 0, largest = 0;
  for (size_t i = 0; i < count; i++) {
    assert_true(isfinite(got[i]));
    worst = fmax(worst, fabs(got[i] - wanted[i]));
    largest = fmax(largest, fabs(wanted[i]));
  }
  print_message("%s: %.1e\n", what, worst / largest);
  assert_true(largest > 0);
  assert_true(worst <= bound * largest);
}

static void dot_product_attention(void **state) {
  (void)state;
  size_t d = hyper.d_e;
  rapt__formal_tokens q = tokens("dot_products", "q", 5, d), k = tokens("dot_products", "k", 5, d),
                      v = tokens("dot_products", "v", 5, d), other_k = tokens("dot_products", "other_k", 3, d),
                      other_v = tokens("dot_products", "other_v", 3, d);
  double *one = rapt__arena_new(&arena, d * d, sizeof *one), *zero = rapt__arena_new(&arena, d, sizeof *zero);
  double *left = rapt__arena_new(&arena, 2 * d * d, sizeof *left),
         *right = rapt__arena_new(&arena, 2 * d * d, sizeof *right);
  assert_true(one && zero && left && right);
  /* Keys and values come from one context: its tokens are both side by side, and each projection picks its half. */
  for (size_t i = 0; i < d; i++) one[i * d + i] = left[i * 2 * d + i] = right[i * 2 * d + d + i] = 1;
  rapt__formal_attention_params p = {d, 2 * d, d, d, one, zero, left, zero, right, zero};
  for (int kind = 0; kind < 3; kind++) {
    static const char *const names[] = {"plain", "causal", "cross"};
    rapt__formal_tokens keys = kind == 2 ? other_k : k, values = kind == 2 ? other_v : v, z;
    rapt__formal_attention_tape tape;
    assert_ok(ctx, rapt__formal_tokens_new(&arena, keys.length, 2 * d, &z));
    for (size_t t = 0; t < z.length; t++) {
      memcpy(rapt__formal_row(z, t), rapt__formal_row(keys, t), d * sizeof(double));
      memcpy(rapt__formal_row(z, t) + d, rapt__formal_row(values, t), d * sizeof(double));
    }
    assert_ok(ctx, rapt__formal_attention(&arena, q, z, &p,
                                          kind == 1 ? RAPT__FORMAL_UNIDIRECTIONAL : RAPT__FORMAL_BIDIRECTIONAL, &tape));
    same(names[kind], tape.out.at, list("dot_products", names[kind], 5 * d), 5 * d);
    /* Algorithm 3 answers one query over the whole context. */
    double single[64];
    assert_ok(ctx, rapt__formal_basic_attention(&arena, rapt__formal_row(q, 4), z, &p, single));
    same("single query", single, list("dot_products", names[kind], 5 * d) + 4 * d, d);
  }
}

/* A model of one layer lends its parameters: they are the first behind the embeddings. */
static rapt__formal_layer_params *borrow_layer(const char *part, size_t count) {
  rapt__formal_hyper one = hyper;
  rapt__formal_d *d = rapt__arena_new(&arena, 1, sizeof *d);
  one.layers = 1;
  assert_non_null(d);
  assert_ok(ctx, rapt__formal_d_new(&arena, &one, 0, 0, d));
  memcpy(d->layer->attention.head->w_q, list(part, "theta", count), count * sizeof(double));
  return d->layer;
}

static size_t attention_count(void) { return 4 * (hyper.d_e * hyper.d_e + hyper.d_e); }

static void multihead_attention(void **state) {
  (void)state;
  size_t d = hyper.d_e;
  const rapt__formal_mhattention_params *p = &borrow_layer("multihead", attention_count())->attention;
  rapt__formal_tokens x = tokens("multihead", "x", 5, d), z = tokens("multihead", "z", 4, d);
  for (int kind = 0; kind < 3; kind++) {
    static const char *const names[] = {"plain", "causal", "cross"}, *const weights[] = {"plain_weights",
                                                                                         "causal_weights",
                                                                                         "cross_weights"};
    rapt__formal_tokens from = kind == 2 ? z : x;
    rapt__formal_mhattention_tape tape;
    size_t square = 5 * from.length;
    assert_ok(ctx,
              rapt__formal_mhattention(&arena, x, from, p,
                                       kind == 1 ? RAPT__FORMAL_UNIDIRECTIONAL : RAPT__FORMAL_BIDIRECTIONAL, &tape));
    same(names[kind], tape.out.at, list("multihead", names[kind], 5 * d), 5 * d);
    const double *wanted = list("multihead", weights[kind], p->heads * square);
    for (size_t h = 0; h < p->heads; h++) same(weights[kind], tape.head[h].a.at, wanted + h * square, square);
  }
}

static void layer_norm(void **state) {
  (void)state;
  size_t d = hyper.d_e;
  rapt__formal_norm_params p = {d, list("norm", "gamma", d), list("norm", "beta", d)};
  rapt__formal_norm_tape tape;
  assert_ok(ctx, rapt__formal_norm(&arena, tokens("norm", "x", 4, d), &p, &tape));
  same("layer_norm", tape.out.at, list("norm", "y", 4 * d), 4 * d);
}

static void encoder_layer(void **state) {
  (void)state;
  size_t d = hyper.d_e, count = attention_count() + 4 * d + 2 * d * hyper.d_mlp + hyper.d_mlp + d;
  const rapt__formal_layer_params *p = borrow_layer("layer", count);
  rapt__formal_tokens x = tokens("layer", "x", 5, d);
  rapt__formal_layer_tape tape;
  assert_ok(ctx, rapt__formal_encoder_layer(&arena, x, RAPT__FORMAL_RELU, p, &tape));
  same("encoder layer, ReLU", tape.norm_2.out.at, list("layer", "relu", 5 * d), 5 * d);
  assert_ok(ctx, rapt__formal_encoder_layer(&arena, x, RAPT__FORMAL_GELU, p, &tape));
  same("encoder layer, GELU", tape.norm_2.out.at, list("layer", "gelu", 5 * d), 5 * d);
}

/* Loss, distributions and every gradient of a whole model. */
static void judge(const char *part, double loss, const double *grad, size_t count, rapt__formal_tokens p) {
  double wanted = *list(part, "loss", 1);
  same("  loss", &loss, &wanted, 1);
  same("  distributions", p.at, list(part, "p", p.length * p.dim), p.length * p.dim);
  same("  gradients", grad, list(part, "gradient", count), count);
}

static void decoder_only(void **state) {
  (void)state;
  rapt__formal_d d, grad;
  rapt__formal_d_tape tape;
  rapt__formal_text x = ids("x");
  double loss;
  assert_ok(ctx, rapt__formal_d_new(&arena, &hyper, 0, 0, &d));
  assert_ok(ctx, rapt__formal_d_new(&arena, &hyper, 0, 0, &grad));
  memcpy(d.all, list("d", "theta", d.count), d.count * sizeof(double));
  assert_ok(ctx, rapt__formal_dtransformer(&arena, x.ids, x.length, &d, &tape));
  assert_ok(ctx, rapt__formal_d_loss(ctx, x, &d, &grad, &loss));
  judge("d", loss, grad.all, grad.count, tape.p);
}

static void encoder_only(void **state) {
  (void)state;
  rapt__formal_e e, grad;
  rapt__formal_e_tape tape;
  rapt__formal_text x = ids("x"), masked = ids("masked");
  int32_t mask = (int32_t)json_integer_value(json_object_get(golden, "mask_token"));
  double loss;
  assert_ok(ctx, rapt__formal_e_new(&arena, &hyper, 0, 0, &e));
  assert_ok(ctx, rapt__formal_e_new(&arena, &hyper, 0, 0, &grad));
  memcpy(e.all, list("e", "theta", e.count), e.count * sizeof(double));
  assert_ok(ctx, rapt__formal_etransformer(&arena, masked.ids, masked.length, &e, &tape));
  assert_ok(ctx, rapt__formal_e_loss(ctx, masked.ids, x, mask, &e, &grad, &loss));
  judge("e", loss, grad.all, grad.count, tape.p);
}

static void encoder_decoder(void **state) {
  (void)state;
  rapt__formal_ed ed, grad;
  rapt__formal_ed_tape tape;
  rapt__formal_text z = ids("z"), x = ids("x");
  double loss;
  assert_ok(ctx, rapt__formal_ed_new(&arena, &hyper, 0, 0, &ed));
  assert_ok(ctx, rapt__formal_ed_new(&arena, &hyper, 0, 0, &grad));
  memcpy(ed.all, list("ed", "theta", ed.count), ed.count * sizeof(double));
  assert_ok(ctx, rapt__formal_edtransformer(&arena, z.ids, z.length, x.ids, x.length, &ed, &tape));
  assert_ok(ctx, rapt__formal_ed_loss(ctx, z, x, &ed, &grad, &loss));
  judge("ed", loss, grad.all, grad.count, tape.p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dot_product_attention), cmocka_unit_test(multihead_attention), cmocka_unit_test(layer_norm),
      cmocka_unit_test(encoder_layer),         cmocka_unit_test(decoder_only),        cmocka_unit_test(encoder_only),
      cmocka_unit_test(encoder_decoder)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
