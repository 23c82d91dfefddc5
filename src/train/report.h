/* A training run's report: one HTML file that needs nothing else. */
#ifndef RAPT_SRC_REPORT_H
#define RAPT_SRC_REPORT_H

#include "base/base.h"

/* Rows of cells under the names of their columns; a NULL cell is empty. */
typedef struct rapt__report_table {
  const char *const *columns; /* [column_count] */
  const char *const *cells;   /* (row_count, column_count) */
  size_t column_count, row_count;
} rapt__report_table;

/* A further part of a report, in this order: a heading, a paragraph, pictures, a table, text kept as it is, rows of keys. */
typedef struct rapt__report_section {
  const char *heading;
  const char *text;
  const char *svg;         /* trusted markup, of rapt__svg_plot, _bars or _heat; one after the other */
  const char *verbatim;    /* samples, logs */
  const char *const *rows; /* "key=value", ends with NULL */
  const rapt__report_table *table;
} rapt__report_section;

/* Any pointer may be NULL: its part is left out. */
typedef struct rapt__report {
  const char *title, *paper, *about;
  const char *const *verdicts; /* one sentence each */
  size_t verdict_count;
  const char *const (*figures)[4]; /* rows of what, ours, paper, mark */
  size_t figure_count;
  const char *plot_svg;                 /* trusted markup, of rapt__svg_plot */
  const char *sample;                   /* text that the model wrote */
  const rapt__report_section *sections; /* behind the sample */
  size_t section_count;
  const char *const *settings; /* "key=value", ends with NULL */
  const char *command, *environment;
} rapt__report;

/* Everything but plot_svg and svg is escaped. The file is replaced as a whole. */
rapt_status rapt__report_write(rapt_context *ctx, const char *path, const rapt__report *report);

#endif
