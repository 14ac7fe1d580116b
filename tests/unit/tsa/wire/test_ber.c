/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BER into definite form: lengths, strings in pieces, what must stay as it is, what is not even BER, truncation at every
 * octet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsa/wire/hex.h"
#include "tsa/wire/ber.h"
#include "tsa/wire/der.h"

static void assert_normalised(const char *in, const char *expected)
{
    struct hex from = {.len = 0}, to = {.len = 0};
    struct bytes want = hex(&to, expected);
    struct wbuf w, again;

    wbuf_init(&w, 10000);
    wbuf_init(&again, 10000);
    assert_int_equal(ber_normalise(hex(&from, in), &w), RC_OK);
    assert_int_equal(w.len, want.len);
    assert_memory_equal(w.data, want.data, want.len);
    assert_false(ber_is_indefinite(wbuf_bytes(&w)));
    assert_int_equal(ber_normalise(wbuf_bytes(&w), &again), RC_OK);
    assert_true(bytes_equal(wbuf_bytes(&again), wbuf_bytes(&w)));
    wbuf_clear(&w);
    wbuf_clear(&again);
}

static void der_stays_as_it_is(void **state)
{
    static const char *const ins[] = {
        "0500",
        "3000",
        "020100",
        "30060201010101ff",
        "a003020101",
        "800101",
        "300a 3103040161 0603550403",
        "3106 020105 020101", /* the order of a SET is not judged */
        "010105",
        "02020001", /* nor are values */
    };

    (void)state;
    for (size_t i = 0; i < sizeof ins / sizeof ins[0]; i++) {
        struct hex store = {.len = 0};

        assert_normalised(ins[i], ins[i]);
        assert_false(ber_is_indefinite(hex(&store, ins[i])));
    }
}

static void lengths_become_definite(void **state)
{
    (void)state;
    assert_normalised("3080 0000", "3000");
    assert_normalised("3080 020101 0000", "3003 020101");
    assert_normalised("3080 3180 a080 0500 0000 0000 0000", "3006 3104 a002 0500");
    assert_normalised("3080 020101 3080 0000 020102 0000", "3008 020101 3000 020102");
    assert_normalised("3009 3080 020101 0000 0500", "3007 3003020101 0500");
    assert_normalised("a080 0000", "a000");
    assert_normalised("308200 03 020101", "3003 020101");
    assert_normalised("3084000000040281 0101", "3003 020101");
    /* a value of two zero octets is no end */
    assert_normalised("3080 04020000 0000", "3004 04020000");
}

static void strings_become_one_piece(void **state)
{
    (void)state;
    assert_normalised("2480 0000", "0400");
    assert_normalised("2480 0402 6162 0401 63 0000", "0403 616263");
    assert_normalised("2407 0402 6162 0401 63", "0403 616263");
    assert_normalised("2480 2480 0401 61 0000 0400 2403 0401 62 0000", "0402 6162");
    assert_normalised("a080 2480 0401 61 0401 62 0000 0000", "a004 0402 6162");
    assert_normalised("2c80 0c01 61 0c01 62 0000", "0c02 6162"); /* UTF8String of its own kind */
    assert_normalised("2c80 0401 61 0401 62 0000", "0c02 6162"); /* and of OCTET STRINGs */
    assert_normalised("3305 0403 414243", "1303 414243");
    assert_normalised("3780 0401 32 0000", "1701 32");
    assert_normalised("3e80 0402 0041 0000", "1e02 0041");
}

static void bit_strings_become_one_piece(void **state)
{
    (void)state;
    assert_normalised("2380 0000", "0301 00");
    assert_normalised("2380 0302 00ff 0302 04f0 0000", "0303 04fff0");
    assert_normalised("2308 0302 00aa 0302 00bb", "0303 00aabb");
    assert_normalised("2380 2380 0302 00aa 0000 0302 07 80 0000", "0303 07aa80");
    assert_normalised("2380 0301 00 0302 0180 0000", "0302 0180");
}

/* Under a context tag nobody can tell a string in pieces from a type that is constructed. */
static void implicit_tags_stay(void **state)
{
    (void)state;
    assert_normalised("a080 0401 61 0401 62 0000", "a006 0401 61 0401 62");
    assert_normalised("6080 0401 61 0000", "6003 0401 61");
}

