/* The published weights of g2p-en, an encoder–decoder of GRUs that spells out how words sound, in rnn-encdec: the
 * phonemes that its own code gives (tests/golden/g2p.txt, made by make_g2p.py). RAPT_G2P names its file
 * checkpoint20.npz. */
#include "unit/unit.h"

#include "base/file.h"
#include "tasks/model.h"

#include <string.h>

enum { LETTERS = 29, PHONEMES = 74, MOST = 20, BEGIN = 2, END = 3, LONGEST = 64 };

static counted_memory memory;
static rapt_context *ctx;

/* ---- Weights ---- */

static const char *find(const char *data, size_t size, const char *what, size_t length) {
  for (size_t i = 0; i + length <= size; i++)
    if (memcmp(data + i, what, length) == 0) return data + i;
  return NULL;
}

/* Arrays lie in the archive as they are, each behind its name and a header of numpy's, whose length stands behind the
 * version. */
static const char *array_of(const char *data, size_t size, const char *name, size_t bytes) {
  static const char magic[] = "\x93NUMPY";
  char file[64];
  snprintf(file, sizeof file, "%s.npy", name);
  const char *at = find(data, size, file, strlen(file));
  at = at ? find(at, size - (size_t)(at - data), magic, 6) : NULL;
  if (!at || size - (size_t)(at - data) < 10) fail_msg("no array \"%s\"", name);
  size_t header = 10 + (size_t)(unsigned char)at[8] + 256 * (size_t)(unsigned char)at[9];
  if (size - (size_t)(at - data) < header + bytes) fail_msg("array \"%s\" is cut off", name);
  if (!find(at, header, "'<f4', 'fortran_order': False", 29)) fail_msg("array \"%s\" has another layout", name);
  return at + header;
}

static void read_weights(const rapt_model *model, const char *data, size_t size) {
  static const char *const names[][2] = {{"encoder.embedding.weight", "enc_emb"},
                                         {"encoder.rnn.weight_ih_l0", "enc_w_ih"},
                                         {"encoder.rnn.weight_hh_l0", "enc_w_hh"},
                                         {"encoder.rnn.bias_ih_l0", "enc_b_ih"},
                                         {"encoder.rnn.bias_hh_l0", "enc_b_hh"},
                                         {"decoder.embedding.weight", "dec_emb"},
                                         {"decoder.rnn.weight_ih_l0", "dec_w_ih"},
                                         {"decoder.rnn.weight_hh_l0", "dec_w_hh"},
                                         {"decoder.rnn.bias_ih_l0", "dec_b_ih"},
                                         {"decoder.rnn.bias_hh_l0", "dec_b_hh"},
                                         {"head.weight", "fc_w"},
                                         {"head.bias", "fc_b"}};
  size_t count = sizeof names / sizeof *names;
  assert_int_equal(model->params->count, count);
  for (size_t i = 0; i < count; i++) {
    int64_t at = rapt_params_find(model->params, names[i][0]);
    if (at < 0) fail_msg("no parameter \"%s\"", names[i][0]);
    const rapt__param *p = model->params->items[at];
    size_t bytes = (size_t)p->size * sizeof(float);
    memcpy(model->params->values + p->offset, array_of(data, size, names[i][1], bytes), bytes);
  }
}

/* ---- Words ---- */

/* Letters as the net numbers them: padding, unknown, end, a … z; a character of several bytes is one unknown letter. */
static int spell(const char *word, int32_t *ids) {
  int count = 0;
  for (const char *c = word; *c && count < LONGEST - 1; c++) {
    if (((unsigned char)*c & 0xc0) == 0x80) continue;
    ids[count++] = *c >= 'a' && *c <= 'z' ? 3 + *c - 'a' : 1;
  }
  ids[count++] = 2;
  return count;
}

/* After every phoneme of the list the next one is the best, and the end behind the last, or nothing after MOST of
 * them: so a search that always takes the best gives the list. */
