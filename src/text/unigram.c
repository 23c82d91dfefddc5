/* The Unigram model: the segmentation of greatest probability, found by Viterbi's algorithm (Kudo 2018). */
#include "text/tokenizer.h"

/* The best way to a place. */
typedef struct best {
  double score;
  int32_t id, start; /* start −1: no way so far */
} best;

static void offer(best *b, double score, int32_t id, size_t start, bool single) {
  if (b->start >= 0 && !(score > b->score)) return;
  *b = (best){single ? (double)(float)score : score, id, (int32_t)start};
}

static double score_of(const rapt_tokenizer *t, int32_t id, size_t size) {
  const rapt__token *token = &t->tokens[id];
  /* So high that such a piece is always taken; counted as SentencePiece does. */
  if (token->type == RAPT__USER_DEFINED) return (double)((float)size * (float)t->greatest_score) - 0.1;
  return token->score;
}

static rapt_status search(rapt__text_encoder *e, const char *piece, size_t size, best *ways) {
  const rapt_tokenizer *t = e->t;
  for (size_t i = 0; i <= size; i++) ways[i] = (best){0, -1, -1};
  uint32_t code;
  for (size_t at = 0, n; at < size; at += n) {
    n = t->bytes ? 1 : rapt__utf8(piece + at, size - at, &code);
    if (n == 0) n = 1;
    double here = ways[at].score;
    bool single_char = false;
    int32_t node = 0;
    for (size_t i = at; i < size; i++) {
      node = rapt__trie_step(&t->trie, node, (unsigned char)piece[i]);
      if (node < 0) break;
      int32_t id = t->trie.nodes[node].value;
      if (id < 0) continue;
      offer(&ways[i + 1], score_of(t, id, i + 1 - at) + here, id, at, t->single);
      single_char |= i + 1 - at == n;
    }
    if (single_char) continue;
    if (t->unknown < 0) return rapt__unknown_missing(e, piece + at, n);
    offer(&ways[at + n], t->unknown_score + here, t->unknown, at, t->single);
  }
  return RAPT_OK;
}

static rapt_status put(rapt__text_encoder *e, const char *piece, int32_t id, size_t start, size_t end) {
  const rapt_tokenizer *t = e->t;
  bool all = id == t->unknown && t->byte_fallback;
  for (size_t i = start; i < end && all; i++) all = t->fallback[(unsigned char)piece[i]] >= 0;
  if (!all) return rapt__text_encoder_put(e, id, start, end);
  for (size_t i = start; i < end; i++)
    RAPT_TRY(rapt__text_encoder_put(e, t->fallback[(unsigned char)piece[i]], start, end));
  return RAPT_OK;
}

rapt_status rapt__unigram_encode(rapt__text_encoder *e, const char *piece, size_t size) {
  const rapt_tokenizer *t = e->t;
  if (size >= INT32_MAX)
    return rapt__fail(t->ctx, RAPT_EUNSUPPORTED, "a text of %zu bytes is too long for one piece", size);
  best *ways = rapt__text_encoder_scratch(e, size + 1, sizeof *ways);
  if (!ways) return RAPT_ENOMEM;
  RAPT_TRY(search(e, piece, size, ways));
  /* Turn the way round: each place then tells where the token that begins there ends. */
  int32_t next = (int32_t)size;
  for (int32_t at = (int32_t)size; at > 0;) {
    int32_t start = ways[at].start;
    if (start < 0) return rapt__fail(t->ctx, RAPT_EFORMAT, "the vocabulary's scores lead nowhere at byte %d", at);
    int32_t id = ways[at].id;
    ways[at].start = next;
    ways[at].score = id;
    next = at;
    at = start;
  }
  for (int32_t start = 0, end = next; start < (int32_t)size;) {
    int32_t id = (int32_t)ways[end].score, after = ways[end].start;
    while (t->fuse_unknown && id == t->unknown && after > end && (int32_t)ways[after].score == id &&
           end < (int32_t)size) {
      int32_t further = ways[after].start;
      end = after;
      after = further;
    }
    RAPT_TRY(put(e, piece, id, (size_t)start, (size_t)end));
    start = end;
    end = after;
  }
  return RAPT_OK;
}
