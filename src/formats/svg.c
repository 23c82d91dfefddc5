/* Line plots as SVG: ranges, ticks, legend, paths. */
#include "formats/svg_parts.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TICKS = 24, COLOURS = 8, DOTTED_POINTS = 40 };

/* Values beyond are taken as diverged; within, differences cannot overflow. */
#define LARGEST 1e300

typedef struct tick {
  double at; /* in axis units: the logarithm on a logarithmic axis */
  char label[RAPT__SVG_LABEL];
} tick;

typedef struct axis {
  bool log;
  double low, high;   /* in axis units */
  double start, size; /* in pixels; a negative size goes up */
  tick ticks[MAX_TICKS];
  int count;
} axis;

/* ---- Axes -------------------------------------------------------------------------------------------------------- */

static bool usable(const axis *a, double value) {
  return isfinite(value) && fabs(value) <= LARGEST && (!a->log || value >= 1 / LARGEST);
}

static double axis_units(const axis *a, double value) { return a->log ? log10(value) : value; }

static double pixel(const axis *a, double at) { return a->start + (at - a->low) / (a->high - a->low) * a->size; }

/* 1, 2 or 5 times a power of ten, so that about `wanted` steps make up the span. */
static double nice_step(double span, int wanted) {
  double raw = span / wanted, power = pow(10, floor(log10(raw))), part = raw / power;
  return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

static void add_tick(axis *a, double at, double value, int digits) {
  double slack = (a->high - a->low) * 1e-9;
  if (a->count == MAX_TICKS || at < a->low - slack || at > a->high + slack) return;
  tick *t = &a->ticks[a->count++];
  t->at = at;
  rapt__svg_number(t->label, value, digits);
}

static void linear_ticks(axis *a, double low, double high, int wanted) {
  double step = nice_step(high - low, wanted);
  double largest = fmax(fabs(low), fabs(high));
  int digits = (int)ceil(log10(largest / step)) + 1;
  digits = digits < 6 ? 6 : digits > 15 ? 15 : digits;
  double first = ceil(low / step - 1e-9);
  for (int i = 0; i < MAX_TICKS; i++) {
    double value = (first + i) * step;
    if (value > high + step * 1e-6) break;
    add_tick(a, axis_units(a, value), value + 0.0, digits);
  }
}

static void log_ticks(axis *a, int wanted) {
  double span = a->high - a->low;
  if (span < 0.7) {
    linear_ticks(a, pow(10, a->low), pow(10, a->high), wanted);
    return;
  }
  int stride = span <= wanted ? 1 : (int)ceil(span / wanted);
  int first = (int)floor(a->low), last = (int)ceil(a->high);
  first = (int)floor((double)first / stride) * stride;
  for (int decade = first; decade <= last; decade += stride) {
    static const int parts[] = {1, 2, 5};
    for (int i = 0; i < (span < 2.5 ? 3 : 1); i++) add_tick(a, decade + log10(parts[i]), parts[i] * pow(10, decade), 6);
  }
}

/* `widen` rounds the ends of a linear axis to whole steps. */
static void finish_axis(axis *a, bool any, int wanted, bool widen) {
  if (!any) {
    a->low = 0;
    a->high = 1;
  }
  double size = fmax(fabs(a->low), fabs(a->high));
  if (a->high - a->low <= size * 1e-10 || a->high - a->low < (a->log ? 1e-6 : 1e-290)) {
    double pad = a->log ? 0.5 : size > 1e-280 ? size * 0.1 : 1;
    a->low -= pad;
    a->high += pad;
  } else if (a->log && widen) {
    double pad = (a->high - a->low) * 0.04;
    a->low -= pad;
    a->high += pad;
  }
  if (a->log) {
    log_ticks(a, wanted);
    return;
  }
  if (widen) {
    double step = nice_step(a->high - a->low, wanted);
    a->low = floor(a->low / step + 1e-9) * step;
    a->high = ceil(a->high / step - 1e-9) * step;
  }
  linear_ticks(a, a->low, a->high, wanted);
}

static void set_ranges(const rapt__plot *plot, axis *x, axis *y, double width, double height) {
  bool any = false;
  x->low = y->low = INFINITY;
  x->high = y->high = -INFINITY;
  for (size_t s = 0; s < plot->count; s++)
    for (size_t i = 0; i < plot->series[s].count; i++) {
      double px = plot->series[s].x[i], py = plot->series[s].y[i];
      if (!usable(x, px) || !usable(y, py)) continue;
      any = true;
      x->low = fmin(x->low, axis_units(x, px));
      x->high = fmax(x->high, axis_units(x, px));
      y->low = fmin(y->low, axis_units(y, py));
      y->high = fmax(y->high, axis_units(y, py));
    }
  finish_axis(x, any, (int)fmin(fmax(width / 90, 2), 12), false);
  finish_axis(y, any, (int)fmin(fmax(height / 55, 2), 12), true);
}

/* ---- Drawing ----------------------------------------------------------------------------------------------------- */

static rapt_status add(rapt__text *out, const char *s) { return rapt__text_add(out, s, strlen(s)); }

/* Colours repeat after eight series, and then the lines are dashed. */
static rapt_status add_pen(rapt__text *out, size_t series) {
  RAPT_TRY(rapt__text_addf(out, " class=\"line\" style=\"stroke:var(--c%d)\"", (int)(series % COLOURS)));
  return series < COLOURS ? RAPT_OK : rapt__text_addf(out, " stroke-dasharray=\"%d 4\"", series < 2 * COLOURS ? 7 : 2);
}

/* Names in rows from `left` to `right`, the first with its baseline at `top`; with out == NULL it is only measured.
 * `*bottom` becomes the baseline behind the last row. */
static rapt_status add_legend(rapt__text *out, const rapt__plot *plot, double left, double right, double top,
                              double *bottom) {
  double x = left, y = top;
  *bottom = top;
  for (size_t s = 0; s < plot->count; s++) {
    const char *name = plot->series[s].name;
    if (!name || !*name) continue;
    double width = 26 + rapt__svg_text_width(name);
    if (x > left && x + width > right) {
      x = left;
      y += 19;
    }
    if (out) {
      RAPT_TRY(rapt__svg_coordinate(out, "<path d=\"M", x));
      RAPT_TRY(rapt__svg_coordinate(out, " ", y - 4));
      RAPT_TRY(add(out, "h18\""));
      RAPT_TRY(add_pen(out, s));
      RAPT_TRY(add(out, "/>\n"));
      RAPT_TRY(rapt__svg_text(out, "key", x + 24, y, false, name));
    }
    x += width + 18;
    *bottom = y + 19;
  }
  return RAPT_OK;
}

static rapt_status add_axes(rapt__text *out, const rapt__plot *plot, const axis *x, const axis *y) {
  double left = x->start, right = x->start + x->size, bottom = y->start, top = y->start + y->size;
  for (int i = 0; i < y->count; i++) {
    double at = pixel(y, y->ticks[i].at);
    RAPT_TRY(rapt__svg_line(out, "grid", left, at, right, at));
    RAPT_TRY(rapt__svg_text(out, "end", left - 7, at + 4, false, y->ticks[i].label));
  }
  for (int i = 0; i < x->count; i++) {
    double at = pixel(x, x->ticks[i].at);
    RAPT_TRY(rapt__svg_line(out, "edge", at, bottom, at, bottom + 4));
    RAPT_TRY(rapt__svg_text(out, "mid", at, bottom + 18, false, x->ticks[i].label));
  }
  RAPT_TRY(rapt__svg_line(out, "edge", left, bottom, right, bottom));
  if (plot->x_title) RAPT_TRY(rapt__svg_text(out, "mid", (left + right) / 2, bottom + 38, false, plot->x_title));
  if (plot->y_title) RAPT_TRY(rapt__svg_text(out, "mid", 16, (top + bottom) / 2, true, plot->y_title));
  return RAPT_OK;
}

typedef struct point {
  double x, y;
} point;

static bool place(const rapt__series *series, size_t i, const axis *x, const axis *y, point *out) {
  if (!usable(x, series->x[i]) || !usable(y, series->y[i])) return false;
  *out = (point){pixel(x, axis_units(x, series->x[i])), pixel(y, axis_units(y, series->y[i]))};
  return true;
}

static rapt_status add_point(rapt__text *out, const char *before, point at) {
  RAPT_TRY(rapt__svg_coordinate(out, before, at.x));
  return rapt__svg_coordinate(out, " ", at.y);
}

/* Neighbours that share half a pixel's column: of a million noisy points only what can be seen is written, the first,
 * the extremes in their order, and the last. */
typedef struct column {
  size_t count;
  point first, last, low, high;
  bool low_is_later;
} column;

static rapt_status add_column(rapt__text *out, const column *c) {
  point points[] = {c->low_is_later ? c->high : c->low, c->low_is_later ? c->low : c->high, c->last};
  point before = c->first;
  for (int i = 0; i < 3; i++) {
    if (fabs(points[i].x - before.x) < 0.05 && fabs(points[i].y - before.y) < 0.05) continue;
    RAPT_TRY(add_point(out, "L", points[i]));
    before = points[i];
  }
  return RAPT_OK;
}

static rapt_status add_path(rapt__text *out, const rapt__series *series, size_t index, const axis *x, const axis *y,
                            size_t *shown) {
  column c = {0};
  point at;
  *shown = 0;
  for (size_t i = 0; i < series->count; i++) {
    if (!place(series, i, x, y, &at)) continue;
    ++*shown;
    if (c.count && floor(at.x * 2) == floor(c.first.x * 2)) {
      c.count++;
      c.last = at;
      if (at.y < c.low.y) {
        c.low = at;
        c.low_is_later = true;
      } else if (at.y > c.high.y) {
        c.high = at;
        c.low_is_later = false;
      }
      continue;
    }
    if (c.count) RAPT_TRY(add_column(out, &c));
    RAPT_TRY(add_point(out, c.count ? "L" : "<path d=\"M", at));
    c = (column){1, at, at, at, at, false};
  }
  if (!c.count) return RAPT_OK;
  RAPT_TRY(add_column(out, &c));
  RAPT_TRY(add(out, "\""));
  RAPT_TRY(add_pen(out, index));
  return add(out, "/>\n");
}

/* A line, and dots where the points are few: a line alone would hide where they are, or, for one point, be nothing. Two
 * points are a reference line and stay bare. */
static rapt_status add_series(rapt__text *out, const rapt__series *series, size_t index, const axis *x, const axis *y) {
  size_t shown;
  RAPT_TRY(add_path(out, series, index, x, y, &shown));
  if (shown == 2 || shown > DOTTED_POINTS) return RAPT_OK;
  for (size_t i = 0; i < series->count; i++) {
    point at;
    if (!place(series, i, x, y, &at)) continue;
    RAPT_TRY(rapt__svg_coordinate(out, "<circle r=\"2.6\" cx=\"", at.x));
    RAPT_TRY(rapt__svg_coordinate(out, "\" cy=\"", at.y));
    RAPT_TRY(rapt__text_addf(out, "\" style=\"fill:var(--c%d)\"/>\n", (int)(index % COLOURS)));
  }
  return RAPT_OK;
}

static double pixels_or(double value, double standard) { return value >= 160 && value <= 20000 ? value : standard; }

rapt_status rapt__svg_plot(rapt__text *out, const rapt__plot *plot) {
  double width = pixels_or(plot->width, 720), height = pixels_or(plot->height, 400);
  axis x = {.log = plot->log_x}, y = {.log = plot->log_y};
  set_ranges(plot, &x, &y, width, height);

  double labels = 0, below;
  for (int i = 0; i < y.count; i++) labels = fmax(labels, rapt__svg_text_width(y.ticks[i].label));
  double left = labels + 12 + (plot->y_title ? 26 : 6), right = width - 18, top = plot->title ? 40 : 18;
  double legend = top + 4;
  RAPT_TRY(add_legend(NULL, plot, left, right, legend, &below));
  if (below > legend) top = below;
  double bottom = fmax(height - (plot->x_title ? 48 : 28), top + 40); /* a legend of many rows makes the plot taller */
  height = fmax(height, bottom + (plot->x_title ? 48 : 28));
  x.start = left;
  x.size = right - left;
  y.start = bottom;
  y.size = top - bottom;

  RAPT_TRY(rapt__svg_begin(out, plot->title ? plot->title : "Plot", width, height));
  if (plot->title) RAPT_TRY(rapt__svg_text(out, "name", left, 24, false, plot->title));
  RAPT_TRY(add_legend(out, plot, left, right, legend, &below));
  RAPT_TRY(add_axes(out, plot, &x, &y));
  for (size_t s = 0; s < plot->count; s++) RAPT_TRY(add_series(out, &plot->series[s], s, &x, &y));
  return add(out, "</svg>\n");
}
