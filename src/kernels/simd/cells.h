/* Steps of recurrent cells over the vectors of whichever simd.h was included before. What a cell has is a constant in each
 * of the inlined forms, so that the loops have no branches; a tail goes through the same code. */
#include "kernels/simd/math.h"

#define CELL_INLINE static inline __attribute__((always_inline))

CELL_INLINE void lstm_units(int64_t n, bool forget, bool peep, const real *x, const real *u, const real *p, real *a,
                            real *c, real *m) {
  int64_t g_at = forget ? 2 * n : n, o_at = g_at + n;
  for (int64_t j = 0; j < n; j += VF_WIDTH) {
    int64_t left = n - j;
    vf old = vf_load_upto(c + j, left), cell = old;
    vf i = vf_load_upto(x + j, left) + vf_load_upto(u + j, left);
    if (peep) i = vf_fma(vf_load_upto(p + j, left), old, i);
    i = vf_sigmoid(i);
    vf_store_upto(a + j, left, i);
    if (forget) {
      vf f = vf_load_upto(x + n + j, left) + vf_load_upto(u + n + j, left);
      if (peep) f = vf_fma(vf_load_upto(p + n + j, left), old, f);
      f = vf_sigmoid(f);
      vf_store_upto(a + n + j, left, f);
      cell = f * old;
    }
    vf g = vf_tanh(vf_load_upto(x + g_at + j, left) + vf_load_upto(u + g_at + j, left));
    vf_store_upto(a + g_at + j, left, g);
    cell = vf_fma(i, g, cell);
    vf o = vf_load_upto(x + o_at + j, left) + vf_load_upto(u + o_at + j, left);
    if (peep) o = vf_fma(vf_load_upto(p + g_at + j, left), cell, o);
    o = vf_sigmoid(o);
    vf_store_upto(a + o_at + j, left, o);
    vf_store_upto(c + j, left, cell);
    vf_store_upto(m + j, left, o * vf_tanh(cell));
  }
}

static void K_ISA(k_lstm_cell)(int64_t n, bool forget, const real *x, const real *u, const real *peep, real *a, real *c,
                               real *m) {
  if (forget && !peep) {
    lstm_units(n, true, false, x, u, NULL, a, c, m);
  } else if (forget) {
    lstm_units(n, true, true, x, u, peep, a, c, m);
  } else if (peep) {
    lstm_units(n, false, true, x, u, peep, a, c, m);
  } else {
    lstm_units(n, false, false, x, u, NULL, a, c, m);
  }
}

CELL_INLINE void add_product(real *y, int64_t left, vf a, vf b) {
  vf_store_upto(y, left, vf_fma(a, b, vf_load_upto(y, left)));
}

CELL_INLINE void lstm_units_grad(int64_t n, bool forget, bool peep, const real *a, const real *p, const real *c_old,
                                 const real *dm, real *dc, real *da, real *dp) {
  const vf one = vf_set(1);
  int64_t g_at = forget ? 2 * n : n, o_at = g_at + n;
  for (int64_t j = 0; j < n; j += VF_WIDTH) {
    int64_t left = n - j;
    vf i = vf_load_upto(a + j, left), g = vf_load_upto(a + g_at + j, left), o = vf_load_upto(a + o_at + j, left);
    vf f = forget ? vf_load_upto(a + n + j, left) : one;
    vf old = vf_load_upto(c_old + j, left), d = vf_load_upto(dm + j, left);
    vf kept = f * old; /* exact where f is 1 */
    vf cell = vf_fma(i, g, kept), t = vf_tanh(cell);
    vf d_o = d * t * o * (one - o);
    vf dcell = vf_fma(d * o, vf_fnma(t, t, one), vf_load_upto(dc + j, left));
    if (peep) dcell = vf_fma(d_o, vf_load_upto(p + g_at + j, left), dcell);
    vf d_i = dcell * g * i * (one - i), through = dcell * f;
    vf_store_upto(da + j, left, d_i);
    vf_store_upto(da + g_at + j, left, dcell * i * vf_fnma(g, g, one));
    vf_store_upto(da + o_at + j, left, d_o);
    if (peep) {
      through = vf_fma(d_i, vf_load_upto(p + j, left), through);
      add_product(dp + j, left, d_i, old);
      add_product(dp + g_at + j, left, d_o, cell);
    }
    if (forget) {
      vf d_f = dcell * old * f * (one - f);
      vf_store_upto(da + n + j, left, d_f);
      if (peep) {
        through = vf_fma(d_f, vf_load_upto(p + n + j, left), through);
        add_product(dp + n + j, left, d_f, old);
      }
    }
    vf_store_upto(dc + j, left, through);
  }
}

