/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SignedData: every view lies within the input, what is read strictly is read the same way leniently, attributes are walked
 * to their end, and checking a signature ends whatever stands there. Seeds: openssl cms and smime with their options.
 */
#include <string.h>

#include "tests/fuzz/view.h"
#include "tsa/wire/ber.h"
#include "tsa/wire/cms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

static void check_attributes(struct bytes in, struct bytes attrs)
{
    struct bytes rest = cms_attr_rest(attrs), value;
    struct cms_attr attr;
    size_t num = 0, before;

    for (before = rest.len; cms_attr_next(&rest, &attr); before = rest.len) {
        check(view_inside(in, attr.tlv) && view_inside(in, attr.values));
        check(rest.len < before);
        num++;
    }
    for (unsigned oid = OID_NONE + 1; oid < OID_NUM; oid++) {
        if (cms_attr_get(attrs, (enum oid)oid, &value) == RC_OK) {
            check(num > 0 && value.len > 0 && view_inside(in, value));
        }
    }
}

static void check_signer(struct bytes in, const struct cms *cms)
{
    const struct cms_signer *s = &cms->signer;
    struct cms_signer again;
    uint8_t digest[DIGEST_MAX];
    struct cert cert;
    struct cms_check query = {.signer = s,
                              .cert = &cert,
                              .content = cms->content,
                              .content_type = cms->content_type,
                              .allow_bare = true};
    enum cms_signature_form form;
    enum rc rc;

    check(s->tlv.len > 0 && view_inside(cms->signers, s->tlv) && view_inside(s->tlv, s->signature));
    check(view_inside(s->tlv, s->signed_attrs) && view_inside(s->tlv, s->unsigned_attrs));
    check((s->issuer.len > 0) != (s->version == 3));
    check(cms_signer_parse(s->tlv, DER_FOREIGN, &again) == RC_OK &&
          again.signature.data == s->signature.data);
    check_attributes(in, s->signed_attrs);
    check_attributes(in, s->unsigned_attrs);
    if (cms_signer_find_cert(s, cms->certificates, &cert) != RC_OK) {
        return;
    }
    check(cms_signer_names(s, &cert));
    if (digest_compute(s->digest, &cms->content, 1, digest) == RC_OK) {
        query.content_digest = bytes_of(digest, digest_len(s->digest));
    }
    rc = cms_signer_check(&query, &form);
    if (rc == RC_OK) {
        check(query.content_digest.len > 0 && s->signature.len > 0);
    }
}

static void one(struct bytes in)
{
    struct cms strict, foreign;
    enum rc rc = cms_parse(in, DER_STRICT, &strict);

    if (cms_parse(in, DER_FOREIGN, &foreign) != RC_OK) {
        check(rc != RC_OK);
        return;
    }
    check(rc != RC_OK ||
          memcmp(&strict.signer.signature, &foreign.signer.signature, sizeof(struct bytes)) == 0);
    check(view_inside(in, foreign.content_tlv) && view_inside(foreign.content_tlv, foreign.content));
    check(view_inside(in, foreign.certificates) && view_inside(in, foreign.signers));
    check(foreign.has_content == (foreign.content_tlv.len > 0));
    check((foreign.num_signers > 0) == (foreign.signers.len > 0));
    if (foreign.num_signers > 0) {
        check_signer(in, &foreign);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    struct bytes in = bytes_of(data, data_len);
    struct wbuf w;

    one(in);
    if (ber_is_indefinite(in)) {
        wbuf_init(&w, in.len * 4 + 16);
        if (ber_normalise(in, &w) == RC_OK) {
            one(wbuf_bytes(&w));
        }
        wbuf_clear(&w);
    }
    return 0;
}
