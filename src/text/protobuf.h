/* Protocol buffers: the fields of a message one by one, and appending them. */
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

rapt_status rapt__pb_put_number(rapt__text *out, uint32_t field, uint64_t value);
rapt_status rapt__pb_put_bytes(rapt__text *out, uint32_t field, const char *bytes, size_t size);
rapt_status rapt__pb_put_float(rapt__text *out, uint32_t field, float value);

#endif
