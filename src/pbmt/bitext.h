/* Sentences of word ids, and links between the words of sentence pairs: what every part of src/pbmt/ reads and
 * writes. */
#ifndef RAPT_SRC_PBMT_BITEXT_H
#define RAPT_SRC_PBMT_BITEXT_H

#include "base/base.h"

#define RAPT__PBMT_LONGEST 1000 /* words of a sentence */

/* Sentence s is ids[begin[s]..begin[s + 1]); it may be empty. */
typedef struct rapt__pbmt_text {
  const int32_t *ids;  /* borrowed */
  const size_t *begin; /* (count + 1) borrowed */
  size_t count;
  int32_t vocab; /* ids are in [0, vocab) */
} rapt__pbmt_text;

static inline size_t rapt__pbmt_length(const rapt__pbmt_text *text, size_t sentence) {
  return text->begin[sentence + 1] - text->begin[sentence];
}
static inline const int32_t *rapt__pbmt_words(const rapt__pbmt_text *text, size_t sentence) {
  return text->ids + text->begin[sentence];
}

/* RAPT_EINVAL, naming the text by `name`, for an id outside the vocabulary or a sentence that is too long. */
rapt_status rapt__pbmt_check_text(rapt_context *ctx, const char *name, const rapt__pbmt_text *text);
/* The same for both sides, and for different numbers of sentences. */
rapt_status rapt__pbmt_check_pair(rapt_context *ctx, const rapt__pbmt_text *source, const rapt__pbmt_text *target);

typedef struct rapt__pbmt_link {
  int16_t source, target; /* positions, from 0 */
} rapt__pbmt_link;

/* The links of sentence pair s are at[begin[s]..begin[s + 1]), ordered by source and then target position. */
typedef struct rapt__pbmt_links {
  rapt_context *ctx;
  size_t *begin; /* (count + 1) owned */
  rapt__pbmt_link *at;
  size_t count, size, capacity; /* sentence pairs; links; room for links */
} rapt__pbmt_links;

rapt_status rapt__pbmt_links_init(rapt__pbmt_links *links, rapt_context *ctx, size_t count);
void rapt__pbmt_links_free(rapt__pbmt_links *links);
/* Sentence pairs are filled in order: links first, then the end of the pair. */
rapt_status rapt__pbmt_links_add(rapt__pbmt_links *links, int source, int target);
static inline void rapt__pbmt_links_end(rapt__pbmt_links *links, size_t sentence) {
  links->begin[sentence + 1] = links->size;
}
/* "0-0 1-2": one line without its end, as Moses and other tools read it. */
rapt_status rapt__pbmt_links_print(const rapt__pbmt_links *links, size_t sentence, rapt__text *out);

#endif
