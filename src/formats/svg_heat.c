/* Heat maps as SVG. The colours lie on a path through OKLab (Ottosson 2020), where equal steps look equally large. */
#include "formats/svg_parts.h"

#include <math.h>
#include <string.h>

enum { MAX_SIDE = 512, LEVELS = 32, TOLD_CELLS = 1024, LABEL_CHARS = 24, KEY_HEIGHT = 128 };

static rapt_status add(rapt__text *out, const char *s) { return rapt__text_add(out, s, strlen(s)); }

/* ---- Colours ----------------------------------------------------------------------------------------------------- */

static int srgb_byte(double linear) {
  double v = linear <= 0.0031308 ? 12.92 * linear : 1.055 * pow(linear, 1 / 2.4) - 0.055;
  return (int)lround(fmin(fmax(v, 0), 1) * 255);
}

static rapt_status add_colour(rapt__text *out, double lightness, double chroma, double degrees) {
  double hue = degrees * (3.14159265358979323846 / 180), a = chroma * cos(hue), b = chroma * sin(hue);
  double l = lightness + 0.3963377774 * a + 0.2158037573 * b;
  double m = lightness - 0.1055613458 * a - 0.0638541728 * b;
  double s = lightness - 0.0894841775 * a - 1.2914855480 * b;
  l = l * l * l, m = m * m * m, s = s * s * s;
  return rapt__text_addf(out, "#%02x%02x%02x", srgb_byte(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
                         srgb_byte(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
                         srgb_byte(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s));
}

/* The least value is near the background: pale on a light page, dim on a dark one. The hue goes from blue to yellow or
 * back, so that the middle is told apart by more than lightness. */
static rapt_status add_levels(rapt__text *out, bool dark) {
  for (int i = 0; i < LEVELS; i++) {
    double t = i / (LEVELS - 1.0), chroma = 0.02 + 0.11 * sin(3.14159265358979323846 * (0.15 + 0.7 * t));
    RAPT_TRY(rapt__text_addf(out, ".rapt-plot .h%d{fill:", i));
    RAPT_TRY(dark ? add_colour(out, 0.25 + 0.67 * t, chroma * (0.45 + 0.55 * t), 275 - 170 * t)
                  : add_colour(out, 0.97 - 0.65 * t, chroma * (0.45 + 0.55 * t), 105 + 165 * t));
    RAPT_TRY(add(out, "}\n"));
  }
  return RAPT_OK;
}

static rapt_status add_style(rapt__text *out) {
  RAPT_TRY(add(out, "<style>\n"));
  RAPT_TRY(add_levels(out, false));
  RAPT_TRY(add(out, "@media(prefers-color-scheme:dark){\n"));
  RAPT_TRY(add_levels(out, true));
  return add(out, "}\n.rapt-plot .none{fill:var(--grid)}\n.rapt-plot .cells{shape-rendering:crispEdges}\n"
                  ".rapt-plot .dot{fill:#d4551e;stroke:#fff}\n</style>\n");
}

/* ---- Cells and labels -------------------------------------------------------------------------------------------- */

typedef struct frame {
  double left, top, cell; /* of the matrix, in pixels */
  double low, high;       /* of the colour scale */
} frame;

static bool usable(double value) { return isfinite(value) && fabs(value) <= 1e300; }

static void set_scale(const rapt__heat *heat, frame *f) {
  f->low = heat->low;
  f->high = heat->high;
  if (f->low < f->high && usable(f->low) && usable(f->high)) return;
  f->low = INFINITY, f->high = -INFINITY;
  for (size_t i = 0; i < heat->rows * heat->columns; i++) {
    if (!usable(heat->values[i])) continue;
    f->low = fmin(f->low, heat->values[i]);
    f->high = fmax(f->high, heat->values[i]);
  }
  if (!(f->low <= f->high)) f->low = 0, f->high = 1;
  if (f->high - f->low <= fmax(fabs(f->low), 1e-290) * 1e-12) f->high = f->low + fmax(fabs(f->low), 1);
}

/* Copies a label, cut behind a whole character. */
static const char *shorten(char *to, size_t room, const char *label) {
  size_t chars = 0, size = 0, cut = 0;
  for (; label[size]; size++) {
    if (((unsigned char)label[size] & 0xC0) == 0x80) continue;
    if (++chars == LABEL_CHARS) cut = size;
  }
  if (chars <= LABEL_CHARS && size < room) return memcpy(to, label, size + 1);
  if (chars <= LABEL_CHARS || cut + 4 > room) cut = 0; /* bytes that are no text */
  memcpy(to, label, cut);
  memcpy(to + cut, "\xE2\x80\xA6", 4);
  return to;
}

static double widest(const char *const *labels, size_t count) {
  double width = 0;
  char text[4 * LABEL_CHARS + 8];
  for (size_t i = 0; labels && i < count; i++)
    width = fmax(width, rapt__svg_text_width(shorten(text, sizeof text, labels[i])));
  return width;
}

/* In front of the frame's rows or above its columns; where cells are narrower than text only every n-th. */
static rapt_status add_labels(rapt__text *out, const frame *f, const char *const *labels, size_t count, bool columns) {
  if (!labels) return RAPT_OK;
  size_t stride = f->cell >= 11 ? 1 : (size_t)ceil(11 / f->cell);
  char text[4 * LABEL_CHARS + 8];
  for (size_t i = 0; i < count; i += stride) {
    double at = ((double)i + 0.5) * f->cell + 4;
    const char *s = shorten(text, sizeof text, labels[i]);
    RAPT_TRY(columns ? rapt__svg_text(out, "up", f->left + at, f->top - 6, true, s)
                     : rapt__svg_text(out, "end", f->left - 6, f->top + at, false, s));
  }
  return RAPT_OK;
}

static rapt_status add_told(rapt__text *out, const rapt__heat *heat, size_t row, size_t column, double value) {
  char number[RAPT__SVG_LABEL];
  rapt__svg_number(number, value + 0.0, 4);
  RAPT_TRY(add(out, "<title>"));
  if (heat->row_labels) RAPT_TRY(rapt__xml_escape(out, heat->row_labels[row]));
  if (heat->row_labels && heat->column_labels) RAPT_TRY(add(out, " \xE2\x86\x92 "));
  if (heat->column_labels) RAPT_TRY(rapt__xml_escape(out, heat->column_labels[column]));
  return rapt__text_addf(out, "%s%s</title>", heat->row_labels || heat->column_labels ? ": " : "", number);
}

static int level_of(const frame *f, double value) {
  if (!usable(value)) return -1;
  double t = value / (f->high - f->low) - f->low / (f->high - f->low);
  return (int)fmin(fmax(floor(t * LEVELS), 0), LEVELS - 1);
}

/* Cells of one level side by side become one rectangle, unless each has its own words. */
static rapt_status add_row(rapt__text *out, const rapt__heat *heat, const frame *f, size_t row, bool told) {
  const double *values = heat->values + row * heat->columns;
  for (size_t c = 0, end; c < heat->columns; c = end) {
    int level = level_of(f, values[c]);
    for (end = c + 1; !told && end < heat->columns && level_of(f, values[end]) == level;) end++;
    RAPT_TRY(level < 0 ? add(out, "<rect class=\"none\"") : rapt__text_addf(out, "<rect class=\"h%d\"", level));
    RAPT_TRY(rapt__svg_coordinate(out, " x=\"", f->left + (double)c * f->cell));
    RAPT_TRY(rapt__svg_coordinate(out, "\" y=\"", f->top + (double)row * f->cell));
    RAPT_TRY(rapt__svg_coordinate(out, "\" width=\"", (double)(end - c) * f->cell));
    RAPT_TRY(rapt__svg_coordinate(out, "\" height=\"", f->cell));
    RAPT_TRY(add(out, told && level >= 0 ? "\">" : "\"/>\n"));
    if (!told || level < 0) continue;
    RAPT_TRY(add_told(out, heat, row, c, values[c]));
    RAPT_TRY(add(out, "</rect>\n"));
  }
  return RAPT_OK;
}

static rapt_status add_dots(rapt__text *out, const rapt__heat *heat, const frame *f) {
  for (size_t i = 0; heat->marked && i < heat->rows * heat->columns; i++) {
    if (!heat->marked[i]) continue;
    double x = (double)(i % heat->columns) + 0.5, y = (double)(i / heat->columns) + 0.5;
    RAPT_TRY(rapt__svg_coordinate(out, "<circle class=\"dot\" cx=\"", f->left + x * f->cell));
    RAPT_TRY(rapt__svg_coordinate(out, "\" cy=\"", f->top + y * f->cell));
    RAPT_TRY(rapt__svg_coordinate(out, "\" r=\"", 0.22 * f->cell));
    RAPT_TRY(add(out, "\"/>\n"));
  }
  return RAPT_OK;
}

static rapt_status add_key(rapt__text *out, const frame *f, double x) {
  double step = (double)KEY_HEIGHT / LEVELS;
  char number[RAPT__SVG_LABEL];
  RAPT_TRY(add(out, "<g class=\"cells\">\n"));
  for (int i = 0; i < LEVELS; i++) {
    RAPT_TRY(rapt__text_addf(out, "<rect class=\"h%d\" width=\"12\"", i));
    RAPT_TRY(rapt__svg_coordinate(out, " x=\"", x));
    RAPT_TRY(rapt__svg_coordinate(out, "\" y=\"", f->top + (LEVELS - 1 - i) * step));
    RAPT_TRY(rapt__svg_coordinate(out, "\" height=\"", step));
    RAPT_TRY(add(out, "\"/>\n"));
  }
  RAPT_TRY(add(out, "</g>\n"));
  rapt__svg_number(number, f->high + 0.0, 3);
  RAPT_TRY(rapt__svg_text(out, "key", x + 18, f->top + 10, false, number));
  rapt__svg_number(number, f->low + 0.0, 3);
  return rapt__svg_text(out, "key", x + 18, f->top + KEY_HEIGHT, false, number);
}

rapt_status rapt__svg_heat(rapt__text *out, const rapt__heat *heat) {
  size_t rows = heat->rows, columns = heat->columns;
  if (rows > MAX_SIDE || columns > MAX_SIDE)
    return rapt__fail(out->ctx, RAPT_EINVAL, "heat map: %zu rows and %zu columns, at most %d of each can be drawn",
                      rows, columns, MAX_SIDE);
  frame f;
  set_scale(heat, &f);
  f.cell = heat->cell >= 1 && heat->cell <= 100 ? heat->cell : fmin(fmax(floor(520.0 / (double)(columns + 1)), 2), 24);
  f.left = 12 + (heat->row_title ? 22 : 0) + (heat->row_labels ? widest(heat->row_labels, rows) + 8 : 0);
  f.top = (heat->title ? 38 : 12) + (heat->column_title ? 20 : 0) +
          (heat->column_labels ? widest(heat->column_labels, columns) + 8 : 0);
  double right = f.left + (double)columns * f.cell, bottom = f.top + (double)rows * f.cell;
  double width = fmax(right + 86, 12 + rapt__svg_text_width(heat->title ? heat->title : "") * 1.25);
  double height = fmax(bottom, f.top + KEY_HEIGHT) + 12;

  RAPT_TRY(rapt__svg_begin(out, heat->title ? heat->title : "Heat map", width, height));
  RAPT_TRY(add_style(out));
  if (heat->title) RAPT_TRY(rapt__svg_text(out, "name", 12, 24, false, heat->title));
  if (heat->column_title)
    RAPT_TRY(rapt__svg_text(out, "mid", (f.left + right) / 2, heat->title ? 48 : 22, false, heat->column_title));
  if (heat->row_title) RAPT_TRY(rapt__svg_text(out, "mid", 22, (f.top + bottom) / 2, true, heat->row_title));
  RAPT_TRY(add_labels(out, &f, heat->row_labels, rows, false));
  RAPT_TRY(add_labels(out, &f, heat->column_labels, columns, true));
  RAPT_TRY(add(out, "<g class=\"cells\">\n"));
  for (size_t r = 0; r < rows; r++) RAPT_TRY(add_row(out, heat, &f, r, rows * columns <= TOLD_CELLS));
  RAPT_TRY(add(out, "</g>\n"));
  RAPT_TRY(add_dots(out, heat, &f));
  RAPT_TRY(add_key(out, &f, right + 16));
  return add(out, "</svg>\n");
}
