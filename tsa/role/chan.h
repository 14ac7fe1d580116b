/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel between two processes: a SOCK_SEQPACKET pair. A packet holds one or more messages, each with length and type, so that
 * one system call carries all that is waiting; a packet that is malformed anywhere is refused whole. Descriptors may ride
 * along (parent to roles). No event loop here: the front wraps it in one, the issuer polls.
 */
#ifndef TSA_ROLE_CHAN_H
#define TSA_ROLE_CHAN_H

#include "tsa/wire/wbuf.h"

#define CHAN_PACKET_MAX  (60u * 1024u)
#define CHAN_MESSAGE_MAX (24u * 1024u)

/* chan_pair makes a pair (close-on-exec, non-blocking, buffers large enough for several packets). RC_IO. */
enum rc chan_pair(int out_fds[2]) MUST_CHECK;

struct chan_message {
    uint16_t type; /* enum msg_type */
    struct bytes body;
};

/*
 * Sending. Messages are gathered in a queue and go out in as few packets as they fit in. chan_begin starts a message and returns the
 * writer for its body; chan_end closes it. chan_flush sends what it can: true when all is gone, false when the peer's buffer is full
 * (try again when writable) or *out_rc says RC_IO (the peer is gone). A queue that ran over its limit, or took a message that is too
 * large, is broken for good: *out_rc says RC_TOO_LARGE or RC_NO_MEMORY, and the channel has to be closed.
 */
struct chan_out {
    struct wbuf queue; /* framed messages, not sent yet */
    size_t sent;       /* octets of queue already sent */
    size_t open_mark;
};
void chan_out_init(struct chan_out *out, size_t limit);
void chan_out_clear(struct chan_out *out);
struct wbuf *chan_begin(struct chan_out *out, uint16_t type);
void chan_end(struct chan_out *out);
bool chan_pending(const struct chan_out *out);
bool chan_flush(struct chan_out *out, int fd, enum rc *out_rc);

/* chan_send_fd sends one message with one descriptor riding along, at once (parent to roles; blocking for at most a second); body of at most
 * 256 octets. RC_IO, RC_TOO_LARGE. */
enum rc chan_send_fd(int fd, uint16_t type, struct bytes body, int passed_fd) MUST_CHECK;

/*
 * Receiving. chan_receive takes one packet: RC_OK, RC_NOT_FOUND (nothing waiting), RC_IO (the peer is gone), RC_MSG_MALFORMED. Then chan_next
 * walks its messages. A descriptor that came along is in passed_fd (else -1); the caller owns it.
 */
struct chan_in {
    uint8_t packet[CHAN_PACKET_MAX];
    size_t len, at;
    int passed_fd;
};
enum rc chan_receive(struct chan_in *in, int fd) MUST_CHECK;
bool chan_next(struct chan_in *in, struct chan_message *out);

#endif
