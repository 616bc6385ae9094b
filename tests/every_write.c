/* Asks before each write of a process whether it is to be done: test_every_write.py preloads it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* 0: it is done; an error number: it fails with that; -1: the process dies, a file half written */
typedef int Ask(const char *what, const char *path);
static Ask *ask;
static __thread int inside; /* what the answer itself takes is not asked for */

void ask_before_writes(Ask *whom) { ask = whom; }

static int answer(const char *what, int at, const char *name) {
    char path[8192] = "", link[64];
    if (!ask || inside) return 0;
    if (at != AT_FDCWD && (!name || *name != '/')) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        if (readlink(link, path, sizeof path / 2) < 0) return 0;
    }
    if (name) {
        if (*path) strcat(path, "/");
        strncat(path, name, sizeof path / 2 - 1);
    }
    inside = 1;
    int verdict = ask(what, path);
    inside = 0;
    return verdict;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    pause();
}

#define ASKED(what, at, name, half, failed)          \
    switch (answer(what, at, name)) {                \
    case 0: break;                                   \
    case -1: (void)!half; die(); /* fall through */  \
    default: errno = EIO; return failed;             \
    }

#define WRITER(result, function, parameters, arguments, half, fd) \
    result function parameters {                                  \
        static __typeof__(function) *real;                        \
        if (!real) real = dlsym(RTLD_NEXT, #function);            \
        ASKED("write", fd, NULL, real half, -1)                   \
        return real arguments;                                    \
    }
WRITER(ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n), (fd, b, n / 2), fd)
WRITER(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o), (fd, b, n / 2, o), fd)
WRITER(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o), (fd, b, n / 2, o), fd)
WRITER(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n), (fd, v, n / 2), fd)
WRITER(ssize_t, send, (int fd, const void *b, size_t n, int f), (fd, b, n, f), (fd, b, n / 2, f), fd)
WRITER(ssize_t, sendfile, (int fd, int in, off_t *o, size_t n), (fd, in, o, n), (fd, in, o, 1), fd)
WRITER(ssize_t, sendfile64, (int fd, int in, off64_t *o, size_t n), (fd, in, o, n), (fd, in, o, 1), fd)

#define CHANGER(function, parameters, arguments, at, name)  \
    int function parameters {                               \
        static __typeof__(function) *real;                  \
        if (!real) real = dlsym(RTLD_NEXT, #function);      \
        ASKED(#function, at, name, 0, -1)                   \
        return real arguments;                              \
    }
CHANGER(rename, (const char *a, const char *b), (a, b), AT_FDCWD, b)
CHANGER(unlink, (const char *a), (a), AT_FDCWD, a)
CHANGER(unlinkat, (int at, const char *a, int f), (at, a, f), at, a)
CHANGER(rmdir, (const char *a), (a), AT_FDCWD, a)
CHANGER(mkdir, (const char *a, mode_t m), (a, m), AT_FDCWD, a)
CHANGER(link, (const char *a, const char *b), (a, b), AT_FDCWD, b)
CHANGER(symlink, (const char *a, const char *b), (a, b), AT_FDCWD, b)
CHANGER(ftruncate, (int fd, off_t n), (fd, n), fd, NULL)
CHANGER(ftruncate64, (int fd, off64_t n), (fd, n), fd, NULL)

#define OPENER(function, parameters, arguments, at)                                   \
    int function parameters {                                                         \
        static __typeof__(function) *real;                                            \
        va_list more;                                                                 \
        va_start(more, flags);                                                        \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;       \
        va_end(more);                                                                 \
        if (!real) real = dlsym(RTLD_NEXT, #function);                                \
        if (flags & O_TRUNC)                                                          \
            ASKED("empty", at, path, real arguments, -1)                              \
        else if (flags & (O_CREAT | O_TMPFILE))                                       \
            ASKED("create", at, path, real arguments, -1)                             \
        return real arguments;                                                        \
    }
OPENER(open, (const char *path, int flags, ...), (path, flags, mode), AT_FDCWD)
OPENER(open64, (const char *path, int flags, ...), (path, flags, mode), AT_FDCWD)
OPENER(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode), at)
OPENER(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode), at)

#define STREAM(function)                                                     \
    FILE *function(const char *path, const char *mode) {                     \
        static __typeof__(function) *real;                                   \
        if (!real) real = dlsym(RTLD_NEXT, #function);                       \
        if (strpbrk(mode, "wa")) ASKED("empty", AT_FDCWD, path, 0, NULL)     \
        return real(path, mode);                                             \
    }
STREAM(fopen)
STREAM(fopen64)
