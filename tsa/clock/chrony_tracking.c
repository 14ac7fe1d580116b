/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request is a head of 20 octets and zeros up to the length of the reply, so that chronyd amplifies nothing. The reply is a head of 28 octets and
 * the report. A number there is a word: seven bits of exponent above 25 bits of coefficient, both signed; the value is
 * coefficient * 2^(exponent - 25).
 */
#include "tsa/clock/chrony_tracking.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION          6
#define TYPE_REQUEST     1
#define TYPE_REPLY       2
#define COMMAND_TRACKING 33
#define REPLY_TRACKING   5
#define REPLY_HEAD_LEN   28

/* Where things stand in the request and in the reply. */
enum {
    AT_VERSION = 0,
    AT_TYPE = 1,
    AT_COMMAND = 4,
    AT_REQUEST_SEQUENCE = 8,
    AT_REPLY = 6,
    AT_STATUS = 8,
    AT_SEQUENCE = 16,
    AT_REFERENCE_ID = 28,
    AT_ADDRESS = 32,
    AT_FAMILY = 48,
    AT_STRATUM = 52,
    AT_LEAP = 54,
    AT_MEASURED = 56,
    AT_CORRECTION = 68,
    AT_LAST_OFFSET = 72,
    AT_RESIDUAL = 84,
    AT_SKEW = 88,
    AT_ROOT_DELAY = 92,
    AT_ROOT_DISPERSION = 96
};

enum {
    FAMILY_NONE,
    FAMILY_V4,
    FAMILY_V6,
    FAMILY_UNRESOLVED,
    NUM_FAMILIES
};

#define NO_HIGH_SECONDS  0x7fffffffu         /* a chronyd whose seconds have 32 bits */
#define LAST_SECOND      INT64_C(9000000000) /* later ones do not fit into 64 bits of nanoseconds */
#define REFERENCE_LOCAL  0x7f7f0101u         /* 127.127.1.1: it follows nothing but itself */
#define STRATUM_MAX      16u
#define LEAP_UNKNOWN     3u
#define COEFFICIENT_BITS 25
#define EXPONENT_BITS    7
#define NS_PER_SECOND    INT64_C(1000000000)
#define PPB_PER_PPM      INT64_C(1000)
#define LIMIT_NS         INT64_C(100000000000000000) /* three years: all of them can still be added */
#define LIMIT_PPB        INT64_C(1000000000000)
#define OWN_DRIFT_PPB    INT64_C(1000) /* of what chronyd can not know yet: the temperature of the next second */

/* ---- octets ---- */

static uint32_t get_u16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get_u32(const uint8_t *at)
{
    return get_u16(at) << 16 | get_u16(at + 2);
}

static int32_t sign_extend(uint32_t value, int bits)
{
    const uint32_t sign = 1u << (bits - 1);

    return (int32_t)(value ^ sign) - (int32_t)sign;
}

/* In units of 1 / scale. False when it is larger than limit. */
static bool get_number(const uint8_t *at, int64_t scale, int64_t limit, int64_t *out)
{
    const uint32_t word = get_u32(at);
    const int exponent = sign_extend(word >> COEFFICIENT_BITS, EXPONENT_BITS) - COEFFICIENT_BITS;
    const int64_t product =
        sign_extend(word & ((1u << COEFFICIENT_BITS) - 1), COEFFICIENT_BITS) * scale; /* below 2^54 */
    int64_t size = llabs(product);

    if (exponent >= 0) {
        if (size > limit >> exponent) {
            return false;
        }
        size <<= exponent;
    } else if (exponent <= -62) {
        size = size ? 1 : 0;
    } else {
        size = (size + (INT64_C(1) << -exponent) - 1) >> -exponent;
    }
    *out = product < 0 ? -size : size;
    return size <= limit;
}

void chrony_tracking_ask(uint32_t sequence, uint8_t out[CHRONY_TRACKING_LEN])
{
    memset(out, 0, CHRONY_TRACKING_LEN);
    out[AT_VERSION] = VERSION;
    out[AT_TYPE] = TYPE_REQUEST;
    out[AT_COMMAND + 1] = COMMAND_TRACKING;
    for (size_t i = 0; i < 4; i++) {
        out[AT_REQUEST_SEQUENCE + i] = (uint8_t)(sequence >> (24 - 8 * i));
    }
}

/* ---- the head ---- */

