/* Bar charts as SVG. */
#include "formats/svg_parts.h"

#include <math.h>
#include <string.h>

enum { MAX_BARS = 1000, MAX_SERIES = 8, BAR = 16, GAP = 10 };

static rapt_status add(rapt__text *out, const char *s) { return rapt__text_add(out, s, strlen(s)); }

/* Values beyond are taken as diverged; within, differences cannot overflow. */
static bool usable(double value) { return isfinite(value) && fabs(value) <= 1e300; }

static rapt_status add_bar(rapt__text *out, double from, double to, double y, size_t series) {
  RAPT_TRY(rapt__svg_coordinate(out, "<rect rx=\"2\" x=\"", fmin(from, to)));
  RAPT_TRY(rapt__svg_coordinate(out, "\" y=\"", y));
  RAPT_TRY(rapt__svg_coordinate(out, "\" width=\"", fmax(fabs(to - from), 0.5)));
  return rapt__text_addf(out, "\" height=\"%d\" style=\"fill:var(--c%d)\"/>\n", BAR - 2, (int)series);
}

static rapt_status add_key(rapt__text *out, const rapt__bars *bars, size_t count, double x, double y) {
  for (size_t s = 0; s < count; s++) {
    RAPT_TRY(rapt__svg_coordinate(out, "<rect rx=\"2\" width=\"12\" height=\"12\" x=\"", x));
    RAPT_TRY(rapt__svg_coordinate(out, "\" y=\"", y - 10));
    RAPT_TRY(rapt__text_addf(out, "\" style=\"fill:var(--c%d)\"/>\n", (int)s));
    RAPT_TRY(rapt__svg_text(out, "key", x + 18, y, false, bars->series[s]));
    x += 38 + rapt__svg_text_width(bars->series[s]);
  }
  return RAPT_OK;
}

/* The ends of the scale hold zero, and room for the numbers is kept on the side of the bars. */
static void set_scale(const rapt__bars *bars, size_t total, double *low, double *high) {
  *low = *high = 0;
  for (size_t i = 0; i < total; i++) {
    if (!usable(bars->values[i])) continue;
    *low = fmin(*low, bars->values[i]);
    *high = fmax(*high, bars->values[i]);
  }
  if (*high - *low < 1e-300) *high = *low + 1;
}

rapt_status rapt__svg_bars(rapt__text *out, const rapt__bars *bars) {
  size_t series = bars->series_count ? bars->series_count : 1;
  if (bars->count > MAX_BARS || series > MAX_SERIES)
    return rapt__fail(out->ctx, RAPT_EINVAL, "bar chart: %zu groups of %zu bars, at most %d of %d can be drawn",
                      bars->count, series, MAX_BARS, MAX_SERIES);
  bool key = bars->series && series > 1;
  double width = bars->width >= 160 && bars->width <= 20000 ? bars->width : 720;
  double group = (double)series * BAR + GAP, top = (bars->title ? 40 : 14) + (key ? 24 : 0);
  double bottom = top + (double)bars->count * group, height = bottom + (bars->x_title ? 30 : 12);
  double labels = 0, low, high;
  for (size_t i = 0; i < bars->count; i++) labels = fmax(labels, rapt__svg_text_width(bars->labels[i]));
  labels = fmin(labels, width * 0.45);
  set_scale(bars, bars->count * series, &low, &high);
  double numbers = 58, left = labels + 20 + (low < 0 ? numbers : 0), right = width - (high > 0 ? numbers : 12);
  double unit = (right - left) / (high - low), zero = left - low * unit;

  RAPT_TRY(rapt__svg_begin(out, bars->title ? bars->title : "Bar chart", width, height));
  if (bars->title) RAPT_TRY(rapt__svg_text(out, "name", 12, 24, false, bars->title));
  if (key) RAPT_TRY(add_key(out, bars, series, 12, top - 12));
  for (size_t i = 0; i < bars->count; i++) {
    double y = top + (double)i * group;
    RAPT_TRY(rapt__svg_text(out, "end", labels + 12, y + (group - GAP) / 2 + 3.5, false, bars->labels[i]));
    for (size_t s = 0; s < series; s++, y += BAR) {
      double value = bars->values[i * series + s], end = zero + (usable(value) ? value : 0) * unit;
      char number[RAPT__SVG_LABEL] = "\xE2\x80\x93";
      if (usable(value)) rapt__svg_number(number, value + 0.0, 4);
      if (usable(value)) RAPT_TRY(add_bar(out, zero, end, y, s));
      bool leftwards = usable(value) && value < 0;
      RAPT_TRY(rapt__svg_text(out, leftwards ? "end" : "value", leftwards ? end - 6 : end + 6, y + 11, false, number));
    }
  }
  RAPT_TRY(rapt__svg_line(out, "edge", zero, top - 4, zero, bottom - GAP + 4));
  if (bars->x_title) RAPT_TRY(rapt__svg_text(out, "mid", (left + right) / 2, bottom + 14, false, bars->x_title));
  return add(out, "</svg>\n");
}
