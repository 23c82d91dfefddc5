/* Tokenizers: making them, their vocabulary. */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

rapt_status rapt__tokenizer_new(rapt_context *ctx, rapt__model_type model, rapt_tokenizer **out) {
  enum { LONGEST_WORD = 100 }; /* BERT's */
  *out = NULL;
  rapt_tokenizer *t = rapt__new(ctx, 1, sizeof *t);
  if (!t) return RAPT_ENOMEM;
  t->ctx = ctx;
  t->model = model;
  rapt__arena_init(&t->arena, ctx);
  rapt__table_init(&t->ids, ctx);
  for (int p = 0; p < 4; p++)
    for (int i = 0; i < 256; i++) t->byte_id[p][i] = -1;
  for (int i = 0; i < 256; i++) t->fallback[i] = -1;
  t->unknown = -1;
  t->longest_word = LONGEST_WORD;
  *out = t;
  return RAPT_OK;
}

void rapt_tokenizer_free(rapt_tokenizer *t) {
  if (!t) return;
  rapt_context *ctx = t->ctx;
  for (int i = 0; i < RAPT__SECTIONS; i++) rapt__steps_free(ctx, &t->steps[i]);
  rapt__table_free(&t->ids);
  rapt__trie_free(&t->trie);
  rapt__free(ctx, t->joins.slots);
  rapt__free(ctx, t->tokens);
  rapt__free(ctx, t->merges);
  rapt__free(ctx, t->raw.items);
  rapt__free(ctx, t->normalized.items);
  rapt__free(ctx, t->users.items);
  rapt__arena_free(&t->arena);
  rapt__free(ctx, t);
}

rapt_status rapt__tokenizer_out(rapt_status status, rapt_tokenizer *t, rapt_tokenizer **out) {
  if (status != RAPT_OK)
    rapt_tokenizer_free(t);
  else
    *out = t;
  return status;
}

enum { MOST_TOKENS = 1 << 24 };

rapt_status rapt__tokenizer_add(rapt_tokenizer *t, int64_t id, const char *bytes, size_t size, bool plain,
                                const char *file) {
  if (id < 0 || id >= MOST_TOKENS)
    return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: token id %lld is out of range", file, (long long)id);
  while ((size_t)id >= t->capacity) {
    size_t old = t->capacity;
    RAPT_TRY(rapt__reserve(t->ctx, (void **)&t->tokens, &t->capacity, t->capacity, sizeof *t->tokens));
    memset(t->tokens + old, 0, (t->capacity - old) * sizeof *t->tokens);
  }
  if (t->tokens[id].bytes)
    return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: id %lld stands for two tokens", file, (long long)id);
  char *copy = rapt__arena_new(&t->arena, size + 1, 1);
  if (!copy) return RAPT_ENOMEM;
  if (size) memcpy(copy, bytes, size);
  t->tokens[id] = (rapt__token){.bytes = copy, .size = size, .plain = plain, .type = RAPT__NORMAL};
  if ((size_t)id >= t->count) t->count = (size_t)id + 1;
  if (plain && t->bytes) return RAPT_OK;
  rapt__slot *slot = rapt__table_get(&t->ids, copy, size, 0, id);
  if (!slot) return RAPT_ENOMEM;
  slot->value = id; /* of equal tokens the last counts */
  return RAPT_OK;
}

rapt_status rapt__tokenizer_merge(rapt_tokenizer *t, int32_t left, int32_t right, int32_t made, const char *file) {
  RAPT_TRY(rapt__reserve(t->ctx, (void **)&t->merges, &t->merge_capacity, t->merge_count, sizeof *t->merges));
  bool added;
  int32_t old = 0;
  uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
  if (t->merge_count >= INT32_MAX) return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: too many merges", file);
  RAPT_TRY(rapt__join_add(t->ctx, &t->joins, (rapt__join){pair, (int32_t)t->merge_count, made}, &added, &old));
  if (!added)
    return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: merges %d and %zu join the same pair", file, old, t->merge_count);
  t->merges[t->merge_count++] = (rapt__merge){left, right, made};
  return RAPT_OK;
}

