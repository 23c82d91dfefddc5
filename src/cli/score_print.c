/* What `rapt score` prints: one score as sacrebleu's JSON, several systems as a table or JSON. */
#include "cli/score.h"

#include <math.h>
#include <string.h>

enum { CELL = 96 };

rapt_score_style score_style(const score_job *j) {
  bool tested = j->confidence || j->bootstrap || j->randomize;
  return (rapt_score_style){.digits = (int)j->digits,
                            .references = (int)j->references,
                            .signature = true,
                            .randomized = j->randomize,
                            .samples = tested ? (int64_t)j->samples : 0,
                            .seed = (uint64_t)j->seed};
}

/* A rounded number as Python writes it: no zeros behind the last digit but one. */
static void print_number(double value, int digits) {
  char text[400];
  int n = snprintf(text, sizeof text, "%.*f", digits, value);
  if (!strchr(text, '.')) {
    printf("%s.0", text);
    return;
  }
  while (n > 2 && text[n - 1] == '0' && text[n - 2] != '.') n--;
  printf("%.*s", n, text);
}

void score_print_object(const rapt_metric *m, const rapt_score *s, const rapt_score_style *style) {
  char text[SCORE_TEXT];
  rapt_metric_name(m, text, sizeof text);
  printf("{\n \"name\": \"%s\",\n \"score\": ", text);
  print_number(s->score, style->digits);
  rapt_metric_signature(m, style, text, sizeof text);
  printf(",\n \"signature\": \"%s\"", text);
  if (s->mean > 0) {
    printf(",\n \"confidence_mean\": ");
    print_number(s->mean, style->digits);
    printf(",\n \"confidence_var\": ");
    print_number(s->interval, style->digits);
    printf(",\n \"confidence\": \"\xCE\xBC = %.*f \xC2\xB1 %.*f\"", style->digits, s->mean, style->digits, s->interval);
  }
  char details[SCORE_TEXT];
  if (rapt_score_details(m, s, details, sizeof details) > 0) printf(",\n \"verbose_score\": \"%s\"", details);
  for (char *rest = text, *part; (part = strsep(&rest, "|")) != NULL;) {
    char *value = strchr(part, ':');
    if (!value) continue;
    *value++ = 0;
    printf(",\n \"%s\": \"%s\"", part, value);
  }
  printf("\n}");
}

static void format_cell(const score_job *j, const rapt_compared *c, char *out, size_t size) {
  int digits = (int)j->digits, n = snprintf(out, size, "%.*f", digits, c->score);
  if (j->bootstrap)
    n += snprintf(out + n, size - (size_t)n, " (%.*f \xC2\xB1 %.*f)", digits, c->mean, digits, c->interval);
  if ((j->bootstrap || j->randomize) && !isnan(c->p))
    snprintf(out + n, size - (size_t)n, " (p = %.4f)%s", c->p, c->p > 0.05 ? "" : "*");
}

/* Characters, not bytes: columns are padded by hand. */
static void print_padded(const char *text, size_t width) {
  size_t shown = 0;
  for (const char *c = text; *c; c++) shown += ((unsigned char)*c & 0xC0) != 0x80;
  printf("%s%*s", text, shown < width ? (int)(width - shown) : 0, "");
}

void score_print_table(const score_job *j, const score_result *results, int count, const score_input *systems) {
  size_t first = strlen("system");
  for (int s = 0; s < j->systems; s++)
    if (strlen(systems[s].name) > first) first = strlen(systems[s].name);
  size_t column = j->bootstrap ? 4 * (size_t)j->digits + 38 : j->randomize ? (size_t)j->digits + 20 : 10;
  char text[SCORE_TEXT], cell[CELL];
  print_padded("system", first);
  for (int k = 0; k < count; k++) {
    rapt_metric_name(results[k].m, cell, sizeof cell);
    printf("  ");
    print_padded(cell, k + 1 < count ? column : 0);
  }
  for (int s = 0; s < j->systems; s++) {
    putchar('\n');
    print_padded(systems[s].name, first);
    for (int k = 0; k < count; k++) {
      format_cell(j, &results[k].compared[s], cell, sizeof cell);
      printf("  ");
      print_padded(cell, k + 1 < count ? column : 0);
    }
  }
  printf("\n\n");
  const rapt_score_style style = score_style(j);
  for (int k = 0; k < count; k++) {
    rapt_metric_name(results[k].m, cell, sizeof cell);
    rapt_metric_signature(results[k].m, &style, text, sizeof text);
    printf("%s|%s\n", cell, text);
  }
  if (j->bootstrap) puts("In brackets: mean and 95 % interval of the resampled corpora.");
  if (j->bootstrap || j->randomize)
    printf("p: of the difference to %s by %s; * where it is 0.05 at most.\n", systems[0].name,
           j->bootstrap ? "paired bootstrap resampling" : "paired approximate randomization");
}

void score_print_json(const score_job *j, const score_result *results, int count, const score_input *systems) {
  const rapt_score_style style = score_style(j);
  for (int s = 0; s < j->systems; s++) {
    printf("%s{\"system\": ", s ? ",\n " : "[");
    cli_json_text(systems[s].name);
    for (int k = 0; k < count; k++) {
      const rapt_compared *c = &results[k].compared[s];
      char text[SCORE_TEXT];
      rapt_metric_name(results[k].m, text, sizeof text);
      printf(",\n  \"%s\": {\"score\": %.12g", text, c->score);
      if (j->bootstrap) printf(", \"mean\": %.12g, \"ci\": %.12g", c->mean, c->interval);
      if (isnan(c->p))
        printf(", \"p_value\": null");
      else
        printf(", \"p_value\": %.12g", c->p);
      rapt_metric_signature(results[k].m, &style, text, sizeof text);
      printf(", \"signature\": \"%s\"}", text);
    }
    putchar('}');
  }
  puts("]");
}
