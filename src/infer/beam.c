/* Beam search, as transformers' generate does it: of the 2·size best continuations those that end count only among the first
 * `size`, and the others fill the beam again. */
#include "infer/beam.h"

#include "tasks/model.h"

#include <math.h>
#include <string.h>

typedef struct candidate {
  int64_t live; /* which hypothesis goes on */
  int32_t token;
  double log_prob, sum;
  double key; /* what the choice goes by: the sum, without what earlier groups have taken */
} candidate;

rapt_status rapt__beam_room_make(rapt__arena *arena, int64_t groups, int64_t size, rapt__beam_room *room) {
  size_t all = (size_t)(groups * size);
  room->candidates = rapt__arena_new(arena, 2 * (size_t)size, sizeof *room->candidates);
  room->taken = rapt__arena_new(arena, 2 * all, sizeof *room->taken);
  room->used = rapt__arena_new(arena, all, sizeof *room->used);
  room->moves = rapt__arena_new(arena, all, sizeof *room->moves);
  room->next = rapt__arena_new(arena, (size_t)size, sizeof *room->next);
  bool made = room->candidates && room->taken && room->used && room->moves && room->next;
  return made ? RAPT_OK : RAPT_ENOMEM;
}

rapt_status rapt__beam_init(rapt__beam *beam, rapt__arena *arena, int64_t groups, int64_t size) {
  beam->group_count = groups;
  beam->size = size;
  beam->groups = rapt__arena_new(arena, (size_t)groups, sizeof *beam->groups);
  if (!beam->groups) return RAPT_ENOMEM;
  for (int64_t g = 0; g < groups; g++) {
    rapt__group *group = &beam->groups[g];
    group->live = rapt__arena_new(arena, (size_t)size, sizeof *group->live);
    group->done = rapt__arena_new(arena, (size_t)size, sizeof *group->done);
    if (!group->live || !group->done) return RAPT_ENOMEM;
    group->live[0] = (rapt__live){RAPT__ROOT, (int32_t)(g * size), 0};
    group->live_count = 1;
  }
  return RAPT_OK;
}

void rapt__beam_free(rapt__beam *beam) { rapt__tree_free(&beam->tree); }

int64_t rapt__beam_per_row(const rapt_translate_options *o, int64_t groups, int64_t size) {
  /* Earlier groups can push down as many tokens as they have hypotheses, ended ones included. */
  return 2 * size + (groups > 1 && o->diversity != 0 ? 2 * (groups - 1) * size : 0);
}

bool rapt__beam_open(const rapt__beam *beam) {
  for (int64_t g = 0; g < beam->group_count; g++)
    if (!beam->groups[g].closed) return true;
  return false;
}

/* ---- One group ---- */

static int64_t times_taken(const rapt__beam_room *room, int32_t token) {
  int64_t n = 0;
  for (int64_t i = 0; i < room->taken_count; i++) n += room->taken[i] == token;
  return n;
}

/* Best first; at a tie the better hypothesis, then the likelier or lower token, all of which come in that order. */
static void put(candidate *best, int64_t *count, int64_t most, const candidate *c) {
  int64_t at = *count;
  if (at == most && best[at - 1].key >= c->key) return;
  if (at == most) at--;
  for (; at > 0 && best[at - 1].key < c->key; at--) best[at] = best[at - 1];
  best[at] = *c;
  if (*count < most) ++*count;
}

static int64_t gather(const rapt__beam *beam, const rapt__group *group, const rapt_translate_options *o,
                      const rapt__offer *offer, rapt__beam_room *room) {
  int64_t count = 0, earlier = room->taken_count;
  for (int64_t i = 0; i < group->live_count; i++) {
    const rapt__live *live = &group->live[i];
    const rapt__choice *choices = offer->choices + live->row * offer->per_row;
    for (int64_t c = 0; c < offer->found[live->row]; c++) {
      candidate new = {i, choices[c].token, choices[c].log_prob, live->sum + choices[c].log_prob, 0};
      new.key = new.sum;
      if (earlier) new.key -= o->diversity *(double)times_taken(room, new.token);
      put(room->candidates, &count, 2 * beam->size, &new);
    }
  }
  return count;
}

static void put_done(rapt__group *group, int64_t size, rapt__done done) {
  int64_t at = group->done_count;
  if (at == size && group->done[at - 1].score >= done.score) return;
  if (at == size) at--;
  for (; at > 0 && group->done[at - 1].score < done.score; at--) group->done[at] = group->done[at - 1];
  group->done[at] = done;
  if (group->done_count < size) group->done_count++;
}

