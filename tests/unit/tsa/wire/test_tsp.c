/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of RFC 3161, octet by octet: what real clients send, what must be refused and for which reason, the DER of
 * every failure, and that what was read is written as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsa/wire/hex.h"
#include "tsa/wire/tsp.h"

#define SHA256_NULL "300d06096086480165030402010500"
#define SHA256_BARE "300b0609608648016503040201"
#define HASH        "12462aa92f132101102d4c5a53e4c4f6551fe4bf91178cd9d20f5b4c7354e140"
#define IMPRINT     "3031" SHA256_NULL "0420" HASH
#define POLICY      "06042a030401"
#define NONCE       "020900aca6e0855dc2931a"

#define TSA_NAME "a41530133111300f06035504030c085465737420747361"
#define TSTINFO                                                                                              \
    "308184 020101" POLICY IMPRINT                                                                           \
    "020102 1813 32303236313132303038303532352e3133325a 300a020101800201f4810164" NONCE "a017" TSA_NAME

static void assert_hex(struct bytes found, const char *expected)
{
    struct hex store = {.len = 0};
    struct bytes want = hex(&store, expected);

    assert_int_equal(found.len, want.len);
    assert_memory_equal(found.data, want.data, want.len);
}

/* Wraps the contents in a SEQUENCE of its own. */
static struct bytes sequence(struct hex *out, const char *contents)
{
    struct hex inner = {.len = 0};
    struct bytes b = hex(&inner, contents);
    struct wbuf w;

    wbuf_init_fixed(&w, out->data, sizeof out->data);
    der_put(&w, DER_SEQUENCE, b);
    out->len = w.len;
    return wbuf_bytes(&w);
}

static enum rc parse_request(const char *contents, struct tsp_request *out, struct hex *store)
{
    return tsp_request_parse(sequence(store, contents), out);
}

static void assert_request(const char *contents, enum rc rc)
{
    struct hex store = {.len = 0};
    struct tsp_request request;

    assert_string_equal(rc_word(parse_request(contents, &request, &store)), rc_word(rc));
}

/* ---- requests ---- */

static void test_request_is_read_whole(void **state)
{
    struct hex store = {.len = 0};
    struct tsp_request r;

    (void)state;
    assert_int_equal(tsp_request_parse(hex(&store, "3044 020101" IMPRINT NONCE "0101ff"), &r), RC_OK);
    assert_int_equal(r.imprint.alg, DIGEST_SHA256);
    assert_true(r.imprint.alg_null);
    assert_hex(r.imprint.hash, HASH);
    assert_hex(r.nonce, "00aca6e0855dc2931a");
    assert_int_equal(r.policy.len, 0);
    assert_true(r.cert_req);
    assert_false(r.has_extensions);
}

static void test_request_is_written_as_it_was_read(void **state)
{
    static const char *const requests[] = {
        "020101" IMPRINT,
        "020101" IMPRINT NONCE "0101ff",
        "020101" IMPRINT POLICY "0101ff",
        "020101" IMPRINT POLICY NONCE,
        "020101 302f" SHA256_BARE "0420" HASH,
        "020101" IMPRINT "020180",
        "020101" IMPRINT "020100",
        "020101 3021 300906052b0e03021a0500 0414 0123456789abcdef0123456789abcdef01234567",
        "020101 3041 300d06096086480165030402020500 0430" HASH "0123456789abcdef0123456789abcdef",
        "020101 3051 300d06096086480165030402030500 0440" HASH HASH,
    };
    struct tsp_request r;
    uint8_t storage[512];
    struct wbuf w;

    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct hex store = {.len = 0};
        struct bytes in = sequence(&store, requests[i]);

        assert_int_equal(tsp_request_parse(in, &r), RC_OK);
        wbuf_init_fixed(&w, storage, sizeof storage);
        tsp_request_build(&w, &r);
        assert_int_equal(w.rc, RC_OK);
        assert_true(bytes_equal(wbuf_bytes(&w), in));
    }
}

