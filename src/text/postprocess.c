/* Encodings: what stands behind the model: offsets trimmed, texts cut to a length, special tokens, padding. */
#include "text/tokenizer.h"

#include <string.h>

/* One text's tokens, from `first` on. */
typedef struct side {
  rapt__text_encoder e;
  size_t first, count;
} side;

typedef struct maker {
  const rapt_tokenizer *t;
  const rapt_encode_options *o;
  side sides[2];
  int texts;
  rapt_encoding *out;
} maker;

/* How many letters that stand for spaces, or spaces, a token has at an end. */
static int64_t spaces_at(const rapt_tokenizer *t, int32_t id, bool end) {
  const rapt__token *token = &t->tokens[id];
  int64_t n = 0;
  uint32_t code;
  for (size_t at = 0, k; at < token->size; at += k, n++) {
    if (t->bytes && !token->plain) {
      k = 1;
      code = (unsigned char)token->bytes[end ? token->size - 1 - at : at];
      if (code != ' ') break;
      continue;
    }
    k = end ? rapt__utf8_last(token->bytes, token->size - at, &code)
            : rapt__utf8(token->bytes + at, token->size - at, &code);
    if (k == 0 || !(code == 0x120 || rapt__char_is_white(code))) break;
  }
  return n;
}

/* Offsets without the spaces that tokens begin or end with. A space that was put before the text is not in it. */
static void trim(const rapt_tokenizer *t, const rapt__text_step *s, side *x) {
  for (size_t i = 0; i < x->count; i++) {
    rapt__origin *o = &x->e.from[i];
    int64_t leading = spaces_at(t, x->e.ids[i], false), trailing = spaces_at(t, x->e.ids[i], true);
    if (leading > 0) {
      if ((i == 0 || o->start == 0) && s->on[0]) leading--;
      int64_t start = (int64_t)o->start + leading;
      o->start = start < o->end ? (uint32_t)start : o->end;
    }
    if (trailing > 0 && o->end >= trailing) {
      int64_t end = (int64_t)o->end - trailing;
      o->end = end > o->start ? (uint32_t)end : o->start;
    }
  }
}

static void keep(side *x, size_t count, bool end) {
  if (count >= x->count) return;
  if (end) x->first += x->count - count;
  x->count = count;
}

static rapt_status cut_sides(maker *m, int64_t most) {
  const rapt__truncation *tr = &m->t->truncation;
  side *a = &m->sides[0], *b = &m->sides[1];
  bool pair = m->texts == 2;
  int64_t all = (int64_t)a->count + (pair ? (int64_t)b->count : 0);
  int strategy = m->o->max_length > 0 && !tr->on ? 0 : tr->strategy;
  if (most < 0) most = 0;
  if (all <= most) return RAPT_OK;
  if (most == 0) {
    keep(a, 0, tr->left);
    keep(b, 0, tr->left);
    return RAPT_OK;
  }
  if (strategy == 0) {
    if (!pair) {
      keep(a, (size_t)most, tr->left);
      return RAPT_OK;
    }
    bool swap = a->count > b->count;
    int64_t n1 = (int64_t)(swap ? b->count : a->count), n2;
    n2 = n1 > most ? n1 : (n1 > most - n1 ? n1 : most - n1);
    if (n1 + n2 > most) {
      n1 = most / 2;
      n2 = n1 + most % 2;
    }
    keep(a, (size_t)(swap ? n2 : n1), tr->left);
    keep(b, (size_t)(swap ? n1 : n2), tr->left);
    return RAPT_OK;
  }
  side *x = strategy == 1 ? a : b;
  int64_t left = (int64_t)x->count - (all - most);
  if ((strategy == 2 && !pair) || left <= 0)
    return rapt__fail(m->t->ctx, RAPT_EINVAL,
                      "the texts have %lld ids of which %lld may stay, and the one that may be cut is too short",
                      (long long)all, (long long)most);
  keep(x, (size_t)left, tr->left);
  return RAPT_OK;
}

