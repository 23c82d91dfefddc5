/* What sub-commands share: messages, options, the interrupt. */
#include "cli/cli.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int cli_usage(const command *c, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  fputs("rapt: ", stderr);
  vfprintf(stderr, fmt, args);
  fprintf(stderr, "\nusage: rapt %s %s (`rapt %s --help` says more)\n", c->name, c->arguments, c->name);
  va_end(args);
  return EXIT_USAGE;
}

int cli_failed(rapt_context *ctx) {
  rapt_status status = rapt_context_status(ctx);
  fprintf(stderr, "rapt: %s\n", *rapt_context_message(ctx) ? rapt_context_message(ctx) : rapt_status_text(status));
  return status == RAPT_EKEY ? EXIT_USAGE : EXIT_FAILED;
}

static void to_stderr(void *user, rapt_log_level level, const char *message) {
  (void)user;
  if (level >= RAPT_LOG_WARN) fprintf(stderr, "rapt: %s\n", message);
}

static rapt_context *interrupted;

/* The first Ctrl-C asks for an orderly stop; a second one kills as usual. */
static void on_signal(int number) {
  rapt_context_interrupt(interrupted);
  signal(number, SIG_DFL);
}

rapt_context *cli_context(int threads) {
  rapt_context *ctx;
  rapt_options options = {.log = to_stderr, .threads = threads};
  if (rapt_context_new(&ctx, &options) != RAPT_OK) {
    fprintf(stderr, "rapt: out of memory\n");
    return NULL;
  }
  interrupted = ctx;
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  return ctx;
}

bool cli_is_help(const char *argument) { return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0; }

bool cli_option(const char *name, int argc, char **argv, int *i, const char **value) {
  size_t n = strlen(name);
  if (strncmp(argv[*i], name, n) != 0 || (argv[*i][n] != 0 && argv[*i][n] != '=')) return false;
  *value = argv[*i][n] == '=' ? argv[*i] + n + 1 : *i + 1 < argc ? argv[++*i] : NULL;
  return true;
}

bool cli_number(const char *text, double *out) {
  char *end;
  errno = 0;
  *out = strtod(text, &end);
  return end != text && *end == 0 && errno == 0 && isfinite(*out);
}

/* Edit distance over at most 40 letters; enough for names of commands. */
static size_t distance(const char *a, const char *b) {
  size_t row[41], n = strlen(b);
  if (n > 40) return 99;
  for (size_t j = 0; j <= n; j++) row[j] = j;
  for (size_t i = 1; a[i - 1]; i++) {
    size_t corner = row[0];
    row[0] = i;
    for (size_t j = 1; j <= n; j++) {
      size_t best = corner + (a[i - 1] != b[j - 1]);
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      corner = row[j];
      row[j] = best;
    }
  }
  return row[n];
}

const char *cli_nearest(const char *name, const char *const *names) {
  const char *best = NULL;
  size_t least = strlen(name) / 3 + 2;
  for (int i = 0; names[i]; i++) {
    size_t d = distance(name, names[i]);
    if (d < least) {
      least = d;
      best = names[i];
    }
  }
  return best;
}

char *cli_read(const char *path, size_t *size) {
  bool standard = strcmp(path, "-") == 0;
  FILE *f = standard ? stdin : fopen(path, "rb");
  char *data = NULL;
  size_t room = 0;
  *size = 0;
  while (f) {
    if (*size + 65536 > room) {
      char *more = realloc(data, room = room * 2 + 131072);
      if (!more) break;
      data = more;
    }
    size_t n = fread(data + *size, 1, 65536, f);
    *size += n;
    if (n == 0) break;
  }
  if (!f || ferror(f)) {
    fprintf(stderr, "rapt: cannot read %s: %s\n", path, strerror(errno));
    free(data);
    data = NULL;
  }
  if (f && !standard) fclose(f);
  return data;
}

void cli_json_text(const char *text) {
  putchar('"');
  for (; *text; text++) {
    if (*text == '"' || *text == '\\')
      printf("\\%c", *text);
    else if ((unsigned char)*text < 32)
      printf("\\u%04x", *text);
    else
      putchar(*text);
  }
  putchar('"');
}
