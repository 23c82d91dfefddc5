/* Files: mapped or read whole, replaced atomically, directories. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_SIZE = 65536, TEMPORARY_TRIES = 100 };

static int open_retry(const char *path, int flags, mode_t mode) {
  int fd;
  do fd = open(path, flags | O_CLOEXEC, mode);
  while (fd < 0 && errno == EINTR);
  return fd;
}

/* Opens for reading and refuses directories. */
static rapt_status open_input(rapt_context *ctx, const char *path, int flags, int *fd, struct stat *about) {
  *fd = open_retry(path, O_RDONLY | flags, 0);
  if (*fd < 0) return rapt__fail_errno(ctx, "open it", path);
  rapt_status status = RAPT_OK;
  if (fstat(*fd, about) != 0)
    status = rapt__fail_errno(ctx, "look at it", path);
  else if (S_ISDIR(about->st_mode))
    status = rapt__fail(ctx, RAPT_EIO, "%s: is a directory, and a file is needed", path);
  if (status != RAPT_OK) {
    close(*fd);
    *fd = -1;
  }
  return status;
}

rapt_status rapt__map_open(rapt_context *ctx, const char *path, rapt__map *out) {
  *out = (rapt__map){0};
  struct stat about;
  int fd;
  /* O_NONBLOCK: a named pipe is then refused below instead of waiting for a writer. */
  RAPT_TRY(open_input(ctx, path, O_NONBLOCK, &fd, &about));
  rapt_status status = RAPT_OK;
  if (!S_ISREG(about.st_mode)) {
    status = rapt__fail(ctx, RAPT_EIO, "%s: is not a regular file, so it cannot be mapped into memory", path);
  } else if ((uintmax_t)about.st_size > SIZE_MAX) {
    status =
        rapt__fail(ctx, RAPT_EIO, "%s: %jd bytes do not fit into the address space", path, (intmax_t)about.st_size);
  } else if (about.st_size > 0) {
    void *data = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
      status = rapt__fail_errno(ctx, "map it into memory", path);
    else
      *out = (rapt__map){.data = data, .size = (size_t)about.st_size};
  }
  close(fd);
  return status;
}

void rapt__map_close(rapt__map *map) {
  if (map->data) munmap((void *)(uintptr_t)map->data, map->size);
  *map = (rapt__map){0};
}

static rapt_status fail_limit(rapt_context *ctx, const char *path, size_t limit) {
  return rapt__fail(ctx, RAPT_EFORMAT, "%s: is larger than the %zu bytes that are allowed here", path, limit);
}

/* Reads to the end of the file whatever its announced size, since pipes and /proc announce none. */
static rapt_status read_all(rapt_context *ctx, const char *path, int fd, size_t announced, size_t limit, char **data,
                            size_t *size) {
  size_t capacity = 0, wanted = announced < 4096 ? 4096 : announced + 2, fill = 0;
  char *text = NULL;
  rapt_status status = RAPT_OK;
  for (;;) {
    if (fill + 1 >= capacity) { /* one byte is kept for the terminator */
      if (capacity && __builtin_mul_overflow(capacity, 2, &wanted)) wanted = SIZE_MAX;
      char *grown = rapt__grow(ctx, text, wanted, 1);
      if (!grown) {
        status = RAPT_ENOMEM;
        break;
      }
      text = grown;
      capacity = wanted;
    }
    ssize_t got = read(fd, text + fill, capacity - 1 - fill);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) status = rapt__fail_errno(ctx, "read it", path);
    if (got <= 0) break;
    fill += (size_t)got;
    if (fill > limit) {
      status = fail_limit(ctx, path, limit);
      break;
    }
  }
  if (status != RAPT_OK) {
    rapt__free(ctx, text);
    return status;
  }
  text[fill] = 0;
  *data = text;
  *size = fill;
  return RAPT_OK;
}

rapt_status rapt__file_read(rapt_context *ctx, const char *path, size_t limit, char **data, size_t *size) {
  *data = NULL;
  *size = 0;
  struct stat about;
  int fd;
  RAPT_TRY(open_input(ctx, path, 0, &fd, &about));
  size_t announced = 0;
  rapt_status status = RAPT_OK;
  if (S_ISREG(about.st_mode)) {
    if ((uintmax_t)about.st_size > limit || (uintmax_t)about.st_size > SIZE_MAX - 2)
      status = fail_limit(ctx, path, limit);
    else
      announced = (size_t)about.st_size;
  }
  if (status == RAPT_OK) status = read_all(ctx, path, fd, announced, limit, data, size);
  close(fd);
  return status;
}

