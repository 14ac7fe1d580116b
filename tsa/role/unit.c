/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A unit prepared from its settings and certificates, and the one place that says what it serves. A certificate that RFC 3161 2.3
 * does not allow to sign timestamps makes no unit.
 */
#include "tsa/role/unit.h"

#include <stdio.h>
#include <string.h>

#include "certs/certext.h"
#include "certs/certfile.h"
#include "tsa/base/now.h"
#include "tsa/role/chan.h"

#define NUM_CHAIN_MAX       (sizeof(((struct unit *)0)->chain) / sizeof(struct bytes))
#define GENERAL_NAME        4u /* directoryName [4] EXPLICIT, RFC 5280 4.2.1.6 */
#define NAME_OVERHEAD       16u
#define REPLY_WITHOUT_CERTS 4096u

/* Storage is reserved in one piece before, so that what was kept does not move. */
static struct bytes keep(struct unit *unit, struct bytes b)
{
    const size_t at = unit->storage.len;

    wbuf_put(&unit->storage, b);
    return wbuf_rc(&unit->storage) == RC_OK && b.len ? bytes_of(unit->storage.data + at, b.len) : BYTES_NONE;
}

static bool is_self_issued(struct bytes der)
{
    struct cert cert;

    return cert_parse(der, &cert) == RC_OK && bytes_equal(cert.issuer, cert.subject);
}

/* Leaf first, and without the root: whoever trusts it has it. */
static enum rc take_chain(struct unit *unit, struct certfile *file)
{
    enum rc rc = chain_order(file->certs, file->num);
    size_t num = file->num, total = 0;

    if (rc != RC_OK) {
        return rc;
    }
    if (num > 1 && is_self_issued(file->certs[num - 1])) {
        num--;
    }
    if (num > NUM_CHAIN_MAX) {
        return RC_TOO_LARGE;
    }
    for (unit->num_chain = 0; unit->num_chain < num; unit->num_chain++) {
        total += file->certs[unit->num_chain].len;
        unit->chain[unit->num_chain] = keep(unit, file->certs[unit->num_chain]);
    }
    return total > CHAN_MESSAGE_MAX - REPLY_WITHOUT_CERTS ? RC_TOO_LARGE
                                                          : cert_parse(unit->chain[0], &unit->cert);
}

static enum rc check_cert(const struct cert *cert)
{
    if (cert->key_type != OID_RSA && cert->key_type != OID_EC_PUBLIC_KEY) {
        return RC_CMS_SIGNATURE_ALG;
    }
    return cert_check_timestamping(cert);
}

static enum rc take_policy(struct unit *unit, const char *text)
{
    uint8_t storage[TSP_POLICY_MAX];
    struct wbuf oid;
    enum rc rc;

    if (unit->num_policies == UNIT_MAX_POLICIES) {
        return RC_CONFIG;
    }
    wbuf_init_fixed(&oid, storage, sizeof(storage));
    rc = oid_from_text(text, &oid);
    if (rc != RC_OK || oid.len == 0) {
        return RC_CONFIG;
    }
    unit->policies[unit->num_policies++] = keep(unit, wbuf_bytes(&oid));
    return RC_OK;
}

static enum rc take_policies(struct unit *unit)
{
    const struct settings_unit *settings = unit->settings;
    enum rc rc = settings->policy ? take_policy(unit, settings->policy) : RC_CONFIG;

    for (size_t i = 0; rc == RC_OK && i < settings->policies.num; i++) {
        rc = take_policy(unit, settings->policies.list[i]);
    }
    unit->policy = unit->policies[0];
    return rc;
}

static void take_name(struct unit *unit)
{
    const size_t start = unit->storage.len;
    const size_t mark = der_open(&unit->storage, DER_CONTEXT_CONSTRUCTED(GENERAL_NAME));

    wbuf_put(&unit->storage, unit->cert.subject);
    der_close(&unit->storage, mark);
    unit->tsa_name = wbuf_rc(&unit->storage) == RC_OK
                         ? bytes_of(unit->storage.data + start, unit->storage.len - start)
                         : BYTES_NONE;
}

/* Everything that is kept, before any of it is: the storage must not move. */
static enum rc reserve(struct unit *unit, const struct certfile *chain, struct bytes root)
{
    size_t total = root.len + UNIT_MAX_POLICIES * TSP_POLICY_MAX + NAME_OVERHEAD;

    for (size_t i = 0; i < chain->num; i++) {
        total += 2 * chain->certs[i].len; /* a name is shorter than its certificate */
    }
    wbuf_init(&unit->storage, total);
    if (!wbuf_reserve(&unit->storage, total)) {
        return RC_NO_MEMORY;
    }
    wbuf_reset(&unit->storage);
    return RC_OK;
}

