/* Running text as lower-cased words between blanks, for languages that write blanks. */
#ifndef RAPT_SRC_PBMT_PLAIN_H
#define RAPT_SRC_PBMT_PLAIN_H

#include "pbmt/lines.h"

/* What an apostrophe between letters belongs to: "l' homme" in French and Italian, "man 's" in English. */
typedef enum rapt__pbmt_apostrophe { RAPT__APOSTROPHE_RIGHT, RAPT__APOSTROPHE_LEFT } rapt__pbmt_apostrophe;

/* Appends the text in lower case with a blank around every mark of punctuation and every symbol, except a hyphen between
 * letters or digits and a point or comma between digits; typographic apostrophes become plain ones. Line breaks stay. `name`
 * stands in the sentence about bytes that are not UTF-8. */
rapt_status rapt__pbmt_plain_words(rapt_context *ctx, const char *name, const char *text, size_t size,
                                   rapt__pbmt_apostrophe apostrophe, rapt__text *out);
/* rapt__pbmt_file_read of such a text. */
rapt_status rapt__pbmt_plain_read(rapt__pbmt_lexicon *lexicon, const char *path, rapt__pbmt_apostrophe apostrophe,
                                  size_t most, rapt__pbmt_file *out);

#endif
