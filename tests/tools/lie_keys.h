/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys and certificates of lying_tsa, made anew each time: one authority that is right, and one for each way in which a certificate can be
 * wrong (RFC 3161 2.3).
 */
#ifndef TESTS_TOOLS_LIE_KEYS_H
#define TESTS_TOOLS_LIE_KEYS_H

#include <time.h>

#include "tests/tools/lie.h"
#include "tests/unit/tsclient/make_cert.h"

#define DAY     86400
#define YEAR_90 631152000 /* before that nobody signed */

struct lie_keys {
    struct made_cert root, strange_root, code_ca;
    struct made_cert authorities[WHO_NUM];
    struct made_cert signer, expired_signer; /* of the files to try on */
};

static inline struct made_cert lie_make(const char *name, const struct made_cert *issuer, const char *eku)
{
    const struct make_cert m = {.name = name,
                                .issuer = issuer,
                                .eku = eku,
                                .from = time(NULL) - 400 * DAY,
                                .to = time(NULL) + 300 * DAY,
                                .rsa = true};

    return make_cert(&m);
}

static inline struct made_cert lie_make_ca(const char *name, const struct made_cert *issuer, const char *eku)
{
    const struct make_cert m = {.name = name,
                                .issuer = issuer,
                                .eku = eku,
                                .is_ca = true,
                                .from = YEAR_90,
                                .to = time(NULL) + 3000 * DAY};

    return make_cert(&m);
}

static inline const struct made_cert *lie_issuer(const struct lie_keys *k, enum who who)
{
    return who == WHO_STRANGER ? &k->strange_root : who == WHO_MISISSUED ? &k->code_ca : &k->root;
}

/* The right ones have RSA keys, because the old form needs them; the wrong ones what is quick to make. */
static inline void lie_make_authority(struct lie_keys *k, enum who who)
{
    static const struct make_cert rows[WHO_NUM] = {
        [WHO_GOOD] = {.name = "Good TSA", .eku = "critical,timeStamping", .rsa = true},
        [WHO_SIBLING] = {.name = "Sibling TSA", .eku = "critical,timeStamping", .rsa = true},
        [WHO_NOT_CRITICAL] = {.name = "TSA not critical", .eku = "timeStamping"},
        [WHO_TWO_PURPOSES] = {.name = "TSA with two purposes", .eku = "critical,timeStamping,codeSigning"},
        [WHO_TWICE] = {.name = "TSA twice", .eku = "critical,timeStamping,timeStamping"},
        [WHO_NO_PURPOSE] = {.name = "TSA without purpose"},
        [WHO_CODE_SIGNER] = {.name = "Code signer as TSA", .eku = "critical,codeSigning"},
        [WHO_KEY_USAGE] = {.name = "TSA for keys",
                           .eku = "critical,timeStamping",
                           .usage = "critical,digitalSignature,keyEncipherment"},
        [WHO_CA] = {.name = "CA as TSA", .eku = "critical,timeStamping", .is_ca = true},
        [WHO_EXPIRED] = {.name = "Expired TSA", .eku = "critical,timeStamping", .to = -DAY},
        [WHO_NOT_YET] = {.name = "Early TSA", .eku = "critical,timeStamping", .from = DAY},
        [WHO_STRANGER] = {.name = "Stranger TSA", .eku = "critical,timeStamping"},
        [WHO_MISISSUED] = {.name = "Misissued TSA", .eku = "critical,timeStamping"},
        [WHO_OLD] = {.name = "Old TSA", .eku = "critical,timeStamping", .rsa = true},
    };
    struct make_cert m = rows[who];

    m.issuer = lie_issuer(k, who);
    m.from = who == WHO_OLD ? YEAR_90 : time(NULL) + (m.from ? m.from : -400 * DAY);
    m.to = time(NULL) + (m.to ? m.to : 300 * DAY);
    m.usage = m.is_ca ? "critical,digitalSignature,keyCertSign" : m.usage;
    k->authorities[who] = make_cert(&m);
}

static inline void lie_make_keys(struct lie_keys *k)
{
    const struct make_cert expired = {.name = "Expired signer",
                                      .issuer = &k->root,
                                      .eku = "codeSigning",
                                      .from = time(NULL) - 400 * DAY,
                                      .to = time(NULL) - DAY,
                                      .rsa = true};

    k->root = lie_make_ca("Test root", NULL, NULL);
    k->strange_root = lie_make_ca("Strange root", NULL, NULL);
    k->code_ca = lie_make_ca("CA for code", &k->root, "codeSigning");
    for (int who = 0; who < WHO_NUM; who++) {
        lie_make_authority(k, (enum who)who);
    }
    k->signer = lie_make("Test signer", &k->root, "codeSigning");
    k->expired_signer = make_cert(&expired);
}

#endif
