/* A model's config.json: its settings under Hugging Face's names, wherever in the file these lie. */
#ifndef RAPT_SRC_TASKS_CONFIG_JSON_H
#define RAPT_SRC_TASKS_CONFIG_JSON_H

#include "tasks/model.h"

#include <jansson.h>

/* The architecture that a config.json asks for: by the class in "architectures", else by "model_type". Where the file describes a
 * model with several parts, of which the one for text is known, *root becomes that part ("text_config") and takes over
 * what only the whole has, and *is_part is set. RAPT_EUNSUPPORTED lists what there is, and the nearest name. */
rapt_status rapt__config_json_find(rapt_context *ctx, const char *path, json_t **root, const rapt__model **out,
                                   bool *is_part);
/* Fills the model's settings. RAPT_EUNSUPPORTED: a setting of the class that rapt does not compute. */
rapt_status rapt__config_json_read(rapt_model *model, json_t *root, const char *path);
rapt_status rapt__config_json_write(const rapt_model *model, const char *path, rapt_storage storage);

#endif
