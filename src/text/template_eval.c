/* Expressions. What an expression makes lives in the run's pool until the statement is over. */
#include "text/template_tree.h"

#include "text/tokenizer.h"

#include <math.h>
#include <string.h>

typedef rapt__template_run run;
typedef rapt__tv tv;

static tv eval(run *r, const rapt__tn *n) { return rapt__tv_eval(r, n); }

static bool is_json(const tv *v) { return v->kind != RAPT__TV_UNDEFINED && v->json; }

/* A value that something is to be done with; false, and an error, where it is not defined. */
static bool need(run *r, int line, const tv *v) {
  if (r->status == RAPT_OK && !is_json(v)) {
    if (v->kind == RAPT__TV_UNDEFINED && v->name)
      rapt__tv_fail(r, line, "\"%s\" is not defined", v->name);
    else
      rapt__tv_fail(r, line, "%s cannot be used here", rapt__tv_type(v));
  }
  return r->status == RAPT_OK;
}

/* ---- Fields, indices, slices ---- */

static tv wrap(json_t *json, const char *name) {
  return json ? (tv){.kind = RAPT__TV_JSON, .json = json} : rapt__tv_undefined(name);
}

static tv field(run *r, const rapt__tn *n) {
  tv a = eval(r, n->a);
  if (!need(r, n->line, &a)) return rapt__tv_undefined(n->name);
  return wrap(json_is_object(a.json) ? json_object_get(a.json, n->name) : NULL, n->name);
}

/* Where character `index` of a text begins; its end for the number of characters. */
static size_t offset_of(const char *text, size_t size, int64_t index) {
  size_t at = 0;
  for (uint32_t code; at < size && index > 0; index--) {
    size_t step = rapt__utf8(text + at, size - at, &code);
    at += step ? step : 1;
  }
  return at;
}

static int64_t length_of(const json_t *x) {
  if (json_is_array(x)) return (int64_t)json_array_size(x);
  if (json_is_object(x)) return (int64_t)json_object_size(x);
  const char *text = json_string_value(x);
  int64_t count = 0;
  for (size_t i = 0; i < json_string_length(x); i++) count += ((unsigned char)text[i] & 0xc0) != 0x80;
  return count;
}

static tv characters(run *r, const json_t *x, int64_t begin, int64_t end) {
  const char *text = json_string_value(x);
  size_t size = json_string_length(x), from = offset_of(text, size, begin);
  size_t to = from + offset_of(text + from, size - from, end - begin);
  return rapt__tv_text(r, text + from, to - from);
}

static tv at_index(run *r, const rapt__tn *n) {
  tv a = eval(r, n->a), b = eval(r, n->b);
  if (!need(r, n->line, &a) || !need(r, n->line, &b)) return rapt__tv_undefined(NULL);
  if (json_is_object(a.json))
    return wrap(json_is_string(b.json) ? json_object_get(a.json, json_string_value(b.json)) : NULL,
                json_is_string(b.json) ? json_string_value(b.json) : NULL);
  if (!json_is_integer(b.json) || (!json_is_array(a.json) && !json_is_string(a.json))) return rapt__tv_undefined(NULL);
  int64_t count = length_of(a.json), i = json_integer_value(b.json);
  if (!rapt__tv_work(r, n->line, json_is_string(a.json) ? (size_t)count : 1)) return rapt__tv_undefined(NULL);
  if (i < 0) i += count;
  if (i < 0 || i >= count) return rapt__tv_undefined(NULL);
  if (json_is_array(a.json)) return wrap(json_array_get(a.json, (size_t)i), NULL);
  return characters(r, a.json, i, i + 1);
}

/* One end of a slice as Python has it, between lowest and highest. */
static int64_t slice_end(run *r, const rapt__tn *n, int64_t count, int64_t absent, int64_t lowest, int64_t highest) {
  tv v = n ? eval(r, n) : rapt__tv_undefined(NULL);
  if (!n || r->status != RAPT_OK || (is_json(&v) && json_is_null(v.json))) return absent;
  if (!is_json(&v) || !json_is_integer(v.json)) {
    rapt__tv_fail(r, n->line, "a slice needs whole numbers, not %s", rapt__tv_type(&v));
    return absent;
  }
  int64_t i = json_integer_value(v.json);
  if (i < 0) i = i < -count ? lowest : i + count;
  return i < lowest ? lowest : i > highest ? highest : i;
}

