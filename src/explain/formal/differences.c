/* Every evaluation notes on which side of 0 each input of a ReLU lies, as a hash: the points of a difference that lie on
 * one piece of the function have the same. */
#include "explain/formal/differences.h"

#include <math.h>

typedef struct point {
  double loss;
  uint64_t sides;
} point;

static void note_sides(const rapt__formal_mlp_tape *mlp, point *out) {
  if (mlp->activation != RAPT__FORMAL_RELU) return;
  for (size_t i = 0; i < mlp->u.length * mlp->u.dim; i++)
    out->sides = (out->sides ^ (mlp->u.at[i] > 0 ? 2U : 1U)) * 0x100000001B3ULL; /* FNV-1a */
}

/* The loss of algorithm 11 from the tape, which holds the sides too. */
static rapt_status evaluate_ed(rapt__arena *arena, const rapt__formal_case *of, point *out) {
  const rapt__formal_hyper *h = &of->ed->hyper;
  rapt__formal_ed_tape tape;
  RAPT_TRY(rapt__formal_edtransformer(arena, of->z.ids, of->z.length, of->x.ids, of->x.length, of->ed, &tape));
  for (size_t t = 0; t + 1 < of->x.length; t++) out->loss -= log(rapt__formal_row(tape.p, t)[of->x.ids[t + 1]]);
  for (size_t l = 0; l < h->layers; l++) note_sides(&tape.encoder[l].mlp, out);
  for (size_t l = 0; l < h->dec_layers; l++) note_sides(&tape.decoder[l].mlp, out);
  return RAPT_OK;
}

static rapt_status evaluate(rapt_context *ctx, const rapt__formal_case *of, point *out) {
  *out = (point){.sides = 0xCBF29CE484222325ULL};
  if (of->e) return rapt__formal_e_loss(ctx, of->masked, of->x, of->mask_token, of->e, NULL, &out->loss);
  if (of->d) return rapt__formal_d_loss(ctx, of->x, of->d, NULL, &out->loss);
  rapt__arena arena;
  rapt__arena_init(&arena, ctx);
  rapt_status status = evaluate_ed(&arena, of, out);
  rapt__arena_free(&arena);
  return status;
}

/* *smooth: all points and the middle lie on one piece. */
static rapt_status difference(rapt_context *ctx, const rapt__formal_case *of, double *at, double h, uint64_t sides,
                              double *slope, bool *smooth) {
  static const double step[] = {-2, -1, 1, 2}, weight[] = {1, -8, 8, -1};
  double old = *at;
  rapt_status status = RAPT_OK;
  *slope = 0;
  *smooth = true;
  for (int k = 0; k < 4 && status == RAPT_OK; k++) {
    point p;
    *at = old + step[k] * h;
    status = evaluate(ctx, of, &p);
    *slope += weight[k] * p.loss / (12 * h);
    *smooth = *smooth && p.sides == sides;
  }
  *at = old;
  return status;
}

static double worse(double a, double b) { return isnan(a) || isnan(b) ? NAN : fmax(a, b); }

rapt_status rapt__formal_compare(rapt_context *ctx, const rapt__formal_case *of, const double *g, size_t first,
                                 size_t stride, rapt__formal_comparison *out) {
  static const double steps[] = {1e-4, 3e-5, 1e-5}; /* below, the rounding of the loss is too large a part */
  double *all = of->ed ? of->ed->all : of->e ? of->e->all : of->d->all, largest = 0;
  size_t count = of->ed ? of->ed->count : of->e ? of->e->count : of->d->count;
  point middle;
  *out = (rapt__formal_comparison){0};
  RAPT_TRY(evaluate(ctx, of, &middle));
  for (size_t i = 0; i < count; i++) largest = worse(largest, fabs(g[i]));
  if (!(largest > 0)) out->worst = NAN;
  for (size_t i = first; i < count; i += stride) {
    bool smooth = false;
    double slope = 0;
    size_t s = 0;
    for (; s < sizeof steps / sizeof *steps && !smooth; s++)
      RAPT_TRY(difference(ctx, of, &all[i], steps[s], middle.sides, &slope, &smooth));
    if (!smooth) {
      out->skipped++;
      continue;
    }
    out->checked++;
    out->narrowed += s > 1;
    out->worst = worse(out->worst, fabs(slope - g[i]) / fmax(fabs(g[i]), 1e-3 * largest));
  }
  return RAPT_OK;
}
