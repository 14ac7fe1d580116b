/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rates and connections by source, with simulated time: what holds for one process, over several at once, after one was killed, and against somebody
 * who has more addresses than the table has places.
 */
#include "tsa/front/source.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/front/siphash.h"

#define SECOND        INT64_C(1000000000)
#define START         (1000 * SECOND)
#define NUM_PROCESSES 4

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

static struct source_table new_table(struct shared *shared, int64_t rate, int64_t burst, int64_t connections)
{
    const struct settings settings = {.clients = {.rate = rate, .burst = burst, .connections = connections}};
    struct source_table table;

    source_table_init(&table, &settings, shared, shared_take_place(shared));
    assert_non_null(table.place);
    return table;
}

static struct netaddr v4(uint32_t n)
{
    return (struct netaddr){.family = AF_INET,
                            .addr = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
}

/* The n-th /64 of 2001:db8:7::/48 and below. */
static struct netaddr v6(uint32_t n)
{
    return (struct netaddr){.family = AF_INET6,
                            .addr = {0x20, 0x01, 0x0d, 0xb8, (uint8_t)(n >> 24), (uint8_t)(n >> 16),
                                     (uint8_t)(n >> 8), (uint8_t)n, 0, 0, 0, 0, 0, 0, 0, 1}};
}

static bool is_let(struct source_table *table, struct netaddr client, int64_t now)
{
    int64_t wait = 0;
    const enum rc rc = source_request(table, &client, now, &wait);

    assert_true(rc == RC_OK || (rc == RC_RATE && wait > 0 && wait <= table->limits.interval_ns));
    return rc == RC_OK;
}

static uint32_t count_let(struct source_table *table, struct netaddr client, int64_t now, uint32_t tries)
{
    uint32_t num = 0;

    for (uint32_t i = 0; i < tries; i++) {
        num += is_let(table, client, now);
    }
    return num;
}

static bool connects(struct source_table *table, struct netaddr client, uint32_t *out_source)
{
    const enum rc rc = source_connect(table, &client, START, out_source);

    assert_true(rc == RC_OK || rc == RC_CROWDED);
    return rc == RC_OK;
}

/* ---- one process ---- */

static void test_rate(void **state)
{
    struct shared *shared = new_shared();
    struct source_table table = new_table(shared, 10, 5, 0);
    const struct netaddr client = v4(1);
    int64_t wait = 0;

    (void)state;
    assert_int_equal(count_let(&table, client, START, 20), 5);
    assert_int_equal(source_request(&table, &client, START, &wait), RC_RATE);
    assert_int_equal(wait, SECOND / 10);
    assert_int_equal(source_request(&table, &client, START + SECOND / 40, &wait), RC_RATE);
    assert_int_equal(wait, SECOND / 10 - SECOND / 40);
    assert_false(is_let(&table, client, START + SECOND / 10 - 1));
    assert_int_equal(count_let(&table, client, START + SECOND / 10, 20), 1);
    assert_int_equal(count_let(&table, client, START + 3 * SECOND / 10, 20), 2);
    assert_int_equal(count_let(&table, client, START + 100 * SECOND, 20), 5); /* full again, not more */
    assert_int_equal(count_let(&table, v4(2), START + 100 * SECOND, 20), 5);  /* somebody else's is his own */
    shared_unmap(shared);
}

static void test_rate_over_time(void **state)
{
    struct shared *shared = new_shared();
    struct source_table table = new_table(shared, 7, 3, 0);
    uint32_t num = 0;

    (void)state;
    for (int64_t ms = 0; ms <= 60000; ms++) {
        num += is_let(&table, v6(1), START + ms * 1000000);
    }
    assert_in_range(num, 3 + 7 * 60 - 1, 3 + 7 * 60);
    shared_unmap(shared);
}

static void test_burst_of_one(void **state)
{
    struct shared *shared = new_shared();
    struct source_table table = new_table(shared, 1, 1, 0);

    (void)state;
    assert_int_equal(count_let(&table, v4(1), START, 5), 1);
    assert_false(is_let(&table, v4(1), START + SECOND - 1));
    assert_true(is_let(&table, v4(1), START + SECOND));
    shared_unmap(shared);
}

static void test_no_rate(void **state)
{
    struct shared *shared = new_shared();
    struct source_table table = new_table(shared, 0, 100, 0);

    (void)state;
    assert_int_equal(count_let(&table, v4(1), START, 5000), 5000);
    shared_unmap(shared);
}

static void test_what_is_one_source(void **state)
{
    struct shared *shared = new_shared();
    struct source_table table = new_table(shared, 1, 2, 0);
    struct netaddr other = v6(9);
    const struct netaddr as_v4 = {.family = AF_INET, .addr = {0x20, 0x01, 0x0d, 0xb8}};

    (void)state;
    other.addr[15] = 77;
    other.addr[8] = 0xff;
    other.port = 4711;
    assert_true(is_let(&table, v6(9), START));
    assert_true(is_let(&table, other, START)); /* the same /64 */
    assert_false(is_let(&table, v6(9), START));
    assert_int_equal(count_let(&table, v6(10), START, 5), 2); /* the next one */
    assert_int_equal(count_let(&table, v4(256), START, 5), 2);
    assert_int_equal(count_let(&table, v4(257), START, 5), 2);
    assert_int_equal(count_let(&table, as_v4, START, 5), 2);
    shared_unmap(shared);
}

/* A reload to other limits frees at once who had used up much more than the new ones can hold. */
static void test_other_limits(void **state)
{
    struct shared *shared = new_shared();
    struct source_table slow = new_table(shared, 1, 1000000, 0), quick = new_table(shared, 10, 5, 0);

    (void)state;
    assert_int_equal(count_let(&slow, v4(1), START, 100000), 100000); /* full again in more than a day */
    assert_int_equal(count_let(&quick, v4(1), START, 5), 0);
    assert_int_equal(count_let(&quick, v4(1), START + SECOND / 10, 5), 1);
    assert_int_equal(count_let(&quick, v4(1), START + SECOND, 10), 5);
    shared_unmap(shared);
}

/* What a front that was taken over may have written. */
static void test_garbage(void **state)
{
    static const int64_t garbage[] = {INT64_MIN, -1, INT64_MAX};
    struct shared *shared = new_shared();
    struct source_table table = new_table(shared, 10, 5, 3);
    uint32_t source;

    (void)state;
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        (void)count_let(&table, v4(1), START, 1);
        for (size_t j = 0; j < SHARED_SOURCES; j++) {
            atomic_store(&shared->sources[j].after, garbage[i]);
        }
        (void)count_let(&table, v4(1), START, 10);
        (void)count_let(&table, v4(7), START, 10);
        assert_int_equal(count_let(&table, v4(1), START + 100 * SECOND, 10), 5);
    }
    for (size_t i = 0; i < SHARED_PLACES; i++) {
        atomic_store(&shared->pids[i], INT32_MAX);
    }
    assert_true(connects(&table, v4(1), &source));
    source_disconnect(&table, source);
    shared_unmap(shared);
}

