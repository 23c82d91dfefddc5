/* rapt/data.h: data sets by name: which there are, where they lie, fetching them from their publishers.
 *
 * A data set is a folder of files. It is looked for as NAME below the folder in the environment variable RAPT_DATA, then
 * in the user's cache: $RAPT_HOME/data, else $XDG_CACHE_HOME/rapt, else ~/.cache/rapt. Every file's size and SHA-256 are
 * known; those of a file that ends in .gz are of its content. */
#ifndef RAPT_DATA_H
#define RAPT_DATA_H

#include <rapt/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rapt_data_info {
  const char *name, *about;
  const char *licence; /* as far as the source states one */
  const char *address; /* where most of its files are published; "" when all are to be had by hand only */
  const char *by_hand; /* what to do for the files that have no address; "" when all have one */
  uint64_t bytes;      /* of all files, uncompressed */
  int files;
} rapt_data_info;

RAPT_API int rapt_data_count(void);
/* The data set of this index, in alphabetical order. RAPT_EINVAL outside of 0 … count - 1. */
RAPT_API rapt_status rapt_data_get_info(rapt_context *ctx, int index, rapt_data_info *out);
/* The index of a name; RAPT_EKEY, with the nearest name, when there is none. */
RAPT_API rapt_status rapt_data_index(rapt_context *ctx, const char *name, int *index);

/* The folder of a data set, whose path is written to `path` (terminated). A folder that lacks some of the files counts
 * when no place has all of them; `missing` (may be NULL) says how many. Also finds folders in RAPT_DATA or the cache whose
 * name is in no table. RAPT_ENOTFOUND, with the command that fetches it, when there is none; RAPT_EKEY for a name that
 * means nothing at all. */
RAPT_API rapt_status rapt_data_find(rapt_context *ctx, const char *name, char *path, size_t size, int *missing);

typedef enum rapt_data_state { RAPT_DATA_RIGHT, RAPT_DATA_MISSING, RAPT_DATA_WRONG } rapt_data_state;
/* `detail` says what is wrong with a wrong file. */
typedef void (*rapt_data_check_fn)(void *user, const char *file, rapt_data_state state, const char *detail);
/* Compares size and SHA-256 of every file of a data set. RAPT_EFORMAT when one is wrong, RAPT_ENOTFOUND when one is
 * missing; `each` (may be NULL) hears of all. */
RAPT_API rapt_status rapt_data_check(rapt_context *ctx, const char *name, rapt_data_check_fn each, void *user);

typedef struct rapt_data_progress {
  const char *file;
  int index, count;     /* of the set's files, from 0 */
  uint64_t done, total; /* bytes of the transfer; total 0: not known */
} rapt_data_progress;
typedef void (*rapt_data_progress_fn)(void *user, const rapt_data_progress *progress);

/* Fetches what is missing of a data set into the cache and checks it; with `force` fetches all of it again. A set that is
 * complete and right already is left alone. Files are moved into place when their SHA-256 is right; a transfer that was interrupted
 * goes on where it stopped. Writes the set's folder to `path`. RAPT_EUNSUPPORTED, with what to do, when files are left that
 * have no address; RAPT_EFORMAT when a file is not the one that the table describes; RAPT_EINTERRUPTED. */
RAPT_API rapt_status rapt_data_fetch(rapt_context *ctx, const char *name, int force, rapt_data_progress_fn progress,
                                     void *user, char *path, size_t size);

#ifdef __cplusplus
}
#endif
#endif
