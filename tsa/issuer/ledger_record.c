/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading a body by one table of places, so that both agree. Reading takes exactly what writing makes.
 */
#include "tsa/issuer/ledger_record.h"

#include <string.h>

#include "tsa/role/msg.h"

#define VERSION     2
#define VERSION_1   1
#define SEQUENCE_AT 4u
#define GROUP_AT    12u
#define CLOCK_AT    20u
#define TIME_AT     32u
#define BOUND_AT    44u
#define LENGTHS_AT  52u
#define AGE_AT      60u
#define PARTS_1_AT  60u
#define PARTS_AT    68u

/* The numbers stand in files: they may never change. */
_Static_assert(DIGEST_NONE == 0 && DIGEST_MD5 == 1 && DIGEST_SHA1 == 2 && DIGEST_SHA256 == 3 &&
                   DIGEST_SHA384 == 4 && DIGEST_SHA512 == 5 && MSG_RFC3161 == 1 && MSG_AUTHENTICODE == 2,
               "numbers of the ledger");
_Static_assert(CLOCKPAGE_TRUSTED == 0 && CLOCKPAGE_PROVEN == 1 && CLOCKPAGE_LAB_TIME == 2 &&
                   LEDGER_CLOCK_ACKNOWLEDGED == 5 && LEDGER_UNIT_RESUMED == 7,
               "numbers of the ledger");
_Static_assert(PARTS_1_AT == LEDGER_BODY_MIN, "the smallest body has no parts");

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
    const uint8_t what = r->kind == LEDGER_EVENT ? (uint8_t)r->event : (uint8_t)r->digest;
    uint8_t head[PARTS_AT] = {VERSION, r->kind, what, (uint8_t)r->proof};

    if (r->unit.len > UINT8_MAX || r->serial.len > UINT8_MAX || r->imprint.len > UINT8_MAX ||
        r->policy.len > UINT8_MAX || r->text.len > UINT16_MAX || r->reference.len > UINT8_MAX) {
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
    put_number(head + LENGTHS_AT + 4, r->text.len, 2);
    head[LENGTHS_AT + 6] = (uint8_t)r->reference.len;
    put_number(head + AGE_AT, (uint64_t)r->age_ns, 8);
    wbuf_put(w, bytes_of(head, sizeof(head)));
    wbuf_put(w, r->unit);
    wbuf_put(w, r->serial);
    wbuf_put(w, r->imprint);
    wbuf_put(w, r->policy);
    wbuf_put(w, r->text);
    wbuf_put(w, r->reference);
}

static bool is_token(const uint8_t *b)
{
    return (b[1] == MSG_RFC3161 || b[1] == MSG_AUTHENTICODE) && b[2] < DIGEST_NUM;
}

/* Without serial, imprint and policy. */
static bool is_event(const uint8_t *b)
{
    return b[1] == LEDGER_EVENT && b[2] != 0 && get_number(b + LENGTHS_AT + 1, 3) == 0;
}

/* Only the first LEDGER_BODY_MIN octets are looked at. */
static bool is_head(const uint8_t *b)
{
    const uint8_t *lengths = b + LENGTHS_AT;

    return (b[0] == VERSION_1 && is_token(b) && b[3] <= CLOCKPAGE_PROVEN && lengths[6] == 0 &&
            lengths[7] == 0) ||
           (b[0] == VERSION && (is_token(b) || is_event(b)) && b[3] <= CLOCKPAGE_LAB_TIME && lengths[7] == 0);
}

static struct bytes next(const uint8_t **at, size_t len)
{
    const struct bytes part = len ? bytes_of(*at, len) : BYTES_NONE;

    *at += len;
    return part;
}

static void get_parts(const uint8_t *lengths, const uint8_t *at, struct ledger_record *out)
{
    out->unit = next(&at, lengths[0]);
    out->serial = next(&at, lengths[1]);
    out->imprint = next(&at, lengths[2]);
    out->policy = next(&at, lengths[3]);
    out->text = next(&at, (size_t)get_number(lengths + 4, 2));
    out->reference = next(&at, lengths[6]);
}

enum rc ledger_record_get(struct bytes body, struct ledger_record *out)
{
    const uint8_t *lengths;
    size_t parts_at;

    *out = (struct ledger_record){0};
    if (body.len < LEDGER_BODY_MIN || body.len > LEDGER_BODY_MAX || !is_head(body.data)) {
        return RC_LEDGER_DAMAGED;
    }
    parts_at = body.data[0] == VERSION ? PARTS_AT : PARTS_1_AT;
    lengths = body.data + LENGTHS_AT;
    if (body.len != parts_at + (size_t)get_number(lengths + 4, 2) + lengths[0] + lengths[1] + lengths[2] +
                        lengths[3] + lengths[6]) {
        return RC_LEDGER_DAMAGED;
    }
    out->kind = body.data[1];
    out->digest = out->kind == LEDGER_EVENT ? DIGEST_NONE : (enum digest)body.data[2];
    out->event = out->kind == LEDGER_EVENT ? (enum ledger_event)body.data[2] : (enum ledger_event)0;
    out->proof = (enum clockpage_proof)body.data[3];
    out->sequence = get_number(body.data + SEQUENCE_AT, 8);
    out->group = get_number(body.data + GROUP_AT, 8);
    out->clock = get_time(body.data + CLOCK_AT);
    out->time = get_time(body.data + TIME_AT);
    out->bound_ns = (int64_t)get_number(body.data + BOUND_AT, 8);
    out->age_ns = parts_at == PARTS_AT ? (int64_t)get_number(body.data + AGE_AT, 8) : -1;
    get_parts(lengths, body.data + parts_at, out);
    return out->clock.nsec < 1000000000 && out->time.nsec < 1000000000 ? RC_OK : RC_LEDGER_DAMAGED;
}

const char *ledger_event_word(enum ledger_event event)
{
    static const char *const words[] = {
        [LEDGER_CLOCK_UNKNOWN] = "clock-unknown",
        [LEDGER_CLOCK_SYNC] = "clock-sync",
        [LEDGER_CLOCK_WARN] = "clock-warn",
        [LEDGER_CLOCK_STOP] = "clock-stop",
        [LEDGER_CLOCK_ACKNOWLEDGED] = "clock-acknowledged",
        [LEDGER_UNIT_STOPPED] = "unit-stopped",
        [LEDGER_UNIT_RESUMED] = "unit-resumed",
    };

    return event < sizeof(words) / sizeof(words[0]) && words[event] ? words[event] : "event";
}
