/* Tokenizers from inside: vocabulary, model, and the steps before and behind it. */
#ifndef RAPT_SRC_TOKENIZER_H
#define RAPT_SRC_TOKENIZER_H

#include <rapt/text.h>
#include "base/base.h"
#include "text/step.h"
#include "text/unicode.h"

/* Open addressing from byte strings or 64-bit keys to a number; never shrinks. */
typedef struct rapt__slot {
  const char *key; /* borrowed; NULL in an empty slot of a string table */
  uint64_t hash;   /* or the key itself */
  size_t size;
  int64_t value; /* −1: empty */
} rapt__slot;
typedef struct rapt__table {
  rapt_context *ctx;
  rapt__slot *slots; /* owned */
  size_t capacity, count;
} rapt__table;

void rapt__table_init(rapt__table *table, rapt_context *ctx);
void rapt__table_free(rapt__table *table);
/* The slot of a key, made with value `initial` if it is new; NULL: no memory. key == NULL: `number` is the key.
 * Slots move when the table grows. */
rapt__slot *rapt__table_get(rapt__table *table, const char *key, size_t size, uint64_t number, int64_t initial);
const rapt__slot *rapt__table_find(const rapt__table *table, const char *key, size_t size, uint64_t number);

/* A set of strings as a double array: all of them that begin a text, shortest first. */
typedef struct rapt__trie {
  rapt_context *ctx;
  struct rapt__trie_node {
    int32_t base, parent, value; /* value −1: no string ends here */
  } * nodes;                     /* owned */
  size_t count, room;
} rapt__trie;
typedef struct rapt__trie_key {
  const char *bytes;
  size_t size;
  int32_t value;
} rapt__trie_key;
/* The keys are put in order of bytes; of equal ones the last given counts. Empty keys are left out. */
rapt_status rapt__trie_build(rapt__trie *trie, rapt_context *ctx, rapt__trie_key *keys, size_t count);
void rapt__trie_free(rapt__trie *trie);
/* One byte further from a node (0 is the root); −1: nothing goes on there. */
static inline int32_t rapt__trie_step(const rapt__trie *trie, int32_t node, unsigned char byte) {
  size_t next = (size_t)trie->nodes[node].base + byte;
  return next < trie->count && trie->nodes[next].parent == node ? (int32_t)next : -1;
}

/* SentencePiece's types of pieces. */
typedef enum rapt__piece_type {
  RAPT__NORMAL = 1,
  RAPT__UNKNOWN = 2,
  RAPT__CONTROL = 3,
  RAPT__USER_DEFINED = 4,
  RAPT__UNUSED = 5,
  RAPT__BYTE = 6
} rapt__piece_type;

typedef struct rapt__token {
  const char *bytes; /* in the arena; NULL: the id is not used */
  size_t size;
  double score; /* RAPT__UNIGRAM; of SentencePiece's BPE too */
  bool plain;   /* files hold the text itself, not letters of GPT-2's alphabet; such a token is never made by merging */
  bool special; /* an added token that is left out where special tokens are */
  bool hidden;  /* not part of the model: an added token that its vocabulary lacks */
  uint8_t type;
} rapt__token;

typedef struct rapt__merge {
  int32_t left, right, made;
} rapt__merge;

/* Pairs of ids → rank and what the pair becomes. */
typedef struct rapt__join {
  uint64_t pair; /* left << 32 | right; UINT64_MAX: empty */
  int32_t rank, made;
} rapt__join;
typedef struct rapt__joins {
  rapt__join *slots; /* owned */
  size_t capacity, count;
} rapt__joins;

typedef enum rapt__model_type { RAPT__BPE, RAPT__WORDPIECE, RAPT__UNIGRAM, RAPT__WORDLEVEL } rapt__model_type;

