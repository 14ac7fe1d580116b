/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all fronts have in common: one file in memory, mapped by each, made by the parent, alive as long as the authority. Counters of what
 * was done (so that /metrics tells one truth whichever front answers), a place for each living front, and the table of sources, by which
 * rates and connections of one client are counted over all fronts. Numbers only, each atomic by itself; nothing here is trusted with more than counting.
 * A front that was taken over can write whatever it likes: then counters lie and limits fail, but nobody reads beyond, nobody ends, and a reload leaves
 * of its connections and places nothing.
 */
#ifndef TSA_FRONT_SHARED_H
#define TSA_FRONT_SHARED_H

#include <stdatomic.h>

#include "tsa/role/histogram.h"
#include "tsa/role/settings.h"

#define SHARED_PLACES   128                      /* fronts of two generations */
#define SHARED_UNITS    (2 * SETTINGS_MAX_UNITS) /* those too */
#define SHARED_SOURCES  16384                    /* power of two */
#define SHARED_KINDS    3                        /* neither protocol, RFC 3161, Authenticode */
#define SHARED_STATUSES 600
#define SHARED_ENDS     32
#define SHARED_NAME_MAX 64

typedef _Atomic uint64_t shared_count;

struct shared_histogram {
    shared_count counts[HISTOGRAM_BUCKETS], sum_us;
};

/* By name, so that a unit keeps its counters over a reload. */
struct shared_unit {
    char name[SHARED_NAME_MAX]; /* empty: free; written by the parent alone */
    shared_count requests[SHARED_KINDS][RC_NUM];
};

/* A /32 or /64 that asks. */
struct shared_source {
    shared_count key; /* keyed hash of the prefix; 0 = free */
    _Atomic int64_t
        after; /* when its bucket is full again, CLOCK_MONOTONIC ns (GCRA's theoretical arrival time) */
};

/* What ends with a front. */
struct shared_place {
    _Atomic uint32_t num_open, num_waiting;
    _Atomic uint16_t conns[SHARED_SOURCES]; /* its connections, by source */
};

struct shared {
    uint64_t secret[2]; /* for the hash: nobody outside can aim at one place of the table */
    struct shared_unit units[SHARED_UNITS];
    shared_count statuses[SHARED_STATUSES], ends[SHARED_ENDS],
        refused[RC_NUM]; /* refused: by admission, before any unit */
    shared_count accepted;
    shared_count starts;            /* of fronts: metrics_init counts */
    struct shared_histogram answer; /* from a whole request to its answer */
    struct shared_source sources[SHARED_SOURCES];
    _Atomic int32_t pids
        [SHARED_PLACES]; /* whose place it is; 0 = free; negative: being taken, what stands there is old */
    struct shared_place places[SHARED_PLACES];
};

/* shared_create makes the file (parent); -1 with errno. shared_map maps it; NULL with errno (EINVAL: of another size, or one that could be
 * made smaller); the descriptor may be closed then. */
int shared_create(void);
struct shared *shared_map(int fd);
void shared_unmap(struct shared *shared);

/* shared_name_units gives each name a place among the units, the same one as before where it had one. Names that are gone keep theirs with what was
 * counted, as long as no new one needs it. Parent, before fronts of a new generation start, with the names of those that run as well: they may stay. */
void shared_name_units(struct shared *shared, const char *const *names, size_t num);

/* shared_find_unit: NULL when the name has no place. */
struct shared_unit *shared_find_unit(struct shared *shared, const char *name);

/* shared_take_place claims a free place for this process. There are enough for all fronts that the parent starts; where none is free since somebody
 * wrote what is not true, this process counts in the last one, together with another. */
struct shared_place *shared_take_place(struct shared *shared);

/* shared_is_taken tells whether what stands in a place is of a front that lives. */
static inline bool shared_is_taken(const struct shared *shared, size_t place)
{
    return atomic_load_explicit(&shared->pids[place], memory_order_acquire) > 0;
}

/* shared_keep frees the places of all but these processes. The parent calls it whenever a front has ended, before it starts another one, which may get
 * the same number. */
void shared_keep(struct shared *shared, const int32_t *living, size_t num);

#endif
