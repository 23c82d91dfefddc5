/* Filters ("x | name") and tests ("x is name"), by name. */
#include "text/template_tree.h"

#include "text/tokenizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef rapt__template_run run;
typedef rapt__tv tv;
typedef rapt__tv_arguments arguments;

static tv undefined(void) { return rapt__tv_undefined(NULL); }
static tv json_tv(json_t *json) { return json ? (tv){.kind = RAPT__TV_JSON, .json = json} : undefined(); }
static bool is_json(const tv *v) { return v->kind != RAPT__TV_UNDEFINED && v->json; }

const tv *rapt__tv_given(const arguments *args, int index, const char *keyword) {
  int place = 0;
  for (int i = 0; i < args->count; i++) {
    if (args->at[i].keyword ? keyword && strcmp(args->at[i].keyword, keyword) == 0 : place == index)
      return &args->at[i].value;
    place += !args->at[i].keyword;
  }
  return NULL;
}

/* A text argument, or what it is without one. */
static const char *text_argument(run *r, int line, const arguments *args, int index, const char *keyword,
                                 const char *absent) {
  const tv *v = rapt__tv_given(args, index, keyword);
  if (!v || (is_json(v) && json_is_null(v->json))) return absent;
  if (is_json(v) && json_is_string(v->json)) return json_string_value(v->json);
  rapt__tv_fail(r, line, "a text is needed here, not %s", rapt__tv_type(v));
  return absent;
}

static int64_t whole_argument(run *r, int line, const arguments *args, int index, const char *keyword, int64_t absent) {
  const tv *v = rapt__tv_given(args, index, keyword);
  if (!v || (is_json(v) && json_is_null(v->json))) return absent;
  if (is_json(v) && json_is_integer(v->json)) return json_integer_value(v->json);
  rapt__tv_fail(r, line, "a whole number is needed here, not %s", rapt__tv_type(v));
  return absent;
}

/* A method of texts that is a filter as well. */
static tv as_method(run *r, int line, const char *name, tv v, const arguments *args) {
  bool known;
  rapt__text text;
  rapt__text_init(&text, r->t->ctx);
  rapt__tv_print(r, line, &v, &text);
  tv self = r->status == RAPT_OK ? rapt__tv_text(r, text.data, text.size) : undefined();
  rapt__text_free(&text);
  return r->status == RAPT_OK ? rapt__template_method(r, line, name, self, args, &known) : undefined();
}

/* ---- Filters ---- */

static tv f_trim(run *r, int line, tv v, const arguments *args) { return as_method(r, line, "strip", v, args); }
static tv f_upper(run *r, int line, tv v, const arguments *args) { return as_method(r, line, "upper", v, args); }
static tv f_lower(run *r, int line, tv v, const arguments *args) { return as_method(r, line, "lower", v, args); }
static tv f_title(run *r, int line, tv v, const arguments *args) { return as_method(r, line, "title", v, args); }
static tv f_replace(run *r, int line, tv v, const arguments *args) { return as_method(r, line, "replace", v, args); }
static tv f_capitalize(run *r, int line, tv v, const arguments *args) {
  return as_method(r, line, "capitalize", v, args);
}

static tv f_tojson(run *r, int line, tv v, const arguments *args) {
  if (!is_json(&v)) return rapt__tv_fail(r, line, "%s is no JSON", rapt__tv_type(&v));
  int64_t indent = whole_argument(r, line, args, 0, "indent", -1);
  if (indent > 40) indent = 40;
  rapt__text text;
  rapt__text_init(&text, r->t->ctx);
  rapt__tv_dump(r, line, v.json, true, (int)indent, &text);
  tv made = r->status == RAPT_OK ? rapt__tv_text(r, text.data, text.size) : undefined();
  rapt__text_free(&text);
  return made;
}

static tv f_length(run *r, int line, tv v, const arguments *args) {
  (void)args;
  json_t *list = rapt__tv_elements(r, line, &v);
  return list ? rapt__tv_new(r, json_integer((json_int_t)json_array_size(list))) : undefined();
}

