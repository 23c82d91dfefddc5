/* Parallel text as people write it, made ready for models of words between blanks. */
#include "data/bitext.h"
#include "text/tokenizer.h"

static rapt_status add_word(void *user, const char *word, size_t size) {
  rapt__text *out = user;
  if (out->size > 0 && out->data[out->size - 1] != '\n') RAPT_TRY(rapt__text_add(out, " ", 1));
  return rapt__text_add(out, word, size);
}

static rapt_status cut_side(const rapt__bitext *b, const rapt__splitter *splitter, int side, rapt__text *out) {
  for (size_t i = 0; i < b->count; i++) {
    char *lower;
    size_t size;
    RAPT_TRY(rapt__lowercase(b->ctx, b->pairs[i][side].bytes, b->pairs[i][side].size, &lower, &size));
    rapt_status status = rapt__split_text(splitter, lower, size, add_word, out);
    rapt__free(b->ctx, lower);
    if (status == RAPT_OK) status = rapt__text_add(out, "\n", 1);
    RAPT_TRY(status);
  }
  return RAPT_OK;
}

rapt_status rapt__bitext_cut(rapt__bitext *bitext) {
  static const char *const names[2] = {"source text", "target text"};
  rapt_context *ctx = bitext->ctx;
  rapt__splitter *splitter;
  rapt__text sides[2];
  RAPT_TRY(rapt__splitter_new(ctx, RAPT__SPLIT_WORDS, &splitter));
  rapt_status status = RAPT_OK;
  for (int i = 0; i < 2; i++) rapt__text_init(&sides[i], ctx);
  for (int i = 0; i < 2 && status == RAPT_OK; i++) status = cut_side(bitext, splitter, i, &sides[i]);
  rapt__splitter_free(splitter);
  if (status != RAPT_OK) {
    for (int i = 0; i < 2; i++) rapt__text_free(&sides[i]);
    return status;
  }
  rapt__bitext_free(bitext);
  return rapt__bitext_parse(ctx, names, (char *const[]){sides[0].data, sides[1].data},
                            (size_t[]){sides[0].size, sides[1].size}, 0, bitext);
}
