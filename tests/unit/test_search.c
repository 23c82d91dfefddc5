/* Search: the likeliest of all sequences, scores that agree with those of whole targets, results that depend neither on the
 * batch nor on threads. */
#include "unit/toy_seq2seq.h"

#include "base/rng.h"
#include "infer/forced.h"

#include <math.h>

enum { SENTENCES = 40, MOST = 30 };

typedef struct world {
  counted_memory memory;
  rapt_context *ctx;
  toy config;
  rapt_params *params[3];
  int models;
  rapt__search *search;
  rapt__forced *forced;
  int32_t ids[SENTENCES][MOST];
  rapt__request requests[SENTENCES];
} world;

static const toy small = {.vocabulary = 23, .width = 24, .heads = 2, .layers = 2, .context = 24, .init = 0.3, .end = 3};

static void begin(world *w, const toy *config, int models, int threads) {
  memset(w, 0, sizeof *w);
  w->ctx = counted_context(&w->memory, threads);
  w->config = *config;
  w->models = models;
  rapt__search_model all[3];
  for (int m = 0; m < models; m++) {
    assert_ok(w->ctx, toy_params(w->ctx, &w->config, 7 + (uint64_t)m, &w->params[m]));
    all[m] = (rapt__search_model){&toy_architecture, &w->config, w->params[m], config->vocabulary, config->context};
  }
  assert_ok(w->ctx, rapt__search_new(w->ctx, all, models, &w->search));
  assert_ok(w->ctx, rapt__forced_new(w->ctx, all, models, &w->forced));
  for (int i = 0; i < SENTENCES; i++) {
    int64_t count = 1 + (int64_t)rapt__rng_below(5, 1, (uint64_t)i, 20);
    for (int64_t j = 0; j < count; j++)
      w->ids[i][j] = 4 + (int32_t)rapt__rng_below(6, (uint64_t)i, (uint64_t)j, (uint64_t)config->vocabulary - 4);
    w->ids[i][count] = RAPT__EOS;
    w->requests[i] = (rapt__request){{w->ids[i], count + 1}, i};
  }
}

static void end(world *w) {
  rapt__search_free(w->search);
  rapt__forced_free(w->forced);
  for (int m = 0; m < w->models; m++) rapt_params_free(w->params[m]);
  close_context(&w->memory, w->ctx);
}

/* Sentences of every third of the lengths together, `most` at a time. */
static void search_all(world *w, const rapt_translate_options *given, int64_t most, rapt__arena *arena,
                       rapt__answer *answers) {
  rapt_translate_options o;
  assert_ok(w->ctx, rapt__options_check(w->ctx, given, &o));
  for (int64_t length = 8; length <= MOST; length += 8) {
    rapt__request some[SENTENCES];
    rapt__answer found[SENTENCES];
    int64_t n = 0;
    for (int i = 0; i <= SENTENCES; i++) {
      bool fits = i < SENTENCES && rapt__padded(w->requests[i].source.count, w->config.context) == length;
      if (fits) some[n++] = w->requests[i];
      if (n == 0 || (n < most && i < SENTENCES)) continue;
      assert_ok(w->ctx, rapt__search_run(w->search, some, n, NULL, 0, &o, arena, found, NULL));
      for (int64_t k = 0; k < n; k++) answers[some[k].number] = found[k];
      n = 0;
    }
  }
}

static void assert_same(const rapt__answer *a, const rapt__answer *b, int64_t width) {
  assert_int_equal(a->count, b->count);
  for (int64_t i = 0; i < a->count; i++) {
    const rapt_hypothesis *x = &a->hypotheses[i], *y = &b->hypotheses[i];
    size_t n = (size_t)x->count;
    assert_int_equal(x->count, y->count);
    assert_memory_equal(x->tokens, y->tokens, n * sizeof *x->tokens);
    assert_memory_equal(&x->score, &y->score, sizeof x->score);
    assert_memory_equal(&x->log_probability, &y->log_probability, sizeof x->score);
    assert_memory_equal(x->log_probabilities, y->log_probabilities, n * sizeof *x->log_probabilities);
    assert_memory_equal(x->alignment, y->alignment, n * (size_t)width * sizeof *x->alignment);
  }
}

