/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The issuer as a process, in its jail: a child that has inherited what the parent would give it. Ready, stamps, more threads and more memory
 * than any test before, stop, and the starts that must fail. What its jail does not allow is tried call by call.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tests/unit/tsa/issuer/desk.h"
#include "tsa/issuer/issuer_proc.h"
#include "tsa/issuer/ledger.h"
#include "tsa/role/jail.h"

static struct authority authority;

static struct {
    char folder[64];
    int dir_fd, parent, front;
    struct clockpage *page;
    struct inherit in;
    pid_t pid;
    struct chan_in packet;
    struct chan_out out;
} t;

static void add_fd(const char *name, int fd)
{
    struct inherit_fd *slot = &t.in.fds[t.in.num++];

    assert_true(fd >= 0);
    (void)snprintf(slot->name, sizeof(slot->name), "%s", name);
    slot->fd = fd;
}

static int text_file(struct bytes text)
{
    int fd = memfd_create("text", MFD_CLOEXEC);

    assert_int_equal(write(fd, text.data, text.len), (ssize_t)text.len);
    return fd;
}

static void add_pem(const char *name, struct bytes der)
{
    struct wbuf pem;

    desk_put_pem(&pem, der);
    add_fd(name, text_file(wbuf_bytes(&pem)));
    wbuf_clear(&pem);
}

static void add_config(unsigned signers)
{
    char text[2048];
    const int len = snprintf(
        text, sizeof(text),
        "listen = [ \"127.0.0.1:0\" ]; run_dir = \"run\"; node = 5; signers = %u;\n"
        "users = { front = \"\"; issuer = \"\"; clock = \"\"; }; ledger = { dir = \"%s\"; };\n"
        "log = { level = \"warning\"; }; clock = { source = \"system\"; };\n"
        "units = ( { name = \"unit\"; key = \"unit.key\"; chain = \"unit.pem\"; root = \"root.pem\";\n"
        "  protocols = [ \"rfc3161\", \"authenticode\" ]; policy = \"2.999.5\"; } );\n",
        signers, t.folder);

    add_fd("config", text_file(bytes_of(text, (size_t)len)));
}

static void publish(void)
{
    const int64_t mono = now_mono_ns();
    const struct clockpage_record record = {
        .sampled_mono_ns = mono,
        .expires_mono_ns = mono + CLOCKPAGE_LIFE_NS,
        .bound_ns = -1,
        .state = CLOCKPAGE_SYNC,
        .reference = "system",
    };

    clockpage_write(t.page, &record);
}

