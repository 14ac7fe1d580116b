/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts in the order of their weight, so that the serials of one node sort by time. The counter alone keeps two threads of the
 * same millisecond apart; the random part is asked from the kernel each time, since a buffer would be cloned with the machine.
 */
#include "tsa/issuer/serial.h"

#include <sys/random.h>

#define NODE_AT    0u
#define MILLIS_AT  2u
#define COUNTER_AT 8u
#define RANDOM_AT  12u

static void put_number(uint8_t *at, uint64_t n, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        at[i] = (uint8_t)(n >> 8 * (len - 1 - i));
    }
}

void serial_init(struct serial *serial, unsigned node)
{
    serial->node = (uint16_t)(node & SERIAL_NODE_MAX);
    atomic_init(&serial->counter, 0);
}

enum rc serial_next(struct serial *serial, struct gentime now, uint8_t out[SERIAL_LEN])
{
    const uint64_t millis = (uint64_t)now.sec * 1000 + now.nsec / 1000000;
    const uint32_t counter = atomic_fetch_add_explicit(&serial->counter, 1, memory_order_relaxed);

    put_number(out + NODE_AT, serial->node, MILLIS_AT - NODE_AT);
    put_number(out + MILLIS_AT, millis, COUNTER_AT - MILLIS_AT);
    put_number(out + COUNTER_AT, counter, RANDOM_AT - COUNTER_AT);
    return getrandom(out + RANDOM_AT, SERIAL_LEN - RANDOM_AT, 0) == (ssize_t)(SERIAL_LEN - RANDOM_AT)
               ? RC_OK
               : RC_CRYPTO;
}

struct bytes serial_contents(const uint8_t raw[SERIAL_LEN])
{
    size_t skip = 0;

    while (skip < SERIAL_LEN - 1 && raw[skip] == 0 && raw[skip + 1] < 0x80) {
        skip++;
    }
    return bytes_of(raw + skip, SERIAL_LEN - skip);
}
