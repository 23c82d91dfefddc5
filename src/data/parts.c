/* Dealing out pairs. */
#include "data/parts.h"

#include <string.h>

uint64_t rapt__hash(uint64_t hash, char byte) { return (hash ^ (unsigned char)byte) * UINT64_C(1099511628211); }

void rapt__parts_init(rapt__parts *parts, rapt_context *ctx) {
  parts->ctx = ctx;
  for (int p = 0; p < RAPT__PARTS; p++)
    for (int i = 0; i < 2; i++) rapt__text_init(&parts->texts[p][i], ctx);
}

void rapt__parts_free(rapt__parts *parts) {
  for (int p = 0; p < RAPT__PARTS; p++)
    for (int i = 0; i < 2; i++) rapt__text_free(&parts->texts[p][i]);
}

rapt_status rapt__parts_add(rapt__parts *parts, int part, const rapt__line pair[2]) {
  for (int i = 0; i < 2; i++) {
    RAPT_TRY(rapt__text_add(&parts->texts[part][i], pair[i].bytes, pair[i].size));
    RAPT_TRY(rapt__text_add(&parts->texts[part][i], "\n", 1));
  }
  return RAPT_OK;
}

rapt_status rapt__parts_finish(rapt__parts *parts, const char *const names[2], rapt__bitext out[RAPT__PARTS]) {
  rapt_status status = RAPT_OK;
  memset(out, 0, RAPT__PARTS * sizeof *out);
  for (int p = 0; p < RAPT__PARTS && status == RAPT_OK; p++) {
    rapt__text *t = parts->texts[p];
    char *texts[2] = {t[0].data, t[1].data};
    size_t sizes[2] = {t[0].size, t[1].size};
    for (int i = 0; i < 2; i++) rapt__text_init(&t[i], parts->ctx); /* taken over */
    status = rapt__bitext_parse(parts->ctx, names, texts, sizes, 0, &out[p]);
  }
  return status;
}
