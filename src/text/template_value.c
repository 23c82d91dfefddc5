/* What a template computes with: truth, order and printing as Python has them. */
#include "text/template_tree.h"

#include "text/tokenizer.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

rapt__tv rapt__tv_undefined(const char *name) { return (rapt__tv){.kind = RAPT__TV_UNDEFINED, .name = name}; }

static rapt__tv no_memory(rapt__template_run *r) {
  if (r->status == RAPT_OK) r->status = rapt__fail_memory(r->t->ctx, 0);
  return rapt__tv_undefined(NULL);
}

rapt__tv rapt__tv_new(rapt__template_run *r, json_t *json) {
  if (!json || r->status != RAPT_OK) {
    json_decref(json);
    return no_memory(r);
  }
  if (r->pool_count == r->pool_room) {
    size_t room = r->pool_room ? 2 * r->pool_room : 64;
    json_t **pool = rapt__grow(r->t->ctx, r->pool, room, sizeof *pool);
    if (!pool) {
      json_decref(json);
      return no_memory(r);
    }
    r->pool = pool;
    r->pool_room = room;
  }
  r->pool[r->pool_count++] = json;
  return (rapt__tv){.kind = RAPT__TV_JSON, .json = json};
}

rapt__tv rapt__tv_text(rapt__template_run *r, const char *bytes, size_t size) {
  return rapt__tv_new(r, json_stringn(size ? bytes : "", size));
}

rapt__tv rapt__tv_bool(rapt__template_run *r, bool value) { return rapt__tv_new(r, json_boolean(value)); }

rapt__tv rapt__tv_fail(rapt__template_run *r, int line, const char *fmt, ...) {
  char what[400];
  va_list args;
  va_start(args, fmt);
  vsnprintf(what, sizeof what, fmt, args);
  va_end(args);
  if (r->status == RAPT_OK) r->status = rapt__fail(r->t->ctx, RAPT_EINVAL, "%s:%d: %s", r->t->name, line, what);
  return rapt__tv_undefined(NULL);
}

bool rapt__tv_work(rapt__template_run *r, int line, size_t amount) {
  if (r->status != RAPT_OK) return false;
  if (amount >= (size_t)INT64_MAX || (int64_t)amount > r->work) {
    rapt__tv_fail(r, line, "the template does more than is allowed");
    return false;
  }
  r->work -= (int64_t)amount;
  return true;
}

const char *rapt__tv_type(const rapt__tv *v) {
  if (v->kind == RAPT__TV_UNDEFINED) return "something that is not defined";
  if (v->kind == RAPT__TV_MACRO || v->kind == RAPT__TV_FUNCTION) return "a function";
  switch (json_typeof(v->json)) {
  case JSON_STRING: return "a text";
  case JSON_INTEGER:
  case JSON_REAL: return "a number";
  case JSON_ARRAY: return "a list";
  case JSON_OBJECT: return "an object";
  case JSON_NULL: return "none";
  default: return "true or false";
  }
}

bool rapt__tv_true(const rapt__tv *v) {
  if (v->kind == RAPT__TV_UNDEFINED) return false;
  if (v->kind != RAPT__TV_JSON) return true;
  switch (json_typeof(v->json)) {
  case JSON_STRING: return json_string_length(v->json) > 0;
  case JSON_INTEGER: return json_integer_value(v->json) != 0;
  case JSON_REAL: return json_real_value(v->json) != 0;
  case JSON_ARRAY: return json_array_size(v->json) > 0;
  case JSON_OBJECT: return json_object_size(v->json) > 0;
  default: return json_is_true(v->json);
  }
}

bool rapt__tv_is_number(const json_t *x) { return json_is_number(x) || json_is_boolean(x); }

static double number_of(const json_t *x) { return json_is_boolean(x) ? json_is_true(x) : json_number_value(x); }
static json_int_t integer_of(const json_t *x) { return json_is_boolean(x) ? json_is_true(x) : json_integer_value(x); }

static int number_order(const json_t *a, const json_t *b) {
  if (json_is_real(a) || json_is_real(b)) return (number_of(a) > number_of(b)) - (number_of(a) < number_of(b));
  return (integer_of(a) > integer_of(b)) - (integer_of(a) < integer_of(b));
}

