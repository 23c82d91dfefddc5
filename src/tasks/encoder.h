/* Encoders: their plans, and what sentence-transformers keeps beside a model about its use. */
#ifndef RAPT_SRC_TASKS_ENCODER_H
#define RAPT_SRC_TASKS_ENCODER_H

#include "tasks/model.h"

/* What a plan of an encoder gives: (B, T, C) as "states"; (B, C) as "pooled"; (B, V), probabilities of the tokens at the
 * positions of the input "at" (B), as "masked". Its inputs are "tokens", "types" (B, T) and "lengths" (B). */
enum { RAPT__ENCODE_STATES, RAPT__ENCODE_POOLED, RAPT__ENCODE_MASKED };

/* Builds a plan by the key (mode, B, T), for the model's cache. */
rapt_status rapt__encoder_build(rapt_model *model, rapt_graph *graph, const int64_t key[4], rapt_tensor **outputs,
                                int *count);
/* Declares the parameters of all that the class computes. */
void rapt__encoder_declare(rapt_model *model, rapt_graph *graph);
rapt_status rapt__model_is_encoder(const rapt_model *model);

/* Reads DIR/modules.json, the pooling's config.json and sentence_bert_config.json; without them the mean. RAPT_EUNSUPPORTED
 * names a module or a pooling that rapt does not compute. */
rapt_status rapt__embed_options_read(rapt_context *ctx, const char *dir, rapt_embed_options *out);
/* Writes these files. */
rapt_status rapt__embed_options_write(const rapt_model *model, const char *dir);

#endif
