/* What a SWORD module says of itself: lines KEY=VALUE. What it leaves out has the project's defaults. */
#include "data/sword.h"

#include "data/sets.h"

#include <string.h>
#include <strings.h>

enum { PATH, DRIVER, COMPRESSION, BLOCK, VERSIFICATION, ENCODING, MARKUP, CIPHER, KEYS };
static const char *const keys[KEYS] = {"DataPath",      "ModDrv",   "CompressType", "BlockType",
                                       "Versification", "Encoding", "SourceType",   "CipherKey"};
static const char *const defaults[KEYS] = {"", "", "LZSS", "CHAPTER", "KJV", "Latin-1", "Plaintext", NULL};

typedef struct value {
  const char *at; /* NULL: not there */
  int size;
} value;

static bool is(value v, const char *word) {
  return (size_t)v.size == strlen(word) && strncasecmp(v.at, word, (size_t)v.size) == 0;
}

static void read_line(const char *line, const char *end, value *values) {
  while (end > line && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r')) end--;
  for (int k = 0; k < KEYS; k++) {
    size_t n = strlen(keys[k]);
    if ((size_t)(end - line) <= n || line[n] != '=' || strncmp(line, keys[k], n) != 0 || values[k].at) continue;
    const char *begin = line + n + 1;
    while (begin < end && (*begin == ' ' || *begin == '\t')) begin++;
    values[k] = (value){begin, (int)(end - begin)};
  }
}

static rapt_status only(rapt_context *ctx, const char *name, const value *values, int key, const char *word) {
  if (is(values[key], word)) return RAPT_OK;
  return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s: %s=%.*s, and only %s is read", name, keys[key], values[key].size,
                    values[key].at, word);
}

/* "./modules/texts/…/", without what is around it; never out of the folder. */
static rapt_status read_path(rapt_context *ctx, const char *name, value v, char **out) {
  if (v.size >= 2 && v.at[0] == '.' && v.at[1] == '/') v = (value){v.at + 2, v.size - 2};
  while (v.size > 0 && v.at[v.size - 1] == '/') v.size--;
  *out = rapt__format(ctx, "%.*s", v.size, v.at);
  if (!*out) return RAPT_ENOMEM;
  if (rapt__data_safe_name(*out, true)) return RAPT_OK;
  rapt_status status = rapt__fail(ctx, RAPT_EFORMAT, "%s: DataPath=%s is no folder below the module's", name, *out);
  rapt__free(ctx, *out);
  *out = NULL;
  return status;
}

static rapt_status judge(rapt_context *ctx, const char *name, const value *values, rapt__sword_conf *out) {
  static const char *const blocks[] = {"BOOK", "CHAPTER", "VERSE"}, *const markups[] = {"Plaintext", "OSIS", "ThML",
                                                                                        "GBF"};
  RAPT_TRY(only(ctx, name, values, DRIVER, "zText"));
  RAPT_TRY(only(ctx, name, values, COMPRESSION, "ZIP"));
  RAPT_TRY(only(ctx, name, values, VERSIFICATION, "KJV"));
  RAPT_TRY(only(ctx, name, values, ENCODING, "UTF-8"));
  if (values[CIPHER].at) return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s: CipherKey: the module is encrypted", name);
  for (int i = 0; i < 3; i++)
    if (is(values[BLOCK], blocks[i])) out->block = "bcv"[i];
  if (!out->block)
    return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s: BlockType=%.*s is none of BOOK, CHAPTER and VERSE", name,
                      values[BLOCK].size, values[BLOCK].at);
  int markup = 0;
  while (markup < 4 && !is(values[MARKUP], markups[markup])) markup++;
  if (markup == 4)
    return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s: SourceType=%.*s is none of Plaintext, OSIS, ThML and GBF", name,
                      values[MARKUP].size, values[MARKUP].at);
  out->markup = (rapt__markup)markup;
  return read_path(ctx, name, values[PATH], &out->path);
}

rapt_status rapt__sword_conf_parse(rapt_context *ctx, const char *name, const char *text, size_t size,
                                   rapt__sword_conf *out) {
  value values[KEYS] = {0};
  *out = (rapt__sword_conf){0};
  if (size > INT32_MAX) return rapt__fail(ctx, RAPT_EFORMAT, "%s: %zu bytes are too many", name, size);
  for (size_t at = 0; at < size;) {
    const char *line = text + at, *end = memchr(line, '\n', size - at);
    if (!end) end = text + size;
    at = (size_t)(end - text) + 1;
    read_line(line, end, values);
  }
  for (int k = 0; k < KEYS; k++)
    if (!values[k].at && defaults[k]) values[k] = (value){defaults[k], (int)strlen(defaults[k])};
  return judge(ctx, name, values, out);
}
