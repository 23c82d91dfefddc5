/* rapt/translate.h: sequence-to-sequence models: searching for the target of a source, and scoring given targets.
 *
 * Results are the same bits whatever else is translated with a sentence, however many are taken at a time, and whatever the
 * number of threads. */
#ifndef RAPT_TRANSLATE_H
#define RAPT_TRANSLATE_H

#include <rapt/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the sum of a hypothesis's log-probabilities is divided by; n: its tokens, the end included. */
typedef enum rapt_length_penalty {
  RAPT_LENGTH_POWER, /* n^α */
  RAPT_LENGTH_GNMT   /* ((5 + n) / 6)^α (Wu et al. 2016, eq. 14) */
} rapt_length_penalty;

/* When the search of a sentence ends, apart from the greatest length. */
typedef enum rapt_stopping {
  RAPT_STOP_ESTIMATE, /* `beam` hypotheses have ended, and the best open one, scored as if it ended now, is not above the worst
                       * of them (early_stopping=False in transformers) */
  RAPT_STOP_FIRST, /* as soon as `beam` hypotheses have ended (True) */
  RAPT_STOP_NEVER  /* no open hypothesis can come above the worst of them ("never") */
} rapt_stopping;

/* Zeros everywhere: greedy, off. */
typedef struct rapt_translate_options {
  int64_t
      beam; /* hypotheses that are followed (0: 1); 1 is greedy search, which ends with the first end of a sentence */
  int64_t nbest; /* results for a sentence, at most `beam` in a search (0: 1) */
  rapt_length_penalty length_penalty;
  double alpha; /* of the length penalty; 0: none */
  double beta;  /* of the coverage penalty (Wu et al. 2016, eq. 14), which needs alignments; 0: none */
  rapt_stopping stopping;
  double
      max_ratio; /* at most max_ratio × source tokens + max_length tokens, the end included; both 0: as many as the */
  int64_t max_length; /* model's context holds */
  int64_t min_length; /* so many tokens before the end, at least */
  int64_t groups;     /* diverse beam search (Vijayakumar et al. 2016): groups of beam / groups hypotheses each; 0: 1 */
  double diversity;  /* what a token costs a group for every time that an earlier group takes it at the same position */
  int64_t no_repeat; /* no sequence of so many tokens comes twice in a hypothesis; 0: off */
  bool ban_unknown;  /* "<unk>" is never chosen */
  bool replace_unknown; /* in the text "<unk>" becomes the source word with the greatest alignment */
  const char *prefix;   /* every translation begins with the tokens of this text; or NULL */
  bool sample;          /* nbest independent draws, in order of drawing, instead of a search: */
  double temperature;   /* 0: 1 */
  int64_t top_k;        /* 0: off */
  double top_p, min_p;  /* 0: off */
  uint64_t seed;        /* a draw follows from seed, line, draw and position */
  bool alignments;      /* results have them, where the model has */
  int64_t batch;        /* sentences at a time (0: 32) */
  int64_t first_line;   /* number of the first line */
} rapt_translate_options;

typedef struct rapt_hypothesis {
  const char *text; /* UTF-8 (a byte that is none became U+FFFD); ends with a zero byte that `size` does not count */
  size_t size;
  const int32_t *tokens; /* (count), the end included where the hypothesis has one */
  int64_t count;
  bool ended;                     /* by the end token, not by the greatest length */
  double score;                   /* what hypotheses are ordered by */
  double log_probability;         /* the sum over tokens */
  const float *log_probabilities; /* (count) */
  const float *alignment;         /* (count, source_count), rows sum to 1; or NULL */
} rapt_hypothesis;

typedef struct rapt_translation {
  int64_t line;          /* first_line + index */
  rapt_status status;    /* RAPT_OK, or why this line has no hypotheses, with a sentence: */
  const char *message;   /* "" */
  const int32_t *source; /* (source_count), the end included */
  int64_t source_count;
  const rapt_hypothesis *hypotheses; /* (count), best first; an empty line has one empty hypothesis */
  int64_t count;
} rapt_translation;

/* Called once for every line, in order; everything is valid during the call. Returning false stops without an error. */
typedef bool (*rapt_translation_fn)(void *user, const rapt_translation *translation);

typedef struct rapt_translator rapt_translator;

/* One model, or several whose mean of probabilities is searched. They must have one target vocabulary and one source vocabulary.
 * The models are borrowed, and must belong to one context. */
RAPT_API rapt_status rapt_translator_new(rapt_model *const *models, int count, rapt_translator **out);
RAPT_API void rapt_translator_free(rapt_translator *translator);

/* Translates lines. What is wrong with one line (not UTF-8, longer than the context) is that translation's status; the other
 * lines go on. `options` may be NULL. RAPT_EKEY names an option that does not fit. rapt_context_interrupt stops it. */
RAPT_API rapt_status rapt_translate(rapt_translator *translator, const char *const *lines, const size_t *sizes,
                                    int64_t count, const rapt_translate_options *options, rapt_translation_fn each,
                                    void *user);
/* Log-probabilities of given targets: a translation with one hypothesis for each pair. Of the options, the penalties,
 * alignments, batch and first_line count. */
RAPT_API rapt_status rapt_translate_score(rapt_translator *translator, const char *const *sources,
                                          const size_t *source_sizes, const char *const *targets,
                                          const size_t *target_sizes, int64_t count,
                                          const rapt_translate_options *options, rapt_translation_fn each, void *user);

#ifdef __cplusplus
}
#endif
#endif
