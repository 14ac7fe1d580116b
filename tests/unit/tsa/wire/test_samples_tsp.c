/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recorded requests, replies, tokens and countersignatures of others ($TSA_SAMPLES/tsp, with a MANIFEST.md that says what
 * each one is and whether its signature is good). All must read and be judged as the manifest says; each exception stands in
 * a table here with its reason. Skips without the folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tsa/wire/base64.h"
#include "tsa/wire/ber.h"
#include "tsa/wire/verify.h"

#define FILE_MAX  (1 << 20)
#define MAX_WRONG 6

/* What the manifest's general rule does not say: the findings in their order, and why. */
static const struct exception {
    const char *name;
    enum rc findings[MAX_WRONG];
} exceptions[] = {
    /* requests */
    {"bc_ripemd160Request.tsq", {RC_DIGEST_UNKNOWN}},
    {"seed_rfc3161test_3003020101.tsq", {RC_DER_TRUNCATED}}, /* a version and nothing else */
    /* replies */
    {"tspclient_malformed.tsr", {RC_DER_LENGTH}},
    {"rfc3161-client_sigstage_response-invalid-signature.tsr", {RC_CMS_SIGNATURE}},
    /* good signatures of certificates that RFC 3161 does not allow, or that had expired */
    {"conformance_rekor2-timestamp-outside-tsa-cert-validity_fail.tsr", {RC_CERT_EXPIRED}},
    {"softether-selow-win10-x64_SeLow_x64.sysn0.tst", {RC_CERT_EKU}}, /* Microsoft's, not critical */
    {"zerotier-x64_zttap300.sys.tst", {RC_CERT_EKU}},
    /* signed over other content: TSTInfo changed afterwards */
    {"tspclient_SHA1TimeStampToken.tst", {RC_CMS_MESSAGE_DIGEST}},
    {"tspclient_TimeStampTokenWithTSTInfoVersion2.tst", {RC_TSP_VERSION, RC_CMS_MESSAGE_DIGEST}},
    /* no tokens */
    {"tspclient_Sha1SignedData.tst",
     {RC_CMS_CONTENT_TYPE, RC_CMS_ATTR_CONTENT_TYPE, RC_CMS_MESSAGE_DIGEST, RC_CERT_EKU, RC_TOKEN_NO_ESS}},
    {"tspclient_TimeStampTokenWithInvalideContentType.tst", {RC_CMS_CONTENT_TYPE}},
    /* signature, signers, attributes */
    {"tspclient_TimeStampTokenWithInvalidSignature.tst", {RC_CMS_SIGNATURE}},
    {"tspclient_TimeStampTokenWithSigningTimeBeforeExpected.tst", {RC_CMS_SIGNATURE}},
    {"tspclient_TimeStampTokenWithSignerVersion2.tst", {RC_CMS_VERSION}},
    {"tspclient_TimeStampTokenWithAnInvalidAndAValidSignerInfo.tst", {RC_CMS_SIGNERS, RC_CMS_SIGNATURE}},
    {"tspclient_TimeStampTokenWithSignedAttributeSHA1.tst", {RC_CMS_MESSAGE_DIGEST, RC_CMS_SIGNATURE_ALG}},
    {"tspclient_TimeStampTokenWithoutSignedAttributeContentType.tst",
     {RC_CMS_ATTR_MISSING, RC_CMS_SIGNATURE}},
    {"tspclient_TimeStampTokenWithoutSignedAttributes.tst",
     {RC_CMS_ATTR_MISSING, RC_CMS_SIGNATURE, RC_TOKEN_NO_ESS}},
    /* ESS */
    {"tspclient_TimeStampTokenWithoutSigningCertificate.tst", {RC_CMS_SIGNATURE, RC_TOKEN_NO_ESS}},
    {"tspclient_TimeStampTokenWithMismatchCertHash.tst", {RC_CMS_SIGNATURE, RC_TOKEN_ESS_MISMATCH}},
    {"tspclient_TimeStampTokenWithSigningCertificateV2NoCert.tst", {RC_CMS_SIGNATURE, RC_TOKEN_ESS_MISMATCH}},
    {"tspclient_TimeStampTokenWithInvalidSigningCertificateV2.tst", {RC_CMS_SIGNATURE, RC_DER_TRUNCATED}},
    /* the signer's certificate has version -1, which nobody can read */
    {"tspclient_TimeStampTokenWithInvalidCertificates.tst", {RC_CERT_NOT_FOUND}},
};

#define NUM_EXCEPTIONS (sizeof exceptions / sizeof *exceptions)

static char folder[4096];

static int find_folder(void **state)
{
    const char *samples = getenv("TSA_SAMPLES");

    (void)state;
    if (samples) {
        snprintf(folder, sizeof folder, "%s/tsp", samples);
    }
    return 0;
}

