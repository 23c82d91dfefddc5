/* rapt/metrics.h: how good translations, transcriptions and word alignments are.
 *
 * BLEU (Papineni et al. 2002), chrF and chrF++ (Popović 2015, 2017) and TER (Snover et al. 2006) as sacrebleu computes
 * and prints them (Post 2018), error rates of words and phonemes, the alignment error rate (Och & Ney 2003), and
 * resampling tests of the difference between two systems (Koehn 2004; Riezler & Maxwell 2005).
 *
 * All metrics but the last kind work in two steps: each segment (line) gives a short row of statistics, and a score is
 * a function of a sum of rows. So the score of a corpus, of one segment and of a resampled corpus are one function. */
#ifndef RAPT_METRICS_H
#define RAPT_METRICS_H

#include <rapt/base.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of sacrebleu whose figures these are; signatures name it. */
#define RAPT_SACREBLEU_VERSION "2.6.0"

/* ---- Text ---- */

/* A piece of UTF-8, borrowed; need not end with a zero byte. */
typedef struct rapt_segment {
  const char *data;
  size_t size;
} rapt_segment;

typedef struct rapt_lines {
  rapt_segment *line; /* (count), owned */
  int64_t count;
  char *text; /* owned; NULL where the text is the caller's */
} rapt_lines;

/* Splits a text at its line feeds and takes white space (Unicode's) off the end of each line. RAPT_EFORMAT names
 * `name` and the line where the text is not UTF-8, and `name` where it has no line. The lines point into `text`. */
RAPT_API rapt_status rapt_lines_parse(rapt_context *ctx, const char *name, const char *text, size_t size,
                                      rapt_lines *out);
RAPT_API rapt_status rapt_lines_read(rapt_context *ctx, const char *path, rapt_lines *out);
RAPT_API void rapt_lines_free(rapt_context *ctx, rapt_lines *lines);

/* ---- Metrics ---- */

typedef enum rapt_metric_kind { RAPT_BLEU, RAPT_CHRF, RAPT_TER, RAPT_WER, RAPT_PER } rapt_metric_kind;

/* Tokenizers of BLEU: white space alone, mteval-v13a's, mteval-v14's international one, characters, Chinese. */
#define RAPT_BLEU_TOKENIZER_LIST(X)                                                                                    \
  X(RAPT_TOK_NONE, "none")                                                                                             \
  X(RAPT_TOK_13A, "13a")                                                                                               \
  X(RAPT_TOK_INTL, "intl")                                                                                             \
  X(RAPT_TOK_CHAR, "char")                                                                                             \
  X(RAPT_TOK_ZH, "zh")
typedef enum rapt_bleu_tokenizer {
#define RAPT_BLEU_TOKENIZER_ENUM(name, text) name,
  RAPT_BLEU_TOKENIZER_LIST(RAPT_BLEU_TOKENIZER_ENUM)
#undef RAPT_BLEU_TOKENIZER_ENUM
} rapt_bleu_tokenizer;

/* What BLEU does about orders without a match (Chen & Cherry 2014, methods 0 to 3). */
#define RAPT_BLEU_SMOOTHING_LIST(X)                                                                                    \
  X(RAPT_SMOOTH_NONE, "none") X(RAPT_SMOOTH_FLOOR, "floor") X(RAPT_SMOOTH_ADD_K, "add-k") X(RAPT_SMOOTH_EXP, "exp")
typedef enum rapt_bleu_smoothing {
#define RAPT_BLEU_SMOOTHING_ENUM(name, text) name,
  RAPT_BLEU_SMOOTHING_LIST(RAPT_BLEU_SMOOTHING_ENUM)
#undef RAPT_BLEU_SMOOTHING_ENUM
} rapt_bleu_smoothing;

/* "13a", "exp", …; NULL for a value that is none of the list. */
RAPT_API const char *rapt_bleu_tokenizer_text(rapt_bleu_tokenizer tokenizer);
RAPT_API const char *rapt_bleu_smoothing_text(rapt_bleu_smoothing smoothing);

