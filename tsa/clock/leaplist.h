/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of leap seconds that the IERS publishes and tzdata brings (leap-seconds.list): what is announced independently of every time
 * server, and until when the list knows.
 */
#ifndef TSA_CLOCK_LEAPLIST_H
#define TSA_CLOCK_LEAPLIST_H

#include "tsa/role/clockpage.h"

#define LEAPLIST_MAX      128
#define LEAPLIST_TEXT_MAX (256u * 1024u) /* octets of a list */

struct leaplist_entry {
    int64_t at;     /* seconds since 1970: the midnight at the end of the day with the leap second */
    int tai_offset; /* TAI - UTC from then on */
};

struct leaplist {
    int64_t expires; /* seconds since 1970; 0 = there is no list */
    struct leaplist_entry list[LEAPLIST_MAX];
    size_t num;
};

/* leaplist_parse reads the text of a leap-seconds.list. RC_CONFIG, and *out is no list. */
enum rc leaplist_parse(struct bytes text, struct leaplist *out) MUST_CHECK;

/* leaplist_near tells what happens at the midnight (UTC) nearest to now (seconds since 1970), which *out_at gets: CLOCKPAGE_LEAP_INSERT, _DELETE, _NONE;
 * CLOCKPAGE_LEAP_UNKNOWN at the end of June or December when the list has expired, or there is none. */
enum clockpage_leap leaplist_near(const struct leaplist *list, int64_t now, int64_t *out_at);

#endif
