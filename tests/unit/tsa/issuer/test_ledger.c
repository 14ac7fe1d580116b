/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger: records come back as they were put; a file torn at any octet opens again with nothing lost that was synced; a flipped bit
 * before the last group is damage and changes nothing; every failing call stops it for ever; one writer at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/issuer/ledger.h"
#include "tsa/role/msg.h"

#define START INT64_C(1924992245)

static char folder[64];
static int dir_fd;
static uint8_t junk[512];

/* The nth record, all of whose fields follow from n. */
static struct ledger_record nth(unsigned n)
{
    return (struct ledger_record){
        .kind = n % 3 ? MSG_RFC3161 : MSG_AUTHENTICODE,
        .digest = DIGEST_SHA256,
        .proof = (enum clockpage_proof)(n % 2),
        .clock = {START + n, n},
        .time = {START + n, 0},
        .bound_ns = n % 2 ? 1000 + (int64_t)n : -1,
        .age_ns = n % 2 ? 5000 + (int64_t)n : -1,
        .unit = bytes_str("unit"),
        .serial = bytes_of(junk + n % 64, 19),
        .imprint = bytes_of(junk + n % 100, 32),
        .policy = bytes_of(junk, n % 8),
        .text = bytes_of(junk, 50 + n % 200),
        .reference = bytes_of(junk, n % 48),
    };
}

static enum rc append_nth(struct ledger *l, unsigned n)
{
    const struct ledger_record r = nth(n);
    uint8_t storage[LEDGER_BODY_MAX];
    struct wbuf body;

    wbuf_init_fixed(&body, storage, sizeof(storage));
    ledger_record_put(&body, &r);
    assert_int_equal(wbuf_rc(&body), RC_OK);
    return ledger_append(l, wbuf_bytes(&body));
}

static void assert_nth(const struct ledger_record *found, unsigned n)
{
    const struct ledger_record r = nth(n);

    assert_int_equal(found->sequence, n);
    assert_true(found->kind == r.kind && found->digest == r.digest && found->proof == r.proof &&
                found->bound_ns == r.bound_ns);
    assert_int_equal(gentime_compare(found->clock, r.clock), 0);
    assert_int_equal(gentime_compare(found->time, r.time), 0);
    assert_true(bytes_equal(found->unit, r.unit) && bytes_equal(found->serial, r.serial));
    assert_true(bytes_equal(found->imprint, r.imprint) && bytes_equal(found->policy, r.policy));
    assert_true(bytes_equal(found->text, r.text) && bytes_equal(found->reference, r.reference) &&
                found->age_ns == r.age_ns);
}

static enum rc open_ledger(struct ledger *l, const struct ledger_io *io)
{
    return ledger_open(l, dir_fd, io, 0);
}

/* Groups of growing size: 1, 2, 3 ... records, numbered from the next. */
static void write_groups(unsigned num_groups)
{
    struct ledger l;

    assert_int_equal(open_ledger(&l, NULL), RC_OK);
    for (unsigned g = 1; g <= num_groups; g++) {
        for (unsigned i = 0; i < g; i++) {
            assert_int_equal(append_nth(&l, (unsigned)l.sequence + 1), RC_OK);
        }
        assert_int_equal(ledger_sync(&l), RC_OK);
    }
    ledger_close(&l);
}

static bool check_record(void *arg, uint64_t at, const struct ledger_record *record)
{
    unsigned *n = arg;

    assert_true(record->group <= at);
    assert_nth(record, ++*n);
    return true;
}

/* Scans the file and checks each record; how many there are. */
static unsigned count_records(struct ledger_summary *out)
{
    struct bytes file;
    unsigned n = 0;

    assert_int_equal(ledger_read(dir_fd, &file), RC_OK);
    assert_int_equal(ledger_scan(file, check_record, &n, out), RC_OK);
    ledger_unread(file);
    return n;
}

/* ---- the file as octets, to be spoiled ---- */

static struct bytes load(uint8_t **take)
{
    struct bytes file;
    uint8_t *copy;
    size_t len;

    assert_int_equal(ledger_read(dir_fd, &file), RC_OK);
    for (len = file.len; len > 0 && file.data[len - 1] == 0; len--) {
    }
    copy = calloc(1, len + 64); /* some of the room behind */
    assert_non_null(copy);
    memcpy(copy, file.data, len);
    len += 64;
    ledger_unread(file);
    *take = copy;
    return bytes_of(copy, len);
}

