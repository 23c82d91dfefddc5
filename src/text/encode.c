/* Text to ids: added tokens, normalizers, pre-tokenizers, the model. */
#include "text/tokenizer.h"

#include <string.h>

void *rapt__text_encoder_scratch(rapt__text_encoder *e, size_t count, size_t size) {
  size_t bytes;
  if (rapt__mul_overflows(count, size, &bytes)) {
    rapt__fail_memory(e->t->ctx, SIZE_MAX);
    return NULL;
  }
  if (bytes <= e->scratch_size) return e->scratch;
  bytes += bytes / 2;
  void *p = rapt__alloc(e->t->ctx, bytes);
  if (!p) return NULL;
  rapt__free(e->t->ctx, e->scratch);
  e->scratch = p;
  e->scratch_size = bytes;
  return p;
}

rapt_status rapt__text_encoder_put(rapt__text_encoder *e, int32_t id, size_t start, size_t end) {
  rapt_context *ctx = e->t->ctx;
  if (e->count == e->room) RAPT_TRY(rapt__reserve(ctx, (void **)&e->ids, &e->room, e->count, sizeof *e->ids));
  e->ids[e->count++] = id;
  if (!e->tracked) return RAPT_OK;
  RAPT_TRY(rapt__reserve(ctx, (void **)&e->spans, &e->span_room, e->span_count, sizeof *e->spans));
  e->spans[e->span_count++] = (rapt__piece){start, end};
  return RAPT_OK;
}

/* The place of the first byte of the character, or one behind its last. */
static size_t char_edge(const char *text, size_t size, size_t at, bool behind) {
  uint32_t code;
  for (size_t back = 0; back < 4 && back <= at; back++) {
    size_t n = rapt__utf8(text + at - back, size - (at - back), &code);
    if (n > back) return behind ? at - back + n : at - back;
    if ((text[at - back] & 0xC0) != 0x80) break;
  }
  return behind ? at + 1 : at;
}

static rapt__origin origin_of(const rapt__text_encoder *e, const rapt__view *v, size_t start, size_t end) {
  if (start >= end) return (rapt__origin){0, 0};
  if (v->from) return (rapt__origin){v->from[start].start, v->from[end - 1].end};
  const rapt__view *o = &e->original;
  size_t first = v->base + start, last = v->base + end - 1;
  return (rapt__origin){(uint32_t)char_edge(o->text, o->size, first, false),
                        (uint32_t)char_edge(o->text, o->size, last, true)};
}

/* Where the new tokens come from, and of which piece they are. */
static rapt_status note_origins(rapt__text_encoder *e, const rapt__view *v, size_t base, size_t first) {
  if (!e->tracked) return RAPT_OK;
  rapt_context *ctx = e->t->ctx;
  for (size_t i = 0; i < e->span_count; i++) {
    RAPT_TRY(rapt__reserve(ctx, (void **)&e->from, &e->from_room, first + i, sizeof *e->from));
    RAPT_TRY(rapt__reserve(ctx, (void **)&e->words, &e->word_room, first + i, sizeof *e->words));
    e->from[first + i] = origin_of(e, v, base + e->spans[i].start, base + e->spans[i].end);
    e->words[first + i] = e->word;
  }
  e->span_count = 0;
  return RAPT_OK;
}

static rapt_status run_model(rapt__text_encoder *e, const char *piece, size_t size) {
  switch (e->t->model) {
  case RAPT__BPE: return rapt__bpe_encode(e, piece, size);
  case RAPT__WORDPIECE: return rapt__wordpiece_encode(e, piece, size);
  case RAPT__UNIGRAM: return rapt__unigram_encode(e, piece, size);
  default: return rapt__wordlevel_encode(e, piece, size);
  }
}

/* ---- Words met before ---- */