static const rapt__text_step *template_of(const rapt_tokenizer *t) {
  const rapt__steps *steps = &t->steps[RAPT__POST_PROCESSOR];
  for (size_t i = 0; i < steps->count; i++)
    if (steps->items[i].type == RAPT__TEMPLATE) return &steps->items[i];
  return NULL;
}

static int64_t specials_of(const rapt__text_step *s, int pair) {
  int64_t n = 0;
  for (size_t i = 0; s && i < s->piece_count[pair]; i++)
    if (s->pieces[pair][i].sequence < 0) n += (int64_t)s->pieces[pair][i].count;
  return n;
}

/* ---- Writing the result ---- */

static rapt_status make_arrays(maker *m, size_t count) {
  rapt_encoding *out = m->out;
  rapt_context *ctx = m->t->ctx;
  out->ids = rapt__new(ctx, count + 1, sizeof *out->ids);
  out->types = rapt__new(ctx, count + 1, sizeof *out->types);
  out->words = rapt__new(ctx, count + 1, sizeof *out->words);
  out->texts = rapt__new(ctx, count + 1, sizeof *out->texts);
  out->bytes = rapt__new(ctx, count + 1, sizeof *out->bytes);
  out->chars = rapt__new(ctx, count + 1, sizeof *out->chars);
  out->special = rapt__new(ctx, count + 1, sizeof *out->special);
  out->attention = rapt__new(ctx, count + 1, sizeof *out->attention);
  return out->ids && out->types && out->words && out->texts && out->bytes && out->chars && out->special &&
                 out->attention
             ? RAPT_OK
             : RAPT_ENOMEM;
}

static void put(rapt_encoding *out, int32_t id, int32_t type, int32_t text, int32_t word) {
  int64_t i = out->count++;
  out->ids[i] = id;
  out->types[i] = type;
  out->texts[i] = text;
  out->words[i] = word;
  out->special[i] = text < 0;
  out->attention[i] = true;
}

static void put_side(maker *m, int text, int32_t type) {
  const side *x = &m->sides[text];
  for (size_t i = x->first; i < x->first + x->count; i++) {
    rapt__origin o = x->e.from[i];
    m->out->bytes[m->out->count] = (rapt_span){o.start, o.end};
    put(m->out, x->e.ids[i], type, text, x->e.words[i]);
  }
}

/* Characters before each byte; an invalid byte is a character. */
static rapt_status count_chars(maker *m, int text) {
  const rapt__view *v = &m->sides[text].e.original;
  uint32_t *before = rapt__new(m->t->ctx, v->size + 1, sizeof *before), n = 0, code;
  if (!before) return RAPT_ENOMEM;
  for (size_t at = 0, k; at < v->size; at += k, n++) {
    k = rapt__view_char(v, at, &code);
    for (size_t i = 0; i < k; i++) before[at + i] = n;
  }
  before[v->size] = n;
  for (int64_t i = 0; i < m->out->count; i++) {
    if (m->out->texts[i] != text) continue;
    rapt_span b = m->out->bytes[i];
    m->out->chars[i] = (rapt_span){before[b.start], before[b.end]};
  }
  rapt__free(m->t->ctx, before);
  return RAPT_OK;
}

static void put_padding(maker *m, size_t padding) {
  const rapt__padding *p = &m->t->padding;
  rapt_encoding *out = m->out;
  size_t had = (size_t)out->count;
  for (size_t i = 0; i < padding; i++) {
    put(out, p->id, p->type, -1, -1);
    out->attention[out->count - 1] = false;
  }
  if (!p->left || had == 0) return;
#define ROTATE(field)                                                                                                  \
  do {                                                                                                                 \
    for (size_t k = had; k-- > 0;) out->field[k + padding] = out->field[k];                                            \
  } while (0)
  ROTATE(ids);
  ROTATE(types);
  ROTATE(texts);
  ROTATE(words);
  ROTATE(special);
  ROTATE(attention);
  ROTATE(bytes);
  ROTATE(chars);
#undef ROTATE
  out->count = 0;
  for (size_t i = 0; i < padding; i++) {
    out->bytes[i] = out->chars[i] = (rapt_span){0, 0};
    put(out, p->id, p->type, -1, -1);
    out->attention[i] = false;
  }
  out->count = (int64_t)(had + padding);
}

