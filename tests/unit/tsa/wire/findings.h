/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of verify share: a report must have exactly the findings that are named, in their order.
 */
#ifndef TESTS_WIRE_FINDINGS_H
#define TESTS_WIRE_FINDINGS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tsa/wire/verify.h"

/* The findings must be exactly those given, in that order; RC_OK ends the list. */
static inline void assert_findings(const struct verify_report *report, enum rc rc, const enum rc *expected)
{
    size_t num = 0;

    for (; expected[num] != RC_OK; num++) {
        if (num >= report->num_findings || report->finding[num] != expected[num]) {
            fail_msg("finding %zu: %s, not %s", num,
                     num < report->num_findings ? rc_word(report->finding[num]) : "none",
                     rc_word(expected[num]));
        }
    }
    if (report->num_findings != num) {
        fail_msg("one more finding: %s", rc_word(report->finding[num]));
    }
    assert_int_equal(rc, expected[0]);
}

#define FINDINGS(...) ((const enum rc[]){__VA_ARGS__, RC_OK})
#define NO_FINDINGS   ((const enum rc[]){RC_OK})

/* flip changes one octet of the part that is given as a view into w. */
static inline void flip(struct wbuf *w, struct bytes part, size_t at)
{
    w->data[(size_t)(part.data - w->data) + at] ^= 0x01;
}

#endif
