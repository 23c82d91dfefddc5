/* Reading a SWORD module: whatever the index files say is compared with what is there. */
#include "data/sword.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { PLACES, VERSES, BLOCKS, FILES };
enum { PLACE = 12, RECORD = 10 };                   /* bytes of an entry of the two index files */
static const size_t limit = (size_t)1 << 26;        /* bytes of a file */
static const uint64_t unpacked = (uint64_t)1 << 28; /* of all blocks of a testament */

/* ---- Versification ---- */

typedef struct book {
  int testament;
  const uint8_t *chapters; /* verses of each; 0 behind the last */
} book;

#define BOOK(testament, ...) {RAPT__##testament, (const uint8_t[]){__VA_ARGS__, 0}},
static const book books[] = {
#include "data/verses.def"
};
#undef BOOK
enum { BOOKS = sizeof books / sizeof *books };

/* Goes through the records of a testament. Two of the module come first; then a book has one, a chapter one, each verse one. */
typedef struct walk {
  int book, chapter, verse; /* the newest record; verse 0: a heading */
  size_t number;            /* of the verse among all */
} walk;

static walk begin_walk(int testament) {
  walk w = {.book = 0, .chapter = -1};
  for (; books[w.book].testament != testament; w.book++)
    for (const uint8_t *c = books[w.book].chapters; *c; c++) w.number += *c;
  return w;
}

/* Steps to the next record; false behind the last. */
static bool step(walk *w, int testament) {
  if (w->book >= BOOKS || books[w->book].testament != testament) return false;
  const uint8_t *chapters = books[w->book].chapters;
  if (w->chapter >= 0 && w->verse < chapters[w->chapter]) {
    w->number += w->verse > 0;
    w->verse++;
    return true;
  }
  w->number += w->verse > 0;
  w->verse = 0;
  if (chapters[w->chapter + 1]) {
    w->chapter++;
    return true;
  }
  w->chapter = -1;
  w->book++;
  return w->book < BOOKS && books[w->book].testament == testament;
}

/* ---- Blocks ---- */

static uint32_t le32(const uint8_t *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

typedef struct testament {
  rapt_context *ctx;
  const rapt__sword_files *files;
  size_t count;  /* blocks */
  size_t *begin; /* (count + 1) owned: of each in */
  uint8_t *text; /* owned */
} testament;

static rapt_status find_blocks(testament *t) {
  const rapt__sword_files *f = t->files;
  uint64_t all = 0;
  if (f->sizes[PLACES] % PLACE)
    return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: %zu bytes are no whole number of entries of %d; the file is cut off",
                      f->names[PLACES], f->sizes[PLACES], PLACE);
  t->count = f->sizes[PLACES] / PLACE;
  t->begin = rapt__new(t->ctx, t->count + 1, sizeof *t->begin);
  if (!t->begin) return RAPT_ENOMEM;
  for (size_t b = 0; b < t->count; b++) {
    const uint8_t *p = f->data[PLACES] + b * PLACE;
    uint64_t end = (uint64_t)le32(p) + le32(p + 4);
    if (end > f->sizes[BLOCKS])
      return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: byte %zu: block %zu ends at byte %llu, but %s has %zu",
                        f->names[PLACES], b * PLACE, b, (unsigned long long)end, f->names[BLOCKS], f->sizes[BLOCKS]);
    all += le32(p + 8);
    if (all > unpacked)
      return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: byte %zu: the blocks would have more than %llu bytes",
                        f->names[PLACES], b * PLACE, (unsigned long long)unpacked);
    t->begin[b + 1] = (size_t)all;
  }
  return RAPT_OK;
}

static rapt_status unpack(testament *t) {
  const rapt__sword_files *f = t->files;
  RAPT_TRY(find_blocks(t));
  t->text = rapt__alloc(t->ctx, t->begin[t->count] + 1);
  if (!t->text) return RAPT_ENOMEM;
  for (size_t b = 0; b < t->count; b++) {
    const uint8_t *p = f->data[PLACES] + b * PLACE;
    uLongf size = (uLongf)(t->begin[b + 1] - t->begin[b]), wanted = size;
    if (size == 0) continue;
    uint32_t packed = le32(p + 4);
    int code = packed ? uncompress(t->text + t->begin[b], &size, f->data[BLOCKS] + le32(p), packed) : Z_DATA_ERROR;
    if (code == Z_MEM_ERROR) return rapt__fail_memory(t->ctx, 1 << 16);
    if (code != Z_OK || size != wanted)
      return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: byte %lu: block %zu is damaged; get the module again",
                        f->names[BLOCKS], (unsigned long)le32(p), b);
  }
  return RAPT_OK;
}

