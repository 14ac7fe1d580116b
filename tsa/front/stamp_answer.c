/* SPDX-License-Identifier: Apache-2.0 */
/* One table for each question: is it worth while to come again, and which status is a refused Authenticode request. */
#include "tsa/front/stamp_answer.h"

#include <stdio.h>

#include "tsa/base/now.h"
#include "tsa/http/http_head.h"
#include "tsa/wire/base64.h"

#define RETRY_MAX_S   30
#define SECOND_NS     1000000000LL
#define DAY_S         86400
#define CLOCK_RETRY_S 5 /* a stopped clock is trusted again after three good records, one a second */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *const kind_words[] = {"none", "rfc3161", "authenticode"};

/* Told by HTTP alone, whatever the protocol. */
static const enum rc come_again[] = {RC_OVERLOADED, RC_ISSUER_SILENT, RC_STOPPING};

/* What a refusal of an Authenticode request becomes. All that is not of the table is no fault of the client. */
static const struct {
    enum rc rc;
    unsigned status;
} statuses[] = {
    {RC_UNIT_PROTOCOL, 403}, {RC_MSAUTH_FORM, 400},  {RC_MSAUTH_BLOB_SIZE, 400}, {RC_BASE64, 400},
    {RC_DER_TRUNCATED, 400}, {RC_DER_TRAILING, 400}, {RC_DER_TAG, 400},          {RC_DER_LENGTH, 400},
    {RC_DER_DEPTH, 400},     {RC_DER_INTEGER, 400},  {RC_DER_BOOLEAN, 400},      {RC_DER_BIT_STRING, 400},
    {RC_DER_OID, 400},       {RC_DER_NULL, 400},     {RC_DER_DEFAULT, 400},      {RC_DIGEST_UNKNOWN, 400},
    {RC_TOO_LARGE, 413},
};

/* When a 503 in Authenticode is worth another try; what is not of the table soon. keeps: the request was as good as any. */
static const struct {
    enum rc rc;
    unsigned s;
    bool keeps;
} retries[] = {
    {RC_CLOCK_BACKWARDS, CLOCK_RETRY_S, true},
    {RC_CLOCK_UNKNOWN, CLOCK_RETRY_S, true},
    {RC_CLOCK_STALE, CLOCK_RETRY_S, true},
    {RC_CLOCK_UNREACHABLE, CLOCK_RETRY_S, true},
    {RC_CLOCK_UNSYNCHRONISED, CLOCK_RETRY_S, true},
    {RC_CLOCK_LOCAL, CLOCK_RETRY_S, true},
    {RC_CLOCK_OLD, CLOCK_RETRY_S, true},
    {RC_CLOCK_BOUND, CLOCK_RETRY_S, true},
    {RC_CLOCK_DISAGREES, CLOCK_RETRY_S, true},
    {RC_CLOCK_UNCONFIRMED, CLOCK_RETRY_S, true},
    {RC_CLOCK_STEPPED, CLOCK_RETRY_S, true},
    {RC_CLOCK_LEAP, CLOCK_RETRY_S, true},
    /* These end by nobody's waiting. */
    {RC_CERT_NOT_YET_VALID, RETRY_MAX_S, false},
    {RC_CERT_EXPIRED, RETRY_MAX_S, false},
    {RC_KEY_USE_OVER, RETRY_MAX_S, false},
    {RC_LEDGER_WRITE, RETRY_MAX_S, false},
    {RC_LEDGER_DAMAGED, RETRY_MAX_S, false},
    {RC_SELF_CHECK, RETRY_MAX_S, false},
};

static unsigned status_of(enum rc rc)
{
    size_t i;

    for (i = 0; i < COUNT(statuses); i++) {
        if (statuses[i].rc == rc) {
            return statuses[i].status;
        }
    }
    return 503;
}

static bool is_come_again(enum rc rc)
{
    size_t i;

    for (i = 0; i < COUNT(come_again) && come_again[i] != rc; i++) {
    }
    return i < COUNT(come_again);
}

unsigned stamp_answer_retry_s(int64_t ns)
{
    int64_t s = ns <= 0 ? 1 : (ns - 1) / SECOND_NS + 1;

    return (unsigned)(s < RETRY_MAX_S ? s : RETRY_MAX_S);
}

unsigned stamp_answer_leap_s(struct gentime now, int64_t accuracy_ns)
{
    const int64_t since = now.sec % DAY_S;
    /* As the issuer has it for whole seconds: the accuracy, half a second of rounding, and a tenth; 1.1 s at least. */
    const int64_t half = (accuracy_ns > SECOND_NS / 2 ? accuracy_ns : SECOND_NS / 2) + SECOND_NS / 10 * 6;
    /* An inserted second makes the wait before midnight longer by one. */
    const int64_t left = since < DAY_S / 2 ? half - since * SECOND_NS - now.nsec
                                           : half + (DAY_S - since + 1) * SECOND_NS - now.nsec;

    return left > 0 && left <= 2 * half + SECOND_NS ? stamp_answer_retry_s(left) : CLOCK_RETRY_S;
}