static void test_liberties_of_real_clients(void **state)
{
    struct hex store = {.len = 0};
    struct tsp_request r;

    (void)state;
    assert_int_equal(parse_request("020101" IMPRINT "010101", &r, &store), RC_OK); /* TRUE as 01 */
    assert_true(r.cert_req);
    assert_int_equal(parse_request("020101" IMPRINT "010100", &r, &store),
                     RC_OK); /* the default, written out */
    assert_false(r.cert_req);
    assert_int_equal(parse_request("020101" IMPRINT "0204 00000012", &r, &store), RC_OK); /* not minimal */
    assert_hex(r.nonce, "12");
    assert_int_equal(parse_request("020101" IMPRINT "0204 ffffff92", &r, &store),
                     RC_OK); /* negative, not minimal */
    assert_hex(r.nonce, "92");
    assert_int_equal(parse_request("020101" IMPRINT "0210 00000000000000000000000000000000", &r, &store),
                     RC_OK);
    assert_hex(r.nonce, "00");
    assert_int_equal(parse_request("020101" IMPRINT "0201ff", &r, &store), RC_OK);
    assert_hex(r.nonce, "ff");
}

#define OCTETS_16 "11111111111111111111111111111111"
#define OCTETS_64 OCTETS_16 OCTETS_16 OCTETS_16 OCTETS_16

static void test_nonce_size(void **state)
{
    (void)state;
    assert_request("020101" IMPRINT "0240" OCTETS_64, RC_OK);
    assert_request("020101" IMPRINT "0241" OCTETS_64 "11", RC_TSP_NONCE_SIZE);
    assert_request("020101" IMPRINT "0241 00" OCTETS_64, RC_OK); /* its shortest form counts */
}

static void test_request_refusals(void **state)
{
    (void)state;
    assert_request("020102" IMPRINT, RC_TSP_VERSION);
    assert_request("020100", RC_TSP_VERSION);
    assert_request("020102 0c0100", RC_TSP_VERSION);
    assert_request("020101 302d 300906052b240302010500 0420" HASH, RC_DIGEST_UNKNOWN);
    assert_request("020101 302e 300a06052b24030201020105 0420" HASH, RC_DIGEST_UNKNOWN);
    assert_request("020101 3023" SHA256_NULL "0412 000102030405060708090a0b0c0d0e0f1011", RC_DIGEST_LENGTH);
    assert_request("020101 3011" SHA256_NULL "0400", RC_DIGEST_LENGTH);
    assert_request("020101" IMPRINT "a00d 300b 0603550403 0101ff 040100", RC_TSP_EXTENSION);
    assert_request("020101" IMPRINT "a00a 3008 0603550403 040100", RC_TSP_EXTENSION);
    assert_request("020101" IMPRINT "a000", RC_TSP_EXTENSION);
    assert_request("020101" IMPRINT "0641 2a" OCTETS_64, RC_TSP_POLICY);
    assert_request("020101" IMPRINT "0640 2a" OCTETS_16 OCTETS_16 OCTETS_16 "111111111111111111111111111111",
                   RC_OK);
}

static void test_request_of_several_faults_names_the_first(void **state)
{
    struct hex store = {.len = 0};
    struct tsp_request r;

    (void)state;
    assert_request("020102 3011" SHA256_NULL "0400", RC_TSP_VERSION);
    assert_request("020101 300e 300906052b240302010500 040100 a000", RC_DIGEST_UNKNOWN);
    assert_request("020101 3011" SHA256_NULL "0400 a000", RC_DIGEST_LENGTH);
    assert_request("020101" IMPRINT "0241" OCTETS_64 "11 a000", RC_TSP_EXTENSION);
    assert_request("020101" IMPRINT "0641 2a" OCTETS_64 "0241" OCTETS_64 "11", RC_TSP_NONCE_SIZE);
    /* a reply to a refused request may want what the request said */
    assert_int_equal(parse_request("020101 300e 300906052b240302010500 040100" POLICY NONCE, &r, &store),
                     RC_DIGEST_UNKNOWN);
    assert_hex(r.policy, "2a030401");
    assert_hex(r.nonce, "00aca6e0855dc2931a");
    assert_hex(r.imprint.alg_oid, "2b24030201");
}

