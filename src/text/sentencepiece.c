/* Reading SentencePiece's models (Kudo & Richardson 2018), and building tokenizers of pieces, scores and types. */
#include "text/sentencepiece.h"

#include "text/protobuf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MARK "\xE2\x96\x81"

/* ---- Steps ---- */

static rapt_status put_base64(rapt__text *out, const char *bytes, size_t size) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < size; i += 3) {
    uint32_t bits = 0;
    size_t n = size - i < 3 ? size - i : 3;
    for (size_t k = 0; k < 3; k++) bits = bits << 8 | (k < n ? (unsigned char)bytes[i + k] : 0);
    char four[4];
    for (size_t k = 0; k < 4; k++) four[k] = k <= n ? letters[bits >> (18 - 6 * k) & 63] : '=';
    RAPT_TRY(rapt__text_add(out, four, 4));
  }
  return RAPT_OK;
}

static rapt_status normalizer_json(const rapt__spm *m, rapt__text *out) {
  const char *comma = "";
  RAPT_TRY(rapt__text_addf(out, "{\"type\":\"Sequence\",\"normalizers\":["));
  if (m->charsmap) {
    RAPT_TRY(rapt__text_addf(out, "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\""));
    RAPT_TRY(put_base64(out, m->charsmap, m->charsmap_size));
    RAPT_TRY(rapt__text_addf(out, "\"}"));
    comma = ",";
  }
  if (m->remove_spaces) {
    RAPT_TRY(rapt__text_addf(out,
                             "%s{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true},{\"type\":\"Replace\","
                             "\"pattern\":{\"Regex\":\" {2,}\"},\"content\":\" \"}",
                             comma));
    comma = ",";
  }
  if (m->bpe && m->dummy_prefix && !m->suffix) {
    RAPT_TRY(rapt__text_addf(out, "%s{\"type\":\"Prepend\",\"prepend\":\"" MARK "\"}", comma));
    comma = ",";
  }
  if (m->bpe && m->escape)
    RAPT_TRY(rapt__text_addf(out, "%s{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"" MARK "\"}",
                             comma));
  return rapt__text_addf(out, "]}");
}

static rapt_status keep(rapt_tokenizer *t, rapt__section section, const char *json) {
  t->sections[section] = rapt__arena_strdup(&t->arena, json);
  return t->sections[section] ? RAPT_OK : RAPT_ENOMEM;
}

static rapt_status keep_sections(rapt_tokenizer *t, const rapt__spm *m) {
  rapt__text json;
  rapt__text_init(&json, t->ctx);
  rapt_status status = normalizer_json(m, &json);
  if (status == RAPT_OK) status = keep(t, RAPT__NORMALIZER, json.data);
  rapt__text_free(&json);
  RAPT_TRY(status);
  const char *prefix = m->dummy_prefix ? "always" : "never";
  char meta[160], decoder[400];
  snprintf(meta, sizeof meta,
           "{\"type\":\"Metaspace\",\"replacement\":\"" MARK "\",\"prepend_scheme\":\"%s\",\"split\":true}", prefix);
  if (!m->bpe) RAPT_TRY(keep(t, RAPT__PRE_TOKENIZER, meta));
  snprintf(decoder, sizeof decoder,
           "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"" MARK
           "\"},\"content\":\" \"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" "
           "\",\"start\":%d,\"stop\":0}]}",
           m->dummy_prefix ? 1 : 0);
  return keep(t, RAPT__DECODER, decoder);
}

static rapt_status add_step(rapt_tokenizer *t, rapt__section section, rapt__text_step s) {
  rapt__steps *steps = &t->steps[section];
  RAPT_TRY(rapt__reserve(t->ctx, (void **)&steps->items, &steps->room, steps->count, sizeof s));
  steps->items[steps->count++] = s;
  return RAPT_OK;
}

