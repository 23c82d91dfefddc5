/* Plans: which nodes are needed, how each is split, running them. */
#include "graph/plan.h"

#include "base/file.h"

#include <math.h>
#include <string.h>

/* What the outputs, taps and updates need, from the last node to the first. */
static void mark_needed(const rapt_graph *graph, rapt_tensor *const *outputs, int count, bool *needed, bool *kept) {
  for (int i = 0; i < count; i++) needed[outputs[i]->node->id] = kept[outputs[i]->id] = true;
  for (size_t n = graph->node_count; n-- > 0;) {
    const rapt__node *node = graph->nodes[n];
    if (node->op->flags & RAPT__EFFECT) needed[n] = true;
    for (int o = 0; o < node->n_out; o++)
      if (node->out[o].tapped) needed[n] = kept[node->out[o].id] = true;
    if (!needed[n]) continue;
    for (int i = 0; i < node->n_in; i++) needed[node->in[i]->node->id] = true;
  }
}

static rapt_status plan_steps(rapt_plan *plan, const bool *needed, size_t *scratch_total) {
  const rapt_graph *graph = plan->graph;
  size_t shared = 0, scratch = 0;
  for (size_t n = 0; n < graph->node_count; n++) plan->count += needed[n] && graph->nodes[n]->op->forward;
  plan->steps = rapt__arena_new(&plan->arena, plan->count, sizeof *plan->steps);
  if (!plan->steps) return RAPT_ENOMEM;
  size_t at = 0;
  for (size_t n = 0; n < graph->node_count; n++) {
    const rapt__node *node = graph->nodes[n];
    if (!needed[n] || !node->op->forward) continue;
    step_node *s = &plan->steps[at++];
    s->node = node;
    s->split = (rapt__split){.phases = 1, .units = {1, 0}, .grain = {1, 1}};
    if (node->op->split) node->op->split(node, plan->k, &s->split);
    for (int p = 0; p < 2; p++)
      if (s->split.grain[p] < 1) s->split.grain[p] = 1;
    if (s->split.shared_bytes > shared) shared = s->split.shared_bytes;
    if (s->split.scratch_bytes > scratch) scratch = s->split.scratch_bytes;
  }
  shared = (shared + 63) & ~(size_t)63;
  plan->scratch_bytes = (scratch + 63) & ~(size_t)63;
  size_t workers;
  if (rapt__mul_overflows(plan->scratch_bytes, (size_t)rapt__team_size(plan->ctx->team), &workers) ||
      rapt__add_overflows(workers, shared, scratch_total))
    return rapt__fail_memory(plan->ctx, SIZE_MAX);
  plan->stats.nodes = (int64_t)plan->count;
  plan->scratch = (char *)shared; /* an offset until the memory is there */
  return RAPT_OK;
}

static rapt_status bind(rapt_plan *plan) {
  for (size_t i = 0; i < plan->count; i++) {
    step_node *s = &plan->steps[i];
    s->in = rapt__arena_new(&plan->arena, (size_t)s->node->n_in + 1, sizeof *s->in);
    s->out = rapt__arena_new(&plan->arena, RAPT__MAX_OUT, sizeof *s->out);
    if (!s->in || !s->out) return RAPT_ENOMEM;
    for (int j = 0; j < s->node->n_in; j++) s->in[j] = plan->data[s->node->in[j]->id];
    for (int j = 0; j < s->node->n_out; j++) s->out[j] = plan->data[s->node->out[j].id];
  }
  return RAPT_OK;
}

static rapt_status check_params(rapt_plan *plan, const bool *needed) {
  for (size_t n = 0; n < plan->graph->node_count; n++) {
    const rapt__node *node = plan->graph->nodes[n];
    if (!needed[n] || node->op != &rapt__op_param) continue;
    const rapt__param_attr *attr = node->attr;
    if (!attr->params->started)
      return rapt__fail(plan->ctx, RAPT_EINVAL, "parameter \"%s\" has no values: call rapt_params_start first",
                        attr->param->name);
  }
  return RAPT_OK;
}

