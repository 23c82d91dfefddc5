/* Which process of which host this is, and whether another one still lives. */
#ifndef RAPT_SRC_TRAIN_PROCESS_H
#define RAPT_SRC_TRAIN_PROCESS_H

#include "base/base.h"

enum { RAPT__HOST_SIZE = 256 };

void rapt__process_host(char out[RAPT__HOST_SIZE]);
/* When the process began, in the kernel's ticks since the host was started: tells it from a later one with the same number.
 * -1: not known. */
int64_t rapt__process_born(int64_t pid);
/* False only where it is certain: the host is this one, and no process has this number and, if known, this birth. */
bool rapt__process_may_live(const char *host, int64_t pid, int64_t born);

#endif
