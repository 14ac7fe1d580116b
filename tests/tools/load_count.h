/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came of each request, how long it took, and the one JSON object that tells it. Every request that was due ends in exactly one of granted,
 * shed, refused and failed.
 */
#ifndef TESTS_TOOLS_LOAD_COUNT_H
#define TESTS_TOOLS_LOAD_COUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tsa/wire/tsp.h"

enum load_result {
    LOAD_GRANTED,
    LOAD_SHED,    /* HTTP 503, 429: come again */
    LOAD_REFUSED, /* another HTTP error, or a TimeStampResp that is none of granted */
    LOAD_CONNECT, /* failures from here: no connection */
    LOAD_RESET,
    LOAD_CLOSED, /* without an answer, or in the midst of it */
    LOAD_TIMEOUT,
    LOAD_UNSENT, /* no connection was free in time */
    LOAD_MALFORMED,
    LOAD_WRONG, /* a token for something else */
    LOAD_RESULTS
};

/* Buckets of a thirty-second of an octave: 3 % of a value at most. */
#define LOAD_FINE    32u
#define LOAD_BUCKETS (40u * LOAD_FINE)

struct load_latency {
    uint64_t buckets[LOAD_BUCKETS], num;
    int64_t max; /* ns */
};

struct load_count {
    uint64_t results[LOAD_RESULTS], statuses[600], failures[32];
    uint64_t due, sent, opened, reopened, in_time; /* in_time: granted while requests were still due */
    struct load_latency latency[LOAD_REFUSED + 1];
};

static inline size_t load_bucket(uint64_t us)
{
    const unsigned top = us < 2 * LOAD_FINE ? 0 : 58u - (unsigned)__builtin_clzll(us);
    const size_t at = top == 0 ? (size_t)us : (top + 1) * LOAD_FINE + (size_t)(us >> top) - LOAD_FINE;

    return at < LOAD_BUCKETS ? at : LOAD_BUCKETS - 1;
}

/* The greatest value of a bucket. */
static inline double load_bucket_us(size_t at)
{
    const size_t top = at < 2 * LOAD_FINE ? 0 : at / LOAD_FINE - 1;

    return top == 0 ? (double)at : (double)(((at % LOAD_FINE + LOAD_FINE + 1) << top) - 1);
}

static inline void load_latency_add(struct load_latency *l, int64_t ns)
{
    l->buckets[load_bucket((uint64_t)(ns < 0 ? 0 : ns) / 1000)]++;
    l->num++;
    l->max = ns > l->max ? ns : l->max;
}

static inline double load_latency_ms(const struct load_latency *l, double part)
{
    uint64_t sum = 0, wanted = (uint64_t)((double)l->num * part);
    size_t i;

    for (i = 0; i + 1 < LOAD_BUCKETS && sum + l->buckets[i] <= wanted; i++) {
        sum += l->buckets[i];
    }
    return l->num == 0                                ? 0
           : load_bucket_us(i) * 1e3 > (double)l->max ? (double)l->max / 1e6
                                                      : load_bucket_us(i) / 1e3;
}

static inline void load_print_latency(const char *name, const struct load_latency *l)
{
    printf("\"%s\":{\"num\":%llu,\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"max\":%.3f}", name,
           (unsigned long long)l->num, load_latency_ms(l, 0.5), load_latency_ms(l, 0.9),
           load_latency_ms(l, 0.99), (double)l->max / 1e6);
}

static inline void load_print_map(const struct load_count *c)
{
    const char *comma = "";

    printf(",\"refused\":{\"total\":%llu,\"http\":{",
           (unsigned long long)(c->results[LOAD_SHED] + c->results[LOAD_REFUSED]));
    for (unsigned i = 0; i < 600; i++) {
        if (i != 200 && c->statuses[i] > 0) {
            printf("%s\"%u\":%llu", comma, i, (unsigned long long)c->statuses[i]);
            comma = ",";
        }
    }
    printf("},\"pki\":{");
    comma = "";
    for (int i = 0; i < 32; i++) {
        if (c->failures[i] > 0) {
            printf("%s\"%s\":%llu", comma, tsp_failure_name((enum tsp_failure)(i - 1)),
                   (unsigned long long)c->failures[i]);
            comma = ",";
        }
    }
    printf("}}");
}

static inline void load_print_failed(const struct load_count *c)
{
    static const char *const words[] = {"connect", "reset",     "closed", "timeout",
                                        "unsent",  "malformed", "wrong"};
    uint64_t total = 0;

    for (int i = LOAD_CONNECT; i < LOAD_RESULTS; i++) {
        total += c->results[i];
    }
    printf(",\"failed\":{\"total\":%llu", (unsigned long long)total);
    for (int i = LOAD_CONNECT; i < LOAD_RESULTS; i++) {
        printf(",\"%s\":%llu", words[i - LOAD_CONNECT], (unsigned long long)c->results[i]);
    }
    printf("}");
}

/* seconds: from the first request until the last was due. */
static inline void load_print(const struct load_count *c, double seconds)
{
    printf("{\"seconds\":%.3f,\"due\":%llu,\"sent\":%llu,\"granted\":%llu,\"shed\":%llu", seconds,
           (unsigned long long)c->due, (unsigned long long)c->sent,
           (unsigned long long)c->results[LOAD_GRANTED], (unsigned long long)c->results[LOAD_SHED]);
    load_print_map(c);
    load_print_failed(c);
    printf(",\"goodput\":%.1f,\"opened\":%llu,\"reopened\":%llu,\"latency_ms\":{",
           seconds > 0 ? (double)c->in_time / seconds : 0, (unsigned long long)c->opened,
           (unsigned long long)c->reopened);
    load_print_latency("granted", &c->latency[LOAD_GRANTED]);
    printf(",");
    load_print_latency("shed", &c->latency[LOAD_SHED]);
    printf(",");
    load_print_latency("refused", &c->latency[LOAD_REFUSED]);
    printf("}}\n");
}

#endif
