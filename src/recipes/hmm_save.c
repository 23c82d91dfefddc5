/* Hidden Markov models as JSON. */
#include "recipes/hmm.h"

#include "base/file.h"
#include "formats/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* `dims` numbers of nested arrays; logs become probabilities. NULL: no memory. */
static json_t *array(const double *at, const size_t *sizes, int dims, bool logs) {
  json_t *list = json_array();
  size_t stride = 1;
  for (int d = 1; d < dims; d++) stride *= sizes[d];
  for (size_t i = 0; list && i < sizes[0]; i++) {
    const double *here = at + i * stride;
    json_t *item = dims == 1 ? json_real(logs ? exp(*here) : *here) : array(here, sizes + 1, dims - 1, logs);
    if (json_array_append_new(list, item) == 0) continue;
    json_decref(list);
    list = NULL;
  }
  return list;
}

static json_t *names(const char *const *list, size_t count) {
  json_t *out = json_array();
  for (size_t i = 0; out && i < count; i++)
    if (json_array_append_new(out, json_string(list[i])) != 0) {
      json_decref(out);
      out = NULL;
    }
  return out;
}

/* Takes over root, which may be NULL; `whole`: every part of it was made. */
static rapt_status write_json(rapt__run *run, const char *file, json_t *root, bool whole) {
  char *path = rapt__run_path(run, file), *text = whole ? json_dumps(root, JSON_INDENT(1)) : NULL;
  json_decref(root);
  rapt_status status =
      text && path ? rapt__file_replace(run->ctx, path, text, strlen(text)) : rapt__fail_memory(run->ctx, 0);
  free(text);
  return status;
}

/* Puts the value under the key; false without memory. */
static bool put(json_t *root, const char *key, json_t *value) { return json_object_set_new(root, key, value) == 0; }

static json_t *head(const char *format) { return json_pack("{s:s,s:i}", "format", format, "version", 1); }

static bool put_chain(json_t *root, const rapt__hmm_chain *c, const char *const *states) {
  const size_t square[2] = {c->states, c->states};
  return put(root, "states", names(states, c->states)) && put(root, "start", array(c->log_start, square, 1, true)) &&
         put(root, "step", array(c->log_step, square, 2, true));
}

rapt_status rapt__hmm_save(rapt__run *run, const char *file, const rapt__hmm *h, const char *const *states,
                           const char *const *symbols) {
  static const char *const kinds[] = {"discrete", "diagonal", "full"};
  const rapt__hmm_shape *s = &h->shape;
  json_t *root = head("rapt-hmm");
  bool fine = root && put(root, "emissions", json_string(kinds[s->kind])) && put_chain(root, &h->chain, states);
  if (s->kind == RAPT__HMM_DISCRETE) {
    const size_t sizes[2] = {s->states, s->symbols};
    fine = fine && put(root, "symbols", names(symbols, s->symbols)) &&
           put(root, "emit", array(h->log_emit, sizes, 2, true));
  } else {
    const size_t sizes[4] = {s->states, s->parts, s->dims, s->dims};
    fine = fine && put(root, "weights", array(h->log_weight, sizes, 2, true)) &&
           put(root, "means", array(h->mean, sizes, 3, false)) &&
           put(root, "covariances", array(h->cov, sizes, s->kind == RAPT__HMM_FULL ? 4 : 3, false));
  }
  return write_json(run, file, root, fine);
}

/* {"TAG": count} of one word. */
static json_t *word_counts(const rapt__tagger *t, size_t row) {
  json_t *out = json_object();
  for (size_t i = 0; out && i < t->tags; i++) {
    double count = t->counts[row * t->tags + i];
    if (count == 0 || put(out, t->names[i], json_integer((json_int_t)count))) continue;
    json_decref(out);
    out = NULL;
  }
  return out;
}

rapt_status rapt__tagger_save(rapt__run *run, const char *file, const rapt__tagger *t) {
  const size_t sizes[1] = {t->tags};
  json_t *root = head("rapt-hmm-tagger"), *words = json_object();
  bool fine =
      root && words && put_chain(root, &t->chain, t->names) && put(root, "prior", array(t->prior, sizes, 1, false)) &&
      put(root, "word_weight", json_real(t->word_weight)) && put(root, "suffix_weight", json_real(t->suffix_weight)) &&
      put(root, "longest_suffix", json_integer(RAPT__TAGGER_SUFFIX)) &&
      put(root, "rare", json_integer(RAPT__TAGGER_RARE));
  for (size_t i = 0; fine && i < t->train.at[t->train.sentences]; i++) {
    const char *form = t->train.words[i].form;
    if (json_object_get(words, form)) continue;
    const rapt__slot *slot = rapt__table_find(&t->words, form, strlen(form), 0);
    json_t *counts = slot ? word_counts(t, (size_t)slot->value) : NULL;
    fine = counts != NULL;
    /* A form that is not UTF-8 cannot stand in JSON; it is the only reason to refuse it. */
    if (fine && json_object_set(words, form, counts) != 0)
      rapt__log(run->ctx, RAPT_LOG_WARN, "%s leaves out a word that is not UTF-8", file);
    json_decref(counts);
  }
  if (fine)
    fine = put(root, "words", words);
  else
    json_decref(words);
  return write_json(run, file, root, fine);
}
