/* SentencePiece's character maps, as Hugging Face's Precompiled and as SentencePiece itself applies them. */
#include "text/step.h"
#include "text/tokenizer.h"

#include <string.h>
#include <utf8proc.h>

struct rapt__charsmap {
  rapt_context *ctx;
  char *blob; /* owned: size of the array, the array, the strings */
  size_t size;
  const char *strings;
  size_t units, string_size;
};

static uint32_t word_at(const char *p) {
  const unsigned char *b = (const unsigned char *)p;
  return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

rapt_status rapt__charsmap_new(rapt_context *ctx, const char *blob, size_t size, struct rapt__charsmap **out) {
  *out = NULL;
  uint32_t bytes = size >= 4 ? word_at(blob) : 0;
  if (size < 8 || bytes % 4 || bytes == 0 || bytes > size - 4)
    return rapt__fail(ctx, RAPT_EFORMAT, "a character map of %zu bytes says that its array has %u", size, bytes);
  if (size - 4 - bytes > 0 && blob[size - 1] != 0)
    return rapt__fail(ctx, RAPT_EFORMAT, "the strings of a character map do not end with a zero byte");
  struct rapt__charsmap *map = rapt__new(ctx, 1, sizeof *map);
  char *copy = map ? rapt__alloc(ctx, size) : NULL;
  if (!copy) {
    rapt__free(ctx, map);
    return RAPT_ENOMEM;
  }
  memcpy(copy, blob, size);
  *map = (struct rapt__charsmap){ctx, copy, size, copy + 4 + bytes, bytes / 4, size - 4 - bytes};
  *out = map;
  return RAPT_OK;
}

void rapt__charsmap_free(struct rapt__charsmap *map) {
  if (!map) return;
  rapt__free(map->ctx, map->blob);
  rapt__free(map->ctx, map);
}

const char *rapt__charsmap_blob(const struct rapt__charsmap *map, size_t *size) {
  *size = map->size;
  return map->blob;
}

static uint32_t unit(const struct rapt__charsmap *m, size_t at) {
  return at < m->units ? word_at(m->blob + 4 + 4 * at) : 0;
}
static size_t offset(uint32_t u) { return (size_t)(u >> 10) << ((u & 1u << 9) >> 6); }

/* The string for the shortest (or longest) key that begins the text, NULL: none does; *used gets the key's length. */
static const char *look_up(const struct rapt__charsmap *m, const char *text, size_t size, bool longest, size_t *used) {
  const char *found = NULL;
  size_t node = offset(unit(m, 0));
  for (size_t i = 0; i < size && text[i]; i++) {
    node ^= (unsigned char)text[i];
    if (node >= m->units) break;
    uint32_t u = unit(m, node);
    if ((u & (1u << 31 | 0xFF)) != (unsigned char)text[i]) break;
    node ^= offset(u);
    if (u >> 8 & 1 && node < m->units) {
      size_t value = unit(m, node) & 0x7FFFFFFF;
      if (value >= m->string_size) break; /* a map that was made up */
      found = m->strings + value;
      *used = i + 1;
      if (!longest) break;
    }
  }
  return found;
}

/* ---- Precompiled ---- */

/* The characters of `new` in place of those of `old`: as many as there are one by one, more are new, fewer remove. */
static rapt_status put_string(rapt__rewrite *w, const char *old, size_t old_size, const char *new_text) {
  size_t size = strlen(new_text), at = 0, i = 0;
  int64_t had = (int64_t)rapt__utf8_count(old, old_size), has = 0;
  uint32_t code;
  for (size_t n; at < size; at += n, has++)
    n = rapt__view_char(&(rapt__view){.text = new_text, .size = size}, at, &code);
  if (has == 0) return RAPT_OK; /* the last character written before removes them, which changes no origin */
  at = 0;
  for (size_t n; at < size; at += n, i++) {
    n = rapt__view_char(&(rapt__view){.text = new_text, .size = size}, at, &code);
    int64_t change = (int64_t)i >= had ? 1 : (int64_t)i == has - 1 && has < had ? has - had : 0;
    RAPT_TRY(rapt__rewrite_put(w, code, change));
  }
  return RAPT_OK;
}

static rapt_status one_grapheme(const rapt__text_step *s, rapt__rewrite *w, size_t end) {
  enum { LONGEST = 6 }; /* clusters below so many bytes are looked up whole */
  const char *text = w->in->text;
  size_t at = w->at, used;
  uint32_t code;
  const char *found = end - at < LONGEST ? look_up(s->map, text + at, end - at, false, &used) : NULL;
  if (found) {
    RAPT_TRY(put_string(w, text + at, end - at, found));
    w->at = end;
    return RAPT_OK;
  }
  for (size_t n; at < end; at += n) {
    n = rapt__view_char(w->in, at, &code);
    found = look_up(s->map, text + at, n, false, &used);
    if (found)
      RAPT_TRY(put_string(w, text + at, n, found));
    else
      RAPT_TRY(rapt__rewrite_put(w, code, 0));
    w->at = at + n;
  }
  return RAPT_OK;
}

rapt_status rapt__charsmap_normalize(const rapt__text_step *s, const rapt__view *in, rapt__traced *out) {
  rapt__rewrite w = {in, 0, out};
  uint32_t code, next;
  utf8proc_int32_t state = 0;
  while (w.at < in->size) {
    size_t end = w.at + rapt__view_char(in, w.at, &code);
    state = 0;
    for (size_t n; end < in->size; end += n, code = next) {
      n = rapt__view_char(in, end, &next);
      if (code < 0x80 && next < 0x80 && code != '\r') break;
      if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)code, (utf8proc_int32_t)next, &state)) break;
    }
    RAPT_TRY(one_grapheme(s, &w, end));
  }
  return RAPT_OK;
}

