/* Results as plain lines, as Moses lists, as JSON lines. */
#include "cli/translate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Text ---- */

/* A hypothesis is one line, whatever its tokens are. */
static void put_line(FILE *to, const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) fputc(text[i] == '\n' || text[i] == '\r' ? ' ' : text[i], to);
}

/* The source word that a target token is aligned to; the end of the source is no word. */
static int64_t aligned_to(const rapt_translation *t, const rapt_hypothesis *h, int64_t token) {
  const float *row = h->alignment + token * t->source_count;
  int64_t best = 0;
  for (int64_t i = 1; i < t->source_count - 1; i++)
    if (row[i] > row[best]) best = i;
  return best;
}

static void put_alignment(const result_writer *w, const rapt_translation *t, const rapt_hypothesis *h) {
  int64_t words = h->ended ? h->count - 1 : h->count;
  fputs(" |||", w->to);
  for (int64_t i = 0; h->alignment && i < words; i++) {
    int64_t source = aligned_to(t, h, i);
    if (w->alignments == ALIGN_MOSES)
      fprintf(w->to, " %lld-%lld", (long long)source, (long long)i);
    else
      fprintf(w->to, " %lld", (long long)source);
  }
}

static void put_matrix(const result_writer *w, const rapt_translation *t, const rapt_hypothesis *h) {
  for (int64_t i = 0; h->alignment && i < h->count; i++)
    for (int64_t s = 0; s < t->source_count; s++)
      fprintf(w->to, "%.6f%c", (double)h->alignment[i * t->source_count + s], s + 1 < t->source_count ? ' ' : '\n');
  fputc('\n', w->to);
}

static void put_text(const result_writer *w, const rapt_translation *t, const rapt_hypothesis *h) {
  if (w->moses_list) fprintf(w->to, "%lld ||| ", (long long)t->line - 1);
  if (!w->scores) put_line(w->to, h->text, h->size);
  if (w->moses_list) fputs(" ||| ", w->to);
  if (w->moses_list || w->scores) fprintf(w->to, "%.6f", h->score);
  if (w->alignments == ALIGN_MOSES || w->alignments == ALIGN_HARD) put_alignment(w, t, h);
  fputc('\n', w->to);
  if (w->alignments == ALIGN_MATRIX) put_matrix(w, t, h);
}

/* ---- JSON ---- */

/* Bytes of a character from `s` on, or 0 where they are not UTF-8. */
static size_t character(const char *s, size_t size) {
  unsigned char c = (unsigned char)*s, next = size > 1 ? (unsigned char)s[1] : 0;
  size_t n = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
  if (n == 0 || n > size) return 0;
  for (size_t i = 1; i < n; i++)
    if (((unsigned char)s[i] & 0xC0) != 0x80) return 0;
  bool odd = (c == 0xE0 && next < 0xA0) || (c == 0xED && next > 0x9F) || (c == 0xF0 && next < 0x90) ||
             (c == 0xF4 && next > 0x8F);
  return odd ? 0 : n;
}

static void put_string(FILE *to, const char *text, size_t size) {
  fputc('"', to);
  for (size_t i = 0, n; i < size; i += n ? n : 1) {
    n = character(text + i, size - i);
    unsigned char c = (unsigned char)text[i];
    if (n == 0)
      fputs("\xEF\xBF\xBD", to); /* a byte that is no character */
    else if (c == '"' || c == '\\')
      fprintf(to, "\\%c", c);
    else if (c < 0x20)
      fprintf(to, "\\u%04x", c);
    else
      fwrite(text + i, 1, n, to);
  }
  fputc('"', to);
}

static void put_number(FILE *to, double x) {
  if (isfinite(x))
    fprintf(to, "%.9g", x);
  else
    fputs("null", to);
}

