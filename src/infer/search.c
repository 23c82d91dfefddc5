/* The loop over the target's positions. */
#include "infer/search.h"

#include "base/file.h"
#include "base/team.h"
#include "infer/rows.h"
#include "tasks/model.h"

#include <math.h>
#include <string.h>

struct rapt__search {
  rapt_context *ctx;
  int count;
  rapt__stepper *steppers[RAPT__ENSEMBLE]; /* owned */
  int64_t vocabulary, context;             /* the shortest */
};

rapt_status rapt__search_new(rapt_context *ctx, const rapt__search_model *models, int count, rapt__search **out) {
  *out = NULL;
  rapt__search *s = rapt__new(ctx, 1, sizeof *s);
  if (!s) return RAPT_ENOMEM;
  *s = (rapt__search){.ctx = ctx, .vocabulary = models[0].vocabulary, .context = models[0].context};
  rapt_status status = RAPT_OK;
  for (int m = 0; m < count; m++)
    if (models[m].context < s->context) s->context = models[m].context;
  for (int m = 0; m < count && status == RAPT_OK; m++) {
    rapt__search_model model = models[m];
    model.context = s->context; /* so that all pad alike */
    status = rapt__stepper_new(ctx, &model, &s->steppers[m]);
    if (status == RAPT_OK) s->count = m + 1;
  }
  if (status != RAPT_OK)
    rapt__search_free(s);
  else
    *out = s;
  return status;
}

void rapt__search_free(rapt__search *s) {
  if (!s) return;
  for (int m = 0; m < s->count; m++) rapt__stepper_free(s->steppers[m]);
  rapt__free(s->ctx, s);
}

int64_t rapt__search_limit(const rapt_translate_options *o, int64_t context, int64_t source_count) {
  double most = o->max_ratio * (double)(source_count - 1) + (double)o->max_length;
  if (o->max_ratio == 0 && o->max_length == 0) return context;
  return most < 1 ? 1 : most < (double)context ? (int64_t)most : context;
}

/* ---- A batch ---- */

/* Sentences that go on have slots; slot s is the rows [s·width, (s + 1)·width) of the steppers. */
typedef struct batch {
  rapt__search *search;
  const rapt_translate_options *o;
  const rapt__request *requests;
  const int32_t *prefix;
  int64_t prefix_count;
  rapt__beam *beams;                   /* [count] */
  int64_t count, width, groups, limit; /* limit: the largest */
  int64_t *open, open_count;           /* sentence in each slot */
  int64_t *slots;                      /* room for the slots that go on */
  int64_t position;
  int32_t *tokens;       /* (rows) the newest of each row */
  rapt__live **lives;    /* (rows) or NULL where nothing lives */
  rapt__choice *choices; /* (rows, per_row) */
  int64_t *found, per_row;
  rapt__step steps[RAPT__ENSEMBLE];
  float *alignment; /* (rows, length): mean of several; or NULL */
  const float *aligned;
  int64_t length; /* of the padded sources */
  rapt__beam_room room;
  rapt__row_room *workers; /* by worker */
  rapt__search_times *times;
} batch;

static void lap(double *sum, double *since) {
  double now = rapt__now();
  *sum += now - *since;
  *since = now;
}

static rapt_status make_beams(batch *b, rapt__arena *arena) {
  int64_t size = b->width / b->groups;
  b->beams = rapt__arena_new(arena, (size_t)b->count, sizeof *b->beams);
  if (!b->beams) return RAPT_ENOMEM;
  for (int64_t i = 0; i < b->count; i++) {
    rapt__beam *beam = &b->beams[i];
    int64_t source = b->requests[i].source.count;
    RAPT_TRY(rapt__beam_init(beam, arena, b->groups, size));
    rapt__tree_init(&beam->tree, b->search->ctx, 0);
    beam->limit = rapt__search_limit(b->o, b->search->context, source);
    if (beam->limit <= b->prefix_count) beam->limit = b->prefix_count + 1;
    if (beam->limit > b->limit) b->limit = beam->limit;
    beam->number = b->requests[i].number;
    beam->room = rapt__arena_new(arena, (size_t)source, sizeof *beam->room);
    if (!beam->room) return RAPT_ENOMEM;
  }
  return RAPT_OK;
}

