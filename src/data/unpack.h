/* Published files that are not stored as they come: members of zip archives, bzip2, and files kept gzipped. */
#ifndef RAPT_SRC_UNPACK_H
#define RAPT_SRC_UNPACK_H

#include "data/sets.h"

typedef enum rapt__packing { RAPT__PLAIN, RAPT__BZIP2, RAPT__ZIP } rapt__packing;

/* Reads `from` (`member` of it for RAPT__ZIP), compares it with `file`, and puts it at `to`: gzipped where file's name ends
 * in .gz. Nothing is left at `to` when the bytes are not those of the table. Names within an archive are only compared with
 * `member` and never used as paths. */
rapt_status rapt__unpack(rapt_context *ctx, const rapt__data_file *file, rapt__packing packing, const char *from,
                         const char *member, const char *to);

#endif
