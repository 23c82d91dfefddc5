/* Fetching one file by HTTPS: resumed by byte ranges, bounded in size, time and redirects, stopped by Ctrl-C.
 *
 * libcurl's own memory does not go through the context's hook: its hook is one for the whole process. */
#include "data/fetch.h"

#include "base/file.h"
#include "base/lazy.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ATTEMPTS = 4, REDIRECTS = 5, CONNECT_SECONDS = 20, STALL_SECONDS = 30, STALL_BYTES = 100 };

typedef struct transfer {
  rapt_context *ctx;
  const rapt__fetch *job;
  int fd;
  uint64_t size; /* of the part file */
  int number;    /* errno of a failed write */
  bool too_large;
  char why[CURL_ERROR_SIZE];
} transfer;

#define CURL_LIST(X)                                                                                                   \
  X(global_init)                                                                                                       \
  X(easy_init) X(easy_setopt) X(easy_perform) X(easy_getinfo) X(easy_strerror) X(easy_reset) X(easy_cleanup)
static struct {
#define CURL_FIELD(name) __typeof__(curl_##name) *name;
  CURL_LIST(CURL_FIELD)
#undef CURL_FIELD
} api;

static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;
static bool started;

static rapt_status start_locked(rapt_context *ctx) {
#define CURL_SYMBOL(name) {"curl_" #name, &api.name},
  static const rapt__symbol symbols[] = {CURL_LIST(CURL_SYMBOL)};
#undef CURL_SYMBOL
  RAPT_TRY(rapt__lazy_load(ctx, "libcurl.so.4", "fetching data", false, symbols, sizeof symbols / sizeof *symbols));
  CURLcode code = api.global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK) return rapt__fail(ctx, RAPT_EUNSUPPORTED, "libcurl: %s", api.easy_strerror(code));
  started = true;
  return RAPT_OK;
}

static rapt_status start(rapt_context *ctx) {
  pthread_mutex_lock(&starting);
  rapt_status status = started ? RAPT_OK : start_locked(ctx);
  pthread_mutex_unlock(&starting);
  return status;
}

static size_t receive(char *data, size_t one, size_t size, void *user) {
  transfer *t = user;
  (void)one; /* always 1 */
  if (size > t->job->limit - t->size) {
    t->too_large = true;
    return 0;
  }
  for (size_t done = 0; done < size;) {
    ssize_t written = write(t->fd, data + done, size - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      t->number = written == 0 ? EIO : errno;
      return 0;
    }
    done += (size_t)written;
    t->size += (size_t)written;
  }
  return size;
}

static int watch(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now) {
  transfer *t = user;
  (void)up_total;
  (void)up_now;
  uint64_t before = now >= 0 && t->size >= (uint64_t)now ? t->size - (uint64_t)now : 0;
  if (t->job->progress) t->job->progress(t->job->user, t->size, total > 0 ? before + (uint64_t)total : 0);
  return atomic_load(&t->ctx->interrupted);
}

