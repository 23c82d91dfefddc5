/* Sentences with their tags from CoNLL-U files of Universal Dependencies. */
#ifndef RAPT_SRC_CONLLU_H
#define RAPT_SRC_CONLLU_H

#include "base/base.h"

typedef struct rapt__conllu_word {
  const char *form, *tag; /* terminated; FORM and UPOS, in `text` */
} rapt__conllu_word;

typedef struct rapt__conllu {
  rapt_context *ctx;
  char *text;               /* owned */
  rapt__conllu_word *words; /* [at[sentences]] owned */
  size_t *at;               /* (sentences + 1) owned: sentence i is words at[i] … at[i + 1] − 1, at least one */
  size_t sentences, word_capacity, at_capacity;
} rapt__conllu;

/* A file, plain or gzipped. Ranges of tokens (8-9) and empty nodes (8.1) are passed over: words are what has a number.
 * RAPT_EFORMAT names the line that has not ten columns, or says that there is no word. Free it with rapt__conllu_free, after a
 * failure too. */
rapt_status rapt__conllu_read(rapt_context *ctx, const char *path, rapt__conllu *out);
/* The same from `text`, which it takes over, and which has room for a byte behind its size; `path` begins messages. */
rapt_status rapt__conllu_parse(rapt_context *ctx, const char *path, char *text, size_t size, rapt__conllu *out);
void rapt__conllu_free(rapt__conllu *c);

#endif
