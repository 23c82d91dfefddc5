/* A word-aligned sentence pair as the phrase pairs that a decoder would have made it of: the best segmentation among those
 * whose phrases are all in the table. What the paper of tasks/aligned.h gets by forced decoding comes here from the word
 * alignment: it decides which phrases there can be, a dynamic program over the target chooses. */
#ifndef RAPT_SRC_PBMT_SEGMENT_H
#define RAPT_SRC_PBMT_SEGMENT_H

#include "pbmt/nbest.h"
#include "pbmt/phrases.h"

typedef struct rapt__segmenter {
  rapt_context *ctx;
  const rapt__pbmt_phrases *table; /* borrowed, like the weights */
  const double *weights;           /* of the decoder */
  int longest;                     /* words of a phrase */
  double *best;                    /* owned, as the others */
  rapt__pbmt_span *last;
  int16_t *source_first, *source_last, *target_first, *target_last;
} rapt__segmenter;

rapt_status rapt__segmenter_init(rapt_context *ctx, const rapt__pbmt_phrases *table, const double *weights, int longest,
                                 rapt__segmenter *out);
void rapt__segmenter_free(rapt__segmenter *s);

/* Spans in the order of the target, which cover both sides; a source word without a link goes with the word before it, those at
 * the front with the first that has one. Returns how many there are; 0 where no segmentation exists. `spans` has room for
 * target_length. Sentences have at most RAPT__PBMT_LONGEST words. */
size_t rapt__segment(rapt__segmenter *s, const int32_t *source, size_t source_length, const int32_t *target,
                     size_t target_length, const rapt__pbmt_link *links, size_t link_count, rapt__pbmt_span *spans);

#endif
