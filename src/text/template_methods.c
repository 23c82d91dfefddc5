/* Methods of texts and objects ("x.name()"), and functions. */
#include "text/template_tree.h"

#include "text/tokenizer.h"

#include <string.h>
#include <time.h>
#include <utf8proc.h>

typedef rapt__template_run run;
typedef rapt__tv tv;
typedef rapt__tv_arguments arguments;

enum { RANGE = 100000 }; /* numbers at most, as in Jinja's sandbox */

static bool is_json(const tv *v) { return v->kind != RAPT__TV_UNDEFINED && v->json; }

static const json_t *text_at(run *r, int line, const arguments *args, int index, const char *keyword) {
  const tv *v = rapt__tv_given(args, index, keyword);
  if (!v || (is_json(v) && json_is_null(v->json))) return NULL;
  if (is_json(v) && json_is_string(v->json)) return v->json;
  rapt__tv_fail(r, line, "a text is needed here, not %s", rapt__tv_type(v));
  return NULL;
}

static int64_t whole_at(run *r, int line, const arguments *args, int index, const char *keyword, int64_t absent) {
  const tv *v = rapt__tv_given(args, index, keyword);
  if (!v) return absent;
  if (is_json(v) && json_is_integer(v->json)) return json_integer_value(v->json);
  rapt__tv_fail(r, line, "a whole number is needed here, not %s", rapt__tv_type(v));
  return absent;
}

/* ---- Methods of texts ---- */

/* Python's white space. */
static bool is_space(uint32_t code) {
  return (code >= 9 && code <= 13) || (code >= 28 && code <= 32) || code == 0x85 || code == 0xa0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 || code == 0x202f || code == 0x205f ||
         code == 0x3000;
}

/* Whether a character (size bytes) goes: it is white space, or one of `set`. */
static bool goes(const char *at, size_t size, uint32_t code, const json_t *set) {
  return set ? memmem(json_string_value(set), json_string_length(set), at, size) != NULL : is_space(code);
}

static tv strip(run *r, const json_t *self, const json_t *set, bool left, bool right) {
  const char *text = json_string_value(self);
  size_t begin = 0, end = json_string_length(self);
  uint32_t code;
  for (size_t n; left && begin < end && (n = rapt__utf8(text + begin, end - begin, &code)); begin += n)
    if (!goes(text + begin, n, code, set)) break;
  while (right && end > begin) {
    size_t at = end - 1;
    while (at > begin && ((unsigned char)text[at] & 0xc0) == 0x80) at--;
    if (rapt__utf8(text + at, end - at, &code) == 0 || !goes(text + at, end - at, code, set)) break;
    end = at;
  }
  return rapt__tv_text(r, text + begin, end - begin);
}

typedef enum letters { LOWER, UPPER, TITLE, CAPITAL } letters;

/* Character by character; those that become several (ß) stay as they are. */
static tv turn(run *r, int line, const json_t *self, letters how) {
  const char *text = json_string_value(self);
  size_t size = json_string_length(self);
  rapt__text out;
  rapt__text_init(&out, r->t->ctx);
  bool begins = true;
  for (size_t i = 0, n; i < size && r->status == RAPT_OK && rapt__tv_work(r, line, 1); i += n) {
    uint32_t code;
    char utf8[4];
    n = rapt__utf8(text + i, size - i, &code);
    if (n == 0) break;
    bool up = how == UPPER || (how != LOWER && begins);
    utf8proc_int32_t turned = up ? utf8proc_toupper((utf8proc_int32_t)code) : utf8proc_tolower((utf8proc_int32_t)code);
    begins = how == TITLE && utf8proc_toupper((utf8proc_int32_t)code) == utf8proc_tolower((utf8proc_int32_t)code);
    r->status = rapt__text_add(&out, utf8, rapt__utf8_write((uint32_t)turned, utf8));
  }
  tv made = r->status == RAPT_OK ? rapt__tv_text(r, out.data, out.size) : rapt__tv_undefined(NULL);
  rapt__text_free(&out);
  return made;
}

