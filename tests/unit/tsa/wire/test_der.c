/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader rule by rule under all three sets of rules, the latch, the stack of open elements, lengths that would wrap
 * around, truncation at every octet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsa/wire/hex.h"
#include "tsa/wire/der.h"
#include "tsa/wire/oid.h"

#define NUM_RULES 3

static void assert_bytes(struct bytes found, const char *expected)
{
    struct hex store = {.len = 0};
    struct bytes want = hex(&store, expected);

    assert_int_equal(found.len, want.len);
    assert_true(bytes_equal(found, want));
}

/* ---- headers: tag and length ---- */

#define R(strict, request, foreign)                                                                          \
    {                                                                                                        \
        RC_##strict, RC_##request, RC_##foreign                                                              \
    }

static void lengths_by_the_rules(void **state)
{
    static const struct {
        const char *in;
        enum rc rc[NUM_RULES];
    } rows[] = {
        {"0400", R(OK, OK, OK)},
        {"040161", R(OK, OK, OK)},
        {"04", R(DER_TRUNCATED, DER_TRUNCATED, DER_TRUNCATED)},
        {"", R(DER_TRUNCATED, DER_TRUNCATED, DER_TRUNCATED)},
        {"0401", R(DER_TRUNCATED, DER_TRUNCATED, DER_TRUNCATED)},
        {"047f00", R(DER_TRUNCATED, DER_TRUNCATED, DER_TRUNCATED)},
        /* not the shortest form */
        {"04810161", R(DER_LENGTH, DER_LENGTH, OK)},
        {"048100", R(DER_LENGTH, DER_LENGTH, OK)},
        {"0482000161", R(DER_LENGTH, DER_LENGTH, OK)},
        {"048900000000000000000161", R(DER_LENGTH, DER_LENGTH, OK)},
        {"0481", R(DER_TRUNCATED, DER_TRUNCATED, DER_TRUNCATED)},
        {"048200", R(DER_TRUNCATED, DER_TRUNCATED, DER_TRUNCATED)},
        /* indefinite and reserved */
        {"04800000", R(DER_LENGTH, DER_LENGTH, DER_LENGTH)},
        {"30800000", R(DER_LENGTH, DER_LENGTH, DER_LENGTH)},
        {"04ff00", R(DER_LENGTH, DER_LENGTH, DER_LENGTH)},
        /* too large for anything, and lengths that would wrap around */
        {"0488ffffffffffffffff00", R(DER_TRUNCATED, DER_TRUNCATED, DER_TRUNCATED)},
        {"0488fffffffffffffff600", R(DER_TRUNCATED, DER_TRUNCATED, DER_TRUNCATED)},
        {"04887fffffffffffffff00", R(DER_TRUNCATED, DER_TRUNCATED, DER_TRUNCATED)},
        {"0489ffffffffffffffffff00", R(DER_LENGTH, DER_LENGTH, DER_LENGTH)},
        {"048901000000000000000000", R(DER_LENGTH, DER_LENGTH, DER_LENGTH)},
        /* tags */
        {"0000", R(DER_TAG, DER_TAG, DER_TAG)},
        {"1f8100", R(DER_TAG, DER_TAG, DER_TAG)},
        {"3f2000", R(DER_TAG, DER_TAG, DER_TAG)},
        {"bf8f7f00", R(DER_TAG, DER_TAG, DER_TAG)},
        {"9e00", R(OK, OK, OK)},
        {"040000", R(DER_TRAILING, DER_TRAILING, DER_TRAILING)},
        {"0400ff", R(DER_TRAILING, DER_TRAILING, DER_TRAILING)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned rules = 0; rules < NUM_RULES; rules++) {
            struct hex store = {.len = 0};
            struct der d;

            der_init(&d, hex(&store, rows[i].in), (enum der_rules)rules);
            (void)der_get(&d, 0);
            assert_string_equal(rc_word(der_end(&d)), rc_word(rows[i].rc[rules]));
        }
    }
}

static void long_forms_at_their_edges(void **state)
{
    static const size_t lens[] = {0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0x123456};
    uint8_t *data = calloc(1, 0x200000);

    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        struct wbuf w;
        struct der d;

        wbuf_init(&w, 0x200000);
        der_put(&w, DER_OCTET_STRING_TAG, bytes_of(data, lens[i]));
        assert_int_equal(wbuf_rc(&w), RC_OK);
        assert_int_equal(w.len, lens[i] + der_header_len(lens[i]));
        der_init(&d, wbuf_bytes(&w), DER_STRICT);
        assert_int_equal(der_get(&d, DER_OCTET_STRING_TAG).len, lens[i]);
        assert_int_equal(der_end(&d), RC_OK);
        /* one octet short */
        der_init(&d, bytes_of(w.data, w.len - 1), DER_STRICT);
        assert_int_equal(der_get(&d, DER_OCTET_STRING_TAG).len, 0);
        assert_int_equal(der_end(&d), RC_DER_TRUNCATED);
        wbuf_clear(&w);
    }
    free(data);
}

