/* Tokenised text from files, one sentence a line and words between blanks, as ids of a vocabulary that grows with
 * it. */
#ifndef RAPT_SRC_PBMT_LINES_H
#define RAPT_SRC_PBMT_LINES_H

#include "pbmt/bitext.h"
#include "text/tokenizer.h"

enum { RAPT__PBMT_END = 0 }; /* the id that closes sentences; no word of a text has it */

typedef struct rapt__pbmt_word {
  const char *bytes; /* not terminated; in a file that was read, which must live on */
  size_t size;
} rapt__pbmt_word;

typedef struct rapt__pbmt_lexicon {
  rapt_context *ctx;
  rapt__table ids;
  rapt__pbmt_word *words; /* [count] owned */
  size_t count, room;
} rapt__pbmt_lexicon;

rapt_status rapt__pbmt_lexicon_init(rapt__pbmt_lexicon *lexicon, rapt_context *ctx);
void rapt__pbmt_lexicon_free(rapt__pbmt_lexicon *lexicon);
/* The id of a word, a new one if need be. */
rapt_status rapt__pbmt_lexicon_id(rapt__pbmt_lexicon *lexicon, const char *bytes, size_t size, int32_t *id);
/* The target word that each source word becomes when it is copied: the same letters, added where the target language
 * has no such word. Free *copy with rapt__free. */
rapt_status rapt__pbmt_lexicon_copies(const rapt__pbmt_lexicon *source, rapt__pbmt_lexicon *target, int32_t **copy);
/* Words between blanks. */
rapt_status rapt__pbmt_lexicon_print(const rapt__pbmt_lexicon *lexicon, const int32_t *ids, size_t count,
                                     rapt__text *out);

typedef struct rapt__pbmt_file {
  rapt_context *ctx;
  char *data; /* owned, as the others */
  int32_t *ids;
  size_t *begin; /* (count + 1) */
  size_t count, words, id_room, begin_room;
} rapt__pbmt_file;

/* Reads a file, plain or gzipped. RAPT_EFORMAT, with the line: bytes that are not UTF-8, a line without a word, more
 * than `most` sentences or RAPT__PBMT_LONGEST words. Free the file after a failure too. */
rapt_status rapt__pbmt_file_read(rapt__pbmt_lexicon *lexicon, const char *path, size_t most, rapt__pbmt_file *out);
/* The same of a text, which is taken over, after a failure too; `name` stands for its path in sentences. */
rapt_status rapt__pbmt_file_parse(rapt__pbmt_lexicon *lexicon, const char *name, char *data, size_t size, size_t most,
                                  rapt__pbmt_file *out);
void rapt__pbmt_file_free(rapt__pbmt_file *file);
/* The file's sentences, with the vocabulary as it is now. */
rapt__pbmt_text rapt__pbmt_file_text(const rapt__pbmt_file *file, const rapt__pbmt_lexicon *lexicon);

/* RAPT_EFORMAT, naming both files, when they have different numbers of lines. */
rapt_status rapt__pbmt_file_match(const char *source, const rapt__pbmt_file *a, const char *target,
                                  const rapt__pbmt_file *b);

#endif
