/* Statements and variables; a template made, freed and rendered. */
#include "text/template_tree.h"

#include "text/tokenizer.h"

#include <string.h>

typedef rapt__template_run run;
typedef rapt__tv tv;

enum { WORK = 1 << 24, TURN = 32 }; /* steps and bytes of one rendering; what a turn of a loop costs besides */

typedef enum jump { GO_ON, BREAK, CONTINUE } jump;

static jump statements(run *r, const rapt__tn *n);

/* ---- Variables ---- */

static const rapt__template_variable *find(const run *r, const char *name, size_t from, size_t to) {
  for (size_t i = to; i > from; i--)
    if (strcmp(r->variables[i - 1].name, name) == 0) return &r->variables[i - 1];
  return NULL;
}

tv rapt__template_get(const run *r, const char *name) {
  const rapt__template_variable *v = find(r, name, r->floor, r->count);
  if (!v) v = find(r, name, 0, r->globals);
  if (v) return v->value;
  return rapt__template_has_function(name) ? (tv){.kind = RAPT__TV_FUNCTION, .name = name} : rapt__tv_undefined(name);
}

static void drop_to(run *r, size_t count) {
  while (r->count > count) json_decref(r->variables[--r->count].value.json);
  if (r->globals > r->count) r->globals = r->count;
}

static void push(run *r, const char *name, tv value) {
  if (r->status != RAPT_OK) return;
  if (r->count == r->room) {
    size_t room = r->room ? 2 * r->room : 32;
    rapt__template_variable *variables = rapt__grow(r->t->ctx, r->variables, room, sizeof *variables);
    if (!variables) {
      r->status = RAPT_ENOMEM;
      return;
    }
    r->variables = variables;
    r->room = room;
  }
  json_incref(value.json);
  r->variables[r->count++] = (rapt__template_variable){name, value};
  if (r->base == 0) r->globals = r->count;
}

/* A new one, or another value for one of this block. */
void rapt__template_set(run *r, const char *name, tv value) {
  rapt__template_variable *v = (rapt__template_variable *)find(r, name, r->base, r->count);
  if (!v) {
    push(r, name, value);
    return;
  }
  json_incref(value.json);
  json_decref(v->value.json);
  v->value = value;
}

static void assign(run *r, const rapt__tn *target, tv value) {
  if (r->status != RAPT_OK) return;
  if (!target->keyword) {
    rapt__template_set(r, target->name, value);
    return;
  }
  tv space = rapt__template_get(r, target->name);
  if (space.kind != RAPT__TV_SPACE)
    rapt__tv_fail(r, target->line, "\"%s\" is no namespace, and only the fields of one can be set", target->name);
  else if (json_object_set(space.json, target->keyword, value.kind == RAPT__TV_JSON ? value.json : json_null()) != 0)
    r->status = rapt__fail_memory(r->t->ctx, 0);
}

static void assign_all(run *r, const rapt__tn *targets, tv value) {
  if (r->status != RAPT_OK || !targets->next) {
    assign(r, targets, value);
    return;
  }
  size_t count = 0, i = 0;
  for (const rapt__tn *t = targets; t; t = t->next) count++;
  if (value.kind != RAPT__TV_JSON || !json_is_array(value.json) || json_array_size(value.json) != count) {
    rapt__tv_fail(r, targets->line, "%s is no list of %zu values", rapt__tv_type(&value), count);
    return;
  }
  for (const rapt__tn *t = targets; t; t = t->next)
    assign(r, t, (tv){.kind = RAPT__TV_JSON, .json = json_array_get(value.json, i++)});
}

/* ---- Statements ---- */

static void give_back(run *r, size_t to) {
  while (r->pool_count > to) json_decref(r->pool[--r->pool_count]);
}

static bool set_field(json_t *object, const char *name, json_t *value) {
  return value && json_object_set_new(object, name, value) == 0;
}

