/* Values as JSON text. */
#include "formats/show.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the well-formed UTF-8 character at the start (Unicode, table 3-7), or 0. */
static size_t character(const unsigned char *s, size_t n) {
  if (s[0] < 0x80) return 1;
  size_t size = s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
  if (size == 0 || size > n) return 0;
  unsigned char low = s[0] == 0xE0   ? 0xA0
                      : s[0] == 0xF0 ? 0x90
                                     : 0x80,
                high = s[0] == 0xED   ? 0x9F
                       : s[0] == 0xF4 ? 0x8F
                                      : 0xBF;
  if (s[1] < low || s[1] > high) return 0;
  for (size_t i = 2; i < size; i++)
    if (s[i] < 0x80 || s[i] > 0xBF) return 0;
  return size;
}

rapt_status rapt__show_text(rapt__text *out, const char *bytes, size_t size) {
  const unsigned char *s = (const unsigned char *)bytes;
  RAPT_TRY(rapt__text_add(out, "\"", 1));
  for (size_t i = 0, n; i < size; i += n ? n : 1) {
    n = character(s + i, size - i);
    if (n == 0)
      RAPT_TRY(rapt__text_add(out, "\xEF\xBF\xBD", 3));
    else if (n == 1 && (s[i] == '"' || s[i] == '\\'))
      RAPT_TRY(rapt__text_addf(out, "\\%c", s[i]));
    else if (n == 1 && (s[i] < 32 || s[i] == 127))
      RAPT_TRY(rapt__text_addf(out, "\\u%04x", s[i]));
    else
      RAPT_TRY(rapt__text_add(out, s + i, n));
  }
  return rapt__text_add(out, "\"", 1);
}

static rapt_status add_real(rapt__text *out, double x, int digits) {
  return isfinite(x) ? rapt__text_addf(out, "%.*g", digits, x) : rapt__text_addf(out, "null");
}

static rapt_status add_scalar(rapt__text *out, const rapt__gguf_value *v) {
  switch (v->kind) {
  case RAPT__GGUF_TEXT: return rapt__show_text(out, (const char *)v->at, (size_t)v->count);
  case RAPT__GGUF_BOOL: return rapt__text_addf(out, "%s", rapt__gguf_integer(v) ? "true" : "false");
  case RAPT__GGUF_F32: return add_real(out, rapt__gguf_real(v), 9);
  case RAPT__GGUF_F64: return add_real(out, rapt__gguf_real(v), 17);
  case RAPT__GGUF_U64: {
    uint64_t n = 0;
    for (int i = 7; i >= 0; i--) n = n << 8 | v->at[i];
    return rapt__text_addf(out, "%" PRIu64, n);
  }
  default: return rapt__text_addf(out, "%" PRId64, rapt__gguf_integer(v));
  }
}

rapt_status rapt__show_gguf(rapt__text *out, const rapt__gguf_value *value, int64_t most, bool *shortened) {
  if (value->kind != RAPT__GGUF_ARRAY) return add_scalar(out, value);
  uint64_t count = most >= 0 && value->count > (uint64_t)most ? (uint64_t)most : value->count;
  if (count < value->count) *shortened = true;
  RAPT_TRY(rapt__text_add(out, "[", 1));
  rapt__gguf_value element;
  for (uint64_t i = 0; i < count; i++) {
    element = i ? rapt__gguf_next(&element) : rapt__gguf_first(value);
    if (i) RAPT_TRY(rapt__text_add(out, ", ", 2));
    RAPT_TRY(rapt__show_gguf(out, &element, most, shortened));
  }
  return rapt__text_add(out, "]", 1);
}

rapt_status rapt__show_json(rapt__text *out, json_t *value, int64_t most, bool *shortened) {
  if (json_is_array(value)) {
    size_t count = json_array_size(value);
    if (most >= 0 && count > (size_t)most) {
      *shortened = true;
      count = (size_t)most;
    }
    RAPT_TRY(rapt__text_add(out, "[", 1));
    for (size_t i = 0; i < count; i++) {
      if (i) RAPT_TRY(rapt__text_add(out, ", ", 2));
      RAPT_TRY(rapt__show_json(out, json_array_get(value, i), most, shortened));
    }
    return rapt__text_add(out, "]", 1);
  }
  if (json_is_string(value)) return rapt__show_text(out, json_string_value(value), json_string_length(value));
  char *text = json_dumps(value, JSON_ENCODE_ANY);
  rapt_status status = text ? rapt__text_add(out, text, strlen(text)) : rapt__fail_memory(out->ctx, 0);
  free(text);
  return status;
}
