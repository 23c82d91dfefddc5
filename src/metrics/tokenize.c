/* The tokenizers of BLEU and TER: a few passes over the code points, each what one regular expression of mteval-v13a,
 * mteval-v14 or Tercom replaces, from left to right without overlap. */
#include "metrics/metrics.h"

#include <string.h>

typedef bool (*char_class)(uint32_t c);

static void put(rapt__tokens *t, uint32_t c) { t->other.at[t->other.count++] = c; }

/* A pass writes at most three code points for one. */
static rapt_status begin(rapt_context *ctx, rapt__tokens *t) {
  size_t room;
  if (rapt__mul_overflows(t->now.count, 3, &room)) return rapt__fail_memory(ctx, SIZE_MAX);
  t->other.count = 0;
  return rapt__chars_room(ctx, &t->other, room + 2);
}

static void done(rapt__tokens *t) {
  rapt__chars swap = t->now;
  t->now = t->other;
  t->other = swap;
}

rapt_status rapt__tokens_lower(rapt_context *ctx, rapt__tokens *t) {
  RAPT_TRY(rapt__chars_lower(ctx, &t->now, &t->other));
  done(t);
  return RAPT_OK;
}

static rapt_status isolate(rapt_context *ctx, rapt__tokens *t, char_class wanted) {
  RAPT_TRY(begin(ctx, t));
  for (size_t i = 0; i < t->now.count; i++) {
    uint32_t c = t->now.at[i];
    bool alone = wanted(c);
    if (alone) put(t, ' ');
    put(t, c);
    if (alone) put(t, ' ');
  }
  done(t);
  return RAPT_OK;
}

/* Where `left` is followed by `right`: a space between, and one on the side of the one that is cut off. */
static rapt_status cut(rapt_context *ctx, rapt__tokens *t, char_class left, char_class right, bool cut_left) {
  RAPT_TRY(begin(ctx, t));
  for (size_t i = 0; i < t->now.count; i++) {
    uint32_t c = t->now.at[i];
    if (i + 1 == t->now.count || !left(c) || !right(t->now.at[i + 1])) {
      put(t, c);
      continue;
    }
    if (cut_left) put(t, ' ');
    put(t, c);
    put(t, ' ');
    put(t, t->now.at[++i]);
    if (!cut_left) put(t, ' ');
  }
  done(t);
  return RAPT_OK;
}

static rapt_status drop(rapt_context *ctx, rapt__tokens *t, char_class unwanted) {
  RAPT_TRY(begin(ctx, t));
  for (size_t i = 0; i < t->now.count; i++)
    if (!unwanted(t->now.at[i])) put(t, t->now.at[i]);
  done(t);
  return RAPT_OK;
}

/* `to` is not longer than three times `from`. */
static rapt_status replace(rapt_context *ctx, rapt__tokens *t, const char *from, const char *to) {
  size_t size = strlen(from);
  RAPT_TRY(begin(ctx, t));
  for (size_t i = 0; i < t->now.count;) {
    size_t same = 0;
    while (same < size && i + same < t->now.count && t->now.at[i + same] == (unsigned char)from[same]) same++;
    if (same < size) {
      put(t, t->now.at[i++]);
      continue;
    }
    for (const char *c = to; *c; c++) put(t, (unsigned char)*c);
    i += size;
  }
  done(t);
  return RAPT_OK;
}

static rapt_status unescape(rapt_context *ctx, rapt__tokens *t) {
  RAPT_TRY(replace(ctx, t, "&quot;", "\""));
  RAPT_TRY(replace(ctx, t, "&amp;", "&"));
  RAPT_TRY(replace(ctx, t, "&lt;", "<"));
  return replace(ctx, t, "&gt;", ">");
}

static rapt_status pad(rapt_context *ctx, rapt__tokens *t) {
  RAPT_TRY(begin(ctx, t));
  put(t, ' ');
  for (size_t i = 0; i < t->now.count; i++) put(t, t->now.at[i]);
  put(t, ' ');
  done(t);
  return RAPT_OK;
}

static bool digit(uint32_t c) { return c >= '0' && c <= '9'; }
static bool no_digit(uint32_t c) { return !digit(c); }
static bool stop(uint32_t c) { return c == '.' || c == ','; }
static bool dash(uint32_t c) { return c == '-'; }
static bool no_number(uint32_t c) { return !rapt__is_number(c); }
/* ASCII's punctuation but ' , - . with the space among it. */
static bool western(uint32_t c) {
  return c == ' ' || (rapt__is_ascii_punctuation(c) && !stop(c) && c != '-' && c != '\'');
}

/* Stops stay with digits on both sides, a dash is cut off behind a digit. */
static rapt_status cut_stops(rapt_context *ctx, rapt__tokens *t) {
  RAPT_TRY(cut(ctx, t, no_digit, stop, false));
  RAPT_TRY(cut(ctx, t, stop, no_digit, true));
  return cut(ctx, t, digit, dash, false);
}

static rapt_status tokenize_13a(rapt_context *ctx, rapt__tokens *t) {
  RAPT_TRY(replace(ctx, t, "<skipped>", ""));
  RAPT_TRY(replace(ctx, t, "-\n", ""));
  RAPT_TRY(replace(ctx, t, "\n", " "));
  RAPT_TRY(unescape(ctx, t));
  RAPT_TRY(pad(ctx, t));
  RAPT_TRY(isolate(ctx, t, western));
  return cut_stops(ctx, t);
}

