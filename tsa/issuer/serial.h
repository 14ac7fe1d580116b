/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serial numbers that are unique without coordination and without a file to lose: node (15 bits, 1 to 32767), milliseconds since
 * 1970 (48), counter (32), random from the kernel (56, so that cloned machines differ). 19 octets, positive; RFC 3161 2.4.2
 * asks every client to take 20.
 */
#ifndef TSA_ISSUER_SERIAL_H
#define TSA_ISSUER_SERIAL_H

#include <stdatomic.h>

#include "tsa/wire/gentime.h"

#define SERIAL_LEN      19
#define SERIAL_NODE_MAX 32767

/* One for all threads of a node. */
struct serial {
    uint16_t node; /* 0 marks a serial that is never given out: of a trial */
    _Atomic uint32_t counter;
};

void serial_init(struct serial *serial, unsigned node);

/* serial_next makes a new one; any number of threads may. RC_CRYPTO when the kernel gives no random octets. */
enum rc serial_next(struct serial *serial, struct gentime now, uint8_t out[SERIAL_LEN]) MUST_CHECK;

/* serial_contents views the shortest contents octets of the INTEGER (X.690 8.3.2) within raw. */
struct bytes serial_contents(const uint8_t raw[SERIAL_LEN]);

#endif
