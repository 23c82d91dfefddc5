/* rapt/text.h: tokenizers: text to ids and back.
 *
 * Four kinds: bytes (ids are byte values), characters (Unicode code points found in a text), byte-level BPE
 * (Sennrich et al. 2016; Radford et al. 2019), trained here or read from GPT-2's files or a tokenizer.json of that
 * form, and words with one token for all unknown ones. */
#ifndef RAPT_TEXT_H
#define RAPT_TEXT_H

#include <rapt/base.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rapt_tokenizer rapt_tokenizer;
typedef enum rapt_tokenizer_kind { RAPT_BYTES, RAPT_CHARS, RAPT_BPE, RAPT_WORDS } rapt_tokenizer_kind;

/* 256 ids, each the value of its byte. */
RAPT_API rapt_status rapt_tokenizer_bytes(rapt_context *ctx, rapt_tokenizer **out);
/* One id for every code point of the text, in order of code points. Invalid UTF-8 is refused, with its byte, and so
 * is the character NUL, which the JSON reader in use refuses in keys. */
RAPT_API rapt_status rapt_tokenizer_chars(rapt_context *ctx, const char *text, size_t size, rapt_tokenizer **out);
/* Byte-level BPE of at most `vocabulary` ids (256 to 2^20) trained on the text: ids below 256 are bytes, each
 * further one joins the pair that is most frequent then; ties go to the pair met first. The same text gives the same
 * tokenizer. Fewer ids are made when every word has become one token. RAPT_EINTERRUPTED after
 * rapt_context_interrupt. */
RAPT_API rapt_status rapt_tokenizer_train_bpe(rapt_context *ctx, const char *text, size_t size, int64_t vocabulary,
                                              rapt_tokenizer **out);
typedef struct rapt_words_options {
  int64_t vocabulary; /* at most so many ids, the special ones included; 0: no limit */
  int64_t min_count;  /* words that the text has less often are unknown; 0 is 1 */
  bool lowercase;     /* before anything else, character by character */
  bool punctuation;   /* runs of letters, marks, digits and connectors are words and so are runs of other characters, as
                       * Hugging Face's Whitespace; else words are what stands between white space */
} rapt_words_options;
/* Words: "<s>", "<pad>", "</s>" and "<unk>" have the ids 0 to 3, then follow the text's words, frequent ones first, ties in
 * order of bytes. Any other word is "<unk>". Invalid UTF-8 is refused, with its byte. `options` may be NULL. */
RAPT_API rapt_status rapt_tokenizer_train_words(rapt_context *ctx, const char *text, size_t size,
                                                const rapt_words_options *options, rapt_tokenizer **out);
/* Puts "<s>", "<pad>", "</s>" and "<unk>" before all other ids, which move up by four; words have them already. */
RAPT_API rapt_status rapt_tokenizer_add_specials(rapt_tokenizer **tokenizer);
/* Reads a tokenizer.json, or of a directory: tokenizer.json, else vocab.json + merges.txt, else encoder.json +
 * vocab.bpe. Read are byte-level BPE as GPT-2's, words and what rapt_tokenizer_save writes; a file that asks for more
 * (normalizers, other patterns, added tokens that strip spaces) is RAPT_EUNSUPPORTED. Truncation, padding and
 * post-processors of the file are not applied: ids are those that Hugging Face gives with add_special_tokens=False.
 * Added tokens, and "<|endoftext|>" in a vocabulary, are found in a text before anything else. RAPT_EFORMAT names
 * the file and the line, merge or id. */
RAPT_API rapt_status rapt_tokenizer_load(rapt_context *ctx, const char *path, rapt_tokenizer **out);
/* Writes DIR/tokenizer.json, each file atomically, so that Hugging Face's tokenizers gives the same ids, and for BPE
 * vocab.json and merges.txt. Bytes are a byte-level BPE without merges and pattern; characters a WordLevel model
 * behind a pre-tokenizer that isolates each character; words a WordLevel model behind WhitespaceSplit or Whitespace.
 * Makes the directory. */
RAPT_API rapt_status rapt_tokenizer_save(const rapt_tokenizer *t, const char *dir);
RAPT_API void rapt_tokenizer_free(rapt_tokenizer *t); /* NULL is fine */

RAPT_API rapt_tokenizer_kind rapt_tokenizer_get_kind(const rapt_tokenizer *t);
RAPT_API int64_t rapt_tokenizer_size(const rapt_tokenizer *t); /* ids are below it */
/* Ids of a text; *ids is freed with rapt_tokenizer_release. A character that a characters tokenizer lacks is
 * RAPT_EKEY, with its byte, and words must be UTF-8. The other kinds take any bytes: where a text is not UTF-8, the pattern sees the valid
 * stretches between, and each invalid byte is a word of its own. */
RAPT_API rapt_status rapt_tokenizer_encode(const rapt_tokenizer *t, const char *text, size_t size, int32_t **ids,
                                           int64_t *count);
/* The bytes of the tokens, joined (words with a space between them); exact, so possibly not UTF-8 when the ids break off within a character. *text
 * ends with a zero byte that `size` does not count and is freed with rapt_tokenizer_release. RAPT_EINVAL names an id
 * out of range. */
RAPT_API rapt_status rapt_tokenizer_decode(const rapt_tokenizer *t, const int32_t *ids, int64_t count, char **text,
                                           size_t *size);
RAPT_API void rapt_tokenizer_release(const rapt_tokenizer *t, void *ids_or_text);
/* The bytes of one token, borrowed; NULL for an id that does not exist. */
RAPT_API const char *rapt_tokenizer_token(const rapt_tokenizer *t, int32_t id, size_t *size);
/* The id of a token by its bytes, special ones too, or −1. */
RAPT_API int32_t rapt_tokenizer_find(const rapt_tokenizer *t, const char *bytes, size_t size);

#ifdef __cplusplus
}
#endif
#endif
