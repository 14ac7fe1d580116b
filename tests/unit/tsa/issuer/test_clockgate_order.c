/* SPDX-License-Identifier: Apache-2.0 */
/* Ordered tokens: each genTime after the one before, never far ahead of the clock, nor outside the claim; also with many threads. */
#include "tests/unit/tsa/issuer/gate_world.h"

#define NUM_THREADS 8
#define NUM_EACH    5000

static struct clockgate_order order;

static int setup_order(void **state)
{
    atomic_store(&order.last_ns, 0);
    return setup(state);
}

static enum rc pass_ordered(unsigned digits, int64_t accuracy, struct clockgate_time *out)
{
    const struct clockgate_claim claim = {.time_digits = digits, .accuracy_ns = accuracy, .order = &order};

    return clockgate_pass(&t.gate, &claim, out);
}

static int64_t to_ns(struct gentime time)
{
    return gentime_diff_ns(time, (struct gentime){0});
}

/* With a clock that stands still, until it is too far ahead. */
static void test_bumps(void **state)
{
    static const int64_t units[] = {SECOND, 100 * MS, 10 * MS, MS, MS / 10, MS / 100, MS / 1000};

    (void)state;
    for (unsigned digits = 1; digits <= 4; digits++) {
        struct clockgate_time out;
        int64_t last = 0, num = 0;
        enum rc rc;

        atomic_store(&order.last_ns, 0);
        while ((rc = pass_ordered(digits, SECOND, &out)) == RC_OK) {
            assert_true(to_ns(out.time) > last && to_ns(out.time) % units[digits] == 0);
            assert_true(num == 0 || to_ns(out.time) - simulated.real <= CLOCKGATE_AHEAD_NS);
            last = to_ns(out.time);
            num++;
        }
        assert_int_equal(rc, RC_OVERLOADED);
        assert_true(out.figure_ns > CLOCKGATE_AHEAD_NS);
        assert_int_equal(num, 1 + CLOCKGATE_AHEAD_NS / units[digits]);
        /* It is refused without a trace, and goes on with the time. */
        assert_int_equal(atomic_load(&order.last_ns), last);
        assert_int_equal(watch().state, CLOCKPAGE_SYNC);
        advance(units[digits]);
        sample();
        assert_int_equal(pass_ordered(digits, SECOND, &out), RC_OK);
        assert_true(to_ns(out.time) > last);
    }
}

/* The bump counts into what the token may be wrong by. */
static void test_bump_counts(void **state)
{
    struct clockgate_time out;

    (void)state;
    t.record.drift_ppb = 0;
    publish();
    for (int i = 0; i <= 4; i++) {
        assert_int_equal(pass_ordered(3, 5 * MS + 1, &out), RC_OK); /* 1 ms is the clock's */
        assert_int_equal(to_ns(out.time), simulated.real + i * MS);
    }
    assert_int_equal(pass_ordered(3, 5 * MS + 1, &out), RC_CLOCK_BOUND);
    assert_int_equal(out.figure_ns, 6 * MS + 1);
    assert_int_equal(pass_ordered(3, SECOND, &out), RC_OK);
    assert_int_equal(to_ns(out.time), simulated.real + 5 * MS); /* what was refused took no turn */
}

/* A floor that is no multiple of the unit: behind another writer's last token. */
static void test_odd_floor(void **state)
{
    struct clockgate_time out;

    (void)state;
    atomic_store(&order.last_ns, simulated.real + 1234567);
    assert_int_equal(pass_ordered(3, SECOND, &out), RC_OK);
    assert_int_equal(to_ns(out.time), simulated.real + 2 * MS);
    atomic_store(&order.last_ns, simulated.real + 2 * MS);
    assert_int_equal(pass_ordered(3, SECOND, &out), RC_OK);
    assert_int_equal(to_ns(out.time), simulated.real + 3 * MS);
}

struct task {
    pthread_t thread;
    struct clockgate gate;
    int64_t times[NUM_EACH];
    size_t num;
};

static void *pass_many(void *arg)
{
    struct task *task = arg;
    const struct clockgate_claim claim = {.time_digits = 6, .accuracy_ns = SECOND, .order = &order};
    int64_t last = 0;

    for (int i = 0; i < NUM_EACH; i++) {
        struct clockgate_time out;

        if (clockgate_pass(&task->gate, &claim, &out) == RC_OK) {
            task->times[task->num++] = to_ns(out.time);
            if (to_ns(out.time) <= last) {
                return task;
            }
            last = to_ns(out.time);
        }
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static void test_many_threads(void **state)
{
    static struct task tasks[NUM_THREADS];
    static int64_t all[NUM_THREADS * NUM_EACH];
    size_t num = 0;

    (void)state;
    for (size_t i = 0; i < NUM_THREADS; i++) {
        tasks[i].num = 0;
        clockgate_init(&tasks[i].gate, t.page, &t.common);
        assert_int_equal(pthread_create(&tasks[i].thread, NULL, pass_many, &tasks[i]), 0);
    }
    for (size_t i = 0; i < NUM_THREADS; i++) {
        void *failed;

        assert_int_equal(pthread_join(tasks[i].thread, &failed), 0);
        assert_null(failed);
        memcpy(all + num, tasks[i].times, tasks[i].num * sizeof(all[0]));
        num += tasks[i].num;
    }
    qsort(all, num, sizeof(all[0]), compare);
    for (size_t i = 1; i < num; i++) {
        assert_true(all[i] > all[i - 1]);
    }
    /* The clock stood still: so many microseconds fit into what it may be ahead. */
    assert_int_equal(num, 1 + CLOCKGATE_AHEAD_NS / (MS / 1000));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_order, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_bumps),
        TEST(test_bump_counts),
        TEST(test_odd_floor),
        TEST(test_many_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