/* Opens a new file beside the path. The name is the process's own, but two contexts may write the same path at once and
 * a killed process may have left its file, so an existing one is never reused. */
static rapt_status open_temporary(rapt__out *out) {
  for (int try = 0; try < TEMPORARY_TRIES; try++) {
    out->temporary = try ? rapt__format(out->ctx, "%s.tmp.%ld.%d", out->path, (long)getpid(), try)
                         : rapt__format(out->ctx, "%s.tmp.%ld", out->path, (long)getpid());
    if (!out->temporary) return RAPT_ENOMEM;
    out->fd = open_retry(out->temporary, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (out->fd >= 0) return RAPT_OK;
    int number = errno; /* the hook may change it */
    rapt__free(out->ctx, out->temporary);
    out->temporary = NULL;
    errno = number;
    if (number != EEXIST) break;
  }
  return rapt__fail_errno(out->ctx, "make a temporary file beside it", out->path);
}

static rapt_status open_output(rapt__out *out, const char *path) {
  /* Behind a link the file is replaced and the link stays: /dev/stdout may lead to a regular file. */
  char target[PATH_MAX];
  struct stat about;
  if (lstat(path, &about) == 0 && S_ISLNK(about.st_mode) && realpath(path, target)) path = target;
  out->path = rapt__strdup(out->ctx, path);
  if (!out->path) return RAPT_ENOMEM;
  out->buffer = rapt__alloc(out->ctx, BUFFER_SIZE);
  if (!out->buffer) return RAPT_ENOMEM;
  bool exists = stat(path, &about) == 0;
  if (exists && S_ISDIR(about.st_mode))
    return rapt__fail(out->ctx, RAPT_EIO, "%s: is a directory, and a file is to be written", path);
  if (exists && !S_ISREG(about.st_mode)) { /* a terminal, a pipe, /dev/null: written to, not replaced */
    out->fd = open_retry(path, O_WRONLY, 0);
    return out->fd < 0 ? rapt__fail_errno(out->ctx, "open it for writing", path) : RAPT_OK;
  }
  RAPT_TRY(open_temporary(out));
  if (exists) (void)fchmod(out->fd, about.st_mode & 0777); /* not every file system keeps permissions */
  return RAPT_OK;
}

/* Gives back everything but the status. */
static void release(rapt__out *out) {
  if (out->fd >= 0) close(out->fd);
  if (out->temporary) unlink(out->temporary);
  rapt__free(out->ctx, out->path);
  rapt__free(out->ctx, out->temporary);
  rapt__free(out->ctx, out->buffer);
  *out = (rapt__out){.ctx = out->ctx, .fd = -1, .status = out->status};
}

rapt_status rapt__out_open(rapt_context *ctx, const char *path, rapt__out *out) {
  *out = (rapt__out){.ctx = ctx, .fd = -1};
  out->status = open_output(out, path);
  if (out->status != RAPT_OK) release(out);
  return out->status;
}

static rapt_status write_all(rapt__out *out, const uint8_t *data, size_t size) {
  while (size > 0) {
    ssize_t written = write(out->fd, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written == 0) errno = EIO; /* no progress and no reason: it would never end */
    if (written <= 0) return out->status = rapt__fail_errno(out->ctx, "write it", out->path);
    data += written;
    size -= (size_t)written;
  }
  return RAPT_OK;
}

static rapt_status flush(rapt__out *out) {
  size_t fill = out->fill;
  out->fill = 0;
  return write_all(out, out->buffer, fill);
}

/* Writing to something that was never opened, or is closed already, is the caller's mistake. */
static rapt_status check_open(rapt__out *out) {
  if (out->status == RAPT_OK && out->fd < 0)
    out->status = rapt__fail(out->ctx, RAPT_EINVAL, "output file: it was used after it was closed");
  return out->status;
}

rapt_status rapt__out_write(rapt__out *out, const void *data, size_t size) {
  RAPT_TRY(check_open(out));
  if (size > BUFFER_SIZE - out->fill) RAPT_TRY(flush(out));
  if (size >= BUFFER_SIZE) return write_all(out, data, size);
  if (size) memcpy(out->buffer + out->fill, data, size);
  out->fill += size;
  return RAPT_OK;
}

rapt_status rapt__out_printf(rapt__out *out, const char *fmt, ...) {
  RAPT_TRY(check_open(out));
  char small[512], *text = small;
  va_list args, again;
  va_start(args, fmt);
  va_copy(again, args);
  int size = vsnprintf(small, sizeof small, fmt, args);
  va_end(args);
  if (size < 0) {
    out->status = rapt__fail(out->ctx, RAPT_EINVAL, "%s: a text could not be formatted", out->path);
  } else if ((size_t)size >= sizeof small) {
    text = rapt__alloc(out->ctx, (size_t)size + 1);
    if (text)
      vsnprintf(text, (size_t)size + 1, fmt, again);
    else
      out->status = RAPT_ENOMEM;
  }
  va_end(again);
  if (out->status == RAPT_OK) rapt__out_write(out, text, (size_t)size);
  if (text != small) rapt__free(out->ctx, text);
  return out->status;
}

/* Makes the rename itself durable. File systems that cannot flush a directory, and directories that may be written but
 * not read, are left as they are: the file is in place. */
static rapt_status sync_directory(rapt__out *out) {
  const char *slash = strrchr(out->path, '/');
  char *dir = rapt__strdup(out->ctx, !slash ? "." : slash == out->path ? "/" : out->path);
  if (!dir) return RAPT_ENOMEM;
  if (slash && slash != out->path) dir[slash - out->path] = 0;
  rapt_status status = RAPT_OK;
  int fd = open_retry(dir, O_RDONLY | O_DIRECTORY, 0);
  if (fd >= 0) {
    if (fsync(fd) != 0 && errno == EIO) status = rapt__fail_errno(out->ctx, "flush it to disk", dir);
    close(fd);
  }
  rapt__free(out->ctx, dir);
  return status;
}

static rapt_status finish(rapt__out *out) {
  RAPT_TRY(check_open(out));
  RAPT_TRY(flush(out));
  /* Pipes and devices have nothing to flush. */
  if (out->temporary && fsync(out->fd) != 0) return rapt__fail_errno(out->ctx, "flush it to disk", out->path);
  int fd = out->fd;
  out->fd = -1;
  if (close(fd) != 0 && errno != EINTR) return rapt__fail_errno(out->ctx, "close it", out->path);
  if (!out->temporary) return RAPT_OK;
  if (rename(out->temporary, out->path) != 0) return rapt__fail_errno(out->ctx, "replace it", out->path);
  rapt__free(out->ctx, out->temporary);
  out->temporary = NULL;
  return sync_directory(out);
}

rapt_status rapt__out_commit(rapt__out *out) {
  out->status = finish(out);
  release(out);
  return out->status;
}

void rapt__out_abort(rapt__out *out) { release(out); }

rapt_status rapt__file_replace(rapt_context *ctx, const char *path, const void *data, size_t size) {
  rapt__out out;
  RAPT_TRY(rapt__out_open(ctx, path, &out));
  rapt__out_write(&out, data, size);
  return rapt__out_commit(&out);
}

/* One directory of the way. Any error is fine where the directory exists, since some systems say "read-only" or "not
 * permitted" before they say "exists". */
static rapt_status make_dir(rapt_context *ctx, const char *path) {
  if (mkdir(path, 0777) == 0) return RAPT_OK;
  int number = errno;
  struct stat about;
  if (stat(path, &about) == 0) {
    if (S_ISDIR(about.st_mode)) return RAPT_OK;
    return rapt__fail(ctx, RAPT_EIO, "%s: is a file, and a directory is needed", path);
  }
  errno = number;
  return rapt__fail_errno(ctx, "make the directory", path);
}

rapt_status rapt__make_dirs(rapt_context *ctx, const char *path) {
  if (!*path) return rapt__fail(ctx, RAPT_EINVAL, "make directory: the path is empty");
  char *copy = rapt__strdup(ctx, path);
  if (!copy) return RAPT_ENOMEM;
  rapt_status status = RAPT_OK;
  for (char *p = copy + 1; status == RAPT_OK && *p; p++) {
    if (*p != '/' || p[-1] == '/') continue;
    *p = 0;
    status = make_dir(ctx, copy);
    *p = '/';
  }
  if (status == RAPT_OK) status = make_dir(ctx, copy);
  rapt__free(ctx, copy);
  return status;
}

bool rapt__dir_holds_only(const char *path, const char *name) {
  DIR *dir = opendir(path);
  bool only = dir != NULL;
  for (struct dirent *e; only && (e = readdir(dir));)
    only = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || strcmp(e->d_name, name) == 0;
  if (dir) closedir(dir);
  return only;
}

bool rapt__file_exists(const char *path) {
  struct stat about;
  return stat(path, &about) == 0;
}

char *rapt__path_join(rapt_context *ctx, const char *dir, const char *name) {
  if (!dir || !*dir || *name == '/') return rapt__strdup(ctx, name);
  return rapt__format(ctx, "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", name);
}

double rapt__now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