static size_t padded(const maker *m, size_t count) {
  const rapt__padding *p = &m->t->padding;
  if (!m->o->pad || !p->on) return count;
  size_t want = p->length > 0 ? (size_t)p->length : count, multiple = (size_t)p->multiple;
  if (multiple > 0 && want % multiple) want += multiple - want % multiple;
  return want > count ? want : count;
}

static rapt_status assemble(maker *m) {
  const rapt_tokenizer *t = m->t;
  const rapt__text_step *s = m->o->special_tokens ? template_of(t) : NULL;
  int pair = m->texts == 2;
  int64_t specials = specials_of(s, pair);
  int64_t most = m->o->max_length > 0 ? m->o->max_length : t->truncation.max_length;
  if (m->o->max_length > 0 || (m->o->truncate && t->truncation.on)) RAPT_TRY(cut_sides(m, most - specials));
  size_t count = m->sides[0].count + m->sides[1].count, used[2] = {0, 0};
  for (size_t i = 0; s && i < s->piece_count[pair]; i++)
    if (s->pieces[pair][i].sequence >= 0) used[s->pieces[pair][i].sequence]++;
  if (s) count = (size_t)specials + used[0] * m->sides[0].count + used[1] * m->sides[1].count;
  size_t all = padded(m, count);
  RAPT_TRY(make_arrays(m, all));
  for (size_t i = 0; s && i < s->piece_count[pair]; i++) {
    const rapt__slot_piece *p = &s->pieces[pair][i];
    if (p->sequence >= 0) put_side(m, p->sequence, p->type);
    for (size_t k = 0; p->sequence < 0 && k < p->count; k++) put(m->out, p->ids[k], p->type, -1, -1);
  }
  for (int i = 0; !s && i < m->texts; i++) put_side(m, i, i);
  for (int i = 0; i < m->texts; i++) RAPT_TRY(count_chars(m, i));
  put_padding(m, all - count);
  return RAPT_OK;
}

static rapt_status encode_side(maker *m, int i, const char *text, size_t size) {
  side *x = &m->sides[i];
  x->e = (rapt__text_encoder){.t = m->t, .tracked = true, .no_special = m->o->specials_are_text};
  RAPT_TRY(rapt__encode_text(&x->e, text, size));
  x->count = x->e.count;
  const rapt__steps *steps = &m->t->steps[RAPT__POST_PROCESSOR];
  for (size_t k = 0; k < steps->count; k++)
    if (steps->items[k].on[2] && steps->items[k].type != RAPT__TEMPLATE) trim(m->t, &steps->items[k], x);
  return RAPT_OK;
}

rapt_status rapt_tokenizer_encode_with(const rapt_tokenizer *t, const char *text, size_t size, const char *pair,
                                       size_t pair_size, const rapt_encode_options *options, rapt_encoding **out) {
  static const rapt_encode_options none = {0};
  *out = NULL;
  maker m = {.t = t, .o = options ? options : &none, .texts = pair ? 2 : 1};
  if (m.o->max_length < 0)
    return rapt__fail(t->ctx, RAPT_EINVAL, "a greatest length of %lld ids", (long long)m.o->max_length);
  m.out = rapt__new(t->ctx, 1, sizeof *m.out);
  if (!m.out) return RAPT_ENOMEM;
  rapt_status status = encode_side(&m, 0, text, size);
  if (status == RAPT_OK && pair) status = encode_side(&m, 1, pair, pair_size);
  if (status == RAPT_OK) status = assemble(&m);
  for (int i = 0; i < 2; i++)
    if (m.sides[i].e.t) rapt__text_encoder_free(&m.sides[i].e);
  if (status != RAPT_OK)
    rapt_encoding_free(t, m.out);
  else
    *out = m.out;
  return status;
}

void rapt_encoding_free(const rapt_tokenizer *t, rapt_encoding *e) {
  if (!e) return;
  void *arrays[] = {e->ids, e->types, e->words, e->texts, e->bytes, e->chars, e->special, e->attention, e};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) rapt__free(t->ctx, arrays[i]);
}