static enum rc fill(struct unit *unit, struct certfile *chain, struct bytes root)
{
    enum rc rc = reserve(unit, chain, root);

    if (rc == RC_OK) {
        rc = take_chain(unit, chain);
    }
    if (rc == RC_OK) {
        rc = check_cert(&unit->cert);
    }
    if (rc == RC_OK) {
        rc = take_policies(unit);
    }
    if (rc != RC_OK) {
        return rc;
    }
    unit->root = keep(unit, root);
    unit->accuracy = tsp_accuracy_of_ns(unit->settings->accuracy);
    unit->key_begin = unit_key_begin(unit);
    unit->key_end = unit_key_end(unit);
    unit->is_lab = certext_has_policy(&unit->cert, OID_LAB_POLICY);
    if (unit->settings->tsa_name) {
        take_name(unit);
    }
    return wbuf_rc(&unit->storage);
}

enum rc unit_init(struct unit *unit, const struct settings_unit *settings, struct bytes chain_pem,
                  struct bytes root_pem)
{
    struct certfile chain = {0}, root = {0};
    enum rc rc;

    *unit = (struct unit){.settings = settings};
    rc = certfile_parse(chain_pem, &chain);
    if (rc == RC_OK && root_pem.len) {
        rc = certfile_parse(root_pem, &root);
    }
    if (rc == RC_OK) {
        rc = fill(unit, &chain, root.num ? root.certs[0] : BYTES_NONE);
    }
    certfile_clear(&chain);
    certfile_clear(&root);
    return rc;
}

void unit_clear(struct unit *unit)
{
    wbuf_clear(&unit->storage);
    *unit = (struct unit){0};
}

/* By the calendar; where the month has no such day, its last one. */
static struct gentime add_months(struct gentime t, int64_t months)
{
    const struct gentime never = {.sec = INT64_MAX};
    char text[GENTIME_TEXT_MAX], ends[GENTIME_TEXT_MAX + 60];
    int year, month, day, at = 0;
    size_t len;
    int64_t count;

    if (gentime_build_iso(t, text, &len) != RC_OK ||
        sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &at) != 3) {
        return never;
    }
    count = (int64_t)year * 12 + month - 1 + months;
    for (int tries = 0; tries < 4; tries++) { /* every month has 28 days */
        (void)snprintf(ends, sizeof(ends), "%04d-%02d-%02d%s", (int)(count / 12), (int)(count % 12) + 1,
                       day - tries, text + at);
        if (gentime_parse_iso(ends, &t) == RC_OK) {
            return t;
        }
    }
    return never;
}

static void hold_back(struct gentime *end, struct gentime other)
{
    *end = gentime_compare(other, *end) < 0 ? other : *end;
}

struct gentime unit_key_end(const struct unit *unit)
{
    struct gentime end = unit->cert.not_after, period;

    if (certext_key_usage_end(&unit->cert, &period)) {
        hold_back(&end, period);
    }
    if (unit->settings->key_months > 0) {
        hold_back(&end, add_months(unit->cert.not_before, unit->settings->key_months));
    }
    return end;
}

/* Whatever a certificate allows: a clock that shows less than this program's own year is set back, to backdate or because its battery is empty. */
struct gentime unit_key_begin(const struct unit *unit)
{
    struct gentime begin = unit->cert.not_before, period;

    if (certext_key_usage_begin(&unit->cert, &period) && gentime_compare(period, begin) > 0) {
        begin = period;
    }
    return begin.sec < NOW_PROGRAM_BORN ? (struct gentime){.sec = NOW_PROGRAM_BORN} : begin;
}

enum rc unit_check_time(const struct unit *unit, struct gentime t)
{
    const enum rc rc = cert_check_time(&unit->cert, t);

    if (rc == RC_OK && gentime_compare(t, unit->key_begin) < 0) {
        return RC_CERT_NOT_YET_VALID;
    }
    return rc == RC_OK && gentime_compare(t, unit->key_end) > 0 ? RC_KEY_USE_OVER : rc;
}

static bool serves_policy(const struct unit *unit, struct bytes policy)
{
    for (size_t i = 0; i < unit->num_policies; i++) {
        if (bytes_equal(unit->policies[i], policy)) {
            return true;
        }
    }
    return policy.len == 0;
}

enum rc unit_accepts(const struct unit *unit, const struct tsp_request *request)
{
    const struct tsp_imprint *imprint = &request->imprint;