static tv slice(run *r, const rapt__tn *n) {
  tv a = eval(r, n->a), step_value = n->d ? eval(r, n->d) : rapt__tv_undefined(NULL);
  if (!need(r, n->line, &a)) return a;
  if (!json_is_array(a.json) && !json_is_string(a.json))
    return rapt__tv_fail(r, n->line, "%s has no slices", rapt__tv_type(&a));
  int64_t step = 1, count = length_of(a.json);
  if (is_json(&step_value) && !json_is_null(step_value.json)) step = json_integer_value(step_value.json);
  if (step == 0 || step < -INT32_MAX || step > INT32_MAX)
    return rapt__tv_fail(r, n->line, "the step of a slice is no whole number, or 0");
  int64_t lowest = step < 0 ? -1 : 0, highest = step < 0 ? count - 1 : count;
  int64_t begin = slice_end(r, n->b, count, step < 0 ? highest : 0, lowest, highest);
  int64_t end = slice_end(r, n->c, count, step < 0 ? lowest : highest, lowest, highest);
  if (!rapt__tv_work(r, n->line, (size_t)count + 1)) return rapt__tv_undefined(NULL);
  if (step == 1 && json_is_string(a.json)) return characters(r, a.json, begin, end < begin ? begin : end);
  json_t *elements = rapt__tv_elements(r, n->line, &a), *list = json_array();
  for (int64_t i = begin; list && elements && (step > 0 ? i < end : i > end); i += step)
    if (json_array_append(list, json_array_get(elements, (size_t)i)) != 0) {
      json_decref(list);
      list = NULL;
    }
  tv found = rapt__tv_new(r, list);
  if (json_is_array(a.json) || r->status != RAPT_OK) return found;
  rapt__text text;
  rapt__text_init(&text, r->t->ctx);
  for (size_t i = 0; i < json_array_size(found.json); i++)
    rapt__tv_print(r, n->line, &(tv){.kind = RAPT__TV_JSON, .json = json_array_get(found.json, i)}, &text);
  found = rapt__tv_text(r, text.data, text.size);
  rapt__text_free(&text);
  return found;
}

/* ---- Operators ---- */

static tv joined(run *r, int line, const tv *a, const tv *b) {
  rapt__text text;
  rapt__text_init(&text, r->t->ctx);
  rapt__tv_print(r, line, a, &text);
  rapt__tv_print(r, line, b, &text);
  tv found = r->status == RAPT_OK ? rapt__tv_text(r, text.data, text.size) : rapt__tv_undefined(NULL);
  rapt__text_free(&text);
  return found;
}

static tv repeated(run *r, int line, const json_t *x, int64_t times) {
  size_t size = json_is_string(x) ? json_string_length(x) : json_array_size(x), all;
  if (times < 0) times = 0;
  if (rapt__mul_overflows(size, (size_t)times, &all) || !rapt__tv_work(r, line, all + 1)) {
    return rapt__tv_fail(r, line, "the template does more than is allowed");
  }
  if (json_is_string(x)) {
    rapt__text text;
    rapt__text_init(&text, r->t->ctx);
    for (int64_t i = 0; size && i < times && r->status == RAPT_OK; i++)
      r->status = rapt__text_add(&text, json_string_value(x), size);
    tv found = r->status == RAPT_OK ? rapt__tv_text(r, text.data, text.size) : rapt__tv_undefined(NULL);
    rapt__text_free(&text);
    return found;
  }
  json_t *list = json_array();
  for (int64_t i = 0; list && size && i < times; i++)
    if (json_array_extend(list, (json_t *)x) != 0) {
      json_decref(list);
      list = NULL;
    }
  return rapt__tv_new(r, list);
}

static double real_of(const json_t *x) { return json_is_boolean(x) ? json_is_true(x) : json_number_value(x); }

