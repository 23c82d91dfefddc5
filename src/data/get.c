/* Fetching a data set: which address each file has, what of it is there already, and moving it into place once its
 * SHA-256 is right. */
#include "data/fetch.h"
#include "data/sets.h"
#include "data/unpack.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Archives have no size in the table, only their members have. */
#define ARCHIVE_LIMIT ((uint64_t)64 << 20)

typedef struct getting {
  rapt_context *ctx;
  const rapt__data_set *set;
  const char *dir;
  bool force, loopback;
  rapt_data_progress_fn progress; /* or NULL */
  void *user;
  rapt_data_progress at;
  rapt__arena arena; /* paths and addresses */
} getting;

static void tell(void *user, uint64_t done, uint64_t total) {
  getting *g = user;
  g->at.done = done;
  g->at.total = total;
  if (g->progress) g->progress(g->user, &g->at);
}

/* The address as the table means it, whole; NULL: no memory. */
static char *address_of(getting *g, const rapt__data_file *file) {
  const char *given = file->form == RAPT__DATA_FROM ? file->address : file->name;
  bool whole = strstr(given, "://") || strncmp(given, "github:", 7) == 0;
  char *address = rapt__arena_format(&g->arena, "%s%s", whole ? "" : g->set->base, given);
  if (address && file->form == RAPT__DATA_PACKED) address[strlen(address) - 3] = 0; /* published without .gz */
  return address;
}

/* The URLs of an address: itself, or for a repository the file at the commit and then at its present state, in case the
 * commit has gone. */
static rapt_status urls_of(getting *g, char *address, const char *url[2]) {
  url[0] = address;
  url[1] = NULL;
  if (strncmp(address, "github:", 7) != 0) return RAPT_OK;
  char *repository = address + 7, *commit = strchr(repository, '@'), *path = commit ? strchr(commit, ':') : NULL;
  if (!path) return rapt__fail(g->ctx, RAPT_EINVAL, "%s: is not github:OWNER/REPOSITORY@COMMIT:PATH", address);
  const char *site = "https://raw.githubusercontent.com";
  int n = (int)(commit - repository), m = (int)(path - commit - 1);
  url[0] = rapt__arena_format(&g->arena, "%s/%.*s/%.*s/%s", site, n, repository, m, commit + 1, path + 1);
  url[1] = rapt__arena_format(&g->arena, "%s/%.*s/HEAD/%s", site, n, repository, path + 1);
  return url[0] && url[1] ? RAPT_OK : RAPT_ENOMEM;
}

static rapt_status transfer(getting *g, char *address, const char *part, uint64_t limit, bool exact) {
  const char *url[2];
  RAPT_TRY(urls_of(g, address, url));
  rapt_status status = RAPT_OK;
  for (int i = 0; i < 2 && url[i]; i++) {
    rapt__fetch job = {.url = url[i],
                       .part = part,
                       .limit = limit,
                       .exact = exact,
                       .loopback = g->loopback,
                       .pause = g->loopback ? 0 : 1,
                       .progress = tell,
                       .user = g};
    status = rapt__fetch_file(g->ctx, &job);
    if (status != RAPT_ENOTFOUND || i == 1 || !url[1]) break;
    rapt__forget(g->ctx);
  }
  return status;
}

/* ---- One file ---- */

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

/* Stored as published: the part file becomes the file. */
static rapt_status keep(getting *g, const rapt__data_file *file, const char *part, const char *target) {
  uint64_t size;
  char sha256[65];
  RAPT_TRY(rapt__data_digest(g->ctx, part, rapt__data_is_gz(file->name), file->size, &size, sha256));
  RAPT_TRY(rapt__data_compare(g->ctx, file, target, size, sha256));
  if (rename(part, target) != 0) return rapt__fail_errno(g->ctx, "put it in place", target);
  return RAPT_OK;
}

/* The most that a file of `size` bytes takes when it is packed in a way that does not make it smaller. */
static uint64_t packed_limit(uint64_t size) { return size + size / 50 + 65536; }

static rapt_status get_file(getting *g, const rapt__data_file *file, const char *target) {
  char *address = address_of(g, file);
  if (!address) return RAPT_ENOMEM;
  char *member = strchr(address, '#');
  if (member) *member++ = 0;
  /* Members of one archive share its part file, which stays until the set is done. */
  const char *part = member ? rapt__arena_format(&g->arena, "%s/.%s.part", g->dir, strrchr(address, '/') + 1)
                            : rapt__arena_format(&g->arena, "%s.part", target);
  if (!part) return RAPT_ENOMEM;
  rapt__packing packing = member ? RAPT__ZIP : ends_with(address, ".bz2") ? RAPT__BZIP2 : RAPT__PLAIN;
  bool gz = rapt__data_is_gz(file->name), as_is = packing == RAPT__PLAIN && (!gz || ends_with(address, ".gz"));
  bool exact = packing == RAPT__PLAIN && !(gz && as_is);
  uint64_t limit = member ? ARCHIVE_LIMIT : exact ? file->size : packed_limit(file->size);
  RAPT_TRY(transfer(g, address, part, limit, exact));
  rapt_status status = as_is ? keep(g, file, part, target) : rapt__unpack(g->ctx, file, packing, part, member, target);
  /* Bytes that are wrong are no beginning for another attempt; those of a full disk are. */
  if (status == RAPT_EFORMAT || (status == RAPT_OK && !as_is && !member)) unlink(part);
  return status;
}

