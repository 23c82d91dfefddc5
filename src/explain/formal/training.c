/* Training: algorithms 11, 12 and 13 of the note. Every loss is a sum of -log P[target, t] over some places t, whose
 * gradient at the scores before the softmax is P[:, t] less the one-hot vector of the target. */
#include "explain/formal/formal.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

/* Adds -log p[t][target] to *loss and its gradient to row t of d_scores. */
static void count_place(rapt__formal_tokens p, size_t t, int32_t target, double *loss, rapt__formal_tokens d_scores) {
  const double *row = rapt__formal_row(p, t);
  double *d = rapt__formal_row(d_scores, t);
  *loss -= log(row[target]);
  for (size_t v = 0; v < p.dim; v++) d[v] += row[v];
  d[target] -= 1;
}

static rapt_status ed_loss(rapt__arena *arena, rapt__formal_text z, rapt__formal_text x, const rapt__formal_ed *theta,
                           rapt__formal_ed *grad, double *loss) {
  rapt__formal_ed_tape tape;
  rapt__formal_tokens d_scores;
  RAPT_TRY(rapt__formal_edtransformer(arena, z.ids, z.length, x.ids, x.length, theta, &tape)); /* 11.4 */
  RAPT_TRY(rapt__formal_tokens_new(arena, x.length, theta->hyper.vocab, &d_scores));
  *loss = 0;
  for (size_t t = 0; t + 1 < x.length; t++) count_place(tape.p, t, x.ids[t + 1], loss, d_scores); /* 11.3 11.5 */
  return grad ? rapt__formal_edtransformer_backward(arena, &tape, theta, d_scores, grad) : RAPT_OK;
}

static rapt_status e_loss(rapt__arena *arena, const int32_t *masked, rapt__formal_text x, int32_t mask_token,
                          const rapt__formal_e *theta, rapt__formal_e *grad, double *loss) {
  rapt__formal_e_tape tape;
  rapt__formal_tokens d_scores;
  RAPT_TRY(rapt__formal_etransformer(arena, masked, x.length, theta, &tape)); /* 12.8 */
  RAPT_TRY(rapt__formal_tokens_new(arena, x.length, theta->hyper.vocab, &d_scores));
  *loss = 0;
  for (size_t t = 0; t < x.length; t++) {
    if (masked[t] != mask_token) continue; /* 12.7 */
    if (x.ids[t] < 0 || (size_t)x.ids[t] >= theta->hyper.vocab)
      return rapt__fail(arena->ctx, RAPT_EINVAL,
                        "masked training: id %d at position %zu is outside the vocabulary of %zu", (int)x.ids[t], t,
                        theta->hyper.vocab);
    count_place(tape.p, t, x.ids[t], loss, d_scores); /* 12.9 */
  }
  return grad ? rapt__formal_etransformer_backward(arena, &tape, theta, d_scores, grad) : RAPT_OK;
}

static rapt_status d_loss(rapt__arena *arena, rapt__formal_text x, const rapt__formal_d *theta, rapt__formal_d *grad,
                          double *loss) {
  rapt__formal_d_tape tape;
  rapt__formal_tokens d_scores;
  RAPT_TRY(rapt__formal_dtransformer(arena, x.ids, x.length, theta, &tape)); /* 13.4 */
  RAPT_TRY(rapt__formal_tokens_new(arena, x.length, theta->hyper.vocab, &d_scores));
  *loss = 0;
  for (size_t t = 0; t + 1 < x.length; t++) count_place(tape.p, t, x.ids[t + 1], loss, d_scores); /* 13.3 13.5 */
  return grad ? rapt__formal_dtransformer_backward(arena, &tape, theta, d_scores, grad) : RAPT_OK;
}

rapt_status rapt__formal_ed_loss(rapt_context *ctx, rapt__formal_text z, rapt__formal_text x,
                                 const rapt__formal_ed *theta, rapt__formal_ed *grad, double *loss) {
  rapt__arena arena;
  rapt__arena_init(&arena, ctx);
  rapt_status status = ed_loss(&arena, z, x, theta, grad, loss);
  rapt__arena_free(&arena);
  return status;
}

rapt_status rapt__formal_e_loss(rapt_context *ctx, const int32_t *masked, rapt__formal_text x, int32_t mask_token,
                                const rapt__formal_e *theta, rapt__formal_e *grad, double *loss) {
  rapt__arena arena;
  rapt__arena_init(&arena, ctx);
  rapt_status status = e_loss(&arena, masked, x, mask_token, theta, grad, loss);
  rapt__arena_free(&arena);
  return status;
}