static rapt_status make_steps(rapt_tokenizer *t, const rapt__spm *m) {
  rapt__text_step s = {.type = RAPT__SENTENCEPIECE, .on = {m->remove_spaces, m->dummy_prefix, m->suffix, m->escape}};
  s.user_defined = t->users.count ? &t->users : NULL;
  RAPT_TRY(add_step(t, RAPT__NORMALIZER, s));
  if (m->charsmap)
    RAPT_TRY(rapt__charsmap_new(t->ctx, m->charsmap, m->charsmap_size, &t->steps[RAPT__NORMALIZER].items[0].map));
  s = (rapt__text_step){.type = RAPT__SENTENCEPIECE_DECODER, .on = {m->remove_spaces, m->dummy_prefix}};
  return add_step(t, RAPT__DECODER, s);
}

/* ---- Pieces ---- */

static rapt_status add_pieces(rapt_tokenizer *t, const char *name, const rapt__spm *m) {
  for (size_t i = 0; i < m->count; i++) {
    const rapt__spm_piece *p = &m->pieces[i];
    if (p->size == 0) return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: piece %zu is empty", name, i);
    if (rapt__utf8_valid(p->bytes, p->size) != p->size)
      return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: piece %zu is not valid UTF-8", name, i);
    if (rapt__table_find(&t->ids, p->bytes, p->size, 0))
      return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: piece %zu (\"%.*s\") is there twice", name, i,
                        (int)(p->size < 40 ? p->size : 40), p->bytes);
    if (!isfinite(p->score)) return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: piece %zu has no finite score", name, i);
    if (p->type < RAPT__NORMAL || p->type > RAPT__BYTE)
      return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: piece %zu has the type %d", name, i, p->type);
    RAPT_TRY(rapt__tokenizer_add(t, (int64_t)i, p->bytes, p->size, true, name));
    rapt__token *token = &t->tokens[i];
    token->score = (double)p->score;
    token->type = (uint8_t)p->type;
    token->special = p->type == RAPT__CONTROL || p->type == RAPT__UNKNOWN;
    if (p->type == RAPT__UNKNOWN) {
      if (t->unknown >= 0) return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: two pieces stand for unknown ones", name);
      t->unknown = (int32_t)i;
      t->unknown_text = token->bytes;
    }
    if (p->type != RAPT__USER_DEFINED) continue;
    RAPT_TRY(rapt__reserve(t->ctx, (void **)&t->users.items, &t->users.room, t->users.count, sizeof *t->users.items));
    t->users.items[t->users.count++] = (rapt__added_token){.id = (int32_t)i, .pattern = {token->bytes, token->size}};
  }
  rapt__added_order(&t->users);
  return t->unknown >= 0 ? RAPT_OK : rapt__fail(t->ctx, RAPT_EFORMAT, "%s: no piece stands for what is unknown", name);
}

static int by_score(const void *a, const void *b) {
  const rapt__spm_piece *x = *(const rapt__spm_piece *const *)a, *y = *(const rapt__spm_piece *const *)b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return (x > y) - (x < y);
}

static bool merges(const rapt_tokenizer *t, const rapt__slot *s) {
  return s && t->tokens[s->value].type != RAPT__USER_DEFINED && t->tokens[s->value].type != RAPT__CONTROL &&
         t->tokens[s->value].type != RAPT__BYTE && t->tokens[s->value].type != RAPT__UNKNOWN;
}