/* Already right, so not fetched again? Wrong files are: `rapt data get` mends what `rapt data check` finds. */
static rapt_status is_right(getting *g, const rapt__data_file *file, const char *target, bool *right) {
  uint64_t size;
  char sha256[65];
  *right = false;
  if (!rapt__file_exists(target)) return RAPT_OK;
  rapt_status status = rapt__data_digest(g->ctx, target, rapt__data_is_gz(file->name), file->size, &size, sha256);
  *right = status == RAPT_OK && size == file->size && strcmp(sha256, file->sha256) == 0;
  if (status == RAPT_EFORMAT) {
    rapt__forget(g->ctx);
    return RAPT_OK;
  }
  return status;
}

static rapt_status visit(getting *g, const rapt__data_file *file, int *by_hand) {
  if (!rapt__data_safe_name(file->name, true))
    return rapt__fail(g->ctx, RAPT_EINVAL, "\"%s\": this name leads out of the data set's folder", file->name);
  char *target = rapt__arena_format(&g->arena, "%s/%s", g->dir, file->name),
       *slash = target ? strrchr(target, '/') : NULL;
  if (!target) return RAPT_ENOMEM;
  *slash = 0;
  RAPT_TRY(rapt__make_dirs(g->ctx, target));
  *slash = '/';
  bool right = false;
  if (!g->force || file->form == RAPT__DATA_HAND) RAPT_TRY(is_right(g, file, target, &right));
  if (right) return RAPT_OK;
  if (file->form == RAPT__DATA_HAND) {
    ++*by_hand;
    return RAPT_OK;
  }
  return get_file(g, file, target);
}

/* The archives that members came from. */
static rapt_status remove_archives(getting *g) {
  for (const rapt__data_file *f = g->set->files; f->name; f++) {
    if (f->form == RAPT__DATA_HAND) continue;
    char *address = address_of(g, f), *member = address ? strchr(address, '#') : NULL;
    if (!address) return RAPT_ENOMEM;
    if (!member) continue;
    *member = 0;
    char *part = rapt__arena_format(&g->arena, "%s/.%s.part", g->dir, strrchr(address, '/') + 1);
    if (!part) return RAPT_ENOMEM;
    unlink(part);
  }
  return RAPT_OK;
}

static rapt_status all_files(getting *g) {
  int by_hand = 0;
  for (const rapt__data_file *f = g->set->files; f->name; f++, g->at.index++) {
    g->at.file = f->name;
    RAPT_TRY(visit(g, f, &by_hand));
  }
  RAPT_TRY(remove_archives(g));
  if (by_hand)
    return rapt__fail(g->ctx, RAPT_EUNSUPPORTED,
                      "%d of %d files of %s have no address to fetch them from. %s. Put them into %s, then "
                      "`rapt data check %s` compares them",
                      by_hand, g->at.count, g->set->name, g->set->by_hand, g->dir, g->set->name);
  return RAPT_OK;
}

rapt_status rapt__data_fetch_set(rapt_context *ctx, const rapt__data_set *set, const char *dir, bool force,
                                 bool loopback, rapt_data_progress_fn progress, void *user) {
  getting g = {
      .ctx = ctx, .set = set, .dir = dir, .force = force, .loopback = loopback, .progress = progress, .user = user};
  while (set->files[g.at.count].name) g.at.count++;
  RAPT_TRY(rapt__make_dirs(ctx, dir));
  int lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock < 0) return rapt__fail_errno(ctx, "open it", dir);
  rapt__arena_init(&g.arena, ctx);
  rapt_status status;
  if (flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    status = rapt__fail(ctx, RAPT_EIO, "%s: another rapt is fetching into it", dir);
  else
    status = all_files(&g);
  rapt__arena_free(&g.arena);
  close(lock);
  return status;
}

/* ---- By name ---- */

/* Is a right copy there already? A wrong one in the cache is mended; one in RAPT_DATA, which comes first, is the user's. */
static rapt_status complete(rapt_context *ctx, const char *name, const char *dir, char *path, size_t size, bool *is) {
  int missing = 1;
  rapt_status status = rapt_data_find(ctx, name, path, size, &missing);
  if (status == RAPT_OK && missing == 0) {
    status = rapt_data_check(ctx, name, NULL, NULL);
    *is = status == RAPT_OK;
    if (status == RAPT_EFORMAT && strcmp(path, dir) != 0) {
      rapt__forget(ctx);
      return rapt__fail(ctx, status,
                        "%s: is not what the table describes (`rapt data check %s` says more), and it comes "
                        "before the cache: remove or correct it",
                        path, name);
    }
  }
  if (status != RAPT_ENOTFOUND && status != RAPT_EFORMAT) return status;
  rapt__forget(ctx);
  return RAPT_OK;
}

rapt_status rapt_data_fetch(rapt_context *ctx, const char *name, int force, rapt_data_progress_fn progress, void *user,
                            char *path, size_t size) {
  int index;
  bool done = false;
  RAPT_TRY(rapt_data_index(ctx, name, &index));
  char *cache = rapt__data_cache(ctx), *dir = cache ? rapt__path_join(ctx, cache, name) : NULL;
  rapt__free(ctx, cache);
  if (!dir) return rapt_context_status(ctx);
  rapt_status status = RAPT_OK;
  if (!force) status = complete(ctx, name, dir, path, size, &done);
  if (status == RAPT_OK && !done) {
    if (strlen(dir) >= size)
      status = rapt__fail(ctx, RAPT_EINVAL, "%s: the path does not fit into %zu bytes", dir, size);
    else
      strcpy(path, dir);
    if (status == RAPT_OK)
      status = rapt__data_fetch_set(ctx, rapt__data_set_find(name), dir, force, false, progress, user);
  }
  rapt__free(ctx, dir);
  return status;
}