static void store(struct bytes b)
{
    int fd = openat(dir_fd, LEDGER_FILE, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, b.data, b.len), (ssize_t)b.len);
    close(fd);
}

static int setup(void **state)
{
    (void)state;
    return unlinkat(dir_fd, LEDGER_FILE, 0) != 0 && errno != ENOENT;
}

/* ---- good days ---- */

static void test_new_file(void **state)
{
    struct ledger_summary found;
    struct ledger l;
    struct bytes file;
    struct stat st;

    (void)state;
    assert_int_equal(ledger_read(dir_fd, &file), RC_NOT_FOUND);
    assert_int_equal(open_ledger(&l, NULL), RC_OK);
    assert_int_equal(l.sequence, 0);
    assert_int_equal(l.last_clock.sec, 0);
    ledger_close(&l);
    assert_int_equal(count_records(&found), 0);
    assert_int_equal(found.end, LEDGER_MAGIC_LEN);
    assert_int_equal(fstatat(dir_fd, LEDGER_FILE, &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(st.st_size >= LEDGER_STEP);
}

static void test_append_and_read_back(void **state)
{
    struct ledger_summary found;
    struct ledger l;

    (void)state;
    write_groups(10);
    assert_int_equal(count_records(&found), 55);
    assert_int_equal(found.first_sequence, 1);
    assert_int_equal(found.last_sequence, 55);
    assert_int_equal(found.torn, 0);
    assert_int_equal(found.last_clock.sec, START + 55);

    assert_int_equal(open_ledger(&l, NULL), RC_OK);
    assert_int_equal(l.sequence, 55);
    assert_int_equal(l.last_clock.sec, START + 55);
    assert_int_equal(l.last_clock.nsec, 55);
    assert_int_equal(append_nth(&l, 56), RC_OK);
    assert_int_equal(ledger_sync(&l), RC_OK);
    ledger_close(&l);
    assert_int_equal(count_records(&found), 56);
}

static void test_latest_time_counts_and_not_the_last(void **state)
{
    struct ledger l;

    (void)state;
    assert_int_equal(open_ledger(&l, NULL), RC_OK);
    for (unsigned n = 9; n > 0; n--) { /* threads hand over in any order */
        assert_int_equal(append_nth(&l, n), RC_OK);
    }
    assert_int_equal(ledger_sync(&l), RC_OK);
    ledger_close(&l);
    assert_int_equal(open_ledger(&l, NULL), RC_OK);
    assert_int_equal(l.last_clock.sec, START + 9);
    ledger_close(&l);
}

static void test_nothing_is_written_before_sync(void **state)
{
    struct ledger_summary found;
    struct ledger l;

    (void)state;
    assert_int_equal(open_ledger(&l, NULL), RC_OK);
    assert_int_equal(append_nth(&l, 1), RC_OK);
    assert_int_equal(count_records(&found), 0);
    assert_int_equal(ledger_sync(&l), RC_OK);
    assert_int_equal(ledger_sync(&l), RC_OK); /* nothing waits: nothing to do */
    assert_int_equal(count_records(&found), 1);
    ledger_close(&l);
}

static void test_full_group_and_many_steps(void **state)
{
    struct ledger_summary found;
    struct ledger l;
    unsigned n = 0;

    (void)state;
    assert_int_equal(open_ledger(&l, NULL), RC_OK);
    while (l.end < (uint64_t)LEDGER_STEP + LEDGER_GROUP_MAX) {
        const enum rc rc = append_nth(&l, n + 1);

        if (rc == RC_OK) {
            n++;
            continue;
        }
        assert_int_equal(rc, RC_TOO_LARGE);
        assert_true(l.group.len > LEDGER_GROUP_MAX - 1024);
        assert_int_equal(ledger_sync(&l), RC_OK);
        assert_true(l.allocated >= l.end + LEDGER_STEP / 2 - LEDGER_GROUP_MAX);
    }
    ledger_close(&l);
    assert_int_equal(count_records(&found), n);
}

static void test_bodies_of_impossible_size(void **state)
{
    static const uint8_t body[LEDGER_BODY_MAX + 1];
    struct ledger l;

    (void)state;
    assert_int_equal(open_ledger(&l, NULL), RC_OK);
    assert_int_equal(ledger_append(&l, bytes_of(body, LEDGER_BODY_MIN - 1)), RC_TOO_LARGE);
    assert_int_equal(ledger_append(&l, bytes_of(body, LEDGER_BODY_MAX + 1)), RC_TOO_LARGE);
    assert_int_equal(l.sequence, 0);
    ledger_close(&l);
}

/* ---- one writer ---- */

static void test_one_writer(void **state)
{
    struct ledger first, second;

    (void)state;
    assert_int_equal(open_ledger(&first, NULL), RC_OK);
    assert_int_equal(ledger_open(&second, dir_fd, NULL, 20), RC_OVERLOADED);
    ledger_close(&second);
    ledger_close(&first);
    assert_int_equal(open_ledger(&second, NULL), RC_OK);
    ledger_close(&second);
}

static void test_lock_is_waited_for(void **state)
{
    struct ledger l;
    int ready[2];
    char c;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct ledger other;

        if (open_ledger(&other, NULL) != RC_OK || write(ready[1], "x", 1) != 1) {
            _exit(1);
        }
        usleep(100 * 1000);
        _exit(0); /* the lock goes with the process */
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_int_equal(ledger_open(&l, dir_fd, NULL, 10000), RC_OK);
    ledger_close(&l);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(ready[0]);
    close(ready[1]);
}

static void test_odd_files(void **state)
{
    struct ledger l;

    (void)state;
    store(bytes_str("TSALEDG2 of another version"));
    assert_int_equal(open_ledger(&l, NULL), RC_LEDGER_DAMAGED);
    ledger_close(&l);
    store(bytes_str("TSA"));
    assert_int_equal(open_ledger(&l, NULL), RC_LEDGER_DAMAGED);
    ledger_close(&l);
    store(
        bytes_of((uint8_t[4096]){0}, 4096)); /* room, but the header never came: a crash at the first start */
    assert_int_equal(open_ledger(&l, NULL), RC_OK);
    ledger_close(&l);
    assert_int_equal(unlinkat(dir_fd, LEDGER_FILE, 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", dir_fd, LEDGER_FILE), 0);
    assert_int_equal(open_ledger(&l, NULL), RC_IO);
    ledger_close(&l);
}

/* ---- torn ---- */

/* How many records lie whole before an offset. */
static unsigned whole_before(struct bytes file, uint64_t offset)
{
    unsigned n = 0;
    uint64_t at = LEDGER_MAGIC_LEN;

    while (at + LEDGER_FRAME_LEN <= offset) {
        const uint8_t *p = file.data + at;
        const uint64_t end = at + LEDGER_FRAME_LEN + p[0] + (unsigned)p[1] * 256;

        if (p[0] + p[1] == 0 || end > offset) {
            break;
        }
        at = end;
        n++;
    }
    return n;
}

static void assert_opens_with(unsigned num)
{
    struct ledger_summary found;
    struct ledger l;

    assert_int_equal(open_ledger(&l, NULL), RC_OK);
    assert_int_equal(l.sequence, num);
    assert_int_equal(append_nth(&l, num + 1), RC_OK);
    assert_int_equal(ledger_sync(&l), RC_OK);
    ledger_close(&l);
    assert_int_equal(count_records(&found), num + 1);
    assert_int_equal(found.torn, 0);
}

/* The file ends at every octet in turn, with and without zeros behind. */
static void test_torn_at_every_octet(void **state)
{
    uint8_t *copy;
    struct bytes file;

    (void)state;
    write_groups(3);
    file = load(&copy);
    for (size_t len = LEDGER_MAGIC_LEN; len <= file.len; len++) {
        uint8_t *zeroed = calloc(1, file.len);

        assert_non_null(zeroed);
        memcpy(zeroed, file.data, len);
        store(bytes_of(zeroed, len));
        assert_opens_with(whole_before(bytes_of(zeroed, file.len), len));
        store(bytes_of(zeroed, file.len));
        assert_opens_with(whole_before(bytes_of(zeroed, file.len), len));
        free(zeroed);
    }
    free(copy);
}

/* Where the record of that index (0, 1, ...) starts. */
static uint64_t start_of(struct bytes file, unsigned index)
{
    uint64_t at = LEDGER_MAGIC_LEN;

    for (unsigned n = 0; n < index; n++) {
        at += LEDGER_FRAME_LEN + file.data[at] + (unsigned)file.data[at + 1] * 256;
    }
    return at;
}

/*
 * Pages of the last write reach the disk in any order: any of its octets may be old while what follows is new. That is cut, from the first
 * spoiled record on. The same in any group before is damage: the file stays as it is.
 */
static void test_every_octet_spoiled(void **state)
{
    struct ledger_summary found;
    struct ledger l;
    uint8_t *copy;
    struct bytes file, after;
    uint64_t last_group, end;

    (void)state;
    write_groups(4); /* records 1 | 2 3 | 4 5 6 | 7 8 9 10 */
    file = load(&copy);
    last_group = start_of(file, 6);
    end = start_of(file, 10);
    for (uint64_t at = LEDGER_MAGIC_LEN; at < end; at++) {
        copy[at] ^= 0x10;
        store(file);
        if (at >= last_group) {
            copy[at] ^= 0x10;
            assert_opens_with(whole_before(file, at));
            continue;
        }
        assert_int_equal(open_ledger(&l, NULL), RC_LEDGER_DAMAGED);
        ledger_close(&l);
        assert_int_equal(ledger_read(dir_fd, &after), RC_OK);
        assert_true(bytes_equal(after, file));
        assert_int_equal(ledger_scan(after, NULL, NULL, &found), RC_LEDGER_DAMAGED);
        ledger_unread(after);
        copy[at] ^= 0x10;
        assert_int_equal(found.damaged_at, start_of(file, whole_before(file, at)));
    }
    free(copy);
}

/* A whole page of an older group that reads as zeros is no end of the file. */
static void test_hole_in_the_middle(void **state)
{
    struct ledger l;
    uint8_t *copy;
    struct bytes file;
    uint64_t from, to;

    (void)state;
    write_groups(4);
    file = load(&copy);
    from = start_of(file, 1);
    to = start_of(file, 3);
    memset(copy + from, 0, to - from);
    store(file);
    assert_int_equal(open_ledger(&l, NULL), RC_LEDGER_DAMAGED);
    ledger_close(&l);
    free(copy);
}

/* Records that were taken out, swapped or doubled, each whole: the numbers tell. */
static void test_whole_records_in_the_wrong_place(void **state)
{
    struct ledger l;
    uint8_t *copy;
    struct bytes file;
    uint64_t second, third, fourth;
    size_t len;

    (void)state;
    write_groups(5);
    file = load(&copy);
    second = start_of(file, 1);
    third = start_of(file, 2);
    fourth = start_of(file, 3);
    len = (size_t)(fourth - third);
    memmove(copy + second, copy + third, file.len - third); /* the second is gone */
    store(bytes_of(copy, file.len - (third - second)));
    assert_int_equal(open_ledger(&l, NULL), RC_LEDGER_DAMAGED);
    ledger_close(&l);
    free(copy);

    setup(NULL);
    write_groups(5);
    file = load(&copy);
    copy = realloc(copy, file.len + len);
    assert_non_null(copy);
    memmove(copy + fourth + len, copy + fourth, file.len - fourth); /* the third stands twice */
    memcpy(copy + fourth, copy + third, len);
    store(bytes_of(copy, file.len + len));
    assert_int_equal(open_ledger(&l, NULL), RC_LEDGER_DAMAGED);
    ledger_close(&l);
    free(copy);
}

/* ---- failing calls ---- */

static struct {
    int calls_left; /* until the failure; -1 = never */
    int error;
    size_t short_write; /* octets that a write takes at most; 0 = all */
    int num_interrupted;
    int num_sync, num_write, num_room;
} fault;

static bool fails(void)
{
    if (fault.calls_left > 0) {
        fault.calls_left--;
        return false;
    }
    errno = fault.error;
    return fault.calls_left == 0;
}

static bool interrupted(void)
{
    errno = EINTR;
    return fault.num_interrupted > 0 && fault.num_interrupted-- > 0;
}

static ssize_t fault_pwrite(int fd, const void *data, size_t len, off_t at)
{
    fault.num_write++;
    if (interrupted() || fails()) {
        return -1;
    }
    return pwrite(fd, data, fault.short_write && len > fault.short_write ? fault.short_write : len, at);
}

static int fault_fdatasync(int fd)
{
    fault.num_sync++;
    return interrupted() || fails() ? -1 : fdatasync(fd);
}

static int fault_fallocate(int fd, int mode, off_t at, off_t len)
{
    fault.num_room++;
    return interrupted() || fails() ? -1 : fallocate(fd, mode, at, len);
}

static const struct ledger_io fault_io = {fault_pwrite, fault_fdatasync, fault_fallocate};

static void no_fault(void)
{
    memset(&fault, 0, sizeof(fault));
    fault.calls_left = -1;
}

/* The nth call fails, for every n until none is left: nothing is confirmed after it, nothing is tried again, and what was confirmed stays. */
static void test_every_call_fails_once(void **state)
{
    static const int errors[] = {EIO, ENOSPC, EDQUOT};
    bool failed = true;

    (void)state;
    for (int n = 0; failed; n++) {
        struct ledger_summary found;
        struct ledger l;
        unsigned confirmed = 0;
        enum rc rc;

        setup(NULL);
        no_fault();
        fault.calls_left = n;
        fault.error = errors[n % 3];
        rc = open_ledger(&l, &fault_io);
        for (unsigned i = 0; rc == RC_OK && i < 5; i++) {
            rc = append_nth(&l, confirmed + 1);
            rc = rc == RC_OK ? ledger_sync(&l) : rc;
            confirmed += rc == RC_OK;
        }
        failed = rc != RC_OK;
        if (failed) {
            const int calls = fault.num_sync + fault.num_write + fault.num_room;

            assert_int_equal(rc, RC_LEDGER_WRITE);
            fault.calls_left = -1; /* the disk is well again; the ledger must not trust it */
            assert_int_equal(append_nth(&l, confirmed + 1), RC_LEDGER_WRITE);
            assert_int_equal(ledger_sync(&l), RC_LEDGER_WRITE);
            assert_int_equal(fault.num_sync + fault.num_write + fault.num_room, calls);
        }
        ledger_close(&l);
        no_fault();
        assert_int_equal(open_ledger(&l, NULL), RC_OK);
        assert_true(l.sequence == confirmed ||
                    l.sequence == confirmed + 1); /* more is allowed, less is not */
        ledger_close(&l);
        assert_true(count_records(&found) >= confirmed);
        assert_true(failed || n > 10);
    }
}

static void test_short_writes_and_signals(void **state)
{
    struct ledger_summary found;
    struct ledger l;

    (void)state;
    no_fault();
    fault.short_write = 7;
    fault.num_interrupted = 1;
    assert_int_equal(open_ledger(&l, &fault_io), RC_OK);
    for (unsigned n = 1; n <= 5; n++) {
        fault.num_interrupted = 3;
        assert_int_equal(append_nth(&l, n), RC_OK);
        assert_int_equal(ledger_sync(&l), RC_OK);
    }
    ledger_close(&l);
    assert_int_equal(count_records(&found), 5);
    assert_true(fault.num_write > 100);
}

static void test_no_room_ahead_is_no_failure_yet(void **state)
{
    struct ledger l;

    (void)state;
    no_fault();
    assert_int_equal(open_ledger(&l, &fault_io), RC_OK);
    l.allocated = l.end + LEDGER_STEP / 2 - 1;
    fault.calls_left = 0;
    fault.error = ENOSPC;
    assert_int_equal(append_nth(&l, 1), RC_OK);
    fault.calls_left = -1;
    assert_int_equal(ledger_sync(&l), RC_OK);
    ledger_close(&l);

    setup(NULL);
    no_fault();
    assert_int_equal(open_ledger(&l, &fault_io), RC_OK);
    l.allocated = l.end + 10;
    fault.calls_left = 0;
    fault.error = ENOSPC;
    assert_int_equal(append_nth(&l, 1), RC_OK);
    assert_int_equal(ledger_sync(&l), RC_LEDGER_WRITE);
    assert_int_equal(fault.num_sync, 0);
    ledger_close(&l);
}

static int make_folder(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(junk); i++) {
        junk[i] = (uint8_t)(i * 37 + 11);
    }
    /* Hundreds of files, each synced many times: in memory where that can be had. */
    strcpy(folder, "/dev/shm/test_ledger.XXXXXX");
    if (!mkdtemp(folder)) {
        strcpy(folder, "/tmp/test_ledger.XXXXXX");
        assert_non_null(mkdtemp(folder));
    }
    dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir_fd < 0;
}

static int remove_folder(void **state)
{
    setup(state);
    close(dir_fd);
    return rmdir(folder);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(test_new_file),
        TEST(test_append_and_read_back),
        TEST(test_latest_time_counts_and_not_the_last),
        TEST(test_nothing_is_written_before_sync),
        TEST(test_full_group_and_many_steps),
        TEST(test_bodies_of_impossible_size),
        TEST(test_one_writer),
        TEST(test_lock_is_waited_for),
        TEST(test_odd_files),
        TEST(test_torn_at_every_octet),
        TEST(test_every_octet_spoiled),
        TEST(test_hole_in_the_middle),
        TEST(test_whole_records_in_the_wrong_place),
        TEST(test_every_call_fails_once),
        TEST(test_short_writes_and_signals),
        TEST(test_no_room_ahead_is_no_failure_yet),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
