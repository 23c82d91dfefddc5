/* A template from inside: its tree, the reader of its tokens, and what it computes with. */
#ifndef RAPT_SRC_TEMPLATE_TREE_H
#define RAPT_SRC_TEMPLATE_TREE_H

#include "text/template.h"

enum { RAPT__TEMPLATE_DEPTH = 100 }; /* of nested expressions and blocks, and of calls of macros */

/* ---- The tree ---- */

typedef enum rapt__tn_kind {
  /* Statements */
  RAPT__TN_TEXT,     /* name (size): text as it is */
  RAPT__TN_OUTPUT,   /* a */
  RAPT__TN_IF,       /* a ? body : other */
  RAPT__TN_FOR,      /* args (targets) in a, where b holds: body, or other if there was nothing */
  RAPT__TN_SET,      /* args (targets) = a */
  RAPT__TN_SET_TEXT, /* args (one target) = what body makes */
  RAPT__TN_MACRO,    /* name(args): body */
  RAPT__TN_BREAK,
  RAPT__TN_CONTINUE,
  /* Expressions */
  RAPT__TN_CONSTANT, /* json */
  RAPT__TN_NAME,     /* name */
  RAPT__TN_FIELD,    /* a.name */
  RAPT__TN_INDEX,    /* a[b] */
  RAPT__TN_SLICE,    /* a[b:c:d], each of which may be NULL */
  RAPT__TN_LIST,     /* args */
  RAPT__TN_OBJECT,   /* args: key, value, key, value … */
  RAPT__TN_CALL,     /* a(args) */
  RAPT__TN_FILTER,   /* a | name(args) */
  RAPT__TN_TEST,     /* a is name(args) */
  RAPT__TN_NOT,      /* not a */
  RAPT__TN_AND,
  RAPT__TN_OR,
  RAPT__TN_NEGATIVE,
  RAPT__TN_POSITIVE,
  RAPT__TN_BINARY,  /* a op b: + - * / % , 'f' //, '^' **, '~' */
  RAPT__TN_COMPARE, /* a, then args, each with its op: = == , ! !=, < >, l <=, g >=, i in, n not in */
  RAPT__TN_CHOICE   /* b ? a : c, which may be NULL */
} rapt__tn_kind;

typedef struct rapt__tn rapt__tn;
struct rapt__tn {
  rapt__tn_kind kind;
  int line, op;
  const char *name; /* in the template's arena; as an argument: its keyword, else NULL */
  size_t size;
  json_t *json; /* owned by the template */
  rapt__tn *a, *b, *c, *d;
  rapt__tn *args, *body, *other; /* lists, by next */
  rapt__tn *next;
  const char *keyword; /* of an argument of a call; of a macro's parameter its name is `name` and `a` its default */
};

struct rapt__template {
  rapt_context *ctx;
  rapt__arena arena;
  char *name, *text;
  rapt__tn *body;
  json_t *constants; /* an array that owns them */
};

/* ---- Tokens ---- */

typedef enum rapt__tt {
  RAPT__TT_END, /* of the template */
  RAPT__TT_TEXT,
  RAPT__TT_TAG,    /* {% */
  RAPT__TT_PRINT,  /* {{ */
  RAPT__TT_CLOSE,  /* of either */
  RAPT__TT_NAME,   /* text */
  RAPT__TT_NUMBER, /* json */
  RAPT__TT_STRING, /* json */
  RAPT__TT_MARK    /* op: the character; f //, ^ **, = ==, ! !=, l <=, g >=, and 's' for a single = */
} rapt__tt;

typedef struct rapt__lexer {
  rapt__template *t;
  const char *at, *end;
  int line, depth; /* depth: of brackets in the tag */
  bool in_tag, printing;
  bool trim; /* the tag that was closed ends in a dash: white space goes */
  /* The newest token */
  rapt__tt type;
  const char *text;
  size_t size;
  json_t *json; /* borrowed from the template's constants */
  int op, token_line;
} rapt__lexer;

void rapt__lexer_begin(rapt__lexer *lexer, rapt__template *t, const char *text, size_t size);
rapt_status rapt__lexer_next(rapt__lexer *lexer);
/* RAPT_EFORMAT at the newest token. */
rapt_status rapt__lexer_fail(const rapt__lexer *lexer, const char *what);

rapt_status rapt__template_parse(rapt__template *t, size_t size);

/* ---- Values ---- */