static json_t *loop_of(const json_t *list, size_t i) {
  size_t count = json_array_size(list);
  json_t *loop = json_object();
  bool made = loop && set_field(loop, "index", json_integer((json_int_t)i + 1)) &&
              set_field(loop, "index0", json_integer((json_int_t)i)) &&
              set_field(loop, "revindex", json_integer((json_int_t)(count - i))) &&
              set_field(loop, "revindex0", json_integer((json_int_t)(count - i - 1))) &&
              set_field(loop, "length", json_integer((json_int_t)count)) &&
              set_field(loop, "first", json_boolean(i == 0)) && set_field(loop, "last", json_boolean(i + 1 == count));
  if (made && i > 0) made = json_object_set(loop, "previtem", json_array_get(list, i - 1)) == 0;
  if (made && i + 1 < count) made = json_object_set(loop, "nextitem", json_array_get(list, i + 1)) == 0;
  if (made) return loop;
  json_decref(loop);
  return NULL;
}

static tv element(json_t *list, size_t i) { return (tv){.kind = RAPT__TV_JSON, .json = json_array_get(list, i)}; }

/* The elements for which the loop's condition holds. */
static json_t *chosen(run *r, const rapt__tn *n, json_t *list) {
  if (!n->b || !list) return list;
  json_t *found = rapt__tv_new(r, json_array()).json;
  for (size_t i = 0; i < json_array_size(list) && r->status == RAPT_OK; i++) {
    size_t count = r->count;
    assign_all(r, n->args, element(list, i));
    tv holds = rapt__tv_eval(r, n->b);
    if (r->status == RAPT_OK && rapt__tv_true(&holds) && json_array_append(found, json_array_get(list, i)) != 0)
      r->status = rapt__fail_memory(r->t->ctx, 0);
    drop_to(r, count);
  }
  return found;
}

static void for_loop(run *r, const rapt__tn *n) {
  tv over = rapt__tv_eval(r, n->a);
  json_t *list = rapt__tv_elements(r, n->line, &over);
  size_t base = r->base, globals = r->globals, count = r->count, pool = 0, size = 0;
  r->base = r->count;
  /* What is looped over may be a variable that the body sets anew. */
  list = json_incref(chosen(r, n, list));
  pool = r->pool_count;
  size = json_array_size(list);
  for (size_t i = 0; i < size && rapt__tv_work(r, n->line, TURN); i++) {
    json_t *loop = rapt__tv_new(r, loop_of(list, i)).json;
    assign_all(r, n->args, element(list, i));
    push(r, "loop", (tv){.kind = RAPT__TV_LOOP, .json = loop});
    jump left = statements(r, n->body);
    drop_to(r, count);
    r->globals = globals;
    give_back(r, pool);
    if (left == BREAK) break;
  }
  json_decref(list);
  r->base = base;
  if (size == 0) statements(r, n->other);
}

/* What a body makes, as a text of the pool. */
static tv text_of(run *r, const rapt__tn *body) {
  rapt__text text, *out = r->out;
  rapt__text_init(&text, r->t->ctx);
  r->out = &text;
  statements(r, body);
  r->out = out;
  tv made = r->status == RAPT_OK ? rapt__tv_text(r, text.data, text.size) : rapt__tv_undefined(NULL);
  rapt__text_free(&text);
  return made;
}

static bool is_parameter(const rapt__tn *macro, const char *name) {
  for (const rapt__tn *p = macro->args; p; p = p->next)
    if (strcmp(p->name, name) == 0) return true;
  return false;
}

tv rapt__template_macro(run *r, int line, const rapt__tn *macro, const rapt__tv_arguments *args) {
  size_t base = r->base, floor = r->floor, globals = r->globals, count = r->count;
  int place = 0, depth = r->depth;
  if (r->depth > 4 * RAPT__TEMPLATE_DEPTH) return rapt__tv_fail(r, line, "macros call each other too deeply");
  for (int i = 0; i < args->count; i++)
    if (args->at[i].keyword && !is_parameter(macro, args->at[i].keyword))
      return rapt__tv_fail(r, line, "the macro \"%s\" has no parameter \"%s\"", macro->name, args->at[i].keyword);
  r->depth += 8; /* a call is deeper than an expression */
  r->base = r->floor = r->count;
  for (const rapt__tn *p = macro->args; p; p = p->next) {
    const tv *given = rapt__tv_given(args, place++, p->name);
    push(r, p->name, given ? *given : p->a ? rapt__tv_eval(r, p->a) : rapt__tv_undefined(p->name));
  }
  tv made = text_of(r, macro->body);
  drop_to(r, count);
  r->base = base, r->floor = floor, r->globals = globals, r->depth = depth;
  return made;
}

