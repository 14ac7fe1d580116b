/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock file (run/clock): one record of fixed size under a sequence lock, written in place by the clock role about once a
 * second, mapped read-only by the issuer. It expires by itself: a dead clock role stops the authority.
 */
#ifndef TSA_ROLE_CLOCKPAGE_H
#define TSA_ROLE_CLOCKPAGE_H

#include "tsa/wire/gentime.h"

enum clockpage_state {
    CLOCKPAGE_UNKNOWN,
    CLOCKPAGE_SYNC,
    CLOCKPAGE_WARN,
    CLOCKPAGE_STOP
};
enum clockpage_leap {
    CLOCKPAGE_LEAP_NONE,
    CLOCKPAGE_LEAP_INSERT,
    CLOCKPAGE_LEAP_DELETE,
    CLOCKPAGE_LEAP_UNKNOWN
};

#define CLOCKPAGE_LIFE_NS (3 * 1000000000LL) /* a record is good for this long after its sample */

struct clockpage_record {
    int64_t sampled_mono_ns; /* CLOCK_MONOTONIC of the source's reply */
    int64_t expires_mono_ns;
    int64_t real_minus_mono_ns; /* at the sample, to find steps */
    int64_t bound_ns;           /* how wrong the clock can be, at the sample; -1 = unknown */
    int64_t drift_ppb;          /* by how much the bound grows each second, parts per 10^9 */
    uint32_t state;             /* enum clockpage_state */
    uint32_t leap;              /* enum clockpage_leap */
    uint32_t proven;            /* 0: clock.source = "system" */
    uint32_t reason;            /* enum rc, with CLOCKPAGE_STOP */
    char reference[32];         /* for people: "system", "chrony 192.0.2.1" */
};

struct clockpage; /* the mapped file */

#define CLOCKPAGE_FILE_SIZE 4096

/* clockpage_open maps an open descriptor of the clock file (writable for the clock role); the descriptor may be closed then. NULL with errno. */
struct clockpage *clockpage_open(int fd, bool writable);
void clockpage_close(struct clockpage *page);

void clockpage_write(struct clockpage *page, const struct clockpage_record *record);

/* clockpage_read takes a consistent copy. False when there is none yet, the file is of another layout, or the writer died in the
 * middle of a write (bounded number of tries). */
bool clockpage_read(const struct clockpage *page, struct clockpage_record *out);

#endif
