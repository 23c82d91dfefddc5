/* Vocabularies that are lists of their own kind: RWKV's trie, CLIP's merges. */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

/* ---- RWKV ---- */

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One escape of a Python literal behind its backslash; how much was read, 0: none. */
static size_t read_escape(const char *s, size_t size, bool bytes, char out[4], size_t *written) {
  static const char from[] = "nrt\\'\"abfv0", to[] = "\n\r\t\\'\"\a\b\f\v\0";
  *written = 1;
  if (size == 0) return 0;
  const char *simple = memchr(from, *s, sizeof from - 1);
  if (simple) {
    out[0] = to[simple - from];
    return 1;
  }
  size_t digits = *s == 'x' ? 2 : *s == 'u' ? 4 : *s == 'U' ? 8 : 0;
  if (digits == 0 || size <= digits) return 0;
  uint32_t code = 0;
  for (size_t i = 1; i <= digits; i++) {
    int v = hex(s[i]);
    if (v < 0) return 0;
    code = code << 4 | (uint32_t)v;
  }
  if (bytes)
    out[0] = (char)code;
  else if (code > 0x10FFFF)
    return 0;
  else
    *written = rapt__utf8_write(code, out);
  return digits + 1;
}

/* 'text' or b'bytes' as Python writes them, at most as long as the line: its bytes, or −1. */
static int64_t read_literal(const char *s, size_t size, char *out) {
  bool bytes = size > 0 && *s == 'b';
  size_t at = bytes, n = 0, written, read;
  if (size < at + 2 || (s[at] != '\'' && s[at] != '"') || s[size - 1] != s[at]) return -1;
  for (at++; at < size - 1; at += read) {
    char four[4];
    if (s[at] == '\\') {
      read = read_escape(s + at + 1, size - 2 - at, bytes, four, &written);
      if (read == 0) return -1;
      memcpy(out + n, four, written);
      n += written;
      read++;
    } else {
      out[n++] = s[at];
      read = 1;
    }
  }
  return (int64_t)n;
}

static rapt_status read_rwkv_line(rapt_tokenizer *t, const char *name, size_t number, const char *line, size_t size) {
  char *rest, *bytes;
  long id = strtol(line, &rest, 10);
  const char *last = memrchr(line, ' ', size);
  if (!last || rest >= last || *rest != ' ' || id < 1)
    return rapt__fail(t->ctx, RAPT_EFORMAT, "%s:%zu: not an id, a literal and its size", name, number);
  bytes = rapt__alloc(t->ctx, size + 4);
  if (!bytes) return RAPT_ENOMEM;
  int64_t n = read_literal(rest + 1, (size_t)(last - rest - 1), bytes);
  rapt_status status =
      n > 0 && n == strtol(last + 1, NULL, 10)
          ? rapt__tokenizer_add(t, id, bytes, (size_t)n, false, name)
          : rapt__fail(t->ctx, RAPT_EFORMAT, "%s:%zu: the literal has not the size that is said", name, number);
  rapt__free(t->ctx, bytes);
  return status;
}

/* The longest token at each place, which is WordPiece without a prefix over bytes. */
static rapt_status read_rwkv(rapt_tokenizer *t, const char *name, const char *text, size_t size) {
  RAPT_TRY(rapt__tokenizer_section(
      t, RAPT__PRE_TOKENIZER,
      "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":false,\"use_regex\":false}"));
  RAPT_TRY(rapt__tokenizer_section(
      t, RAPT__DECODER,
      "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":false,\"use_regex\":false}"));
  t->bytes = true;
  t->longest_word = INT64_C(1) << 48;
  size_t number = 1;
  for (size_t at = 0; at < size; number++) {
    const char *end = memchr(text + at, '\n', size - at);
    size_t n = end ? (size_t)(end - text) - at : size - at, next = at + n + 1;
    while (n > 0 && (text[at + n - 1] == '\r' || text[at + n - 1] == ' ')) n--;
    if (n > 0) RAPT_TRY(read_rwkv_line(t, name, number, text + at, n));
    at = next;
  }
  RAPT_TRY(rapt__tokenizer_add(t, 0, "<|endoftext|>", strlen("<|endoftext|>"), true, name)); /* the model's end */
  RAPT_TRY(rapt__tokenizer_special(t, 0));
  t->unknown_text = "<|endoftext|>";
  t->unknown = 0;
  return rapt__tokenizer_finish(t, name);
}

rapt_status rapt__tokenizer_rwkv(rapt_context *ctx, const char *name, const char *text, size_t size,
                                 rapt_tokenizer **out) {
  *out = NULL;
  rapt_tokenizer *t;
  RAPT_TRY(rapt__tokenizer_new(ctx, RAPT__WORDPIECE, &t));
  return rapt__tokenizer_out(read_rwkv(t, name, text, size), t, out);
}

/* ---- CLIP ---- */

