/* The hidden Markov model on one sentence pair: forward-backward and the best path. What comes after word j depends on
 * m alone, the last position that was not the empty word, so that the two ways of arriving at m share a state. */
#include "pbmt/aligner.h"

#include <math.h>
#include <string.h>

typedef struct lattice {
  size_t n, rows;     /* I, J */
  double *move;       /* (I + 1, I) (1 - p0) p(i | m) */
  double *ahead;      /* (J + 1, I + 1) scaled probability of being at m after j words */
  double *scale;      /* (J) */
  double *back, *out; /* (I + 1) */
} lattice;

size_t rapt__aligner_scratch(size_t n, size_t rows) {
  return (n + 1) * n + (rows + 1) * (n + 1) + rows + 2 * (n + 1) + (rows * (n + 1) + 3) / 4;
}

static lattice open(const rapt__aligner *a, size_t s, double *scratch) {
  lattice l = {.n = rapt__pbmt_length(&a->source, s), .rows = rapt__pbmt_length(&a->target, s), .move = scratch};
  l.ahead = l.move + (l.n + 1) * l.n;
  l.scale = l.ahead + (l.rows + 1) * (l.n + 1);
  l.back = l.scale + l.rows;
  l.out = l.back + l.n + 1;
  return l;
}

/* The part of p(i | m) that s makes. Where s is 0 for all moves there are, every move is as likely. */
static double jump_part(const rapt__aligner *a, size_t n, size_t m, size_t i) {
  double sum = a->left[m] + a->right[n - m];
  double part = sum > 0 ? a->jump[a->longest + (int)i - (int)m] / sum : 1 / (double)n;
  return (1 - a->settings.uniform) * part;
}

double rapt__aligner_jump(const rapt__aligner *a, int length, int m, int i) {
  return (1 - a->settings.empty) * (a->settings.uniform / length + jump_part(a, (size_t)length, (size_t)m, (size_t)i));
}

static void fill_moves(const rapt__aligner *a, const lattice *l) {
  for (size_t m = 0; m <= l->n; m++)
    for (size_t i = 1; i <= l->n; i++) l->move[m * l->n + i - 1] = rapt__aligner_jump(a, (int)l->n, (int)m, (int)i);
}

/* Leaves in post (J, I + 1) the probabilities of having come to i by word j, and at i = 0 the factor of staying. */
static double forward(const rapt__aligner *a, size_t s, const lattice *l, double *post) {
  size_t n = l->n;
  const uint32_t *cell = a->cell + a->link[s];
  double likelihood = 0, *now = l->ahead;
  memset(now, 0, (n + 1) * sizeof *now);
  now[0] = 1;
  for (size_t j = 0; j < l->rows; j++, cell += n + 1, post += n + 1) {
    double *next = now + n + 1, stay = a->settings.empty * a->prob[cell[0]], sum = 0;
    memset(post, 0, (n + 1) * sizeof *post);
    for (size_t m = 0; m <= n; m++) {
      const double *move = l->move + m * n;
      double from = now[m];
      for (size_t i = 0; i < n; i++) post[i + 1] += from * move[i];
    }
    for (size_t i = 1; i <= n; i++) post[i] *= a->prob[cell[i]];
    for (size_t i = 0; i <= n; i++) sum += next[i] = post[i] + now[i] * stay;
    for (size_t i = 0; i <= n; i++) next[i] /= sum;
    for (size_t i = 1; i <= n; i++) post[i] /= sum;
    post[0] = stay / sum;
    l->scale[j] = sum;
    likelihood += log(sum);
    now = next;
  }
  return likelihood;
}

double rapt__aligner_expect_hmm(const rapt__aligner *a, size_t s, double *scratch, double *post, double *moves) {
  lattice l = open(a, s, scratch);
  size_t n = l.n;
  fill_moves(a, &l);
  double likelihood = forward(a, s, &l, post);
  memset(moves, 0, (n + 1) * n * sizeof *moves);
  for (size_t m = 0; m <= n; m++) l.back[m] = 1;
  for (size_t j = l.rows; j-- > 0;) {
    double *row = post + j * (n + 1), stay = row[0], empty = 0;
    const double *before = l.ahead + j * (n + 1);
    const uint32_t *cell = a->cell + a->link[s] + j * (n + 1);
    for (size_t i = 1; i <= n; i++) {
      row[i] *= l.back[i];
      l.out[i - 1] = a->prob[cell[i]] * l.back[i] / l.scale[j];
    }
    for (size_t m = 0; m <= n; m++) {
      const double *move = l.move + m * n;
      double sum = stay * l.back[m];
      empty += before[m] * sum;
      for (size_t i = 0; i < n; i++) {
        moves[m * n + i] += before[m] * l.out[i];
        sum += move[i] * l.out[i];
      }
      l.back[m] = sum;
    }
    row[0] = empty;
  }
  for (size_t m = 0; m <= n; m++)
    for (size_t i = 1; i <= n; i++) moves[m * n + i - 1] *= (1 - a->settings.empty) * jump_part(a, n, m, i);
  return likelihood;
}

