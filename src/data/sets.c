/* The table of data sets, and where their folders are. */
#include "data/sets.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The tables open and close braces, which no formatter understands. */
// clang-format off
#define SET(name, about, licence, base, by_hand) {name, about, licence, base, by_hand, (const rapt__data_file[]){
#define SAME(name, size, sha256) {RAPT__DATA_SAME, name, size, sha256, NULL},
#define PACKED(name, size, sha256) {RAPT__DATA_PACKED, name, size, sha256, NULL},
#define FROM(name, size, sha256, address) {RAPT__DATA_FROM, name, size, sha256, address},
#define HAND(name, size, sha256) {RAPT__DATA_HAND, name, size, sha256, NULL},
#define PACKAGE(name, size, sha256, folder) {RAPT__DATA_HAND, name, size, sha256, folder},
#define END {0}}},
// clang-format on
static const rapt__data_set sets[] = {
#include "data/text_sets.def"
#include "data/other_sets.def"
};
#undef SET
#undef SAME
#undef PACKED
#undef FROM
#undef HAND
#undef PACKAGE
#undef END

enum { SETS = sizeof sets / sizeof *sets };

const rapt__data_set *rapt__data_set_find(const char *name) {
  for (size_t i = 0; i < SETS; i++)
    if (strcmp(sets[i].name, name) == 0) return &sets[i];
  return NULL;
}

/* Place in the alphabetical order; the tables are ordered by theme. */
static int rank(const rapt__data_set *set) {
  int n = 0;
  for (size_t i = 0; i < SETS; i++) n += strcmp(sets[i].name, set->name) < 0;
  return n;
}

int rapt_data_count(void) { return SETS; }

rapt_status rapt_data_get_info(rapt_context *ctx, int index, rapt_data_info *out) {
  *out = (rapt_data_info){0};
  for (size_t i = 0; i < SETS; i++) {
    const rapt__data_set *set = &sets[i];
    if (rank(set) != index) continue;
    *out = (rapt_data_info){set->name, set->about, set->licence, set->base, set->by_hand, 0, 0};
    for (const rapt__data_file *f = set->files; f->name; f++) {
      out->bytes += f->size;
      out->files++;
    }
    return RAPT_OK;
  }
  return rapt__fail(ctx, RAPT_EINVAL, "data set %d: there are %d, counted from 0", index, (int)SETS);
}

static rapt_status unknown(rapt_context *ctx, const char *what, const char *name) {
  const char *names[SETS];
  for (size_t i = 0; i < SETS; i++) names[i] = sets[i].name;
  const char *near = rapt__nearest(name, names, SETS);
  return rapt__fail(ctx, RAPT_EKEY, "there is no %s \"%s\"%s%s%s; `rapt data list` names the data sets", what, name,
                    near ? "; did you mean \"" : "", near ? near : "", near ? "\"" : "");
}

rapt_status rapt_data_index(rapt_context *ctx, const char *name, int *index) {
  const rapt__data_set *set = rapt__data_set_find(name);
  if (!set) return unknown(ctx, "data set", name);
  *index = rank(set);
  return RAPT_OK;
}

bool rapt__data_safe_name(const char *name, bool slashes) {
  const char *p = name;
  do {
    size_t n = strcspn(p, "/");
    if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.')) return false;
    p += n;
    if (*p && !slashes) return false;
  } while (*p++);
  return true;
}

bool rapt__data_is_gz(const char *name) {
  size_t n = strlen(name);
  return n > 3 && strcmp(name + n - 3, ".gz") == 0;
}

/* ---- Folders ---- */

/* The value of a variable that is an absolute path; the XDG rules have relative ones ignored. */
static const char *folder(const char *variable) {
  const char *value = getenv(variable);
  return value && *value == '/' ? value : NULL;
}

char *rapt__data_cache(rapt_context *ctx) {
  const char *value = getenv("RAPT_HOME");
  if (value && *value) return rapt__format(ctx, "%s/data", value);
  if ((value = folder("XDG_CACHE_HOME"))) return rapt__format(ctx, "%s/rapt", value);
  if ((value = folder("HOME"))) return rapt__format(ctx, "%s/.cache/rapt", value);
  rapt__fail(ctx, RAPT_ENOTFOUND, "there is no place for data sets: none of RAPT_HOME, XDG_CACHE_HOME and HOME is set");
  return NULL;
}

