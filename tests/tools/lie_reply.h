/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replies of lying_tsa: TSTInfo and TimeStampResp of RFC 3161, the SignedData of the Authenticode protocol, each with one thing wrong.
 */
#ifndef TESTS_TOOLS_LIE_REPLY_H
#define TESTS_TOOLS_LIE_REPLY_H

#include "tests/tools/lie_signed.h"
#include "tsa/wire/base64.h"
#include "tsa/wire/msauth.h"
#include "tsa/wire/tsp.h"

#define LIE_TIME_MAX 60

static inline void lie_put_hex(struct wbuf *w, const char *hex)
{
    unsigned octet;

    for (; sscanf(hex, "%2x", &octet) == 1; hex += 2) {
        wbuf_put_u8(w, (uint8_t)octet);
    }
}

/* YYYYMMDDhhmmssZ, or as the lie wants it; skip 2 for a UTCTime. */
static inline void lie_time_text(const struct lie *lie, size_t skip, char out[LIE_TIME_MAX])
{
    char text[GENTIME_TEXT_MAX];
    size_t len;

    MAKE_CERT_MUST(gentime_build((struct gentime){.sec = lie->at ? lie->at : time(NULL) + lie->seconds}, text,
                                 &len) == RC_OK);
    if (lie->time_tail) {
        text[lie->time_keep] = '\0';
    }
    (void)snprintf(out, LIE_TIME_MAX, "%s%s", text + skip, lie->time_tail ? lie->time_tail : "");
}

/* ---- TSTInfo ---- */

static inline void lie_put_imprint(struct wbuf *w, const struct lie *lie, const struct tsp_imprint *asked)
{
    size_t mark = der_open(w, DER_SEQUENCE);
    uint8_t hash[DIGEST_MAX] = {0};
    size_t len = asked->hash.len;

    if (lie->twist & LIE_SHA1_IMPRINT) {
        len = digest_len(DIGEST_SHA1);
        digest_put_algorithm(w, DIGEST_SHA1, true);
    } else {
        memcpy(hash, asked->hash.data, len);
        hash[0] ^= lie->twist & LIE_OTHER_IMPRINT ? 1 : 0;
        digest_put_algorithm(w, asked->alg, asked->alg_null);
    }
    der_put(w, DER_OCTET_STRING_TAG, bytes_of(hash, len - (lie->twist & LIE_SHORT_IMPRINT ? 1 : 0)));
    der_close(w, mark);
}

static inline void lie_put_accuracy(struct wbuf *w, uint64_t twist)
{
    size_t mark;

    if (twist & LIE_ACCURACY_TYPE) {
        mark = der_open(w, DER_SEQUENCE);
        der_put(w, DER_UTF8_STRING_TAG, bytes_str("good"));
        der_close(w, mark);
    } else if (twist & LIE_ACCURACY_NEGATIVE) {
        lie_put_hex(w, "30030201ff");
    } else if (twist & LIE_ACCURACY_MILLIS) {
        lie_put_hex(w, "3004800203e8");
    } else if (twist & LIE_FULL) {
        lie_put_hex(w, "300b020101800201f4810203e70101ff"); /* 1 s, 500 ms, 999 us; ordering */
    }
}

static inline void lie_put_nonce(struct wbuf *w, uint64_t twist, struct bytes nonce)
{
    uint8_t longer[TSP_NONCE_MAX + 1];

    if (nonce.len == 0 || twist & LIE_NO_NONCE) {
        return;
    }
    if (twist & LIE_OTHER_NONCE) {
        nonce = bytes_of("\x2a\x2b\x2c", 3);
    } else if (twist & LIE_LONG_NONCE) {
        memcpy(longer, nonce.data, nonce.len);
        longer[nonce.len] = 1;
        nonce = bytes_of(longer, nonce.len + 1);
    }
    der_put_integer(w, DER_INTEGER_TAG, nonce);
}

/* [1] with one extension, 2.999.1, without contents. */
static inline void lie_put_extension(struct wbuf *w, bool critical)
{
    lie_put_hex(w, critical ? "a10c300a0603883701"
                              "0101ff"
                              "0400"
                            : "a10930070603883701"
                              "0400");
}

static inline void lie_put_tsa_name(struct wbuf *w, const struct lie_signed *s)
{
    struct cert other = lie_cert(&s->keys->authorities[WHO_SIBLING]);
    size_t outer = der_open(w, DER_CONTEXT_CONSTRUCTED(0)), inner = der_open(w, DER_CONTEXT_CONSTRUCTED(4));

    wbuf_put(w, other.subject);
    der_close(w, inner);
    der_close(w, outer);
}

