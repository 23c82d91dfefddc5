/* The sheet's two forms. Text is at most 100 columns wide and plain: whoever shows it may colour it. */
#include "explain/sheet.h"

#include "base/file.h"
#include "formats/svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

enum { WIDTH = 100, INDENT = 6, LABEL = 12, NUMBER = 9 };

void rapt__sheet_init(rapt__sheet *sheet, rapt_context *ctx, rapt_explain_fn tell, void *user) {
  *sheet = (rapt__sheet){.ctx = ctx, .tell = tell, .user = user};
  rapt__text_init(&sheet->plain, ctx);
  rapt__text_init(&sheet->html, ctx);
}

void rapt__sheet_free(rapt__sheet *sheet) {
  rapt__text_free(&sheet->plain);
  rapt__text_free(&sheet->html);
}

static rapt_status add(rapt__text *out, const char *s) { return rapt__text_add(out, s, strlen(s)); }

static rapt_status add_escaped(rapt__text *out, const char *before, const char *s, const char *after) {
  RAPT_TRY(add(out, before));
  RAPT_TRY(rapt__xml_escape(out, s));
  return add(out, after);
}

/* At most `width` columns of s, then spaces up to `width`, on the left for what is aligned right. */
static rapt_status add_cell(rapt__text *out, const char *s, int width, bool right, bool pad) {
  int used = 0, space;
  size_t size = 0, total = strlen(s);
  while (size < total) {
    utf8proc_int32_t c;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s + size, (utf8proc_ssize_t)(total - size), &c);
    if (n <= 0) break;
    int columns = utf8proc_charwidth(c);
    if (used + columns > width) break;
    used += columns;
    size += (size_t)n;
  }
  space = pad ? width - used : 0;
  if (right && space > 0) RAPT_TRY(rapt__text_addf(out, "%*s", space, ""));
  RAPT_TRY(rapt__text_add(out, s, size));
  return !right && space > 0 ? rapt__text_addf(out, "%*s", space, "") : RAPT_OK;
}

/* Tells what was appended to the plain text behind `from`. */
static void told(rapt__sheet *sheet, rapt_explain_part part, size_t from) {
  if (sheet->status == RAPT_OK && sheet->tell && sheet->plain.size > from)
    sheet->tell(sheet->user, part, sheet->plain.data + from);
}

static rapt_status close_row(rapt__sheet *sheet) {
  if (!sheet->in_row) return RAPT_OK;
  sheet->in_row = false;
  return add(&sheet->html, "</div>\n");
}

/* A formatted text that lives as long as the caller says; NULL makes the sheet fail. */
static char *formatted(rapt__sheet *sheet, const char *fmt, va_list args) {
  char small[1024];
  int n = vsnprintf(small, sizeof small, fmt, args);
  if (n < 0 || n >= (int)sizeof small) {
    sheet->status = rapt__fail(sheet->ctx, RAPT_EINVAL, "an explanation holds a sentence of more than %d bytes",
                               (int)sizeof small - 1);
    return NULL;
  }
  char *text = rapt__strdup(sheet->ctx, small);
  if (!text) sheet->status = RAPT_ENOMEM;
  return text;
}

static void put_formatted(rapt__sheet *sheet, rapt_explain_part part, rapt_status (*put)(rapt__sheet *, const char *),
                          const char *fmt, va_list args) {
  if (sheet->status != RAPT_OK) return;
  char *text = formatted(sheet, fmt, args);
  size_t from = sheet->plain.size;
  if (text) sheet->status = put(sheet, text);
  rapt__free(sheet->ctx, text);
  told(sheet, part, from);
}

static rapt_status add_heading(rapt__sheet *sheet, const char *text) {
  RAPT_TRY(rapt__text_addf(&sheet->plain, "%s%s\n", sheet->plain.size ? "\n" : "", text));
  for (size_t i = 0; text[i] && i < WIDTH; i++)
    if (((unsigned char)text[i] & 0xC0) != 0x80) RAPT_TRY(add(&sheet->plain, "-"));
  RAPT_TRY(add(&sheet->plain, "\n\n"));
  RAPT_TRY(close_row(sheet));
  return add_escaped(&sheet->html, "<h2>", text, "</h2>\n");
}

rapt_status rapt__sheet_check(rapt_context *ctx, const char *sentence) {
  for (size_t at = 0, size = strlen(sentence); at < size;) {
    utf8proc_int32_t c;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)sentence + at, (utf8proc_ssize_t)(size - at), &c);
    if (n <= 0 || utf8proc_category(c) == UTF8PROC_CATEGORY_CC || utf8proc_category(c) == UTF8PROC_CATEGORY_CF)
      return rapt__fail(ctx, RAPT_EKEY, "the sentence is not plain text in UTF-8: byte %zu", at);
    at += (size_t)n;
  }
  return RAPT_OK;
}

void rapt__sheet_heading(rapt__sheet *sheet, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  put_formatted(sheet, RAPT_EXPLAIN_HEADING, add_heading, fmt, args);
  va_end(args);
}