/* In the tests' mode no request leaves the machine, whatever a redirect says. */
static int before_request(void *user, char *address, char *local, int port, int local_port) {
  (void)user;
  (void)local;
  (void)port;
  (void)local_port;
  return strcmp(address, "127.0.0.1") == 0 || strcmp(address, "::1") == 0 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static bool configure(CURL *curl, transfer *t) {
  CURLcode bad = CURLE_OK;
#define SETOPT(option, value) bad = bad ? bad : api.easy_setopt(curl, option, value)
  const char *protocols = t->job->loopback ? "http" : "https";
  SETOPT(CURLOPT_URL, t->job->url);
  SETOPT(CURLOPT_PROTOCOLS_STR, protocols);
  SETOPT(CURLOPT_REDIR_PROTOCOLS_STR, protocols);
  SETOPT(CURLOPT_FOLLOWLOCATION, 1L);
  SETOPT(CURLOPT_MAXREDIRS, (long)REDIRECTS);
  SETOPT(CURLOPT_FAILONERROR, 1L);
  SETOPT(CURLOPT_NOSIGNAL, 1L);
  SETOPT(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
  SETOPT(CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES);
  SETOPT(CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
  SETOPT(CURLOPT_USERAGENT, "rapt");
  SETOPT(CURLOPT_ERRORBUFFER, t->why);
  SETOPT(CURLOPT_WRITEFUNCTION, receive);
  SETOPT(CURLOPT_WRITEDATA, t);
  SETOPT(CURLOPT_NOPROGRESS, 0L);
  SETOPT(CURLOPT_XFERINFOFUNCTION, watch);
  SETOPT(CURLOPT_XFERINFODATA, t);
  SETOPT(CURLOPT_RESUME_FROM_LARGE, (curl_off_t)t->size);
  /* What the server announces is refused early; what it sends is counted in any case. */
  SETOPT(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)t->job->limit);
  if (t->job->loopback) {
    SETOPT(CURLOPT_PREREQFUNCTION, before_request);
    SETOPT(CURLOPT_NOPROXY, "*");
  }
#undef SETOPT
  return bad == CURLE_OK;
}

static rapt_status cut_to(transfer *t, uint64_t size) {
  if (ftruncate(t->fd, (off_t)size) != 0) return rapt__fail_errno(t->ctx, "shorten it", t->job->part);
  t->size = size;
  return RAPT_OK;
}

static rapt_status too_large(transfer *t) {
  unlink(t->job->part);
  return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: is larger than the %llu bytes that it may have; it was not kept",
                    t->job->url, (unsigned long long)t->job->limit);
}

typedef enum verdict { DONE, AGAIN, FAILED } verdict;

/* What a finished attempt means. Only losses on the way are worth another attempt. */
static verdict judge(transfer *t, CURL *curl, CURLcode code, rapt_status *status) {
  const char *url = t->job->url;
  long http = 0;
  api.easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http);
  if (code == CURLE_OK) return DONE;
  if (code == CURLE_HTTP_RETURNED_ERROR && http == 416 && t->size > 0) return DONE; /* nothing behind what is there */
  *status = RAPT_EIO;
  if (code == CURLE_RANGE_ERROR) { /* the server only sends whole files */
    *status = cut_to(t, 0);
    if (*status != RAPT_OK) return FAILED;
    *status = rapt__fail(t->ctx, RAPT_EIO, "%s: the server answers requests for the rest of a file wrongly", url);
    return AGAIN;
  }
  if (code == CURLE_FILESIZE_EXCEEDED || t->too_large) {
    *status = too_large(t);
    return FAILED;
  }
  if (code == CURLE_ABORTED_BY_CALLBACK && atomic_load(&t->ctx->interrupted)) {
    *status =
        rapt__fail(t->ctx, RAPT_EINTERRUPTED, "%s: interrupted after %llu bytes; the same command goes on from there",
                   url, (unsigned long long)t->size);
    return FAILED;
  }
  if (t->number) {
    errno = t->number;
    *status = rapt__fail_errno(t->ctx, "write it", t->job->part);
    return FAILED;
  }
  if (code == CURLE_HTTP_RETURNED_ERROR) {
    bool gone = http == 404 || http == 410;
    *status = rapt__fail(t->ctx, gone ? RAPT_ENOTFOUND : RAPT_EIO, "%s: the server answers %ld%s", url, http,
                         gone ? ", there is no such file" : "");
    return http >= 500 || http == 429 ? AGAIN : FAILED;
  }
  rapt__fail(t->ctx, RAPT_EIO, "%s: %s%s", url, *t->why ? t->why : api.easy_strerror(code),
             t->size ? "; what came is kept, and the same command goes on from there" : "");
  return code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR || code == CURLE_OPERATION_TIMEDOUT ||
                 code == CURLE_GOT_NOTHING || code == CURLE_SEND_ERROR || code == CURLE_HTTP2_STREAM
             ? AGAIN
             : FAILED;
}

static void wait_before(transfer *t, int attempt) {
  double until = rapt__now() + attempt * t->job->pause;
  while (rapt__now() < until && !atomic_load(&t->ctx->interrupted))
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
}

static rapt_status run(transfer *t) {
  CURL *curl = api.easy_init();
  if (!curl) return rapt__fail_memory(t->ctx, sizeof *t);
  rapt_status status = RAPT_OK;
  verdict is = AGAIN;
  for (int attempt = 0; is == AGAIN && attempt < ATTEMPTS; attempt++) {
    if (attempt) {
      wait_before(t, attempt);
      rapt__forget(t->ctx);
    }
    api.easy_reset(curl);
    *t->why = 0;
    status = RAPT_OK;
    if (!configure(curl, t)) {
      status = rapt__fail(t->ctx, RAPT_EUNSUPPORTED, "%s: this libcurl cannot be set up for it", t->job->url);
      break;
    }
    is = judge(t, curl, api.easy_perform(curl), &status);
  }
  api.easy_cleanup(curl);
  return status;
}

/* A server that hangs up while TLS writes must not end the program. The signal is held back in this thread alone, since the
 * program's own way with it is none of the library's business. */
static rapt_status run_quietly(transfer *t) {
  sigset_t broken, before;
  sigemptyset(&broken);
  sigaddset(&broken, SIGPIPE);
  if (pthread_sigmask(SIG_BLOCK, &broken, &before) != 0) return run(t);
  rapt_status status = run(t);
  if (!sigismember(&before, SIGPIPE))
    while (sigtimedwait(&broken, NULL, &(struct timespec){0}) == SIGPIPE) continue;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return status;
}

static rapt_status open_part(transfer *t) {
  const char *path = t->job->part;
  t->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
  if (t->fd < 0) return rapt__fail_errno(t->ctx, "open it", path);
  struct stat about;
  if (fstat(t->fd, &about) != 0) return rapt__fail_errno(t->ctx, "look at it", path);
  if (!S_ISREG(about.st_mode)) return rapt__fail(t->ctx, RAPT_EIO, "%s: is not a regular file", path);
  t->size = (uint64_t)about.st_size;
  return t->size > t->job->limit ? cut_to(t, 0) : RAPT_OK;
}

rapt_status rapt__fetch_file(rapt_context *ctx, const rapt__fetch *job) {
  RAPT_TRY(start(ctx));
  transfer t = {.ctx = ctx, .job = job, .fd = -1};
  rapt_status status = open_part(&t);
  if (status == RAPT_OK && !(job->exact && t.size == job->limit)) status = run_quietly(&t);
  if (status == RAPT_OK && fsync(t.fd) != 0) status = rapt__fail_errno(ctx, "flush it to disk", job->part);
  if (t.fd >= 0) close(t.fd);
  if (status != RAPT_OK && t.fd >= 0 && t.size == 0) unlink(job->part);
  return status;
}
