/* What the heads of a Transformer look at. */
#include "recipes/transformer_heads.h"

#include "formats/svg.h"
#include "recipes/attention_maps.h"

#include <string.h>

enum { KINDS = 3, LAYERS = 100, HEADS = 64 }; /* more heads than these are not looked at */

/* Sums over sentences, by kind, layer and head. */
typedef struct habits {
  double sum[KINDS][LAYERS][HEADS];
  int64_t rows[KINDS][LAYERS][HEADS];
  const char *kinds[KINDS];
} habits;

static int kind_of(habits *h, const char *kind) {
  int k = 0;
  while (k < KINDS - 1 && h->kinds[k] && h->kinds[k] != kind) k++;
  h->kinds[k] = kind;
  return k;
}

static rapt_status add(void *user, const rapt__head *head) {
  habits *h = user;
  if (head->layer >= LAYERS || head->head >= HEADS) return RAPT_OK;
  int k = kind_of(h, head->kind);
  bool across = strcmp(head->kind, "decoder to encoder") == 0;
  double *sum = &h->sum[k][head->layer][head->head];
  for (int64_t i = across ? 0 : 1; i < head->rows; i++) {
    const real *row = head->weights + i * head->columns;
    real most = 0;
    for (int64_t j = 0; j < head->columns; j++) most = row[j] > most ? row[j] : most;
    *sum += (double)(across ? most : row[i - 1]);
    h->rows[k][head->layer][head->head]++;
  }
  return RAPT_OK;
}

rapt_status rapt__head_habits_measure(const rapt__system *system, int64_t sentences, rapt__head_habits *out) {
  rapt_context *ctx = system->run->ctx;
  size_t count = system->corpus->test.count;
  habits *h = rapt__new(ctx, 1, sizeof *h);
  *out = (rapt__head_habits){0};
  rapt_status status = h ? RAPT_OK : RAPT_ENOMEM;
  for (; status == RAPT_OK && out->sentences < sentences && (size_t)out->sentences < count; out->sentences++)
    status = rapt__each_head(system, (size_t)out->sentences * count / (size_t)sentences, NULL, add, h);
  for (int k = 0; status == RAPT_OK && k < KINDS; k++)
    for (int layer = 0; layer < LAYERS; layer++)
      for (int head = 0; head < HEADS; head++) {
        if (!h->rows[k][layer][head]) continue;
        bool across = strcmp(h->kinds[k], "decoder to encoder") == 0;
        rapt__specialist *best = across ? &out->pointing : &out->previous;
        double share = h->sum[k][layer][head] / (double)h->rows[k][layer][head];
        if (share > best->share) *best = (rapt__specialist){share, h->kinds[k], layer, head};
      }
  rapt__free(ctx, h);
  return status;
}

typedef struct pictures {
  rapt__run *run;
  rapt__pair_text text;
  rapt__text *svg;
} pictures;

static rapt_status draw(void *user, const rapt__head *head) {
  pictures *p = user;
  size_t cells = (size_t)(head->rows * head->columns);
  double *values = rapt__arena_new(&p->run->arena, cells, sizeof *values);
  const char *title = rapt__arena_format(&p->run->arena, "%s, layer %lld, head %lld", head->kind,
                                         (long long)head->layer + 1, (long long)head->head + 1);
  if (!values || !title) return RAPT_ENOMEM;
  for (size_t i = 0; i < cells; i++) values[i] = (double)head->weights[i];
  bool from_source = strcmp(head->kind, "encoder") == 0, to_target = strcmp(head->kind, "decoder") == 0;
  rapt__heat heat = {.title = title,
                     .row_labels = from_source ? p->text.source : p->text.target,
                     .column_labels = to_target ? p->text.target : p->text.source,
                     .values = values,
                     .rows = (size_t)head->rows,
                     .columns = (size_t)head->columns,
                     .high = 1,
                     .cell = 14};
  return rapt__svg_heat(p->svg, &heat);
}

rapt_status rapt__head_pictures(const rapt__system *system, size_t pair, rapt__text *svg) {
  pictures p = {.run = system->run, .svg = svg};
  return rapt__each_head(system, pair, &p.text, draw, &p);
}
