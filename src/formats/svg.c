/* Line plots as SVG: ranges, ticks, legend, paths. */
#include "formats/svg.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TICKS = 24, LABEL_SIZE = 40, COLOURS = 8, DOTTED_POINTS = 40 };

/* The width of an average character of the 12-pixel font, since nothing here can measure text. */
#define CHAR_WIDTH 6.7
/* Values beyond are taken as diverged; within, differences cannot overflow. */
#define LARGEST 1e300

typedef struct tick {
  double at; /* in axis units: the logarithm on a logarithmic axis */
  char label[LABEL_SIZE];
} tick;

typedef struct axis {
  bool log;
  double low, high;   /* in axis units */
  double start, size; /* in pixels; a negative size goes up */
  tick ticks[MAX_TICKS];
  int count;
} axis;

/* ---- Text -------------------------------------------------------------------------------------------------------- */

/* The length of the UTF-8 sequence at `s` when it is a character that XML allows, otherwise 0. */
static size_t xml_char(const unsigned char *s) {
  if (s[0] < 0x80) return s[0] >= 0x20 || s[0] == '\t' || s[0] == '\n' || s[0] == '\r' ? 1 : 0;
  size_t length = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
  if (s[0] < 0xC2 || s[0] > 0xF4) return 0;
  uint32_t code = s[0] & (0x7Fu >> length);
  for (size_t i = 1; i < length; i++) {
    if ((s[i] & 0xC0) != 0x80) return 0; /* the terminating zero ends up here too */
    code = code << 6 | (s[i] & 0x3Fu);
  }
  if (length == 3 && (code < 0x800 || (code >= 0xD800 && code <= 0xDFFF) || code >= 0xFFFE)) return 0;
  if (length == 4 && (code < 0x10000 || code > 0x10FFFF)) return 0;
  return length;
}

rapt_status rapt__xml_escape(rapt__text *out, const char *s) {
  if (!s) return RAPT_OK;
  const char *plain = s; /* what is not yet appended */
  while (*s) {
    size_t length = xml_char((const unsigned char *)s);
    const char *instead = NULL;
    switch (*s) {
    case '&': instead = "&amp;"; break;
    case '<': instead = "&lt;"; break;
    case '>': instead = "&gt;"; break;
    case '"': instead = "&quot;"; break;
    case '\'': instead = "&#39;"; break;
    default:
      if (length == 0) instead = "\xEF\xBF\xBD";
    }
    if (instead) {
      RAPT_TRY(rapt__text_add(out, plain, (size_t)(s - plain)));
      RAPT_TRY(rapt__text_add(out, instead, strlen(instead)));
      plain = s + 1;
    }
    s += length ? length : 1;
  }
  return rapt__text_add(out, plain, (size_t)(s - plain));
}

static rapt_status add(rapt__text *out, const char *s) { return rapt__text_add(out, s, strlen(s)); }

/* A coordinate with one decimal; printf's %f would follow the locale's decimal comma. */
static rapt_status add_coordinate(rapt__text *out, const char *before, double value) {
  long tenths = lround(value * 10);
  long size = labs(tenths);
  return rapt__text_addf(out, "%s%s%ld.%ld", before, tenths < 0 ? "-" : "", size / 10, size % 10);
}

static double text_width(const char *s) {
  double width = 0;
  for (; *s; s++) width += ((unsigned char)*s & 0xC0) != 0x80 ? CHAR_WIDTH : 0;
  return width;
}

/* %g with a point in every locale, and 1e6 for 1e+06. */
static void number_label(char label[LABEL_SIZE], double value, int digits) {
  char raw[LABEL_SIZE];
  snprintf(raw, sizeof raw, "%.*g", digits, value);
  char *to = label;
  bool exponent = false, leading = false;
  for (const char *s = raw; *s; s++) {
    if (*s == 'e') exponent = leading = true;
    if (exponent && leading && (*s == '+' || *s == '0')) continue;
    if (exponent && *s >= '1' && *s <= '9') leading = false;
    if ((*s >= '0' && *s <= '9') || *s == '-' || *s == 'e')
      *to++ = *s;
    else if (to > label && to[-1] != '.')
      *to++ = '.'; /* a separator of several bytes becomes one point */
  }
  *to = 0;
}

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
  number_label(t->label, value, digits);
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