static tv replace(run *r, int line, const json_t *self, const arguments *args) {
  const json_t *from = text_at(r, line, args, 0, "old"), *to = text_at(r, line, args, 1, "new");
  int64_t most = whole_at(r, line, args, 2, "count", -1);
  if (r->status == RAPT_OK && (!from || !to || json_string_length(from) == 0))
    return rapt__tv_fail(r, line, "what is to be replaced, or by what, is missing");
  const char *at = json_string_value(self), *end = at + json_string_length(self), *found;
  rapt__text out;
  rapt__text_init(&out, r->t->ctx);
  while (r->status == RAPT_OK && most != 0 &&
         rapt__tv_work(r, line, (size_t)(end - at) / 64 + json_string_length(to)) &&
         (found = memmem(at, (size_t)(end - at), json_string_value(from), json_string_length(from)))) {
    r->status = rapt__text_add(&out, at, (size_t)(found - at));
    if (r->status == RAPT_OK) r->status = rapt__text_add(&out, json_string_value(to), json_string_length(to));
    at = found + json_string_length(from);
    most -= most > 0;
  }
  if (r->status == RAPT_OK) r->status = rapt__text_add(&out, at, (size_t)(end - at));
  tv made = r->status == RAPT_OK ? rapt__tv_text(r, out.data, out.size) : rapt__tv_undefined(NULL);
  rapt__text_free(&out);
  return made;
}

static bool append(json_t *list, const char *bytes, size_t size) {
  return json_array_append_new(list, json_stringn(bytes, size)) == 0;
}

/* Between runs of white space, or between each `by`. */
static tv split(run *r, int line, const json_t *self, const arguments *args) {
  const json_t *by = text_at(r, line, args, 0, "sep");
  int64_t most = whole_at(r, line, args, 1, "maxsplit", -1);
  const char *text = json_string_value(self);
  size_t size = json_string_length(self), at = 0;
  if (by && json_string_length(by) == 0) return rapt__tv_fail(r, line, "a text cannot be split by nothing");
  json_t *list = rapt__tv_work(r, line, size) ? json_array() : NULL;
  bool made = list != NULL;
  uint32_t code;
  while (made && by) {
    const char *found = most == 0 ? NULL : memmem(text + at, size - at, json_string_value(by), json_string_length(by));
    made = append(list, text + at, (found ? (size_t)(found - text) : size) - at);
    if (!found) break;
    at = (size_t)(found - text) + json_string_length(by);
    most -= most > 0;
  }
  while (made && !by) {
    size_t n = 0, end;
    while (at < size && (n = rapt__utf8(text + at, size - at, &code)) && is_space(code)) at += n;
    if (at == size) break;
    for (end = at; end < size && (n = rapt__utf8(text + end, size - end, &code)) && !is_space(code);) end += n;
    if (most == 0) {
      end = size;
      while (end > at && strchr(" \t\r\n\f\v", text[end - 1])) end--;
    }
    made = append(list, text + at, end - at);
    if (most == 0) break;
    most -= most > 0;
    at = end;
  }
  if (!made) {
    json_decref(list);
    list = NULL;
  }
  return rapt__tv_new(r, list);
}

/* Whether the text begins, or ends, with an argument: a text or a list of them. */
static bool has_end(run *r, int line, const json_t *self, const tv *what, bool start) {
  if (!what || !is_json(what) || !(json_is_string(what->json) || json_is_array(what->json))) {
    rapt__tv_fail(r, line, "a text is needed here");
    return false;
  }
  size_t size = json_string_length(self), count = json_is_array(what->json) ? json_array_size(what->json) : 1;
  for (size_t i = 0; i < count; i++) {
    const json_t *x = json_is_array(what->json) ? json_array_get(what->json, i) : what->json;
    size_t n = json_string_length(x);
    if (json_is_string(x) && n <= size &&
        memcmp(json_string_value(self) + (start ? 0 : size - n), json_string_value(x), n) == 0)
      return true;
  }
  return false;
}

