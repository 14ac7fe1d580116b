/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies of the messages: a fixed part in the order of the machine, then the octets it counts. A body has one form only: what has
 * no meaning for its kind must be zero or empty, so that put and get are inverses and nothing can be hidden in a message.
 */
#include "tsa/role/msg.h"

#include <stddef.h>
#include <string.h>

#include "tsa/role/clockpage.h"

struct stamp_head {
    uint64_t id;
    uint16_t unit, data_len;
    uint8_t kind, digest, alg_null, cert_req;
    uint8_t nonce_len, policy_len;
    uint8_t zero[6];
};
_Static_assert(sizeof(struct stamp_head) == 24, "no padding travels");

struct stamped_head {
    uint64_t id, record;
    uint32_t rc;
    uint16_t reply_len;
    uint8_t serial_len, why_len;
};
_Static_assert(sizeof(struct stamped_head) == 24, "no padding travels");

struct acknowledged_head {
    uint64_t id;
    uint32_t rc, why_len;
};

/* Takes len octets off the front of *rest; false when there are not so many. */
static bool take(struct bytes *rest, size_t len, struct bytes *out)
{
    if (len > rest->len) {
        return false;
    }
    *out = len ? bytes_of(rest->data, len) : BYTES_NONE;
    *rest = len ? bytes_of(rest->data + len, rest->len - len) : *rest;
    return true;
}

static bool take_head(struct bytes *rest, void *head, size_t len)
{
    struct bytes part;

    if (!take(rest, len, &part)) {
        return false;
    }
    memcpy(head, part.data, len);
    return true;
}

static bool is_shortest_integer(struct bytes n)
{
    return n.len < 2 ||
           !((n.data[0] == 0x00 && n.data[1] < 0x80) || (n.data[0] == 0xff && n.data[1] >= 0x80));
}

static bool is_rfc3161(const struct msg_stamp *m)
{
    return m->digest != DIGEST_NONE && m->digest < DIGEST_NUM &&
           m->data.len == digest_len((enum digest)m->digest) && m->alg_null <= 1 && m->cert_req <= 1 &&
           m->nonce.len <= TSP_NONCE_MAX && is_shortest_integer(m->nonce) &&
           m->policy.len <= TSP_POLICY_MAX && (m->policy.len == 0 || oid_is_valid(m->policy));
}

static bool is_authenticode(const struct msg_stamp *m)
{
    return m->digest == DIGEST_NONE && m->alg_null == 0 && m->cert_req == 0 && m->nonce.len == 0 &&
           m->policy.len == 0 && m->data.len >= MSAUTH_BLOB_MIN && m->data.len <= MSAUTH_BLOB_MAX;
}

void msg_put_stamp(struct chan_out *out, const struct msg_stamp *stamp)
{
    const struct stamp_head head = {
        .id = stamp->id,
        .unit = stamp->unit,
        .data_len = (uint16_t)stamp->data.len,
        .kind = stamp->kind,
        .digest = stamp->digest,
        .alg_null = stamp->alg_null,
        .cert_req = stamp->cert_req,
        .nonce_len = (uint8_t)stamp->nonce.len,
        .policy_len = (uint8_t)stamp->policy.len,
    };
    struct wbuf *w = chan_begin(out, MSG_STAMP);

    wbuf_put(w, bytes_of(&head, sizeof(head)));
    wbuf_put(w, stamp->data);
    wbuf_put(w, stamp->nonce);
    wbuf_put(w, stamp->policy);
    chan_end(out);
}

enum rc msg_get_stamp(struct bytes body, struct msg_stamp *out)
{
    static const uint8_t zero[sizeof(((struct stamp_head *)0)->zero)];
    struct stamp_head head;
    bool good;

    *out = (struct msg_stamp){0};
    if (!take_head(&body, &head, sizeof(head)) || memcmp(head.zero, zero, sizeof(zero)) != 0) {
        return RC_MSG_MALFORMED;
    }
    *out = (struct msg_stamp){
        .id = head.id,
        .unit = head.unit,
        .kind = head.kind,
        .digest = head.digest,
        .alg_null = head.alg_null,
        .cert_req = head.cert_req,
    };
    good = take(&body, head.data_len, &out->data) && take(&body, head.nonce_len, &out->nonce) &&
           take(&body, head.policy_len, &out->policy) && body.len == 0 && out->unit < SETTINGS_MAX_UNITS;
    good = good && ((out->kind == MSG_RFC3161 && is_rfc3161(out)) ||
                    (out->kind == MSG_AUTHENTICODE && is_authenticode(out)));
    return good ? RC_OK : RC_MSG_MALFORMED;
}

