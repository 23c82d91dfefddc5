/* Weights in blocks: every level gives the bits of ref's; writing comes near; a product is that of the numbers read. */
#include "kernels/check.h"

#include "kernels/blocks.h"

static const char *const names[] = {
#define NAME(name, number, elements, bytes) #name,
    RAPT__WEIGHT_TYPE_LIST(NAME)
#undef NAME
};

enum { ROW = 0, X = 1, WANT = 2, GOT = 3, ACT = 4, ACT_GOT = 5 };

static int64_t words(size_t bytes) { return (int64_t)(bytes + 3) / 4; }

/* A buffer whose last byte is the last before the trap. */
static uint8_t *byte_buffer(int slot, size_t bytes) {
  float *p = check_buffer(slot, words(bytes));
  return (uint8_t *)p + (4 - bytes % 4) % 4;
}

/* Any bytes, but scales that are numbers: an infinity would make NaN of all. */
static void random_row(const k_blocks *b, int type, int64_t n, uint8_t *row) {
  size_t size = (size_t)(n / b->elements) * b->bytes;
  for (size_t i = 0; i < size; i++) row[i] = (uint8_t)check_u32();
  for (size_t at = 0; at < size; at += b->bytes) {
    uint16_t d = rapt__to_half(check_between(-0.1F, 0.1F)), dmin = rapt__to_half(check_between(0, 0.1F));
    size_t place = type == K_BLOCK_Q6_K ? b->bytes - 2 : 0;
    if (type == K_BLOCK_BF16) d = rapt__to_bfloat(check_between(-1, 1));
    memcpy(row + at + place, &d, 2);
    if (type == K_BLOCK_Q4_K || type == K_BLOCK_Q5_K) memcpy(row + at + 2, &dmin, 2);
  }
}

#define EACH_TYPE(b, t)                                                                                                \
  for (int type = 0; type < K_BLOCK_COUNT; type++)                                                                     \
    for (const k_blocks *b = &(t)->blocks[type]; b; b = NULL)

static const int64_t counts[] = {0, 1, 2, 3, 4, 7, 8, 9, 33};
enum { COUNTS = sizeof counts / sizeof *counts };

static void reading(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) {
    EACH_TYPE(b, t) {
      for (int c = 0; c < COUNTS; c++) {
        int64_t n = counts[c] * b->elements;
        size_t bytes = (size_t)counts[c] * b->bytes;
        uint8_t *row = byte_buffer(ROW, bytes);
        float *want = check_buffer(WANT, n), *got = check_buffer(GOT, n);
        random_row(b, type, n, row);
        ref->blocks[type].read(n, row, want);
        b->read(n, row, got);
        check_same(names[type], t->name, n, got, want);
        check_intact(GOT, n, names[type]);
      }
    }
  }
}

static void preparing(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) {
    EACH_TYPE(b, t) {
      for (int c = 0; c < COUNTS; c++) {
        int64_t n = counts[c] * b->elements;
        size_t bytes = (size_t)counts[c] * b->act_bytes;
        float *x = check_buffer(X, n);
        uint8_t *want = byte_buffer(ACT, bytes), *got = byte_buffer(ACT_GOT, bytes);
        for (int awkward = 0; awkward < 3; awkward++) {
          check_fill(x, n, -3, 3);
          if (awkward == 1) check_sprinkle(x, n);
          for (int64_t i = 0; awkward == 2 && i < n; i++) x[i] *= 1e-35F;
          ref->blocks[type].prepare(n, x, want);
          b->prepare(n, x, got);
          if (memcmp(want, got, bytes) != 0)
            check_fail("%s at %s: prepared otherwise than by ref", names[type], t->name);
          check_intact(ACT_GOT, words(bytes), names[type]);
        }
      }
    }
  }
}

