/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many threads at one gate while the clock is set to and fro, a clock role writes its records, and somebody looks and acknowledges: whoever asks
 * after the clock was set and before the third good record gets nothing, and no token lies before one that was made before it was asked for.
 */
#include "tests/unit/tsa/issuer/gate_world.h"

#include <sched.h>

#define NUM_THREADS 4
#define NUM_STEPS   90

static struct {
    _Atomic int64_t mono, ahead; /* the other clock is so far ahead of it */
    _Atomic unsigned set;        /* odd: the clock was set, and three good records have not come yet */
    _Atomic unsigned lowered;    /* acknowledged so often; odd: it is just being done */
    _Atomic int64_t latest_ns;   /* of the tokens made since */
    _Atomic uint64_t num_tokens, num_refused;
    _Atomic bool is_over;
} w;

static void read_real(void *arg, struct gentime *out)
{
    (void)arg;
    *out = gentime_add_ns((struct gentime){0}, atomic_load(&w.mono) + atomic_load(&w.ahead));
}

static int64_t read_mono(void *arg)
{
    (void)arg;
    return atomic_load(&w.mono);
}

static void raise_latest(int64_t ns)
{
    int64_t latest = atomic_load(&w.latest_ns);

    while (latest < ns && !atomic_compare_exchange_weak(&w.latest_ns, &latest, ns)) {
    }
}

static bool ask_once(struct clockgate *gate)
{
    const struct clockgate_claim claim = {.time_digits = 9, .accuracy_ns = SECOND};
    const unsigned set = atomic_load(&w.set), lowered = atomic_load(&w.lowered);
    const int64_t latest = atomic_load(&w.latest_ns);
    struct clockgate_time out;
    int64_t time;

    if (clockgate_pass(gate, &claim, &out) != RC_OK) {
        atomic_fetch_add(&w.num_refused, 1);
        return true;
    }
    time = gentime_diff_ns(out.time, (struct gentime){0});
    atomic_fetch_add(&w.num_tokens, 1);
    if (set % 2 == 1 && atomic_load(&w.set) == set) {
        return false;
    }
    if (lowered % 2 == 0 && atomic_load(&w.lowered) == lowered) {
        raise_latest(
            time); /* one that is late here was asked for before it was lowered, and is not compared */
        return atomic_load(&w.lowered) != lowered || time >= latest;
    }
    return true;
}

static void *ask(void *arg)
{
    struct clockgate gate;
    bool good = true;

    clockgate_init(&gate, t.page, &t.common);
    while (!atomic_load(&w.is_over)) {
        good &= ask_once(&gate); /* the others wait for our asking */
    }
    return good ? NULL : arg;
}

static void *look(void *arg)
{
    struct clockgate gate;
    struct clockgate_state state;

    (void)arg;
    clockgate_init(&gate, t.page, &t.common);
    while (!atomic_load(&w.is_over)) {
        clockgate_watch(&gate, &state);
        (void)sched_yield();
    }
    return NULL;
}

static void publish_now(void)
{
    simulated.mono = atomic_fetch_add(&w.mono, SECOND) + SECOND;
    simulated.real = simulated.mono + atomic_load(&w.ahead);
    sample();
}

static void let_them_ask(void)
{
    const uint64_t before = atomic_load(&w.num_tokens) + atomic_load(&w.num_refused);

    while (atomic_load(&w.num_tokens) + atomic_load(&w.num_refused) < before + 2 * NUM_THREADS) {
        (void)sched_yield();
    }
}

static void acknowledge(struct clockgate *gate)
{
    const int64_t from = atomic_load(&t.common.last_ns);
    struct clockgate_state state;

    clockgate_watch(gate, &state);
    if (state.reason == RC_CLOCK_BACKWARDS) {
        atomic_fetch_add(&w.lowered, 1);
        clockgate_lower(&t.common, from, state.time.now);
        atomic_store(&w.latest_ns, 0);
        atomic_fetch_add(&w.lowered, 1);
    }
}

/* One step, seen by somebody, and what leads out of it. */
static void set_clock(struct clockgate *gate, int64_t ns)
{
    struct clockgate_state state;

    atomic_fetch_add(&w.ahead, ns);
    atomic_fetch_add(&w.set, 1);
    clockgate_watch(gate, &state);
    assert_int_equal(state.reason, RC_CLOCK_STEPPED);
    /* Somebody who saw it and was held up says so late: then it takes more than three. */
    for (int i = 1; i <= CLOCKGATE_NUM_GOOD || state.reason == RC_CLOCK_STEPPED; i++) {
        let_them_ask();
        if (i == CLOCKGATE_NUM_GOOD) {
            atomic_fetch_add(&w.set, 1);
        }
        publish_now();
        clockgate_watch(gate, &state);
    }
    acknowledge(gate);
    let_them_ask();
}

static void test_steps_under_many(void **state)
{
    static const struct now_source source = {.real = read_real, .mono_ns = read_mono};
    static const int64_t steps[] = {50 * MS, -50 * MS, 3600 * SECOND, -3600 * SECOND, -365 * DAY, 365 * DAY};
    pthread_t threads[NUM_THREADS + 1];
    struct clockgate gate;

    (void)state;
    atomic_store(&w.mono, simulated.mono);
    atomic_store(&w.ahead, simulated.real - simulated.mono);
    now_set_source(&source);
    clockgate_init(&gate, t.page, &t.common);
    for (size_t i = 0; i <= NUM_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, i < NUM_THREADS ? ask : look, &w), 0);
    }
    for (size_t i = 0; i < NUM_STEPS; i++) {
        set_clock(&gate, steps[i % (sizeof(steps) / sizeof(steps[0]))]);
    }
    atomic_store(&w.is_over, true);
    for (size_t i = 0; i <= NUM_THREADS; i++) {
        void *failed;

        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_true(atomic_load(&w.num_tokens) >= NUM_STEPS && atomic_load(&w.num_refused) >= NUM_STEPS);
    assert_true(atomic_load(&w.lowered) >= NUM_STEPS / 3); /* an hour back, a year back: mostly */
}

int main(void)
{
    const struct CMUnitTest tests[] = {GATE_TEST(test_steps_under_many)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