/* Where a text stands in this one, in characters; −1. */
static tv find(run *r, int line, const json_t *self, const arguments *args) {
  const json_t *what = text_at(r, line, args, 0, NULL);
  if (!what) return rapt__tv_fail(r, line, "a text is needed here");
  const char *text = json_string_value(self);
  const char *found = memmem(text, json_string_length(self), json_string_value(what), json_string_length(what));
  json_int_t place = found ? 0 : -1;
  for (const char *at = text; found && at < found; at++) place += ((unsigned char)*at & 0xc0) != 0x80;
  return rapt__tv_new(r, json_integer(place));
}

static tv count(run *r, int line, const json_t *self, const arguments *args) {
  const json_t *what = text_at(r, line, args, 0, NULL);
  if (!what || json_string_length(what) == 0) return rapt__tv_fail(r, line, "a text is needed here");
  const char *at = json_string_value(self), *end = at + json_string_length(self);
  json_int_t n = 0;
  while ((at = memmem(at, (size_t)(end - at), json_string_value(what), json_string_length(what)))) {
    n++;
    at += json_string_length(what);
  }
  return rapt__tv_new(r, json_integer(n));
}

static tv text_method(run *r, int line, const char *name, const json_t *self, const arguments *args, bool *known) {
  if (strcmp(name, "strip") == 0) return strip(r, self, text_at(r, line, args, 0, "chars"), true, true);
  if (strcmp(name, "lstrip") == 0) return strip(r, self, text_at(r, line, args, 0, "chars"), true, false);
  if (strcmp(name, "rstrip") == 0) return strip(r, self, text_at(r, line, args, 0, "chars"), false, true);
  if (strcmp(name, "lower") == 0) return turn(r, line, self, LOWER);
  if (strcmp(name, "upper") == 0) return turn(r, line, self, UPPER);
  if (strcmp(name, "title") == 0) return turn(r, line, self, TITLE);
  if (strcmp(name, "capitalize") == 0) return turn(r, line, self, CAPITAL);
  if (strcmp(name, "replace") == 0) return replace(r, line, self, args);
  if (strcmp(name, "split") == 0) return split(r, line, self, args);
  if (strcmp(name, "find") == 0) return find(r, line, self, args);
  if (strcmp(name, "count") == 0) return count(r, line, self, args);
  if (strcmp(name, "startswith") == 0)
    return rapt__tv_bool(r, has_end(r, line, self, rapt__tv_given(args, 0, NULL), true));
  if (strcmp(name, "endswith") == 0)
    return rapt__tv_bool(r, has_end(r, line, self, rapt__tv_given(args, 0, NULL), false));
  if (strcmp(name, "join") == 0 && args->count == 1) {
    tv between = {.kind = RAPT__TV_JSON, .json = (json_t *)self};
    arguments with = {.at = {{NULL, between}}, .count = 1};
    return rapt__template_filter(r, line, "join", args->at[0].value, &with);
  }
  *known = false;
  return rapt__tv_undefined(NULL);
}

/* ---- Methods of objects ---- */

static tv listed(run *r, int line, const json_t *self, bool keys, bool values) {
  json_t *list = json_array(), *value;
  const char *key;
  rapt__tv_work(r, line, json_object_size(self));
  json_object_foreach((json_t *)self, key, value) {
    json_t *name = json_string(key), *entry = NULL;
    if (keys && values) entry = json_pack("[o,O]", name, value);
    if (keys && !values) entry = name;
    if (!keys) {
      json_decref(name);
      entry = json_incref(value);
    }
    if (list && json_array_append_new(list, entry) != 0) {
      json_decref(list);
      list = NULL;
    }
  }
  return rapt__tv_new(r, list);
}

static tv object_method(run *r, int line, const char *name, const json_t *self, const arguments *args, bool *known) {
  if (strcmp(name, "items") == 0) return listed(r, line, self, true, true);
  if (strcmp(name, "keys") == 0) return listed(r, line, self, true, false);
  if (strcmp(name, "values") == 0) return listed(r, line, self, false, true);
  if (strcmp(name, "get") == 0) {
    const json_t *key = text_at(r, line, args, 0, NULL);
    const tv *absent = rapt__tv_given(args, 1, NULL);
    json_t *found = key ? json_object_get(self, json_string_value(key)) : NULL;
    if (found) return (tv){.kind = RAPT__TV_JSON, .json = found};
    return absent ? *absent : rapt__tv_new(r, json_null());
  }
  *known = false;
  return rapt__tv_undefined(NULL);
}

