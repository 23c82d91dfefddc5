/* The embedded Reber grammar: strings of B T P S X V E that end as they began, with a string of Reber's grammar between.
 *
 *   embedded = B T reber T E | B P reber P E
 *   reber    = B, then a way through the six states of reber.c
 *
 * What may follow is decided by the state alone, except for the last T or P: it repeats the second symbol. */
#ifndef RAPT_SRC_DATA_REBER_H
#define RAPT_SRC_DATA_REBER_H

#include "base/base.h"

enum { RAPT__REBER_SYMBOLS = 7, RAPT__REBER_LONGEST = 64 };

typedef struct rapt__reber_string {
  int length;
  uint8_t symbol[RAPT__REBER_LONGEST];  /* 0 … 6 for B T P S X V E */
  uint8_t allowed[RAPT__REBER_LONGEST]; /* bit s: symbol s may follow symbol[t]; 0 for the last */
} rapt__reber_string;

/* String number `index` of a stream: every branch is taken with probability one half. A string longer than RAPT__REBER_LONGEST
 * (one in some millions) is drawn again. */
void rapt__reber_draw(uint64_t seed, uint64_t stream, uint64_t index, rapt__reber_string *out);
/* Letters, terminated: room for RAPT__REBER_LONGEST + 1. */
void rapt__reber_letters(const rapt__reber_string *string, char *text);
bool rapt__reber_equal(const rapt__reber_string *a, const rapt__reber_string *b);

#endif
