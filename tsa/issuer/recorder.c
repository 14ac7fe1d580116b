/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rounds of take, append, sync, reply, give back. A reply is written only behind a sync that succeeded; when one fails, its whole group is
 * refused, nothing is signed any more, and the fronts are told why. A peer that does not read keeps its replies waiting here, without
 * holding up the others, until it reads, overflows, or has taken nothing for too long.
 */
#include "tsa/issuer/recorder.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tsa/base/log.h"
#include "tsa/base/now.h"

#define SECOND     INT64_C(1000000000)
#define TICK_MS    (int)(CLOCKWATCH_NS / 1000000)
#define BLOCKED_NS (10 * SECOND)
#define STOP_NS    (2 * SECOND) /* for the last replies after recorder_stop */

enum rc recorder_init(struct recorder *r, size_t num_signers)
{
    clockwatch_init(&r->watch, r->core, r->ledger);
    (void)pthread_mutex_init(&r->lock, NULL);
    r->facts.num_signers = (uint32_t)num_signers;
    r->facts.started = now_machine();
    atomic_store(&r->waiting_ns, now_mono_ns());
    r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return r->wake_fd >= 0 ? RC_OK : RC_IO;
}

void recorder_clear(struct recorder *r)
{
    if (r->wake_fd >= 0) {
        (void)close(r->wake_fd);
    }
    (void)pthread_mutex_destroy(&r->lock);
}

static void wake(const struct recorder *r)
{
    const uint64_t one = 1;

    (void)!write(r->wake_fd, &one, sizeof(one));
}

void recorder_put(struct recorder *r, struct job_list *jobs)
{
    bool sleeping;

    (void)pthread_mutex_lock(&r->lock);
    job_list_join(&r->done, jobs);
    sleeping = r->sleeping;
    r->sleeping = false;
    (void)pthread_mutex_unlock(&r->lock);
    if (sleeping) {
        wake(r);
    }
}

void recorder_stop(struct recorder *r)
{
    (void)pthread_mutex_lock(&r->lock);
    r->stopping = true;
    (void)pthread_mutex_unlock(&r->lock);
    wake(r);
}

/* ---- peers ---- */

/* The reader sees the end of the channel, takes the peer out and closes it. */
static void drop(struct peer *peer, const char *why)
{
    if (!atomic_exchange(&peer->dead, true)) {
        log_error("%s is cut off: %s", peer->is_parent ? "the parent" : "a front", why);
        (void)shutdown(peer->fd, SHUT_RDWR);
    }
}

static void touch(struct recorder *r, struct peer *peer)
{
    if (!peer->touched && !peer->blocked) {
        peer->touched = true;
        r->touched[r->num_touched++] = peer;
    }
}

/* True when nothing waits any more. */
static bool flush(struct peer *peer)
{
    const size_t before = peer->out.queue.len - peer->out.sent;
    enum rc rc = RC_OK;
    const bool all = peer_is_dead(peer) || chan_flush(&peer->out, peer->fd, &rc);

    if (rc != RC_OK) {
        drop(peer, rc == RC_IO ? "it is gone" : "it does not read what it asked for");
        return true;
    }
    if (peer->out.queue.len - peer->out.sent < before) {
        peer->progress_ns = now_mono_ns();
    }
    return all;
}

static void flush_touched(struct recorder *r)
{
    for (size_t i = 0; i < r->num_touched; i++) {
        struct peer *peer = r->touched[i];

        peer->touched = false;
        if (!flush(peer)) {
            peer->blocked = true;
            peer->progress_ns = now_mono_ns();
            peer_hold(peer);
            r->blocked[r->num_blocked++] = peer;
        }
    }
    r->num_touched = 0;
}

static void flush_blocked(struct recorder *r)
{
    const int64_t now = r->num_blocked ? now_mono_ns() : 0;
    size_t kept = 0;

    for (size_t i = 0; i < r->num_blocked; i++) {
        struct peer *peer = r->blocked[i];

        if (!flush(peer) && now - peer->progress_ns > BLOCKED_NS) {
            drop(peer, "it has read nothing for ten seconds");
        }
        if (!peer_is_dead(peer) && chan_pending(&peer->out)) {
            r->blocked[kept++] = peer;
        } else {
            peer->blocked = false;
            peer_release(peer);
        }
    }
    r->num_blocked = kept;
}

/* ---- replies ---- */

static void look(struct recorder *r);
static enum rc sync_group(struct recorder *r);

