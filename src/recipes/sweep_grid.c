/* The grid of a sweep: lists and ranges of values, their combinations, and a name for each. */
#include "recipes/sweep.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_VALUE = 40, LONGEST_NAME = 200 };

static const char where[] = "command line";

static rapt_status too_many(rapt_context *ctx, const char *setting) {
  return rapt__fail(ctx, RAPT_EKEY, "%s: %.200s: that makes more than %d runs", where, setting, RAPT_SWEEP_MOST);
}

/* An axis under way. */
typedef struct reader {
  rapt__arena *arena;
  const char *setting; /* for messages */
  rapt__axis *axis;
  size_t capacity;
  const char **values; /* from the context, copied to the arena in the end */
} reader;

static rapt_status add_value(reader *r, const char *value) {
  if (!value) return RAPT_ENOMEM;
  if (r->axis->count >= RAPT_SWEEP_MOST) return too_many(r->arena->ctx, r->setting);
  RAPT_TRY(rapt__reserve(r->arena->ctx, (void **)&r->values, &r->capacity, r->axis->count, sizeof *r->values));
  r->values[r->axis->count++] = value;
  return RAPT_OK;
}

/* The digits of "-12" at s, 0 where there is no whole number. */
static size_t whole(const char *s) {
  size_t sign = *s == '-', n = strspn(s + sign, "0123456789");
  return n ? sign + n : 0;
}

static bool is_range(const char *s) {
  size_t a = whole(s), b = a && s[a] == '.' && s[a + 1] == '.' ? whole(s + a + 2) : 0;
  return b && !s[a + 2 + b];
}

static rapt_status add_range(reader *r, const char *text) {
  rapt_context *ctx = r->arena->ctx;
  char *end;
  errno = 0;
  long long from = strtoll(text, &end, 10), to = strtoll(end + 2, NULL, 10);
  if (errno)
    return rapt__fail(ctx, RAPT_EKEY, "%s: %.200s: a range needs whole numbers of at most 64 bits", where, r->setting);
  if (to < from) return rapt__fail(ctx, RAPT_EKEY, "%s: %.200s: the range %s is backwards", where, r->setting, text);
  /* The difference of the unsigned values cannot overflow. */
  if ((unsigned long long)to - (unsigned long long)from >= RAPT_SWEEP_MOST) return too_many(ctx, r->setting);
  for (long long i = 0; i <= to - from; i++) RAPT_TRY(add_value(r, rapt__arena_format(r->arena, "%lld", from + i)));
  return RAPT_OK;
}

/* One element of a list as text of its own; "\," becomes ",". *end is the comma behind it, or the end. */
static char *take(rapt__arena *arena, const char *s, const char **end) {
  for (*end = s; **end && **end != ','; ++*end)
    if ((*end)[0] == '\\' && (*end)[1] == ',') ++*end;
  char *value = rapt__arena_new(arena, (size_t)(*end - s) + 1, 1), *to = value;
  for (; value && s < *end; s++)
    if (s[0] != '\\' || s[1] != ',' || s + 1 == *end) *to++ = *s;
  return value;
}