static rapt_status tokenize_intl(rapt_context *ctx, rapt__tokens *t) {
  RAPT_TRY(cut(ctx, t, no_number, rapt__is_punctuation, false));
  RAPT_TRY(cut(ctx, t, rapt__is_punctuation, no_number, true));
  return isolate(ctx, t, rapt__is_symbol);
}

typedef struct range {
  uint32_t first, last;
} range;

static bool among(uint32_t c, const range *ranges, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (c >= ranges[i].first && c <= ranges[i].last) return true;
  return false;
}

/* What sacrebleu takes for Chinese. Its two ranges beyond U+FFFF are written with four digits too few and so mean the
 * two here that begin at U+2001 and U+2F81: punctuation and arrows count, the ideographs of extension B do not. */
static bool chinese(uint32_t c) {
  static const range ranges[] = {
      {0x3400, 0x4DB5}, {0x4E00, 0x9FBB}, {0xF900, 0xFA2D}, {0xFA30, 0xFA6A}, {0xFA70, 0xFAD9}, {0x2001, 0x2A6D},
      {0x2F81, 0x2FA1}, {0xFF00, 0xFFEF}, {0x2E80, 0x2EFF}, {0x3000, 0x303F}, {0x31C0, 0x31EF}, {0x2F00, 0x2FDF},
      {0x2FF0, 0x2FFF}, {0x3100, 0x312F}, {0x31A0, 0x31BF}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE4F}, {0x3200, 0x33FF}};
  return among(c, ranges, sizeof ranges / sizeof *ranges);
}

static rapt_status tokenize_zh(rapt_context *ctx, rapt__tokens *t) {
  size_t blank = 0; /* a stop at the start of a text has nothing before it */
  while (blank < t->now.count && rapt__is_space(t->now.at[blank])) blank++;
  t->now.count -= blank;
  if (blank) memmove(t->now.at, t->now.at + blank, t->now.count * sizeof *t->now.at);
  RAPT_TRY(isolate(ctx, t, chinese));
  RAPT_TRY(isolate(ctx, t, western));
  return cut_stops(ctx, t);
}

static bool any(uint32_t c) {
  (void)c;
  return true;
}

rapt_status rapt__tokenize_bleu(rapt_context *ctx, rapt_bleu_tokenizer tokenizer, rapt__tokens *t) {
  switch (tokenizer) {
  case RAPT_TOK_13A: return tokenize_13a(ctx, t);
  case RAPT_TOK_INTL: return tokenize_intl(ctx, t);
  case RAPT_TOK_CHAR: return isolate(ctx, t, any);
  case RAPT_TOK_ZH: return tokenize_zh(ctx, t);
  case RAPT_TOK_NONE: break;
  }
  return RAPT_OK;
}

/* Tercom's Asian characters that stand alone. Its rules for runs of kana want them at the very start of the text, where
 * padding has put a space, and never apply. */
static bool asian(uint32_t c) {
  static const range ranges[] = {{0x3200, 0x4DBF}, {0x4E00, 0x9FFF}, {0x31C0, 0x31EF},
                                 {0x2E80, 0x2EFF}, {0xF900, 0xFAFF}, {0xFE30, 0xFE4F}};
  return among(c, ranges, sizeof ranges / sizeof *ranges);
}

static bool asian_punctuation(uint32_t c) {
  static const range ranges[] = {{0x3001, 0x3002}, {0x3008, 0x3011}, {0x3014, 0x301F}, {0xFF61, 0xFF65},
                                 {0x30FB, 0x30FB}, {0xFF0E, 0xFF0E}, {0xFF0C, 0xFF0C}, {0xFF1F, 0xFF1F},
                                 {0xFF1A, 0xFF1B}, {0xFF01, 0xFF02}, {0xFF08, 0xFF09}};
  return among(c, ranges, sizeof ranges / sizeof *ranges);
}

static bool tercom_punctuation(uint32_t c) { return c < 128 && c && strchr(".,?:;!\"()", (int)c); }

static rapt_status normalize(rapt_context *ctx, rapt__tokens *t) {
  RAPT_TRY(replace(ctx, t, "\n-", ""));
  RAPT_TRY(replace(ctx, t, "\n", " "));
  RAPT_TRY(unescape(ctx, t));
  RAPT_TRY(pad(ctx, t));
  RAPT_TRY(isolate(ctx, t, western));
  RAPT_TRY(replace(ctx, t, "'s ", " 's "));
  return cut_stops(ctx, t);
}

/* One space between words, none at the ends. */
static rapt_status squeeze(rapt_context *ctx, rapt__tokens *t) {
  RAPT_TRY(begin(ctx, t));
  for (size_t i = 0; i < t->now.count; i++) {
    uint32_t c = t->now.at[i];
    if (!rapt__is_space(c))
      put(t, c);
    else if (t->other.count > 0 && t->other.at[t->other.count - 1] != ' ')
      put(t, ' ');
  }
  rapt__chars_strip(&t->other);
  done(t);
  return RAPT_OK;
}

rapt_status rapt__tokenize_ter(rapt_context *ctx, const rapt_metric *m, rapt__tokens *t) {
  if (!m->case_sensitive) RAPT_TRY(rapt__tokens_lower(ctx, t));
  if (m->normalized && t->now.count > 0) {
    RAPT_TRY(normalize(ctx, t));
    if (m->asian_support) {
      RAPT_TRY(isolate(ctx, t, asian));
      RAPT_TRY(isolate(ctx, t, asian_punctuation));
    }
  }
  if (m->no_punct) {
    RAPT_TRY(drop(ctx, t, tercom_punctuation));
    if (m->asian_support) RAPT_TRY(drop(ctx, t, asian_punctuation));
  }
  return squeeze(ctx, t);
}