/* Somebody writes 0 where connections are counted: their end does not make 65,535 of it, which would shut the source out for good. */
static void test_count_below_none(void **state)
{
    struct shared *shared = new_shared();
    struct source_table table = new_table(shared, 0, 1, 3);
    uint32_t source;

    (void)state;
    assert_true(connects(&table, v4(1), &source));
    atomic_store(&table.place->conns[source], 0);
    source_disconnect(&table, source);
    assert_true(connects(&table, v4(1), &source));
    shared_unmap(shared);
}

/* The longest interval times the largest burst, and the shortest; at any time that a clock can tell. */
static void test_extremes(void **state)
{
    static const int64_t times[] = {0, 1, START, INT64_MAX / 2};

    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct shared *shared = new_shared();
        struct source_table slow = new_table(shared, 1, 1000000, 0),
                            quick = new_table(shared, 1000000, 1000000, 0),
                            tight = new_table(shared, 1000000, 1, 0);

        assert_int_equal(count_let(&slow, v4(1), times[i], 1000002), 1000000);
        assert_int_equal(count_let(&slow, v4(1), times[i] + SECOND, 5), 1);
        assert_int_equal(count_let(&quick, v4(2), times[i], 1000002), 1000000);
        assert_int_equal(count_let(&quick, v4(2), times[i] + SECOND / 1000, 1002), 1000);
        assert_int_equal(count_let(&tight, v4(3), times[i], 5), 1);
        assert_int_equal(count_let(&tight, v4(3), times[i] + 1000, 5), 1);
        shared_unmap(shared);
    }
}