static rapt_status make_batch(batch *b, rapt__arena *arena) {
  const rapt__search *s = b->search;
  size_t rows, choices;
  b->groups = b->o->sample ? b->o->nbest : b->o->groups;
  b->width = b->o->sample ? b->o->nbest : b->o->beam;
  b->per_row = rapt__beam_per_row(b->o, b->groups, b->width / b->groups);
  if (rapt__mul_overflows((size_t)b->count, (size_t)b->width, &rows) ||
      rapt__mul_overflows(rows, (size_t)b->per_row, &choices))
    return rapt__fail_memory(s->ctx, SIZE_MAX);
  RAPT_TRY(make_beams(b, arena));
  b->length = rapt__padded(b->requests[0].source.count, s->context);
  b->open = rapt__arena_new(arena, (size_t)b->count, sizeof *b->open);
  b->slots = rapt__arena_new(arena, (size_t)b->count, sizeof *b->slots);
  b->tokens = rapt__arena_new(arena, rows, sizeof *b->tokens);
  b->lives = rapt__arena_new(arena, rows, sizeof *b->lives);
  b->choices = rapt__arena_new(arena, choices, sizeof *b->choices);
  b->found = rapt__arena_new(arena, rows, sizeof *b->found);
  int workers = rapt__team_size(s->ctx->team);
  b->workers = rapt__arena_new(arena, (size_t)workers, sizeof *b->workers);
  if (!b->open || !b->slots || !b->tokens || !b->lives || !b->choices || !b->found || !b->workers) return RAPT_ENOMEM;
  for (int w = 0; w < workers; w++)
    RAPT_TRY(rapt__row_room_make(arena, b->o, s->count, s->vocabulary, b->limit, &b->workers[w]));
  RAPT_TRY(rapt__beam_room_make(arena, b->groups, b->width / b->groups, &b->room));
  b->open_count = b->count;
  for (int64_t i = 0; i < b->count; i++) b->open[i] = i;
  return RAPT_OK;
}

static rapt_status encode(batch *b, rapt__arena *arena) {
  rapt__source *sources = rapt__arena_new(arena, (size_t)b->count, sizeof *sources);
  if (!sources) return RAPT_ENOMEM;
  for (int64_t i = 0; i < b->count; i++) sources[i] = b->requests[i].source;
  for (int m = 0; m < b->search->count; m++)
    RAPT_TRY(rapt__stepper_begin(b->search->steppers[m], sources, b->count, b->width));
  return RAPT_OK;
}

/* ---- A step ---- */

/* The alignment of a step, the mean over the models that have one, and once it is known the width of the trees. */
static rapt_status align(batch *b, rapt__arena *arena) {
  int64_t with = 0, rows = b->open_count * b->width, size = rows * b->length;
  for (int m = 0; m < b->search->count; m++) {
    if (!b->steps[m].alignment) continue;
    if (++with == 1) b->aligned = b->steps[m].alignment;
  }
  bool wanted = b->o->alignments || b->o->replace_unknown || b->o->beta != 0;
  if (b->position == 0 && b->o->beta != 0 && !with)
    return rapt__fail(b->search->ctx, RAPT_EUNSUPPORTED,
                      "the coverage penalty needs alignments, which the model has not");
  if (!wanted || !with) {
    b->aligned = NULL;
    return RAPT_OK;
  }
  for (int64_t i = 0; b->position == 0 && i < b->count; i++) b->beams[i].tree.width = b->requests[i].source.count;
  if (with == 1) return RAPT_OK;
  if (!b->alignment) b->alignment = rapt__arena_new(arena, (size_t)size, sizeof *b->alignment);
  if (!b->alignment) return RAPT_ENOMEM;
  memset(b->alignment, 0, (size_t)size * sizeof *b->alignment);
  for (int m = 0; m < b->search->count; m++)
    for (int64_t i = 0; b->steps[m].alignment && i < size; i++)
      b->alignment[i] += b->steps[m].alignment[i] / (float)with;
  b->aligned = b->alignment;
  return RAPT_OK;
}

