/* Reading metrics.jsonl. The file may be large, so no more than a line of it is in memory. */
#include "train/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 512 }; /* the trainer's lines have about 100 bytes */

static double field(const char *line, const char *name) {
  const char *at = strstr(line, name);
  if (!at) return NAN;
  at += strlen(name);
  char *end;
  double value = strtod(at, &end);
  return end != at && (*end == ',' || *end == '}') && isfinite(value) ? value : NAN;
}

static bool parse(const char *line, rapt__metric *out) {
  double step = field(line, "\"step\": ");
  *out = (rapt__metric){.loss = field(line, " \"loss\": "), .eval_loss = field(line, " \"eval_loss\": ")};
  if (!(step >= 0 && step < 1e15)) return false;
  out->step = (int64_t)step;
  return !isnan(out->loss) || !isnan(out->eval_loss);
}

rapt_status rapt__metrics_read(rapt_context *ctx, const char *path,
                               rapt_status (*each)(void *user, const rapt__metric *metric), void *user) {
  FILE *f = fopen(path, "rb");
  if (!f) return rapt__fail_errno(ctx, "open", path);
  char line[LINE];
  rapt_status status = RAPT_OK;
  bool whole = true; /* `line` begins a line of the file */
  while (status == RAPT_OK && fgets(line, sizeof line, f)) {
    rapt__metric metric;
    bool ends = strchr(line, '\n') != NULL;
    if (whole && ends && parse(line, &metric)) status = each(user, &metric);
    whole = ends;
  }
  if (status == RAPT_OK && ferror(f)) status = rapt__fail_errno(ctx, "read", path);
  fclose(f);
  return status;
}
