/* Steps of recurrent cells in plain C, in double and rounded once. */
#include "kernels/variants.h"

#include <math.h>

static double sigmoid(double x) {
  double e = exp(-fabs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

static void k_lstm_cell_ref(int64_t n, bool forget, const real *x, const real *u, const real *peep, real *a, real *c,
                            real *m) {
  int64_t g_at = forget ? 2 * n : n, o_at = g_at + n, peep_o = g_at;
  for (int64_t j = 0; j < n; j++) {
    double old = (double)c[j], f = 1;
    double i = sigmoid((double)x[j] + (double)u[j] + (peep ? (double)peep[j] * old : 0));
    if (forget) f = sigmoid((double)x[n + j] + (double)u[n + j] + (peep ? (double)peep[n + j] * old : 0));
    double g = tanh((double)x[g_at + j] + (double)u[g_at + j]);
    double cell = f * old + i * g;
    double o = sigmoid((double)x[o_at + j] + (double)u[o_at + j] + (peep ? (double)peep[peep_o + j] * cell : 0));
    a[j] = (real)i;
    if (forget) a[n + j] = (real)f;
    a[g_at + j] = (real)g;
    a[o_at + j] = (real)o;
    c[j] = (real)cell;
    m[j] = (real)(o * tanh(cell));
  }
}

static void k_lstm_cell_grad_ref(int64_t n, bool forget, const real *a, const real *peep, const real *c_old,
                                 const real *dm, real *dc, real *da, real *dpeep) {
  int64_t g_at = forget ? 2 * n : n, o_at = g_at + n, peep_o = g_at;
  for (int64_t j = 0; j < n; j++) {
    double i = (double)a[j], f = forget ? (double)a[n + j] : 1, g = (double)a[g_at + j], o = (double)a[o_at + j];
    double old = (double)c_old[j], cell = f * old + i * g, t = tanh(cell), d = (double)dm[j];
    double d_o = d * t * o * (1 - o);
    double dcell = (double)dc[j] + d * o * (1 - t * t) + (peep ? d_o * (double)peep[peep_o + j] : 0);
    double d_i = dcell * g * i * (1 - i), d_f = dcell * old * f * (1 - f);
    da[j] = (real)d_i;
    if (forget) da[n + j] = (real)d_f;
    da[g_at + j] = (real)(dcell * i * (1 - g * g));
    da[o_at + j] = (real)d_o;
    double through = dcell * f;
    if (peep) {
      through += d_i * (double)peep[j] + (forget ? d_f * (double)peep[n + j] : 0);
      dpeep[j] = (real)((double)dpeep[j] + d_i * old);
      if (forget) dpeep[n + j] = (real)((double)dpeep[n + j] + d_f * old);
      dpeep[peep_o + j] = (real)((double)dpeep[peep_o + j] + d_o * cell);
    }
    dc[j] = (real)through;
  }
}

static void k_gru_cell_ref(int64_t n, const real *x, const real *u, const real *bias, real *a, real *s, real *h) {
  for (int64_t j = 0; j < n; j++) {
    double b[3] = {0, 0, 0};
    for (int gate = 0; gate < 3 && bias; gate++) b[gate] = (double)bias[gate * n + j];
    double r = sigmoid((double)x[j] + (double)u[j] + b[0]);
    double z = sigmoid((double)x[n + j] + (double)u[n + j] + b[1]);
    double inner = (double)u[2 * n + j] + b[2];
    double fresh = tanh((double)x[2 * n + j] + r * inner);
    a[j] = (real)r;
    a[n + j] = (real)z;
    a[2 * n + j] = (real)fresh;
    if (s) s[j] = (real)inner;
    h[j] = (real)(fresh + z * ((double)h[j] - fresh));
  }
}

static void k_gru_cell_grad_ref(int64_t n, const real *a, const real *s, const real *h_old, real *dh, real *dx,
                                real *du) {
  for (int64_t j = 0; j < n; j++) {
    double r = (double)a[j], z = (double)a[n + j], fresh = (double)a[2 * n + j], d = (double)dh[j];
    double d_n = d * (1 - z) * (1 - fresh * fresh);
    double d_z = d * ((double)h_old[j] - fresh) * z * (1 - z);
    double d_r = d_n * (double)s[j] * r * (1 - r);
    dx[j] = du[j] = (real)d_r;
    dx[n + j] = du[n + j] = (real)d_z;
    dx[2 * n + j] = (real)d_n;
    du[2 * n + j] = (real)(d_n * r);
    dh[j] = (real)(d * z);
  }
}

void rapt__cells_ref(k_kernels *t) {
  t->lstm_cell = k_lstm_cell_ref;
  t->lstm_cell_grad = k_lstm_cell_grad_ref;
  t->gru_cell = k_gru_cell_ref;
  t->gru_cell_grad = k_gru_cell_grad_ref;
}
