/* SPDX-License-Identifier: Apache-2.0 */
/* A tracking reply of a chronyd that is content: stratum 3 of 192.0.2.1, 1.5 ms slow, octet by octet as chronyd 4.3 writes it. */
#ifndef TESTS_UNIT_CLOCK_CHRONY_REPLY_H
#define TESTS_UNIT_CLOCK_CHRONY_REPLY_H

#include <stdint.h>
#include <string.h>

#define REPLY_LEN       104
#define REPLY_AT_REF    28
#define REPLY_AT_FAMILY 48
#define REPLY_AT_STRAT  52
#define REPLY_AT_LEAP   54
#define REPLY_AT_TIME   56
#define REPLY_AT_CORR   68
#define REPLY_AT_LAST   72
#define REPLY_AT_RESID  84
#define REPLY_AT_SKEW   88
#define REPLY_AT_DELAY  92
#define REPLY_AT_DISP   96

static inline void reply_put_u16(uint8_t *reply, size_t at, unsigned value)
{
    reply[at] = (uint8_t)(value >> 8);
    reply[at + 1] = (uint8_t)value;
}

static inline void reply_put_u32(uint8_t *reply, size_t at, uint32_t value)
{
    reply_put_u16(reply, at, value >> 16);
    reply_put_u16(reply, at + 2, value & 0xffff);
}

/* Seven bits of exponent, 25 of coefficient. */
static inline void reply_put_number(uint8_t *reply, size_t at, double value)
{
    double size = value < 0 ? -value : value;
    int exponent = 1;
    int32_t coefficient;

    for (; size >= 1; exponent++) {
        size /= 2;
    }
    for (; size > 0 && size < 0.5; exponent--) {
        size *= 2;
    }
    coefficient = (int32_t)(size * (1 << 24) + 0.5);
    coefficient = value < 0 ? -coefficient : coefficient;
    reply_put_u32(reply, at, ((uint32_t)exponent & 0x7f) << 25 | ((uint32_t)coefficient & 0x1ffffff));
}

static inline void reply_put_time(uint8_t *reply, int64_t sec, uint32_t nsec)
{
    reply_put_u32(reply, REPLY_AT_TIME, (uint32_t)((uint64_t)sec >> 32));
    reply_put_u32(reply, REPLY_AT_TIME + 4, (uint32_t)sec);
    reply_put_u32(reply, REPLY_AT_TIME + 8, nsec);
}

static inline void reply_make(uint8_t reply[REPLY_LEN], uint32_t sequence)
{
    memset(reply, 0, REPLY_LEN);
    reply[0] = 6;
    reply[1] = 2;
    reply_put_u16(reply, 4, 33);
    reply_put_u16(reply, 6, 5);
    reply_put_u32(reply, 16, sequence);
    reply_put_u32(reply, REPLY_AT_REF, 0xc0000201);
    reply_put_u32(reply, REPLY_AT_REF + 4, 0xc0000201);
    reply_put_u16(reply, REPLY_AT_FAMILY, 1);
    reply_put_u16(reply, REPLY_AT_STRAT, 3);
    reply_put_time(reply, 1795300000, 250000000);
    reply_put_number(reply, REPLY_AT_CORR, 0.0015);
    reply_put_number(reply, REPLY_AT_RESID, -0.25);
    reply_put_number(reply, REPLY_AT_SKEW, 0.5);
    reply_put_number(reply, REPLY_AT_DELAY, 0.020);
    reply_put_number(reply, REPLY_AT_DISP, 0.003);
}

#endif
