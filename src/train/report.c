/* The report of a run as HTML. */
#include "train/report.h"

#include "base/file.h"
#include "formats/svg.h"

#include <string.h>

static const char style[] =
    "<style>\n"
    ":root{color-scheme:light dark;--bg:#fff;--ink:#26282c;--dim:#5f646d;--rule:#e1e4e8;--panel:#f6f7f8}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#17191d;--ink:#e2e4e8;--dim:#9da3ad;--rule:#30343b;"
    "--panel:#1f2227}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--bg);color:var(--ink);font:17px/1.6 Charter,\"Bitstream Charter\",Georgia,"
    "\"Noto Serif\",serif;-webkit-text-size-adjust:100%}\n"
    "main{max-width:760px;margin:0 auto;padding:48px 20px 64px}\n"
    "h1{font-size:1.9rem;line-height:1.2;margin:0 0 .3rem;overflow-wrap:anywhere}\n"
    "h2{font-size:1.15rem;margin:2.4rem 0 .6rem}\n"
    "p{margin:.6rem 0;overflow-wrap:anywhere}\n"
    ".paper{color:var(--dim);font-style:italic}\n"
    ".verdicts{list-style:none;margin:1.4rem 0 0;padding:.7rem 1.1rem;background:var(--panel);border-radius:6px}\n"
    ".verdicts li{margin:.25rem 0;overflow-wrap:anywhere}\n"
    ".wide{overflow-x:auto}\n"
    ".wide svg{display:block;min-width:520px}\n"
    ".pictures svg{display:block;margin:.8rem 0}\n"
    "table{border-collapse:collapse;width:100%;font-size:.94rem;font-variant-numeric:tabular-nums lining-nums}\n"
    "th,td{text-align:left;vertical-align:top;padding:.4rem .9rem .4rem 0;border-bottom:1px solid var(--rule)}\n"
    "th{font-weight:600}\n"
    "thead th{color:var(--dim);font-weight:400}\n"
    "tbody th{font-weight:400}\n"
    ".figures td,.figures thead th+th{text-align:right;white-space:nowrap}\n"
    "th:last-child,td:last-child{padding-right:0}\n"
    "pre,.settings{font-family:ui-monospace,\"SF Mono\",Menlo,Consolas,\"DejaVu Sans Mono\",monospace;"
    "font-size:.82rem;line-height:1.5}\n"
    "pre{margin:.6rem 0;padding:.9rem 1.1rem;background:var(--panel);border-radius:6px;white-space:pre-wrap;"
    "overflow-wrap:anywhere}\n"
    ".settings th{color:var(--dim);white-space:nowrap}\n"
    ".settings td{overflow-wrap:anywhere;width:100%}\n"
    ".settings th,.settings td{padding-top:.22rem;padding-bottom:.22rem}\n"
    "@media(max-width:480px){body{font-size:16px}main{padding:24px 16px 40px}h1{font-size:1.55rem}"
    ".settings th,.settings td{display:block;white-space:normal;overflow-wrap:anywhere;padding-right:0}"
    ".settings th{border-bottom:0;padding-bottom:0}.settings td{padding-top:0;min-height:1.4em}}\n"
    "@media print{main{max-width:none;padding:0}h2{break-after:avoid}tr,svg{break-inside:avoid}}\n"
    "</style>\n";

static rapt_status add(rapt__text *out, const char *s) { return rapt__text_add(out, s, strlen(s)); }

/* `before` and `after` are markup, `s` is text; nothing at all for NULL. */
static rapt_status add_escaped(rapt__text *out, const char *before, const char *s, const char *after) {
  if (!s) return RAPT_OK;
  RAPT_TRY(add(out, before));
  RAPT_TRY(rapt__xml_escape(out, s));
  return add(out, after);
}

static rapt_status add_verdicts(rapt__text *out, const rapt__report *report) {
  if (!report->verdicts || report->verdict_count == 0) return RAPT_OK;
  RAPT_TRY(add(out, "<ul class=\"verdicts\">\n"));
  for (size_t i = 0; i < report->verdict_count; i++) RAPT_TRY(add_escaped(out, "<li>", report->verdicts[i], "</li>\n"));
  return add(out, "</ul>\n");
}

static rapt_status add_figures(rapt__text *out, const rapt__report *report) {
  if (!report->figures || report->figure_count == 0) return RAPT_OK;
  RAPT_TRY(add(out, "<h2>Figures</h2>\n<div class=\"wide\"><table class=\"figures\">\n"
                    "<thead><tr><th scope=\"col\">Measure</th><th scope=\"col\">This run</th>"
                    "<th scope=\"col\">Paper</th><th scope=\"col\">Mark</th></tr></thead>\n<tbody>\n"));
  for (size_t i = 0; i < report->figure_count; i++) {
    const char *const *row = report->figures[i];
    RAPT_TRY(add_escaped(out, "<tr><th scope=\"row\">", row[0] ? row[0] : "", "</th>"));
    for (int column = 1; column < 4; column++)
      RAPT_TRY(add_escaped(out, "<td>", row[column] ? row[column] : "", "</td>"));
    RAPT_TRY(add(out, "</tr>\n"));
  }
  return add(out, "</tbody></table></div>\n");
}