typedef struct rapt__added_token {
  int32_t id;
  rapt__string pattern; /* what is looked for: the token, or the token normalised */
  bool single_word, lstrip, rstrip, normalized, special;
} rapt__added_token;
/* Added tokens, found in a text by first byte, then the longest. */
typedef struct rapt__added {
  rapt__added_token *items; /* owned */
  size_t count, room;
  size_t of[257]; /* where those of a first byte begin */
} rapt__added;

typedef struct rapt__truncation {
  bool on, left;
  int64_t max_length, stride;
  int strategy; /* 0: longest first, 1: only the first text, 2: only the second */
} rapt__truncation;
typedef struct rapt__padding {
  bool on, left;
  int64_t length, multiple; /* 0: none */
  int32_t id, type;
} rapt__padding;

struct rapt_tokenizer {
  rapt_context *ctx;
  rapt__arena arena;
  /* Vocabulary. */
  rapt__token *tokens; /* [count] owned */
  size_t count, capacity;
  rapt__table ids; /* bytes → id, of the model's own tokens */
  /* Model. */
  rapt__model_type model;
  bool bytes;      /* the vocabulary is kept in bytes instead of letters: RAPT__BYTE_LEVEL is the last step before it */
  int32_t unknown; /* −1: none */
  const char *unknown_text; /* as the file names it, though the vocabulary may lack it; in the arena, or NULL */
  bool byte_fallback, fuse_unknown, ignore_merges;
  bool single;                 /* Unigram in single precision, as SentencePiece */
  rapt__string prefix, suffix; /* of pieces that go on a word (WordPiece, BPE) and that end it (BPE) */
  int64_t longest_word;        /* WordPiece: characters */
  int32_t byte_id[4][256];     /* BPE in bytes: within a word, at its start (1), at its end (2), both */
  int32_t fallback[256];       /* "<0x00>" … */
  rapt__merge *merges;         /* in order of rank; owned */
  size_t merge_count, merge_capacity;
  rapt__joins joins;
  bool ranked;     /* the rank of a merge is that of the made piece's score, as SentencePiece's */
  int64_t seam;    /* > 0: no token goes on over this character behind another one, so words begin there */
  rapt__trie trie; /* Unigram, WordPiece */
  int32_t inner;   /* WordPiece: node behind the prefix, −1: no token has it */
  double unknown_score, greatest_score;
  /* Everything else. */
  rapt__steps steps[RAPT__SECTIONS];
  const char *sections[RAPT__SECTIONS]; /* as JSON, in the arena; NULL: null */
  const char *truncation_json, *padding_json;
  rapt__truncation truncation;
  rapt__padding padding;
  rapt__added raw, normalized, users; /* found before normalising, behind it, and by SentencePiece */
  const char *exact;                  /* the SentencePiece model that this was read from; in the arena, or NULL */
  size_t exact_size;
};

rapt_status rapt__tokenizer_new(rapt_context *ctx, rapt__model_type model, rapt_tokenizer **out);
/* Gives an id its bytes (copied). RAPT_EFORMAT when the id has some already. */
rapt_status rapt__tokenizer_add(rapt_tokenizer *t, int64_t id, const char *bytes, size_t size, bool plain,
                                const char *file);
/* Makes a token that an id names an added one. */
rapt_status rapt__tokenizer_added(rapt_tokenizer *t, rapt__added_token token);
/* "<s>" and its like: special, found in a text as they are. */
rapt_status rapt__tokenizer_special(rapt_tokenizer *t, int32_t id);
rapt_status rapt__tokenizer_merge(rapt_tokenizer *t, int32_t left, int32_t right, int32_t made, const char *file);
/* Sets a section from JSON text of our own. */
rapt_status rapt__tokenizer_section(rapt_tokenizer *t, rapt__section section, const char *json);
/* Whether a section's last step leaves letters of GPT-2's alphabet to the model, so that the vocabulary is kept in bytes. */
bool rapt__in_bytes(const rapt_tokenizer *t);
/* Checks that all ids are there, makes the tables that encoding needs, orders the added tokens. */
rapt_status rapt__tokenizer_finish(rapt_tokenizer *t, const char *file);
/* Frees `t` unless the status is fine, else hands it out. */
rapt_status rapt__tokenizer_out(rapt_status status, rapt_tokenizer *t, rapt_tokenizer **out);

