/* Drawing from the embedded Reber grammar. */
#include "data/reber.h"

#include "base/rng.h"

#include <string.h>

enum { B, T, P, S, X, V, E };
static const char letters[] = "BTPSXVE";

/* Reber's grammar behind its B: two ways out of each state, or one into the end. */
enum { STATES = 6, END = STATES };
static const struct {
  uint8_t symbol, next;
} ways[STATES][2] = {{{T, 1}, {P, 2}}, {{S, 1}, {X, 3}}, {{T, 2}, {V, 4}},
                     {{X, 2}, {S, 5}}, {{P, 3}, {V, 5}}, {{E, END}, {E, END}}};

static uint8_t may_follow(int state) { return (uint8_t)(1 << ways[state][0].symbol | 1 << ways[state][1].symbol); }

/* false: too long. */
static bool walk(uint64_t seed, uint64_t stream, uint64_t index, uint64_t attempt, rapt__reber_string *out) {
  enum { FLIPS = RAPT__REBER_LONGEST, TAIL = 2 };
  uint64_t flip = (index * 64 + attempt) * FLIPS;
  uint8_t outer = rapt__rng_below(seed, stream, flip++, 2) ? T : P;
  int n = 0, state = 0;
  out->symbol[n] = B, out->allowed[n++] = 1 << T | 1 << P;
  out->symbol[n] = outer, out->allowed[n++] = 1 << B;
  out->symbol[n] = B, out->allowed[n++] = may_follow(state);
  while (state != END) {
    if (n >= RAPT__REBER_LONGEST - TAIL) return false;
    int way = (int)rapt__rng_below(seed, stream, flip++, 2);
    out->symbol[n] = ways[state][way].symbol;
    state = ways[state][way].next;
    out->allowed[n++] = state == END ? (uint8_t)(1 << outer) : may_follow(state);
  }
  out->symbol[n] = outer, out->allowed[n++] = 1 << E;
  out->symbol[n] = E, out->allowed[n++] = 0;
  out->length = n;
  return true;
}

void rapt__reber_draw(uint64_t seed, uint64_t stream, uint64_t index, rapt__reber_string *out) {
  for (uint64_t attempt = 0; !walk(seed, stream, index, attempt, out); attempt++) {}
}

void rapt__reber_letters(const rapt__reber_string *string, char *text) {
  for (int t = 0; t < string->length; t++) text[t] = letters[string->symbol[t]];
  text[string->length] = 0;
}

bool rapt__reber_equal(const rapt__reber_string *a, const rapt__reber_string *b) {
  return a->length == b->length && memcmp(a->symbol, b->symbol, (size_t)a->length) == 0;
}