static size_t place_of(const rapt__text_encoder *e, const char *piece, size_t size) {
  uint64_t a = 0, b = 0;
  if (size >= 8) {
    memcpy(&a, piece, 8);
    memcpy(&b, piece + size - 8, 8);
    if (size > 16) {
      uint64_t c;
      memcpy(&c, piece + 8, 8);
      a ^= c * 0xC2B2AE3D27D4EB4FULL;
    }
  } else {
    for (size_t i = 0; i < size; i++) a = a << 8 | (unsigned char)piece[i];
  }
  a = (a ^ (b + size) * 0x9E3779B97F4A7C15ULL) * 0xff51afd7ed558ccdULL;
  return (size_t)(a >> 40 ^ a >> 20) & e->cache_mask;
}

static rapt_status replay(rapt__text_encoder *e, const rapt__cached *c) {
  if (e->tracked) {
    for (size_t i = 0; i < c->count; i++) RAPT_TRY(rapt__text_encoder_put(e, c->ids[i], c->starts[i], c->ends[i]));
    return RAPT_OK;
  }
  while (e->room - e->count < RAPT__CACHE_IDS)
    RAPT_TRY(rapt__reserve(e->t->ctx, (void **)&e->ids, &e->room, e->room, sizeof *e->ids));
  memcpy(e->ids + e->count, c->ids, sizeof c->ids);
  e->count += c->count;
  return RAPT_OK;
}

static rapt_status encode_piece(rapt__text_encoder *e, const char *piece, size_t size) {
  if (!e->cache || size > RAPT__CACHE_KEY) return run_model(e, piece, size);
  rapt__cached *c = &e->cache[place_of(e, piece, size)];
  if (c->size == size && memcmp(c->key, piece, size) == 0) return replay(e, c);
  size_t first = e->count, span = e->span_count;
  RAPT_TRY(run_model(e, piece, size));
  size_t count = e->count - first;
  if (count > RAPT__CACHE_IDS) return RAPT_OK;
  c->size = (uint8_t)size;
  c->count = (uint8_t)count;
  memcpy(c->key, piece, size);
  if (count) memcpy(c->ids, e->ids + first, count * sizeof *c->ids);
  for (size_t i = 0; e->tracked && i < count; i++) {
    c->starts[i] = (uint8_t)e->spans[span + i].start;
    c->ends[i] = (uint8_t)e->spans[span + i].end;
  }
  return RAPT_OK;
}

/* A long piece whose tokens never go on over a certain character behind another one falls into words there. */
static size_t word_end(const rapt_tokenizer *t, const char *piece, size_t size) {
  enum { SHORT = 16 };
  char seam[4];
  if (t->seam == 0 || size < SHORT) return size;
  size_t n = rapt__utf8_write((uint32_t)t->seam, seam), at = 0;
  while (at + n <= size && memcmp(piece + at, seam, n) == 0) at += n;
  const char *next = at < size ? memmem(piece + at, size - at, seam, n) : NULL;
  return next ? (size_t)(next - piece) : size;
}

/* ---- Pieces ---- */

static rapt_status first_pieces(const rapt__view *v, rapt__pieces *out) {
  size_t at = 0;
  while (at < v->size) { /* bytes that are not UTF-8 stand alone */
    size_t valid = rapt__utf8_valid(v->text + at, v->size - at);
    RAPT_TRY(rapt__pieces_add(out, at, at + valid));
    at += valid;
    if (at < v->size) RAPT_TRY(rapt__pieces_add(out, at, at + 1));
    at += at < v->size;
  }
  return RAPT_OK;
}

/* The pieces of a normalised text: the last list, and the text that they are places of. */
static rapt_status cut(rapt__text_encoder *e, rapt__view *v, rapt__pieces **pieces) {
  const rapt_tokenizer *t = e->t;
  const rapt__steps *steps = &t->steps[RAPT__PRE_TOKENIZER];
  rapt__pieces *now = &e->pieces[0], *next = &e->pieces[1];
  now->count = 0;
  RAPT_TRY(first_pieces(v, now));
  for (size_t i = 0; i < steps->count; i++) {
    rapt__traced *text = v->text == e->buffers[2].text ? &e->buffers[3] : &e->buffers[2];
    bool rewritten, bytes = t->bytes && i + 1 == steps->count;
    text->size = 0;
    next->count = 0;
    RAPT_TRY(rapt__pretokenize_step(&steps->items[i], bytes, v, now, &e->matcher, text, next, &rewritten));
    if (rewritten) *v = rapt__traced_view(text);
    rapt__pieces *swap = now;
    now = next;
    next = swap;
  }
  *pieces = now;
  return RAPT_OK;
}

