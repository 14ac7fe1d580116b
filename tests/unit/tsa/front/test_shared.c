/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all fronts have in common, with processes that count at the same time and processes that are killed while they count: no count is lost,
 * nothing of a dead one is left, names keep their counters, and memory is what is used of it.
 */
#include "tsa/front/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NUM_PROCESSES 4
#define NUM_COUNTS    20000

static struct shared *new_shared(void)
{
    const int fd = shared_create();
    struct shared *shared;

    assert_true(fd >= 0);
    shared = shared_map(fd);
    assert_non_null(shared);
    assert_int_equal(close(fd), 0);
    return shared;
}

static int wait_for(pid_t pid)
{
    int status = 0;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static off_t octets_used(int fd)
{
    struct stat about;

    assert_int_equal(fstat(fd, &about), 0);
    return (off_t)about.st_blocks * 512;
}

static void test_file(void **state)
{
    const int fd = shared_create();
    struct shared *shared = shared_map(fd), *again = shared_map(fd);
    struct stat about;

    (void)state;
    assert_non_null(shared);
    assert_non_null(again);
    assert_true(shared->secret[0] != 0 || shared->secret[1] != 0);
    assert_int_equal(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_not_equal(ftruncate(fd, 0), 0);
    assert_int_equal(fstat(fd, &about), 0);
    assert_int_equal(about.st_size, sizeof(struct shared));
    atomic_fetch_add(&shared->accepted, 7);
    assert_int_equal(atomic_load(&again->accepted), 7);
    assert_non_null(shared_take_place(shared));
    assert_true(octets_used(fd) <= 64 * 1024); /* of more than four million */
    shared_unmap(shared);
    shared_unmap(again);
    shared_unmap(NULL);
    close(fd);
}

static void test_secrets_differ(void **state)
{
    struct shared *a = new_shared(), *b = new_shared();

    (void)state;
    assert_memory_not_equal(a->secret, b->secret, sizeof(a->secret));
    shared_unmap(a);
    shared_unmap(b);
}

static void test_foreign_file(void **state)
{
    static const struct {
        off_t size;
        int seals;
    } cases[] = {
        {0, F_SEAL_SHRINK | F_SEAL_GROW},
        {sizeof(struct shared) - 1, F_SEAL_SHRINK | F_SEAL_GROW},
        {sizeof(struct shared) + 1, F_SEAL_SHRINK | F_SEAL_GROW},
        {sizeof(struct shared), 0},
        {sizeof(struct shared), F_SEAL_GROW},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const int fd = memfd_create("foreign", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, cases[i].size), 0);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, cases[i].seals), 0);
        errno = 0;
        assert_null(shared_map(fd));
        assert_int_equal(errno, EINVAL);
        close(fd);
    }
    errno = 0;
    assert_null(shared_map(-1));
    assert_int_equal(errno, EBADF);
}

static void test_file_limit(void **state)
{
    pid_t pid = fork();

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct rlimit limit = {4096, 4096};

        _exit(setrlimit(RLIMIT_FSIZE, &limit) == 0 && shared_create() == -1 && errno == EFBIG ? 0 : 1);
    }
    assert_int_equal(wait_for(pid), 0);
}

/* ---- units ---- */

static void test_units_keep_places(void **state)
{
    static const char *const first[] = {"a", "b"}, *const second[] = {"c", "b", "c"};
    struct shared *shared = new_shared();
    struct shared_unit *a, *b;

    (void)state;
    assert_null(shared_find_unit(shared, ""));
    assert_null(shared_find_unit(shared, "a"));
    shared_name_units(shared, first, 2);
    a = shared_find_unit(shared, "a");
    b = shared_find_unit(shared, "b");
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    atomic_fetch_add(&a->requests[1][RC_OK], 3);
    atomic_fetch_add(&b->requests[2][RC_RATE], 5);
    shared_name_units(shared, second, 3);
    assert_ptr_equal(shared_find_unit(shared, "a"), a); /* gone, but nobody needs its place */
    assert_ptr_equal(shared_find_unit(shared, "b"), b);
    assert_int_equal(atomic_load(&b->requests[2][RC_RATE]), 5);
    assert_ptr_not_equal(shared_find_unit(shared, "c"), a);
    assert_string_equal(shared->units[3].name, ""); /* named twice, one place */
    shared_name_units(shared, first, 2);
    assert_int_equal(atomic_load(&a->requests[1][RC_OK]), 3);
    shared_unmap(shared);
}