/* Two neighbours are joined whenever the two together are a piece; its score is the rank. */
static rapt_status piece_merges(rapt_tokenizer *t, const rapt__spm_piece *p, int32_t rank, const char *name) {
  int32_t made = (int32_t)rapt__table_find(&t->ids, p->bytes, p->size, 0)->value;
  uint32_t code;
  for (size_t at = rapt__utf8(p->bytes, p->size, &code); at < p->size;
       at += rapt__utf8(p->bytes + at, p->size - at, &code)) {
    const rapt__slot *left = rapt__table_find(&t->ids, p->bytes, at, 0);
    const rapt__slot *right = rapt__table_find(&t->ids, p->bytes + at, p->size - at, 0);
    if (!merges(t, left) || !merges(t, right)) continue;
    bool added;
    int32_t old;
    RAPT_TRY(rapt__reserve(t->ctx, (void **)&t->merges, &t->merge_capacity, t->merge_count, sizeof *t->merges));
    uint64_t pair = (uint64_t)(uint32_t)left->value << 32 | (uint32_t)right->value;
    RAPT_TRY(rapt__join_add(t->ctx, &t->joins, (rapt__join){pair, rank, made}, &added, &old));
    if (!added) return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: the piece \"%.40s\" is there twice", name, p->bytes);
    t->merges[t->merge_count++] = (rapt__merge){(int32_t)left->value, (int32_t)right->value, made};
  }
  return RAPT_OK;
}

static rapt_status make_merges(rapt_tokenizer *t, const rapt__spm *m, const char *name) {
  enum { LONGEST = 1024 }; /* a piece of n bytes has n splits, each of which is hashed */
  const rapt__spm_piece **order = rapt__new(t->ctx, m->count + 1, sizeof *order);
  if (!order) return RAPT_ENOMEM;
  size_t count = 0;
  for (size_t i = 0; i < m->count; i++)
    if ((m->pieces[i].type == RAPT__NORMAL || m->pieces[i].type == RAPT__UNUSED) && m->pieces[i].size <= LONGEST)
      order[count++] = &m->pieces[i];
  qsort(order, count, sizeof *order, by_score);
  rapt_status status = RAPT_OK;
  int32_t rank = 0;
  for (size_t i = 0; i < count && status == RAPT_OK; i++) {
    if (i > 0 && order[i]->score != order[i - 1]->score) rank++;
    status = piece_merges(t, order[i], rank, name);
  }
  rapt__free(t->ctx, order);
  t->ranked = true;
  return status;
}

static rapt_status build(rapt_tokenizer *t, const char *name, const rapt__spm *m) {
  t->single = true;
  t->fuse_unknown = true;
  t->byte_fallback = m->byte_fallback;
  RAPT_TRY(add_pieces(t, name, m));
  RAPT_TRY(make_steps(t, m));
  RAPT_TRY(keep_sections(t, m));
  if (m->bpe) RAPT_TRY(make_merges(t, m, name));
  return rapt__tokenizer_finish(t, name);
}

rapt_status rapt__spm_build(rapt_context *ctx, const char *name, const rapt__spm *m, rapt_tokenizer **out) {
  *out = NULL;
  rapt_tokenizer *t;
  RAPT_TRY(rapt__tokenizer_new(ctx, m->bpe ? RAPT__BPE : RAPT__UNIGRAM, &t));
  return rapt__tokenizer_out(build(t, name, m), t, out);
}

/* ---- The file ---- */

static rapt_status not_a_model(rapt_context *ctx, const char *name, const char *what, size_t at) {
  return rapt__fail(ctx, RAPT_EFORMAT, "%s: byte %zu: %s; a SentencePiece model is a message of protocol buffers", name,
                    at, what);
}

static bool read_piece(const rapt__pb_field *f, rapt__spm_piece *p) {
  rapt__pb pb = {f->bytes, f->bytes + f->size, false};
  rapt__pb_field g;
  *p = (rapt__spm_piece){"", 0, 0, RAPT__NORMAL};
  while (rapt__pb_next(&pb, &g)) {
    if (g.number == 1 && g.wire == 2) {
      p->bytes = g.bytes;
      p->size = g.size;
    } else if (g.number == 2 && g.wire == 5) {
      p->score = rapt__pb_float(&g);
    } else if (g.number == 3 && g.wire == 0) {
      p->type = g.value > 100 ? -1 : (int32_t)g.value;
    }
  }
  return !pb.bad;
}

