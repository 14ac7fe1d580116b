/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock file: what is written comes back, a reader never sees half a record while a writer runs, and what a broken or hostile
 * writer leaves is no record.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/role/clockpage.h"

static struct clockpage_record record_of(int64_t n)
{
    return (struct clockpage_record){
        .sampled_mono_ns = n,
        .expires_mono_ns = n,
        .real_minus_mono_ns = n,
        .bound_ns = n,
        .drift_ppb = n,
        .state = CLOCKPAGE_SYNC,
        .proven = 1,
        .reference = "test",
    };
}

static int new_file(void)
{
    int fd = memfd_create("clock", MFD_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static void test_write_and_read(void **state)
{
    int fd = new_file();
    struct clockpage *writer, *reader;
    struct clockpage_record in = record_of(5), out;

    (void)state;
    assert_null(clockpage_open(fd, false)); /* empty: to read it would be SIGBUS */
    writer = clockpage_open(fd, true);
    reader = clockpage_open(fd, false);
    close(fd);
    assert_non_null(writer);
    assert_non_null(reader);
    assert_false(clockpage_read(reader, &out));
    clockpage_write(writer, &in);
    assert_true(clockpage_read(reader, &out));
    assert_memory_equal(&in, &out, sizeof(in));
    in = record_of(6);
    clockpage_write(writer, &in);
    assert_true(clockpage_read(reader, &out));
    assert_int_equal(out.bound_ns, 6);
    clockpage_close(writer);
    clockpage_close(reader);
    clockpage_close(NULL);
}

struct shared {
    struct clockpage *page;
    _Atomic bool stop;
};

static void *write_on(void *arg)
{
    struct shared *shared = arg;

    for (int64_t n = 1; !atomic_load(&shared->stop); n++) {
        struct clockpage_record record = record_of(n);

        clockpage_write(shared->page, &record);
    }
    return NULL;
}

static void test_no_half_record(void **state)
{
    int fd = new_file();
    struct shared shared = {.page = clockpage_open(fd, true)};
    struct clockpage_record out;
    pthread_t thread;
    int good = 0;
    int64_t last = 0;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, write_on, &shared), 0);
    for (int i = 0; i < 200000 || (good == 0 && i < 100000000); i++) {
        if (clockpage_read(shared.page, &out)) {
            good++;
            assert_true(out.sampled_mono_ns == out.bound_ns && out.expires_mono_ns == out.drift_ppb);
            assert_true(out.sampled_mono_ns == out.drift_ppb && out.real_minus_mono_ns >= last);
            last = out.real_minus_mono_ns;
        }
    }
    atomic_store(&shared.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(good > 0);
    clockpage_close(shared.page);
    close(fd);
}

static void test_dead_writer(void **state)
{
    int fd = new_file();
    struct clockpage *page = clockpage_open(fd, true);
    struct clockpage_record in = record_of(1), out;
    uint64_t counter;

    (void)state;
    clockpage_write(page, &in);
    assert_int_equal(pread(fd, &counter, sizeof(counter), 8), (ssize_t)sizeof(counter));
    counter++; /* as if it had died in the middle */
    assert_int_equal(pwrite(fd, &counter, sizeof(counter), 8), (ssize_t)sizeof(counter));
    assert_false(clockpage_read(page, &out));
    in = record_of(2); /* its successor goes on */
    clockpage_write(page, &in);
    assert_true(clockpage_read(page, &out));
    assert_int_equal(out.bound_ns, 2);
    clockpage_close(page);
    close(fd);
}

/* Whoever may write the file may cut it, while others have it mapped. */
static void test_cut(void **state)
{
    static struct clockpage_servers servers;
    const int fd = new_file();
    struct clockpage *writer = clockpage_open(fd, true), *reader = clockpage_open(fd, false);
    struct clockpage_record in = record_of(1), out;

    (void)state;
    clockpage_write(writer, &in);
    for (int i = 0; i < 3; i++) {
        assert_true(clockpage_read(reader, &out));
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_false(clockpage_read(reader, &out));
        assert_false(clockpage_read_servers(reader, &servers));
        /* Its writer comes back: it is the same file. */
        assert_int_equal(ftruncate(fd, CLOCKPAGE_FILE_SIZE), 0);
        assert_false(clockpage_read(reader, &out));
        clockpage_write(writer, &in);
    }
    clockpage_close(writer);
    clockpage_close(reader);
    close(fd);
}

static void *read_on(void *arg)
{
    struct shared *shared = arg;
    struct clockpage_record out;
    uintptr_t good = 0;

    while (!atomic_load(&shared->stop)) {
        good += clockpage_read(shared->page, &out);
    }
    return (void *)good;
}

static void test_cut_under_many(void **state)
{
    const int fd = new_file();
    struct clockpage *writer = clockpage_open(fd, true);
    struct shared shared = {.page = clockpage_open(fd, false)};
    struct clockpage_record in = record_of(1);
    pthread_t threads[3];
    void *good;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &shared), 0);
    }
    for (int i = 0; i < 500; i++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(ftruncate(fd, CLOCKPAGE_FILE_SIZE), 0);
        clockpage_write(writer, &in);
        (void)sched_yield();
    }
    (void)usleep(200000);
    atomic_store(&shared.stop, true);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], &good), 0);
        assert_true((uintptr_t)good > 0);
    }
    clockpage_close(writer);
    clockpage_close(shared.page);
    close(fd);
}

