/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of messages over a SOCK_SEQPACKET pair. A message is framed by eight octets: length of the body (4), type (2), zero (2),
 * in the order of the machine, since both ends run on it. A packet that is malformed anywhere is refused whole, before any of
 * its messages is looked at, and a descriptor that came with it is closed.
 */
#include "tsa/role/chan.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME            8u
#define PACKETS_BUFFERED 16
#define SEND_FD_WAIT_MS  1000

struct frame {
    uint32_t len;
    uint16_t type, zero;
};
_Static_assert(sizeof(struct frame) == FRAME, "the frame has no padding");
_Static_assert(CHAN_MESSAGE_MAX + FRAME <= CHAN_PACKET_MAX, "every message fits into a packet");

enum rc chan_pair(int out_fds[2])
{
    const int room = (int)(PACKETS_BUFFERED * CHAN_PACKET_MAX);

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, out_fds) != 0) {
        return RC_IO;
    }
    /* The second call goes beyond the host's limit where the process may; a smaller buffer works too. */
    for (size_t i = 0; i < 2; i++) {
        (void)setsockopt(out_fds[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
        (void)setsockopt(out_fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
    }
    return RC_OK;
}

void chan_out_init(struct chan_out *out, size_t limit)
{
    *out = (struct chan_out){0};
    wbuf_init(&out->queue, limit);
}

void chan_out_clear(struct chan_out *out)
{
    wbuf_clear(&out->queue);
    *out = (struct chan_out){0};
}

struct wbuf *chan_begin(struct chan_out *out, uint16_t type)
{
    const struct frame frame = {.type = type};

    out->open_mark = out->queue.len;
    wbuf_put(&out->queue, bytes_of(&frame, sizeof(frame)));
    return &out->queue;
}

void chan_end(struct chan_out *out)
{
    size_t body;

    if (out->queue.rc != RC_OK) {
        return;
    }
    body = out->queue.len - out->open_mark - FRAME;
    if (body > CHAN_MESSAGE_MAX) {
        wbuf_fail(&out->queue, RC_TOO_LARGE);
        return;
    }
    memcpy(out->queue.data + out->open_mark, &(uint32_t){(uint32_t)body}, sizeof(uint32_t));
}

bool chan_pending(const struct chan_out *out)
{
    return out->queue.rc != RC_OK || out->sent < out->queue.len;
}

/* The whole messages at the front of the queue that one packet holds. */
static size_t next_packet(const struct chan_out *out)
{
    size_t at = out->sent;
    struct frame frame;

    while (out->queue.len - at >= FRAME) {
        memcpy(&frame, out->queue.data + at, FRAME);
        if (at - out->sent + FRAME + frame.len > CHAN_PACKET_MAX) {
            break;
        }
        at += FRAME + frame.len;
    }
    return at - out->sent;
}

/* What was sent makes room, at a cost that is at most once what was sent. */
static void compact(struct chan_out *out)
{
    const size_t left = out->queue.len - out->sent;

    if (left > out->sent) {
        return;
    }
    if (left) {
        memmove(out->queue.data, out->queue.data + out->sent, left);
    }
    out->queue.len = left;
    out->sent = 0;
}

bool chan_flush(struct chan_out *out, int fd, enum rc *out_rc)
{
    bool full = false;

    *out_rc = wbuf_rc(&out->queue);
    while (*out_rc == RC_OK && !full && out->sent < out->queue.len) {
        const size_t len = next_packet(out);
        const ssize_t sent = send(fd, out->queue.data + out->sent, len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent == (ssize_t)len) {
            out->sent += len;
        } else if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)) {
            full = true;
        } else if (sent >= 0 || errno != EINTR) {
            *out_rc = RC_IO;
        }
    }
    if (*out_rc == RC_OK) {
        compact(out);
    }
    return *out_rc == RC_OK && !full;
}

/* Room for the one descriptor that may ride along. The kernel rounds up, so that two may come. */
union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
};

