/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timestamp protocol of Authenticode ("Time Stamping Authenticode Signatures", Microsoft). The signature value is opaque
 * here: its size is all that is looked at. It has no error form, no nonce and no policy, so a refusal is the caller's HTTP
 * status. RFC 5652 11.4 forbids contentType in a countersignature; Windows' own have it, so it is written.
 */
#include "tsa/wire/msauth.h"

#include "tsa/wire/base64.h"

#define DETECT_BASE64                                                                                        \
    28 /* characters that hold the longest head below: 4 octets of header, 2 + 10 of OID, in whole quads */
#define DETECT_OCTETS (DETECT_BASE64 / 4 * 3)

#define SIGNING_TIME_ROOM 64
#define LAB_TIME_ROOM     96

/* ---- which form ---- */

/* SEQUENCE of any length, then the OID: RFC 3161's request has an INTEGER in its place. */
static bool has_head(struct bytes in)
{
    uint8_t storage[16];
    struct wbuf oid;
    size_t header = 2;

    if (in.len < 2 || in.data[0] != DER_SEQUENCE) {
        return false;
    }
    if (in.data[1] & 0x80) {
        header += in.data[1] & 0x7fu;
    }
    wbuf_init_fixed(&oid, storage, sizeof storage);
    oid_put(&oid, OID_SPC_TIME_STAMP_REQUEST);
    return header < in.len &&
           bytes_starts_with(bytes_of(in.data + header, in.len - header), wbuf_bytes(&oid));
}

static bool has_base64_head(struct bytes body)
{
    char text[DETECT_BASE64];
    uint8_t octets[DETECT_OCTETS];
    struct wbuf out;
    size_t len = 0;

    for (size_t i = 0; i < body.len && len < sizeof text; i++) {
        if (body.data[i] > 0x20) {
            text[len++] = (char)body.data[i];
        }
    }
    wbuf_init_fixed(&out, octets, sizeof octets);
    return len == sizeof text && base64_decode(bytes_of(text, len), &out) == RC_OK &&
           has_head(wbuf_bytes(&out));
}

enum msauth_form msauth_detect(struct bytes body)
{
    if (has_head(body)) {
        return MSAUTH_RAW_DER;
    }
    return has_base64_head(body) ? MSAUTH_BASE64 : MSAUTH_NOT;
}

/* ---- request ---- */

static void demand_oid(struct der *d, enum oid oid)
{
    struct bytes found = der_get_oid(d);

    if (!bytes_equal(found, oid_bytes(oid))) {
        der_fail(d, RC_MSAUTH_FORM);
    }
}

enum rc msauth_request_parse(struct bytes der, struct bytes *out_blob)
{
    struct der d;
    struct bytes blob;
    enum rc rc;

    *out_blob = BYTES_NONE;
    der_init(&d, der, DER_REQUEST);
    der_enter(&d, DER_SEQUENCE);
    demand_oid(&d, OID_SPC_TIME_STAMP_REQUEST);
    if (der_next_is(&d, DER_SET)) { /* attributes: nobody sends them, nobody says what they would mean */
        (void)der_get(&d, DER_SET);
    }
    der_enter(&d, DER_SEQUENCE);
    demand_oid(&d, OID_DATA);
    der_enter(&d, DER_CONTEXT_CONSTRUCTED(0));
    blob = der_get(&d, DER_OCTET_STRING_TAG);
    der_leave(&d);
    der_leave(&d);
    der_leave(&d);
    rc = der_end(&d);
    if (rc != RC_OK) {
        return rc;
    }
    if (blob.len < MSAUTH_BLOB_MIN || blob.len > MSAUTH_BLOB_MAX) {
        return RC_MSAUTH_BLOB_SIZE;
    }
    *out_blob = blob;
    return RC_OK;
}

/* Some clients end even raw DER with a NUL, as a C string. */
static struct bytes without_nul_tail(struct bytes body)
{
    size_t len;

    if (der_tlv_len(body, &len) != RC_OK) {
        return body;
    }
    for (size_t i = len; i < body.len; i++) {
        if (body.data[i] != 0) {
            return body;
        }
    }
    return bytes_of(body.data, len);
}

/* Base64 of a SEQUENCE begins with an M, so nothing is both. */
enum rc msauth_body_parse(struct bytes body, struct wbuf *scratch, struct bytes *out_blob)
{
    enum rc rc;