/* ---- SentencePiece ---- */

#define SPACE "\xE2\x96\x81"

/* What the beginning of the text becomes, and how much of it. */
static size_t prefix_of(const rapt__text_step *s, const char *text, size_t size, rapt__string *out) {
  size_t used = s->user_defined ? rapt__added_prefix(s->user_defined, text, size, NULL) : 0;
  if (used) {
    *out = (rapt__string){text, used};
    return used;
  }
  const char *found = s->map ? look_up(s->map, text, size < 256 ? size : 256, true, &used) : NULL;
  if (found) {
    *out = (rapt__string){found, strlen(found)};
    return used;
  }
  uint32_t code;
  used = rapt__utf8(text, size, &code);
  *out = used ? (rapt__string){text, used} : (rapt__string){"\xEF\xBF\xBD", 3};
  return used ? used : 1;
}

rapt_status rapt__sentencepiece_normalize(const rapt__text_step *s, const rapt__view *in, rapt__traced *out) {
  bool remove = s->on[0], before = s->on[1] && !s->on[2], behind = s->on[1] && s->on[2], escape = s->on[3];
  const char *space = escape ? SPACE : " ";
  size_t width = strlen(space), at = 0, used = 0;
  rapt__string sp;
  uint32_t code;
  for (; remove && at < in->size; at += used) {
    used = prefix_of(s, in->text + at, in->size - at, &sp);
    if (sp.size != 1 || *sp.bytes != ' ') break;
  }
  if (at >= in->size) return RAPT_OK;
  rapt__origin from = rapt__view_origin(in, at, rapt__view_char(in, at, &code));
  if (before) RAPT_TRY(rapt__traced_add(out, space, width, (rapt__origin){from.start, from.start}));
  bool after_space = remove;
  for (; at < in->size; at += used) {
    used = prefix_of(s, in->text + at, in->size - at, &sp);
    from = rapt__view_origin(in, at, used);
    if (in->from) from.end = in->from[at + used - 1].end;
    while (after_space && sp.size && *sp.bytes == ' ') sp = (rapt__string){sp.bytes + 1, sp.size - 1};
    for (size_t i = 0; i < sp.size; i++)
      RAPT_TRY(sp.bytes[i] == ' ' ? rapt__traced_add(out, space, width, from)
                                  : rapt__traced_add(out, sp.bytes + i, 1, from));
    if (sp.size) after_space = sp.bytes[sp.size - 1] == ' ';
    if (!remove) after_space = false;
  }
  while (remove && out->size >= width && memcmp(out->text + out->size - width, space, width) == 0) out->size -= width;
  if (behind) RAPT_TRY(rapt__traced_add(out, space, width, (rapt__origin){from.end, from.end}));
  return RAPT_OK;
}