static tv real_result(run *r, int line, int op, double x, double y) {
  switch (op) {
  case '+': return rapt__tv_new(r, json_real(x + y));
  case '-': return rapt__tv_new(r, json_real(x - y));
  case '*': return rapt__tv_new(r, json_real(x * y));
  case '^': return rapt__tv_new(r, json_real(pow(x, y)));
  default: break;
  }
  if (y == 0) return rapt__tv_fail(r, line, "a division by zero");
  if (op == '/') return rapt__tv_new(r, json_real(x / y));
  double floored = floor(x / y);
  return rapt__tv_new(r, json_real(op == 'f' ? floored : x - floored * y));
}

static tv whole_result(run *r, int line, int op, int64_t x, int64_t y) {
  int64_t z = 0;
  bool over = false;
  if ((op == '/' || op == 'f' || op == '%') && y == 0) return rapt__tv_fail(r, line, "a division by zero");
  switch (op) {
  case '+': over = __builtin_add_overflow(x, y, &z); break;
  case '-': over = __builtin_sub_overflow(x, y, &z); break;
  case '*': over = __builtin_mul_overflow(x, y, &z); break;
  case '/': return rapt__tv_new(r, json_real((double)x / (double)y));
  case '^':
    if (y < 0) return real_result(r, line, op, (double)x, (double)y);
    if (y > 64 && x != 0 && x != 1 && x != -1) over = true;
    if (y > 64) y = y % 2 ? 1 : 2;
    for (z = 1; y > 0 && !over; y--) over = __builtin_mul_overflow(z, x, &z);
    break;
  default: /* rounded down, and a remainder with the sign of the divisor */
    over = x == INT64_MIN && y == -1;
    if (over) break;
    z = x % y;
    if (z != 0 && (z < 0) != (y < 0)) z += y;
    if (op == 'f') z = (x - z) / y;
  }
  if (over) return rapt__tv_fail(r, line, "a number does not fit into 64 bits");
  return rapt__tv_new(r, json_integer(z));
}

static int64_t whole(const json_t *x) { return json_is_boolean(x) ? json_is_true(x) : json_integer_value(x); }

static tv binary(run *r, const rapt__tn *n) {
  tv a = eval(r, n->a), b = eval(r, n->b);
  if (n->op == '~') return joined(r, n->line, &a, &b);
  if (!need(r, n->line, &a) || !need(r, n->line, &b)) return rapt__tv_undefined(NULL);
  if (rapt__tv_is_number(a.json) && rapt__tv_is_number(b.json)) {
    if (json_is_real(a.json) || json_is_real(b.json))
      return real_result(r, n->line, n->op, real_of(a.json), real_of(b.json));
    return whole_result(r, n->line, n->op, whole(a.json), whole(b.json));
  }
  if (n->op == '+' && json_is_string(a.json) && json_is_string(b.json)) return joined(r, n->line, &a, &b);
  if (n->op == '+' && json_is_array(a.json) && json_is_array(b.json)) {
    if (!rapt__tv_work(r, n->line, json_array_size(a.json) + json_array_size(b.json))) return rapt__tv_undefined(NULL);
    json_t *list = json_copy(a.json);
    if (list && json_array_extend(list, b.json) != 0) {
      json_decref(list);
      list = NULL;
    }
    return rapt__tv_new(r, list);
  }
  bool left = json_is_string(a.json) || json_is_array(a.json), right = json_is_string(b.json) || json_is_array(b.json);
  if (n->op == '*' && left && json_is_integer(b.json)) return repeated(r, n->line, a.json, json_integer_value(b.json));
  if (n->op == '*' && right && json_is_integer(a.json)) return repeated(r, n->line, b.json, json_integer_value(a.json));
  return rapt__tv_fail(r, n->line, "an operator does not take %s and %s", rapt__tv_type(&a), rapt__tv_type(&b));
}

static tv negative(run *r, const rapt__tn *n) {
  tv a = eval(r, n->a);
  if (!need(r, n->line, &a)) return a;
  if (!rapt__tv_is_number(a.json)) return rapt__tv_fail(r, n->line, "%s has no sign", rapt__tv_type(&a));
  if (n->kind == RAPT__TN_POSITIVE) return a;
  if (json_is_real(a.json)) return rapt__tv_new(r, json_real(-json_real_value(a.json)));
  return whole_result(r, n->line, '-', 0, whole(a.json));
}

