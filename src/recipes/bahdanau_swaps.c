/* Adjectives that French puts behind the noun: do they look crosswise? */
#include "recipes/attention_maps.h"
#include "recipes/bahdanau.h"

#include <string.h>

/* Colours and others that French always puts behind; those of size and age (petit, grand, jeune) stay in front. */
static const struct {
  const char *english, *french[6];
} adjectives[] = {{"red", {"rouge", "rouges"}},
                  {"blue", {"bleu", "bleue", "bleus", "bleues"}},
                  {"green", {"vert", "verte", "verts", "vertes"}},
                  {"white", {"blanc", "blanche", "blancs", "blanches"}},
                  {"black", {"noir", "noire", "noirs", "noires"}},
                  {"yellow", {"jaune", "jaunes"}},
                  {"brown", {"brun", "brune", "bruns", "brunes", "marron"}},
                  {"orange", {"orange", "oranges"}},
                  {"pink", {"rose", "roses"}},
                  {"purple", {"violet", "violette", "violets", "violettes"}},
                  {"gray", {"gris", "grise", "grises"}},
                  {"grey", {"gris", "grise", "grises"}},
                  {"asian", {"asiatique", "asiatiques"}},
                  {"african", {"africain", "africaine", "africains", "africaines"}},
                  {"american", {"am\xC3\xA9ricain", "am\xC3\xA9ricaine", "am\xC3\xA9ricains", "am\xC3\xA9ricaines"}},
                  {"chinese", {"chinois", "chinoise", "chinoises"}},
                  {"colorful",
                   {"color\xC3\xA9",
                    "color\xC3\xA9"
                    "e",
                    "color\xC3\xA9s",
                    "color\xC3\xA9"
                    "es"}},
                  {"striped",
                   {"ray\xC3\xA9",
                    "ray\xC3\xA9"
                    "e",
                    "ray\xC3\xA9s",
                    "ray\xC3\xA9"
                    "es"}},
                  {"rocky", {"rocheux", "rocheuse", "rocheuses"}},
                  {"muddy", {"boueux", "boueuse", "boueuses"}},
                  {"electric", {"\xC3\xA9lectrique", "\xC3\xA9lectriques"}}};
enum { ADJECTIVES = sizeof adjectives / sizeof *adjectives };

/* Words behind an English adjective, or before a French one, that are no noun. */
static const char *const no_nouns[] = {"and", "or", "with", "in",   "on",   "of",    "is",    "are",  "to",
                                       "at",  "by", "as",   "that", "from", "while", "<unk>", "</s>", NULL};
static const char *const no_noms[] = {"le",          "la",   "les",  "un",    "une",  "des",      "de",  "du",
                                      "d",           "l",    "et",   "ou",    "en",   "\xC3\xA0", "au",  "aux",
                                      "est",         "sont", "dans", "sur",   "avec", "qui",      "par", "pour",
                                      "tr\xC3\xA8s", "plus", "tout", "<unk>", NULL};

static bool among(const char *word, const char *const *list) {
  for (; *list; list++)
    if (strcmp(word, *list) == 0) return true;
  return false;
}

static bool has_letter(const char *word) {
  for (; *word; word++)
    if ((*word >= 'a' && *word <= 'z') || (unsigned char)*word >= 0xC3) return true;
  return false;
}

static int adjective_of(const char *english) {
  for (int a = 0; a < ADJECTIVES; a++)
    if (strcmp(english, adjectives[a].english) == 0) return a;
  return -1;
}

static bool is_form(const char *word, int a) {
  for (int f = 0; f < 6 && adjectives[a].french[f]; f++)
    if (strcmp(word, adjectives[a].french[f]) == 0) return true;
  return false;
}

static bool is_any_form(const char *word) {
  for (int a = 0; a < ADJECTIVES; a++)
    if (is_form(word, a)) return true;
  return false;
}

/* Where a form of the adjective is, or −1: nowhere, or more than once. */
static int64_t find_form(const rapt__aligned *s, int a) {
  int64_t at = -1;
  for (int64_t j = 0; j < s->target_count; j++) {
    if (!is_form(s->target[j], a)) continue;
    if (at >= 0) return -1;
    at = j;
  }
  return at;
}