rapt_status rapt__tokenizer_added(rapt_tokenizer *t, rapt__added_token token) {
  rapt__added *a = token.normalized ? &t->normalized : &t->raw;
  const rapt__token *of = &t->tokens[token.id];
  if (of->size == 0) return RAPT_OK; /* nothing to find */
  if (!token.pattern.bytes) token.pattern = (rapt__string){of->bytes, of->size};
  RAPT_TRY(rapt__reserve(t->ctx, (void **)&a->items, &a->room, a->count, sizeof *a->items));
  a->items[a->count++] = token;
  t->tokens[token.id].special |= token.special;
  return RAPT_OK;
}

rapt_status rapt__tokenizer_special(rapt_tokenizer *t, int32_t id) {
  return rapt__tokenizer_added(t, (rapt__added_token){.id = id, .special = true});
}

rapt_status rapt__tokenizer_section(rapt_tokenizer *t, rapt__section section, const char *json) {
  json_t *root = rapt__json_parse(t->ctx, "tokenizer", json, strlen(json));
  if (!root) return rapt_context_status(t->ctx);
  rapt_status status = rapt__steps_read(t, section, root, "tokenizer", &t->steps[section]);
  json_decref(root);
  if (status != RAPT_OK) return status;
  t->sections[section] = rapt__arena_strdup(&t->arena, json);
  return t->sections[section] ? RAPT_OK : RAPT_ENOMEM;
}

bool rapt__in_bytes(const rapt_tokenizer *t) {
  const rapt__steps *s = &t->steps[RAPT__PRE_TOKENIZER];
  return s->count && s->items[s->count - 1].type == RAPT__BYTE_LEVEL && !t->byte_fallback;
}

/* ---- Tables of the models ---- */

static int32_t find_joined(const rapt_tokenizer *t, rapt__string a, const char *b, size_t size, rapt__string c,
                           char *room) {
  if (a.size) memcpy(room, a.bytes, a.size);
  memcpy(room + a.size, b, size);
  if (c.size) memcpy(room + a.size + size, c.bytes, c.size);
  const rapt__slot *slot = rapt__table_find(&t->ids, room, a.size + size + c.size, 0);
  return slot ? (int32_t)slot->value : -1;
}

static rapt_status find_bytes(rapt_tokenizer *t) {
  rapt__string none = {"", 0};
  char *room = rapt__alloc(t->ctx, t->prefix.size + t->suffix.size + 8);
  if (!room) return RAPT_ENOMEM;
  for (int b = 0; b < 256; b++) {
    char byte = (char)b, code[8];
    for (int place = 0; place < 4; place++)
      t->byte_id[place][b] = find_joined(t, place & 1 ? none : t->prefix, &byte, 1, place & 2 ? t->suffix : none, room);
    snprintf(code, sizeof code, "<0x%02X>", b);
    t->fallback[b] = find_joined(t, none, code, 6, none, room);
  }
  rapt__free(t->ctx, room);
  return RAPT_OK;
}

static rapt_status make_trie(rapt_tokenizer *t) {
  rapt__trie_key *keys = rapt__new(t->ctx, t->count + 1, sizeof *keys);
  if (!keys) return RAPT_ENOMEM;
  size_t count = 0;
  for (size_t i = 0; i < t->count; i++) {
    const rapt__token *token = &t->tokens[i];
    bool skip = !token->bytes || token->hidden || (token->plain && t->bytes) || token->type == RAPT__CONTROL ||
                token->type == RAPT__UNUSED ||
                (t->single && (token->type == RAPT__UNKNOWN || token->type == RAPT__BYTE));
    if (!skip) keys[count++] = (rapt__trie_key){token->bytes, token->size, (int32_t)i};
  }
  rapt_status status = rapt__trie_build(&t->trie, t->ctx, keys, count);
  rapt__free(t->ctx, keys);
  t->inner = 0;
  for (size_t i = 0; i < t->prefix.size && t->inner >= 0 && status == RAPT_OK; i++)
    t->inner = rapt__trie_step(&t->trie, t->inner, (unsigned char)t->prefix.bytes[i]);
  return status;
}

