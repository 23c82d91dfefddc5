/* The results of a sweep as text: the plan, the table for people, JSON, CSV. */
#include "recipes/sweep.h"

#include <rapt/recipe.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Groups of seeds --------------------------------------------------------------------------------------------- */

rapt__sweep_group rapt__sweep_group_of(const rapt_sweep *sweep, size_t first) {
  rapt__sweep_group g = {.first = first, .mean = NAN, .deviation = NAN, .minutes = NAN};
  double sum = 0, squares = 0, minutes = 0;
  for (size_t i = first; i < first + sweep->seeds; i++) {
    const rapt_sweep_run *run = &sweep->runs[i];
    if (run->state != RAPT_SWEEP_DONE) continue;
    g.done++;
    g.judged += run->mark != RAPT_MARK_NOT_JUDGED;
    g.reached += run->mark == RAPT_MARK_REACHED;
    if (isfinite(run->minutes)) minutes += run->minutes;
    if (!isfinite(run->figure)) continue;
    g.known++;
    sum += run->figure;
  }
  if (g.done) g.minutes = minutes;
  if (g.known) g.mean = sum / (double)g.known;
  for (size_t i = first; i < first + sweep->seeds; i++)
    if (sweep->runs[i].state == RAPT_SWEEP_DONE && isfinite(sweep->runs[i].figure))
      squares += (sweep->runs[i].figure - g.mean) * (sweep->runs[i].figure - g.mean);
  if (g.known > 1) g.deviation = sqrt(squares / (double)(g.known - 1));
  return g;
}

bool rapt__sweep_varies(const rapt_sweep *sweep, size_t axis) {
  return sweep->grid.axes[axis].count > 1 || (!sweep->recipe && axis == 0);
}

static bool is_seed(const rapt_sweep *sweep, size_t axis) { return strcmp(sweep->grid.axes[axis].key, "seed") == 0; }

static const char *value_at(const rapt_sweep *sweep, size_t run, size_t axis) {
  return sweep->grid.axes[axis].values[rapt__grid_at(&sweep->grid, run, axis)];
}

const char *rapt__sweep_label(rapt_sweep *sweep, size_t first) {
  rapt__text text;
  rapt__text_init(&text, sweep->ctx);
  rapt_status status = RAPT_OK;
  for (size_t a = 0; a < sweep->grid.count && status == RAPT_OK; a++) {
    if (!rapt__sweep_varies(sweep, a) || is_seed(sweep, a)) continue;
    if (text.size) status = rapt__text_add(&text, ", ", 2);
    if (status == RAPT_OK && sweep->recipe) status = rapt__text_addf(&text, "%s=", sweep->grid.axes[a].key);
    if (status == RAPT_OK) status = rapt__text_addf(&text, "%s", value_at(sweep, first, a));
  }
  const char *label =
      status == RAPT_OK ? rapt__arena_strdup(&sweep->arena, text.size ? text.data : sweep->recipe) : NULL;
  rapt__text_free(&text);
  return label;
}

/* ---- Cells in columns -------------------------------------------------------------------------------------------- */

typedef struct cells {
  rapt__arena arena;
  size_t columns, count, capacity;
  const char **texts; /* (count / columns, columns); owned */
  bool failed;
} cells;

static void add(cells *c, const char *text) {
  if (c->failed || !text || rapt__reserve(c->arena.ctx, (void **)&c->texts, &c->capacity, c->count, sizeof *c->texts))
    c->failed = true;
  else
    c->texts[c->count++] = text;
}

static void add_real(cells *c, const char *format, double value) {
  add(c, isfinite(value) ? rapt__arena_format(&c->arena, format, value) : "-");
}

/* Characters of UTF-8; what could steer a terminal has become '?' before. */
static size_t width_of(const char *s) {
  size_t n = 0;
  for (; *s; s++) n += ((unsigned char)*s & 0xC0) != 0x80;
  return n;
}

static void make_plain(char *s) {
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s, next = (unsigned char)s[1];
    if (c < 0x20 || c == 0x7F) *s = '?';
    if (c == 0xC2 && next < 0xA0) *s = '?'; /* its second byte alone is a broken character, and steers nothing */
  }
}

