/* The steps of a tokenizer as data: each section of a tokenizer.json is a list of them, with sequences laid out flat. */
#ifndef RAPT_SRC_TEXT_STEP_H
#define RAPT_SRC_TEXT_STEP_H

#include "text/aligned.h"
#include "text/regex.h"

#include <jansson.h>

typedef enum rapt__text_step_type {
  /* normalizers */
  RAPT__BERT,
  RAPT__NFC,
  RAPT__NFD,
  RAPT__NFKC,
  RAPT__NFKD,
  RAPT__LOWERCASE,
  RAPT__STRIP,
  RAPT__STRIP_ACCENTS,
  RAPT__REPLACE, /* decoder too */
  RAPT__PREPEND,
  RAPT__NMT,
  RAPT__PRECOMPILED,
  RAPT__SENTENCEPIECE, /* all that SentencePiece does before its model; written as the others */
  /* normalizer, pre-tokenizer, post-processor and decoder */
  RAPT__BYTE_LEVEL,
  /* pre-tokenizers */
  RAPT__BERT_WORDS,
  RAPT__WHITESPACE,
  RAPT__WHITESPACE_SPLIT,
  RAPT__METASPACE, /* decoder too */
  RAPT__PUNCTUATION,
  RAPT__DIGITS,
  RAPT__SPLIT,
  RAPT__DELIMITER,
  RAPT__SCRIPTS,
  RAPT__FIXED_LENGTH,
  /* post-processors */
  RAPT__TEMPLATE,
  RAPT__ROBERTA,
  /* decoders */
  RAPT__WORDPIECE_DECODER,
  RAPT__BPE_DECODER,
  RAPT__BYTE_FALLBACK,
  RAPT__FUSE,
  RAPT__STRIP_DECODER,
  RAPT__CTC,
  RAPT__SENTENCEPIECE_DECODER
} rapt__text_step_type;

/* What becomes of a delimiter. */
typedef enum rapt__behavior {
  RAPT__REMOVED,
  RAPT__ISOLATED,
  RAPT__WITH_PREVIOUS,
  RAPT__WITH_NEXT,
  RAPT__CONTIGUOUS
} rapt__behavior;

typedef enum rapt__scheme { RAPT__ALWAYS, RAPT__FIRST, RAPT__NEVER } rapt__scheme;

/* One piece of a post-processor's template. */
typedef struct rapt__slot_piece {
  int32_t sequence; /* 0 or 1; −1: special tokens */
  int32_t type;
  const int32_t *ids; /* [count] in the arena */
  size_t count;
} rapt__slot_piece;

typedef struct rapt__string {
  const char *bytes; /* in the arena */
  size_t size;
} rapt__string;

typedef struct rapt__text_step {
  rapt__text_step_type type;
  /* RAPT__BERT: cleans the text, isolates ideographs, strips accents, lowers case; RAPT__STRIP: at the left, at the right;
   * RAPT__BYTE_LEVEL: a space before, cuts by GPT-2's pattern, trims offsets; RAPT__METASPACE: cuts; RAPT__DIGITS: each
   * alone; RAPT__SPLIT: inverted; WORDPIECE_DECODER, CTC: cleans up; SENTENCEPIECE: removes extra white space, a space
   * before, behind instead, spaces are escaped */
  bool on[4];
  rapt__behavior behavior;
  rapt__scheme scheme;
  rapt__string text;                      /* what is prepended, put in, a prefix, a suffix, padding */
  rapt__string other;                     /* CTC's delimiter of words */
  rapt__regex *regex;                     /* owned */
  int64_t numbers[2];                     /* counts of characters */
  uint32_t code;                          /* a character */
  struct rapt__charsmap *map;             /* owned */
  const struct rapt__added *user_defined; /* SENTENCEPIECE: pieces that are taken as they are; borrowed, or NULL */
  rapt__slot_piece *pieces[2];            /* RAPT__TEMPLATE: of one text, of a pair; in the arena */
  size_t piece_count[2];
} rapt__text_step;

typedef struct rapt__steps {
  rapt__text_step *items; /* owned */
  size_t count, room;
} rapt__steps;

