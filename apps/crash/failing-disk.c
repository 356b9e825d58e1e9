/*
 * A disk that fails and tells, for whatever is loaded after it (LD_PRELOAD). Of calls on files whose
 * path contains AVER_DISK_PATH, the AVER_DISK_NTH one of AVER_DISK_CALL fails with EIO; each sync that
 * was done is a line "synced SIZE PATH" in AVER_DISK_RECORD, the failure a line "failed CALL PATH".
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long seen;

#undef fflush_unlocked
#undef fwrite_unlocked
#define REAL(function) __typeof__(&function) real = (__typeof__(&function))dlsym(RTLD_NEXT, #function)

static int is_ours(const char *path) {
  const char *part = getenv("AVER_DISK_PATH");
  return part != NULL && strstr(path, part) != NULL;
}

static void record(const char *what, long size, const char *path) {
  const char *to = getenv("AVER_DISK_RECORD");
  char line[5000];
  if (to == NULL) return;
  int length = snprintf(line, sizeof line, "%s %ld %s\n", what, size, path);
  int fd = open(to, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (write(fd, line, length) < 0) abort();
  close(fd);
}

static int fails(const char *call, const char *path) {
  const char *which = getenv("AVER_DISK_CALL");
  const char *nth = getenv("AVER_DISK_NTH");
  if (which == NULL || nth == NULL || strcmp(which, call) != 0 || !is_ours(path)) return 0;
  if (atomic_fetch_add(&seen, 1) + 1 != atol(nth)) return 0;
  record("failed", 0, path);
  errno = EIO;
  return 1;
}

static const char *path_of(int fd, char *path, size_t room) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, room - 1);
  path[length < 0 ? 0 : length] = 0;
  return path;
}

static int synced(int fd, int (*real)(int)) {
  char path[4096];
  struct stat file;
  path_of(fd, path, sizeof path);
  if (fails("sync", path)) return -1;
  /* What is appended meanwhile may not be part of it. */
  fstat(fd, &file);
  int result = real(fd);
  if (result == 0 && is_ours(path)) record("synced", (long)file.st_size, path);
  return result;
}

int fdatasync(int fd) {
  REAL(fdatasync);
  return synced(fd, real);
}

int fsync(int fd) {
  REAL(fsync);
  return synced(fd, real);
}

int fflush_unlocked(FILE *file) {
  REAL(fflush_unlocked);
  char path[4096];
  if (file != NULL && fails("flush", path_of(fileno(file), path, sizeof path))) return EOF;
  return real(file);
}

size_t fwrite_unlocked(const void *bytes, size_t size, size_t count, FILE *file) {
  REAL(fwrite_unlocked);
  char path[4096];
  /* Half of it is taken: what a disk does that fills up. */
  if (fails("write", path_of(fileno(file), path, sizeof path))) return real(bytes, 1, size * count / 2, file);
  return real(bytes, size, count, file);
}

FILE *fopen64(const char *path, const char *mode) {
  REAL(fopen64);
  if (mode[0] != 'r' && fails("open", path)) return NULL;
  return real(path, mode);
}

int rename(const char *from, const char *to) {
  REAL(rename);
  if (fails("rename", to)) return -1;
  return real(from, to);
}