rapt_status rapt__formal_d_loss(rapt_context *ctx, rapt__formal_text x, const rapt__formal_d *theta,
                                rapt__formal_d *grad, double *loss) {
  rapt__arena arena;
  rapt__arena_init(&arena, ctx);
  rapt_status status = d_loss(&arena, x, theta, grad, loss);
  rapt__arena_free(&arena);
  return status;
}

/* theta <- theta - eta * gradient; the gradient is cleared for the next example. */
static void descend(double *theta, double *grad, size_t count, double eta) {
  for (size_t i = 0; i < count; i++) {
    theta[i] -= eta * grad[i];
    grad[i] = 0;
  }
}

/* Algorithm 11, EDTraining: the encoder-decoder learns to continue x given z. */
rapt_status rapt__formal_edtraining(rapt_context *ctx, const rapt__formal_text *z, const rapt__formal_text *x,
                                    size_t examples, rapt__formal_ed *theta, size_t epochs, double eta,
                                    double *epoch_loss) {
  rapt__arena arena;
  rapt__formal_ed grad;
  rapt__arena_init(&arena, ctx);
  rapt_status status = rapt__formal_ed_new(&arena, &theta->hyper, 0, 0, &grad);
  for (size_t i = 0; i < epochs && status == RAPT_OK; i++) { /* 11.1 */
    double sum = 0, loss = 0;
    for (size_t n = 0; n < examples && status == RAPT_OK; n++) { /* 11.2 */
      status = rapt__formal_ed_loss(ctx, z[n], x[n], theta, &grad, &loss);
      if (status == RAPT_OK) descend(theta->all, grad.all, theta->count, eta); /* 11.6 */
      sum += loss;
    }
    if (epoch_loss) epoch_loss[i] = sum;
  }
  rapt__arena_free(&arena);
  return status;
}

/* Hides each id with probability p_mask. The draw depends on the epoch, the example and the place alone. */
static void hide(rapt__formal_text x, double p_mask, int32_t mask_token, uint64_t seed, uint64_t draw,
                 int32_t *masked) {
  for (size_t t = 0; t < x.length; t++)
    masked[t] = rapt__rng_uniform(seed, draw, t) < p_mask ? mask_token : x.ids[t]; /* 12.3 12.4 12.5 */
}

/* Algorithm 12, ETraining: masked language modelling. */
rapt_status rapt__formal_etraining(rapt_context *ctx, const rapt__formal_text *x, size_t examples,
                                   rapt__formal_e *theta, size_t epochs, double eta, double p_mask, int32_t mask_token,
                                   uint64_t seed, double *epoch_loss) {
  rapt__arena arena;
  rapt__formal_e grad;
  size_t longest = 0;
  for (size_t n = 0; n < examples; n++) longest = x[n].length > longest ? x[n].length : longest;
  rapt__arena_init(&arena, ctx);
  rapt_status status = rapt__formal_e_new(&arena, &theta->hyper, 0, 0, &grad);
  int32_t *masked = status == RAPT_OK ? rapt__arena_new(&arena, longest, sizeof *masked) : NULL;
  if (status == RAPT_OK && !masked) status = RAPT_ENOMEM;
  for (size_t i = 0; i < epochs && status == RAPT_OK; i++) { /* 12.1 */
    double sum = 0, loss = 0;
    for (size_t n = 0; n < examples && status == RAPT_OK; n++) { /* 12.2 */
      hide(x[n], p_mask, mask_token, seed, i * examples + n, masked);
      status = rapt__formal_e_loss(ctx, masked, x[n], mask_token, theta, &grad, &loss);
      if (status == RAPT_OK) descend(theta->all, grad.all, theta->count, eta); /* 12.10 */
      sum += loss;
    }
    if (epoch_loss) epoch_loss[i] = sum;
  }
  rapt__arena_free(&arena);
  return status;
}

/* Algorithm 13, DTraining: the decoder learns to predict each next id. */
rapt_status rapt__formal_dtraining(rapt_context *ctx, const rapt__formal_text *x, size_t examples,
                                   rapt__formal_d *theta, size_t epochs, double eta, double *epoch_loss) {
  rapt__arena arena;
  rapt__formal_d grad;
  rapt__arena_init(&arena, ctx);
  rapt_status status = rapt__formal_d_new(&arena, &theta->hyper, 0, 0, &grad);
  for (size_t i = 0; i < epochs && status == RAPT_OK; i++) { /* 13.1 */
    double sum = 0, loss = 0;
    for (size_t n = 0; n < examples && status == RAPT_OK; n++) { /* 13.2 */
      status = rapt__formal_d_loss(ctx, x[n], theta, &grad, &loss);
      if (status == RAPT_OK) descend(theta->all, grad.all, theta->count, eta); /* 13.6 */
      sum += loss;
    }
    if (epoch_loss) epoch_loss[i] = sum;
  }
  rapt__arena_free(&arena);
  return status;
}
