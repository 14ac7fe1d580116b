/* SPDX-License-Identifier: Apache-2.0 */
/* Gathering, flushing, hearing; and one question for facts for all who wait. */
#include "tsa/front/issuer_link.h"

#include <stdlib.h>
#include <unistd.h>

#include "tsa/base/log.h"
#include "tsa/base/mem.h"
#include "tsa/base/now.h"

#define FACTS_FRESH_NS   1000000000LL
#define STAMP_ROOM       (MSAUTH_BLOB_MAX + 256u) /* a message of the largest request */
#define PACKETS_PER_TURN 16

TAILQ_HEAD(waiter_list, issuer_link_waiter);

struct issuer_link {
    int fd;       /* -1: gone */
    bool leaving; /* the last words of an issuer are being heard */
    struct event *readable, *writable, *flush, *facts_late;
    struct event_base *base;
    const struct issuer_link_ops *ops;
    void *arg;
    struct chan_in in;
    struct chan_out out;
    size_t out_limit;
    struct waiter_list waiters;
    uint64_t asked; /* number of the question on its way; 0 = none */
    uint64_t num_asked;
    struct facts facts;
    int64_t facts_at; /* monotonic; 0 = none */
};

static void hear(struct issuer_link *link, bool to_the_end);
static void flush(struct issuer_link *link);
static void answer_waiters(struct issuer_link *link, const struct facts *facts);

/* ---- callbacks ------------------------------------------------------------------------------------- */

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    flush(arg);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    hear(arg, false);
}

static void on_facts_late(evutil_socket_t fd, short what, void *arg)
{
    struct issuer_link *link = arg;

    (void)fd;
    (void)what;
    link->asked = 0;
    answer_waiters(link, NULL);
}

/* ---- the channel ----------------------------------------------------------------------------------- */

static struct event *watch(struct issuer_link *link, short what, event_callback_fn on)
{
    struct event *event = event_new(link->base, link->fd, what, on, link);

    if (!event) {
        log_die(70, "out of memory");
    }
    return event;
}

static void forget(struct event **event)
{
    if (*event) {
        event_free(*event);
        *event = NULL;
    }
}

static void attach(struct issuer_link *link, int fd)
{
    link->fd = fd;
    chan_out_init(&link->out, link->out_limit);
    if (fd >= 0) {
        link->readable = watch(link, EV_READ | EV_PERSIST, on_readable);
        link->writable = watch(link, EV_WRITE, on_flush);
        event_add(link->readable, NULL);
    }
}

static void detach(struct issuer_link *link)
{
    forget(&link->readable);
    forget(&link->writable);
    chan_out_clear(&link->out);
    if (link->fd >= 0) {
        close(link->fd);
    }
    link->fd = -1;
    link->asked = 0;
    link->facts_at = 0;
}

static void lose(struct issuer_link *link)
{
    detach(link);
    link->ops->on_gone(link->arg);
}

/* The end of this turn: the event is put behind all that is active already. */
static void flush_soon(struct issuer_link *link)
{
    event_active(link->flush, EV_TIMEOUT, 0);
}

/* What it said before its end is heard still. */
static void fail(struct issuer_link *link, enum rc rc)
{
    if (rc == RC_IO) {
        hear(link, true);
    } else {
        log_error("the channel to the issuer failed: %s", rc_text(rc));
    }
    if (link->fd >= 0) {
        lose(link);
    }
}

static void flush(struct issuer_link *link)
{
    enum rc rc;

    if (link->fd < 0 || !chan_pending(&link->out) || chan_flush(&link->out, link->fd, &rc)) {
        return;
    }
    if (rc == RC_OK) {
        event_add(link->writable, NULL);
    } else {
        fail(link, rc);
    }
}

/* ---- hearing --------------------------------------------------------------------------------------- */

static enum rc take_stamped(struct issuer_link *link, struct bytes body)
{
    struct msg_stamped stamped;
    enum rc rc = msg_get_stamped(body, &stamped);

    if (rc == RC_OK) {
        link->ops->on_stamped(link->arg, &stamped);
    }
    return rc;
}

static enum rc take_facts(struct issuer_link *link, struct bytes body)
{
    struct msg_facts msg;
    enum rc rc = msg_get_facts(body, &msg);

    if (rc == RC_OK && msg.id == link->asked && link->asked != 0) {
        link->asked = 0;
        link->facts = msg.facts;
        link->facts_at = now_mono_ns();
        answer_waiters(link, &link->facts);
    }
    return rc;
}

static enum rc take_message(struct issuer_link *link, const struct chan_message *message)
{
    switch (message->type) {
    case MSG_STAMPED:
        return take_stamped(link, message->body);
    case MSG_FACTS:
        return take_facts(link, message->body);
    default:
        return RC_MSG_MALFORMED;
    }
}