static jump statement(run *r, const rapt__tn *n) {
  tv a = n->kind != RAPT__TN_FOR && n->a ? rapt__tv_eval(r, n->a) : rapt__tv_undefined(NULL);
  switch (n->kind) {
  case RAPT__TN_TEXT:
    if (rapt__tv_work(r, n->line, n->size)) r->status = rapt__text_add(r->out, n->name, n->size);
    break;
  case RAPT__TN_OUTPUT: rapt__tv_print(r, n->line, &a, r->out); break;
  case RAPT__TN_IF: return r->status == RAPT_OK ? statements(r, rapt__tv_true(&a) ? n->body : n->other) : GO_ON;
  case RAPT__TN_FOR: for_loop(r, n); break;
  case RAPT__TN_SET: assign_all(r, n->args, a); break;
  case RAPT__TN_SET_TEXT: assign(r, n->args, text_of(r, n->body)); break;
  case RAPT__TN_MACRO: rapt__template_set(r, n->name, (tv){.kind = RAPT__TV_MACRO, .node = n}); break;
  case RAPT__TN_BREAK: return BREAK;
  default: return CONTINUE;
  }
  return GO_ON;
}

static jump statements(run *r, const rapt__tn *n) {
  jump left = GO_ON;
  for (; n && left == GO_ON && r->status == RAPT_OK; n = n->next) {
    size_t pool = r->pool_count;
    left = rapt__tv_work(r, n->line, 1) ? statement(r, n) : GO_ON;
    give_back(r, pool);
  }
  return left;
}

/* ---- Templates ---- */

rapt_status rapt__template_new(rapt_context *ctx, const char *name, const char *text, size_t size,
                               rapt__template **out) {
  *out = NULL;
  int line = 1;
  uint32_t code;
  for (size_t i = 0, n; i < size; i += n) {
    n = rapt__utf8(text + i, size - i, &code);
    if (n == 0 || code == 0) return rapt__fail(ctx, RAPT_EFORMAT, "%s:%d: byte %zu is no UTF-8", name, line, i);
    line += code == '\n';
  }
  rapt__template *t = rapt__new(ctx, 1, sizeof *t);
  if (!t) return RAPT_ENOMEM;
  t->ctx = ctx;
  rapt__arena_init(&t->arena, ctx);
  t->name = rapt__arena_strdup(&t->arena, name);
  t->text = rapt__arena_new(&t->arena, size + 1, 1);
  rapt_status status = t->name && t->text ? RAPT_OK : RAPT_ENOMEM;
  if (status == RAPT_OK) {
    memcpy(t->text, text, size);
    t->constants = json_array();
    status = t->constants ? rapt__template_parse(t, size) : rapt__fail_memory(ctx, 0);
  }
  if (status != RAPT_OK)
    rapt__template_free(t);
  else
    *out = t;
  return status;
}

void rapt__template_free(rapt__template *t) {
  if (!t) return;
  json_decref(t->constants);
  rapt__arena_free(&t->arena);
  rapt__free(t->ctx, t);
}

rapt_status rapt__template_render(const rapt__template *t, const json_t *variables, int64_t now, rapt__text *out) {
  run r = {.t = t, .out = out, .now = now, .work = WORK};
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)variables, key, value) push(&r, key, (tv){.kind = RAPT__TV_JSON, .json = value});
  statements(&r, t->body);
  give_back(&r, 0);
  drop_to(&r, 0);
  rapt__free(t->ctx, r.pool);
  rapt__free(t->ctx, r.variables);
  return r.status;
}
