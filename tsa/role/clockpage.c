/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sequence lock: the writer makes the counter odd, writes, makes it even again; a reader copies and takes the copy only when
 * the counter was even and the same before and after. The contents move as atomic words, so that no copy is a data race. Readers check what they
 * got: the writer is another process, and may do to its file what it likes.
 */
#include "tsa/role/clockpage.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC        0x33676170636f6c63ULL /* "clocpag3": another layout gets another number */
#define READ_TRIES   100
#define RECORD_WORDS (sizeof(struct clockpage_record) / sizeof(uint64_t))
#define SERVER_WORDS (sizeof(struct clockpage_servers) / sizeof(uint64_t))

struct clockpage {
    _Atomic uint64_t magic;
    _Atomic uint64_t record_counter; /* 0: nothing written yet */
    _Atomic uint64_t record[RECORD_WORDS];
    _Atomic uint64_t servers_counter;
    _Atomic uint64_t servers[SERVER_WORDS];
};
_Static_assert(sizeof(struct clockpage_record) % sizeof(uint64_t) == 0, "the record is whole words");
_Static_assert(sizeof(struct clockpage_servers) % sizeof(uint64_t) == 0, "the servers are whole words");
_Static_assert(sizeof(struct clockpage) <= CLOCKPAGE_FILE_SIZE, "all of it fits into the file");

/* ---- a file that is cut ---- */

/* What lies behind the end of a mapped file is SIGBUS: for a reader no record, and no reason to die. */
static _Thread_local sigjmp_buf *volatile reading;

static void on_bus_error(int number)
{
    if (reading) {
        siglongjmp(*reading, 1);
    }
    (void)signal(number, SIG_DFL); /* somebody else's: it comes again at once */
}

static bool take_bus_errors(void)
{
    const struct sigaction action = {.sa_handler = on_bus_error, .sa_flags = SA_NODEFER};

    return sigaction(SIGBUS, &action, NULL) == 0;
}

/* ---- the file ---- */

enum clockpage_file clockpage_look(int fd)
{
    struct stat st;
    uint64_t magic = 0;
    const ssize_t len = pread(fd, &magic, sizeof(magic), 0);

    if (len < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > 2 * CLOCKPAGE_FILE_SIZE ||
        (len > 0 && len < (ssize_t)sizeof(magic)) || (magic != 0 && magic << 8 != MAGIC << 8)) {
        return CLOCKPAGE_NONE;
    }
    return magic == 0 || magic == MAGIC ? CLOCKPAGE_OURS : CLOCKPAGE_OTHER;
}

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
        errno = EINVAL;
        return NULL;
    }
    if (!writable && !take_bus_errors()) {
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

/* ---- the lock ---- */

static void write_words(_Atomic uint64_t *counter, _Atomic uint64_t *words, const uint64_t *in, size_t num)
{
    /* A writer that died in the middle left it odd: go on from the next even number. */
    const uint64_t start = (atomic_load_explicit(counter, memory_order_relaxed) + 1) & ~1ULL;

    atomic_store_explicit(counter, start + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < num; i++) {
        atomic_store_explicit(&words[i], in[i], memory_order_relaxed);
    }
    atomic_store_explicit(counter, start + 2, memory_order_release);
}

static bool copy_words(const _Atomic uint64_t *counter, const _Atomic uint64_t *words, uint64_t *out,
                       size_t num)
{
    uint64_t before, after;

    for (int i = 0; i < READ_TRIES; i++) {
        before = atomic_load_explicit(counter, memory_order_acquire);
        if (before == 0) {
            break;
        }
        for (size_t w = 0; w < num; w++) {
            out[w] = atomic_load_explicit(&words[w], memory_order_relaxed);
        }
        atomic_thread_fence(memory_order_acquire);
        after = atomic_load_explicit(counter, memory_order_relaxed);
        if (before == after && before % 2 == 0) {
            return true;
        }
    }
    return false;
}

static bool read_words(const struct clockpage *page, const _Atomic uint64_t *counter,
                       const _Atomic uint64_t *words, uint64_t *out, size_t num)
{
    sigjmp_buf here;
    bool good;

    if (sigsetjmp(here, 0) != 0) {
        reading = NULL;
        return false;
    }
    reading = &here;
    atomic_signal_fence(memory_order_seq_cst);
    good = copy_words(counter, words, out, num) &&
           atomic_load_explicit(&page->magic, memory_order_relaxed) == MAGIC;
    atomic_signal_fence(memory_order_seq_cst);
    reading = NULL;
    return good;
}

/* ---- the record ---- */

void clockpage_write(struct clockpage *page, const struct clockpage_record *record)
{
    uint64_t words[RECORD_WORDS];

    memcpy(words, record, sizeof(words));
    atomic_store_explicit(&page->magic, MAGIC, memory_order_relaxed);
    write_words(&page->record_counter, page->record, words, RECORD_WORDS);
}

/* It is shown as it is, in logs, answers and pages: printable ASCII. */
static bool is_text(const char *text, size_t size)
{
    size_t len = 0;

    while (len < size && text[len] >= 0x20 && text[len] < 0x7f) {
        len++;
    }
    return len < size && text[len] == 0;
}

static bool is_record(const struct clockpage_record *r)
{
    return r->state <= CLOCKPAGE_STOP && r->leap <= CLOCKPAGE_LEAP_UNKNOWN &&
           r->proven <= CLOCKPAGE_LAB_TIME && r->reason < RC_NUM && r->bound_ns >= -1 && r->drift_ppb >= 0 &&
           is_text(r->reference, sizeof(r->reference));
}

bool clockpage_read(const struct clockpage *page, struct clockpage_record *out)
{
    uint64_t words[RECORD_WORDS];

    if (!read_words(page, &page->record_counter, page->record, words, RECORD_WORDS)) {
        return false;
    }
    memcpy(out, words, sizeof(words));
    return is_record(out);
}

/* ---- the servers ---- */

void clockpage_write_servers(struct clockpage *page, const struct clockpage_servers *servers)
{
    uint64_t words[SERVER_WORDS];

    memcpy(words, servers, sizeof(words));
    atomic_store_explicit(&page->magic, MAGIC, memory_order_relaxed);
    write_words(&page->servers_counter, page->servers, words, SERVER_WORDS);
}

static bool are_servers(const struct clockpage_servers *s)
{
    bool good = s->num <= CLOCKPAGE_MAX_SERVERS;

    for (size_t i = 0; good && i < s->num; i++) {
        good = s->list[i].state <= CLOCKPAGE_SERVER_UNFIT &&
               is_text(s->list[i].address, sizeof(s->list[i].address));
    }
    return good;
}

bool clockpage_read_servers(const struct clockpage *page, struct clockpage_servers *out)
{
    uint64_t words[SERVER_WORDS];

    if (!read_words(page, &page->servers_counter, page->servers, words, SERVER_WORDS)) {
        return false;
    }
    memcpy(out, words, sizeof(words));
    return are_servers(out);
}