/* Limits of the orders below. */
#define RAPT_BLEU_ORDERS 9
#define RAPT_CHRF_ORDERS 20 /* of characters, and of words */

/* A metric and its settings; each is read by the kinds named beside it. */
typedef struct rapt_metric {
  rapt_metric_kind kind;
  bool lowercase;                /* BLEU, chrF, WER, PER; Unicode's full mapping, as Python's str.lower */
  rapt_bleu_tokenizer tokenizer; /* BLEU */
  rapt_bleu_smoothing smoothing; /* BLEU */
  double smooth_value;           /* BLEU: of floor and add-k; below 0: 0.1 and 1 */
  bool effective_order;          /* BLEU: leaves out orders that the text is too short for; for single segments */
  int max_order;                 /* BLEU: 1 to RAPT_BLEU_ORDERS */
  int char_order, word_order;    /* chrF: 1 to and 0 to RAPT_CHRF_ORDERS; word_order 2 is chrF++ */
  int beta;                      /* chrF: weight of recall, 1 to 100 */
  bool whitespace;               /* chrF: white space counts as characters */
  bool eps_smoothing;            /* chrF: as chrF++.py instead of the effective order */
  bool normalized, no_punct, asian_support, case_sensitive; /* TER: Tercom's tokenizer */
} rapt_metric;

/* sacrebleu's defaults. WER and PER: case kept, tokens between white space. */
RAPT_API rapt_metric rapt_metric_default(rapt_metric_kind kind);

/* The name as it is printed: "BLEU", "chrF2++", … Returns the length, as snprintf. */
RAPT_API int rapt_metric_name(const rapt_metric *m, char *out, size_t size);

/* How many numbers a segment's row has; 0 for settings that are out of bounds. */
RAPT_API int rapt_metric_width(const rapt_metric *m);

/* The rows of `segments` hypotheses: stats is (segments, width). `references` texts for each, references[r] being the
 * `segments` lines of the r-th. Bytes that are not UTF-8 are RAPT_EFORMAT and name the segment, from 1. */
RAPT_API rapt_status rapt_metric_stats(rapt_context *ctx, const rapt_metric *m, const rapt_segment *hypotheses,
                                       const rapt_segment *const *references, int references_count, int64_t segments,
                                       double *stats);
/* sum (width) = the sum over rows, in their order. */
RAPT_API void rapt_metric_sum(const rapt_metric *m, const double *stats, int64_t segments, double *sum);

typedef struct rapt_score {
  double score;                                /* per cent; of TER, WER and PER less is better */
  double mean, interval;                       /* of resampled corpora, ± 95 %; mean 0 where none were made */
  double hyp_length, ref_length;               /* BLEU: tokens; TER, WER, PER: words (TER: mean over references) */
  double precision[RAPT_BLEU_ORDERS], brevity; /* BLEU: per cent, smoothed; brevity penalty */
  double edits;                                /* TER: with shifts; WER, PER */
  double substitutions, deletions, insertions; /* WER, PER */
} rapt_score;

/* The score of a sum of rows. RAPT_EINVAL for settings out of bounds. */
RAPT_API rapt_status rapt_metric_score(rapt_context *ctx, const rapt_metric *m, const double *sum, rapt_score *out);

/* What a signature says beside the settings, and how figures are written. */
typedef struct rapt_score_style {
  int digits;      /* behind the point, 0 to 15; 2 is what sacrebleu's functions write, 1 its command */
  int references;  /* how many there were */
  bool signature;  /* the line names it: "BLEU|nrefs:1|… = " instead of "BLEU = " */
  bool randomized; /* samples are of rapt_metric_randomize, not of rapt_metric_bootstrap */
  int64_t samples; /* of a test; 0: none */
  uint64_t seed;
} rapt_score_style;

