/* The model "direct-hmm" for who knows it by name. */
#ifndef RAPT_SRC_MODELS_DIRECT_HMM_H
#define RAPT_SRC_MODELS_DIRECT_HMM_H

#include <stdbool.h>

/* Of its settings, which begin with those of a Transformer's stacks: whether the next position depends on the last one. */
bool rapt__direct_hmm_first(const void *config);

#endif
