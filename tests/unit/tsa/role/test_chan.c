/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels: many messages in few packets, a full peer, a peer that is gone, hostile framing of every kind, and descriptors that
 * ride along or must not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/role/chan.h"

struct fixture {
    int fds[2];
    struct chan_out out;
    struct chan_in in;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_int_equal(chan_pair(f->fds), RC_OK);
    chan_out_init(&f->out, 64u * 1024u * 1024u);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    chan_out_clear(&f->out);
    for (int i = 0; i < 2; i++) {
        if (f->fds[i] >= 0) {
            close(f->fds[i]);
        }
    }
    free(f);
    return 0;
}

static void close_end(struct fixture *f, int end)
{
    close(f->fds[end]);
    f->fds[end] = -1;
}

static int count_fds(void)
{
    int num = 0;

    for (int fd = 0; fd < 256; fd++) {
        num += fcntl(fd, F_GETFD) >= 0;
    }
    return num;
}

/* The nth message: its type, its length and its octets follow from n. */
static size_t len_of(unsigned n)
{
    return (n * 7919u) % 3000u;
}

static void put_nth(struct chan_out *out, unsigned n)
{
    struct wbuf *w = chan_begin(out, (uint16_t)(n % 1000 + 1));

    for (size_t i = 0; i < len_of(n); i++) {
        wbuf_put_u8(w, (uint8_t)(n + i));
    }
    chan_end(out);
}

static void check_nth(const struct chan_message *m, unsigned n)
{
    assert_int_equal(m->type, n % 1000 + 1);
    assert_int_equal(m->body.len, len_of(n));
    for (size_t i = 0; i < m->body.len; i++) {
        assert_int_equal(m->body.data[i], (uint8_t)(n + i));
    }
}

static void test_pair_is_closed_on_exec_and_never_blocks(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        assert_true(fcntl(f->fds[i], F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(f->fds[i], F_GETFL) & O_NONBLOCK);
    }
    assert_int_equal(chan_receive(&f->in, f->fds[0]), RC_NOT_FOUND);
}

static void test_messages_are_gathered(void **state)
{
    struct fixture *f = *state;
    struct chan_message m;
    enum rc rc;

    assert_false(chan_pending(&f->out));
    for (unsigned n = 0; n < 20; n++) {
        wbuf_put_text(chan_begin(&f->out, 3), "hello");
        chan_end(&f->out);
    }
    assert_true(chan_pending(&f->out));
    assert_true(chan_flush(&f->out, f->fds[0], &rc));
    assert_int_equal(rc, RC_OK);
    assert_false(chan_pending(&f->out));

    assert_int_equal(chan_receive(&f->in, f->fds[1]), RC_OK);
    assert_int_equal(f->in.passed_fd, -1);
    for (unsigned n = 0; n < 20; n++) {
        assert_true(chan_next(&f->in, &m));
        assert_int_equal(m.type, 3);
        assert_true(bytes_equal(m.body, bytes_str("hello")));
    }
    assert_false(chan_next(&f->in, &m));
    assert_int_equal(chan_receive(&f->in, f->fds[1]), RC_NOT_FOUND);
}

/* More than any buffer holds goes through in order, with flush saying "full" in between. */
static void test_full_peer(void **state)
{
    struct fixture *f = *state;
    struct chan_message m;
    unsigned put = 0, got = 0, blocked = 0;
    enum rc rc = RC_OK;

    while (got < 6000) {
        for (unsigned i = 0; i < 500 && put < 6000; i++) {
            put_nth(&f->out, put++);
        }
        blocked += !chan_flush(&f->out, f->fds[0], &rc);
        assert_int_equal(rc, RC_OK);
        for (int packets = 0; packets < 5 && chan_receive(&f->in, f->fds[1]) == RC_OK; packets++) {
            while (chan_next(&f->in, &m)) {
                check_nth(&m, got++);
            }
        }
    }
    assert_true(blocked > 0);
    assert_false(chan_pending(&f->out));
    assert_int_equal(f->out.queue.len, 0);
}

static void test_gone_peer(void **state)
{
    struct fixture *f = *state;
    enum rc rc;

    close_end(f, 1);
    assert_int_equal(chan_receive(&f->in, f->fds[0]), RC_IO);
    put_nth(&f->out, 1);
    assert_false(chan_flush(&f->out, f->fds[0], &rc));
    assert_int_equal(rc, RC_IO);
}

