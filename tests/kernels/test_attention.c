/* Tiled attention at every level, forward and backward, against the plain formulas in double precision: masks, windows,
 * lengths, biases, grouped heads, layouts, rows that see nothing. */
#include "area.h"

#include "kernels/attention.h"

typedef struct problem {
  k_attention a;
  area q, k, v, bias, dout;
  int32_t lengths[4];
  int64_t q_size, k_size, v_size, o_size, rows;
  double steep; /* largest |score|: its rounding is the error of the exponentials */
  wanted out, lse, probs, dq, dk, dv, dbias;
} problem;

/* Strides of (batch, time, heads, width): heads beside each other, in a wider row, or one behind the other. */
static int64_t lay_out(int64_t batch, int64_t time, int64_t heads, int64_t width, int64_t *b, int64_t *t, int64_t *h) {
  int64_t pad = pick(0, 2) * pick(1, 9);
  if (pick(0, 2) > 0)
    *h = width, *t = heads * width + pad, *b = time * *t;
  else
    *t = width + pad, *h = time * *t, *b = heads * *h;
  return (batch - 1) * *b + (time - 1) * *t + (heads - 1) * *h + width;
}

static bool sees(const k_attention *a, int64_t b, int64_t i, int64_t j) {
  int64_t at = i + a->tk - a->tq;
  return !(a->lengths && j >= a->lengths[b]) && !(a->causal && j > at) && !(a->window > 0 && a->window <= at - j);
}

/* Adds a term, of parts as large as `size`, to an element of a result, from 0 the first time. What the parts add up to in
 * absolute value is the scale of the element's rounding error. */
static void add(wanted *w, int64_t at, double x, double size) {
  w->value[at] = isnan(w->value[at]) ? x : w->value[at] + x;
  w->tolerance[at] += size;
}

static void want_row(problem *p, int64_t b, int64_t h, int64_t i, double *s, double *ds) {
  const k_attention *a = &p->a;
  int64_t g = h / (a->heads / a->kv_heads), row = (b * a->heads + h) * a->tq + i;
  int64_t q0 = b * a->q_batch + i * a->q_time + h * a->q_head, o0 = b * a->o_batch + i * a->o_time + h * a->o_head;
  double top = (double)-INFINITY, sum = 0, d = 0, d_size = 0;
  double *size = ds + a->tk;
  for (int64_t j = 0; j < a->tk; j++) {
    int64_t k0 = b * a->k_batch + j * a->k_time + g * a->k_head;
    double dot = 0;
    for (int64_t c = 0; c < a->dim; c++) dot += (double)a->q[q0 + c] * (double)a->k[k0 + c];
    s[j] = dot * (double)a->scale;
    if (a->bias) s[j] += (double)a->bias[b * a->bias_batch + h * a->bias_head + i * a->bias_query + j];
    if (!sees(a, b, i, j)) s[j] = (double)-INFINITY;
    top = fmax(top, s[j]);
    if (!isinf(s[j])) p->steep = fmax(p->steep, fabs(s[j]));
  }
  bool none = isinf(top);
  for (int64_t j = 0; j < a->tk; j++) sum += none ? 0 : exp(s[j] - top);
  add(&p->lse, row, none ? top : top + log(sum), 1);
  for (int64_t c = 0; c < a->dim_v; c++) add(&p->out, o0 + c, 0, 0);
  for (int64_t c = 0; c < a->dim; c++) add(&p->dq, q0 + c, 0, 0);
  for (int64_t j = 0; j < a->tk; j++) {
    int64_t v0 = b * a->v_batch + j * a->v_time + g * a->v_head;
    s[j] = none ? 0 : exp(s[j] - top) / sum;
    ds[j] = size[j] = 0;
    for (int64_t c = 0; c < a->dim_v; c++) {
      double v = (double)a->v[v0 + c], dout = (double)a->dout[o0 + c];
      add(&p->out, o0 + c, s[j] * v, s[j] * fabs(v));
      add(&p->dv, v0 + c, s[j] * dout, s[j] * fabs(dout));
      ds[j] += dout * v;
      size[j] += fabs(dout * v);
    }
    d += s[j] * ds[j];
    d_size += s[j] * size[j];
  }
  for (int64_t j = 0; j < a->tk; j++) {
    int64_t k0 = b * a->k_batch + j * a->k_time + g * a->k_head;
    ds[j] = s[j] * (ds[j] - d);
    size[j] = s[j] * (size[j] + d_size);
    add(&p->probs, row * a->tk + j, s[j], s[j]);
    add(&p->dbias, row * a->tk + j, ds[j], size[j]);
    for (int64_t c = 0; c < a->dim; c++) {
      double key = (double)a->scale * (double)a->k[k0 + c], q = (double)a->scale * (double)a->q[q0 + c];
      add(&p->dq, q0 + c, ds[j] * key, size[j] * fabs(key));
      add(&p->dk, k0 + c, ds[j] * q, size[j] * fabs(q));
    }
  }
}