static void test_request_that_is_no_der(void **state)
{
    static const struct {
        const char *in;
        enum rc rc;
    } bad[] = {
        {"", RC_DER_TRUNCATED},
        {"30", RC_DER_TRUNCATED},
        {"3000", RC_DER_TRUNCATED},
        {"3003020101", RC_DER_TRUNCATED},
        {"3036 020101" IMPRINT "00", RC_DER_TRAILING},
        {"3036 020101" IMPRINT "0a0d", RC_DER_TRAILING},
        {"3037 020101" IMPRINT "0500", RC_DER_TRAILING},
        {"3039 020101" IMPRINT "0101ff 00", RC_DER_TRAILING},
        {"3039 020101" IMPRINT "0101ff", RC_OK},
        {"308136 020101" IMPRINT, RC_DER_LENGTH},
        {"3080 020101" IMPRINT "0000", RC_DER_LENGTH},
        {"3136 020101" IMPRINT, RC_DER_TAG},
        {"3036 0a0101" IMPRINT, RC_DER_TAG},
        {"303a 0205 0100000000" IMPRINT, RC_TSP_VERSION},
        {"3040 020b 01000000000000000000 01" IMPRINT, RC_DER_INTEGER},
        {"3036 0201ff" IMPRINT, RC_DER_INTEGER},
        {"3036 020101" IMPRINT "0101ff", RC_DER_TRAILING},
        {"303a 020101" IMPRINT "0102ffff", RC_DER_BOOLEAN},
        {"3038 020101" IMPRINT "0600", RC_DER_OID},
        {"3039 020101" IMPRINT "060180", RC_DER_OID},
        {"3038 020101" IMPRINT "0200", RC_DER_INTEGER},
        {"303c 020101" IMPRINT "0101ff 020105", RC_DER_TRAILING}, /* out of order */
        {"3037 020101 3032 300e06096086480165030402010501 00 0420" HASH, RC_DER_NULL},
        {"3037 020101 3032 300e0609608648016503040201020105 0420" HASH, RC_DER_TRAILING},
        {"3036 020101 3031" SHA256_NULL "0320" HASH, RC_DER_TAG},
        {"303e 020101" IMPRINT "a006 3004 0603550403", RC_DER_TRUNCATED},
        {"3041 020101" IMPRINT "a009 3007 0603550403 0500", RC_DER_TAG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct hex store = {.len = 0};
        struct tsp_request r;
        enum rc rc = tsp_request_parse(hex(&store, bad[i].in), &r);

        if (rc != bad[i].rc) {
            fail_msg("%s: %s, not %s", bad[i].in, rc_word(rc), rc_word(bad[i].rc));
        }
    }
}

/* Each octet short of a request is refused as cut off. */
static void test_request_cut_anywhere(void **state)
{
    struct hex store = {.len = 0};
    struct bytes whole = hex(&store, "3044 020101" IMPRINT NONCE "0101ff");
    struct tsp_request r;

    (void)state;
    for (size_t len = 0; len < whole.len; len++) {
        assert_int_equal(tsp_request_parse(bytes_of(whole.data, len), &r), RC_DER_TRUNCATED);
    }
}

/* ---- TSTInfo ---- */

static void test_tstinfo_is_read_whole(void **state)
{
    struct hex store = {.len = 0};
    struct tsp_tstinfo info;

    (void)state;
    assert_int_equal(tsp_tstinfo_parse(hex(&store, TSTINFO), DER_STRICT, &info), RC_OK);
    assert_hex(info.policy, "2a030401");
    assert_int_equal(info.imprint.alg, DIGEST_SHA256);
    assert_hex(info.imprint.hash, HASH);
    assert_hex(info.serial, "02");
    assert_true(info.time.sec == 1795161925);
    assert_int_equal(info.time.nsec, 132000000);
    assert_true(info.has_accuracy);
    assert_int_equal(info.accuracy.seconds, 1);
    assert_int_equal(info.accuracy.millis, 500);
    assert_int_equal(info.accuracy.micros, 100);
    assert_true(tsp_accuracy_ns(info.accuracy) == 1500100000);
    assert_false(info.ordering);
    assert_hex(info.nonce, "00aca6e0855dc2931a");
    assert_hex(info.tsa_name, TSA_NAME);
    assert_int_equal(info.extensions.len, 0);
    assert_false(info.has_critical_extension);
}

static struct bytes build_tstinfo(const struct tsp_tstinfo *info, uint8_t *storage, size_t size)
{
    struct wbuf w;

    wbuf_init_fixed(&w, storage, size);
    tsp_tstinfo_build(&w, info);
    assert_int_equal(w.rc, RC_OK);
    return wbuf_bytes(&w);
}

static void test_tstinfo_is_written_as_it_was_read(void **state)
{
    struct hex store = {.len = 0};
    struct tsp_tstinfo info;
    uint8_t storage[512];

    (void)state;
    assert_int_equal(tsp_tstinfo_parse(hex(&store, TSTINFO), DER_STRICT, &info), RC_OK);
    assert_hex(build_tstinfo(&info, storage, sizeof storage), TSTINFO);
}

static void test_tstinfo_leaves_out_what_is_not_said(void **state)
{
    struct hex store = {.len = 0};
    struct tsp_tstinfo info = {
        .policy = hex(&store, "2a030401"),
        .imprint = {.alg = DIGEST_SHA256},
        .time = {.sec = 1795161925, .nsec = 987654321},
        .has_accuracy = true,
    };
    struct hex hash = {.len = 0}, serial = {.len = 0};
    uint8_t storage[512];

    (void)state;
    info.imprint.hash = hex(&hash, HASH);
    info.serial = hex(&serial, "0000ff");
    assert_hex(build_tstinfo(&info, storage, sizeof storage),
               "304f 020101" POLICY "302f" SHA256_BARE "0420" HASH
               "020200ff 180f 32303236313132303038303532355a");
    info.has_accuracy = true;
    info.accuracy.millis = 500;
    info.ordering = true;
    info.time_digits = 2;
    assert_hex(build_tstinfo(&info, storage, sizeof storage),
               "305b 020101" POLICY "302f" SHA256_BARE "0420" HASH
               "020200ff 1812 32303236313132303038303532352e39385a 3004 800201f4 0101ff");
}

static void test_tstinfo_that_can_not_be_written(void **state)
{
    struct tsp_tstinfo info = {.imprint = {.alg = DIGEST_SHA256}, .time = {.sec = INT64_MAX}};
    uint8_t storage[512];
    struct wbuf w;

    (void)state;
    wbuf_init_fixed(&w, storage, sizeof storage);
    tsp_tstinfo_build(&w, &info);
    assert_int_equal(w.rc, RC_TIME_RANGE);
    wbuf_reset(&w);
    info.time.sec = 0;
    info.has_accuracy = true;
    info.accuracy.micros = 1000;
    tsp_tstinfo_build(&w, &info);
    assert_int_equal(w.rc, RC_TSP_ACCURACY);
}

#define TIME  "180f 32303236313132303038303532355a"
#define START "020101" POLICY IMPRINT "020102"

static void test_tstinfo_refusals(void **state)
{
    static const struct {
        const char *contents;
        enum rc strict, foreign;
    } bad[] = {
        {START TIME, RC_OK, RC_OK},
        {"020102" POLICY IMPRINT "020102" TIME, RC_TSP_VERSION, RC_TSP_VERSION},
        {START "1810 32303236313132303038303532352e5a", RC_TIME_FORM, RC_TIME_FORM},
        {START "1813 32303236313132303038303532352b30313030", RC_TIME_FORM, RC_TIME_FORM},
        {START "170d 3236313132303038303532355a", RC_DER_TAG, RC_DER_TAG},
        {START TIME "3003 020100", RC_OK, RC_OK},
        {START TIME "3003 0201ff", RC_DER_INTEGER, RC_DER_INTEGER},
        {START TIME "3004 800203e7", RC_OK, RC_OK},
        {START TIME "3004 800203e8", RC_TSP_ACCURACY, RC_TSP_ACCURACY},
        {START TIME "3004 810203e8", RC_TSP_ACCURACY, RC_TSP_ACCURACY},
        {START TIME "3003 800100", RC_TSP_ACCURACY, RC_OK},
        {START TIME "3003 810100", RC_TSP_ACCURACY, RC_OK},
        {START TIME "3007 0205 0100000000", RC_TSP_ACCURACY, RC_TSP_ACCURACY},
        {START TIME "3006 810101 800101", RC_DER_TRAILING, RC_DER_TRAILING},
        {START TIME "010100", RC_DER_DEFAULT, RC_OK},
        {START TIME "010101", RC_DER_BOOLEAN, RC_OK},
        {START TIME "0202 0001", RC_DER_INTEGER, RC_OK},
        {START TIME "a000", RC_DER_TRUNCATED, RC_DER_TRUNCATED},
        {START TIME "a004 8200 8200", RC_DER_TRAILING, RC_DER_TRAILING},
        {START TIME "0500", RC_DER_TRAILING, RC_DER_TRAILING},
        {START "0101ff" TIME, RC_DER_TAG, RC_DER_TAG},
        {"020101" POLICY "3011" SHA256_NULL "0400 020102" TIME, RC_DIGEST_LENGTH, RC_DIGEST_LENGTH},
        {"020101" POLICY "300e 300906052b240302010500 040100 020102" TIME, RC_OK, RC_OK},
        {"020101" IMPRINT "020102" TIME, RC_DER_TAG, RC_DER_TAG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct hex store = {.len = 0};
        struct bytes in = sequence(&store, bad[i].contents);
        struct tsp_tstinfo info;
        enum rc strict = tsp_tstinfo_parse(in, DER_STRICT, &info);
        enum rc foreign = tsp_tstinfo_parse(in, DER_FOREIGN, &info);

        if (strict != bad[i].strict || foreign != bad[i].foreign) {
            fail_msg("%s: %s and %s", bad[i].contents, rc_word(strict), rc_word(foreign));
        }
    }
}

static void test_tstinfo_extensions(void **state)
{
    struct hex store = {.len = 0};
    struct tsp_tstinfo info;

    (void)state;
    assert_int_equal(
        tsp_tstinfo_parse(sequence(&store, START TIME "a10a 3008 0603550403 040100"), DER_STRICT, &info),
        RC_OK);
    assert_false(info.has_critical_extension);
    assert_hex(info.extensions, "3008 0603550403 040100");
    assert_int_equal(tsp_tstinfo_parse(sequence(&store, START TIME "a10d 300b 0603550403 0101ff 040100"),
                                       DER_STRICT, &info),
                     RC_OK);
    assert_true(info.has_critical_extension);
}

static void test_accuracy_of_ns(void **state)
{
    struct tsp_accuracy a = tsp_accuracy_of_ns(1500100999);

    (void)state;
    assert_int_equal(a.seconds, 1);
    assert_int_equal(a.millis, 500);
    assert_int_equal(a.micros, 100);
    a = tsp_accuracy_of_ns(999);
    assert_true(tsp_accuracy_ns(a) == 0);
    a = tsp_accuracy_of_ns(-5000000);
    assert_true(tsp_accuracy_ns(a) == 0);
    a = tsp_accuracy_of_ns(INT64_MAX);
    assert_true(tsp_accuracy_ns(a) == INT64_C(4294967295999999000));
}

/* ---- replies ---- */

static void test_refusal_names_each_failure_in_der(void **state)
{
    static const struct {
        enum tsp_failure failure;
        const char *name, *der;
    } table[] = {
        {TSP_BAD_ALG, "badAlg", "3009 3007 020102 03020780"},
        {TSP_BAD_REQUEST, "badRequest", "3009 3007 020102 03020520"},
        {TSP_BAD_DATA_FORMAT, "badDataFormat", "3009 3007 020102 03020204"},
        {TSP_TIME_NOT_AVAILABLE, "timeNotAvailable", "300a 3008 020102 0303010002"},
        {TSP_UNACCEPTED_POLICY, "unacceptedPolicy", "300a 3008 020102 0303000001"},
        {TSP_UNACCEPTED_EXTENSION, "unacceptedExtension", "300b 3009 020102 030407000080"},
        {TSP_ADD_INFO_NOT_AVAILABLE, "addInfoNotAvailable", "300b 3009 020102 030406000040"},
        {TSP_SYSTEM_FAILURE, "systemFailure", "300c 300a 020102 03050600000040"},
        {TSP_NO_FAILURE, "none", "3005 3003 020102"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct tsp_response r;
        uint8_t storage[64];
        struct wbuf w;

        wbuf_init_fixed(&w, storage, sizeof storage);
        tsp_response_build_refusal(&w, table[i].failure, NULL);
        assert_hex(wbuf_bytes(&w), table[i].der);
        assert_int_equal(tsp_response_parse(wbuf_bytes(&w), &r), RC_OK);
        assert_int_equal(r.status, TSP_REJECTION);
        assert_int_equal(r.failure, table[i].failure);
        assert_string_equal(tsp_failure_name(r.failure), table[i].name);
    }
}

static void test_refusal_carries_a_sentence(void **state)
{
    static const char text[] = "Requested policy is not supported.";
    struct tsp_response r;
    uint8_t storage[128];
    struct wbuf w;

    (void)state;
    wbuf_init_fixed(&w, storage, sizeof storage);
    tsp_response_build_refusal(&w, TSP_UNACCEPTED_POLICY, text);
    assert_hex(wbuf_bytes(&w),
               "3030 302e 020102 3024 0c22 "
               "52657175657374656420706f6c696379206973206e6f7420737570706f727465642e 0303000001");
    assert_int_equal(tsp_response_parse(wbuf_bytes(&w), &r), RC_OK);
    assert_true(bytes_equal(r.status_string, bytes_str(text)));
    assert_int_equal(r.token.len, 0);
}

static void test_granted_is_opened_and_closed(void **state)
{
    static const uint8_t token[300] = {0x30, 0x82, 0x01, 0x28};
    struct tsp_response r;
    uint8_t storage[512];
    struct wbuf w;
    size_t mark;

    (void)state;
    wbuf_init_fixed(&w, storage, sizeof storage);
    mark = tsp_response_open_granted(&w);
    wbuf_put(&w, bytes_of(token, sizeof token));
    der_close(&w, mark);
    assert_hex(bytes_of(w.data, 9), "30820131 3003020100");
    assert_int_equal(tsp_response_parse(wbuf_bytes(&w), &r), RC_OK);
    assert_int_equal(r.status, TSP_GRANTED);
    assert_int_equal(r.failure, TSP_NO_FAILURE);
    assert_true(bytes_equal(r.token, bytes_of(token, sizeof token)));
}

static void test_replies_of_others(void **state)
{
    static const struct {
        const char *in;
        enum rc rc;
        enum tsp_status status;
        enum tsp_failure failure;
    } table[] = {
        {"3007 3003020100 3000", RC_OK, TSP_GRANTED, TSP_NO_FAILURE},
        {"3007 3003020101 3000", RC_OK, TSP_GRANTED_WITH_MODS, TSP_NO_FAILURE},
        {"3005 3003020103", RC_OK, TSP_WAITING, TSP_NO_FAILURE},
        {"3005 3003020104", RC_OK, TSP_REVOCATION_WARNING, TSP_NO_FAILURE},
        {"3005 3003020105", RC_OK, TSP_REVOCATION_NOTIFICATION, TSP_NO_FAILURE},
        {"3005 3003020106", RC_TSP_STATUS, TSP_REJECTION, TSP_NO_FAILURE},
        {"3005 30030201ff", RC_DER_INTEGER, TSP_REJECTION, TSP_NO_FAILURE},
        {"3005 3003020100", RC_TSP_TOKEN_MISSING, TSP_GRANTED, TSP_NO_FAILURE},
        {"3007 3003020102 3000", RC_TSP_TOKEN_UNEXPECTED, TSP_REJECTION, TSP_NO_FAILURE},
        {"300c 3008020100 0303000000 3000", RC_OK, TSP_GRANTED, TSP_NO_FAILURE}, /* padded, empty */
        {"300a 3006020100 030100 3000", RC_OK, TSP_GRANTED, TSP_NO_FAILURE},     /* empty */
        {"300b 3007020100 03020520 3000", RC_TSP_STATUS, TSP_GRANTED,
         TSP_BAD_REQUEST},                                                         /* granted and failed */
        {"300c 300a020102 03050020000000", RC_OK, TSP_REJECTION, TSP_BAD_REQUEST}, /* padded */
        {"300c 300a020102 03050024000000", RC_OK, TSP_REJECTION, TSP_BAD_REQUEST}, /* two bits: the first */
        {"3009 3007020102 03020640", RC_TSP_STATUS, TSP_REJECTION, (enum tsp_failure)1},
        {"300b 3009020102 3000 03020780", RC_OK, TSP_REJECTION, TSP_BAD_ALG},
        {"3011 300f020102 3006 13014e 0c0159 03020780", RC_OK, TSP_REJECTION, TSP_BAD_ALG},
        {"3081 05 3003020102", RC_OK, TSP_REJECTION, TSP_NO_FAILURE},
        {"3005 3003020102 00", RC_DER_TRAILING, TSP_REJECTION, TSP_NO_FAILURE},
        {"3006 3003020102 00", RC_DER_TRAILING, TSP_REJECTION, TSP_NO_FAILURE},
        {"3005 3003020102"
         "3000",
         RC_DER_TRAILING, TSP_REJECTION, TSP_NO_FAILURE},
        {"3002 3000", RC_DER_TRUNCATED, TSP_REJECTION, TSP_NO_FAILURE},
        {"3000", RC_DER_TRUNCATED, TSP_REJECTION, TSP_NO_FAILURE},
        {"", RC_DER_TRUNCATED, TSP_REJECTION, TSP_NO_FAILURE},
        {"3009 3007020102 03020781", RC_DER_BIT_STRING, TSP_REJECTION, TSP_NO_FAILURE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct hex store = {.len = 0};
        struct tsp_response r;
        enum rc rc = tsp_response_parse(hex(&store, table[i].in), &r);

        if (rc != table[i].rc || r.status != table[i].status || r.failure != table[i].failure) {
            fail_msg("%s: %s %s %s", table[i].in, rc_word(rc), tsp_status_name(r.status),
                     tsp_failure_name(r.failure));
        }
    }
}

static void test_status_string_is_the_first_utf8(void **state)
{
    struct hex store = {.len = 0};
    struct tsp_response r;

    (void)state;
    assert_int_equal(tsp_response_parse(hex(&store, "3011 300f020102 3006 13014e 0c0159 03020780"), &r),
                     RC_OK);
    assert_true(bytes_equal(r.status_string, bytes_str("Y")));
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(tsp_status_name(TSP_GRANTED), "granted");
    assert_string_equal(tsp_status_name(TSP_REVOCATION_NOTIFICATION), "revocationNotification");
    assert_string_equal(tsp_status_name((enum tsp_status)6), "unknown");
    assert_string_equal(tsp_failure_name((enum tsp_failure)1), "unknown");
}

static void test_every_reason_has_a_failure(void **state)
{
    (void)state;
    assert_int_equal(tsp_failure_of_rc(RC_OK), TSP_NO_FAILURE);
    assert_int_equal(tsp_failure_of_rc(RC_DIGEST_UNKNOWN), TSP_BAD_ALG);
    assert_int_equal(tsp_failure_of_rc(RC_TSP_DIGEST_REFUSED), TSP_BAD_ALG);
    assert_int_equal(tsp_failure_of_rc(RC_TSP_VERSION), TSP_BAD_REQUEST);
    assert_int_equal(tsp_failure_of_rc(RC_TSP_NONCE_SIZE), TSP_BAD_REQUEST);
    assert_int_equal(tsp_failure_of_rc(RC_DIGEST_LENGTH), TSP_BAD_DATA_FORMAT);
    assert_int_equal(tsp_failure_of_rc(RC_TSP_POLICY), TSP_UNACCEPTED_POLICY);
    assert_int_equal(tsp_failure_of_rc(RC_TSP_EXTENSION), TSP_UNACCEPTED_EXTENSION);
    assert_int_equal(tsp_failure_of_rc(RC_CLOCK_STEPPED), TSP_TIME_NOT_AVAILABLE);
    assert_int_equal(tsp_failure_of_rc(RC_CLOCK_BACKWARDS), TSP_TIME_NOT_AVAILABLE);
    assert_int_equal(tsp_failure_of_rc(RC_LEDGER_WRITE), TSP_SYSTEM_FAILURE);
    assert_int_equal(tsp_failure_of_rc(RC_SIGNER_FAILED), TSP_SYSTEM_FAILURE);
    assert_int_equal(tsp_failure_of_rc(RC_OVERLOADED), TSP_SYSTEM_FAILURE);
    assert_int_equal(tsp_failure_of_rc(RC_ISSUER_GONE), TSP_SYSTEM_FAILURE);
    for (int rc = RC_DER_TRUNCATED; rc <= RC_DER_DEFAULT; rc++) {
        assert_int_equal(tsp_failure_of_rc((enum rc)rc), TSP_BAD_DATA_FORMAT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_is_read_whole),
        cmocka_unit_test(test_request_is_written_as_it_was_read),
        cmocka_unit_test(test_liberties_of_real_clients),
        cmocka_unit_test(test_nonce_size),
        cmocka_unit_test(test_request_refusals),
        cmocka_unit_test(test_request_of_several_faults_names_the_first),
        cmocka_unit_test(test_request_that_is_no_der),
        cmocka_unit_test(test_request_cut_anywhere),
        cmocka_unit_test(test_tstinfo_is_read_whole),
        cmocka_unit_test(test_tstinfo_is_written_as_it_was_read),
        cmocka_unit_test(test_tstinfo_leaves_out_what_is_not_said),
        cmocka_unit_test(test_tstinfo_that_can_not_be_written),
        cmocka_unit_test(test_tstinfo_refusals),
        cmocka_unit_test(test_tstinfo_extensions),
        cmocka_unit_test(test_accuracy_of_ns),
        cmocka_unit_test(test_refusal_names_each_failure_in_der),
        cmocka_unit_test(test_refusal_carries_a_sentence),
        cmocka_unit_test(test_granted_is_opened_and_closed),
        cmocka_unit_test(test_replies_of_others),
        cmocka_unit_test(test_status_string_is_the_first_utf8),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_every_reason_has_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
