/* GPT-2's alphabet: every byte has a printable character, so that vocabularies are readable JSON. The 68 bytes that
 * do not print (0 to 32, 127 to 160, 173) have the code points from 256 on, in their order. */
#include "text/tokenizer.h"

enum { FIRST = 256, DELETE = 127, SOFT_HYPHEN = 173, CONTROLS = 33, OTHERS = 34, LAST = FIRST + CONTROLS + OTHERS };

static bool prints(uint32_t b) { return b >= CONTROLS && (b < DELETE || b > 160) && b != SOFT_HYPHEN; }

static uint32_t letter_of(uint32_t byte) {
  if (prints(byte)) return byte;
  if (byte < CONTROLS) return FIRST + byte;
  return byte == SOFT_HYPHEN ? LAST : FIRST + CONTROLS + (byte - DELETE);
}

static int byte_of(uint32_t letter) {
  if (letter < FIRST) return prints(letter) ? (int)letter : -1;
  if (letter < FIRST + CONTROLS) return (int)letter - FIRST;
  if (letter < LAST) return (int)letter - FIRST - CONTROLS + DELETE;
  return letter == LAST ? SOFT_HYPHEN : -1;
}

uint32_t rapt__letter(unsigned char byte) { return letter_of(byte); }

int64_t rapt__letters_read(const char *letters, size_t size, char *out) {
  int64_t n = 0;
  uint32_t code = 0;
  for (size_t at = 0, step; at < size; at += step) {
    step = rapt__utf8(letters + at, size - at, &code);
    int byte = step ? byte_of(code) : -1;
    if (byte < 0) return -1;
    out[n++] = (char)byte;
  }
  return n;
}

rapt_status rapt__letters_write(const char *bytes, size_t size, rapt__text *out) {
  RAPT_TRY(rapt__text_add(out, NULL, 0)); /* an empty token is text too */
  for (size_t i = 0; i < size; i++) {
    char c[4];
    RAPT_TRY(rapt__text_add(out, c, rapt__utf8_write(letter_of((unsigned char)bytes[i]), c)));
  }
  return RAPT_OK;
}
