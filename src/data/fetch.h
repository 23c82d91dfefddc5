/* One file by HTTPS. The only user of libcurl is fetch.c. */
#ifndef RAPT_SRC_FETCH_H
#define RAPT_SRC_FETCH_H

#include "base/base.h"

typedef void (*rapt__fetch_fn)(void *user, uint64_t done, uint64_t total);

typedef struct rapt__fetch {
  const char *url;
  const char *part;        /* the file to fill; what it holds already is not fetched again */
  uint64_t limit;          /* bytes; a server that sends more is cut off */
  bool exact;              /* the file has `limit` bytes, so that a part of this size is complete */
  bool loopback;           /* for tests: plain http, and only to this machine */
  int pause;               /* seconds before a broken transfer is taken up again, times the number of the attempt */
  rapt__fetch_fn progress; /* or NULL */
  void *user;
} rapt__fetch;

/* Fills `part`. Goes on with what is there, tries again when a transfer breaks, and leaves the part file for the next call
 * when it fails in the end. RAPT_ENOTFOUND when the server has no such file, RAPT_EFORMAT for one larger than the limit (the
 * part file is removed), RAPT_EINTERRUPTED, RAPT_EIO. */
rapt_status rapt__fetch_file(rapt_context *ctx, const rapt__fetch *job);

#endif
