/* rapt data: list, path, get, check. */
#include "cli/cli.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

static void json_field(const char *name, const char *text) {
  printf(", \"%s\": ", name);
  if (text)
    cli_json_text(text);
  else
    printf("null");
}

static void print_json(const rapt_data_info *d, const char *path, int missing, bool first) {
  printf("%s{\"name\": ", first ? "[" : ",\n ");
  cli_json_text(d->name);
  json_field("about", d->about);
  json_field("licence", d->licence);
  json_field("address", d->address);
  json_field("by_hand", d->by_hand);
  printf(", \"bytes\": %llu, \"files\": %d, \"missing\": %d", (unsigned long long)d->bytes, d->files, missing);
  json_field("path", path);
  printf("}");
}

static void print_line(const rapt_data_info *d, const char *path, int missing) {
  char state[32];
  if (!path)
    snprintf(state, sizeof state, "%s", *d->address ? "not here" : "by hand");
  else if (missing)
    snprintf(state, sizeof state, "%d of %d files", d->files - missing, d->files);
  else
    snprintf(state, sizeof state, "here");
  printf("%-21s %6.1f  %-15s %s\n", d->name, (double)d->bytes / 1e6, state, d->licence);
  if (path) printf("%-46s%s\n", "", path);
}

static int list(rapt_context *ctx, bool json) {
  if (!json) printf("%-21s %6s  %-15s %s\n", "data set", "MB", "where", "licence, as far as the source states one");
  for (int i = 0; i < rapt_data_count(); i++) {
    rapt_data_info d;
    char path[PATH_MAX];
    int missing = 0;
    if (rapt_data_get_info(ctx, i, &d) != RAPT_OK) return cli_failed(ctx);
    rapt_status status = rapt_data_find(ctx, d.name, path, sizeof path, &missing);
    if (status != RAPT_OK && status != RAPT_ENOTFOUND) return cli_failed(ctx);
    rapt_context_clear(ctx);
    bool here = status == RAPT_OK;
    if (json)
      print_json(&d, here ? path : NULL, here ? missing : d.files, i == 0);
    else
      print_line(&d, here ? path : NULL, missing);
  }
  if (json) printf("]\n");
  return EXIT_DONE;
}

static int where(rapt_context *ctx, const char *name) {
  char path[PATH_MAX];
  int missing;
  if (rapt_data_find(ctx, name, path, sizeof path, &missing) != RAPT_OK) return cli_failed(ctx);
  if (missing) {
    fprintf(stderr, "rapt: %s: %d %s missing; `rapt data get %s` fetches what has an address\n", path, missing,
            missing == 1 ? "file is" : "files are", name);
    return EXIT_FAILED;
  }
  puts(path);
  return EXIT_DONE;
}

typedef struct checked {
  const char *name;
  int right;
} checked;

static void heard(void *user, const char *file, rapt_data_state state, const char *detail) {
  checked *c = user;
  if (state == RAPT_DATA_RIGHT)
    c->right++;
  else if (state == RAPT_DATA_MISSING)
    printf("missing  %s/%s\n", c->name, file);
  else
    printf("wrong    %s/%s: %s\n", c->name, file, detail);
}

static int verify(rapt_context *ctx, const char *name) {
  checked c = {name, 0};
  rapt_status status = rapt_data_check(ctx, name, heard, &c);
  if (status != RAPT_OK) return cli_failed(ctx);
  printf("right    %s: %d files\n", name, c.right);
  return EXIT_DONE;
}

/* One line that is rewritten, every quarter of a mebibyte. */
typedef struct line {
  bool terminal;
  int file;
  unsigned long long shown;
  size_t width;
} line;

static void wipe(line *l) {
  if (l->width) fprintf(stderr, "\r%*s\r", (int)l->width, "");
  l->width = 0;
}

