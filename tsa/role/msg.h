/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that two processes may say to each other, each message with its fields and their limits; a get checks all of them and that
 * nothing is left over. What a front may say to the issuer is "stamp this imprint for this unit, with this nonce", never "sign these octets".
 */
#ifndef TSA_ROLE_MSG_H
#define TSA_ROLE_MSG_H

#include "tsa/role/chan.h"
#include "tsa/role/facts.h"
#include "tsa/role/settings.h"
#include "tsa/wire/digest.h"
#include "tsa/wire/msauth.h"
#include "tsa/wire/tsp.h"

enum msg_type {
    MSG_STAMP = 1, /* front -> issuer: struct msg_stamp */
    MSG_STAMPED,   /* issuer -> front: struct msg_stamped */
    MSG_ASK_FACTS, /* front, parent -> issuer: uint64_t id */
    MSG_FACTS,     /* issuer -> front, parent: struct msg_facts */
    MSG_READY,     /* role -> parent: the jail is closed, work is taken; empty */
    MSG_PEER, /* parent -> front, issuer: a new channel rides along (front: to the issuer; issuer: of a front); empty, or,
                 to the issuer for a front of an older generation, struct msg_units */
    MSG_STOP,   /* parent -> role: finish and exit; empty */
    MSG_LOADED, /* issuer -> parent: all is loaded and tried, it waits for the record's lock; empty */
    MSG_DRAIN, /* parent -> front: accept no more, end each connection with its next answer, then exit; empty */
    MSG_PING,         /* parent -> role; empty */
    MSG_PONG,         /* role -> parent: it is alive; empty */
    MSG_ACKNOWLEDGE,  /* parent -> issuer: struct msg_acknowledge */
    MSG_ACKNOWLEDGED, /* issuer -> parent: struct msg_acknowledged */
};

enum msg_kind {
    MSG_RFC3161 = 1,
    MSG_AUTHENTICODE = 2
};

/* With MSG_AUTHENTICODE all but id, unit, kind and data is zero and empty: a body has one form only. */
struct msg_stamp {
    uint64_t id; /* the front's number; comes back */
    uint16_t unit;
    uint8_t kind;     /* enum msg_kind */
    uint8_t digest;   /* enum digest of the imprint; RFC 3161 */
    uint8_t alg_null; /* imprint's parameters NULL (1) or absent (0) */
    uint8_t cert_req;
    struct bytes
        data; /* imprint (digest_len), or the signature value to countersign (MSAUTH_BLOB_MIN..MAX) */
    struct bytes nonce;  /* shortest INTEGER contents, at most TSP_NONCE_MAX; empty = none */
    struct bytes policy; /* OID contents, at most TSP_POLICY_MAX; empty = none asked for */
};

struct msg_stamped {
    uint64_t id;
    enum rc rc;         /* RC_OK: reply is there; else why not */
    struct bytes reply; /* DER: a granted TimeStampResp, or the SignedData of a countersignature */
    struct bytes
        serial; /* of the record, contents octets, at most MSG_SERIAL_MAX; with RC_OK alone; empty = not told */
    uint64_t
        record; /* its number in the ledger, which a countersignature has too; with RC_OK alone; 0 = not told */
    struct bytes
        why; /* with another rc: what it is about, with its figure ("the clock may be wrong by 1.2 s, ..."); printable ASCII,
                         at most MSG_WHY_MAX; empty = nothing beyond rc */
};
#define MSG_SERIAL_MAX 20
#define MSG_WHY_MAX    200

/* Somebody knows that the clock was set back, and says why it is right to go on. */
struct msg_acknowledge {
    uint64_t id;
    struct bytes reason; /* his words: UTF-8 without control characters, 1 .. MSG_REASON_MAX octets */
};
#define MSG_REASON_MAX 300

struct msg_acknowledged {
    uint64_t id;
    enum rc rc;       /* RC_OK: it is in the record, and tokens are issued again */
    struct bytes why; /* else: as in struct msg_stamped */
};

/* What a front of an older generation calls a unit -> what the issuer calls it now. */
struct msg_units {
    uint16_t num;
    uint16_t now[SETTINGS_MAX_UNITS]; /* MSG_UNIT_GONE = there is none of that name any more */
};
#define MSG_UNIT_GONE UINT16_MAX

struct msg_facts {
    uint64_t id;
    struct facts facts;
};

/* msg_put_* frame one message into the queue; msg_get_* read a body. RC_MSG_MALFORMED. Views borrow the packet. */
void msg_put_stamp(struct chan_out *out, const struct msg_stamp *stamp);
enum rc msg_get_stamp(struct bytes body, struct msg_stamp *out) MUST_CHECK;

void msg_put_stamped(struct chan_out *out, const struct msg_stamped *stamped);
enum rc msg_get_stamped(struct bytes body, struct msg_stamped *out) MUST_CHECK;

void msg_put_ask_facts(struct chan_out *out, uint64_t id);
enum rc msg_get_ask_facts(struct bytes body, uint64_t *out_id) MUST_CHECK;

void msg_put_facts(struct chan_out *out, const struct msg_facts *facts);
enum rc msg_get_facts(struct bytes body, struct msg_facts *out) MUST_CHECK;

/* msg_units_bytes gives the body of MSG_PEER, for chan_send_fd; it borrows units. msg_get_units reads it. RC_MSG_MALFORMED. */
struct bytes msg_units_bytes(const struct msg_units *units);
enum rc msg_get_units(struct bytes body, struct msg_units *out) MUST_CHECK;

void msg_put_acknowledge(struct chan_out *out, const struct msg_acknowledge *acknowledge);
enum rc msg_get_acknowledge(struct bytes body, struct msg_acknowledge *out) MUST_CHECK;
void msg_put_acknowledged(struct chan_out *out, const struct msg_acknowledged *acknowledged);
enum rc msg_get_acknowledged(struct bytes body, struct msg_acknowledged *out) MUST_CHECK;

/* msg_put_empty frames a message without body. */
void msg_put_empty(struct chan_out *out, enum msg_type type);

#endif
