/* Elementwise ops of one and two inputs. One descriptor serves all kernels of an arity: the kernel's number is the node's
 * setting, and two tables say how each is differentiated. */
#include "ops/ops.h"

typedef struct kernel_attr {
  int kernel;
} kernel_attr;

/* ---- One input ---- */

static void unary_forward(const rapt__call *call) {
  const kernel_attr *attr = call->node->attr;
  int64_t begin, end;
  rapt__block_range(call, &begin, &end);
  call->k->unary[attr->kernel](end - begin, RAPT__IN(call, 0) + begin, RAPT__OUT(call, 0) + begin);
}

static void block_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  rapt__split_blocks(node, split);
}

static void unary_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  rapt_tensor *x = node->in[0], *y = &node->out[0], *dy = dout[0];
  rapt_tensor **dx = &din[0];
  switch (((kernel_attr *)node->attr)->kernel) {
  case K_UNARY_neg: *dx = rapt_neg(dy); break;
  case K_UNARY_abs: *dx = rapt_mul(dy, rapt__unary(K_UNARY_sign, x)); break;
  case K_UNARY_square: *dx = rapt_scale(rapt_mul(dy, x), 2); break;
  case K_UNARY_sqrt: *dx = rapt_scale(rapt_div(dy, y), 0.5); break;
  case K_UNARY_rsqrt: *dx = rapt_scale(rapt_mul(dy, rapt_mul(y, rapt_square(y))), -0.5); break;
  case K_UNARY_recip: *dx = rapt_neg(rapt_mul(dy, rapt_square(y))); break;
  case K_UNARY_exp: *dx = rapt_mul(dy, y); break;
  case K_UNARY_expm1: *dx = rapt_add(rapt_mul(dy, y), dy); break;
  case K_UNARY_log: *dx = rapt_div(dy, x); break;
  case K_UNARY_log1p: *dx = rapt_div(dy, rapt_exp(y)); break;
  case K_UNARY_sin: *dx = rapt_mul(dy, rapt_cos(x)); break;
  case K_UNARY_cos: *dx = rapt_neg(rapt_mul(dy, rapt_sin(x))); break;
  case K_UNARY_erf: *dx = rapt_scale(rapt_mul(dy, rapt_exp(rapt_neg(rapt_square(x)))), 1.12837916709551257390); break;
  case K_UNARY_tanh: *dx = rapt__binary(K_BINARY_tanh_grad_y, y, dy); break;
  case K_UNARY_sigmoid: *dx = rapt__binary(K_BINARY_sigmoid_grad_y, y, dy); break;
  case K_UNARY_relu: *dx = rapt__binary(K_BINARY_relu_grad, x, dy); break;
  case K_UNARY_gelu: *dx = rapt__binary(K_BINARY_gelu_grad, x, dy); break;
  case K_UNARY_gelu_tanh: *dx = rapt__binary(K_BINARY_gelu_tanh_grad, x, dy); break;
  case K_UNARY_silu: *dx = rapt__binary(K_BINARY_silu_grad, x, dy); break;
  case K_UNARY_softplus: *dx = rapt__binary(K_BINARY_softplus_grad, x, dy); break;
  default: break; /* sign, floor: piecewise constant */
  }
}

static rapt_tensor *unary_sample(rapt_graph *graph, int i) {
  bool positive = i == K_UNARY_sqrt || i == K_UNARY_rsqrt || i == K_UNARY_recip || i == K_UNARY_log ||
                  i == K_UNARY_log1p || i == K_UNARY_abs;
  return rapt__unary(i, rapt__sample(graph, "x", RAPT_F32, positive ? 0.3 : -2, 2, RAPT__DIMS(3, 5)));
}

const rapt__op rapt__op_unary = {.name = "unary",
                                 .alias = 1,
                                 .split = block_split,
                                 .forward = unary_forward,
                                 .grad = unary_grad,
                                 .samples = K_UNARY_COUNT,
                                 .sample = unary_sample};

rapt_tensor *rapt__unary(int kernel, rapt_tensor *x) {
  kernel_attr attr = {kernel};
  if (!rapt__poisoned(x) && x->dtype != RAPT_F32)
    return rapt__poison(x->graph, RAPT_EINVAL, "an elementwise function needs reals, not integers");
  return rapt__op1(x->graph, &rapt__op_unary, &x, 1, &attr, sizeof attr, x->ndim, x->dim);
}

