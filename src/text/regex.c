/* Patterns by PCRE2, which speaks another dialect than Oniguruma: classes differ, and so do ^ and $. */
#include "text/regex.h"

#include "text/unicode.h"

#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct rapt__regex {
  rapt_context *ctx;
  pcre2_general_context *memory; /* the context's hook; owned */
  pcre2_code *code;              /* owned; NULL: a string */
  char *string;                  /* owned */
  size_t size;
};

/* White space is Unicode's property, spelled out: PCRE2's \s also has U+180E, which Unicode took out in 6.3. */
#define SPACES "\\t-\\r\\x{85}\\p{Z}"
#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"
/* Outside brackets Oniguruma's \w also has Latin-1's superscripts and fractions. */
#define LATIN "\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}"

/* The members of a class's letter, or NULL; `opposite` for a capital. */
static const char *class_of(char letter, bool *opposite) {
  *opposite = letter >= 'A' && letter <= 'Z';
  switch (letter) {
  case 's':
  case 'S': return SPACES;
  case 'w':
  case 'W': return WORD;
  case 'h':
  case 'H': return "0-9a-fA-F";
  default: return NULL;
  }
}

/* \s and its like, one character behind the backslash. Within brackets a class's opposite cannot be spelled out as
 * members, so PCRE2's own is taken there for \W and \S. */
static rapt_status translate_escape(const char *p, bool in_class, rapt__text *out) {
  bool opposite;
  const char *members = class_of(p[1], &opposite);
  const char *more = p[1] == 'w' || p[1] == 'W' ? LATIN : "";
  if (members && !in_class) return rapt__text_addf(out, "[%s%s%s]", opposite ? "^" : "", members, more);
  if (members && !opposite) return rapt__text_add(out, members, strlen(members));
  if (members && p[1] == 'H') return rapt__text_addf(out, "\\x{0}-/:-@G-`g-\\x{10FFFF}");
  return rapt__text_add(out, p, 2);
}

/* (?m) lets a dot match line feeds in Oniguruma, which is PCRE2's s. */
static size_t translate_group(const char *p, size_t size, rapt__text *out, rapt_status *status) {
  size_t n = 2;
  while (n < size && (p[n] == '-' || p[n] == 'i' || p[n] == 'm' || p[n] == 'x')) n++;
  bool options = n > 2 && n < size && (p[n] == ')' || p[n] == ':');
  *status = rapt__text_add(out, p, 2);
  for (size_t i = 2; options && i < n && *status == RAPT_OK; i++)
    *status = rapt__text_add(out, p[i] == 'm' ? "s" : p + i, 1);
  return options ? n : 2;
}

static rapt_status translate(const char *p, size_t size, rapt__text *out) {
  size_t depth = 0; /* of brackets */
  for (size_t i = 0, n; i < size; i += n) {
    rapt_status status = RAPT_OK;
    n = 1;
    if (p[i] == '\\' && i + 1 < size) {
      n = 2;
      status = translate_escape(p + i, depth > 0, out);
    } else if (depth == 0 && p[i] == '(' && i + 1 < size && p[i + 1] == '?') {
      n = translate_group(p + i, size - i, out, &status);
    } else if (p[i] == '[' && i + 1 < size && p[i + 1] == ':') { /* a POSIX class, within brackets */
      while (i + n + 1 < size && !(p[i + n] == ':' && p[i + n + 1] == ']')) n++;
      n = i + n + 2 <= size ? n + 2 : size - i;
      if (n > 3)
        status = rapt__text_add(out, p + i, n);
      else
        status = rapt__text_add(out, p + i, n = 1);
    } else {
      if (p[i] == '[') depth++;
      if (p[i] == ']' && depth > 0) depth--;
      status = rapt__text_add(out, p + i, 1);
      if (p[i] == '[' && depth == 1) { /* a bracket that closes at once stands for itself */
        size_t k = i + 1 < size && p[i + 1] == '^' ? i + 2 : i + 1;
        if (k < size && p[k] == ']' && status == RAPT_OK) {
          status = rapt__text_add(out, p + i + 1, k - i - 1);
          if (status == RAPT_OK) status = rapt__text_add(out, "\\]", 2);
          n = k - i + 1;
        }
      }
    }
    RAPT_TRY(status);
  }
  return RAPT_OK;
}

/* Does not record a failure: matching without compiled code is only slower. */
static void *pcre_alloc(size_t size, void *user) {
  rapt_context *ctx = user;
  return ctx->alloc(ctx->alloc_user, NULL, size ? size : 1);
}
static void pcre_free(void *p, void *ctx) { rapt__free(ctx, p); }

