/* States of a decoder that goes token by token. */
#include "models/seq2seq.h"

#include <assert.h>

rapt_tensor *rapt__seq2seq_state(rapt__seq2seq_pass *pass, const char *name, int ndim, const int64_t *dims) {
  return rapt_param(pass->graph, pass->states, name, ndim, dims, (rapt_init){RAPT_INIT_ZEROS, 0, true});
}

void rapt__seq2seq_keep(rapt_tensor *state, rapt_tensor *value) {
  rapt_cache_write(state, value, NULL); /* the only place is the first */
}

rapt_tensor *rapt__seq2seq_cache(rapt__seq2seq_pass *pass, rapt_tensor *cache, rapt_tensor *x) {
  return rapt_cache_write(cache, x, pass->at);
}

void rapt__encoded_memory(rapt__encoded *encoded, rapt_tensor *x) {
  assert(encoded->count < RAPT__SEQ2SEQ_TENSORS);
  encoded->memory[encoded->count++] = x;
}

void rapt__encoded_start(rapt__encoded *encoded, const char *name, rapt_tensor *value) {
  assert(encoded->start_count < RAPT__SEQ2SEQ_TENSORS);
  encoded->starts[encoded->start_count].name = name;
  encoded->starts[encoded->start_count++].value = value;
}
