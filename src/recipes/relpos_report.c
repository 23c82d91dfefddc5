/* Lines, maps and the page of the recipe relative-position. */
#include "recipes/relpos.h"

#include "base/file.h"
#include "formats/svg.h"
#include "kernels/kernels.h"
#include "train/report.h"

#include <math.h>

/* ---- Maps ---- */

enum { CELLS = 64 }; /* positions of a map at most */

/* The values of the parameter NAME, a matrix; NULL: there is none. */
static const rapt_real *matrix(const rapt_model *model, const char *name, int64_t *rows, int64_t *columns) {
  int64_t index = rapt_params_find(model->params, name);
  const int64_t *dims;
  rapt_real *values;
  int ndim;
  if (index < 0 || rapt_params_get(model->params, index, NULL, &ndim, &dims, &values) != RAPT_OK || ndim != 2)
    return NULL;
  *rows = dims[0];
  *columns = dims[1];
  return values;
}

/* Waves at position p; turned vectors are alike as these are. */
static void waves(int64_t p, int64_t width, double *out) {
  for (int64_t i = 0; i < width; i += 2) {
    double angle = (double)p * pow(10000, -(double)i / (double)width);
    out[i] = sin(angle);
    if (i + 1 < width) out[i + 1] = cos(angle);
  }
}

static double cosine(const double *a, const double *b, int64_t n) {
  double ab = 0, aa = 0, bb = 0;
  for (int64_t i = 0; i < n; i++) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

/* Every step-th of `rows` vectors against each other. vectors: (count, width). */
static rapt_status draw_cosines(rapt__relpos *r, const char *title, const char *axis, const double *vectors,
                                int64_t count, int64_t width, int64_t step, rapt__text *svg) {
  double *values = rapt__arena_new(&r->run->arena, (size_t)(count * count), sizeof *values);
  const char **labels = rapt__arena_new(&r->run->arena, (size_t)count, sizeof *labels);
  if (!values || !labels) return RAPT_ENOMEM;
  for (int64_t i = 0; i < count; i++) {
    labels[i] = rapt__arena_format(&r->run->arena, "%lld", (long long)(i * step));
    if (!labels[i]) return RAPT_ENOMEM;
    for (int64_t j = 0; j < count; j++) values[i * count + j] = cosine(vectors + i * width, vectors + j * width, width);
  }
  rapt__heat heat = {.title = title,
                     .row_title = axis,
                     .column_title = axis,
                     .row_labels = labels,
                     .column_labels = labels,
                     .values = values,
                     .rows = (size_t)count,
                     .columns = (size_t)count,
                     .low = -1,
                     .high = 1,
                     .cell = 7};
  return rapt__svg_heat(svg, &heat);
}

static rapt_status draw_buckets(rapt__relpos *r, const rapt_real *table, int64_t buckets, int64_t heads,
                                rapt__text *svg) {
  double *values = rapt__arena_new(&r->run->arena, (size_t)(buckets * heads), sizeof *values);
  if (!values) return RAPT_ENOMEM;
  for (int64_t h = 0; h < heads; h++)
    for (int64_t b = 0; b < buckets; b++) values[h * buckets + b] = (double)table[b * heads + h];
  rapt__heat heat = {.title = "t5",
                     .row_title = "head",
                     .column_title = "bucket of distances",
                     .values = values,
                     .rows = (size_t)heads,
                     .columns = (size_t)buckets};
  return rapt__svg_heat(svg, &heat);
}

rapt_status rapt__relpos_map(rapt__relpos *r, rapt__position kind, const rapt_model *model,
                             const rapt__relpos_shape *shape, rapt__text *svg) {
  bool waved = kind == RAPT__POSITION_SINUSOID || kind == RAPT__POSITION_ROPE;
  bool distances = kind == RAPT__POSITION_SHAW || kind == RAPT__POSITION_SKEW;
  const char *name = distances                        ? "transformer.h.0.attn.relative.weight"
                     : kind == RAPT__POSITION_LEARNED ? "transformer.wpe.weight"
                                                      : "transformer.relative.weight";
  int64_t rows = shape->context, width = kind == RAPT__POSITION_ROPE ? shape->width / shape->heads : shape->width;
  const rapt_real *table = waved ? NULL : matrix(model, name, &rows, &width);
  if (!waved && !table) return RAPT_OK;
  if (kind == RAPT__POSITION_T5) return draw_buckets(r, table, rows, width, svg);
  int64_t step = (rows + CELLS - 1) / CELLS, count = (rows + step - 1) / step;
  double *vectors = rapt__arena_new(&r->run->arena, (size_t)(count * width), sizeof *vectors);
  if (!vectors) return RAPT_ENOMEM;
  for (int64_t i = 0; i < count; i++)
    if (waved)
      waves(i * step, width, vectors + i * width);
    else
      for (int64_t c = 0; c < width; c++) vectors[i * width + c] = (double)table[i * step * width + c];
  return draw_cosines(r, rapt__position_names[kind], distances ? "distance" : "position", vectors, count, width, step,
                      svg);
}

/* ---- The page ---- */

rapt_status rapt__relpos_report(rapt__relpos *r) {
  rapt__run *run = r->run;
  rapt__report_section sections[RAPT__RELPOS_SECTIONS];
  for (size_t i = 0; i < r->section_count; i++)
    sections[i] = (rapt__report_section){.heading = r->sections[i].heading,
                                         .text = r->sections[i].text,
                                         .svg = r->sections[i].svg,
                                         .rows = r->sections[i].rows};
  const char *page = rapt__run_path(run, "report.html"), **settings = rapt__run_settings(run);
  const char *environment =
      rapt__arena_format(&run->arena, "rapt %s, kernels %s, %d threads, %.0f s", rapt_version(), rapt__kernels()->name,
                         rapt_context_threads(run->ctx), rapt__now() - r->begun);
  if (!page || !settings || !environment) return RAPT_ENOMEM;
  rapt__report report = {.title = run->recipe->info.title,
                         .paper = run->recipe->info.paper,
                         .about = run->recipe->info.about,
                         .verdicts = r->findings.lines,
                         .verdict_count = r->findings.count,
                         .sections = sections,
                         .section_count = r->section_count,
                         .settings = settings,
                         .command = "rapt train relative-position",
                         .environment = environment};
  return rapt__report_write(run->ctx, page, &report);
}
