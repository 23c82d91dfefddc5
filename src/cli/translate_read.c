/* Lines as they come: a window is filled from what is there, so that a pipe's last line is not kept waiting for the next. */
#include "cli/translate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 65536 };

bool lines_open(line_reader *r, const char *path) {
  *r = (line_reader){.fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)};
  if (r->fd < 0) fprintf(stderr, "rapt: cannot read %s: %s\n", path, strerror(errno));
  return r->fd >= 0;
}

void lines_close(line_reader *r) {
  if (r->fd > STDIN_FILENO) close(r->fd);
  free(r->data);
  *r = (line_reader){.fd = -1};
}

/* Waits for bytes: false at the end, or after a failure. */
static bool read_more(line_reader *r) {
  if (r->room - r->size < PIECE) {
    char *more = realloc(r->data, r->room * 2 + PIECE);
    if (!more) {
      errno = ENOMEM;
      r->failed = true;
      return false;
    }
    r->data = more;
    r->room = r->room * 2 + PIECE;
  }
  ssize_t n = read(r->fd, r->data + r->size, PIECE);
  if (n > 0) r->size += (size_t)n;
  if (n == 0) r->ended = true;
  if (n < 0) r->failed = true;
  return n > 0;
}

static bool is_ready(const line_reader *r) {
  struct pollfd p = {.fd = r->fd, .events = POLLIN};
  return poll(&p, 1, 0) > 0;
}

static size_t line_size(const char *line, const char *end) {
  size_t n = (size_t)(end - line);
  return n > 0 && line[n - 1] == '\r' ? n - 1 : n;
}

/* The lines that are whole, as offsets at first, since the buffer may move. */
static int64_t find_lines(const line_reader *r, size_t *scanned, int64_t most, const char **lines, size_t *sizes) {
  int64_t count = 0;
  size_t at = 0;
  while (count < most && at < r->size) {
    const char *line = r->data + at, *end = memchr(line, '\n', r->size - at);
    if (!end && !r->ended) break;
    if (!end) end = r->data + r->size;
    lines[count] = line;
    sizes[count++] = line_size(line, end);
    at = (size_t)(end - r->data) + 1;
  }
  *scanned = at < r->size ? at : r->size;
  return count;
}

int64_t lines_next(line_reader *r, int64_t most, const char **lines, size_t *sizes) {
  if (r->taken) memmove(r->data, r->data + r->taken, r->size - r->taken);
  r->size -= r->taken;
  r->taken = 0;
  for (;;) {
    size_t scanned;
    int64_t count = find_lines(r, &scanned, most, lines, sizes);
    if (count == most || r->ended || (count > 0 && !is_ready(r))) {
      r->taken = scanned;
      return count;
    }
    if (!read_more(r) && r->failed) return -1;
  }
}

int64_t lines_split(const char *text, size_t size, const char ***lines, size_t **sizes) {
  int64_t count = 0, room = 1;
  for (size_t i = 0; i < size; i++) room += text[i] == '\n';
  *lines = malloc((size_t)room * sizeof **lines);
  *sizes = malloc((size_t)room * sizeof **sizes);
  if (!*lines || !*sizes) {
    free(*lines);
    free(*sizes);
    *lines = NULL;
    *sizes = NULL;
    return -1;
  }
  for (size_t at = 0; at < size;) {
    const char *line = text + at, *end = memchr(line, '\n', size - at);
    if (!end) end = text + size;
    (*lines)[count] = line;
    (*sizes)[count++] = line_size(line, end);
    at = (size_t)(end - text) + 1;
  }
  return count;
}