static rapt_status compile(rapt__regex *r, const char *pattern, size_t size) {
  rapt__text text;
  rapt__text_init(&text, r->ctx);
  rapt_status status = translate(pattern, size, &text);
  r->memory = status == RAPT_OK ? pcre2_general_context_create(pcre_alloc, pcre_free, r->ctx) : NULL;
  pcre2_compile_context *context = r->memory ? pcre2_compile_context_create(r->memory) : NULL;
  int error = PCRE2_ERROR_HEAP_FAILED;
  size_t at = 0;
  if (context)
    r->code = pcre2_compile((PCRE2_SPTR)(text.data ? text.data : ""), text.size,
                            PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error, &at, context);
  pcre2_compile_context_free(context);
  rapt__text_free(&text);
  RAPT_TRY(status);
  if (!r->code) {
    if (error == PCRE2_ERROR_HEAP_FAILED) return rapt__fail_memory(r->ctx, 0);
    char message[128] = "";
    pcre2_get_error_message(error, (PCRE2_UCHAR *)message, sizeof message);
    return rapt__fail(r->ctx, RAPT_EUNSUPPORTED, "the pattern \"%.80s\" cannot be compiled: %s", pattern, message);
  }
  pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* without it matching is only slower */
  return RAPT_OK;
}

rapt_status rapt__regex_new(rapt_context *ctx, const char *pattern, size_t size, rapt__regex **out) {
  enum { LONGEST = 1 << 16 };
  *out = NULL;
  if (size > LONGEST) return rapt__fail(ctx, RAPT_EUNSUPPORTED, "a pattern of %zu bytes is too long", size);
  if (rapt__utf8_valid(pattern, size) != size)
    return rapt__fail(ctx, RAPT_EFORMAT, "the pattern \"%.80s\" is not valid UTF-8", pattern);
  rapt__regex *r = rapt__new(ctx, 1, sizeof *r);
  if (!r) return RAPT_ENOMEM;
  r->ctx = ctx;
  rapt_status status = compile(r, pattern, size);
  if (status != RAPT_OK)
    rapt__regex_free(r);
  else
    *out = r;
  return status;
}

rapt_status rapt__regex_literal(rapt_context *ctx, const char *string, size_t size, rapt__regex **out) {
  *out = NULL;
  rapt__regex *r = rapt__new(ctx, 1, sizeof *r);
  char *copy = r ? rapt__alloc(ctx, size + 1) : NULL;
  if (!copy) {
    rapt__free(ctx, r);
    return RAPT_ENOMEM;
  }
  if (size) memcpy(copy, string, size);
  copy[size] = 0;
  *r = (rapt__regex){.ctx = ctx, .string = copy, .size = size};
  *out = r;
  return RAPT_OK;
}

void rapt__regex_free(rapt__regex *r) {
  if (!r) return;
  pcre2_code_free(r->code);
  pcre2_general_context_free(r->memory);
  rapt__free(r->ctx, r->string);
  rapt__free(r->ctx, r);
}

rapt_status rapt__matcher_start(rapt__matcher *m, const rapt__regex *r, const char *text, size_t size) {
  if (r->code && !m->data) {
    m->data = pcre2_match_data_create(1, r->memory);
    if (!m->data) return rapt__fail_memory(r->ctx, 0);
  }
  m->regex = r;
  m->text = text;
  m->size = size;
  m->at = m->last_end = 0;
  m->any = false;
  return RAPT_OK;
}

static rapt_status find_one(rapt__matcher *m, bool *found, size_t *start, size_t *end) {
  const rapt__regex *r = m->regex;
  *found = false;
  if (!r->code) {
    const char *at =
        r->size && m->size - m->at >= r->size ? memmem(m->text + m->at, m->size - m->at, r->string, r->size) : NULL;
    *found = at != NULL;
    if (at) *end = (*start = (size_t)(at - m->text)) + r->size;
    return RAPT_OK;
  }
  int n = pcre2_match(r->code, (PCRE2_SPTR)m->text, m->size, m->at, PCRE2_NO_UTF_CHECK, m->data, NULL);
  if (n == PCRE2_ERROR_NOMATCH) return RAPT_OK;
  if (n == PCRE2_ERROR_NOMEMORY) return rapt__fail_memory(r->ctx, 0);
  const size_t *range = pcre2_get_ovector_pointer(m->data);
  if (n < 0 || range[1] < range[0] || range[0] < m->at) /* a limit of PCRE2, or \K within a look-ahead */
    return rapt__fail(r->ctx, RAPT_EUNSUPPORTED, "the text cannot be cut by its pattern: PCRE2 error %d", n);
  *found = true;
  *start = range[0];
  *end = range[1];
  return RAPT_OK;
}

rapt_status rapt__matcher_next(rapt__matcher *m, bool *found, size_t *start, size_t *end) {
  for (uint32_t code;;) {
    *found = false;
    if (m->at > m->size) return RAPT_OK;
    RAPT_TRY(find_one(m, found, start, end));
    if (!*found) {
      m->at = m->size + 1;
      return RAPT_OK;
    }
    bool again = m->any && *start == *end && *end == m->last_end;
    m->at = *end;
    if (*start == *end) {
      size_t n = *end < m->size ? rapt__utf8(m->text + *end, m->size - *end, &code) : 1;
      m->at += n ? n : 1;
    }
    if (again) continue;
    m->any = true;
    m->last_end = *end;
    return RAPT_OK;
  }
}

const char *rapt__matcher_mark(const rapt__matcher *m) { return (const char *)pcre2_get_mark(m->data); }

void rapt__matcher_free(rapt__matcher *m) {
  if (m->data) pcre2_match_data_free(m->data);
  m->data = NULL;
}
