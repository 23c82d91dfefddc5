/* Finding an architecture by name. */
#include "models/models.h"

#include <string.h>

const rapt__model *rapt__model_find(const char *name) {
  for (int i = 0; rapt__models[i]; i++)
    if (strcmp(rapt__models[i]->name, name) == 0) return rapt__models[i];
  for (int i = 0; rapt__models[i]; i++)
    if (strcmp(rapt__models[i]->hf_type, name) == 0) return rapt__models[i];
  return NULL;
}