/* The kernel tells of what the other side has not read before it gives what that side has said. */
static void test_gone_peer_that_had_not_read(void **state)
{
    struct fixture *f = *state;
    struct chan_message m;
    enum rc rc;

    put_nth(&f->out, 1);
    assert_true(chan_flush(&f->out, f->fds[0], &rc));
    put_nth(&f->out, 2);
    assert_true(chan_flush(&f->out, f->fds[1], &rc));
    close_end(f, 1);
    assert_int_equal(chan_receive(&f->in, f->fds[0]), RC_OK);
    assert_true(chan_next(&f->in, &m));
    check_nth(&m, 2);
    assert_int_equal(chan_receive(&f->in, f->fds[0]), RC_IO);
}

static void test_largest_message(void **state)
{
    struct fixture *f = *state;
    struct chan_message m;
    enum rc rc;

    for (int i = 0; i < 5; i++) {
        memset(wbuf_reserve(chan_begin(&f->out, 9), CHAN_MESSAGE_MAX), i, CHAN_MESSAGE_MAX);
        chan_end(&f->out);
    }
    assert_true(chan_flush(&f->out, f->fds[0], &rc));
    for (int i = 0; i < 5; i++) {
        if (!chan_next(&f->in, &m)) {
            assert_int_equal(chan_receive(&f->in, f->fds[1]), RC_OK);
            assert_true(chan_next(&f->in, &m));
        }
        assert_int_equal(m.body.len, CHAN_MESSAGE_MAX);
        assert_int_equal(m.body.data[0], i);
    }
    (void)wbuf_reserve(chan_begin(&f->out, 9), CHAN_MESSAGE_MAX + 1);
    chan_end(&f->out);
    assert_false(chan_flush(&f->out, f->fds[0], &rc));
    assert_int_equal(rc, RC_TOO_LARGE);
}

static void test_overrun_queue_is_broken_for_good(void **state)
{
    struct fixture *f = *state;
    struct chan_out small;
    enum rc rc;

    chan_out_init(&small, 64);
    wbuf_put_text(chan_begin(&small, 1), "fits");
    chan_end(&small);
    (void)wbuf_reserve(chan_begin(&small, 1), 60);
    chan_end(&small);
    assert_true(chan_pending(&small));
    assert_false(chan_flush(&small, f->fds[0], &rc));
    assert_int_equal(rc, RC_TOO_LARGE);
    assert_int_equal(chan_receive(&f->in, f->fds[1]), RC_NOT_FOUND);
    chan_out_clear(&small);
}

/* ---- hostile packets ---- */

static void expect_refused(struct fixture *f, const void *packet, size_t len)
{
    struct chan_message m;

    assert_int_equal(send(f->fds[0], packet, len, 0), (ssize_t)len);
    assert_int_equal(chan_receive(&f->in, f->fds[1]), RC_MSG_MALFORMED);
    assert_false(chan_next(&f->in, &m));
}

static void test_bad_framing_is_refused_whole(void **state)
{
    struct fixture *f = *state;
    static const uint8_t good[] = {1, 0, 0, 0, 5, 0, 0, 0, 'x'};
    uint8_t packet[64];

    for (size_t cut = 1; cut < sizeof(good); cut++) {
        expect_refused(f, good, cut);
        memcpy(packet, good, sizeof(good));
        memcpy(packet + sizeof(good), good, cut);
        expect_refused(f, packet, sizeof(good) + cut);
    }
    memcpy(packet, good, sizeof(good));
    packet[4] = 0; /* no type */
    expect_refused(f, packet, sizeof(good));
    packet[4] = 5;
    packet[6] = 1; /* not zero */
    expect_refused(f, packet, sizeof(good));
    packet[6] = 0;
    for (size_t i = 0; i < 4; i++) {
        packet[i] = 0xff; /* lengths beyond the packet */
        expect_refused(f, packet, sizeof(good));
        packet[i] = good[i];
    }
    assert_int_equal(send(f->fds[0], packet, sizeof(good), 0), (ssize_t)sizeof(good));
    assert_int_equal(chan_receive(&f->in, f->fds[1]), RC_OK);
}