/* Errors come as a head alone: their status says more than their length. */
static const char *check_head(struct bytes reply)
{
    const uint8_t *r = reply.data;

    if (reply.len < REPLY_HEAD_LEN) {
        return "it is shorter than the head of a reply";
    }
    if (r[AT_TYPE] != TYPE_REPLY || get_u16(r + AT_COMMAND) != COMMAND_TRACKING) {
        return "it is no reply to a tracking request";
    }
    if (r[AT_VERSION] != VERSION) {
        return "it speaks another version of the command protocol than 6";
    }
    if (get_u16(r + AT_STATUS) != 0) {
        return "it refuses the request";
    }
    if (get_u16(r + AT_REPLY) != REPLY_TRACKING) {
        return "it answers with something else than its tracking";
    }
    return reply.len != CHRONY_TRACKING_LEN ? "it has another length than 104 octets" : NULL;
}

/* ---- the report ---- */

/* Of a reference clock's name nothing is shown that could mean something else on a page or in a log. */
static bool is_name(const uint8_t *at, size_t len)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._+";

    for (size_t i = 0; i < len; i++) {
        if (at[i] == 0 || !strchr(letters, at[i])) {
            return false;
        }
    }
    return len > 0;
}

static void put_reference(const uint8_t *reply, char out[CLOCKPAGE_REFERENCE_MAX])
{
    const uint8_t *id = reply + AT_REFERENCE_ID;
    const uint32_t family = get_u16(reply + AT_FAMILY);
    char text[INET6_ADDRSTRLEN] = "";
    size_t len = 4;

    while (len > 0 && id[len - 1] == 0) {
        len--;
    }
    if (family == FAMILY_V4 || family == FAMILY_V6) {
        (void)inet_ntop(family == FAMILY_V4 ? AF_INET : AF_INET6, reply + AT_ADDRESS, text, sizeof(text));
    } else if (get_u32(id) == REFERENCE_LOCAL) {
        (void)snprintf(text, sizeof(text), "127.127.1.1");
    } else if (is_name(id, len)) {
        (void)snprintf(text, sizeof(text), "%.*s", (int)len, (const char *)id);
    } else if (len > 0) {
        (void)snprintf(text, sizeof(text), "0x%08x", (unsigned)get_u32(id));
    }
    memset(out, 0, CLOCKPAGE_REFERENCE_MAX);
    (void)snprintf(out, CLOCKPAGE_REFERENCE_MAX, *text ? "chrony %s" : "chrony", text);
}

static const char *get_measured(const uint8_t *at, struct gentime *out)
{
    const uint32_t high = get_u32(at), nanoseconds = get_u32(at + 8);
    const uint64_t seconds = (uint64_t)(high == NO_HIGH_SECONDS ? 0 : high) << 32 | get_u32(at + 4);

    if (seconds > LAST_SECOND || nanoseconds >= NS_PER_SECOND) {
        return "the time of its last measurement is absurd";
    }
    *out = (struct gentime){.sec = (int64_t)seconds, .nsec = nanoseconds};
    return NULL;
}

static const char *get_numbers(const uint8_t *reply, struct chrony_tracking *out)
{
    const struct {
        size_t at;
        int64_t scale, limit, *to;
        bool is_signed;
        const char *why;
    } numbers[] = {
        {AT_CORRECTION, NS_PER_SECOND, LIMIT_NS, &out->correction_ns, true, "its correction is absurd"},
        {AT_LAST_OFFSET, NS_PER_SECOND, LIMIT_NS, &out->last_offset_ns, true, "its last offset is absurd"},
        {AT_ROOT_DELAY, NS_PER_SECOND, LIMIT_NS, &out->root_delay_ns, false, "its root delay is absurd"},
        {AT_ROOT_DISPERSION, NS_PER_SECOND, LIMIT_NS, &out->root_dispersion_ns, false,
         "its root dispersion is absurd"},
        {AT_RESIDUAL, PPB_PER_PPM, LIMIT_PPB, &out->residual_ppb, true, "its residual frequency is absurd"},
        {AT_SKEW, PPB_PER_PPM, LIMIT_PPB, &out->skew_ppb, false, "its skew is absurd"},
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (!get_number(reply + numbers[i].at, numbers[i].scale, numbers[i].limit, numbers[i].to) ||
            (*numbers[i].to < 0 && !numbers[i].is_signed)) {
            return numbers[i].why;
        }
    }
    return NULL;
}

static const char *get_report(const uint8_t *reply, struct chrony_tracking *out)
{
    const char *why;

    out->reference_id = get_u32(reply + AT_REFERENCE_ID);
    out->stratum = get_u16(reply + AT_STRATUM);
    out->leap = get_u16(reply + AT_LEAP);
    if (get_u16(reply + AT_FAMILY) >= NUM_FAMILIES) {
        return "its reference's address is of an unknown kind";
    }
    if (out->stratum > STRATUM_MAX) {
        return "its stratum is absurd";
    }
    if (out->leap > LEAP_UNKNOWN) {
        return "its leap status is absurd";
    }
    put_reference(reply, out->reference);
    why = get_measured(reply + AT_MEASURED, &out->measured);
    return why ? why : get_numbers(reply, out);
}

