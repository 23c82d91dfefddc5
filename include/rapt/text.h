/* rapt/text.h: tokenizers: text to ids and back.
 *
 * Three kinds: bytes (ids are byte values), characters (Unicode code points found in a text) and byte-level BPE (Sennrich et
 * al. 2016; Radford et al. 2019), trained here or read from GPT-2's files or a tokenizer.json of that form. */
#ifndef RAPT_TEXT_H
#define RAPT_TEXT_H

#include <rapt/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rapt_tokenizer rapt_tokenizer;
typedef enum rapt_tokenizer_kind { RAPT_BYTES, RAPT_CHARS, RAPT_BPE } rapt_tokenizer_kind;

RAPT_API rapt_status rapt_tokenizer_bytes(rapt_context *ctx, rapt_tokenizer **out);
/* One id for every code point of the text, in order of code points. Invalid UTF-8 is refused, with its byte. */
RAPT_API rapt_status rapt_tokenizer_chars(rapt_context *ctx, const char *text, size_t size, rapt_tokenizer **out);
/* Byte-level BPE of `vocabulary` ids (at least 256) trained on the text; ties between pairs go to the one met first. */
RAPT_API rapt_status rapt_tokenizer_train_bpe(rapt_context *ctx, const char *text, size_t size, int64_t vocabulary,
                                              rapt_tokenizer **out);
/* Reads a directory: tokenizer.json, else vocab.json + merges.txt, else encoder.json + vocab.bpe. */
RAPT_API rapt_status rapt_tokenizer_load(rapt_context *ctx, const char *dir, rapt_tokenizer **out);
/* Writes DIR/tokenizer.json so that Hugging Face's tokenizers reads it, and for BPE vocab.json and merges.txt. */
RAPT_API rapt_status rapt_tokenizer_save(const rapt_tokenizer *t, const char *dir);
RAPT_API void rapt_tokenizer_free(rapt_tokenizer *t);

RAPT_API rapt_tokenizer_kind rapt_tokenizer_get_kind(const rapt_tokenizer *t);
RAPT_API int64_t rapt_tokenizer_size(const rapt_tokenizer *t); /* ids are below it */
/* Ids of a text; *ids is freed with rapt_tokenizer_release. A character that a characters tokenizer lacks is an error that
 * names its byte. Bytes that are not UTF-8 are fine for the other kinds. */
RAPT_API rapt_status rapt_tokenizer_encode(const rapt_tokenizer *t, const char *text, size_t size, int32_t **ids,
                                           int64_t *count);
RAPT_API void rapt_tokenizer_release(const rapt_tokenizer *t, int32_t *ids);
/* The bytes of one token, borrowed; NULL for an id that does not exist. */
RAPT_API const char *rapt_tokenizer_token(const rapt_tokenizer *t, int32_t id, size_t *size);

#ifdef __cplusplus
}
#endif
#endif
