/* The pieces of SVG that plots and charts share. */
#ifndef RAPT_SRC_SVG_PARTS_H
#define RAPT_SRC_SVG_PARTS_H

#include "formats/svg.h"

enum { RAPT__SVG_LABEL = 40 };

/* The element's start, its title for screen readers, the style and a background; "</svg>" is left to the caller. */
rapt_status rapt__svg_begin(rapt__text *out, const char *title, double width, double height);
/* `before` and a coordinate with one decimal; printf's %f would follow the locale's decimal comma. */
rapt_status rapt__svg_coordinate(rapt__text *out, const char *before, double value);
rapt_status rapt__svg_line(rapt__text *out, const char *class, double x1, double y1, double x2, double y2);
/* `upright` turns the text to be read from below. */
rapt_status rapt__svg_text(rapt__text *out, const char *class, double x, double y, bool upright, const char *s);
/* %g with a point in every locale, and 1e6 for 1e+06. */
void rapt__svg_number(char label[RAPT__SVG_LABEL], double value, int digits);
double rapt__svg_text_width(const char *s); /* pixels, guessed */

#endif