static enum rc hear_packet(struct issuer_link *link)
{
    struct chan_message message;
    enum rc rc = chan_receive(&link->in, link->fd);

    if (link->in.passed_fd >= 0) { /* an issuer sends none */
        close(link->in.passed_fd);
        rc = RC_MSG_MALFORMED;
    }
    while (rc == RC_OK && chan_next(&link->in, &message)) {
        rc = take_message(link, &message);
    }
    return rc;
}

/* A packet with room left was all that the issuer had to say: to look again would mostly be in vain. */
static void hear(struct issuer_link *link, bool to_the_end)
{
    enum rc rc = RC_OK;
    int i;

    for (i = 0; rc == RC_OK && (to_the_end || i < PACKETS_PER_TURN); i++) {
        rc = hear_packet(link);
        if (!to_the_end && link->in.len < CHAN_PACKET_MAX / 2) {
            break;
        }
    }
    if (rc == RC_OK || rc == RC_NOT_FOUND) {
        return;
    }
    if (rc == RC_IO) { /* who ended it has more to say about why */
        log_debug("the channel to the issuer is closed; what waits is for the next one");
    } else {
        log_error("the issuer says what is no message: %s", rc_text(rc));
    }
    lose(link);
}

/* ---- facts ----------------------------------------------------------------------------------------- */

static void answer_waiters(struct issuer_link *link, const struct facts *facts)
{
    struct issuer_link_waiter *waiter;

    event_del(link->facts_late);
    while ((waiter = TAILQ_FIRST(&link->waiters))) {
        TAILQ_REMOVE(&link->waiters, waiter, entry);
        waiter->on_facts(waiter, facts);
    }
}

static bool has_room(const struct issuer_link *link)
{
    return link->out.queue.len + STAMP_ROOM <= link->out_limit;
}

/* One question for all who wait; who asks while there is no issuer gets the word of the next, where it comes in time. */
static void ask(struct issuer_link *link)
{
    if (link->asked == 0 && link->fd >= 0 && has_room(link)) {
        link->asked = ++link->num_asked;
        msg_put_ask_facts(&link->out, link->asked);
        flush_soon(link);
    }
}

void issuer_link_ask(struct issuer_link *link, struct issuer_link_waiter *waiter)
{
    static const struct timeval patience = {2, 0};

    if (link->facts_at != 0 && now_mono_ns() - link->facts_at <= FACTS_FRESH_NS) {
        waiter->on_facts(waiter, &link->facts);
        return;
    }
    if (TAILQ_EMPTY(&link->waiters)) {
        event_add(link->facts_late, &patience);
    }
    TAILQ_INSERT_TAIL(&link->waiters, waiter, entry);
    ask(link);
}

/* ---- the rest -------------------------------------------------------------------------------------- */

enum rc issuer_link_stamp(struct issuer_link *link, const struct msg_stamp *stamp)
{
    if (link->fd < 0 || link->leaving) {
        return RC_ISSUER_GONE;
    }
    if (!has_room(link)) {
        return RC_OVERLOADED;
    }
    if (!chan_pending(&link->out)) {
        flush_soon(link);
    }
    msg_put_stamp(&link->out, stamp);
    return RC_OK;
}

struct issuer_link *issuer_link_new(struct event_base *base, int fd, size_t queue,
                                    const struct issuer_link_ops *ops, void *arg)
{
    struct issuer_link *link = xcalloc(1, sizeof *link);

    link->base = base;
    link->ops = ops;
    link->arg = arg;
    link->fd = -1;
    link->out_limit = (queue + 2) * STAMP_ROOM * 2; /* what is sent may stand before it for a while */
    link->flush = watch(link, 0, on_flush);
    link->facts_late = watch(link, 0, on_facts_late);
    TAILQ_INIT(&link->waiters);
    attach(link, fd);
    return link;
}

void issuer_link_replace(struct issuer_link *link, int fd)
{
    link->leaving = true; /* who asks now is not to be sent to the old one */
    if (link->fd >= 0) {
        hear(link, true);
    }
    detach(link);
    link->leaving = false;
    attach(link, fd);
    if (!TAILQ_EMPTY(&link->waiters)) {
        ask(link);
    }
    link->ops->on_gone(link->arg);
}

bool issuer_link_is_up(const struct issuer_link *link)
{
    return link->fd >= 0;
}

void issuer_link_free(struct issuer_link *link)
{
    if (link) {
        detach(link);
        answer_waiters(link, NULL);
        forget(&link->flush);
        forget(&link->facts_late);
        free(link);
    }
}
