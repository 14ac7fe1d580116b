/* SPDX-License-Identifier: Apache-2.0 */
/* The trial child, played by this program: what it says comes through, its errors are kept, its end is told once. */
#include "tsa/parent/trial.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/base/log.h"
#include "tsa/parent/spawn.h"

/* ---- the child ---- */

static int flood(void)
{
    for (int i = 0; i < 3000; i++) {
        log_error("fault %d", i);
    }
    for (int i = 0; i < 100000; i++) {
        (void)!write(STDERR_FILENO, "x", 1); /* a line that does not end */
    }
    return 70;
}

static int child(int argc, char **argv)
{
    static struct inherit in;
    struct wbuf text;
    char what[40];

    wbuf_init(&text, sizeof(what) - 1);
    if (inherit_parse(argc, argv, &in) != RC_OK || inherit_read(&in, "config", &text) != RC_OK) {
        return 99;
    }
    (void)snprintf(what, sizeof(what), "%.*s", (int)text.len, (const char *)text.data);
    wbuf_clear(&text);
    log_start("trial", LOG_LEVEL_INFO, strcmp(what, "json") == 0 ? LOG_FORM_JSON : LOG_FORM_TEXT);
    if (strcmp(what, "good") == 0) {
        log_warning("a warning");
        return 0;
    }
    if (strcmp(what, "flood") == 0) {
        return flood();
    }
    if (strcmp(what, "hang") == 0) {
        return pause();
    }
    if (strcmp(what, "silent") == 0) {
        return 78;
    }
    log_warning("a warning");
    log_error("unit a: \"this\" is wrong");
    log_error("short");
    return 78;
}

/* ---- the parent ---- */

struct world {
    struct event_base *base;
    struct generation generation;
    struct trial *trial;
    unsigned num_ended;
    size_t num_errors;
    char first[200], last[200];
};

static void on_end(void *arg, const struct cfg_errors *errors)
{
    struct world *world = arg;

    world->num_ended++;
    world->num_errors = errors->num;
    if (errors->num) {
        (void)snprintf(world->first, sizeof(world->first), "%s", errors->list[0]);
        (void)snprintf(world->last, sizeof(world->last), "%s", errors->list[errors->num - 1]);
    }
}

static void world_init(struct world *world, const char *what)
{
    const struct trial_owner owner = {.base = event_base_new(), .on_end = on_end, .arg = world};

    *world = (struct world){.base = owner.base, .generation = {.stock = STOCK_NONE}};
    world->generation.stock.config = memfd_create("config", MFD_CLOEXEC);
    assert_int_equal(write(world->generation.stock.config, what, strlen(what)), strlen(what));
    world->trial = trial_start(&owner, &world->generation);
    assert_non_null(world->trial);
}

static void world_clear(struct world *world)
{
    stock_close(&world->generation.stock);
    event_base_free(world->base);
}

static void run_to_end(struct world *world)
{
    const struct timeval turn = {.tv_usec = 5000};
    int status;
    pid_t pid;

    for (int i = 0; i < 4000 && !world->num_ended; i++) {
        (void)event_base_loopexit(world->base, &turn);
        (void)event_base_dispatch(world->base);
        pid = waitpid(-1, &status, WNOHANG);
        if (pid > 0) {
            assert_false(trial_take_end(world->trial, pid + 1, status));
            assert_true(trial_take_end(world->trial, pid, status));
        }
    }
    assert_int_equal(world->num_ended, 1);
}

static void expect(const char *what, size_t num, const char *first, const char *last)
{
    struct world world;

    world_init(&world, what);
    run_to_end(&world);
    assert_int_equal(world.num_errors, num);
    assert_string_equal(world.first, first);
    assert_string_equal(world.last, last);
    world_clear(&world);
}

static void test_ends(void **state)
{
    (void)state;
    expect("good", 0, "", "");
    expect("bad", 2, "unit a: \"this\" is wrong", "short");
    expect("json", 2, "unit a: \"this\" is wrong", "short");
    expect("silent", 1, "the trial ended: exit code 78", "the trial ended: exit code 78");
}

/* Its words go through this process's log too; that is not shown here. */
static void test_flood(void **state)
{
    const int log = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(dup2(null, STDERR_FILENO), STDERR_FILENO);
    expect("flood", 20, "fault 0", "fault 19");
    assert_int_equal(dup2(log, STDERR_FILENO), STDERR_FILENO);
    (void)close(log);
    (void)close(null);
}

static void test_stop(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, "hang");
    trial_stop(world.trial);
    trial_stop(NULL);
    assert_int_equal(world.num_ended, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    world_clear(&world);
    assert_false(trial_take_end(NULL, 1, 0));
}

static void test_lines(void **state)
{
    static const struct {
        const char *line, *text;
    } rows[] = {
        {"time=x level=error part=trial msg=\"a \\\"b\\\" c\"", "a \"b\" c"},
        {"level=error msg=plain", "plain"},
        {"<3>level=error part=trial msg=\"from \\\\ there\" more=1", "from \\ there"},
        {"level=error msg=\"cut", "cut"},
        {"level=warning msg=\"level=error\"", NULL},
        {"level=warning part=x msg=\"a level=error msg=b\"", NULL},
        {"xlevel=error msg=a", NULL},
        {"level=error", NULL},
        {"", NULL},
        {"<", NULL},
        {"{\"level\":\"error\",\"msg\":\"a \\\"b\\\"\"}", "a \"b\""},
        {"{\"level\":\"notice\",\"msg\":\"a\"}", NULL},
        {"{\"level\":3,\"msg\":\"a\"}", NULL},
        {"{\"level\":\"error\"", NULL},
        {"==1==ERROR: AddressSanitizer", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = trial_error_text(rows[i].line);

        if (rows[i].text) {
            assert_non_null(text);
            assert_string_equal(text, rows[i].text);
        } else {
            assert_null(text);
        }
        free(text);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_stop),
    };

    if (argc > 1 && argv[1][0] == '@') {
        return child(argc - 1, argv + 1);
    }
    if (spawn_init() != RC_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
