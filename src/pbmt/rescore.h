/* An n-best list that was read from a file. */
#ifndef RAPT_SRC_PBMT_RESCORE_H
#define RAPT_SRC_PBMT_RESCORE_H

#include "pbmt/lines.h"
#include "pbmt/nbest.h"

#include <rapt/rescore.h>

struct rapt_nbest {
  rapt_context *ctx;
  rapt__arena arena;        /* owns all text that words and entries point into */
  rapt__pbmt_lexicon words; /* of entries and references */
  rapt__pbmt_nbest lists;   /* "score", then the file's features, then those that were added; no spans */
  rapt_segment *texts;      /* (entries) owned */
  int32_t *ids;             /* of the text at hand; owned */
  size_t text_room, id_room;
};

/* Words between blanks as ids in nbest->ids; `text` has to live as long as the lists. */
rapt_status rapt__nbest_words(rapt_nbest *nbest, const char *text, size_t size, size_t *count);
/* One entry of the list at hand. */
rapt_status rapt__nbest_add(rapt_nbest *nbest, rapt_segment text, const double *features);

#endif
