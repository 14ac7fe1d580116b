/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a unit promises of its times, looked at before it does: for how long its key signs, an accuracy that can be kept, an order that can
 * be told.
 */
#ifndef TSA_PARENT_CHECK_PROMISE_H
#define TSA_PARENT_CHECK_PROMISE_H

#include "tsa/parent/check.h"
#include "tsa/role/unit.h"

/* check_promise_key tells until when the key of a unit signs by key_months, as of now: an error where that is over. */
void check_promise_key(const struct unit *unit, struct gentime now, struct check_report *report);

/* check_promise_accuracy holds the accuracy of each unit against clock.source and its own rounding. */
void check_promise_accuracy(const struct settings *settings, struct check_report *report);

/* check_promise_order tells, as an error, of units with the same name in their certificates of which one promises ordering. What can not be read is told
 * elsewhere. */
void check_promise_order(const struct settings *settings, struct check_report *report);

/* check_promise_rounding gives how far the genTime of a unit lies from the clock's reading at most, ns. */
int64_t check_promise_rounding(const struct settings_unit *unit);

#endif