static void put_hypothesis(const result_writer *w, const rapt_translation *t, const rapt_hypothesis *h) {
  fputs("{\"text\": ", w->to);
  put_string(w->to, h->text, h->size);
  fputs(", \"score\": ", w->to);
  put_number(w->to, h->score);
  fputs(", \"log_probability\": ", w->to);
  put_number(w->to, h->log_probability);
  fprintf(w->to, ", \"ended\": %s, \"tokens\": [", h->ended ? "true" : "false");
  for (int64_t i = 0; i < h->count; i++) {
    size_t size;
    const char *bytes = rapt_tokenizer_token(w->target, h->tokens[i], &size);
    if (i) fputs(", ", w->to);
    put_string(w->to, bytes ? bytes : "", bytes ? size : 0);
  }
  fputs("], \"log_probabilities\": [", w->to);
  for (int64_t i = 0; i < h->count; i++) {
    if (i) fputs(", ", w->to);
    put_number(w->to, (double)h->log_probabilities[i]);
  }
  fputc(']', w->to);
  if (h->alignment) {
    fputs(", \"alignment\": [", w->to);
    for (int64_t i = 0; i < h->count; i++) {
      fputs(i ? ", [" : "[", w->to);
      for (int64_t s = 0; s < t->source_count; s++)
        fprintf(w->to, "%s%.6g", s ? ", " : "", (double)h->alignment[i * t->source_count + s]);
      fputc(']', w->to);
    }
    fputc(']', w->to);
  }
  fputc('}', w->to);
}

static void put_json(const result_writer *w, const rapt_translation *t) {
  fprintf(w->to, "{\"line\": %lld, ", (long long)t->line);
  if (t->status != RAPT_OK) {
    fputs("\"error\": ", w->to);
    put_string(w->to, t->message, strlen(t->message));
  } else {
    fputs("\"translations\": [", w->to);
    for (int64_t i = 0; i < t->count; i++) {
      if (i) fputs(", ", w->to);
      put_hypothesis(w, t, &t->hypotheses[i]);
    }
    fputc(']', w->to);
  }
  fputs("}\n", w->to);
}

bool write_result(void *user, const rapt_translation *t) {
  result_writer *w = user;
  if (t->status != RAPT_OK) {
    fprintf(stderr, "rapt: %s%s%s: %s\n", w->source, w->targets ? " and " : "", w->targets ? w->targets : "",
            t->message);
    w->faults++;
  }
  if (w->json)
    put_json(w, t);
  else if (t->count == 0)
    fputs(w->moses_list ? "" : "\n", w->to); /* as many lines as the source has */
  for (int64_t i = 0; !w->json && i < t->count; i++) put_text(w, t, &t->hypotheses[i]);
  return !ferror(w->to);
}

/* ---- The file ---- */

bool output_open(output_file *o, const char *path) {
  struct stat there;
  *o = (output_file){.file = stdout, .path = path};
  if (!path) return true;
  if (stat(path, &there) == 0 && !S_ISREG(there.st_mode)) { /* a device or a pipe is written to, not replaced */
    o->file = fopen(path, "w");
    if (!o->file) fprintf(stderr, "rapt: cannot write %s: %s\n", path, strerror(errno));
    return o->file != NULL;
  }
  size_t size = strlen(path) + 40;
  o->temporary = malloc(size);
  if (o->temporary) snprintf(o->temporary, size, "%s.tmp.%lld", path, (long long)getpid());
  o->file = o->temporary ? fopen(o->temporary, "wx") : NULL;
  if (!o->file) fprintf(stderr, "rapt: cannot write %s: %s\n", path, strerror(errno));
  if (!o->file) free(o->temporary);
  return o->file != NULL;
}

bool output_close(output_file *o, bool keep) {
  if (!o->path) return true; /* main looks at standard output */
  bool whole = fflush(o->file) == 0 && !ferror(o->file) && (!o->temporary || fsync(fileno(o->file)) == 0);
  whole = fclose(o->file) == 0 && whole;
  if (keep && whole && o->temporary) whole = rename(o->temporary, o->path) == 0;
  if (keep && !whole) fprintf(stderr, "rapt: cannot write %s: %s\n", o->path, strerror(errno));
  if (o->temporary && (!keep || !whole)) remove(o->temporary);
  free(o->temporary);
  return whole;
}