static rapt_status add_sentence(rapt__sheet *sheet, const char *text) {
  RAPT_TRY(rapt__text_addf(&sheet->plain, "%s\n\n", text));
  RAPT_TRY(close_row(sheet));
  return add_escaped(&sheet->html, "<p>", text, "</p>\n");
}

void rapt__sheet_say(rapt__sheet *sheet, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  put_formatted(sheet, RAPT_EXPLAIN_TEXT, add_sentence, fmt, args);
  va_end(args);
}

static rapt_status add_block(rapt__sheet *sheet, const char *text) {
  RAPT_TRY(rapt__text_addf(&sheet->plain, "%s\n", text));
  RAPT_TRY(close_row(sheet));
  return add_escaped(&sheet->html, "<pre>\n", text, "</pre>\n");
}

void rapt__sheet_block(rapt__sheet *sheet, const char *text) {
  if (sheet->status != RAPT_OK) return;
  size_t from = sheet->plain.size;
  sheet->status = add_block(sheet, text);
  told(sheet, RAPT_EXPLAIN_TEXT, from);
}

static rapt_status add_step(rapt__sheet *sheet, const char *number, const char *formula) {
  RAPT_TRY(rapt__text_addf(&sheet->plain, "%-*s", INDENT, number));
  RAPT_TRY(add_cell(&sheet->plain, formula, WIDTH - INDENT, false, false));
  RAPT_TRY(add(&sheet->plain, "\n"));
  RAPT_TRY(close_row(sheet));
  RAPT_TRY(add_escaped(&sheet->html, "<div class=\"step\"><span class=\"number\">", number, "</span><code>"));
  return add_escaped(&sheet->html, "", formula, "</code></div>\n");
}

static rapt_status add_code(rapt__sheet *sheet, const char *place, const char *line) {
  RAPT_TRY(rapt__text_addf(&sheet->plain, "%*s%s\n%*s", INDENT, "", place, INDENT + 2, ""));
  RAPT_TRY(add_cell(&sheet->plain, line, WIDTH - INDENT - 2, false, false));
  RAPT_TRY(add(&sheet->plain, "\n\n"));
  RAPT_TRY(add_escaped(&sheet->html, "<div class=\"source\"><span>", place, "</span> <code>"));
  return add_escaped(&sheet->html, "", line, "</code></div>\n");
}

void rapt__sheet_step(rapt__sheet *sheet, const char *number, const char *formula, const char *place, const char *code,
                      size_t size) {
  if (sheet->status != RAPT_OK) return;
  size_t from = sheet->plain.size;
  sheet->status = add_step(sheet, number, formula);
  told(sheet, RAPT_EXPLAIN_STEP, from);
  if (sheet->status != RAPT_OK || !place) return;
  from = sheet->plain.size;
  char *line = rapt__format(sheet->ctx, "%.*s", (int)size, code ? code : "");
  sheet->status = line ? add_code(sheet, place, line) : RAPT_ENOMEM;
  rapt__free(sheet->ctx, line);
  told(sheet, RAPT_EXPLAIN_CODE, from);
}

/* Ids and masks. */
static bool all_whole(const rapt__matrix *m) {
  for (size_t i = 0; i < m->rows * m->columns; i++)
    if (!(m->at[i] == floor(m->at[i])) || fabs(m->at[i]) > 1e6) return false;
  return true;
}

