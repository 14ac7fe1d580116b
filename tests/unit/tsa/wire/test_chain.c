/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains of certificates that the test makes itself: what leads to an anchor and what does not, the time, the purpose at
 * every step, old digests, input that is no certificate.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsa/wire/chain_ask.h"

static void assert_chain(const struct chain *chain, const struct mint *const *want, size_t num)
{
    assert_int_equal(chain->num, num);
    for (size_t i = 0; i < num; i++) {
        assert_true(bytes_equal(chain->cert[i], want[i]->der));
    }
}

/* ---- trust ---- */

static void a_good_chain(void **state)
{
    const struct mint *want[] = {&tsa, &middle, &root};
    struct question q = {.leaf = &tsa, .anchors = {&root}, .others = {&middle}};
    struct chain chain;

    (void)state;
    assert_int_equal(ask_for_chain(&q, &chain), RC_OK);
    assert_chain(&chain, want, 3);
    assert_string_equal(chain.missing, "");
    chain_clear(&chain);
    assert_int_equal(chain.num, 0);
    assert_null(chain.storage);
    chain_clear(&chain);
}

static void what_comes_along_is_sorted_out(void **state)
{
    (void)state;
    assert_rc((&(struct question){.leaf = &tsa, .anchors = {&root}, .others = {&root, &code, &middle, &tsa}}),
              RC_OK);
    assert_rc((&(struct question){.leaf = &tsa, .anchors = {&other_root, &root}, .others = {&middle}}),
              RC_OK);
    assert_rc((&(struct question){.leaf = &tsa, .anchors = {&root, &root}, .others = {&middle, &middle}}),
              RC_OK);
}

static void an_anchor_need_not_be_a_root(void **state)
{
    const struct mint *want[] = {&tsa, &middle};
    struct question q = {.leaf = &tsa, .anchors = {&middle}};
    struct chain chain;

    (void)state;
    assert_int_equal(ask_for_chain(&q, &chain), RC_OK);
    assert_chain(&chain, want, 2);
    chain_clear(&chain);
    assert_rc((&(struct question){.leaf = &tsa, .anchors = {&tsa}}), RC_OK);
    assert_rc((&(struct question){.leaf = &tsa, .anchors = {&middle}, .others = {&root, &middle}}), RC_OK);
}