static rapt_status make_plan(rapt_plan *plan, rapt_tensor *const *outputs, int count) {
  rapt_graph *graph = plan->graph;
  bool *needed = rapt__arena_new(&plan->arena, graph->node_count + 1, sizeof *needed);
  bool *kept = plan->kept = rapt__arena_new(&plan->arena, graph->tensor_count + 1, sizeof *kept);
  plan->data = rapt__arena_new(&plan->arena, graph->tensor_count + 1, sizeof *plan->data);
  if (!needed || !kept || !plan->data) return RAPT_ENOMEM;
  mark_needed(graph, outputs, count, needed, kept);
  RAPT_TRY(check_params(plan, needed));
  size_t scratch = 0;
  RAPT_TRY(plan_steps(plan, needed, &scratch));
  RAPT_TRY(rapt__plan_memory(plan, needed, kept, plan->keep_all, scratch));
  plan->scratch = plan->shared + (size_t)plan->scratch;
  return bind(plan);
}

rapt_status rapt__plan_new(rapt_graph *graph, rapt_tensor *const *outputs, int count, const rapt_plan_options *options,
                           rapt__pool *pool, rapt_plan **out) {
  *out = NULL;
  rapt_context *ctx = graph->ctx;
  double begin = rapt__now();
  if (graph->status == RAPT_ENOMEM) return rapt__fail_memory(ctx, 0);
  if (graph->status != RAPT_OK) return graph->status;
  for (int i = 0; i < count; i++)
    if (outputs[i]->graph != graph || rapt__poisoned(outputs[i]))
      return rapt__fail(ctx, RAPT_EINVAL, "rapt_plan_new: output %d is not a tensor of this graph", i);
  const k_kernels *k = rapt__kernels();
  if (options && options->cpu) {
    k = NULL;
    for (int level = 0; level < K_LEVEL_COUNT && !k; level++)
      if (strcmp(rapt__kernels_level_name((k_level)level), options->cpu) == 0) k = rapt__kernels_at((k_level)level);
    if (!k) return rapt__fail(ctx, RAPT_EUNSUPPORTED, "no kernels for \"%s\" on this CPU", options->cpu);
  }
  rapt_plan *plan = rapt__new(ctx, 1, sizeof *plan);
  if (!plan) return RAPT_ENOMEM;
  *plan = (rapt_plan){.ctx = ctx, .graph = graph, .k = k, .pool = pool, .seed = options ? options->seed : 0};
  rapt__arena_init(&plan->arena, ctx);
  plan->keep_all = options && options->keep_all;
  rapt_status status = make_plan(plan, outputs, count);
  if (status != RAPT_OK) {
    rapt_plan_free(plan);
    return status;
  }
  plan->stats.plan_seconds = rapt__now() - begin;
  *out = plan;
  return RAPT_OK;
}

rapt_status rapt_plan_new(rapt_graph *graph, rapt_tensor *const *outputs, int count, const rapt_plan_options *options,
                          rapt_plan **out) {
  return rapt__plan_new(graph, outputs, count, options, NULL, out);
}

void rapt_plan_free(rapt_plan *plan) {
  if (!plan) return;
  rapt_context *ctx = plan->ctx;
  if (!plan->pool) rapt__free_aligned(ctx, plan->memory);
  rapt__arena_free(&plan->arena);
  rapt__free(ctx, plan);
}

/* ---- Running ---- */

typedef struct job {
  rapt__call call;
  const rapt_plan *plan;
  int64_t units, grain;
} job;

static void run_chunk(void *arg, int64_t chunk, int worker) {
  const job *j = arg;
  rapt__call call = j->call;
  call.scratch = j->plan->scratch + (size_t)worker * j->plan->scratch_bytes;
  call.begin = chunk * j->grain;
  call.end = call.begin + j->grain < j->units ? call.begin + j->grain : j->units;
  call.node->op->forward(&call);
}

static void run_step(rapt_plan *plan, const step_node *s, uint64_t step) {
  job j = {.plan = plan,
           .call = {.node = s->node,
                    .k = plan->k,
                    .in = s->in,
                    .out = s->out,
                    .shared = plan->shared,
                    .scratch = plan->scratch,
                    .seed = plan->seed,
                    .step = step}};
  for (int p = 0; p < s->split.phases; p++) {
    j.call.phase = p;
    j.units = s->split.phase_units ? s->split.phase_units(s->node, plan->k, p) : s->split.units[p];
    j.grain = s->split.phase_units ? 1 : s->split.grain[p];
    int64_t chunks = (j.units + j.grain - 1) / j.grain;
    if (chunks > 1 && rapt__team_size(plan->ctx->team) > 1) {
      rapt__team_run(plan->ctx->team, run_chunk, &j, chunks);
    } else if (j.units > 0) {
      j.call.begin = 0;
      j.call.end = j.units;
      s->node->op->forward(&j.call);
    }
  }
}