    *out_blob = BYTES_NONE;
    if (body.len > 0 && body.data[0] == DER_SEQUENCE) {
        return msauth_request_parse(without_nul_tail(body), out_blob);
    }
    wbuf_reset(scratch);
    rc = base64_decode_body(body, scratch);
    return rc == RC_OK ? msauth_request_parse(wbuf_bytes(scratch), out_blob) : rc;
}

void msauth_request_build(struct wbuf *w, struct bytes blob)
{
    size_t whole = der_open(w, DER_SEQUENCE);
    size_t info, content;

    oid_put(w, OID_SPC_TIME_STAMP_REQUEST);
    info = der_open(w, DER_SEQUENCE);
    oid_put(w, OID_DATA);
    content = der_open(w, DER_CONTEXT_CONSTRUCTED(0));
    der_put(w, DER_OCTET_STRING_TAG, blob);
    der_close(w, content);
    der_close(w, info);
    der_close(w, whole);
}

/* ---- reply ---- */

/* RFC 5652 11.3: UTCTime, whole seconds. */
static enum rc put_signing_time(struct wbuf *w, struct gentime t)
{
    char text[GENTIME_TEXT_MAX];
    size_t len, attr, values;
    enum rc rc = gentime_build_utc(t, text, &len);

    if (rc != RC_OK) {
        return rc;
    }
    attr = der_open(w, DER_SEQUENCE);
    oid_put(w, OID_SIGNING_TIME);
    values = der_open(w, DER_SET);
    der_put(w, DER_UTC_TIME_TAG, bytes_of(text, len));
    der_close(w, values);
    der_close(w, attr);
    return wbuf_rc(w);
}

/* Signed, so that nobody can take it off. */
static void put_lab_time(struct wbuf *w)
{
    const size_t attr = der_open(w, DER_SEQUENCE);
    size_t values;

    oid_put(w, OID_LAB_TIME_POLICY);
    values = der_open(w, DER_SET);
    der_put(w, DER_UTF8_STRING_TAG, bytes_str("lab time: no evidence of any time"));
    der_close(w, values);
    der_close(w, attr);
}

enum rc msauth_reply_build(struct wbuf *out, const struct msauth_reply *reply)
{
    uint8_t storage[SIGNING_TIME_ROOM], lab_storage[LAB_TIME_ROOM];
    struct wbuf signing_time, lab_time;
    struct cms_build build;
    enum rc rc;

    wbuf_init_fixed(&lab_time, lab_storage, sizeof lab_storage);
    put_lab_time(&lab_time);
    wbuf_init_fixed(&signing_time, storage, sizeof storage);
    rc = put_signing_time(&signing_time, reply->time);
    if (rc != RC_OK) {
        return rc;
    }
    build = (struct cms_build){
        .profile = reply->profile,
        .version = 1,
        .content_type = OID_DATA,
        .content = reply->blob,
        .attrs = {wbuf_bytes(&signing_time), wbuf_bytes(&lab_time)},
        .num_attrs = reply->lab_time ? 2 : 1,
        .with_certificates = true,
        .sign = reply->sign,
        .sign_arg = reply->sign_arg,
        .md_ctx = reply->md_ctx,
    };
    return cms_build(out, &build);
}

bool msauth_is_lab_time(const struct cms_signer *signer)
{
    struct bytes value;

    return cms_attr_get(signer->signed_attrs, OID_LAB_TIME_POLICY, &value) != RC_CMS_ATTR_MISSING;
}

enum rc msauth_signing_time(const struct cms_signer *signer, struct gentime *out)
{
    struct bytes value, text;
    struct der d;
    bool is_utc;
    enum rc rc = cms_attr_get(signer->signed_attrs, OID_SIGNING_TIME, &value);

    *out = (struct gentime){0};
    if (rc != RC_OK) {
        return rc == RC_CMS_ATTR_MISSING ? RC_MSAUTH_NO_TIME : rc;
    }
    der_init(&d, value, DER_FOREIGN);
    is_utc = der_next_is(&d, DER_UTC_TIME_TAG);
    text = der_get(&d, is_utc ? DER_UTC_TIME_TAG : DER_GENERALIZED_TIME_TAG);
    rc = der_end(&d);
    if (rc != RC_OK) {
        return RC_TIME_FORM;
    }
    return is_utc ? gentime_parse_utc(text, out) : gentime_parse(text, out);
}
