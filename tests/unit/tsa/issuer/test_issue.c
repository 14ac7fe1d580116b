/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to one reply: what comes out is judged by our verifier and by libcrypto's own, field by field against the request and the
 * record; every refusal leaves nothing behind; a key that signs wrongly stops its unit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <pthread.h>

#include <cmocka.h>

#include <openssl/pkcs7.h>
#include <openssl/ts.h>

#include "tests/unit/tsa/issuer/desk.h"
#include "tsa/issuer/ledger_record.h"
#include "tsa/wire/verify.h"

static struct desk desk;
static const uint8_t imprint[DIGEST_MAX] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t nonce[] = {0x12, 0x34, 0x56, 0x78, 0x9a};
static const uint8_t policy[] = {0x88, 0x37, 0x07, 0x08}; /* 2.999.7.8: the unit's other one */
static const uint8_t own_policy[] = {0x88, 0x37, 0x05};   /* 2.999.5 */
static const uint8_t unknown_policy[] = {0x88, 0x37, 0x07, 0x09};

static struct msg_stamp request(void)
{
    return (struct msg_stamp){
        .kind = MSG_RFC3161,
        .digest = DIGEST_SHA256,
        .alg_null = 1,
        .cert_req = 1,
        .data = bytes_of(imprint, 32),
        .nonce = bytes_of(nonce, sizeof(nonce)),
    };
}

static struct msg_stamp countersign(void)
{
    return (struct msg_stamp){.kind = MSG_AUTHENTICODE, .data = bytes_of(imprint, sizeof(imprint))};
}

static enum rc stamp(const struct msg_stamp *m)
{
    return issue_stamp(&desk.thread, m, &desk.reply, &desk.ledger_body, desk.why);
}

static void assert_refused(const struct msg_stamp *m, enum rc rc)
{
    assert_int_equal(stamp(m), rc);
    assert_int_equal(desk.reply.len, 0);
    assert_int_equal(desk.ledger_body.len, 0);
}

static struct ledger_record record(void)
{
    struct ledger_record r;

    assert_int_equal(ledger_record_get(wbuf_bytes(&desk.ledger_body), &r), RC_OK);
    return r;
}

/* ---- RFC 3161 ---- */

static void check_token(const struct msg_stamp *m, struct bytes token)
{
    struct verify_report report;
    const struct verify_token_query query = {
        .token = token,
        .imprint_hash = m->data,
        .imprint_alg = (enum digest)m->digest,
        .nonce = &m->nonce,
        .policy = m->policy.len ? m->policy : bytes_of(own_policy, sizeof(own_policy)),
        .extra_certs = m->cert_req ? BYTES_NONE : desk.authority.chain[0],
        .anchors = desk.authority.anchors,
        .rules = DER_STRICT,
    };
    const struct ledger_record r = record();

    assert_int_equal(verify_token(&query, &report), RC_OK);
    assert_int_equal(report.token.cms.has_certificates, m->cert_req);
    assert_int_equal(report.token.info.imprint.alg_null, m->alg_null);
    assert_int_equal(report.time.sec, AUTHORITY_NOW);
    assert_int_equal(report.time.nsec, 123000000);
    assert_int_equal(tsp_accuracy_ns(report.token.info.accuracy), 1000000000);
    assert_true(bytes_equal(r.serial, report.token.info.serial));
    assert_true(bytes_equal(r.text, report.token.cms.content));
    assert_true(bytes_equal(r.imprint, m->data) && bytes_equal(r.policy, report.token.info.policy));
    assert_true(bytes_equal(r.unit, bytes_str("unit")));
    assert_int_equal(gentime_compare(r.time, report.time), 0);
    assert_int_equal(r.clock.nsec, 123456789);
    assert_true(r.kind == MSG_RFC3161 && r.digest == (enum digest)m->digest && r.proof == CLOCKPAGE_PROVEN &&
                r.bound_ns >= 1000000);
    assert_true(bytes_equal(r.reference, bytes_str("test")) && r.age_ns == 7 * DESK_SECOND);
    verify_clear(&report);
}

static void assert_granted(const struct msg_stamp *m)
{
    struct tsp_response response;

    assert_int_equal(stamp(m), RC_OK);
    assert_int_equal(tsp_response_parse(wbuf_bytes(&desk.reply), &response), RC_OK);
    assert_int_equal(response.status, TSP_GRANTED);
    check_token(m, response.token);
}

