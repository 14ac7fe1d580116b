/* SPDX-License-Identifier: Apache-2.0 */
/* The child that resolves, played by this program: answers, lies, floods, hangs; what is not known says why, and a number stays what the settings say. */
#include "tsa/parent/resolve.h"

#include <errno.h>
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
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/base/now.h"

#define SILENT    "the name services gave no answer"
#define NO_SERVER "what the name services say is no address of a server"

/* ---- the child: the configuration is what it says ---- */

static int child(int argc, char **argv)
{
    static struct inherit in;
    struct wbuf text;
    int answer;

    wbuf_init(&text, 1u << 20);
    if (inherit_parse(argc, argv, &in) != RC_OK || inherit_read(&in, "config", &text) != RC_OK) {
        return 99;
    }
    answer = inherit_take(&in, "answer");
    (void)!write(answer, text.data, text.len);
    if (text.len && text.data[text.len - 1] == '!') {
        (void)pause();
    }
    wbuf_clear(&text);
    return 0;
}

/* ---- the parent ---- */

static char number[] = "192.0.2.7", name[] = "time.example.org:1123", other[] = "ntp.example.net";

static const struct settings_server servers[] = {{.address = name}, {.address = number}, {.address = other}};

/* The settings are not changed. */
static void make_settings(struct settings *out, size_t num)
{
    struct settings_server *copy = calloc(num, sizeof(*copy));

    assert_non_null(copy);
    memcpy(copy, servers, num * sizeof(*copy));
    *out = (struct settings){0};
    out->clock.servers.list = copy;
    out->clock.servers.num = num;
}

