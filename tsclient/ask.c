/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking, and RFC 3161 2.2's checks of the answer: status, imprint, nonce, policy, signing certificate (ESS), signature, certificate
 * alone and critical for timestamping, chain, time. The legacy protocol has neither nonce nor policy: there the content, the
 * signature, the certificate and the time are what shows that an answer is fresh and meant for this request.
 */
#include "tsclient/ask.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>

#include "tsa/base/now.h"
#include "tsa/wire/base64.h"
#include "tsa/wire/verify.h"

#define MAX_PAUSE_NS   (INT64_C(60) * 1000000000)
#define NONCE_LEN      8
#define LEGACY_EXPANDS 2 /* base64 and a head, at most */

struct attempt {
    const struct ask *ask;
    const char *url;
    struct bytes data;
    const struct cert *signer;
    struct ask_stamp *out;
    uint8_t nonce[NONCE_LEN + 1]; /* a zero octet before, so that it is positive */
    uint8_t hash[DIGEST_MAX];
    struct wbuf body;
    struct gentime sent;
};

/* ---- saying what was wrong ---- */

__attribute__((format(printf, 3, 4))) static enum ask_verdict say(struct attempt *a, enum ask_verdict verdict,
                                                                  const char *format, ...)
{
    char *why = a->out->why;
    size_t len = strlen(why), room = sizeof a->out->why - len;
    va_list args;
    int n = snprintf(why + len, room, "%s%s: ", len ? "; " : "", a->url);

    if (n > 0 && (size_t)n < room) {
        va_start(args, format);
        (void)vsnprintf(why + len + (size_t)n, room - (size_t)n, format, args);
        va_end(args);
    }
    return verdict;
}

/* What somebody can do about it, where it is not plain. */
static const char *advice(enum rc rc)
{
    static const struct {
        enum rc rc;
        const char *text;
    } table[] = {
        {RC_TOKEN_TIME, "; set this machine's clock, or allow more with --allow-clock-skew"},
        {RC_CERT_EKU, "; RFC 3161 wants it critical and for timestamping alone"},
        {RC_TOKEN_NONCE, "; it may be an old reply that somebody sent again"},
        {RC_TOKEN_POLICY, "; ask for another with --policy, or for none"},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].rc == rc) {
            return table[i].text;
        }
    }
    return "";
}

static enum ask_verdict say_finding(struct attempt *a, const struct verify_report *report, enum rc rc)
{
    if (rc == RC_CHAIN_UNTRUSTED) {
        return say(a, ASK_BAD,
                   "its certificate chain reaches no trusted root; missing: '%s' (give it with --tsa-ca "
                   "FILE, or skip "
                   "this check with --no-chain)",
                   report->chain.missing);
    }
    if (rc == RC_CERT_EKU && cert_check_timestamping(&report->cert) == RC_OK) {
        return say(a, ASK_BAD, "a CA of its certificate chain is not for timestamping (extended key usage)");
    }
    return say(a, ASK_BAD, "%s%s", rc_text(rc), advice(rc));
}

/* ---- requests ---- */

/* The shortest form of a positive INTEGER. */
static struct bytes nonce_of(const struct attempt *a)
{
    struct bytes nonce = bytes_of(a->nonce, sizeof a->nonce);

    while (nonce.len > 1 && nonce.data[0] == 0 && !(nonce.data[1] & 0x80)) {
        nonce = bytes_of(nonce.data + 1, nonce.len - 1);
    }
    return nonce;
}

static enum rc build_query(struct attempt *a)
{
    struct tsp_request request = {
        .imprint = {.alg = a->ask->alg, .alg_oid = oid_bytes(digest_oid(a->ask->alg)), .alg_null = true},
        .policy = a->ask->policy,
        .cert_req = true,
    };
    enum rc rc = digest_compute(a->ask->alg, &a->data, 1, a->hash);

    if (rc != RC_OK) {
        return rc;
    }
    a->nonce[0] = 0;
    if (RAND_bytes(a->nonce + 1, NONCE_LEN) != 1) {
        return RC_CRYPTO;
    }
    request.imprint.hash = bytes_of(a->hash, digest_len(a->ask->alg));
    request.nonce = nonce_of(a);
    wbuf_init(&a->body, 4096);
    tsp_request_build(&a->body, &request);
    return wbuf_rc(&a->body);
}