static rapt_status read_trainer(rapt_context *ctx, const char *name, const rapt__pb_field *f, rapt__spm *m) {
  enum { UNIGRAM = 1, BPE = 2 };
  rapt__pb pb = {f->bytes, f->bytes + f->size, false};
  rapt__pb_field g;
  while (rapt__pb_next(&pb, &g)) {
    if (g.wire != 0) continue;
    if (g.number == 3) {
      if (g.value != UNIGRAM && g.value != BPE)
        return rapt__fail(
            ctx, RAPT_EUNSUPPORTED,
            "%s: the model's type is %llu; 1 (unigram) and 2 (bpe) are known, words and characters are not", name,
            (unsigned long long)g.value);
      m->bpe = g.value == BPE;
    }
    if (g.number == 24) m->suffix = g.value != 0;
    if (g.number == 35) m->byte_fallback = g.value != 0;
  }
  return pb.bad ? rapt__fail(ctx, RAPT_EFORMAT, "%s: the trainer's settings break off", name) : RAPT_OK;
}

static rapt_status read_normalizer(rapt_context *ctx, const char *name, const rapt__pb_field *f, rapt__spm *m) {
  rapt__pb pb = {f->bytes, f->bytes + f->size, false};
  rapt__pb_field g;
  while (rapt__pb_next(&pb, &g)) {
    if (g.number == 2 && g.wire == 2 && g.size) {
      m->charsmap = g.bytes;
      m->charsmap_size = g.size;
    }
    if (g.wire != 0) continue;
    if (g.number == 3) m->dummy_prefix = g.value != 0;
    if (g.number == 4) m->remove_spaces = g.value != 0;
    if (g.number == 5) m->escape = g.value != 0;
  }
  return pb.bad ? rapt__fail(ctx, RAPT_EFORMAT, "%s: the normalizer's settings break off", name) : RAPT_OK;
}

static rapt_status read_model(rapt_context *ctx, const char *name, const char *bytes, size_t size, rapt__spm *m) {
  rapt__pb pb = {bytes, bytes + size, false};
  rapt__pb_field f;
  for (const char *start = pb.at; rapt__pb_next(&pb, &f); start = pb.at) {
    if (f.wire != 2) continue;
    if (f.number == 1) {
      RAPT_TRY(rapt__reserve(ctx, (void **)&m->pieces, &m->room, m->count, sizeof *m->pieces));
      if (!read_piece(&f, &m->pieces[m->count]))
        return not_a_model(ctx, name, "a piece breaks off", (size_t)(start - bytes));
      m->count++;
    }
    if (f.number == 2) RAPT_TRY(read_trainer(ctx, name, &f, m));
    if (f.number == 3) RAPT_TRY(read_normalizer(ctx, name, &f, m));
  }
  if (pb.bad) return not_a_model(ctx, name, "it breaks off or is something else", (size_t)(pb.at - bytes));
  return m->count ? RAPT_OK : rapt__fail(ctx, RAPT_EFORMAT, "%s: there are no pieces", name);
}

rapt_status rapt__tokenizer_sentencepiece(rapt_context *ctx, const char *name, const char *bytes, size_t size,
                                          rapt_tokenizer **out) {
  *out = NULL;
  rapt__spm m = {.dummy_prefix = true, .remove_spaces = true, .escape = true};
  rapt_tokenizer *t = NULL;
  rapt_status status = read_model(ctx, name, bytes, size, &m);
  if (status == RAPT_OK) status = rapt__spm_build(ctx, name, &m, &t);
  rapt__free(ctx, m.pieces);
  char *copy = status == RAPT_OK ? rapt__arena_new(&t->arena, size, 1) : NULL;
  if (status == RAPT_OK && !copy) status = RAPT_ENOMEM;
  if (status == RAPT_OK) {
    memcpy(copy, bytes, size);
    t->exact = copy;
    t->exact_size = size;
  }
  return rapt__tokenizer_out(status, t, out);
}
