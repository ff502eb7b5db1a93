/* Stands between a process and its C library: makes the N-th file operation below one folder fail,
   or kills the process there, and moves the clock. Python, SQLite, tantivy and FAISS all come by.

   fault_under(folder)         which folder is meant (absolute); counts begin anew
   fault_arm(kind, at)         what happens at call number `at`, see the enumeration
   fault_count(kind)           how many calls so far are of the sort that `kind` looks at
   FAULT_CLOCK=FILE            8 bytes: seconds that the clock of the wall is put forward, or back */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FULL = 1, BROKEN, KILLED, TORN, UNREADABLE };
/* FULL: from that call on nothing takes more room (a write puts half of it down first).
   BROKEN: that one change fails with EIO.   KILLED: SIGKILL before that change.
   TORN: half of that write, then SIGKILL.   UNREADABLE: that one reading fails with EIO. */

#define FDS 65536
static char folder[PATH_MAX];
static size_t folder_length;
static unsigned char watched[FDS];
static atomic_long grown, changed, read_, written;
static atomic_int armed_kind;
static atomic_long armed_at;

void fault_under(const char *path) {
  snprintf(folder, sizeof folder, "%s", path);
  folder_length = strlen(folder);
  grown = changed = read_ = written = 0;
}

void fault_arm(int kind, long at) {
  armed_at = at;
  armed_kind = kind;
}

