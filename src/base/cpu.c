/* How many processors this process may use: the affinity mask and the cgroup's quota. */
#include "base/team.h"

#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MASK_BYTES = 8192 /* 65536 processors */, TEXT_BYTES = 16384, PATH_BYTES = 4096 };

int rapt__cpu_affinity(void) {
  _Alignas(cpu_set_t) unsigned char mask[MASK_BYTES] = {0};
  int count = 0;
  if (sched_getaffinity(0, sizeof mask, (cpu_set_t *)mask) == 0)
    for (size_t i = 0; i < sizeof mask; i++) count += __builtin_popcount(mask[i]);
  if (count == 0) {
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    count = online > 0 && online < MASK_BYTES * 8 ? (int)online : 1;
  }
  return count;
}

/* The start of a small file of the kernel as text; false where it cannot be read. */
static bool read_text(const char *path, char *text, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  size_t fill = 0;
  while (fill < size - 1) {
    ssize_t got = read(fd, text + fill, size - 1 - fill);
    if (got <= 0) break;
    fill += (size_t)got;
  }
  close(fd);
  text[fill] = 0;
  return fill > 0;
}

/* Quota over period; 0 where the text names no limit ("max", -1) or makes no sense. */
static double ratio(const char *quota, const char *period) {
  char *quota_end, *period_end;
  double q = strtod(quota, &quota_end), p = strtod(period, &period_end);
  if (quota_end == quota || period_end == period) return 0;
  return isfinite(q) && isfinite(p) && q > 0 && p > 0 ? q / p : 0;
}

static double quota_v2(const char *group) {
  char path[PATH_BYTES + 32], text[128];
  snprintf(path, sizeof path, "%s/cpu.max", group);
  if (!read_text(path, text, sizeof text)) return 0;
  char *space = strchr(text, ' ');
  return space ? ratio(text, space + 1) : 0;
}

static double quota_v1(const char *group) {
  char path[PATH_BYTES + 32], quota[128], period[128];
  snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", group);
  if (!read_text(path, quota, sizeof quota)) return 0;
  snprintf(path, sizeof path, "%s/cpu.cfs_period_us", group);
  return read_text(path, period, sizeof period) ? ratio(quota, period) : 0;
}

static double smaller(double a, double b) { return a > 0 && (b <= 0 || a < b) ? a : b; }

/* The smallest quota on the way from the group up to the mount point: a limit holds for everything below it. In a
 * container the path may be the host's and not be visible; the mount point itself is then the container's group. */
static double quota_of(const char *mount, const char *group, double (*read_quota)(const char *)) {
  char path[PATH_BYTES];
  double least = 0;
  size_t base = strlen(mount);
  if (strstr(group, "/..")) group = "";
  if ((size_t)snprintf(path, sizeof path, "%s%s", mount, group) >= sizeof path) path[base] = 0;
  for (size_t end = strlen(path); end >= base; end--) {
    if (path[end] != 0 && path[end] != '/') continue;
    path[end] = 0;
    least = smaller(least, read_quota(path));
    if (end == 0) break;
  }
  return least;
}

/* Is `name` one of the controllers in the comma-separated `list`? */
static bool lists(const char *list, const char *name) {
  size_t size = strlen(name);
  for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
    if (strncmp(p, name, size) == 0 && (p[size] == ',' || p[size] == 0)) return true;
  return false;
}

/* `root` is "" outside of tests. */
static double quota_under(const char *root) {
  static const char *const mounts_v1[] = {"cpu", "cpu,cpuacct"}, *const mounts_v2[] = {"", "/unified"};
  char path[PATH_BYTES], text[TEXT_BYTES];
  snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
  if (!read_text(path, text, sizeof text)) return 0;
  double least = 0;
  char *rest = NULL;
  /* A line is "number:controllers:path"; version 2 has no controllers. */
  for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) continue;
    controllers++;
    *group++ = 0;
    for (int i = 0; i < 2; i++) {
      if (*controllers == 0) {
        snprintf(path, sizeof path, "%s/sys/fs/cgroup%s", root, mounts_v2[i]);
        least = smaller(least, quota_of(path, group, quota_v2));
      } else if (lists(controllers, "cpu")) {
        snprintf(path, sizeof path, "%s/sys/fs/cgroup/%s", root, mounts_v1[i]);
        least = smaller(least, quota_of(path, group, quota_v1));
      }
    }
  }
  return least;
}

double rapt__cpu_quota(void) { return quota_under(""); }

int rapt__cpu_count(void) {
  int count = rapt__cpu_affinity();
  double quota = ceil(rapt__cpu_quota());
  if (quota > 0 && quota < count) count = (int)quota;
  return count < 1 ? 1 : count;
}
