/* What becomes of delimiters when a text is cut. */
#include "text/step.h"

static rapt_status flush(rapt__cutter *c) {
  bool waits = c->waits;
  c->waits = false;
  return waits ? rapt__pieces_add(c->out, c->start, c->end) : RAPT_OK;
}

static rapt_status hold(rapt__cutter *c, size_t start, size_t end) {
  RAPT_TRY(flush(c));
  c->start = start;
  c->end = end;
  c->waits = true;
  return RAPT_OK;
}

rapt_status rapt__cutter_add(rapt__cutter *c, size_t start, size_t end, bool match) {
  bool last = c->last_match, goes_on;
  c->last_match = match;
  switch (c->behavior) {
  case RAPT__REMOVED: return match ? RAPT_OK : rapt__pieces_add(c->out, start, end);
  case RAPT__ISOLATED: return rapt__pieces_add(c->out, start, end);
  case RAPT__CONTIGUOUS: goes_on = match == last; break;
  case RAPT__WITH_PREVIOUS: goes_on = match && !last; break;
  default: goes_on = !match && last; break;
  }
  if (!goes_on || !c->waits) return hold(c, start, end);
  c->end = end;
  return RAPT_OK;
}

rapt_status rapt__cutter_end(rapt__cutter *c) {
  RAPT_TRY(flush(c));
  c->last_match = false;
  return RAPT_OK;
}