static void K_ISA(k_lstm_cell_grad)(int64_t n, bool forget, const real *a, const real *peep, const real *c_old,
                                    const real *dm, real *dc, real *da, real *dpeep) {
  if (forget && !peep) {
    lstm_units_grad(n, true, false, a, NULL, c_old, dm, dc, da, NULL);
  } else if (forget) {
    lstm_units_grad(n, true, true, a, peep, c_old, dm, dc, da, dpeep);
  } else if (peep) {
    lstm_units_grad(n, false, true, a, peep, c_old, dm, dc, da, dpeep);
  } else {
    lstm_units_grad(n, false, false, a, NULL, c_old, dm, dc, da, NULL);
  }
}

static void K_ISA(k_gru_cell)(int64_t n, const real *x, const real *u, const real *bias, real *a, real *s, real *h) {
  for (int64_t j = 0; j < n; j += VF_WIDTH) {
    int64_t left = n - j;
    vf r = vf_load_upto(x + j, left) + vf_load_upto(u + j, left);
    vf z = vf_load_upto(x + n + j, left) + vf_load_upto(u + n + j, left);
    vf inner = vf_load_upto(u + 2 * n + j, left);
    if (bias) {
      r += vf_load_upto(bias + j, left);
      z += vf_load_upto(bias + n + j, left);
      inner += vf_load_upto(bias + 2 * n + j, left);
    }
    r = vf_sigmoid(r);
    z = vf_sigmoid(z);
    vf fresh = vf_tanh(vf_fma(r, inner, vf_load_upto(x + 2 * n + j, left)));
    vf_store_upto(a + j, left, r);
    vf_store_upto(a + n + j, left, z);
    vf_store_upto(a + 2 * n + j, left, fresh);
    if (s) vf_store_upto(s + j, left, inner);
    vf_store_upto(h + j, left, vf_fma(z, vf_load_upto(h + j, left) - fresh, fresh));
  }
}

static void K_ISA(k_gru_cell_grad)(int64_t n, const real *a, const real *s, const real *h_old, real *dh, real *dx,
                                   real *du) {
  const vf one = vf_set(1);
  for (int64_t j = 0; j < n; j += VF_WIDTH) {
    int64_t left = n - j;
    vf r = vf_load_upto(a + j, left), z = vf_load_upto(a + n + j, left), fresh = vf_load_upto(a + 2 * n + j, left);
    vf d = vf_load_upto(dh + j, left);
    vf d_n = d * (one - z) * vf_fnma(fresh, fresh, one);
    vf d_z = d * (vf_load_upto(h_old + j, left) - fresh) * z * (one - z);
    vf d_r = d_n * vf_load_upto(s + j, left) * r * (one - r);
    vf_store_upto(dx + j, left, d_r);
    vf_store_upto(dx + n + j, left, d_z);
    vf_store_upto(dx + 2 * n + j, left, d_n);
    vf_store_upto(du + j, left, d_r);
    vf_store_upto(du + n + j, left, d_z);
    vf_store_upto(du + 2 * n + j, left, d_n * r);
    vf_store_upto(dh + j, left, d * z);
  }
}

static inline void set_cells(k_kernels *t) {
  t->lstm_cell = K_ISA(k_lstm_cell);
  t->lstm_cell_grad = K_ISA(k_lstm_cell_grad);
  t->gru_cell = K_ISA(k_gru_cell);
  t->gru_cell_grad = K_ISA(k_gru_cell_grad);
}