static int setup(void **state)
{
    int pair[2], clock = memfd_create("clock", MFD_CLOEXEC);

    (void)state;
    memset(&t, 0, sizeof(t));
    strcpy(t.folder, "/tmp/test_issuer_proc.XXXXXX");
    assert_non_null(mkdtemp(t.folder));
    t.dir_fd = open(t.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    t.page = clockpage_open(clock, true);
    publish();
    t.in.role = "issuer";
    add_fd("clock", clock);
    add_fd("ledger", open(t.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    assert_int_equal(chan_pair(pair), RC_OK);
    t.parent = pair[0];
    add_fd("parent", pair[1]);
    assert_int_equal(chan_pair(pair), RC_OK);
    t.front = pair[0];
    add_fd("front.0", pair[1]);
    chan_out_init(&t.out, 1u << 24);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < t.in.num; i++) {
        (void)close(t.in.fds[i].fd);
    }
    (void)close(t.parent);
    (void)close(t.front);
    chan_out_clear(&t.out);
    clockpage_close(t.page);
    (void)unlinkat(t.dir_fd, LEDGER_FILE, 0);
    (void)close(t.dir_fd);
    return rmdir(t.folder);
}

/* The child ends as the process would: by exit. */
static void start(void)
{
    t.pid = fork();
    assert_true(t.pid >= 0);
    if (t.pid == 0) {
        (void)close(t.parent);
        (void)close(t.front);
        exit(issuer_proc_main(&t.in));
    }
    for (size_t i = 0; i < t.in.num; i++) {
        (void)close(t.in.fds[i].fd);
    }
    t.in.num = 0;
}

static void add_all(unsigned signers)
{
    add_config(signers);
    add_pem("chain.0", authority.chain[0]);
    add_pem("root.0", authority.chain[1]);
    add_fd("key.0", desk_key_file(authority.key, 0600, NULL));
}

static int exit_code(void)
{
    int status;

    assert_int_equal(waitpid(t.pid, &status, 0), t.pid);
    if (WIFSIGNALED(status)) {
        fail_msg("killed by signal %d", WTERMSIG(status));
    }
    return WEXITSTATUS(status);
}

static struct chan_message receive(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    struct chan_message m;
    enum rc rc;

    if (chan_next(&t.packet, &m)) {
        return m;
    }
    while ((rc = chan_receive(&t.packet, fd)) == RC_NOT_FOUND) {
        publish();
        assert_true(poll(&wait, 1, 1000) >= 0);
    }
    assert_int_equal(rc, RC_OK);
    assert_true(chan_next(&t.packet, &m));
    return m;
}

static void send_all(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    enum rc rc;

    while (!chan_flush(&t.out, fd, &rc)) {
        assert_int_equal(rc, RC_OK);
        publish();
        assert_true(poll(&wait, 1, 1000) >= 0);
    }
}

static void put_request(uint64_t id)
{
    static const uint8_t data[256];
    const struct msg_stamp rfc3161 = {
        .id = id, .kind = MSG_RFC3161, .digest = DIGEST_SHA256, .cert_req = 1, .data = bytes_of(data, 32)};
    const struct msg_stamp authenticode = {.id = id, .kind = MSG_AUTHENTICODE, .data = bytes_of(data, 256)};

    msg_put_stamp(&t.out, id % 2 ? &rfc3161 : &authenticode);
}

static void take_replies(size_t num)
{
    for (size_t i = 0; i < num; i++) {
        const struct chan_message m = receive(t.front);
        struct msg_stamped stamped;

        assert_int_equal(m.type, MSG_STAMPED);
        assert_int_equal(msg_get_stamped(m.body, &stamped), RC_OK);
        assert_int_equal(stamped.rc, RC_OK);
    }
}

static void stop(void)
{
    msg_put_empty(&t.out, MSG_STOP);
    send_all(t.parent);
    assert_int_equal(exit_code(), 0);
}

static void test_life(void **state)
{
    (void)state;
    add_all(0);
    start();
    assert_int_equal(receive(t.parent).type, MSG_READY);
    for (uint64_t id = 0; id < 200; id++) {
        put_request(id);
    }
    send_all(t.front);
    take_replies(200);
    stop();
}

/* Many threads, each with an arena of its own; replies that pile up by the megabyte and go again: whatever the C library does, it is allowed. */
static void test_many_threads_and_much_memory(void **state)
{
    (void)state;
    add_all(40);
    start();
    assert_int_equal(receive(t.parent).type, MSG_READY);
    for (int round = 0; round < 2; round++) {
        for (uint64_t id = 0; id < 6000; id++) {
            put_request(id);
        }
        send_all(t.front);
        usleep(300 * 1000);
        take_replies(6000);
    }
    stop();
}

static void test_end_with_the_parent(void **state)
{
    (void)state;
    add_all(1);
    start();
    assert_int_equal(receive(t.parent).type, MSG_READY);
    put_request(1);
    send_all(t.front);
    (void)close(t.parent);
    take_replies(1);
    assert_int_equal(exit_code(), 0);
    t.parent = -1;
}

static void test_time_goes_on_after_a_restart(void **state)
{
    struct ledger_summary found;
    struct bytes file;

    (void)state;
    add_all(1);
    start();
    assert_int_equal(receive(t.parent).type, MSG_READY);
    put_request(1);
    send_all(t.front);
    take_replies(1);
    stop();
    assert_int_equal(ledger_read(t.dir_fd, &file), RC_OK);
    assert_int_equal(ledger_scan(file, NULL, NULL, &found), RC_OK);
    ledger_unread(file);
    assert_true(found.num == 1 && found.last_clock.sec > AUTHORITY_NOW - 100000000);
}

/* ---- starts that fail ---- */

static void expect_failed_start(int code)
{
    start();
    assert_int_equal(exit_code(), code);
}

static void test_missing_parts(void **state)
{
    (void)state;
    add_config(1);
    add_pem("chain.0", authority.chain[0]);
    expect_failed_start(70); /* no key */
}

static void test_foreign_key(void **state)
{
    EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

    (void)state;
    add_config(1);
    add_pem("chain.0", authority.chain[0]);
    add_fd("key.0", desk_key_file(other, 0600, NULL));
    EVP_PKEY_free(other);
    expect_failed_start(78);
}

static void test_exposed_key(void **state)
{
    (void)state;
    add_config(1);
    add_pem("chain.0", authority.chain[0]);
    add_fd("key.0", desk_key_file(authority.key, 0640, NULL));
    expect_failed_start(78);
}

static void test_foreign_root(void **state)
{
    static struct authority other;

    (void)state;
    authority_init(&other, &(struct authority_spec){.key = "P-256"});
    add_config(1);
    add_pem("chain.0", authority.chain[0]);
    add_pem("root.0", other.chain[1]);
    add_fd("key.0", desk_key_file(authority.key, 0600, NULL));
    authority_clear(&other);
    expect_failed_start(78);
}

static void test_damaged_record(void **state)
{
    int fd = openat(t.dir_fd, LEDGER_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    assert_int_equal(write(fd, "no ledger", 9), 9);
    close(fd);
    add_all(1);
    expect_failed_start(70);
}

/* ---- jail ---- */

static int number;

static bool is_allowed(int call)
{
    for (size_t i = 0; issuer_calls[i] != -1; i++) {
        if (issuer_calls[i] == call) {
            return true;
        }
    }
    /* clone3 is answered ENOSYS; the kernel keeps its own probes (335, 336) from every filter. */
    return call == SYS_clone3 || call == 335 || call == 336;
}

static void test_every_other_call_kills(void **state)
{
    const struct jail jail = {.role = "issuer", .syscalls = issuer_calls, .rights_dir = -1};

    (void)state;
#if defined(TSA_SANITIZED) || defined(TSA_COVERED)
    skip();
#endif
    for (number = 0; number < 470; number++) {
        int status;
        pid_t pid = is_allowed(number) ? 0 : fork();

        assert_true(pid >= 0);
        if (is_allowed(number)) {
            continue;
        }
        if (pid == 0) {
            jail_close(&jail);
            (void)syscall(number, -1, -1, -1, -1, -1, -1);
            _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    }
}

static int make_authority(void **state)
{
    (void)state;
    authority_init(&authority, &(struct authority_spec){.key = "P-256"});
    return 0;
}

static int clear_authority(void **state)
{
    (void)state;
    authority_clear(&authority);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_life),
        TEST(test_many_threads_and_much_memory),
        TEST(test_end_with_the_parent),
        TEST(test_time_goes_on_after_a_restart),
        TEST(test_missing_parts),
        TEST(test_foreign_key),
        TEST(test_exposed_key),
        TEST(test_foreign_root),
        TEST(test_damaged_record),
        cmocka_unit_test(test_every_other_call_kills),
    };

    return cmocka_run_group_tests(tests, make_authority, clear_authority);
}
