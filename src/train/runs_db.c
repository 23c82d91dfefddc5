/* The file of the index of runs. It is written twice in a run, so it keeps SQLite's plain journal, which other than a
 * write-ahead log works on network file systems too. */
#include "train/runs_db.h"

#include "base/file.h"

#include <stdlib.h>

enum { SCHEMA = 1, BUSY_MILLISECONDS = 5000, LONGEST_VALUE = 1 << 20 };

/* The folder, allocated. A relative XDG_DATA_HOME is to be ignored, says its specification. */
static char *index_dir(rapt_context *ctx) {
  const char *own = getenv("RAPT_HOME"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
  if (own && *own) return rapt__strdup(ctx, own);
  if (data && *data == '/') return rapt__path_join(ctx, data, "rapt");
  if (home && *home) return rapt__path_join(ctx, home, ".local/share/rapt");
  rapt__fail(ctx, RAPT_ENOTFOUND, "no folder for the index of runs: set HOME, XDG_DATA_HOME or RAPT_HOME");
  return NULL;
}

rapt_status rapt__runs_fail(rapt_context *ctx, sqlite3 *db, const char *path) {
  int code = db ? sqlite3_errcode(db) & 0xFF : SQLITE_NOMEM;
  switch (code) {
  case SQLITE_NOMEM: return rapt__fail_memory(ctx, 0);
  case SQLITE_BUSY:
    return rapt__fail(ctx, RAPT_EIO, "%s: the index of runs: another process has held it for %d seconds", path,
                      BUSY_MILLISECONDS / 1000);
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
  case SQLITE_ERROR: /* a statement that does not fit the tables */
  case SQLITE_CONSTRAINT:
  case SQLITE_SCHEMA:
  case SQLITE_TOOBIG:
  case SQLITE_AUTH:
    return rapt__fail(ctx, RAPT_EFORMAT,
                      "%s: the index of runs is damaged (%s); it can be moved away, a new one is made then", path,
                      sqlite3_errmsg(db));
  default: return rapt__fail(ctx, RAPT_EIO, "%s: the index of runs: %s", path, sqlite3_errmsg(db));
  }
}

/* Whatever the file holds, it is data: its views and triggers are not run. */
static bool distrust(sqlite3 *db) {
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, LONGEST_VALUE);
  return sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) == SQLITE_OK &&
         sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL) == SQLITE_OK &&
         sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL) == SQLITE_OK &&
         sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) == SQLITE_OK &&
         sqlite3_busy_timeout(db, BUSY_MILLISECONDS) == SQLITE_OK &&
         sqlite3_exec(db, "PRAGMA cell_size_check=ON; PRAGMA synchronous=NORMAL", NULL, NULL, NULL) == SQLITE_OK;
}

static rapt_status read_version(rapt_context *ctx, sqlite3 *db, const char *path, int *version) {
  sqlite3_stmt *statement = NULL;
  bool ok = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK &&
            sqlite3_step(statement) == SQLITE_ROW;
  *version = ok ? sqlite3_column_int(statement, 0) : 0;
  rapt_status status = ok ? RAPT_OK : rapt__runs_fail(ctx, db, path);
  sqlite3_finalize(statement);
  return status;
}

/* Two processes may both find no table; the second one then makes none. */
static const char create[] = "BEGIN IMMEDIATE;"
                             "CREATE TABLE IF NOT EXISTS runs(id TEXT PRIMARY KEY NOT NULL, recipe TEXT NOT NULL,"
                             " dir TEXT NOT NULL, started TEXT NOT NULL, ended TEXT, state TEXT NOT NULL, mark TEXT,"
                             " settings TEXT, version TEXT, host TEXT, pid INTEGER, born INTEGER, seed INTEGER,"
                             " steps INTEGER, seconds REAL, loss REAL, best REAL, figure REAL);"
                             "CREATE INDEX IF NOT EXISTS runs_started ON runs(started);"
                             "CREATE INDEX IF NOT EXISTS runs_dir ON runs(dir);"
                             "PRAGMA user_version=1;"
                             "COMMIT;";

static rapt_status prepare(rapt_context *ctx, sqlite3 **db, const char *path, bool writing) {
  if (!distrust(*db)) return rapt__runs_fail(ctx, *db, path);
  int version;
  RAPT_TRY(read_version(ctx, *db, path, &version));
  if (version < 0 || version > SCHEMA)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: the index of runs is of a newer rapt (version %d, %d is known)", path,
                      version, SCHEMA);
  if (version == SCHEMA) return RAPT_OK;
  if (writing)
    return sqlite3_exec(*db, create, NULL, NULL, NULL) == SQLITE_OK ? RAPT_OK : rapt__runs_fail(ctx, *db, path);
  sqlite3_close(*db); /* an index that is just being made is empty */
  *db = NULL;
  return RAPT_OK;
}

rapt_status rapt__runs_open(rapt_context *ctx, bool writing, char **path, sqlite3 **db) {
  *db = NULL;
  *path = NULL;
  char *dir = index_dir(ctx);
  if (!dir) return rapt_context_status(ctx);
  rapt_status status = writing ? rapt__make_dirs(ctx, dir) : RAPT_OK;
  if (status == RAPT_OK && !(*path = rapt__path_join(ctx, dir, "runs.db"))) status = RAPT_ENOMEM;
  rapt__free(ctx, dir);
  if (status == RAPT_OK && (writing || rapt__file_exists(*path))) {
    int flags = SQLITE_OPEN_READWRITE | (writing ? SQLITE_OPEN_CREATE : 0); /* a reader may have to roll back */
    status = sqlite3_open_v2(*path, db, flags, NULL) == SQLITE_OK ? prepare(ctx, db, *path, writing)
                                                                  : rapt__runs_fail(ctx, *db, *path);
  }
  if (status == RAPT_OK) return RAPT_OK;
  sqlite3_close(*db);
  *db = NULL;
  rapt__free(ctx, *path);
  *path = NULL;
  return status;
}
