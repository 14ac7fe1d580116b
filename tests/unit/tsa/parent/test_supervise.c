/* SPDX-License-Identifier: Apache-2.0 */
/* The life of roles within one generation: started, connected, killed, started again, silent, stopped, given up. */
#include "tsa/parent/supervise.h"

#include "tests/unit/tsa/parent/roles.h"

static void kill_role(struct world *world, enum role_kind kind)
{
    assert_int_equal(kill(find_role(world->all.now, kind, 0)->pid, SIGKILL), 0);
}

static void test_start_and_stop(void **state)
{
    struct world *world = world_new("-", 2);

    (void)state;
    assert_true(wait_for(world, &world->num_ready, 1, 5000));
    assert_true(supervise_is_ready(&world->all));
    assert_true(wait_for(world, &world->num_from_fronts, 2, 5000));
    assert_true(supervise_ask_facts(&world->all, 1));
    assert_true(wait_for(world, &world->num_answers, 1, 5000));
    supervise_stop(&world->all);
    assert_false(supervise_is_ready(&world->all) && !world->all.stopping);
    assert_true(wait_for(world, &world->num_stopped, 1, 5000));
    assert_int_equal(world->num_stopped, 1);
    world_free(world);
}

static void test_each_comes_back(void **state)
{
    struct world *world = world_new("-", 2);
    int64_t start;

    (void)state;
    assert_true(wait_for(world, &world->num_from_fronts, 2, 5000));
    assert_true(wait_for(world, &world->num_ready, 1, 5000));

    start = now_mono_ns();
    kill_role(world, ROLE_FRONT);
    assert_true(wait_for(world, &world->num_ready, 2, 1000));
    assert_true(wait_for(world, &world->num_from_fronts, 3, 1000));
    assert_true(now_mono_ns() - start < 1000 * MS);

    kill_role(world, ROLE_CLOCK);
    assert_true(wait_for(world, &world->num_ready, 3, 1000));

    kill_role(world, ROLE_ISSUER);
    assert_true(wait_for(world, &world->num_ready, 4, 1000));
    assert_true(wait_for(world, &world->num_from_fronts, 5, 1000));
    assert_int_equal(find_role(world->all.now, ROLE_ISSUER, 0)->num_starts, 2);
    world_free(world);
}

/* All at once: who is back first does not matter. */
static void test_all_die(void **state)
{
    struct world *world = world_new("-", 3);

    (void)state;
    assert_true(wait_for(world, &world->num_from_fronts, 3, 5000));
    assert_true(wait_for(world, &world->num_ready, 1, 5000));
    for (size_t i = 0; i < world->all.now->num; i++) {
        assert_int_equal(kill(world->all.now->roles[i].pid, SIGKILL), 0);
    }
    assert_true(wait_for(world, &world->num_ready, 2, 2000));
    assert_true(wait_for(world, &world->num_from_fronts, 6, 2000));
    world_free(world);
}

static void test_can_not_start(void **state)
{
    struct world *world = world_new("front exits", 1);

    (void)state;
    assert_true(wait_for(world, &world->num_hopeless, 1, 5000));
    assert_int_equal(world->exit_code, 78);
    assert_int_equal(world->num_ready, 0);
    world_free(world);
}

static void test_dies_again_and_again(void **state)
{
    struct world *world = world_new("clock dies", 1);

    (void)state;
    assert_true(wait_for(world, &world->num_hopeless, 1, 15000));
    assert_int_equal(world->exit_code, 70);
    assert_int_equal(find_role(world->all.now, ROLE_CLOCK, 0)->num_starts, ROLE_DEATHS);
    world_free(world);
}

static void test_says_what_it_may_not(void **state)
{
    struct world *world = world_new("front babbles", 1);

    (void)state;
    assert_true(wait_for(world, &find_role(world->all.now, ROLE_FRONT, 0)->num_starts, 3, 5000));
    assert_int_equal(world->num_ready, 0);
    world_free(world);
}

static void test_stop_is_overdue(void **state)
{
    struct world *world = world_new("front ignores", 1);
    int64_t start;

    (void)state;
    assert_true(wait_for(world, &world->num_ready, 1, 5000));
    start = now_mono_ns();
    supervise_stop(&world->all);
    supervise_stop(&world->all);
    assert_true(wait_for(world, &world->num_stopped, 1, 5000));
    assert_true(now_mono_ns() - start > 3000 * MS);
    world_free(world);
}

/* Stopped while a role is dead and waits for its next start. */
static void test_stop_between(void **state)
{
    struct world *world = world_new("-", 1);

    (void)state;
    assert_true(wait_for(world, &world->num_ready, 1, 5000));
    kill_role(world, ROLE_CLOCK);
    kill_role(world, ROLE_ISSUER);
    (void)usleep(50000);
    supervise_stop(&world->all);
    assert_true(wait_for(world, &world->num_stopped, 1, 5000));
    assert_false(supervise_ask_facts(&world->all, 1));
    world_free(world);
}

/* A second for each question, as the parent's watch asks them, is not waited for here. */
static void watch(struct world *world, int times)
{
    for (int i = 0; i < times; i++) {
        supervise_watch(&world->all);
        run_for(world, 30);
    }
}