/* ---- Verses ---- */

static rapt_status add_verse(rapt__sword *s, const testament *t, rapt__markup markup, const walk *at, size_t record) {
  const rapt__sword_files *f = t->files;
  const uint8_t *p = f->data[VERSES] + record * RECORD;
  size_t block = le32(p), begin = le32(p + 4), size = (size_t)p[8] | (size_t)p[9] << 8, old = s->text.size;
  if (size == 0) return RAPT_OK;
  if (block >= t->count || begin > t->begin[block + 1] - t->begin[block] ||
      size > t->begin[block + 1] - t->begin[block] - begin)
    return rapt__fail(s->ctx, RAPT_EFORMAT,
                      "%s: byte %zu: bytes %zu to %zu of block %zu are outside the text of %zu blocks",
                      f->names[VERSES], record * RECORD, begin, begin + size, block, t->count);
  rapt_status status;
  const char *wrong =
      rapt__markup_strip(markup, (const char *)t->text + t->begin[block] + begin, size, &s->text, &status);
  if (wrong)
    return rapt__fail(s->ctx, RAPT_EFORMAT, "%s: byte %zu: verse %d of chapter %d of book %d has %s", f->names[VERSES],
                      record * RECORD, at->verse, at->chapter + 1, at->book + 1, wrong);
  s->verses[at->number].begin = old;
  s->verses[at->number].size = s->text.size - old;
  return status;
}

static rapt_status add_verses(rapt__sword *s, const testament *t, int which, rapt__markup markup) {
  const rapt__sword_files *f = t->files;
  size_t records = f->sizes[VERSES] / RECORD, record = 2;
  if (f->sizes[VERSES] % RECORD)
    return rapt__fail(s->ctx, RAPT_EFORMAT, "%s: %zu bytes are no whole number of entries of %d; the file is cut off",
                      f->names[VERSES], f->sizes[VERSES], RECORD);
  walk at = begin_walk(which);
  bool more = true;
  /* The first record of the book stands before its chapters, where the walk begins. */
  for (; more && record < records; record++, more = step(&at, which))
    if (at.verse > 0) RAPT_TRY(add_verse(s, t, markup, &at, record));
  if (record < records)
    return rapt__fail(s->ctx, RAPT_EFORMAT, "%s: %zu entries, and this versification has %zu", f->names[VERSES],
                      records, record);
  return RAPT_OK;
}

void rapt__sword_begin(rapt__sword *sword, rapt_context *ctx) {
  memset(sword, 0, sizeof *sword);
  sword->ctx = ctx;
  rapt__text_init(&sword->text, ctx);
}

rapt_status rapt__sword_parse(rapt__sword *sword, int which, rapt__markup markup, const rapt__sword_files *files) {
  testament t = {.ctx = sword->ctx, .files = files};
  rapt_status status = unpack(&t);
  if (status == RAPT_OK) status = add_verses(sword, &t, which, markup);
  rapt__free(t.ctx, t.begin);
  rapt__free(t.ctx, t.text);
  return status;
}

void rapt__sword_free(rapt__sword *sword) {
  if (!sword->ctx) return;
  rapt__text_free(&sword->text);
  sword->ctx = NULL;
}

/* ---- Files ---- */

static rapt_status read_conf(rapt_context *ctx, const char *dir, const char *module, rapt__sword_conf *out) {
  char *path = rapt__format(ctx, "%s/mods.d/%s.conf", dir, module), *text;
  size_t size;
  if (!path) return RAPT_ENOMEM;
  rapt_status status = rapt__file_read(ctx, path, 1 << 20, &text, &size);
  if (status == RAPT_OK) {
    status = rapt__sword_conf_parse(ctx, path, text, size, out);
    rapt__free(ctx, text);
  }
  rapt__free(ctx, path);
  return status;
}