static void an_inner_element_must_lie_in_its_outer(void **state)
{
    static const char *const ins[] = {"3003 0402aa bb", "3002 0401 aa", "3001 04 00", "3004 0482ffff"};

    (void)state;
    for (size_t i = 0; i < sizeof ins / sizeof ins[0]; i++) {
        struct hex store = {.len = 0};
        struct der d;

        der_init(&d, hex(&store, ins[i]), DER_STRICT);
        der_enter(&d, DER_SEQUENCE);
        assert_int_equal(der_get(&d, DER_OCTET_STRING_TAG).len, 0);
        der_leave(&d);
        assert_int_equal(der_end(&d), RC_DER_TRUNCATED);
        assert_int_equal(d.fault_at, 2);
    }
}

static void length_of_the_first_element(void **state)
{
    static const struct {
        const char *in;
        enum rc rc;
        size_t len;
    } rows[] = {
        {"0400", RC_OK, 2},         {"040161ffff", RC_OK, 3},    {"30810161 00", RC_OK, 4},
        {"", RC_DER_TRUNCATED, 0},  {"30", RC_DER_TRUNCATED, 0}, {"3005 00", RC_DER_TRUNCATED, 0},
        {"3080", RC_DER_LENGTH, 0}, {"30ff", RC_DER_LENGTH, 0},  {"3089010000000000000000", RC_DER_LENGTH, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hex store = {.len = 0};
        size_t len = 77;

        assert_int_equal(der_tlv_len(hex(&store, rows[i].in), &len), rows[i].rc);
        assert_int_equal(len, rows[i].len);
    }
}

/* ---- values ---- */

static void integers_by_the_rules(void **state)
{
    static const struct {
        const char *in;
        enum rc rc[NUM_RULES];
        const char *shortest;
    } rows[] = {
        {"020100", R(OK, OK, OK), "00"},
        {"02017f", R(OK, OK, OK), "7f"},
        {"0201ff", R(OK, OK, OK), "ff"},
        {"02020080", R(OK, OK, OK), "0080"},
        {"0202ff7f", R(OK, OK, OK), "ff7f"},
        {"0200", R(DER_INTEGER, DER_INTEGER, DER_INTEGER), ""},
        {"02020000", R(DER_INTEGER, OK, OK), "00"},
        {"0202007f", R(DER_INTEGER, OK, OK), "7f"},
        {"0202ff80", R(DER_INTEGER, OK, OK), "80"},
        {"0203ffffff", R(DER_INTEGER, OK, OK), "ff"},
        {"021000000000000000000000000000000000", R(DER_INTEGER, OK, OK), "00"},
        {"02050000008001", R(DER_INTEGER, OK, OK), "008001"},
        {"030100", R(DER_TAG, DER_TAG, DER_TAG), ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned rules = 0; rules < NUM_RULES; rules++) {
            struct hex store = {.len = 0};
            struct bytes found;
            struct der d;

            der_init(&d, hex(&store, rows[i].in), (enum der_rules)rules);
            found = der_get_integer(&d);
            assert_string_equal(rc_word(der_end(&d)), rc_word(rows[i].rc[rules]));
            assert_bytes(found, rows[i].rc[rules] == RC_OK ? rows[i].shortest : "");
        }
    }
}

static void unsigned_numbers(void **state)
{
    static const struct {
        const char *in;
        enum rc rc;
        uint64_t value;
    } rows[] = {
        {"020100", RC_OK, 0},
        {"02020100", RC_OK, 256},
        {"020900ffffffffffffffff", RC_OK, UINT64_MAX},
        {"02087fffffffffffffff", RC_OK, INT64_MAX},
        {"0209010000000000000000", RC_DER_INTEGER, 0},
        {"020a00ffffffffffffffffff", RC_DER_INTEGER, 0},
        {"0201ff", RC_DER_INTEGER, 0},
        {"020180", RC_DER_INTEGER, 0},
        {"0208ffffffffffffffff", RC_DER_INTEGER, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hex store = {.len = 0};
        struct der d;

        der_init(&d, hex(&store, rows[i].in), DER_FOREIGN);
        assert_true(der_get_uint(&d) == rows[i].value);
        assert_int_equal(der_end(&d), rows[i].rc);
        assert_int_equal(d.fault_at, 0);
    }
}

static void numbers_under_an_implicit_tag(void **state)
{
    struct hex store = {.len = 0};
    struct der d;

    (void)state;
    der_init(&d, hex(&store, "300a 020101 800201f4 810164"), DER_STRICT);
    der_enter(&d, DER_SEQUENCE);
    assert_int_equal(der_get_uint(&d), 1);
    assert_int_equal(der_get_uint_as(&d, DER_CONTEXT(0)), 500);
    assert_int_equal(der_get_uint_as(&d, DER_CONTEXT(1)), 100);
    der_leave(&d);
    assert_int_equal(der_end(&d), RC_OK);
    der_init(&d, bytes_of("\x80\x01\x05", 3), DER_STRICT);
    assert_int_equal(der_get_uint_as(&d, DER_CONTEXT(1)), 0);
    assert_int_equal(der_end(&d), RC_DER_TAG);
}

static void booleans_by_the_rules(void **state)
{
    static const struct {
        const char *in;
        enum rc rc[NUM_RULES];
        bool value;
    } rows[] = {
        {"010100", R(OK, OK, OK), false},
        {"0101ff", R(OK, OK, OK), true},
        {"010101", R(DER_BOOLEAN, OK, OK), true},
        {"0101fe", R(DER_BOOLEAN, OK, OK), true},
        {"0100", R(DER_BOOLEAN, DER_BOOLEAN, DER_BOOLEAN), false},
        {"0102ffff", R(DER_BOOLEAN, DER_BOOLEAN, DER_BOOLEAN), false},
        {"0201ff", R(DER_TAG, DER_TAG, DER_TAG), false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned rules = 0; rules < NUM_RULES; rules++) {
            struct hex store = {.len = 0};
            struct der d;
            bool found;

            der_init(&d, hex(&store, rows[i].in), (enum der_rules)rules);
            found = der_get_bool(&d);
            assert_string_equal(rc_word(der_end(&d)), rc_word(rows[i].rc[rules]));
            assert_int_equal(found, rows[i].rc[rules] == RC_OK && rows[i].value);
        }
    }
}

static void nulls_oids_and_bit_strings(void **state)
{
    enum kind {
        A_NULL,
        AN_OID,
        A_BIT_STRING
    };
    static const struct {
        enum kind kind;
        const char *in;
        enum rc rc;
        unsigned unused;
    } rows[] = {
        {A_NULL, "0500", RC_OK, 0},
        {A_NULL, "050100", RC_DER_NULL, 0},
        {A_NULL, "0400", RC_DER_TAG, 0},
        {AN_OID, "06032a0304", RC_OK, 0},
        {AN_OID, "060100", RC_OK, 0},
        {AN_OID, "0600", RC_DER_OID, 0},
        {AN_OID, "060180", RC_DER_OID, 0},
        {AN_OID, "06022a80", RC_DER_OID, 0},
        {AN_OID, "06032a8001", RC_DER_OID, 0},
        {AN_OID, "06038001 2a", RC_DER_OID, 0},
        {A_BIT_STRING, "030100", RC_OK, 0},
        {A_BIT_STRING, "03020780", RC_OK, 7},
        {A_BIT_STRING, "0304060000 40", RC_OK, 6},
        {A_BIT_STRING, "0300", RC_DER_BIT_STRING, 0},
        {A_BIT_STRING, "030101", RC_DER_BIT_STRING, 0},
        {A_BIT_STRING, "03020880", RC_DER_BIT_STRING, 0},
        {A_BIT_STRING, "030207c0", RC_DER_BIT_STRING, 0},
        {A_BIT_STRING, "0302ff00", RC_DER_BIT_STRING, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned rules = 0; rules < NUM_RULES; rules++) {
            struct hex store = {.len = 0};
            unsigned unused = 0;
            struct bytes found = BYTES_NONE;
            struct der d;

            der_init(&d, hex(&store, rows[i].in), (enum der_rules)rules);
            if (rows[i].kind == A_NULL) {
                der_get_null(&d);
            } else if (rows[i].kind == AN_OID) {
                found = der_get_oid(&d);
            } else {
                found = der_get_bit_string(&d, &unused);
            }
            assert_string_equal(rc_word(der_end(&d)), rc_word(rows[i].rc));
            assert_int_equal(unused, rows[i].unused);
            assert_true(rows[i].rc == RC_OK || found.len == 0);
        }
    }
}

static void any_tag_and_whole_elements(void **state)
{
    struct hex store = {.len = 0};
    struct der d;

    (void)state;
    der_init(&d, hex(&store, "a003 020105 0c02c3a4 8000"), DER_STRICT);
    assert_true(der_next_is(&d, DER_CONTEXT_CONSTRUCTED(0)));
    assert_false(der_next_is(&d, DER_CONTEXT(0)));
    assert_bytes(der_get_tlv(&d, 0), "a003020105");
    assert_bytes(der_get_tlv(&d, DER_UTF8_STRING_TAG), "0c02c3a4");
    assert_true(der_more(&d));
    assert_bytes(der_get_tlv(&d, DER_CONTEXT(0)), "8000");
    assert_false(der_more(&d));
    assert_false(der_next_is(&d, 0));
    assert_int_equal(der_end(&d), RC_OK);
}

/* ---- the stack of open elements ---- */

static void leaving_demands_the_end(void **state)
{
    struct hex store = {.len = 0};
    struct bytes in = hex(&store, "3006 020101 020102 0500");
    struct der d;

    (void)state;
    der_init(&d, in, DER_STRICT);
    der_enter(&d, DER_SEQUENCE);
    assert_int_equal(der_get_uint(&d), 1);
    der_leave(&d);
    assert_int_equal(der_end(&d), RC_DER_TRAILING);
    assert_int_equal(d.fault_at, 5);

    der_init(&d, in, DER_STRICT);
    der_enter(&d, DER_SEQUENCE);
    der_leave_rest(&d);
    der_get_null(&d);
    assert_int_equal(der_end(&d), RC_OK);

    der_init(&d, in, DER_STRICT);
    der_enter(&d, DER_SEQUENCE);
    assert_int_equal(der_end(&d), RC_DER_TRAILING); /* still open */
    der_leave_rest(&d);
    assert_int_equal(der_end(&d), RC_DER_TRAILING); /* more follows */

    der_init(&d, BYTES_NONE, DER_STRICT);
    assert_int_equal(der_end(&d), RC_OK);
}

static void an_empty_element_has_nothing(void **state)
{
    struct der d;

    (void)state;
    der_init(&d, bytes_of("\x30\x00\x05\x00", 4), DER_STRICT);
    der_enter(&d, DER_SEQUENCE);
    assert_false(der_more(&d));
    assert_false(der_next_is(&d, DER_NULL_TAG)); /* that one stands outside */
    der_leave(&d);
    der_get_null(&d);
    assert_int_equal(der_end(&d), RC_OK);
}

static void only_constructed_elements_open(void **state)
{
    static const char in[] = "\x04\x02\x05\x00";
    struct der d;

    (void)state;
    der_init(&d, bytes_of(in, 4), DER_FOREIGN);
    der_enter(&d, DER_OCTET_STRING_TAG);
    assert_int_equal(der_end(&d), RC_DER_TAG);
    der_init(&d, bytes_of(in, 4), DER_FOREIGN);
    der_enter(&d, 0);
    assert_int_equal(der_end(&d), RC_DER_TAG);
    der_init(&d, bytes_of(in, 4), DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    assert_int_equal(der_end(&d), RC_DER_TAG);
}

static void depth_has_a_limit(void **state)
{
    uint8_t in[2 * (DER_MAX_DEPTH + 1)];
    struct der d;

    (void)state;
    for (unsigned i = 0; i <= DER_MAX_DEPTH; i++) {
        in[2 * i] = DER_SEQUENCE;
        in[2 * i + 1] = (uint8_t)(2 * (DER_MAX_DEPTH - i));
    }
    der_init(&d, bytes_of(in, sizeof in), DER_STRICT);
    for (unsigned i = 0; i < DER_MAX_DEPTH; i++) {
        der_enter(&d, DER_SEQUENCE);
    }
    assert_bytes(der_get_tlv(&d, 0), "3000");
    for (unsigned i = 0; i < DER_MAX_DEPTH; i++) {
        der_leave(&d);
    }
    assert_int_equal(der_end(&d), RC_OK);

    der_init(&d, bytes_of(in, sizeof in), DER_STRICT);
    for (unsigned i = 0; i <= DER_MAX_DEPTH; i++) {
        der_enter(&d, DER_SEQUENCE);
    }
    assert_int_equal(der_end(&d), RC_DER_DEPTH);
}

static void assert_dead(struct der *d, enum rc rc)
{
    size_t fault_at = d->fault_at;
    unsigned unused = 5;

    assert_false(der_more(d));
    assert_false(der_next_is(d, DER_NULL_TAG));
    der_enter(d, DER_SEQUENCE);
    der_leave(d);
    der_leave_rest(d);
    assert_int_equal(der_get(d, 0).len, 0);
    assert_int_equal(der_get_tlv(d, 0).len, 0);
    assert_int_equal(der_get_integer(d).len, 0);
    assert_true(der_get_uint(d) == 0);
    assert_false(der_get_bool(d));
    der_get_null(d);
    assert_int_equal(der_get_oid(d).len, 0);
    assert_int_equal(der_get_bit_string(d, &unused).len, 0);
    assert_int_equal(unused, 0);
    der_fail(d, RC_CRYPTO);
    assert_int_equal(der_end(d), rc);
    assert_int_equal(d->fault_at, fault_at);
}

static void the_first_failure_stays(void **state)
{
    struct hex store = {.len = 0};
    struct bytes in = hex(&store, "3006 020101 020200ff 0500");
    struct der d;

    (void)state;
    der_init(&d, in, DER_STRICT);
    der_enter(&d, DER_SEQUENCE);
    (void)der_get_uint(&d);
    assert_false(der_get_bool(&d));
    assert_int_equal(d.fault_at, 5);
    assert_dead(&d, RC_DER_TAG);

    der_init(&d, in, DER_STRICT);
    der_enter(&d, DER_SEQUENCE);
    (void)der_get_uint(&d);
    der_fail(&d, RC_TSP_VERSION);
    assert_int_equal(d.fault_at, 5);
    assert_dead(&d, RC_TSP_VERSION);
}

/* ---- a whole structure: a timestamp request, cut at every octet ---- */

#define REQUEST                                                                                              \
    "3044020101 "                                                                                            \
    "3031300d06096086480165030402010500042012462aa92f132101102d4c5a53e4c4f6551fe4bf91178cd9d20f5b"           \
    "4c7354e140 020900aca6e0855dc2931a 0101ff"

static enum rc read_request(struct bytes in)
{
    struct der d;

    der_init(&d, in, DER_STRICT);
    der_enter(&d, DER_SEQUENCE);
    (void)der_get_uint(&d);
    der_enter(&d, DER_SEQUENCE);
    der_enter(&d, DER_SEQUENCE);
    (void)der_get_oid(&d);
    der_get_null(&d);
    der_leave(&d);
    (void)der_get(&d, DER_OCTET_STRING_TAG);
    der_leave(&d);
    (void)der_get_integer(&d);
    (void)der_get_bool(&d);
    der_leave(&d);
    return der_end(&d);
}

static void truncated_at_every_octet(void **state)
{
    struct hex store = {.len = 0};
    struct bytes in = hex(&store, REQUEST);

    (void)state;
    assert_int_equal(read_request(in), RC_OK);
    for (size_t len = 0; len < in.len; len++) {
        uint8_t *copy = malloc(len + 1); /* a block of its own, so that a read beyond it is seen */

        memcpy(copy, in.data, len);
        assert_int_equal(read_request(bytes_of(copy, len)), RC_DER_TRUNCATED);
        free(copy);
    }
}

/* Any single octet changed: an answer, and never a read outside; the latch holds the first place of failure inside. */
static void changed_at_every_octet(void **state)
{
    struct hex store = {.len = 0};
    struct bytes in = hex(&store, REQUEST);

    (void)state;
    for (size_t i = 0; i < in.len; i++) {
        for (unsigned v = 0; v < 256; v++) {
            uint8_t kept = store.data[i];
            enum rc rc;

            store.data[i] = (uint8_t)v;
            rc = read_request(in);
            assert_true(rc == RC_OK || (rc >= RC_DER_TRUNCATED && rc <= RC_DER_NULL));
            store.data[i] = kept;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_by_the_rules),
        cmocka_unit_test(long_forms_at_their_edges),
        cmocka_unit_test(an_inner_element_must_lie_in_its_outer),
        cmocka_unit_test(length_of_the_first_element),
        cmocka_unit_test(integers_by_the_rules),
        cmocka_unit_test(unsigned_numbers),
        cmocka_unit_test(numbers_under_an_implicit_tag),
        cmocka_unit_test(booleans_by_the_rules),
        cmocka_unit_test(nulls_oids_and_bit_strings),
        cmocka_unit_test(any_tag_and_whole_elements),
        cmocka_unit_test(leaving_demands_the_end),
        cmocka_unit_test(an_empty_element_has_nothing),
        cmocka_unit_test(only_constructed_elements_open),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(the_first_failure_stays),
        cmocka_unit_test(truncated_at_every_octet),
        cmocka_unit_test(changed_at_every_octet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
