/* The WordPiece model: the longest token that begins a word, then the longest that goes on (Wu et al. 2016); and WordLevel,
 * which knows whole words only. */
#include "text/tokenizer.h"

rapt_status rapt__unknown_missing(const rapt__text_encoder *e, const char *piece, size_t size) {
  size_t n = size < 40 ? size : 40, at = SIZE_MAX;
  const char *text = e->original.text;
  if (piece >= text && piece < text + e->original.size) at = (size_t)(piece - text);
  while (n > 0 && n < size && (piece[n] & 0xC0) == 0x80) n--;
  uint32_t code = 0;
  if (rapt__utf8(piece, size, &code) == size && at != SIZE_MAX)
    return rapt__fail(e->t->ctx, RAPT_EKEY, "byte %zu: the character \"%.*s\" (U+%04X) is not in the vocabulary", at,
                      (int)size, piece, code);
  return rapt__fail(e->t->ctx, RAPT_EKEY, "\"%.*s\" is not in the vocabulary, which has no token for what is unknown",
                    (int)n, piece);
}

static rapt_status unknown(rapt__text_encoder *e, const char *piece, size_t size) {
  return e->t->unknown < 0 ? rapt__unknown_missing(e, piece, size) : rapt__text_encoder_put(e, e->t->unknown, 0, size);
}

rapt_status rapt__wordlevel_encode(rapt__text_encoder *e, const char *piece, size_t size) {
  const rapt__slot *slot = rapt__table_find(&e->t->ids, piece, size, 0);
  return slot ? rapt__text_encoder_put(e, (int32_t)slot->value, 0, size) : unknown(e, piece, size);
}

rapt_status rapt__wordpiece_encode(rapt__text_encoder *e, const char *piece, size_t size) {
  const rapt_tokenizer *t = e->t;
  size_t chars = t->bytes ? size : rapt__utf8_count(piece, size), before = e->count, spans = e->span_count;
  if ((int64_t)chars > t->longest_word) return unknown(e, piece, size);
  for (size_t at = 0; at < size;) {
    int32_t node = at == 0 ? 0 : t->inner, best = -1;
    size_t end = at;
    for (size_t i = at; node >= 0 && i < size; i++) {
      node = rapt__trie_step(&t->trie, node, (unsigned char)piece[i]);
      if (node < 0) break;
      if (t->trie.nodes[node].value >= 0) {
        best = t->trie.nodes[node].value;
        end = i + 1;
      }
    }
    if (best < 0) {
      e->count = before;
      e->span_count = spans;
      return unknown(e, piece, size);
    }
    RAPT_TRY(rapt__text_encoder_put(e, best, at, end));
    at = end;
  }
  return RAPT_OK;
}
