/* What an architecture is called in GGUF files: its metadata and tensors, as tables. */
#ifndef RAPT_SRC_MODELS_GGUF_H
#define RAPT_SRC_MODELS_GGUF_H

#include <rapt/base.h>
#include <stdbool.h>

enum {
  RAPT__GGUF_TURNED = 1, /* the file has (out, in) where the parameter is (in, out) */
  RAPT__GGUF_PLAIN = 2   /* stays in float32: it is used otherwise than as a weight or a table */
};

/* "%d" stands for the number of a layer in both. */
typedef struct rapt__gguf_name {
  const char *gguf, *parameter;
  int flags;
} rapt__gguf_name;

typedef struct rapt__gguf_key {
  const char *gguf;    /* behind "<architecture>." */
  const char *setting; /* its key in config.json */
  /* What is written where 0 means "follows from the others"; NULL: the setting itself. */
  int64_t (*value)(const void *config);
} rapt__gguf_key;

/* A setting that files have no place for: as they mean it. */
typedef struct rapt__gguf_fixed {
  const char *setting, *value;
} rapt__gguf_fixed;

typedef struct rapt__gguf_arch {
  const char *name;             /* general.architecture */
  const rapt__gguf_name *names; /* the next three end in {0} */
  const rapt__gguf_key *keys;
  const rapt__gguf_fixed *fixed; /* or NULL */
  const char *const *unread;     /* tensors of files that are no parameters, NULL-terminated; or NULL */
  const char *table;             /* of tokens, whose rows are the vocabulary: "token_embd.weight" */
  /* The output's weights and the boolean setting that says that they are the table; a file without them has it true. */
  const char *output, *tied;
} rapt__gguf_arch;

#endif
