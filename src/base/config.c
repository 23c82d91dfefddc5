/* Settings from tables: defaults, assignment with checks, printing. */
#include "base/config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const rapt__key *rapt__config_find(const rapt__config *configs, size_t count, const char *name, void **field) {
  for (size_t i = 0; i < count; i++) {
    for (const rapt__key *key = configs[i].keys; key->name; key++) {
      if (strcmp(key->name, name) != 0) continue;
      if (field) *field = (char *)configs[i].values + key->offset;
      return key;
    }
  }
  return NULL;
}

static const char *last_part(const char *name) {
  const char *dot = strrchr(name, '.');
  return dot ? dot + 1 : name;
}

/* Is it one of the names in config.json, or the last part of one? */
static bool has_hf_name(const rapt__key *key, const char *name) {
  size_t n = strlen(name);
  if (n == 0) return false;
  for (const char *at = key->hf; at && (at = strstr(at, name)) != NULL; at++) {
    bool begins = at == key->hf || at[-1] == '|' || at[-1] == '.' || at[-1] == '?';
    if (begins && (at[n] == 0 || at[n] == '|')) return true;
  }
  return false;
}

/* The known key that was meant: by its Hugging Face name, by the whole name, or by the part after the last dot ("layers"
 * for "model.layers"). */
static const char *guess(const char *name, const rapt__key *const *keys, const char **names, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (has_hf_name(keys[i], name)) return keys[i]->name;
    names[i] = keys[i]->name;
  }
  const char *near = rapt__nearest(name, names, count);
  if (near) return near;
  for (size_t i = 0; i < count; i++) names[i] = last_part(keys[i]->name);
  near = rapt__nearest(last_part(name), names, count);
  for (size_t i = 0; near && i < count; i++)
    if (names[i] == near) return keys[i]->name;
  return NULL;
}

static rapt_status fail_unknown(rapt_context *ctx, rapt__arena *arena, const rapt__config *configs, size_t count,
                                const char *name, const char *where) {
  size_t total = 0;
  for (size_t i = 0; i < count; i++)
    for (const rapt__key *key = configs[i].keys; key->name; key++) total++;
  const rapt__key **keys = rapt__arena_new(arena, total, sizeof *keys);
  const char **names = rapt__arena_new(arena, total, sizeof *names);
  if (!keys || !names) return RAPT_ENOMEM;
  total = 0;
  for (size_t i = 0; i < count; i++)
    for (const rapt__key *key = configs[i].keys; key->name; key++) keys[total++] = key;
  const char *near = guess(name, keys, names, total);
  if (near) return rapt__fail(ctx, RAPT_EKEY, "%s: unknown key \"%s\"; did you mean \"%s\"?", where, name, near);
  return rapt__fail(ctx, RAPT_EKEY, "%s: unknown key \"%s\"", where, name);
}

/* One assignment in progress: everything its error sentences need. */
typedef struct setting {
  rapt_context *ctx;
  rapt__arena *arena;
  const rapt__key *key;
  const char *value, *where;
  void *field;
} setting;

static rapt_status fail_value(const setting *s, const char *wanted) {
  return rapt__fail(s->ctx, RAPT_EKEY, "%s: %s=%s: %s is needed", s->where, s->key->name, s->value, wanted);
}

static rapt_status fail_range(const setting *s) {
  const rapt__key *key = s->key;
  char range[80];
  if (isinf(key->max))
    snprintf(range, sizeof range, "be at least %.15g", key->min);
  else if (isinf(key->min))
    snprintf(range, sizeof range, "be at most %.15g", key->max);
  else
    snprintf(range, sizeof range, "lie between %.15g and %.15g", key->min, key->max);
  return rapt__fail(s->ctx, RAPT_EKEY, "%s: %s=%s is out of range: it must %s", s->where, key->name, s->value, range);
}

static bool limited(const rapt__key *key) { return key->min != key->max; }

/* Is the number below the limit? Exact, where a conversion to double would round the integer. */
static bool int_below(int64_t number, double limit) {
  if (limit >= 0x1p63) return true;
  if (limit < -0x1p63) return false;
  double up = ceil(limit);
  return up >= 0x1p63 || number < (int64_t)up;
}

static bool int_above(int64_t number, double limit) {
  if (limit < -0x1p63) return true;
  if (limit >= 0x1p63) return false;
  return number > (int64_t)floor(limit);
}

/* strtoll and strtod skip white space in front; a setting has none. */
static bool starts_well(const char *text) { return *text && !isspace((unsigned char)*text); }

static rapt_status set_int(const setting *s) {
  char *end;
  errno = 0;
  long long number = strtoll(s->value, &end, 10);
  if (!starts_well(s->value) || end == s->value || *end) return fail_value(s, "a whole number");
  if (errno == ERANGE) return fail_value(s, "a whole number of at most 64 bits");
  if (limited(s->key) && (int_below(number, s->key->min) || int_above(number, s->key->max))) return fail_range(s);
  *(int64_t *)s->field = number;
  return RAPT_OK;
}

/* strtod with a point whatever the locale that the program around the library has set. */
static double parse_real(const char *text, char **end) {
  locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  double number = plain ? strtod_l(text, end, plain) : strtod(text, end);
  if (plain) freelocale(plain);
  return number;
}

