/* SPDX-License-Identifier: Apache-2.0 */
/* Serial numbers: their layout, their shortest form, and that no two are equal over many threads that stand on one millisecond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tsa/issuer/serial.h"

#define NUM_THREADS 8
#define NUM_EACH    20000

static const struct gentime now = {.sec = 1924992245, .nsec = 678999999};

static void test_layout(void **state)
{
    static const uint8_t node[2] = {0x7f, 0xff}, counter[4] = {0};
    struct serial serial;
    uint8_t a[SERIAL_LEN], b[SERIAL_LEN];
    uint64_t millis = 0;

    (void)state;
    serial_init(&serial, SERIAL_NODE_MAX);
    assert_int_equal(serial_next(&serial, now, a), RC_OK);
    for (size_t i = 2; i < 8; i++) {
        millis = millis << 8 | a[i];
    }
    assert_true(millis == 1924992245678ULL);
    assert_memory_equal(a, node, 2);
    assert_memory_equal(a + 8, counter, 4);
    assert_int_equal(serial_next(&serial, now, b), RC_OK);
    assert_int_equal(b[11], 1);
    assert_memory_not_equal(a + 12, b + 12, 7);
}

static void test_shortest_form(void **state)
{
    static const struct {
        uint8_t head[3];
        size_t len;
    } cases[] = {{{0x7f, 0xff, 0}, 19},
                 {{0x01, 0x00, 0}, 19},
                 {{0x00, 0x80, 0}, 19},
                 {{0x00, 0x7f, 0}, 18},
                 {{0x00, 0x00, 1}, 17}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t raw[SERIAL_LEN] = {0};
        struct bytes contents;

        memcpy(raw, cases[i].head, 3);
        contents = serial_contents(raw);
        assert_int_equal(contents.len, cases[i].len);
        assert_true(contents.data[0] < 0x80);
        assert_ptr_equal(contents.data + contents.len, raw + SERIAL_LEN);
    }
}

struct task {
    struct serial *serial;
    uint8_t (*out)[SERIAL_LEN];
    bool failed;
};

static void *make_many(void *arg)
{
    struct task *task = arg;

    for (size_t i = 0; i < NUM_EACH; i++) {
        task->failed |= serial_next(task->serial, now, task->out[i]) != RC_OK;
    }
    return NULL;
}

/* What the parts before the random ones give alone must be unique already. */
static int compare(const void *a, const void *b)
{
    return memcmp(a, b, 12);
}

static void test_unique_over_threads(void **state)
{
    uint8_t(*all)[SERIAL_LEN] = calloc(NUM_THREADS * NUM_EACH, SERIAL_LEN);
    struct serial serial;
    struct task tasks[NUM_THREADS];
    pthread_t threads[NUM_THREADS];

    (void)state;
    assert_non_null(all);
    serial_init(&serial, 1);
    for (size_t i = 0; i < NUM_THREADS; i++) {
        tasks[i] = (struct task){.serial = &serial, .out = all + i * NUM_EACH};
        assert_int_equal(pthread_create(&threads[i], NULL, make_many, &tasks[i]), 0);
    }
    for (size_t i = 0; i < NUM_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(tasks[i].failed);
    }
    qsort(all, NUM_THREADS * NUM_EACH, SERIAL_LEN, compare);
    for (size_t i = 1; i < NUM_THREADS * NUM_EACH; i++) {
        assert_true(compare(all[i - 1], all[i]) < 0);
    }
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_shortest_form),
        cmocka_unit_test(test_unique_over_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