static void fill_facts(struct recorder *r, struct facts *out)
{
    enum rc rc;

    look(r);
    rc = issue_state(r->core, &r->watch.gate);
    *out = r->facts;
    out->ready = rc == RC_OK;
    out->reason = (uint32_t)rc;
    clockwatch_fill(&r->watch, out);
    out->ledger_sequence = r->ledger->sequence;
    out->num_waiting = (uint32_t)work_num_waiting(r->work);
}

static void put_facts(struct recorder *r, const struct job *job)
{
    struct msg_facts m;

    memset(&m, 0, sizeof(m)); /* padding travels too */
    m.id = job->stamp.id;
    fill_facts(r, &m.facts);
    msg_put_facts(&job->peer->out, &m);
}

static void put_stamped(struct recorder *r, const struct job *job)
{
    const bool granted = job->rc == RC_OK;
    const struct msg_stamped m = {
        .id = job->stamp.id,
        .rc = job->rc,
        .reply = granted ? wbuf_bytes(&job->reply) : BYTES_NONE,
        .serial = granted ? job->serial : BYTES_NONE,
        .record = granted ? job->sequence : 0,
        .why = granted ? BYTES_NONE : bytes_str(job->why),
    };

    r->facts.num_refused += !granted;
    r->facts.num_rfc3161 += granted && job->stamp.kind == MSG_RFC3161;
    r->facts.num_authenticode += granted && job->stamp.kind == MSG_AUTHENTICODE;
    msg_put_stamped(&job->peer->out, &m);
}

static void go_back(struct recorder *r, struct bytes reason)
{
    const struct gentime now = r->watch.acknowledged;

    clockwatch_go_back(&r->watch, reason);
    r->facts.last_time = gentime_compare(now, r->facts.last_time) < 0 ? now : r->facts.last_time;
}

/* It is in the record before anything is made that it allows. */
static void put_acknowledged(struct recorder *r, const struct job *job)
{
    char why[CLOCKGATE_WHY_MAX];
    enum rc rc = clockwatch_acknowledge(&r->watch, job->stamp.data, why);

    if (rc == RC_OK) {
        rc = sync_group(r);
    }
    if (rc == RC_OK) {
        go_back(r, job->stamp.data);
    } else if (rc == RC_LEDGER_WRITE) {
        issue_halt(r->core, rc);
    }
    look(r);
    msg_put_acknowledged(&job->peer->out,
                         &(struct msg_acknowledged){.id = job->stamp.id, .rc = rc, .why = bytes_str(why)});
}

static void put_pong(struct recorder *r, const struct job *job)
{
    (void)r;
    msg_put_empty(&job->peer->out, MSG_PONG);
}

static void (*const put_answer[])(struct recorder *r, const struct job *job) = {
    [JOB_STAMP] = put_stamped,
    [JOB_FACTS] = put_facts,
    [JOB_ACKNOWLEDGE] = put_acknowledged,
    [JOB_PONG] = put_pong,
};

_Static_assert(RC_CLOCK_LEAP - RC_CLOCK_BACKWARDS == 11, "the clock's reasons stand together");

static bool is_of_clock(enum rc rc)
{
    return rc >= RC_CLOCK_BACKWARDS && rc <= RC_CLOCK_LEAP;
}

static void reply_all(struct recorder *r, struct job_list *jobs)
{
    for (struct job *job = jobs->head; job; job = job->next) {
        if (peer_is_dead(job->peer)) {
            continue;
        }
        put_answer[job->kind](r, job);
        r->clock_refused |= job->kind == JOB_STAMP && is_of_clock(job->rc);
        touch(r, job->peer);
    }
    flush_touched(r);
    for (struct job *job = jobs->head; job; job = job->next) {
        peer_release(job->peer);
    }
    pool_give(r->pool, jobs);
}

/* ---- the record ---- */

static void refuse_all(struct job_list *jobs, enum rc rc)
{
    for (struct job *job = jobs->head; job; job = job->next) {
        if (job->kind == JOB_STAMP && job->rc == RC_OK) {
            job->rc = rc;
        }
    }
}

static void note_record(struct recorder *r, struct job *job)
{
    struct ledger_record record;

    histogram_count(&r->facts.sign, job->signing_ns);
    job->sequence = r->ledger->sequence;
    if (ledger_record_get(wbuf_bytes(&job->record), &record) != RC_OK) {
        return;
    }
    job->serial = record.serial;
    if (gentime_compare(r->facts.last_time, record.time) < 0) {
        r->facts.last_time = record.time;
    }
}

static enum rc sync_group(struct recorder *r)
{
    const bool is_empty = r->ledger->group.len == 0 || r->ledger->broken != RC_OK;
    const int64_t begin = is_empty ? 0 : now_mono_ns();
    enum rc rc;

