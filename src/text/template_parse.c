/* A template's tree: statements, and expressions by precedence as Jinja has it. */
#include "text/template_tree.h"

#include <string.h>

typedef struct parser {
  rapt__lexer l;
  rapt__template *t;
  rapt_status status; /* the first error; then nothing more is made */
  int depth, loops, macros;
} parser;

static rapt__tn *expression(parser *p);

/* ---- Tokens ---- */

static void fail(parser *p, const char *what) {
  if (p->status == RAPT_OK) p->status = rapt__lexer_fail(&p->l, what);
}

static void next(parser *p) {
  if (p->status == RAPT_OK) p->status = rapt__lexer_next(&p->l);
}

static bool is_word(const parser *p, const char *word) {
  return p->status == RAPT_OK && p->l.type == RAPT__TT_NAME && p->l.size == strlen(word) &&
         memcmp(p->l.text, word, p->l.size) == 0;
}

static bool is_mark(const parser *p, int op) {
  return p->status == RAPT_OK && p->l.type == RAPT__TT_MARK && p->l.op == op;
}

static bool take_word(parser *p, const char *word) {
  bool found = is_word(p, word);
  if (found) next(p);
  return found;
}

static bool take_mark(parser *p, int op) {
  bool found = is_mark(p, op);
  if (found) next(p);
  return found;
}

static void need_mark(parser *p, int op, const char *what) {
  if (!take_mark(p, op)) fail(p, what);
}

/* ---- Nodes ---- */

static rapt__tn *node(parser *p, rapt__tn_kind kind) {
  static rapt__tn spare; /* never read: after an error the tree is thrown away */
  rapt__tn *n = p->status == RAPT_OK ? rapt__arena_new(&p->t->arena, 1, sizeof *n) : NULL;
  if (!n) {
    if (p->status == RAPT_OK) p->status = RAPT_ENOMEM;
    return &spare;
  }
  n->kind = kind;
  n->line = p->l.token_line;
  return n;
}

static const char *copy(parser *p, const char *text, size_t size) {
  char *to = p->status == RAPT_OK ? rapt__arena_new(&p->t->arena, size + 1, 1) : NULL;
  if (!to) {
    if (p->status == RAPT_OK) p->status = RAPT_ENOMEM;
    return "";
  }
  memcpy(to, text, size);
  return to;
}

static const char *name(parser *p) {
  if (p->status == RAPT_OK && p->l.type != RAPT__TT_NAME) fail(p, "a name is missing");
  const char *found = copy(p, p->l.text, p->status == RAPT_OK ? p->l.size : 0);
  next(p);
  return found;
}

static rapt__tn *unary(parser *p, rapt__tn_kind kind, rapt__tn *a) {
  rapt__tn *n = node(p, kind);
  if (p->status == RAPT_OK) n->a = a;
  return n;
}

static rapt__tn *binary(parser *p, rapt__tn_kind kind, int op, rapt__tn *a, rapt__tn *b) {
  rapt__tn *n = unary(p, kind, a);
  if (p->status == RAPT_OK) n->op = op, n->b = b;
  return n;
}

/* Elements end at a mark; after the last there may be a comma. */
static rapt__tn *list_until(parser *p, int end, bool pairs) {
  rapt__tn *first = NULL, **last = &first;
  while (p->status == RAPT_OK && !is_mark(p, end)) {
    *last = unary(p, RAPT__TN_LIST, expression(p));
    last = &(*last)->next;
    if (pairs) {
      need_mark(p, ':', "a colon is missing in an object");
      *last = unary(p, RAPT__TN_LIST, expression(p));
      last = &(*last)->next;
    }
    if (!take_mark(p, ',')) break;
  }
  need_mark(p, end, "a bracket is not closed");
  return first;
}

/* (a, b=c); the bracket is open. */
static rapt__tn *arguments(parser *p) {
  rapt__tn *first = NULL, **last = &first;
  int count = 0;
  while (p->status == RAPT_OK && !is_mark(p, ')')) {
    rapt__tn *a = expression(p), *argument = unary(p, RAPT__TN_LIST, a);
    if (p->status == RAPT_OK && a->kind == RAPT__TN_NAME && take_mark(p, 's')) {
      argument->keyword = a->name;
      rapt__tn *value = expression(p);
      if (p->status == RAPT_OK) argument->a = value;
    }
    if (++count > RAPT__TV_ARGUMENTS) fail(p, "a call has too many arguments");
    *last = argument;
    last = &argument->next;
    if (!take_mark(p, ',')) break;
  }
  need_mark(p, ')', "a bracket is not closed");
  return first;
}

/* ---- Expressions ---- */

