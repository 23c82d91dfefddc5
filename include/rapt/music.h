/* rapt/music.h: piano rolls, models that write them, and the files that they are heard from. */
#ifndef RAPT_MUSIC_H
#define RAPT_MUSIC_H

#include <rapt/model.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { RAPT_ROLL_LOWEST = 21, RAPT_ROLL_NOTES = 88 }; /* the piano's keys, as MIDI counts notes */

/* Which notes sound in each frame of time. */
typedef struct rapt_roll {
  int64_t frames;
  uint8_t *sounds; /* (frames, RAPT_ROLL_NOTES): 1 or 0 */
} rapt_roll;

typedef struct rapt_music_options {
  int64_t frames;     /* to write */
  double temperature; /* divides the scores of notes; 0: every note sounds where that is likelier than silence */
  uint64_t seed;
} rapt_music_options;

/* Lets a model of kind RAPT_KIND_MUSIC write a piece, frame after frame, from silence on. rapt_context_interrupt
 * stops it. */
RAPT_API rapt_status rapt_music_generate(rapt_model *model, const rapt_music_options *options, rapt_roll **out);
RAPT_API void rapt_roll_free(rapt_context *ctx, rapt_roll *roll);

/* A standard MIDI file (format 0): a frame is a quarter note, `tempo` of them a minute (4 to 1000); a note that
 * sounds in frames one after the other is held. Handed over in one call of `write`. */
RAPT_API rapt_status rapt_roll_midi(rapt_context *ctx, const rapt_roll *roll, double tempo, rapt_stream_fn write,
                                    void *user);
/* A file by its name's ending: .mid is MIDI; .wav is sound, a few sine waves a note, 22,050 samples a second. The
 * file is replaced as a whole. */
RAPT_API rapt_status rapt_roll_save(rapt_context *ctx, const rapt_roll *roll, double tempo, const char *path);

#ifdef __cplusplus
}
#endif
#endif
