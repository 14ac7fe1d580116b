/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core of the authority. Order matters: everything that can be refused is refused before the clock is asked, the clock is asked before
 * a serial is spent, and the signature is the last thing, so that nothing signed is thrown away.
 */
#include "tsa/issuer/issue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsa/wire/verify.h"
#include "tsa/base/log.h"
#include "tsa/base/now.h"
#include "tsa/issuer/ledger_record.h"

#define SELF_CHECK_EVERY 64
#define HALF_SECOND      500000000 /* how far whole seconds are off at most, rounded to the nearest */

/* ---- set up ---- */

enum rc issue_init(struct issue_core *core, const struct clockpage *page, const struct settings *settings,
                   size_t num_units)
{
    *core = (struct issue_core){.page = page, .num_units = num_units};
    serial_init(&core->serial, (unsigned)settings->node);
    clockgate_common_init(&core->clock, settings->clock.max_step);
    core->units = calloc(num_units ? num_units : 1, sizeof(*core->units));
    core->sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    if (!core->units) {
        core->num_units = 0;
        return RC_NO_MEMORY;
    }
    return core->sha256 ? RC_OK : RC_CRYPTO;
}

void issue_clear(struct issue_core *core)
{
    for (size_t i = 0; i < core->num_units; i++) {
        cms_profile_clear(&core->units[i].profile);
        signer_close(core->units[i].signer);
    }
    free(core->units);
    EVP_MD_free(core->sha256);
    clockgate_common_clear(&core->clock);
    *core = (struct issue_core){0};
}

void issue_halt(struct issue_core *core, enum rc rc)
{
    uint32_t running = RC_OK;

    (void)atomic_compare_exchange_strong(&core->halted, &running, (uint32_t)rc);
}

enum rc issue_set_unit(struct issue_core *core, size_t index, const struct unit *unit,
                       struct signer **take_signer)
{
    struct issue_unit *u = &core->units[index];

    u->unit = unit;
    u->signer = *take_signer;
    *take_signer = NULL;
    return cms_profile_init(&u->profile, unit->chain, unit->num_chain, (enum digest)unit->settings->digest);
}

enum rc issue_thread_init(struct issue_thread *thread, struct issue_core *core)
{
    enum rc rc = RC_OK;

    *thread = (struct issue_thread){.core = core};
    clockgate_init(&thread->gate, core->page, &core->clock);
    for (size_t i = 0; rc == RC_OK && i < core->num_units; i++) {
        rc = signer_thread_new(core->units[i].signer, &thread->units[i].signer);
    }
    return rc;
}

void issue_thread_clear(struct issue_thread *thread)
{
    for (size_t i = 0; i < SETTINGS_MAX_UNITS; i++) {
        signer_thread_free(thread->units[i].signer);
    }
    *thread = (struct issue_thread){0};
}

/* ---- time ---- */

/* A clock of lab time may stand still: nothing can be told of an order then. */
static bool is_ordered(const struct unit *unit)
{
    return unit->settings->ordering && unit->settings->time_digits > 0 && !unit->lab_time;
}

/* No reading so far, and no genTime: how far that can lie ahead of its reading. */
static int64_t order_after(const struct issue_unit *u, int64_t last_ns)
{
    int64_t rounding = HALF_SECOND;

    for (int64_t digits = u->unit->settings->time_digits; digits > 0; digits--) {
        rounding /= 10;
    }
    rounding = rounding > CLOCKGATE_AHEAD_NS ? rounding : CLOCKGATE_AHEAD_NS;
    return last_ns < INT64_MAX - rounding ? last_ns + rounding : INT64_MAX;
}

int64_t issue_begin(struct issue_core *core, struct gentime last_clock)
{
    const int64_t last = gentime_diff_ns(last_clock, (struct gentime){0});
    const int64_t now = gentime_diff_ns(now_real(), (struct gentime){0});
    int64_t wait = 0;

    clockgate_raise(&core->clock, last_clock);
    for (size_t i = 0; i < core->num_units; i++) {
        struct issue_unit *u = &core->units[i];

        if (last > 0 && is_ordered(u->unit)) {
            const int64_t floor = order_after(u, last);

            atomic_store(&u->order.last_ns, floor);
            wait = now >= last && floor - now > wait ? floor - now : wait;
        }
    }
    return wait;
}

