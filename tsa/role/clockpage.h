/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock file (run/clock): one record of fixed size under a sequence lock, written in place by the clock role about once a
 * second, mapped read-only by the issuer. It expires by itself: a dead clock role stops the authority. Behind it, under a lock of its own, stands what the
 * time servers said one by one, for people: nothing is decided by it.
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
enum clockpage_proof {
    CLOCKPAGE_TRUSTED, /* clock.source = "system": the host is believed */
    CLOCKPAGE_PROVEN,
    CLOCKPAGE_LAB_TIME /* fenced lab time: no evidence of anything */
};

#define CLOCKPAGE_LIFE_NS       (3 * 1000000000LL) /* a record is good for this long after its sample */
#define CLOCKPAGE_REFERENCE_MAX 48

struct clockpage_record {
    uint64_t epoch;          /* 1, 2, 3 ...: another one for each record */
    int64_t sampled_mono_ns; /* CLOCK_MONOTONIC of the source's reply */
    int64_t expires_mono_ns;
    int64_t real_minus_mono_ns; /* at the sample, to find steps */
    int64_t mono_minus_raw_ns;  /* MONOTONIC - MONOTONIC_RAW then, to find slews */
    int64_t
        base_ns; /* REALTIME - MONOTONIC before the reference was last measured: what it has changed since is not explained by the source */
    uint64_t measurement;     /* changes with each new measurement of the reference */
    int64_t measured_mono_ns; /* CLOCK_MONOTONIC of that measurement; -1 = unknown */
    int64_t bound_ns;         /* how wrong the clock can be, at the sample; -1 = unknown */
    int64_t drift_ppb;        /* by how much the bound grows each second, parts per 10^9 */
    int64_t figure_ns;        /* that belongs to reason (how far, how long); -1 = none */
    int64_t
        leap_at; /* the midnight (seconds since 1970) around which a leap second is announced or feared; 0 = none */
    uint32_t state;    /* enum clockpage_state */
    uint32_t reason;   /* enum rc, with CLOCKPAGE_STOP and CLOCKPAGE_WARN */
    uint32_t proven;   /* enum clockpage_proof */
    uint32_t leap;     /* enum clockpage_leap, as the source has it */
    uint32_t stratum;  /* of the source; 0 = unknown */
    uint32_t num_good; /* good records since the last bad one, while STOP is being left */
    char reference[CLOCKPAGE_REFERENCE_MAX]; /* for people, printable ASCII: "system", "chrony 192.0.2.1" */
};

#define CLOCKPAGE_MAX_SERVERS 16

struct clockpage_server {
    char address[64]; /* as it is configured, "time.example.org 192.0.2.1" */
    uint32_t state;   /* enum clockpage_server_state */
    uint32_t stratum;
    int64_t offset_ns;        /* its time minus ours */
    int64_t error_ns;         /* how wrong that can be */
    int64_t measured_mono_ns; /* -1 = never answered */
};
enum clockpage_server_state {
    CLOCKPAGE_SERVER_SILENT,
    CLOCKPAGE_SERVER_GOOD,  /* of the majority */
    CLOCKPAGE_SERVER_FALSE, /* outside of what the majority says */
    CLOCKPAGE_SERVER_UNFIT  /* not synchronised, or its reply can not be used */
};
struct clockpage_servers {
    uint64_t num;
    struct clockpage_server list[CLOCKPAGE_MAX_SERVERS];
};

struct clockpage; /* the mapped file */

#define CLOCKPAGE_FILE_SIZE 4096

enum clockpage_file {
    CLOCKPAGE_NONE,  /* something else: not to be written into */
    CLOCKPAGE_OURS,  /* or nothing yet: it is empty, or zeros */
    CLOCKPAGE_OTHER, /* of another layout, which another version of this program has */
};

/* clockpage_look tells what an open file is, by how it begins. */
enum clockpage_file clockpage_look(int fd);

/* clockpage_open maps an open descriptor of the clock file (writable for the clock role); the descriptor may be closed then. NULL with errno. A reader outlives
 * that somebody cuts the file: the process takes SIGBUS for that, and what else causes one ends it as before. */
struct clockpage *clockpage_open(int fd, bool writable);
void clockpage_close(struct clockpage *page);

void clockpage_write(struct clockpage *page, const struct clockpage_record *record);

/* clockpage_read takes a consistent copy. False when there is none yet, the file is of another layout, or the writer died in the
 * middle of a write (bounded number of tries). */
bool clockpage_read(const struct clockpage *page, struct clockpage_record *out);

/* The same for the servers. */
void clockpage_write_servers(struct clockpage *page, const struct clockpage_servers *servers);
bool clockpage_read_servers(const struct clockpage *page, struct clockpage_servers *out);

#endif
