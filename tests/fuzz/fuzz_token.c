/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge of timestamps: whatever stands there it ends, says the same twice, and calls nothing good that it could not read.
 * The last certificate of the input is taken as trusted, so that chains are walked too. Seeds: tokens and countersignatures
 * of throw-away keys, made by openssl ts and by this tree.
 */
#include <string.h>

#include "tests/fuzz/view.h"
#include "tsa/wire/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

static struct chain_anchors *anchors_of(struct bytes certificates)
{
    struct chain_anchors *anchors = chain_anchors_new();
    struct bytes der, last = BYTES_NONE;

    check(anchors != NULL);
    while (cert_next(&certificates, &der)) {
        last = der;
    }
    if (last.len > 0 && chain_anchors_add(anchors, last) != RC_OK) {
        chain_anchors_free(anchors);
        return NULL;
    }
    return anchors;
}

static void check_report(const struct verify_report *report, enum rc rc)
{
    check(rc == (report->num_findings > 0 ? report->finding[0] : RC_OK));
    for (size_t i = 0; i < report->num_findings; i++) {
        check(report->finding[i] != RC_OK && verify_has(report, report->finding[i]));
        for (size_t k = 0; k < i; k++) {
            check(report->finding[k] != report->finding[i]);
        }
    }
    if (rc == RC_OK) {
        check(report->has_time && report->cert.der.len > 0 && report->signer.tlv.len > 0);
    }
}

static bool same_report(const struct verify_report *a, const struct verify_report *b)
{
    return a->num_findings == b->num_findings &&
           memcmp(a->finding, b->finding, a->num_findings * sizeof a->finding[0]) == 0 &&
           a->cert.der.data == b->cert.der.data;
}

static void one_token(struct bytes in, const struct cms *cms)
{
    static const uint8_t nonce[] = {0x12};
    struct bytes wanted = bytes_of(nonce, 1);
    struct chain_anchors *anchors = anchors_of(cms->certificates);
    struct verify_token_query query = {.token = in, .rules = DER_FOREIGN, .anchors = anchors};
    struct verify_report first, second, narrow;
    struct token token;
    enum rc rc = verify_token(&query, &first);

    check_report(&first, rc);
    check(verify_token(&query, &second) == rc && same_report(&first, &second));
    check(rc != RC_OK || token_parse(in, DER_FOREIGN, &token) == RC_OK);
    query.nonce = &wanted; /* asking for more never makes a token good */
    query.imprint_alg = DIGEST_SHA1;
    query.rules = DER_STRICT;
    check(verify_token(&query, &narrow) != RC_OK || rc == RC_OK);
    verify_clear(&first);
    verify_clear(&second);
    verify_clear(&narrow);
    chain_anchors_free(anchors);
}

static void one_countersignature(const struct cms *cms)
{
    struct verify_countersignature_query query = {
        .signer_info = cms->signer.tlv,
        .blob = cms->content,
        .certificates = cms->certificates,
        .rules = DER_FOREIGN,
    };
    struct verify_report report;

    check_report(&report, verify_countersignature(&query, &report));
    verify_clear(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    struct bytes in = bytes_of(data, data_len);
    struct cms cms;

    if (cms_parse(in, DER_FOREIGN, &cms) != RC_OK) {
        return 0;
    }
    one_token(in, &cms);
    one_countersignature(&cms);
    return 0;
}