static rapt_status encode_words(rapt__text_encoder *e, rapt__view v) {
  rapt__pieces *pieces;
  RAPT_TRY(cut(e, &v, &pieces));
  for (size_t i = 0; i < pieces->count; i++) {
    rapt__piece p = pieces->items[i];
    for (size_t at = p.start, n; at < p.end; at += n) {
      size_t first = e->count;
      n = word_end(e->t, v.text + at, p.end - at);
      RAPT_TRY(encode_piece(e, v.text + at, n));
      RAPT_TRY(note_origins(e, &v, at, first));
    }
    e->word++;
  }
  return RAPT_OK;
}

/* ---- Sections between added tokens ---- */

static rapt__view part(const rapt__view *v, size_t start, size_t end) {
  return (rapt__view){v->text + start, end - start, v->from ? v->from + start : NULL, v->base + start};
}

typedef rapt_status (*section_fn)(rapt__text_encoder *e, rapt__view v);

static rapt_status between_added(rapt__text_encoder *e, const rapt__added *added, rapt__view v, section_fn each) {
  size_t at = 0, start, end;
  int32_t id;
  while (added->count && rapt__added_find(added, v.text, v.size, at, e->no_special, &id, &start, &end)) {
    if (start > at) RAPT_TRY(each(e, part(&v, at, start)));
    size_t first = e->count;
    RAPT_TRY(rapt__text_encoder_put(e, id, start, end));
    RAPT_TRY(note_origins(e, &v, 0, first));
    e->word++;
    at = end;
  }
  return at < v.size ? each(e, part(&v, at, v.size)) : RAPT_OK;
}

static rapt_status normalize(rapt__text_encoder *e, rapt__view *v) {
  const rapt__steps *steps = &e->t->steps[RAPT__NORMALIZER];
  for (size_t i = 0; i < steps->count; i++) {
    rapt__traced *out = v->text == e->buffers[0].text ? &e->buffers[1] : &e->buffers[0];
    bool changed;
    out->size = 0;
    RAPT_TRY(rapt__normalize_step(&steps->items[i], v, out, &changed));
    if (changed) *v = rapt__traced_view(out);
  }
  return RAPT_OK;
}

static rapt_status encode_section(rapt__text_encoder *e, rapt__view v) {
  RAPT_TRY(normalize(e, &v));
  return between_added(e, &e->t->normalized, v, encode_words);
}

/* ---- A text ---- */

/* Each byte that is not UTF-8 as U+FFFD. */
static rapt_status mend(rapt__text_encoder *e, const rapt__view *v) {
  for (size_t at = 0; at < v->size;) {
    size_t valid = rapt__utf8_valid(v->text + at, v->size - at);
    RAPT_TRY(rapt__traced_copy(&e->whole, v, at, at + valid));
    at += valid;
    if (at < v->size) RAPT_TRY(rapt__traced_char(&e->whole, 0xFFFD, rapt__view_origin(v, at, 1)));
    at += at < v->size;
  }
  return RAPT_OK;
}

/* Whether a step asks where a text begins. */
static bool needs_origins(const rapt_tokenizer *t) {
  const rapt__steps *steps = &t->steps[RAPT__PRE_TOKENIZER];
  for (size_t i = 0; i < steps->count; i++)
    if (steps->items[i].type == RAPT__METASPACE && steps->items[i].scheme == RAPT__FIRST) return true;
  return false;
}

static bool takes_any_bytes(const rapt_tokenizer *t) { return t->bytes && t->steps[RAPT__NORMALIZER].count == 0; }

/* SentencePiece's normalizer mends bytes by itself, and has rules that see them. */
static bool mends_itself(const rapt_tokenizer *t) {
  return t->steps[RAPT__NORMALIZER].count && t->steps[RAPT__NORMALIZER].items[0].type == RAPT__SENTENCEPIECE;
}