/* Somebody else's kills as it always did. */
static void test_other_bus_error(void **state)
{
    const int fd = new_file(), empty = new_file();
    struct clockpage *page = clockpage_open(fd, true), *reader = clockpage_open(fd, false);
    int status;
    pid_t pid;

    (void)state;
    pid = fork();
    if (pid == 0) {
        const volatile char *lost = mmap(NULL, 4096, PROT_READ, MAP_SHARED, empty, 0);

        (void)close(STDERR_FILENO);
        _exit(lost[0]);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGBUS);
    clockpage_close(page);
    clockpage_close(reader);
    close(fd);
    close(empty);
}

static void expect_look(const void *octets, size_t len, off_t size, enum clockpage_file wanted)
{
    const int fd = new_file();

    assert_int_equal(write(fd, octets, len), len);
    assert_int_equal(ftruncate(fd, size), 0);
    assert_int_equal(clockpage_look(fd), wanted);
    close(fd);
}

static void test_look(void **state)
{
    const int fd = new_file();
    struct clockpage *page = clockpage_open(fd, true);
    struct clockpage_record in = record_of(1);
    int ends[2];

    (void)state;
    clockpage_write(page, &in);
    assert_int_equal(clockpage_look(fd), CLOCKPAGE_OURS);
    clockpage_close(page);
    close(fd);
    expect_look("", 0, 0, CLOCKPAGE_OURS);
    expect_look("", 0, CLOCKPAGE_FILE_SIZE, CLOCKPAGE_OURS);
    expect_look("", 0, 1 << 20, CLOCKPAGE_NONE);
    expect_look("", 0, 5, CLOCKPAGE_NONE);
    expect_look("clocpag1", 8, CLOCKPAGE_FILE_SIZE, CLOCKPAGE_OTHER);
    expect_look("clocpag", 7, 7, CLOCKPAGE_NONE);
    expect_look("-----BEGIN", 10, CLOCKPAGE_FILE_SIZE, CLOCKPAGE_NONE);
    assert_int_equal(clockpage_look(-1), CLOCKPAGE_NONE);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(clockpage_look(ends[0]), CLOCKPAGE_NONE);
    close(ends[0]);
    close(ends[1]);
}

