/* Size and SHA-256 of data files, and comparing them with the table. */
#include "data/sets.h"

#include "base/file.h"
#include "data/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sha256.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { BLOCK = 65536 };

/* Digests what zlib reads; it reads files that are not compressed as they are. */
static rapt_status digest_stream(rapt_context *ctx, const char *path, gzFile in, bool content, uint64_t limit,
                                 uint64_t *size, uint8_t sum[SHA256_DIGEST_LENGTH]) {
  uint8_t *block = rapt__alloc(ctx, BLOCK);
  if (!block) return RAPT_ENOMEM;
  SHA256_CTX sha;
  SHA256Init(&sha);
  rapt_status status = RAPT_OK;
  int got = 0;
  for (*size = 0; *size <= limit && (got = gzread(in, block, BLOCK)) > 0; *size += (unsigned)got)
    SHA256Update(&sha, block, (size_t)got);
  SHA256Final(sum, &sha);
  int number = 0;
  const char *why = gzerror(in, &number);
  if (got < 0 && number == Z_ERRNO)
    status = rapt__fail_errno(ctx, "read it", path);
  else if (got < 0 || (*size <= limit && number == Z_BUF_ERROR))
    status = rapt__fail(ctx, RAPT_EFORMAT, "%s: the compressed data is damaged: %s", path, why);
  else if (content && gzdirect(in))
    status = rapt__fail(ctx, RAPT_EFORMAT, "%s: is not a gzip file", path);
  rapt__free(ctx, block);
  return status;
}

/* As it lies on disk: zlib would unpack it. */
static rapt_status digest_plain(rapt_context *ctx, const char *path, int fd, uint64_t limit, uint64_t *size,
                                uint8_t sum[SHA256_DIGEST_LENGTH]) {
  uint8_t *block = rapt__alloc(ctx, BLOCK);
  if (!block) return RAPT_ENOMEM;
  SHA256_CTX sha;
  SHA256Init(&sha);
  rapt_status status = RAPT_OK;
  *size = 0;
  while (*size <= limit) {
    ssize_t got = read(fd, block, BLOCK);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) status = rapt__fail_errno(ctx, "read it", path);
    if (got <= 0) break;
    SHA256Update(&sha, block, (size_t)got);
    *size += (size_t)got;
  }
  SHA256Final(sum, &sha);
  rapt__free(ctx, block);
  return status;
}

rapt_status rapt__data_digest(rapt_context *ctx, const char *path, bool content, uint64_t limit, uint64_t *size,
                              char sha256[65]) {
  uint8_t sum[SHA256_DIGEST_LENGTH];
  /* O_NONBLOCK: a named pipe in the folder must not make this wait. */
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return rapt__fail_errno(ctx, "open it", path);
  rapt_status status;
  if (content) {
    gzFile in = gzdopen(fd, "rb");
    if (in) {
      status = digest_stream(ctx, path, in, true, limit, size, sum);
      gzclose(in);
    } else {
      status = rapt__fail_memory(ctx, BLOCK);
      close(fd);
    }
  } else {
    status = digest_plain(ctx, path, fd, limit, size, sum);
    close(fd);
  }
  for (int i = 0; i < SHA256_DIGEST_LENGTH && status == RAPT_OK; i++) sprintf(sha256 + 2 * i, "%02x", sum[i]);
  return status;
}

rapt_status rapt__data_compare(rapt_context *ctx, const rapt__data_file *file, const char *where, uint64_t size,
                               const char *sha256) {
  const char *what = rapt__data_is_gz(file->name) ? " uncompressed" : "";
  if (size > file->size)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: has more than the %llu%s bytes of the table", where,
                      (unsigned long long)file->size, what);
  if (size < file->size)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: has %llu%s bytes instead of the table's %llu", where,
                      (unsigned long long)size, what, (unsigned long long)file->size);
  if (strcmp(sha256, file->sha256) != 0)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: its SHA-256 is %s, the table's is %s: this is not the same file", where,
                      sha256, file->sha256);
  return RAPT_OK;
}

/* One file; a wrong one is told to `each` and leaves the context without an error, so that the others are looked at. */
static rapt_status check_file(rapt_context *ctx, const rapt__data_file *file, const char *dir, rapt_data_check_fn each,
                              void *user, rapt_data_state *state) {
  char *path = rapt__path_join(ctx, dir, file->name), sha256[65];
  if (!path) return RAPT_ENOMEM;
  *state = RAPT_DATA_MISSING;
  rapt_status status = RAPT_OK;
  if (rapt__file_exists(path)) {
    uint64_t size;
    status = rapt__data_digest(ctx, path, rapt__data_is_gz(file->name), file->size, &size, sha256);
    if (status == RAPT_OK) status = rapt__data_compare(ctx, file, path, size, sha256);
    *state = status == RAPT_OK ? RAPT_DATA_RIGHT : RAPT_DATA_WRONG;
  }
  rapt__free(ctx, path);
  if (status == RAPT_ENOMEM) return status;
  if (each) each(user, file->name, *state, status == RAPT_OK ? "" : rapt_context_message(ctx));
  rapt__forget(ctx);
  return RAPT_OK;
}

rapt_status rapt_data_check(rapt_context *ctx, const char *name, rapt_data_check_fn each, void *user) {
  int index, wrong = 0, missing = 0;
  RAPT_TRY(rapt_data_index(ctx, name, &index));
  const rapt__data_set *set = rapt__data_set_find(name);
  char dir[PATH_MAX];
  RAPT_TRY(rapt_data_find(ctx, name, dir, sizeof dir, NULL));
  for (const rapt__data_file *f = set->files; f->name; f++) {
    rapt_data_state state;
    RAPT_TRY(check_file(ctx, f, dir, each, user, &state));
    wrong += state == RAPT_DATA_WRONG;
    missing += state == RAPT_DATA_MISSING;
  }
  if (wrong)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: %d %s not what the table describes", dir, wrong,
                      wrong == 1 ? "file is" : "files are");
  if (missing)
    return rapt__fail(ctx, RAPT_ENOTFOUND, "%s: %d %s missing; `rapt data get %s` fetches what has an address", dir,
                      missing, missing == 1 ? "file is" : "files are", name);
  return RAPT_OK;
}
