/* Tokenizers from inside: the vocabulary as byte strings, merges, and how a text is cut into pieces first. */
#ifndef RAPT_SRC_TOKENIZER_H
#define RAPT_SRC_TOKENIZER_H

#include <rapt/text.h>
#include "base/base.h"

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

typedef struct rapt__token {
  const char *bytes; /* in the arena; NULL: the id is not used */
  size_t size;
  bool plain; /* files hold the text itself, not letters of GPT-2's alphabet; such a token is never made by merging */
} rapt__token;

typedef struct rapt__merge {
  int32_t left, right, made;
} rapt__merge;

typedef struct rapt__splitter rapt__splitter; /* a pattern, compiled */
/* GPT-2's, where every character belongs to a piece; and Hugging Face's WhitespaceSplit and Whitespace, which drop white
 * space. */
typedef enum rapt__cut { RAPT__SPLIT_GPT2, RAPT__SPLIT_SPACES, RAPT__SPLIT_WORDS } rapt__cut;

struct rapt_tokenizer {
  rapt_context *ctx;
  rapt__arena arena;
  rapt_tokenizer_kind kind;
  rapt__token *tokens; /* [count] owned */
  size_t count, capacity;
  rapt__table ids; /* bytes → id */
  int32_t byte_id[256];
  rapt__merge *merges; /* in order of rank; owned */
  size_t merge_count, merge_capacity;
  rapt__table ranks;        /* left << 32 | right → rank */
  rapt__splitter *splitter; /* owned; NULL: the text is one piece */
  rapt__cut split;          /* of the splitter */
  bool lowercase;           /* RAPT_WORDS: the text first */
  int32_t unknown;          /* RAPT_WORDS: of words that are not in the vocabulary */
  int32_t *special; /* ids that are found in a text before anything else, by first byte, then longest first; owned */
  size_t special_of[257]; /* where those of a first byte begin */
  size_t special_count, special_capacity;
};

rapt_status rapt__tokenizer_new(rapt_context *ctx, rapt_tokenizer_kind kind, rapt_tokenizer **out);
/* Gives an id its bytes (copied). RAPT_EFORMAT when the id has some already. */
rapt_status rapt__tokenizer_add(rapt_tokenizer *t, int64_t id, const char *bytes, size_t size, bool plain,
                                const char *file);
rapt_status rapt__tokenizer_special(rapt_tokenizer *t, int32_t id);
rapt_status rapt__tokenizer_merge(rapt_tokenizer *t, int32_t left, int32_t right, int32_t made, const char *file);
/* Checks that all ids are there and, for byte-level kinds, all bytes; orders the special tokens. */
rapt_status rapt__tokenizer_finish(rapt_tokenizer *t, const char *file);
/* tokenizer.json from memory; `name` begins messages. */
rapt_status rapt__tokenizer_parse(rapt_context *ctx, const char *name, const char *json, size_t size,
                                  rapt_tokenizer **out);

/* GPT-2's alphabet. Letters → bytes into a buffer of at least the same size: how many, or −1 when a letter is
 * foreign. */
int64_t rapt__letters_read(const char *letters, size_t size, char *out);
rapt_status rapt__letters_write(const char *bytes, size_t size, rapt__text *out);

/* How a characters tokenizer's file cuts a text: one character each, line feeds too. */
#define RAPT__CHARS_REGEX "[\\s\\S]"

/* Calls `each` for the pieces of a text in order: the pattern over valid UTF-8; every other byte is a piece of its own. */
typedef rapt_status (*rapt__piece_fn)(void *user, const char *piece, size_t size);
rapt_status rapt__splitter_new(rapt_context *ctx, rapt__cut split, rapt__splitter **out);
void rapt__splitter_free(rapt__splitter *s);
rapt_status rapt__split_text(const rapt__splitter *s, const char *text, size_t size, rapt__piece_fn each, void *user);

/* Length of the UTF-8 character at the start of the text (1 to 4), or 0 when it is not valid; *code gets the code
 * point. */
size_t rapt__utf8(const char *text, size_t size, uint32_t *code);
size_t rapt__utf8_write(uint32_t code, char out[4]);

/* The text in lower case, character by character; *text is freed with rapt__free. RAPT_EFORMAT names a byte that is not
 * UTF-8. */
rapt_status rapt__lowercase(rapt_context *ctx, const char *text, size_t size, char **lower, size_t *lower_size);
/* Ids of a text's words, at most one a byte of `lower`-cased text; see rapt_tokenizer_train_words. */
rapt_status rapt__words_encode(const rapt_tokenizer *t, const char *text, size_t size, int32_t *ids, int64_t *count);

/* Merges the ids of one piece by rank, in place; returns how many are left. -1: no memory. */
int64_t rapt__bpe_merge(const rapt_tokenizer *t, int32_t *ids, int64_t count);

#endif