static rapt_status add_values(reader *r, const char *s) {
  bool list = false;
  for (;; s++) {
    const char *end;
    char *value = take(r->arena, s, &end);
    if (!value) return RAPT_ENOMEM;
    list = list || *end == ',';
    if (list && !*value)
      return rapt__fail(r->arena->ctx, RAPT_EKEY, "%s: %.200s: a value of the list is empty", where, r->setting);
    RAPT_TRY(is_range(value) ? add_range(r, value) : add_value(r, value));
    if (!*end) return RAPT_OK;
    s = end;
  }
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* `sorted` has room for the values. */
static rapt_status refuse_twice(reader *r, const char **sorted) {
  memcpy(sorted, r->values, r->axis->count * sizeof *sorted);
  qsort(sorted, r->axis->count, sizeof *sorted, by_text);
  for (size_t i = 1; i < r->axis->count; i++)
    if (strcmp(sorted[i - 1], sorted[i]) == 0)
      return rapt__fail(r->arena->ctx, RAPT_EKEY, "%s: %.200s: the value %.80s is given twice", where, r->setting,
                        sorted[i]);
  return RAPT_OK;
}

static rapt_status read_axis(rapt__arena *arena, const char *setting, rapt__axis *axis) {
  const char *sign = strchr(setting, '=');
  if (!sign || sign == setting)
    return rapt__fail(arena->ctx, RAPT_EKEY, "%s: \"%.200s\" has no value: key=value is needed", where, setting);
  axis->key = rapt__arena_format(arena, "%.*s", (int)(sign - setting), setting);
  if (!axis->key) return RAPT_ENOMEM;
  reader r = {arena, setting, axis, 0, NULL};
  rapt_status status = add_values(&r, sign + 1);
  if (status == RAPT_OK) {
    axis->values = rapt__arena_new(arena, axis->count, sizeof *axis->values);
    status = axis->values ? refuse_twice(&r, axis->values) : RAPT_ENOMEM;
  }
  if (status == RAPT_OK) memcpy(axis->values, r.values, axis->count * sizeof *r.values);
  rapt__free(arena->ctx, r.values);
  return status;
}

static void seed_last(rapt__grid *grid) {
  for (size_t i = 0; i + 1 < grid->count; i++)
    if (strcmp(grid->axes[i].key, "seed") == 0) {
      rapt__axis seed = grid->axes[i];
      memmove(grid->axes + i, grid->axes + i + 1, (grid->count - i - 1) * sizeof seed);
      grid->axes[grid->count - 1] = seed;
      return;
    }
}

rapt_status rapt__grid_read(rapt__arena *arena, const char *const *settings, int count, rapt__grid *out) {
  *out = (rapt__grid){.total = 1};
  if (count == 0) return RAPT_OK;
  out->axes = rapt__arena_new(arena, (size_t)count, sizeof *out->axes);
  if (!out->axes) return RAPT_ENOMEM;
  for (int i = 0; i < count; i++) {
    rapt__axis *axis = &out->axes[out->count];
    RAPT_TRY(read_axis(arena, settings[i], axis));
    for (size_t k = 0; k < out->count; k++)
      if (strcmp(out->axes[k].key, axis->key) == 0)
        return rapt__fail(arena->ctx, RAPT_EKEY, "%s: %s is given twice; a list of values is %s=a,b", where, axis->key,
                          axis->key);
    out->count++;
    if (rapt__mul_overflows(out->total, axis->count, &out->total) || out->total > RAPT_SWEEP_MOST)
      return too_many(arena->ctx, settings[i]);
  }
  seed_last(out);
  return RAPT_OK;
}

size_t rapt__grid_at(const rapt__grid *grid, size_t index, size_t axis) {
  for (size_t i = grid->count - 1; i > axis; i--) index /= grid->axes[i].count;
  return index % grid->axes[axis].count;
}

/* ---- Names ------------------------------------------------------------------------------------------------------- */

static const char *last_part(const char *key) {
  const char *dot = strrchr(key, '.');
  return dot && dot[1] ? dot + 1 : key;
}

/* "lr" for "train.lr", unless another key that varies ends so too. */
static const char *short_key(const rapt__grid *grid, size_t axis) {
  const char *part = last_part(grid->axes[axis].key);
  for (size_t i = 0; i < grid->count; i++)
    if (i != axis && grid->axes[i].count > 1 && strcmp(last_part(grid->axes[i].key), part) == 0)
      return grid->axes[axis].key;
  return part;
}

static bool fits_names(char c) { return isalnum((unsigned char)c) || strchr("._+-=", c); }

/* A value that had to be changed gets its number behind a sign that no value keeps, so that all stay different. */
static rapt_status add_part(rapt__text *name, const rapt__grid *grid, size_t axis, size_t at) {
  const char *value = grid->axes[axis].values[at];
  size_t size = strlen(value), kept = size < LONGEST_VALUE ? size : LONGEST_VALUE;
  bool changed = kept < size || size == 0;
  RAPT_TRY(rapt__text_addf(name, "%s%s=", name->size ? "," : "", short_key(grid, axis)));
  for (size_t i = 0; i < kept; i++) {
    bool fits = fits_names(value[i]);
    RAPT_TRY(rapt__text_add(name, fits ? &value[i] : "-", 1));
    changed = changed || !fits;
  }
  return changed ? rapt__text_addf(name, "~%zu", at + 1) : RAPT_OK;
}

const char *rapt__grid_name(rapt__arena *arena, const rapt__grid *grid, size_t index) {
  rapt__text name;
  rapt__text_init(&name, arena->ctx);
  rapt_status status = RAPT_OK;
  for (size_t i = 0; i < grid->count && status == RAPT_OK; i++)
    if (grid->axes[i].count > 1) status = add_part(&name, grid, i, rapt__grid_at(grid, index, i));
  const char *out = NULL;
  if (status == RAPT_OK && name.size > LONGEST_NAME)
    out = rapt__arena_format(arena, "run-%zu", index + 1);
  else if (status == RAPT_OK)
    out = rapt__arena_strdup(arena, name.size ? name.data : "run");
  rapt__text_free(&name);
  return out;
}