#define END "</w>"

/* The order in which GPT-2's alphabet was made: the bytes that print, then the others. */
static void byte_order(unsigned char out[256]) {
  int n = 0;
  for (int pass = 0; pass < 2; pass++)
    for (int b = 0; b < 256; b++) {
      bool prints = (b >= 33 && b <= 126) || (b >= 161 && b != 173);
      if (prints == (pass == 0)) out[n++] = (unsigned char)b;
    }
}

static rapt_status clip_sections(rapt_tokenizer *t) {
  RAPT_TRY(rapt__tokenizer_section(
      t, RAPT__NORMALIZER,
      "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"\\\\s+"
      "\"},\"content\":\" \"},{\"type\":\"Lowercase\"}]}"));
  RAPT_TRY(rapt__tokenizer_section(
      t, RAPT__PRE_TOKENIZER,
      "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"'s|'t|'re|'ve|'m|'ll|'d|"
      "[\\\\p{L}]+|[\\\\p{N}]|[^\\\\s\\\\p{L}\\\\p{N}]+\"},\"behavior\":\"Removed\",\"invert\":true},{\"type\":"
      "\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":false}]}"));
  t->bytes = true;
  t->suffix = (rapt__string){END, strlen(END)};
  return rapt__tokenizer_section(
      t, RAPT__DECODER,
      "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,"
      "\"use_regex\":true},{\"type\":\"Replace\",\"pattern\":{\"String\":\"" END "\"},\"content\":\" \"}]}");
}

static rapt_status clip_line(rapt_tokenizer *t, const char *name, size_t number, const char *line, size_t size) {
  const char *space = memchr(line, ' ', size);
  if (!space) return rapt__fail(t->ctx, RAPT_EFORMAT, "%s:%zu: no space between two tokens", name, number);
  char *letters = rapt__alloc(t->ctx, 2 * size + 1);
  if (!letters) return RAPT_ENOMEM;
  size_t left = (size_t)(space - line), right = size - left - 1;
  memcpy(letters, line, left);
  memcpy(letters + left, space + 1, right);
  int64_t n = rapt__letters_read(letters, left + right, letters + size);
  rapt_status status = n < 0 ? rapt__fail(t->ctx, RAPT_EFORMAT, "%s:%zu: no letters of the alphabet", name, number)
                             : rapt__tokenizer_add(t, (int64_t)t->count, letters + size, (size_t)n, false, name);
  if (status == RAPT_OK) status = rapt__merge_read(t, line, left, space + 1, right, name, number);
  rapt__free(t->ctx, letters);
  return status;
}

static rapt_status read_clip(rapt_tokenizer *t, const char *name, const char *text, size_t size) {
  enum { MERGES = 49152 - 256 - 2 }; /* CLIP takes so many of the file's lines */
  static const char *const ends[] = {"<|startoftext|>", "<|endoftext|>"};
  unsigned char order[256];
  byte_order(order);
  RAPT_TRY(clip_sections(t));
  for (int i = 0; i < 512; i++) {
    char token[8] = {(char)order[i % 256]};
    memcpy(token + 1, END, 5);
    RAPT_TRY(rapt__tokenizer_add(t, i, token, i < 256 ? 1 : 1 + strlen(END), false, name));
  }
  size_t number = 1;
  for (size_t at = 0; at < size && t->merge_count < MERGES; number++) {
    const char *end = memchr(text + at, '\n', size - at);
    size_t n = end ? (size_t)(end - text) - at : size - at;
    if (number > 1 && n > 0) RAPT_TRY(clip_line(t, name, number, text + at, n));
    at += n + 1;
  }
  for (int i = 0; i < 2; i++) {
    RAPT_TRY(rapt__tokenizer_add(t, (int64_t)t->count, ends[i], strlen(ends[i]), false, name));
    RAPT_TRY(rapt__tokenizer_special(t, (int32_t)t->count - 1));
  }
  t->unknown = (int32_t)t->count - 1;
  t->unknown_text = ends[1];
  char json[200];
  snprintf(json, sizeof json,
           "{\"type\":\"RobertaProcessing\",\"sep\":[\"%s\",%d],\"cls\":[\"%s\",%d],\"trim_offsets\":false,"
           "\"add_prefix_space\":false}",
           ends[1], t->unknown, ends[0], t->unknown - 1);
  RAPT_TRY(rapt__tokenizer_section(t, RAPT__POST_PROCESSOR, json));
  return rapt__tokenizer_finish(t, name);
}

rapt_status rapt__tokenizer_clip(rapt_context *ctx, const char *name, const char *text, size_t size,
                                 rapt_tokenizer **out) {
  *out = NULL;
  rapt_tokenizer *t;
  RAPT_TRY(rapt__tokenizer_new(ctx, RAPT__BPE, &t));
  return rapt__tokenizer_out(read_clip(t, name, text, size), t, out);
}
