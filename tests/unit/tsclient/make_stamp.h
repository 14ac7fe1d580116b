/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timestamps of both kinds over a signature value, right by default. Built by tsa/wire, which has tests of its own.
 */
#ifndef TESTS_UNIT_TSCLIENT_MAKE_STAMP_H
#define TESTS_UNIT_TSCLIENT_MAKE_STAMP_H

#include "tests/unit/tsclient/make_cert.h"
#include "tsa/wire/msauth.h"
#include "tsa/wire/token.h"

struct make_stamp {
    const struct made_cert *authority;
    struct bytes blob; /* the signature value */
    int64_t at;        /* seconds since 1970 */
    enum oid policy;   /* OID_NONE: the lab's */
    bool odd_imprint;  /* made with a digest that nobody knows */
    bool odd_name;     /* the authority calls itself by another name than its certificate's */
};

static inline void make_profile(struct cms_profile *profile, const struct made_cert *authority)
{
    struct bytes der = made_cert_der(authority);

    MAKE_CERT_MUST(cms_profile_init(profile, &der, 1, DIGEST_SHA256) == RC_OK);
}

/* Appends a token. */
static inline void make_token(struct wbuf *w, const struct make_stamp *m)
{
    uint8_t hash[DIGEST_MAX];
    struct cms_profile profile;
    struct tsp_tstinfo info = {
        .policy = oid_bytes(m->policy != OID_NONE ? m->policy : OID_LAB_POLICY),
        .imprint = {.alg = DIGEST_SHA256,
                    .alg_oid = oid_bytes(OID_SHA256),
                    .alg_null = true,
                    .hash = {hash, 32}},
        .serial = bytes_of("\x01\x02", 2),
        .time = {.sec = m->at},
        .tsa_name = m->odd_name ? bytes_of("\x82\x05other", 7) : BYTES_NONE,
    };
    struct token_build build = {.profile = &profile,
                                .info = &info,
                                .with_certificates = true,
                                .sign = made_cert_sign,
                                .sign_arg = m->authority->key};

    if (m->odd_imprint) {
        info.imprint.alg = DIGEST_NONE;
        info.imprint.alg_oid = oid_bytes(OID_LAB_POLICY);
    }
    make_profile(&profile, m->authority);
    MAKE_CERT_MUST(digest_compute(DIGEST_SHA256, &m->blob, 1, hash) == RC_OK);
    MAKE_CERT_MUST(token_build(w, &build) == RC_OK);
    cms_profile_clear(&profile);
}

/* Appends the SignedData of a legacy reply. */
static inline void make_legacy_reply(struct wbuf *w, const struct make_stamp *m)
{
    struct cms_profile profile;
    struct msauth_reply reply = {.profile = &profile,
                                 .blob = m->blob,
                                 .time = {.sec = m->at},
                                 .lab_time = m->policy == OID_LAB_TIME_POLICY,
                                 .sign = made_cert_sign,
                                 .sign_arg = m->authority->key};

    make_profile(&profile, m->authority);
    MAKE_CERT_MUST(msauth_reply_build(w, &reply) == RC_OK);
    cms_profile_clear(&profile);
}

#endif