bool rapt__tv_equal(const json_t *a, const json_t *b) {
  if (rapt__tv_is_number(a) && rapt__tv_is_number(b)) return number_order(a, b) == 0;
  if (json_is_array(a) && json_is_array(b)) {
    if (json_array_size(a) != json_array_size(b)) return false;
    for (size_t i = 0; i < json_array_size(a); i++)
      if (!rapt__tv_equal(json_array_get(a, i), json_array_get(b, i))) return false;
    return true;
  }
  if (!json_is_object(a) || !json_is_object(b)) return json_equal(a, b);
  if (json_object_size(a) != json_object_size(b)) return false;
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)a, key, value) {
    const json_t *other = json_object_get(b, key);
    if (!other || !rapt__tv_equal(value, other)) return false;
  }
  return true;
}

int rapt__tv_order(rapt__template_run *r, int line, const json_t *a, const json_t *b) {
  if (rapt__tv_is_number(a) && rapt__tv_is_number(b)) return number_order(a, b);
  if (json_is_string(a) && json_is_string(b)) {
    size_t n = json_string_length(a), m = json_string_length(b);
    int found = memcmp(json_string_value(a), json_string_value(b), n < m ? n : m);
    return found ? (found > 0) - (found < 0) : (n > m) - (n < m);
  }
  rapt__tv x = {.kind = RAPT__TV_JSON, .json = (json_t *)a}, y = {.kind = RAPT__TV_JSON, .json = (json_t *)b};
  rapt__tv_fail(r, line, "%s and %s have no order", rapt__tv_type(&x), rapt__tv_type(&y));
  return 0;
}

/* ---- Printing ---- */

static void add(rapt__template_run *r, int line, rapt__text *out, const char *bytes, size_t size) {
  if (!rapt__tv_work(r, line, size)) return;
  rapt_status status = rapt__text_add(out, bytes, size);
  if (status != RAPT_OK) r->status = status;
}

static void add_word(rapt__template_run *r, int line, rapt__text *out, const char *word) {
  add(r, line, out, word, strlen(word));
}

/* The fewest digits that read back as the same number, as Python writes them. */
static void print_real(rapt__template_run *r, int line, double x, bool json, rapt__text *out) {
  char text[40];
  if (!isfinite(x)) {
    add_word(r, line, out,
             x != x  ? (json ? "NaN" : "nan")
             : x < 0 ? (json ? "-Infinity" : "-inf")
             : json  ? "Infinity"
                     : "inf");
    return;
  }
  int digits = 1;
  do snprintf(text, sizeof text, "%.*e", digits - 1, x);
  while (strtod(text, NULL) != x && digits++ < 17);
  int exponent = atoi(strchr(text, 'e') + 1);
  if (exponent >= -4 && exponent < 16) {
    int decimals = digits - 1 - exponent;
    snprintf(text, sizeof text, "%.*f", decimals > 1 ? decimals : 1, x);
  } else {
    char *mark = strchr(text, 'e');
    snprintf(mark, (size_t)(text + sizeof text - mark), "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
  }
  add_word(r, line, out, text);
}

/* In quotes, as json.dumps with ensure_ascii=False; or as Python's repr. */
static void print_quoted(rapt__template_run *r, int line, const json_t *x, bool json, rapt__text *out) {
  const char *text = json_string_value(x);
  size_t size = json_string_length(x);
  char quote = json || (memchr(text, '\'', size) && !memchr(text, '"', size)) ? '"' : '\'';
  static const char from[] = "\b\f\n\r\t", to[] = "bfnrt";
  add(r, line, out, &quote, 1);
  for (size_t i = 0; i < size && r->status == RAPT_OK; i++) {
    unsigned char c = (unsigned char)text[i];
    char piece[8] = {(char)c};
    const char *found = c ? strchr(json ? from : from + 2, c) : NULL;
    if (c == (unsigned char)quote || c == '\\')
      snprintf(piece, sizeof piece, "\\%c", c);
    else if (found)
      snprintf(piece, sizeof piece, "\\%c", to[found - from]);
    else if (c < 0x20 || (!json && c == 0x7f))
      snprintf(piece, sizeof piece, json ? "\\u%04x" : "\\x%02x", c);
    add(r, line, out, piece, c ? strlen(piece) : json ? 6 : 4);
  }
  add(r, line, out, &quote, 1);
}

static void new_line(rapt__template_run *r, int line, int indent, int depth, rapt__text *out) {
  add(r, line, out, "\n", 1);
  for (int i = 0; i < indent * depth && r->status == RAPT_OK; i++) add(r, line, out, " ", 1);
}

static void dump(rapt__template_run *r, int line, const json_t *x, bool json, int indent, int depth, rapt__text *out) {
  if (depth > RAPT__TEMPLATE_DEPTH) {
    rapt__tv_fail(r, line, "a value is nested too deeply");
    return;
  }
  bool object = json_is_object(x);
  if (!object && !json_is_array(x)) {
    if (json_is_string(x))
      print_quoted(r, line, x, json, out);
    else if (json_is_real(x))
      print_real(r, line, json_real_value(x), json, out);
    else if (json_is_integer(x)) {
      char digits[24];
      snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(x));
      add_word(r, line, out, digits);
    } else {
      add_word(r, line, out,
               json_is_null(x)   ? (json ? "null" : "None")
               : json_is_true(x) ? (json ? "true" : "True")
               : json            ? "false"
                                 : "False");
    }
    return;
  }
  size_t count = object ? json_object_size(x) : json_array_size(x), i = 0;
  void *at = object ? json_object_iter((json_t *)x) : NULL;
  add(r, line, out, object ? "{" : "[", 1);
  for (; i < count && r->status == RAPT_OK; i++) {
    if (i) add(r, line, out, indent < 0 ? ", " : ",", indent < 0 ? 2 : 1);
    if (indent >= 0) new_line(r, line, indent, depth + 1, out);
    if (object) {
      json_t *key = json_stringn(json_object_iter_key(at), strlen(json_object_iter_key(at)));
      if (!key) no_memory(r);
      if (key) print_quoted(r, line, key, json, out);
      json_decref(key);
      add(r, line, out, ": ", 2);
    }
    dump(r, line, object ? json_object_iter_value(at) : json_array_get(x, i), json, indent, depth + 1, out);
    if (object) at = json_object_iter_next((json_t *)x, at);
  }
  if (indent >= 0 && count) new_line(r, line, indent, depth, out);
  add(r, line, out, object ? "}" : "]", 1);
}