/* Four decimals where they fit. */
static rapt_status add_number(rapt__text *out, double value, bool whole) {
  if (isnan(value) || isinf(value))
    return rapt__text_addf(out, "%*s", NUMBER, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
  if (whole) return rapt__text_addf(out, "%*.0f", NUMBER, value);
  return rapt__text_addf(out, fabs(value) < 1000 ? "%*.4f" : "%*.2e", NUMBER, value);
}

static rapt_status add_numbers(rapt__text *out, const rapt__matrix *m) {
  bool whole = all_whole(m);
  if (m->column_labels) {
    RAPT_TRY(rapt__text_addf(out, "%*s", INDENT + LABEL, ""));
    for (size_t c = 0; c < m->columns; c++) {
      RAPT_TRY(add(out, " "));
      RAPT_TRY(add_cell(out, m->column_labels[c], NUMBER - 1, true, true));
    }
    RAPT_TRY(add(out, "\n"));
  }
  for (size_t r = 0; r < m->rows; r++) {
    RAPT_TRY(rapt__text_addf(out, "%*s", INDENT, ""));
    RAPT_TRY(add_cell(out, m->row_labels ? m->row_labels[r] : "", LABEL, false, true));
    for (size_t c = 0; c < m->columns; c++) RAPT_TRY(add_number(out, m->at[r * m->columns + c], whole));
    RAPT_TRY(add(out, "\n"));
  }
  return RAPT_OK;
}

static rapt_status add_matrix(rapt__sheet *sheet, const rapt__matrix *m) {
  RAPT_TRY(rapt__text_addf(&sheet->plain, "%*s%s  (%zu, %zu)\n", INDENT, "", m->name, m->rows, m->columns));
  size_t numbers = sheet->plain.size;
  RAPT_TRY(add_numbers(&sheet->plain, m));
  if (!sheet->in_row) RAPT_TRY(add(&sheet->html, "<div class=\"row\">\n"));
  sheet->in_row = true;
  RAPT_TRY(add_escaped(&sheet->html, "<figure><figcaption>", m->name, ""));
  RAPT_TRY(rapt__text_addf(&sheet->html, " <span>(%zu, %zu)</span></figcaption>\n", m->rows, m->columns));
  rapt__heat heat = {.values = m->at,
                     .rows = m->rows,
                     .columns = m->columns,
                     .row_labels = m->row_labels,
                     .column_labels = m->column_labels,
                     .cell = 26};
  RAPT_TRY(rapt__svg_heat(&sheet->html, &heat));
  RAPT_TRY(add_escaped(&sheet->html, "<details><summary>numbers</summary><pre>\n", sheet->plain.data + numbers,
                       "</pre></details></figure>\n"));
  return add(&sheet->plain, "\n");
}

void rapt__sheet_matrix(rapt__sheet *sheet, const rapt__matrix *matrix) {
  if (sheet->status != RAPT_OK) return;
  size_t from = sheet->plain.size;
  if (matrix->columns > RAPT__SHEET_COLUMNS)
    sheet->status = rapt__fail(sheet->ctx, RAPT_ESHAPE, "an explanation's matrix has %zu columns, %d fit into a line",
                               matrix->columns, RAPT__SHEET_COLUMNS);
  else
    sheet->status = add_matrix(sheet, matrix);
  told(sheet, RAPT_EXPLAIN_TEXT, from);
}

static const char style[] =
    "<style>\n"
    ":root{color-scheme:light dark;--bg:#fff;--ink:#26282c;--dim:#5f646d;--rule:#e1e4e8;--panel:#f6f7f8}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#17191d;--ink:#e2e4e8;--dim:#9da3ad;--rule:#30343b;"
    "--panel:#1f2227}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--bg);color:var(--ink);font:17px/1.55 Charter,\"Bitstream Charter\",Georgia,"
    "\"Noto Serif\",serif;-webkit-text-size-adjust:100%}\n"
    "main{max-width:1080px;margin:0 auto;padding:48px 20px 64px}\n"
    "h1{font-size:1.9rem;line-height:1.2;margin:0 0 .3rem}\n"
    "h2{font-size:1.2rem;margin:2.6rem 0 .8rem;padding-top:.8rem;border-top:1px solid var(--rule)}\n"
    "p{margin:.6rem 0;max-width:46rem;white-space:pre-line;overflow-wrap:anywhere}\n"
    ".paper{color:var(--dim);font-style:italic}\n"
    "code,pre,.number,.source{font-family:ui-monospace,\"SF Mono\",Menlo,Consolas,\"DejaVu Sans Mono\",monospace}\n"
    ".step{display:flex;gap:1rem;margin:1.3rem 0 .2rem;padding:.45rem .8rem;background:var(--panel);"
    "border-radius:6px;font-size:.9rem}\n"
    ".step code{white-space:pre-wrap}\n"
    ".number{color:var(--dim);min-width:2.6rem}\n"
    ".source{margin:0 0 .2rem;padding-left:.8rem;font-size:.75rem;color:var(--dim);overflow-wrap:anywhere}\n"
    ".source code{margin-left:.6rem}\n"
    ".row{display:flex;flex-wrap:wrap;gap:.4rem 1.6rem;align-items:flex-start}\n"
    "figure{margin:.7rem 0;max-width:100%;overflow-x:auto}\n"
    "figcaption{font-size:.85rem;margin-left:12px}\n"
    "figcaption span,summary{color:var(--dim)}\n"
    "summary{font-size:.8rem;margin-left:12px;cursor:pointer}\n"
    "pre{margin:.3rem 0;font-size:.75rem;line-height:1.45;overflow-x:auto}\n"
    "svg{display:block;max-width:100%;height:auto}\n"
    "@media print{main{max-width:none;padding:0}}\n"
    "</style>\n";

static rapt_status add_page(rapt__sheet *sheet, rapt__text *out, const char *title, const char *paper) {
  RAPT_TRY(close_row(sheet));
  RAPT_TRY(add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"));
  RAPT_TRY(add_escaped(out, "<title>", title, "</title>\n"));
  RAPT_TRY(add(out, style));
  RAPT_TRY(add_escaped(out, "</head>\n<body>\n<main>\n<h1>", title, "</h1>\n"));
  RAPT_TRY(add_escaped(out, "<p class=\"paper\">", paper, "</p>\n"));
  RAPT_TRY(rapt__text_add(out, sheet->html.data, sheet->html.size));
  return add(out, "</main>\n</body>\n</html>\n");
}

rapt_status rapt__sheet_write(rapt__sheet *sheet, const char *path, const char *title, const char *paper) {
  RAPT_TRY(sheet->status);
  rapt__text page;
  rapt__text_init(&page, sheet->ctx);
  rapt_status status = add_page(sheet, &page, title, paper);
  if (status == RAPT_OK) status = rapt__file_replace(sheet->ctx, path, page.data, page.size);
  rapt__text_free(&page);
  return status;
}
