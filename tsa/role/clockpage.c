/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sequence lock: the writer makes the counter odd, writes, makes it even again; a reader copies and takes the copy only when
 * the counter was even and the same before and after. The record moves as atomic words, so that no copy is a data race.
 */
#include "tsa/role/clockpage.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC      0x31676170636f6c63ULL /* "clocpag1": another layout gets another number */
#define READ_TRIES 100
#define WORDS      (sizeof(struct clockpage_record) / sizeof(uint64_t))

struct clockpage {
    _Atomic uint64_t magic;
    _Atomic uint64_t counter; /* 0: nothing written yet */
    _Atomic uint64_t words[WORDS];
};
_Static_assert(sizeof(struct clockpage_record) % sizeof(uint64_t) == 0, "the record is whole words");
_Static_assert(sizeof(struct clockpage) <= CLOCKPAGE_FILE_SIZE, "the record fits into the file");

struct clockpage *clockpage_open(int fd, bool writable)
{
    struct stat st;
    void *at;

    if (fstat(fd, &st) != 0) {
        return NULL;
    }
    if (writable && st.st_size < CLOCKPAGE_FILE_SIZE && ftruncate(fd, CLOCKPAGE_FILE_SIZE) != 0) {
        return NULL;
    }
    if (!writable && st.st_size < CLOCKPAGE_FILE_SIZE) {
        errno = EINVAL; /* beyond the end of a mapped file lies SIGBUS */
        return NULL;
    }
    at = mmap(NULL, CLOCKPAGE_FILE_SIZE, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? NULL : at;
}

void clockpage_close(struct clockpage *page)
{
    if (page) {
        (void)munmap(page, CLOCKPAGE_FILE_SIZE);
    }
}

void clockpage_write(struct clockpage *page, const struct clockpage_record *record)
{
    /* A writer that died in the middle left it odd: go on from the next even number. */
    const uint64_t start = (atomic_load_explicit(&page->counter, memory_order_relaxed) + 1) & ~1ULL;
    uint64_t words[WORDS];

    memcpy(words, record, sizeof(words));
    atomic_store_explicit(&page->counter, start + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < WORDS; i++) {
        atomic_store_explicit(&page->words[i], words[i], memory_order_relaxed);
    }
    atomic_store_explicit(&page->magic, MAGIC, memory_order_relaxed);
    atomic_store_explicit(&page->counter, start + 2, memory_order_release);
}

static bool is_record(const struct clockpage_record *r)
{
    return r->state <= CLOCKPAGE_STOP && r->leap <= CLOCKPAGE_LEAP_UNKNOWN && r->proven <= 1 &&
           r->reason < RC_NUM && r->bound_ns >= -1 && r->drift_ppb >= 0 &&
           memchr(r->reference, 0, sizeof(r->reference)) != NULL;
}

bool clockpage_read(const struct clockpage *page, struct clockpage_record *out)
{
    uint64_t words[WORDS], before, after;

    for (int i = 0; i < READ_TRIES; i++) {
        before = atomic_load_explicit(&page->counter, memory_order_acquire);
        if (before == 0) {
            break;
        }
        for (size_t w = 0; w < WORDS; w++) {
            words[w] = atomic_load_explicit(&page->words[w], memory_order_relaxed);
        }
        atomic_thread_fence(memory_order_acquire);
        after = atomic_load_explicit(&page->counter, memory_order_relaxed);
        if (before == after && before % 2 == 0) {
            memcpy(out, words, sizeof(words));
            return atomic_load_explicit(&page->magic, memory_order_relaxed) == MAGIC && is_record(out);
        }
    }
    return false;
}