#define UNARY(name)                                                                                                    \
  rapt_tensor *rapt_##name(rapt_tensor *x) { return rapt__unary(K_UNARY_##name, x); }
UNARY(neg)
UNARY(abs)
UNARY(square)
UNARY(sqrt)
UNARY(exp)
UNARY(log)
UNARY(sin)
UNARY(cos)
UNARY(tanh)
UNARY(sigmoid)
UNARY(relu)
UNARY(gelu)
UNARY(gelu_tanh)
UNARY(silu)
UNARY(softplus)

/* ---- Two inputs, broadcast ---- */

typedef struct binary_attr {
  int kernel;
  rapt__walk walk;
} binary_attr;

static void binary_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  rapt__walk_split(node, &((const binary_attr *)node->attr)->walk, split);
}

static void binary_forward(const rapt__call *call) {
  const binary_attr *attr = call->node->attr;
  const rapt__walk *walk = &attr->walk;
  k_binary_fn fn = call->k->binary[attr->kernel];
  int last = walk->axes - 1;
  int64_t inner = walk->dim[last], sa = walk->stride[0][last], sb = walk->stride[1][last], at[2];
  const real *a = RAPT__IN(call, 0), *b = RAPT__IN(call, 1);
  real *y = RAPT__OUT(call, 0);
  if (walk->axes == 1) {
    int64_t begin, end;
    rapt__block_range(call, &begin, &end);
    fn(end - begin, a + begin * sa, sa, b + begin * sb, sb, y + begin);
    return;
  }
  for (int64_t run = call->begin; run < call->end; run++) {
    rapt__walk_to(walk, last, 2, run, at);
    fn(inner, a + at[0], sa, b + at[1], sb, y + run * inner);
  }
}

static void binary_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  rapt_tensor *a = node->in[0], *b = node->in[1], *dy = dout[0], *da = NULL, *db = NULL;
  switch (((binary_attr *)node->attr)->kernel) {
  case K_BINARY_add: da = db = dy; break;
  case K_BINARY_sub:
    da = dy;
    if (b->varies) db = rapt_neg(dy);
    break;
  case K_BINARY_mul:
    if (a->varies) da = rapt_mul(dy, b);
    if (b->varies) db = rapt_mul(dy, a);
    break;
  case K_BINARY_div:
    da = rapt_div(dy, b);
    if (b->varies) db = rapt_neg(rapt_mul(da, rapt_div(a, b)));
    break;
  case K_BINARY_max:
    da = rapt_mul(dy, rapt_less_equal(b, a));
    db = rapt_mul(dy, rapt_less(a, b));
    break;
  case K_BINARY_min:
    da = rapt_mul(dy, rapt_less_equal(a, b));
    db = rapt_mul(dy, rapt_less(b, a));
    break;
  case K_BINARY_pow: {
    rapt_tensor *one = rapt_fill(node->graph, 1, 0, NULL);
    if (a->varies) da = rapt_mul(dy, rapt_mul(b, rapt_pow(a, rapt_sub(b, one))));
    if (b->varies) db = rapt_mul(dy, rapt_mul(&node->out[0], rapt_log(a)));
    break;
  }
  default:
    rapt__poison(node->graph, RAPT_EUNSUPPORTED, "second derivatives of this activation are not available");
    return;
  }
  if (a->varies && da) din[0] = rapt__sum_like(da, a);
  if (b->varies && db) din[1] = rapt__sum_like(db, b);
}

static rapt_tensor *binary_sample(rapt_graph *graph, int i) {
  static const int kernels[] = {K_BINARY_add, K_BINARY_sub, K_BINARY_mul, K_BINARY_div,
                                K_BINARY_max, K_BINARY_min, K_BINARY_pow};
  rapt_tensor *a, *b;
  double lo = kernels[i % 7] == K_BINARY_div || kernels[i % 7] == K_BINARY_pow ? 0.5 : -2;
  switch (i / 7) {
  case 0:
    a = rapt__sample(graph, "a", RAPT_F32, lo, 2, RAPT__DIMS(3, 4));
    b = rapt__sample(graph, "b", RAPT_F32, lo, 2, RAPT__DIMS(3, 4));
    break;
  case 1:
    a = rapt__sample(graph, "a", RAPT_F32, lo, 2, RAPT__DIMS(2, 1, 5));
    b = rapt__sample(graph, "b", RAPT_F32, lo, 2, RAPT__DIMS(3, 1));
    break;
  default:
    a = rapt__sample(graph, "a", RAPT_F32, lo, 2, RAPT__DIMS(1));
    b = rapt__sample(graph, "b", RAPT_F32, lo, 2, RAPT__DIMS(2, 1, 3));
    break;
  }
  return rapt__binary(kernels[i % 7], a, b);
}

