/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between the roles, both ways. The input is a packet as a taken-over peer would send it: it is framed or refused whole, and
 * whatever a get takes, put writes again to the octet, so a body has one form only.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tsa/role/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct chan_out queue;

/* What was put last, as framed. */
static void assert_written(const struct chan_message *m)
{
    const size_t frame = queue.queue.len - m->body.len;

    assert(wbuf_rc(&queue.queue) == RC_OK && frame == 8);
    assert(m->body.len == 0 || memcmp(queue.queue.data + frame, m->body.data, m->body.len) == 0);
}

static void on_stamp(const struct chan_message *m)
{
    struct msg_stamp stamp;

    if (msg_get_stamp(m->body, &stamp) == RC_OK) {
        assert(stamp.data.len <= MSAUTH_BLOB_MAX && stamp.nonce.len <= TSP_NONCE_MAX &&
               stamp.policy.len <= TSP_POLICY_MAX);
        msg_put_stamp(&queue, &stamp);
        assert_written(m);
    }
}

/* What goes into an answer or a log. */
static void assert_printable(struct bytes why, enum rc rc)
{
    assert(why.len <= (rc == RC_OK ? 0 : MSG_WHY_MAX));
    for (size_t i = 0; i < why.len; i++) {
        assert(why.data[i] >= 0x20 && why.data[i] < 0x7f);
    }
}

static void on_stamped(const struct chan_message *m)
{
    struct msg_stamped stamped;

    if (msg_get_stamped(m->body, &stamped) == RC_OK) {
        assert((stamped.rc == RC_OK) == (stamped.reply.len > 0));
        assert(stamped.serial.len <= (stamped.rc == RC_OK ? MSG_SERIAL_MAX : 0));
        assert_printable(stamped.why, stamped.rc);
        msg_put_stamped(&queue, &stamped);
        assert_written(m);
    }
}

static void on_ask(const struct chan_message *m)
{
    uint64_t id;

    if (msg_get_ask_facts(m->body, &id) == RC_OK) {
        msg_put_ask_facts(&queue, id);
        assert_written(m);
    }
}

static void on_facts(const struct chan_message *m)
{
    struct msg_facts facts;

    if (msg_get_facts(m->body, &facts) == RC_OK) {
        assert(strlen(facts.facts.clock_reference) < sizeof(facts.facts.clock_reference));
        msg_put_facts(&queue, &facts);
        assert_written(m);
    }
}

static void on_acknowledge(const struct chan_message *m)
{
    struct msg_acknowledge acknowledge;

    if (msg_get_acknowledge(m->body, &acknowledge) == RC_OK) {
        assert(acknowledge.reason.len > 0 && acknowledge.reason.len <= MSG_REASON_MAX);
        for (size_t i = 0; i < acknowledge.reason.len; i++) {
            assert(acknowledge.reason.data[i] >= 0x20 && acknowledge.reason.data[i] != 0x7f);
        }
        msg_put_acknowledge(&queue, &acknowledge);
        assert_written(m);
    }
}

static void on_acknowledged(const struct chan_message *m)
{
    struct msg_acknowledged acknowledged;

    if (msg_get_acknowledged(m->body, &acknowledged) == RC_OK) {
        assert_printable(acknowledged.why, acknowledged.rc);
        msg_put_acknowledged(&queue, &acknowledged);
        assert_written(m);
    }
}

static void on_peer(const struct chan_message *m)
{
    struct msg_units units;

    if (msg_get_units(m->body, &units) == RC_OK) {
        assert(units.num <= SETTINGS_MAX_UNITS && bytes_equal(msg_units_bytes(&units), m->body));
    } else {
        assert(units.num == 0);
    }
}

static void (*const on[])(const struct chan_message *) = {
    [MSG_STAMP] = on_stamp,
    [MSG_STAMPED] = on_stamped,
    [MSG_ASK_FACTS] = on_ask,
    [MSG_FACTS] = on_facts,
    [MSG_PEER] = on_peer,
    [MSG_ACKNOWLEDGE] = on_acknowledge,
    [MSG_ACKNOWLEDGED] = on_acknowledged,
};

/* A packet built from the input by put: it must come back field by field. */
static void round_trip(const uint8_t *data, size_t len)
{
    const size_t imprint = digest_len(DIGEST_SHA256);
    struct msg_stamp in = {.kind = MSG_RFC3161, .digest = DIGEST_SHA256}, out;

    if (len < imprint + 2) {
        return;
    }
    in.id = len;
    in.unit = data[0] % 64;
    in.cert_req = data[1] & 1;
    in.alg_null = data[1] >> 7;
    in.data = bytes_of(data + 2, imprint);
    in.nonce = bytes_of(data + 2 + imprint, len - 2 - imprint < 8 ? len - 2 - imprint : 8);
    msg_put_stamp(&queue, &in);
    if (msg_get_stamp(bytes_of(queue.queue.data + 8, queue.queue.len - 8), &out) == RC_OK) {
        assert(out.id == in.id && out.unit == in.unit && out.cert_req == in.cert_req &&
               out.alg_null == in.alg_null);
        assert(bytes_equal(out.data, in.data) && bytes_equal(out.nonce, in.nonce) && out.policy.len == 0);
    } else {
        assert(in.nonce.len >= 2); /* the only thing that can be wrong: a nonce longer than need be */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct chan_in in;
    struct chan_message m;
    int fds[2];

    if (len == 0 || len > CHAN_PACKET_MAX) {
        return 0;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) != 0) {
        abort();
    }
    chan_out_init(&queue, 1u << 20);
    if (send(fds[0], data, len, 0) == (ssize_t)len && chan_receive(&in, fds[1]) == RC_OK) {
        while (chan_next(&in, &m)) {
            if (m.type < sizeof(on) / sizeof(on[0]) && on[m.type]) {
                wbuf_reset(&queue.queue);
                on[m.type](&m);
            }
        }
    }
    wbuf_reset(&queue.queue);
    round_trip(data, len);
    chan_out_clear(&queue);
    (void)close(fds[0]);
    (void)close(fds[1]);
    return 0;
}