static void test_every_form_of_request(void **state)
{
    (void)state;
    for (uint8_t form = 0; form < 16; form++) {
        for (int alg = DIGEST_SHA256; alg <= DIGEST_SHA512; alg++) {
            struct msg_stamp m = request();

            m.digest = (uint8_t)alg;
            m.data.len = digest_len((enum digest)alg);
            m.cert_req = form & 1;
            m.alg_null = form >> 1 & 1;
            m.nonce = form & 4 ? m.nonce : BYTES_NONE;
            m.policy = form & 8 ? bytes_of(policy, sizeof(policy)) : BYTES_NONE;
            assert_granted(&m);
        }
    }
}

/* The same reply, judged by libcrypto against a request that libcrypto read. */
static void test_libcrypto_agrees(void **state)
{
    const struct msg_stamp m = request();
    struct tsp_request asked = {
        .imprint = {DIGEST_SHA256, oid_bytes(OID_SHA256), true, m.data}, .nonce = m.nonce, .cert_req = true};
    const unsigned char *at;
    struct wbuf query;
    TS_REQ *req;
    TS_RESP *resp;
    TS_VERIFY_CTX *ctx;
    X509_STORE *store = X509_STORE_new();

    (void)state;
    assert_int_equal(stamp(&m), RC_OK);
    wbuf_init(&query, 4096);
    tsp_request_build(&query, &asked);
    at = query.data;
    req = d2i_TS_REQ(NULL, &at, (long)query.len);
    at = desk.reply.data;
    resp = d2i_TS_RESP(NULL, &at, (long)desk.reply.len);
    assert_non_null(req);
    assert_non_null(resp);
    ctx = TS_REQ_to_TS_VERIFY_CTX(req, NULL);
    assert_int_equal(X509_STORE_add_cert(store, desk.authority.root), 1);
    X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), AUTHORITY_NOW);
    TS_VERIFY_CTX_add_flags(ctx, TS_VFY_SIGNATURE);
    TS_VERIFY_CTX_set_store(ctx, store);
    assert_int_equal(TS_RESP_verify_response(ctx, resp), 1);
    TS_VERIFY_CTX_free(ctx);
    TS_RESP_free(resp);
    TS_REQ_free(req);
    wbuf_clear(&query);
}

static void test_other_keys(void **state)
{
    static const struct authority_spec specs[] = {{.key = "RSA"}, {.key = "P-384", .digest = DIGEST_SHA384}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct msg_stamp m = request(), a = countersign();

        desk_clear(&desk);
        desk_init(&desk, &specs[i]);
        assert_granted(&m);
        assert_int_equal(stamp(&a), RC_OK);
        assert_int_equal(issue_trial(&desk.thread, 0), RC_OK);
    }
}

static void test_settings_of_the_unit(void **state)
{
    const struct msg_stamp m = request();
    struct tsp_response response;
    struct token token;

    (void)state;
    desk.settings.ordering = true;
    desk.settings.accuracy = 0;
    desk.settings.time_digits = 0;
    desk.real_ns += 400000000; /* .523: rounds up */
    desk_sample(&desk);
    assert_int_equal(stamp(&m), RC_OK);
    assert_int_equal(tsp_response_parse(wbuf_bytes(&desk.reply), &response), RC_OK);
    assert_int_equal(token_parse(response.token, DER_STRICT, &token), RC_OK);
    assert_false(token.info.ordering); /* whole seconds have no order */
    assert_false(token.info.has_accuracy);
    assert_int_equal(token.info.time.sec, AUTHORITY_NOW + 1);
    assert_int_equal(token.info.time.nsec, 0);
}

/* ---- Authenticode ---- */

