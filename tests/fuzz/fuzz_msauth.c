/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of Authenticode's own protocol: an accepted one is recognised by its first octets, its blob is within the limits, and
 * the request written from it reads back to the same blob. Seeds: the forms in which clients send one request.
 */
#include "tests/fuzz/view.h"
#include "tsa/wire/msauth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

static void check_rebuild(struct bytes blob)
{
    struct bytes again;
    struct wbuf w;

    wbuf_init(&w, MSAUTH_BLOB_MAX + 100);
    msauth_request_build(&w, blob);
    check(wbuf_rc(&w) == RC_OK);
    check(msauth_detect(wbuf_bytes(&w)) == MSAUTH_RAW_DER);
    check(msauth_request_parse(wbuf_bytes(&w), &again) == RC_OK && bytes_equal(again, blob));
    wbuf_clear(&w);
}

static void check_signing_time(struct bytes in)
{
    struct cms_signer signer;
    struct gentime t;

    if (cms_signer_parse(in, DER_FOREIGN, &signer) == RC_OK && msauth_signing_time(&signer, &t) == RC_OK) {
        check(t.nsec < 1000000000);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    struct bytes in = bytes_of(data, data_len), blob;
    enum msauth_form form = msauth_detect(in);
    struct wbuf scratch;
    enum rc rc;

    wbuf_init(&scratch, data_len + 16);
    rc = msauth_body_parse(in, &scratch, &blob);
    if (rc == RC_OK) {
        check(form != MSAUTH_NOT);
        check(view_inside(form == MSAUTH_RAW_DER ? in : wbuf_bytes(&scratch), blob));
        check(blob.len >= MSAUTH_BLOB_MIN && blob.len <= MSAUTH_BLOB_MAX);
        check_rebuild(blob);
    } else {
        check(blob.len == 0);
    }
    wbuf_clear(&scratch);
    check_signing_time(in);
    return 0;
}