/* tokenizer.json from memory; `name` begins messages. */
rapt_status rapt__tokenizer_parse(rapt_context *ctx, const char *name, const char *json, size_t size,
                                  rapt_tokenizer **out);
/* Files of other programs, from memory. */
rapt_status rapt__tokenizer_sentencepiece(rapt_context *ctx, const char *name, const char *bytes, size_t size,
                                          rapt_tokenizer **out);
rapt_status rapt__tokenizer_vocab_txt(rapt_context *ctx, const char *name, const char *text, size_t size,
                                      rapt_tokenizer **out);
rapt_status rapt__tokenizer_gpt2_files(rapt_context *ctx, const char *vocabulary, const char *merges,
                                       rapt_tokenizer **out);
rapt_status rapt__tokenizer_llama_bin(rapt_context *ctx, const char *name, const char *bytes, size_t size,
                                      rapt_tokenizer **out);
rapt_status rapt__tokenizer_rwkv(rapt_context *ctx, const char *name, const char *text, size_t size,
                                 rapt_tokenizer **out);
rapt_status rapt__tokenizer_clip(rapt_context *ctx, const char *name, const char *text, size_t size,
                                 rapt_tokenizer **out);
json_t *rapt__json_parse(rapt_context *ctx, const char *name, const char *text, size_t size);
/* A merge of two tokens as files write them. */
rapt_status rapt__merge_read(rapt_tokenizer *t, const char *a, size_t na, const char *b, size_t nb, const char *file,
                             size_t number);

/* A vocabulary in memory, as other containers hold one. */
typedef struct rapt__vocabulary {
  size_t count;
  const rapt__string *tokens; /* [count] */
  const float *scores;        /* [count], or NULL */
  const int32_t *types;       /* [count] of rapt__piece_type, or NULL */
  const rapt__string *merges; /* [merge_count] "left right", or NULL */
  size_t merge_count;
  const char *model;   /* "bpe" (byte-level, with merges), "spm-bpe", "unigram", "wordpiece" */
  const char *pattern; /* of byte-level BPE: a regular expression, or NULL for GPT-2's */
  bool dummy_prefix, remove_spaces, byte_fallback;
} rapt__vocabulary;
rapt_status rapt__tokenizer_from_vocabulary(rapt_context *ctx, const char *name, const rapt__vocabulary *v,
                                            rapt_tokenizer **out);

/* ---- Encoding ---- */

/* Words that were met, with their ids; direct-mapped, so that it needs no upkeep. */
enum { RAPT__CACHE_KEY = 20, RAPT__CACHE_IDS = 7 };
typedef struct rapt__cached {
  uint8_t size, count;
  char key[RAPT__CACHE_KEY];
  uint8_t starts[RAPT__CACHE_IDS], ends[RAPT__CACHE_IDS]; /* in the word */
  int32_t ids[RAPT__CACHE_IDS];
} rapt__cached;

typedef struct rapt__text_encoder {
  const rapt_tokenizer *t;
  rapt__view original;
  bool tracked;    /* origins of tokens are wanted */
  bool no_special; /* special tokens are not looked for */
  rapt__traced whole, buffers[4];
  rapt__pieces pieces[2];
  rapt__matcher matcher;
  rapt__cached *cache; /* owned, or NULL */
  size_t cache_mask;
  int32_t *ids;       /* owned */
  rapt__origin *from; /* [count] while tracked; owned */
  int32_t *words;     /* [count] while tracked; owned */
  int32_t word;       /* pieces so far */
  size_t count, room, from_room, word_room;
  rapt__piece *spans; /* of the tokens of one piece in it, while tracked; owned */
  size_t span_count, span_room;
  void *scratch; /* of the model; owned */
  size_t scratch_size;
} rapt__text_encoder;

