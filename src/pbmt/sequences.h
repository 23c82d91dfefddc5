/* Sentence pairs and translations as sequences of ids for recurrent models over aligned words and phrases
 * (tasks/aligned.h). */
#ifndef RAPT_SRC_PBMT_SEQUENCES_H
#define RAPT_SRC_PBMT_SEQUENCES_H

#include "pbmt/steps.h"
#include "tasks/aligned.h"

/* Ids of one side: what RAPT__ALIGNED_… name first, then words from the most frequent one down; words that the text has less
 * often than `min_count` are RAPT__ALIGNED_UNKNOWN, as are those that a lexicon got later. */
typedef struct rapt__step_vocab {
  rapt_context *ctx;
  int32_t *of; /* (words) owned: id of a word of the text's vocabulary */
  int32_t words, size;
} rapt__step_vocab;

rapt_status rapt__step_vocab_init(rapt_context *ctx, const rapt__pbmt_text *text, int64_t min_count,
                                  rapt__step_vocab *out);
void rapt__step_vocab_free(rapt__step_vocab *vocab);
static inline int32_t rapt__step_id(const rapt__step_vocab *vocab, int32_t word) {
  return word < vocab->words ? vocab->of[word] : RAPT__ALIGNED_UNKNOWN;
}

/* What makes sequences, with room to work in. */
typedef struct rapt__sequencer {
  rapt_context *ctx;
  const rapt__step_vocab *source, *target; /* borrowed */
  rapt__pbmt_step *steps;                  /* owned, as the others */
  uint8_t *taken;
  int32_t *ids[2];
} rapt__sequencer;

rapt_status rapt__sequencer_init(rapt_context *ctx, const rapt__step_vocab *source, const rapt__step_vocab *target,
                                 rapt__sequencer *out);
void rapt__sequencer_free(rapt__sequencer *s);

/* Each appends one sequence to `pairs`. Of the target alone, for a language model: */
rapt_status rapt__sequence_target(rapt__sequencer *s, const int32_t *target, size_t target_length, rapt__pairs *pairs);
/* Of a word-aligned pair. */
rapt_status rapt__sequence_words(rapt__sequencer *s, const int32_t *source, size_t source_length, const int32_t *target,
                                 size_t target_length, const rapt__pbmt_link *links, size_t link_count,
                                 rapt__pairs *pairs);
/* Of a pair in phrases of at most `words` words, in the order of the target; a phrase ends with RAPT__ALIGNED_LINKED. */
rapt_status rapt__sequence_phrases(rapt__sequencer *s, const int32_t *source, const int32_t *target,
                                   const rapt__pbmt_span *spans, size_t span_count, int words, rapt__pairs *pairs);

#endif