    atomic_store_explicit(&r->waiting_ns, begin, memory_order_relaxed);
    rc = ledger_sync(r->ledger);
    atomic_store_explicit(&r->waiting_ns, 0, memory_order_relaxed);
    if (!is_empty) {
        histogram_count(&r->facts.sync, now_mono_ns() - begin);
    }
    return rc;
}

/* What has changed is in the record before anybody hears of it. Nothing else may wait in the group. */
static void look(struct recorder *r)
{
    const uint64_t before = r->watch.num_events;
    enum rc rc = clockwatch_look(&r->watch);

    r->clock_refused = false;
    if (rc == RC_OK && r->watch.num_events > before) {
        rc = sync_group(r);
    }
    if (rc != RC_OK) {
        issue_halt(r->core, rc);
    }
}

static void finish_group(struct recorder *r, struct job_list *group)
{
    const enum rc rc = sync_group(r);

    if (rc != RC_OK) {
        issue_halt(r->core, rc);
        refuse_all(group, rc);
    }
    reply_all(r, group);
}

/* Appends the job; where the group is full, that group is finished first. */
static void record(struct recorder *r, struct job_list *group, struct job *job)
{
    enum rc rc = ledger_append(r->ledger, wbuf_bytes(&job->record));

    if (rc == RC_TOO_LARGE && r->ledger->group.len > 0) {
        finish_group(r, group);
        rc = ledger_append(r->ledger, wbuf_bytes(&job->record));
    }
    job->rc = rc;
    if (rc == RC_OK) {
        note_record(r, job);
    } else if (rc == RC_LEDGER_WRITE) {
        issue_halt(r->core, rc);
    }
}

static void work_off(struct recorder *r, struct job_list *jobs)
{
    struct job_list group = {0};
    struct job *job;

    while ((job = job_list_take(jobs)) != NULL) {
        if (job->kind == JOB_STAMP && job->rc == RC_OK) {
            record(r, &group, job);
        }
        job_list_add(&group, job);
    }
    finish_group(r, &group);
}

/* ---- the thread ---- */

/* Sleeps until there is work, a blocked peer reads, or it is time to look around. */
static void wait_for_work(struct recorder *r)
{
    struct pollfd fds[RECORDER_PEERS_MAX + 1];
    uint64_t count;

    for (size_t i = 0; i < r->num_blocked; i++) {
        fds[i] = (struct pollfd){.fd = r->blocked[i]->fd, .events = POLLOUT};
    }
    fds[r->num_blocked] = (struct pollfd){.fd = r->wake_fd, .events = POLLIN};
    (void)poll(fds, r->num_blocked + 1, TICK_MS);
    if (fds[r->num_blocked].revents) {
        (void)!read(r->wake_fd, &count, sizeof(count));
    }
}

/* Takes all that is done; where there is nothing, says whether to sleep. */
static bool take_done(struct recorder *r, struct job_list *out, bool *out_stopping)
{
    (void)pthread_mutex_lock(&r->lock);
    job_list_join(out, &r->done);
    r->sleeping = out->num == 0;
    *out_stopping = r->stopping;
    (void)pthread_mutex_unlock(&r->lock);
    return out->num > 0;
}

/* At the end: whoever has not read by now will not. */
static void let_go(struct recorder *r)
{
    for (size_t i = 0; i < r->num_blocked; i++) {
        drop(r->blocked[i], "it has not read its last replies in time");
        r->blocked[i]->blocked = false;
        peer_release(r->blocked[i]);
    }
    r->num_blocked = 0;
}

/* All that was taken is answered: the record goes to its next writer at once; who reads slowly has a little time left. */
static bool is_over(struct recorder *r, int64_t *stop_at)
{
    if (!*stop_at) {
        ledger_close(r->ledger);
        *stop_at = now_mono_ns() + STOP_NS;
    }
    return r->num_blocked == 0 || now_mono_ns() > *stop_at;
}

void recorder_begin(struct recorder *r)
{
    look(r);
}

void *recorder_run(void *arg)
{
    struct recorder *r = arg;
    int64_t stop_at = 0;
    bool stopping = false;

    if (r->watch.looked_ns == 0) {
        recorder_begin(r);
    }
    r->facts.last_time = r->ledger->last_time;
    atomic_store(&r->waiting_ns, 0);
    for (;;) {
        struct job_list jobs = {0};

        if (take_done(r, &jobs, &stopping)) {
            work_off(r, &jobs);
        } else if (stopping && is_over(r, &stop_at)) {
            let_go(r);
            return NULL;
        } else {
            wait_for_work(r);
        }
        flush_blocked(r);
        if (!stop_at && (r->clock_refused || clockwatch_is_due(&r->watch))) {
            look(r);
        }
    }
}
