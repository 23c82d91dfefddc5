/* Values of files as JSON text, arrays cut short. */
#ifndef RAPT_SRC_SHOW_H
#define RAPT_SRC_SHOW_H

#include "formats/gguf.h"

#include <jansson.h>

/* Bytes as a JSON string; what is not UTF-8 becomes U+FFFD. */
rapt_status rapt__show_text(rapt__text *out, const char *bytes, size_t size);
/* Arrays to their first `most` elements (−1: whole); *shortened is set where that left some out. */
rapt_status rapt__show_gguf(rapt__text *out, const rapt__gguf_value *value, int64_t most, bool *shortened);
rapt_status rapt__show_json(rapt__text *out, json_t *value, int64_t most, bool *shortened);

#endif
