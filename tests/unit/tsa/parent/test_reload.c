/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks for a reload gets the result of one that began after that; a bad configuration leaves what runs as it is. Here nothing runs: what a good
 * one does with real roles is shown by system tests.
 */
#include "tsa/parent/reload.h"

#include "tests/unit/tsa/parent/roles.h"

struct desk {
    struct world *world;
    struct reload *reload;
    unsigned num_begun, num_ended;
    uint64_t numbers[8];
    char first[300];
};

static void on_begin(void *arg)
{
    ((struct desk *)arg)->num_begun++;
}

static void on_end(void *arg, uint64_t number)
{
    struct desk *desk = arg;
    const struct reload_result *result = reload_result(desk->reload);

    desk->numbers[desk->num_ended++ % 8] = number;
    assert_false(result->good);
    assert_int_not_equal(result->at.sec, 0);
    assert_true(result->lines.num >= 1);
    (void)snprintf(desk->first, sizeof(desk->first), "%s", result->lines.list[0]);
}

static void desk_init(struct desk *desk, const char *config)
{
    *desk = (struct desk){.world = world_new("-", 1)};
    {
        const struct reload_source source = {
            .base = desk->world->base,
            .config = config,
            .supervise = &desk->world->all,
            .on_begin = on_begin,
            .on_end = on_end,
            .arg = desk,
        };

        desk->reload = reload_new(&source);
        assert_non_null(desk->reload);
    }
    assert_true(wait_for(desk->world, &desk->world->num_ready, 1, 5000));
    assert_int_equal(reload_result(desk->reload)->at.sec, 0);
}

static void desk_clear(struct desk *desk)
{
    assert_int_equal(desk->world->all.now->generation->number, 1);
    assert_true(supervise_is_ready(&desk->world->all));
    assert_int_equal(find_role(desk->world->all.now, ROLE_ISSUER, 0)->num_starts, 1);
    reload_free(desk->reload);
    reload_free(NULL);
    world_free(desk->world);
}

static void test_no_file(void **state)
{
    struct desk desk;

    (void)state;
    desk_init(&desk, "/no/such/tsa.conf");
    assert_int_equal(reload_ask(desk.reload), 1);
    assert_int_equal(desk.num_begun, 0);
    assert_true(reload_is_running(desk.reload));
    /* Nothing was read yet: the same one will do. */
    assert_int_equal(reload_ask(desk.reload), 1);
    assert_true(wait_for(desk.world, &desk.num_ended, 1, 5000));
    assert_int_equal(desk.numbers[0], 1);
    assert_non_null(strstr(desk.first, "/no/such/tsa.conf"));
    assert_false(reload_is_running(desk.reload));
    assert_int_equal(reload_ask(desk.reload), 2);
    assert_true(wait_for(desk.world, &desk.num_ended, 2, 5000));
    assert_int_equal(desk.num_begun, 2);
    desk_clear(&desk);
}

static void test_stop(void **state)
{
    struct desk desk;

    (void)state;
    desk_init(&desk, "/no/such/tsa.conf");
    reload_stop(desk.reload);
    assert_int_equal(desk.num_ended, 0);
    reload_free(desk.reload);
    world_free(desk.world);

    desk_init(&desk, "/no/such/tsa.conf");
    assert_int_equal(reload_ask(desk.reload), 1);
    reload_stop(desk.reload);
    assert_int_equal(desk.num_ended, 1);
    assert_non_null(strstr(desk.first, "told to stop"));
    run_for(desk.world, 50);
    assert_int_equal(desk.num_begun, 0);
    desk_clear(&desk);
}

/* Words about a change that nobody has begun. */
static void test_foreign(void **state)
{
    struct desk desk;

    (void)state;
    desk_init(&desk, "/no/such/tsa.conf");
    reload_take_change(desk.reload, "why");
    reload_take_change(desk.reload, NULL);
    assert_false(reload_take_end(desk.reload, 1, 0));
    assert_int_equal(desk.num_ended, 0);
    desk_clear(&desk);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_foreign),
    };

    if (argc > 1 && argv[1][0] == '@') {
        return child_main(argc - 1, argv + 1);
    }
    if (spawn_init() != RC_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