    if (!(unit->settings->protocols & SETTINGS_RFC3161)) {
        return RC_UNIT_PROTOCOL;
    }
    if (imprint->alg == DIGEST_NONE) {
        return RC_DIGEST_UNKNOWN;
    }
    if (!(unit->settings->digests & (1u << imprint->alg))) {
        return RC_TSP_DIGEST_REFUSED;
    }
    if (imprint->hash.len != digest_len(imprint->alg)) {
        return RC_DIGEST_LENGTH;
    }
    if (request->has_extensions) {
        return RC_TSP_EXTENSION;
    }
    if (request->nonce.len > TSP_NONCE_MAX) {
        return RC_TSP_NONCE_SIZE;
    }
    return serves_policy(unit, request->policy) ? RC_OK : RC_TSP_POLICY;
}

/* ---- sentences ---- */

static void put_digests(const struct unit *unit, struct wbuf *w)
{
    const char *comma = " ";

    wbuf_put_text(w, "; this unit takes");
    for (int alg = DIGEST_NONE + 1; alg < DIGEST_NUM; alg++) {
        if (unit->settings->digests & (1u << alg)) {
            wbuf_printf(w, "%s%s", comma, digest_name((enum digest)alg));
            comma = ", ";
        }
    }
    wbuf_put_text(w, unit->settings->digests & (1u << DIGEST_SHA256) ? " (signtool: put /td sha256 after /tr)"
                                                                     : "");
}

static void put_policies(const struct unit *unit, struct wbuf *w)
{
    char text[OID_TEXT_MAX];

    wbuf_put_text(w, "; ask for none, or for");
    for (size_t i = 0; i < unit->num_policies; i++) {
        wbuf_printf(w, "%s %s", i ? "," : "", oid_to_text(unit->policies[i], text, sizeof(text)));
    }
}

static void put_protocols(const struct unit *unit, struct wbuf *w)
{
    const bool rfc3161 = unit->settings->protocols & SETTINGS_RFC3161;

    wbuf_printf(w, "; unit %s answers %s", unit->settings->name,
                rfc3161 ? "RFC 3161 only (signtool /tr)" : "Authenticode only (signtool /t)");
}

static void put_length(const struct unit *unit, struct wbuf *w)
{
    (void)unit;
    wbuf_put_text(w, "; send the digest itself, not the data and not its text");
}

static void put_nothing_such(const struct unit *unit, struct wbuf *w)
{
    (void)unit;
    wbuf_put_text(w, "; leave extensions out");
}

static void put_later(const struct unit *unit, struct wbuf *w)
{
    (void)unit;
    wbuf_put_text(w, "; try again later");
}

static const struct {
    enum rc rc;
    void (*put)(const struct unit *unit, struct wbuf *w);
} advice[] = {
    {RC_DIGEST_UNKNOWN, put_digests},
    {RC_TSP_DIGEST_REFUSED, put_digests},
    {RC_TSP_POLICY, put_policies},
    {RC_UNIT_PROTOCOL, put_protocols},
    {RC_DIGEST_LENGTH, put_length},
    {RC_TSP_EXTENSION, put_nothing_such},
    {RC_CLOCK_BACKWARDS, put_later},
    {RC_CLOCK_UNKNOWN, put_later},
    {RC_CLOCK_STALE, put_later},
    {RC_CLOCK_UNREACHABLE, put_later},
    {RC_CLOCK_UNSYNCHRONISED, put_later},
    {RC_CLOCK_LOCAL, put_later},
    {RC_CLOCK_OLD, put_later},
    {RC_CLOCK_BOUND, put_later},
    {RC_CLOCK_DISAGREES, put_later},
    {RC_CLOCK_UNCONFIRMED, put_later},
    {RC_CLOCK_STEPPED, put_later},
    {RC_CLOCK_LEAP, put_later},
    {RC_OVERLOADED, put_later},
    {RC_ISSUER_GONE, put_later},
};

/* Whether waiting helps depends on the figure: who knows it has said it. */
static bool is_advised(enum rc rc, struct bytes why)
{
    return rc == RC_CLOCK_BACKWARDS && why.len > 0;
}

char *unit_describe_refusal(const struct unit *unit, enum rc rc, struct bytes why, char *out, size_t out_size)
{
    char storage[1024];
    struct wbuf w;

    wbuf_init_fixed(&w, storage, sizeof(storage));
    wbuf_put_text(&w, rc_text(rc));
    wbuf_put_text(&w, why.len ? ": " : "");
    wbuf_put(&w, why);
    for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
        if (advice[i].rc == rc && !is_advised(rc, why)) {
            advice[i].put(unit, &w);
        }
    }
    if (out_size) {
        (void)snprintf(out, out_size, "%.*s", (int)w.len, storage);
    }
    return out;
}
