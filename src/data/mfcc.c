/* Mel-frequency cepstral coefficients. */
#include "data/mfcc.h"

#include <math.h>
#include <string.h>

enum { FILTERS = 26, REACH = 2 }; /* frames on either side of a slope */

#define PI 3.14159265358979323846

typedef struct analysis {
  int64_t window, hop, size; /* samples; of the transform */
  double *shape;             /* [window] */
  double *re, *im;           /* [size] */
  double *power;             /* [size / 2 + 1] */
  double edges[FILTERS + 2]; /* of the filters, in bins */
} analysis;

static double to_mel(double hertz) { return 2595 * log10(1 + hertz / 700); }
static double from_mel(double mel) { return 700 * (pow(10, mel / 2595) - 1); }

static void measures(uint32_t rate, analysis *a) {
  a->window = rate / 40;
  a->hop = rate / 100;
  a->size = 1;
  while (a->size < a->window) a->size *= 2;
  double top = to_mel(rate / 2.0);
  for (int i = 0; i < FILTERS + 2; i++)
    a->edges[i] = from_mel(top * i / (FILTERS + 1)) * (double)a->size / (double)rate;
}

int64_t rapt__mfcc_frames(size_t samples, uint32_t rate) {
  int64_t window = rate / 40, hop = rate / 100, n = (int64_t)samples;
  return n <= window || hop < 1 ? 1 : 1 + (n - window) / hop; /* rapt__mfcc refuses such a rate */
}

/* In place, radix 2 (Cooley & Tukey 1965); n is a power of two. */
static void transform(double *re, double *im, int64_t n) {
  for (int64_t i = 1, j = 0; i < n; i++) {
    int64_t bit = n / 2;
    for (; j & bit; bit /= 2) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    double r = re[i], m = im[i];
    re[i] = re[j], im[i] = im[j];
    re[j] = r, im[j] = m;
  }
  for (int64_t half = 1; half < n; half *= 2)
    for (int64_t k = 0; k < half; k++) {
      double c = cos(PI * (double)k / (double)half), s = -sin(PI * (double)k / (double)half);
      for (int64_t i = k; i < n; i += 2 * half) {
        double r = re[i + half] * c - im[i + half] * s, m = re[i + half] * s + im[i + half] * c;
        re[i + half] = re[i] - r, im[i + half] = im[i] - m;
        re[i] += r, im[i] += m;
      }
    }
}

static double emphasized(const float *samples, size_t count, int64_t at) {
  if (at >= (int64_t)count) return 0;
  return (double)samples[at] - (at > 0 ? 0.97 * (double)samples[at - 1] : 0);
}

static void cepstrum(analysis *a, const float *samples, size_t count, int64_t frame, float *out) {
  memset(a->im, 0, (size_t)a->size * sizeof *a->im);
  memset(a->re, 0, (size_t)a->size * sizeof *a->re);
  for (int64_t i = 0; i < a->window; i++) a->re[i] = a->shape[i] * emphasized(samples, count, frame * a->hop + i);
  transform(a->re, a->im, a->size);
  for (int64_t k = 0; k <= a->size / 2; k++) a->power[k] = a->re[k] * a->re[k] + a->im[k] * a->im[k];
  double logs[FILTERS];
  for (int f = 0; f < FILTERS; f++) {
    double left = a->edges[f], peak = a->edges[f + 1], right = a->edges[f + 2], sum = 0;
    for (int64_t k = 0; k <= a->size / 2; k++) {
      double x = (double)k, up = (x - left) / (peak - left), down = (right - x) / (right - peak);
      sum += fmax(0, fmin(up, down)) * a->power[k];
    }
    logs[f] = log(sum + 1e-10); /* silence has a logarithm too */
  }
  for (int c = 0; c < RAPT__MFCC; c++) {
    double sum = 0;
    for (int f = 0; f < FILTERS; f++) sum += logs[f] * cos(PI * c * (f + 0.5) / FILTERS);
    out[c] = (float)(sum * sqrt((c ? 2.0 : 1.0) / FILTERS));
  }
}

/* The slope of the line of least squares through five frames. */
static void slopes(int64_t frames, float *out) {
  for (int64_t t = 0; t < frames; t++)
    for (int c = 0; c < RAPT__MFCC; c++) {
      double sum = 0;
      for (int64_t d = 1; d <= REACH; d++) {
        int64_t before = t - d < 0 ? 0 : t - d, behind = t + d >= frames ? frames - 1 : t + d;
        sum += (double)d * (double)(out[behind * RAPT__MFCC_WIDTH + c] - out[before * RAPT__MFCC_WIDTH + c]);
      }
      out[t * RAPT__MFCC_WIDTH + RAPT__MFCC + c] = (float)(sum / 10); /* 2 · (1² + 2²) */
    }
}

rapt_status rapt__mfcc(rapt_context *ctx, const float *samples, size_t count, uint32_t rate, float *out) {
  if (rate < 1000 || rate > 100000)
    return rapt__fail(ctx, RAPT_EUNSUPPORTED, "mfcc: %u samples a second; 1000 to 100,000 are possible", rate);
  analysis a;
  measures(rate, &a);
  double *room = rapt__new(ctx, (size_t)(a.window + 3 * a.size + 1), sizeof *room);
  if (!room) return RAPT_ENOMEM;
  a.shape = room;
  a.re = a.shape + a.window;
  a.im = a.re + a.size;
  a.power = a.im + a.size;
  for (int64_t i = 0; i < a.window; i++) a.shape[i] = 0.54 - 0.46 * cos(2 * PI * (double)i / (double)(a.window - 1));
  int64_t frames = rapt__mfcc_frames(count, rate);
  for (int64_t t = 0; t < frames; t++) cepstrum(&a, samples, count, t, out + t * RAPT__MFCC_WIDTH);
  slopes(frames, out);
  rapt__free(ctx, room);
  return RAPT_OK;
}
