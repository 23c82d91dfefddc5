/* The table of data sets, and what finding, checking and fetching share. */
#ifndef RAPT_SRC_SETS_H
#define RAPT_SRC_SETS_H

#include "base/base.h"
#include <rapt/data.h>

/* How a file is published; text_sets.def explains them. */
typedef enum rapt__data_form { RAPT__DATA_SAME, RAPT__DATA_PACKED, RAPT__DATA_FROM, RAPT__DATA_HAND } rapt__data_form;

typedef struct rapt__data_file {
  rapt__data_form form;
  const char *name;   /* below the set's folder; NULL ends a list */
  uint64_t size;      /* of the content where the name ends in .gz */
  const char *sha256; /* of the same bytes, 64 hexadecimal digits */
  const char
      *address; /* RAPT__DATA_FROM: whole, or behind the set's base; RAPT__DATA_HAND: the folder where a package of
                        * the system puts it, or NULL */
} rapt__data_file;

typedef struct rapt__data_set {
  const char *name, *about, *licence, *base, *by_hand;
  const rapt__data_file *files; /* ends with a NULL name */
} rapt__data_set;

/* NULL for a name that is in no table. */
const rapt__data_set *rapt__data_set_find(const char *name);

/* A data set's name or a file's name below its folder: no way out of the folder that it is joined to. */
bool rapt__data_safe_name(const char *name, bool slashes);
bool rapt__data_is_gz(const char *name);

/* The cache's folder, allocated; NULL after an error: no home directory, or no memory. */
char *rapt__data_cache(rapt_context *ctx);
/* rapt_data_find, whose sentence about a name of no table says that there is no `what` of it. */
rapt_status rapt__data_find(rapt_context *ctx, const char *what, const char *name, char *path, size_t size,
                            int *missing);
/* How many files of the set are not in this folder. -1: no memory. */
int rapt__data_missing(rapt_context *ctx, const rapt__data_set *set, const char *dir);

/* Size and SHA-256 of a file, of its content with `content`. Stops behind `limit` bytes with a size above it. */
rapt_status rapt__data_digest(rapt_context *ctx, const char *path, bool content, uint64_t limit, uint64_t *size,
                              char sha256[65]);
/* RAPT_OK for the bytes that `file` describes; else RAPT_EFORMAT with a sentence that begins with `where`. */
rapt_status rapt__data_compare(rapt_context *ctx, const rapt__data_file *file, const char *where, uint64_t size,
                               const char *sha256);

/* Fetches the files of a set that `dir` lacks, or all with `force`. `loopback` is for tests: http, to this machine only. */
rapt_status rapt__data_fetch_set(rapt_context *ctx, const rapt__data_set *set, const char *dir, bool force,
                                 bool loopback, rapt_data_progress_fn progress, void *user);

#endif
