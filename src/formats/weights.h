/* The weights of a model directory: one safetensors file, or several with an index that says which has which tensor. */
#ifndef RAPT_SRC_WEIGHTS_H
#define RAPT_SRC_WEIGHTS_H

#include "formats/safetensors.h"

typedef struct rapt__weights {
  rapt_context *ctx;
  rapt__arena arena;
  char *path;               /* of the file, or of the index */
  rapt__safetensors *files; /* [file_count] in the arena, all open */
  char **paths;             /* of the files */
  size_t file_count;
  const rapt__st_entry **entries; /* of all files, by name */
  size_t *file_of;                /* beside entries: which file */
  size_t count;
} rapt__weights;

/* DIR/model.safetensors, or else DIR/model.safetensors.index.json. */
rapt_status rapt__weights_open_dir(rapt_context *ctx, const char *dir, rapt__weights *out);
/* A safetensors file, or an index where the path ends in ".json". After a failure there is nothing to close. */
rapt_status rapt__weights_open(rapt_context *ctx, const char *path, rapt__weights *out);
void rapt__weights_close(rapt__weights *w);
const rapt__st_entry *rapt__weights_find(const rapt__weights *w, const char *name); /* or NULL */

/* An index, checked: texts by tensor name, all plain file names. json_decref(*root) when done. */
rapt_status rapt__index_parse(rapt_context *ctx, const char *name, const char *text, size_t size, json_t **root);

/* Writes DIR/model.safetensors, or where that would have more than `most` bytes of data (0: no limit) several files of at most so
 * many (one tensor at least) and the index last. Files of the other form are removed. */
rapt_status rapt__weights_write(rapt_context *ctx, const char *dir, const rapt__st_entry *entries, size_t count,
                                const char *const *meta, uint64_t most);

#endif