static rapt_status prepare(rapt__text_encoder *e, size_t size) {
  rapt_context *ctx = e->t->ctx;
  enum { LEAST = 1 << 12, MOST = 1 << 15 };
  e->tracked |= needs_origins(e->t);
  if (e->tracked && size >= UINT32_MAX)
    return rapt__fail(ctx, RAPT_EINVAL, "a text of %zu bytes is too long for offsets: 4 GiB are the most", size);
  rapt__traced_init(&e->whole, ctx, e->tracked);
  for (int i = 0; i < 4; i++) rapt__traced_init(&e->buffers[i], ctx, e->tracked);
  for (int i = 0; i < 2; i++) e->pieces[i] = (rapt__pieces){.ctx = ctx};
  bool one_piece = e->t->model == RAPT__WORDLEVEL || (e->t->single && e->t->model == RAPT__UNIGRAM);
  if (size < LEAST || one_piece) return RAPT_OK;
  size_t words = LEAST / 8;
  while (words < size / 16 && words < MOST) words *= 2;
  e->cache = rapt__new(ctx, words, sizeof *e->cache);
  e->cache_mask = words - 1;
  return e->cache ? RAPT_OK : RAPT_ENOMEM;
}

rapt_status rapt__encode_text(rapt__text_encoder *e, const char *text, size_t size) {
  e->original = (rapt__view){text, size, NULL, 0};
  RAPT_TRY(prepare(e, size));
  rapt__view v = e->original;
  if (!takes_any_bytes(e->t) && !mends_itself(e->t) && rapt__utf8_valid(text, size) != size) {
    RAPT_TRY(mend(e, &v));
    v = rapt__traced_view(&e->whole);
  }
  return between_added(e, &e->t->raw, v, encode_section);
}

void rapt__text_encoder_free(rapt__text_encoder *e) {
  rapt_context *ctx = e->t->ctx;
  if (e->whole.ctx) rapt__traced_free(&e->whole);
  for (int i = 0; i < 4; i++)
    if (e->buffers[i].ctx) rapt__traced_free(&e->buffers[i]);
  for (int i = 0; i < 2; i++) rapt__free(ctx, e->pieces[i].items);
  rapt__matcher_free(&e->matcher);
  rapt__free(ctx, e->cache);
  rapt__free(ctx, e->ids);
  rapt__free(ctx, e->from);
  rapt__free(ctx, e->words);
  rapt__free(ctx, e->spans);
  rapt__free(ctx, e->scratch);
  *e = (rapt__text_encoder){.t = e->t};
}

rapt_status rapt_tokenizer_encode(const rapt_tokenizer *t, const char *text, size_t size, int32_t **ids,
                                  int64_t *count) {
  *ids = NULL;
  *count = 0;
  rapt__text_encoder e = {.t = t};
  rapt_status status = rapt__encode_text(&e, text, size);
  if (status == RAPT_OK && !e.ids) status = rapt__reserve(t->ctx, (void **)&e.ids, &e.room, 0, sizeof *e.ids);
  if (status == RAPT_OK) {
    *ids = e.ids;
    *count = (int64_t)e.count;
    e.ids = NULL;
  }
  rapt__text_encoder_free(&e);
  return status;
}

/* ---- Pieces alone ---- */

rapt_status rapt__pieces_of(const rapt_tokenizer *t, const char *text, size_t size, rapt__piece_fn each, void *user) {
  rapt__text_encoder e = {.t = t, .original = {text, size, NULL, 0}};
  rapt_status status = prepare(&e, 0);
  rapt__view v = e.original;
  if (status == RAPT_OK && !takes_any_bytes(t) && rapt__utf8_valid(text, size) != size) {
    status = mend(&e, &v);
    v = rapt__traced_view(&e.whole);
  }
  rapt__pieces *pieces = NULL;
  if (status == RAPT_OK) status = normalize(&e, &v);
  if (status == RAPT_OK) status = cut(&e, &v, &pieces);
  for (size_t i = 0; status == RAPT_OK && i < pieces->count; i++)
    status = each(user, v.text + pieces->items[i].start, pieces->items[i].end - pieces->items[i].start);
  rapt__text_encoder_free(&e);
  return status;
}
