/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that all fronts map. It is larger than what is used of it: pages come to life when they are touched, so nothing here walks what
 * was never used. A front may die at any instruction: every number is changed by one atomic step, and what ends with a front stands in its place, which the
 * parent frees and the next one empties. There is no lock that a dead one could hold. It refuses to map what it has not made: a file that somebody could cut short
 * would end in SIGBUS.
 */
#include "tsa/front/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

/* ---- the file ---- */

/* Beyond this limit ftruncate() does not fail, it kills (SIGXFSZ). */
static bool fits_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < sizeof(struct shared)) {
        errno = EFBIG;
        return false;
    }
    return true;
}

static bool put_secret(int fd)
{
    uint64_t secret[2];
    const bool is_there =
        getrandom(secret, sizeof(secret), 0) == (ssize_t)sizeof(secret) &&
        pwrite(fd, secret, sizeof(secret), offsetof(struct shared, secret)) == (ssize_t)sizeof(secret);

    explicit_bzero(secret, sizeof(secret));
    return is_there;
}

int shared_create(void)
{
    const int fd = fits_file_limit() ? memfd_create("tsa-shared", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;

    if (fd >= 0 && (ftruncate(fd, (off_t)sizeof(struct shared)) != 0 || !put_secret(fd) ||
                    fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) != 0)) {
        const int why = errno;

        (void)close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

struct shared *shared_map(int fd)
{
    struct stat about;
    const int seals = fcntl(fd, F_GET_SEALS);
    void *at;

    if (seals < 0 || fstat(fd, &about) != 0) {
        return NULL;
    }
    if ((seals & SEALS) != SEALS || about.st_size != (off_t)sizeof(struct shared)) {
        errno = EINVAL;
        return NULL;
    }
    at = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? NULL : at;
}

void shared_unmap(struct shared *shared)
{
    if (shared) {
        (void)munmap(shared, sizeof(*shared));
    }
}

/* ---- units ---- */

/* Its first character is taken away first and comes back last, so that a front which begins just now finds no name that is half there. One
 * that counts here already has been gone since the change before last. */
static void name_unit(struct shared_unit *unit, const char *name)
{
    shared_count *count = &unit->requests[0][0];

    __atomic_store_n(&unit->name[0], 0, __ATOMIC_SEQ_CST);
    for (size_t i = 0; i < SHARED_KINDS * (size_t)RC_NUM; i++) {
        atomic_store_explicit(&count[i], 0, memory_order_relaxed);
    }
    memset(unit->name + 1, 0, sizeof(unit->name) - 1);
    memcpy(unit->name + 1, name + 1, strlen(name + 1));
    __atomic_store_n(&unit->name[0], name[0], __ATOMIC_SEQ_CST);
}

struct shared_unit *shared_find_unit(struct shared *shared, const char *name)
{
    for (size_t i = 0; *name && i < SHARED_UNITS; i++) {
        if (strncmp(shared->units[i].name, name, SHARED_NAME_MAX) == 0) {
            return &shared->units[i];
        }
    }
    return NULL;
}

static bool is_among(const char *name, const char *const *names, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        if (strncmp(name, names[i], SHARED_NAME_MAX) == 0) {
            return true;
        }
    }
    return false;
}

/* A free place, else that of a name that is gone. */
static struct shared_unit *find_room(struct shared *shared, const char *const *names, size_t num)
{
    struct shared_unit *gone = NULL;

    for (size_t i = 0; i < SHARED_UNITS; i++) {
        struct shared_unit *unit = &shared->units[i];

        if (!unit->name[0]) {
            return unit;
        }
        if (!gone && !is_among(unit->name, names, num)) {
            gone = unit;
        }
    }
    return gone;
}

void shared_name_units(struct shared *shared, const char *const *names, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        struct shared_unit *unit;

        if (!names[i][0] || strlen(names[i]) >= SHARED_NAME_MAX || shared_find_unit(shared, names[i])) {
            continue;
        }
        unit = find_room(shared, names, num);
        if (unit) {
            name_unit(unit, names[i]);
        }
    }
}

/* ---- places ---- */

static void empty(struct shared_place *place)
{
    atomic_store_explicit(&place->num_open, 0, memory_order_relaxed);
    atomic_store_explicit(&place->num_waiting, 0, memory_order_relaxed);
    for (size_t i = 0; i < SHARED_SOURCES; i++) {
        atomic_store_explicit(&place->conns[i], 0, memory_order_relaxed);
    }
}

/* Who dies in between leaves a place that is his, and that nobody sums up. */
struct shared_place *shared_take_place(struct shared *shared)
{
    const int32_t pid = (int32_t)getpid();

    for (size_t i = 0; i < SHARED_PLACES; i++) {
        int32_t none = 0;

        if (atomic_compare_exchange_strong(&shared->pids[i], &none, -pid)) {
            empty(&shared->places[i]);
            atomic_store(&shared->pids[i], pid);
            return &shared->places[i];
        }
    }
    return &shared->places[SHARED_PLACES - 1];
}

static bool lives(int32_t pid, const int32_t *living, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        if (pid == living[i] || pid == -living[i]) {
            return true;
        }
    }
    return false;
}

/* Not by the number of the one that has ended: it may have written another one there. */
void shared_keep(struct shared *shared, const int32_t *living, size_t num)
{
    for (size_t i = 0; i < SHARED_PLACES; i++) {
        if (!lives(atomic_load(&shared->pids[i]), living, num)) {
            atomic_store(&shared->pids[i], 0);
        }
    }
}