static void what_is_refused(void **state)
{
    static const struct {
        const char *in;
        enum rc rc;
    } rows[] = {
        {"", RC_DER_TRUNCATED},
        {"30", RC_DER_TRUNCATED},
        {"3080", RC_DER_TRUNCATED},
        {"3080 00", RC_DER_TRUNCATED},
        {"3080 0201", RC_DER_TRUNCATED},
        {"3080 020101", RC_DER_TRUNCATED},
        {"3003 3080 00", RC_DER_TRUNCATED}, /* the end lies outside what is around it */
        {"3002 3080 0000", RC_DER_TRUNCATED},
        {"3080 0000 00", RC_DER_TRAILING},
        {"0500 0500", RC_DER_TRAILING},
        {"3080 0000 0000", RC_DER_TRAILING},
        {"0000", RC_DER_TAG},
        {"3002 0000", RC_DER_TAG}, /* an end where none is awaited */
        {"3080 0001 00 0000", RC_DER_TAG},
        {"0480 0000", RC_DER_LENGTH}, /* indefinite, but primitive */
        {"0280 0000", RC_DER_LENGTH},
        {"30ff 00", RC_DER_LENGTH},
        {"1f8100", RC_DER_TAG},
        {"3f80 0000", RC_DER_TAG},
        {"2203 020101", RC_DER_TAG}, /* an INTEGER has no pieces */
        {"2180 0000", RC_DER_TAG},
        {"2500", RC_DER_TAG},
        {"2680 0000", RC_DER_TAG},
        {"2a80 0000", RC_DER_TAG},
        {"1000", RC_DER_TAG}, /* a SEQUENCE is constructed */
        {"1100", RC_DER_TAG},
        {"2480 020101 0000", RC_DER_TAG},
        {"2480 0c01 61 0000", RC_DER_TAG},
        {"2480 3000 0000", RC_DER_TAG},
        {"2c80 1301 61 0000", RC_DER_TAG},
        {"2380 0401 61 0000", RC_DER_TAG},
        {"2380 0300 0000", RC_DER_BIT_STRING},
        {"2380 0301 01 0000", RC_DER_BIT_STRING},
        {"2380 0302 0800 0000", RC_DER_BIT_STRING},
        {"2380 0302 04f0 0302 00ff 0000", RC_DER_BIT_STRING}, /* only the last may end within an octet */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hex store = {.len = 0};
        struct wbuf w;
        enum rc rc;

        wbuf_init(&w, 10000);
        rc = ber_normalise(hex(&store, rows[i].in), &w);
        if (rc != rows[i].rc) {
            fail_msg("%s: %s", rows[i].in, rc_word(rc));
        }
        assert_int_equal(wbuf_rc(&w), rc);
        assert_int_equal(wbuf_bytes(&w).len, 0);
        wbuf_clear(&w);
    }
}