static tv f_first(run *r, int line, tv v, const arguments *args) {
  (void)args;
  json_t *list = rapt__tv_elements(r, line, &v);
  return json_tv(json_array_get(list, 0));
}

static tv f_last(run *r, int line, tv v, const arguments *args) {
  (void)args;
  json_t *list = rapt__tv_elements(r, line, &v);
  return list && json_array_size(list) ? json_tv(json_array_get(list, json_array_size(list) - 1)) : undefined();
}

static tv f_list(run *r, int line, tv v, const arguments *args) {
  (void)args;
  return json_tv(rapt__tv_elements(r, line, &v));
}

static tv f_reverse(run *r, int line, tv v, const arguments *args) {
  (void)args;
  json_t *list = rapt__tv_elements(r, line, &v), *made = list ? json_array() : NULL;
  bool text = is_json(&v) && json_is_string(v.json);
  rapt__text back;
  if (!list) return undefined();
  rapt__text_init(&back, r->t->ctx);
  for (size_t i = json_array_size(list); made && i > 0; i--) {
    tv e = json_tv(json_array_get(list, i - 1));
    if (text) rapt__tv_print(r, line, &e, &back);
    if (json_array_append(made, e.json) != 0) {
      json_decref(made);
      made = NULL;
    }
  }
  tv found = rapt__tv_new(r, made);
  if (text && r->status == RAPT_OK) found = rapt__tv_text(r, back.data, back.size);
  rapt__text_free(&back);
  return found;
}

/* A field of an element, by a path like "a.b". */
static tv attribute_of(run *r, json_t *x, const char *path) {
  char name[80];
  while (x && *path) {
    size_t n = strcspn(path, ".");
    if (n >= sizeof name) return undefined();
    memcpy(name, path, n);
    name[n] = 0;
    x = json_is_object(x) ? json_object_get(x, name) : NULL;
    path += n + (path[n] == '.');
  }
  (void)r;
  return json_tv(x);
}

static tv f_join(run *r, int line, tv v, const arguments *args) {
  const char *between = text_argument(r, line, args, 0, "d", "");
  const char *attribute = text_argument(r, line, args, 1, "attribute", NULL);
  json_t *list = rapt__tv_elements(r, line, &v);
  rapt__text text;
  rapt__text_init(&text, r->t->ctx);
  for (size_t i = 0; i < json_array_size(list) && r->status == RAPT_OK; i++) {
    tv e = attribute ? attribute_of(r, json_array_get(list, i), attribute) : json_tv(json_array_get(list, i));
    if (i && rapt__tv_work(r, line, strlen(between))) r->status = rapt__text_add(&text, between, strlen(between));
    rapt__tv_print(r, line, &e, &text);
  }
  tv made = r->status == RAPT_OK ? rapt__tv_text(r, text.data, text.size) : undefined();
  rapt__text_free(&text);
  return made;
}

static tv f_default(run *r, int line, tv v, const arguments *args) {
  const tv *other = rapt__tv_given(args, 0, "default_value"), *empty = rapt__tv_given(args, 1, "boolean");
  (void)line;
  bool absent = v.kind == RAPT__TV_UNDEFINED || (empty && rapt__tv_true(empty) && !rapt__tv_true(&v));
  if (!absent) return v;
  return other ? *other : rapt__tv_text(r, "", 0);
}

static tv f_string(run *r, int line, tv v, const arguments *args) {
  (void)args;
  rapt__text text;
  rapt__text_init(&text, r->t->ctx);
  rapt__tv_print(r, line, &v, &text);
  tv made = r->status == RAPT_OK ? rapt__tv_text(r, text.data, text.size) : undefined();
  rapt__text_free(&text);
  return made;
}

static tv f_safe(run *r, int line, tv v, const arguments *args) {
  (void)r, (void)line, (void)args;
  return v;
}

