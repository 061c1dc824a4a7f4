/* Kills its own process with SIGKILL at a chosen call that changes files, whoever makes it: Python, Rust or C++.
 *
 * Preloaded (LD_PRELOAD); harmless until plug_arm says after how many such calls. Calls on what is no file (pipes,
 * sockets, eventfds) do not count, nor do those that fail. plug_count says how many there were.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long count;
static atomic_long last = -1; /* the call that is not survived; -1: none */
static atomic_int torn;       /* half of what was to be written then is written */

void plug_arm(long at, int half) {
    count = 0;
    torn = half;
    last = at;
}

long plug_count(void) { return count; }

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static int is_file(int fd) {
    struct stat found;
    return fstat(fd, &found) == 0 && (S_ISREG(found.st_mode) || S_ISDIR(found.st_mode));
}

/* Whether the call is the one to die at. Later calls, which other threads make meanwhile, are too late as well. */
static int due(void) {
    long now = atomic_fetch_add(&count, 1);
    return last >= 0 && now >= last;
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define DIE_IF_DUE if (due()) die()

ssize_t write(int fd, const void *from, size_t size) {
    REAL(write);
    if (is_file(fd) && due()) {
        if (torn) real(fd, from, size / 2);
        die();
    }
    return real(fd, from, size);
}

ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) {
    REAL(pwrite64);
    if (is_file(fd) && due()) {
        if (torn) real(fd, from, size / 2, at);
        die();
    }
    return real(fd, from, size, at);
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t at) { return pwrite64(fd, from, size, at); }

ssize_t writev(int fd, const struct iovec *from, int parts) {
    REAL(writev);
    if (is_file(fd) && due()) {
        if (torn) real(fd, from, parts / 2);
        die();
    }
    return real(fd, from, parts);
}

/* Chroma's vectors are written so: what is still in the buffer is lost with the process. */
size_t fwrite(const void *from, size_t size, size_t parts, FILE *to) {
    REAL(fwrite);
    if (is_file(fileno(to)) && due()) {
        if (torn) real(from, 1, size * parts / 2, to);
        die();
    }
    return real(from, size, parts, to);
}

int fflush(FILE *of) {
    REAL(fflush);
    if (of && is_file(fileno(of))) DIE_IF_DUE;
    return real(of);
}

int fclose(FILE *of) {
    REAL(fclose);
    if (is_file(fileno(of))) DIE_IF_DUE;
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
        if (changes(flags)) DIE_IF_DUE; \
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
        if (changes(flags)) DIE_IF_DUE; \
        return real(folder, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

FILE *fopen(const char *path, const char *mode) {
    REAL(fopen);
    if (mode[0] != 'r') DIE_IF_DUE;
    return real(path, mode);
}

FILE *fopen64(const char *path, const char *mode) {
    REAL(fopen64);
    if (mode[0] != 'r') DIE_IF_DUE;
    return real(path, mode);
}

#define CHANGING(name, declared, given) \
    int name declared { \
        REAL(name); \
        DIE_IF_DUE; \
        return real given; \
    }
CHANGING(rename, (const char *from, const char *to), (from, to))
CHANGING(renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
CHANGING(unlink, (const char *path), (path))
CHANGING(unlinkat, (int folder, const char *path, int flags), (folder, path, flags))
CHANGING(mkdir, (const char *path, mode_t mode), (path, mode))
CHANGING(rmdir, (const char *path), (path))
CHANGING(ftruncate, (int fd, off_t size), (fd, size))
CHANGING(ftruncate64, (int fd, off64_t size), (fd, size))
CHANGING(truncate, (const char *path, off_t size), (path, size))
CHANGING(fsync, (int fd), (fd))
CHANGING(fdatasync, (int fd), (fd))
