/* Bans, forced tokens and draws. */
#include "infer/rows.h"

#include "base/rng.h"
#include "tasks/model.h"

#include <math.h>
#include <string.h>

enum { STREAM_TRANSLATE = 6 }; /* high half of the random stream; the low one is the line */

rapt_status rapt__row_room_make(rapt__arena *arena, const rapt_translate_options *o, int models, int64_t vocabulary,
                                int64_t limit, rapt__row_room *room) {
  if (models > 1) room->mean = rapt__arena_new(arena, 2 * (size_t)vocabulary, sizeof *room->mean);
  if (o->sample) room->candidates = rapt__arena_new(arena, (size_t)vocabulary, sizeof *room->candidates);
  room->history = rapt__arena_new(arena, (size_t)limit + 1, sizeof *room->history);
  room->banned = rapt__arena_new(arena, (size_t)limit + 8, sizeof *room->banned);
  bool made = room->history && room->banned && (models == 1 || room->mean) && (!o->sample || room->candidates);
  return made ? RAPT_OK : RAPT_ENOMEM;
}

/* Tokens that followed an earlier copy of the last n − 1 tokens. */
static int64_t ban_repeats(const rapt__tree *tree, int32_t leaf, int64_t n, int32_t *history, int32_t *banned) {
  int64_t count = rapt__tree_tokens(tree, leaf, history), bans = 0;
  const int32_t *tail = history + count - (n - 1);
  for (int64_t i = 0; i + n - 1 < count; i++)
    if (memcmp(history + i, tail, (size_t)(n - 1) * sizeof *tail) == 0) banned[bans++] = history[i + n - 1];
  return bans;
}

static int64_t find_banned(const rapt__row_task *task, const rapt__row_room *room) {
  const rapt_translate_options *o = task->options;
  int64_t count = 0;
  if (o->no_repeat > 0 && task->position >= o->no_repeat)
    count = ban_repeats(&task->beam->tree, task->live->leaf, o->no_repeat, room->history, room->banned);
  room->banned[count++] = RAPT__BOS;
  room->banned[count++] = RAPT__PAD;
  if (o->ban_unknown) room->banned[count++] = RAPT__UNK;
  if (task->position < o->min_length) room->banned[count++] = RAPT__EOS;
  return count;
}

static int32_t draw(const rapt__row_task *task, const rapt__row *row, const rapt__row_room *room) {
  const rapt_translate_options *o = task->options;
  rapt_generate_options how = {.temperature = o->temperature, .top_k = o->top_k, .top_p = o->top_p, .min_p = o->min_p};
  uint64_t stream = ((uint64_t)STREAM_TRANSLATE << 32) + (uint32_t)task->beam->number;
  double u = rapt__rng_uniform(o->seed, stream, ((uint64_t)task->draw << 32) + (uint64_t)task->position);
  return rapt__sample_token(rapt__row_logits(row), row->vocabulary, NULL, 0, &how, u, room->candidates);
}

int64_t rapt__row_choose(const rapt__row_task *task, rapt__row *row, const rapt__row_room *room, int64_t n,
                         rapt__choice *choices) {
  row->room = room->mean;
  for (int m = 0; m < row->models; m++)
    if (!isfinite(row->lse[m])) return -1;
  if (task->forced >= 0) {
    choices[0] = (rapt__choice){task->forced, rapt__row_log_prob(row, task->forced)};
    return 1;
  }
  row->banned = room->banned;
  row->banned_count = find_banned(task, room);
  if (!task->options->sample) return rapt__row_best(row, n, choices);
  rapt__choice best;
  if (rapt__row_best(row, 1, &best) < 1) return 0; /* nothing is left to draw */
  int32_t token = draw(task, row, room);
  choices[0] = (rapt__choice){token, rapt__row_log_prob(row, token)};
  return 1;
}
