/* The command's sub-commands: one file and one table line each. */
#ifndef RAPT_SRC_CLI_H
#define RAPT_SRC_CLI_H

#include <rapt/rapt.h>
#include <stdbool.h>
#include <stdio.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

typedef struct command {
  const char *name, *arguments, *summary;
  int (*run)(int argc, char **argv); /* argv[0] is the sub-command */
  const char *help;                  /* what `rapt NAME --help` prints below the usage line */
} command;

extern const command cli_recipes, cli_show, cli_train, cli_eval, cli_generate, cli_translate, cli_runs, cli_doctor,
    cli_bench, cli_data, cli_explain, cli_align, cli_score, cli_sweep, cli_rescore, cli_inspect, cli_convert, cli_embed;

/* "rapt: MESSAGE" and a pointer to the help; returns EXIT_USAGE. */
int cli_usage(const command *c, const char *fmt, ...) RAPT_PRINTF(2, 3);
/* The context's sentence on stderr; returns the exit code of its status. */
int cli_failed(rapt_context *ctx);
/* A context whose warnings go to stderr and which Ctrl-C interrupts; NULL after a message. threads 0: automatic. */
rapt_context *cli_context(int threads);
/* A text as a JSON string on standard output. */
void cli_json_text(const char *text);
bool cli_is_help(const char *argument);
/* For "--name VALUE" and "--name=VALUE": true where argv[*i] is the option; *value NULL when the value is missing. */
bool cli_option(const char *name, int argc, char **argv, int *i, const char **value);
bool cli_number(const char *text, double *out);
const char *cli_nearest(const char *name, const char *const *names);
/* What `rapt sweep` and `rapt recipes --verify` share. */
typedef struct sweep_wish {
  int jobs; /* 0: automatic */
  bool dry_run, json;
  const char *csv; /* or NULL */
} sweep_wish;
/* Shows the plan, or does what is left to do and shows the results; `again` is the command that goes on with it. EXIT_FAILED
 * where a run failed. */
int cli_do_sweep(rapt_context *ctx, rapt_sweep *sweep, const sweep_wish *wish, const char *again);
/* A file or "-" (standard input) as allocated text. */
char *cli_read(const char *path, size_t *size);

#endif
