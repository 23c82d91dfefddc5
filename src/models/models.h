/* What an architecture is to the rest of the library: a table of settings and a build function. One file each; the build
 * finds `const rapt__model rapt__model_<file>` and lists it. */
#ifndef RAPT_SRC_MODELS_H
#define RAPT_SRC_MODELS_H

#include "base/config.h"
#include "models/encoder.h"
#include "models/gguf.h"
#include "models/music.h"
#include "models/seq2seq.h"
#include "nn/nn.h"

/* One forward pass of a language model. */
typedef struct rapt__lm_pass {
  rapt_graph *graph;
  rapt_params *params;
  const void *config;
  rapt_tensor *tokens;    /* int32 (B, T) */
  rapt_tensor *positions; /* int32 (T) */
  bool training;          /* dropout on */
  /* With a key/value cache (generation): the store of caches, the position of tokens[:, 0], and how many tokens the caches
   * hold afterwards. For T > 1 the pass begins a sequence (start = 0). */
  rapt_params *caches;
  int64_t capacity;    /* tokens that caches must have room for: at most the context */
  rapt_tensor *start;  /* int32 () */
  rapt_tensor *filled; /* int32 (B) */
} rapt__lm_pass;

typedef struct rapt__model {
  const char *name;      /* "gpt2" */
  const char *hf_class;  /* "GPT2LMHeadModel" */
  const char *hf_type;   /* "gpt2": model_type in config.json */
  const char *hf_prefix; /* tensors of the hub may lack it: "transformer." */
  /* Endings of names of tensors in its files that are no parameters, NULL-terminated, or NULL: such that can be anything
   * (buffers, copies of tied weights), and such that have to be all zero, since they are not computed with. */
  const char *const *hf_unread, *const *hf_zero;
  /* Pairs: another name that files may have a parameter under, or a copy of it beside it, and the parameter's;
   * NULL-terminated, or NULL. */
  const char *const *hf_tied;
  const char *const *hf_renamed; /* pairs: an ending of names in older files, and what it is today; or NULL */
  const char *const
      *hf_optional;              /* endings of parameters that files may lack, which then stay as they start; or NULL */
  const char *const *hf_allowed; /* switches of config.json that the class may have though others may not; or NULL */
  const rapt__key *keys;         /* of its config struct */
  size_t config_size;
  /* Fills in settings that follow from others, for classes whose config.json cannot leave them open; or NULL. Texts go into
   * the arena. */
  rapt_status (*settle)(rapt_context *ctx, rapt__arena *arena, void *config);
  /* Checks settings against each other; the sentence names the key. */
  rapt_status (*check)(rapt_context *ctx, const void *config);
  /* Hidden states (B, T, C) before the output head, and the head's weight (V, C), for a language model. */
  rapt_tensor *(*hidden)(const rapt__lm_pass *pass, rapt_tensor **head);
  /* Fields that every language model has. */
  int64_t (*context)(const void *config);
  int64_t *(*vocabulary)(void *config);
  bool has_cache;
  const rapt__gguf_arch *gguf; /* its form in GGUF files, or NULL */
  const rapt__seq2seq
      *seq2seq;             /* a sequence-to-sequence architecture: then `hidden` is NULL, and context and vocabulary
                                 * are the target's; or NULL */
  const rapt__music *music; /* a model of piano rolls: then `hidden`, `context` and `vocabulary` are NULL; or NULL */
  const rapt__encoder_model *encoder; /* an encoder: then `hidden` is NULL; or NULL */
} rapt__model;

extern const rapt__model *const rapt__models[];        /* then NULL */
const rapt__model *rapt__model_find(const char *name); /* by name or hf_type; NULL */

#endif