static void end_leaf(const rapt__beam *beam, rapt__group *group, const rapt_translate_options *o, int32_t leaf,
                     bool ended) {
  put_done(group, beam->size, (rapt__done){leaf, ended, rapt__hypothesis_score(&beam->tree, leaf, o, beam->room)});
}

/* Whether no open hypothesis is thought to come above the worst that has ended. */
static bool is_settled(const rapt__beam *beam, const rapt__group *group, const rapt_translate_options *o,
                       int64_t length) {
  if (group->done_count < beam->size) return false;
  if (o->stopping == RAPT_STOP_FIRST || beam->size * beam->group_count == 1) return true;
  double best = -INFINITY;
  for (int64_t i = 0; i < group->live_count; i++) best = fmax(best, group->live[i].sum);
  /* With a positive exponent the same sum is worth more the longer the hypothesis gets. */
  if (o->stopping == RAPT_STOP_NEVER && o->alpha > 0) length = beam->limit;
  return rapt__length_penalty(o, best, length) <= group->done[group->done_count - 1].score;
}

/* The first child of a row stays in it; the others go into rows of the group without a child. */
static void place_rows(const rapt__beam *beam, int64_t g, rapt__beam_room *room) {
  rapt__group *group = &beam->groups[g];
  bool *used = room->used + g * beam->size;
  int32_t first = (int32_t)(g * beam->size), free = 0;
  memset(used, 0, (size_t)beam->size * sizeof *used);
  for (int64_t i = 0; i < group->live_count; i++) used[group->live[i].row - first] = true;
  for (int64_t i = 0; i < group->live_count; i++) {
    bool other = false;
    for (int64_t j = 0; j < i && !other; j++) other = group->live[j].row == group->live[i].row;
    if (!other) continue;
    while (used[free]) free++;
    room->moves[room->move_count++] = (rapt__move){first + free, group->live[i].row};
    used[free] = true;
    group->live[i].row = -1 - (first + free); /* until all have found the rows of their parents */
  }
  for (int64_t i = 0; i < group->live_count; i++)
    if (group->live[i].row < 0) group->live[i].row = -1 - group->live[i].row;
}

static rapt_status step_group(rapt__beam *beam, int64_t g, const rapt_translate_options *o, const rapt__offer *offer,
                              rapt__beam_room *room) {
  rapt__group *group = &beam->groups[g];
  int64_t count = gather(beam, group, o, offer, room), lives = 0, length = 0;
  rapt__live *next = room->next;
  for (int64_t i = 0; count == 0 && i < group->live_count; i++) /* everything is banned */
    if (group->live[i].leaf != RAPT__ROOT) end_leaf(beam, group, o, group->live[i].leaf, false);
  for (int64_t c = 0; c < count && (c < beam->size || lives < beam->size); c++) {
    const candidate *a = &room->candidates[c];
    const rapt__live *parent = &group->live[a->live];
    length = (parent->leaf == RAPT__ROOT ? 0 : beam->tree.leaves[parent->leaf].length) + 1;
    bool ends_here = a->token == RAPT__EOS || length >= beam->limit;
    if (ends_here ? c >= beam->size : lives == beam->size) continue;
    int32_t leaf;
    const float *alignment = offer->alignment ? offer->alignment + parent->row * offer->stride : NULL;
    RAPT_TRY(rapt__tree_add(&beam->tree, parent->leaf, a->token, a->log_prob, alignment, &leaf));
    if (ends_here)
      end_leaf(beam, group, o, leaf, a->token == RAPT__EOS);
    else
      next[lives++] = (rapt__live){leaf, parent->row, a->sum};
    room->taken[room->taken_count++] = a->token;
  }
  memcpy(group->live, next, (size_t)lives * sizeof *next);
  group->live_count = lives;
  group->closed = lives == 0 || is_settled(beam, group, o, length);
  if (!group->closed) place_rows(beam, g, room);
  return RAPT_OK;
}

rapt_status rapt__beam_step(rapt__beam *beam, const rapt_translate_options *o, const rapt__offer *offer,
                            rapt__beam_room *room) {
  room->taken_count = room->move_count = 0;
  for (int64_t g = 0; g < beam->group_count; g++)
    if (!beam->groups[g].closed) RAPT_TRY(step_group(beam, g, o, offer, room));
  return RAPT_OK;
}
