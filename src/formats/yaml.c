/* Settings from YAML. libyaml turns the bytes into events; what is not a map of scalars is refused. */
#include "formats/yaml.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

enum { DEPTH = 8, KEY = 256, KEYS = 2000, SIZE = 1 << 20 };

typedef struct reader {
  rapt_context *ctx;
  const char *name;
  rapt__yaml_fn each;
  void *user;
  char prefix[KEY];   /* "a.b." of the maps around */
  size_t ends[DEPTH]; /* length of the prefix outside each map */
  int depth, documents;
  char key[KEY];      /* waiting for its value; "" when a key comes next */
  rapt__arena arena;  /* of the names */
  const char **names; /* owned: every key so far, those of maps end with a point */
  size_t name_count, name_capacity;
} reader;

static rapt_status refuse(reader *r, const yaml_event_t *e, const char *what) {
  return rapt__fail(r->ctx, RAPT_EFORMAT, "%s:%zu: %s", r->name, e->start_mark.line + 1, what);
}

static rapt_status remember(reader *r, const yaml_event_t *e, const char *name) {
  for (size_t i = 0; i < r->name_count; i++)
    if (strcmp(r->names[i], name) == 0)
      return rapt__fail(r->ctx, RAPT_EFORMAT, "%s:%zu: the key \"%s\" stands here a second time", r->name,
                        e->start_mark.line + 1, name);
  if (r->name_count == KEYS) return refuse(r, e, "there are too many keys (2000 are allowed)");
  RAPT_TRY(rapt__reserve(r->ctx, (void **)&r->names, &r->name_capacity, r->name_count, sizeof *r->names));
  char *copy = rapt__arena_strdup(&r->arena, name);
  if (!copy) return RAPT_ENOMEM;
  r->names[r->name_count++] = copy;
  return RAPT_OK;
}

static rapt_status scalar(reader *r, const yaml_event_t *e) {
  const char *text = (const char *)e->data.scalar.value;
  size_t length = e->data.scalar.length;
  if (e->data.scalar.anchor ||
      (e->data.scalar.tag && !e->data.scalar.plain_implicit && !e->data.scalar.quoted_implicit))
    return refuse(r, e, "anchors and tags are not supported");
  if (r->depth == 0) return refuse(r, e, "a map of settings (key: value) is expected");
  if (strlen(text) != length) return refuse(r, e, "a zero byte in a text");
  if (!*r->key) {
    if (length == 0 || strlen(r->prefix) + length >= KEY) return refuse(r, e, "a key is empty or too long");
    memcpy(r->key, text, length + 1);
    return RAPT_OK;
  }
  char full[2 * KEY], where[512];
  snprintf(full, sizeof full, "%s%s", r->prefix, r->key);
  snprintf(where, sizeof where, "%s:%zu", r->name, e->start_mark.line + 1);
  r->key[0] = 0;
  RAPT_TRY(remember(r, e, full));
  return r->each(r->user, full, text, where);
}

static rapt_status begin_map(reader *r, const yaml_event_t *e) {
  if (e->data.mapping_start.anchor || (e->data.mapping_start.tag && !e->data.mapping_start.implicit))
    return refuse(r, e, "anchors and tags are not supported");
  if (r->depth == DEPTH) return refuse(r, e, "maps are nested too deeply");
  if (r->depth > 0 && !*r->key) return refuse(r, e, "a map cannot be a key");
  size_t end = strlen(r->prefix);
  r->ends[r->depth++] = end;
  if (*r->key) {
    if (end + strlen(r->key) + 2 > KEY) return refuse(r, e, "the key is too long");
    snprintf(r->prefix + end, KEY - end, "%s.", r->key);
    r->key[0] = 0;
    RAPT_TRY(remember(r, e, r->prefix));
  }
  return RAPT_OK;
}

static rapt_status handle(reader *r, const yaml_event_t *e) {
  switch (e->type) {
  case YAML_SCALAR_EVENT: return scalar(r, e);
  case YAML_MAPPING_START_EVENT: return begin_map(r, e);
  case YAML_MAPPING_END_EVENT: r->prefix[r->ends[--r->depth]] = 0; return RAPT_OK;
  case YAML_SEQUENCE_START_EVENT: return refuse(r, e, "lists are not supported");
  case YAML_ALIAS_EVENT: return refuse(r, e, "aliases are not supported");
  case YAML_DOCUMENT_START_EVENT: return ++r->documents > 1 ? refuse(r, e, "only one document is expected") : RAPT_OK;
  default: return RAPT_OK;
  }
}

static rapt_status fail_parse(reader *r, const yaml_parser_t *parser) {
  if (parser->error == YAML_MEMORY_ERROR) return rapt__fail_memory(r->ctx, 0);
  const char *problem = parser->problem ? parser->problem : "not YAML";
  if (parser->error == YAML_READER_ERROR) /* the only one that knows no line */
    return rapt__fail(r->ctx, RAPT_EFORMAT, "%s: byte %zu: %s", r->name, parser->problem_offset, problem);
  return rapt__fail(r->ctx, RAPT_EFORMAT, "%s:%zu: %s", r->name, parser->problem_mark.line + 1, problem);
}

rapt_status rapt__yaml_read(rapt_context *ctx, const char *name, const char *text, size_t size, rapt__yaml_fn each,
                            void *user) {
  if (size > SIZE)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s:1: %zu bytes are too many for settings (1 MB is allowed)", name, size);
  reader r = {.ctx = ctx, .name = name, .each = each, .user = user};
  yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser)) return rapt__fail_memory(ctx, 0);
  rapt__arena_init(&r.arena, ctx);
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
  rapt_status status = RAPT_OK;
  for (bool end = false; !end && status == RAPT_OK;) {
    yaml_event_t event;
    if (!yaml_parser_parse(&parser, &event)) {
      status = fail_parse(&r, &parser);
      break;
    }
    status = handle(&r, &event);
    end = event.type == YAML_STREAM_END_EVENT;
    yaml_event_delete(&event);
  }
  yaml_parser_delete(&parser);
  rapt__free(ctx, r.names);
  rapt__arena_free(&r.arena);
  return status;
}
