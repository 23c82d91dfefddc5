/* Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
 * A value depends on (seed, stream, index) alone, so any part of a run can be computed anywhere, in any order. */
#ifndef RAPT_SRC_RNG_H
#define RAPT_SRC_RNG_H

#include <stddef.h>
#include <stdint.h>

/* Four random words for a 64-bit key and a 128-bit counter. */
void rapt__philox(uint64_t key, uint64_t counter_high, uint64_t counter_low, uint32_t out[4]);

/* The index-th value of a stream. Streams are numbered freely; by habit the high half says what for. */
uint32_t rapt__rng_u32(uint64_t seed, uint64_t stream, uint64_t index);
uint64_t rapt__rng_below(uint64_t seed, uint64_t stream, uint64_t index, uint64_t limit); /* uniform in [0, limit) */
double rapt__rng_uniform(uint64_t seed, uint64_t stream, uint64_t index);                 /* uniform in [0, 1) */
double rapt__rng_normal(uint64_t seed, uint64_t stream, uint64_t index);                  /* mean 0, variance 1 */

/* The numbers 0 … count − 1 in random order (Fisher & Yates), drawn at indices first + 1 … first + count − 1 of the stream. */
void rapt__rng_shuffle(uint64_t seed, uint64_t stream, uint64_t first, uint32_t *order, size_t count);

#endif
