/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stage of a reload in which names of time servers are resolved: what is known goes to the new generation, too little is refused, and while a name service
 * takes its time everything else goes on. Roles, trial and resolver are played; certificates and settings are real.
 */
#include "tsa/parent/reload.h"

#include <sys/stat.h>

#include "certs/lab.h"
#include "tests/unit/tsa/parent/roles.h"

static char folder[] = "/tmp/tsa-reload-names-XXXXXX";

struct desk {
    struct world *world;
    struct reload *reload;
    char config[80];
    unsigned num_ended, num_facts;
    bool good;
    char lines[4][400];
    size_t num_lines;
};

static void on_begin(void *arg)
{
    (void)arg;
}

static void on_end(void *arg, uint64_t number)
{
    struct desk *desk = arg;
    const struct reload_result *result = reload_result(desk->reload);

    (void)number;
    desk->num_ended++;
    desk->good = result->good;
    desk->num_lines = 0;
    for (size_t i = 0; i < result->lines.num && desk->num_lines < 4; i++) {
        if (strstr(result->lines.list[i], "clock.servers") || !result->good) {
            (void)snprintf(desk->lines[desk->num_lines++], sizeof(desk->lines[0]), "%s",
                           result->lines.list[i]);
        }
    }
}

/* What the resolver does stands in a setting that nobody uses here. */
static void write_config(const struct desk *desk, const char *servers, const char *resolver)
{
    FILE *file = fopen(desk->config, "w");

    assert_non_null(file);
    assert_true(
        fprintf(file,
                "listen = \"127.0.0.1:0\";\nrun_dir = \"run\";\nledger = { dir = \"ledger\"; };\n"
                "users = { front = \"\"; issuer = \"\"; clock = \"\"; };\n"
                "clock = { source = \"sntp\"; leap_list = \"%s\";\nservers = (%s); };\n"
                "units = ({ name = \"a\"; key = \"tsa.key\"; chain = \"chain.pem\"; root = \"root.pem\"; "
                "policy = \"2.999.1\"; accuracy = \"1 s\"; });\n",
                resolver, servers) > 0);
    assert_int_equal(fclose(file), 0);
}

static int open_folder(const char *name)
{
    char path[80];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void desk_init(struct desk *desk)
{
    *desk = (struct desk){.world = world_new("-", 1)};
    (void)snprintf(desk->config, sizeof(desk->config), "%s/tsa.conf", folder);
    {
        const struct reload_source source = {
            .base = desk->world->base,
            .config = desk->config,
            .supervise = &desk->world->all,
            .on_begin = on_begin,
            .on_end = on_end,
            .arg = desk,
        };

        desk->reload = reload_new(&source);
        assert_non_null(desk->reload);
    }
    assert_true(wait_for(desk->world, &desk->world->num_ready, 1, 5000));
    (void)close(desk->world->house.ledger);
    desk->world->house.ledger = open_folder("ledger");
    desk->world->house.run_dir = open_folder("run");
}

static void desk_clear(struct desk *desk)
{
    reload_free(desk->reload);
    world_free(desk->world);
}

/* The world's roles end, and so do the children of a reload. */
static void reap(evutil_socket_t number, short what, void *arg)
{
    struct desk *desk = arg;
    int status;
    pid_t pid;

    (void)number;
    (void)what;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        assert_true(supervise_take_end(&desk->world->all, pid, status) ||
                    reload_take_end(desk->reload, pid, status));
    }
}

static void watch_children(struct desk *desk)
{
    event_free(desk->world->on_child);
    desk->world->on_child = evsignal_new(desk->world->base, SIGCHLD, reap, desk);
    assert_int_equal(event_add(desk->world->on_child, NULL), 0);
}

static void reload_to_end(struct desk *desk)
{
    const unsigned before = desk->num_ended;

    (void)reload_ask(desk->reload);
    for (int i = 0; i < 2000 && desk->num_ended == before; i++) {
        unsigned *const changed = &desk->world->num_changed, seen = *changed;

        (void)wait_for(desk->world, changed, seen + 1, 10);
        if (*changed > seen) {
            reload_take_change(desk->reload, desk->world->why[0] ? desk->world->why : NULL);
        }
    }
    assert_int_equal(desk->num_ended, before + 1);
}

static void expect_servers(const struct desk *desk, const char *wanted)
{
    char got[400] = "";

    assert_true(pread(desk->world->all.now->generation->stock.clock.servers, got, sizeof(got) - 1, 0) >= 0);
    assert_string_equal(got, wanted);
}

#define NAMES "{ address = \"a.example\"; }, { address = \"b.example\"; }, { address = \"c.example\"; }"