static void need_folder(void)
{
    if (!folder[0]) {
        print_message("skipped: TSA_SAMPLES is not set\n");
        skip();
    }
}

/* ---- files ---- */

struct file {
    uint8_t *data;
    struct bytes in;          /* in definite form */
    struct wbuf decoded, ber; /* what in may point into */
};

static void file_clear(struct file *f)
{
    wbuf_clear(&f->decoded);
    wbuf_clear(&f->ber);
    free(f->data);
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void file_read(struct file *f, const char *name)
{
    char path[8192];
    FILE *in;
    size_t len;

    *f = (struct file){.data = malloc(FILE_MAX)};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    in = fopen(path, "rb");
    if (!f->data || !in) {
        fail_msg("%s can not be read", path);
        return;
    }
    len = fread(f->data, 1, FILE_MAX, in);
    fclose(in);
    f->in = bytes_of(f->data, len);
    wbuf_init(&f->decoded, FILE_MAX);
    wbuf_init(&f->ber, FILE_MAX);
    if (ends_with(name, "_legacy.b64")) { /* a reply; requests have a reader of their own */
        assert_int_equal(base64_decode_body(f->in, &f->decoded), RC_OK);
        f->in = wbuf_bytes(&f->decoded);
    }
    if (ber_is_indefinite(f->in)) {
        assert_int_equal(ber_normalise(f->in, &f->ber), RC_OK);
        f->in = wbuf_bytes(&f->ber);
    }
}

/* ---- the manifest ---- */

#define MAX_ENTRIES 200

struct entry {
    char name[200], kind[40], content[1200], crypto[200];
};

static struct entry *entries;
static size_t num_entries;

/* Takes one cell of a table row, without the blanks around it. */
static char *take_cell(char **row)
{
    char *start = *row, *end = strchr(start, '|');

    if (!end) {
        return NULL;
    }
    *row = end + 1;
    while (*start == ' ') {
        start++;
    }
    while (end > start && end[-1] == ' ') {
        end--;
    }
    *end = '\0';
    return start;
}

static bool read_row(char *line, struct entry *out)
{
    static const char prefix[] = "| open/tsp/";
    char *cells[8] = {NULL};
    char *row = line + 1;

    if (strncmp(line, prefix, sizeof prefix - 1) != 0) {
        return false;
    }
    for (size_t i = 0; i < 6; i++) {
        cells[i] = take_cell(&row);
        if (!cells[i]) {
            fail_msg("a row of the manifest is too short");
        }
    }
    snprintf(out->name, sizeof out->name, "%s", cells[0] + strlen("open/tsp/"));
    snprintf(out->kind, sizeof out->kind, "%s", cells[3]);
    snprintf(out->content, sizeof out->content, "%s", cells[4]);
    snprintf(out->crypto, sizeof out->crypto, "%s", cells[5]);
    return true;
}

static void read_manifest(void)
{
    char path[8192];
    static char line[16384];
    FILE *in;

    if (entries) {
        return;
    }
    entries = calloc(MAX_ENTRIES, sizeof *entries);
    snprintf(path, sizeof path, "%s/MANIFEST.md", folder);
    in = fopen(path, "r");
    if (!entries || !in) {
        fail_msg("%s can not be read", path);
        return;
    }
    while (num_entries < MAX_ENTRIES && fgets(line, sizeof line, in)) {
        num_entries += read_row(line, &entries[num_entries]);
    }
    fclose(in);
    assert_true(num_entries > 100);
}

static int free_manifest(void **state)
{
    (void)state;
    free(entries);
    return 0;
}

static bool is_kind(const struct entry *e, const char *kind)
{
    return strcmp(e->kind, kind) == 0;
}

/* The findings that a file must have: those of the table, else what the manifest's column says. */
static const enum rc *expected_of(const struct entry *e)
{
    static const enum rc none[MAX_WRONG], no_cert[MAX_WRONG] = {RC_CERT_NOT_FOUND};
    const char *base = strrchr(e->name, '/') ? strrchr(e->name, '/') + 1 : e->name;

    for (size_t i = 0; i < NUM_EXCEPTIONS; i++) {
        if (strcmp(exceptions[i].name, base) == 0) {
            return exceptions[i].findings;
        }
    }
    return strstr(e->crypto, "no-cert") ? no_cert : none;
}

static size_t compare(const struct entry *e, const enum rc *found, size_t num)
{
    const enum rc *expected = expected_of(e);
    size_t num_wrong = 0;

    for (size_t i = 0; i < MAX_WRONG; i++) {
        enum rc got = i < num ? found[i] : RC_OK;

        if (got != expected[i]) {
            print_error("%s: finding %zu is %s, not %s\n", e->name, i, rc_word(got), rc_word(expected[i]));
            num_wrong++;
        }
    }
    return num_wrong;
}

/* ---- requests ---- */

static size_t check_request(const struct entry *e, const struct file *f)
{
    struct tsp_request request;
    struct wbuf w;
    size_t num_wrong;
    enum rc rc = tsp_request_parse(f->in, &request);

    num_wrong = compare(e, &rc, rc != RC_OK);
    wbuf_init(&w, 4096);
    tsp_request_build(&w, &request);
    if (rc != RC_DER_TRUNCATED && !bytes_equal(wbuf_bytes(&w), f->in)) {
        print_error("%s: is not written as it was read\n", e->name);
        num_wrong++;
    }
    wbuf_clear(&w);
    return num_wrong;
}

static size_t check_legacy_request(const struct entry *e, const struct file *f)
{
    struct bytes blob;
    struct wbuf scratch, w;
    enum rc rc;
    size_t num_wrong;
    bool same;

    wbuf_init(&scratch, 65536);
    wbuf_init(&w, 65536);
    rc = msauth_body_parse(f->in, &scratch, &blob);
    num_wrong = compare(e, &rc, rc != RC_OK);
    msauth_request_build(&w, blob);
    same = bytes_equal(wbuf_bytes(&w), scratch.len > 0 ? wbuf_bytes(&scratch) : f->in);
    if (!same || msauth_detect(f->in) == MSAUTH_NOT) {
        print_error("%s: is not written as it was read, or not recognised\n", e->name);
        num_wrong++;
    }
    wbuf_clear(&scratch);
    wbuf_clear(&w);
    return num_wrong;
}

/* ---- replies ---- */

/* The manifest names the genTime that another reader found. */
static size_t compare_time(const struct entry *e, const struct verify_report *report)
{
    const char *at = strstr(e->content, "genTime ");
    char text[GENTIME_TEXT_MAX];
    size_t len;

    if (!at || !report->has_time) {
        return 0;
    }
    at += strlen("genTime ");
    if (gentime_build(report->time, text, &len) != RC_OK || strncmp(at, text, len) != 0 || at[len] != ',') {
        print_error("%s: the time is %s\n", e->name, text);
        return 1;
    }
    return 0;
}

static size_t check_token(const struct entry *e, struct bytes token)
{
    struct verify_token_query query = {.token = token, .rules = DER_FOREIGN};
    struct verify_report report;
    size_t num_wrong;
    enum rc rc = verify_token(&query, &report);

    num_wrong = compare(e, report.finding, report.num_findings) + compare_time(e, &report);
    num_wrong += rc != (report.num_findings > 0 ? report.finding[0] : RC_OK);
    verify_clear(&report);
    return num_wrong;
}

static size_t check_reply(const struct entry *e, const struct file *f)
{
    struct tsp_response response;
    enum rc rc = tsp_response_parse(f->in, &response);

    if (rc != RC_OK) {
        return compare(e, &rc, 1);
    }
    if (response.token.len > 0) {
        return check_token(e, response.token);
    }
    /* the manifest gives the bits in hex: "rejection text='...' failInfo=000001" */
    return !strstr(e->content, "status rejection") || response.status != TSP_REJECTION ||
           !strstr(e->content, "failInfo=000001") || response.failure != TSP_UNACCEPTED_POLICY;
}

static size_t check_legacy_reply(const struct entry *e, const struct file *f)
{
    enum cms_signature_form form =
        strstr(e->crypto, "ok-bare") ? CMS_SIGNATURE_BARE_DIGEST : CMS_SIGNATURE_STANDARD;
    struct verify_countersignature_query query = {.rules = DER_FOREIGN};
    struct verify_report report;
    struct cms cms;
    size_t num_wrong;
    enum rc rc = cms_parse(f->in, DER_FOREIGN, &cms);

    if (rc != RC_OK || cms.version != 1) {
        return 1;
    }
    query.signer_info = cms.signer.tlv;
    query.blob = cms.content;
    query.certificates = cms.certificates;
    rc = verify_countersignature(&query, &report);
    num_wrong = compare(e, report.finding, report.num_findings) + (rc != RC_OK);
    if (report.form != form || !report.has_time) {
        print_error("%s: another form of signature\n", e->name);
        num_wrong++;
    }
    verify_clear(&report);
    return num_wrong;
}

/* ---- all of them ---- */

static size_t check_entry(const struct entry *e)
{
    struct file f;
    size_t num_wrong;

    file_read(&f, e->name);
    if (ends_with(e->name, ".tsq")) {
        num_wrong = check_request(e, &f);
    } else if (ends_with(e->name, ".tsr")) {
        num_wrong = check_reply(e, &f);
    } else if (ends_with(e->name, ".tst")) {
        num_wrong = check_token(e, f.in);
    } else if (is_kind(e, "LEGACY-REQ")) {
        num_wrong = check_legacy_request(e, &f);
    } else {
        assert_string_equal(e->kind, "LEGACY-RESP");
        num_wrong = check_legacy_reply(e, &f);
    }
    file_clear(&f);
    return num_wrong;
}

static void test_every_sample(void **state)
{
    size_t num_wrong = 0;

    (void)state;
    need_folder();
    read_manifest();
    for (size_t i = 0; i < num_entries; i++) {
        num_wrong += check_entry(&entries[i]);
    }
    print_message("%zu samples\n", num_entries);
    assert_int_equal(num_wrong, 0);
}

/* An exception that names no sample would hide a change of the samples. */
static void test_every_exception_has_its_sample(void **state)
{
    (void)state;
    need_folder();
    read_manifest();
    for (size_t i = 0; i < NUM_EXCEPTIONS; i++) {
        size_t num_found = 0;

        for (size_t k = 0; k < num_entries; k++) {
            num_found += ends_with(entries[k].name, exceptions[i].name);
        }
        assert_int_equal(num_found, 1);
    }
}

/* Replies beside the requests that they answer: imprint, nonce and policy agree, and differ from those of another pair. */
static void test_pairs(void **state)
{
    static const struct {
        const char *request, *reply;
        enum rc rc;
    } pairs[] = {
        {"rfc3161-client_test_tsa_request.tsq", "rfc3161-client_test_tsa_response.tsr", RC_OK},
        {"signserver_sample.tsq", "signserver_sample.tsr", RC_CERT_NOT_FOUND},
        {"bc_sha1Request.tsq", "bc_sha1Response.tsr", RC_CERT_NOT_FOUND},
        {"bc_sha1noNonce.tsq", "bc_sha1noNonceResponse.tsr", RC_CERT_NOT_FOUND},
        {"asn1crypto_tsp_request.tsq", "asn1crypto_tsp_response.tsr", RC_CERT_NOT_FOUND},
        {"flutter_digicert.tsq", "flutter_digicert.tsr", RC_OK},
        {"clocklock_sha1.tsq", "clocklock_sha1.response.tsr", RC_OK},
        {"digitorus_sha1.tsq", "digitorus_sha1.tsr", RC_OK},
        {"bc_sha1Request.tsq", "bc_sha1noNonceResponse.tsr", RC_TOKEN_NONCE},
        {"bc_sha1noNonce.tsq", "bc_sha1Response.tsr", RC_TOKEN_NONCE},
        {"flutter_digicert.tsq", "digitorus_sha1.tsr", RC_TOKEN_IMPRINT},
    };

    (void)state;
    need_folder();
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct verify_token_query query = {.rules = DER_FOREIGN};
        struct verify_report report;
        struct tsp_response response;
        struct tsp_request request;
        struct file question, answer;
        enum rc rc;

        file_read(&question, pairs[i].request);
        file_read(&answer, pairs[i].reply);
        assert_int_equal(tsp_request_parse(question.in, &request), RC_OK);
        assert_int_equal(tsp_response_parse(answer.in, &response), RC_OK);
        query.token = response.token;
        query.imprint_alg = request.imprint.alg;
        query.imprint_hash = request.imprint.hash;
        query.nonce = &request.nonce;
        query.policy = request.policy;
        rc = verify_token(&query, &report);
        if (rc != pairs[i].rc) {
            fail_msg("%s: %s, not %s", pairs[i].reply, rc_word(rc), rc_word(pairs[i].rc));
        }
        verify_clear(&report);
        file_clear(&question);
        file_clear(&answer);
    }
}

/* Microsoft's own authorities: not critical, which Windows takes and RFC 3161 does not. */
static void test_lenient_eku(void **state)
{
    static const char *const names[] = {"from-authenticode/softether-selow-win10-x64_SeLow_x64.sysn0.tst",
                                        "from-authenticode/zerotier-x64_zttap300.sys.tst"};

    (void)state;
    need_folder();
    for (size_t i = 0; i < 2; i++) {
        struct verify_token_query query = {.rules = DER_FOREIGN, .lenient_eku = true};
        struct verify_report report;
        struct file f;

        file_read(&f, names[i]);
        query.token = f.in;
        assert_int_equal(verify_token(&query, &report), RC_OK);
        verify_clear(&report);
        file_clear(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_sample),
        cmocka_unit_test(test_every_exception_has_its_sample),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_lenient_eku),
    };

    return cmocka_run_group_tests(tests, find_folder, free_manifest);
}