static double number_of(const tv *v, bool *is_number) {
  *is_number = is_json(v) && (rapt__tv_is_number(v->json) || json_is_string(v->json));
  if (!*is_number) return 0;
  if (!json_is_string(v->json)) return json_is_boolean(v->json) ? json_is_true(v->json) : json_number_value(v->json);
  char *end;
  const char *text = json_string_value(v->json);
  double x = strtod(text, &end);
  *is_number = end != text && strspn(end, " \t\r\n") == strlen(end);
  return *is_number ? x : 0;
}

static tv f_int(run *r, int line, tv v, const arguments *args) {
  bool is_number;
  double x = trunc(number_of(&v, &is_number));
  if (is_json(&v) && json_is_integer(v.json)) return v;
  if (!is_number || !(fabs(x) < 9e18))
    return rapt__tv_new(r, json_integer(whole_argument(r, line, args, 0, "default", 0)));
  return rapt__tv_new(r, json_integer((json_int_t)x));
}

static tv f_float(run *r, int line, tv v, const arguments *args) {
  (void)line, (void)args;
  bool is_number;
  return rapt__tv_new(r, json_real(number_of(&v, &is_number)));
}

static tv f_abs(run *r, int line, tv v, const arguments *args) {
  (void)args;
  if (!is_json(&v) || !json_is_number(v.json)) return rapt__tv_fail(r, line, "%s is no number", rapt__tv_type(&v));
  if (json_is_real(v.json)) return rapt__tv_new(r, json_real(fabs(json_real_value(v.json))));
  json_int_t x = json_integer_value(v.json);
  return x == INT64_MIN ? rapt__tv_fail(r, line, "a number does not fit into 64 bits")
                        : rapt__tv_new(r, json_integer(x < 0 ? -x : x));
}

static tv f_items(run *r, int line, tv v, const arguments *args) {
  bool known;
  if (v.kind == RAPT__TV_UNDEFINED) return rapt__tv_new(r, json_array());
  if (!is_json(&v) || !json_is_object(v.json)) return rapt__tv_fail(r, line, "%s has no items", rapt__tv_type(&v));
  return rapt__template_method(r, line, "items", v, args, &known);
}

static tv f_indent(run *r, int line, tv v, const arguments *args) {
  int64_t width = whole_argument(r, line, args, 0, "width", 4);
  const tv *first = rapt__tv_given(args, 1, "first"), *blank = rapt__tv_given(args, 2, "blank");
  tv text = f_string(r, line, v, &(arguments){.count = 0});
  if (r->status != RAPT_OK) return undefined();
  if (width < 0 || width > 200) return rapt__tv_fail(r, line, "a text cannot be indented by %lld", (long long)width);
  const char *at = json_string_value(text.json), *end = at + json_string_length(text.json);
  bool begin = first && rapt__tv_true(first), blanks = blank && rapt__tv_true(blank);
  rapt__text out;
  rapt__text_init(&out, r->t->ctx);
  while (at < end && r->status == RAPT_OK) {
    const char *next = memchr(at, '\n', (size_t)(end - at));
    size_t n = (size_t)((next ? next + 1 : end) - at);
    if (begin && (blanks || *at != '\n'))
      for (int64_t i = 0; i < width && r->status == RAPT_OK; i++) r->status = rapt__text_add(&out, " ", 1);
    if (rapt__tv_work(r, line, n + (size_t)width)) r->status = rapt__text_add(&out, at, n);
    begin = true;
    at += n;
  }
  tv made = r->status == RAPT_OK ? rapt__tv_text(r, out.data, out.size) : undefined();
  rapt__text_free(&out);
  return made;
}