static bool contains(run *r, int line, const tv *part, const tv *all) {
  if (!is_json(part)) return false;
  if (json_is_string(all->json)) {
    if (!json_is_string(part->json)) {
      rapt__tv_fail(r, line, "%s cannot be in a text", rapt__tv_type(part));
      return false;
    }
    size_t n = json_string_length(all->json), m = json_string_length(part->json);
    return rapt__tv_work(r, line, n) &&
           (m == 0 || memmem(json_string_value(all->json), n, json_string_value(part->json), m));
  }
  if (json_is_object(all->json))
    return json_is_string(part->json) && json_object_get(all->json, json_string_value(part->json));
  if (!json_is_array(all->json)) rapt__tv_fail(r, line, "nothing can be in %s", rapt__tv_type(all));
  if (!rapt__tv_work(r, line, json_array_size(all->json))) return false;
  for (size_t i = 0; i < json_array_size(all->json); i++)
    if (rapt__tv_equal(json_array_get(all->json, i), part->json)) return true;
  return false;
}

static bool compares(run *r, int line, int op, const tv *a, const tv *b) {
  if (op == '=' || op == '!') {
    bool same = is_json(a) && is_json(b) ? rapt__tv_equal(a->json, b->json)
                                         : a->kind == RAPT__TV_UNDEFINED && b->kind == RAPT__TV_UNDEFINED;
    return same == (op == '=');
  }
  if (op == 'i' || op == 'n') {
    if (b->kind == RAPT__TV_UNDEFINED) return op == 'n'; /* it has no elements */
    return need(r, line, b) && contains(r, line, a, b) == (op == 'i');
  }
  if (!need(r, line, a) || !need(r, line, b)) return false;
  int order = rapt__tv_order(r, line, a->json, b->json);
  return op == '<' ? order < 0 : op == '>' ? order > 0 : op == 'l' ? order <= 0 : order >= 0;
}

static tv comparison(run *r, const rapt__tn *n) {
  tv a = eval(r, n->a);
  bool holds = true;
  for (const rapt__tn *next = n->args; next && holds && r->status == RAPT_OK; next = next->next) {
    tv b = eval(r, next->a);
    holds = compares(r, n->line, next->op, &a, &b);
    a = b;
  }
  return rapt__tv_bool(r, holds);
}

/* ---- Lists, objects, calls ---- */

static tv list(run *r, const rapt__tn *n) {
  json_t *made = json_array();
  for (const rapt__tn *e = n->args; e && made; e = e->next) {
    tv v = eval(r, e->a);
    /* What is not defined is none in a list: there is no JSON for it. */
    json_t *value = is_json(&v) ? json_incref(v.json) : json_null();
    if (r->status != RAPT_OK || json_array_append_new(made, value) != 0) {
      json_decref(made);
      made = NULL;
    }
  }
  return rapt__tv_new(r, made);
}

static tv object(run *r, const rapt__tn *n) {
  json_t *made = json_object();
  for (const rapt__tn *e = n->args; e && made; e = e->next->next) {
    tv key = eval(r, e->a), value = eval(r, e->next->a);
    if (is_json(&key) && !json_is_string(key.json)) rapt__tv_fail(r, n->line, "a key of an object is no text");
    bool put =
        need(r, n->line, &key) && json_object_set_new(made, json_string_value(key.json),
                                                      is_json(&value) ? json_incref(value.json) : json_null()) == 0;
    if (!put) {
      json_decref(made);
      made = NULL;
    }
  }
  return rapt__tv_new(r, made);
}

static void arguments(run *r, const rapt__tn *args, rapt__tv_arguments *out) {
  out->count = 0;
  for (; args && out->count < RAPT__TV_ARGUMENTS; args = args->next)
    out->at[out->count++] = (rapt__tv_argument){args->keyword, eval(r, args->a)};
}