static void nothing_else_is_trusted(void **state)
{
    static const struct {
        struct question q;
        size_t num;
        const char *missing;
    } rows[] = {
        {{.leaf = &tsa, .others = {&middle, &root}}, 3, "Root"},
        {{.leaf = &tsa, .others = {&middle}}, 2, "Root"},
        {{.leaf = &tsa}, 1, "Middle"},
        {{.leaf = &tsa, .anchors = {&root}}, 1, "Middle"},
        {{.leaf = &tsa, .anchors = {&other_root}, .others = {&middle}}, 2, "Root"},
        {{.leaf = &tsa, .anchors = {&other_root}, .others = {&middle, &root}}, 3, "Root"},
        {{.leaf = &root, .purpose = CHAIN_ANY}, 1, "Root"},
        {{.leaf = &tsa, .anchors = {&code}, .others = {&middle}}, 2, "Root"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct chain chain;

        assert_int_equal(ask_for_chain(&rows[i].q, &chain), RC_CHAIN_UNTRUSTED);
        assert_int_equal(chain.num, rows[i].num);
        assert_string_equal(chain.missing, rows[i].missing);
        assert_true(bytes_equal(chain.cert[0], rows[i].q.leaf->der));
        chain_clear(&chain);
    }
}

/* The same name and another key: the chain must not end in the stranger's root. */
static void a_name_alone_leads_nowhere(void **state)
{
    (void)state;
    assert_rc((&(struct question){.leaf = &tsa, .anchors = {&other_root}, .others = {&other_middle}}),
              RC_CHAIN_BROKEN);
    assert_rc((&(struct question){.leaf = &tsa, .anchors = {&other_middle}}), RC_CHAIN_BROKEN);
}

/* With key identifiers the right one of two equal names is found, in either order. */
static void key_identifiers_decide(void **state)
{
    static const char *const ext[] = {"authorityKeyIdentifier", "keyid:always", "extendedKeyUsage",
                                      "critical,timeStamping", NULL};
    struct mint leaf = mint(&(struct mint_spec){.cn = "TSA", .issuer = &middle, .extensions = ext});

    (void)state;
    assert_rc((&(struct question){.leaf = &leaf, .anchors = {&root}, .others = {&other_middle, &middle}}),
              RC_OK);
    assert_rc((&(struct question){.leaf = &leaf, .anchors = {&root}, .others = {&middle, &other_middle}}),
              RC_OK);
    mint_free(&leaf);
}

static void a_changed_octet_breaks(void **state)
{
    struct mint forged = tsa;
    uint8_t copy[2000];

    (void)state;
    memcpy(copy, tsa.der.data, tsa.der.len);
    copy[tsa.der.len - 5] ^= 1;
    forged.der = bytes_of(copy, tsa.der.len);
    assert_rc((&(struct question){.leaf = &forged, .anchors = {&root}, .others = {&middle}}),
              RC_CHAIN_BROKEN);
}

static void a_leaf_can_not_issue(void **state)
{
    struct mint below = mint(&(struct mint_spec){.cn = "Below", .issuer = &tsa, .extensions = tsa_ext});

    (void)state;
    assert_rc((&(struct question){.leaf = &below, .anchors = {&root}, .others = {&tsa, &middle}}),
              RC_CHAIN_BROKEN);
    mint_free(&below);
}

static void path_length_is_obeyed(void **state)
{
    static const char *const ext[] = {"basicConstraints", "critical,CA:TRUE,pathlen:0", "keyUsage",
                                      "keyCertSign", NULL};
    struct mint narrow = mint(&(struct mint_spec){.cn = "Narrow", .issuer = &root, .extensions = ext});
    struct mint lower = mint(&(struct mint_spec){.cn = "Lower", .issuer = &narrow, .extensions = ca_ext});
    struct mint leaf = mint(&(struct mint_spec){.cn = "TSA", .issuer = &lower, .extensions = tsa_ext});

    (void)state;
    assert_rc((&(struct question){.leaf = &leaf, .anchors = {&root}, .others = {&lower, &narrow}}),
              RC_CHAIN_BROKEN);
    mint_free(&leaf);
    mint_free(&lower);
    mint_free(&narrow);
}

static void an_unknown_critical_extension_fails(void **state)
{
    static const char *const critical[] = {"extendedKeyUsage", "critical,timeStamping", "1.2.3.4.5",
                                           "critical,DER:0500", NULL};
    static const char *const plain[] = {"extendedKeyUsage", "critical,timeStamping", "1.2.3.4.5", "DER:0500",
                                        NULL};
    struct mint bad = mint(&(struct mint_spec){.cn = "TSA", .issuer = &middle, .extensions = critical});
    struct mint good = mint(&(struct mint_spec){.cn = "TSA", .issuer = &middle, .extensions = plain});

    (void)state;
    assert_rc((&(struct question){.leaf = &bad, .anchors = {&root}, .others = {&middle}}), RC_CHAIN_BROKEN);
    assert_rc((&(struct question){.leaf = &good, .anchors = {&root}, .others = {&middle}}), RC_OK);
    mint_free(&good);
    mint_free(&bad);
}

/* Leaf and anchor and ten between them are taken, one more is not; a result never holds more than it has room for. */
static void length_has_a_limit(void **state)
{
    struct mint steps[CHAIN_MAX + 1];
    struct question q = {.purpose = CHAIN_ANY};
    char name[20];
    struct chain chain;

    (void)state;
    for (size_t i = 0; i <= CHAIN_MAX; i++) {
        snprintf(name, sizeof name, "Step %zu", i);
        steps[i] = mint(
            &(struct mint_spec){.cn = name, .issuer = i > 0 ? &steps[i - 1] : NULL, .extensions = ca_ext});
        q.others[i] = &steps[i];
    }
    q.anchors[0] = &steps[0];
    q.leaf = &steps[CHAIN_MAX - 1];
    assert_int_equal(ask_for_chain(&q, &chain), RC_OK);
    assert_int_equal(chain.num, CHAIN_MAX);
    chain_clear(&chain);
    q.leaf = &steps[CHAIN_MAX];
    assert_int_equal(ask_for_chain(&q, &chain), RC_CHAIN_BROKEN);
    assert_true(chain.num <= CHAIN_MAX);
    chain_clear(&chain);
    for (size_t i = 0; i <= CHAIN_MAX; i++) {
        mint_free(&steps[i]);
    }
}

/* ---- time ---- */

static void both_ends_of_the_validity_count(void **state)
{
    const int64_t first = MINT_2026, last = MINT_2026 + 3650 * MINT_DAY;
    struct question q = {.leaf = &tsa, .anchors = {&root}, .others = {&middle}};

    (void)state;
    q.at = first - 1;
    assert_rc(&q, RC_CERT_NOT_YET_VALID);
    q.at = first;
    assert_rc(&q, RC_OK);
    q.at = last;
    assert_rc(&q, RC_OK);
    q.at_nsec = 1;
    assert_rc(&q, RC_CERT_EXPIRED);
    q.at = last + 1;
    q.at_nsec = 0;
    assert_rc(&q, RC_CERT_EXPIRED);
}

static void every_certificate_must_be_valid(void **state)
{
    struct mint old = mint(&(struct mint_spec){.cn = "Middle",
                                               .issuer = &root,
                                               .same_key = &middle,
                                               .until = MINT_2026 + 10 * MINT_DAY,
                                               .extensions = ca_ext});
    struct question q = {.leaf = &tsa, .anchors = {&root}, .others = {&old}};

    (void)state;
    assert_rc(&q, RC_CERT_EXPIRED);
    q.at = MINT_2026 + 5 * MINT_DAY; /* the time asked for counts, not today */
    assert_rc(&q, RC_OK);
    q.at = 0;
    q.others[1] = &middle; /* the renewed one is found */
    assert_rc(&q, RC_OK);
    mint_free(&old);
}

/* ---- purpose ---- */

static void the_leaf_is_meant_for_it(void **state)
{
    static const struct {
        const char *ext[3];
        enum rc stamping, signing;
    } rows[] = {
        {{"extendedKeyUsage", "critical,timeStamping"}, RC_OK, RC_CERT_EKU},
        {{"extendedKeyUsage", "timeStamping"}, RC_OK, RC_CERT_EKU}, /* whether critical is asked elsewhere */
        {{"extendedKeyUsage", "codeSigning"}, RC_CERT_EKU, RC_OK},
        {{"extendedKeyUsage", "codeSigning,timeStamping"}, RC_OK, RC_OK},
        {{"extendedKeyUsage", "anyExtendedKeyUsage"}, RC_CERT_EKU, RC_CERT_EKU},
        {{"extendedKeyUsage", "emailProtection"}, RC_CERT_EKU, RC_CERT_EKU},
        {{"subjectKeyIdentifier", "hash"}, RC_CERT_EKU, RC_OK}, /* none at all */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mint leaf =
            mint(&(struct mint_spec){.cn = "Leaf", .issuer = &middle, .extensions = rows[i].ext});
        struct question q = {.leaf = &leaf, .anchors = {&root}, .others = {&middle}};

        q.purpose = CHAIN_TIME_STAMPING;
        assert_rc(&q, rows[i].stamping);
        q.purpose = CHAIN_CODE_SIGNING;
        assert_rc(&q, rows[i].signing);
        q.purpose = CHAIN_ANY;
        assert_rc(&q, RC_OK);
        mint_free(&leaf);
    }
}

static void no_authority_above_forbids_it(void **state)
{
    static const struct {
        const char *eku;
        enum rc stamping, signing;
    } rows[] = {
        {"timeStamping", RC_OK, RC_CERT_EKU},
        {"codeSigning", RC_CERT_EKU, RC_OK},
        {"codeSigning,timeStamping,emailProtection", RC_OK, RC_OK},
        {"anyExtendedKeyUsage", RC_OK, RC_OK},
        {"serverAuth", RC_CERT_EKU, RC_CERT_EKU},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const ext[] = {"basicConstraints", "critical,CA:TRUE", "extendedKeyUsage", rows[i].eku,
                                   NULL};
        struct mint limited = mint(
            &(struct mint_spec){.cn = "Middle", .issuer = &root, .same_key = &middle, .extensions = ext});

        assert_rc((&(struct question){.leaf = &tsa, .anchors = {&root}, .others = {&limited}}),
                  rows[i].stamping);
        assert_rc(
            (&(struct question){
                .leaf = &code, .anchors = {&root}, .others = {&limited}, .purpose = CHAIN_CODE_SIGNING}),
            rows[i].signing);
        mint_free(&limited);
    }
}

/* ---- weakness is for the caller to judge ---- */

static void old_digests_and_small_keys_verify(void **state)
{
    struct mint old_root = mint(&(struct mint_spec){
        .cn = "Old Root", .key_type = "RSA", .rsa_bits = 1024, .md = EVP_md5(), .extensions = ca_ext});
    struct mint old_md5 = mint(&(struct mint_spec){.cn = "Old MD5",
                                                   .issuer = &old_root,
                                                   .key_type = "RSA",
                                                   .rsa_bits = 1024,
                                                   .md = EVP_md5(),
                                                   .extensions = tsa_ext});
    struct mint old_sha1 = mint(&(struct mint_spec){.cn = "Old SHA-1",
                                                    .issuer = &old_root,
                                                    .key_type = "RSA",
                                                    .rsa_bits = 1024,
                                                    .md = EVP_sha1(),
                                                    .extensions = tsa_ext});
    struct cert facts;

    (void)state;
    assert_rc((&(struct question){.leaf = &old_md5, .anchors = {&old_root}}), RC_OK);
    assert_rc((&(struct question){.leaf = &old_sha1, .anchors = {&old_root}}), RC_OK);
    assert_int_equal(cert_parse(old_md5.der, &facts), RC_OK);
    assert_int_equal(facts.signature_alg, OID_RSA_MD5);
    assert_int_equal(facts.key_type, OID_RSA);
    assert_int_equal(cert_check_timestamping(&facts), RC_OK);
    mint_free(&old_sha1);
    mint_free(&old_md5);
    mint_free(&old_root);
}

static void ed25519_verifies(void **state)
{
    struct mint ed_root =
        mint(&(struct mint_spec){.cn = "Ed Root", .key_type = "ED25519", .extensions = ca_ext});
    struct mint leaf = mint(
        &(struct mint_spec){.cn = "Ed", .issuer = &ed_root, .key_type = "ED25519", .extensions = tsa_ext});
    struct cert facts;

    (void)state;
    assert_rc((&(struct question){.leaf = &leaf, .anchors = {&ed_root}}), RC_OK);
    assert_int_equal(cert_parse(leaf.der, &facts), RC_OK);
    assert_int_equal(facts.key_type, OID_ED25519);
    assert_int_equal(facts.signature_alg, OID_ED25519);
    mint_free(&leaf);
    mint_free(&ed_root);
}

/* ---- anchors and bad input ---- */

static void anchors_are_counted(void **state)
{
    struct mint_crl_spec spec = {&middle, 3, NOW, NOW, NOW + MINT_DAY, 4};
    struct chain_anchors *anchors = chain_anchors_new();
    struct bytes crl = mint_crl(&spec);

    (void)state;
    assert_int_equal(chain_anchors_count(anchors), 0);
    assert_int_equal(chain_anchors_add(anchors, root.der), RC_OK);
    assert_int_equal(chain_anchors_add(anchors, root.der), RC_OK);
    assert_int_equal(chain_anchors_count(anchors), 1);
    assert_int_equal(chain_anchors_add(anchors, middle.der), RC_OK);
    assert_int_equal(chain_anchors_add_crl(anchors, crl), RC_OK);
    assert_int_equal(chain_anchors_count(anchors), 2);
    chain_anchors_free(anchors);
    chain_anchors_free(NULL);
    mint_crl_free(crl);
}

static void anchors_must_be_certificates(void **state)
{
    struct mint_crl_spec spec = {&middle, 3, NOW, NOW, NOW + MINT_DAY, 4};
    struct chain_anchors *anchors = chain_anchors_new();
    struct bytes crl = mint_crl(&spec);
    uint8_t two[4000];

    (void)state;
    memcpy(two, root.der.data, root.der.len);
    memcpy(two + root.der.len, root.der.data, root.der.len);
    assert_int_equal(chain_anchors_add(anchors, bytes_of(two, 2 * root.der.len)), RC_CERT_MALFORMED);
    assert_int_equal(chain_anchors_add(anchors, bytes_of(two, root.der.len - 1)), RC_CERT_MALFORMED);
    assert_int_equal(chain_anchors_add(anchors, BYTES_NONE), RC_CERT_MALFORMED);
    assert_int_equal(chain_anchors_add(anchors, crl), RC_CERT_MALFORMED);
    assert_int_equal(chain_anchors_add_crl(anchors, root.der), RC_CERT_MALFORMED);
    assert_int_equal(chain_anchors_add_crl(anchors, BYTES_NONE), RC_CERT_MALFORMED);
    assert_int_equal(chain_anchors_count(anchors), 0);
    assert_int_equal(ERR_peek_error(), 0);
    chain_anchors_free(anchors);
    mint_crl_free(crl);
}

static void the_hosts_store_can_be_asked(void **state)
{
    struct chain_anchors *anchors = chain_anchors_new();
    struct chain_query query = {
        .anchors = anchors, .leaf = tsa.der, .intermediates = middle.der, .at = {NOW, 0}};
    struct chain chain;

    (void)state;
    assert_int_equal(chain_anchors_add_system(anchors), RC_OK);
    assert_int_equal(chain_check(&query, &chain), RC_CHAIN_UNTRUSTED);
    chain_clear(&chain);
    assert_int_equal(chain_anchors_add(anchors, root.der), RC_OK);
    assert_int_equal(chain_check(&query, &chain), RC_OK);
    chain_clear(&chain);
    chain_anchors_free(anchors);
}

static void a_leaf_that_is_none(void **state)
{
    struct mint bad = {.der = BYTES_NONE};
    struct chain chain;
    struct question q = {.leaf = &bad, .anchors = {&root}};

    (void)state;
    assert_int_equal(ask_for_chain(&q, &chain), RC_CERT_MALFORMED);
    assert_int_equal(chain.num, 0);
    chain_clear(&chain);
    for (size_t len = 1; len < tsa.der.len; len += 7) {
        bad.der = bytes_of(tsa.der.data, len);
        assert_rc(&q, RC_CERT_MALFORMED);
    }
}

/* What libcrypto can't read, and attribute certificates, are passed over. */
static void other_things_in_the_set(void **state)
{
    struct chain_anchors *anchors = chain_anchors_new();
    struct chain_query query = {.anchors = anchors, .leaf = tsa.der, .at = {NOW, 0}};
    struct chain chain;
    struct wbuf set;

    (void)state;
    wbuf_init(&set, 10000);
    wbuf_put(&set, bytes_of("\x30\x02\x05\x00\xa1\x02\x30\x00", 8));
    wbuf_put(&set, middle.der);
    assert_int_equal(chain_anchors_add(anchors, root.der), RC_OK);
    query.intermediates = wbuf_bytes(&set);
    assert_int_equal(chain_check(&query, &chain), RC_OK);
    chain_clear(&chain);
    wbuf_clear(&set);
    chain_anchors_free(anchors);
}

/* A heap of certificates costs a bounded time; what lies beyond the bound is not found, and that is told as such. */
static void a_heap_is_looked_at_up_to_a_bound(void **state)
{
    struct chain_anchors *anchors = chain_anchors_new();
    struct chain_query query = {.anchors = anchors, .leaf = tsa.der, .at = {NOW, 0}};
    struct chain chain;
    struct wbuf set;

    (void)state;
    assert_int_equal(chain_anchors_add(anchors, root.der), RC_OK);
    for (size_t before = CHAIN_OTHERS_MAX - 1; before <= CHAIN_OTHERS_MAX; before++) {
        wbuf_init(&set, 1000000);
        for (size_t i = 0; i < before; i++) {
            wbuf_put(&set, code.der);
        }
        wbuf_put(&set, middle.der);
        query.intermediates = wbuf_bytes(&set);
        assert_int_equal(chain_check(&query, &chain), before < CHAIN_OTHERS_MAX ? RC_OK : RC_CHAIN_UNTRUSTED);
        chain_clear(&chain);
        wbuf_clear(&set);
    }
    chain_anchors_free(anchors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_chain),
        cmocka_unit_test(what_comes_along_is_sorted_out),
        cmocka_unit_test(an_anchor_need_not_be_a_root),
        cmocka_unit_test(nothing_else_is_trusted),
        cmocka_unit_test(a_name_alone_leads_nowhere),
        cmocka_unit_test(key_identifiers_decide),
        cmocka_unit_test(a_changed_octet_breaks),
        cmocka_unit_test(a_leaf_can_not_issue),
        cmocka_unit_test(path_length_is_obeyed),
        cmocka_unit_test(an_unknown_critical_extension_fails),
        cmocka_unit_test(length_has_a_limit),
        cmocka_unit_test(both_ends_of_the_validity_count),
        cmocka_unit_test(every_certificate_must_be_valid),
        cmocka_unit_test(the_leaf_is_meant_for_it),
        cmocka_unit_test(no_authority_above_forbids_it),
        cmocka_unit_test(old_digests_and_small_keys_verify),
        cmocka_unit_test(ed25519_verifies),
        cmocka_unit_test(anchors_are_counted),
        cmocka_unit_test(anchors_must_be_certificates),
        cmocka_unit_test(the_hosts_store_can_be_asked),
        cmocka_unit_test(a_leaf_that_is_none),
        cmocka_unit_test(other_things_in_the_set),
        cmocka_unit_test(a_heap_is_looked_at_up_to_a_bound),
    };

    return cmocka_run_group_tests(tests, make_all, free_all);
}
