/* Settings from one table: the struct's fields, their keys on the command line and in files, their meaning, default and
 * range. A model's table also names the Hugging Face key of config.json. */
#ifndef RAPT_SRC_CONFIG_H
#define RAPT_SRC_CONFIG_H

#include "base/base.h"

typedef enum rapt__key_type {
  RAPT__KEY_INT,    /* int64_t */
  RAPT__KEY_REAL,   /* double */
  RAPT__KEY_BOOL,   /* bool; true/false, yes/no, on/off, 1/0 */
  RAPT__KEY_TEXT,   /* const char *, kept in the config's arena; NULL is "" */
  RAPT__KEY_LIST,   /* the same, words with commas between them; an array of texts in config.json */
  RAPT__KEY_CHOICE, /* int: the index of one of `choices` */
} rapt__key_type;

typedef struct rapt__key {
  const char *name; /* "model.layers" */
  /* "n_layer" in config.json, or NULL. "a.b" is b of the object a; of "a|b" the first that is there counts, and a is written;
   * "?a" is written only where the value is not what its absence means. */
  const char *hf;
  rapt__key_type type;
  size_t offset;              /* of the field in the struct */
  const char *initial;        /* default, as text */
  double min, max;            /* of numbers, both ends allowed; min == max: no limit */
  const char *const *choices; /* NULL-terminated, for RAPT__KEY_CHOICE */
  const char *help;
  const char *absent; /* what it means that config.json lacks it, as text; NULL: the default */
} rapt__key;

/* A table and the struct that it describes. Several tables make one name space. */
typedef struct rapt__config {
  const rapt__key *keys; /* ends with name == NULL */
  void *values;          /* borrowed */
} rapt__config;

rapt_status rapt__config_defaults(rapt_context *ctx, rapt__arena *arena, const rapt__config *configs, size_t count);
/* Sets "key=value" or a key and a value. An unknown key or a bad value is RAPT_EKEY: the sentence names the nearest
 * known key, or the range or the choices; `where` ("command line", "my.yaml:12") begins it. */
rapt_status rapt__config_set(rapt_context *ctx, rapt__arena *arena, const rapt__config *configs, size_t count,
                             const char *name, const char *value, const char *where);
const rapt__key *rapt__config_find(const rapt__config *configs, size_t count, const char *name, void **field);
/* The value as text that rapt__config_set reads back unchanged. */
rapt_status rapt__config_print(rapt__text *out, const rapt__key *key, const void *field);

#endif
