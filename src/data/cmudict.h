/* The CMU Pronouncing Dictionary in the form of Festival's lexicon: spellings and phonemes as parallel text. */
#ifndef RAPT_SRC_CMUDICT_H
#define RAPT_SRC_CMUDICT_H

#include "data/parts.h"

/* A word's letters and its phonemes, each with blanks between, without stress. Words of other characters than a to z and the
 * apostrophe are left out, and so are all pronunciations of a word but the first. A word's part follows from the word alone: by
 * its FNV-1a hash of 64 bits modulo 20, 0 is test, 1 is valid, the rest train. RAPT_EFORMAT names the line. */
rapt_status rapt__cmudict_read(rapt_context *ctx, const char *path, rapt__bitext out[RAPT__PARTS]);

#endif