static void check_word(const rapt_model *model, const char *word, const int32_t *phonemes, int count) {
  int32_t letters[LONGEST];
  int length = spell(word, letters), steps = count < MOST ? count + 1 : count;
  rapt_graph *graph;
  rapt_plan *plan;
  int64_t one = 1;
  assert_ok(ctx, rapt_graph_new(ctx, &graph));
  rapt__seq2seq_pass pass = {.graph = graph, .params = model->params, .config = model->config};
  pass.source = rapt_input(graph, "source", RAPT_I32, 2, (int64_t[]){1, length});
  pass.source_lengths = rapt_input(graph, "source_lengths", RAPT_I32, 1, &one);
  pass.target = rapt_input(graph, "target", RAPT_I32, 2, (int64_t[]){1, steps});
  rapt__encoded encoded = {.count = 0};
  model->arch->seq2seq->encode(&pass, &encoded);
  rapt__output out = model->arch->seq2seq->decode(&pass, &encoded);
  rapt_tensor *best = rapt_argmax(rapt_linear(out.hidden, out.head, true, out.bias, RAPT_IDENTITY), -1);
  assert_ok(ctx, rapt_plan_new(graph, &best, 1, NULL, &plan));
  memcpy(rapt_plan_data(plan, pass.source), letters, (size_t)length * sizeof *letters);
  *(int32_t *)rapt_plan_data(plan, pass.source_lengths) = length;
  int32_t *target = rapt_plan_data(plan, pass.target);
  for (int t = 0; t < steps; t++) target[t] = t ? phonemes[t - 1] : BEGIN;
  assert_ok(ctx, rapt_plan_run(plan, 0));
  const int32_t *found = rapt_plan_data(plan, best);
  for (int t = 0; t < steps; t++)
    if (found[t] != (t < count ? phonemes[t] : END))
      fail_msg("%s: phoneme %d is number %d", word, t + 1, (int)found[t]);
  rapt_plan_free(plan);
  rapt_graph_free(graph);
}

static void its_words_sound_the_same(void **state) {
  (void)state;
  const char *path = getenv("RAPT_G2P");
  if (!path || !*path) {
    print_message("RAPT_G2P does not name checkpoint20.npz of g2p-en: skipped\n");
    skip();
  }
  static const char *const settings[] = {
      "model.cell=gru",     "model.layers=1", "model.width=256", "model.reverse=false", "model.source_vocabulary=29",
      "model.vocabulary=74"};
  char *data, *list, *line_rest, *rest, *phonemes[PHONEMES];
  size_t size, list_size;
  rapt_model *model;
  ctx = counted_context(&memory, 1);
  assert_ok(ctx, rapt_model_new(ctx, "rnn-encdec", settings, 6, NULL, 1, &model));
  assert_ok(ctx, rapt__file_read(ctx, path, (size_t)1 << 26, &data, &size));
  read_weights(model, data, size);
  assert_ok(ctx, rapt__file_read(ctx, "tests/golden/g2p.txt", 1 << 20, &list, &list_size));
  char *line = strtok_r(list, "\n", &line_rest);
  int names = 0, words = 0;
  for (char *name = strtok_r(line, " ", &rest); name && names < PHONEMES; name = strtok_r(NULL, " ", &rest))
    phonemes[names++] = name;
  assert_int_equal(names, PHONEMES);
  while ((line = strtok_r(NULL, "\n", &line_rest))) {
    char *word = strtok_r(line, " ", &rest);
    int32_t ids[MOST];
    int count = 0;
    for (char *name; (name = strtok_r(NULL, " ", &rest)) && count < MOST; count++) {
      int id = 0;
      while (id < PHONEMES && strcmp(phonemes[id], name) != 0) id++;
      assert_true(id < PHONEMES);
      ids[count] = id;
    }
    check_word(model, word, ids, count);
    words++;
  }
  assert_int_equal(words, 46);
  rapt__free(ctx, data);
  rapt__free(ctx, list);
  rapt_model_free(model);
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(its_words_sound_the_same)};
  return cmocka_run_group_tests_name("g2p", tests, NULL, NULL);
}
