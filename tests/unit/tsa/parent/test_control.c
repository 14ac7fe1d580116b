/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket from both sides; the client's half runs in a child process, since it blocks. */
#include "tsa/parent/control.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include <cmocka.h>

/* Longer than a socket's address holds. */
#define LONG_NAME                                                                                            \
    "a-folder-with-a-name-that-is-so-long-that-the-path-of-a-socket-in-it-does-not-fit-into-an-address-of-"  \
    "108"

struct world {
    struct event_base *base;
    struct control *control;
    char dir[40], run_dir[200];
    int run_fd;
    bool answers, issuer_there;
    uint64_t reload; /* the number of the next one; 0: there is none */
    unsigned num_asked, num_reloads, num_acknowledged;
    uint64_t acknowledge_id;
    char reason[400];
};

static bool ask(void *arg, uint64_t id)
{
    struct world *world = arg;
    const struct facts facts = {.num_signers = 3};

    world->num_asked++;
    assert_int_not_equal(id, 0);
    if (world->issuer_there && world->answers) {
        control_answer(world->control, id + 1000, &facts); /* nobody waits for this one */
    }
    return world->issuer_there;
}

static json_t *build(void *arg, const struct facts *facts)
{
    (void)arg;
    return json_pack("{s:b,s:i}", "known", facts != NULL, "signers", facts ? (int)facts->num_signers : -1);
}

static uint64_t reload(void *arg)
{
    struct world *world = arg;

    world->num_reloads++;
    return world->reload;
}

static bool acknowledge(void *arg, const struct msg_acknowledge *told)
{
    struct world *world = arg;

    world->num_acknowledged++;
    world->acknowledge_id = told->id;
    (void)snprintf(world->reason, sizeof(world->reason), "%.*s", (int)told->reason.len,
                   (const char *)told->reason.data);
    return world->issuer_there;
}

static struct world *world_new(void)
{
    static struct world world;
    const struct control_source source = {
        .ask = ask, .build = build, .reload = reload, .acknowledge = acknowledge, .arg = &world};