/* "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0". Returns the length, as snprintf. */
RAPT_API int rapt_metric_signature(const rapt_metric *m, const rapt_score_style *style, char *out, size_t size);
/* What follows the score: "66.6/41.9/… (BP = 0.968 ratio = …)"; empty for chrF and TER. */
RAPT_API int rapt_score_details(const rapt_metric *m, const rapt_score *s, char *out, size_t size);
/* The line that sacrebleu prints: "BLEU|nrefs:1|… = 34.81 66.6/41.9/… (BP = …)". 512 bytes hold every line. */
RAPT_API int rapt_score_format(const rapt_metric *m, const rapt_score *s, const rapt_score_style *style, char *out,
                               size_t size);

/* ---- Is one system better than another? ---- */

typedef struct rapt_compared {
  double score;
  double mean, interval; /* of the resampled corpora: mean and half the width of its middle 95 %; 0 in randomization */
  double p;              /* of the difference to the first system, two-sided; NaN for the first system itself */
} rapt_compared;

/* Paired bootstrap resampling as sacrebleu's --paired-bs: `samples` corpora of `segments` segments drawn with
 * replacement, the same for all systems. stats[s] is (segments, width), system 0 the baseline. p = (1 + the number of
 * samples whose absolute difference, less its mean over the samples, is at least the absolute difference of the whole
 * corpora) / (samples + 1). sacrebleu counts larger differences only, which gives two equal systems the least p
 * instead of 1 and counts ties of error rates as nothing; without ties the two agree. Random numbers are Philox's, so
 * figures agree with sacrebleu's within sampling error; they depend on the seed and not on the number of threads.
 * RAPT_EINTERRUPTED after rapt_context_interrupt. */
RAPT_API rapt_status rapt_metric_bootstrap(rapt_context *ctx, const rapt_metric *m, const double *const *stats,
                                           int systems, int64_t segments, int64_t samples, uint64_t seed,
                                           rapt_compared *out);
/* Paired approximate randomization (--paired-ar): in each of `samples` trials every segment of a system changes places
 * with the baseline's with probability 1/2; p = (1 + the number of trials whose absolute difference is at least the
 * one that was seen) / (samples + 1). */
RAPT_API rapt_status rapt_metric_randomize(rapt_context *ctx, const rapt_metric *m, const double *const *stats,
                                           int systems, int64_t segments, int64_t samples, uint64_t seed,
                                           rapt_compared *out);

/* ---- Word alignments ---- */

/* One set of links a sentence pair. */
typedef struct rapt_alignments rapt_alignments;

/* Lines of links between white space: "i-j" is sure, "ipj" or "i?j" possible; i and j are the source's and the
 * target's word, counted from `first` (0 in Moses' format, 1 in many gold sets). An empty line has no links. A link
 * that is named several times is one, and sure if it is so anywhere. RAPT_EFORMAT names `name`, line and column. */
RAPT_API rapt_status rapt_alignments_parse(rapt_context *ctx, const char *name, const char *text, size_t size,
                                           int first, rapt_alignments **out);
RAPT_API rapt_status rapt_alignments_read(rapt_context *ctx, const char *path, int first, rapt_alignments **out);
RAPT_API void rapt_alignments_free(rapt_alignments *a);           /* NULL is fine */
RAPT_API int64_t rapt_alignments_count(const rapt_alignments *a); /* sentence pairs */
/* The least number that words have, from 0; -1 without links. Not 0 in a whole file: `first` was probably 1. */
RAPT_API int64_t rapt_alignments_least(const rapt_alignments *a);

typedef struct rapt_alignment_score {
  int64_t pairs, links, sure, possible;   /* links: of the hypothesis; possible: with the sure ones */
  int64_t correct_sure, correct_possible; /* links that are among the sure, among the possible ones */
  double precision;                       /* correct_possible / links; 0 without links */
  double recall;                          /* correct_sure / sure; 0 without sure links */
  double aer; /* 1 − (correct_sure + correct_possible) / (links + sure); 0 where both are empty */
} rapt_alignment_score;

/* Possible links of the hypothesis count as links. RAPT_ESHAPE where the two have different numbers of pairs. */
RAPT_API rapt_status rapt_alignments_score(rapt_context *ctx, const rapt_alignments *gold,
                                           const rapt_alignments *hypothesis, rapt_alignment_score *out);

#ifdef __cplusplus
}
#endif
#endif