/* A testament's files, of which a module may lack all: *there. */
static rapt_status read_testament(rapt__sword *s, const char *dir, const rapt__sword_conf *conf, int which,
                                  bool *there) {
  static const char *const testaments[] = {"ot", "nt"}, kinds[FILES] = {'s', 'v', 'z'};
  rapt__sword_files files = {.data = {NULL}};
  rapt__map maps[FILES] = {{0}};
  char *paths[FILES] = {NULL};
  rapt_status status = RAPT_OK;
  for (int i = 0; i < FILES && status == RAPT_OK; i++) {
    paths[i] = rapt__format(s->ctx, "%s/%s/%s.%cz%c", dir, conf->path, testaments[which], conf->block, kinds[i]);
    if (!paths[i]) status = RAPT_ENOMEM;
  }
  *there = status == RAPT_OK && rapt__file_exists(paths[PLACES]);
  for (int i = 0; i < FILES && *there && status == RAPT_OK; i++) {
    status = rapt__map_open(s->ctx, paths[i], &maps[i]);
    if (status == RAPT_OK && maps[i].size > limit)
      status = rapt__fail(s->ctx, RAPT_EFORMAT, "%s: the file is larger than %zu bytes", paths[i], limit);
    files.names[i] = paths[i];
    files.data[i] = maps[i].data;
    files.sizes[i] = maps[i].size;
  }
  if (*there && status == RAPT_OK) status = rapt__sword_parse(s, which, conf->markup, &files);
  for (int i = 0; i < FILES; i++) {
    rapt__map_close(&maps[i]);
    rapt__free(s->ctx, paths[i]);
  }
  return status;
}

rapt_status rapt__sword_read(rapt_context *ctx, const char *dir, const char *module, rapt__sword *out) {
  rapt__sword_conf conf;
  bool any = false;
  rapt__sword_begin(out, ctx);
  RAPT_TRY(read_conf(ctx, dir, module, &conf));
  rapt_status status = RAPT_OK;
  for (int which = 0; which < RAPT__TESTAMENTS && status == RAPT_OK; which++) {
    bool there;
    status = read_testament(out, dir, &conf, which, &there);
    any = any || there;
  }
  if (status == RAPT_OK && !any)
    status = rapt__fail(ctx, RAPT_ENOTFOUND, "%s/%s: there is neither ot.%czs nor nt.%czs", dir, conf.path, conf.block,
                        conf.block);
  rapt__free(ctx, conf.path);
  return status;
}

/* ---- Pairs ---- */

static rapt_status deal(const rapt__sword *both, rapt__parts *parts) {
  for (size_t v = 0; v < RAPT__VERSES; v++) {
    rapt__line pair[2];
    for (int i = 0; i < 2; i++)
      pair[i] = (rapt__line){both[i].text.data + both[i].verses[v].begin, both[i].verses[v].size};
    if (pair[0].size == 0 || pair[1].size == 0) continue;
    int part = v % 30 == 0 ? RAPT__TEST : v % 30 == 15 ? RAPT__VALID : RAPT__TRAIN;
    RAPT_TRY(rapt__parts_add(parts, part, pair));
  }
  return RAPT_OK;
}

rapt_status rapt__sword_pairs(rapt_context *ctx, const char *dir, const char *const modules[2],
                              rapt__bitext out[RAPT__PARTS]) {
  memset(out, 0, RAPT__PARTS * sizeof *out);
  rapt__sword *both = rapt__new(ctx, 2, sizeof *both); /* a megabyte, so not on the stack */
  if (!both) return RAPT_ENOMEM;
  rapt__parts parts;
  rapt__parts_init(&parts, ctx);
  rapt_status status = RAPT_OK;
  for (int i = 0; i < 2 && status == RAPT_OK; i++) status = rapt__sword_read(ctx, dir, modules[i], &both[i]);
  if (status == RAPT_OK) status = deal(both, &parts);
  if (status == RAPT_OK) status = rapt__parts_finish(&parts, modules, out);
  rapt__parts_free(&parts);
  for (int i = 0; i < 2; i++) rapt__sword_free(&both[i]);
  rapt__free(ctx, both);
  return status;
}
