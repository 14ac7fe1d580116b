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
#include "tsa/base/now.h"

#define SECOND           INT64_C(1000000000)
#define HOLD_MAX         32  /* jobs of a packet before they are handed over; less than any pool has */
#define PACKETS_A_TURN   4   /* of one peer, before the next one has its turn */
#define CLOSING_TICK_MS  20  /* while a dead peer is still held */
#define STOP_PACKETS     64  /* of one peer at the end: more than its socket can hold */
#define HEAR_MS          100 /* the parent, while there is no room for more work */
#define TELL_STAND_BY_NS (3 * SECOND)
#define TELL_NS          (5 * SECOND) /* how long the record may keep us waiting before it is told */

/* ---- peers ---- */

static void cut_off(struct peer *peer, const char *why)
{
    if (!atomic_exchange(&peer->dead, true)) {
        if (why) {
            log_error("%s is cut off: %s", peer->is_parent ? "the parent" : "a front", why);
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

/* units is NULL for a front of our own generation. */
static void add_front(struct reader *r, int take_fd, const struct msg_units *units)
{
    for (size_t i = 0; i < RECORDER_PEERS_MAX; i++) {
        if (r->peers[i].fd < 0) {
            open_peer(&r->peers[i], take_fd, false);
            r->peers[i].is_older = units != NULL;
            r->peers[i].units = units ? *units : (struct msg_units){0};
            return;
        }
    }
    log_error("a front is cut off: there are %d channels already", RECORDER_PEERS_MAX);
    (void)close(take_fd);
}

void reader_add(struct reader *r, int take_fd)
{
    add_front(r, take_fd, NULL);
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

static void read_peer(struct reader *r, struct peer *peer, unsigned num_packets);

static void hear_parent(struct reader *r)
{
    r->heard_ns = now_mono_ns();
    read_peer(r, &r->peers[0], PACKETS_A_TURN);
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

/* None is free: signers or disk are behind, and may be for long. What is held goes on, and the parent is heard meanwhile: it wants to know that
 * we live, or to stop us. */
static struct job *wait_for_job(struct reader *r)
{
    struct job *job;

    hand_over(r);
    if (now_mono_ns() - r->heard_ns > HEAR_MS * SECOND / 1000) {
        hear_parent(r);
    }
    while ((job = pool_take(r->pool, HEAR_MS)) == NULL) {
        hear_parent(r);
    }
    return job;
}

/* NULL for the parent alone. */
static struct job *new_job(struct reader *r, struct peer *peer, enum job_kind kind)
{
    struct job *job = peer->is_parent ? pool_take_spare(r->pool) : pool_take(r->pool, 0);

    if (!job && !peer->is_parent) {
        job = wait_for_job(r);
    }
    if (job) {
        peer_hold(peer);
        job->peer = peer;
        job->kind = kind;
        job->rc = RC_OK;
        job->why[0] = 0;
        job->serial = BYTES_NONE;
        job->sequence = 0;
    }
    return job;
}

/* A number that has no meaning any more becomes one that no unit has: the signer refuses it. */
static uint16_t unit_of(const struct peer *peer, uint16_t unit)
{
    if (!peer->is_older) {
        return unit;
    }
    return unit < peer->units.num ? peer->units.now[unit] : MSG_UNIT_GONE;
}

static enum rc on_stamp(struct reader *r, struct peer *peer, struct bytes body)
{
    struct msg_stamp stamp;
    const enum rc rc = msg_get_stamp(body, &stamp);

    if (rc == RC_OK) {
        struct job *job = new_job(r, peer, JOB_STAMP);

        stamp.unit = unit_of(peer, stamp.unit);
        job_set_stamp(job, &stamp);
        job_list_add(&r->stamps, job);
    }
    return rc;
}

static enum rc on_ask_facts(struct reader *r, struct peer *peer, struct bytes body)
{
    uint64_t id;
    const enum rc rc = msg_get_ask_facts(body, &id);
    struct job *job = rc == RC_OK ? new_job(r, peer, JOB_FACTS) : NULL;

    if (job) {
        job->stamp.id = id;
        job_list_add(&r->asks, job);
    }
    return rc;
}

static enum rc on_acknowledge(struct reader *r, struct peer *peer, struct bytes body)
{
    struct msg_acknowledge acknowledge;
    const enum rc rc = msg_get_acknowledge(body, &acknowledge);
    struct job *job = rc == RC_OK ? new_job(r, peer, JOB_ACKNOWLEDGE) : NULL;

    if (job) {
        job_set_reason(job, acknowledge.id, acknowledge.reason);
        job_list_add(&r->asks, job);
    }
    return rc;
}

/* A packet of its own, beside those of the recorder; where it does not fit in, the parent does not read either. */
static void send_pong(const struct peer *peer)
{
    struct chan_out out;
    enum rc rc;

    chan_out_init(&out, 64);
    msg_put_empty(&out, MSG_PONG);
    (void)chan_flush(&out, peer->fd, &rc);
    chan_out_clear(&out);
}

/* Once for each wait. */
static bool is_to_be_told(struct reader *r, int64_t since, int64_t patience)
{
    const bool told = since == 0 || r->told_ns == since || now_mono_ns() - since <= patience;

    r->told_ns = told ? r->told_ns : since;
    return !told;
}

static void tell_wait(struct reader *r, int64_t since)
{
    if (is_to_be_told(r, since, TELL_NS)) {
        log_warning(
            "the record keeps the issuer waiting for %lld s now: a slow disk, or another process that "
            "writes it; requests wait too",
            (long long)((now_mono_ns() - since) / SECOND));
    }
}

/* The writer before us is mostly the issuer that we follow, and gone by then. */
static void tell_stand_by(struct reader *r, int64_t since)
{
    if (is_to_be_told(r, since, TELL_STAND_BY_NS)) {
        log_warning("the record keeps the issuer waiting for %lld s now: where no reload is going on another "
                    "authority runs with this ledger (stop it, or give this one a ledger.dir of its own), or "
                    "the disk is slow",
                    (long long)((now_mono_ns() - since) / SECOND));
    }
}

/*
 * Through the recorder, so that one that hangs is noticed and the issuer is started anew. But a recorder that the kernel keeps in a write or a sync
 * does not hang: a process in there can not even be killed, its successor would wait for the same disk, and all that is under way
 * would be lost to its clients. So the reader answers for it then. Such a wait is told in the log, and shows outside as what it is: requests
 * that are too late, an authority that is not ready.
 */
static enum rc on_ping(struct reader *r, struct peer *peer, struct bytes body)
{
    const int64_t since = atomic_load_explicit(&r->recorder->waiting_ns, memory_order_relaxed);
    struct job *job;

    if (body.len) {
        return RC_MSG_MALFORMED;
    }
    if (since) {
        tell_wait(r, since);
        send_pong(peer);
    } else if ((job = new_job(r, peer, JOB_PONG)) != NULL) {
        job_list_add(&r->asks, job);
    }
    return RC_OK;
}

static enum rc on_peer(struct reader *r, struct peer *peer, struct bytes body)
{
    struct msg_units units;
    const bool is_older = body.len > 0;

    (void)peer;
    if (r->parent_in.passed_fd < 0 || (is_older && msg_get_units(body, &units) != RC_OK)) {
        return RC_MSG_MALFORMED;
    }
    add_front(r, r->parent_in.passed_fd, is_older ? &units : NULL);
    r->parent_in.passed_fd = -1;
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
    {MSG_STAMP, false, true, on_stamp}, {MSG_ASK_FACTS, true, true, on_ask_facts},
    {MSG_PING, true, false, on_ping},   {MSG_PEER, true, false, on_peer},
    {MSG_STOP, true, false, on_stop},   {MSG_ACKNOWLEDGE, true, false, on_acknowledge},
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

/* A packet whose framing is good; what stood before a bad message in it is still answered. Handing over in between lets the signers begin, and keeps
 * the reader from waiting for jobs that it holds itself. */
static enum rc read_packet(struct reader *r, struct peer *peer, struct chan_in *in)
{
    struct chan_message m;
    enum rc rc = RC_OK;

    while (rc == RC_OK && chan_next(in, &m)) {
        rc = dispatch(r, peer, &m);
        if (r->stamps.num + r->asks.num >= HOLD_MAX) {
            hand_over(r);
        }
    }
    hand_over(r);
    if (in->passed_fd >= 0) { /* nobody asked for it */
        (void)close(in->passed_fd);
        in->passed_fd = -1;
        rc = RC_MSG_MALFORMED;
    }
    return rc;
}

/* The parent may have to be heard in the middle of another's packet. */
static void read_peer(struct reader *r, struct peer *peer, unsigned num_packets)
{
    struct chan_in *in = peer->is_parent ? &r->parent_in : &r->in;
    enum rc rc = RC_OK;

    while (rc == RC_OK && num_packets-- > 0 && !peer_is_dead(peer)) {
        rc = chan_receive(in, peer->fd);
        if (rc == RC_OK) {
            rc = read_packet(r, peer, in);
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

bool reader_stand_by(struct reader *r, int wake_fd, int timeout_ms)
{
    struct pollfd fds[2] = {{.fd = r->peers[0].fd, .events = POLLIN}, {.fd = wake_fd, .events = POLLIN}};
    uint64_t count;

    if (poll(fds, 2, timeout_ms) > 0) {
        if (fds[0].revents) {
            hear_parent(r);
        }
        if (fds[1].revents) {
            (void)!read(wake_fd, &count, sizeof(count));
        }
    }
    tell_stand_by(r, atomic_load_explicit(&r->recorder->waiting_ns, memory_order_relaxed));
    return !r->stopping;
}

void reader_run(struct reader *r)
{
    /* The recorder may be the one who sees that the parent is gone. */
    while (!r->stopping && !peer_is_dead(&r->peers[0])) {
        read_all(r, PACKETS_A_TURN, close_dead(r) ? CLOSING_TICK_MS : -1);
    }
    read_all(r, STOP_PACKETS, 0);
}