/* The shape is set in p->a; fills in everything else. */
static void prepare(problem *p, int bias_kind) {
  k_attention *a = &p->a;
  p->q_size = lay_out(a->batch, a->tq, a->heads, a->dim, &a->q_batch, &a->q_time, &a->q_head);
  p->k_size = lay_out(a->batch, a->tk, a->kv_heads, a->dim, &a->k_batch, &a->k_time, &a->k_head);
  p->v_size = lay_out(a->batch, a->tk, a->kv_heads, a->dim_v, &a->v_batch, &a->v_time, &a->v_head);
  p->o_size = lay_out(a->batch, a->tq, a->heads, a->dim_v, &a->o_batch, &a->o_time, &a->o_head);
  p->rows = a->batch * a->heads * a->tq;
  p->q = area_random(p->q_size, -1, 1), p->k = area_random(p->k_size, -1, 1), p->v = area_random(p->v_size, -1, 1);
  p->dout = area_random(p->o_size, -1, 1);
  p->bias = area_random(p->rows * a->tk, -2, 2);
  a->q = p->q.p, a->k = p->k.p, a->v = p->v.p, a->dout = p->dout.p;
  if (bias_kind > 0) { /* 1: whole; 2: by head; 3: by batch; 4: one row for all; 5: whole, with some of it −∞ */
    a->bias = p->bias.p;
    bool whole = bias_kind == 1 || bias_kind == 5;
    a->bias_query = bias_kind == 4 ? 0 : a->tk;
    a->bias_head = whole || bias_kind == 2 ? a->tq * a->tk : 0;
    a->bias_batch = whole ? a->heads * a->tq * a->tk : bias_kind == 3 ? a->tq * a->tk : 0;
    for (int64_t i = 0; bias_kind == 5 && i < p->rows * a->tk; i++)
      if (i / a->tk % 5 == 3 || pick(0, 3) == 0) p->bias.p[i] = -INFINITY;
  }
  p->out = wanted_new(p->o_size), p->lse = wanted_new(p->rows), p->probs = wanted_new(p->rows * a->tk);
  p->dq = wanted_new(p->q_size), p->dk = wanted_new(p->k_size), p->dv = wanted_new(p->v_size);
  p->dbias = wanted_new(p->rows * a->tk);
  double *s = malloc((size_t)a->tk * 3 * sizeof *s);
  if (!s) _exit(2);
  for (int64_t b = 0; b < a->batch; b++)
    for (int64_t h = 0; h < a->heads; h++)
      for (int64_t i = 0; i < a->tq; i++) want_row(p, b, h, i, s, s + a->tk);
  free(s);
  double relative = 12 * CHECK_EPS * (1 + p->steep);
  wanted *all[] = {&p->out, &p->lse, &p->probs, &p->dq, &p->dk, &p->dv, &p->dbias};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    for (int64_t j = 0; j < all[i]->n; j++) all[i]->tolerance[j] = relative * all[i]->tolerance[j] + 1e-35;
}

