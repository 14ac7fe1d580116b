/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change of generations, step by step: done, given up before it takes over, met by deaths and by the end at every moment. Whatever happens,
 * either the old roles are there untouched or the new ones have taken over.
 */
#include "tsa/parent/supervise.h"

#include "tests/unit/tsa/parent/roles.h"

static void change(struct world *world, unsigned number, const char *config, int64_t fronts)
{
    struct generation *next = make_generation(number, config, fronts);

    supervise_change(&world->all, &next);
    assert_null(next);
}

static struct world *ready_world(const char *config, int64_t fronts)
{
    struct world *world = world_new(config, fronts);

    assert_true(wait_for(world, &world->num_ready, 1, 5000));
    assert_true(wait_for(world, &world->num_from_fronts, (unsigned)fronts, 5000));
    return world;
}

static void wait_old_gone(struct world *world)
{
    for (int i = 0; i < 200 && world->all.old; i++) {
        run_for(world, 20);
    }
    assert_null(world->all.old);
}

static void test_done(void **state)
{
    struct world *world = ready_world("-", 1);
    const pid_t before = find_role(world->all.now, ROLE_FRONT, 0)->pid;

    (void)state;
    change(world, 2, "-", 3);
    assert_true(wait_for(world, &world->num_changed, 1, 5000));
    assert_string_equal(world->why, "");
    assert_int_equal(world->all.now->generation->number, 2);
    assert_true(supervise_is_ready(&world->all));
    assert_int_equal(world->all.now->num, 5);
    assert_true(wait_for(world, &world->num_from_fronts, 1 + 3, 5000));
    wait_old_gone(world);
    assert_int_equal(kill(before, 0), -1);
    supervise_stop(&world->all);
    assert_true(wait_for(world, &world->num_stopped, 1, 5000));
    world_free(world);
}

/* A clock service watches the clock, before and after. */
static void test_done_without_clock(void **state)
{
    struct world *world = ready_world("service", 1);

    (void)state;
    change(world, 2, "service", 2);
    assert_true(wait_for(world, &world->num_changed, 1, 5000));
    assert_string_equal(world->why, "");
    assert_int_equal(world->all.now->num, 3);
    assert_true(supervise_is_ready(&world->all));
    wait_old_gone(world);
    world_free(world);
}

/* One that keeps its clients talks to the new issuer, which is told what its units are called now; also to the one after that. */
static void test_old_front_stays(void **state)
{
    struct world *world = ready_world("front lingers", 1);
    const pid_t before = find_role(world->all.now, ROLE_FRONT, 0)->pid;

    (void)state;
    change(world, 2, "-", 1);
    assert_true(wait_for(world, &world->num_changed, 1, 5000));
    assert_true(wait_for(world, &world->num_units_told, 1, 5000));
    assert_true(wait_for(world, &world->num_from_fronts, 3, 5000));
    assert_int_equal(kill(before, 0), 0);

    assert_int_equal(kill(find_role(world->all.now, ROLE_ISSUER, 0)->pid, SIGKILL), 0);
    assert_true(wait_for(world, &world->num_units_told, 2, 5000));
    assert_true(wait_for(world, &world->num_from_fronts, 5, 5000));

    /* It dies: nobody starts it again. */
    assert_int_equal(kill(before, SIGKILL), 0);
    wait_old_gone(world);
    assert_true(supervise_is_ready(&world->all));
    world_free(world);
}

/* There are never three: the fronts of the first are told to end when the third comes. */
static void test_next_change_clears(void **state)
{
    struct world *world = ready_world("front lingers", 2);
    const pid_t before = find_role(world->all.now, ROLE_FRONT, 0)->pid;

    (void)state;
    change(world, 2, "front lingers", 1);
    assert_true(wait_for(world, &world->num_changed, 1, 5000));
    assert_int_equal(kill(before, 0), 0);
    change(world, 3, "-", 1);
    assert_true(wait_for(world, &world->num_changed, 2, 5000));
    assert_string_equal(world->why, "");
    assert_int_equal(kill(before, 0), -1);
    assert_int_equal(world->all.now->generation->number, 3);
    assert_int_equal(world->all.old->generation->number, 2);
    world_free(world);
}