static void test_units_reuse(void **state)
{
    static char texts[SHARED_UNITS + 1][8];
    const char *names[SHARED_UNITS + 1];
    struct shared *shared = new_shared();
    struct shared_unit *last, *reused;

    (void)state;
    for (size_t i = 0; i <= SHARED_UNITS; i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "u%zu", i);
        names[i] = texts[i];
    }
    shared_name_units(shared, names, SHARED_UNITS);
    last = shared_find_unit(shared, "u127");
    assert_non_null(last);
    atomic_fetch_add(&last->requests[0][RC_OK], 1);
    reused = shared_find_unit(shared, "u0");
    assert_non_null(reused);
    atomic_fetch_add(&reused->requests[SHARED_KINDS - 1][RC_NUM - 1], 9);
    shared_name_units(shared, names + 1, SHARED_UNITS); /* u0 is gone, u128 has come */
    assert_null(shared_find_unit(shared, "u0"));
    assert_ptr_equal(shared_find_unit(shared, "u128"), reused);
    assert_int_equal(atomic_load(&reused->requests[SHARED_KINDS - 1][RC_NUM - 1]), 0);
    assert_ptr_equal(shared_find_unit(shared, "u127"), last);
    assert_int_equal(atomic_load(&last->requests[0][RC_OK]), 1);
    shared_name_units(shared, names, SHARED_UNITS + 1); /* one too many: none is pushed out */
    assert_ptr_equal(shared_find_unit(shared, "u128"), reused);
    assert_null(shared_find_unit(shared, "u0"));
    shared_unmap(shared);
}

/* As many units as there can be, and after a reload as many others: those that run keep their counters, as it may come to nothing. */
static void test_units_of_two_generations(void **state)
{
    static char texts[3 * SETTINGS_MAX_UNITS][8];
    const char *names[3 * SETTINGS_MAX_UNITS];
    struct shared *shared = new_shared();

    (void)state;
    for (size_t i = 0; i < 3 * SETTINGS_MAX_UNITS; i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "u%zu", i);
        names[i] = texts[i];
    }
    shared_name_units(shared, names, SETTINGS_MAX_UNITS);
    for (size_t reload = 0; reload < 2; reload++) {
        const char *const *now = names + reload * SETTINGS_MAX_UNITS;

        for (size_t i = 0; i < SETTINGS_MAX_UNITS; i++) {
            atomic_store(&shared_find_unit(shared, now[i])->requests[1][RC_OK], 1 + i);
        }
        shared_name_units(shared, now, 2 * SETTINGS_MAX_UNITS);
        for (size_t i = 0; i < 2 * SETTINGS_MAX_UNITS; i++) {
            assert_int_equal(atomic_load(&shared_find_unit(shared, now[i])->requests[1][RC_OK]),
                             i < SETTINGS_MAX_UNITS ? 1 + i : 0);
        }
    }
    shared_unmap(shared);
}

static void test_unit_names(void **state)
{
    static const char longest[] = "123456789012345678901234567890123456789012345678901234567890123";
    static const char longer[] = "1234567890123456789012345678901234567890123456789012345678901234";
    static const char *const names[] = {longest, longer, "", "x"};
    struct shared *shared = new_shared();

    (void)state;
    shared_name_units(shared, names, 4);
    assert_non_null(shared_find_unit(shared, longest));
    assert_null(shared_find_unit(shared, longer)); /* never counted as another */
    assert_non_null(shared_find_unit(shared, "x"));
    assert_null(shared_find_unit(shared, "xy"));
    assert_string_equal(shared->units[2].name, "");
    shared_unmap(shared);
}