static rapt_status print_cells(cells *c, rapt__text *out) {
  size_t *widest = rapt__arena_new(&c->arena, c->columns, sizeof *widest);
  rapt_status status = c->failed || !widest ? RAPT_ENOMEM : RAPT_OK;
  for (size_t i = 0; i < c->count && status == RAPT_OK; i++) {
    size_t width = width_of(c->texts[i]);
    if (width > widest[i % c->columns]) widest[i % c->columns] = width;
  }
  for (size_t i = 0; i < c->count && status == RAPT_OK; i++) {
    size_t column = i % c->columns, begin = out->size;
    bool last = column + 1 == c->columns || (column + 2 == c->columns && !*c->texts[i + 1]);
    status = rapt__text_addf(out, "%s", c->texts[i]);
    if (status == RAPT_OK) make_plain(out->data + begin);
    if (status == RAPT_OK && !last)
      status = rapt__text_addf(out, "%*s", (int)(widest[column] - width_of(c->texts[i])) + 2, "");
    if (status == RAPT_OK && column + 1 == c->columns) status = rapt__text_add(out, "\n", 1);
  }
  return status;
}

static void free_cells(cells *c) {
  rapt__free(c->arena.ctx, c->texts);
  rapt__arena_free(&c->arena);
}

static void add_values(cells *c, const rapt_sweep *sweep, size_t run, const char *instead_of_seed) {
  for (size_t a = 0; a < sweep->grid.count; a++)
    if (rapt__sweep_varies(sweep, a))
      add(c, instead_of_seed && is_seed(sweep, a) ? instead_of_seed : value_at(sweep, run, a));
}

/* ---- The table --------------------------------------------------------------------------------------------------- */

static const char *verdict(const rapt_sweep_run *run) {
  return run->state == RAPT_SWEEP_DONE ? rapt_run_mark_text(run->mark) : rapt_sweep_state_text(run->state);
}

/* What went wrong; of several recipes else what was to be reached. */
static const char *remark(const rapt_sweep *sweep, const rapt_sweep_run *run) {
  const rapt_recipe_info *info = sweep->recipe || *run->why ? NULL : rapt_recipe_find(run->recipe);
  return info ? info->pass_mark : run->why;
}

static void add_run(cells *c, const rapt_sweep *sweep, size_t index) {
  const rapt_sweep_run *run = &sweep->runs[index];
  add_values(c, sweep, index, NULL);
  add_real(c, "%.5g", run->figure);
  add(c, verdict(run));
  add_real(c, "%.2f", run->minutes);
  add(c, remark(sweep, run));
}

static void add_group(cells *c, const rapt_sweep *sweep, size_t first) {
  rapt__sweep_group g = rapt__sweep_group_of(sweep, first);
  add_values(c, sweep, first, "all");
  if (isfinite(g.deviation))
    add(c, rapt__arena_format(&c->arena, "%.5g ± %.2g", g.mean, g.deviation));
  else
    add_real(c, "%.5g", g.mean);
  add(c, g.judged ? rapt__arena_format(&c->arena, "%zu of %zu", g.reached, g.judged) : "-");
  add_real(c, "%.2f", g.minutes);
  add(c, g.done < sweep->seeds ? rapt__arena_format(&c->arena, "%zu of %zu runs", g.done, sweep->seeds) : "");
}

static rapt_status add_sums(rapt_sweep *sweep, rapt__text *out) {
  size_t counts[RAPT_SWEEP_SKIPPED + 1] = {0}, reached = 0, missed = 0;
  double minutes = 0;
  for (size_t i = 0; i < sweep->count; i++) {
    const rapt_sweep_run *run = &sweep->runs[i];
    counts[run->state]++;
    if (run->state == RAPT_SWEEP_DONE && isfinite(run->minutes)) minutes += run->minutes;
    reached += run->state == RAPT_SWEEP_DONE && run->mark == RAPT_MARK_REACHED;
    missed += run->state == RAPT_SWEEP_DONE && run->mark == RAPT_MARK_MISSED;
  }
  RAPT_TRY(
      rapt__text_addf(out, "%zu run%s: %zu done", sweep->count, sweep->count == 1 ? "" : "s", counts[RAPT_SWEEP_DONE]));
  if (reached + missed) RAPT_TRY(rapt__text_addf(out, " (%zu reached, %zu missed)", reached, missed));
  for (int s = 0; s <= RAPT_SWEEP_SKIPPED; s++)
    if (s != RAPT_SWEEP_DONE && counts[s])
      RAPT_TRY(rapt__text_addf(out, ", %zu %s", counts[s], rapt_sweep_state_text((rapt_sweep_state)s)));
  return rapt__text_addf(out, "; %.2f minutes\n", minutes);
}