static rapt__tn *constant(parser *p, json_t *value) {
  rapt__tn *n = node(p, RAPT__TN_CONSTANT);
  if (p->status == RAPT_OK) n->json = value;
  return n;
}

static rapt__tn *named(parser *p) {
  static const char *const words[3][3] = {{"true", "True"}, {"false", "False"}, {"none", "None", "null"}};
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3 && words[i][j]; j++)
      if (is_word(p, words[i][j])) {
        rapt__tn *n = constant(p, i == 0 ? json_true() : i == 1 ? json_false() : json_null());
        next(p);
        return n;
      }
  rapt__tn *n = node(p, RAPT__TN_NAME);
  const char *text = name(p);
  if (p->status == RAPT_OK) n->name = text;
  return n;
}

/* Texts side by side are one. */
static rapt__tn *strings(parser *p) {
  rapt__tn *n = constant(p, p->l.json);
  next(p);
  while (p->status == RAPT_OK && p->l.type == RAPT__TT_STRING) {
    n = binary(p, RAPT__TN_BINARY, '~', n, constant(p, p->l.json));
    next(p);
  }
  return n;
}

static rapt__tn *primary(parser *p) {
  if (p->status != RAPT_OK) return node(p, RAPT__TN_NAME);
  if (p->l.type == RAPT__TT_STRING) return strings(p);
  if (p->l.type == RAPT__TT_NUMBER) {
    rapt__tn *n = constant(p, p->l.json);
    next(p);
    return n;
  }
  if (p->l.type == RAPT__TT_NAME) return named(p);
  if (take_mark(p, '[') || is_mark(p, '{')) {
    bool object = take_mark(p, '{');
    rapt__tn *n = node(p, object ? RAPT__TN_OBJECT : RAPT__TN_LIST);
    rapt__tn *elements = list_until(p, object ? '}' : ']', object);
    if (p->status == RAPT_OK) n->args = elements;
    return n;
  }
  if (take_mark(p, '(')) {
    if (is_mark(p, ')')) {
      next(p);
      return node(p, RAPT__TN_LIST);
    }
    rapt__tn *inner = expression(p);
    if (take_mark(p, ',')) { /* what Python calls a tuple is a list here */
      rapt__tn *n = node(p, RAPT__TN_LIST), *first = unary(p, RAPT__TN_LIST, inner), *rest = list_until(p, ')', false);
      if (p->status == RAPT_OK) n->args = first, first->next = rest;
      return n;
    }
    need_mark(p, ')', "a bracket is not closed");
    return inner;
  }
  fail(p, "an expression is missing");
  return node(p, RAPT__TN_NAME);
}

/* [b] or [b:c:d]; the bracket is open. */
static rapt__tn *subscript(parser *p, rapt__tn *a) {
  rapt__tn *part[3] = {NULL, NULL, NULL};
  int colons = 0;
  while (p->status == RAPT_OK && !is_mark(p, ']')) {
    if (take_mark(p, ':')) {
      if (++colons > 2) fail(p, "a slice has more than two colons");
    } else if (part[colons]) {
      break;
    } else {
      part[colons] = expression(p);
    }
  }
  need_mark(p, ']', "a bracket is not closed");
  if (colons == 0 && !part[0]) fail(p, "an index is missing");
  rapt__tn *n = binary(p, colons ? RAPT__TN_SLICE : RAPT__TN_INDEX, 0, a, part[0]);
  if (p->status == RAPT_OK) n->c = part[1], n->d = part[2];
  return n;
}

static rapt__tn *postfix(parser *p, rapt__tn *a) {
  for (;;) {
    if (take_mark(p, '.')) {
      if (p->status == RAPT_OK && p->l.type == RAPT__TT_NUMBER) {
        a = binary(p, RAPT__TN_INDEX, 0, a, constant(p, p->l.json));
        next(p);
        continue;
      }
      const char *field = name(p);
      a = unary(p, RAPT__TN_FIELD, a);
      if (p->status == RAPT_OK) a->name = field;
    } else if (take_mark(p, '[')) {
      a = subscript(p, a);
    } else if (take_mark(p, '(')) {
      rapt__tn *args = arguments(p);
      a = unary(p, RAPT__TN_CALL, a);
      if (p->status == RAPT_OK) a->args = args;
    } else {
      return a;
    }
  }
}

static rapt_status unknown(parser *p, const char *what, const char *called) {
  return rapt__fail(p->t->ctx, RAPT_EUNSUPPORTED, "%s:%d: the %s \"%s\" is not known", p->t->name, p->l.token_line,
                    what, called);
}

