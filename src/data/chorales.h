/* Pieces as piano rolls (Boulanger-Lewandowski et al. 2012) from a JSON file: {"train", "valid", "test"}, each a
 * list of pieces, a piece a list of frames, a frame the list of the notes that sound, as MIDI numbers 21 to 108. */
#ifndef RAPT_SRC_DATA_CHORALES_H
#define RAPT_SRC_DATA_CHORALES_H

#include <rapt/music.h>
#include "base/base.h"

enum { RAPT__CHORALES_TRAIN, RAPT__CHORALES_VALID, RAPT__CHORALES_TEST, RAPT__CHORALES_PARTS };

typedef struct rapt__chorales {
  rapt_context *ctx;
  rapt_roll *pieces; /* owned; parts one behind the other */
  size_t begin[RAPT__CHORALES_PARTS + 1];
} rapt__chorales;

/* Reads the parts [first, last]; the others stay empty. RAPT_EFORMAT names part, piece, frame. Free it after a
 * failure too. */
rapt_status rapt__chorales_read(rapt_context *ctx, const char *path, int first, int last, rapt__chorales *out);
void rapt__chorales_free(rapt__chorales *chorales);

#endif