static enum rc build_legacy(struct attempt *a)
{
    struct wbuf der;
    enum rc rc;

    wbuf_init(&der, a->data.len + 128);
    wbuf_init(&a->body, (a->data.len + 128) * LEGACY_EXPANDS);
    msauth_request_build(&der, a->data);
    base64_encode(&a->body, wbuf_bytes(&der));
    rc = wbuf_rc(&der) != RC_OK ? wbuf_rc(&der) : wbuf_rc(&a->body);
    wbuf_clear(&der);
    return rc;
}

/* ---- what both protocols check ---- */

static enum ask_verdict check_time(struct attempt *a, struct gentime time)
{
    struct gentime now = now_real();
    char text[GENTIME_TEXT_MAX] = "?";
    size_t len;
    int64_t off = gentime_diff_ns(time, now);

    /* It was made between the two readings of this clock. */
    if (gentime_diff_ns(a->sent, time) > off) {
        off = gentime_diff_ns(a->sent, time);
    }
    if (gentime_build_iso(time, text, &len) != RC_OK) {
        return say(a, ASK_BAD, "%s", rc_text(RC_TIME_RANGE));
    }
    if (off > a->ask->skew_ns) {
        return say(a, ASK_BAD, "its time, %s, lies more than %lld s from this machine's clock%s", text,
                   (long long)(a->ask->skew_ns / 1000000000), advice(RC_TOKEN_TIME));
    }
    if (a->signer && cert_check_time(a->signer, time) != RC_OK) {
        return say(a, ASK_BAD,
                   "its time, %s, lies outside the validity of the signer's certificate: a timestamp does "
                   "not help any more",
                   text);
    }
    a->out->time = time;
    return ASK_GOOD;
}

/* Never a silent fall back: a signature whose digest is broken vouches for nothing, whatever the imprint's is. In the legacy form the
 * authority chooses, and many still choose SHA-1. */
static enum ask_verdict check_digest(struct attempt *a, enum digest used)
{
    bool is_weak = used == DIGEST_MD5 ||
                   (used == DIGEST_SHA1 && a->ask->kind == SPC_STAMP_RFC3161 && a->ask->alg != DIGEST_SHA1);

    return is_weak ? say(a, ASK_BAD, "its signature uses %s, which is too weak", digest_name(used))
                   : ASK_GOOD;
}

/* A reply of another media type, or of none, comes from somebody who speaks another protocol. */
static bool has_type(struct attempt *a, const struct http_reply *reply, const char *type, const char *kind)
{
    if (strcmp(reply->type, type) == 0) {
        return true;
    }
    if (reply->type[0] == '\0') {
        (void)say(a, ASK_BAD, "the reply names no media type; %s is wanted: is this an %s authority?", type,
                  kind);
    } else {
        (void)say(a, ASK_BAD, "the reply's media type is '%s', not %s: is this an %s authority?", reply->type,
                  type, kind);
    }
    return false;
}

/* ---- RFC 3161 ---- */

static enum ask_verdict say_refusal(struct attempt *a, const struct tsp_response *response)
{
    char text[200];
    size_t len =
        response->status_string.len < sizeof text - 1 ? response->status_string.len : sizeof text - 1;

    for (size_t i = 0; i < len; i++) {
        uint8_t octet = response->status_string.data[i];
        text[i] = octet < 0x20 || octet == 0x7f ? '?' : (char)octet;
    }
    text[len] = '\0';
    return say(a, ASK_REFUSED, "the authority refused: %s%s%s%s%s", tsp_status_name(response->status),
               response->failure != TSP_NO_FAILURE ? ", " : "",
               response->failure != TSP_NO_FAILURE ? tsp_failure_name(response->failure) : "",
               len ? ": " : "", text);
}

