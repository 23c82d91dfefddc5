/* Aligning two files. */
#include <rapt/align.h>

#include "pbmt/align.h"
#include "pbmt/lines.h"

typedef struct files {
  rapt__pbmt_lexicon words[2];
  rapt__pbmt_file file[2];
  rapt__pbmt_links links;
  rapt__text line;
} files;

static rapt_status settings_of(rapt_context *ctx, const rapt_align_options *o, rapt__align_settings *out) {
  static const rapt__align_join joins[] = {[RAPT_ALIGN_GDFA] = RAPT__ALIGN_GDFA,
                                           [RAPT_ALIGN_INTERSECTION] = RAPT__ALIGN_INTERSECTION,
                                           [RAPT_ALIGN_UNION] = RAPT__ALIGN_UNION,
                                           [RAPT_ALIGN_FORWARD] = RAPT__ALIGN_FORWARD,
                                           [RAPT_ALIGN_BACKWARD] = RAPT__ALIGN_BACKWARD};
  *out = RAPT__ALIGN_DEFAULTS;
  if (!o) return RAPT_OK;
  if (o->ibm1_rounds < 0 || o->ibm1_rounds > 1000 || o->hmm_rounds < 0 || o->hmm_rounds > 1000)
    return rapt__fail(ctx, RAPT_EINVAL, "alignment: %d and %d rounds, but each must be 0 to 1000", o->ibm1_rounds,
                      o->hmm_rounds);
  if (o->symmetry > RAPT_ALIGN_BACKWARD || o->model > RAPT_ALIGN_IBM1)
    return rapt__fail(ctx, RAPT_EINVAL, "alignment: there is no model %d or no symmetry %d", (int)o->model,
                      (int)o->symmetry);
  out->model = o->model == RAPT_ALIGN_IBM1 ? RAPT__ALIGN_IBM1 : RAPT__ALIGN_HMM;
  out->join = joins[o->symmetry];
  if (o->ibm1_rounds) out->ibm1_rounds = o->ibm1_rounds;
  if (o->hmm_rounds) out->hmm_rounds = o->hmm_rounds;
  return RAPT_OK;
}

static rapt_status align(rapt_context *ctx, files *f, const char *const path[2], const rapt__align_settings *settings,
                         rapt_align_fn each, void *user) {
  for (int side = 0; side < 2; side++) {
    RAPT_TRY(rapt__pbmt_lexicon_init(&f->words[side], ctx));
    RAPT_TRY(rapt__pbmt_file_read(&f->words[side], path[side], UINT32_MAX - 1, &f->file[side]));
  }
  RAPT_TRY(rapt__pbmt_file_match(path[0], &f->file[0], path[1], &f->file[1]));
  rapt__pbmt_text source = rapt__pbmt_file_text(&f->file[0], &f->words[0]);
  rapt__pbmt_text target = rapt__pbmt_file_text(&f->file[1], &f->words[1]);
  RAPT_TRY(rapt__align_text(ctx, &source, &target, settings, &f->links));
  for (size_t s = 0; s < f->links.count; s++) {
    f->line.size = 0;
    RAPT_TRY(rapt__text_add(&f->line, "", 0));
    RAPT_TRY(rapt__pbmt_links_print(&f->links, s, &f->line));
    each(user, f->line.data, f->line.size);
  }
  return RAPT_OK;
}

rapt_status rapt_align_files(rapt_context *ctx, const char *source, const char *target,
                             const rapt_align_options *options, rapt_align_fn each, void *user) {
  rapt__align_settings settings;
  files f = {0};
  RAPT_TRY(settings_of(ctx, options, &settings));
  rapt__text_init(&f.line, ctx);
  rapt_status status = align(ctx, &f, (const char *const[]){source, target}, &settings, each, user);
  rapt__text_free(&f.line);
  rapt__pbmt_links_free(&f.links);
  for (int side = 0; side < 2; side++) {
    rapt__pbmt_file_free(&f.file[side]);
    rapt__pbmt_lexicon_free(&f.words[side]);
  }
  return status;
}
