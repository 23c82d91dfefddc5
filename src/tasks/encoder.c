/* Plans of encoders. */
#include "tasks/encoder.h"

static rapt__encoder_pass pass_of(rapt_model *model, rapt_graph *graph, int64_t rows, int64_t tokens) {
  int64_t dims[2] = {rows, tokens};
  rapt__encoder_pass pass = {.graph = graph, .params = model->params, .config = model->config};
  pass.tokens = rapt_input(graph, "tokens", RAPT_I32, 2, dims);
  pass.types = rapt_input(graph, "types", RAPT_I32, 2, dims);
  pass.lengths = rapt_input(graph, "lengths", RAPT_I32, 1, dims);
  return pass;
}

static rapt_tensor *logits_of(const rapt__output *out) {
  return out->logits ? out->logits : rapt_linear(out->hidden, out->head, true, out->bias, RAPT_IDENTITY);
}

rapt_status rapt__encoder_build(rapt_model *model, rapt_graph *graph, const int64_t key[4], rapt_tensor **outputs,
                                int *count) {
  const rapt__encoder *arch = model->arch->encoder;
  int64_t rows = key[1], tokens = key[2];
  rapt__encoder_pass pass = pass_of(model, graph, rows, tokens);
  rapt_tensor *x = arch->hidden(&pass);
  *count = 1;
  if (key[0] == RAPT__ENCODE_STATES) {
    outputs[0] = rapt_tap(x, "states");
  } else if (key[0] == RAPT__ENCODE_POOLED) {
    outputs[0] = rapt_tap(arch->pooled(&pass, x), "pooled");
  } else {
    /* The states as a table whose rows `at` chooses. */
    rapt_tensor *at = rapt_input(graph, "at", RAPT_I32, 1, &rows);
    x = rapt_embedding(rapt_reshape(x, 2, (int64_t[]){rows * tokens, rapt_dim(x, 2)}), at);
    rapt__output out = arch->masked(&pass, x);
    outputs[0] = rapt_tap(rapt_softmax(logits_of(&out), NULL), "masked");
  }
  return RAPT_OK;
}

void rapt__encoder_declare(rapt_model *model, rapt_graph *graph) {
  const rapt__encoder *arch = model->arch->encoder;
  rapt__encoder_pass pass = pass_of(model, graph, 1, 1);
  rapt_tensor *x = arch->hidden(&pass);
  if (arch->pooled) arch->pooled(&pass, x);
  if (!arch->masked) return;
  rapt__output out = arch->masked(&pass, x);
  logits_of(&out);
}

rapt_status rapt__model_is_encoder(const rapt_model *model) {
  if (model->arch->encoder) return RAPT_OK;
  return rapt__fail(model->ctx, RAPT_EUNSUPPORTED, "the model (%s) is no encoder, which embeds texts",
                    model->arch->name);
}