/* Other adjectives with the same French forms (gray and grey) count as the same. */
static bool comes_once(const rapt__aligned *s, int a) {
  int times = 0;
  for (int64_t i = 0; i < s->source_count; i++) {
    int other = adjective_of(s->source[i]);
    times += other >= 0 && strcmp(adjectives[other].french[0], adjectives[a].french[0]) == 0;
  }
  return times == 1;
}

static int64_t most_weight(const rapt__aligned *s, int64_t row) {
  const float *w = s->weights + row * s->source_count;
  int64_t best = 0;
  for (int64_t i = 1; i < s->source_count; i++)
    if (w[i] > w[best]) best = i;
  return best;
}

int rapt__find_swaps(const rapt__aligned *s, int most, rapt__swap *out, size_t *pairs) {
  int n = 0;
  for (int64_t i = 0; i + 1 < s->source_count && n < most; i++) {
    int a = adjective_of(s->source[i]);
    const char *noun = s->source[i + 1];
    if (a < 0 || adjective_of(noun) >= 0 || !has_letter(noun) || among(noun, no_nouns) || !comes_once(s, a)) continue;
    ++*pairs;
    int64_t j = find_form(s, a);
    const char *nom = j > 0 ? s->target[j - 1] : "";
    if (!has_letter(nom) || among(nom, no_noms) || is_any_form(nom)) continue;
    rapt__swap swap = {.adjective = i, .french = j, .looked = {most_weight(s, j - 1), most_weight(s, j)}};
    swap.crosswise = swap.looked[1] == i && (swap.looked[0] == i + 1 || swap.looked[0] == i + 2);
    out[n++] = swap;
  }
  return n;
}

/* ---- The test text ---- */

enum { MOST = 16, EXAMPLES = 20 };

typedef struct counting {
  const rapt__system *system;
  rapt__swaps *out;
  rapt_status status;
} counting;

static rapt_status add_examples(const rapt__aligned *s, const rapt__swap *swap, rapt__swaps *out) {
  if (out->count >= EXAMPLES) return RAPT_OK;
  const char *const *source = s->source + swap->adjective, *const *target = s->target + swap->french - 1;
  return rapt__text_addf(&out->examples, "%s %s > %s %s: %s looked at %s, %s at %s%s\n", source[0], source[1],
                         target[0], target[1], target[0], s->source[swap->looked[0]], target[1],
                         s->source[swap->looked[1]], swap->crosswise ? "" : " (not crosswise)");
}

static rapt_status count(counting *c, const rapt_translation *t) {
  const rapt_hypothesis *h = t->count ? &t->hypotheses[0] : NULL;
  if (t->status != RAPT_OK || !h || !h->alignment || h->count == 0) return RAPT_OK;
  const rapt_model *model = c->system->model;
  rapt__run *run = c->system->run;
  rapt__aligned s = {.source = rapt__token_texts(run, rapt__model_source(model), t->source, t->source_count),
                     .target = rapt__token_texts(run, model->tokenizer, h->tokens, h->count),
                     .source_count = t->source_count,
                     .target_count = h->count,
                     .weights = h->alignment};
  if (!s.source || !s.target) return RAPT_ENOMEM;
  rapt__swap swaps[MOST];
  int n = rapt__find_swaps(&s, MOST, swaps, &c->out->pairs);
  for (int i = 0; i < n; i++) {
    RAPT_TRY(add_examples(&s, &swaps[i], c->out));
    c->out->count++;
    c->out->crosswise += swaps[i].crosswise;
  }
  return RAPT_OK;
}

static bool take(void *user, const rapt_translation *t) {
  counting *c = user;
  c->status = count(c, t);
  return c->status == RAPT_OK;
}

rapt_status rapt__count_swaps(const rapt__system *system, rapt__swaps *out) {
  const rapt__bitext *text = &system->corpus->test;
  const char **lines;
  size_t *sizes;
  counting c = {.system = system, .out = out};
  RAPT_TRY(rapt__bitext_side(system->run, text, RAPT__SOURCE, &lines, &sizes));
  RAPT_TRY(rapt__system_align(system, lines, sizes, (int64_t)text->count, take, &c));
  return c.status;
}