/* ---- places ---- */

static uint32_t num_taken(const struct shared *shared)
{
    uint32_t num = 0;

    for (size_t i = 0; i < SHARED_PLACES; i++) {
        num += shared_is_taken(shared, i);
    }
    return num;
}

static void test_places(void **state)
{
    const int32_t living[] = {12345, (int32_t)getpid()};
    struct shared *shared = new_shared();

    (void)state;
    for (uint32_t i = 0; i < SHARED_PLACES; i++) {
        assert_ptr_equal(shared_take_place(shared), &shared->places[i]);
        assert_int_equal(num_taken(shared), i + 1);
    }
    atomic_store(&shared->pids[5], 12345);
    atomic_store(&shared->places[5].num_open, 3);
    atomic_store(&shared->places[5].num_waiting, 4);
    atomic_store(&shared->places[5].conns[0], 5);
    atomic_store(&shared->places[5].conns[SHARED_SOURCES - 1], UINT16_MAX);
    atomic_store(&shared->places[6].conns[0], 6);
    shared_keep(shared, living, 2);
    assert_int_equal(num_taken(shared), SHARED_PLACES);
    shared_keep(shared, living + 1, 1);
    assert_int_equal(num_taken(shared), SHARED_PLACES - 1);
    assert_ptr_equal(shared_take_place(shared), &shared->places[5]);
    assert_true(bytes_are_zero(bytes_of(&shared->places[5], sizeof(shared->places[5]))));
    assert_int_equal(atomic_load(&shared->places[6].conns[0]), 6);
    shared_keep(shared, NULL, 0);
    assert_int_equal(num_taken(shared), 0);
    shared_unmap(shared);
}

/* Killed while it takes a place: that is summed up by nobody, taken by nobody, and free when the parent knows of the death. */
static void test_half_taken(void **state)
{
    const int32_t living = 4711;
    struct shared *shared = new_shared();

    (void)state;
    atomic_store(&shared->pids[0], -4711);
    assert_false(shared_is_taken(shared, 0));
    shared_keep(shared, &living, 1);
    assert_ptr_equal(shared_take_place(shared), &shared->places[1]);
    shared_keep(shared, NULL, 0);
    assert_ptr_equal(shared_take_place(shared), &shared->places[0]);
    shared_unmap(shared);
}

/* What a front that was taken over writes stops no other one from starting, and is gone with it: even where it hides behind another number. */
static void test_foreign_places(void **state)
{
    static const int32_t numbers[] = {1, INT32_MAX, INT32_MIN, -1};
    struct shared *shared = new_shared();
    const struct shared_place *place;

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        memset((void *)shared->places, 0xff, sizeof(shared->places));
        for (size_t j = 0; j < SHARED_PLACES; j++) {
            atomic_store(&shared->pids[j], numbers[i]);
        }
        place = shared_take_place(shared);
        assert_in_range(place - shared->places, 0, SHARED_PLACES - 1);
        shared_keep(shared, NULL, 0);
        assert_int_equal(num_taken(shared), 0);
        place = shared_take_place(shared);
        assert_int_equal(num_taken(shared), 1);
        assert_true(bytes_are_zero(bytes_of(place, sizeof(*place))));
    }
    shared_unmap(shared);
}

/* Names that are not ended, names that are all the same: found are those that are there, and room is made for others. */
static void test_foreign_names(void **state)
{
    static const char *const names[] = {"a", "b"};
    char longest[SHARED_NAME_MAX];
    struct shared *shared = new_shared();

    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = 0;
    memset((void *)shared->units, 'x', sizeof(shared->units));
    assert_null(shared_find_unit(shared, longest));
    shared_name_units(shared, names, 2);
    assert_ptr_equal(shared_find_unit(shared, "a"), &shared->units[0]);
    assert_ptr_equal(shared_find_unit(shared, "b"), &shared->units[1]);
    assert_int_equal(atomic_load(&shared->units[1].requests[0][0]), 0);
    for (size_t i = 0; i < SHARED_UNITS; i++) {
        strcpy(shared->units[i].name, "a");
    }
    shared_name_units(shared, names, 2);
    assert_non_null(shared_find_unit(shared, "a"));
    assert_null(shared_find_unit(shared, "b")); /* not counted, no more */
    shared_unmap(shared);
}