static void test_countersignature(void **state)
{
    const struct msg_stamp m = countersign();
    struct verify_report report;
    struct cms cms;
    uint8_t hash[DIGEST_MAX];
    struct ledger_record r;

    (void)state;
    desk.real_ns += 400000000;
    desk_sample(&desk);
    assert_int_equal(stamp(&m), RC_OK);
    assert_int_equal(cms_parse(wbuf_bytes(&desk.reply), DER_STRICT, &cms), RC_OK);
    const struct verify_countersignature_query query = {
        .signer_info = cms.signer.tlv,
        .blob = m.data,
        .certificates = cms.certificates,
        .anchors = desk.authority.anchors,
        .rules = DER_STRICT,
    };
    assert_int_equal(verify_countersignature(&query, &report), RC_OK);
    assert_int_equal(report.time.sec, AUTHORITY_NOW + 1); /* whole seconds, to the nearest */
    assert_int_equal(report.form, CMS_SIGNATURE_STANDARD);
    verify_clear(&report);
    r = record();
    assert_int_equal(digest_compute(DIGEST_SHA256, &m.data, 1, hash), RC_OK);
    assert_true(r.kind == MSG_AUTHENTICODE && r.digest == DIGEST_SHA256 && r.text.len == 0 &&
                r.serial.len == 0 && r.age_ns == 7 * DESK_SECOND && r.proof == CLOCKPAGE_PROVEN &&
                bytes_equal(r.reference, bytes_str("test")));
    assert_true(bytes_equal(r.imprint, bytes_of(hash, 32)));
    assert_int_equal(r.time.sec, AUTHORITY_NOW + 1);
}

static void test_libcrypto_agrees_on_countersignature(void **state)
{
    const struct msg_stamp m = countersign();
    const unsigned char *at;
    BIO *out = BIO_new(BIO_s_mem());
    char *content;
    PKCS7 *p7;

    (void)state;
    assert_int_equal(stamp(&m), RC_OK);
    at = desk.reply.data;
    p7 = d2i_PKCS7(NULL, &at, (long)desk.reply.len);
    assert_non_null(p7);
    assert_ptr_equal(at, desk.reply.data + desk.reply.len);
    assert_int_equal(PKCS7_verify(p7, NULL, NULL, NULL, out, PKCS7_NOVERIFY | PKCS7_BINARY), 1);
    assert_int_equal(BIO_get_mem_data(out, &content), (long)m.data.len);
    assert_memory_equal(content, m.data.data, m.data.len);
    PKCS7_free(p7);
    BIO_free(out);
}

/* ---- refusals ---- */

static void test_refusals_of_the_request(void **state)
{
    struct msg_stamp m;

    (void)state;
    m = request(), m.unit = 1;
    assert_refused(&m, RC_UNIT_UNKNOWN);
    m = request(), m.kind = 0;
    assert_refused(&m, RC_MSG_MALFORMED);
    m = request(), m.digest = DIGEST_SHA1, m.data.len = 20;
    assert_refused(&m, RC_TSP_DIGEST_REFUSED);
    m = request(), m.data.len = 31;
    assert_refused(&m, RC_DIGEST_LENGTH);
    m = request(), m.policy = bytes_of(unknown_policy, sizeof(unknown_policy));
    assert_refused(&m, RC_TSP_POLICY);
    m = countersign(), m.data.len = MSAUTH_BLOB_MIN - 1;
    assert_refused(&m, RC_MSAUTH_BLOB_SIZE);
    desk.settings.protocols = SETTINGS_AUTHENTICODE;
    m = request();
    assert_refused(&m, RC_UNIT_PROTOCOL);
    desk.settings.protocols = SETTINGS_RFC3161;
    m = countersign();
    assert_refused(&m, RC_UNIT_PROTOCOL);
}

static void test_refusals_of_the_clock(void **state)
{
    const struct msg_stamp both[] = {request(), countersign()};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(stamp(&both[i]), RC_OK);
        desk.real_ns -= 1000;
        assert_refused(&both[i], RC_CLOCK_BACKWARDS);
        desk.real_ns += 3600 * DESK_SECOND; /* stepped, and the clock role has not seen it yet */
        assert_refused(&both[i], RC_CLOCK_STEPPED);
        desk.real_ns -= 3600 * DESK_SECOND - 1000;
        desk.mono_ns += CLOCKPAGE_LIFE_NS;
        desk.real_ns += CLOCKPAGE_LIFE_NS;
        assert_refused(&both[i], RC_CLOCK_STALE);
        assert_int_equal(issue_state(&desk.core, &desk.thread.gate), RC_CLOCK_STALE);
        for (int good = 1; good <= CLOCKGATE_NUM_GOOD; good++) {
            desk.mono_ns += DESK_SECOND;
            desk.real_ns += DESK_SECOND;
            desk_sample(&desk);
            assert_int_equal(issue_state(&desk.core, &desk.thread.gate),
                             good < CLOCKGATE_NUM_GOOD ? RC_CLOCK_STALE : RC_OK);
        }
        assert_int_equal(stamp(&both[i]), RC_OK);
        assert_int_equal(issue_state(&desk.core, &desk.thread.gate), RC_OK);
    }
}