void rapt__aligner_best_hmm(const rapt__aligner *a, size_t s, double *scratch, int32_t *best) {
  lattice l = open(a, s, scratch);
  size_t n = l.n;
  int16_t *from = (int16_t *)(l.out + n + 1); /* (J, I + 1) m before, or -1 for the empty word */
  const uint32_t *cell = a->cell + a->link[s];
  double *now = l.back, *next = l.out;
  fill_moves(a, &l);
  memset(now, 0, (n + 1) * sizeof *now);
  now[0] = 1;
  for (size_t j = 0; j < l.rows; j++, cell += n + 1) {
    int16_t *row = from + j * (n + 1);
    double most = 0;
    for (size_t i = 0; i <= n; i++) {
      double top = -1;
      for (size_t m = 0; m <= n && i > 0; m++)
        if (now[m] * l.move[m * n + i - 1] > top) {
          top = now[m] * l.move[m * n + i - 1];
          row[i] = (int16_t)m;
        }
      if (i > 0) top *= a->prob[cell[i]];
      double stay = a->settings.empty * a->prob[cell[0]] * now[i];
      if (stay > top) {
        top = stay;
        row[i] = -1;
      }
      next[i] = top;
      if (top > most) most = top;
    }
    for (size_t i = 0; i <= n; i++) next[i] /= most;
    double *swap = now;
    now = next;
    next = swap;
  }
  size_t at = 0;
  for (size_t m = 1; m <= n; m++)
    if (now[m] > now[at]) at = m;
  for (size_t j = l.rows; j-- > 0;) {
    int16_t m = from[j * (n + 1) + at];
    best[j] = m < 0 ? -1 : (int32_t)at - 1;
    if (m >= 0) at = (size_t)m;
  }
}

/* ---- The jumps ---- */

void rapt__aligner_sum_jumps(rapt__aligner *a) {
  a->left[0] = a->right[0] = 0;
  for (int k = 1; k <= a->longest; k++) {
    a->left[k] = a->left[k - 1] + a->jump[a->longest - k + 1];
    a->right[k] = a->right[k - 1] + a->jump[a->longest + k];
  }
}

void rapt__aligner_count_moves(rapt__aligner *a, size_t n, const double *moves) {
  for (size_t m = 0; m <= n; m++) {
    double sum = 0;
    double *moved = a->moved + a->longest - (int)m;
    for (size_t i = 1; i <= n; i++) {
      double count = moves[m * n + i - 1];
      moved[i] += count;
      sum += count;
    }
    a->stood[rapt__aligner_place(n, m)] += sum;
  }
}

/* s(d) is the expected number of jumps d over the sum, over all (I, m) from which d stays in the sentence, of the moves
 * made there divided by the normaliser of s there. Each step raises the expected likelihood, but the normalisers move
 * with s, so that a few are taken. Jumps 1 … I - m to the right and 0 … m - 1 to the left stay in the sentence, whence
 * each sum is over all reaches at least as long as the jump. */
void rapt__aligner_maximise_jumps(rapt__aligner *a) {
  enum { STEPS = 5 };
  int longest = a->longest;
  double *right = a->heap, *left = a->heap + longest + 1;
  for (int step = 0; step < STEPS; step++) {
    memset(a->heap, 0, (2 * (size_t)longest + 2) * sizeof *a->heap);
    for (int n = 1; n <= longest; n++)
      for (int m = 0; m <= n; m++) {
        double moves = a->stood[rapt__aligner_place((size_t)n, (size_t)m)], sum = a->left[m] + a->right[n - m];
        if (!(moves > 0 && sum > 0)) continue;
        right[n - m] += moves / sum;
        left[m] += moves / sum;
      }
    for (int k = longest - 1; k >= 0; k--) {
      right[k] += right[k + 1];
      left[k] += left[k + 1];
    }
    for (int k = 1; k <= longest; k++) {
      if (right[k] > 0) a->jump[longest + k] = a->moved[longest + k] / right[k];
      if (left[k] > 0) a->jump[longest - k + 1] = a->moved[longest - k + 1] / left[k];
    }
    rapt__aligner_sum_jumps(a);
  }
}
