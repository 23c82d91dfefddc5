/* Parallel text: two files of lines, plain or gzipped, of which line n of one is the translation of line n of the other. */
#ifndef RAPT_SRC_BITEXT_H
#define RAPT_SRC_BITEXT_H

#include "base/base.h"

enum { RAPT__SOURCE, RAPT__TARGET };

typedef struct rapt__line {
  const char *bytes; /* in the bitext's text; not terminated */
  size_t size;
} rapt__line;

typedef struct rapt__bitext {
  rapt_context *ctx;
  char *text[2];          /* owned */
  rapt__line (*pairs)[2]; /* [count] owned: source and target, neither empty */
  size_t count, capacity;
  size_t empty, lengthy; /* pairs left out: a line of theirs is blank, or too long */
} rapt__bitext;

/* Reads the pairs; those with more than `most` words between blanks on a side are left out (0: no limit). A line may end in
 * CR LF, the last one without. Refused with RAPT_EFORMAT and the line: different numbers of lines, bytes that are not UTF-8,
 * NUL; and files without a pair. Free it after a failure too. */
rapt_status rapt__bitext_read(rapt_context *ctx, const char *source, const char *target, size_t most,
                              rapt__bitext *out);
/* The same of two texts, whose memory is taken over, after a failure too; `names` stand for paths in sentences. */
rapt_status rapt__bitext_parse(rapt_context *ctx, const char *const names[2], char *const texts[2],
                               const size_t sizes[2], size_t most, rapt__bitext *out);
/* Leaves out lengthy pairs of those that there are. */
rapt_status rapt__bitext_limit(rapt__bitext *bitext, size_t most);
/* Every line becomes what `line` adds to `out` for its lower-case text. Then leaves out lengthy pairs, as above. */
typedef rapt_status (*rapt__bitext_line_fn)(void *user, const char *lower, size_t size, rapt__text *out);
rapt_status rapt__bitext_rewrite(rapt__bitext *bitext, size_t most, rapt__bitext_line_fn line, void *user);
/* Every line in lower case, and runs of letters, marks and digits apart from runs of other characters by blanks: what a tokenizer
 * of words with `lowercase` and `punctuation` makes of it. Then leaves out lengthy pairs, as above. */
rapt_status rapt__bitext_split(rapt__bitext *bitext, size_t most);
void rapt__bitext_free(rapt__bitext *bitext);

#endif