static void test_expired_certificate(void **state)
{
    const struct msg_stamp both[] = {request(), countersign()};

    (void)state;
    desk.real_ns = (AUTHORITY_TO + 1) * INT64_C(1000000000);
    desk_sample(&desk);
    for (size_t i = 0; i < 2; i++) {
        assert_refused(&both[i], RC_CERT_EXPIRED);
    }
    assert_int_equal(issue_state(&desk.core, &desk.thread.gate), RC_CERT_EXPIRED);
    assert_int_equal(issue_trial(&desk.thread, 0), RC_CERT_EXPIRED);
}

static void test_halt(void **state)
{
    const struct msg_stamp both[] = {request(), countersign()};

    (void)state;
    issue_halt(&desk.core, RC_LEDGER_WRITE);
    issue_halt(&desk.core, RC_CRYPTO); /* the first reason stays */
    for (size_t i = 0; i < 2; i++) {
        assert_refused(&both[i], RC_LEDGER_WRITE);
    }
    assert_int_equal(issue_state(&desk.core, &desk.thread.gate), RC_LEDGER_WRITE);
}

/* ---- self-check ---- */

/* A key that signs rightly for a while and then flips a bit. */
static struct {
    const struct signer_ops *real;
    struct signer_ops ops;
    unsigned good_left, num_verified;
} faulty;

static enum rc faulty_sign(struct signer_thread *thread, struct bytes digest, struct wbuf *out)
{
    const enum rc rc = faulty.real->sign(thread, digest, out);

    if (rc == RC_OK && faulty.good_left-- == 0) {
        faulty.good_left = 0;
        out->data[out->len - 1] ^= 1;
    }
    return rc;
}

static enum rc counting_verify(struct signer_thread *thread, struct bytes digest, struct bytes signature)
{
    faulty.num_verified++;
    return faulty.real->verify(thread, digest, signature);
}

static void make_faulty(unsigned good_left)
{
    faulty.real = desk.core.units[0].signer->ops;
    faulty.ops = *faulty.real;
    faulty.ops.sign = faulty_sign;
    faulty.ops.verify = counting_verify;
    faulty.good_left = good_left;
    faulty.num_verified = 0;
    desk.core.units[0].signer->ops = &faulty.ops;
}

static void test_first_signature_is_checked(void **state)
{
    const struct msg_stamp m = request();

    (void)state;
    make_faulty(0);
    assert_refused(&m, RC_SELF_CHECK);
    assert_int_equal(faulty.num_verified, 1);
    assert_refused(&m, RC_SELF_CHECK); /* stopped: it is not even asked to sign */
    assert_int_equal(faulty.num_verified, 1);
    assert_int_equal(issue_state(&desk.core, &desk.thread.gate), RC_SELF_CHECK);
}

static void test_every_64th_is_checked(void **state)
{
    const struct msg_stamp m = request();
    unsigned num_out = 0;

    (void)state;
    make_faulty(10);
    while (stamp(&m) == RC_OK) {
        num_out++;
    }
    assert_int_equal(num_out, 64);
    assert_int_equal(faulty.num_verified, 2);
}

static void test_all_are_checked_where_the_unit_says(void **state)
{
    const struct msg_stamp m = countersign();
    unsigned num_out = 0;

    (void)state;
    desk.settings.self_check = SETTINGS_SELF_CHECK_ALL;
    make_faulty(10);
    while (stamp(&m) == RC_OK) {
        num_out++;
    }
    assert_int_equal(num_out, 10);
    assert_int_equal(faulty.num_verified, 11);
}

static void test_some_keys_are_always_checked(void **state)
{
    const struct msg_stamp m = request();

    (void)state;
    make_faulty(1000);
    faulty.ops.always_check = true;
    for (unsigned n = 1; n <= 10; n++) {
        assert_int_equal(stamp(&m), RC_OK);
        assert_int_equal(faulty.num_verified, n);
    }
}

static enum rc failing_sign(struct signer_thread *thread, struct bytes digest, struct wbuf *out)
{
    (void)thread;
    (void)digest;
    (void)out;
    return RC_SIGNER_FAILED;
}

static void test_a_key_that_fails_may_try_again(void **state)
{
    const struct msg_stamp m = request();

    (void)state;
    make_faulty(1000);
    faulty.ops.sign = failing_sign;
    assert_refused(&m, RC_SIGNER_FAILED);
    faulty.ops.sign = faulty_sign;
    assert_int_equal(stamp(&m), RC_OK);
}

