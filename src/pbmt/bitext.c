/* Sentences of word ids and links between them. */
#include "pbmt/bitext.h"

rapt_status rapt__pbmt_check_text(rapt_context *ctx, const char *name, const rapt__pbmt_text *text) {
  if (text->vocab < 1 || text->vocab > INT32_MAX - 2)
    return rapt__fail(ctx, RAPT_EINVAL, "%s: a vocabulary of %d words", name, (int)text->vocab);
  if (text->count >= UINT32_MAX)
    return rapt__fail(ctx, RAPT_EINVAL, "%s: %zu sentences are too many", name, text->count);
  for (size_t s = 0; s < text->count; s++) {
    size_t length = rapt__pbmt_length(text, s);
    if (length > RAPT__PBMT_LONGEST)
      return rapt__fail(ctx, RAPT_EINVAL, "%s: sentence %zu has %zu words, more than %d", name, s + 1, length,
                        RAPT__PBMT_LONGEST);
    for (size_t i = 0; i < length; i++) {
      int32_t id = rapt__pbmt_words(text, s)[i];
      if (id < 0 || id >= text->vocab)
        return rapt__fail(ctx, RAPT_EINVAL, "%s: sentence %zu, word %zu: id %d is outside the vocabulary of %d", name,
                          s + 1, i + 1, (int)id, (int)text->vocab);
    }
  }
  return RAPT_OK;
}

rapt_status rapt__pbmt_check_pair(rapt_context *ctx, const rapt__pbmt_text *source, const rapt__pbmt_text *target) {
  if (source->count != target->count)
    return rapt__fail(ctx, RAPT_EINVAL, "parallel text: %zu sentences on the source side, %zu on the target side",
                      source->count, target->count);
  RAPT_TRY(rapt__pbmt_check_text(ctx, "source text", source));
  return rapt__pbmt_check_text(ctx, "target text", target);
}

rapt_status rapt__pbmt_links_init(rapt__pbmt_links *links, rapt_context *ctx, size_t count) {
  *links = (rapt__pbmt_links){.ctx = ctx, .count = count};
  links->begin = rapt__new(ctx, count + 1, sizeof *links->begin);
  return links->begin ? RAPT_OK : RAPT_ENOMEM;
}

void rapt__pbmt_links_free(rapt__pbmt_links *links) {
  if (!links->ctx) return;
  rapt__free(links->ctx, links->begin);
  rapt__free(links->ctx, links->at);
  *links = (rapt__pbmt_links){0};
}

rapt_status rapt__pbmt_links_add(rapt__pbmt_links *links, int source, int target) {
  RAPT_TRY(rapt__reserve(links->ctx, (void **)&links->at, &links->capacity, links->size, sizeof *links->at));
  links->at[links->size++] = (rapt__pbmt_link){(int16_t)source, (int16_t)target};
  return RAPT_OK;
}

rapt_status rapt__pbmt_links_print(const rapt__pbmt_links *links, size_t sentence, rapt__text *out) {
  for (size_t k = links->begin[sentence]; k < links->begin[sentence + 1]; k++)
    RAPT_TRY(rapt__text_addf(out, "%s%d-%d", k > links->begin[sentence] ? " " : "", links->at[k].source,
                             links->at[k].target));
  return RAPT_OK;
}
