/* Small tar archives for tests. */
#ifndef RAPT_TESTS_UNIT_TAR_H
#define RAPT_TESTS_UNIT_TAR_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { TAR_BLOCK = 512, TAR_ROOM = 1 << 18 };

typedef struct tar {
  char data[TAR_ROOM];
  size_t size;
} tar;

static inline void tar_begin(tar *t) { memset(t, 0, sizeof *t); }

/* Writes the sum of a header's bytes into it. */
static inline void tar_sum(char *head) {
  unsigned sum = 0;
  memset(head + 148, ' ', 8);
  for (int i = 0; i < TAR_BLOCK; i++) sum += (uint8_t)head[i];
  snprintf(head + 148, 8, "%06o", sum);
}

static inline void tar_add_bytes(tar *t, const char *name, char type, const void *bytes, size_t size) {
  char *head = t->data + t->size;
  size_t whole = (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
  if (t->size + 2 * TAR_BLOCK + whole > TAR_ROOM) fail_msg("the archive is full");
  snprintf(head, 100, "%s", name);
  snprintf(head + 124, 12, "%011o", (unsigned)size);
  head[156] = type;
  memcpy(head + 257, "ustar  ", 8);
  tar_sum(head);
  memcpy(head + TAR_BLOCK, bytes, size);
  t->size += TAR_BLOCK + whole;
}

static inline void tar_add(tar *t, const char *name, char type, const char *text) {
  tar_add_bytes(t, name, type, text, strlen(text));
}

static inline void tar_end(tar *t) { t->size += 2 * TAR_BLOCK; }

#endif
