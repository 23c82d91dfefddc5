/* Times forward and backward of one recurrent layer on one thread; bench/recurrent.py sets torch.nn beside it. After a build:
 *   gcc -std=c17 -O2 -D_GNU_SOURCE -Iinclude bench/recurrent.c build/release/librapt.a $(pkg-config --libs jansson yaml-0.1 \
 *     libpcre2-8 libutf8proc sqlite3 zlib) -lm -lpthread -o /tmp/recurrent
 *   /tmp/recurrent lstm|gru BATCH TIME UNITS SECONDS
 * Prints the least processor time of a run in seconds: on one thread it is the time that passes, unless other programs
 * take the processor away. Gradients of x and of all weights are made. */
#include <rapt/rapt.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  int64_t b = atoi(argv[2]), t = atoi(argv[3]), n = atoi(argv[4]), gates = strcmp(argv[1], "gru") == 0 ? 3 : 4;
  rapt_context *ctx;
  rapt_graph *graph;
  rapt_plan *plan;
  const rapt_options options = {.threads = 1};
  if (rapt_context_new(&ctx, &options) != RAPT_OK || rapt_graph_new(ctx, &graph) != RAPT_OK) return 1;
  const int64_t x_dims[] = {t, b, n}, w_dims[] = {gates * n, n};
  rapt_tensor *in[6] = {rapt_input(graph, "x", RAPT_F32, 3, x_dims),    rapt_input(graph, "w_ih", RAPT_F32, 2, w_dims),
                        rapt_input(graph, "w_hh", RAPT_F32, 2, w_dims), rapt_input(graph, "b_ih", RAPT_F32, 1, w_dims),
                        rapt_input(graph, "b_hh", RAPT_F32, 1, w_dims), rapt_input(graph, "dy", RAPT_F32, 3, x_dims)};
  const rapt_recurrent_options o = {.cell = gates == 3 ? RAPT_GRU : RAPT_LSTM};
  rapt_tensor *y = rapt_recurrent(in[0], in[1], in[2], in[3], in[4], &o);
  rapt_tensor *loss = rapt_sum(rapt_mul(y, in[5]), RAPT_ALL, false), *read[6] = {y};
  if (rapt_grad(loss, in, 5, read + 1) != RAPT_OK || rapt_plan_new(graph, read, 6, NULL, &plan) != RAPT_OK) {
    fprintf(stderr, "%s\n", rapt_context_message(ctx));
    return 1;
  }
  for (int i = 0; i < 6; i++) {
    rapt_real *p = rapt_plan_data(plan, in[i]);
    for (int64_t j = 0; j < rapt_size(in[i]); j++)
      p[j] = (rapt_real)(sin(0.7 * (double)j + i) / (i == 0 || i == 5 ? 1 : sqrt((double)n)));
  }
  double least = 1e9, end = seconds(CLOCK_MONOTONIC) + atof(argv[5]);
  while (seconds(CLOCK_MONOTONIC) < end) {
    double begin = seconds(CLOCK_PROCESS_CPUTIME_ID);
    rapt_plan_run(plan, 0);
    double took = seconds(CLOCK_PROCESS_CPUTIME_ID) - begin;
    if (took < least) least = took;
  }
  printf("%.9g\n", least);
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  rapt_context_free(ctx);
  return 0;
}