static unsigned num_places_taken(const struct world *world)
{
    unsigned num = 0;

    for (size_t i = 0; i < SHARED_PLACES; i++) {
        num += atomic_load(&world->house.shared->pids[i]) != 0;
    }
    return num;
}

/* What runs is not touched, whichever of the new ones can not be. */
static void test_given_up(void **state)
{
    static const struct {
        const char *config, *why;
    } rows[] = {
        {"issuer exits", "the new issuer ended: exit code 78"},
        {"front exits", "the new front ended: exit code 78"},
        {"front babbles", "the new front ended: killed by SIGKILL"},
    };
    struct world *world = ready_world("-", 2);
    pid_t before[4];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        before[i] = world->all.now->roles[i].pid;
    }
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        change(world, 2, rows[i].config, 2);
        assert_true(wait_for(world, &world->num_changed, i + 1, 10000));
        assert_non_null(strstr(world->why, rows[i].why));
        assert_null(world->all.next);
        assert_null(world->all.old);
        assert_int_equal(world->all.now->generation->number, 1);
        for (size_t j = 0; j < 4; j++) {
            assert_int_equal(world->all.now->roles[j].pid, before[j]);
            assert_true(world->all.now->roles[j].ready);
        }
    }
    change(world, 2, "-", 2);
    assert_true(wait_for(world, &world->num_changed, sizeof(rows) / sizeof(rows[0]) + 1, 5000));
    assert_string_equal(world->why, "");
    world_free(world);
}

static bool memory_ends;

static void *get_memory(size_t len)
{
    return memory_ends ? NULL : malloc(len);
}

