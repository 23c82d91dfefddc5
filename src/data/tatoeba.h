/* Sentence pairs of Tatoeba as manythings.org gives them: lines "English TAB French". */
#ifndef RAPT_SRC_TATOEBA_H
#define RAPT_SRC_TATOEBA_H

#include "data/parts.h"

/* Columns of the file. */
enum { RAPT__TATOEBA_ENGLISH, RAPT__TATOEBA_FRENCH };

/* Pairs in the file's order, which is by length. A line may have more columns (newer files name their authors). English
 * sentences come with several translations, so a pair's part follows from its English letters and digits alone, in lower case:
 * by their FNV-1a hash of 64 bits modulo 50, 0 is test, 1 is valid, the rest train. RAPT_EFORMAT names the line. Free the
 * parts after a failure too. */
rapt_status rapt__tatoeba_read(rapt_context *ctx, const char *path, int source, int target,
                               rapt__bitext out[RAPT__PARTS]);
/* The same of a text; `name` stands for its path. */
rapt_status rapt__tatoeba_parse(rapt_context *ctx, const char *name, const char *text, size_t size, int source,
                                int target, rapt__bitext out[RAPT__PARTS]);

#endif