rapt_status rapt_plan_run(rapt_plan *plan, uint64_t step) {
  for (size_t i = 0; i < plan->count; i++) run_step(plan, &plan->steps[i], step);
  return RAPT_OK;
}

rapt_status rapt__plan_run_watched(rapt_plan *plan, uint64_t step, void (*after)(void *user, size_t index),
                                   void *user) {
  for (size_t i = 0; i < plan->count; i++) {
    run_step(plan, &plan->steps[i], step);
    after(user, i);
  }
  return RAPT_OK;
}

static size_t step_of(const rapt_plan *plan, const rapt__node *node) {
  size_t i = plan->count - 1;
  while (i > 0 && plan->steps[i].node != node) i--;
  return i;
}

void rapt__plan_gradients_done(const rapt_plan *plan, const rapt_tensor *gradient, size_t *done) {
  const rapt__node *pack = gradient->node;
  const real *all = plan->data[gradient->id];
  for (int i = 0; i < pack->n_in; i++) {
    const rapt_tensor *g = pack->in[i];
    bool placed = plan->data[g->id] == (void *)(all + rapt__pack_offset(pack, i));
    done[i] = step_of(plan, placed && g->node->op->forward ? g->node : pack);
  }
}

static double bytes_of(const rapt_plan *plan, const rapt__node *node) {
  double elements = 0, kept = 0;
  for (int i = 0; i < node->n_in; i++) {
    const rapt__param *p = rapt__blocks_of(node->in[i]);
    const k_blocks *b = p ? &plan->k->blocks[p->block] : NULL;
    if (b)
      kept += (double)p->size / (double)b->elements * (double)b->bytes;
    else
      elements += (double)node->in[i]->size;
  }
  for (int i = 0; i < node->n_out; i++)
    if (plan->data[node->out[i].id]) elements += (double)node->out[i].size;
  return kept + elements * sizeof(real);
}

rapt_status rapt_plan_profile(rapt_plan *plan, uint64_t step, rapt_node_time_fn each, void *user) {
  for (size_t i = 0; i < plan->count; i++) {
    const step_node *s = &plan->steps[i];
    double begin = rapt__now();
    run_step(plan, s, step);
    rapt_node_time time = {.op = s->node->op->name, .scope = s->node->scope, .seconds = rapt__now() - begin};
    if (s->node->op->flops) time.flops = s->node->op->flops(s->node, s->out);
    time.bytes = bytes_of(plan, s->node);
    each(user, (int64_t)i, &time);
  }
  return RAPT_OK;
}

rapt_status rapt_plan_check_finite(rapt_plan *plan, uint64_t step) {
  for (size_t i = 0; i < plan->count; i++) {
    const step_node *s = &plan->steps[i];
    if (s->node->op->flags & RAPT__EFFECT) continue;
    run_step(plan, s, step);
    const rapt_tensor *t = &s->node->out[0];
    if (t->dtype != RAPT_F32 || s->node->op == &rapt__op_fill || !s->out[0]) continue;
    for (int64_t e = 0; e < t->size; e++)
      if (!isfinite(((real *)s->out[0])[e]))
        return rapt__fail(plan->ctx, RAPT_ENAN, "%s%s%s (node %d, shape %s): element %lld is %g", s->node->scope,
                          *s->node->scope ? ": " : "", *t->name ? t->name : s->node->op->name, s->node->id,
                          rapt__shape_text(t), (long long)e, (double)((real *)s->out[0])[e]);
  }
  return RAPT_OK;
}

void *rapt_plan_data(rapt_plan *plan, const rapt_tensor *t) {
  if (!t || rapt__poisoned(t) || t->graph != plan->graph || t->id >= (int32_t)plan->graph->tensor_count) return NULL;
  bool readable = plan->keep_all || plan->kept[t->id] || t->node->op == &rapt__op_input;
  return readable ? plan->data[t->id] : NULL;
}

rapt_tensor *rapt_plan_find(const rapt_plan *plan, const char *name) {
  for (size_t i = 0; i < plan->graph->tensor_count; i++) {
    rapt_tensor *t = plan->graph->tensors[i];
    if ((t->tapped || t->node->op == &rapt__op_input) && strcmp(t->name, name) == 0) return t;
  }
  return NULL;
}

void rapt_plan_get_stats(const rapt_plan *plan, rapt_plan_stats *stats) { *stats = plan->stats; }
