/* What a run finds out. */
#include "recipes/findings.h"

static const char *format(const rapt__findings *f, const char *fmt, va_list args) {
  char text[700];
  vsnprintf(text, sizeof text, fmt, args);
  return rapt__arena_strdup(&f->run->arena, text);
}

static rapt_status keep(rapt__findings *f, const char *line) {
  if (!line) return RAPT_ENOMEM;
  rapt__run_say(f->run, RAPT_EVENT_RESULT, "%s", line);
  if (f->count < RAPT__FINDINGS) f->lines[f->count++] = line;
  return RAPT_OK;
}

rapt_status rapt__findings_say(rapt__findings *f, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  const char *line = format(f, fmt, args);
  va_end(args);
  return keep(f, line);
}

rapt_status rapt__findings_judge(rapt__findings *f, bool mark, bool holds, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  const char *line = format(f, fmt, args);
  va_end(args);
  f->judged += mark;
  f->missed += mark && !holds;
  return keep(f, line ? rapt__arena_format(&f->run->arena, "%s: %s", line, rapt__judged(holds)) : NULL);
}
