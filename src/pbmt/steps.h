/* Word-aligned sentence pairs as sequences in which every step has one source and one target word: what a recurrent
 * translation model reads (Sundermeyer, Alkhouli, Wuebker and Ney 2014, "Translation modeling with bidirectional recurrent
 * neural networks"). Alignments link words freely; two marks in place of words make them one-to-one:
 *
 * 1. Target words come in their order. A target word stands with the first source word linked to it that no target word
 *    before it took.
 * 2. If all source words linked to it are taken it stands with ALIGNED, if it has no link with UNALIGNED.
 * 3. The other source words linked to it follow, each with ALIGNED in place of a target word, except those that a later
 *    target word is linked to as well: they wait for it.
 * 4. A source word without a link stands with UNALIGNED right behind the source word before it, or at the front.
 *
 * So every word of both sides comes exactly once. A translation that a phrase-based decoder made has links as well: its
 * phrases are in the table with the links that they have in the training text. */
#ifndef RAPT_SRC_PBMT_STEPS_H
#define RAPT_SRC_PBMT_STEPS_H

#include "pbmt/nbest.h"
#include "pbmt/phrases.h"

enum { RAPT__STEP_ALIGNED = -1, RAPT__STEP_UNALIGNED = -2 };

typedef struct rapt__pbmt_step {
  int16_t source, target; /* positions from 0, or a mark in one of them */
} rapt__pbmt_step;

/* The steps of a sentence pair; links are ordered by source and then target position. `out` has room for source_length +
 * target_length steps, `taken` for source_length bytes. Returns how many steps there are. */
size_t rapt__pbmt_steps(size_t source_length, size_t target_length, const rapt__pbmt_link *links, size_t link_count,
                        uint8_t *taken, rapt__pbmt_step *out);

/* Adds the links of an entry of a list, as one sentence pair. `table` was extracted from a text with `links`; a phrase pair
 * has the links that give it its lexical weight lex(e | f), a copied word one link. RAPT_EINVAL for an entry with a phrase
 * pair that is not in the table. `source` is the sentence that was translated. */
rapt_status rapt__pbmt_entry_links(const rapt__pbmt_phrases *table, const rapt__pbmt_links *links,
                                   const int32_t *source, const rapt__pbmt_nbest *lists, size_t entry,
                                   rapt__pbmt_links *out);

#endif
