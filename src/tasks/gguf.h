/* Models as GGUF files: loaded with their matrices as they lie in the file, and written. */
#ifndef RAPT_SRC_TASKS_GGUF_H
#define RAPT_SRC_TASKS_GGUF_H

#include "formats/gguf.h"
#include "tasks/model.h"

bool rapt__is_gguf(const char *path); /* a file that begins so */
/* `numbers`: all weights are read into float32; else matrices stay in the mapped file. */
rapt_status rapt__gguf_load(rapt_context *ctx, const char *path, bool numbers, rapt_model **out);
/* Matrices as `type` where their rows allow it; see rapt_model_save_gguf. */
rapt_status rapt__gguf_save(const rapt_model *model, const char *path, const rapt__type_info *type);

/* Of the parameter of that name, its row in the architecture's table and its name in files; NULL: it has none. */
const rapt__gguf_name *rapt__gguf_name_of(const rapt__gguf_arch *arch, const char *parameter, char *name, size_t room);
/* One row of a parameter as the file has them: what runs along the inputs. */
void rapt__param_row(const rapt_params *params, const rapt__param *p, bool turned, int64_t row, float *out);

/* gguf_tokenizer.c: *out is NULL where the file has none that rapt reads, which the log tells. */
rapt_status rapt__gguf_read_tokenizer(const rapt__gguf *g, rapt_tokenizer **out);
/* Filled up to `vocabulary` tokens. */
rapt_status rapt__gguf_write_tokenizer(rapt__gguf_out *out, const rapt_tokenizer *t, int64_t vocabulary);

#endif