static void telling_indefinite(void **state)
{
    static const struct {
        const char *in;
        bool indefinite;
    } rows[] = {
        {"3080 0000", true},
        {"3080 0000 ffff", true},  /* anything may follow */
        {"3000 3080 0000", false}, /* and is not looked at */
        {"3004 3080 0000", true},  /* below */
        {"3008 3006 3104 a080 0000", true},
        {"2480 0000", true},
        {"3080", true},
        {"0480 0000", false},
        {"0402 3080", false}, /* contents of a string are nobody's business */
        {"", false},
        {"30", false},
        {"3f80", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hex store = {.len = 0};

        assert_int_equal(ber_is_indefinite(hex(&store, rows[i].in)), rows[i].indefinite);
    }
}

static void the_end_is_found(void **state)
{
    static const struct {
        const char *in;
        size_t len; /* 0: refused */
        enum rc rc;
    } rows[] = {
        {"0500", 2, RC_OK},
        {"0500 ffff", 2, RC_OK},
        {"3003 020101 3080", 5, RC_OK},
        {"308200 03 020101 00", 7, RC_OK},
        {"3080 0000", 4, RC_OK},
        {"3080 0000 0000", 4, RC_OK},
        {"3080 3180 a080 0500 0000 0000 0000 30", 14, RC_OK},
        {"3080 3080 0000 3080 0000 020101 0000 ff", 15, RC_OK},
        {"2480 0402 0000 0000", 8, RC_OK},
        {"3080 3002 ffff 0000", 8, RC_OK}, /* inside a definite length nothing is read */
        {"", 0, RC_DER_TRUNCATED},
        {"30", 0, RC_DER_TRUNCATED},
        {"3080", 0, RC_DER_TRUNCATED},
        {"3080 00", 0, RC_DER_TRUNCATED},
        {"3080 3080 0000", 0, RC_DER_TRUNCATED},
        {"3080 3005 0000", 0, RC_DER_TRUNCATED},
        {"0000", 0, RC_DER_TAG},
        {"3080 0001 00 0000", 0, RC_DER_TAG},
        {"3f80 0000", 0, RC_DER_TAG},
        {"0480 0000", 0, RC_DER_LENGTH},
        {"30ff 00", 0, RC_DER_LENGTH},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hex store = {.len = 0};
        size_t len = 99;
        enum rc rc = ber_tlv_len(hex(&store, rows[i].in), &len);

        if (rc != rows[i].rc || len != rows[i].len) {
            fail_msg("%s: %s, %zu", rows[i].in, rc_word(rc), len);
        }
    }
}

static void depth_has_a_limit(void **state)
{
    (void)state;
    for (unsigned depth = BER_MAX_DEPTH - 1; depth <= BER_MAX_DEPTH + 1; depth++) {
        enum rc expected = depth > BER_MAX_DEPTH ? RC_DER_DEPTH : RC_OK;
        uint8_t in[4 * (BER_MAX_DEPTH + 1)] = {0}; /* the ends are zero already */
        struct wbuf w;
        size_t len;

        for (unsigned i = 0; i < depth; i++) {
            in[2 * i] = DER_SEQUENCE;
            in[2 * i + 1] = 0x80;
        }
        wbuf_init(&w, 1000);
        assert_int_equal(ber_normalise(bytes_of(in, 4 * depth), &w), expected);
        assert_int_equal(ber_tlv_len(bytes_of(in, sizeof in), &len), expected);
        assert_int_equal(len, expected == RC_OK ? 4 * depth : 0);
        wbuf_clear(&w);
    }
}

/* A million nested headers cost no stack. */
static void nesting_without_end(void **state)
{
    const size_t len = 2000000;
    uint8_t *in = malloc(len);
    struct wbuf w;
    size_t end;

    (void)state;
    assert_non_null(in);
    for (size_t i = 0; i < len; i += 2) {
        in[i] = 0x24;
        in[i + 1] = 0x80;
    }
    wbuf_init(&w, 1000);
    assert_int_equal(ber_normalise(bytes_of(in, len), &w), RC_DER_DEPTH);
    assert_int_equal(ber_tlv_len(bytes_of(in, len), &end), RC_DER_DEPTH);
    assert_true(ber_is_indefinite(bytes_of(in, len)));
    wbuf_clear(&w);
    free(in);
}

/* As many levels as are taken around as many elements as fit: no level may cost a move of all that is inside. */
static void wide_and_deep(void **state)
{
    const size_t num = 8000000, head = 2 * (BER_MAX_DEPTH - 1), len = head + 2 * num + head;
    uint8_t *in = calloc(1, len); /* the ends are zero already */
    struct wbuf w;
    size_t end;

    (void)state;
    assert_non_null(in);
    for (size_t i = 0; i < head; i += 2) {
        in[i] = DER_SEQUENCE;
        in[i + 1] = 0x80;
    }
    for (size_t i = 0; i < num; i++) {
        in[head + 2 * i] = DER_SEQUENCE;
    }
    wbuf_init(&w, len + 1000);
    assert_int_equal(ber_tlv_len(bytes_of(in, len), &end), RC_OK);
    assert_int_equal(end, len);
    assert_int_equal(ber_normalise(bytes_of(in, len), &w), RC_OK);
    assert_int_equal(w.len, 2 * num + (BER_MAX_DEPTH - 1) * 5);
    assert_false(ber_is_indefinite(wbuf_bytes(&w)));
    wbuf_clear(&w);
    free(in);
}

static void output_keeps_to_its_limit(void **state)
{
    struct hex store = {.len = 0};
    struct bytes in = hex(&store, "3080 2480 0402 6162 0401 63 0000 2380 0302 00ff 0000 0000");

    (void)state;
    for (size_t limit = 0; limit < 20; limit++) {
        uint8_t storage[20];
        struct wbuf w;

        wbuf_init_fixed(&w, storage, limit);
        assert_int_equal(ber_normalise(in, &w), limit < 11 ? RC_TOO_LARGE : RC_OK);
        wbuf_clear(&w);
    }
}

static void it_appends(void **state)
{
    struct wbuf w;

    (void)state;
    wbuf_init(&w, 100);
    wbuf_put_text(&w, "<");
    assert_int_equal(ber_normalise(bytes_of("\x23\x80\x03\x02\x04\xf0\x00\x00", 8), &w), RC_OK);
    assert_int_equal(w.len, 5);
    assert_memory_equal(w.data, "<\x03\x02\x04\xf0", 5);
    wbuf_clear(&w);
}

static void truncated_and_changed_at_every_octet(void **state)
{
    static const char text[] =
        "3080 0603550403 a080 2480 0402 6162 0401 63 0000 0000 2380 0302 00ff 0302 04f0 0000 0000";
    struct hex store = {.len = 0};
    struct bytes in = hex(&store, text);
    struct wbuf w;

    (void)state;
    wbuf_init(&w, 1000);
    for (size_t len = 0; len < in.len; len++) {
        uint8_t *copy = malloc(len + 1); /* a block of its own, so that a read beyond it is seen */

        memcpy(copy, in.data, len);
        wbuf_reset(&w);
        assert_int_equal(ber_normalise(bytes_of(copy, len), &w), RC_DER_TRUNCATED);
        free(copy);
    }
    for (size_t i = 0; i < in.len; i++) {
        uint8_t kept = store.data[i];

        for (unsigned v = 0; v < 256; v++) {
            enum rc rc;

            store.data[i] = (uint8_t)v;
            wbuf_reset(&w);
            rc = ber_normalise(in, &w);
            assert_true(rc == RC_OK || (rc >= RC_DER_TRUNCATED && rc <= RC_DER_BIT_STRING));
            assert_true(rc != RC_OK || !ber_is_indefinite(wbuf_bytes(&w)));
        }
        store.data[i] = kept;
    }
    wbuf_clear(&w);
}

/* What is definite, or no BER, is read as it stands. */
static void the_definite_form(void **state)
{
    static const struct {
        const char *in;
        size_t in_len;
        const char *out;
        size_t out_len;
    } rows[] = {
        {"\x30\x03\x02\x01\x05", 5, NULL, 0},
        {"\x30\x80\x02\x01\x05\0\0", 7, "\x30\x03\x02\x01\x05", 5},
        {"\x30\x07\x31\x80\x02\x01\x05\0\0", 9, "\x30\x05\x31\x03\x02\x01\x05", 7},
        {"\x30\x06\x31\x80\x02\x05\0\0", 8, NULL, 0},
        {"", 0, NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes in = bytes_of(rows[i].in, rows[i].in_len), out;
        struct wbuf storage;

        assert_int_equal(ber_definite(in, &storage, &out), RC_OK);
        if (rows[i].out) {
            assert_true(bytes_equal(out, bytes_of(rows[i].out, rows[i].out_len)));
        } else {
            assert_ptr_equal(out.data, in.data);
            assert_int_equal(out.len, in.len);
        }
        wbuf_clear(&storage);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_definite_form),
        cmocka_unit_test(der_stays_as_it_is),
        cmocka_unit_test(lengths_become_definite),
        cmocka_unit_test(strings_become_one_piece),
        cmocka_unit_test(bit_strings_become_one_piece),
        cmocka_unit_test(implicit_tags_stay),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(telling_indefinite),
        cmocka_unit_test(the_end_is_found),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(nesting_without_end),
        cmocka_unit_test(wide_and_deep),
        cmocka_unit_test(output_keeps_to_its_limit),
        cmocka_unit_test(it_appends),
        cmocka_unit_test(truncated_and_changed_at_every_octet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