static enum ask_verdict check_token(struct attempt *a, struct bytes token)
{
    struct bytes nonce = nonce_of(a);
    const struct verify_token_query query = {
        .token = token,
        .imprint_alg = a->ask->alg,
        .imprint_hash = bytes_of(a->hash, digest_len(a->ask->alg)),
        .nonce = &nonce,
        .policy = a->ask->policy,
        .anchors = a->ask->anchors,
        .rules = DER_FOREIGN,
    };
    struct verify_report report;
    enum ask_verdict verdict;
    enum rc rc = verify_token(&query, &report);

    rc = verify_verdict(&report, rc);
    if (rc != RC_OK) {
        verdict = say_finding(a, &report, rc);
    } else if ((verdict = check_digest(a, report.signer.digest)) == ASK_GOOD) {
        a->out->value = token;
        verdict = check_time(a, report.time);
    }
    verify_clear(&report);
    return verdict;
}

static enum ask_verdict check_response(struct attempt *a, const struct http_reply *reply)
{
    struct tsp_response response;
    enum rc rc;

    if (!has_type(a, reply, "application/timestamp-reply", "RFC 3161")) {
        return ASK_BAD;
    }
    wbuf_put(&a->out->reply, wbuf_bytes(&reply->body));
    rc = wbuf_rc(&a->out->reply);
    if (rc == RC_OK) {
        rc = tsp_response_parse(wbuf_bytes(&a->out->reply), &response);
    }
    if (rc != RC_OK) {
        return say(a, ASK_BAD, "the reply is malformed: %s", rc_text(rc));
    }
    if (response.token.len == 0) {
        return say_refusal(a, &response);
    }
    /* Granted, or with modifications (RFC 3161 2.4.2): whatever was asked for is compared with the token, so none can pass unseen. */
    return check_token(a, response.token);
}

/* ---- legacy ---- */

static enum rc decode_legacy(struct bytes body, struct wbuf *out)
{
    size_t len;

    if (body.len > 0 && body.data[0] == DER_SEQUENCE && der_tlv_len(body, &len) == RC_OK && len == body.len) {
        wbuf_put(out, body);
        return wbuf_rc(out);
    }
    return base64_decode_body(body, out);
}

static enum rc check_legacy_form(const struct attempt *a, struct cms *cms)
{
    enum rc rc = cms_parse(wbuf_bytes(&a->out->reply), DER_FOREIGN, cms);

    if (rc != RC_OK) {
        return rc;
    }
    if (cms->num_signers != 1) {
        return RC_CMS_SIGNERS;
    }
    if (cms->content_type != OID_DATA) {
        return RC_CMS_CONTENT_TYPE;
    }
    if (!cms->has_content || cms->content_tag != DER_OCTET_STRING_TAG) {
        return RC_CMS_NO_CONTENT;
    }
    return bytes_equal(cms->content, a->data) ? RC_OK : RC_MSAUTH_CONTENT;
}

static enum ask_verdict check_countersignature(struct attempt *a, const struct cms *cms)
{
    const struct verify_countersignature_query query = {
        .signer_info = cms->signer.tlv,
        .blob = a->data,
        .certificates = cms->certificates,
        .anchors = a->ask->anchors,
        .rules = DER_FOREIGN,
    };
    struct verify_report report;
    enum ask_verdict verdict;
    enum rc rc = verify_countersignature(&query, &report);

    rc = verify_verdict(&report, rc);
    if (rc == RC_OK) {
        rc = cert_check_timestamping(&report.cert);
    }
    if (rc != RC_OK) {
        verdict = say_finding(a, &report, rc);
    } else if (report.form != CMS_SIGNATURE_STANDARD) {
        /* Authorities that are gone made it: Windows takes it, libcrypto and what is built on it do not. */
        verdict =
            say(a, ASK_BAD,
                "its signature is of the old form without DigestInfo, which most programs can not verify");
    } else if ((verdict = check_digest(a, report.signer.digest)) == ASK_GOOD) {
        a->out->value = cms->signer.tlv;
        a->out->certificates = cms->certificates;
        verdict = check_time(a, report.time);
    }
    verify_clear(&report);
    return verdict;
}

