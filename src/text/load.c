/* Loading: which file it is shows in its first bytes. */
#include "text/tokenizer.h"

#include "base/file.h"

#include <ctype.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { FILE_LIMIT = 256 << 20 };

static rapt_status inflate_all(rapt_context *ctx, const char *name, const char *data, size_t size, rapt__text *out) {
  enum { MEMBER = 16 + MAX_WBITS, PART = 1 << 16 };
  z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size};
  char *part = rapt__alloc(ctx, PART);
  if (!part) return RAPT_ENOMEM;
  if (inflateInit2(&z, MEMBER) != Z_OK) {
    rapt__free(ctx, part);
    return rapt__fail_memory(ctx, 0);
  }
  rapt_status status = RAPT_OK;
  int result = Z_OK;
  while (status == RAPT_OK && result == Z_OK) {
    z.next_out = (Bytef *)part;
    z.avail_out = PART;
    result = inflate(&z, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END)
      status = rapt__fail(ctx, RAPT_EFORMAT, "%s: the compressed data is damaged at byte %zu", name, size - z.avail_in);
    if (status == RAPT_OK && out->size > FILE_LIMIT)
      status = rapt__fail(ctx, RAPT_EFORMAT, "%s: more than %d bytes when decompressed", name, FILE_LIMIT);
    if (status == RAPT_OK) status = rapt__text_add(out, part, PART - z.avail_out);
  }
  inflateEnd(&z);
  rapt__free(ctx, part);
  return status;
}

static bool begins(const char *data, size_t size, const char *with) {
  return size >= strlen(with) && memcmp(data, with, strlen(with)) == 0;
}

/* "1 'x' 1", "5 b'\x80' 1" */
static bool is_rwkv(const char *s, size_t size) {
  size_t at = 0;
  while (at < size && at < 8 && isdigit((unsigned char)s[at])) at++;
  if (at == 0 || at + 2 >= size || s[at] != ' ') return false;
  at += 1 + (s[at + 1] == 'b');
  return s[at] == '\'' || s[at] == '"';
}

/* A text of CLIP's merges has its version on the first line. */
static bool is_clip(const char *s, size_t size) {
  const char *end = memchr(s, '\n', size);
  return end && memmem(s, (size_t)(end - s), "#version", 8);
}

/* llama2.c's: the greatest size of a token, then its first token "<unk>". */
static bool is_llama_bin(const char *s, size_t size) {
  return size > 17 && s[1] == 0 && s[2] == 0 && s[3] == 0 && memcmp(s + 12, "<unk>", 5) == 0;
}

static rapt_status read_any(rapt_context *ctx, const char *name, const char *data, size_t size, rapt_tokenizer **out) {
  size_t at = 0;
  while (at < size && strchr(" \t\r\n", data[at]) && data[at]) at++;
  if (at < size && data[at] == '{') return rapt__tokenizer_parse(ctx, name, data, size, out);
  if (is_llama_bin(data, size)) return rapt__tokenizer_llama_bin(ctx, name, data, size, out);
  if (size > 2 && data[0] == '\n' && memchr(data + 2, '\n', size < 6 ? size - 2 : 4))
    return rapt__tokenizer_sentencepiece(ctx, name, data, size, out);
  if (is_rwkv(data, size)) return rapt__tokenizer_rwkv(ctx, name, data, size, out);
  if (is_clip(data, size)) return rapt__tokenizer_clip(ctx, name, data, size, out);
  if (size > 0 && rapt__utf8_valid(data, size) == size && !memchr(data, 0, size))
    return rapt__tokenizer_vocab_txt(ctx, name, data, size, out);
  return rapt__fail(
      ctx, RAPT_EFORMAT,
      "%s: neither a tokenizer.json nor a SentencePiece model nor a vocabulary of BERT, llama2.c, RWKV or "
      "CLIP",
      name);
}

static rapt_status load_file(rapt_context *ctx, const char *path, rapt_tokenizer **out) {
  char *data;
  size_t size;
  RAPT_TRY(rapt__file_read(ctx, path, FILE_LIMIT, &data, &size));
  rapt__text plain;
  rapt__text_init(&plain, ctx);
  rapt_status status;
  if (begins(data, size, "\x1F\x8B")) {
    status = inflate_all(ctx, path, data, size, &plain);
    if (status == RAPT_OK) status = read_any(ctx, path, plain.data ? plain.data : "", plain.size, out);
  } else {
    status = read_any(ctx, path, data, size, out);
  }
  rapt__text_free(&plain);
  rapt__free(ctx, data);
  return status;
}

rapt_status rapt_tokenizer_load(rapt_context *ctx, const char *path, rapt_tokenizer **out) {
  static const char *const names[][2] = {
      {"tokenizer.json", NULL}, {"vocab.json", "merges.txt"}, {"encoder.json", "vocab.bpe"}, {"tokenizer.model", NULL},
      {"spiece.model", NULL},   {"vocab.txt", NULL},          {"tokenizer.bin", NULL}};
  *out = NULL;
  struct stat info;
  if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode)) return load_file(ctx, path, out);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char *a = rapt__path_join(ctx, path, names[i][0]),
         *b = names[i][1] ? rapt__path_join(ctx, path, names[i][1]) : NULL;
    rapt_status status = !a || (names[i][1] && !b) ? RAPT_ENOMEM : RAPT_ENOTFOUND;
    if (status != RAPT_ENOMEM && rapt__file_exists(a) && (!b || rapt__file_exists(b)))
      status = b ? rapt__tokenizer_gpt2_files(ctx, a, b, out) : load_file(ctx, a, out);
    rapt__free(ctx, a);
    rapt__free(ctx, b);
    if (status != RAPT_ENOTFOUND) return status;
  }
  return rapt__fail(ctx, RAPT_ENOTFOUND,
                    "%s: no tokenizer.json, no vocab.json with merges.txt, no encoder.json with vocab.bpe, no "
                    "tokenizer.model, spiece.model, vocab.txt or tokenizer.bin",
                    path);
}