static void test_connections(void **state)
{
    struct shared *shared = new_shared();
    struct source_table here = new_table(shared, 0, 1, 3), there = new_table(shared, 0, 1, 3);
    uint32_t first, source;

    (void)state;
    assert_true(connects(&here, v4(1), &first));
    assert_true(connects(&there, v4(1), &source));
    assert_int_equal(source, first);
    assert_true(connects(&there, v4(1), &source));
    assert_false(connects(&here, v4(1), &source)); /* of two fronts together */
    assert_false(connects(&there, v4(1), &source));
    assert_true(connects(&here, v4(2), &source));
    assert_int_not_equal(source, first);
    source_disconnect(&here, first);
    assert_true(connects(&there, v4(1), &source));
    assert_false(connects(&there, v4(1), &source));
    assert_int_equal(atomic_load(&here.place->conns[first]), 0);
    assert_int_equal(atomic_load(&there.place->conns[first]), 3);
    shared_unmap(shared);
}

/* ---- several processes ---- */

static void wait_for_all(const pid_t *pids)
{
    for (size_t i = 0; i < NUM_PROCESSES; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
}

static void test_rate_over_processes(void **state)
{
    struct shared *shared = new_shared();

    (void)state;
    for (int64_t round = 0; round < 5; round++) {
        pid_t pids[NUM_PROCESSES];

        atomic_store(&shared->accepted, 0);
        for (size_t i = 0; i < NUM_PROCESSES; i++) {
            pids[i] = fork();
            assert_true(pids[i] >= 0);
            if (pids[i] == 0) {
                struct source_table table = new_table(shared, 1000, 500, 0);

                atomic_fetch_add(&shared->accepted,
                                 count_let(&table, v4(1), START + round * SECOND / 10, 2000));
                _exit(0);
            }
        }
        wait_for_all(pids);
        /* The bucket, and then what a tenth of a second brings: not one more, however many took at once. */
        assert_int_equal(atomic_load(&shared->accepted), round == 0 ? 500 : 100);
    }
    shared_unmap(shared);
}

static void hold_connections(struct shared *shared)
{
    struct source_table table = new_table(shared, 0, 1, 50);
    uint32_t source;

    for (int i = 0; i < 2000; i++) {
        if (connects(&table, v4(1), &source)) {
            const uint64_t held = atomic_fetch_add(&shared->accepted, 1) + 1;

            if (held > 50) {
                _exit(1);
            }
            if (i % 5) {
                atomic_fetch_sub(&shared->accepted, 1);
                source_disconnect(&table, source);
            }
        }
    }
    _exit(0); /* with what it holds */
}

static void test_connections_over_processes(void **state)
{
    struct shared *shared = new_shared();
    struct source_table table = new_table(shared, 0, 1, 50);
    const int32_t self = (int32_t)getpid();
    pid_t pids[NUM_PROCESSES];
    uint32_t source;

    (void)state;
    assert_true(connects(&table, v4(1), &source));
    source_disconnect(&table, source);
    for (size_t i = 0; i < NUM_PROCESSES; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            hold_connections(shared);
        }
    }
    wait_for_all(pids);
    assert_int_equal(atomic_load(&shared->accepted), 50);
    assert_false(connects(&table, v4(1), &source));
    shared_keep(shared, &self, 1);
    for (int i = 0; i < 50; i++) { /* nothing is held for the dead */
        assert_true(connects(&table, v4(1), &source));
    }
    assert_false(connects(&table, v4(1), &source));
    shared_unmap(shared);
}

