/* SPDX-License-Identifier: Apache-2.0 */
/* The order of events: whatever comes first in the simulated world happens first, requests among them. */
#ifndef TESTS_SIM_TURN_H
#define TESTS_SIM_TURN_H

#include "tests/sim/client.h"

/* On to t. Requests come at random moments, per_request_ns apart on the average (0: none), and closely after the clock was set. */
void turn_until(int64_t t, int64_t per_request_ns);

/* The seed: TSA_SEED, or preset; printed. */
uint64_t turn_seed(uint64_t preset);

/* TSA_LONG is set. */
bool turn_is_long(void);

#endif