long fault_count(int kind) {
  return kind == FULL ? grown : kind == TORN ? written : kind == UNREADABLE ? read_ : changed;
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int below(const char *path) {
  return folder_length && path && !strncmp(path, folder, folder_length) &&
         (path[folder_length] == '/' || !path[folder_length]);
}

static int at_watched(int fd) { return fd >= 0 && fd < FDS && watched[fd]; }

static int below_at(int dir, const char *path) {
  return path && path[0] == '/' ? below(path) : at_watched(dir);
}

static void note(int fd, int yes) {
  if (fd >= 0 && fd < FDS) watched[fd] = yes != 0;
}

static int fail(int error) {
  errno = error;
  return 1;
}

/* A change of the disk; `grows` where it takes room. Whether it fails. */
static int changes(int grows) {
  long here = ++changed, size = grows ? ++grown : 0;
  if (armed_kind == BROKEN && here == armed_at) return fail(EIO);
  if (armed_kind == KILLED && here == armed_at) kill(getpid(), SIGKILL);
  return armed_kind == FULL && grows && size >= armed_at && fail(ENOSPC);
}

static int reads(void) {
  return ++read_ == armed_at && armed_kind == UNREADABLE && fail(EIO);
}

/* For a write: as `changes`, and whether half of it is to be written before. */
static int halves(void) {
  long size = grown + 1;
  return (++written == armed_at && armed_kind == TORN) || (armed_kind == FULL && size == armed_at);
}

static int opens(int flags) {
  return (flags & (O_CREAT | O_TRUNC)) ? changes(flags & O_CREAT)
         : (flags & O_ACCMODE) == O_RDONLY ? reads() : 0;
}

#define OPEN(name, params, dir, call)                                  \
  int name params {                                                    \
    REAL(name);                                                        \
    mode_t mode = 0;                                                   \
    if (flags & (O_CREAT | O_TMPFILE)) {                               \
      va_list rest;                                                    \
      va_start(rest, flags);                                           \
      mode = va_arg(rest, mode_t);                                     \
      va_end(rest);                                                    \
    }                                                                  \
    int ours = below_at(dir, path);                                    \
    if (ours && opens(flags)) return -1;                               \
    int fd = call;                                                     \
    note(fd, ours);                                                    \
    return fd;                                                         \
  }
OPEN(open, (const char *path, int flags, ...), AT_FDCWD, real(path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD, real(path, flags, mode))
OPEN(openat, (int at, const char *path, int flags, ...), at, real(at, path, flags, mode))
OPEN(openat64, (int at, const char *path, int flags, ...), at, real(at, path, flags, mode))

#define FOPEN(name)                                                     \
  FILE *name(const char *path, const char *mode) {                      \
    REAL(name);                                                         \
    int ours = below(path);                                             \
    if (ours && (mode[0] == 'r' ? reads() : changes(1))) return NULL;   \
    FILE *file = real(path, mode);                                      \
    if (file) note(fileno(file), ours);                                 \
    return file;                                                        \
  }
FOPEN(fopen)
FOPEN(fopen64)

int close(int fd) {
  REAL(close);
  note(fd, 0);
  return real(fd);
}

/* What a failing disk leaves of a buffered file: its last piece never arrives. */
static int flush_fails(FILE *file) {
  if (!at_watched(fileno(file)) || !__fpending(file)) return 0;
  if (halves()) {
    size_t all = __fpending(file);
    REAL(fflush);
    real(file);
    if (ftruncate(fileno(file), lseek(fileno(file), 0, SEEK_CUR) - (off_t)(all / 2)) == 0 &&
        armed_kind == TORN)
      kill(getpid(), SIGKILL);
    if (changes(1)) return 1;
  } else if (changes(1)) {
    int error = errno;
    __fpurge(file);
    errno = error;
    return 1;
  }
  return 0;
}

int fflush(FILE *file) {
  REAL(fflush);
  return file && flush_fails(file) ? EOF : real(file);
}

int fclose(FILE *file) {
  REAL(fclose);
  int failed = flush_fails(file), error = errno;
  note(fileno(file), 0);
  int result = real(file);
  if (failed) errno = error;
  return failed ? EOF : result;
}

#define WRITE(type, name, params, fd, size, whole, half)    \
  type name params {                                        \
    REAL(name);                                             \
    if (!at_watched(fd)) return whole;                      \
    if (halves()) {                                         \
      type put = size > 1 ? half : 0;                       \
      if (armed_kind == TORN) kill(getpid(), SIGKILL);      \
      if (put > 0) {                                        \
        ++changed;                                          \
        armed_at = ++grown + 1; /* the rest of it fails */  \
        return put;                                         \
      }                                                     \
    }                                                       \
    return changes(1) ? -1 : whole;                         \
  }
WRITE(ssize_t, write, (int fd, const void *data, size_t n), fd, n, real(fd, data, n),
      real(fd, data, n / 2))
WRITE(ssize_t, pwrite, (int fd, const void *data, size_t n, off_t at), fd, n,
      real(fd, data, n, at), real(fd, data, n / 2, at))
WRITE(ssize_t, pwrite64, (int fd, const void *data, size_t n, off64_t at), fd, n,
      real(fd, data, n, at), real(fd, data, n / 2, at))
WRITE(ssize_t, writev, (int fd, const struct iovec *v, int n), fd, 0, real(fd, v, n), 0)
WRITE(ssize_t, sendfile, (int out, int in, off_t *at, size_t n), out, n, real(out, in, at, n),
      real(out, in, at, n > 8192 ? 4096 : n / 2))
WRITE(ssize_t, sendfile64, (int out, int in, off64_t *at, size_t n), out, n,
      real(out, in, at, n), real(out, in, at, n > 8192 ? 4096 : n / 2))
WRITE(ssize_t, copy_file_range,
      (int in, off64_t *a, int out, off64_t *b, size_t n, unsigned flags), out, n,
      real(in, a, out, b, n, flags), real(in, a, out, b, n / 2, flags))

size_t fwrite(const void *data, size_t size, size_t n, FILE *file) {
  REAL(fwrite);
  if (!at_watched(fileno(file))) return real(data, size, n, file);
  if (halves()) {
    size_t put = real(data, size, n / 2, file);
    if (armed_kind == TORN) {
      fflush(file);
      kill(getpid(), SIGKILL);
    }
    return changes(1) ? put : put + real((const char *)data + put * size, size, n - put, file);
  }
  return changes(1) ? 0 : real(data, size, n, file);
}

#define CHANGE(name, params, ours, grows, call)     \
  int name params {                                 \
    REAL(name);                                     \
    return (ours) && changes(grows) ? -1 : call;    \
  }
CHANGE(fsync, (int fd), at_watched(fd), 0, real(fd))
CHANGE(fdatasync, (int fd), at_watched(fd), 0, real(fd))
CHANGE(ftruncate, (int fd, off_t n), at_watched(fd), 0, real(fd, n))
CHANGE(ftruncate64, (int fd, off64_t n), at_watched(fd), 0, real(fd, n))
CHANGE(rename, (const char *a, const char *b), below(b), 1, real(a, b))
CHANGE(renameat, (int x, const char *a, int y, const char *b), below_at(y, b), 1, real(x, a, y, b))
CHANGE(link, (const char *a, const char *b), below(b), 1, real(a, b))
CHANGE(linkat, (int x, const char *a, int y, const char *b, int f), below_at(y, b), 1,
       real(x, a, y, b, f))
CHANGE(mkdir, (const char *path, mode_t mode), below(path), 1, real(path, mode))
CHANGE(mkdirat, (int at, const char *path, mode_t mode), below_at(at, path), 1,
       real(at, path, mode))
CHANGE(unlink, (const char *path), below(path), 0, real(path))
CHANGE(unlinkat, (int at, const char *path, int flags), below_at(at, path), 0,
       real(at, path, flags))
CHANGE(rmdir, (const char *path), below(path), 0, real(path))
CHANGE(chmod, (const char *path, mode_t mode), below(path), 0, real(path, mode))

int posix_fallocate(int fd, off_t at, off_t n) {
  REAL(posix_fallocate);
  return at_watched(fd) && changes(1) ? errno : real(fd, at, n);
}

#define READ(type, name, params, fd, failure, call)     \
  type name params {                                    \
    REAL(name);                                         \
    return at_watched(fd) && reads() ? failure : call;  \
  }
READ(ssize_t, read, (int fd, void *data, size_t n), fd, -1, real(fd, data, n))
READ(ssize_t, pread, (int fd, void *data, size_t n, off_t at), fd, -1, real(fd, data, n, at))
READ(ssize_t, pread64, (int fd, void *data, size_t n, off64_t at), fd, -1, real(fd, data, n, at))
READ(size_t, fread, (void *data, size_t size, size_t n, FILE *file), fileno(file), 0,
     real(data, size, n, file))
READ(void *, mmap, (void *where, size_t n, int prot, int flags, int fd, off_t at), fd, MAP_FAILED,
     real(where, n, prot, flags, fd, at))
READ(void *, mmap64, (void *where, size_t n, int prot, int flags, int fd, off64_t at), fd,
     MAP_FAILED, real(where, n, prot, flags, fd, at))
READ(DIR *, fdopendir, (int fd), fd, NULL, real(fd))

DIR *opendir(const char *path) {
  REAL(opendir);
  return below(path) && reads() ? NULL : real(path);
}

static int64_t shift(void) {
  static _Atomic(int64_t *) place;
  static atomic_int asked;
  if (!asked) {
    asked = 1;
    const char *name = getenv("FAULT_CLOCK");
    if (name) {
      __typeof__(&open) open_ = (__typeof__(&open))dlsym(RTLD_NEXT, "open");
      __typeof__(&mmap) mmap_ = (__typeof__(&mmap))dlsym(RTLD_NEXT, "mmap");
      void *map = mmap_(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, open_(name, O_RDONLY), 0);
      if (map != MAP_FAILED) place = map;
    }
  }
  return place ? *place : 0;
}

int clock_gettime(clockid_t which, struct timespec *now) {
  REAL(clock_gettime);
  int result = real(which, now);
  if (!result && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) now->tv_sec += shift();
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  REAL(gettimeofday);
  int result = real(now, zone);
  if (!result) now->tv_sec += shift();
  return result;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
