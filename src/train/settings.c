/* Settings of training, and the learning rate they give. */
#include "train/settings.h"

#include "train/average.h"

#include <math.h>
#include <stddef.h>

enum { COSINE, LINEAR, INVERSE_SQRT, CONSTANT };
static const char *const schedules[] = {"cosine", "linear", "inverse_sqrt", "constant", NULL};
static const char *const optimizers[] = {"adamw",   "adam",    "adamax",   "sgd",
                                         "rmsprop", "adagrad", "adadelta", NULL}; /* as rapt_optimizer */

#define AT(field) offsetof(rapt__train_settings, field)
#define THREADS                                                                                                        \
  {                                                                                                                    \
    "train.threads", NULL, RAPT__KEY_INT, AT(threads), "0", 0, 1024, NULL,                                             \
        "threads; 0: what the machine allows. Results do not depend on it"                                             \
  }
const rapt__key rapt__train_keys[] = {
    {"train.steps", NULL, RAPT__KEY_INT, AT(steps), "2000", 1, 1e12, NULL, "updates of the weights"},
    {"train.batch", NULL, RAPT__KEY_INT, AT(batch), "12", 1, 1 << 20, NULL, "sequences in one batch"},
    {"train.accumulate", NULL, RAPT__KEY_INT, AT(accumulate), "1", 1, 256, NULL,
     "batches whose gradients are averaged for one update"},
    {"train.lr", NULL, RAPT__KEY_REAL, AT(lr), "1e-3", 0, 1000, NULL, "highest learning rate"},
    {"train.min_lr", NULL, RAPT__KEY_REAL, AT(min_lr), "1e-4", 0, 1000, NULL,
     "learning rate at the end of the cosine and linear schedules"},
    {"train.warmup", NULL, RAPT__KEY_INT, AT(warmup), "100", 0, 1e12, NULL,
     "updates over which the learning rate rises from 0"},
    {"train.schedule", NULL, RAPT__KEY_CHOICE, AT(schedule), "cosine", 0, 0, schedules,
     "how the learning rate falls after the warm-up"},
    {"train.optimizer", NULL, RAPT__KEY_CHOICE, AT(optimizer), "adamw", 0, 0, optimizers, "rule of the update"},
    {"train.beta1", NULL, RAPT__KEY_REAL, AT(beta1), "0.9", 0, 1, NULL, "decay of Adam's first moment"},
    {"train.beta2", NULL, RAPT__KEY_REAL, AT(beta2), "0.99", 0, 1, NULL,
     "decay of Adam's second moment (RMSProp's and AdaDelta's average)"},
    {"train.eps", NULL, RAPT__KEY_REAL, AT(eps), "1e-8", 0, 1, NULL, "added to the root of the second moment"},
    {"train.momentum", NULL, RAPT__KEY_REAL, AT(momentum), "0", 0, 1, NULL, "momentum of SGD and RMSProp"},
    {"train.weight_decay", NULL, RAPT__KEY_REAL, AT(weight_decay), "0.1", 0, 100, NULL,
     "of matrices; biases and norms are left alone"},
    {"train.clip", NULL, RAPT__KEY_REAL, AT(clip), "1", 0, 1e9, NULL, "largest norm of the gradient; 0: no clipping"},
    {"train.eval_every", NULL, RAPT__KEY_INT, AT(eval_every), "250", 0, 1e12, NULL,
     "updates between evaluations; 0: only at the end"},
    {"train.evals", NULL, RAPT__KEY_INT, AT(evals), "20", 1, 1e9, NULL, "batches of an evaluation"},
    {"train.sample_every", NULL, RAPT__KEY_INT, AT(sample_every), "500", 0, 1e12, NULL,
     "updates between samples; 0: only at the end"},
    {"train.sample_tokens", NULL, RAPT__KEY_INT, AT(sample_tokens), "200", 0, 1e6, NULL, "tokens of a sample"},
    {"train.save_every", NULL, RAPT__KEY_INT, AT(save_every), "500", 0, 1e12, NULL,
     "updates between checkpoints; 0: only at the end"},
    {"train.stop_at", NULL, RAPT__KEY_INT, AT(stop_at), "0", 0, 1e12, NULL,
     "ends the run after this update as if interrupted; 0: off"},
    {"train.patience", NULL, RAPT__KEY_INT, AT(patience), "0", 0, 1e9, NULL,
     "evaluations without a better loss before the run ends early; 0: off"},
    {"train.average", NULL, RAPT__KEY_INT, AT(average), "0", 0, RAPT__AVERAGE_MOST, NULL,
     "evaluations whose weights are averaged to the final model; 0: the last weights"},
    {"train.minutes", NULL, RAPT__KEY_REAL, AT(minutes), "0", 0, 1e6, NULL,
     "fits the number of updates to this time, measured at the start; 0: off"},
    THREADS,
    {0}};
const rapt__key rapt__threads_keys[] = {THREADS, {0}};
#undef THREADS
#undef AT

double rapt__learning_rate(const rapt__train_settings *s, int64_t step) {
  if (step < s->warmup) return s->lr * (double)(step + 1) / (double)s->warmup;
  double span = (double)(s->steps - s->warmup), part = span > 0 ? (double)(step - s->warmup) / span : 1;
  if (part > 1) part = 1;
  switch (s->schedule) {
  case COSINE: return s->min_lr + 0.5 * (s->lr - s->min_lr) * (1 + cos(3.14159265358979323846 * part));
  case LINEAR: return s->lr + (s->min_lr - s->lr) * part;
  case INVERSE_SQRT: return s->lr * sqrt((double)(s->warmup > 0 ? s->warmup : 1) / (double)(step + 1));
  default: return s->lr;
  }
}

rapt_update_options rapt__update_settings(const rapt__train_settings *s) {
  return (rapt_update_options){.method = (rapt_optimizer)s->optimizer,
                               .beta1 = s->beta1,
                               .beta2 = s->beta2,
                               .eps = s->eps,
                               .momentum = s->momentum,
                               .weight_decay = s->weight_decay,
                               .clip = s->clip};
}