static void *get_other_memory(void *old, size_t len)
{
    return memory_ends ? NULL : realloc(old, len);
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* The sockets that both generations have stay open. */
static void test_given_up_without_memory(void **state)
{
    struct world *world = ready_world("-", 1);
    struct generation *next = make_generation(2, "-", 1);
    const int shared = open_null(), own = open_null();

    (void)state;
    world->all.now->generation->listeners = (struct listeners){.list = {{.fd = shared}}, .num = 1};
    next->listeners = (struct listeners){.list = {{.fd = shared}, {.fd = own}}, .num = 2};
    supervise_change(&world->all, &next);
    memory_ends = true;
    (void)event_base_loop(world->base, EVLOOP_NONBLOCK);
    memory_ends = false;
    assert_int_equal(world->num_changed, 1);
    assert_string_equal(world->why, rc_text(RC_NO_MEMORY));
    assert_true(is_open(shared));
    assert_false(is_open(own));
    assert_true(supervise_is_ready(&world->all));
    change(world, 2, "-", 1);
    assert_true(wait_for(world, &world->num_changed, 2, 5000));
    assert_string_equal(world->why, "");
    world_free(world);
}

/* Of two new fronts one dies, and the other is ended with the whole change. */
static void test_given_up_frees_places(void **state)
{
    struct world *world = ready_world("-", 2);

    (void)state;
    change(world, 2, "front sleeps", 2);
    for (int i = 0; i < 500 && num_places_taken(world) < 4; i++) {
        run_for(world, 1);
    }
    assert_int_equal(num_places_taken(world), 4);
    assert_int_equal(kill(find_role(world->all.next, ROLE_FRONT, 0)->pid, SIGKILL), 0);
    assert_true(wait_for(world, &world->num_changed, 1, 5000));
    assert_non_null(strstr(world->why, "the new front ended"));
    assert_int_equal(num_places_taken(world), 2);
    world_free(world);
}

/* From the hand-over on, what dies is started again; the clock, which comes last, too. */
static void test_new_role_dies_late(void **state)
{
    struct world *world = ready_world("-", 1);

    (void)state;
    change(world, 2, "clock sleeps", 1);
    for (int i = 0; i < 500 && world->all.step != SUPERVISE_LAST; i++) {
        run_for(world, 5);
    }
    assert_int_equal(world->all.step, SUPERVISE_LAST);
    assert_int_equal(kill(find_role(world->all.now, ROLE_CLOCK, 0)->pid, SIGKILL), 0);
    assert_int_equal(kill(find_role(world->all.now, ROLE_ISSUER, 0)->pid, SIGKILL), 0);
    assert_true(wait_for(world, &world->num_changed, 1, 5000));
    assert_string_equal(world->why, "");
    assert_int_equal(find_role(world->all.now, ROLE_CLOCK, 0)->num_starts, 2);
    assert_true(supervise_is_ready(&world->all));
    world_free(world);
}

/* An old issuer that hangs gives the record up when it is killed. */
static void test_old_issuer_hangs(void **state)
{
    struct world *world = ready_world("-", 1);

    (void)state;
    assert_int_equal(kill(find_role(world->all.now, ROLE_ISSUER, 0)->pid, SIGSTOP), 0);
    change(world, 2, "-", 1);
    assert_true(wait_for(world, &world->num_changed, 1, 10000));
    assert_string_equal(world->why, "");
    assert_true(supervise_is_ready(&world->all));
    world_free(world);
}

/* Roles of the running generation die while the next one loads: they are started again, and the change goes on. */
static void test_old_role_dies_meanwhile(void **state)
{
    struct world *world = ready_world("-", 1);

    (void)state;
    change(world, 2, "issuer sleeps, front sleeps", 1);
    run_for(world, 30);
    assert_int_equal(world->all.now->generation->number, 1);
    for (size_t i = 0; i < world->all.now->num; i++) {
        assert_int_equal(kill(world->all.now->roles[i].pid, SIGKILL), 0);
    }
    assert_true(wait_for(world, &world->num_changed, 1, 10000));
    assert_string_equal(world->why, "");
    assert_int_equal(world->all.now->generation->number, 2);
    assert_true(supervise_is_ready(&world->all));
    assert_int_equal(world->num_hopeless, 0);
    world_free(world);
}

/* Told to stop at any moment of it: within five seconds nobody is left. */
static void test_stop_meanwhile(void **state)
{
    (void)state;
    for (int ms = 0; ms < 240; ms += 20) {
        struct world *world = ready_world("front lingers", 1);
        const int64_t start = now_mono_ns();

        change(world, 2, "issuer sleeps, clock sleeps", 1);
        run_for(world, ms);
        supervise_stop(&world->all);
        assert_true(wait_for(world, &world->num_stopped, 1, 6000));
        assert_true(now_mono_ns() - start < 6000 * MS);
        assert_false(supervise_is_ready(&world->all));
        world_free(world);
    }
}

/* Freed at any moment of it. */
static void test_clear_meanwhile(void **state)
{
    (void)state;
    for (int ms = 0; ms < 120; ms += 20) {
        struct world *world = ready_world("-", 1);

        change(world, 2, "-", 1);
        run_for(world, ms);
        world_free(world);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_done),
        cmocka_unit_test(test_done_without_clock),
        cmocka_unit_test(test_old_front_stays),
        cmocka_unit_test(test_next_change_clears),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_given_up_without_memory),
        cmocka_unit_test(test_given_up_frees_places),
        cmocka_unit_test(test_new_role_dies_late),
        cmocka_unit_test(test_old_issuer_hangs),
        cmocka_unit_test(test_old_role_dies_meanwhile),
        cmocka_unit_test(test_stop_meanwhile),
        cmocka_unit_test(test_clear_meanwhile),
    };

    if (argc > 1 && argv[1][0] == '@') {
        return child_main(argc - 1, argv + 1);
    }
    event_set_mem_functions(get_memory, get_other_memory, free);
    if (spawn_init() != RC_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