static void test_what_is_no_record(void **state)
{
    int fd = new_file();
    struct clockpage *page = clockpage_open(fd, true);
    struct clockpage_record bad[9], out;
    const uint64_t other_magic = 1;

    (void)state;
    for (size_t i = 0; i < 9; i++) {
        bad[i] = record_of(1);
    }
    bad[0].state = CLOCKPAGE_STOP + 1;
    bad[1].leap = CLOCKPAGE_LEAP_UNKNOWN + 1;
    bad[2].proven = CLOCKPAGE_LAB_TIME + 1;
    bad[3].reason = RC_NUM;
    bad[4].bound_ns = -2;
    bad[5].drift_ppb = -1;
    memset(bad[6].reference, 'x', sizeof(bad[6].reference));
    memcpy(bad[7].reference, "chrony \x1b[2J", sizeof("chrony \x1b[2J"));
    memcpy(bad[8].reference, "chrony \xff", sizeof("chrony \xff"));
    for (size_t i = 0; i < 9; i++) {
        clockpage_write(page, &bad[i]);
        assert_false(clockpage_read(page, &out));
    }
    bad[0] = record_of(1);
    clockpage_write(page, &bad[0]);
    assert_true(clockpage_read(page, &out));
    assert_int_equal(pwrite(fd, &other_magic, sizeof(other_magic), 0), (ssize_t)sizeof(other_magic));
    assert_false(clockpage_read(page, &out));
    clockpage_close(page);
    close(fd);
}

/* ---- servers ---- */

static struct clockpage_servers servers_of(size_t num, int64_t n)
{
    struct clockpage_servers servers = {.num = num};

    for (size_t i = 0; i < num; i++) {
        servers.list[i] = (struct clockpage_server){.address = "time.example.org 192.0.2.1",
                                                    .state = CLOCKPAGE_SERVER_FALSE,
                                                    .stratum = 2,
                                                    .offset_ns = n,
                                                    .error_ns = n + (int64_t)i,
                                                    .measured_mono_ns = -1};
    }
    return servers;
}

static void test_servers(void **state)
{
    static struct clockpage_servers in, out;
    struct clockpage_record record = record_of(5), record_out;
    int fd = new_file();
    struct clockpage *page = clockpage_open(fd, true);

    (void)state;
    close(fd);
    assert_false(clockpage_read_servers(page, &out));
    for (size_t num = 0; num <= CLOCKPAGE_MAX_SERVERS; num++) {
        in = servers_of(num, -(int64_t)num);
        clockpage_write_servers(page, &in);
        assert_true(clockpage_read_servers(page, &out));
        assert_memory_equal(&in, &out, sizeof(in));
    }
    assert_false(clockpage_read(page, &record_out)); /* they are no record, */
    clockpage_write(page, &record);
    assert_true(clockpage_read(page, &record_out) && record_out.bound_ns == 5);
    assert_true(clockpage_read_servers(page, &out)); /* nor in its way */
    assert_memory_equal(&in, &out, sizeof(in));
    clockpage_close(page);
}

static void test_what_are_no_servers(void **state)
{
    static struct clockpage_servers bad, out;
    int fd = new_file();
    struct clockpage *page = clockpage_open(fd, true);

    (void)state;
    close(fd);
    for (int i = 0; i < 4; i++) {
        bad = servers_of(CLOCKPAGE_MAX_SERVERS, 1);
        if (i == 0) {
            bad.num++;
        } else if (i == 1) {
            bad.list[CLOCKPAGE_MAX_SERVERS - 1].state = CLOCKPAGE_SERVER_UNFIT + 1;
        } else if (i == 2) {
            bad.list[0].address[4] = '\n';
        } else {
            memset(bad.list[3].address, 'x', sizeof(bad.list[3].address));
        }
        clockpage_write_servers(page, &bad);
        assert_false(clockpage_read_servers(page, &out));
    }
    bad = servers_of(1, 1);
    memset(bad.list[1].address, 'x', sizeof(bad.list[1].address)); /* behind the last one: nobody looks */
    clockpage_write_servers(page, &bad);
    assert_true(clockpage_read_servers(page, &out));
    clockpage_close(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_and_read), cmocka_unit_test(test_no_half_record),
        cmocka_unit_test(test_dead_writer),    cmocka_unit_test(test_cut),
        cmocka_unit_test(test_cut_under_many), cmocka_unit_test(test_other_bus_error),
        cmocka_unit_test(test_look),           cmocka_unit_test(test_what_is_no_record),
        cmocka_unit_test(test_servers),        cmocka_unit_test(test_what_are_no_servers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