static inline void lie_put_info(struct wbuf *w, const struct lie_signed *s, const struct tsp_request *request)
{
    uint64_t twist = s->lie->twist;
    size_t whole = der_open(w, DER_SEQUENCE);
    char text[LIE_TIME_MAX];

    lie_time_text(s->lie, 0, text);
    der_put_uint(w, DER_INTEGER_TAG, twist & LIE_VERSION_2 ? 2 : 1);
    der_put(w, DER_OID_TAG,
            twist & LIE_OTHER_POLICY ? oid_bytes(OID_SHA256)
            : request->policy.len    ? request->policy
                                     : oid_bytes(OID_LAB_POLICY));
    lie_put_imprint(w, s->lie, &request->imprint);
    lie_put_hex(w, twist & LIE_FULL ? "02147f0102030405060708090a0b0c0d0e0f10111213" : "020105");
    der_put(w, DER_GENERALIZED_TIME_TAG, bytes_str(text));
    lie_put_accuracy(w, twist);
    lie_put_nonce(w, twist, request->nonce);
    if (twist & LIE_TSA_NAME) {
        lie_put_tsa_name(w, s);
    }
    if (twist & (LIE_CRITICAL | LIE_EXTENSION)) {
        lie_put_extension(w, twist & LIE_CRITICAL);
    }
    if (twist & LIE_TRAILING_INFO) {
        der_put_null(w);
    }
    der_close(w, whole);
    if (twist & LIE_BEHIND_INFO) {
        wbuf_put_u8(w, 0);
    }
}

/* ---- whole replies ---- */

static inline bool lie_answer_query(struct wbuf *out, const struct lie_keys *keys, const struct lie *lie,
                                    struct bytes body)
{
    struct lie_signed s = {.keys = keys, .lie = lie, .is_token = true};
    struct tsp_request request;
    struct wbuf content;
    size_t whole, status;

    if (tsp_request_parse(body, &request) != RC_OK) {
        return false;
    }
    wbuf_init(&content, LIE_ROOM);
    lie_put_info(&content, &s, &request);
    s.content = wbuf_bytes(&content);
    whole = der_open(out, DER_SEQUENCE);
    status = der_open(out, DER_SEQUENCE);
    lie_put_hex(out, lie->status ? lie->status : "020100");
    der_close(out, status);
    if (!lie->no_token) {
        lie_put_signed(out, &s);
    }
    lie_put_hex(out, lie->tail ? lie->tail : "");
    der_close(out, whole);
    wbuf_clear(&content);
    return true;
}

static inline bool lie_answer_legacy(struct wbuf *out, const struct lie_keys *keys, const struct lie *lie,
                                     struct bytes body)
{
    struct lie_signed s = {.keys = keys, .lie = lie};
    char text[LIE_TIME_MAX];
    struct wbuf scratch;
    struct bytes blob;

    wbuf_init(&scratch, LIE_ROOM);
    if (msauth_body_parse(body, &scratch, &blob) != RC_OK) {
        return false;
    }
    lie_time_text(lie, 2, text);
    s.signing_time = text;
    s.content = lie->twist & (LIE_OTHER_IMPRINT | LIE_CONTENT_ALONE) ? bytes_of(keys->root.der, 100) : blob;
    s.digested = lie->twist & LIE_CONTENT_ALONE ? blob : BYTES_NONE;
    lie_put_signed(out, &s);
    wbuf_clear(&scratch);
    return true;
}

/* ---- forms of a legacy body ---- */

static inline void lie_form_lines(struct wbuf *text, struct bytes der, const char *end, const char *last)
{
    struct wbuf line;

    wbuf_init(&line, LIE_ROOM);
    base64_encode(&line, der);
    for (size_t at = 0; at < line.len; at += 64) {
        wbuf_put(text, bytes_of(line.data + at, line.len - at < 64 ? line.len - at : 64));
        wbuf_put_text(text, end);
    }
    wbuf_put_text(text, last);
    wbuf_clear(&line);
}

static inline void lie_form_lf(struct wbuf *text, struct bytes der)
{
    lie_form_lines(text, der, "\n", "");
}

static inline void lie_form_crlf(struct wbuf *text, struct bytes der)
{
    lie_form_lines(text, der, "\r\n", "\r\n");
}

static inline void lie_form_nul(struct wbuf *text, struct bytes der)
{
    base64_encode(text, der);
    wbuf_put(text, bytes_of("", 1));
}

static inline void lie_form_lf_nul(struct wbuf *text, struct bytes der)
{
    lie_form_lines(text, der, "\n", "");
    wbuf_put(text, bytes_of("", 1));
}

static inline void lie_form_raw(struct wbuf *text, struct bytes der)
{
    wbuf_put(text, der);
}

/* One character of padding more than is right, whatever that is. */
static inline void lie_form_padded(struct wbuf *text, struct bytes der)
{
    base64_encode(text, der);
    wbuf_put_text(text, "=");
}

static inline void lie_form_letters(struct wbuf *text, struct bytes der)
{
    base64_encode(text, der);
    text->data[text->len / 2] = '!';
}

#endif
