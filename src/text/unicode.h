/* UTF-8 and the classes of characters that tokenizers ask for. */
#ifndef RAPT_SRC_TEXT_UNICODE_H
#define RAPT_SRC_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the UTF-8 character at the start of the text (1 to 4), or 0 when it is not valid; *code gets the code
 * point. */
size_t rapt__utf8(const char *text, size_t size, uint32_t *code);
size_t rapt__utf8_write(uint32_t code, char out[4]);
/* How many bytes of the text, from its start, are valid. */
size_t rapt__utf8_valid(const char *text, size_t size);
/* Characters of valid text. */
size_t rapt__utf8_count(const char *text, size_t size);
/* Length of the last character of valid text that is not empty. */
size_t rapt__utf8_last(const char *text, size_t size, uint32_t *code);

bool rapt__char_is_white(uint32_t code);   /* White_Space */
bool rapt__char_is_control(uint32_t code); /* BERT's: Cc, Cf, Co and Cs but for tab, line feed and carriage return */
bool rapt__char_is_punctuation(uint32_t code); /* ASCII's that do not stand for letters or digits, and P* */
bool rapt__char_is_number(uint32_t code);      /* N* */
bool rapt__char_is_mark(uint32_t code);        /* M* */
bool rapt__char_is_nonspacing(uint32_t code);  /* Mn */
bool rapt__char_is_word(uint32_t code);        /* letters, marks, digits, connectors */
bool rapt__char_is_chinese(uint32_t code);     /* BERT's blocks of CJK ideographs */
/* One or two characters. */
size_t rapt__lower(uint32_t code, uint32_t out[2]);

#endif