void msg_put_stamped(struct chan_out *out, const struct msg_stamped *stamped)
{
    const struct stamped_head head = {
        .id = stamped->id,
        .record = stamped->record,
        .rc = (uint32_t)stamped->rc,
        .reply_len = (uint16_t)stamped->reply.len,
        .serial_len = (uint8_t)stamped->serial.len,
        .why_len = (uint8_t)stamped->why.len,
    };
    struct wbuf *w = chan_begin(out, MSG_STAMPED);

    wbuf_put(w, bytes_of(&head, sizeof(head)));
    wbuf_put(w, stamped->reply);
    wbuf_put(w, stamped->serial);
    wbuf_put(w, stamped->why);
    chan_end(out);
}

/* It goes into answers to strangers, and into logs. */
static bool is_why(struct bytes why, enum rc rc)
{
    bool good = why.len <= (rc == RC_OK ? 0 : MSG_WHY_MAX);

    for (size_t i = 0; good && i < why.len; i++) {
        good = why.data[i] >= 0x20 && why.data[i] < 0x7f;
    }
    return good;
}

enum rc msg_get_stamped(struct bytes body, struct msg_stamped *out)
{
    struct stamped_head head;
    struct bytes reply, serial, why;

    *out = (struct msg_stamped){0};
    if (!take_head(&body, &head, sizeof(head)) || !take(&body, head.reply_len, &reply) ||
        !take(&body, head.serial_len, &serial) || !take(&body, head.why_len, &why) || body.len != 0 ||
        head.rc >= RC_NUM || (head.rc == RC_OK) != (reply.len > 0) || (head.record && head.rc != RC_OK) ||
        serial.len > (head.rc == RC_OK ? MSG_SERIAL_MAX : 0) || !is_why(why, (enum rc)head.rc)) {
        return RC_MSG_MALFORMED;
    }
    *out = (struct msg_stamped){.id = head.id,
                                .rc = (enum rc)head.rc,
                                .reply = reply,
                                .serial = serial,
                                .record = head.record,
                                .why = why};
    return RC_OK;
}

void msg_put_acknowledge(struct chan_out *out, const struct msg_acknowledge *acknowledge)
{
    struct wbuf *w = chan_begin(out, MSG_ACKNOWLEDGE);

    wbuf_put(w, bytes_of(&acknowledge->id, sizeof(acknowledge->id)));
    wbuf_put(w, acknowledge->reason);
    chan_end(out);
}

/* Whether it is UTF-8 is for whoever asked to see to; control characters would forge lines of a log. */
static bool is_reason(struct bytes reason)
{
    bool good = reason.len > 0 && reason.len <= MSG_REASON_MAX;

    for (size_t i = 0; good && i < reason.len; i++) {
        good = reason.data[i] >= 0x20 && reason.data[i] != 0x7f;
    }
    return good;
}

enum rc msg_get_acknowledge(struct bytes body, struct msg_acknowledge *out)
{
    *out = (struct msg_acknowledge){0};
    if (!take_head(&body, &out->id, sizeof(out->id)) || !is_reason(body)) {
        *out = (struct msg_acknowledge){0};
        return RC_MSG_MALFORMED;
    }
    out->reason = body;
    return RC_OK;
}

void msg_put_acknowledged(struct chan_out *out, const struct msg_acknowledged *acknowledged)
{
    const struct acknowledged_head head = {
        .id = acknowledged->id,
        .rc = (uint32_t)acknowledged->rc,
        .why_len = (uint32_t)acknowledged->why.len,
    };
    struct wbuf *w = chan_begin(out, MSG_ACKNOWLEDGED);

    wbuf_put(w, bytes_of(&head, sizeof(head)));
    wbuf_put(w, acknowledged->why);
    chan_end(out);
}

enum rc msg_get_acknowledged(struct bytes body, struct msg_acknowledged *out)
{
    struct acknowledged_head head;

    *out = (struct msg_acknowledged){0};
    if (!take_head(&body, &head, sizeof(head)) || head.rc >= RC_NUM || head.why_len != body.len ||
        !is_why(body, (enum rc)head.rc)) {
        return RC_MSG_MALFORMED;
    }
    *out = (struct msg_acknowledged){.id = head.id, .rc = (enum rc)head.rc, .why = body};
    return RC_OK;
}

