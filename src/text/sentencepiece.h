/* SentencePiece's models: what a .model file says, and tokenizers of that. */
#ifndef RAPT_SRC_TEXT_SENTENCEPIECE_H
#define RAPT_SRC_TEXT_SENTENCEPIECE_H

#include "text/tokenizer.h"

typedef struct rapt__spm_piece {
  const char *bytes; /* borrowed */
  size_t size;
  float score;
  int32_t type; /* rapt__piece_type */
} rapt__spm_piece;

typedef struct rapt__spm {
  rapt__spm_piece *pieces; /* owned */
  size_t count, room;
  bool bpe, byte_fallback, suffix, dummy_prefix, remove_spaces, escape;
  const char *charsmap; /* borrowed; NULL: none */
  size_t charsmap_size;
} rapt__spm;

/* Normalizer, pre-tokenizer, model and decoder as SentencePiece's, and as tokenizer.json has them. */
rapt_status rapt__spm_build(rapt_context *ctx, const char *name, const rapt__spm *m, rapt_tokenizer **out);
#endif