static void test_known(void **state)
{
    struct desk desk;

    (void)state;
    desk_init(&desk);
    watch_children(&desk);
    write_config(&desk, NAMES ", { address = \"192.0.2.1\"; }", "");
    reload_to_end(&desk);
    assert_true(desk.good);
    assert_int_equal(desk.num_lines, 0);
    expect_servers(&desk, "192.0.2.9:1123\n192.0.2.9:1124\n192.0.2.9:1125\n192.0.2.1:123\n");

    /* One of three is not known any more. */
    write_config(&desk, NAMES, "resolve fails");
    reload_to_end(&desk);
    assert_true(desk.good);
    assert_int_equal(desk.num_lines, 2);
    assert_non_null(strstr(desk.lines[0], "warning: "));
    assert_non_null(
        strstr(desk.lines[0], "tsa.conf:6: clock.servers: c.example can not be resolved: no such name"));
    expect_servers(&desk, "192.0.2.9:1123\n192.0.2.9:1124\n-\n");
    assert_int_equal(desk.world->all.now->generation->number, 3);

    /* Numbers alone: nobody is asked, not even one that would hang. */
    write_config(&desk,
                 "{ address = \"192.0.2.1\"; }, { address = \"192.0.2.2\"; }, { address = \"192.0.2.3\"; }",
                 "resolve hangs");
    reload_to_end(&desk);
    assert_true(desk.good);
    expect_servers(&desk, "192.0.2.1:123\n192.0.2.2:123\n192.0.2.3:123\n");
    desk_clear(&desk);
}

static void test_too_few(void **state)
{
    struct desk desk;

    (void)state;
    desk_init(&desk);
    watch_children(&desk);
    write_config(&desk, NAMES ", { address = \"d.example\"; }", "resolve fails");
    reload_to_end(&desk);
    assert_false(desk.good);
    assert_int_equal(desk.num_lines, 3);
    assert_non_null(strstr(desk.lines[2], "tsa.conf:6: clock.servers: the addresses of 2 of 4 are known"));
    assert_int_equal(desk.world->all.now->generation->number, 1);
    assert_int_equal(find_role(desk.world->all.now, ROLE_CLOCK, 0)->num_starts, 1);
    assert_true(supervise_is_ready(&desk.world->all));
    desk_clear(&desk);
}

/* What runs is asked meanwhile, and answers at once; then the time is over. */
static void test_hangs(void **state)
{
    const int64_t begin = now_mono_ns();
    struct desk desk;

    (void)state;
    desk_init(&desk);
    watch_children(&desk);
    write_config(&desk, NAMES, "resolve hangs");
    (void)reload_ask(desk.reload);
    for (unsigned i = 1; i <= 10; i++) {
        run_for(desk.world, 20);
        assert_true(reload_is_running(desk.reload));
        assert_true(supervise_ask_facts(&desk.world->all, i));
        assert_true(wait_for(desk.world, &desk.world->num_answers, i, 2000));
    }
    assert_int_equal(desk.num_ended, 0);
    assert_true(wait_for(desk.world, &desk.num_ended, 1, 20000));
    assert_true(now_mono_ns() - begin >= RESOLVE_S * INT64_C(1000000000));
    assert_false(desk.good);
    assert_non_null(strstr(desk.lines[0], "a.example can not be resolved: the name services gave no answer"));
    desk_clear(&desk);
}

static void test_stop(void **state)
{
    struct desk desk;

    (void)state;
    desk_init(&desk);
    watch_children(&desk);
    write_config(&desk, NAMES, "resolve hangs");
    (void)reload_ask(desk.reload);
    run_for(desk.world, 50);
    assert_true(reload_is_running(desk.reload));
    reload_stop(desk.reload);
    assert_int_equal(desk.num_ended, 1);
    assert_non_null(strstr(desk.lines[0], "told to stop"));
    desk_clear(&desk);

    /* Freed without a word. */
    desk_init(&desk);
    watch_children(&desk);
    (void)reload_ask(desk.reload);
    run_for(desk.world, 50);
    desk_clear(&desk);
    assert_int_equal(desk.num_ended, 0);
}

/* ---- the folder ---- */

static int make_folder(void **state)
{
    const struct lab_options options = {KEYFILE_P256, KEYFILE_P256, KEYFILE_P256, 30};
    struct lab lab;
    char path[80];
    int rc;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/run", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/ledger", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    rc = lab_init(&lab, folder) == RC_OK && lab_make(&lab, &options, now_real()) == RC_OK ? 0 : 1;
    if (rc != 0) {
        print_message("%s\n", lab.error);
    }
    lab_clear(&lab);
    return rc;
}

static int remove_folder(void **state)
{
    struct lab lab;
    char path[80];

    (void)state;
    assert_int_equal(lab_init(&lab, folder), RC_OK);
    for (size_t i = LAB_NUM_FILES; i-- > 0;) {
        (void)remove(lab.files[i]);
    }
    (void)remove(lab.files[LAB_CA_DIR]); /* it is empty now */
    lab_clear(&lab);
    (void)snprintf(path, sizeof(path), "%s/run", folder);
    (void)rmdir(path);
    (void)snprintf(path, sizeof(path), "%s/ledger", folder);
    (void)rmdir(path);
    (void)snprintf(path, sizeof(path), "%s/tsa.conf", folder);
    (void)unlink(path);
    return rmdir(folder);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_too_few),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_hangs),
    };

    if (argc > 1 && argv[1][0] == '@') {
        return child_main(argc - 1, argv + 1);
    }
    if (spawn_init() != RC_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
