/* What a sequence-to-sequence architecture is to the rest of the library: an encoder, a decoder over whole targets (training,
 * scoring), and the same decoder one token at a time over a store of states (search). */
#ifndef RAPT_SRC_MODELS_SEQ2SEQ_H
#define RAPT_SRC_MODELS_SEQ2SEQ_H

#include <rapt/ops.h>

enum { RAPT__SEQ2SEQ_TENSORS = 64 }; /* of memory and of starts: at most so many */

/* What the encoder leaves for the decoder. */
typedef struct rapt__encoded {
  rapt_tensor *memory[RAPT__SEQ2SEQ_TENSORS]; /* (B, …): the same for all tokens of the target */
  int count;
  /* Decoder states before the first token, (B, 1, …), under the names that `step` asks for. States that are not named here
   * begin as zeros. */
  struct {
    const char *name; /* static */
    rapt_tensor *value;
  } starts[RAPT__SEQ2SEQ_TENSORS];
  int start_count;
} rapt__encoded;

/* One pass. B rows; in a search a row is a hypothesis. */
typedef struct rapt__seq2seq_pass {
  rapt_graph *graph;
  rapt_params *params;
  const void *config;
  bool training;               /* dropout on */
  bool taps;                   /* attention probabilities are kept, as taps under their layer's name + ".probs" */
  rapt_tensor *source;         /* int32 (B, S); encode only */
  rapt_tensor *source_lengths; /* int32 (B), each at least 1 */
  rapt_tensor *target;         /* int32 (B, T): begin of sequence, then the target; T = 1 in a step: the newest token */
  rapt_tensor *target_lengths; /* int32 (B), each at least 1; NULL in a step */
  rapt_tensor
      *labels; /* int32 (B, T): the words themselves, where the alignment may look at them; or NULL. decode only */

  /* A step only: */
  rapt_params *states; /* store of decoder states, rows of this pass */
  rapt_tensor *at;     /* int32 (): tokens before the newest */
  rapt_tensor *filled; /* int32 (B): at + 1 in every row */

  /* Set by decode and step where the architecture has an alignment: (B, T, S), rows sum to 1 over the source. */
  rapt_tensor *alignment;
} rapt__seq2seq_pass;

/* What comes out: either states and an output head, or finished scores. */
typedef struct rapt__output {
  rapt_tensor *hidden; /* (B, T, C) */
  rapt_tensor *head;   /* (V, C) */
  rapt_tensor *bias;   /* (V), or NULL */
  rapt_tensor *logits; /* (B, T, V); where not NULL, the others are not looked at */
} rapt__output;

typedef struct rapt__seq2seq {
  void (*encode)(rapt__seq2seq_pass *pass, rapt__encoded *encoded);
  rapt__output (*decode)(rapt__seq2seq_pass *pass, const rapt__encoded *encoded);
  /* `encoded` holds inputs of the memory's shapes; starts are in the store already. */
  rapt__output (*step)(rapt__seq2seq_pass *pass, const rapt__encoded *encoded);
  /* The sum of a loss over the tokens of labels (B, T), −100 where none counts, or NULL: cross-entropy of the output. */
  rapt_tensor *(*loss)(rapt__seq2seq_pass *pass, const rapt__encoded *encoded, rapt_tensor *labels, double smoothing);
  /* ln p of every token of labels (B, T), whose sum over a row is ln p(target | source), or NULL: from the output. What
   * is no token's, as the probability of a target's length, is the first one's. */
  rapt_tensor *(*score)(rapt__seq2seq_pass *pass, const rapt__encoded *encoded, rapt_tensor *labels);
  int64_t *(*source_vocabulary)(void *config); /* NULL: one vocabulary for both sides */
  /* The alignment of a step foretells where a word that is not known yet will come from; that of decode, where labels are
   * given, is the alignment of the whole sentence. */
  bool late_alignment;
} rapt__seq2seq;

/* A decoder state by name, (B, n, …): a value of the last step with n = 1, a cache over the target's tokens with n its
 * capacity. Search moves the rows when hypotheses change places; of a cache only the part that is filled. */
rapt_tensor *rapt__seq2seq_state(rapt__seq2seq_pass *pass, const char *name, int ndim, const int64_t *dims);
/* Writes the new value (B, 1, …) of a state with n = 1, after everything that reads the old one was built. */
void rapt__seq2seq_keep(rapt_tensor *state, rapt_tensor *value);
/* Writes x (B, 1, …) into a cache at pass->at, and returns the whole cache for reading; pass->filled tells its length. */
rapt_tensor *rapt__seq2seq_cache(rapt__seq2seq_pass *pass, rapt_tensor *cache, rapt_tensor *x);
/* Adds to the memory, and to the starts. */
void rapt__encoded_memory(rapt__encoded *encoded, rapt_tensor *x);
void rapt__encoded_start(rapt__encoded *encoded, const char *name, rapt_tensor *value);

#endif