static ssize_t send_waiting(int fd, const struct msghdr *msg)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    ssize_t sent;

    while ((sent = sendmsg(fd, msg, MSG_NOSIGNAL | MSG_DONTWAIT)) < 0) {
        if (errno == EINTR) {
            continue;
        }
        if ((errno != EAGAIN && errno != EWOULDBLOCK) || poll(&poll_fd, 1, SEND_FD_WAIT_MS) <= 0) {
            break;
        }
    }
    return sent;
}

enum rc chan_send_fd(int fd, uint16_t type, struct bytes body, int passed_fd)
{
    struct frame frame = {.len = (uint32_t)body.len, .type = type};
    struct iovec parts[2] = {{.iov_base = &frame, .iov_len = sizeof(frame)}};
    union control control = {0};
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2, .msg_control = control.room};
    uint8_t copy[256];

    if (body.len > sizeof(copy)) {
        return RC_TOO_LARGE;
    }
    if (body.len) {
        memcpy(copy, body.data, body.len);
    }
    parts[1] = (struct iovec){.iov_base = copy, .iov_len = body.len};
    msg.msg_controllen = sizeof(control.room);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &passed_fd, sizeof(int));
    return send_waiting(fd, &msg) == (ssize_t)(FRAME + body.len) ? RC_OK : RC_IO;
}

/* Takes over what rode along; false when it is not exactly nothing or one descriptor, and then it is closed. */
static bool take_fd(struct msghdr *msg, int *out_fd)
{
    int num = 0;

    *out_fd = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        for (size_t i = 0; CMSG_LEN((i + 1) * sizeof(int)) <= c->cmsg_len; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (num++ == 0) {
                *out_fd = fd;
            } else {
                (void)close(fd);
            }
        }
    }
    return num <= 1 && !(msg->msg_flags & MSG_CTRUNC);
}

/* Whole messages, one after the other, and nothing else. */
static bool is_framed(const struct chan_in *in)
{
    size_t at = 0;
    struct frame frame;

    while (in->len - at >= FRAME) {
        memcpy(&frame, in->packet + at, FRAME);
        if (frame.zero || !frame.type || frame.len > CHAN_MESSAGE_MAX || frame.len > in->len - at - FRAME) {
            return false;
        }
        at += FRAME + frame.len;
    }
    return at == in->len;
}

enum rc chan_receive(struct chan_in *in, int fd)
{
    struct iovec part = {.iov_base = in->packet, .iov_len = sizeof(in->packet)};
    union control control = {0};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room};
    ssize_t len;
    bool good;

    in->len = in->at = 0;
    in->passed_fd = -1;
    /* A peer that ends with packets of ours unread is told of first, once, and only then what it has said before its end. */
    do {
        msg.msg_controllen = sizeof(control.room);
        len = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (len < 0 && (errno == EINTR || errno == ECONNRESET));
    if (len < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK ? RC_NOT_FOUND : RC_IO;
    }
    good = take_fd(&msg, &in->passed_fd);
    if (len == 0 && in->passed_fd < 0) {
        return RC_IO; /* the end; an empty packet is never sent */
    }
    in->len = (size_t)len;
    if (good && len > 0 && !(msg.msg_flags & MSG_TRUNC) && is_framed(in)) {
        return RC_OK;
    }
    in->len = 0;
    if (in->passed_fd >= 0) {
        (void)close(in->passed_fd);
        in->passed_fd = -1;
    }
    return RC_MSG_MALFORMED;
}

bool chan_next(struct chan_in *in, struct chan_message *out)
{
    struct frame frame;

    if (in->len - in->at < FRAME) {
        return false;
    }
    memcpy(&frame, in->packet + in->at, FRAME);
    *out =
        (struct chan_message){.type = frame.type, .body = bytes_of(in->packet + in->at + FRAME, frame.len)};
    in->at += FRAME + frame.len;
    return true;
}
