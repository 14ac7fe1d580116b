/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock as status tells it: what the issuer makes of it, or, where that does not answer, what the clock file says; and each time server. The same names and
 * words as on /status.json.
 */
#ifndef TSA_PARENT_STATUS_CLOCK_H
#define TSA_PARENT_STATUS_CLOCK_H

#include <jansson.h>

#include "tsa/role/clockpage.h"
#include "tsa/role/facts.h"

/* status_clock makes the object; facts is NULL when the issuer does not answer, page when there is no clock file, file where no service of its own
 * writes it. NULL without memory. Free with json_decref. */
json_t *status_clock(const struct facts *facts, const struct clockpage *page, const char *file);

/* status_time: ISO 8601 in UTC to the millisecond; null for 0. */
json_t *status_time(struct gentime time);

#endif