/* Stable, by a field if there is one. */
static tv f_sort(run *r, int line, tv v, const arguments *args) {
  const char *attribute = text_argument(r, line, args, 2, "attribute", NULL);
  const tv *down = rapt__tv_given(args, 0, "reverse");
  json_t *list = rapt__tv_elements(r, line, &v), *made = list ? json_array() : NULL;
  if (!list) return undefined();
  for (size_t i = 0; made && i < json_array_size(list) && r->status == RAPT_OK; i++) {
    json_t *x = json_array_get(list, i);
    size_t at = json_array_size(made);
    if (!rapt__tv_work(r, line, at + 1)) break;
    for (; at > 0 && r->status == RAPT_OK; at--) {
      json_t *y = json_array_get(made, at - 1);
      tv a = attribute ? attribute_of(r, x, attribute) : json_tv(x);
      tv b = attribute ? attribute_of(r, y, attribute) : json_tv(y);
      if (!a.json || !b.json) {
        rapt__tv_fail(r, line, "an element has no \"%s\"", attribute);
        break;
      }
      int order = rapt__tv_order(r, line, a.json, b.json);
      if (down && rapt__tv_true(down) ? order <= 0 : order >= 0) break;
    }
    if (json_array_insert(made, at, x) != 0) {
      json_decref(made);
      made = NULL;
    }
  }
  return rapt__tv_new(r, made);
}

static tv f_unique(run *r, int line, tv v, const arguments *args) {
  (void)args;
  json_t *list = rapt__tv_elements(r, line, &v), *made = list ? json_array() : NULL;
  if (!list) return undefined();
  for (size_t i = 0; made && i < json_array_size(list); i++) {
    bool seen = false;
    if (!rapt__tv_work(r, line, json_array_size(made) + 1)) break;
    for (size_t j = 0; j < json_array_size(made) && !seen; j++)
      seen = rapt__tv_equal(json_array_get(made, j), json_array_get(list, i));
    if (!seen && json_array_append(made, json_array_get(list, i)) != 0) {
      json_decref(made);
      made = NULL;
    }
  }
  return rapt__tv_new(r, made);
}

/* ---- Over the elements of a list ---- */

/* The arguments after the first `skip` that have no keyword. */
static arguments rest_of(const arguments *args, int skip) {
  arguments rest = {.count = 0};
  for (int i = 0; i < args->count; i++)
    if (args->at[i].keyword || skip-- <= 0) rest.at[rest.count++] = args->at[i];
  return rest;
}

static tv f_map(run *r, int line, tv v, const arguments *args) {
  const char *attribute = text_argument(r, line, args, -1, "attribute", NULL);
  const char *name = attribute ? NULL : text_argument(r, line, args, 0, NULL, NULL);
  const tv *absent = rapt__tv_given(args, -1, "default");
  arguments rest = rest_of(args, 1);
  json_t *list = rapt__tv_elements(r, line, &v);
  tv made = rapt__tv_new(r, list ? json_array() : NULL);
  if (r->status == RAPT_OK && !attribute && (!name || !rapt__template_has_filter(name)))
    return rapt__tv_fail(r, line, "map needs the name of a filter, or an attribute");
  for (size_t i = 0; r->status == RAPT_OK && i < json_array_size(list); i++) {
    tv e = json_tv(json_array_get(list, i));
    e = attribute ? attribute_of(r, e.json, attribute) : rapt__template_filter(r, line, name, e, &rest);
    if (attribute && !e.json && absent) e = *absent;
    if (r->status == RAPT_OK && json_array_append(made.json, e.json ? e.json : json_null()) != 0)
      r->status = rapt__fail_memory(r->t->ctx, 0);
  }
  return made;
}