static void choose_row(void *arg, int64_t index, int worker) {
  batch *b = arg;
  const rapt__live *live = b->lives[index];
  if (!live) return;
  const rapt__search *s = b->search;
  rapt__row row = {.k = rapt__kernels(), .models = s->count, .vocabulary = s->vocabulary};
  for (int m = 0; m < s->count; m++) {
    row.logits[m] = b->steps[m].logits + index * s->vocabulary;
    row.lse[m] = b->steps[m].lse[index];
  }
  rapt__row_task task = {.options = b->o,
                         .beam = &b->beams[b->open[index / b->width]],
                         .live = live,
                         .position = b->position,
                         .forced = b->position < b->prefix_count ? b->prefix[b->position] : -1,
                         .draw = index % b->width};
  b->found[index] = rapt__row_choose(&task, &row, &b->workers[worker], b->per_row, b->choices + index * b->per_row);
}

/* Which rows live, and their newest tokens. */
static void find_lives(batch *b) {
  memset(b->lives, 0, (size_t)(b->open_count * b->width) * sizeof *b->lives);
  for (int64_t slot = 0; slot < b->open_count; slot++) {
    rapt__beam *beam = &b->beams[b->open[slot]];
    for (int64_t g = 0; g < beam->group_count; g++)
      for (int64_t i = 0; i < beam->groups[g].live_count && !beam->groups[g].closed; i++) {
        rapt__live *live = &beam->groups[g].live[i];
        int64_t row = slot * b->width + live->row;
        b->lives[row] = live;
        b->tokens[row] = live->leaf == RAPT__ROOT ? RAPT__BOS : beam->tree.leaves[live->leaf].token;
      }
  }
}

static rapt_status check_found(const batch *b) {
  for (int64_t row = 0; row < b->open_count * b->width; row++)
    if (b->lives[row] && b->found[row] < 0)
      return rapt__fail(b->search->ctx, RAPT_ENAN, "line %lld: the model's scores of token %lld are not numbers",
                        (long long)b->beams[b->open[row / b->width]].number, (long long)b->position);
  return RAPT_OK;
}

static rapt_status advance(batch *b, double *since) {
  for (int64_t slot = 0; slot < b->open_count; slot++) {
    rapt__beam *beam = &b->beams[b->open[slot]];
    int64_t first = slot * b->width;
    rapt__offer offer = {b->choices + first * b->per_row, b->found + first, b->per_row,
                         beam->tree.width ? b->aligned + first * b->length : NULL, b->length};
    RAPT_TRY(rapt__beam_step(beam, b->o, &offer, &b->room));
    lap(&b->times->choose, since);
    for (int64_t i = 0; i < b->room.move_count; i++)
      for (int m = 0; m < b->search->count; m++)
        rapt__stepper_copy(b->search->steppers[m], first + b->room.moves[i].to, first + b->room.moves[i].from);
    lap(&b->times->move, since);
  }
  return RAPT_OK;
}

/* Sentences that have ended give their rows back when that makes the plan smaller by a quarter: each size is one more plan. */
static rapt_status shrink(batch *b) {
  int64_t count = 0;
  for (int64_t slot = 0; slot < b->open_count; slot++)
    if (rapt__beam_open(&b->beams[b->open[slot]])) b->slots[count++] = slot;
  if (count == 0) {
    b->open_count = 0;
    return RAPT_OK;
  }
  int64_t rows = rapt__stepper_rows(b->open_count * b->width), wanted = rapt__stepper_rows(count * b->width);
  if (wanted * 4 > rows * 3) return RAPT_OK;
  for (int m = 0; m < b->search->count; m++) RAPT_TRY(rapt__stepper_keep(b->search->steppers[m], b->slots, count));
  for (int64_t i = 0; i < count; i++) b->open[i] = b->open[b->slots[i]];
  b->open_count = count;
  return RAPT_OK;
}

