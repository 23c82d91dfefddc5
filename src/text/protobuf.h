/* Protocol buffers: the fields of a message one by one. */
#ifndef RAPT_SRC_TEXT_PROTOBUF_H
#define RAPT_SRC_TEXT_PROTOBUF_H

#include "base/base.h"

typedef struct rapt__pb {
  const char *at, *end;
  bool bad; /* the message breaks off or has a type that is not known */
} rapt__pb;

typedef struct rapt__pb_field {
  uint32_t number;
  int wire;       /* 0: number, 1: 8 bytes, 2: bytes, 5: 4 bytes */
  uint64_t value; /* of 0, 1 and 5 */
  const char *bytes;
  size_t size; /* of 2 */
} rapt__pb_field;

/* False at the end, and when the rest is no message (`bad`). */
bool rapt__pb_next(rapt__pb *pb, rapt__pb_field *out);
float rapt__pb_float(const rapt__pb_field *f);

#endif
