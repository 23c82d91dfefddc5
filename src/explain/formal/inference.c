/* Drawing text from a trained model: algorithms 14 and 15 of the note. */
#include "explain/formal/formal.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

/* p^(1/tau) is taken relative to the largest p, whose own power is then 1, so that small tau cannot make all of them
 * vanish; tau = 0 is the limit in which only the largest (the first of equals) is left. */
int32_t rapt__formal_sample(const double *p, size_t n, double tau, double u) {
  size_t top = 0;
  for (size_t i = 1; i < n; i++)
    if (p[i] > p[top]) top = i;
  if (!(tau > 0)) return (int32_t)top;
  double sum = 0, passed = 0;
  for (size_t i = 0; i < n; i++) sum += pow(p[i] / p[top], 1 / tau);
  for (size_t i = 0; i < n; i++) {
    passed += pow(p[i] / p[top], 1 / tau);
    if (u * sum < passed) return (int32_t)i;
  }
  return (int32_t)top; /* rounding left u beyond the last sum */
}

/* Algorithm 14, DInference: continue a prompt. */
rapt_status rapt__formal_dinference(rapt_context *ctx, rapt__formal_text x, const rapt__formal_d *theta, size_t wanted,
                                    double tau, uint64_t seed, int32_t *y) {
  size_t most = theta->hyper.max_length;
  /* The last id that is drawn need not be read again, so it needs no position. */
  if (x.length == 0 || x.length > most || wanted > most - x.length + 1)
    return rapt__fail(ctx, RAPT_ESHAPE, "DInference: a prompt of %zu ids and %zu to add, but there are %zu positions",
                      x.length, wanted, most);
  int32_t *text = rapt__new(ctx, x.length + wanted, sizeof *text);
  if (!text) return RAPT_ENOMEM;
  memcpy(text, x.ids, x.length * sizeof *text);
  rapt_status status = RAPT_OK;
  for (size_t i = 0; i < wanted && status == RAPT_OK; i++) { /* 14.2 */
    rapt__arena arena;
    rapt__formal_d_tape tape;
    size_t length = x.length + i; /* 14.1 */
    rapt__arena_init(&arena, ctx);
    status = rapt__formal_dtransformer(&arena, text, length, theta, &tape); /* 14.3 */
    if (status == RAPT_OK) {
      const double *p = rapt__formal_row(tape.p, length - 1);                                /* 14.4 */
      y[i] = rapt__formal_sample(p, theta->hyper.vocab, tau, rapt__rng_uniform(seed, 0, i)); /* 14.5 */
      text[length] = y[i];                                                                   /* 14.6 */
    }
    rapt__arena_free(&arena);
  }
  rapt__free(ctx, text);
  return status;
}

/* Algorithm 15, EDInference: answer z, from bos_token to eos_token. */
rapt_status rapt__formal_edinference(rapt_context *ctx, rapt__formal_text z, const rapt__formal_ed *theta,
                                     int32_t bos_token, int32_t eos_token, double tau, uint64_t seed, int32_t *x,
                                     size_t *length) {
  rapt_status status = RAPT_OK;
  int32_t y = bos_token; /* 15.2 */
  x[0] = bos_token;      /* 15.1 */
  *length = 1;
  while ((*length == 1 || y != eos_token) && *length < theta->hyper.max_length && status == RAPT_OK) { /* 15.3 */
    rapt__arena arena;
    rapt__formal_ed_tape tape;
    rapt__arena_init(&arena, ctx);
    status = rapt__formal_edtransformer(&arena, z.ids, z.length, x, *length, theta, &tape); /* 15.4 */
    if (status == RAPT_OK) {
      const double *p = rapt__formal_row(tape.p, *length - 1);                                  /* 15.5 */
      y = rapt__formal_sample(p, theta->hyper.vocab, tau, rapt__rng_uniform(seed, 0, *length)); /* 15.6 */
      x[(*length)++] = y;                                                                       /* 15.7 */
    }
    rapt__arena_free(&arena);
  }
  return status;
}
