/* rapt explain: finds the recipe's explanation, gives it a sheet, and keeps what it wrote. */
#include "recipes/recipes.h"

#include "base/file.h"

static rapt_status unexplained(rapt_context *ctx, const rapt__recipe *recipe) {
  char names[512] = "";
  size_t used = 0;
  for (int i = 0; rapt__recipes[i]; i++) {
    if (!rapt__recipes[i]->explain) continue;
    int n = snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", rapt__recipes[i]->info.id);
    if (n < 0 || (size_t)n >= sizeof names - used) break;
    used += (size_t)n;
  }
  return rapt__fail(ctx, RAPT_EUNSUPPORTED,
                    "the recipe %s has no explanation; `rapt show %s` says what it does (with an explanation: %s)",
                    recipe->info.id, recipe->info.id, names);
}

static rapt_status keep_in(rapt__explanation *e, const char *dir) {
  const rapt_recipe_info *info = &e->recipe->info;
  RAPT_TRY(rapt__make_dirs(e->ctx, dir));
  const char *text = rapt__arena_format(&e->arena, "%s/explain.txt", dir);
  const char *page = rapt__arena_format(&e->arena, "%s/explain.html", dir);
  if (!text || !page) return RAPT_ENOMEM;
  RAPT_TRY(rapt__file_replace(e->ctx, text, e->sheet->plain.data, e->sheet->plain.size));
  return rapt__sheet_write(e->sheet, page, info->title, info->paper);
}

static rapt_status explain(rapt__explanation *e, const rapt_explain_options *options) {
  const rapt_recipe_info *info = &e->recipe->info;
  RAPT_TRY(e->recipe->explain(e));
  RAPT_TRY(e->sheet->status);
  if (options->html) RAPT_TRY(rapt__sheet_write(e->sheet, options->html, info->title, info->paper));
  return options->out ? keep_in(e, options->out) : RAPT_OK;
}

rapt_status rapt_recipe_explain(rapt_context *ctx, const char *id, const rapt_explain_options *options,
                                rapt_explain_fn tell, void *user) {
  static const rapt_explain_options none = {.seed = 1};
  const rapt__recipe *recipe = rapt__recipe_named(ctx, id);
  if (!recipe) return rapt_context_status(ctx);
  if (!recipe->explain) return unexplained(ctx, recipe);
  if (!options) options = &none;
  rapt__sheet sheet;
  rapt__explanation e = {
      .ctx = ctx, .recipe = recipe, .sentence = options->sentence, .seed = options->seed, .sheet = &sheet};
  rapt__arena_init(&e.arena, ctx);
  rapt__sheet_init(&sheet, ctx, tell, user);
  rapt_status status = explain(&e, options);
  rapt__sheet_free(&sheet);
  rapt__arena_free(&e.arena);
  return status;
}
