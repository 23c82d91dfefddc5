/* Sentence vectors and word order. */
#include "recipes/seq2seq_order.h"

#include "base/rng.h"
#include "formats/svg.h"
#include "recipes/sentence_vectors.h"

#include <math.h>
#include <string.h>

enum { SENTENCES = 100, LEAST = 4, MOST = 64 }; /* sentences; words of one */
enum { STREAM_SHUFFLE = 7 };                    /* high half of the random stream */

/* Where words begin and how long they are; −1 for more than MOST. */
static int split(const rapt__line *line, const char **words, int *sizes) {
  int n = 0;
  for (size_t i = 0; i < line->size;) {
    while (i < line->size && line->bytes[i] == ' ') i++;
    size_t begin = i;
    while (i < line->size && line->bytes[i] != ' ') i++;
    if (i == begin) break;
    if (n == MOST) return -1;
    words[n] = line->bytes + begin;
    sizes[n++] = (int)(i - begin);
  }
  return n;
}

/* The words in another order; the last one, which is often a full stop, stays. NULL: no memory. */
static rapt_status shuffle(rapt__arena *arena, uint64_t seed, uint64_t number, const char **words, const int *sizes,
                           int count, const char **out, size_t *size) {
  uint32_t order[MOST];
  rapt__text text;
  rapt__text_init(&text, arena->ctx);
  rapt__rng_shuffle(seed, (uint64_t)STREAM_SHUFFLE << 32, number * MOST, order, (size_t)count - 1);
  order[count - 1] = (uint32_t)count - 1;
  rapt_status status = RAPT_OK;
  for (int i = 0; i < count && status == RAPT_OK; i++)
    status = rapt__text_addf(&text, "%s%.*s", i ? " " : "", sizes[order[i]], words[order[i]]);
  *out = status == RAPT_OK ? rapt__arena_strdup(arena, text.data) : NULL;
  *size = text.size;
  rapt__text_free(&text);
  return *out ? status : RAPT_ENOMEM;
}

static double distance(const double *a, const double *b, int64_t width) {
  double sum = 0;
  for (int64_t i = 0; i < width; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sqrt(sum);
}

/* Sentences 2i and 2i + 1 are one and the same in two orders. */
static rapt_status measure(const rapt__system *system, rapt__arena *arena, rapt__word_order *out) {
  const rapt__bitext *text = &system->corpus->valid;
  const char *sentences[2 * SENTENCES], *words[MOST];
  size_t sizes[2 * SENTENCES];
  int word_sizes[MOST];
  int64_t n = 0, width;
  for (size_t i = 0; i < text->count && n < SENTENCES; i++) {
    const rapt__line *line = &text->pairs[i][RAPT__SOURCE];
    int count = split(line, words, word_sizes);
    if (count < LEAST) continue;
    sentences[2 * n] = line->bytes;
    sizes[2 * n] = line->size;
    RAPT_TRY(shuffle(arena, (uint64_t)system->run->common.seed, i, words, word_sizes, count, &sentences[2 * n + 1],
                     &sizes[2 * n + 1]));
    n++;
  }
  if (n < 2) return RAPT_OK;
  double *v;
  RAPT_TRY(rapt__sentence_vectors(system->model, arena, sentences, sizes, 2 * n, &v, &width));
  for (int64_t i = 0; i < n; i++) {
    out->shuffled += distance(v + 2 * i * width, v + (2 * i + 1) * width, width) / (double)n;
    out->other += distance(v + 2 * i * width, v + 2 * ((i + 1) % n) * width, width) / (double)n;
  }
  out->sentences = n;
  return RAPT_OK;
}

rapt_status rapt__word_order_measure(const rapt__system *system, rapt__word_order *out) {
  rapt__arena arena;
  rapt__arena_init(&arena, system->run->ctx);
  *out = (rapt__word_order){0};
  rapt_status status = measure(system, &arena, out);
  rapt__arena_free(&arena);
  return status;
}

/* Groups: a man does something to a woman, or she to him; a dog to a boy, or he to the dog. Each by an active sentence, another
 * place of its words, and a passive one. */
static const struct {
  const char *text;
  int group;
} examples[] = {{"ein mann fotografiert eine frau im park .", 0},
                {"im park fotografiert ein mann eine frau .", 0},
                {"eine frau wird im park von einem mann fotografiert .", 0},
                {"eine frau fotografiert einen mann im park .", 1},
                {"im park fotografiert eine frau einen mann .", 1},
                {"ein mann wird im park von einer frau fotografiert .", 1},
                {"ein hund jagt einen jungen am strand .", 2},
                {"am strand jagt ein hund einen jungen .", 2},
                {"ein junge jagt einen hund am strand .", 3},
                {"am strand jagt ein junge einen hund .", 3}};
enum { EXAMPLES = sizeof examples / sizeof *examples };

rapt_status rapt__word_order_picture(const rapt__system *system, rapt__text *svg) {
  const char *sentences[EXAMPLES];
  size_t sizes[EXAMPLES];
  int groups[EXAMPLES];
  double x[EXAMPLES], y[EXAMPLES], *vectors;
  int64_t width;
  if (strcmp(system->settings->source, "de") != 0) return RAPT_OK;
  for (int i = 0; i < EXAMPLES; i++) {
    sentences[i] = examples[i].text;
    sizes[i] = strlen(examples[i].text);
    groups[i] = examples[i].group;
  }
  rapt__arena arena;
  rapt__arena_init(&arena, system->run->ctx);
  rapt_status status = rapt__sentence_vectors(system->model, &arena, sentences, sizes, EXAMPLES, &vectors, &width);
  if (status == RAPT_OK) status = rapt__principal_plane(system->run->ctx, vectors, EXAMPLES, width, x, y);
  rapt__arena_free(&arena);
  if (status != RAPT_OK) return status;
  rapt__points points = {.title = "Sentence vectors on two principal axes",
                         .x = x,
                         .y = y,
                         .labels = sentences,
                         .groups = groups,
                         .count = EXAMPLES};
  return rapt__svg_points(svg, &points);
}
