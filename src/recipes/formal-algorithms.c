/* Formal Algorithms for Transformers: no data and no training to speak of, but checks that the plain code, the engine
 * and the note say the same, and a sentence to follow by hand. */
#include "recipes/formal_checks.h"

#include "base/file.h"
#include "train/report.h"

#include <stdatomic.h>

static rapt_status report(rapt__formal_verdict *v) {
  const rapt_recipe_info *info = &v->run->recipe->info;
  const char *lines[RAPT__FORMAL_LINES], *page = rapt__run_path(v->run, "report.html");
  size_t count = 0;
  while (count < RAPT__FORMAL_LINES && v->line[count][0]) lines[count] = v->line[count], count++;
  rapt__report page_parts = {.title = info->title,
                             .paper = info->paper,
                             .about = info->about,
                             .verdicts = lines,
                             .verdict_count = count,
                             .command = "rapt train formal-algorithms"};
  return page ? rapt__report_write(v->run->ctx, page, &page_parts) : RAPT_ENOMEM;
}

/* walk.txt and walk.html: what `rapt explain` tells, kept with the run. */
static rapt_status keep_walk(rapt__run *run, rapt__arena *arena) {
  const rapt_recipe_info *info = &run->recipe->info;
  const char *text = rapt__run_path(run, "walk.txt"), *page = rapt__run_path(run, "walk.html");
  rapt__sheet sheet;
  rapt__sheet_init(&sheet, run->ctx, NULL, NULL);
  rapt_status status = text && page ? RAPT_OK : RAPT_ENOMEM;
  if (status == RAPT_OK) status = rapt__formal_walk(&sheet, arena, NULL, (uint64_t)run->common.seed);
  if (status == RAPT_OK) status = rapt__file_replace(run->ctx, text, sheet.plain.data, sheet.plain.size);
  if (status == RAPT_OK) status = rapt__sheet_write(&sheet, page, info->title, info->paper);
  rapt__sheet_free(&sheet);
  if (status == RAPT_OK)
    rapt__run_say(run, RAPT_EVENT_RESULT, "five words walked through attention, every matrix printed: %s", text);
  return status;
}

static rapt_status parts(rapt__formal_verdict *v, rapt__arena *arena) {
  rapt__run *run = v->run;
  for (int part = 0; part < 5; part++) {
    if (atomic_load(&run->ctx->interrupted)) {
      run->result->interrupted = true;
      return RAPT_OK;
    }
    switch (part) {
    case 0: RAPT_TRY(rapt__formal_check_fast(v, arena)); break;
    case 1: RAPT_TRY(rapt__formal_check_gradients(v, arena)); break;
    case 2: RAPT_TRY(rapt__formal_check_counts(v)); break;
    case 3: RAPT_TRY(rapt__formal_check_training(v, arena)); break;
    default: RAPT_TRY(keep_walk(run, arena));
    }
  }
  RAPT_TRY(report(v));
  run->result->figure = v->worst_fast;
  run->result->passed = v->failed == 0;
  rapt__run_say(run, RAPT_EVENT_RESULT, "pass mark: all %d checks hold: %s", v->held + v->failed,
                run->result->passed ? "reached" : "missed");
  return RAPT_OK;
}

static rapt_status formal_algorithms(rapt__run *run) {
  rapt__formal_verdict verdict = {.run = run};
  return parts(&verdict, &run->arena);
}

static rapt_status explain(rapt__explanation *e) {
  return rapt__formal_walk(e->sheet, &e->arena, e->sentence, e->seed);
}

const rapt__recipe rapt__recipe_formal_algorithms = {
    .info = {.id = "formal-algorithms",
             .title = "Formal algorithms for Transformers, checked",
             .paper = "Phuong & Hutter 2022, Formal Algorithms for Transformers",
             .task = "checks",
             .data = "none",
             .paper_figure = "none (pseudocode)",
             .pass_mark = "engine <= 1e-5 from the plain code, gradients <= 1e-6, counts equal",
             .claim = "a page maps each line of the note's pseudocode to a line of C",
             .minutes = 1,
             .about =
                 "The note writes GPT, BERT and the encoder-decoder Transformer as fifteen pieces of pseudocode; "
                 "src/explain/formal/ holds\n"
                 "each as one plain function. This recipe checks that code against differences and formulas, and the "
                 "fast engine\n"
                 "against it, and writes walk.txt: a sentence of five words on its way through attention with every "
                 "matrix printed;\n`rapt explain formal-algorithms` prints it."},
    .no_data = true,
    .no_training = true,
    .run = formal_algorithms,
    .explain = explain};
