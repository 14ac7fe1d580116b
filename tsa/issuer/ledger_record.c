/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading a body by one table of places, so that both agree. Reading takes exactly what writing makes.
 */
#include "tsa/issuer/ledger_record.h"

#include <string.h>

#include "tsa/role/msg.h"

#define VERSION     1
#define SEQUENCE_AT 4u
#define GROUP_AT    12u
#define CLOCK_AT    20u
#define TIME_AT     32u
#define BOUND_AT    44u
#define LENGTHS_AT  52u
#define ZERO_AT     58u
#define PARTS_AT    60u

/* The numbers stand in files: they may never change. */
_Static_assert(DIGEST_NONE == 0 && DIGEST_MD5 == 1 && DIGEST_SHA1 == 2 && DIGEST_SHA256 == 3 &&
                   DIGEST_SHA384 == 4 && DIGEST_SHA512 == 5 && MSG_RFC3161 == 1 && MSG_AUTHENTICODE == 2,
               "numbers of the ledger");
_Static_assert(PARTS_AT == LEDGER_BODY_MIN, "the smallest body has no parts");

static void put_number(uint8_t *at, uint64_t n, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        at[i] = (uint8_t)(n >> 8 * i);
    }
}

static uint64_t get_number(const uint8_t *at, size_t len)
{
    uint64_t n = 0;

    for (size_t i = 0; i < len; i++) {
        n |= (uint64_t)at[i] << 8 * i;
    }
    return n;
}

static void put_time(uint8_t *at, struct gentime t)
{
    put_number(at, (uint64_t)t.sec, 8);
    put_number(at + 8, t.nsec, 4);
}

static struct gentime get_time(const uint8_t *at)
{
    return (struct gentime){.sec = (int64_t)get_number(at, 8), .nsec = (uint32_t)get_number(at + 8, 4)};
}

void ledger_record_place(uint8_t *body, uint64_t sequence, uint64_t group)
{
    put_number(body + SEQUENCE_AT, sequence, 8);
    put_number(body + GROUP_AT, group, 8);
}

void ledger_record_put(struct wbuf *w, const struct ledger_record *r)
{
    uint8_t head[PARTS_AT] = {VERSION, r->kind, (uint8_t)r->digest, r->proven};

    if (r->unit.len > UINT8_MAX || r->serial.len > UINT8_MAX || r->imprint.len > UINT8_MAX ||
        r->policy.len > UINT8_MAX || r->signed_info.len > UINT16_MAX) {
        wbuf_fail(w, RC_TOO_LARGE);
        return;
    }
    ledger_record_place(head, r->sequence, r->group);
    put_time(head + CLOCK_AT, r->clock);
    put_time(head + TIME_AT, r->time);
    put_number(head + BOUND_AT, (uint64_t)r->bound_ns, 8);
    head[LENGTHS_AT] = (uint8_t)r->unit.len;
    head[LENGTHS_AT + 1] = (uint8_t)r->serial.len;
    head[LENGTHS_AT + 2] = (uint8_t)r->imprint.len;
    head[LENGTHS_AT + 3] = (uint8_t)r->policy.len;
    put_number(head + LENGTHS_AT + 4, r->signed_info.len, 2);
    wbuf_put(w, bytes_of(head, sizeof(head)));
    wbuf_put(w, r->unit);
    wbuf_put(w, r->serial);
    wbuf_put(w, r->imprint);
    wbuf_put(w, r->policy);
    wbuf_put(w, r->signed_info);
}

static bool is_head(const uint8_t *b)
{
    return b[0] == VERSION && (b[1] == MSG_RFC3161 || b[1] == MSG_AUTHENTICODE) && b[2] < DIGEST_NUM &&
           b[3] <= 1 && get_number(b + ZERO_AT, 2) == 0;
}

static struct bytes next(const uint8_t **at, size_t len)
{
    const struct bytes part = len ? bytes_of(*at, len) : BYTES_NONE;

    *at += len;
    return part;
}

enum rc ledger_record_get(struct bytes body, struct ledger_record *out)
{
    const uint8_t *lengths, *at;
    size_t signed_len;

    *out = (struct ledger_record){0};
    if (body.len < LEDGER_BODY_MIN || body.len > LEDGER_BODY_MAX || !is_head(body.data)) {
        return RC_LEDGER_DAMAGED;
    }
    lengths = body.data + LENGTHS_AT;
    signed_len = (size_t)get_number(lengths + 4, 2);
    if (body.len != PARTS_AT + signed_len + lengths[0] + lengths[1] + lengths[2] + lengths[3]) {
        return RC_LEDGER_DAMAGED;
    }
    out->kind = body.data[1];
    out->digest = (enum digest)body.data[2];
    out->proven = body.data[3];
    out->sequence = get_number(body.data + SEQUENCE_AT, 8);
    out->group = get_number(body.data + GROUP_AT, 8);
    out->clock = get_time(body.data + CLOCK_AT);
    out->time = get_time(body.data + TIME_AT);
    out->bound_ns = (int64_t)get_number(body.data + BOUND_AT, 8);
    at = body.data + PARTS_AT;
    out->unit = next(&at, lengths[0]);
    out->serial = next(&at, lengths[1]);
    out->imprint = next(&at, lengths[2]);
    out->policy = next(&at, lengths[3]);
    out->signed_info = next(&at, signed_len);
    return out->clock.nsec < 1000000000 && out->time.nsec < 1000000000 ? RC_OK : RC_LEDGER_DAMAGED;
}
