/* The pieces of SVG that plots and charts share. */
#include "formats/svg_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The width of an average character of the 12-pixel font, since nothing here can measure text. */
#define CHAR_WIDTH 6.7

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

rapt_status rapt__svg_coordinate(rapt__text *out, const char *before, double value) {
  long tenths = lround(value * 10);
  long size = labs(tenths);
  return rapt__text_addf(out, "%s%s%ld.%ld", before, tenths < 0 ? "-" : "", size / 10, size % 10);
}

double rapt__svg_text_width(const char *s) {
  double width = 0;
  for (; *s; s++) width += ((unsigned char)*s & 0xC0) != 0x80 ? CHAR_WIDTH : 0;
  return width;
}

void rapt__svg_number(char label[RAPT__SVG_LABEL], double value, int digits) {
  char raw[RAPT__SVG_LABEL];
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

rapt_status rapt__svg_line(rapt__text *out, const char *class, double x1, double y1, double x2, double y2) {
  RAPT_TRY(rapt__text_addf(out, "<line class=\"%s\"", class));
  RAPT_TRY(rapt__svg_coordinate(out, " x1=\"", x1));
  RAPT_TRY(rapt__svg_coordinate(out, "\" y1=\"", y1));
  RAPT_TRY(rapt__svg_coordinate(out, "\" x2=\"", x2));
  RAPT_TRY(rapt__svg_coordinate(out, "\" y2=\"", y2));
  return add(out, "\"/>\n");
}

rapt_status rapt__svg_text(rapt__text *out, const char *class, double x, double y, bool upright, const char *s) {
  RAPT_TRY(rapt__text_addf(out, "<text class=\"%s\"", class));
  RAPT_TRY(rapt__svg_coordinate(out, " transform=\"translate(", x));
  RAPT_TRY(rapt__svg_coordinate(out, " ", y));
  RAPT_TRY(add(out, upright ? ") rotate(-90)\">" : ")\">"));
  RAPT_TRY(rapt__xml_escape(out, s));
  return add(out, "</text>\n");
}

rapt_status rapt__svg_begin(rapt__text *out, const char *title, double width, double height) {
  RAPT_TRY(rapt__svg_coordinate(
      out, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"rapt-plot\" role=\"img\" width=\"", width));
  RAPT_TRY(rapt__svg_coordinate(out, "\" height=\"", height));
  RAPT_TRY(rapt__svg_coordinate(out, "\" viewBox=\"0 0 ", width));
  RAPT_TRY(rapt__svg_coordinate(out, " ", height));
  RAPT_TRY(add(out, "\">\n<title>"));
  RAPT_TRY(rapt__xml_escape(out, title));
  RAPT_TRY(add(out, "</title>\n"));
  RAPT_TRY(add(out, style));
  return add(out, "<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n");
}
