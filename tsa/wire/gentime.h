/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points in time, and their texts: GeneralizedTime by the DER rules of RFC 3161 2.4.2, UTCTime of RFC 5652 11.3, and
 * ISO 8601 in UTC for people. Second 60 does not exist here: it is refused on reading and never written.
 */
#ifndef TSA_WIRE_GENTIME_H
#define TSA_WIRE_GENTIME_H

#include "tsa/wire/bytes.h"

struct gentime {
    int64_t sec;   /* seconds since 1970-01-01T00:00:00Z, without leap seconds */
    uint32_t nsec; /* 0 .. 999999999 */
};

#define GENTIME_TEXT_MAX 40 /* room for every text below with its NUL */

/* gentime_parse reads YYYYMMDDhhmmss[.f+]Z as RFC 3161 2.4.2 wants it; up to 9 digits count, more are refused. RC_TIME_FORM. */
enum rc gentime_parse(struct bytes text, struct gentime *out) MUST_CHECK;

/* gentime_parse_utc reads YYMMDDhhmmssZ; 50..99 mean 19xx. */
enum rc gentime_parse_utc(struct bytes text, struct gentime *out) MUST_CHECK;

/* gentime_parse_iso reads 2031-02-03T04:05:06[.f]Z, 2031-02-03 (midnight), or seconds since the epoch as @N. */
enum rc gentime_parse_iso(const char *text, struct gentime *out) MUST_CHECK;

/* gentime_build writes the DER text of a GeneralizedTime (trailing zeros of the fraction dropped), gentime_build_utc of a
 * UTCTime (whole seconds), gentime_build_iso 2031-02-03T04:05:06[.f]Z; NUL-terminated; *out_len without the NUL. RC_TIME_RANGE. */
enum rc gentime_build(struct gentime t, char out[GENTIME_TEXT_MAX], size_t *out_len) MUST_CHECK;
enum rc gentime_build_utc(struct gentime t, char out[GENTIME_TEXT_MAX], size_t *out_len) MUST_CHECK;
enum rc gentime_build_iso(struct gentime t, char out[GENTIME_TEXT_MAX], size_t *out_len) MUST_CHECK;

int gentime_compare(struct gentime a, struct gentime b); /* <0, 0, >0 */

/* gentime_diff_ns gives a - b in nanoseconds, held at the ends of int64_t. */
int64_t gentime_diff_ns(struct gentime a, struct gentime b);

struct gentime gentime_add_ns(struct gentime t, int64_t ns);

/* gentime_round rounds to the nearest multiple of 10^-digits seconds, digits 0 .. 9 (halves up). */
struct gentime gentime_round(struct gentime t, unsigned digits);

#endif
