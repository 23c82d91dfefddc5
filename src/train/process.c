/* Processes by host, number and birth. */
#include "train/process.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void rapt__process_host(char out[RAPT__HOST_SIZE]) {
  if (gethostname(out, RAPT__HOST_SIZE) != 0) *out = 0;
  out[RAPT__HOST_SIZE - 1] = 0;
}

int64_t rapt__process_born(int64_t pid) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
  FILE *f = fopen(path, "r");
  if (!f) return -1;
  size_t size = fread(text, 1, sizeof text - 1, f);
  fclose(f);
  text[size] = 0;
  /* The second field is a name in parentheses that may hold anything; the birth is the 20th behind it. */
  const char *at = strrchr(text, ')');
  for (int i = 0; at && i < 20; i++) at = strchr(at + 1, ' ');
  long long born;
  return at && sscanf(at, "%lld", &born) == 1 && born >= 0 ? born : -1;
}

bool rapt__process_may_live(const char *host, int64_t pid, int64_t born) {
  char here[RAPT__HOST_SIZE];
  rapt__process_host(here);
  if (!*here || strcmp(host, here) != 0 || pid <= 0 || pid > INT_MAX) return true;
  if (kill((pid_t)pid, 0) != 0 && errno == ESRCH) return false;
  int64_t now = rapt__process_born(pid);
  return born < 0 || now < 0 || now == born;
}
