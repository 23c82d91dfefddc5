/* Text without markup. Notes and headings go with their content, of all else only the tags. */
#include "data/sword.h"

#include "text/tokenizer.h"

#include <string.h>
#include <strings.h>

typedef struct stripping {
  rapt__markup markup;
  rapt__text *out;
  rapt_status status;
  bool blank;     /* owed before the next character; a text begins without */
  bool ended;     /* the last thing was an end tag */
  size_t begin;   /* of the entry in `out` */
  char drop[16];  /* element whose content is left out, "" for none */
  size_t nesting; /* of the same name in it */
} stripping;

typedef struct tag {
  const char *name;
  size_t size;
  bool ends, empty; /* </x>, <x/> */
} tag;

static bool is_one_of(const tag *t, const char *const *names) {
  for (; *names; names++)
    if (strlen(*names) == t->size && strncasecmp(t->name, *names, t->size) == 0) return true;
  return false;
}

/* An element whose content is no text of the verse. */
static bool is_aside(const stripping *s, const tag *t) {
  static const char *const osis[] = {"note", "title", "figure", NULL}, *const thml[] = {"note", "scripref", "h1", "h2",
                                                                                        "h3",   "h4",       NULL},
                           *const gbf[] = {"RF", "TS", "TB", "TH", NULL};
  return is_one_of(t, s->markup == RAPT__MARKUP_OSIS ? osis : s->markup == RAPT__MARKUP_THML ? thml : gbf);
}

/* One after which a new line begins. */
static bool is_break(const stripping *s, const tag *t) {
  static const char *const xml[] = {"lb", "l", "lg", "p", "div", "br", NULL}, *const gbf[] = {"CL", "CM", "CI", NULL};
  return is_one_of(t, s->markup == RAPT__MARKUP_GBF ? gbf : xml);
}

static bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

static tag read_tag(const stripping *s, const char *at, const char *end) {
  tag t = {.ends = at < end && *at == '/', .empty = at < end && end[-1] == '/'};
  t.name = at + t.ends;
  while (t.name + t.size < end && is_name(t.name[t.size])) t.size++;
  /* GBF ends an element by its name with the second letter small: <RF>…<Rf>. */
  if (s->markup == RAPT__MARKUP_GBF) t.ends = t.size == 2 && t.name[1] >= 'a' && t.name[1] <= 'z';
  return t;
}

static void take_tag(stripping *s, const tag *t) {
  bool ended = s->ended;
  s->ended = t->ends;
  if (*s->drop) {
    if (t->size != strlen(s->drop) || strncasecmp(t->name, s->drop, t->size) != 0 || t->empty) return;
    if (!t->ends)
      s->nesting++;
    else if (s->nesting-- == 0)
      *s->drop = 0;
    return;
  }
  if (!t->ends && !t->empty && t->size < sizeof s->drop && is_aside(s, t)) {
    memcpy(s->drop, t->name, t->size);
    s->drop[t->size] = 0;
    s->nesting = 0;
    return;
  }
  /* Words that were marked one after the other, with nothing between. */
  if (is_break(s, t) || (ended && !t->ends && !t->empty && s->markup == RAPT__MARKUP_OSIS)) s->blank = true;
}

static void put(stripping *s, const char *bytes, size_t size) {
  if (*s->drop || s->status != RAPT_OK) return;
  if (s->blank && s->out->size > s->begin) s->status = rapt__text_add(s->out, " ", 1);
  if (s->status == RAPT_OK) s->status = rapt__text_add(s->out, bytes, size);
  s->blank = false;
}

static bool is_space(uint32_t code) { return code <= ' ' || code == 0xA0 || code == 0x202F || code == 0xB6; }

/* The character behind '&', and the bytes that it takes; 0: it is an ampersand for itself. */
static size_t read_entity(const char *at, size_t size, uint32_t *code) {
  static const struct {
    const char *name;
    uint32_t code;
  } known[] = {{"amp;", '&'}, {"lt;", '<'}, {"gt;", '>'}, {"quot;", '"'}, {"apos;", '\''}, {"nbsp;", ' '}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    size_t n = strlen(known[i].name);
    if (n > size || memcmp(at, known[i].name, n) != 0) continue;
    *code = known[i].code;
    return n;
  }
  if (size < 3 || *at != '#') return 0;
  size_t n = 1;
  unsigned base = at[n] == 'x' || at[n] == 'X' ? 16 : 10;
  if (base == 16) n++;
  size_t first = n;
  uint32_t value = 0;
  for (; n < size && n < first + 7; n++) {
    char c = at[n];
    unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : ((unsigned)c | 32) - 'a' + 10;
    if (digit >= base) break;
    value = value * base + digit;
  }
  bool right = n > first && n < size && at[n] == ';' && value > 0 && value < 0x110000;
  if (!right || (value >= 0xD800 && value <= 0xDFFF)) return 0;
  *code = value;
  return n + 1;
}

static const char *character(stripping *s, const char *at, size_t size, size_t *used) {
  uint32_t code;
  char bytes[4];
  *used = rapt__utf8(at, size, &code);
  if (*used == 0) return "bytes that are not UTF-8";
  if (code == 0) return "the character NUL";
  s->ended = false;
  size_t more = code == '&' && s->markup != RAPT__MARKUP_NONE && s->markup != RAPT__MARKUP_GBF
                    ? read_entity(at + 1, size - 1, &code)
                    : 0;
  *used += more;
  if (is_space(code))
    s->blank = s->blank || !*s->drop;
  else
    put(s, bytes, rapt__utf8_write(code, bytes));
  return NULL;
}

const char *rapt__markup_strip(rapt__markup markup, const char *entry, size_t size, rapt__text *text,
                               rapt_status *status) {
  stripping s = {.markup = markup, .out = text, .begin = text->size};
  const char *wrong = NULL;
  for (size_t i = 0; i < size && !wrong && s.status == RAPT_OK;) {
    if (entry[i] != '<' || markup == RAPT__MARKUP_NONE) {
      size_t used;
      wrong = character(&s, entry + i, size - i, &used);
      i += used;
      continue;
    }
    const char *begin = entry + i + 1, *end = memchr(begin, '>', size - i - 1);
    if (!end) {
      wrong = "a tag without its end";
      break;
    }
    tag t = read_tag(&s, begin, end);
    take_tag(&s, &t);
    i = (size_t)(end - entry) + 1;
  }
  *status = s.status;
  return wrong;
}