/* Killed anywhere in the middle of counting; what remains is to be found after the burial alone. */
static void test_killed(void **state)
{
    struct shared *shared = new_shared();
    struct source_table table = new_table(shared, 1000000, 1000, 2);
    const int32_t self = (int32_t)getpid();
    uint32_t source;

    (void)state;
    for (int round = 0; round < 20; round++) {
        const pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
            struct source_table own = new_table(shared, 1000000, 1000, 2);

            for (uint32_t i = 0;; i = (i + 1) % 97) {
                if (connects(&own, v6(i), &source)) {
                    source_disconnect(&own, source);
                }
                (void)is_let(&own, v6(i), START);
                atomic_fetch_add(&shared->accepted, 1);
            }
        }
        for (uint64_t before = atomic_load(&shared->accepted);
             atomic_load(&shared->accepted) < before + 200;) {
            usleep(100);
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        shared_keep(shared, &self, 1);
        for (uint32_t i = 0; i < 97; i++) {
            uint32_t second;

            assert_true(connects(&table, v6(i), &source));
            assert_true(connects(&table, v6(i), &second));
            source_disconnect(&table, source);
            source_disconnect(&table, second);
        }
    }
    shared_unmap(shared);
}

/* ---- more sources than places ---- */

/* The n-th source that falls into the same set: for a test, which knows the secret, eight are easy to find. */
static struct netaddr in_one_set(const struct shared *shared, uint32_t n)
{
    for (uint32_t i = 0;; i++) {
        const struct netaddr client = v6(i);

        if (siphash(shared->secret, bytes_of(client.addr, 8)) % (SHARED_SOURCES / SOURCE_SET) == 5 &&
            n-- == 0) {
            return client;
        }
    }
}

static void test_newcomers_find_room(void **state)
{
    struct shared *shared = new_shared();
    struct source_table table = new_table(shared, 1, 10, 0);
    struct netaddr client = in_one_set(shared, 0);

    (void)state;
    assert_int_equal(count_let(&table, client, START, 4), 4);
    for (uint32_t i = 1; i < SOURCE_SET; i++) {
        assert_int_equal(count_let(&table, in_one_set(shared, i), START, 7), 7);
    }
    /* The first has asked least: it goes, and the newcomer takes over what it has left. */
    assert_int_equal(count_let(&table, in_one_set(shared, 8), START, 20), 6);
    for (uint32_t i = 1; i < SOURCE_SET; i++) {
        assert_int_equal(count_let(&table, in_one_set(shared, i), START, 20), 3);
    }
    /* All eight are empty: still each newcomer gets one request, and it is enough for all who keep to the rate. */
    assert_int_equal(count_let(&table, in_one_set(shared, 9), START, 20), 1);
    assert_int_equal(count_let(&table, in_one_set(shared, 10), START + SECOND, 20), 1);
    /* Full buckets are given away first, and whole. */
    assert_int_equal(count_let(&table, in_one_set(shared, 11), START + 100 * SECOND, 20), 10);
    shared_unmap(shared);
}

static void test_bucket_is_not_won_back(void **state)
{
    struct shared *shared = new_shared();
    struct source_table table = new_table(shared, 1, 10, 0);
    struct netaddr clients[40];

    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        clients[i] = in_one_set(shared, i);
    }
    assert_int_equal(count_let(&table, clients[0], START, 20), 10);
    for (uint32_t i = 1; i < 40; i++) { /* many others, a request each, push each other out but not him */
        assert_true(is_let(&table, clients[i], START));
        assert_false(is_let(&table, clients[0], START));
    }
    shared_unmap(shared);
}

static void test_connected_stay(void **state)
{
    struct shared *shared = new_shared();
    struct source_table table = new_table(shared, 1, 10, 100);
    uint32_t connected, source;

    (void)state;
    assert_true(connects(&table, in_one_set(shared, 0), &connected));
    for (uint32_t i = 1; i < 60; i++) { /* it has the fullest bucket of all, but a connection */
        assert_true(is_let(&table, in_one_set(shared, i), START));
    }
    assert_true(connects(&table, in_one_set(shared, 0), &source));
    assert_int_equal(source, connected);
    assert_int_equal(count_let(&table, in_one_set(shared, 0), START, 20), 10);
    source_disconnect(&table, source);
    source_disconnect(&table, connected);
    assert_true(is_let(&table, in_one_set(shared, 60), START + 100 * SECOND));
    shared_unmap(shared);
}

