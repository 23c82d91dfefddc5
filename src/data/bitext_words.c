/* Parallel text as people write it, made ready for models of words between blanks. */
#include "data/bitext.h"
#include "text/tokenizer.h"

static rapt_status rewrite_side(const rapt__bitext *b, int side, rapt__bitext_line_fn line, void *user,
                                rapt__text *out) {
  for (size_t i = 0; i < b->count; i++) {
    char *lower;
    size_t size;
    RAPT_TRY(rapt__lowercase(b->ctx, b->pairs[i][side].bytes, b->pairs[i][side].size, &lower, &size));
    rapt_status status = line(user, lower, size, out);
    rapt__free(b->ctx, lower);
    if (status == RAPT_OK) status = rapt__text_add(out, "\n", 1);
    RAPT_TRY(status);
  }
  return RAPT_OK;
}

rapt_status rapt__bitext_rewrite(rapt__bitext *b, size_t most, rapt__bitext_line_fn line, void *user) {
  static const char *const names[2] = {"the source's words", "the target's words"};
  rapt__text texts[2];
  rapt_status status = RAPT_OK;
  for (int i = 0; i < 2; i++) rapt__text_init(&texts[i], b->ctx);
  for (int i = 0; i < 2 && status == RAPT_OK; i++) status = rewrite_side(b, i, line, user, &texts[i]);
  if (status != RAPT_OK) {
    for (int i = 0; i < 2; i++) rapt__text_free(&texts[i]);
    return status;
  }
  rapt__bitext fresh;
  status = rapt__bitext_parse(b->ctx, names, (char *const[]){texts[0].data, texts[1].data},
                              (const size_t[]){texts[0].size, texts[1].size}, most, &fresh);
  fresh.empty += b->empty;
  fresh.lengthy += b->lengthy;
  rapt__bitext_free(b);
  *b = fresh;
  return status;
}

static rapt_status add_word(void *user, const char *word, size_t size) {
  rapt__text *out = user;
  if (out->size > 0 && out->data[out->size - 1] != '\n') RAPT_TRY(rapt__text_add(out, " ", 1));
  return rapt__text_add(out, word, size);
}

static rapt_status add_words(void *user, const char *lower, size_t size, rapt__text *out) {
  return rapt__split_text(user, lower, size, add_word, out);
}

rapt_status rapt__bitext_split(rapt__bitext *b, size_t most) {
  rapt__splitter *splitter;
  RAPT_TRY(rapt__splitter_new(b->ctx, RAPT__SPLIT_WORDS, &splitter));
  rapt_status status = rapt__bitext_rewrite(b, most, add_words, splitter);
  rapt__splitter_free(splitter);
  return status;
}