static tv call(run *r, const rapt__tn *n) {
  rapt__tv_arguments args;
  if (n->a->kind == RAPT__TN_FIELD) {
    tv self = eval(r, n->a->a);
    if (!need(r, n->line, &self)) return self;
    arguments(r, n->args, &args);
    bool known;
    tv found = rapt__template_method(r, n->line, n->a->name, self, &args, &known);
    if (known || r->status != RAPT_OK) return found;
    return rapt__tv_fail(r, n->line, "%s has no method \"%s\"", rapt__tv_type(&self), n->a->name);
  }
  tv callee = eval(r, n->a);
  arguments(r, n->args, &args);
  if (r->status != RAPT_OK) return callee;
  if (callee.kind == RAPT__TV_MACRO) return rapt__template_macro(r, n->line, callee.node, &args);
  if (callee.kind == RAPT__TV_FUNCTION) return rapt__template_function(r, n->line, callee.name, &args);
  if (callee.kind == RAPT__TV_UNDEFINED && callee.name)
    return rapt__tv_fail(r, n->line, "there is no function \"%s\"", callee.name);
  return rapt__tv_fail(r, n->line, "%s cannot be called", rapt__tv_type(&callee));
}

static tv filter(run *r, const rapt__tn *n) {
  rapt__tv_arguments args;
  tv a = eval(r, n->a);
  arguments(r, n->args, &args);
  return r->status == RAPT_OK ? rapt__template_filter(r, n->line, n->name, a, &args) : rapt__tv_undefined(NULL);
}

static tv test(run *r, const rapt__tn *n) {
  rapt__tv_arguments args;
  tv a = eval(r, n->a);
  arguments(r, n->args, &args);
  return rapt__tv_bool(r, r->status == RAPT_OK && rapt__template_test(r, n->line, n->name, a, &args));
}

static tv choose(run *r, const rapt__tn *n) {
  tv a = eval(r, n->kind == RAPT__TN_CHOICE ? n->b : n->a);
  if (r->status != RAPT_OK) return a;
  bool holds = rapt__tv_true(&a);
  switch (n->kind) {
  case RAPT__TN_NOT: return rapt__tv_bool(r, !holds);
  case RAPT__TN_AND: return holds ? eval(r, n->b) : a;
  case RAPT__TN_OR: return holds ? a : eval(r, n->b);
  default: return holds ? eval(r, n->a) : n->c ? eval(r, n->c) : rapt__tv_undefined(NULL);
  }
}

static tv evaluate(run *r, const rapt__tn *n) {
  switch (n->kind) {
  case RAPT__TN_CONSTANT: return (tv){.kind = RAPT__TV_JSON, .json = n->json};
  case RAPT__TN_NAME: return rapt__template_get(r, n->name);
  case RAPT__TN_FIELD: return field(r, n);
  case RAPT__TN_INDEX: return at_index(r, n);
  case RAPT__TN_SLICE: return slice(r, n);
  case RAPT__TN_LIST: return list(r, n);
  case RAPT__TN_OBJECT: return object(r, n);
  case RAPT__TN_CALL: return call(r, n);
  case RAPT__TN_FILTER: return filter(r, n);
  case RAPT__TN_TEST: return test(r, n);
  case RAPT__TN_NEGATIVE:
  case RAPT__TN_POSITIVE: return negative(r, n);
  case RAPT__TN_BINARY: return binary(r, n);
  case RAPT__TN_COMPARE: return comparison(r, n);
  default: return choose(r, n);
  }
}

tv rapt__tv_eval(run *r, const rapt__tn *n) {
  if (r->status != RAPT_OK || !rapt__tv_work(r, n->line, 1)) return rapt__tv_undefined(NULL);
  tv found = rapt__tv_undefined(NULL);
  /* Chains of operators go down on their left side, so that the tree can be deeper than its brackets. */
  if (++r->depth > 10 * RAPT__TEMPLATE_DEPTH)
    rapt__tv_fail(r, n->line, "an expression is nested too deeply");
  else
    found = evaluate(r, n);
  r->depth--;
  return r->status == RAPT_OK ? found : rapt__tv_undefined(NULL);
}