static rapt_status run(batch *b, rapt__arena *arena) {
  rapt_context *ctx = b->search->ctx;
  double since = rapt__now();
  RAPT_TRY(encode(b, arena));
  lap(&b->times->encode, &since);
  for (b->position = 0; b->open_count > 0; b->position++) {
    if (atomic_load(&ctx->interrupted)) return rapt__fail(ctx, RAPT_EINTERRUPTED, "translation was interrupted");
    find_lives(b);
    lap(&b->times->choose, &since);
    for (int m = 0; m < b->search->count; m++)
      RAPT_TRY(rapt__stepper_step(b->search->steppers[m], b->tokens, &b->steps[m]));
    lap(&b->times->step, &since);
    b->times->steps++;
    b->times->rows += rapt__stepper_rows(b->open_count * b->width);
    RAPT_TRY(align(b, arena));
    rapt__team_run(ctx->team, choose_row, b, b->open_count * b->width);
    RAPT_TRY(check_found(b));
    RAPT_TRY(advance(b, &since));
    RAPT_TRY(shrink(b));
    lap(&b->times->move, &since);
  }
  return RAPT_OK;
}

/* ---- Results ---- */

/* The best of all groups, in order; draws in the order of drawing. */
static rapt_status answer(const batch *b, const rapt__beam *beam, rapt__arena *arena, rapt__answer *out) {
  int64_t most = 0;
  for (int64_t g = 0; g < beam->group_count; g++) most += beam->groups[g].done_count;
  if (most > b->o->nbest) most = b->o->nbest;
  out->count = 0;
  out->hypotheses = rapt__arena_new(arena, (size_t)most + 1, sizeof *out->hypotheses);
  int64_t *next = rapt__arena_new(arena, (size_t)beam->group_count, sizeof *next);
  if (!out->hypotheses || !next) return RAPT_ENOMEM;
  while (out->count < most) {
    int64_t best = -1;
    for (int64_t g = 0; g < beam->group_count; g++) {
      const rapt__group *group = &beam->groups[g];
      if (next[g] == group->done_count || (best >= 0 && b->o->sample)) continue;
      if (best < 0 || group->done[next[g]].score > beam->groups[best].done[next[best]].score) best = g;
    }
    const rapt__done *done = &beam->groups[best].done[next[best]++];
    RAPT_TRY(
        rapt__hypothesis_make(&beam->tree, done->leaf, done->ended, done->score, arena, &out->hypotheses[out->count]));
    out->count++;
  }
  if (most > 0) b->times->tokens += out->hypotheses[0].count;
  return RAPT_OK;
}

rapt_status rapt__search_run(rapt__search *search, const rapt__request *requests, int64_t count, const int32_t *prefix,
                             int64_t prefix_count, const rapt_translate_options *options, rapt__arena *arena,
                             rapt__answer *answers, rapt__search_times *times) {
  rapt__search_times unasked = {0};
  batch b = {.search = search,
             .o = options,
             .requests = requests,
             .count = count,
             .prefix = prefix,
             .prefix_count = prefix_count,
             .times = times ? times : &unasked};
  rapt__arena work;
  rapt__arena_init(&work, search->ctx);
  rapt_status status = make_batch(&b, &work);
  if (status == RAPT_OK) status = run(&b, &work);
  for (int64_t i = 0; i < count && status == RAPT_OK; i++) status = answer(&b, &b.beams[i], arena, &answers[i]);
  for (int64_t i = 0; b.beams && i < count; i++) rapt__beam_free(&b.beams[i]);
  rapt__arena_free(&work);
  return status;
}
