/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts of certificates. The certificates are put together from their fields, so that each field can be wrong alone; they
 * need no valid signature, because nothing here checks one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsa/wire/fields.h"

static void strip_blanks(const char *from, char *to)
{
    for (; *from; from++) {
        if (*from != ' ') {
            *to++ = *from;
        }
    }
    *to = '\0';
}

/* Appends one Extension in hex digits: OID element, criticality element or "", value. */
static void add_extension(char *list, const char *oid, const char *critical, const char *value)
{
    size_t value_len = strlen(value) / 2, len = (strlen(oid) + strlen(critical)) / 2 + 2 + value_len;

    sprintf(list + strlen(list), "30%02zx%s%s04%02zx%s", len, oid, critical, value_len, value);
}

static void assert_hex(struct bytes found, const char *expected)
{
    struct hex store = {.len = 0};
    struct bytes want = hex(&store, expected);

    assert_true(bytes_equal(found, want));
}

/* ---- parsing ---- */

static void the_plain_facts(void **state)
{
    struct hex store = {.len = 0};
    struct bytes in = build(&good, &store);
    struct cert cert;

    (void)state;
    assert_int_equal(cert_parse(in, &cert), RC_OK);
    assert_true(bytes_equal(cert.der, in));
    assert_hex(cert.issuer, NAME_A);
    assert_hex(cert.subject, NAME_B);
    assert_hex(cert.serial, "07");
    assert_hex(cert.spki, good.spki);
    assert_true(cert.not_before.sec == 1767225600);
    assert_true(cert.not_after.sec == INT64_C(2524607999));
    assert_int_equal(cert.key_type, OID_EC_PUBLIC_KEY);
    assert_int_equal(cert.signature_alg, OID_ECDSA_SHA256);
    assert_false(cert.has_key_usage || cert.has_eku || cert.eku_critical || cert.is_ca);
    assert_int_equal(cert.extensions.len, 0);
    assert_int_equal(cert.num_eku, 0);
}

struct change {
    const char *what;
    size_t field;
    const char *value;
};