void rapt__tv_dump(rapt__template_run *r, int line, const json_t *x, bool json, int indent, rapt__text *out) {
  dump(r, line, x, json, indent, 0, out);
}

void rapt__tv_print(rapt__template_run *r, int line, const rapt__tv *v, rapt__text *out) {
  if (v->kind == RAPT__TV_UNDEFINED || r->status != RAPT_OK) return;
  if (v->kind == RAPT__TV_MACRO || v->kind == RAPT__TV_FUNCTION)
    rapt__tv_fail(r, line, "a function cannot be printed");
  else if (json_is_string(v->json))
    add(r, line, out, json_string_value(v->json), json_string_length(v->json));
  else
    dump(r, line, v->json, false, -1, 0, out);
}

/* ---- Loops ---- */

static json_t *characters(rapt__template_run *r, const char *text, size_t size) {
  json_t *list = json_array();
  for (size_t i = 0; list && i < size;) {
    uint32_t code;
    size_t n = rapt__utf8(text + i, size - i, &code);
    if (n == 0) n = 1; /* jansson has checked the text */
    if (json_array_append_new(list, json_stringn(text + i, n)) != 0) {
      json_decref(list);
      list = NULL;
    }
    i += n;
  }
  return rapt__tv_new(r, list).json;
}

json_t *rapt__tv_elements(rapt__template_run *r, int line, const rapt__tv *v) {
  if (r->status != RAPT_OK) return NULL;
  if (v->kind == RAPT__TV_UNDEFINED) return rapt__tv_new(r, json_array()).json;
  if (v->kind == RAPT__TV_JSON && json_is_array(v->json)) return v->json;
  if (v->kind == RAPT__TV_JSON && json_is_string(v->json)) {
    if (!rapt__tv_work(r, line, json_string_length(v->json))) return NULL;
    return characters(r, json_string_value(v->json), json_string_length(v->json));
  }
  if (v->kind == RAPT__TV_JSON && json_is_object(v->json)) {
    json_t *keys = json_array();
    const char *key;
    json_t *value;
    json_object_foreach(v->json, key, value) {
      if (keys && json_array_append_new(keys, json_string(key)) != 0) {
        json_decref(keys);
        keys = NULL;
      }
    }
    return rapt__tv_new(r, keys).json;
  }
  rapt__tv_fail(r, line, "a loop cannot go over %s", rapt__tv_type(v));
  return NULL;
}