static rapt__tn *filter(parser *p, rapt__tn *a) {
  a = unary(p, RAPT__TN_FILTER, a);
  const char *called = name(p);
  if (p->status == RAPT_OK && !rapt__template_has_filter(called)) p->status = unknown(p, "filter", called);
  rapt__tn *args = take_mark(p, '(') ? arguments(p) : NULL;
  if (p->status == RAPT_OK) a->name = called, a->args = args;
  return a;
}

/* a is [not] name, name(args) or name argument */
static rapt__tn *test(parser *p, rapt__tn *a) {
  bool negated = take_word(p, "not");
  rapt__tn *n = unary(p, RAPT__TN_TEST, a), *args = NULL;
  const char *called = name(p);
  if (p->status == RAPT_OK && !rapt__template_has_test(called)) p->status = unknown(p, "test", called);
  bool word = p->status == RAPT_OK && p->l.type == RAPT__TT_NAME && !is_word(p, "else") && !is_word(p, "or") &&
              !is_word(p, "and") && !is_word(p, "is") && !is_word(p, "if") && !is_word(p, "not") && !is_word(p, "in");
  bool value =
      p->status == RAPT_OK && (p->l.type == RAPT__TT_STRING || p->l.type == RAPT__TT_NUMBER || is_mark(p, '['));
  if (take_mark(p, '('))
    args = arguments(p);
  else if (word || value)
    args = unary(p, RAPT__TN_LIST, postfix(p, primary(p)));
  if (p->status == RAPT_OK) n->name = called, n->args = args;
  return negated ? unary(p, RAPT__TN_NOT, n) : n;
}

static rapt__tn *sign(parser *p, bool filters) {
  rapt__tn *a;
  if (++p->depth > RAPT__TEMPLATE_DEPTH) fail(p, "expressions are nested too deeply");
  if (take_mark(p, '-')) {
    a = unary(p, RAPT__TN_NEGATIVE, sign(p, false));
  } else if (take_mark(p, '+')) {
    a = unary(p, RAPT__TN_POSITIVE, sign(p, false));
  } else {
    a = postfix(p, primary(p));
  }
  while (filters && p->status == RAPT_OK) {
    if (take_mark(p, '|'))
      a = filter(p, a);
    else if (take_word(p, "is"))
      a = test(p, a);
    else if (take_mark(p, '(')) {
      rapt__tn *args = arguments(p);
      a = unary(p, RAPT__TN_CALL, a);
      if (p->status == RAPT_OK) a->args = args;
    } else {
      break;
    }
  }
  p->depth--;
  return a;
}

/* Operators by level, the loosest first: sums, joined texts, products, powers. */
static rapt__tn *operators(parser *p, int level) {
  static const char *const ops[] = {"+-", "~", "*/f%", "^"};
  if (level == 4) return sign(p, true);
  rapt__tn *a = operators(p, level + 1);
  while (p->status == RAPT_OK && p->l.type == RAPT__TT_MARK && strchr(ops[level], p->l.op)) {
    int op = p->l.op;
    next(p);
    a = binary(p, RAPT__TN_BINARY, op, a, operators(p, level + 1));
  }
  return a;
}

/* Which comparison follows: 0 if none. */
static int comparison(parser *p) {
  if (p->status == RAPT_OK && p->l.type == RAPT__TT_MARK && strchr("=!<>lg", p->l.op)) {
    int op = p->l.op;
    next(p);
    return op;
  }
  if (take_word(p, "in")) return 'i';
  if (!is_word(p, "not")) return 0;
  /* "not" can only begin "not in" here. */
  next(p);
  if (!take_word(p, "in")) fail(p, "\"in\" is missing after \"not\"");
  return 'n';
}

static rapt__tn *compare(parser *p) {
  rapt__tn *a = operators(p, 0), *n = NULL, **last = NULL;
  for (int op; (op = comparison(p));) {
    if (!n) {
      n = unary(p, RAPT__TN_COMPARE, a);
      last = &n->args;
    }
    rapt__tn *right = unary(p, RAPT__TN_LIST, operators(p, 0));
    if (p->status != RAPT_OK) break;
    right->op = op;
    *last = right;
    last = &right->next;
  }
  return n ? n : a;
}

static rapt__tn *negation(parser *p) {
  int count = 0;
  while (take_word(p, "not")) count++;
  rapt__tn *a = compare(p);
  for (count %= 2; count > 0; count--) a = unary(p, RAPT__TN_NOT, a);
  return a;
}

static rapt__tn *both(parser *p) {
  rapt__tn *a = negation(p);
  while (take_word(p, "and")) a = binary(p, RAPT__TN_AND, 0, a, negation(p));
  return a;
}

