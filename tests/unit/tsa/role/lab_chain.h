/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains for tests of lab time: root, intermediate, timestamp certificate, each marked as a lab's or not, each signed by whoever the test says. Texts as
 * a unit takes them.
 */
#ifndef TESTS_LAB_CHAIN_H
#define TESTS_LAB_CHAIN_H

#include "certs/certfile.h"
#include "certs/issue.h"
#include "certs/keyfile.h"
#include "tsa/role/settings.h"
#include "tsa/role/unit.h"

#define LAB_CHAIN_FROM  INT64_C(1800000000) /* 2027-01-15T08:00:00Z */
#define LAB_CHAIN_UNTIL INT64_C(1900000000) /* 2030-03-17T17:46:40Z */

/* What differs from a chain of the lab; zeroed: nothing. */
struct lab_chain_plan {
    enum oid policies[3];      /* of root, intermediate, leaf; OID_DATA: none */
    bool plain_root, plain_ca; /* no CA */
    int64_t from[3], until[3];
    const char *root_name;
};

struct lab_chain {
    EVP_PKEY *keys[3];
    struct wbuf der[3]; /* root, intermediate, leaf */
};

static inline void lab_chain_issue(struct lab_chain *chain, const struct lab_chain_plan *plan, unsigned i,
                                   const struct lab_chain *issuer)
{
    static const enum oid for_timestamps[] = {OID_KP_TIME_STAMPING, OID_NONE};
    const bool is_ca = i == 0 ? !plan->plain_root : i == 1 ? !plan->plain_ca : false;
    const char *const names[] = {plan->root_name ? plan->root_name : "Root", "Intermediate", "Authority"};
    const struct issue issue = {
        .common_name = names[i],
        .not_before.sec = plan->from[i] ? plan->from[i] : LAB_CHAIN_FROM,
        .not_after.sec = plan->until[i] ? plan->until[i] : LAB_CHAIN_UNTIL,
        .key = chain->keys[i],
        .is_ca = is_ca,
        .path_len = is_ca ? 1 - (int)i : -1,
        .key_usage = i < 2 ? CERT_USAGE_KEY_CERT_SIGN : CERT_USAGE_DIGITAL_SIGNATURE,
        .purposes = i == 2 ? for_timestamps : NULL,
        .purposes_critical = true,
        .policy = plan->policies[i] == OID_NONE   ? OID_LAB_POLICY
                  : plan->policies[i] == OID_DATA ? OID_NONE
                                                  : plan->policies[i],
        .issuer = i == 0 ? BYTES_NONE : wbuf_bytes(&issuer->der[i - 1]),
        .issuer_key = i == 0 ? NULL : issuer->keys[i - 1],
        .digest = DIGEST_SHA256,
    };

    wbuf_init(&chain->der[i], 1u << 16);
    assert_int_equal(issue_certificate(&issue, &chain->der[i]), RC_OK);
}

static inline void lab_chain_make(struct lab_chain *chain, const struct lab_chain_plan *plan)
{
    *chain = (struct lab_chain){0};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(keyfile_make(KEYFILE_P256, &chain->keys[i]), RC_OK);
        lab_chain_issue(chain, plan, i, chain);
    }
}

static inline void lab_chain_clear(struct lab_chain *chain)
{
    for (unsigned i = 0; i < 3; i++) {
        EVP_PKEY_free(chain->keys[i]);
        wbuf_clear(&chain->der[i]);
    }
}

/* A unit of leaf and intermediate; root may be empty. */
static inline void lab_chain_unit(struct unit *unit, const struct settings_unit *settings, struct bytes leaf,
                                  struct bytes ca, struct bytes root)
{
    struct wbuf chain_text, root_text;

    wbuf_init(&chain_text, 1u << 16);
    wbuf_init(&root_text, 1u << 16);
    certfile_put_pem(&chain_text, leaf);
    if (ca.len) {
        certfile_put_pem(&chain_text, ca);
    }
    if (root.len) {
        certfile_put_pem(&root_text, root);
    }
    assert_int_equal(unit_init(unit, settings, wbuf_bytes(&chain_text), wbuf_bytes(&root_text)), RC_OK);
    wbuf_clear(&chain_text);
    wbuf_clear(&root_text);
}

#endif
