/* Kills its own process with SIGKILL at a chosen call that changes files, whoever makes it: Python, Rust or C++.
 *
 * Preloaded (LD_PRELOAD); harmless until plug_arm says at which call, of those on files whose names end in some
 * word. Calls on what is no file (pipes, sockets) do not count. With a log, each call's file is named there, one a line.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char wanted[256];      /* how the names of files that count end */
static atomic_long count;
static atomic_long last = -1; /* the call that is not survived, from 0; -1: none */
static atomic_int torn;       /* half of what was to be written then is written */
static atomic_int notes = -1; /* a file descriptor for the log */

void plug_arm(const char *end, long at, int half, int log) {
    snprintf(wanted, sizeof wanted, "%s", end);
    count = 0;
    torn = half;
    notes = log;
    last = at;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static int is_file(int fd) {
    struct stat found;
    return fstat(fd, &found) == 0 && (S_ISREG(found.st_mode) || S_ISDIR(found.st_mode));
}

static void note(const char *path) {
    char line[512];
    const char *name = strrchr(path, '/');
    int size = snprintf(line, sizeof line, "%s\n", name ? name + 1 : path);
    syscall(SYS_write, notes, line, size < (int)sizeof line ? size : (int)sizeof line);
}

/* Whether the call is the one to die at. Calls of other threads meanwhile are too late as well. */
static int due(const char *path) {
    size_t size = strlen(path), end = strlen(wanted);
    if (notes >= 0) note(path);
    if (last < 0 || size < end || strcmp(path + size - end, wanted)) return 0;
    return atomic_fetch_add(&count, 1) >= last;
}

static int due_for(int fd) {
    char link[64], path[512];
    if ((notes < 0 && last < 0) || !is_file(fd)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    path[size < 0 ? 0 : size] = 0;
    return due(path);
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define DIE_IF(due) if (due) die()

ssize_t write(int fd, const void *from, size_t size) {
    REAL(write);
    if (due_for(fd)) {
        if (torn) real(fd, from, size / 2);
        die();
    }
    return real(fd, from, size);
}

ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) {
    REAL(pwrite64);
    if (due_for(fd)) {
        if (torn) real(fd, from, size / 2, at);
        die();
    }
    return real(fd, from, size, at);
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t at) { return pwrite64(fd, from, size, at); }

ssize_t writev(int fd, const struct iovec *from, int parts) {
    REAL(writev);
    if (due_for(fd)) {
        if (torn) real(fd, from, parts / 2);
        die();
    }
    return real(fd, from, parts);
}

/* Chroma's vectors are written so: what is still in the buffer is lost with the process. */
size_t fwrite(const void *from, size_t size, size_t parts, FILE *to) {
    REAL(fwrite);
    if (due_for(fileno(to))) {
        if (torn) real(from, 1, size * parts / 2, to);
        die();
    }
    return real(from, size, parts, to);
}

int fflush(FILE *of) {
    REAL(fflush);
    DIE_IF(of && due_for(fileno(of)));
    return real(of);
}

int fclose(FILE *of) {
    REAL(fclose);
    DIE_IF(due_for(fileno(of)));
    return real(of);
}

static int changes(int flags) { return (flags & (O_CREAT | O_TRUNC)) != 0; }

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        DIE_IF(changes(flags) && due(path)); \
        return real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        REAL(name); \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        DIE_IF(changes(flags) && due(path)); \
        return real(folder, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

FILE *fopen(const char *path, const char *mode) {
    REAL(fopen);
    DIE_IF(mode[0] != 'r' && due(path));
    return real(path, mode);
}

FILE *fopen64(const char *path, const char *mode) {
    REAL(fopen64);
    DIE_IF(mode[0] != 'r' && due(path));
    return real(path, mode);
}

#define CHANGING(name, declared, is_due, given) \
    int name declared { \
        REAL(name); \
        DIE_IF(is_due); \
        return real given; \
    }
CHANGING(rename, (const char *from, const char *to), due(to), (from, to))
CHANGING(renameat, (int a, const char *from, int b, const char *to), due(to), (a, from, b, to))
CHANGING(unlink, (const char *path), due(path), (path))
CHANGING(unlinkat, (int folder, const char *path, int flags), due(path), (folder, path, flags))
CHANGING(mkdir, (const char *path, mode_t mode), due(path), (path, mode))
CHANGING(rmdir, (const char *path), due(path), (path))
CHANGING(ftruncate, (int fd, off_t size), due_for(fd), (fd, size))
CHANGING(ftruncate64, (int fd, off64_t size), due_for(fd), (fd, size))
CHANGING(truncate, (const char *path, off_t size), due(path), (path, size))
CHANGING(fsync, (int fd), due_for(fd), (fd))
CHANGING(fdatasync, (int fd), due_for(fd), (fd))