/* Rows of "key=value", ended by NULL. */
static rapt_status add_rows(rapt__text *out, const char *heading, const char *const *rows) {
  if (!rows || !rows[0]) return RAPT_OK;
  RAPT_TRY(add_escaped(out, "<h2>", heading, "</h2>\n"));
  RAPT_TRY(add(out, "<table class=\"settings\"><tbody>\n"));
  for (; *rows; rows++) {
    size_t key = strcspn(*rows, "=");
    char *name = rapt__format(out->ctx, "%.*s", (int)key, *rows);
    if (!name) return RAPT_ENOMEM;
    rapt_status status = add_escaped(out, "<tr><th scope=\"row\">", name, "</th>");
    rapt__free(out->ctx, name);
    RAPT_TRY(status);
    RAPT_TRY(add_escaped(out, "<td>", *rows + key + ((*rows)[key] == '='), "</td></tr>\n"));
  }
  return add(out, "</tbody></table>\n");
}

static rapt_status add_table(rapt__text *out, const rapt__report_table *table) {
  if (!table || table->row_count == 0) return RAPT_OK;
  RAPT_TRY(add(out, "<div class=\"wide\"><table class=\"rows\">\n<thead><tr>"));
  for (size_t c = 0; c < table->column_count; c++)
    RAPT_TRY(add_escaped(out, "<th scope=\"col\">", table->columns[c], "</th>"));
  RAPT_TRY(add(out, "</tr></thead>\n<tbody>\n"));
  for (size_t r = 0; r < table->row_count; r++) {
    RAPT_TRY(add(out, "<tr>"));
    for (size_t c = 0; c < table->column_count; c++) {
      const char *cell = table->cells[r * table->column_count + c];
      RAPT_TRY(add_escaped(out, "<td>", cell ? cell : "", "</td>"));
    }
    RAPT_TRY(add(out, "</tr>\n"));
  }
  return add(out, "</tbody></table></div>\n");
}

static rapt_status add_section(rapt__text *out, const rapt__report_section *section) {
  RAPT_TRY(add_escaped(out, "<h2>", section->heading, "</h2>\n"));
  RAPT_TRY(add_escaped(out, "<p>", section->text, "</p>\n"));
  if (section->svg) {
    RAPT_TRY(add(out, "<div class=\"pictures\">\n"));
    RAPT_TRY(add(out, section->svg));
    RAPT_TRY(add(out, "</div>\n"));
  }
  RAPT_TRY(add_table(out, section->table));
  RAPT_TRY(add_escaped(out, "<pre>\n", section->verbatim, "</pre>\n"));
  return add_rows(out, NULL, section->rows);
}

static rapt_status add_report(rapt__text *out, const rapt__report *report) {
  RAPT_TRY(add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"));
  RAPT_TRY(add_escaped(out, "<title>", report->title ? report->title : "Report", "</title>\n"));
  RAPT_TRY(add(out, style));
  RAPT_TRY(add(out, "</head>\n<body>\n<main>\n"));
  RAPT_TRY(add_escaped(out, "<h1>", report->title, "</h1>\n"));
  RAPT_TRY(add_escaped(out, "<p class=\"paper\">", report->paper, "</p>\n"));
  RAPT_TRY(add_escaped(out, "<p>", report->about, "</p>\n"));
  RAPT_TRY(add_verdicts(out, report));
  RAPT_TRY(add_figures(out, report));
  if (report->plot_svg) {
    RAPT_TRY(add(out, "<h2>Course of the run</h2>\n<div class=\"wide\">\n"));
    RAPT_TRY(add(out, report->plot_svg));
    RAPT_TRY(add(out, "</div>\n"));
  }
  /* HTML drops a line feed right behind <pre>; ours is dropped instead of the text's own. */
  RAPT_TRY(add_escaped(out, "<h2>Sample</h2>\n<pre>\n", report->sample, "</pre>\n"));
  for (size_t i = 0; i < report->section_count; i++) RAPT_TRY(add_section(out, &report->sections[i]));
  RAPT_TRY(add_rows(out, "Settings", report->settings));
  RAPT_TRY(add_escaped(out, "<h2>Command</h2>\n<pre>\n", report->command, "</pre>\n"));
  RAPT_TRY(add_escaped(out, "<h2>Environment</h2>\n<pre>\n", report->environment, "</pre>\n"));
  return add(out, "</main>\n</body>\n</html>\n");
}

rapt_status rapt__report_write(rapt_context *ctx, const char *path, const rapt__report *report) {
  rapt__text text;
  rapt__text_init(&text, ctx);
  rapt_status status = add_report(&text, report);
  if (status == RAPT_OK) status = rapt__file_replace(ctx, path, text.data, text.size);
  rapt__text_free(&text);
  return status;
}
