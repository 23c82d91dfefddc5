/* rapt runs: the index of runs as a table or JSON, two runs side by side, forgetting. */
#include "cli/cli.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { COLUMNS = 10, CELL = 64, SHORTEST_ID = 8 };

/* ---- Text that others wrote ---- */

/* Bytes of the UTF-8 character at s, or 0. */
static int character(const char *s) {
  const unsigned char *c = (const unsigned char *)s;
  int n = c[0] < 0x80 ? 1 : c[0] >= 0xC2 && c[0] < 0xE0 ? 2 : c[0] >= 0xE0 && c[0] < 0xF0 ? 3 : c[0] >= 0xF0 ? 4 : 0;
  for (int i = 1; i < n; i++)
    if ((c[i] & 0xC0) != 0x80) return 0;
  if (n == 3 && ((c[0] == 0xE0 && c[1] < 0xA0) || (c[0] == 0xED && c[1] > 0x9F))) return 0;
  if (n == 4 && ((c[0] == 0xF0 && c[1] < 0x90) || c[0] > 0xF4 || (c[0] == 0xF4 && c[1] > 0x8F))) return 0;
  return n;
}

/* At most `room` characters; what could steer a terminal becomes '?'. Returns how many were printed. */
static size_t print_plain(const char *s, size_t room) {
  size_t printed = 0;
  for (int n; *s && printed < room; s += n ? n : 1, printed++) {
    n = character(s);
    bool control =
        (unsigned char)*s < 0x20 || *s == 0x7F || (n == 2 && (unsigned char)s[0] == 0xC2 && (unsigned char)s[1] < 0xA0);
    if (n == 0 || control)
      putchar('?');
    else
      fwrite(s, 1, (size_t)n, stdout);
  }
  return printed;
}

static void print_json_text(const char *s) {
  putchar('"');
  for (int n; *s; s += n ? n : 1) {
    n = character(s);
    if (n == 0)
      printf("\\ufffd");
    else if (*s == '"' || *s == '\\')
      printf("\\%c", *s);
    else if ((unsigned char)*s < 0x20 || *s == 0x7F)
      printf("\\u%04x", *s);
    else
      fwrite(s, 1, (size_t)n, stdout);
  }
  putchar('"');
}

/* ---- JSON ---- */

static void json_text(const char *key, const char *value) {
  printf(", \"%s\": ", key);
  if (*value)
    print_json_text(value);
  else
    printf("null");
}

static void json_real(const char *key, double value) {
  if (isfinite(value))
    printf(", \"%s\": %.9g", key, value);
  else
    printf(", \"%s\": null", key);
}

static void json_count(const char *key, int64_t value) {
  if (value >= 0)
    printf(", \"%s\": %" PRId64, key, value);
  else
    printf(", \"%s\": null", key);
}

static void print_json(const rapt_run_record *r) {
  printf("{\"id\": ");
  print_json_text(r->id);
  json_text("recipe", r->recipe);
  json_text("state", rapt_run_state_text(r->state));
  json_text("mark", rapt_run_mark_text(r->mark));
  json_count("steps", r->steps);
  json_real("loss", r->loss);
  json_real("best", r->best);
  json_real("figure", r->figure);
  json_real("seconds", r->seconds);
  json_count("seed", r->seed);
  json_text("started", r->started);
  json_text("ended", r->ended);
  json_text("dir", r->dir);
  json_text("settings", r->settings);
  json_text("version", r->version);
  json_text("host", r->host);
  json_count("pid", r->pid);
  putchar('}');
}

/* ---- The table ---- */

/* Local time of "2026-01-02T03:04:05Z", or the text itself. */
static void when_text(char out[CELL], const char *started) {
  struct tm utc = {0}, local;
  const char *end = strptime(started, "%Y-%m-%dT%H:%M:%SZ", &utc);
  time_t at = end && !*end ? timegm(&utc) : (time_t)-1;
  if (at == (time_t)-1 || !localtime_r(&at, &local) || strftime(out, CELL, "%Y-%m-%d %H:%M", &local) == 0)
    snprintf(out, CELL, "%s", started);
}