static void progress(void *user, const rapt_data_progress *p) {
  line *l = user;
  if (!l->terminal || (p->index == l->file && p->done - l->shown < 1 << 18 && p->done != p->total)) return;
  char text[256];
  int n = snprintf(text, sizeof text, "%s (%d of %d)  %.1f", p->file, p->index + 1, p->count, (double)p->done / 1e6);
  if (p->total)
    snprintf(text + n, sizeof text - (size_t)n, " of %.1f MB, %.0f %%", (double)p->total / 1e6,
             100.0 * (double)p->done / (double)p->total);
  else
    snprintf(text + n, sizeof text - (size_t)n, " MB");
  wipe(l);
  fputs(text, stderr);
  fflush(stderr);
  *l = (line){true, p->index, p->done, strlen(text)};
}

static int get(rapt_context *ctx, const char *name, bool force) {
  int index;
  rapt_data_info d;
  char path[PATH_MAX];
  if (rapt_data_index(ctx, name, &index) != RAPT_OK || rapt_data_get_info(ctx, index, &d) != RAPT_OK)
    return cli_failed(ctx);
  fprintf(stderr, "%s: %s\n  licence: %s\n", d.name, d.about, d.licence);
  if (*d.address) fprintf(stderr, "  from %s\n", d.address);
  line l = {.terminal = isatty(STDERR_FILENO), .file = -1};
  rapt_status status = rapt_data_fetch(ctx, name, force, progress, &l, path, sizeof path);
  wipe(&l);
  if (status != RAPT_OK) return cli_failed(ctx);
  puts(path);
  return EXIT_DONE;
}

static int data(int argc, char **argv) {
  static const char *const verbs[] = {"list", "path", "get", "check", NULL};
  bool json = false, force = false;
  const char *verb = argc > 1 ? argv[1] : NULL;
  if (!verb) return cli_usage(&cli_data, "list, path, get or check?");
  int at = 0, names = 0;
  while (verbs[at] && strcmp(verbs[at], verb) != 0) at++;
  if (!verbs[at]) {
    const char *near = cli_nearest(verb, verbs);
    return cli_usage(&cli_data, "there is no `rapt data %s`%s%s%s", verb, near ? "; did you mean \"" : "",
                     near ? near : "", near ? "\"" : "");
  }
  for (int i = 2; i < argc; i++) {
    if (at == 0 && strcmp(argv[i], "--json") == 0)
      json = true;
    else if (at == 2 && strcmp(argv[i], "--force") == 0)
      force = true;
    else if (argv[i][0] == '-')
      return cli_usage(&cli_data, "unknown option \"%s\"", argv[i]);
    else if (at == 0 || (at == 1 && names > 0))
      return cli_usage(&cli_data, "unexpected argument \"%s\"", argv[i]);
    else
      argv[2 + names++] = argv[i];
  }
  if (at > 0 && names == 0) return cli_usage(&cli_data, "which data set? `rapt data list` names them");
  rapt_context *ctx = cli_context(1);
  if (!ctx) return EXIT_FAILED;
  int code = at == 0 ? list(ctx, json) : EXIT_DONE;
  for (int i = 2; i < 2 + names; i++) {
    bool stopped = rapt_context_status(ctx) == RAPT_EINTERRUPTED;
    if (stopped) break;
    rapt_context_clear(ctx);
    int one = at == 1 ? where(ctx, argv[i]) : at == 2 ? get(ctx, argv[i], force) : verify(ctx, argv[i]);
    if (one > code) code = one;
  }
  rapt_context_free(ctx);
  return code;
}

const command cli_data = {
    "data", "list [--json] | path NAME | get NAME... [--force] | check NAME...", "data sets by name, and fetching them",
    data,
    "\n  list     every data set: size, whether it is here, licence; --json: one JSON list\n"
    "  path     prints the folder of a data set; exit code 1 when it is missing or incomplete\n"
    "  get      fetches what is missing from the publisher, checks its SHA-256 and prints the folder;\n"
    "           --force fetches all of it again\n"
    "  check    compares size and SHA-256 of the files that are there\n\n"
    "A data set is looked for in RAPT_DATA/NAME, then in the cache: RAPT_HOME/data, else XDG_CACHE_HOME/rapt, else\n"
    "~/.cache/rapt. `get` writes to the cache. Licences are named as far as the source states one; heed them.\n"};