/* ---- trial ---- */

static void test_trial(void **state)
{
    (void)state;
    assert_int_equal(issue_trial(&desk.thread, 0), RC_OK);
    assert_int_equal(atomic_load(&desk.core.clock.last_ns), 0);
    assert_int_equal(atomic_load(&desk.core.serial.counter), 0);
    make_faulty(1);
    desk.thread.units[0].num_signed = 1; /* the self-check is not due: the trial must see it itself */
    assert_int_equal(issue_trial(&desk.thread, 0), RC_CMS_SIGNATURE);
}

static void test_trial_with_a_foreign_root(void **state)
{
    static struct authority other;

    (void)state;
    authority_init(&other, &(struct authority_spec){.key = "P-256"});
    desk.unit.root = other.chain[1];
    assert_int_equal(issue_trial(&desk.thread, 0), RC_CHAIN_UNTRUSTED);
    desk.unit.root = BYTES_NONE;
    assert_int_equal(issue_trial(&desk.thread, 0), RC_OK);
    authority_clear(&other);
}

/* ---- threads ---- */

#define NUM_THREADS 4
#define NUM_EACH    200

struct task {
    struct issue_thread thread;
    uint8_t serials[NUM_EACH][SERIAL_LEN];
    unsigned num_failed;
};

static void *stamp_many(void *arg)
{
    struct task *task = arg;
    const struct msg_stamp m = request();
    char why[CLOCKGATE_WHY_MAX];
    struct wbuf reply, body;

    wbuf_init(&reply, ISSUE_REPLY_MAX);
    wbuf_init(&body, 8192);
    for (size_t i = 0; i < NUM_EACH; i++) {
        struct ledger_record r;

        __atomic_fetch_add(&desk.real_ns, 1000, __ATOMIC_SEQ_CST);
        if (issue_stamp(&task->thread, &m, &reply, &body, why) != RC_OK ||
            ledger_record_get(wbuf_bytes(&body), &r) != RC_OK || r.serial.len > SERIAL_LEN) {
            task->num_failed++;
            continue;
        }
        memcpy(task->serials[i] + SERIAL_LEN - r.serial.len, r.serial.data, r.serial.len);
    }
    wbuf_clear(&reply);
    wbuf_clear(&body);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, SERIAL_LEN);
}

/* Threads that stamp at once with a clock that goes on: nobody is refused, no serial is given twice. */
static void test_threads(void **state)
{
    static struct task tasks[NUM_THREADS];
    static uint8_t serials[NUM_THREADS * NUM_EACH][SERIAL_LEN];
    pthread_t threads[NUM_THREADS];

    (void)state;
    for (size_t i = 0; i < NUM_THREADS; i++) {
        assert_int_equal(issue_thread_init(&tasks[i].thread, &desk.core), RC_OK);
        assert_int_equal(pthread_create(&threads[i], NULL, stamp_many, &tasks[i]), 0);
    }
    for (size_t i = 0; i < NUM_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(tasks[i].num_failed, 0);
        memcpy(serials[i * NUM_EACH], tasks[i].serials, sizeof(tasks[i].serials));
        issue_thread_clear(&tasks[i].thread);
    }
    qsort(serials, NUM_THREADS * NUM_EACH, SERIAL_LEN, compare);
    for (size_t i = 1; i < NUM_THREADS * NUM_EACH; i++) {
        assert_true(compare(serials[i - 1], serials[i]) < 0);
    }
}

static int setup(void **state)
{
    (void)state;
    desk_init(&desk, &(struct authority_spec){.key = "P-256"});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    desk_clear(&desk);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_every_form_of_request),
        TEST(test_libcrypto_agrees),
        TEST(test_other_keys),
        TEST(test_settings_of_the_unit),
        TEST(test_countersignature),
        TEST(test_libcrypto_agrees_on_countersignature),
        TEST(test_refusals_of_the_request),
        TEST(test_refusals_of_the_clock),
        TEST(test_expired_certificate),
        TEST(test_halt),
        TEST(test_first_signature_is_checked),
        TEST(test_every_64th_is_checked),
        TEST(test_all_are_checked_where_the_unit_says),
        TEST(test_some_keys_are_always_checked),
        TEST(test_a_key_that_fails_may_try_again),
        TEST(test_trial),
        TEST(test_trial_with_a_foreign_root),
        TEST(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