static void test_oversized_packet_and_message(void **state)
{
    struct fixture *f = *state;
    uint8_t *packet = calloc(1, CHAN_PACKET_MAX + 16);
    const uint32_t too_long = CHAN_MESSAGE_MAX + 1;
    const uint16_t type = 1;

    assert_non_null(packet);
    memcpy(packet, &too_long, sizeof(too_long));
    memcpy(packet + 4, &type, sizeof(type));
    expect_refused(f, packet, too_long + 8);
    for (size_t at = 0; at < CHAN_PACKET_MAX + 16; at += 8) {
        memset(packet + at, 0, 8);
        memcpy(packet + at + 4, &type, sizeof(type));
    }
    expect_refused(f, packet, CHAN_PACKET_MAX + 8);
    free(packet);
}

/* ---- descriptors ---- */

static void test_descriptor_rides_along(void **state)
{
    struct fixture *f = *state;
    struct chan_message m;
    int ends[2];
    char c;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(chan_send_fd(f->fds[0], 6, bytes_str("body"), ends[0]), RC_OK);
    close(ends[0]);
    assert_int_equal(chan_receive(&f->in, f->fds[1]), RC_OK);
    assert_true(f->in.passed_fd >= 0);
    assert_true(fcntl(f->in.passed_fd, F_GETFD) & FD_CLOEXEC);
    assert_true(chan_next(&f->in, &m));
    assert_int_equal(m.type, 6);
    assert_true(bytes_equal(m.body, bytes_str("body")));
    assert_int_equal(write(ends[1], "z", 1), 1);
    assert_int_equal(read(f->in.passed_fd, &c, 1), 1);
    assert_int_equal(c, 'z');
    close(f->in.passed_fd);
    close(ends[1]);
}

static void send_with_fds(int fd, const void *packet, size_t len, const int *fds, size_t num)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)packet, .iov_len = len};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(8 * sizeof(int))];
    } control = {0};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room};

    msg.msg_controllen = CMSG_SPACE(num * sizeof(int));
    control.header = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(num * sizeof(int))};
    memcpy(CMSG_DATA(&control.header), fds, num * sizeof(int));
    assert_int_equal(sendmsg(fd, &msg, 0), (ssize_t)len);
}

/* However many come, in whatever packet: none is left open after a refusal. */
static void test_descriptors_that_must_not_ride_are_closed(void **state)
{
    struct fixture *f = *state;
    static const uint8_t good[] = {0, 0, 0, 0, 6, 0, 0, 0};
    static const uint8_t bad[] = {9, 0, 0, 0, 6, 0, 0, 0};
    const int fds[4] = {0, 1, 2, 0};
    const int before = count_fds();

    for (size_t num = 2; num <= 4; num++) {
        send_with_fds(f->fds[0], good, sizeof(good), fds, num);
        assert_int_equal(chan_receive(&f->in, f->fds[1]), RC_MSG_MALFORMED);
        assert_int_equal(f->in.passed_fd, -1);
        assert_int_equal(count_fds(), before);
    }
    send_with_fds(f->fds[0], bad, sizeof(bad), fds, 1);
    assert_int_equal(chan_receive(&f->in, f->fds[1]), RC_MSG_MALFORMED);
    assert_int_equal(f->in.passed_fd, -1);
    assert_int_equal(count_fds(), before);
}

static void test_send_fd_to_full_or_gone_peer_ends(void **state)
{
    struct fixture *f = *state;
    static uint8_t packet[CHAN_PACKET_MAX];

    while (send(f->fds[0], packet, sizeof(packet), MSG_DONTWAIT) > 0) {
    }
    assert_int_equal(chan_send_fd(f->fds[0], 6, BYTES_NONE, 0), RC_IO);
    close_end(f, 1);
    assert_int_equal(chan_send_fd(f->fds[0], 6, BYTES_NONE, 0), RC_IO);
    assert_int_equal(chan_send_fd(f->fds[0], 6, bytes_of(packet, 257), 0), RC_TOO_LARGE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_pair_is_closed_on_exec_and_never_blocks),
        TEST(test_messages_are_gathered),
        TEST(test_full_peer),
        TEST(test_gone_peer),
        TEST(test_gone_peer_that_had_not_read),
        TEST(test_largest_message),
        TEST(test_overrun_queue_is_broken_for_good),
        TEST(test_bad_framing_is_refused_whole),
        TEST(test_oversized_packet_and_message),
        TEST(test_descriptor_rides_along),
        TEST(test_descriptors_that_must_not_ride_are_closed),
        TEST(test_send_fd_to_full_or_gone_peer_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