void msg_put_ask_facts(struct chan_out *out, uint64_t id)
{
    wbuf_put(chan_begin(out, MSG_ASK_FACTS), bytes_of(&id, sizeof(id)));
    chan_end(out);
}

enum rc msg_get_ask_facts(struct bytes body, uint64_t *out_id)
{
    *out_id = 0;
    return take_head(&body, out_id, sizeof(*out_id)) && body.len == 0 ? RC_OK : RC_MSG_MALFORMED;
}

#define TIME_END (offsetof(struct gentime, nsec) + sizeof(uint32_t))

/* What stands behind a time's last field was set by nobody: it may hold whatever the sender's stack held. */
static void clear_padding(uint8_t *octets, size_t time_at)
{
    memset(octets + time_at + TIME_END, 0, sizeof(struct gentime) - TIME_END);
}

void msg_put_facts(struct chan_out *out, const struct msg_facts *facts)
{
    struct wbuf *w = chan_begin(out, MSG_FACTS);
    uint8_t octets[sizeof(facts->facts)];

    memcpy(octets, &facts->facts, sizeof(octets));
    clear_padding(octets, offsetof(struct facts, clock_since));
    clear_padding(octets, offsetof(struct facts, last_time));
    clear_padding(octets, offsetof(struct facts, started));
    wbuf_put(w, bytes_of(&facts->id, sizeof(facts->id)));
    wbuf_put(w, bytes_of(octets, sizeof(octets)));
    chan_end(out);
}

_Static_assert(sizeof(struct facts) == 8 * 4 + 5 * 8 + 48 + 3 * sizeof(struct gentime) + 4 * 8 + 2 * 4 +
                                           2 * sizeof(struct histogram),
               "padding within the times alone");

static bool is_padding_clear(const uint8_t *octets, size_t time_at)
{
    static const uint8_t zeros[sizeof(struct gentime)];

    return memcmp(octets + time_at + TIME_END, zeros, sizeof(struct gentime) - TIME_END) == 0;
}

static bool are_facts(const struct facts *f)
{
    return f->ready <= 1 && f->reason < RC_NUM && f->clock_state <= CLOCKPAGE_STOP &&
           f->clock_proven <= CLOCKPAGE_LAB_TIME && f->clock_reason < RC_NUM &&
           f->clock_leap <= CLOCKPAGE_LEAP_UNKNOWN && f->clock_since.nsec < 1000000000 &&
           f->last_time.nsec < 1000000000 && f->started.nsec < 1000000000 &&
           memchr(f->clock_reference, 0, sizeof(f->clock_reference)) != NULL;
}

enum rc msg_get_facts(struct bytes body, struct msg_facts *out)
{
    struct bytes octets;

    if (take_head(&body, &out->id, sizeof(out->id)) && take(&body, sizeof(out->facts), &octets) &&
        body.len == 0 && is_padding_clear(octets.data, offsetof(struct facts, clock_since)) &&
        is_padding_clear(octets.data, offsetof(struct facts, last_time)) &&
        is_padding_clear(octets.data, offsetof(struct facts, started)) &&
        take_head(&octets, &out->facts, sizeof(out->facts)) && are_facts(&out->facts)) {
        return RC_OK;
    }
    *out = (struct msg_facts){0};
    return RC_MSG_MALFORMED;
}

struct bytes msg_units_bytes(const struct msg_units *units)
{
    return bytes_of(units, offsetof(struct msg_units, now) + units->num * sizeof(units->now[0]));
}

enum rc msg_get_units(struct bytes body, struct msg_units *out)
{
    *out = (struct msg_units){0};
    if (!take_head(&body, &out->num, sizeof(out->num)) || out->num > SETTINGS_MAX_UNITS ||
        body.len != out->num * sizeof(out->now[0])) {
        *out = (struct msg_units){0};
        return RC_MSG_MALFORMED;
    }
    if (body.len) {
        memcpy(out->now, body.data, body.len);
    }
    for (size_t i = 0; i < out->num; i++) {
        if (out->now[i] >= SETTINGS_MAX_UNITS && out->now[i] != MSG_UNIT_GONE) {
            *out = (struct msg_units){0};
            return RC_MSG_MALFORMED;
        }
    }
    return RC_OK;
}

void msg_put_empty(struct chan_out *out, enum msg_type type)
{
    (void)chan_begin(out, (uint16_t)type);
    chan_end(out);
}