static void count_on(struct shared *shared, const char *name, long num)
{
    struct shared_place *place = shared_take_place(shared);
    struct shared_unit *unit = shared_find_unit(shared, name);

    if (!place || !unit) {
        _exit(1);
    }
    for (long i = 0; num < 0 || i < num; i++) {
        atomic_fetch_add_explicit(&unit->requests[1][RC_OK], 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&shared->accepted, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&place->num_open, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&place->conns[i % 7], 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&place->conns[i % 7], num < 0 && i % 3 == 0, memory_order_relaxed);
    }
    _exit(0);
}

static void test_processes_count(void **state)
{
    static const char *const names[] = {"main"};
    struct shared *shared = new_shared();
    pid_t pids[NUM_PROCESSES];
    uint32_t num_open = 0;

    (void)state;
    shared_name_units(shared, names, 1);
    for (size_t i = 0; i < NUM_PROCESSES; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            count_on(shared, "main", NUM_COUNTS);
        }
    }
    for (size_t i = 0; i < NUM_PROCESSES; i++) {
        assert_int_equal(wait_for(pids[i]), 0);
    }
    assert_int_equal(atomic_load(&shared->accepted), NUM_PROCESSES * NUM_COUNTS);
    assert_int_equal(atomic_load(&shared_find_unit(shared, "main")->requests[1][RC_OK]),
                     NUM_PROCESSES * NUM_COUNTS);
    assert_int_equal(num_taken(shared), NUM_PROCESSES);
    for (size_t i = 0; i < NUM_PROCESSES; i++) { /* each had one to itself */
        num_open += atomic_load(&shared->places[i].num_open);
        assert_int_equal(atomic_load(&shared->places[i].num_open), NUM_COUNTS);
        assert_int_equal(atomic_load(&shared->places[i].conns[6]), NUM_COUNTS / 7);
    }
    assert_int_equal(num_open, NUM_PROCESSES * NUM_COUNTS);
    shared_keep(shared, NULL, 0);
    assert_int_equal(num_taken(shared), 0);
    shared_unmap(shared);
}

static void test_killed_while_counting(void **state)
{
    static const char *const names[] = {"main"};
    struct shared *shared = new_shared();

    (void)state;
    shared_name_units(shared, names, 1);
    for (int round = 0; round < 20; round++) {
        const pid_t pid = fork();
        const uint64_t before = atomic_load(&shared->accepted);

        assert_true(pid >= 0);
        if (pid == 0) {
            count_on(shared, "main", -1);
        }
        while (atomic_load(&shared->accepted) < before + 100) { /* it is in the middle of it */
            assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
            usleep(100);
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_true(WIFSIGNALED(wait_for(pid)));
        assert_int_equal(atomic_load(&shared->pids[0]), pid);
        shared_keep(shared, NULL, 0);
        assert_int_equal(num_taken(shared), 0);
    }
    shared_unmap(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_secrets_differ),
        cmocka_unit_test(test_foreign_file),
        cmocka_unit_test(test_file_limit),
        cmocka_unit_test(test_units_keep_places),
        cmocka_unit_test(test_units_reuse),
        cmocka_unit_test(test_units_of_two_generations),
        cmocka_unit_test(test_unit_names),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_half_taken),
        cmocka_unit_test(test_foreign_places),
        cmocka_unit_test(test_foreign_names),
        cmocka_unit_test(test_processes_count),
        cmocka_unit_test(test_killed_while_counting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
