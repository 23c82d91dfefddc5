/* JSON files of settings, read whole. */
#ifndef RAPT_SRC_JSON_H
#define RAPT_SRC_JSON_H

#include "base/base.h"

#include <jansson.h>

/* A file of at most 16 MiB; duplicate keys are refused. RAPT_EFORMAT says file, line and column. *out is NULL after an error,
 * else freed with json_decref. */
rapt_status rapt__json_read(rapt_context *ctx, const char *path, json_t **out);

#endif
