/* From a published file to the file on disk, with size and SHA-256 compared on the way. libarchive reads what comes from
 * outside; no more is unpacked than the table allows. */
#include "data/unpack.h"

#include "base/file.h"
#include "base/lazy.h"

#include <archive.h>
#include <archive_entry.h>
#include <sha256.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { BLOCK = 65536 };

/* The formatter does not settle on a form for this list. */
/* clang-format off */
#define ARCHIVE_LIST(X)                                                                                                \
  X(entry_filetype) X(entry_pathname) X(error_string) X(read_data) X(read_free) X(read_new) X(read_next_header)        \
  X(read_open_filename) X(read_support_filter_bzip2) X(read_support_format_empty) X(read_support_format_raw)           \
  X(read_support_format_zip)
/* clang-format on */
typedef struct library {
#define ARCHIVE_FIELD(name) __typeof__(archive_##name) *name;
  ARCHIVE_LIST(ARCHIVE_FIELD)
#undef ARCHIVE_FIELD
} library;

static rapt_status load(rapt_context *ctx, library *l) {
#define ARCHIVE_SYMBOL(name) {"archive_" #name, &l->name},
  const rapt__symbol symbols[] = {ARCHIVE_LIST(ARCHIVE_SYMBOL)};
#undef ARCHIVE_SYMBOL
  return rapt__lazy_load(ctx, "libarchive.so.13", "fetching data", false, symbols, sizeof symbols / sizeof *symbols);
}

typedef struct unpacking {
  library lib;
  rapt_context *ctx;
  const rapt__data_file *file;
  rapt__out out;
  z_stream deflate;
  bool gz;
  uint8_t *in, *packed; /* owned, BLOCK bytes each */
  SHA256_CTX sha;
  uint64_t size;
} unpacking;

static rapt_status emit(unpacking *u, const uint8_t *data, size_t size, bool last) {
  if (!u->gz) return rapt__out_write(&u->out, data, size);
  u->deflate.next_in = (uint8_t *)(uintptr_t)data;
  u->deflate.avail_in = (unsigned)size;
  do {
    u->deflate.next_out = u->packed;
    u->deflate.avail_out = BLOCK;
    deflate(&u->deflate, last ? Z_FINISH : Z_NO_FLUSH); /* cannot fail on a stream that was set up */
    RAPT_TRY(rapt__out_write(&u->out, u->packed, BLOCK - u->deflate.avail_out));
  } while (u->deflate.avail_out == 0);
  return RAPT_OK;
}

static rapt_status damaged(unpacking *u, struct archive *a, const char *from) {
  const char *why = u->lib.error_string(a);
  return rapt__fail(u->ctx, RAPT_EFORMAT, "%s: cannot be unpacked: %s", from, why ? why : "it is damaged");
}

static rapt_status find(unpacking *u, struct archive *a, const char *from, const char *member) {
  struct archive_entry *entry;
  int code;
  while ((code = u->lib.read_next_header(a, &entry)) == ARCHIVE_OK || code == ARCHIVE_WARN) {
    const char *name = u->lib.entry_pathname(entry);
    if (!member || (name && strcmp(name, member) == 0 && u->lib.entry_filetype(entry) == AE_IFREG)) return RAPT_OK;
  }
  if (code != ARCHIVE_EOF) return damaged(u, a, from);
  return rapt__fail(u->ctx, RAPT_EFORMAT, "%s: the archive has no file %s", from, member ? member : "at all");
}

static rapt_status copy(unpacking *u, struct archive *a, const char *from) {
  for (;;) {
    la_ssize_t got = u->lib.read_data(a, u->in, BLOCK);
    if (got < 0) return damaged(u, a, from);
    if (got == 0) return emit(u, u->in, 0, true);
    SHA256Update(&u->sha, u->in, (size_t)got);
    u->size += (uint64_t)got;
    if (u->size > u->file->size) return rapt__data_compare(u->ctx, u->file, from, u->size, "");
    RAPT_TRY(emit(u, u->in, (size_t)got, false));
  }
}

static rapt_status run(unpacking *u, struct archive *a, rapt__packing packing, const char *from, const char *member) {
  int bad = packing == RAPT__ZIP ? u->lib.read_support_format_zip(a) : u->lib.read_support_format_raw(a);
  if (packing == RAPT__ZIP) bad |= u->lib.read_support_format_empty(a);
  if (packing == RAPT__BZIP2) bad |= u->lib.read_support_filter_bzip2(a);
  if (bad) return rapt__fail(u->ctx, RAPT_EUNSUPPORTED, "%s: this libarchive cannot read it", from);
  if (u->lib.read_open_filename(a, from, BLOCK) != ARCHIVE_OK) return damaged(u, a, from);
  RAPT_TRY(find(u, a, from, member));
  RAPT_TRY(copy(u, a, from));
  uint8_t sum[SHA256_DIGEST_LENGTH];
  char sha256[2 * SHA256_DIGEST_LENGTH + 1];
  SHA256Final(sum, &u->sha);
  for (int i = 0; i < SHA256_DIGEST_LENGTH; i++) sprintf(sha256 + 2 * i, "%02x", sum[i]);
  return rapt__data_compare(u->ctx, u->file, from, u->size, sha256);
}

/* 31: a gzip header, whose time is 0, so that the same content gives the same file. */
static rapt_status begin(unpacking *u) {
  u->in = rapt__alloc(u->ctx, BLOCK);
  u->packed = rapt__alloc(u->ctx, BLOCK);
  if (!u->in || !u->packed) return RAPT_ENOMEM;
  if (rapt__data_is_gz(u->file->name)) {
    if (deflateInit2(&u->deflate, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK)
      return rapt__fail_memory(u->ctx, 1 << 18);
    u->gz = true;
  }
  SHA256Init(&u->sha);
  return RAPT_OK;
}

rapt_status rapt__unpack(rapt_context *ctx, const rapt__data_file *file, rapt__packing packing, const char *from,
                         const char *member, const char *to) {
  unpacking u = {.ctx = ctx, .file = file};
  RAPT_TRY(load(ctx, &u.lib));
  struct archive *a = u.lib.read_new();
  rapt_status status = a ? begin(&u) : rapt__fail_memory(ctx, sizeof u);
  if (status == RAPT_OK) status = rapt__out_open(ctx, to, &u.out);
  if (status == RAPT_OK) {
    status = run(&u, a, packing, from, member);
    if (status == RAPT_OK)
      status = rapt__out_commit(&u.out);
    else
      rapt__out_abort(&u.out);
  }
  if (u.gz) deflateEnd(&u.deflate);
  rapt__free(ctx, u.in);
  rapt__free(ctx, u.packed);
  u.lib.read_free(a);
  return status;
}
