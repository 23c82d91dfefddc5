/* Standard MIDI files: a header chunk, then one track of events, each behind the time since the last one. */
#include "formats/midi.h"

#include <math.h>

enum { TICKS = 96, VELOCITY = 80, NOTE_ON = 0x90, NOTE_OFF = 0x80 }; /* ticks of a quarter note */

typedef struct track {
  rapt__text *out;
  int64_t now; /* tick of the last event */
} track;

static rapt_status add_bytes(rapt__text *out, uint64_t value, int count) {
  uint8_t bytes[8];
  for (int i = 0; i < count; i++) bytes[i] = (uint8_t)(value >> (8 * (count - 1 - i)));
  return rapt__text_add(out, bytes, (size_t)count);
}

/* Seven bits a byte, the highest first; all but the last have their top bit set. */
static rapt_status add_time(track *t, int64_t tick) {
  uint64_t delta = (uint64_t)(tick - t->now);
  uint8_t bytes[4];
  int n = 0;
  t->now = tick;
  for (int shift = 21; shift >= 0; shift -= 7)
    if (n > 0 || delta >> shift || shift == 0) bytes[n++] = (uint8_t)((delta >> shift & 0x7f) | (shift ? 0x80 : 0));
  return rapt__text_add(t->out, bytes, (size_t)n);
}

static rapt_status add_event(track *t, int64_t frame, uint8_t kind, int64_t note) {
  RAPT_TRY(add_time(t, frame * TICKS));
  uint8_t event[3] = {kind, (uint8_t)(RAPT_ROLL_LOWEST + note), VELOCITY};
  return rapt__text_add(t->out, event, sizeof event);
}

static bool sounds(const rapt_roll *roll, int64_t frame, int64_t note) {
  return frame >= 0 && frame < roll->frames && roll->sounds[frame * RAPT_ROLL_NOTES + note];
}

/* At one tick notes end before others begin. */
static rapt_status add_notes(track *t, const rapt_roll *roll) {
  for (int64_t frame = 0; frame <= roll->frames; frame++) {
    for (int64_t n = 0; n < RAPT_ROLL_NOTES; n++)
      if (sounds(roll, frame - 1, n) && !sounds(roll, frame, n)) RAPT_TRY(add_event(t, frame, NOTE_OFF, n));
    for (int64_t n = 0; n < RAPT_ROLL_NOTES; n++)
      if (!sounds(roll, frame - 1, n) && sounds(roll, frame, n)) RAPT_TRY(add_event(t, frame, NOTE_ON, n));
  }
  return RAPT_OK;
}

rapt_status rapt__midi_write(rapt__text *out, const rapt_roll *roll, double tempo) {
  if (!(tempo >= 4 && tempo <= 1000))
    return rapt__fail(out->ctx, RAPT_EINVAL, "midi: a tempo of %g; 4 to 1000 quarter notes a minute are possible",
                      tempo);
  if (roll->frames < 0 || roll->frames > (1 << 20)) /* a pause of all frames must fit into 28 bits */
    return rapt__fail(out->ctx, RAPT_EINVAL, "midi: %lld frames; 0 to %d are possible", (long long)roll->frames,
                      1 << 20);
  RAPT_TRY(rapt__text_add(out, "MThd", 4));
  RAPT_TRY(add_bytes(out, 6, 4));
  RAPT_TRY(add_bytes(out, 0, 2)); /* format */
  RAPT_TRY(add_bytes(out, 1, 2)); /* tracks */
  RAPT_TRY(add_bytes(out, TICKS, 2));
  RAPT_TRY(rapt__text_add(out, "MTrk", 4));
  RAPT_TRY(add_bytes(out, 0, 4));
  size_t begin = out->size;
  static const uint8_t set_tempo[] = {0x00, 0xff, 0x51, 0x03}, end[] = {0xff, 0x2f, 0x00};
  RAPT_TRY(rapt__text_add(out, set_tempo, sizeof set_tempo));
  uint64_t microseconds = (uint64_t)lround(60e6 / tempo); /* of a quarter note */
  RAPT_TRY(add_bytes(out, microseconds, 3));
  track t = {.out = out};
  RAPT_TRY(add_notes(&t, roll));
  RAPT_TRY(add_time(&t, roll->frames * TICKS));
  RAPT_TRY(rapt__text_add(out, end, sizeof end));
  size_t size = out->size - begin;
  for (int i = 0; i < 4; i++) out->data[begin - 4 + (size_t)i] = (char)(size >> (24 - 8 * i));
  return RAPT_OK;
}