static void real_text(char out[CELL], double value, double scale, const char *format) {
  if (isfinite(value))
    snprintf(out, CELL, format, value * scale);
  else
    snprintf(out, CELL, "-");
}

static void count_text(char out[CELL], int64_t value) {
  if (value >= 0)
    snprintf(out, CELL, "%" PRId64, value);
  else
    snprintf(out, CELL, "-");
}

/* The number of characters that tell the ids of the list apart. */
static int short_length(const rapt_run_list *list) {
  int length = SHORTEST_ID;
  for (size_t i = 0; i < list->count; i++)
    for (size_t j = 0; j < i && length < CELL - 1; j++)
      while (length < CELL - 1 && strncmp(list->runs[i].id, list->runs[j].id, (size_t)length) == 0) length++;
  return length;
}

static const char *const titles[COLUMNS] = {"id",     "recipe", "state",   "steps",   "loss",
                                            "figure", "mark",   "minutes", "started", "directory"};
static const bool is_number[COLUMNS] = {[3] = true, [4] = true, [5] = true, [7] = true};

static void fill_row(char cells[COLUMNS - 1][CELL], const rapt_run_record *r, int id_length) {
  snprintf(cells[0], CELL, "%.*s", id_length, r->id);
  snprintf(cells[1], CELL, "%s", r->recipe);
  snprintf(cells[2], CELL, "%s", rapt_run_state_text(r->state));
  count_text(cells[3], r->steps);
  real_text(cells[4], r->loss, 1, "%.4f");
  real_text(cells[5], r->figure, 1, "%.4g");
  snprintf(cells[6], CELL, "%s", r->mark == RAPT_MARK_NOT_JUDGED ? "-" : rapt_run_mark_text(r->mark));
  real_text(cells[7], r->seconds, 1.0 / 60, "%.1f");
  when_text(cells[8], r->started);
}

static void print_row(char cells[COLUMNS - 1][CELL], const char *last, const int *widths, size_t room) {
  for (int c = 0; c < COLUMNS - 1; c++) {
    char line[2 * CELL];
    snprintf(line, sizeof line, is_number[c] ? "%*s  " : "%-*s  ", is_number[c] ? widths[c] : -widths[c], cells[c]);
    room -= print_plain(line, room);
  }
  print_plain(last, room);
  putchar('\n');
}

