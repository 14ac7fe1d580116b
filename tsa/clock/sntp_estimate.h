/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the answers of several time servers to what is known of the clock. Each answer bounds (UTC - CLOCK_MONOTONIC_RAW): nobody can set or slew that
 * clock, so an answer stays true, widened by age x drift, whatever happens to the host's time, and a step shows at once. The majority of the servers
 * decides. No socket, clock or log here: everything is an argument.
 */
#ifndef TSA_CLOCK_SNTP_ESTIMATE_H
#define TSA_CLOCK_SNTP_ESTIMATE_H

#include "tsa/clock/interval.h"
#include "tsa/clock/timesrc.h"

#define SNTP_NUM_KEPT     8 /* answers of one server, of which the best counts */
#define SNTP_SILENT_POLLS 4 /* a server that has said nothing for so long is not counted */

/* An answer further from UTC than this is of no use (MAXDIST, RFC 5905 appendix A.5.1.1, as ntpd has it). */
#define SNTP_MAX_DISTANCE_NS INT64_C(1500000000)

struct sntp_rules {
    size_t num; /* servers that are configured, whether they can be reached or not */
    int64_t poll_ns, max_age_ns;
    int64_t drift_ppb; /* of CLOCK_MONOTONIC_RAW */
};

/* One question and its answer: T1 .. T4 of RFC 5905 8. */
struct sntp_exchange {
    int64_t sent_raw_ns, received_raw_ns;       /* CLOCK_MONOTONIC_RAW of ours */
    int64_t server_received_ns, server_sent_ns; /* its clock, since 1970 */
    int64_t server_error_ns;                    /* its root delay / 2 + root dispersion + precision */
    uint32_t stratum;
    enum clockpage_leap leap;
};

/* One moment on three clocks. */
struct sntp_moment {
    int64_t real_ns, mono_ns, raw_ns;
    int64_t error_ns; /* how far the readings may lie apart */
};

/* (UTC - CLOCK_MONOTONIC_RAW) as one answer has it. */
struct sntp_kept {
    int64_t middle_ns, error_ns; /* at sent_raw_ns */
    int64_t sent_raw_ns, received_raw_ns;
};

struct sntp_known {
    struct sntp_kept kept[SNTP_NUM_KEPT]; /* the newest first */
    size_t num;
    uint32_t stratum;
    enum clockpage_leap leap;
    bool is_unfit;
    int64_t unfit_raw_ns; /* when it said so */
};

struct sntp_estimate {
    struct sntp_rules rules;
    struct sntp_known servers[INTERVAL_MAX];
    uint64_t num_exchanges;
    int64_t agreed_raw_ns; /* the newest measurement of a majority that agreed; 0 = none */
};

void sntp_estimate_init(struct sntp_estimate *estimate, const struct sntp_rules *rules);

/* sntp_estimate_put takes an answer. False: its distance is too large, and the server is unfit until it has a better one. */
bool sntp_estimate_put(struct sntp_estimate *estimate, size_t server, const struct sntp_exchange *exchange);

/* sntp_estimate_unfit: it answers, but says itself that it can not be used. What it said before is forgotten. */
void sntp_estimate_unfit(struct sntp_estimate *estimate, size_t server, int64_t raw_ns);

/* sntp_estimate_has_majority tells whether more than half of the servers have said something that counts now. */
bool sntp_estimate_has_majority(const struct sntp_estimate *estimate, int64_t raw_ns);

/* sntp_moment_of is the moment of timesrc_read_clocks, and of what that has returned. */
struct sntp_moment sntp_moment_of(const struct timesrc_sample *clocks, int64_t error_ns);

/* sntp_estimate_sample says what is known of CLOCK_REALTIME now. */
void sntp_estimate_sample(struct sntp_estimate *estimate, const struct sntp_moment *now,
                          struct timesrc_sample *out);

/* sntp_estimate_servers fills num and all of each server but its address. */
void sntp_estimate_servers(const struct sntp_estimate *estimate, const struct sntp_moment *now,
                           struct clockpage_servers *out);

#endif
