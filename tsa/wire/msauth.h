/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timestamp protocol of Authenticode before RFC 3161 ("Time Stamping Authenticode Signatures", Microsoft): a signature
 * value in, a PKCS #7 SignedData whose SignerInfo becomes the PKCS #9 countersignature out.
 */
#ifndef TSA_WIRE_MSAUTH_H
#define TSA_WIRE_MSAUTH_H

#include "tsa/wire/cms.h"

#define MSAUTH_BLOB_MIN 32
#define MSAUTH_BLOB_MAX 2048

enum msauth_form {
    MSAUTH_NOT,
    MSAUTH_RAW_DER,
    MSAUTH_BASE64
};

/* msauth_detect tells in which form a body may hold such a request, by its first octets alone. */
enum msauth_form msauth_detect(struct bytes body);

/* msauth_request_parse reads DER: SEQUENCE { 1.3.6.1.4.1.311.3.2.1, attributes OPTIONAL, ContentInfo { data, [0] OCTET STRING } }.
 * *out_blob = the signature value to countersign. RC_MSAUTH_FORM, RC_MSAUTH_BLOB_SIZE, RC_DER_*. */
enum rc msauth_request_parse(struct bytes der, struct bytes *out_blob) MUST_CHECK;

/* msauth_body_parse takes a body in any of the four forms met (one line, 64 columns, trailing NULs, raw DER); scratch receives the decoded
 * octets and must outlive *out_blob. */
enum rc msauth_body_parse(struct bytes body, struct wbuf *scratch, struct bytes *out_blob) MUST_CHECK;

/* msauth_request_build writes the DER of a request. */
void msauth_request_build(struct wbuf *w, struct bytes blob);

/* msauth_reply_build writes the SignedData v1 (DER, not base64) over blob with signingTime time (whole seconds). lab_time adds a signed attribute of type
 * 2.999.3161.2, since this form has no policy that could tell. */
struct msauth_reply {
    const struct cms_profile *profile;
    struct bytes blob;
    struct gentime time;
    bool lab_time;
    cms_sign_fn *sign;
    void *sign_arg;
    EVP_MD_CTX *md_ctx; /* as in struct cms_build */
};
enum rc msauth_reply_build(struct wbuf *out, const struct msauth_reply *reply) MUST_CHECK;

/* msauth_is_lab_time tells whether a countersignature's SignerInfo says that its time is fenced lab time. */
bool msauth_is_lab_time(const struct cms_signer *signer);

/* msauth_signing_time reads the signingTime of a countersignature's SignerInfo. RC_MSAUTH_NO_TIME, RC_TIME_FORM. */
enum rc msauth_signing_time(const struct cms_signer *signer, struct gentime *out) MUST_CHECK;

#endif
