/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to one reply: check, clock, serial, TSTInfo, signature, self-check, and the body of the record. No process, channel or
 * ledger here: the caller makes the record durable before the reply leaves. Never "sign these octets": what is signed is built here.
 */
#ifndef TSA_ISSUER_ISSUE_H
#define TSA_ISSUER_ISSUE_H

#include <stdatomic.h>

#include "tsa/issuer/clockgate.h"
#include "tsa/issuer/serial.h"
#include "tsa/issuer/signer.h"
#include "tsa/role/msg.h"

#define ISSUE_REPLY_MAX (CHAN_MESSAGE_MAX - 64u)

struct issue_unit {
    const struct unit *unit;
    struct cms_profile profile;
    struct signer *signer;
    struct clockgate_order order; /* used where its tokens are ordered */
    _Atomic uint32_t stopped;     /* enum rc: RC_OK, or why this unit signs no more */
};

/* What all threads share. */
struct issue_core {
    struct issue_unit *units;
    size_t num_units;
    struct serial serial;
    struct clockgate_common clock;
    const struct clockpage *page;
    EVP_MD *sha256;
    _Atomic uint32_t halted; /* enum rc: RC_OK, or why nothing is signed any more */
};

/* issue_init makes room for the units, and takes the node and by how much the clock may be set; page must outlive it. RC_NO_MEMORY, RC_CRYPTO. Free with
 * issue_clear, also after a failure. */
enum rc issue_init(struct issue_core *core, const struct clockpage *page, const struct settings *settings,
                   size_t num_units) MUST_CHECK;
void issue_clear(struct issue_core *core);

/* issue_halt ends all signing for good, for a reason; the first one stays. */
void issue_halt(struct issue_core *core, enum rc rc);

/* issue_begin tells the latest clock reading that the record has, before the first token: none may lie before it. How long to wait, ns, until ordered
 * tokens can follow those of whoever wrote before. */
int64_t issue_begin(struct issue_core *core, struct gentime last_clock);

/* How far all tokens have come. */
struct issue_mark {
    int64_t last_ns, order_ns[SETTINGS_MAX_UNITS];
};
void issue_take_mark(struct issue_core *core, struct issue_mark *out);

/* issue_go_back lets tokens begin at t again: somebody has acknowledged that the clock was set back, as far as that had come. What was made since the mark
 * was taken (the clock came there by itself) keeps its place. */
void issue_go_back(struct issue_core *core, const struct issue_mark *mark, struct gentime t);

/* issue_set_unit fills one place; unit must outlive it, *take_signer is taken over in any case. RC_CERT_*, RC_CRYPTO. */
enum rc issue_set_unit(struct issue_core *core, size_t index, const struct unit *unit,
                       struct signer **take_signer) MUST_CHECK;

struct issue_unit_thread {
    struct signer_thread *signer;
    uint64_t num_signed;
};

/* What one thread needs. */
struct issue_thread {
    struct issue_core *core;
    struct clockgate gate;
    struct issue_unit_thread units[SETTINGS_MAX_UNITS];
};

enum rc issue_thread_init(struct issue_thread *thread, struct issue_core *core) MUST_CHECK;
void issue_thread_clear(struct issue_thread *thread);

/*
 * issue_stamp answers a request: reply gets the DER for the client, record the body for the ledger; both are emptied first, and are empty
 * after a refusal. The reason to refuse: of unit_accepts, clockgate_pass, unit_check_time, the signer; RC_UNIT_UNKNOWN; RC_SELF_CHECK,
 * after which the unit is stopped. why gets what is behind the reason, for people, mostly nothing.
 */
enum rc issue_stamp(struct issue_thread *thread, const struct msg_stamp *stamp, struct wbuf *reply,
                    struct wbuf *record, char why[CLOCKGATE_WHY_MAX]) MUST_CHECK;

/* issue_trial signs one reply of each protocol of a unit, under a serial that is never given out, verifies all of it, and throws it away. It asks
 * no clock gate and raises nothing. Any reason of verify_token, verify_countersignature or issue_stamp. */
enum rc issue_trial(struct issue_thread *thread, size_t unit_index) MUST_CHECK;

/* issue_unit_state tells whether a unit may sign at a time, whatever the clock says: RC_OK, RC_SELF_CHECK, the reasons of unit_check_time. */
enum rc issue_unit_state(const struct issue_core *core, size_t unit_index, struct gentime now) MUST_CHECK;

/* issue_state tells why nothing is issued now: RC_OK as long as one unit of several works. */
enum rc issue_state(struct issue_core *core, struct clockgate *gate) MUST_CHECK;

#endif
