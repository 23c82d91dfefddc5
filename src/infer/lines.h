/* Between text and search: a line as ids, what is wrong with a line, and the text of a hypothesis. */
#ifndef RAPT_SRC_INFER_LINES_H
#define RAPT_SRC_INFER_LINES_H

#include "infer/search.h"

#include <rapt/text.h>

typedef struct rapt__line_ids {
  const char *text; /* borrowed */
  size_t size;
  const int32_t *ids; /* in the arena; the end of the sentence included */
  int64_t count;
  bool empty;
  rapt_status status;  /* what is wrong with the line, */
  const char *message; /* as a sentence; "" */
} rapt__line_ids;

/* Fails only where the caller cannot go on; faults of the text are in out->status. `context`: tokens at most, the end
 * included; `number` and `what` ("source: ", "target: " or "") begin the sentence. */
rapt_status rapt__line_read(rapt_context *ctx, const rapt_tokenizer *tokenizer, const char *text, size_t size,
                            int64_t context, int64_t number, const char *what, rapt__arena *arena, rapt__line_ids *out);
/* A sentence about a line, in the arena. */
rapt_status rapt__line_fault(rapt__line_ids *line, rapt__arena *arena, rapt_status status, int64_t number,
                             const char *message);
/* Sets the text. With `source` not NULL, "<unk>" becomes the source word that its alignment is greatest for. */
rapt_status rapt__hypothesis_text(const rapt_tokenizer *target, const rapt_tokenizer *source_tokenizer,
                                  const rapt__line_ids *source, rapt__arena *arena, rapt_hypothesis *h);

#endif
