/* rapt/model.h: models: made, loaded, saved; language models run and sampled.
 *
 * A model directory is Hugging Face's: config.json, model.safetensors, tokenizer.json, generation_config.json. */
#ifndef RAPT_MODEL_H
#define RAPT_MODEL_H

#include <rapt/graph.h>
#include <rapt/text.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rapt_model rapt_model;

/* A new model of an architecture ("gpt2") with random weights. `settings` are "model.key=value" texts. The tokenizer is
 * taken over (freed with the model, also after an error); NULL: set model.vocabulary and use token ids. */
RAPT_API rapt_status rapt_model_new(rapt_context *ctx, const char *architecture, const char *const *settings, int count,
                                    rapt_tokenizer *tokenizer, uint64_t seed, rapt_model **out);
/* Reads a model directory, whether rapt or transformers wrote it. A missing, unexpected or misshapen tensor is an error that
 * names it. A directory of a run is accepted too: its model is loaded. So is a GGUF file: its matrices stay in the mapped file as
 * they are, and the model computes with them but cannot be trained. */
RAPT_API rapt_status rapt_model_load(rapt_context *ctx, const char *dir, rapt_model **out);
/* Writes the directory; every file is replaced atomically, the weights last. */
RAPT_API rapt_status rapt_model_save(const rapt_model *model, const char *dir);
/* How numbers lie in the file. The two of two bytes are rounded to the nearest, and a model is computed in float32
 * whatever it was read from. */
typedef enum rapt_storage { RAPT_STORAGE_FLOAT32, RAPT_STORAGE_FLOAT16, RAPT_STORAGE_BFLOAT16 } rapt_storage;
/* rapt_model_save in another storage. RAPT_EINVAL names a weight that is too large for it. */
RAPT_API rapt_status rapt_model_save_as(const rapt_model *model, const char *dir, rapt_storage storage);
/* Writes a GGUF file, atomically, with the tokenizer in it; `type` is "f32", "f16", "bf16", "q8_0", "q5_0", "q4_0", "q4_k", "q5_k" or
 * "q6_k" in any case and is that of the matrices. Those whose rows are no whole blocks of it get the next finer type that fits;
 * vectors and position tables stay float32. RAPT_EUNSUPPORTED for architectures and settings that have no form in GGUF. */
RAPT_API rapt_status rapt_model_save_gguf(const rapt_model *model, const char *path, const char *type);
RAPT_API void rapt_model_free(rapt_model *model);

/* What a model is for. The functions below say which kind they take; others they refuse with RAPT_EUNSUPPORTED. */
typedef enum rapt_model_kind {
  RAPT_KIND_LANGUAGE,    /* text: everything in this header */
  RAPT_KIND_TRANSLATION, /* from text to text: <rapt/translate.h> */
  RAPT_KIND_MUSIC,       /* piano rolls: <rapt/music.h> */
  RAPT_KIND_ENCODER      /* from text to vectors: <rapt/embed.h> */
} rapt_model_kind;
RAPT_API rapt_model_kind rapt_model_get_kind(const rapt_model *model);

RAPT_API rapt_params *rapt_model_params(rapt_model *model);
RAPT_API const rapt_tokenizer *rapt_model_tokenizer(const rapt_model *model); /* NULL when it has none */
RAPT_API const char *rapt_model_architecture(const rapt_model *model);
/* Of a language model or an encoder; 0 of other kinds. */
RAPT_API int64_t rapt_model_context(const rapt_model *model);
RAPT_API int64_t rapt_model_vocabulary(const rapt_model *model);

/* Logits (count, vocabulary) for every position of ids[0..count), count ≤ context. */
RAPT_API rapt_status rapt_model_logits(rapt_model *model, const int32_t *ids, int64_t count, float *logits);

/* The loss over a text, in windows of the context that overlap by half so that every token but the first few sees enough. */
typedef struct rapt_eval {
  double loss;          /* nats per token */
  double perplexity;    /* e^loss */
  double bits_per_byte; /* of the text; NaN where bytes is 0 */
  int64_t tokens, bytes;
} rapt_eval;
RAPT_API rapt_status rapt_model_eval(rapt_model *model, const char *text, size_t size, rapt_eval *out);

typedef struct rapt_generate_options {
  int64_t tokens;            /* to make */
  double temperature;        /* 0: greedy */
  int64_t top_k;             /* 0: off */
  double top_p;              /* 0 or 1: off (nucleus; Holtzman et al. 2020) */
  double min_p;              /* 0: off: drops tokens below min_p times the best one's probability */
  double repetition_penalty; /* 0 or 1: off (Keskar et al. 2019) */
  uint64_t seed;
  bool no_cache; /* runs the whole window for every token: the same text, slower */
} rapt_generate_options;
/* Called with the bytes of each new token as soon as they are whole UTF-8; stops when it returns false. */
typedef bool (*rapt_stream_fn)(void *user, const char *bytes, size_t size);
/* Continues `prompt` (may be empty: begins with token 0). Past the context the window slides. rapt_context_interrupt stops it. */
RAPT_API rapt_status rapt_model_generate(rapt_model *model, const char *prompt, size_t size,
                                         const rapt_generate_options *options, rapt_stream_fn stream, void *user);

#ifdef __cplusplus
}
#endif
#endif