typedef enum rapt__tv_kind {
  RAPT__TV_UNDEFINED,
  RAPT__TV_JSON,
  RAPT__TV_SPACE,   /* namespace(): an object whose fields can be set */
  RAPT__TV_LOOP,    /* the object `loop` */
  RAPT__TV_MACRO,   /* node */
  RAPT__TV_FUNCTION /* name */
} rapt__tv_kind;

typedef struct rapt__tv {
  rapt__tv_kind kind;
  json_t *json;         /* borrowed: from a variable, a constant or the run's pool */
  const rapt__tn *node; /* of a macro */
  const char *name;     /* of a function; of what is undefined */
} rapt__tv;

typedef struct rapt__tv_argument {
  const char *keyword; /* or NULL */
  rapt__tv value;
} rapt__tv_argument;

enum { RAPT__TV_ARGUMENTS = 16 };
typedef struct rapt__tv_arguments {
  rapt__tv_argument at[RAPT__TV_ARGUMENTS];
  int count;
} rapt__tv_arguments;

typedef struct rapt__template_variable {
  const char *name;
  rapt__tv value; /* json: owned */
} rapt__template_variable;

/* One rendering. After an error everything does nothing and gives what is undefined. */
typedef struct rapt__template_run {
  const rapt__template *t;
  rapt_status status;
  rapt__text *out;
  int64_t now, work; /* work: what may still be done */
  int depth;
  json_t **pool; /* what expressions made, given back after each statement; owned */
  size_t pool_count, pool_room;
  rapt__template_variable *variables; /* owned */
  size_t count, room;
  size_t base;    /* of the variables that a set changes */
  size_t floor;   /* of the variables of the macro that runs; below it only the globals are seen */
  size_t globals; /* how many there are */
} rapt__template_run;

/* template_value.c */
rapt__tv rapt__tv_undefined(const char *name);
/* Takes a new reference over; NULL is no memory. */
rapt__tv rapt__tv_new(rapt__template_run *r, json_t *json);
rapt__tv rapt__tv_text(rapt__template_run *r, const char *bytes, size_t size);
rapt__tv rapt__tv_bool(rapt__template_run *r, bool value);
rapt__tv rapt__tv_fail(rapt__template_run *r, int line, const char *fmt, ...) RAPT_PRINTF(3, 4);
/* Whether so much more may be done. */
bool rapt__tv_work(rapt__template_run *r, int line, size_t amount);
bool rapt__tv_true(const rapt__tv *v);
bool rapt__tv_equal(const json_t *a, const json_t *b);
bool rapt__tv_is_number(const json_t *x); /* true and false too */
/* a before, at or after b: -1, 0, 1; an error where they have no order. */
int rapt__tv_order(rapt__template_run *r, int line, const json_t *a, const json_t *b);
const char *rapt__tv_type(const rapt__tv *v); /* "a text" */
/* As Python's str() and, with json, as its json.dumps; indent < 0: on one line. */
void rapt__tv_print(rapt__template_run *r, int line, const rapt__tv *v, rapt__text *out);
void rapt__tv_dump(rapt__template_run *r, int line, const json_t *x, bool json, int indent, rapt__text *out);
/* What a loop goes over, as an array: a list's elements, an object's keys, a text's characters. */
json_t *rapt__tv_elements(rapt__template_run *r, int line, const rapt__tv *v);

/* template_eval.c */
rapt__tv rapt__tv_eval(rapt__template_run *r, const rapt__tn *node);

/* template_run.c */
rapt__tv rapt__template_get(const rapt__template_run *r, const char *name);
void rapt__template_set(rapt__template_run *r, const char *name, rapt__tv value);
rapt__tv rapt__template_macro(rapt__template_run *r, int line, const rapt__tn *macro, const rapt__tv_arguments *args);

/* template_filters.c, template_methods.c; *known is false where there is no such thing. */
rapt__tv rapt__template_filter(rapt__template_run *r, int line, const char *name, rapt__tv value,
                               const rapt__tv_arguments *args);
bool rapt__template_has_filter(const char *name);
bool rapt__template_test(rapt__template_run *r, int line, const char *name, rapt__tv value,
                         const rapt__tv_arguments *args);
bool rapt__template_has_test(const char *name);
rapt__tv rapt__template_method(rapt__template_run *r, int line, const char *name, rapt__tv value,
                               const rapt__tv_arguments *args, bool *known);
rapt__tv rapt__template_function(rapt__template_run *r, int line, const char *name, const rapt__tv_arguments *args);
bool rapt__template_has_function(const char *name);

/* Argument `index`, or the one with this keyword; NULL where there is none. */
const rapt__tv *rapt__tv_given(const rapt__tv_arguments *args, int index, const char *keyword);

#endif
