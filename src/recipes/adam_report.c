/* The pictures and the page of the recipe adam. */
#include "recipes/adam.h"

#include "base/file.h"
#include "formats/svg.h"
#include "kernels/kernels.h"
#include "train/report.h"

rapt_status rapt__adam_plot(rapt__adam *a, const char *file, const rapt__plot *plot, const char **svg) {
  rapt__text text;
  rapt__text_init(&text, a->run->ctx);
  rapt_status status = rapt__svg_plot(&text, plot);
  const char *path = rapt__run_path(a->run, file);
  if (status == RAPT_OK) status = path ? rapt__file_replace(a->run->ctx, path, text.data, text.size) : RAPT_ENOMEM;
  if (status == RAPT_OK && !(*svg = rapt__arena_strdup(&a->run->arena, text.data))) status = RAPT_ENOMEM;
  rapt__text_free(&text);
  return status;
}

rapt_status rapt__adam_report(rapt__adam *a, bool interrupted) {
  rapt__run *run = a->run;
  rapt__report_section sections[RAPT__ADAM_SECTIONS];
  for (size_t i = 0; i < a->section_count; i++)
    sections[i] = (rapt__report_section){.heading = a->sections[i].heading,
                                         .text = a->sections[i].text,
                                         .svg = a->sections[i].svg,
                                         .rows = a->sections[i].rows};
  const char *page = rapt__run_path(run, "report.html"), **settings = rapt__run_settings(run);
  const char *environment =
      rapt__arena_format(&run->arena, "rapt %s, kernels %s, %d threads, %.0f s%s", rapt_version(),
                         rapt__kernels()->name, rapt_context_threads(run->ctx), rapt__now() - a->begun,
                         interrupted ? "; stopped before the end: experiments that were not finished are missing" : "");
  if (!page || !settings || !environment) return RAPT_ENOMEM;
  rapt__report report = {.title = run->recipe->info.title,
                         .paper = run->recipe->info.paper,
                         .about = run->recipe->info.about,
                         .verdicts = a->findings.lines,
                         .verdict_count = a->findings.count,
                         .sections = sections,
                         .section_count = a->section_count,
                         .settings = settings,
                         .command = "rapt train adam",
                         .environment = environment};
  return rapt__report_write(run->ctx, page, &report);
}
