/* Bibles as modules of the SWORD project (driver zText, versification KJV): verses by number. A module is a folder's
 * mods.d/NAME.conf, and where its DataPath says for each testament three files: blocks of text, each compressed for itself; where
 * the blocks are; and for each verse its block, and its place in that. */
#ifndef RAPT_SRC_SWORD_H
#define RAPT_SRC_SWORD_H

#include "data/parts.h"

enum { RAPT__OLD, RAPT__NEW, RAPT__TESTAMENTS };
enum { RAPT__VERSES = 31102 }; /* of both testaments in this versification */

typedef enum rapt__markup { RAPT__MARKUP_NONE, RAPT__MARKUP_OSIS, RAPT__MARKUP_THML, RAPT__MARKUP_GBF } rapt__markup;

typedef struct rapt__sword {
  rapt_context *ctx;
  rapt__text text;
  struct {
    size_t begin, size; /* in the text; size 0: the module does not have the verse */
  } verses[RAPT__VERSES];
} rapt__sword;

/* Reads a module's verses, without markup, notes and headings, white space as single blanks. RAPT_EFORMAT names the file and the
 * byte, or the verse; RAPT_EUNSUPPORTED another driver, compression, versification or encoding, or an encrypted module. Free it after
 * a failure too. */
rapt_status rapt__sword_read(rapt_context *ctx, const char *dir, const char *module, rapt__sword *out);
void rapt__sword_free(rapt__sword *sword);

/* A testament's files in memory, and what they are called in sentences. */
typedef struct rapt__sword_files {
  const char *names[3]; /* blocks' places, verses' places, blocks */
  const uint8_t *data[3];
  size_t sizes[3];
} rapt__sword_files;
/* Adds a testament's verses to a module that was begun with rapt__sword_begin. */
void rapt__sword_begin(rapt__sword *sword, rapt_context *ctx);
rapt_status rapt__sword_parse(rapt__sword *sword, int testament, rapt__markup markup, const rapt__sword_files *files);

/* The verses that both modules have, in order. A verse's part follows from its number from 0 on: modulo 30, 0 is test, 15 is valid,
 * the rest train. Free the parts after a failure too. */
rapt_status rapt__sword_pairs(rapt_context *ctx, const char *dir, const char *const modules[2],
                              rapt__bitext out[RAPT__PARTS]);

/* sword_markup.c: an entry without its markup; what it has before `text->size` stays. NULL, or what is wrong. */
const char *rapt__markup_strip(rapt__markup markup, const char *entry, size_t size, rapt__text *text,
                               rapt_status *status);

/* ---- mods.d/NAME.conf, sword_conf.c ---- */

typedef struct rapt__sword_conf {
  char *path; /* of the data, below the module's folder; owned; freed by rapt__free */
  rapt__markup markup;
  char block; /* how the files of this block size are called: 'b', 'c' or 'v' */
} rapt__sword_conf;
rapt_status rapt__sword_conf_parse(rapt_context *ctx, const char *name, const char *text, size_t size,
                                   rapt__sword_conf *out);

#endif