static rapt_status set_real(const setting *s) {
  char *end;
  double number = parse_real(s->value, &end);
  if (!starts_well(s->value) || end == s->value || *end) return fail_value(s, "a number");
  if (!isfinite(number)) return fail_value(s, "a finite number");
  if (limited(s->key) && (number < s->key->min || number > s->key->max)) return fail_range(s);
  *(double *)s->field = number;
  return RAPT_OK;
}

static rapt_status set_bool(const setting *s) {
  static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (strcasecmp(s->value, words[i]) != 0) continue;
    *(bool *)s->field = i & 1;
    return RAPT_OK;
  }
  return fail_value(s, "true or false");
}

static rapt_status set_text(const setting *s) {
  const char *text = rapt__arena_strdup(s->arena, s->value);
  if (!text) return RAPT_ENOMEM;
  *(const char **)s->field = text;
  return RAPT_OK;
}

static rapt_status fail_choice(const setting *s) {
  rapt__text list;
  rapt__text_init(&list, s->ctx);
  size_t count = 0;
  rapt_status status = RAPT_OK;
  for (; status == RAPT_OK && s->key->choices[count]; count++)
    status = rapt__text_addf(&list, "%s%s", count ? ", " : "", s->key->choices[count]);
  const char *near = rapt__nearest(s->value, s->key->choices, count);
  if (status == RAPT_OK && near) status = rapt__text_addf(&list, "; did you mean \"%s\"?", near);
  if (status == RAPT_OK)
    status = rapt__fail(s->ctx, RAPT_EKEY, "%s: %s=%s is not one of the choices: %s", s->where, s->key->name, s->value,
                        list.data ? list.data : "there are none");
  rapt__text_free(&list);
  return status;
}

static rapt_status set_choice(const setting *s) {
  for (int i = 0; s->key->choices[i]; i++) {
    if (strcmp(s->value, s->key->choices[i]) != 0) continue;
    *(int *)s->field = i;
    return RAPT_OK;
  }
  return fail_choice(s);
}

static rapt_status set_value(const setting *s) {
  switch (s->key->type) {
  case RAPT__KEY_INT: return set_int(s);
  case RAPT__KEY_REAL: return set_real(s);
  case RAPT__KEY_BOOL: return set_bool(s);
  case RAPT__KEY_TEXT:
  case RAPT__KEY_LIST: return set_text(s);
  case RAPT__KEY_CHOICE: return set_choice(s);
  }
  return rapt__fail(s->ctx, RAPT_EINVAL, "%s: the key \"%s\" has no known type", s->where, s->key->name);
}

rapt_status rapt__config_defaults(rapt_context *ctx, rapt__arena *arena, const rapt__config *configs, size_t count) {
  for (size_t i = 0; i < count; i++) {
    for (const rapt__key *key = configs[i].keys; key->name; key++) {
      setting s = {ctx, arena, key, key->initial, "default", (char *)configs[i].values + key->offset};
      if ((key->type == RAPT__KEY_TEXT || key->type == RAPT__KEY_LIST) && !key->initial)
        *(const char **)s.field = "";
      else if (!key->initial)
        return rapt__fail(ctx, RAPT_EINVAL, "default: the key \"%s\" has none", key->name);
      else
        RAPT_TRY(set_value(&s));
    }
  }
  return RAPT_OK;
}

rapt_status rapt__config_set(rapt_context *ctx, rapt__arena *arena, const rapt__config *configs, size_t count,
                             const char *name, const char *value, const char *where) {
  if (!value) { /* "key=value" */
    const char *sign = strchr(name, '=');
    if (!sign) return rapt__fail(ctx, RAPT_EKEY, "%s: \"%s\" has no value: key=value is needed", where, name);
    value = sign + 1;
    name = rapt__arena_format(arena, "%.*s", (int)(sign - name), name);
    if (!name) return RAPT_ENOMEM;
  }
  void *field;
  const rapt__key *key = rapt__config_find(configs, count, name, &field);
  if (!key) return fail_unknown(ctx, arena, configs, count, name, where);
  setting s = {ctx, arena, key, value, where, field};
  return set_value(&s);
}

/* The fewest digits that read back as the same number, with a point whatever the locale. */
static rapt_status print_real(rapt__text *out, double number) {
  char text[40];
  locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  locale_t before = plain ? uselocale(plain) : (locale_t)0;
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, number);
    if (strtod(text, NULL) == number) break;
  }
  if (plain) {
    uselocale(before);
    freelocale(plain);
  }
  return rapt__text_addf(out, "%s", text);
}

rapt_status rapt__config_print(rapt__text *out, const rapt__key *key, const void *field) {
  switch (key->type) {
  case RAPT__KEY_INT: return rapt__text_addf(out, "%" PRId64, *(const int64_t *)field);
  case RAPT__KEY_REAL: return print_real(out, *(const double *)field);
  case RAPT__KEY_BOOL: return rapt__text_addf(out, "%s", *(const bool *)field ? "true" : "false");
  case RAPT__KEY_TEXT:
  case RAPT__KEY_LIST: {
    const char *text = *(const char *const *)field;
    return rapt__text_addf(out, "%s", text ? text : "");
  }
  case RAPT__KEY_CHOICE: return rapt__text_addf(out, "%s", key->choices[*(const int *)field]);
  }
  return rapt__fail(out->ctx, RAPT_EINVAL, "the key \"%s\" has no known type", key->name);
}
