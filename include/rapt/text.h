/* rapt/text.h: tokenizers: text to ids and back.
 *
 * A tokenizer is a row of steps held as data, as in Hugging Face's tokenizer.json: added tokens are found first; what
 * stands between them goes through normalizers, is cut into pieces by pre-tokenizers, and a model (BPE, WordPiece,
 * Unigram or whole words) makes ids of each piece; a post-processor adds special tokens; decoders lead back. Bytes,
 * characters, words and all kinds of files are configurations of that. Encoding and decoding change nothing in a
 * tokenizer, so several threads may share one. */
#ifndef RAPT_TEXT_H
#define RAPT_TEXT_H

#include <rapt/base.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rapt_tokenizer rapt_tokenizer;
/* What a tokenizer's model is; bytes are BPE without merges, characters words of one character. */
typedef enum rapt_tokenizer_kind {
  RAPT_BYTES,
  RAPT_CHARS,
  RAPT_BPE,
  RAPT_WORDS,
  RAPT_WORDPIECE,
  RAPT_UNIGRAM
} rapt_tokenizer_kind;

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
/* Words: "<s>", "<pad>", "</s>" and "<unk>" have the ids 0 to 3, then follow the text's words, frequent ones first, ties
 * in order of bytes. Any other word is "<unk>". Invalid UTF-8 is refused, with its byte. `options` may be NULL. */
RAPT_API rapt_status rapt_tokenizer_train_words(rapt_context *ctx, const char *text, size_t size,
                                                const rapt_words_options *options, rapt_tokenizer **out);
/* Puts "<s>", "<pad>", "</s>" and "<unk>" before all other ids, which move up by four; words have them already. */
RAPT_API rapt_status rapt_tokenizer_add_specials(rapt_tokenizer **tokenizer);

/* Reads a file: tokenizer.json, SentencePiece's .model, BERT's vocab.txt, llama2.c's tokenizer.bin, RWKV's vocabulary,
 * CLIP's merges, each also gzipped (what it is shows in its first bytes); or of a directory: tokenizer.json, else
 * vocab.json + merges.txt, else encoder.json + vocab.bpe, else tokenizer.model, spiece.model, vocab.txt or
 * tokenizer.bin. A tokenizer.json is executed in full; a step of a type that is not known is RAPT_EUNSUPPORTED, since
 * leaving it out would give other ids. RAPT_EFORMAT names the file and the place in it. */
RAPT_API rapt_status rapt_tokenizer_load(rapt_context *ctx, const char *path, rapt_tokenizer **out);
/* Writes DIR/tokenizer.json, each file atomically, so that Hugging Face's tokenizers gives the same ids, with every
 * section that was read; for byte-level BPE vocab.json and merges.txt; for what came from a SentencePiece model that
 * model too, as tokenizer.model. Makes the directory. */
RAPT_API rapt_status rapt_tokenizer_save(const rapt_tokenizer *t, const char *dir);
RAPT_API void rapt_tokenizer_free(rapt_tokenizer *t); /* NULL is fine */

RAPT_API rapt_tokenizer_kind rapt_tokenizer_get_kind(const rapt_tokenizer *t);
RAPT_API int64_t rapt_tokenizer_size(const rapt_tokenizer *t); /* ids are below it */
/* Ids of a text, without the post-processor's special tokens; *ids is freed with rapt_tokenizer_release. Added tokens in
 * the text become their ids. Where the vocabulary has no token for something and none for what is unknown: RAPT_EKEY.
 * Byte-level BPE without normalizers takes any bytes: where a text is not UTF-8, patterns see the valid stretches
 * between, and each invalid byte is a word of its own. For all others an invalid byte is read as U+FFFD. */
RAPT_API rapt_status rapt_tokenizer_encode(const rapt_tokenizer *t, const char *text, size_t size, int32_t **ids,
                                           int64_t *count);
/* The text of ids, as the decoder says; without one, tokens with a space between them. Byte-level tokens give their bytes
 * exactly, so possibly not UTF-8 when the ids break off within a character. *text ends with a zero byte that `size`
 * does not count and is freed with rapt_tokenizer_release. RAPT_EINVAL names an id out of range. */
RAPT_API rapt_status rapt_tokenizer_decode(const rapt_tokenizer *t, const int32_t *ids, int64_t count, char **text,
                                           size_t *size);
typedef struct rapt_decode_options {
  bool skip_special; /* special and control tokens are left out */
} rapt_decode_options;
RAPT_API rapt_status rapt_tokenizer_decode_with(const rapt_tokenizer *t, const int32_t *ids, int64_t count,
                                                const rapt_decode_options *options, char **text, size_t *size);
RAPT_API void rapt_tokenizer_release(const rapt_tokenizer *t, void *ids_or_text);

/* ---- Encodings ---- */

typedef struct rapt_encode_options {
  bool special_tokens;    /* what the post-processor adds: [CLS] text [SEP] */
  bool truncate;          /* to the length that the file's truncation says, special tokens counted */
  int64_t max_length;     /* > 0: to this length, whether or not the file says one */
  bool pad;               /* as the file's padding says, to its fixed length or a multiple */
  bool specials_are_text; /* special tokens in a text are not looked for */
} rapt_encode_options;
typedef struct rapt_span {
  int64_t start, end;
} rapt_span;
/* Tokens of one text or a pair. Offsets are ranges of the original text, in bytes and in characters (an invalid byte
 * counts as one), whatever the normalizers did to it; both are 0 to 0 for tokens that no text has. */
typedef struct rapt_encoding {
  int64_t count;
  int32_t *ids;
  int32_t *types;   /* 0 or 1, as BERT tells two texts apart */
  int32_t *words;   /* number of the piece that the pre-tokenizer cut; −1: special */
  int32_t *texts;   /* 0 or 1: of which text; −1: special or padding */
  rapt_span *bytes; /* [count] each */
  rapt_span *chars;
  bool *special;
  bool *attention; /* false: padding */
} rapt_encoding;
/* `pair` NULL: one text; `options` NULL: none. Freed with rapt_encoding_free. */
RAPT_API rapt_status rapt_tokenizer_encode_with(const rapt_tokenizer *t, const char *text, size_t size,
                                                const char *pair, size_t pair_size, const rapt_encode_options *options,
                                                rapt_encoding **out);
RAPT_API void rapt_encoding_free(const rapt_tokenizer *t, rapt_encoding *encoding); /* NULL is fine */

/* ---- The vocabulary ---- */

/* One token, borrowed: its bytes where the model is byte-level, else as the vocabulary writes it ("##ing", "▁the"); NULL
 * for an id that does not exist. */
RAPT_API const char *rapt_tokenizer_token(const rapt_tokenizer *t, int32_t id, size_t *size);
/* The id of a token by these bytes, special ones too, or −1. */
RAPT_API int32_t rapt_tokenizer_find(const rapt_tokenizer *t, const char *bytes, size_t size);
RAPT_API bool rapt_tokenizer_is_special(const rapt_tokenizer *t, int32_t id);
RAPT_API double rapt_tokenizer_score(const rapt_tokenizer *t, int32_t id); /* log probability of Unigram's; else 0 */
RAPT_API int32_t rapt_tokenizer_unknown(const rapt_tokenizer *t);          /* −1: none */

#ifdef __cplusplus
}
#endif
#endif
