/* The handwritten digits that three of the experiments share. */
#include "recipes/adam.h"

#include "base/file.h"
#include "base/rng.h"

enum { AHEAD = 4 };        /* images */
enum { STREAM_ORDER = 2 }; /* high half of random streams, as for batches elsewhere */

static rapt_status read_files(rapt__run *run, const char *dir, int64_t batch, rapt__adam_images *set) {
  char *pixels = rapt__arena_format(&run->arena, "%s/train-images-idx3-ubyte.gz", dir);
  char *labels = rapt__arena_format(&run->arena, "%s/train-labels-idx1-ubyte.gz", dir);
  if (!pixels || !labels) return RAPT_ENOMEM;
  if (!rapt__file_exists(pixels) || !rapt__file_exists(labels))
    return rapt__fail(run->ctx, RAPT_ENOTFOUND,
                      "%s: a folder with train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz is expected there; "
                      "say data=FOLDER or data=mnist",
                      dir);
  RAPT_TRY(rapt__idx_read(run->ctx, pixels, 3, &set->pixels));
  RAPT_TRY(rapt__idx_read(run->ctx, labels, 1, &set->labels));
  int64_t n = set->labels.size;
  if (set->pixels.dims[0] != n)
    return rapt__fail(run->ctx, RAPT_EFORMAT, "%s: byte 4: %lld images, but %lld labels in %s", pixels,
                      (long long)set->pixels.dims[0], (long long)n, labels);
  if (n < batch || n > UINT32_MAX)
    return rapt__fail(run->ctx, RAPT_EINVAL, "%s: %lld images do not fill a batch of %lld, or are too many", pixels,
                      (long long)n, (long long)batch);
  for (int64_t i = 0; i < n; i++)
    if (set->labels.data[i] >= RAPT__ADAM_CLASSES)
      return rapt__fail(run->ctx, RAPT_EFORMAT, "%s: content byte %lld: label %d is not below 10", labels,
                        (long long)i + 8, set->labels.data[i]);
  set->features = set->pixels.size / n;
  return RAPT_OK;
}

rapt_status rapt__adam_images_load(rapt__run *run, int64_t batch, rapt__adam_images *set) {
  const char *dir = rapt__run_data(run);
  if (!dir) return rapt_context_status(run->ctx);
  RAPT_TRY(read_files(run, dir, batch, set));
  set->order = rapt__new(run->ctx, (size_t)set->labels.size, sizeof *set->order);
  return set->order ? RAPT_OK : RAPT_ENOMEM;
}

void rapt__adam_images_free(rapt_context *ctx, rapt__adam_images *set) {
  rapt__idx_free(ctx, &set->pixels);
  rapt__idx_free(ctx, &set->labels);
  rapt__free(ctx, set->order);
  *set = (rapt__adam_images){0};
}

const uint32_t *rapt__adam_images_order(rapt__adam_images *set, uint64_t seed, int64_t pass) {
  size_t count = (size_t)set->labels.size;
  if (set->pass != pass)
    rapt__rng_shuffle(seed, (uint64_t)STREAM_ORDER << 32, (uint64_t)pass * count, set->order, count);
  set->pass = pass;
  return set->order;
}

void rapt__adam_images_feed(rapt__adam_problem *p, int64_t pass, int64_t batch, void *const data[RAPT__ADAM_INPUTS]) {
  rapt__adam_images *set = p->set;
  const uint32_t *order = rapt__adam_images_order(set, p->seed, pass) + batch * p->batch;
  const rapt_real step = (rapt_real)(1.0 / 255);
  rapt_real *restrict x = data[0];
  int32_t *labels = data[1];
  for (int64_t i = 0; i < p->batch; i++) {
    const uint8_t *pixels = set->pixels.data + order[i] * set->features;
    /* The rows lie anywhere in memory; waiting for them would take longer than the arithmetic of a small model. */
    const uint8_t *ahead = set->pixels.data + order[i + AHEAD < p->batch ? i + AHEAD : i] * set->features;
    for (int64_t j = 0; j < set->features; j += 64) __builtin_prefetch(ahead + j);
    for (int64_t j = 0; j < set->features; j++) x[j] = (rapt_real)pixels[j] * step;
    x += set->features;
    if (labels) labels[i] = set->labels.data[order[i]];
  }
}

void rapt__adam_images_inputs(const rapt__adam_problem *p, rapt_graph *graph, rapt_tensor *inputs[RAPT__ADAM_INPUTS]) {
  const rapt__adam_images *set = p->set;
  inputs[0] = rapt_input(graph, "x", RAPT_F32, 2, (int64_t[]){p->batch, set->features});
  inputs[1] = rapt_input(graph, "labels", RAPT_I32, 1, &p->batch);
}