/* select, reject: whether elements pass a test; selectattr, rejectattr: whether a field of theirs does. */
static tv choose(run *r, int line, tv v, const arguments *args, bool by_field, bool wanted) {
  const char *field = by_field ? text_argument(r, line, args, 0, NULL, NULL) : NULL;
  const char *test = text_argument(r, line, args, by_field, NULL, NULL);
  arguments rest = rest_of(args, 1 + by_field);
  json_t *list = rapt__tv_elements(r, line, &v);
  tv made = rapt__tv_new(r, list ? json_array() : NULL);
  if (r->status == RAPT_OK && by_field && !field) return rapt__tv_fail(r, line, "the name of a field is missing");
  if (r->status == RAPT_OK && test && !rapt__template_has_test(test))
    return rapt__tv_fail(r, line, "the test \"%s\" is not known", test);
  for (size_t i = 0; r->status == RAPT_OK && i < json_array_size(list); i++) {
    tv e = json_tv(json_array_get(list, i)), looked_at = field ? attribute_of(r, e.json, field) : e;
    bool holds = test ? rapt__template_test(r, line, test, looked_at, &rest) : rapt__tv_true(&looked_at);
    if (r->status == RAPT_OK && holds == wanted && json_array_append(made.json, e.json) != 0)
      r->status = rapt__fail_memory(r->t->ctx, 0);
  }
  return made;
}

static tv f_select(run *r, int line, tv v, const arguments *a) { return choose(r, line, v, a, false, true); }
static tv f_reject(run *r, int line, tv v, const arguments *a) { return choose(r, line, v, a, false, false); }
static tv f_selectattr(run *r, int line, tv v, const arguments *a) { return choose(r, line, v, a, true, true); }
static tv f_rejectattr(run *r, int line, tv v, const arguments *a) { return choose(r, line, v, a, true, false); }

static const struct {
  const char *name;
  tv (*run)(run *r, int line, tv v, const arguments *args);
} filters[] = {{"abs", f_abs},
               {"capitalize", f_capitalize},
               {"count", f_length},
               {"d", f_default},
               {"default", f_default},
               {"first", f_first},
               {"float", f_float},
               {"indent", f_indent},
               {"int", f_int},
               {"items", f_items},
               {"join", f_join},
               {"last", f_last},
               {"length", f_length},
               {"list", f_list},
               {"lower", f_lower},
               {"map", f_map},
               {"reject", f_reject},
               {"rejectattr", f_rejectattr},
               {"replace", f_replace},
               {"reverse", f_reverse},
               {"safe", f_safe},
               {"select", f_select},
               {"selectattr", f_selectattr},
               {"sort", f_sort},
               {"string", f_string},
               {"title", f_title},
               {"tojson", f_tojson},
               {"trim", f_trim},
               {"unique", f_unique},
               {"upper", f_upper}};

bool rapt__template_has_filter(const char *name) {
  for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
    if (strcmp(filters[i].name, name) == 0) return true;
  return false;
}

tv rapt__template_filter(run *r, int line, const char *name, tv value, const arguments *args) {
  for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
    if (strcmp(filters[i].name, name) == 0) return filters[i].run(r, line, value, args);
  return rapt__tv_fail(r, line, "the filter \"%s\" is not known", name);
}

/* ---- Tests ---- */

static const char *const tests[] = {"!=",       "<",       "<=",          "==",        ">",       ">=",       "boolean",
                                    "callable", "defined", "divisibleby", "eq",        "equalto", "even",     "false",
                                    "float",    "ge",      "gt",          "in",        "integer", "iterable", "le",
                                    "lower",    "lt",      "mapping",     "ne",        "none",    "number",   "odd",
                                    "sequence", "string",  "true",        "undefined", "upper"};

bool rapt__template_has_test(const char *name) {
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
    if (strcmp(tests[i], name) == 0) return true;
  return false;
}

