/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One poll, then each channel that has something, until it is empty or had its turn. What may be said by whom stands in one table.
 */
#include "tsa/issuer/reader.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tsa/base/log.h"

#define HOLD_MAX        32 /* jobs of a packet before they are handed over; less than any pool has */
#define PACKETS_A_TURN  4  /* of one peer, before the next one has its turn */
#define CLOSING_TICK_MS 20 /* while a dead peer is still held */
#define STOP_PACKETS    64 /* of one peer at the end: more than its socket can hold */

/* ---- peers ---- */

static void cut_off(struct peer *peer, const char *why)
{
    if (!atomic_exchange(&peer->dead, true)) {
        if (why) {
            log_error("a front is cut off: %s", why);
        }
        (void)shutdown(peer->fd, SHUT_RDWR); /* wakes the recorder where it waits for this one */
    }
}

static void open_peer(struct peer *peer, int fd, bool is_parent)
{
    *peer = (struct peer){.fd = fd, .is_parent = is_parent};
    chan_out_init(&peer->out, PEER_QUEUE_MAX);
}

static void close_peer(struct peer *peer)
{
    (void)close(peer->fd);
    chan_out_clear(&peer->out);
    peer->fd = -1;
}

void reader_init(struct reader *r, int take_parent_fd)
{
    for (size_t i = 0; i < RECORDER_PEERS_MAX; i++) {
        r->peers[i].fd = -1;
    }
    open_peer(&r->peers[0], take_parent_fd, true);
}

void reader_clear(struct reader *r)
{
    for (size_t i = 0; i < RECORDER_PEERS_MAX; i++) {
        if (r->peers[i].fd >= 0) {
            close_peer(&r->peers[i]);
        }
    }
}

void reader_add(struct reader *r, int take_fd)
{
    for (size_t i = 0; i < RECORDER_PEERS_MAX; i++) {
        if (r->peers[i].fd < 0) {
            open_peer(&r->peers[i], take_fd, false);
            return;
        }
    }
    log_error("a front is cut off: there are %d channels already", RECORDER_PEERS_MAX);
    (void)close(take_fd);
}

/* True while a dead peer is still held by a job or the recorder. */
static bool close_dead(struct reader *r)
{
    bool held = false;

    for (size_t i = 0; i < RECORDER_PEERS_MAX; i++) {
        struct peer *peer = &r->peers[i];

        if (peer->fd < 0 || !peer_is_dead(peer)) {
            continue;
        }
        if (atomic_load_explicit(&peer->holds, memory_order_acquire) == 0) {
            close_peer(peer);
        } else {
            held = true;
        }
    }
    return held;
}

/* ---- messages ---- */

static struct job *new_job(struct reader *r, struct peer *peer)
{
    struct job *job = pool_take(r->pool);

    peer_hold(peer);
    job->peer = peer;
    job->rc = RC_OK;
    job->is_facts = false;
    return job;
}

static enum rc on_stamp(struct reader *r, struct peer *peer, struct bytes body)
{
    struct msg_stamp stamp;
    const enum rc rc = msg_get_stamp(body, &stamp);

    if (rc == RC_OK) {
        struct job *job = new_job(r, peer);

        job_set_stamp(job, &stamp);
        job_list_add(&r->stamps, job);
    }
    return rc;
}

static enum rc on_ask_facts(struct reader *r, struct peer *peer, struct bytes body)
{
    uint64_t id;
    const enum rc rc = msg_get_ask_facts(body, &id);

    if (rc == RC_OK) {
        struct job *job = new_job(r, peer);

        job->is_facts = true;
        job->stamp.id = id;
        job_list_add(&r->asks, job);
    }
    return rc;
}

static enum rc on_peer(struct reader *r, struct peer *peer, struct bytes body)
{
    (void)peer;
    if (body.len || r->in.passed_fd < 0) {
        return RC_MSG_MALFORMED;
    }
    reader_add(r, r->in.passed_fd);
    r->in.passed_fd = -1;
    return RC_OK;
}