/* What an unknown character costs: 10 more than the worst token, as SentencePiece has it. */
static void find_scores(rapt_tokenizer *t) {
  double least = 0, greatest = 0;
  bool any = false;
  for (size_t i = 0; i < t->count; i++) {
    const rapt__token *token = &t->tokens[i];
    if (token->hidden || (t->single && token->type != RAPT__NORMAL)) continue;
    if (!any || token->score < least) least = token->score;
    if (!any || token->score > greatest) greatest = token->score;
    any = true;
  }
  t->unknown_score = t->single ? (double)((float)least - 10.0F) : least - 10;
  t->greatest_score = greatest;
}

static bool begins_with(const rapt__token *t, const char *c, size_t n) {
  return t->size >= n && !memcmp(t->bytes, c, n);
}
static bool ends_with(const rapt__token *t, const char *c, size_t n) {
  return t->size >= n && !memcmp(t->bytes + t->size - n, c, n);
}

/* A word mark that no merge joins to other characters before it lets long pieces fall into words. */
static void find_seam(rapt_tokenizer *t) {
  static const char mark[] = "\xE2\x96\x81";
  size_t n = sizeof mark - 1;
  t->seam = 0;
  if (t->bytes || t->prefix.size || t->suffix.size || t->ignore_merges || t->users.count) return;
  if (!rapt__table_find(&t->ids, mark, n, 0)) return;
  for (size_t i = 0; i < t->merge_count; i++) {
    const rapt__token *left = &t->tokens[t->merges[i].left], *right = &t->tokens[t->merges[i].right];
    if (begins_with(right, mark, n) && !ends_with(left, mark, n)) return;
  }
  t->seam = 0x2581;
}

/* The pattern of an added token that is looked for in normalised text is normalised too. */
static rapt_status normalize_patterns(rapt_tokenizer *t) {
  for (size_t i = 0; i < t->normalized.count; i++) {
    rapt__added_token *a = &t->normalized.items[i];
    rapt__traced buffers[2];
    rapt__view v = {a->pattern.bytes, a->pattern.size, NULL, 0};
    rapt_status status = RAPT_OK;
    for (int k = 0; k < 2; k++) rapt__traced_init(&buffers[k], t->ctx, false);
    for (size_t k = 0; k < t->steps[RAPT__NORMALIZER].count && status == RAPT_OK; k++) {
      rapt__traced *out = v.text == buffers[0].text ? &buffers[1] : &buffers[0];
      bool changed;
      out->size = 0;
      status = rapt__normalize_step(&t->steps[RAPT__NORMALIZER].items[k], &v, out, &changed);
      if (status == RAPT_OK && changed) v = rapt__traced_view(out);
    }
    char *copy = status == RAPT_OK ? rapt__arena_new(&t->arena, v.size + 1, 1) : NULL;
    if (status == RAPT_OK && !copy) status = RAPT_ENOMEM;
    if (status == RAPT_OK && v.size) memcpy(copy, v.text, v.size);
    if (status == RAPT_OK) a->pattern = (rapt__string){copy, v.size};
    for (int k = 0; k < 2; k++) rapt__traced_free(&buffers[k]);
    RAPT_TRY(status);
  }
  size_t kept = 0;
  for (size_t i = 0; i < t->normalized.count; i++)
    if (t->normalized.items[i].pattern.size) t->normalized.items[kept++] = t->normalized.items[i];
  t->normalized.count = kept;
  return RAPT_OK;
}