/* Seconds of another try; 0 = what the status says. */
static unsigned retry_of(const struct stamp_verdict *v, bool *out_keeps)
{
    size_t i;

    for (i = 0; i < COUNT(retries) && retries[i].rc != v->rc; i++) {
    }
    *out_keeps = i < COUNT(retries) && retries[i].keeps;
    if (v->rc == RC_CLOCK_LEAP) {
        return stamp_answer_leap_s(now_real(), v->unit->settings->accuracy);
    }
    return i < COUNT(retries) ? retries[i].s : 0;
}

static struct http_reply say_come_again(struct stamp_answer *a, const struct stamp_verdict *v)
{
    unsigned s = stamp_answer_retry_s(v->retry_ns);
    struct http_reply reply;

    snprintf(a->sentence, sizeof a->sentence, "%s; try again in %u s", rc_text(v->rc), s);
    snprintf(a->fields, sizeof a->fields, "Retry-After: %u\r\n", s);
    reply = http_reply_refuse(503, a->sentence);
    reply.fields = a->fields;
    reply.keeps = true;
    return reply;
}

static const char *sentence_of(struct stamp_answer *a, const struct stamp_verdict *v)
{
    return v->sentence ? v->sentence
                       : unit_describe_refusal(v->unit, v->rc, v->why, a->sentence, sizeof a->sentence);
}

static struct http_reply answer_rfc3161(struct stamp_answer *a, const struct stamp_verdict *v)
{
    struct http_reply reply = {.status = 200, .type = "application/timestamp-reply", .body = v->reply};

    if (v->rc != RC_OK) {
        tsp_response_build_refusal(&a->body, tsp_failure_of_rc(v->rc), sentence_of(a, v));
        reply.body = wbuf_bytes(&a->body);
    }
    return reply;
}

static struct http_reply refuse_authenticode(struct stamp_answer *a, const struct stamp_verdict *v)
{
    struct http_reply reply = http_reply_refuse(status_of(v->rc), sentence_of(a, v));
    const unsigned s = retry_of(v, &reply.keeps);

    if (s > 0) {
        snprintf(a->fields, sizeof a->fields, "Retry-After: %u\r\n", s);
        reply.fields = a->fields;
    }
    return reply;
}

static struct http_reply answer_authenticode(struct stamp_answer *a, const struct stamp_verdict *v)
{
    struct http_reply reply = {.status = 200, .type = "application/octet-stream"};

    if (v->rc != RC_OK) {
        return refuse_authenticode(a, v);
    }
    base64_encode(&a->body, v->reply);
    reply.body = wbuf_bytes(&a->body);
    return reply;
}

static struct http_reply sign_off(struct http_reply reply, const struct stamp_verdict *v)
{
    reply.unit = v->unit->settings->name;
    reply.kind = kind_words[v->kind];
    reply.result = rc_word(v->rc);
    reply.serial = v->serial;
    reply.record = v->record;
    return reply;
}

struct http_reply stamp_answer_build(struct stamp_answer *answer, const struct stamp_verdict *verdict)
{
    struct http_reply reply;

    wbuf_reset(&answer->body);
    if (is_come_again(verdict->rc)) {
        reply = say_come_again(answer, verdict);
    } else if (verdict->kind == MSG_AUTHENTICODE) {
        reply = answer_authenticode(answer, verdict);
    } else {
        reply = answer_rfc3161(answer, verdict);
    }
    if (wbuf_rc(&answer->body) != RC_OK) {
        reply = http_reply_refuse(503, NULL);
    }
    return sign_off(reply, verdict);
}

struct http_reply stamp_answer_neither(struct stamp_answer *answer, struct stamp_verdict *verdict,
                                       struct bytes media_type)
{
    char sentence[sizeof answer->sentence];
    struct http_reply reply = http_reply_refuse(415, NULL);

    verdict->kind = 0;
    if (http_head_text_is(media_type, "application/timestamp-query")) {
        snprintf(sentence, sizeof sentence, "the body is no RFC 3161 request: %s", rc_text(verdict->rc));
        verdict->kind = MSG_RFC3161;
        verdict->rc = tsp_failure_of_rc(verdict->rc) == TSP_BAD_DATA_FORMAT ? verdict->rc : RC_DER_TAG;
        verdict->sentence = sentence;
        reply = stamp_answer_build(answer, verdict);
        verdict->sentence = NULL;
        return reply; /* the sentence stands in its body */
    }
    if (http_head_text_is(media_type, "application/octet-stream")) {
        snprintf(answer->sentence, sizeof answer->sentence,
                 "the body is no Authenticode timestamp request: %s", rc_text(verdict->rc));
        reply = http_reply_refuse(400, answer->sentence);
    }
    return sign_off(reply, verdict);
}