/* Sins of real certificates, and forms that are old but right. */
static void what_is_taken(void **state)
{
    static const struct change rows[] = {
        {"version 1", IN(version), ""},
        {"version 1, encoded", IN(version), "a003020100"},
        {"version 2", IN(version), "a003020101"},
        {"no extensions", IN(extensions), NULL},
        {"length not the shortest", IN(serial), "02810107"},
        {"generalized time", IN(validity), "3020" UTC_2026 GEN_2050},
        {"empty subject", IN(subject), "3000"},
        {"unique identifiers", IN(ids), "81020001 82020002"},
        {"the second unique identifier", IN(ids), "82020002"},
        {"unknown key", IN(spki), "300a30040602530303020001"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fields f = with(rows[i].field, rows[i].value);
        struct hex store = {.len = 0};
        struct cert cert;

        if (cert_parse(build(&f, &store), &cert) != RC_OK) {
            fail_msg("%s was refused", rows[i].what);
        }
    }
}

static void serials_in_their_shortest_form(void **state)
{
    static const struct {
        const char *field, *serial;
    } rows[] = {
        {"0201ff", "ff"},
        {"020100", "00"},
        {"0203000012", "12"},
        {"0203ffff80", "80"},
        {"02020080", "0080"},
        {"02147fffffffffffffffffffffffffffffffffffffff", "7fffffffffffffffffffffffffffffffffffffff"},
        {"021500ffffffffffffffffffffffffffffffffffffffff", "00ffffffffffffffffffffffffffffffffffffffff"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fields f = with(IN(serial), rows[i].field);
        struct hex store = {.len = 0};
        struct cert cert;

        assert_int_equal(cert_parse(build(&f, &store), &cert), RC_OK);
        assert_hex(cert.serial, rows[i].serial);
    }
}

static void signature_algorithms(void **state)
{
    static const struct {
        const char *field;
        enum oid alg;
    } rows[] = {
        {"300d06092a864886f70d01010b0500", OID_RSA_SHA256},
        {"300d06092a864886f70d0101050500", OID_RSA_SHA1},
        {"300906052b0e03021d0500", OID_RSA_SHA1}, /* the other name of the same */
        {"300506032b6570", OID_ED25519},
        {"300406022a03", OID_NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fields f = with(IN(outer_alg), rows[i].field);
        struct hex store = {.len = 0};
        struct cert cert;

        assert_int_equal(cert_parse(build(&f, &store), &cert), RC_OK);
        assert_int_equal(cert.signature_alg, rows[i].alg);
    }
}

static void what_is_refused(void **state)
{
    static const struct change rows[] = {
        {"version 4", IN(version), "a003020103"},
        {"negative version", IN(version), "a0030201ff"},
        {"version without a number", IN(version), "a000"},
        {"version and more", IN(version), "a006020102020102"},
        {"no serial", IN(serial), ""},
        {"empty serial", IN(serial), "0200"},
        {"no algorithm", IN(inner_alg), ""},
        {"issuer is a SET", IN(issuer), "3100"},
        {"no issuer and no validity", IN(issuer), ""},
        {"one time", IN(validity), "300f" UTC_2026},
        {"three times", IN(validity), "302d" UTC_2026 UTC_2026 UTC_2049},
        {"no validity", IN(validity), "3000"},
        {"time with an offset", IN(validity),
         "3022"
         "1711323630313031303030303030"
         "2b30303030" UTC_2049},
        {"time without seconds", IN(validity),
         "301c"
         "170b323630313031303030305a" UTC_2049},
        {"second 60", IN(validity),
         "301e"
         "170d3236303130313030303036305a" UTC_2049},
        {"time is a string", IN(validity),
         "301e"
         "130d3236303130313030303030305a" UTC_2049},
        {"subject is a string", IN(subject), "0c00"},
        {"no key", IN(spki), ""},
        {"unique identifiers in the wrong order", IN(ids), "82020002 81020001"},
        {"an unknown field", IN(ids), "84020002"},
        {"extensions twice", IN(ids), "a3023000"},
        {"extension without value", IN(extensions), "30050603551d0f"},
        {"extension without identifier", IN(extensions), "30020400"},
        {"extension with a bad identifier", IN(extensions), "3006060255800400"},
        {"extension and more", IN(extensions),
         "30090603551d630400"
         "0500"},
        {"extension is a SET", IN(extensions), "31070603551d630400"},
        {"no outer algorithm", IN(outer_alg), ""},
        {"no signature", IN(signature), ""},
        {"two signatures", IN(signature), "0302000003020000"},
        {"an octet after the end", IN(after), "00"},
        {"a second certificate after the end", IN(after), "3000"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fields f = with(rows[i].field, rows[i].value);
        struct hex store = {.len = 0};
        struct cert cert = {.is_ca = true};

        if (cert_parse(build(&f, &store), &cert) != RC_CERT_MALFORMED) {
            fail_msg("%s was taken", rows[i].what);
        }
        assert_int_equal(cert.der.len, 0);
        assert_false(cert.is_ca);
    }
}

/* A certificate with every field that there is. */
static struct bytes build_full(struct hex *store)
{
    char list[1000] = "";
    struct fields f = good;

    add_extension(list, EXT_BASIC, "", "3000");
    add_extension(list, EXT_USAGE, CRITICAL, "030206c0");
    add_extension(list, EXT_EKU, CRITICAL, EKU_STAMP);
    add_extension(list, "0603551d0e", "", "0401aa");
    f.extensions = list;
    f.ids = "81020001 82020002";
    return build(&f, store);
}

static void truncated_at_every_octet(void **state)
{
    struct hex store = {.len = 0};
    struct bytes in = build_full(&store);
    struct cert cert;

    (void)state;
    assert_int_equal(cert_parse(in, &cert), RC_OK);
    for (size_t len = 0; len < in.len; len++) {
        uint8_t *copy = malloc(len + 1); /* a block of its own, so that a read beyond it is seen */

        memcpy(copy, in.data, len);
        assert_int_equal(cert_parse(bytes_of(copy, len), &cert), RC_CERT_MALFORMED);
        free(copy);
    }
}

static void changed_at_every_octet(void **state)
{
    struct hex store = {.len = 0};
    struct bytes in = build_full(&store);
    struct cert cert;
    char name[50];

    (void)state;
    for (size_t i = 0; i < in.len; i++) {
        uint8_t kept = store.data[i];

        for (unsigned v = 0; v < 256; v++) {
            enum rc rc;

            store.data[i] = (uint8_t)v;
            rc = cert_parse(in, &cert);
            assert_true(rc == RC_OK || rc == RC_CERT_MALFORMED);
            if (rc == RC_OK) {
                (void)cert_name(cert.subject, name, sizeof name);
                assert_true(strlen(name) < sizeof name);
            }
        }
        store.data[i] = kept;
    }
}

/* ---- extensions ---- */

static enum rc parse_with(const char *list, struct cert *out, struct hex *store)
{
    struct fields f = good;

    f.extensions = list;
    return cert_parse(build(&f, store), out);
}

static void key_usage(void **state)
{
    static const struct {
        const char *value;
        enum rc rc;
        unsigned usage;
    } rows[] = {
        {"03020780", RC_OK, CERT_USAGE_DIGITAL_SIGNATURE},
        {"030206c0", RC_OK, CERT_USAGE_DIGITAL_SIGNATURE | CERT_USAGE_NON_REPUDIATION},
        {"03020640", RC_OK, CERT_USAGE_NON_REPUDIATION},
        {"03020106", RC_OK, CERT_USAGE_KEY_CERT_SIGN | CERT_USAGE_CRL_SIGN},
        {"03020186", RC_OK, CERT_USAGE_DIGITAL_SIGNATURE | CERT_USAGE_KEY_CERT_SIGN | CERT_USAGE_CRL_SIGN},
        {"0303070080", RC_OK, 1u << 8},
        {"030500ffffffff", RC_OK, 0xffff},
        {"0302 07ff", RC_OK, CERT_USAGE_DIGITAL_SIGNATURE}, /* unused bits that are set do not count */
        {"030100", RC_OK, 0},
        {"0300", RC_CERT_MALFORMED, 0},
        {"030101", RC_CERT_MALFORMED, 0},
        {"03020880", RC_CERT_MALFORMED, 0},
        {"0402 0780", RC_CERT_MALFORMED, 0},
        {"03020780 00", RC_CERT_MALFORMED, 0},
        {"", RC_CERT_MALFORMED, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hex store = {.len = 0};
        char list[200] = "", value[64];
        struct cert cert;

        strip_blanks(rows[i].value, value);
        add_extension(list, EXT_USAGE, CRITICAL, value);
        assert_int_equal(parse_with(list, &cert, &store), rows[i].rc);
        assert_int_equal(cert.has_key_usage, rows[i].rc == RC_OK);
        assert_int_equal(cert.key_usage, rows[i].usage);
    }
}

static void extended_key_usage(void **state)
{
    static const struct {
        const char *value;
        enum rc rc;
        unsigned eku, num;
    } rows[] = {
        {EKU_STAMP, RC_OK, CERT_EKU_TIME_STAMPING, 1},
        {EKU_CODE, RC_OK, CERT_EKU_CODE_SIGNING, 1},
        {"300606042b060104", RC_OK, CERT_EKU_OTHER, 1},
        {"3006 0604551d2500", RC_OK, CERT_EKU_ANY, 1},
        {"3018 060a2b0601040182370a030d 060a2b0601040182370a0305", RC_OK,
         CERT_EKU_LIFETIME_SIGNING | CERT_EKU_WHQL, 2},
        {"3014 06082b06010505070308 06082b06010505070303", RC_OK,
         CERT_EKU_TIME_STAMPING | CERT_EKU_CODE_SIGNING, 2},
        {"3014 06082b06010505070308 06082b06010505070308", RC_OK, CERT_EKU_TIME_STAMPING, 2},
        {"3000", RC_OK, 0, 0},
        {"3002 0600", RC_CERT_MALFORMED, 0, 0},
        {"3002 0500", RC_CERT_MALFORMED, 0, 0},
        {"3100", RC_CERT_MALFORMED, 0, 0},
        {"3000 00", RC_CERT_MALFORMED, 0, 0},
        {"", RC_CERT_MALFORMED, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        const char *critical = i % 2 ? CRITICAL : "";
        struct hex store = {.len = 0};
        char list[200] = "", value[64];
        struct cert cert;

        strip_blanks(rows[i / 2].value, value);
        add_extension(list, EXT_EKU, critical, value);
        assert_int_equal(parse_with(list, &cert, &store), rows[i / 2].rc);
        assert_int_equal(cert.has_eku, rows[i / 2].rc == RC_OK);
        assert_int_equal(cert.eku_critical, rows[i / 2].rc == RC_OK && i % 2);
        assert_int_equal(cert.eku, rows[i / 2].eku);
        assert_int_equal(cert.num_eku, rows[i / 2].num);
    }
}

static void basic_constraints(void **state)
{
    static const struct {
        const char *value;
        enum rc rc;
        bool is_ca;
    } rows[] = {
        {"3000", RC_OK, false},
        {"30030101ff", RC_OK, true},
        {"3003010101", RC_OK, true},
        {"3003010100", RC_OK, false}, /* DEFAULT, encoded */
        {"30060101ff020100", RC_OK, true},
        {"3003020100", RC_OK, false},
        {"30060201000101ff", RC_CERT_MALFORMED, false},
        {"30050101ff0500", RC_CERT_MALFORMED, false},
        {"30030102ff", RC_CERT_MALFORMED, false},
        {"0101ff", RC_CERT_MALFORMED, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hex store = {.len = 0};
        char list[200] = "";
        struct cert cert;

        add_extension(list, EXT_BASIC, CRITICAL, rows[i].value);
        assert_int_equal(parse_with(list, &cert, &store), rows[i].rc);
        assert_int_equal(cert.is_ca, rows[i].is_ca);
    }
}

/* critical may be FALSE in octets; a second extension of a kind that is read could contradict the first. */
static void criticality_and_repetition(void **state)
{
    struct hex store = {.len = 0};
    char list[400] = "";
    struct cert cert;

    (void)state;
    add_extension(list, EXT_EKU, "010100", EKU_STAMP);
    assert_int_equal(parse_with(list, &cert, &store), RC_OK);
    assert_true(cert.has_eku);
    assert_false(cert.eku_critical);
    assert_int_equal(cert.extensions.len, strlen(list) / 2);

    add_extension(list, "0603551d0e", "", "0401aa");
    add_extension(list, "0603551d0e", "", "0401bb"); /* not read, not judged */
    assert_int_equal(parse_with(list, &cert, &store), RC_OK);
    add_extension(list, EXT_EKU, CRITICAL, EKU_STAMP);
    assert_int_equal(parse_with(list, &cert, &store), RC_CERT_MALFORMED);
}

/* ---- checks ---- */

static void a_timestamping_certificate(void **state)
{
    static const struct {
        const char *eku, *eku_critical, *usage, *basic;
        enum rc rc;
    } rows[] = {
        {EKU_STAMP, CRITICAL, NULL, NULL, RC_OK},
        {EKU_STAMP, CRITICAL, "03020780", "3000", RC_OK},
        {EKU_STAMP, CRITICAL, "03020640", NULL, RC_OK},
        {EKU_STAMP, CRITICAL, "030206c0", NULL, RC_OK},
        {EKU_STAMP, "", "030206c0", NULL, RC_CERT_EKU},
        {EKU_STAMP, "010100", NULL, NULL, RC_CERT_EKU},
        {EKU_CODE, CRITICAL, NULL, NULL, RC_CERT_EKU},
        {NULL, NULL, NULL, NULL, RC_CERT_EKU},
        {"3000", CRITICAL, NULL, NULL, RC_CERT_EKU},
        {"30060604551d2500", CRITICAL, NULL, NULL, RC_CERT_EKU},
        {"301406082b0601050507030806082b06010505070303", CRITICAL, NULL, NULL, RC_CERT_EKU},
        {"301406082b0601050507030806082b06010505070308", CRITICAL, NULL, NULL, RC_CERT_EKU},
        {EKU_STAMP, CRITICAL, "030205a0", NULL, RC_CERT_KEY_USAGE}, /* and keyEncipherment */
        {EKU_STAMP, CRITICAL, "03020520", NULL, RC_CERT_KEY_USAGE},
        {EKU_STAMP, CRITICAL, "03020204", NULL, RC_CERT_KEY_USAGE},   /* keyCertSign */
        {EKU_STAMP, CRITICAL, "0303078080", NULL, RC_CERT_KEY_USAGE}, /* and decipherOnly */
        {EKU_STAMP, CRITICAL, "030100", NULL, RC_CERT_KEY_USAGE},
        {EKU_STAMP, CRITICAL, "03020780", "30030101ff", RC_CERT_IS_CA},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hex store = {.len = 0};
        char list[400] = "";
        struct cert cert;

        if (rows[i].eku) {
            add_extension(list, EXT_EKU, rows[i].eku_critical, rows[i].eku);
        }
        if (rows[i].usage) {
            add_extension(list, EXT_USAGE, CRITICAL, rows[i].usage);
        }
        if (rows[i].basic) {
            add_extension(list, EXT_BASIC, CRITICAL, rows[i].basic);
        }
        assert_int_equal(parse_with(list, &cert, &store), RC_OK);
        assert_string_equal(rc_word(cert_check_timestamping(&cert)), rc_word(rows[i].rc));
    }
}

static void both_ends_of_the_validity_count(void **state)
{
    struct hex store = {.len = 0};
    struct cert cert;

    (void)state;
    assert_int_equal(cert_parse(build(&good, &store), &cert), RC_OK);
    assert_int_equal(cert_check_time(&cert, (struct gentime){1767225599, 999999999}), RC_CERT_NOT_YET_VALID);
    assert_int_equal(cert_check_time(&cert, (struct gentime){1767225600, 0}), RC_OK);
    assert_int_equal(cert_check_time(&cert, (struct gentime){2524607999, 0}), RC_OK);
    assert_int_equal(cert_check_time(&cert, (struct gentime){2524607999, 1}), RC_CERT_EXPIRED);
}

static void matching_by_issuer_and_serial(void **state)
{
    struct hex store = {.len = 0}, name = {.len = 0};
    struct bytes issuer = hex(&name, NAME_A);
    struct cert cert;

    (void)state;
    assert_int_equal(cert_parse(build(&good, &store), &cert), RC_OK);
    assert_true(cert_matches(&cert, issuer, bytes_of("\x07", 1)));
    assert_false(cert_matches(&cert, issuer, bytes_of("\x08", 1)));
    assert_false(cert_matches(&cert, issuer, BYTES_NONE));
    assert_false(cert_matches(&cert, cert.subject, bytes_of("\x07", 1)));
}

/* ---- what others need ---- */

static void issuer_and_serial(void **state)
{
    struct fields f = with(IN(serial), "0203000080");
    struct hex store = {.len = 0};
    struct cert cert;
    struct wbuf w;

    (void)state;
    assert_int_equal(cert_parse(build(&f, &store), &cert), RC_OK);
    wbuf_init(&w, 100);
    cert_put_issuer_and_serial(&w, &cert);
    assert_int_equal(wbuf_rc(&w), RC_OK);
    assert_hex(wbuf_bytes(&w), "3012" NAME_A "02020080");
    wbuf_clear(&w);
}

static void ess_attribute(void **state)
{
    struct hex store = {.len = 0};
    uint8_t hash[DIGEST_MAX];
    struct cert cert;
    struct wbuf w;

    (void)state;
    assert_int_equal(cert_parse(build(&good, &store), &cert), RC_OK);
    wbuf_init(&w, 200);
    assert_int_equal(cert_put_ess_v2(&w, &cert, DIGEST_SHA256), RC_OK);
    assert_int_equal(digest_compute(DIGEST_SHA256, &cert.der, 1, hash), RC_OK);
    assert_int_equal(w.len, 40);
    assert_memory_equal(w.data, "\x30\x26\x30\x24\x30\x22\x04\x20", 8);
    assert_memory_equal(w.data + 8, hash, 32);
    wbuf_reset(&w);
    assert_int_equal(cert_put_ess_v2(&w, &cert, DIGEST_SHA512), RC_OK);
    assert_int_equal(cert_hash(&cert, DIGEST_SHA512, hash), RC_OK);
    assert_int_equal(w.len, 85);
    assert_hex(bytes_of(w.data, 21), "3053 3051 304f 300b0609608648016503040203 0440");
    assert_memory_equal(w.data + 21, hash, 64);
    wbuf_reset(&w);
    assert_int_equal(cert_put_ess_v2(&w, &cert, DIGEST_NONE), RC_DIGEST_UNKNOWN);
    assert_int_equal(wbuf_rc(&w), RC_DIGEST_UNKNOWN);
    wbuf_clear(&w);
    wbuf_init(&w, 39);
    assert_int_equal(cert_put_ess_v2(&w, &cert, DIGEST_SHA256), RC_TOO_LARGE);
    wbuf_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plain_facts),
        cmocka_unit_test(what_is_taken),
        cmocka_unit_test(serials_in_their_shortest_form),
        cmocka_unit_test(signature_algorithms),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(truncated_at_every_octet),
        cmocka_unit_test(changed_at_every_octet),
        cmocka_unit_test(key_usage),
        cmocka_unit_test(extended_key_usage),
        cmocka_unit_test(basic_constraints),
        cmocka_unit_test(criticality_and_repetition),
        cmocka_unit_test(a_timestamping_certificate),
        cmocka_unit_test(both_ends_of_the_validity_count),
        cmocka_unit_test(matching_by_issuer_and_serial),
        cmocka_unit_test(issuer_and_serial),
        cmocka_unit_test(ess_attribute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