int rapt__data_missing(rapt_context *ctx, const rapt__data_set *set, const char *dir) {
  int missing = 0;
  for (const rapt__data_file *f = set->files; f->name; f++) {
    char *path = rapt__path_join(ctx, dir, f->name);
    if (!path) return -1;
    missing += !rapt__file_exists(path);
    rapt__free(ctx, path);
  }
  return missing;
}

/* Where a package of the system puts the set, or NULL. */
static const char *package_of(const rapt__data_set *set) {
  return set && set->files->form == RAPT__DATA_HAND ? set->files->address : NULL;
}

enum { PLACES = 3 };

/* RAPT_DATA, the cache, a package's folder, each allocated, or NULL where it is not set or not there. */
static rapt_status places(rapt_context *ctx, const char *name, char *out[PLACES]) {
  out[0] = out[1] = out[2] = NULL;
  const char *root = getenv("RAPT_DATA");
  bool home = (getenv("RAPT_HOME") && *getenv("RAPT_HOME")) || folder("XDG_CACHE_HOME") || folder("HOME");
  char *cache = NULL;
  if (home && !(cache = rapt__data_cache(ctx))) return RAPT_ENOMEM;
  const char *roots[PLACES] = {root && *root ? root : NULL, cache, package_of(rapt__data_set_find(name))};
  rapt_status status = RAPT_OK;
  for (int i = 0; i < PLACES && status == RAPT_OK; i++) {
    if (!roots[i]) continue;
    struct stat about;
    if (!(out[i] = i < 2 ? rapt__path_join(ctx, roots[i], name) : rapt__strdup(ctx, roots[i])))
      status = RAPT_ENOMEM;
    else if (stat(out[i], &about) != 0 || !S_ISDIR(about.st_mode)) {
      rapt__free(ctx, out[i]);
      out[i] = NULL;
    }
  }
  rapt__free(ctx, cache);
  return status;
}

static rapt_status not_there(rapt_context *ctx, const char *what, const char *name) {
  const rapt__data_set *set = rapt__data_set_find(name);
  if (!set) return unknown(ctx, what, name);
  const char *root = getenv("RAPT_DATA");
  if (package_of(set))
    return rapt__fail(ctx, RAPT_ENOTFOUND,
                      "data \"%s\" is not there: `%s` puts it into %s; or set RAPT_DATA (%s) to a folder that holds %s",
                      name, set->by_hand, package_of(set), root && *root ? root : "not set", name);
  return rapt__fail(ctx, RAPT_ENOTFOUND,
                    "data \"%s\" is not there: `rapt data get %s` %s (licence: %s), or set RAPT_DATA (%s) to a folder "
                    "that holds %s",
                    name, name, *set->by_hand ? "says how to get it" : "fetches it", set->licence,
                    root && *root ? root : "not set", name);
}

/* The folder with the fewest files missing, the earlier one among equals; one without any file is what an interrupted
 * fetch left. A name of no table has nothing to miss. */
static rapt_status choose(rapt_context *ctx, const char *name, char *const place[PLACES], const char **best,
                          int *least) {
  const rapt__data_set *set = rapt__data_set_find(name);
  int all = 0;
  while (set && set->files[all].name) all++;
  *best = NULL;
  for (int i = 0; i < PLACES; i++) {
    if (!place[i]) continue;
    int missing = set ? rapt__data_missing(ctx, set, place[i]) : 0;
    if (missing < 0) return RAPT_ENOMEM;
    if ((set && missing == all) || (*best && missing >= *least)) continue;
    *best = place[i];
    *least = missing;
  }
  return RAPT_OK;
}

rapt_status rapt__data_find(rapt_context *ctx, const char *what, const char *name, char *path, size_t size,
                            int *missing) {
  if (size) *path = 0;
  if (!rapt__data_safe_name(name, false)) return unknown(ctx, what, name);
  char *place[PLACES];
  const char *best = NULL;
  rapt_status status = places(ctx, name, place);
  if (status == RAPT_OK) status = choose(ctx, name, place, &best, missing);
  if (status == RAPT_OK && !best) status = not_there(ctx, what, name);
  if (status == RAPT_OK && strlen(best) >= size)
    status = rapt__fail(ctx, RAPT_EINVAL, "%s: the path does not fit into %zu bytes", best, size);
  if (status == RAPT_OK) strcpy(path, best);
  for (int i = 0; i < PLACES; i++) rapt__free(ctx, place[i]);
  return status;
}

rapt_status rapt_data_find(rapt_context *ctx, const char *name, char *path, size_t size, int *missing) {
  int ignored;
  return rapt__data_find(ctx, "data set", name, path, size, missing ? missing : &ignored);
}
