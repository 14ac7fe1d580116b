/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast the issuer answers while more waits than it is given: from that follows how much it may be given at a time (about a second's work, so
 * that what is given up by its client's deadline has mostly not been signed in vain), and how many may wait at all (as many as it answers within
 * the patience of the oldest). Measured only while the window is full: an idle issuer says nothing about its speed. Arithmetic alone.
 */
#ifndef TSA_FRONT_PACE_H
#define TSA_FRONT_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACE_SPAN_NS   250000000LL   /* between two measurements */
#define PACE_MEMORY_NS 10000000000LL /* older ones say nothing any more */
#define PACE_SAMPLES   16
#define PACE_FIRST     64 /* window before anything was measured, of all fronts together */
#define PACE_LEAST     32 /* answers a second that are expected of any issuer, of all together too */

struct pace {
    size_t window; /* requests that the issuer may have at a time */

    /* private */
    size_t most, num, at;
    double least;
    int64_t since; /* 0: nothing is being measured */
    struct {
        int64_t when;
        double rate; /* answers a second */
    } samples[PACE_SAMPLES];
};

void pace_init(struct pace *pace, size_t most);

/* pace_share, before anything is measured: num fronts share the issuer. If each gave a slow one as much as a single front may, it would sign for clients
 * whose time is over, and for nobody else. */
void pace_share(struct pace *pace, size_t num);

/* pace_answer counts an answer; is_full tells whether requests are held back because the window is full, patience (ns) how long they may wait:
 * the window is what is answered within it, or within a second where it is longer. */
void pace_answer(struct pace *pace, int64_t now, bool is_full, int64_t patience);

/* pace_pause forgets a measurement that is not finished: the channel is gone. */
void pace_pause(struct pace *pace);

/* pace_room returns how many may wait so that the last of them is answered within patience (ns): the fastest of late counts. */
size_t pace_room(const struct pace *pace, int64_t now, int64_t patience);

#endif