/* Characters of a line: as many as a terminal shows, any number elsewhere. */
static size_t line_room(void) {
  struct winsize size;
  if (!isatty(STDOUT_FILENO)) return SIZE_MAX;
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void print_table(const rapt_run_list *list) {
  char cells[COLUMNS - 1][CELL];
  int widths[COLUMNS - 1], id_length = short_length(list);
  size_t room = line_room();
  for (int c = 0; c < COLUMNS - 1; c++) widths[c] = (int)strlen(titles[c]);
  for (size_t i = 0; i < list->count; i++) {
    fill_row(cells, &list->runs[i], id_length);
    for (int c = 0; c < COLUMNS - 1; c++)
      if ((int)strlen(cells[c]) > widths[c]) widths[c] = (int)strlen(cells[c]);
  }
  for (int c = 0; c < COLUMNS - 1; c++) snprintf(cells[c], CELL, "%s", titles[c]);
  print_row(cells, titles[COLUMNS - 1], widths, room);
  for (size_t i = 0; i < list->count; i++) {
    fill_row(cells, &list->runs[i], id_length);
    print_row(cells, list->runs[i].dir, widths, room);
  }
}

static void ignore(void *user, const char *key, const char *initial, const char *help) {
  (void)user, (void)key, (void)initial, (void)help;
}

static int list_runs(rapt_context *ctx, const char *recipe, size_t limit, bool json) {
  rapt_run_list *list;
  if (rapt_runs_list(ctx, recipe, limit, &list) != RAPT_OK) return cli_failed(ctx);
  int code = EXIT_DONE;
  if (json) {
    putchar('[');
    for (size_t i = 0; i < list->count; i++) {
      if (i) printf(",\n ");
      print_json(&list->runs[i]);
    }
    printf("]\n");
  } else if (list->count) {
    print_table(list);
  } else if (recipe && !rapt_recipe_find(recipe)) {
    rapt_recipe_settings(ctx, recipe, ignore, NULL); /* fails, naming the nearest recipe */
    code = cli_failed(ctx);
  } else {
    fprintf(stderr, "rapt: there are no runs%s%s yet\n", recipe ? " of " : "", recipe ? recipe : "");
  }
  rapt_run_list_free(ctx, list);
  return code;
}

/* ---- Two runs ---- */

typedef struct differences {
  bool json, first;
} differences;

static void print_sides(const char *key, const char *a, const char *b) {
  size_t used = print_plain(key, SIZE_MAX);
  printf("%*s  ", used < 22 ? (int)(22 - used) : 0, "");
  used = print_plain(a, SIZE_MAX);
  printf("%*s  ", used < 28 ? (int)(28 - used) : 0, "");
  print_plain(b, SIZE_MAX);
  putchar('\n');
}

static void difference(void *user, const char *key, const char *a, const char *b) {
  differences *d = user;
  if (d->json) {
    printf(d->first ? "" : ", ");
    print_json_text(key);
    printf(": [");
    print_json_text(a);
    printf(", ");
    print_json_text(b);
    putchar(']');
  } else {
    if (d->first) printf("\nsettings that differ\n");
    print_sides(key, a, b);
  }
  d->first = false;
}

static void print_reals(const char *key, double a, double b, double scale, const char *format) {
  char left[CELL], right[CELL];
  real_text(left, a, scale, format);
  real_text(right, b, scale, format);
  print_sides(key, left, right);
}

static void print_counts(const char *key, int64_t a, int64_t b) {
  char left[CELL], right[CELL];
  count_text(left, a);
  count_text(right, b);
  print_sides(key, left, right);
}

static void print_pair(const rapt_run_record *a, const rapt_run_record *b) {
  char left[CELL], right[CELL];
  print_sides("id", a->id, b->id);
  print_sides("recipe", a->recipe, b->recipe);
  when_text(left, a->started);
  when_text(right, b->started);
  print_sides("started", left, right);
  print_sides("rapt", a->version, b->version);
  print_sides("directory", a->dir, b->dir);
  printf("\nfigures\n");
  print_sides("state", rapt_run_state_text(a->state), rapt_run_state_text(b->state));
  print_sides("mark", rapt_run_mark_text(a->mark), rapt_run_mark_text(b->mark));
  print_reals("figure", a->figure, b->figure, 1, "%.6g");
  print_reals("validation loss", a->loss, b->loss, 1, "%.4f");
  print_reals("best validation loss", a->best, b->best, 1, "%.4f");
  print_counts("steps", a->steps, b->steps);
  print_reals("minutes", a->seconds, b->seconds, 1.0 / 60, "%.1f");
  print_counts("seed", a->seed, b->seed);
}

static int compare_found(rapt_context *ctx, const rapt_run_record *a, const rapt_run_record *b, bool json,
                         const char *plot) {
  differences d = {.json = json, .first = true};
  if (json) {
    printf("{\"runs\": [");
    print_json(a);
    printf(",\n ");
    print_json(b);
    printf("],\n \"settings\": {");
  } else {
    print_pair(a, b);
  }
  if (rapt_runs_compare(ctx, a, b, difference, &d) != RAPT_OK) return cli_failed(ctx);
  if (json)
    printf("}}\n");
  else if (d.first)
    printf("\nno settings differ\n");
  if (!plot) return EXIT_DONE;
  if (rapt_runs_plot(ctx, (const rapt_run_record[]){*a, *b}, 2, plot) != RAPT_OK) return cli_failed(ctx);
  fprintf(stderr, "losses of both: %s\n", plot);
  return EXIT_DONE;
}

static int compare_runs(rapt_context *ctx, const char *const *names, bool json, const char *plot) {
  rapt_run_list *a = NULL, *b = NULL;
  int code = rapt_runs_find(ctx, names[0], &a) == RAPT_OK && rapt_runs_find(ctx, names[1], &b) == RAPT_OK
                 ? compare_found(ctx, a->runs, b->runs, json, plot)
                 : cli_failed(ctx);
  rapt_run_list_free(ctx, a);
  rapt_run_list_free(ctx, b);
  return code;
}

static int prune(rapt_context *ctx) {
  size_t count;
  if (rapt_runs_prune(ctx, &count) != RAPT_OK) return cli_failed(ctx);
  printf("forgot %zu run%s whose directory is gone\n", count, count == 1 ? "" : "s");
  return EXIT_DONE;
}

/* ---- The command ---- */

typedef struct wish {
  const char *names[2], *recipe, *plot;
  int count;
  double limit;
  bool json, prune;
} wish;

/* 0, or the exit code of a usage error. */
static int read_arguments(int argc, char **argv, wish *w) {
  const char *value = NULL;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--json") == 0) {
      w->json = true;
    } else if (strcmp(argv[i], "--prune") == 0) {
      w->prune = true;
    } else if (cli_option("--recipe", argc, argv, &i, &value)) {
      if (!(w->recipe = value)) return cli_usage(&cli_runs, "--recipe needs the name of a recipe");
    } else if (cli_option("--plot", argc, argv, &i, &value)) {
      if (!(w->plot = value)) return cli_usage(&cli_runs, "--plot needs the name of a file");
    } else if (cli_option("--limit", argc, argv, &i, &value)) {
      if (!value || !cli_number(value, &w->limit) || w->limit < 1 || w->limit > 1e9 || w->limit != floor(w->limit))
        return cli_usage(&cli_runs, "--limit needs a whole number from 1 on");
    } else if (argv[i][0] == '-') {
      return cli_usage(&cli_runs, "unknown option \"%s\"", argv[i]);
    } else if (w->count == 2) {
      return cli_usage(&cli_runs, "two runs are compared, not \"%s\" too", argv[i]);
    } else {
      w->names[w->count++] = argv[i];
    }
  }
  if (w->count == 1) return cli_usage(&cli_runs, "two runs are compared; with which other one?");
  if (w->plot && w->count == 0) return cli_usage(&cli_runs, "--plot draws two runs; name them");
  if (w->count && (w->recipe || w->limit > 0))
    return cli_usage(&cli_runs, "--recipe and --limit choose from the list, not from two runs");
  if (w->prune && (w->count || w->recipe || w->limit > 0 || w->json))
    return cli_usage(&cli_runs, "--prune stands alone");
  return 0;
}