void issue_take_mark(struct issue_core *core, struct issue_mark *out)
{
    out->last_ns = atomic_load(&core->clock.last_ns);
    for (size_t i = 0; i < core->num_units; i++) {
        out->order_ns[i] = atomic_load(&core->units[i].order.last_ns);
    }
}

void issue_go_back(struct issue_core *core, const struct issue_mark *mark, struct gentime t)
{
    const int64_t to = gentime_diff_ns(t, (struct gentime){0});

    /* First what is asked last. */
    for (size_t i = 0; i < core->num_units; i++) {
        int64_t from = mark->order_ns[i];

        (void)atomic_compare_exchange_strong(&core->units[i].order.last_ns, &from, to);
    }
    clockgate_lower(&core->clock, mark->last_ns, t);
}

/* ---- signing ---- */

/* One signature under way. */
struct signing {
    struct issue_unit *unit;
    struct issue_unit_thread *own;
    char *why; /* gets what is behind a refusal */
};

static bool check_is_due(const struct signing *s)
{
    return s->unit->signer->ops->always_check ||
           s->unit->unit->settings->self_check == SETTINGS_SELF_CHECK_ALL ||
           s->own->num_signed % SELF_CHECK_EVERY == 0;
}

/* A key or a machine that signs wrongly once will do it again, and a faulty RSA signature gives the key away. */
static void stop_unit(struct issue_unit *unit, enum rc rc)
{
    uint32_t running = RC_OK;

    if (atomic_compare_exchange_strong(&unit->stopped, &running, (uint32_t)rc)) {
        log_error("unit %s is stopped: %s", unit->unit->settings->name, rc_text(rc));
    }
}

static enum rc on_sign(void *arg, struct bytes digest, struct wbuf *out)
{
    const struct signing *s = arg;
    const size_t start = out->len;
    enum rc rc = signer_sign(s->own->signer, digest, out);

    if (rc == RC_OK && check_is_due(s)) {
        rc = signer_verify(s->own->signer, digest, bytes_of(out->data + start, out->len - start));
        if (rc != RC_OK) {
            stop_unit(s->unit, rc);
        }
    }
    s->own->num_signed += rc == RC_OK;
    return rc;
}

/* ---- the time of a token ---- */

static bool is_of_unit(enum rc rc)
{
    return rc == RC_CERT_NOT_YET_VALID || rc == RC_CERT_EXPIRED || rc == RC_KEY_USE_OVER;
}

static struct gentime end_of(const struct unit *unit, enum rc rc)
{
    return rc == RC_CERT_NOT_YET_VALID ? unit->key_begin
           : rc == RC_CERT_EXPIRED     ? unit->cert.not_after
                                       : unit->key_end;
}

static void explain_unit(const struct unit *unit, enum rc rc, char why[CLOCKGATE_WHY_MAX])
{
    char time[GENTIME_TEXT_MAX];
    size_t len;

    if (gentime_build_iso(end_of(unit, rc), time, &len) == RC_OK) {
        (void)snprintf(why, CLOCKGATE_WHY_MAX, "%s %s",
                       rc == RC_CERT_NOT_YET_VALID ? "it begins at" : "it ended at", time);
    }
}

/* The one place where a token gets its time. */
static enum rc take_time(struct issue_thread *t, struct signing *s, const struct clockgate_claim *claim,
                         struct clockgate_time *out)
{
    const enum rc rc = clockgate_pass(&t->gate, claim, out);

    if (is_of_unit(rc)) {
        explain_unit(s->unit->unit, rc, s->why);
    } else if (rc != RC_OK) {
        clockgate_explain(rc, out, claim, s->why);
    }
    return rc;
}

/* ---- RFC 3161 ---- */

static struct tsp_request request_of(const struct msg_stamp *m)
{
    return (struct tsp_request){
        .imprint =
            {
                .alg = (enum digest)m->digest,
                .alg_oid = oid_bytes(digest_oid((enum digest)m->digest)),
                .alg_null = m->alg_null,
                .hash = m->data,
            },
        .policy = m->policy,
        .nonce = m->nonce,
        .cert_req = m->cert_req,
    };
}