static int make_config(const char *text)
{
    const int fd = memfd_create("config", MFD_CLOEXEC);

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

struct desk {
    struct event_base *base;
    struct settings settings;
    int config;
    unsigned num_ended;
    struct resolved got;
    struct resolve *resolve;
};

static void on_end(void *arg, const struct resolved *resolved)
{
    struct desk *desk = arg;

    desk->num_ended++;
    desk->got = *resolved;
}

static void desk_init(struct desk *desk, const char *says)
{
    const struct resolve_owner owner = {.base = event_base_new(), .on_end = on_end, .arg = desk};

    *desk = (struct desk){.base = owner.base, .config = make_config(says)};
    make_settings(&desk->settings, 3);
    desk->resolve = resolve_start(&owner, &desk->settings, desk->config);
    assert_non_null(desk->resolve);
}

static void desk_clear(struct desk *desk)
{
    (void)close(desk->config);
    free(desk->settings.clock.servers.list);
    event_base_free(desk->base);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void run_to_end(struct desk *desk)
{
    const struct timeval turn = {.tv_usec = 5000};
    pid_t pid;

    for (int i = 0; i < 4000 && !desk->num_ended; i++) {
        (void)event_base_loopexit(desk->base, &turn);
        (void)event_base_dispatch(desk->base);
        pid = waitpid(-1, NULL, WNOHANG);
        if (pid > 0) {
            assert_false(resolve_take_end(desk->resolve, pid + 1));
            assert_true(resolve_take_end(desk->resolve, pid));
        }
    }
    assert_int_equal(desk->num_ended, 1);
}

static void expect(const struct resolved_server *one, const char *address, const char *why)
{
    char text[ADDRESS_TEXT_MAX];

    assert_int_equal(one->known, address != NULL);
    if (address) {
        assert_string_equal(address_text(&one->address, text), address);
    } else {
        assert_string_equal(one->why, why);
    }
}

static void test_answers(void **state)
{
    static const struct {
        const char *says, *first, *first_why, *third, *third_why;
    } rows[] = {
        {"198.51.100.1:1123\n\n-\n\n-\nName or service not known\n", "198.51.100.1:1123", "", NULL,
         "Name or service not known"},
        {"-\nno answer within 4 s\n203.0.113.9:9\n\n[2001:db8::1]:123\n\n", NULL, "no answer within 4 s",
         "[2001:db8::1]:123", ""},
        /* Cut, empty, none, and what is no line of it. */
        {"198.51.100.1:1123\n\n-\n\n198.51.100.2:12", "198.51.100.1:1123", "", NULL, SILENT},
        {"198.51.100.1:1123\n", NULL, SILENT, NULL, SILENT},
        {"-\n\n-\n\n-\n\n", NULL, SILENT, NULL, SILENT},
        {"", NULL, SILENT, NULL, SILENT},
        {"/run/socket\n\n-\n\n-\n\n", NULL, NO_SERVER, NULL, SILENT},
        {"time.example.org\n\n", NULL, NO_SERVER, NULL, SILENT},
        /* An address that is nobody's, as filters of names give it, takes the others with it nowhere. */
        {"0.0.0.0:123\n\n-\n\n198.51.100.2:1\n\n", NULL, NO_SERVER, "198.51.100.2:1", ""},
        {"198.51.100.1:1\n\n224.0.1.1:123\n\n[ff02::101]:123\nx\n", "198.51.100.1:1", "", NULL, NO_SERVER},
        {"-\n\n-\n\n[::]:123\n\n", NULL, SILENT, NULL, NO_SERVER},
        /* Words of strangers show no control characters. */
        {"-\na\x1b[31m\xc3\xa4\n-\n\n-\nb\n", NULL, "a?[31m??", NULL, "b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct desk desk;

        desk_init(&desk, rows[i].says);
        run_to_end(&desk);
        assert_int_equal(desk.got.num, 3);
        expect(&desk.got.list[0], rows[i].first, rows[i].first_why);
        expect(&desk.got.list[1], "192.0.2.7:123", NULL);
        expect(&desk.got.list[2], rows[i].third, rows[i].third_why);
        desk_clear(&desk);
    }
}

/* More than it may say, and then it does not end either. */
static void test_flood(void **state)
{
    const size_t len = 100000;
    char *says = malloc(len + 1);
    struct desk desk;

    (void)state;
    assert_non_null(says);
    memset(says, 'x', len);
    says[len] = 0;
    desk_init(&desk, says);
    run_to_end(&desk);
    expect(&desk.got.list[0], NULL, SILENT);
    expect(&desk.got.list[1], "192.0.2.7:123", NULL);
    desk_clear(&desk);
    free(says);
}

/* One that hangs is ended; what it said before counts. */
static void test_hangs(void **state)
{
    const int64_t start = now_mono_ns();
    struct desk desk;

    (void)state;
    desk_init(&desk, "198.51.100.1:1123\n\n-\n\n!");
    run_to_end(&desk);
    assert_true(now_mono_ns() - start >= RESOLVE_S * INT64_C(1000000000));
    expect(&desk.got.list[0], "198.51.100.1:1123", NULL);
    expect(&desk.got.list[2], NULL, SILENT);
    desk_clear(&desk);
}

static void test_stop(void **state)
{
    struct desk desk;

    (void)state;
    desk_init(&desk, "!");
    resolve_stop(desk.resolve);
    resolve_stop(NULL);
    assert_false(resolve_take_end(NULL, 1));
    assert_int_equal(desk.num_ended, 0);
    desk_clear(&desk);
}

static void test_numbers(void **state)
{
    struct settings settings;
    struct resolved resolved;

    (void)state;
    make_settings(&settings, 3);
    assert_false(resolve_numbers(&settings, &resolved));
    assert_int_equal(resolved.num, 3);
    expect(&resolved.list[0], NULL, SILENT);
    expect(&resolved.list[1], "192.0.2.7:123", NULL);
    ((struct settings_server *)settings.clock.servers.list)[0].address = number;
    settings.clock.servers.num = 2;
    assert_true(resolve_numbers(&settings, &resolved));
    settings.clock.servers.num = 0;
    assert_true(resolve_numbers(&settings, &resolved));
    assert_int_equal(resolved.num, 0);
    free(settings.clock.servers.list);
}

static void wait_for_it(const char *says, struct resolved *out)
{
    const int config = make_config(says);
    struct settings settings;

    make_settings(&settings, 3);
    resolve_wait(&settings, config, out);
    (void)close(config);
    free(settings.clock.servers.list);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_wait(void **state)
{
    const int64_t start = now_mono_ns();
    struct resolved resolved;

    (void)state;
    wait_for_it("198.51.100.1:1123\n\n-\n\n-\nNo address\n", &resolved);
    expect(&resolved.list[0], "198.51.100.1:1123", NULL);
    expect(&resolved.list[1], "192.0.2.7:123", NULL);
    expect(&resolved.list[2], NULL, "No address");
    wait_for_it("198.51.100.1:1123\n\n!", &resolved);
    expect(&resolved.list[0], "198.51.100.1:1123", NULL);
    expect(&resolved.list[2], NULL, SILENT);
    assert_true(now_mono_ns() - start < (RESOLVE_S + 30) * INT64_C(1000000000));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_answers), cmocka_unit_test(test_flood),
        cmocka_unit_test(test_stop),    cmocka_unit_test(test_wait),    cmocka_unit_test(test_hangs),
    };

    if (argc > 1 && argv[1][0] == '@') {
        return child(argc - 1, argv + 1);
    }
    if (spawn_init() != RC_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
