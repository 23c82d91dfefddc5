/* Whole files, plain or gzipped. */
#ifndef RAPT_SRC_PACKED_H
#define RAPT_SRC_PACKED_H

#include "base/base.h"

/* Reads a file and unpacks it if it is gzipped; free *data with rapt__free. Refused with RAPT_EFORMAT: bad gzip data, an
 * empty file, content over `limit` bytes. On failure *data is NULL. */
rapt_status rapt__packed_read(rapt_context *ctx, const char *path, size_t limit, char **data, size_t *size);

#endif
