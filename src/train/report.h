/* A training run's report: one HTML file that needs nothing else. */
#ifndef RAPT_SRC_REPORT_H
#define RAPT_SRC_REPORT_H

#include "base/base.h"

/* Any pointer may be NULL: its section is left out. */
typedef struct rapt__report {
  const char *title, *paper, *about;
  const char *const *verdicts; /* one sentence each */
  size_t verdict_count;
  const char *const (*figures)[4]; /* rows of what, ours, paper, mark */
  size_t figure_count;
  const char *plot_svg;        /* trusted markup, of rapt__svg_plot */
  const char *sample;          /* text that the model wrote */
  const char *const *settings; /* "key=value", ends with NULL */
  const char *command, *environment;
} rapt__report;

/* Everything but plot_svg is escaped. The file is replaced as a whole. */
rapt_status rapt__report_write(rapt_context *ctx, const char *path, const rapt__report *report);

#endif
