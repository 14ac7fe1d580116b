/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reply of chronyd: the sequence that was asked with (four octets), then the datagram. What is taken has its exact length, answers that very question, and makes a sample
 * whose figures are in order; one octet of the head that is otherwise, one octet more or less, and it is not taken.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/view.h"
#include "tsa/clock/chrony_tracking.h"

#define NS_PER_SECOND INT64_C(1000000000)
#define TEN_YEARS_NS  (INT64_C(315360000) * NS_PER_SECOND)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

/* From a copy of exactly that length, so that a read beyond it is seen. */
static enum rc parse(const uint8_t *data, size_t len, uint32_t sequence, struct chrony_tracking *out)
{
    uint8_t *copy = malloc(len ? len : 1);
    const char *why;
    enum rc rc;

    check(copy);
    memcpy(copy, data, len);
    rc = chrony_tracking_parse(bytes_of(copy, len), sequence, out, &why);
    check(rc == RC_OK || rc == RC_NOT_FOUND || rc == RC_CLOCK_UNREACHABLE);
    check((rc == RC_OK) == (why == NULL));
    free(copy);
    return rc;
}

static void check_sample(const struct chrony_tracking *t)
{
    const int64_t mono = 3600 * NS_PER_SECOND, real_minus_mono = INT64_C(1800000000) * NS_PER_SECOND;
    struct timesrc_sample s;

    chrony_tracking_sample(t, mono, real_minus_mono, &s);
    check(s.rc == RC_OK || s.rc == RC_CLOCK_LOCAL || s.rc == RC_CLOCK_UNSYNCHRONISED);
    check(s.mono_ns == mono && s.real_minus_mono_ns == real_minus_mono);
    check(memchr(s.reference, 0, sizeof(s.reference)) && strncmp(s.reference, "chrony", 6) == 0);
    check(s.leap <= CLOCKPAGE_LEAP_UNKNOWN && s.stratum <= 16 && s.measured_mono_ns <= mono);
    if (s.rc != RC_OK) {
        check(s.bound_ns == -1);
        return;
    }
    check(s.bound_ns >= llabs(t->correction_ns) && s.bound_ns <= TEN_YEARS_NS * 2 && s.drift_ppb >= 1000);
    check(s.bound_ns >= t->root_dispersion_ns && 2 * s.bound_ns >= t->root_delay_ns);
    check(s.stratum >= 1 && s.stratum <= 15 && s.leap != CLOCKPAGE_LEAP_UNKNOWN);
}

/* The head's fields one by one: version, type, command, reply, status, sequence. */
static void check_neighbours(const uint8_t *reply, uint32_t sequence)
{
    static const size_t head[] = {0, 1, 4, 5, 6, 7, 8, 9, 16, 17, 18, 19};
    uint8_t changed[CHRONY_TRACKING_LEN + 1] = {0};
    struct chrony_tracking t;

    memcpy(changed, reply, CHRONY_TRACKING_LEN);
    for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++) {
        changed[head[i]] ^= 1;
        check(parse(changed, CHRONY_TRACKING_LEN, sequence, &t) != RC_OK);
        changed[head[i]] ^= 1;
    }
    check(parse(changed, CHRONY_TRACKING_LEN - 1, sequence, &t) != RC_OK);
    check(parse(changed, CHRONY_TRACKING_LEN + 1, sequence, &t) != RC_OK);
}

static void check_growth(const struct chrony_tracking *t)
{
    struct chrony_tracking later = *t;

    check(chrony_tracking_growth(t, &later, NS_PER_SECOND) == 0);
    later.correction_ns = -t->correction_ns;
    check(chrony_tracking_growth(t, &later, NS_PER_SECOND) >= 0);
    check(chrony_tracking_growth(t, &later, 1) >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    struct chrony_tracking t;
    uint32_t sequence;

    if (data_len < sizeof(sequence)) {
        return 0;
    }
    memcpy(&sequence, data, sizeof(sequence));
    data += sizeof(sequence);
    data_len -= sizeof(sequence);
    if (parse(data, data_len, sequence, &t) == RC_OK) {
        check(data_len == CHRONY_TRACKING_LEN);
        check_sample(&t);
        check_neighbours(data, sequence);
        check_growth(&t);
    }
    return 0;
}