const rapt__op rapt__op_binary = {.name = "binary",
                                  .alias = 3,
                                  .split = binary_split,
                                  .forward = binary_forward,
                                  .grad = binary_grad,
                                  .samples = 21,
                                  .sample = binary_sample};

rapt_tensor *rapt__binary(int kernel, rapt_tensor *a, rapt_tensor *b) {
  if (rapt__poisoned(a) || rapt__poisoned(b)) return &a->graph->poison;
  int64_t dims[RAPT_MAX_DIMS];
  int n = rapt__broadcast_dims(a, b, dims);
  if (n < 0 || a->dtype != RAPT_F32 || b->dtype != RAPT_F32)
    return rapt__poison(a->graph, RAPT_ESHAPE, "an elementwise op cannot take %s and %s together%s",
                        rapt__shape_text(a), rapt__shape_text(b), n < 0 ? "" : ": both must be reals");
  binary_attr attr = {.kernel = kernel};
  rapt__walk_over(&attr.walk, (const rapt_tensor *[]){a, b}, 2, n, dims);
  rapt_tensor *y = rapt__op1(a->graph, &rapt__op_binary, (rapt_tensor *[]){a, b}, 2, &attr, sizeof attr, n, dims);
  if (kernel == K_BINARY_lt || kernel == K_BINARY_le || kernel == K_BINARY_eq) y->varies = false;
  return y;
}

rapt_tensor *rapt_add(rapt_tensor *a, rapt_tensor *b) { return rapt__binary(K_BINARY_add, a, b); }
rapt_tensor *rapt_sub(rapt_tensor *a, rapt_tensor *b) { return rapt__binary(K_BINARY_sub, a, b); }
rapt_tensor *rapt_mul(rapt_tensor *a, rapt_tensor *b) { return rapt__binary(K_BINARY_mul, a, b); }
rapt_tensor *rapt_div(rapt_tensor *a, rapt_tensor *b) { return rapt__binary(K_BINARY_div, a, b); }
rapt_tensor *rapt_max(rapt_tensor *a, rapt_tensor *b) { return rapt__binary(K_BINARY_max, a, b); }
rapt_tensor *rapt_min(rapt_tensor *a, rapt_tensor *b) { return rapt__binary(K_BINARY_min, a, b); }
rapt_tensor *rapt_pow(rapt_tensor *a, rapt_tensor *b) { return rapt__binary(K_BINARY_pow, a, b); }
rapt_tensor *rapt_less(rapt_tensor *a, rapt_tensor *b) { return rapt__binary(K_BINARY_lt, a, b); }
rapt_tensor *rapt_less_equal(rapt_tensor *a, rapt_tensor *b) { return rapt__binary(K_BINARY_le, a, b); }
rapt_tensor *rapt_equal(rapt_tensor *a, rapt_tensor *b) { return rapt__binary(K_BINARY_eq, a, b); }

/* ---- Activations by name ---- */

int rapt__activation_kernel(rapt_activation activation) {
  static const int kernels[] = {[RAPT_IDENTITY] = -1,
                                [RAPT_RELU] = K_UNARY_relu,
                                [RAPT_GELU] = K_UNARY_gelu,
                                [RAPT_GELU_TANH] = K_UNARY_gelu_tanh,
                                [RAPT_SILU] = K_UNARY_silu,
                                [RAPT_TANH] = K_UNARY_tanh,
                                [RAPT_SIGMOID] = K_UNARY_sigmoid};
  return kernels[activation];
}

rapt_tensor *rapt_activate(rapt_tensor *x, rapt_activation activation) {
  int kernel = rapt__activation_kernel(activation);
  return kernel < 0 ? x : rapt__unary(kernel, x);
}
