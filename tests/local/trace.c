/* Notes what a run writes to its store, when it syncs, and when it answers a delivery.
 *
 * Loaded before the C library (LD_PRELOAD) into the program. Each note is a head and, for a
 * write, its bytes; they go to the file named by SHUTTERLAG_TRACE, in the order in which they
 * happened. A write is noted after it is made, a sync after the disk has confirmed it, and an
 * answer before it is sent: so what the trace shows as answered was answered at that moment at
 * the latest, and what it shows as synced was synced at that moment at the latest. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum operation { WRITE = 1, SYNC = 2, TRUNCATE = 3, ANSWER = 4 };
enum file { NONE = 0, DATABASE = 1, LOG = 2 };

struct head {
    uint32_t operation;
    uint32_t file;
    uint64_t offset;
    uint64_t length;
};

static pthread_mutex_t noting = PTHREAD_MUTEX_INITIALIZER;
static int trace = -1;

static void put(const void *bytes, size_t length) {
    const char *at = bytes;
    while (length > 0) {
        /* Not write(), which is ours. */
        long written = syscall(SYS_write, trace, at, length);
        if (written <= 0)
            abort();
        at += written;
        length -= (size_t)written;
    }
}

static void note(uint32_t operation, uint32_t file, uint64_t offset, uint64_t length,
                 const void *bytes) {
    struct head head = {operation, file, offset, length};
    pthread_mutex_lock(&noting);
    if (trace < 0) {
        const char *path = getenv("SHUTTERLAG_TRACE");
        trace = (int)syscall(SYS_openat, AT_FDCWD, path ? path : "/dev/null",
                             O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (trace < 0)
            abort();
    }
    put(&head, sizeof head);
    if (bytes)
        put(bytes, length);
    pthread_mutex_unlock(&noting);
}

static int ends(const char *text, const char *with) {
    size_t length = strlen(text), ending = strlen(with);
    return length >= ending && strcmp(text + length - ending, with) == 0;
}

static uint32_t file_of(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return NONE;
    path[length] = 0;
    return ends(path, "/shutterlag.db") ? DATABASE : ends(path, "/shutterlag.db-wal") ? LOG : NONE;
}

/* Only answers to deliveries say how many events there were. */
static void answers(const void *bytes, size_t length) {
    static const char events[] = "{\"events\":";
    if (memmem(bytes, length, events, sizeof events - 1))
        note(ANSWER, NONE, 0, 0, NULL);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static ssize_t written(int fd, const void *bytes, ssize_t count, off64_t offset) {
    uint32_t file = count > 0 ? file_of(fd) : NONE;
    if (file != NONE)
        note(WRITE, file, (uint64_t)offset, (uint64_t)count, bytes);
    return count;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    return written(fd, bytes, REAL(pwrite64)(fd, bytes, length, offset), offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return written(fd, bytes, REAL(pwrite)(fd, bytes, length, offset), offset);
}

static int synced(int fd, int result) {
    uint32_t file = result == 0 ? file_of(fd) : NONE;
    if (file != NONE)
        note(SYNC, file, 0, 0, NULL);
    return result;
}

int fsync(int fd) { return synced(fd, REAL(fsync)(fd)); }

int fdatasync(int fd) { return synced(fd, REAL(fdatasync)(fd)); }

static int truncated(int fd, off64_t length, int result) {
    uint32_t file = result == 0 ? file_of(fd) : NONE;
    if (file != NONE)
        note(TRUNCATE, file, (uint64_t)length, 0, NULL);
    return result;
}

int ftruncate64(int fd, off64_t length) {
    return truncated(fd, length, REAL(ftruncate64)(fd, length));
}

int ftruncate(int fd, off_t length) { return truncated(fd, length, REAL(ftruncate)(fd, length)); }

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
    answers(bytes, length);
    return REAL(send)(fd, bytes, length, flags);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    answers(bytes, length);
    return REAL(write)(fd, bytes, length);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    for (int part = 0; part < count; part++)
        answers(parts[part].iov_base, parts[part].iov_len);
    return REAL(writev)(fd, parts, count);
}
