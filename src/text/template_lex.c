/* A template as tokens: text between tags with white space taken away as the tags say, and the words inside of tags. */
#include "text/template_tree.h"

#include "text/tokenizer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void rapt__lexer_begin(rapt__lexer *l, rapt__template *t, const char *text, size_t size) {
  /* One line feed at the end does not count. */
  if (size && text[size - 1] == '\n') size--;
  *l = (rapt__lexer){.t = t, .at = text, .end = text + size, .line = 1};
}

rapt_status rapt__lexer_fail(const rapt__lexer *l, const char *what) {
  return rapt__fail(l->t->ctx, RAPT_EFORMAT, "%s:%d: %s", l->t->name, l->token_line, what);
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static bool starts(const rapt__lexer *l, const char *at, const char *what) {
  size_t n = strlen(what);
  return (size_t)(l->end - at) >= n && memcmp(at, what, n) == 0;
}

static void go_to(rapt__lexer *l, const char *to) {
  for (; l->at < to; l->at++) l->line += *l->at == '\n';
}

/* ---- Text ---- */

static const char *find_tag(const rapt__lexer *l, const char *at) {
  for (; at < l->end; at++)
    if (*at == '{' && at + 1 < l->end && (at[1] == '%' || at[1] == '{' || at[1] == '#')) return at;
  return l->end;
}

/* Where text before a tag ends: white space goes before a dash, and before a block that begins its line. */
static const char *text_end(const rapt__lexer *l, const char *begin, const char *tag) {
  const char *end = tag;
  if (tag == l->end) return end;
  char sign = tag + 2 < l->end ? tag[2] : 0;
  if (sign == '-') {
    while (end > begin && is_space(end[-1])) end--;
  } else if (tag[1] != '{' && sign != '+') {
    while (end > begin && (end[-1] == ' ' || end[-1] == '\t')) end--;
    bool first = end == begin && (begin == l->t->text || begin[-1] == '\n');
    if (!first && (end == begin || end[-1] != '\n')) return tag;
  }
  return end;
}

/* After a tag: white space goes after a dash, one line feed after a block. */
static void after_tag(rapt__lexer *l, bool dash, bool block) {
  const char *at = l->at;
  if (dash)
    while (at < l->end && is_space(*at)) at++;
  else if (block && at < l->end && *at == '\n')
    at++;
  else if (block && starts(l, at, "\r\n"))
    at += 2;
  go_to(l, at);
}

static rapt_status comment(rapt__lexer *l, const char *tag) {
  for (const char *at = tag + 2; at + 1 < l->end; at++)
    if (at[0] == '#' && at[1] == '}') {
      go_to(l, at + 2);
      after_tag(l, at[-1] == '-' && at - 1 >= tag + 2, at[-1] != '+');
      return RAPT_OK;
    }
  return rapt__lexer_fail(l, "a comment has no end");
}

/* {% raw %} … {% endraw %} is text. *end: what follows it, or NULL where the tag is another one. */
static rapt_status raw(rapt__lexer *l, const char *tag, bool *is_raw) {
  const char *at = tag + 2, *begin;
  *is_raw = false;
  if (at < l->end && (*at == '-' || *at == '+')) at++;
  while (at < l->end && is_space(*at)) at++;
  if (!starts(l, at, "raw")) return RAPT_OK;
  for (at += 3; at < l->end && is_space(*at);) at++;
  bool dash = at < l->end && *at == '-';
  if (dash) at++;
  if (!starts(l, at, "%}")) return RAPT_OK;
  *is_raw = true;
  go_to(l, at + 2);
  after_tag(l, dash, true);
  begin = l->at;
  for (const char *close = begin; close < l->end; close++) {
    if (!starts(l, close, "{%")) continue;
    at = close + 2;
    if (at < l->end && (*at == '-' || *at == '+')) at++;
    while (at < l->end && is_space(*at)) at++;
    if (!starts(l, at, "endraw")) continue;
    for (at += 6; at < l->end && is_space(*at);) at++;
    dash = at < l->end && *at == '-';
    if (dash) at++;
    if (!starts(l, at, "%}")) continue;
    l->type = RAPT__TT_TEXT;
    l->text = begin;
    l->size = (size_t)(text_end(l, begin, close) - begin);
    go_to(l, at + 2);
    after_tag(l, dash, true);
    return RAPT_OK;
  }
  return rapt__lexer_fail(l, "{% raw %} has no {% endraw %}");
}

static rapt_status next_outside(rapt__lexer *l) {
  for (;;) {
    l->token_line = l->line;
    if (l->at == l->end) {
      l->type = RAPT__TT_END;
      return RAPT_OK;
    }
    const char *begin = l->at, *tag = find_tag(l, begin), *end = text_end(l, begin, tag);
    if (end > begin) {
      l->type = RAPT__TT_TEXT;
      l->text = begin;
      l->size = (size_t)(end - begin);
      go_to(l, tag);
      return RAPT_OK;
    }
    go_to(l, tag);
    l->token_line = l->line;
    if (tag == l->end) continue;
    bool is_raw = false;
    if (tag[1] == '#') {
      RAPT_TRY(comment(l, tag));
      continue;
    }
    if (tag[1] == '%') RAPT_TRY(raw(l, tag, &is_raw));
    if (is_raw && l->size == 0) continue;
    if (is_raw) return RAPT_OK;
    l->printing = tag[1] == '{';
    l->type = l->printing ? RAPT__TT_PRINT : RAPT__TT_TAG;
    l->in_tag = true;
    l->depth = 0;
    l->at += 2;
    if (l->at < l->end && (*l->at == '-' || *l->at == '+')) l->at++;
    return RAPT_OK;
  }
}

/* ---- Inside of tags ---- */

static bool is_word(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Takes a new reference over. */
static rapt_status constant(rapt__lexer *l, rapt__tt type, json_t *value) {
  if (!value || json_array_append_new(l->t->constants, value) != 0) return rapt__fail_memory(l->t->ctx, 0);
  l->type = type;
  l->json = value;
  return RAPT_OK;
}

static rapt_status number(rapt__lexer *l) {
  char digits[64];
  size_t n = 0;
  bool real = false;
  const char *at = l->at;
  for (; at < l->end; at++) {
    bool sign = (*at == '-' || *at == '+') && n && (digits[n - 1] == 'e' || digits[n - 1] == 'E');
    bool point = *at == '.' && at + 1 < l->end && at[1] >= '0' && at[1] <= '9';
    bool power = *at == 'e' || *at == 'E';
    if (*at == '_') continue;
    if (!sign && !point && !power && (*at < '0' || *at > '9')) break;
    real = real || point || power;
    if (n + 1 == sizeof digits) return rapt__lexer_fail(l, "a number is too long");
    digits[n++] = *at;
  }
  digits[n] = 0;
  char *end;
  errno = 0;
  json_t *value = real ? json_real(strtod(digits, &end)) : json_integer(strtoll(digits, &end, 10));
  if (*end || errno == ERANGE || (real && !value)) {
    json_decref(value);
    return rapt__lexer_fail(l, "this is no number");
  }
  l->at = at;
  return constant(l, RAPT__TT_NUMBER, value);
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What stands behind a backslash; *at is moved behind it. */
static rapt_status escape(rapt__lexer *l, const char **at, rapt__text *out) {
  static const char from[] = "ntr\\'\"abfv0", to[] = "\n\t\r\\'\"\a\b\f\v";
  char c = *(*at)++;
  int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
  if (digits) {
    uint32_t code = 0;
    for (int i = 0; i < digits; i++, ++*at) {
      int digit = *at < l->end ? hex_digit(**at) : -1;
      if (digit < 0) return rapt__lexer_fail(l, "an escape in a text has too few digits");
      code = code << 4 | (uint32_t)digit;
    }
    char utf8[4];
    if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
      return rapt__lexer_fail(l, "an escape in a text is no character");
    return rapt__text_add(out, utf8, rapt__utf8_write(code, utf8));
  }
  const char *found = c ? strchr(from, c) : NULL;
  if (c == '0') return rapt__lexer_fail(l, "an escape in a text is no character");
  if (c == '\n') return RAPT_OK;
  if (found) return rapt__text_add(out, to + (found - from), 1);
  RAPT_TRY(rapt__text_add(out, "\\", 1));
  return rapt__text_add(out, &c, 1);
}

static rapt_status string(rapt__lexer *l) {
  char quote = *l->at;
  rapt__text text;
  rapt__text_init(&text, l->t->ctx);
  rapt_status status = RAPT_OK;
  const char *at = l->at + 1;
  while (status == RAPT_OK && at < l->end && *at != quote) {
    if (*at == '\\' && at + 1 < l->end) {
      at++;
      status = escape(l, &at, &text);
    } else {
      status = rapt__text_add(&text, at++, 1);
    }
  }
  if (status == RAPT_OK && at >= l->end) status = rapt__lexer_fail(l, "a text in quotes has no end");
  if (status == RAPT_OK) {
    go_to(l, at + 1);
    status = constant(l, RAPT__TT_STRING, json_stringn(text.data ? text.data : "", text.size));
  }
  rapt__text_free(&text);
  return status;
}

/* The end of the tag, with or without a dash. */
static bool closes(rapt__lexer *l) {
  const char *at = l->at;
  bool dash = *at == '-', plus = *at == '+' && !l->printing;
  if (dash || plus) at++;
  if (l->depth > 0 || !starts(l, at, l->printing ? "}}" : "%}")) return false;
  l->at = at + 2;
  after_tag(l, dash, !l->printing && !plus);
  l->in_tag = false;
  l->type = RAPT__TT_CLOSE;
  return true;
}

static rapt_status mark(rapt__lexer *l) {
  static const struct {
    const char *text;
    int op;
  } pairs[] = {{"//", 'f'}, {"**", '^'}, {"==", '='}, {"!=", '!'}, {"<=", 'l'}, {">=", 'g'}};
  l->type = RAPT__TT_MARK;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    if (starts(l, l->at, pairs[i].text)) {
      l->op = pairs[i].op;
      l->at += 2;
      return RAPT_OK;
    }
  char c = *l->at;
  if (!c || !strchr("+-*/%~()[]{},.:|=<>", c))
    return rapt__lexer_fail(l, "a tag has a character that means nothing there");
  if (strchr("([{", c)) l->depth++;
  if (strchr(")]}", c)) l->depth--;
  l->op = c == '=' ? 's' : c;
  l->at++;
  return RAPT_OK;
}

rapt_status rapt__lexer_next(rapt__lexer *l) {
  if (!l->in_tag) return next_outside(l);
  while (l->at < l->end && is_space(*l->at)) go_to(l, l->at + 1);
  l->token_line = l->line;
  if (l->at == l->end) return rapt__lexer_fail(l, "a tag has no end");
  if (closes(l)) return RAPT_OK;
  if (*l->at == '"' || *l->at == '\'') return string(l);
  if (*l->at >= '0' && *l->at <= '9') return number(l);
  if (!is_word(*l->at)) return mark(l);
  l->type = RAPT__TT_NAME;
  l->text = l->at;
  while (l->at < l->end && is_word(*l->at)) l->at++;
  l->size = (size_t)(l->at - l->text);
  return RAPT_OK;
}
