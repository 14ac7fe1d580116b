/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library for LD_PRELOAD: what the machine's clock shows, set by a test while programs run. The file beside this library, of its name with ".shift"
 * behind it, begins with a signed 64-bit number of this machine's byte order: so many nanoseconds are added to CLOCK_REALTIME. It is mapped
 * when a process begins, before any jail and without an environment, so that one write into it (in place) sets the clock of all of them at once. Other clocks are
 * let alone, as a step leaves them. A test copies the library into a folder of its own first. For tests alone.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

static int (*real_clock_gettime)(clockid_t clock, struct timespec *out);
static const _Atomic int64_t *shift;

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "clock_shim: %s\n", what);
    _exit(99);
}

__attribute__((constructor)) static void begin(void)
{
    char path[PATH_MAX];
    Dl_info self;
    void *found;
    int fd;

    *(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    if (!real_clock_gettime || dladdr((void *)&shift, &self) == 0 || !self.dli_fname) {
        fail("it can not find itself");
    }
    (void)snprintf(path, sizeof(path), "%s.shift", self.dli_fname);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    found = fd >= 0 ? mmap(NULL, sizeof(*shift), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (found == MAP_FAILED) {
        fail("its .shift file can not be mapped");
    }
    (void)close(fd);
    shift = found;
}

static void add(struct timespec *time)
{
    const int64_t by = shift ? atomic_load(shift) : 0;
    int64_t ns = (int64_t)time->tv_nsec + by % NS_PER_S;

    time->tv_sec += (time_t)(by / NS_PER_S + (ns >= NS_PER_S) - (ns < 0));
    ns += ns < 0 ? NS_PER_S : ns >= NS_PER_S ? -NS_PER_S : 0;
    time->tv_nsec = (long)ns;
}

/* A sanitizer may ask before this library has begun. */
int clock_gettime(clockid_t clock, struct timespec *out)
{
    int rc;

    if (!real_clock_gettime) {
        *(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    }
    rc = real_clock_gettime(clock, out);
    if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        add(out);
    }
    return rc;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) {
        return -1;
    }
    *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}
