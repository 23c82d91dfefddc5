/* The file of the index of runs: where it is, opening it, its errors. */
#ifndef RAPT_SRC_TRAIN_RUNS_DB_H
#define RAPT_SRC_TRAIN_RUNS_DB_H

#include "base/base.h"

#include <sqlite3.h>

/* Opens the index. Without one, reading gives *db == NULL, and writing makes it. After RAPT_OK *path is to be given back with
 * rapt__free and *db with sqlite3_close, which rolls back what is not committed. */
rapt_status rapt__runs_open(rapt_context *ctx, bool writing, char **path, sqlite3 **db);
/* The database's last error as the context's. */
rapt_status rapt__runs_fail(rapt_context *ctx, sqlite3 *db, const char *path);

#endif
