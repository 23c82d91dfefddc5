/* Tar archives: blocks of 512 bytes, a header and then the member, padded. */
#include "data/tar.h"

#include <string.h>

enum { BLOCK = 512 };

/* Octal digits, with blanks before and a blank or a zero byte behind, or up to the field's end. */
static bool octal(const char *field, size_t width, size_t *value) {
  size_t i = 0, digits = 0;
  *value = 0;
  while (i < width && field[i] == ' ') i++;
  for (; i < width && field[i] >= '0' && field[i] <= '7'; i++, digits++) *value = *value * 8 + (size_t)(field[i] - '0');
  return digits > 0 && (i == width || field[i] == ' ' || field[i] == 0);
}

/* The sum of a header's bytes, its own field counted as blanks. */
static size_t header_sum(const char *head) {
  size_t sum = 0;
  for (size_t i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? ' ' : (uint8_t)head[i];
  return sum;
}

rapt_status rapt__tar_walk(rapt_context *ctx, const char *path, const char *data, size_t size,
                           rapt_status (*each)(void *user, const rapt__tar_member *member), void *user) {
  for (size_t at = 0; at < size;) {
    const char *head = data + at;
    rapt__tar_member m;
    size_t sum;
    if (size - at < BLOCK)
      return rapt__fail(ctx, RAPT_EFORMAT, "%s: content byte %zu: a header of the archive is cut off", path, at);
    if (head[0] == 0) return RAPT_OK; /* the blocks of zeros at the end */
    if (!octal(head + 148, 8, &sum) || sum != header_sum(head))
      return rapt__fail(ctx, RAPT_EFORMAT, "%s: content byte %zu: not a tar header (its sum is wrong)", path, at);
    if (!octal(head + 124, 12, &m.size))
      return rapt__fail(ctx, RAPT_EFORMAT, "%s: content byte %zu: the member's size is not an octal number", path,
                        at + 124);
    if (m.size > size - at - BLOCK)
      return rapt__fail(ctx, RAPT_EFORMAT, "%s: content byte %zu: the member has %zu bytes, but %zu are left", path,
                        at + 124, m.size, size - at - BLOCK);
    m.data = head + BLOCK;
    memcpy(m.name, head, 100);
    m.name[100] = 0;
    if (head[156] == '0' || head[156] == 0) RAPT_TRY(each(user, &m));
    size_t whole = (m.size + BLOCK - 1) / BLOCK * BLOCK, left = size - at - BLOCK;
    at += BLOCK + (whole < left ? whole : left);
  }
  return RAPT_OK;
}