static struct tsp_tstinfo info_of(const struct unit *unit, const struct tsp_request *request,
                                  struct bytes serial, struct gentime time)
{
    return (struct tsp_tstinfo){
        .policy = request->policy.len ? request->policy : unit->policy,
        .imprint = request->imprint,
        .serial = serial,
        .time = time,
        .time_digits = (unsigned)unit->settings->time_digits,
        .accuracy = unit->accuracy,
        .has_accuracy = unit->settings->accuracy > 0,
        .ordering = is_ordered(unit),
        .nonce = request->nonce,
        .tsa_name = unit->tsa_name,
    };
}

static enum rc put_reply(struct signing *s, const struct tsp_tstinfo *info, bool with_certificates,
                         struct wbuf *reply)
{
    const struct token_build build = {
        .profile = &s->unit->profile,
        .info = info,
        .with_certificates = with_certificates,
        .sign = on_sign,
        .sign_arg = s,
    };
    const size_t mark = tsp_response_open_granted(reply);
    const enum rc rc = token_build(reply, &build);

    if (rc != RC_OK) {
        return rc;
    }
    der_close(reply, mark);
    return wbuf_rc(reply);
}

static void put_record_rfc3161(const struct unit *unit, const struct tsp_tstinfo *info,
                               const struct clockgate_time *t, struct wbuf *record)
{
    uint8_t storage[LEDGER_BODY_MAX];
    struct wbuf text;
    struct ledger_record r = {
        .kind = MSG_RFC3161,
        .digest = info->imprint.alg,
        .proof = t->proof,
        .clock = t->now,
        .time = t->time,
        .bound_ns = t->bound_ns,
        .age_ns = t->age_ns,
        .unit = bytes_str(unit->settings->name),
        .serial = info->serial,
        .imprint = info->imprint.hash,
        .policy = info->policy,
        .reference = bytes_str(t->reference),
    };

    wbuf_init_fixed(&text, storage, sizeof(storage));
    tsp_tstinfo_build(&text, info);
    r.text = wbuf_bytes(&text);
    ledger_record_put(record, &r);
}

static enum rc stamp_rfc3161(struct issue_thread *t, struct signing *s, const struct msg_stamp *m,
                             struct wbuf *reply, struct wbuf *record)
{
    const struct unit *unit = s->unit->unit;
    const struct tsp_request request = request_of(m);
    const struct clockgate_claim claim = {
        .time_digits = (unsigned)unit->settings->time_digits,
        .accuracy_ns = unit->settings->accuracy,
        .order = is_ordered(unit) ? &s->unit->order : NULL,
        .unit = unit,
    };
    struct clockgate_time at;
    struct tsp_tstinfo info;
    uint8_t serial[SERIAL_LEN];
    enum rc rc = unit_accepts(unit, &request);

    if (rc == RC_OK) {
        rc = take_time(t, s, &claim, &at);
    }
    if (rc == RC_OK) {
        rc = serial_next(&t->core->serial, at.now, serial);
    }
    if (rc != RC_OK) {
        return rc;
    }
    info = info_of(unit, &request, serial_contents(serial), at.time);
    put_record_rfc3161(unit, &info, &at, record);
    return put_reply(s, &info, m->cert_req, reply);
}

/* ---- Authenticode ---- */

static enum rc put_countersignature(struct signing *s, struct bytes blob, struct gentime time,
                                    struct wbuf *reply)
{
    const struct msauth_reply build = {
        .profile = &s->unit->profile,
        .blob = blob,
        .time = time,
        .lab_time = s->unit->unit->lab_time,
        .sign = on_sign,
        .sign_arg = s,
    };

    return msauth_reply_build(reply, &build);
}

