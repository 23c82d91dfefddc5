/* Standard MIDI files (MIDI 1.0, RP-001), written. */
#ifndef RAPT_SRC_FORMATS_MIDI_H
#define RAPT_SRC_FORMATS_MIDI_H

#include <rapt/music.h>
#include "base/base.h"

/* Appends a file of format 0 with one track: a frame of the roll is a quarter note. RAPT_EINVAL: a tempo outside of
 * 4 to 1000 quarter notes a minute, or a roll too long for the format. */
rapt_status rapt__midi_write(rapt__text *out, const rapt_roll *roll, double tempo);

#endif