/* Tests of what something is, which take no argument; -1: another one. */
static int kind_test(const char *name, const tv *v) {
  const json_t *x = is_json(v) ? v->json : NULL;
  bool list = x && (json_is_array(x) || json_is_string(x) || json_is_object(x));
  if (strcmp(name, "defined") == 0) return v->kind != RAPT__TV_UNDEFINED;
  if (strcmp(name, "undefined") == 0) return v->kind == RAPT__TV_UNDEFINED;
  if (strcmp(name, "none") == 0) return x && json_is_null(x);
  if (strcmp(name, "boolean") == 0) return x && json_is_boolean(x);
  if (strcmp(name, "true") == 0) return x && json_is_true(x);
  if (strcmp(name, "false") == 0) return x && json_is_false(x);
  if (strcmp(name, "integer") == 0) return x && json_is_integer(x);
  if (strcmp(name, "float") == 0) return x && json_is_real(x);
  if (strcmp(name, "number") == 0) return x && rapt__tv_is_number(x);
  if (strcmp(name, "string") == 0) return x && json_is_string(x);
  if (strcmp(name, "mapping") == 0) return x && json_is_object(x);
  if (strcmp(name, "iterable") == 0) return list || v->kind == RAPT__TV_UNDEFINED;
  if (strcmp(name, "sequence") == 0) return list || v->kind == RAPT__TV_UNDEFINED;
  if (strcmp(name, "callable") == 0) return v->kind == RAPT__TV_MACRO || v->kind == RAPT__TV_FUNCTION;
  return -1;
}

static bool text_test(run *r, const char *name, const tv *v) {
  bool known;
  tv turned = rapt__template_method(r, 0, name, *v, &(arguments){.count = 0}, &known);
  return r->status == RAPT_OK && rapt__tv_equal(turned.json, v->json) &&
         strcspn(json_string_value(v->json), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") <
             json_string_length(v->json);
}

static bool remainder_test(run *r, int line, const char *name, const tv *v, const arguments *args) {
  if (!is_json(v) || !json_is_integer(v->json)) {
    rapt__tv_fail(r, line, "%s is no whole number", rapt__tv_type(v));
    return false;
  }
  int64_t by = strcmp(name, "divisibleby") == 0 ? whole_argument(r, line, args, 0, "num", 0) : 2;
  if (by == 0 || by == -1) {
    if (by == 0) rapt__tv_fail(r, line, "a division by zero");
    return by == -1;
  }
  return (json_integer_value(v->json) % by != 0) == (strcmp(name, "odd") == 0);
}

bool rapt__template_test(run *r, int line, const char *name, tv value, const arguments *args) {
  static const char *const orders[][3] = {{"==", "eq", "equalto"}, {"!=", "ne", NULL}, {"<", "lt", NULL},
                                          {"<=", "le", NULL},      {">", "gt", NULL},  {">=", "ge", NULL}};
  int kind = kind_test(name, &value);
  if (kind >= 0) return kind;
  if (strcmp(name, "lower") == 0 || strcmp(name, "upper") == 0)
    return is_json(&value) && json_is_string(value.json) && text_test(r, name, &value);
  if (strcmp(name, "odd") == 0 || strcmp(name, "even") == 0 || strcmp(name, "divisibleby") == 0)
    return remainder_test(r, line, name, &value, args);
  const tv *other = rapt__tv_given(args, 0, NULL);
  if (!other) {
    rapt__tv_fail(r, line, "the test \"%s\" needs something to compare with", name);
    return false;
  }
  if (strcmp(name, "in") == 0) {
    json_t *list = rapt__tv_elements(r, line, other);
    for (size_t i = 0; is_json(&value) && i < json_array_size(list); i++)
      if (rapt__tv_equal(json_array_get(list, i), value.json)) return true;
    return is_json(&value) && json_is_string(value.json) && is_json(other) && json_is_string(other->json) &&
           strstr(json_string_value(other->json), json_string_value(value.json));
  }
  int order = 0;
  while (strcmp(name, orders[order][0]) != 0 && (!orders[order][1] || strcmp(name, orders[order][1]) != 0) &&
         (!orders[order][2] || strcmp(name, orders[order][2]) != 0))
    order++;
  bool both = is_json(&value) && is_json(other);
  if (order < 2) return (both && rapt__tv_equal(value.json, other->json)) == (order == 0);
  if (!both) {
    rapt__tv_fail(r, line, "%s and %s have no order", rapt__tv_type(&value), rapt__tv_type(other));
    return false;
  }
  int found = rapt__tv_order(r, line, value.json, other->json);
  return order == 2 ? found < 0 : order == 3 ? found <= 0 : order == 4 ? found > 0 : found >= 0;
}