static enum rc put_record_authenticode(const struct issue_thread *t, const struct unit *unit,
                                       struct bytes blob, const struct clockgate_time *at,
                                       struct wbuf *record)
{
    uint8_t hash[DIGEST_MAX];
    const struct ledger_record r = {
        .kind = MSG_AUTHENTICODE,
        .digest = DIGEST_SHA256,
        .proof = at->proof,
        .clock = at->now,
        .time = at->time,
        .bound_ns = at->bound_ns,
        .age_ns = at->age_ns,
        .unit = bytes_str(unit->settings->name),
        .imprint = bytes_of(hash, digest_len(DIGEST_SHA256)),
        .reference = bytes_str(at->reference),
    };

    if (EVP_Digest(blob.data, blob.len, hash, NULL, t->core->sha256, NULL) != 1) {
        return RC_CRYPTO;
    }
    ledger_record_put(record, &r);
    return wbuf_rc(record);
}

static enum rc stamp_authenticode(struct issue_thread *t, struct signing *s, const struct msg_stamp *m,
                                  struct wbuf *reply, struct wbuf *record)
{
    const struct unit *unit = s->unit->unit;
    /* The form has whole seconds and no accuracy: what the unit declares is held beside the rounding. */
    const struct clockgate_claim claim = {
        .accuracy_ns = unit->settings->accuracy, .rounding_ns = HALF_SECOND, .unit = unit};
    struct clockgate_time at;
    enum rc rc;

    if (!(unit->settings->protocols & SETTINGS_AUTHENTICODE)) {
        return RC_UNIT_PROTOCOL;
    }
    if (m->data.len < MSAUTH_BLOB_MIN || m->data.len > MSAUTH_BLOB_MAX) {
        return RC_MSAUTH_BLOB_SIZE;
    }
    rc = take_time(t, s, &claim, &at);
    if (rc == RC_OK) {
        rc = put_record_authenticode(t, unit, m->data, &at, record);
    }
    return rc == RC_OK ? put_countersignature(s, m->data, at.time, reply) : rc;
}

/* ---- both ---- */

typedef enum rc stamp_fn(struct issue_thread *t, struct signing *s, const struct msg_stamp *m,
                         struct wbuf *reply, struct wbuf *record);

static stamp_fn *const kinds[] = {
    [MSG_RFC3161] = stamp_rfc3161,
    [MSG_AUTHENTICODE] = stamp_authenticode,
};

static enum rc load(const _Atomic uint32_t *reason)
{
    return (enum rc)atomic_load_explicit(reason, memory_order_relaxed);
}

static enum rc find_unit(const struct issue_core *core, const struct msg_stamp *m)
{
    const enum rc halted = load(&core->halted);

    if (m->unit >= core->num_units) {
        return RC_UNIT_UNKNOWN;
    }
    if (m->kind != MSG_RFC3161 && m->kind != MSG_AUTHENTICODE) {
        return RC_MSG_MALFORMED;
    }
    return halted == RC_OK ? load(&core->units[m->unit].stopped) : halted;
}

enum rc issue_stamp(struct issue_thread *t, const struct msg_stamp *m, struct wbuf *reply,
                    struct wbuf *record, char why[CLOCKGATE_WHY_MAX])
{
    enum rc rc = find_unit(t->core, m);

    why[0] = 0;
    wbuf_reset(reply);
    wbuf_reset(record);
    if (rc == RC_OK) {
        struct signing s = {.unit = &t->core->units[m->unit], .own = &t->units[m->unit], .why = why};

        rc = kinds[m->kind](t, &s, m, reply, record);
    }
    if (rc == RC_OK) {
        rc = wbuf_rc(record);
    }
    if (rc != RC_OK) {
        wbuf_reset(reply);
        wbuf_reset(record);
    }
    return rc;
}

/* ---- trial ---- */

/* A trial is judged by the code that judges other people's timestamps. */
struct trial {
    const struct unit *unit;
    struct signing signing;
    struct chain_anchors *anchors; /* NULL where the unit names no root */
    struct gentime time;
    struct wbuf reply;
};

static const uint8_t trial_data[DIGEST_MAX] = {0x74, 0x72, 0x69, 0x61, 0x6c};

