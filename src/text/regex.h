/* Patterns: a string to find, or a regular expression in the syntax of Oniguruma, translated for PCRE2. */
#ifndef RAPT_SRC_TEXT_REGEX_H
#define RAPT_SRC_TEXT_REGEX_H

#include "base/base.h"

typedef struct rapt__regex rapt__regex;

rapt_status rapt__regex_new(rapt_context *ctx, const char *pattern, size_t size, rapt__regex **out);
rapt_status rapt__regex_literal(rapt_context *ctx, const char *string, size_t size, rapt__regex **out);
void rapt__regex_free(rapt__regex *r);

/* Goes through the matches in one text, which must be valid UTF-8, from left to right. */
typedef struct rapt__matcher {
  const rapt__regex *regex;
  void *data; /* owned, by the one who may reuse it for other patterns; PCRE2's */
  const char *text;
  size_t size, at, last_end;
  bool any;
} rapt__matcher;
rapt_status rapt__matcher_start(rapt__matcher *m, const rapt__regex *r, const char *text, size_t size);
/* *found tells whether there was one more. An empty match just behind another match is none. */
rapt_status rapt__matcher_next(rapt__matcher *m, bool *found, size_t *start, size_t *end);
/* The name that (*MARK:) gave the last match, or NULL. */
const char *rapt__matcher_mark(const rapt__matcher *m);
void rapt__matcher_free(rapt__matcher *m);

#endif