static int runs(int argc, char **argv) {
  wish w = {0};
  int code = read_arguments(argc, argv, &w);
  if (code) return code;
  rapt_context *ctx = cli_context(1);
  if (!ctx) return EXIT_FAILED;
  code = w.prune   ? prune(ctx)
         : w.count ? compare_runs(ctx, w.names, w.json, w.plot)
                   : list_runs(ctx, w.recipe, (size_t)w.limit, w.json);
  rapt_context_free(ctx);
  return code;
}

const command cli_runs = {
    "runs", "[--recipe ID] [--limit N] [--json] | A B [--json] [--plot FILE.svg] | --prune",
    "lists trained runs, compares two of them", runs,
    "\n  --recipe ID     only runs of this recipe\n"
    "  --limit N       only the newest N\n"
    "  --json          JSON with everything that is known of each run\n"
    "  --plot FILE     draw the losses of both runs into one SVG file\n"
    "  --prune         forget the runs whose directory is gone\n"
    "\nA and B are ids, the beginnings of ids, or run directories. A run is running, done, stopped (`rapt train "
    "--resume "
    "DIR` goes on), failed,\n"
    "or lost: its process was killed. The index is runs.db in $RAPT_HOME, else in $XDG_DATA_HOME/rapt, else in "
    "~/.local/share/rapt.\n"};