rapt_status rapt__tokenizer_finish(rapt_tokenizer *t, const char *file) {
  if (t->count == 0) return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: the vocabulary is empty", file);
  for (size_t i = 0; i < t->count; i++)
    if (!t->tokens[i].bytes)
      return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: id %zu of %zu has no token", file, i, t->count);
  RAPT_TRY(find_bytes(t));
  if (t->model == RAPT__WORDPIECE || t->model == RAPT__UNIGRAM) RAPT_TRY(make_trie(t));
  if (t->model == RAPT__UNIGRAM) find_scores(t);
  if (t->model == RAPT__BPE) find_seam(t);
  RAPT_TRY(normalize_patterns(t));
  rapt__added_order(&t->raw);
  rapt__added_order(&t->normalized);
  rapt__added_order(&t->users);
  return RAPT_OK;
}

/* ---- Questions ---- */

/* Bytes are what their kind promises only when each id is the value of its byte. */
static bool is_bytes(const rapt_tokenizer *t) {
  const rapt__steps *s = &t->steps[RAPT__PRE_TOKENIZER];
  if (!t->bytes || s->count != 1 || s->items[0].on[0] || s->items[0].on[1] || t->merge_count || t->count != 256)
    return false;
  for (int i = 0; i < 256; i++)
    if (t->byte_id[0][i] != i || t->prefix.size || t->suffix.size) return false;
  return t->steps[RAPT__NORMALIZER].count == 0;
}

static bool is_chars(const rapt_tokenizer *t) {
  const char *before = t->sections[RAPT__PRE_TOKENIZER];
  return before && strstr(before, "\"[\\\\s\\\\S]\"");
}

rapt_tokenizer_kind rapt_tokenizer_get_kind(const rapt_tokenizer *t) {
  switch (t->model) {
  case RAPT__BPE: return is_bytes(t) ? RAPT_BYTES : RAPT_BPE;
  case RAPT__WORDPIECE: return RAPT_WORDPIECE;
  case RAPT__UNIGRAM: return RAPT_UNIGRAM;
  default: return is_chars(t) ? RAPT_CHARS : RAPT_WORDS;
  }
}

int64_t rapt_tokenizer_size(const rapt_tokenizer *t) { return (int64_t)t->count; }
void rapt_tokenizer_release(const rapt_tokenizer *t, void *ids_or_text) { rapt__free(t->ctx, ids_or_text); }

const char *rapt_tokenizer_token(const rapt_tokenizer *t, int32_t id, size_t *size) {
  if (id < 0 || (size_t)id >= t->count) return NULL;
  *size = t->tokens[id].size;
  return t->tokens[id].bytes;
}

bool rapt_tokenizer_is_special(const rapt_tokenizer *t, int32_t id) {
  return id >= 0 && (size_t)id < t->count && (t->tokens[id].special || t->tokens[id].type == RAPT__CONTROL);
}

double rapt_tokenizer_score(const rapt_tokenizer *t, int32_t id) {
  return id >= 0 && (size_t)id < t->count ? t->tokens[id].score : 0;
}

int32_t rapt_tokenizer_unknown(const rapt_tokenizer *t) { return t->unknown; }

int32_t rapt_tokenizer_find(const rapt_tokenizer *t, const char *bytes, size_t size) {
  const rapt__added *lists[] = {&t->raw, &t->normalized};
  for (int k = 0; k < 2; k++)
    for (size_t i = 0; i < lists[k]->count; i++) {
      const rapt__token *token = &t->tokens[lists[k]->items[i].id];
      if (token->size == size && memcmp(token->bytes, bytes, size) == 0) return lists[k]->items[i].id;
    }
  const rapt__slot *slot = rapt__table_find(&t->ids, bytes, size, 0);
  return slot ? (int32_t)slot->value : -1;
}

rapt_status rapt__token_text(const rapt_tokenizer *t, int32_t id, rapt__text *out) {
  const rapt__token *token = &t->tokens[id];
  if (t->bytes && !token->plain) return rapt__letters_write(token->bytes, token->size, out);
  return rapt__text_add(out, token->bytes, token->size);
}