    world = (struct world){.dir = "/tmp/tsa-control-XXXXXX"};
    assert_non_null(mkdtemp(world.dir));
    (void)snprintf(world.run_dir, sizeof(world.run_dir), "%s/" LONG_NAME, world.dir);
    assert_int_equal(mkdir(world.run_dir, 0700), 0);
    world.run_fd = open(world.run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    world.base = event_base_new();
    world.control = control_open(world.base, world.run_fd, &source);
    assert_non_null(world.control);
    return &world;
}

static void world_free(struct world *world)
{
    control_close(world->control);
    event_base_free(world->base);
    (void)close(world->run_fd);
    assert_int_equal(rmdir(world->run_dir), 0);
    assert_int_equal(rmdir(world->dir), 0);
}

/* In a child: 0 when the answer to request is expected. */
static pid_t client(const struct world *world, const char *request, const char *expected)
{
    const pid_t pid = fork();

    if (pid == 0) {
        struct wbuf out;
        bool same;
        enum rc rc;

        (void)close_range(3, ~0U, 0); /* other connections must end when the parent ends them */
        wbuf_init(&out, 4096);
        rc = control_request(world->run_dir, request, CONTROL_ANSWER_S, &out);
        same = bytes_equal(wbuf_bytes(&out), bytes_str(expected));
        _exit(rc == RC_OK && same ? 0 : 1);
    }
    return pid;
}

static int run_until_end_within(struct world *world, pid_t pid, int seconds)
{
    const struct timeval turn = {.tv_usec = 10000};
    int status = -1;

    for (int i = 0; i < 100 * seconds && waitpid(pid, &status, WNOHANG) == 0; i++) {
        (void)event_base_loopexit(world->base, &turn);
        (void)event_base_dispatch(world->base);
    }
    return status;
}

static int run_until_end(struct world *world, pid_t pid)
{
    return run_until_end_within(world, pid, 5);
}

static void test_answer(void **state)
{
    struct world *world = world_new();
    struct stat st;

    (void)state;
    assert_int_equal(fstatat(world->run_fd, "control", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(run_until_end(world, client(world, "status", "{\"known\":false,\"signers\":-1}\n")), 0);
    assert_int_equal(world->num_asked, 1);
    assert_int_equal(run_until_end(world, client(world, "stop", "{\"error\":\"unknown request\"}\n")), 0);
    assert_int_equal(world->num_asked, 1);
    world_free(world);
}

/* The facts come later, by their number. */
static void test_facts(void **state)
{
    struct world *world = world_new();
    const struct facts facts = {.num_signers = 3};
    const struct timeval turn = {.tv_usec = 10000};
    pid_t pid;

    (void)state;
    world->issuer_there = true;
    pid = client(world, "status", "{\"known\":true,\"signers\":3}\n");
    for (int i = 0; i < 500 && world->num_asked == 0; i++) {
        (void)event_base_loopexit(world->base, &turn);
        (void)event_base_dispatch(world->base);
    }
    control_answer(world->control, 99, &facts);
    control_answer(world->control, 1, &facts);
    assert_int_equal(run_until_end(world, pid), 0);
    world_free(world);
}

/* An issuer that does not answer: what is known is told after a second. */
static void test_no_facts(void **state)
{
    struct world *world = world_new();

    (void)state;
    world->issuer_there = world->answers = true;
    assert_int_equal(run_until_end(world, client(world, "status", "{\"known\":false,\"signers\":-1}\n")), 0);
    world_free(world);
}

static void test_too_long(void **state)
{
    struct world *world = world_new();
    char request[600];

    (void)state;
    memset(request, 'x', sizeof(request));
    request[sizeof(request) - 1] = 0;
    assert_int_not_equal(run_until_end(world, client(world, request, "no")), 0);
    assert_int_equal(run_until_end(world, client(world, "status", "{\"known\":false,\"signers\":-1}\n")), 0);
    world_free(world);
}

static void test_many(void **state)
{
    struct world *world = world_new();
    pid_t pids[40];

    (void)state;
    for (size_t i = 0; i < 40; i++) {
        pids[i] = client(world, "status", "{\"known\":false,\"signers\":-1}\n");
    }
    for (size_t i = 0; i < 40; i++) {
        (void)run_until_end(world, pids[i]); /* those beyond the limit are turned away */
    }
    assert_int_equal(run_until_end(world, client(world, "status", "{\"known\":false,\"signers\":-1}\n")), 0);
    world_free(world);
}

static void turn(struct world *world)
{
    const struct timeval turn_time = {.tv_usec = 10000};

    (void)event_base_loopexit(world->base, &turn_time);
    (void)event_base_dispatch(world->base);
}

static void wait_reloads(struct world *world, unsigned num)
{
    for (int i = 0; i < 500 && world->num_reloads < num; i++) {
        turn(world);
    }
    assert_int_equal(world->num_reloads, num);
}

/* The answer comes with the number, to all who wait for that one, and to nobody else. */
static void test_reload(void **state)
{
    struct world *world = world_new();
    json_t *answer = json_pack("{s:b}", "ok", 1), *other = json_pack("{s:b}", "ok", 0);
    pid_t first, second, third;

    (void)state;
    world->reload = 7;
    assert_int_equal(run_until_end(world, client(world, "reload-soon", "{\"ok\":true,\"lines\":[]}\n")), 0);
    first = client(world, "reload", "{\"ok\":true}\n");
    second = client(world, "reload", "{\"ok\":true}\n");
    wait_reloads(world, 3);
    world->reload = 8;
    third = client(world, "reload", "{\"ok\":false}\n");
    wait_reloads(world, 4);
    assert_int_equal(waitpid(first, NULL, WNOHANG), 0);
    control_answer_reload(world->control, 7, answer);
    assert_int_equal(run_until_end(world, first), 0);
    assert_int_equal(run_until_end(world, second), 0);
    assert_int_equal(waitpid(third, NULL, WNOHANG), 0);
    control_answer_reload(world->control, 8, other);
    assert_int_equal(run_until_end(world, third), 0);
    world->reload = 0;
    assert_int_equal(
        run_until_end(world, client(world, "reload",
                                    "{\"ok\":false,\"lines\":[\"the authority is about to stop\"]}\n")),
        0);
    json_decref(answer);
    json_decref(other);
    world_free(world);
}

static void wait_acknowledged(struct world *world, unsigned num)
{
    for (int i = 0; i < 500 && world->num_acknowledged < num; i++) {
        turn(world);
    }
    assert_int_equal(world->num_acknowledged, num);
}

static void answer(struct world *world, uint64_t id, enum rc rc, const char *why)
{
    const struct msg_acknowledged message = {.id = id, .rc = rc, .why = bytes_str(why)};

    control_answer_acknowledge(world->control, &message);
}

/* Each gets the answer to what it said; who has gone meanwhile gets none, and nobody else gets it. */
static void test_acknowledge(void **state)
{
    struct world *world = world_new();
    pid_t first, second, third;
    uint64_t ids[3];

    (void)state;
    world->issuer_there = true;
    first = client(world, "acknowledge the battery died, \"ntpd\" was off \xc3\xa4", "{\"ok\":true}\n");
    wait_acknowledged(world, 1);
    ids[0] = world->acknowledge_id;
    assert_string_equal(world->reason, "the battery died, \"ntpd\" was off \xc3\xa4");
    second = client(world, "acknowledge the second",
                    "{\"ok\":false,\"reason\":\"clock-stale\",\"why\":\"nothing for 4 s\"}\n");
    wait_acknowledged(world, 2);
    ids[1] = world->acknowledge_id;
    third = client(world, "acknowledge the third", "-");
    wait_acknowledged(world, 3);
    ids[2] = world->acknowledge_id;
    assert_true(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);

    assert_int_equal(kill(third, SIGKILL), 0);
    assert_true(WIFSIGNALED(run_until_end(world, third)));
    answer(world, ids[2], RC_OK, "");
    answer(world, 0, RC_OK, "");
    answer(world, ids[1], RC_CLOCK_STALE, "nothing for 4 s");
    assert_int_equal(run_until_end(world, second), 0);
    assert_int_equal(waitpid(first, NULL, WNOHANG), 0);
    answer(world, ids[1], RC_OK, ""); /* a second time */
    answer(world, ids[0], RC_OK, "");
    assert_int_equal(run_until_end(world, first), 0);

    /* Without words of its own the reason speaks for itself. */
    first =
        client(world, "acknowledge the fourth",
               "{\"ok\":false,\"reason\":\"clock-unknown\",\"why\":\"nothing is known of the clock yet\"}\n");
    wait_acknowledged(world, 4);
    answer(world, world->acknowledge_id, RC_CLOCK_UNKNOWN, "");
    assert_int_equal(run_until_end(world, first), 0);
    world_free(world);
}

static void test_acknowledge_without_issuer(void **state)
{
    struct world *world = world_new();
    pid_t pids[3];

    (void)state;
    pids[0] =
        client(world, "acknowledge one",
               "{\"ok\":false,\"reason\":\"issuer-gone\",\"why\":\"the signing process is not there just "
               "now; try again\"}\n");
    assert_int_equal(run_until_end(world, pids[0]), 0);

    /* It dies with two that wait. */
    world->issuer_there = true;
    for (size_t i = 0; i < 2; i++) {
        pids[i] =
            client(world, "acknowledge one",
                   "{\"ok\":false,\"reason\":\"issuer-gone\",\"why\":\"the signing process ended before it "
                   "answered; tsa clock status tells whether it was taken\"}\n");
        wait_acknowledged(world, (unsigned)i + 2);
    }
    control_lose_acknowledge(world->control);
    assert_int_equal(run_until_end(world, pids[0]), 0);
    assert_int_equal(run_until_end(world, pids[1]), 0);
    control_lose_acknowledge(world->control);

    /* It hangs. */
    pids[2] = client(
        world, "acknowledge one",
        "{\"ok\":false,\"reason\":\"issuer-silent\",\"why\":\"the signing process does not answer; tsa "
        "clock status tells whether it was taken\"}\n");
    assert_int_equal(run_until_end_within(world, pids[2], 20), 0);
    world_free(world);
}

/* None of them reaches the issuer. */
static void test_bad_reasons(void **state)
{
#define REFUSED(why) "{\"ok\":false,\"reason\":\"msg-malformed\",\"why\":\"" why "\"}\n"
    static const struct {
        const char *request, *answer;
    } rows[] = {
        {"acknowledge", REFUSED("say why, in words: it goes into the record")},
        {"acknowledge ", REFUSED("say why, in words: it goes into the record")},
        {"acknowledge    ", REFUSED("say why, in words: it goes into the record")},
        {"acknowledge ok", REFUSED("say why, in words: it goes into the record")},
        {"acknowledge . - \xc2\xa0\xe2\x80\xa6 ...", REFUSED("say why, in words: it goes into the record")},
        {"acknowledge a\tb", REFUSED("it is one line, without control characters")},
        {"acknowledge a\r", REFUSED("it is one line, without control characters")},
        {"acknowledge a\x7f", REFUSED("it is one line, without control characters")},
        {"acknowledge \xc2\x85", REFUSED("it is one line, without control characters")},
        {"acknowledge \xc3", REFUSED("it is not UTF-8")},
        {"acknowledge \xc2", REFUSED("it is not UTF-8")},
        {"acknowledge \xed\xa0\x80", REFUSED("it is not UTF-8")},
        {"acknowledge \xc0\x8a", REFUSED("it is not UTF-8")},
    };
    struct world *world = world_new();
    char longest[MSG_REASON_MAX + 20] = "acknowledge ";

    (void)state;
    world->issuer_there = true;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(run_until_end(world, client(world, rows[i].request, rows[i].answer)), 0);
    }
    memset(longest + strlen("acknowledge "), 'a', MSG_REASON_MAX + 1);
    assert_int_equal(
        run_until_end(world, client(world, longest, REFUSED("it is too long: 300 octets at most"))), 0);
    assert_null(control_judge_reason("NTP"));
    assert_null(control_judge_reason("#17-4"));
    assert_null(control_judge_reason("\xe6\x99\x82\xe8\xa8\x88\xe3\x82\x92")); /* three characters */
    assert_null(control_judge_reason("Bj\xc3\xb8rn: \xc2\xa0it was right"));
    assert_int_equal(run_until_end(world, client(world, "acknowledged", "{\"error\":\"unknown request\"}\n")),
                     0);
    assert_int_equal(run_until_end(world, client(world, "status x", "{\"error\":\"unknown request\"}\n")), 0);
    assert_int_equal(world->num_acknowledged, 0);
    longest[strlen("acknowledge ") + MSG_REASON_MAX] = 0;
    {
        const pid_t pid = client(world, longest, "{\"ok\":true}\n");

        wait_acknowledged(world, 1);
        answer(world, world->acknowledge_id, RC_OK, "");
        assert_int_equal(run_until_end(world, pid), 0);
    }
    world_free(world);
}

static int connect_silent(const struct world *world)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/control", world->run_fd);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Who says nothing does not keep others out, nor does it those who wait for an answer. */
static void test_silent_ones_give_way(void **state)
{
    struct world *world = world_new();
    json_t *answer = json_pack("{s:b}", "ok", 1);
    int silent[CONTROL_MAX_CLIENTS + 4];
    pid_t waiting;

    (void)state;
    world->reload = 7;
    waiting = client(world, "reload", "{\"ok\":true}\n");
    wait_reloads(world, 1);
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS + 4; i++) {
        silent[i] = connect_silent(world);
        turn(world);
    }
    assert_int_equal(run_until_end(world, client(world, "status", "{\"known\":false,\"signers\":-1}\n")), 0);
    control_answer_reload(world->control, 7, answer);
    assert_int_equal(run_until_end(world, waiting), 0);
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS + 4; i++) {
        (void)close(silent[i]);
    }
    json_decref(answer);
    world_free(world);
}

/* Without a descriptor to accept with the loop rests, and goes on when there is one again. */
static void test_no_descriptor(void **state)
{
    struct world *world = world_new();
    const int silent = connect_silent(world);
    struct rlimit before, none;
    const clock_t begin = clock();

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 1, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (int i = 0; i < 50; i++) {
        turn(world);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(clock() - begin < CLOCKS_PER_SEC / 5);
    assert_int_equal(run_until_end(world, client(world, "status", "{\"known\":false,\"signers\":-1}\n")), 0);
    (void)close(silent);
    world_free(world);
}

static void test_nobody(void **state)
{
    struct wbuf out;

    (void)state;
    wbuf_init(&out, 100);
    assert_int_equal(control_request("/tmp/there-is-no-such-folder", "status", 1, &out), RC_NOT_FOUND);
    assert_int_equal(errno, ENOENT);
    wbuf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer),        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_no_facts),      cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_many),          cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_reload),        cmocka_unit_test(test_silent_ones_give_way),
        cmocka_unit_test(test_no_descriptor), cmocka_unit_test(test_acknowledge),
        cmocka_unit_test(test_bad_reasons),   cmocka_unit_test(test_acknowledge_without_issuer),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* as the parent does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