/* Every rule begins with the class, for inside an HTML page a style is the whole page's. */
static const char style[] =
    "<style>\n"
    ".rapt-plot{--bg:#fff;--ink:#26282c;--dim:#5f646d;--grid:#e6e8eb;--c0:#2563b0;--c1:#c2571a;--c2:#23804b;"
    "--c3:#8b4bb0;--c4:#b5313f;--c5:#147f8c;--c6:#8a6d12;--c7:#5c6470;max-width:100%;height:auto}\n"
    "@media(prefers-color-scheme:dark){.rapt-plot{--bg:#17191d;--ink:#e2e4e8;--dim:#9da3ad;--grid:#30343b;"
    "--c0:#77aef2;--c1:#f0975a;--c2:#6ac48d;--c3:#c493e6;--c4:#f0808a;--c5:#5cc3d0;--c6:#d8b950;--c7:#a9b1bd}}\n"
    ".rapt-plot text{font:12px system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",sans-serif;fill:var(--dim)}\n"
    ".rapt-plot .name{font-size:14px;font-weight:600;fill:var(--ink)}\n"
    ".rapt-plot .bg{fill:var(--bg)}\n"
    ".rapt-plot .grid{stroke:var(--grid);stroke-width:1}\n"
    ".rapt-plot .edge{stroke:var(--dim);stroke-width:1}\n"
    ".rapt-plot .line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}\n"
    ".rapt-plot .end{text-anchor:end}\n"
    ".rapt-plot .mid{text-anchor:middle}\n"
    "</style>\n";

static rapt_status add_line(rapt__text *out, const char *class, double x1, double y1, double x2, double y2) {
  RAPT_TRY(rapt__text_addf(out, "<line class=\"%s\"", class));
  RAPT_TRY(add_coordinate(out, " x1=\"", x1));
  RAPT_TRY(add_coordinate(out, "\" y1=\"", y1));
  RAPT_TRY(add_coordinate(out, "\" x2=\"", x2));
  RAPT_TRY(add_coordinate(out, "\" y2=\"", y2));
  return add(out, "\"/>\n");
}

static rapt_status add_text(rapt__text *out, const char *class, double x, double y, bool upright, const char *s) {
  RAPT_TRY(rapt__text_addf(out, "<text class=\"%s\"", class));
  RAPT_TRY(add_coordinate(out, " transform=\"translate(", x));
  RAPT_TRY(add_coordinate(out, " ", y));
  RAPT_TRY(add(out, upright ? ") rotate(-90)\">" : ")\">"));
  RAPT_TRY(rapt__xml_escape(out, s));
  return add(out, "</text>\n");
}

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
    double width = 26 + text_width(name);
    if (x > left && x + width > right) {
      x = left;
      y += 19;
    }
    if (out) {
      RAPT_TRY(add_coordinate(out, "<path d=\"M", x));
      RAPT_TRY(add_coordinate(out, " ", y - 4));
      RAPT_TRY(add(out, "h18\""));
      RAPT_TRY(add_pen(out, s));
      RAPT_TRY(add(out, "/>\n"));
      RAPT_TRY(add_text(out, "key", x + 24, y, false, name));
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
    RAPT_TRY(add_line(out, "grid", left, at, right, at));
    RAPT_TRY(add_text(out, "end", left - 7, at + 4, false, y->ticks[i].label));
  }
  for (int i = 0; i < x->count; i++) {
    double at = pixel(x, x->ticks[i].at);
    RAPT_TRY(add_line(out, "edge", at, bottom, at, bottom + 4));
    RAPT_TRY(add_text(out, "mid", at, bottom + 18, false, x->ticks[i].label));
  }
  RAPT_TRY(add_line(out, "edge", left, bottom, right, bottom));
  if (plot->x_title) RAPT_TRY(add_text(out, "mid", (left + right) / 2, bottom + 38, false, plot->x_title));
  if (plot->y_title) RAPT_TRY(add_text(out, "mid", 16, (top + bottom) / 2, true, plot->y_title));
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
  RAPT_TRY(add_coordinate(out, before, at.x));
  return add_coordinate(out, " ", at.y);
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
    RAPT_TRY(add_coordinate(out, "<circle r=\"2.6\" cx=\"", at.x));
    RAPT_TRY(add_coordinate(out, "\" cy=\"", at.y));
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
  for (int i = 0; i < y.count; i++) labels = fmax(labels, text_width(y.ticks[i].label));
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

  RAPT_TRY(add_coordinate(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"rapt-plot\" role=\"img\" width=\"",
                          width));
  RAPT_TRY(add_coordinate(out, "\" height=\"", height));
  RAPT_TRY(add_coordinate(out, "\" viewBox=\"0 0 ", width));
  RAPT_TRY(add_coordinate(out, " ", height));
  RAPT_TRY(add(out, "\">\n<title>"));
  RAPT_TRY(rapt__xml_escape(out, plot->title ? plot->title : "Plot"));
  RAPT_TRY(add(out, "</title>\n"));
  RAPT_TRY(add(out, style));
  RAPT_TRY(add(out, "<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n"));
  if (plot->title) RAPT_TRY(add_text(out, "name", left, 24, false, plot->title));
  RAPT_TRY(add_legend(out, plot, left, right, legend, &below));
  RAPT_TRY(add_axes(out, plot, &x, &y));
  for (size_t s = 0; s < plot->count; s++) RAPT_TRY(add_series(out, &plot->series[s], s, &x, &y));
  return add(out, "</svg>\n");
}