static rapt__tn *either(parser *p) {
  rapt__tn *a = both(p);
  while (take_word(p, "or")) a = binary(p, RAPT__TN_OR, 0, a, both(p));
  return a;
}

static rapt__tn *expression(parser *p) {
  if (++p->depth > RAPT__TEMPLATE_DEPTH) fail(p, "expressions are nested too deeply");
  rapt__tn *a = either(p);
  while (take_word(p, "if")) {
    rapt__tn *n = binary(p, RAPT__TN_CHOICE, 0, a, either(p)), *c = take_word(p, "else") ? expression(p) : NULL;
    if (p->status == RAPT_OK) n->c = c;
    a = n;
  }
  p->depth--;
  return a;
}

/* a, b, c without brackets is a list. */
static rapt__tn *expressions(parser *p) {
  rapt__tn *a = expression(p);
  if (!is_mark(p, ',')) return a;
  rapt__tn *n = node(p, RAPT__TN_LIST), *first = unary(p, RAPT__TN_LIST, a), *last = first;
  while (take_mark(p, ',') && p->l.type != RAPT__TT_CLOSE) {
    rapt__tn *more = unary(p, RAPT__TN_LIST, expression(p));
    if (p->status != RAPT_OK) break;
    last = last->next = more;
  }
  if (p->status == RAPT_OK) n->args = first;
  return n;
}

/* ---- Statements ---- */

static void close_tag(parser *p) {
  if (p->status == RAPT_OK && p->l.type != RAPT__TT_CLOSE) fail(p, "a tag goes on where its end was expected");
  next(p);
}

static rapt__tn *statements(parser *p, const char *const *ends);

/* The rest of a block up to its end, whose tag is closed. */
static rapt__tn *block(parser *p, const char *end) {
  rapt__tn *body = statements(p, (const char *const[]){end, NULL});
  take_word(p, end);
  close_tag(p);
  return body;
}

static rapt__tn *if_statement(parser *p) {
  rapt__tn *n = node(p, RAPT__TN_IF), *a = expression(p);
  close_tag(p);
  rapt__tn *body = statements(p, (const char *const[]){"elif", "else", "endif", NULL}), *other = NULL;
  if (take_word(p, "elif")) {
    other = if_statement(p);
  } else if (take_word(p, "else")) {
    close_tag(p);
    other = block(p, "endif");
  } else {
    take_word(p, "endif");
    close_tag(p);
  }
  if (p->status == RAPT_OK) n->a = a, n->body = body, n->other = other;
  return n;
}

/* Names, with a point in one: a field of a namespace. */
static rapt__tn *targets(parser *p, bool fields) {
  rapt__tn *first = NULL, **last = &first;
  bool bracket = take_mark(p, '(');
  do {
    rapt__tn *n = node(p, RAPT__TN_NAME);
    const char *text = name(p), *field = fields && take_mark(p, '.') ? name(p) : NULL;
    if (p->status != RAPT_OK) break;
    n->name = text;
    n->keyword = field;
    *last = n;
    last = &n->next;
  } while (take_mark(p, ','));
  if (bracket) need_mark(p, ')', "a bracket is not closed");
  return first;
}

static rapt__tn *for_statement(parser *p) {
  rapt__tn *n = node(p, RAPT__TN_FOR), *args = targets(p, false);
  if (!take_word(p, "in")) fail(p, "\"in\" is missing in a loop");
  /* Without the choice "a if b else c", whose "if" would be the loop's. */
  rapt__tn *a = either(p), *where = take_word(p, "if") ? expression(p) : NULL;
  if (is_word(p, "recursive") && p->status == RAPT_OK)
    p->status =
        rapt__fail(p->t->ctx, RAPT_EUNSUPPORTED, "%s:%d: recursive loops are not known", p->t->name, p->l.token_line);
  close_tag(p);
  p->loops++;
  rapt__tn *body = statements(p, (const char *const[]){"else", "endfor", NULL}), *other = NULL;
  p->loops--;
  if (take_word(p, "else")) {
    close_tag(p);
    other = block(p, "endfor");
  } else {
    take_word(p, "endfor");
    close_tag(p);
  }
  if (p->status == RAPT_OK) n->args = args, n->a = a, n->b = where, n->body = body, n->other = other;
  return n;
}

static rapt__tn *set_statement(parser *p) {
  rapt__tn *n = node(p, RAPT__TN_SET), *args = targets(p, true), *a = NULL, *body = NULL;
  if (take_mark(p, 's')) {
    a = expressions(p);
    close_tag(p);
  } else {
    close_tag(p);
    body = block(p, "endset");
  }
  if (p->status != RAPT_OK) return n;
  n->kind = a ? RAPT__TN_SET : RAPT__TN_SET_TEXT;
  n->args = args, n->a = a, n->body = body;
  if (!a && args->next) fail(p, "a block can set one name only");
  return n;
}

