/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small authority for the tests of chains, made anew in each run, and the question whether a leaf leads to an anchor.
 */
#ifndef TESTS_WIRE_CHAIN_ASK_H
#define TESTS_WIRE_CHAIN_ASK_H

#include <openssl/err.h>

#include "tests/unit/tsa/wire/mint.h"
#include "tsa/wire/chain.h"

#define NOW (MINT_2026 + 100 * MINT_DAY)

static const char *const ca_ext[] = {"basicConstraints",
                                     "critical,CA:TRUE",
                                     "keyUsage",
                                     "critical,keyCertSign,cRLSign",
                                     "subjectKeyIdentifier",
                                     "hash",
                                     NULL};
static const char *const tsa_ext[] = {
    "basicConstraints",      "CA:FALSE", "keyUsage", "critical,digitalSignature", "extendedKeyUsage",
    "critical,timeStamping", NULL};
static const char *const code_ext[] = {"keyUsage", "digitalSignature", "extendedKeyUsage", "codeSigning",
                                       NULL};

/* root <- middle <- tsa, code; and a stranger's root with the same middle's name below it */
static struct mint root, middle, tsa, code, other_root, other_middle;

static inline int make_all(void **state)
{
    (void)state;
    root = mint(&(struct mint_spec){.cn = "Root", .extensions = ca_ext});
    middle = mint(&(struct mint_spec){.cn = "Middle", .issuer = &root, .serial = 2, .extensions = ca_ext});
    tsa = mint(&(struct mint_spec){.cn = "TSA", .issuer = &middle, .serial = 3, .extensions = tsa_ext});
    code = mint(&(struct mint_spec){.cn = "Code", .issuer = &middle, .serial = 4, .extensions = code_ext});
    other_root = mint(&(struct mint_spec){.cn = "Other Root", .extensions = ca_ext});
    other_middle =
        mint(&(struct mint_spec){.cn = "Middle", .issuer = &other_root, .serial = 2, .extensions = ca_ext});
    return 0;
}

static inline int free_all(void **state)
{
    struct mint *all[] = {&root, &middle, &tsa, &code, &other_root, &other_middle};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        mint_free(all[i]);
    }
    return 0;
}

#define MAX_GIVEN 16

/* One question: what is trusted, what comes along, and about whom. */
struct question {
    const struct mint *leaf;
    const struct mint *anchors[MAX_GIVEN], *others[MAX_GIVEN];
    struct bytes crls[4];
    enum chain_purpose purpose;
    int64_t at;
    uint32_t at_nsec;
};

static inline struct chain_anchors *anchors_of(const struct question *q)
{
    struct chain_anchors *anchors = chain_anchors_new();

    assert_non_null(anchors);
    for (size_t i = 0; q->anchors[i]; i++) {
        assert_int_equal(chain_anchors_add(anchors, q->anchors[i]->der), RC_OK);
    }
    for (size_t i = 0; i < 4 && q->crls[i].len > 0; i++) {
        assert_int_equal(chain_anchors_add_crl(anchors, q->crls[i]), RC_OK);
    }
    return anchors;
}

static inline enum rc ask_for_chain(const struct question *q, struct chain *out)
{
    struct chain_anchors *anchors = anchors_of(q);
    struct chain_query query = {.anchors = anchors, .leaf = q->leaf->der, .purpose = q->purpose};
    struct wbuf others;
    enum rc rc;

    wbuf_init(&others, 100000);
    for (size_t i = 0; q->others[i]; i++) {
        wbuf_put(&others, q->others[i]->der);
    }
    assert_int_equal(wbuf_rc(&others), RC_OK);
    query.intermediates = wbuf_bytes(&others);
    query.at = (struct gentime){q->at ? q->at : NOW, q->at_nsec};
    rc = chain_check(&query, out);
    assert_int_equal(ERR_peek_error(), 0); /* nothing is left for others to trip over */
    wbuf_clear(&others);
    chain_anchors_free(anchors);
    return rc;
}

static inline enum rc ask(const struct question *q)
{
    struct chain chain;
    enum rc rc = ask_for_chain(q, &chain);

    chain_clear(&chain);
    return rc;
}

#define assert_rc(question, rc) assert_string_equal(rc_word(ask(question)), rc_word(rc))

#endif
