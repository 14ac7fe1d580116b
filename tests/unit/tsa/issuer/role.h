/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A role of the issuer's folder as a process, for tests: what the parent would let it inherit, the child in its jail, and the other ends of its
 * channels. Everything is asserted.
 */
#ifndef TESTS_ISSUER_ROLE_H
#define TESTS_ISSUER_ROLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tests/unit/tsa/issuer/desk.h"
#include "tsa/issuer/ledger.h"
#include "tsa/role/inherit.h"

struct role_world {
    char folder[64];
    int dir_fd, parent, front;
    int record; /* where the test holds it; -1 */
    struct clockpage *page;
    struct inherit in;
    pid_t pid;
    struct chan_in packets[3]; /* of the parent's channel, the front's, any other */
    struct chan_out out;
};

static struct authority authority;
static struct role_world t;

static inline void role_add_fd(const char *name, int fd)
{
    struct inherit_fd *slot = &t.in.fds[t.in.num++];

    assert_true(fd >= 0);
    (void)snprintf(slot->name, sizeof(slot->name), "%s", name);
    slot->fd = fd;
}

static inline int role_text_file(struct bytes text)
{
    int fd = memfd_create("text", MFD_CLOEXEC);

    assert_int_equal(write(fd, text.data, text.len), (ssize_t)text.len);
    return fd;
}

static inline void role_add_pem(const char *name, struct bytes der)
{
    struct wbuf pem;

    desk_put_pem(&pem, der);
    role_add_fd(name, role_text_file(wbuf_bytes(&pem)));
    wbuf_clear(&pem);
}

static inline void role_add_config(unsigned signers)
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

    role_add_fd("config", role_text_file(bytes_of(text, (size_t)len)));
}

static inline void role_publish(void)
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

static inline int role_setup(void **state)
{
    int pair[2], clock = memfd_create("clock", MFD_CLOEXEC);

    (void)state;
    memset(&t, 0, sizeof(t));
    strcpy(t.folder, "/tmp/test_issuer_role.XXXXXX");
    t.record = -1;
    assert_non_null(mkdtemp(t.folder));
    t.dir_fd = open(t.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    t.page = clockpage_open(clock, true);
    role_publish();
    t.in.role = "issuer";
    role_add_fd("clock", clock);
    role_add_fd("ledger", open(t.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    assert_int_equal(chan_pair(pair), RC_OK);
    t.parent = pair[0];
    role_add_fd("parent", pair[1]);
    assert_int_equal(chan_pair(pair), RC_OK);
    t.front = pair[0];
    role_add_fd("front.0", pair[1]);
    chan_out_init(&t.out, 1u << 24);
    return 0;
}

static inline int role_teardown(void **state)
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
static inline void role_start(int (*role_main)(struct inherit *in))
{
    t.pid = fork();
    assert_true(t.pid >= 0);
    if (t.pid == 0) {
        (void)close(t.parent);
        (void)close(t.front);
        (void)close(t.record);
        exit(role_main(&t.in));
    }
    for (size_t i = 0; i < t.in.num; i++) {
        (void)close(t.in.fds[i].fd);
    }
    t.in.num = 0;
}

static inline void role_add_all(unsigned signers)
{
    role_add_config(signers);
    role_add_pem("chain.0", authority.chain[0]);
    role_add_pem("root.0", authority.chain[1]);
    role_add_fd("key.0", desk_key_file(authority.key, 0600, NULL));
}

static inline int role_exit_code(void)
{
    int status;

    assert_int_equal(waitpid(t.pid, &status, 0), t.pid);
    if (WIFSIGNALED(status)) {
        fail_msg("killed by signal %d", WTERMSIG(status));
    }
    return WEXITSTATUS(status);
}

static inline struct chan_message role_receive(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    struct chan_in *packet = &t.packets[fd == t.parent ? 0 : fd == t.front ? 1 : 2];
    struct chan_message m;
    enum rc rc;

    if (chan_next(packet, &m)) {
        return m;
    }
    while ((rc = chan_receive(packet, fd)) == RC_NOT_FOUND) {
        role_publish();
        assert_true(poll(&wait, 1, 1000) >= 0);
    }
    assert_int_equal(rc, RC_OK);
    assert_true(chan_next(packet, &m));
    return m;
}

static inline void role_send_all(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    enum rc rc;

    while (!chan_flush(&t.out, fd, &rc)) {
        assert_int_equal(rc, RC_OK);
        role_publish();
        assert_true(poll(&wait, 1, 1000) >= 0);
    }
}

static inline int role_make_authority(void **state)
{
    (void)state;
    authority_init(&authority, &(struct authority_spec){.key = "P-256"});
    return 0;
}

static inline int role_clear_authority(void **state)
{
    (void)state;
    authority_clear(&authority);
    return 0;
}

#endif