static void products(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) {
    EACH_TYPE(b, t) {
      for (int c = 0; c < COUNTS; c++) {
        int64_t n = counts[c] * b->elements;
        size_t bytes = (size_t)counts[c] * b->bytes, acts = (size_t)counts[c] * b->act_bytes;
        uint8_t *row = byte_buffer(ROW, bytes), *act = byte_buffer(ACT, acts);
        float *x = check_buffer(X, n), *w = check_buffer(WANT, n);
        random_row(b, type, n, row);
        check_fill(x, n, -3, 3);
        for (int64_t i = 0; i < n; i += 5) x[i] = i % 2 ? 3.0F : -3.0F; /* the extremes of the bytes */
        ref->blocks[type].prepare(n, x, act);
        float want = ref->blocks[type].dot(n, row, act), got = b->dot(n, row, act);
        ref->blocks[type].read(n, row, w);
        double exact = 0, size = 0, mass = 0;
        for (int64_t i = 0; i < n; i++) {
          exact += (double)w[i] * (double)x[i];
          size += fabs((double)w[i] * (double)x[i]);
          mass += fabs((double)w[i]);
        }
        if (b->elements > 1)
          check_same(names[type], t->name, 1, &got, &want);
        else
          check_close(names[type], t->name, n, 0, got, want, 16 * CHECK_EPS * size);
        /* Eight bits for activations: off by half a step of 3/127 each at most, rounding aside. */
        double most = (b->elements > 1 ? 1.5 / 127 * mass : 0) + (double)(n + 16) * CHECK_EPS * size * 2;
        if (fabs((double)got - exact) > most)
          check_fail("%s at %s, n = %lld: %g, and the numbers give %g", names[type], t->name, (long long)n, (double)got,
                     exact);
      }
    }
  }
}

static void products_of_nothing_finite(void) {
  CHECK_EACH_LEVEL(t) {
    EACH_TYPE(b, t) {
      float x[256], bad[] = {NAN, INFINITY, -INFINITY};
      uint8_t row[512], act[1024];
      for (int k = 0; k < 3; k++) {
        check_fill(x, b->elements, -1, 1);
        x[b->elements - 1] = bad[k];
        random_row(b, type, b->elements, row);
        b->prepare(b->elements, x, act);
        float y = b->dot(b->elements, row, act);
        if (isfinite(y)) check_fail("%s at %s: %g out of %g", names[type], t->name, (double)y, (double)bad[k]);
      }
    }
  }
}

/* What is written and read comes within the step that the type has, and what was read is written to the same bytes again where
 * the scale is simple. */
static void writing(void) {
  /* Root of the mean squared error over that of the numbers, normal ones: half a step, evenly spread, is 0.29 steps. */
  static const double most[K_BLOCK_COUNT] = {
      [K_BLOCK_F16] = 3e-4,   [K_BLOCK_BF16] = 2.5e-3, [K_BLOCK_Q4_0] = 0.10, [K_BLOCK_Q5_0] = 0.05,
      [K_BLOCK_Q8_0] = 0.007, [K_BLOCK_Q4_K] = 0.08,   [K_BLOCK_Q5_K] = 0.04, [K_BLOCK_Q6_K] = 0.02};
  CHECK_EACH_LEVEL(t) {
    EACH_TYPE(b, t) {
      int64_t n = 4096;
      float *x = check_buffer(X, n), *y = check_buffer(GOT, n);
      size_t bytes = (size_t)(n / b->elements) * b->bytes;
      uint8_t *row = byte_buffer(ROW, bytes);
      for (int64_t i = 0; i < n; i++) { /* nearly normal */
        x[i] = 0;
        for (int k = 0; k < 12; k++) x[i] += check_between(-0.5F, 0.5F);
      }
      b->write(n, x, row);
      check_intact(ROW, words(bytes), names[type]);
      b->read(n, row, y);
      double off = 0, all = 0;
      for (int64_t i = 0; i < n; i++) {
        off += ((double)y[i] - (double)x[i]) * ((double)y[i] - (double)x[i]);
        all += (double)x[i] * (double)x[i];
      }
      if (!(sqrt(off / all) < most[type]))
        check_fail("%s at %s: error %.4f of the numbers' size, allowed %.4f", names[type], t->name, sqrt(off / all),
                   most[type]);
      for (int k = 0; k < 3; k++) { /* zeros, equal numbers, tiny ones */
        for (int64_t i = 0; i < n; i++) x[i] = k == 0 ? 0 : k == 1 ? -0.75F : 1e-42F;
        b->write(n, x, row);
        b->read(n, row, y);
        for (int64_t i = 0; i < n; i++)
          if (!(fabsf(y[i] - x[i]) <= 0.01F * fabsf(x[i]) + 1e-6F)) {
            check_fail("%s at %s: %g was written and %g read", names[type], t->name, (double)x[i], (double)y[i]);
            break;
          }
      }
    }
  }
}

int main(void) {
  static const check_test tests[] = {CHECK_TEST(reading), CHECK_TEST(preparing), CHECK_TEST(products),
                                     CHECK_TEST(products_of_nothing_finite), CHECK_TEST(writing)};
  return check_main(tests, sizeof tests / sizeof *tests);
}