static void release(problem *p) {
  area *areas[] = {&p->q, &p->k, &p->v, &p->bias, &p->dout};
  for (size_t i = 0; i < sizeof areas / sizeof *areas; i++) area_free(areas[i]);
  wanted *all[] = {&p->out, &p->lse, &p->probs, &p->dq, &p->dk, &p->dv, &p->dbias};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) wanted_free(all[i]);
}

static void run(const k_kernels *k, const k_attention *a, bool backward, bool reverse) {
  int64_t units = rapt__attention_units(a, backward);
  for (int64_t u = 0; u < units; u++) {
    area scratch = area_scratch(rapt__attention_scratch(k, a, backward));
    int64_t unit = reverse ? units - 1 - u : u;
    if (backward)
      rapt__attention_backward(k, a, unit, scratch.p);
    else
      rapt__attention_forward(k, a, unit, scratch.p);
    area_free(&scratch);
  }
}

static void compare(const problem *p, const k_kernels *k, const char *what) {
  static const char *const names[] = {"out", "lse", "probs", "dq", "dk", "dv", "dbias"};
  const wanted *all[] = {&p->out, &p->lse, &p->probs, &p->dq, &p->dk, &p->dv, &p->dbias};
  area got[2][7];
  for (int r = 0; r < 2; r++) {
    for (int i = 0; i < 7; i++) got[r][i] = area_new(all[i]->n);
    k_attention a = p->a;
    a.out = got[r][0].p, a.lse = got[r][1].p, a.probs = got[r][2].p;
    run(k, &a, false, r == 1);
    a.o = a.out;
    a.dq = got[r][3].p, a.dk = got[r][4].p, a.dv = got[r][5].p, a.dbias = got[r][6].p;
    run(k, &a, true, r == 1);
  }
  for (int i = 0; i < 7; i++) {
    char name[200];
    snprintf(name, sizeof name, "%s: %s", what, names[i]);
    check_area(name, k->name, &got[0][i], all[i]);
    if (memcmp(got[0][i].map, got[1][i].map, got[0][i].bytes) != 0)
      check_fail("%s at %s: other bits when the units run in another order", name, k->name);
  }
  /* Nobody has to ask for the whole matrices or the row sums, and the rest does not depend on it. */
  area out = area_new(p->o_size), dq = area_new(p->q_size), dk = area_new(p->k_size), dv = area_new(p->v_size);
  k_attention a = p->a;
  a.out = out.p;
  run(k, &a, false, false);
  a.o = out.p, a.lse = got[0][1].p, a.dq = dq.p, a.dk = dk.p, a.dv = dv.p;
  run(k, &a, true, false);
  if (memcmp(out.map, got[0][0].map, out.bytes) != 0 || memcmp(dq.map, got[0][3].map, dq.bytes) != 0 ||
      memcmp(dk.map, got[0][4].map, dk.bytes) != 0 || memcmp(dv.map, got[0][5].map, dv.bytes) != 0)
    check_fail("%s at %s: other bits without the optional outputs", what, k->name);
  area_free(&out), area_free(&dq), area_free(&dk), area_free(&dv);
  for (int i = 0; i < 14; i++) area_free(&got[i / 7][i % 7]);
}

/* One case. lengths: 0: none; else drawn, the first batch's being 0 for 2. */
static void check_case(k_attention shape, int lengths, int bias_kind) {
  problem p = {.a = shape};
  k_attention *a = &p.a;
  if (a->scale == 0) a->scale = (float)(1 / sqrt((double)a->dim));
  if (lengths) {
    for (int b = 0; b < 4; b++) p.lengths[b] = (int32_t)pick(0, a->tk);
    if (lengths == 2) p.lengths[0] = 0, p.lengths[1] = (int32_t)a->tk + 3;
    a->lengths = p.lengths;
  }
  prepare(&p, bias_kind);
  char what[160];
  snprintf(what, sizeof what,
           "%lld x %lld/%lld heads, %lld queries, %lld keys, width %lld/%lld%s, window %lld, lengths %d, bias %d",
           (long long)a->batch, (long long)a->heads, (long long)a->kv_heads, (long long)a->tq, (long long)a->tk,
           (long long)a->dim, (long long)a->dim_v, a->causal ? ", causal" : "", (long long)a->window, lengths,
           bias_kind);
  CHECK_EACH_LEVEL(k) { compare(&p, k, what); }
  release(&p);
}