typedef enum rapt__section {
  RAPT__NORMALIZER,
  RAPT__PRE_TOKENIZER,
  RAPT__POST_PROCESSOR,
  RAPT__DECODER,
  RAPT__SECTIONS
} rapt__section;

void rapt__steps_free(rapt_context *ctx, rapt__steps *steps);
/* Adds the steps of a section; `file` begins messages. A post-processor's special tokens are looked up in `t`. */
struct rapt_tokenizer;
rapt_status rapt__steps_read(struct rapt_tokenizer *t, rapt__section section, json_t *json, const char *file,
                             rapt__steps *out);

/* A normalizer's step. *changed false: the text stays, and `out` is empty. */
rapt_status rapt__normalize_step(const rapt__text_step *s, const rapt__view *in, rapt__traced *out, bool *changed);
rapt_status rapt__normal_form(rapt__text_step_type form, const rapt__view *in, rapt__traced *out, bool *changed);
rapt_status rapt__bert_normalize(const rapt__text_step *s, const rapt__view *in, rapt__traced *out);

/* SentencePiece's map from strings to strings, a double array (Yata's Darts-clone) and the strings. */
rapt_status rapt__charsmap_new(rapt_context *ctx, const char *blob, size_t size, struct rapt__charsmap **out);
void rapt__charsmap_free(struct rapt__charsmap *map);
rapt_status rapt__charsmap_normalize(const rapt__text_step *s, const rapt__view *in, rapt__traced *out);
rapt_status rapt__sentencepiece_normalize(const rapt__text_step *s, const rapt__view *in, rapt__traced *out);
const char *rapt__charsmap_blob(const struct rapt__charsmap *map, size_t *size);

/* Pieces of a text, in order; they do not overlap. */
typedef struct rapt__piece {
  size_t start, end;
} rapt__piece;
typedef struct rapt__pieces {
  rapt_context *ctx;
  rapt__piece *items; /* owned */
  size_t count, room;
} rapt__pieces;
static inline rapt_status rapt__pieces_add(rapt__pieces *p, size_t start, size_t end) {
  if (start == end) return RAPT_OK;
  if (p->count == p->room) RAPT_TRY(rapt__reserve(p->ctx, (void **)&p->items, &p->room, p->count, sizeof *p->items));
  p->items[p->count++] = (rapt__piece){start, end};
  return RAPT_OK;
}

/* Gathers stretches that match and do not, in order, as a behaviour wants them. */
typedef struct rapt__cutter {
  rapt__behavior behavior;
  rapt__pieces *out;
  size_t start, end; /* of what waits */
  bool waits, last_match;
} rapt__cutter;
rapt_status rapt__cutter_add(rapt__cutter *c, size_t start, size_t end, bool match);
rapt_status rapt__cutter_end(rapt__cutter *c);

/* A pre-tokenizer's step over the pieces of a text. When it writes another text (*rewritten), `text_out` holds that and the
 * pieces are places there. `bytes`: RAPT__BYTE_LEVEL leaves bytes as they are, for the vocabulary is kept in bytes. */
rapt_status rapt__pretokenize_step(const rapt__text_step *s, bool bytes, const rapt__view *text, const rapt__pieces *in,
                                   rapt__matcher *matcher, rapt__traced *text_out, rapt__pieces *out, bool *rewritten);
rapt_status rapt__scripts_regex(rapt_context *ctx, rapt__regex **out);
rapt_status rapt__scripts_cut(const rapt__text_step *s, const rapt__view *text, rapt__piece piece,
                              rapt__matcher *matcher, rapt__pieces *out);

/* GPT-2's alphabet. Letters → bytes into a buffer of at least the same size: how many, or −1 when a letter is
 * foreign. */
int64_t rapt__letters_read(const char *letters, size_t size, char *out);
rapt_status rapt__letters_write(const char *bytes, size_t size, rapt__text *out);
uint32_t rapt__letter(unsigned char byte);
/* Contractions, words, numbers and punctuation, each with the space before it; runs of white space (Radford et al.
 * 2019). */
extern const char rapt__gpt2_pattern[];
extern const char rapt__words_pattern[]; /* Whitespace's */

#endif
