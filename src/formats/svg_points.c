/* Labelled points in a plane. */
#include "formats/svg_parts.h"

#include <math.h>

enum { SIDE = 480, MARGIN = 24, LABELS = 260 };

static void range(const double *v, size_t count, double *low, double *high) {
  *low = INFINITY, *high = -INFINITY;
  for (size_t i = 0; i < count; i++) {
    if (!isfinite(v[i])) continue;
    if (v[i] < *low) *low = v[i];
    if (v[i] > *high) *high = v[i];
  }
  if (!(*high > *low)) *low -= 1, *high += 1;
}

rapt_status rapt__svg_points(rapt__text *out, const rapt__points *p) {
  double low[2], high[2];
  range(p->x, p->count, &low[0], &high[0]);
  range(p->y, p->count, &low[1], &high[1]);
  double top = p->title ? 40 : MARGIN;
  RAPT_TRY(rapt__svg_begin(out, p->title, SIDE + LABELS, SIDE + top));
  if (p->title) RAPT_TRY(rapt__svg_text(out, "name", 12, 24, false, p->title));
  for (size_t i = 0; i < p->count; i++) {
    if (!isfinite(p->x[i]) || !isfinite(p->y[i])) continue;
    double x = MARGIN + (p->x[i] - low[0]) / (high[0] - low[0]) * (SIDE - 2 * MARGIN);
    double y = top + (high[1] - p->y[i]) / (high[1] - low[1]) * (SIDE - 2 * MARGIN);
    int colour = p->groups ? p->groups[i] % 8 : 0;
    RAPT_TRY(rapt__svg_coordinate(out, "<circle cx=\"", x));
    RAPT_TRY(rapt__svg_coordinate(out, "\" cy=\"", y));
    RAPT_TRY(rapt__text_addf(out, "\" r=\"4\" style=\"fill:var(--c%d)\"/>\n", colour));
    if (p->labels) RAPT_TRY(rapt__svg_text(out, "value", x + 8, y + 4, false, p->labels[i]));
  }
  return rapt__text_add(out, "</svg>\n", 7);
}
