/* The report of a model's training: loss plot, sample, settings. */
#ifndef RAPT_SRC_RECIPES_LM_REPORT_H
#define RAPT_SRC_RECIPES_LM_REPORT_H

#include "recipes/recipes.h"
#include "train/report.h"
#include "train/trainer.h"

/* Writes loss.svg and report.html into the run directory. */
rapt_status rapt__lm_report(rapt__run *run, const rapt__trainer *t, const char *const (*figures)[4],
                            size_t figure_count, const char *const *verdicts, size_t verdict_count);
/* The same with further parts: of `parts`, the figures, verdicts, sample and sections are taken. */
rapt_status rapt__training_report(rapt__run *run, const rapt__trainer *t, const rapt__report *parts);

#endif