static const rapt_translate_options kinds[] = {
    {.beam = 1, .alignments = true},
    {.beam = 4, .nbest = 4, .alpha = 0.6, .length_penalty = RAPT_LENGTH_GNMT, .beta = 0.2, .alignments = true},
    {.beam = 6, .nbest = 6, .groups = 2, .diversity = 0.5, .alpha = 1, .no_repeat = 2, .alignments = true},
    {.sample = true, .nbest = 3, .temperature = 1.2, .top_p = 0.9, .seed = 4, .alignments = true}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void neither_batches_nor_threads_matter(void **state) {
  (void)state;
  for (int models = 1; models <= 2; models++) {
    world one, two;
    begin(&one, &small, models, 1);
    begin(&two, &small, models, 3);
    for (int k = 0; k < KINDS; k++) {
      rapt__answer alone[SENTENCES], some[SENTENCES], all[SENTENCES];
      rapt__arena a, b;
      rapt__arena_init(&a, one.ctx);
      rapt__arena_init(&b, two.ctx);
      search_all(&one, &kinds[k], 1, &a, alone);
      search_all(&one, &kinds[k], 5, &a, some);
      search_all(&two, &kinds[k], SENTENCES, &b, all);
      for (int i = 0; i < SENTENCES; i++) {
        assert_same(&alone[i], &some[i], one.requests[i].source.count);
        assert_same(&alone[i], &all[i], one.requests[i].source.count);
      }
      rapt__arena_free(&a);
      rapt__arena_free(&b);
    }
    end(&one);
    end(&two);
  }
}

/* Every hypothesis, scored as a whole target, has the log-probabilities and alignments that the search gave it. */
static void scores_agree_with_whole_targets(void **state) {
  (void)state;
  for (int models = 1; models <= 3; models++) {
    world w;
    begin(&w, &small, models, 2);
    for (int k = 0; k < KINDS; k++) {
      rapt__answer answers[SENTENCES];
      rapt__arena arena;
      rapt__arena_init(&arena, w.ctx);
      search_all(&w, &kinds[k], 8, &arena, answers);
      for (int i = 0; i < SENTENCES; i++)
        for (int64_t j = 0; j < answers[i].count; j++) {
          const rapt_hypothesis *h = &answers[i].hypotheses[j];
          int64_t s = w.requests[i].source.count;
          float log_probs[MOST], alignment[MOST * MOST];
          rapt__forced_pair pair = {w.requests[i].source, h->tokens, h->count, i, log_probs, alignment};
          bool aligned;
          double sum = 0;
          assert_ok(w.ctx, rapt__forced_run(w.forced, &pair, 1, &aligned));
          assert_true(aligned);
          for (int64_t t = 0; t < h->count; t++) {
            assert_true(fabsf(log_probs[t] - h->log_probabilities[t]) < 2e-4f);
            sum += (double)log_probs[t];
          }
          assert_true(fabs(sum - h->log_probability) < 1e-3);
          for (int64_t t = 0; t < h->count * s; t++) assert_true(fabsf(alignment[t] - h->alignment[t]) < 1e-4f);
        }
      rapt__arena_free(&arena);
    }
    end(&w);
  }
}

/* The likeliest of all targets over three tokens and the end, of at most `limit` tokens. */
static double brute_force(world *w, int i, int64_t limit, const rapt_translate_options *o, int32_t *best,
                          int64_t *best_count) {
  double most = -INFINITY;
  for (int64_t n = 1; n <= limit; n++) {
    int64_t words = n == limit ? n : n - 1, all = 1; /* the last may be a word where the target is cut there */
    for (int64_t j = 0; j < words; j++) all *= n == limit && j == words - 1 ? 3 : 2;
    for (int64_t code = 0; code < all; code++) {
      int32_t tokens[MOST];
      int64_t rest = code;
      for (int64_t j = 0; j < words; j++) {
        bool last = n == limit && j == words - 1;
        int64_t digit = rest % (last ? 3 : 2);
        tokens[j] = digit == 2 ? RAPT__EOS : 4 + (int32_t)digit;
        rest /= last ? 3 : 2;
      }
      if (n < limit) tokens[n - 1] = RAPT__EOS;
      float log_probs[MOST];
      rapt__forced_pair pair = {w->requests[i].source, tokens, n, i, log_probs, NULL};
      bool aligned;
      double sum = 0;
      assert_ok(w->ctx, rapt__forced_run(w->forced, &pair, 1, &aligned));
      for (int64_t t = 0; t < n; t++) sum += (double)log_probs[t];
      double score = rapt__length_penalty(o, sum, n);
      if (score <= most) continue;
      most = score;
      memcpy(best, tokens, (size_t)n * sizeof *best);
      *best_count = n;
    }
  }
  return most;
}

static void a_wide_beam_finds_the_best_of_all(void **state) {
  (void)state;
  toy tiny = small;
  tiny.vocabulary = 6;
  tiny.end = 0;
  world w;
  begin(&w, &tiny, 1, 2);
  const rapt_translate_options wide[] = {
      {.beam = 64, .max_length = 5, .ban_unknown = true, .stopping = RAPT_STOP_NEVER},
      {.beam = 64, .max_length = 5, .ban_unknown = true, .stopping = RAPT_STOP_NEVER, .alpha = 1},
      {.beam = 64,
       .max_length = 5,
       .ban_unknown = true,
       .stopping = RAPT_STOP_NEVER,
       .alpha = 0.6,
       .length_penalty = RAPT_LENGTH_GNMT}};
  int differ = 0;
  for (size_t k = 0; k < sizeof wide / sizeof *wide; k++) {
    rapt__answer answers[SENTENCES], greedy[SENTENCES];
    rapt__arena arena;
    rapt__arena_init(&arena, w.ctx);
    search_all(&w, &wide[k], 4, &arena, answers);
    search_all(&w, &(rapt_translate_options){.max_length = 5, .ban_unknown = true}, 4, &arena, greedy);
    for (int i = 0; i < 6; i++) {
      int32_t best[MOST];
      int64_t count = 0;
      double score = brute_force(&w, i, 5, &wide[k], best, &count);
      const rapt_hypothesis *h = &answers[i].hypotheses[0];
      assert_int_equal(h->count, count);
      assert_memory_equal(h->tokens, best, (size_t)count * sizeof *best);
      assert_true(fabs(h->score - score) < 1e-4);
      const rapt_hypothesis *g = &greedy[i].hypotheses[0];
      differ += g->count != count || memcmp(g->tokens, best, (size_t)count * sizeof *best) != 0;
    }
    rapt__arena_free(&arena);
  }
  assert_true(differ > 0); /* or the test would say nothing of beams */
  end(&w);
}

static bool repeats(const rapt_hypothesis *h, int64_t n) {
  for (int64_t i = 0; i + n <= h->count; i++)
    for (int64_t j = i + 1; j + n <= h->count; j++)
      if (memcmp(h->tokens + i, h->tokens + j, (size_t)n * sizeof *h->tokens) == 0) return true;
  return false;
}

static void bans_hold(void **state) {
  (void)state;
  world w;
  begin(&w, &small, 1, 2);
  int repeated = 0, shorter = 0;
  for (int ban = 0; ban < 2; ban++) {
    rapt_translate_options o = {.beam = 3, .nbest = 3, .max_length = 12};
    if (ban) o.no_repeat = 2, o.ban_unknown = true, o.min_length = 6;
    rapt__answer answers[SENTENCES];
    rapt__arena arena;
    rapt__arena_init(&arena, w.ctx);
    search_all(&w, &o, 7, &arena, answers);
    for (int i = 0; i < SENTENCES; i++)
      for (int64_t j = 0; j < answers[i].count; j++) {
        const rapt_hypothesis *h = &answers[i].hypotheses[j];
        assert_true(h->count <= 12 && (h->ended ? h->tokens[h->count - 1] == RAPT__EOS : h->count == 12));
        for (int64_t t = 0; t < h->count; t++) {
          assert_true(h->tokens[t] != RAPT__BOS && h->tokens[t] != RAPT__PAD);
          if (ban) assert_int_not_equal(h->tokens[t], RAPT__UNK);
        }
        if (ban) assert_false(repeats(h, 2));
        if (ban) assert_true(h->count > 6);
        repeated += !ban && repeats(h, 2);
        shorter += !ban && h->count <= 6;
      }
    rapt__arena_free(&arena);
  }
  assert_true(repeated > 0 && shorter > 0);
  end(&w);
}

static void sentences_that_have_ended_cost_nothing(void **state) {
  (void)state;
  world w;
  begin(&w, &small, 1, 2);
  rapt_translate_options o;
  rapt__request some[SENTENCES];
  rapt__answer answers[SENTENCES];
  rapt__arena arena;
  rapt__search_times times = {0};
  int64_t n = 0, tokens = 0;
  assert_ok(w.ctx, rapt__options_check(w.ctx, &(rapt_translate_options){.beam = 4, .max_ratio = 1}, &o));
  rapt__arena_init(&arena, w.ctx);
  for (int i = 0; i < SENTENCES; i++)
    if (rapt__padded(w.requests[i].source.count, w.config.context) == 16) some[n++] = w.requests[i];
  assert_ok(w.ctx, rapt__search_run(w.search, some, n, NULL, 0, &o, &arena, answers, &times));
  for (int64_t i = 0; i < n; i++) tokens += answers[i].hypotheses[0].count;
  assert_int_equal(times.tokens, tokens);
  assert_true(n * 4 > 40 && times.rows < times.steps * rapt__stepper_rows(n * 4));
  assert_true(times.step > 0 && times.encode > 0 && times.choose > 0);
  rapt__arena_free(&arena);
  end(&w);
}

static void scores_that_are_no_numbers_are_an_error(void **state) {
  (void)state;
  world w;
  begin(&w, &small, 2, 1);
  real *bias;
  rapt_translate_options o;
  rapt__answer answer;
  rapt__arena arena;
  rapt_params_get(w.params[1], rapt_params_find(w.params[1], "decoder.bias"), NULL, NULL, NULL, &bias);
  bias[7] = (real)NAN;
  assert_ok(w.ctx, rapt__options_check(w.ctx, &(rapt_translate_options){.beam = 2}, &o));
  rapt__arena_init(&arena, w.ctx);
  assert_fails(w.ctx, rapt__search_run(w.search, &w.requests[3], 1, NULL, 0, &o, &arena, &answer, NULL), RAPT_ENAN,
               "line 3: the model's scores of token 0");
  float log_probs[2], alignment[2 * MOST];
  const int32_t target[] = {4, RAPT__EOS};
  bool aligned;
  rapt__forced_pair pair = {w.requests[3].source, target, 2, 3, log_probs, alignment};
  assert_fails(w.ctx, rapt__forced_run(w.forced, &pair, 1, &aligned), RAPT_ENAN,
               "line 3: the model's score of token 0");
  rapt__arena_free(&arena);
  end(&w);
}

/* A smaller store in the memory of a larger one sees its first rows, and only a store of the same states lends. */
static void stores_lend_their_first_rows(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_params *all, *part[3];
  rapt_graph *graph;
  rapt_init zeros = {RAPT_INIT_ZEROS, 0, true};
  real *values, *lent;
  assert_ok(ctx, rapt_params_new(ctx, &all));
  assert_ok(ctx, rapt_graph_new(ctx, &graph));
  rapt_param(graph, all, "a", 2, (int64_t[]){5, 3}, zeros);
  rapt_param(graph, all, "b", 3, (int64_t[]){5, 2, 7}, zeros);
  for (int i = 0; i < 3; i++) {
    assert_ok(ctx, rapt_params_new(ctx, &part[i]));
    rapt_param(graph, part[i], i == 1 ? "c" : "b", 3, (int64_t[]){3, i == 2 ? 3 : 2, 7}, zeros);
  }
  assert_fails(ctx, rapt__params_borrow(part[0], all), RAPT_EINVAL, "started");
  assert_ok(ctx, rapt_params_start(all, 0));
  assert_ok(ctx, rapt__params_borrow(part[0], all));
  assert_fails(ctx, rapt__params_borrow(part[0], all), RAPT_EINVAL, "started");
  assert_fails(ctx, rapt__params_borrow(part[1], all), RAPT_ESHAPE, "\"c\"");
  assert_fails(ctx, rapt__params_borrow(part[2], all), RAPT_ESHAPE, "\"b\"");
  rapt_params_get(all, 1, NULL, NULL, NULL, &values);
  rapt_params_get(part[0], 0, NULL, NULL, NULL, &lent);
  assert_ptr_equal(values, lent);
  rapt_graph_free(graph);
  for (int i = 0; i < 3; i++) rapt_params_free(part[i]);
  rapt_params_free(all);
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(neither_batches_nor_threads_matter),
                                     cmocka_unit_test(scores_agree_with_whole_targets),
                                     cmocka_unit_test(a_wide_beam_finds_the_best_of_all),
                                     cmocka_unit_test(bans_hold),
                                     cmocka_unit_test(sentences_that_have_ended_cost_nothing),
                                     cmocka_unit_test(scores_that_are_no_numbers_are_an_error),
                                     cmocka_unit_test(stores_lend_their_first_rows)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
