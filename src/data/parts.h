/* Training, validation and test text in one source, dealt out pair by pair. */
#ifndef RAPT_SRC_PARTS_H
#define RAPT_SRC_PARTS_H

#include "data/bitext.h"

enum { RAPT__TRAIN, RAPT__VALID, RAPT__TEST, RAPT__PARTS };

/* Lines so far. */
typedef struct rapt__parts {
  rapt_context *ctx;
  rapt__text texts[RAPT__PARTS][2];
} rapt__parts;

void rapt__parts_init(rapt__parts *parts, rapt_context *ctx);
void rapt__parts_free(rapt__parts *parts);
rapt_status rapt__parts_add(rapt__parts *parts, int part, const rapt__line pair[2]);
/* Makes bitexts of the lines, whose memory moves there; `names` stand for the two sides in sentences. Free them after a failure
 * too. */
rapt_status rapt__parts_finish(rapt__parts *parts, const char *const names[2], rapt__bitext out[RAPT__PARTS]);

/* FNV-1a of 64 bits, to deal out by: begin with rapt__hash_begin. */
#define rapt__hash_begin UINT64_C(14695981039346656037)
uint64_t rapt__hash(uint64_t hash, char byte);

#endif
