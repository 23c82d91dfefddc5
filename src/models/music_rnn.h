/* Recurrent networks over piano rolls: settings of the architecture "music-rnn". */
#ifndef RAPT_SRC_MODELS_MUSIC_RNN_H
#define RAPT_SRC_MODELS_MUSIC_RNN_H

#include <stdint.h>

enum { RAPT__MUSIC_TANH, RAPT__MUSIC_LSTM, RAPT__MUSIC_GRU, RAPT__MUSIC_CELLS };

typedef struct rapt__music_rnn {
  int cell;
  int64_t units;
} rapt__music_rnn;

#endif