static rapt_status write_table(rapt_sweep *sweep, rapt__text *out) {
  cells c = {.columns = 4};
  rapt__arena_init(&c.arena, sweep->ctx);
  for (size_t a = 0; a < sweep->grid.count; a++)
    if (rapt__sweep_varies(sweep, a)) {
      add(&c, sweep->grid.axes[a].key);
      c.columns++;
    }
  add(&c, "figure");
  add(&c, sweep->recipe ? "mark" : "result");
  add(&c, "minutes");
  add(&c, sweep->recipe ? "" : "pass mark");
  for (size_t i = 0; i < sweep->count; i++) {
    add_run(&c, sweep, i);
    if (sweep->seeds > 1 && (i + 1) % sweep->seeds == 0) add_group(&c, sweep, i + 1 - sweep->seeds);
  }
  rapt_status status = print_cells(&c, out);
  free_cells(&c);
  return status == RAPT_OK ? add_sums(sweep, out) : status;
}

/* ---- The plan ---------------------------------------------------------------------------------------------------- */

static rapt_status write_plan(rapt_sweep *sweep, rapt__text *out) {
  cells c = {.columns = sweep->recipe ? 3 : 4};
  rapt__arena_init(&c.arena, sweep->ctx);
  long long minutes = 0;
  size_t left = 0;
  add(&c, "run");
  if (!sweep->recipe) add(&c, "minutes");
  add(&c, "state");
  add(&c, sweep->recipe ? "directory" : "pass mark");
  for (size_t i = 0; i < sweep->count; i++) {
    const rapt_sweep_run *run = &sweep->runs[i];
    const rapt_recipe_info *info = rapt_recipe_find(run->recipe);
    bool to_do = run->state == RAPT_SWEEP_PLANNED || run->state == RAPT_SWEEP_STOPPED;
    left += to_do;
    if (to_do && info) minutes += info->minutes;
    add(&c, run->name);
    if (!sweep->recipe) add(&c, rapt__arena_format(&c.arena, "%d", info ? info->minutes : 0));
    add(&c, rapt_sweep_state_text(run->state));
    add(&c, sweep->recipe ? run->dir : remark(sweep, run));
  }
  rapt_status status = print_cells(&c, out);
  free_cells(&c);
  if (status != RAPT_OK) return status;
  RAPT_TRY(rapt__text_addf(out, "%zu run%s, %zu to do", sweep->count, sweep->count == 1 ? "" : "s", left));
  if (sweep->recipe) return rapt__text_add(out, "\n", 1);
  return rapt__text_addf(out, ": %lld minutes on two slow cores\n", minutes);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

/* A text that is not UTF-8, for instance a path, cannot stand in JSON and is null. */
static json_t *text_or_null(const char *s) {
  json_t *text = json_string(s);
  return text ? text : json_null();
}

static json_t *real_or_null(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *settings_json(const rapt_sweep *sweep, size_t index, bool with_seed) {
  json_t *settings = json_object();
  for (size_t a = 0; a < sweep->grid.count; a++)
    if (with_seed || !is_seed(sweep, a))
      json_object_set_new(settings, sweep->grid.axes[a].key, text_or_null(value_at(sweep, index, a)));
  return settings;
}

static json_t *run_json(const rapt_sweep *sweep, size_t i) {
  const rapt_sweep_run *run = &sweep->runs[i];
  bool judged = run->state == RAPT_SWEEP_DONE;
  return json_pack("{s:s,s:s,s:o,s:s,s:o,s:o,s:o,s:o,s:o}", "recipe", run->recipe, "name", run->name, "settings",
                   settings_json(sweep, i, true), "state", rapt_sweep_state_text(run->state), "figure",
                   real_or_null(run->figure), "mark", judged ? json_string(rapt_run_mark_text(run->mark)) : json_null(),
                   "minutes", real_or_null(run->minutes), "error", *run->why ? text_or_null(run->why) : json_null(),
                   "dir", text_or_null(run->dir));
}

static json_t *group_json(const rapt_sweep *sweep, size_t first) {
  rapt__sweep_group g = rapt__sweep_group_of(sweep, first);
  return json_pack("{s:o,s:I,s:I,s:o,s:o,s:I,s:I}", "settings", settings_json(sweep, first, false), "runs",
                   (json_int_t)sweep->seeds, "done", (json_int_t)g.done, "mean", real_or_null(g.mean), "deviation",
                   real_or_null(g.deviation), "reached", (json_int_t)g.reached, "judged", (json_int_t)g.judged);
}

static rapt_status write_json(rapt_sweep *sweep, rapt__text *out) {
  json_t *runs = json_array(), *groups = json_array();
  for (size_t i = 0; i < sweep->count; i++) json_array_append_new(runs, run_json(sweep, i));
  for (size_t i = 0; i < sweep->count; i += sweep->seeds) json_array_append_new(groups, group_json(sweep, i));
  bool whole = json_array_size(runs) == sweep->count && json_array_size(groups) == sweep->count / sweep->seeds;
  json_t *root = json_pack("{s:o,s:o,s:o}", "dir", text_or_null(sweep->dir), "runs", runs, "combinations", groups);
  char *dump = root && whole ? json_dumps(root, JSON_INDENT(1)) : NULL;
  rapt_status status = dump ? rapt__text_addf(out, "%s\n", dump) : rapt__fail_memory(sweep->ctx, 0);
  free(dump);
  json_decref(root);
  return status;
}

/* ---- CSV --------------------------------------------------------------------------------------------------------- */

static rapt_status add_field(rapt__text *out, const char *s) {
  if (!strpbrk(s, ",\"\r\n")) return rapt__text_add(out, s, strlen(s));
  RAPT_TRY(rapt__text_add(out, "\"", 1));
  for (; *s; s++) RAPT_TRY(*s == '"' ? rapt__text_add(out, "\"\"", 2) : rapt__text_add(out, s, 1));
  return rapt__text_add(out, "\"", 1);
}

static rapt_status add_number(rapt__text *out, double value) {
  return isfinite(value) ? rapt__text_addf(out, ",%.9g", value) : rapt__text_add(out, ",", 1);
}

static rapt_status write_csv(rapt_sweep *sweep, rapt__text *out) {
  for (size_t a = 0; a < sweep->grid.count; a++) {
    if (!rapt__sweep_varies(sweep, a)) continue;
    RAPT_TRY(add_field(out, sweep->grid.axes[a].key));
    RAPT_TRY(rapt__text_add(out, ",", 1));
  }
  RAPT_TRY(rapt__text_addf(out, "state,figure,mark,minutes,mean,deviation,directory,error\r\n"));
  for (size_t i = 0; i < sweep->count; i++) {
    const rapt_sweep_run *run = &sweep->runs[i];
    rapt__sweep_group g = rapt__sweep_group_of(sweep, i - i % sweep->seeds);
    for (size_t a = 0; a < sweep->grid.count; a++) {
      if (!rapt__sweep_varies(sweep, a)) continue;
      RAPT_TRY(add_field(out, value_at(sweep, i, a)));
      RAPT_TRY(rapt__text_add(out, ",", 1));
    }
    RAPT_TRY(rapt__text_addf(out, "%s", rapt_sweep_state_text(run->state)));
    RAPT_TRY(add_number(out, run->figure));
    RAPT_TRY(rapt__text_addf(out, ",%s", run->state == RAPT_SWEEP_DONE ? rapt_run_mark_text(run->mark) : ""));
    RAPT_TRY(add_number(out, run->minutes));
    RAPT_TRY(add_number(out, g.mean));
    RAPT_TRY(add_number(out, g.deviation));
    RAPT_TRY(rapt__text_add(out, ",", 1));
    RAPT_TRY(add_field(out, run->dir));
    RAPT_TRY(rapt__text_add(out, ",", 1));
    RAPT_TRY(add_field(out, run->why));
    RAPT_TRY(rapt__text_add(out, "\r\n", 2));
  }
  return RAPT_OK;
}

rapt_status rapt_sweep_text(rapt_context *ctx, rapt_sweep *sweep, rapt_sweep_form form, const char **text) {
  static rapt_status (*const writers[])(rapt_sweep *, rapt__text *) = {write_plan, write_table, write_json, write_csv};
  if ((unsigned)form >= sizeof writers / sizeof *writers)
    return rapt__fail(ctx, RAPT_EINVAL, "a sweep has no form %d", (int)form);
  rapt__text out;
  rapt__text_init(&out, ctx);
  rapt_status status = writers[form](sweep, &out);
  if (status == RAPT_OK && !(*text = rapt__arena_strdup(&sweep->arena, out.data))) status = RAPT_ENOMEM;
  rapt__text_free(&out);
  return status;
}