rapt_status rapt__encode_text(rapt__text_encoder *e, const char *text, size_t size);
void rapt__text_encoder_free(rapt__text_encoder *e);
/* Memory of at least so many bytes that stays until the next call; NULL: no memory. */
void *rapt__text_encoder_scratch(rapt__text_encoder *e, size_t count, size_t size);

/* A model over one piece of `size` > 0 bytes: writes ids and, while tracked, where they stand in the piece. */
rapt_status rapt__text_encoder_put(rapt__text_encoder *e, int32_t id, size_t start, size_t end);
rapt_status rapt__bpe_encode(rapt__text_encoder *e, const char *piece, size_t size);
rapt_status rapt__wordpiece_encode(rapt__text_encoder *e, const char *piece, size_t size);
rapt_status rapt__unigram_encode(rapt__text_encoder *e, const char *piece, size_t size);
rapt_status rapt__wordlevel_encode(rapt__text_encoder *e, const char *piece, size_t size);
rapt_status rapt__unknown_missing(const rapt__text_encoder *e, const char *piece, size_t size);

/* Calls `each` for the pieces that a text is cut into before the model sees them, without added tokens. */
typedef rapt_status (*rapt__piece_fn)(void *user, const char *piece, size_t size);
rapt_status rapt__pieces_of(const rapt_tokenizer *t, const char *text, size_t size, rapt__piece_fn each, void *user);

/* The first added token in the text from `at` on: its place with what it strips, or false. */
bool rapt__added_find(const rapt__added *a, const char *text, size_t size, size_t at, bool no_special, int32_t *id,
                      size_t *start, size_t *end);
void rapt__added_order(rapt__added *a);
/* Length of the longest one at the start of the text, or 0. */
size_t rapt__added_prefix(const rapt__added *a, const char *text, size_t size, int32_t *id);

/* The merge of a pair, or NULL. */
static inline const rapt__join *rapt__join_find(const rapt__joins *j, int32_t left, int32_t right) {
  if (!j->capacity) return NULL;
  uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
  size_t at = (size_t)((pair * 0x9E3779B97F4A7C15ULL) >> 32) & (j->capacity - 1);
  for (; j->slots[at].pair != UINT64_MAX; at = (at + 1) & (j->capacity - 1))
    if (j->slots[at].pair == pair) return &j->slots[at];
  return NULL;
}
/* False: the pair is there already, *old gets its rank. */
rapt_status rapt__join_add(rapt_context *ctx, rapt__joins *j, rapt__join join, bool *added, int32_t *old);

/* Byte-level BPE without tokens; `words`: behind GPT-2's pattern. */
rapt_status rapt__byte_level_new(rapt_context *ctx, bool words, rapt_tokenizer **out);
/* The four special tokens of rapt_tokenizer_train_words. */
rapt_status rapt__specials_add(rapt_tokenizer *t);

/* The text in lower case, character by character; *text is freed with rapt__free. RAPT_EFORMAT names a byte that is not
 * UTF-8. */
rapt_status rapt__lowercase(rapt_context *ctx, const char *text, size_t size, char **lower, size_t *lower_size);

/* A tokenizer of words without any yet, whose pieces are the words of a text (rapt_words_options.punctuation); free it after a
 * failure too. */
rapt_status rapt__words_new(rapt_context *ctx, bool punctuation, rapt_tokenizer **out);

/* How a characters tokenizer's file cuts a text: one character each, line feeds too. */
#define RAPT__CHARS_REGEX "[\\s\\S]"

/* A token as files write it: letters of GPT-2's alphabet where the vocabulary is kept in bytes. */
rapt_status rapt__token_text(const rapt_tokenizer *t, int32_t id, rapt__text *out);

#endif
