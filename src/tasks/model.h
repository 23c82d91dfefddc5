/* A model as an object: architecture, settings, parameters, tokenizers, and its plans. */
#ifndef RAPT_SRC_TASKS_MODEL_H
#define RAPT_SRC_TASKS_MODEL_H

#include <rapt/embed.h>
#include "graph/params.h"
#include "models/models.h"

struct rapt_model {
  rapt_context *ctx;
  rapt__arena arena;
  const rapt__model *arch;
  void *config;                     /* the architecture's struct, in the arena */
  rapt_params *params;              /* owned */
  rapt_tokenizer *tokenizer;        /* owned, or NULL; of a translator: of the target */
  rapt_tokenizer *source_tokenizer; /* owned: of a translator's source; NULL: `tokenizer` reads both sides */
  rapt_params *caches;              /* owned: key/value caches, made when first asked for */
  int64_t capacity;                 /* tokens that they have room for */
  rapt_embed_options embed;         /* of an encoder: what its directory says */
  bool is_part;                     /* was read from the directory of a larger model, whose text model it is */
  struct rapt__gguf *file;          /* owned: mapped, in which weights lie; or NULL */
  rapt_plan_cache *plans;           /* owned: forward passes by (mode, B, T) */
};

/* Modes of a forward plan: logits of all positions; the last position only, filling or using the key/value cache. */
enum { RAPT__PASS_ALL, RAPT__PASS_CACHE };

/* An error for a model of another kind. */
rapt_status rapt__model_is_language(const rapt_model *model);
rapt_status rapt__model_is_music(const rapt_model *model);
/* Runs ids (T) at position `start`: logits (T, V) for RAPT__PASS_ALL, (V) of the last token for RAPT__PASS_CACHE. The result
 * is the plan's own memory, valid until the next pass. */
rapt_status rapt__model_pass(rapt_model *model, int mode, const int32_t *ids, int64_t count, int64_t start,
                             const real **logits);
/* Makes room in the caches for at least so many tokens of a sequence that has not begun; the context is the most. */
rapt_status rapt__model_reserve(rapt_model *model, int64_t tokens);
/* Special ids of translators made here (rapt_tokenizer_train_words, rapt_tokenizer_add_specials). */
enum { RAPT__BOS, RAPT__PAD, RAPT__EOS, RAPT__UNK };

/* Tokenizers are taken over, after an error too; they set the sizes of the vocabularies. */
rapt_status rapt__model_empty(rapt_context *ctx, const rapt__model *arch, rapt_tokenizer *tokenizer, rapt_model **out);
/* The same for a sequence-to-sequence architecture; `source` is NULL where one tokenizer reads both sides. */
rapt_status rapt__model_empty_pair(rapt_context *ctx, const rapt__model *arch, rapt_tokenizer *source,
                                   rapt_tokenizer *target, rapt_model **out);
/* Reads a text of the source side. */
const rapt_tokenizer *rapt__model_source(const rapt_model *model);
/* Declares the parameters by building one small pass; the config is checked first. */
rapt_status rapt__model_declare(rapt_model *model);
/* Replaces parameters by the tensors of a file, by the names that files of the class have; 16-bit floats are widened. RAPT_EFORMAT
 * says how many are there, which are missing and which belong to no parameter. Of tied weights one is enough. */
rapt_status rapt__model_read_weights(rapt_model *model, const char *path);
/* The same of a model directory, whose weights may lie in several files. */
rapt_status rapt__model_read_directory(rapt_model *model, const char *dir);
/* rapt_model_save_as, with weights in several files where one would have more than `most` bytes of them (0: no limit). */
rapt_status rapt__model_save(const rapt_model *model, const char *dir, rapt_storage storage, uint64_t most);
/* Encodes a text with the model's tokenizer; *ids is freed with rapt__free. */
rapt_status rapt__model_encode(const rapt_model *model, const char *text, size_t size, int32_t **ids, int64_t *count);
/* *sum: nats of ids[1..count), in windows of the context that overlap by half (rapt_model_eval). */
rapt_status rapt__model_eval_ids(rapt_model *model, const int32_t *ids, int64_t count, double *sum);

#endif