static enum rc try_rfc3161(struct trial *trial)
{
    /* Of the digests taken, any: the first. */
    const enum digest alg = (enum digest)__builtin_ctz(trial->unit->settings->digests);
    const struct msg_stamp m = {
        .digest = (uint8_t)alg, .cert_req = 1, .data = bytes_of(trial_data, digest_len(alg))};
    const struct tsp_request request = request_of(&m);
    const uint8_t serial[SERIAL_LEN] = {[SERIAL_LEN - 1] = 1}; /* node 0, which no authority has */
    const struct tsp_tstinfo info = info_of(trial->unit, &request, serial_contents(serial), trial->time);
    const struct bytes no_nonce = BYTES_NONE;
    struct verify_token_query query = {
        .imprint_hash = m.data,
        .imprint_alg = alg,
        .nonce = &no_nonce,
        .policy = trial->unit->policy,
        .anchors = trial->anchors,
        .rules = DER_STRICT,
    };
    struct tsp_response response;
    struct verify_report report;
    enum rc rc = put_reply(&trial->signing, &info, true, &trial->reply);

    if (rc == RC_OK) {
        rc = tsp_response_parse(wbuf_bytes(&trial->reply), &response);
    }
    if (rc == RC_OK) {
        query.token = response.token;
        rc = verify_token(&query, &report);
        verify_clear(&report);
    }
    return rc;
}

static enum rc try_authenticode(struct trial *trial)
{
    const struct bytes blob = bytes_of(trial_data, sizeof(trial_data));
    struct verify_report report;
    struct cms cms;
    enum rc rc = put_countersignature(&trial->signing, blob, trial->time, &trial->reply);

    if (rc == RC_OK) {
        rc = cms_parse(wbuf_bytes(&trial->reply), DER_STRICT, &cms);
    }
    if (rc == RC_OK) {
        const struct verify_countersignature_query query = {
            .signer_info = cms.signer.tlv,
            .blob = blob,
            .certificates = cms.certificates,
            .anchors = trial->anchors,
            .rules = DER_STRICT,
        };

        rc = verify_countersignature(&query, &report);
        verify_clear(&report);
    }
    return rc;
}

enum rc issue_trial(struct issue_thread *thread, size_t unit_index)
{
    struct issue_unit *unit = &thread->core->units[unit_index];
    const unsigned protocols = unit->unit->settings->protocols;
    struct trial trial = {
        .unit = unit->unit,
        .signing = {.unit = unit, .own = &thread->units[unit_index]},
        .anchors = unit->unit->root.len ? chain_anchors_new() : NULL,
        .time = gentime_round(now_real(), 0),
    };
    enum rc rc = unit_check_time(unit->unit, trial.time);

    wbuf_init(&trial.reply, ISSUE_REPLY_MAX);
    if (rc == RC_OK && unit->unit->root.len) {
        rc = trial.anchors ? chain_anchors_add(trial.anchors, unit->unit->root) : RC_NO_MEMORY;
    }
    if (rc == RC_OK && (protocols & SETTINGS_RFC3161)) {
        rc = try_rfc3161(&trial);
    }
    wbuf_reset(&trial.reply);
    if (rc == RC_OK && (protocols & SETTINGS_AUTHENTICODE)) {
        rc = try_authenticode(&trial);
    }
    wbuf_clear(&trial.reply);
    chain_anchors_free(trial.anchors);
    return rc;
}

/* ---- state ---- */

enum rc issue_unit_state(const struct issue_core *core, size_t unit_index, struct gentime now)
{
    const struct issue_unit *unit = &core->units[unit_index];
    const enum rc stopped = load(&unit->stopped);

    return stopped != RC_OK ? stopped : unit_check_time(unit->unit, now);
}

enum rc issue_state(struct issue_core *core, struct clockgate *gate)
{
    const struct gentime now = now_real();
    const enum rc halted = load(&core->halted);
    const enum rc clock = clockgate_check(gate);
    enum rc rc = RC_UNIT_UNKNOWN;

    if (halted != RC_OK || clock != RC_OK) {
        return halted != RC_OK ? halted : clock;
    }
    for (size_t i = 0; i < core->num_units; i++) {
        rc = issue_unit_state(core, i, now);
        if (rc == RC_OK) {
            break;
        }
    }
    return rc;
}
