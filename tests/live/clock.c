/* Moves the clock of a program by as many seconds as the file SHUTTERLAG_CLOCK_AHEAD begins with,
 * in the machine's form of a 64-bit number. The file may change meanwhile. Loaded before the C
 * library (LD_PRELOAD). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *ahead;

__attribute__((constructor)) static void map(void) {
    const char *path = getenv("SHUTTERLAG_CLOCK_AHEAD");
    int file = path ? open(path, O_RDONLY) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED)
        ahead = mapped;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (!failed && clock == CLOCK_REALTIME && ahead)
        now->tv_sec += *ahead;
    return failed;
}

/* librdkafka waits until a moment of the clock. Who sets the clock of a machine moves both: what the
 * program reads, and what the kernel compares such a moment with. Here the kernel's clock stays
 * right, so the moment is told in it. */
int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                           const struct timespec *until) {
    struct timespec right = *until;
    if (ahead)
        right.tv_sec -= *ahead;
    return pthread_cond_clockwait(condition, mutex, CLOCK_REALTIME, &right);
}