static void test_who_answers_lives(void **state)
{
    struct world *world = world_new("-", 1);

    (void)state;
    assert_true(wait_for(world, &world->num_ready, 1, 5000));
    watch(world, 3 * ROLE_SILENT_MAX);
    assert_int_equal(world->num_ready, 1);
    for (size_t i = 0; i < world->all.now->num; i++) {
        assert_int_equal(world->all.now->roles[i].num_starts, 1);
    }
    world_free(world);
}

/* Each in turn; the others are not touched. */
static void test_who_hangs_is_found(void **state)
{
    struct world *world = world_new("-", 1);

    (void)state;
    assert_true(wait_for(world, &world->num_ready, 1, 5000));
    for (enum role_kind kind = 0; kind < ROLE_NUM_KINDS; kind++) {
        assert_int_equal(kill(find_role(world->all.now, kind, 0)->pid, SIGSTOP), 0);
        watch(world, ROLE_SILENT_MAX);
        assert_int_equal(find_role(world->all.now, kind, 0)->num_starts, 1);
        supervise_watch(&world->all);
        assert_true(wait_for(world, &world->num_ready, kind + 2, 5000));
        assert_int_equal(find_role(world->all.now, kind, 0)->num_starts, 2);
    }
    world_free(world);
}

/* It is told to stop while it hangs: that has a limit of its own. */
static void test_stop_of_who_hangs(void **state)
{
    struct world *world = world_new("-", 1);

    (void)state;
    assert_true(wait_for(world, &world->num_ready, 1, 5000));
    assert_int_equal(kill(find_role(world->all.now, ROLE_ISSUER, 0)->pid, SIGSTOP), 0);
    supervise_stop(&world->all);
    assert_true(wait_for(world, &world->num_stopped, 1, 5000));
    world_free(world);
}

static bool acknowledge(struct world *world, uint64_t id, const char *reason)
{
    const struct msg_acknowledge told = {.id = id, .reason = bytes_str(reason)};

    return supervise_acknowledge(&world->all, &told);
}

static void test_acknowledge(void **state)
{
    struct world *world = world_new("-", 1);

    (void)state;
    assert_false(acknowledge(world, 1, "right")); /* it is not ready yet */
    assert_true(wait_for(world, &world->num_ready, 1, 5000));
    assert_true(acknowledge(world, 7, "right"));
    assert_true(wait_for(world, &world->num_acknowledged, 1, 5000));
    assert_int_equal(world->acknowledged.id, 7);
    assert_int_equal(world->acknowledged.rc, RC_OK);
    assert_true(acknowledge(world, 8, "wrong"));
    assert_true(wait_for(world, &world->num_acknowledged, 2, 5000));
    assert_int_equal(world->acknowledged.id, 8);
    assert_int_equal(world->acknowledged.rc, RC_CLOCK_STALE);
    assert_int_equal(world->num_issuer_ends, 0);
    world_free(world);
}

/* Its end is told, so that nobody waits for an answer that can not come. */
static void test_acknowledge_and_die(void **state)
{
    struct world *world = world_new("issuer mute", 1);

    (void)state;
    assert_true(wait_for(world, &world->num_ready, 1, 5000));
    assert_true(acknowledge(world, 7, "right"));
    kill_role(world, ROLE_ISSUER);
    assert_true(wait_for(world, &world->num_issuer_ends, 1, 5000));
    assert_int_equal(world->num_acknowledged, 0);
    assert_false(acknowledge(world, 8, "right"));
    assert_true(wait_for(world, &world->num_ready, 2, 5000));
    kill_role(world, ROLE_CLOCK);
    assert_true(wait_for(world, &world->num_ready, 3, 5000));
    assert_int_equal(world->num_issuer_ends, 1);
    world_free(world);
}

/* A clock service watches the clock: there is no clock role to wait for, to watch, or to stop. */
static void test_no_clock(void **state)
{
    struct world *world = world_new("service", 2);

    (void)state;
    assert_true(wait_for(world, &world->num_ready, 1, 5000));
    assert_true(wait_for(world, &world->num_from_fronts, 2, 5000));
    assert_true(supervise_is_ready(&world->all));
    assert_int_equal(world->all.now->num, 3);
    assert_null(crew_clock(world->all.now));
    kill_role(world, ROLE_ISSUER);
    assert_true(wait_for(world, &world->num_ready, 2, 5000));
    assert_true(wait_for(world, &world->num_from_fronts, 4, 5000));
    watch(world, 2);
    supervise_stop(&world->all);
    assert_true(wait_for(world, &world->num_stopped, 1, 5000));
    world_free(world);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_and_stop),
        cmocka_unit_test(test_each_comes_back),
        cmocka_unit_test(test_all_die),
        cmocka_unit_test(test_can_not_start),
        cmocka_unit_test(test_dies_again_and_again),
        cmocka_unit_test(test_says_what_it_may_not),
        cmocka_unit_test(test_stop_is_overdue),
        cmocka_unit_test(test_stop_between),
        cmocka_unit_test(test_who_answers_lives),
        cmocka_unit_test(test_who_hangs_is_found),
        cmocka_unit_test(test_stop_of_who_hangs),
        cmocka_unit_test(test_acknowledge),
        cmocka_unit_test(test_acknowledge_and_die),
        cmocka_unit_test(test_no_clock),
    };

    if (argc > 1 && argv[1][0] == '@') {
        return child_main(argc - 1, argv + 1);
    }
    if (spawn_init() != RC_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