tv rapt__template_method(run *r, int line, const char *name, tv value, const arguments *args, bool *known) {
  *known = true;
  if (is_json(&value) && json_is_string(value.json)) return text_method(r, line, name, value.json, args, known);
  if (is_json(&value) && value.kind == RAPT__TV_LOOP && strcmp(name, "cycle") == 0 && args->count > 0) {
    json_int_t at = json_integer_value(json_object_get(value.json, "index0"));
    return args->at[at % args->count].value;
  }
  if (is_json(&value) && json_is_object(value.json)) return object_method(r, line, name, value.json, args, known);
  *known = false;
  return rapt__tv_undefined(NULL);
}

/* ---- Functions ---- */

static tv range(run *r, int line, const arguments *args) {
  int64_t first = whole_at(r, line, args, 0, NULL, 0), end = whole_at(r, line, args, 1, NULL, first);
  int64_t step = whole_at(r, line, args, 2, NULL, 1);
  if (args->count == 1) first = 0;
  if (args->count < 1 || step == 0) return rapt__tv_fail(r, line, "range needs an end, and a step that is not 0");
  uint64_t span = step > 0 ? (uint64_t)end - (uint64_t)first : (uint64_t)first - (uint64_t)end;
  uint64_t size = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
  uint64_t many = (step > 0 ? first < end : first > end) ? (span - 1) / size + 1 : 0;
  if (many > RANGE) return rapt__tv_fail(r, line, "range gives more than %d numbers", RANGE);
  json_t *list = rapt__tv_work(r, line, (size_t)many) ? json_array() : NULL;
  for (uint64_t i = 0; list && i < many; i++)
    if (json_array_append_new(list, json_integer(first + (int64_t)i * step)) != 0) {
      json_decref(list);
      list = NULL;
    }
  return rapt__tv_new(r, list);
}

static tv object_of(run *r, int line, const arguments *args) {
  const tv *from = rapt__tv_given(args, 0, NULL);
  json_t *made = from && is_json(from) && json_is_object(from->json) ? json_copy(from->json) : json_object();
  (void)line;
  for (int i = 0; made && i < args->count; i++) {
    const rapt__tv_argument *a = &args->at[i];
    if (a->keyword && json_object_set(made, a->keyword, is_json(&a->value) ? a->value.json : json_null()) != 0) {
      json_decref(made);
      made = NULL;
    }
  }
  return rapt__tv_new(r, made);
}

static tv now(run *r, int line, const arguments *args) {
  const json_t *format = text_at(r, line, args, 0, NULL);
  char text[400];
  struct tm at;
  time_t seconds = (time_t)r->now;
  if (!format || !localtime_r(&seconds, &at)) return rapt__tv_fail(r, line, "strftime_now needs a format");
  return rapt__tv_text(r, text, strftime(text, sizeof text, json_string_value(format), &at));
}

bool rapt__template_has_function(const char *name) {
  static const char *const names[] = {"range", "namespace", "dict", "raise_exception", "strftime_now"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(names[i], name) == 0) return true;
  return false;
}

tv rapt__template_function(run *r, int line, const char *name, const arguments *args) {
  if (strcmp(name, "range") == 0) return range(r, line, args);
  if (strcmp(name, "strftime_now") == 0) return now(r, line, args);
  if (strcmp(name, "raise_exception") == 0) {
    const json_t *what = text_at(r, line, args, 0, NULL);
    return rapt__tv_fail(r, line, "%s", what ? json_string_value(what) : "the template refuses this");
  }
  tv made = object_of(r, line, args);
  if (strcmp(name, "namespace") == 0 && r->status == RAPT_OK) made.kind = RAPT__TV_SPACE;
  return made;
}
