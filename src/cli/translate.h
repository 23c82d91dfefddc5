/* What `rapt translate` is made of: lines from a file or a pipe, results in their formats. */
#ifndef RAPT_SRC_CLI_TRANSLATE_H
#define RAPT_SRC_CLI_TRANSLATE_H

#include "cli/cli.h"

/* ---- Reading (translate_read.c) ---- */

typedef struct line_reader {
  int fd;
  char *data; /* owned */
  size_t size, room;
  size_t taken; /* bytes of lines that were given out */
  bool ended, failed;
} line_reader;

/* "-" is standard input. false after a message. */
bool lines_open(line_reader *r, const char *path);
void lines_close(line_reader *r);
/* At least one line, unless there are none left, and no more than `most`; does not wait for more than is there already. How
 * many; −1 after a failure or an interrupt (errno says which). The texts, without their ends, are valid until the next call. */
int64_t lines_next(line_reader *r, int64_t most, const char **lines, size_t *sizes);
/* All lines of a text that is in memory: how many. The arrays are freed by the caller; −1: no memory. */
int64_t lines_split(const char *text, size_t size, const char ***lines, size_t **sizes);

/* ---- Writing (translate_write.c) ---- */

typedef enum alignment_format { ALIGN_NONE, ALIGN_MOSES, ALIGN_HARD, ALIGN_MATRIX } alignment_format;

typedef struct result_writer {
  FILE *to;
  const rapt_tokenizer *target;
  bool json, moses_list, scores; /* scores: numbers alone, of given targets */
  alignment_format alignments;
  const char *source, *targets; /* files by name; targets NULL: none */
  int64_t faults;               /* lines without a result */
} result_writer;

/* A rapt_translation_fn; false where the output cannot be written. */
bool write_result(void *user, const rapt_translation *t);

/* Output that appears under its name only when it is whole. path NULL: standard output. */
typedef struct output_file {
  FILE *file;
  const char *path;
  char *temporary; /* owned */
} output_file;
bool output_open(output_file *o, const char *path);
/* Puts the file in its place, or with !keep removes what was written. false after a message. */
bool output_close(output_file *o, bool keep);

#endif