static enum ask_verdict check_legacy(struct attempt *a, const struct http_reply *reply)
{
    struct cms cms;
    enum rc rc;

    if (!has_type(a, reply, "application/octet-stream", "Authenticode")) {
        return ASK_BAD;
    }
    rc = decode_legacy(wbuf_bytes(&reply->body), &a->out->reply);
    if (rc == RC_OK) {
        rc = check_legacy_form(a, &cms);
    }
    return rc == RC_OK ? check_countersignature(a, &cms)
                       : say(a, ASK_BAD, "the reply is wrong: %s", rc_text(rc));
}

/* ---- one attempt ---- */

static const struct protocol {
    enum rc (*build)(struct attempt *a);
    enum ask_verdict (*check)(struct attempt *a, const struct http_reply *reply);
    const char *content_type, *accept;
} protocols[] = {
    [SPC_STAMP_LEGACY] = {build_legacy, check_legacy, "application/octet-stream", "application/octet-stream"},
    [SPC_STAMP_RFC3161] = {build_query, check_response, "application/timestamp-query",
                           "application/timestamp-reply"},
};

static enum ask_verdict exchange(struct attempt *a, const struct protocol *protocol)
{
    static const enum ask_verdict verdicts[] = {
        [HTTP_UNREACHABLE] = ASK_UNREACHABLE, [HTTP_REFUSED] = ASK_REFUSED, [HTTP_BAD] = ASK_BAD};
    const struct http_post post = {.url = a->url,
                                   .content_type = protocol->content_type,
                                   .accept = protocol->accept,
                                   .body = wbuf_bytes(&a->body)};
    struct http_reply reply;
    enum ask_verdict verdict;

    a->sent = now_real();
    http_post(a->ask->http, &post, &reply);
    verdict = reply.verdict == HTTP_GOOD ? protocol->check(a, &reply)
                                         : say(a, verdicts[reply.verdict], "%s", reply.why);
    http_reply_clear(&reply);
    return verdict;
}

static enum ask_verdict attempt(struct attempt *a)
{
    const struct protocol *protocol = &protocols[a->ask->kind];
    enum ask_verdict verdict;
    enum rc rc = protocol->build(a);

    wbuf_clear(&a->out->reply);
    wbuf_init(&a->out->reply, HTTP_REPLY_MAX);
    verdict = rc == RC_OK ? exchange(a, protocol) : say(a, ASK_BAD, "%s", rc_text(rc));
    wbuf_clear(&a->body);
    return verdict;
}

/* ---- all of them ---- */

static void pause_before(int64_t round, int64_t ns)
{
    struct timespec left;

    for (int64_t i = 1; i < round && ns < MAX_PAUSE_NS; i++) {
        ns *= 2;
    }
    ns = ns < MAX_PAUSE_NS ? ns : MAX_PAUSE_NS;
    left = (struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    while (nanosleep(&left, &left) != 0) {
    }
}

/* Asks every URL until one is good; else the worst verdict. */
static enum ask_verdict ask_round(struct attempt *a)
{
    enum ask_verdict worst = ASK_UNREACHABLE, verdict;

    for (size_t i = 0; i < a->ask->num_urls; i++) {
        a->url = a->ask->urls[i];
        verdict = attempt(a);
        if (verdict == ASK_GOOD) {
            return ASK_GOOD;
        }
        worst = verdict > worst ? verdict : worst;
    }
    return worst;
}

void ask_timestamp(const struct ask *ask, struct bytes data, const struct cert *signer, struct ask_stamp *out)
{
    struct attempt a = {.ask = ask, .data = data, .signer = signer, .out = out};

    *out = (struct ask_stamp){.verdict = ASK_UNREACHABLE};
    for (int64_t round = 0; round <= ask->retries && out->verdict == ASK_UNREACHABLE; round++) {
        if (round > 0) {
            pause_before(round, ask->pause_ns);
            out->why[0] = '\0';
        }
        out->verdict = ask_round(&a);
    }
}

void ask_stamp_clear(struct ask_stamp *stamp)
{
    wbuf_clear(&stamp->reply);
    *stamp = (struct ask_stamp){0};
}