static k_attention draw(int64_t most_time) {
  int64_t kv = pick(1, 2), tq = pick(1, most_time);
  return (k_attention){.batch = pick(1, 2),
                       .kv_heads = kv,
                       .heads = kv * pick(1, 3),
                       .tq = tq,
                       .tk = pick(0, 1) ? tq : pick(1, most_time),
                       .dim = pick(1, 40),
                       .dim_v = pick(1, 40)};
}

static void plain(void) {
  for (int i = 0; i < 40; i++) check_case(draw(20), 0, 0);
  for (int i = 0; i < 6; i++) check_case(draw(150), 0, 0);
}

static void masks(void) {
  for (int i = 0; i < 80; i++) {
    k_attention a = draw(i < 60 ? 24 : 160);
    a.causal = i % 2;
    a.window = i / 2 % 2 ? pick(1, a.tk + 2) : 0;
    check_case(a, i / 4 % 3, i % 7 < 2 ? i % 6 : 0);
  }
}

static void biases(void) {
  for (int i = 0; i < 50; i++) {
    k_attention a = draw(i < 40 ? 24 : 140);
    a.causal = pick(0, 1);
    check_case(a, pick(0, 2) == 0, 1 + i % 5);
  }
}

/* Around the blocks of 72 queries and 64 keys, and widths beyond them. */
static void borders(void) {
  static const int64_t times[] = {1, 2, 63, 64, 65, 71, 72, 73, 128, 129, 145};
  for (int i = 0; i < 11; i++)
    for (int j = 0; j < 11; j++) {
      k_attention a = {.batch = 1,
                       .heads = 2,
                       .kv_heads = 1,
                       .tq = times[i],
                       .tk = times[j],
                       .dim = pick(1, 9),
                       .dim_v = pick(1, 9)};
      a.causal = (i + j) % 2;
      a.window = (i + j) % 3 == 0 ? 64 : 0;
      check_case(a, 0, 0);
    }
  static const int64_t widths[] = {1, 16, 64, 65, 100, 300};
  for (int i = 0; i < 6; i++)
    for (int j = 0; j < 6; j++)
      check_case((k_attention){.batch = 2,
                               .heads = 1,
                               .kv_heads = 1,
                               .tq = pick(1, 70),
                               .tk = pick(1, 70),
                               .dim = widths[i],
                               .dim_v = widths[j],
                               .causal = true},
                 0, 0);
}

/* Scores whose exponentials overflow unless the row's largest is taken off. */
static void steep(void) {
  for (int i = 0; i < 12; i++) {
    k_attention a = draw(i < 8 ? 30 : 150);
    a.scale = 60;
    a.causal = i % 2;
    check_case(a, 0, 0);
  }
}

/* More queries than keys: the first queries of a causal mask come before every key. */
static void nothing_to_see(void) {
  for (int i = 0; i < 12; i++) {
    k_attention a = draw(10);
    a.tq = a.tk + pick(1, i < 6 ? 5 : 140);
    a.causal = true;
    a.window = i % 3 == 0 ? pick(1, 3) : i % 3 == 1 ? INT64_MAX : 0;
    check_case(a, i % 2 * 2, 0);
  }
}

static const check_test tests[] = {CHECK_TEST(plain),   CHECK_TEST(masks), CHECK_TEST(biases),
                                   CHECK_TEST(borders), CHECK_TEST(steep), CHECK_TEST(nothing_to_see)};
CHECK_MAIN(tests)
