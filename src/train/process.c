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

/* What the kernel says of a process behind its name, the second field, which is in parentheses and may hold anything. NULL:
 * it says nothing. */
static const char *read_stat(int64_t pid, char text[1024]) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
  FILE *f = fopen(path, "r");
  if (!f) return NULL;
  size_t size = fread(text, 1, 1023, f);
  fclose(f);
  text[size] = 0;
  return strrchr(text, ')');
}

int64_t rapt__process_born(int64_t pid) {
  char text[1024];
  const char *at = read_stat(pid, text);
  for (int i = 0; at && i < 20; i++) at = strchr(at + 1, ' '); /* the birth is the 20th field behind the name */
  long long born;
  return at && sscanf(at, "%lld", &born) == 1 && born >= 0 ? born : -1;
}

/* It has ended, and nobody has asked how: its number is still taken. */
static bool is_zombie(int64_t pid) {
  char text[1024];
  const char *at = read_stat(pid, text);
  return at && (strncmp(at, ") Z", 3) == 0 || strncmp(at, ") X", 3) == 0);
}

bool rapt__process_may_live(const char *host, int64_t pid, int64_t born) {
  char here[RAPT__HOST_SIZE];
  rapt__process_host(here);
  if (!*here || strcmp(host, here) != 0 || pid <= 0 || pid > INT_MAX) return true;
  if (kill((pid_t)pid, 0) != 0 && errno == ESRCH) return false;
  if (is_zombie(pid)) return false;
  int64_t now = rapt__process_born(pid);
  return born < 0 || now < 0 || now == born;
}
