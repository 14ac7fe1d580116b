/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel to the issuer inside the event loop. Messages gather while a turn of the loop runs and go out together at its end,
 * so that the load itself decides how many share a packet. It says "stamp this" and "how are you"; it knows no client.
 */
#ifndef TSA_FRONT_ISSUER_LINK_H
#define TSA_FRONT_ISSUER_LINK_H

#include <event2/event.h>
#include <sys/queue.h>

#include "tsa/role/msg.h"

struct issuer_link;

struct issuer_link_ops {
    void (*on_stamped)(void *arg, const struct msg_stamped *stamped); /* views die on return */
    /* Nothing that was sent before will be answered any more; issuer_link_is_up tells whether there is a new channel already. */
    void (*on_gone)(void *arg);
};

/* Somebody who waits for facts; facts is NULL when they are not to be had in time. Called once. */
struct issuer_link_waiter {
    TAILQ_ENTRY(issuer_link_waiter) entry;
    void (*on_facts)(struct issuer_link_waiter *waiter, const struct facts *facts);
};

/* issuer_link_new takes fd (-1: no issuer yet); queue is how many requests may be on their way. It dies when there is no memory (start-up). */
struct issuer_link *issuer_link_new(struct event_base *base, int fd, size_t queue,
                                    const struct issuer_link_ops *ops, void *arg);
void issuer_link_free(struct issuer_link *link);

/* issuer_link_replace takes the channel to a new issuer. What the old one has said is still heard first; then, always, on_gone. */
void issuer_link_replace(struct issuer_link *link, int fd);
bool issuer_link_is_up(const struct issuer_link *link);

/* issuer_link_stamp queues a request. RC_ISSUER_GONE, RC_OVERLOADED (the channel is full). */
enum rc issuer_link_stamp(struct issuer_link *link, const struct msg_stamp *stamp) MUST_CHECK;

/* issuer_link_ask calls waiter->on_facts with facts not older than a second: at once, or within two seconds. */
void issuer_link_ask(struct issuer_link *link, struct issuer_link_waiter *waiter);

#endif