static rapt__tn *macro_statement(parser *p) {
  rapt__tn *n = node(p, RAPT__TN_MACRO), *first = NULL, **last = &first;
  const char *called = name(p);
  int count = 0, loops = p->loops;
  need_mark(p, '(', "a macro's parameters are missing");
  while (p->status == RAPT_OK && !is_mark(p, ')')) {
    rapt__tn *parameter = node(p, RAPT__TN_NAME);
    const char *text = name(p);
    rapt__tn *initial = take_mark(p, 's') ? expression(p) : NULL;
    if (++count > RAPT__TV_ARGUMENTS) fail(p, "a macro has too many parameters");
    if (p->status != RAPT_OK) break;
    parameter->name = text, parameter->a = initial;
    *last = parameter;
    last = &parameter->next;
    if (!take_mark(p, ',')) break;
  }
  need_mark(p, ')', "a bracket is not closed");
  close_tag(p);
  p->loops = 0;
  rapt__tn *body = block(p, "endmacro");
  p->loops = loops;
  if (p->status == RAPT_OK) n->name = called, n->args = first, n->body = body;
  return n;
}

static rapt__tn *jump(parser *p, rapt__tn_kind kind) {
  if (p->loops == 0) fail(p, "there is no loop to leave or go on with");
  rapt__tn *n = node(p, kind);
  close_tag(p);
  return n;
}

/* Behind "{%", which is not an end that somebody waits for. */
static rapt__tn *statement(parser *p) {
  if (take_word(p, "if")) return if_statement(p);
  if (take_word(p, "for")) return for_statement(p);
  if (take_word(p, "set")) return set_statement(p);
  if (take_word(p, "macro")) return macro_statement(p);
  if (take_word(p, "break")) return jump(p, RAPT__TN_BREAK);
  if (take_word(p, "continue")) return jump(p, RAPT__TN_CONTINUE);
  if (take_word(p, "generation")) { /* transformers marks what the assistant says; the text is the same */
    close_tag(p);
    return block(p, "endgeneration");
  }
  if (p->status == RAPT_OK && p->l.type == RAPT__TT_NAME) {
    const char *word = copy(p, p->l.text, p->l.size);
    if (p->status == RAPT_OK)
      p->status = rapt__fail(p->t->ctx, RAPT_EUNSUPPORTED, "%s:%d: {%% %s %%} is not known or has nothing to end",
                             p->t->name, p->l.token_line, word);
  }
  fail(p, "a tag has no name");
  return NULL;
}

static bool is_end(const parser *p, const char *const *ends) {
  for (; ends && *ends; ends++)
    if (is_word(p, *ends)) return true;
  return false;
}

/* Up to one of the ends, whose word is then the newest token; without ends up to the template's. */
static rapt__tn *statements(parser *p, const char *const *ends) {
  rapt__tn *first = NULL, **last = &first;
  int line = p->l.token_line;
  if (++p->depth > RAPT__TEMPLATE_DEPTH) fail(p, "blocks are nested too deeply");
  while (p->status == RAPT_OK && p->l.type != RAPT__TT_END) {
    rapt__tn *n = NULL;
    if (p->l.type == RAPT__TT_TEXT) {
      n = node(p, RAPT__TN_TEXT);
      const char *text = copy(p, p->l.text, p->l.size);
      if (p->status == RAPT_OK) n->name = text, n->size = p->l.size;
      next(p);
    } else if (p->l.type == RAPT__TT_PRINT) {
      next(p);
      n = unary(p, RAPT__TN_OUTPUT, expressions(p));
      close_tag(p);
    } else {
      next(p);
      if (is_end(p, ends)) {
        p->depth--;
        return first;
      }
      n = statement(p);
    }
    if (p->status != RAPT_OK) break;
    *last = n;
    while (*last) last = &(*last)->next; /* what "generation" holds is several */
  }
  p->depth--;
  if (ends && p->status == RAPT_OK)
    p->status = rapt__fail(p->t->ctx, RAPT_EFORMAT, "%s:%d: a block that begins here has no end", p->t->name, line);
  return first;
}

rapt_status rapt__template_parse(rapt__template *t, size_t size) {
  parser p = {.t = t};
  rapt__lexer_begin(&p.l, t, t->text, size);
  next(&p);
  t->body = statements(&p, NULL);
  return p.status;
}
