/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of a channel: the parent, or a front. The reader opens, reads and closes it; the recorder alone writes to it. It is
 * closed when it is dead and nobody holds it any more.
 */
#ifndef TSA_ISSUER_PEER_H
#define TSA_ISSUER_PEER_H

#include <stdatomic.h>

#include "tsa/role/msg.h"

#define PEER_QUEUE_MAX (32u * 1024 * 1024) /* octets that wait for a peer which does not read */

struct peer {
    int fd; /* -1: this place is free */
    bool is_parent;
    bool is_older; /* a front of an older generation: units tells what its unit numbers mean */
    struct msg_units units;
    _Atomic bool dead;      /* set by either side; nothing is read from or written to it then */
    _Atomic unsigned holds; /* jobs under way, and the recorder while something waits to be written */
    /* The recorder's: */
    struct chan_out out;
    bool touched, blocked;
    int64_t progress_ns; /* when it last took something */
};

static inline void peer_hold(struct peer *peer)
{
    (void)atomic_fetch_add_explicit(&peer->holds, 1, memory_order_relaxed);
}

static inline void peer_release(struct peer *peer)
{
    (void)atomic_fetch_sub_explicit(&peer->holds, 1, memory_order_release);
}

static inline bool peer_is_dead(const struct peer *peer)
{
    return atomic_load_explicit(&peer->dead, memory_order_acquire);
}

#endif