enum rc chrony_tracking_parse(struct bytes reply, uint32_t sequence, struct chrony_tracking *out,
                              const char **out_why)
{
    *out = (struct chrony_tracking){0};
    *out_why = check_head(reply);
    /* What is shorter has no sequence; what has another one is no worse for what else is wrong with it. */
    if (reply.len >= REPLY_HEAD_LEN && get_u32(reply.data + AT_SEQUENCE) != sequence) {
        *out_why = "it answers another request";
        return RC_NOT_FOUND;
    }
    *out_why = *out_why ? *out_why : get_report(reply.data, out);
    if (*out_why) {
        *out = (struct chrony_tracking){0};
        return RC_CLOCK_UNREACHABLE;
    }
    return RC_OK;
}

/* ---- what it means ---- */

int64_t chrony_tracking_growth(const struct chrony_tracking *before, const struct chrony_tracking *after,
                               int64_t later_ns)
{
    const int64_t change_ns = llabs(after->correction_ns - before->correction_ns);
    const bool crosses = (before->correction_ns < 0) != (after->correction_ns < 0);
    int64_t growth;

    if (later_ns <= 0 || gentime_compare(before->measured, after->measured) != 0) {
        return -1;
    }
    if (!crosses && llabs(after->correction_ns) <= llabs(before->correction_ns)) {
        return 0;
    }
    if (change_ns > INT64_MAX / NS_PER_SECOND) {
        return LIMIT_PPB;
    }
    growth = change_ns * NS_PER_SECOND / later_ns + 1;
    return growth < LIMIT_PPB ? growth : LIMIT_PPB;
}

static enum rc rc_of(const struct chrony_tracking *tracking)
{
    if (tracking->reference_id == REFERENCE_LOCAL) {
        return RC_CLOCK_LOCAL;
    }
    return tracking->leap == LEAP_UNKNOWN || tracking->reference_id == 0 || tracking->stratum == 0 ||
                   tracking->stratum >= STRATUM_MAX || tracking->measured.sec == 0
               ? RC_CLOCK_UNSYNCHRONISED
               : RC_OK;
}

static enum clockpage_leap leap_of(uint32_t leap)
{
    static const enum clockpage_leap leaps[] = {CLOCKPAGE_LEAP_NONE, CLOCKPAGE_LEAP_INSERT,
                                                CLOCKPAGE_LEAP_DELETE, CLOCKPAGE_LEAP_UNKNOWN};

    return leaps[leap];
}

/* Its measurement stands on its own estimate of UTC. */
static int64_t measured_mono(const struct chrony_tracking *tracking, int64_t real_minus_mono_ns)
{
    const int64_t measured = gentime_diff_ns(tracking->measured, (struct gentime){0});

    return measured - tracking->correction_ns - real_minus_mono_ns;
}

/* A chronyd that may not set the clock (-x, a container) drops a step that failed, and its report is as if it were made: only the offset that it had
 * found tells, until the next measurement finds it again or not. */
static int64_t bound_of(const struct chrony_tracking *tracking)
{
    return llabs(tracking->correction_ns) + llabs(tracking->last_offset_ns) + tracking->root_dispersion_ns +
           (tracking->root_delay_ns + 1) / 2;
}

bool chrony_tracking_is_ahead(const struct chrony_tracking *tracking, int64_t mono_ns,
                              int64_t real_minus_mono_ns)
{
    return measured_mono(tracking, real_minus_mono_ns) - bound_of(tracking) > mono_ns + NS_PER_SECOND;
}

void chrony_tracking_sample(const struct chrony_tracking *tracking, int64_t mono_ns,
                            int64_t real_minus_mono_ns, struct timesrc_sample *out)
{
    *out = (struct timesrc_sample){
        .rc = rc_of(tracking),
        .mono_ns = mono_ns,
        .real_minus_mono_ns = real_minus_mono_ns,
        .bound_ns = -1,
        .measured_mono_ns = -1,
        .figure_ns = -1,
        .leap = leap_of(tracking->leap),
        .stratum = tracking->stratum,
    };
    memcpy(out->reference, tracking->reference, sizeof(out->reference));
    if (out->rc != RC_OK) {
        return;
    }
    out->bound_ns = bound_of(tracking);
    out->drift_ppb = tracking->skew_ppb + llabs(tracking->residual_ppb) + OWN_DRIFT_PPB;
    out->measurement = (uint64_t)tracking->measured.sec * (uint64_t)NS_PER_SECOND + tracking->measured.nsec;
    out->measured_mono_ns = measured_mono(tracking, real_minus_mono_ns);
    if (out->measured_mono_ns > mono_ns) {
        out->measured_mono_ns = mono_ns; /* whatever the clock was set to since */
    }
}