static enum rc on_stop(struct reader *r, struct peer *peer, struct bytes body)
{
    (void)peer;
    r->stopping = true;
    return body.len ? RC_MSG_MALFORMED : RC_OK;
}

static const struct {
    uint16_t type;
    bool of_parent, of_front;
    enum rc (*on)(struct reader *r, struct peer *peer, struct bytes body);
} messages[] = {
    {MSG_STAMP, false, true, on_stamp},
    {MSG_ASK_FACTS, true, true, on_ask_facts},
    {MSG_PEER, true, false, on_peer},
    {MSG_STOP, true, false, on_stop},
};

static enum rc dispatch(struct reader *r, struct peer *peer, const struct chan_message *m)
{
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        if (messages[i].type == m->type && (peer->is_parent ? messages[i].of_parent : messages[i].of_front)) {
            return messages[i].on(r, peer, m->body);
        }
    }
    return RC_MSG_MALFORMED;
}

static void hand_over(struct reader *r)
{
    if (r->stamps.num) {
        work_put(r->work, &r->stamps);
    }
    if (r->asks.num) {
        recorder_put(r->recorder, &r->asks);
    }
}

/* A packet whose framing is good; what stood before a bad message in it is still answered. Handing over in between lets the signers begin, and keeps
 * the reader from waiting for jobs that it holds itself. */
static enum rc read_packet(struct reader *r, struct peer *peer)
{
    struct chan_message m;
    enum rc rc = RC_OK;

    while (rc == RC_OK && chan_next(&r->in, &m)) {
        rc = dispatch(r, peer, &m);
        if (r->stamps.num + r->asks.num >= HOLD_MAX) {
            hand_over(r);
        }
    }
    hand_over(r);
    if (r->in.passed_fd >= 0) { /* nobody asked for it */
        (void)close(r->in.passed_fd);
        rc = RC_MSG_MALFORMED;
    }
    return rc;
}

static void read_peer(struct reader *r, struct peer *peer, unsigned num_packets)
{
    enum rc rc = RC_OK;

    while (rc == RC_OK && num_packets-- > 0 && !peer_is_dead(peer)) {
        rc = chan_receive(&r->in, peer->fd);
        if (rc == RC_OK) {
            rc = read_packet(r, peer);
        }
    }
    if (rc == RC_OK || rc == RC_NOT_FOUND) {
        return;
    }
    cut_off(peer, rc == RC_IO ? NULL : rc_text(rc));
    r->stopping |= peer->is_parent; /* without a parent there is nothing to live for */
}

/* ---- the loop ---- */

static size_t fill_poll(struct reader *r, struct pollfd *fds, struct peer **peers)
{
    size_t num = 0;

    for (size_t i = 0; i < RECORDER_PEERS_MAX; i++) {
        if (r->peers[i].fd >= 0 && !peer_is_dead(&r->peers[i])) {
            fds[num] = (struct pollfd){.fd = r->peers[i].fd, .events = POLLIN};
            peers[num++] = &r->peers[i];
        }
    }
    return num;
}

static void read_all(struct reader *r, unsigned num_packets, int timeout_ms)
{
    struct pollfd fds[RECORDER_PEERS_MAX];
    struct peer *peers[RECORDER_PEERS_MAX];
    const size_t num = fill_poll(r, fds, peers);

    if (poll(fds, num, timeout_ms) <= 0) {
        return;
    }
    for (size_t i = 0; i < num; i++) {
        if (fds[i].revents) {
            read_peer(r, peers[i], num_packets);
        }
    }
}

void reader_run(struct reader *r)
{
    while (!r->stopping) {
        read_all(r, PACKETS_A_TURN, close_dead(r) ? CLOSING_TICK_MS : -1);
    }
    read_all(r, STOP_PACKETS, 0);
}