static void test_all_connected(void **state)
{
    struct shared *shared = new_shared();
    struct source_table table = new_table(shared, 1, 10, 4);
    uint32_t sources[SOURCE_SET], shares[2], source;

    (void)state;
    for (uint32_t i = 0; i < SOURCE_SET; i++) {
        assert_true(connects(&table, in_one_set(shared, i), &sources[i]));
        assert_true(i == 3 || connects(&table, in_one_set(shared, i), &source));
        assert_int_equal(count_let(&table, in_one_set(shared, i), START, i == 6 ? 2 : 5), i == 6 ? 2 : 5);
    }
    /* He is neither shut out nor let in uncounted: fewest connections (1), fullest bucket (8 of 10). */
    assert_true(connects(&table, in_one_set(shared, 8), &shares[0]));
    assert_int_equal(shares[0], sources[3]);
    assert_int_equal(count_let(&table, in_one_set(shared, 8), START, 3), 3);
    for (uint32_t i = 0, let = 1; let; i++) { /* he can have what is free in the set, and no more */
        let = connects(&table, in_one_set(shared, 8), &shares[1]);
        assert_int_equal(let, i < 4 * SOURCE_SET - (2 * SOURCE_SET - 1) - 1);
    }
    for (uint32_t i = 0; i < SOURCE_SET; i++) { /* the eight are still who they were */
        assert_false(connects(&table, in_one_set(shared, i), &source));
    }
    shared_unmap(shared);
}

/* How many others have to share when so many sources, which do not know the secret, have a connection each. */
static uint32_t count_sharers(uint32_t num_connected)
{
    struct shared *shared = new_shared();
    struct source_table table = new_table(shared, 1, 5, 1000);
    uint32_t num = 0, source;

    for (uint32_t i = 0; i < num_connected; i++) {
        assert_true(connects(&table, v6(i), &source));
    }
    for (uint32_t i = 0; i < 10000; i++) {
        assert_true(connects(&table, v4(i), &source)); /* nobody is shut out */
        num += atomic_load(&table.place->conns[source]) > 1;
        source_disconnect(&table, source);
    }
    shared_unmap(shared);
    return num;
}

/* By Poisson's law 0.1 in a hundred sets have eight and more of the one, 12 of the other. */
static void test_who_has_to_share(void **state)
{
    (void)state;
    assert_in_range(count_sharers(4000), 0, 60);
    assert_in_range(count_sharers(10000), 700, 1600);
}

/* A /48 is 65,536 sources. Who keeps to the rate passes through all that, and the connected keep what is theirs. */
static void test_many_sources(void **state)
{
    struct shared *shared = new_shared();
    struct source_table table = new_table(shared, 1, 5, 10);
    const struct netaddr modest = v4(1), greedy = v4(2), holder = v4(3);
    uint32_t num_greedy = 0, first, second;
    int64_t now = START;

    (void)state;
    assert_true(connects(&table, holder, &first));
    assert_int_equal(count_let(&table, holder, START, 9), 5);
    for (uint32_t i = 0; i < 2 * 65536; i++, now += 100000) { /* 10,000 a second */
        assert_true(is_let(&table, v6(i % 65536), now));
        num_greedy += is_let(&table, greedy, now);
        if (i % 10000 == 0) {
            assert_true(is_let(&table, modest, now));
        }
    }
    assert_true(num_greedy <= 5 + (now - START) / SECOND + 1); /* he never won his bucket back */
    assert_true(connects(&table, holder, &second));
    assert_int_equal(first, second);
    shared_unmap(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_rate_over_time),
        cmocka_unit_test(test_burst_of_one),
        cmocka_unit_test(test_no_rate),
        cmocka_unit_test(test_what_is_one_source),
        cmocka_unit_test(test_other_limits),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_count_below_none),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_rate_over_processes),
        cmocka_unit_test(test_connections_over_processes),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_newcomers_find_room),
        cmocka_unit_test(test_bucket_is_not_won_back),
        cmocka_unit_test(test_connected_stay),
        cmocka_unit_test(test_all_connected),
        cmocka_unit_test(test_who_has_to_share),
        cmocka_unit_test(test_many_sources),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
