/* Line plots as SVG, and text made safe for XML and HTML. */
#ifndef RAPT_SRC_SVG_H
#define RAPT_SRC_SVG_H

#include "base/base.h"

typedef struct rapt__series {
  const char *name; /* NULL: not in the legend */
  const double *x, *y;
  size_t count;
} rapt__series;

typedef struct rapt__plot {
  const char *title, *x_title, *y_title; /* each may be NULL */
  bool log_x, log_y;
  const rapt__series *series;
  size_t count;
  double width, height; /* in pixels; 0: 720 by 400 */
} rapt__plot;

/* Appends one <svg> element, which is also a whole SVG file. Points that are not finite, or not positive on a
 * logarithmic axis, are left out and the line goes on behind them. */
rapt_status rapt__svg_plot(rapt__text *out, const rapt__plot *plot);

/* Appends text for an element or a quoted attribute of XML or HTML. Bytes that are not UTF-8 and characters that XML
 * forbids become U+FFFD. NULL appends nothing. */
rapt_status rapt__xml_escape(rapt__text *out, const char *s);

#endif
