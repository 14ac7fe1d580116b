/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows' rules, one row for each: what the signer's certificate is, when and by whom the file was stamped, when it is judged, and
 * the reasons that must come of it, all of them and no other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsclient/make_pe.h"
#include "tests/unit/tsclient/make_signature.h"
#include "tests/unit/tsclient/make_stamp.h"
#include "tests/unit/tsclient/one_blob.h"
#include "tsclient/container/pe.h"
#include "tsclient/judge/policy.h"

#define LIMIT (1u << 20)
#define Y(n)  (INT64_C(1577836800) + (n)*INT64_C(31557600)) /* n years after 2020-01-01 */

enum signer {
    SIGNER_PLAIN,    /* year 1 to 3 */
    SIGNER_LIFETIME, /* the same with the lifetime signing purpose */
    SIGNER_TLS,      /* serverAuth */
    SIGNER_STRANGE,  /* under an unknown root */
    SIGNER_OLD_CA,   /* under a CA of year 0 to 2 */
    SIGNER_SHA1,     /* its issuer signed it with SHA-1 */
    SIGNER_MD5,      /* with MD5 */
    SIGNER_NO_USAGE, /* its key is for encryption, as in the test certificates of Microsoft's driver kit: Windows takes it */
    SIGNER_SHORT_KEY, /* RSA of 768 bits */
    SIGNER_ANCIENT,   /* the same, year -14 to -8 */
    SIGNER_1024,      /* the shortest that is taken */
    SIGNER_NUM
};

enum authority {
    TSA_NONE,
    TSA_PLAIN,        /* year 0 to 20 */
    TSA_STRANGE,      /* under an unknown root */
    TSA_NO_PURPOSE,   /* no extended key usage */
    TSA_SHORT,        /* year 0 to 2: expired when the file is judged, not when it was stamped */
    TSA_NOT_CRITICAL, /* as many real ones: Windows takes it */
    TSA_MD5,          /* its issuer signed it with MD5 */
    TSA_SHORT_KEY,
    TSA_ANCIENT, /* from year -14 on */
    TSA_NUM
};

static struct made_cert root, strange, old_ca, signers[SIGNER_NUM], authorities[TSA_NUM];
static struct chain_anchors *anchors;

static void make_weak(struct made_cert *out, const char *name, const char *eku, const EVP_MD *digest)
{
    *out = make_cert(&(struct make_cert){
        .name = name, .issuer = &root, .eku = eku, .from = Y(1), .to = Y(3), .digest = digest});
}

static void make_short(struct made_cert *out, const char *eku, unsigned bits, const int years[2])
{
    *out = make_cert(&(struct make_cert){.name = "With a short key",
                                         .issuer = &root,
                                         .eku = eku,
                                         .from = Y(years[0]),
                                         .to = Y(years[1]),
                                         .rsa = true,
                                         .rsa_bits = bits});
}

static void make(struct made_cert *out, const char *name, const struct made_cert *issuer, const char *eku,
                 const int years[2])
{
    *out = make_cert(&(struct make_cert){.name = name,
                                         .issuer = issuer,
                                         .eku = eku,
                                         .from = Y(years[0]),
                                         .to = Y(years[1]),
                                         .is_ca = strstr(name, "CA") != NULL,
                                         .rsa = !issuer}); /* MD5 goes with no other key */
}

static int make_keys(void **state)
{
    static const int lifes[][2] = {{0, 20}, {0, 2}, {1, 3}, {-14, -8}, {-15, 20}};
    const int *life = lifes[0], *short_life = lifes[1], *signer_life = lifes[2];

    (void)state;
    make(&root, "CA", NULL, NULL, lifes[4]);
    make(&strange, "Strange CA", NULL, NULL, life);
    make(&old_ca, "Old CA", &root, NULL, short_life);
    make(&signers[SIGNER_PLAIN], "Signer", &root, "codeSigning", signer_life);
    make(&signers[SIGNER_LIFETIME], "Lifetime", &root, "codeSigning,1.3.6.1.4.1.311.10.3.13", signer_life);
    make(&signers[SIGNER_TLS], "TLS", &root, "serverAuth", signer_life);
    make(&signers[SIGNER_STRANGE], "Stranger", &strange, "codeSigning", signer_life);
    make(&signers[SIGNER_OLD_CA], "Under old", &old_ca, "codeSigning", signer_life);
    make_weak(&signers[SIGNER_SHA1], "By SHA-1", "codeSigning", EVP_sha1());
    make_weak(&signers[SIGNER_MD5], "By MD5", "codeSigning", EVP_md5());
    signers[SIGNER_NO_USAGE] = make_cert(&(struct make_cert){.name = "Driver kit",
                                                             .issuer = &root,
                                                             .eku = "codeSigning",
                                                             .from = Y(1),
                                                             .to = Y(3),
                                                             .usage = "keyEncipherment,dataEncipherment"});
    make_short(&signers[SIGNER_SHORT_KEY], "codeSigning", 768, signer_life);
    make_short(&signers[SIGNER_ANCIENT], "codeSigning", 768, lifes[3]);
    make_short(&signers[SIGNER_1024], "codeSigning", 1024, signer_life);
    make_short(&authorities[TSA_SHORT_KEY], "critical,timeStamping", 768, signer_life);
    make_short(&authorities[TSA_ANCIENT], "critical,timeStamping", 2048, lifes[4]);
    make_weak(&authorities[TSA_MD5], "TSA by MD5", "critical,timeStamping", EVP_md5());
    make(&authorities[TSA_PLAIN], "TSA", &root, "critical,timeStamping", life);
    make(&authorities[TSA_STRANGE], "Strange TSA", &strange, "critical,timeStamping", life);
    make(&authorities[TSA_NO_PURPOSE], "No TSA", &root, NULL, life);
    make(&authorities[TSA_SHORT], "Short TSA", &root, "critical,timeStamping", short_life);
    make(&authorities[TSA_NOT_CRITICAL], "Old TSA", &root, "timeStamping", life);
    anchors = chain_anchors_new();
    assert_non_null(anchors);
    assert_int_equal(chain_anchors_add(anchors, made_cert_der(&root)), RC_OK);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    made_cert_clear(&root);
    made_cert_clear(&strange);
    made_cert_clear(&old_ca);
    for (size_t i = 0; i < SIGNER_NUM; i++) {
        made_cert_clear(&signers[i]);
    }
    for (size_t i = 1; i < TSA_NUM; i++) {
        made_cert_clear(&authorities[i]);
    }
    chain_anchors_free(anchors);
    return 0;
}

/* ---- files ---- */

struct sample {
    enum signer signer;
    enum authority authority;
    bool legacy, lab_time, broken_stamp;
    int64_t stamped;
    bool odd_imprint, odd_name;
};

static void sign(struct wbuf *out, const struct sample *s, struct bytes digest, struct bytes attrs)
{
    struct bytes certs[2] = {made_cert_der(&signers[s->signer]), made_cert_der(&old_ca)};
    const struct make_signature m = {.signer = &signers[s->signer],
                                     .certs = certs,
                                     .num_certs = 2,
                                     .file_digest = digest,
                                     .unsigned_attrs = attrs};

    wbuf_init(out, LIMIT);
    make_signature(out, &m);
}

/* Puts a timestamp on signature; in place. */
static void stamp(struct wbuf *signature, const struct sample *s)
{
    struct make_stamp m = {.authority = &authorities[s->authority],
                           .at = s->stamped,
                           .policy = s->lab_time ? OID_LAB_TIME_POLICY : OID_NONE,
                           .odd_imprint = s->odd_imprint,
                           .odd_name = s->odd_name};
    struct spc_change change = {.kind = s->legacy ? SPC_STAMP_LEGACY : SPC_STAMP_RFC3161};
    struct wbuf reply, out;
    struct cms cms;

    wbuf_init(&reply, LIMIT);
    wbuf_init(&out, LIMIT);
    assert_int_equal(cms_parse(wbuf_bytes(signature), DER_STRICT, &cms), RC_OK);
    m.blob = s->broken_stamp ? bytes_of("another blob that is long enough", 32) : cms.signer.signature;
    if (s->legacy) {
        make_legacy_reply(&reply, &m);
        assert_int_equal(cms_parse(wbuf_bytes(&reply), DER_STRICT, &cms), RC_OK);
        change.value = cms.signer.tlv;
        change.certificates = cms.certificates;
    } else {
        make_token(&reply, &m);
        change.value = wbuf_bytes(&reply);
    }
    assert_int_equal(spc_change(wbuf_bytes(signature), &change, &out), RC_OK);
    wbuf_clear(&reply);
    wbuf_clear(signature);
    *signature = out;
}

static void put(struct wbuf *file, struct bytes signature)
{
    struct edits edits;
    struct wbuf out;

    edits_init(&edits);
    wbuf_init(&out, LIMIT);
    assert_int_equal(one_blob_put(&pe_ops, wbuf_bytes(file), signature, &edits), RC_OK);
    assert_int_equal(edits_apply(&edits, wbuf_bytes(file), &out), RC_OK);
    edits_clear(&edits);
    wbuf_clear(file);
    *file = out;
}

/* A PE file with one signature as wanted, and nested in it a second one where there is one. */
static void make_file(struct wbuf *file, const struct sample *s, const struct sample *nested)
{
    const struct make_pe m = {.plus = true, .body_len = 200};
    struct wbuf signature, inner, attrs;
    uint8_t digest[DIGEST_MAX];

    wbuf_init(file, LIMIT);
    wbuf_init(&attrs, LIMIT);
    make_pe(file, &m);
    assert_int_equal(pe_ops.digest(wbuf_bytes(file), DIGEST_SHA256, digest), RC_OK);
    if (nested) {
        sign(&inner, nested, bytes_of(digest, 32), BYTES_NONE);
        if (nested->authority != TSA_NONE) {
            stamp(&inner, nested);
        }
        make_attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&inner));
        wbuf_clear(&inner);
    }
    sign(&signature, s, bytes_of(digest, 32), wbuf_bytes(&attrs));
    if (s->authority != TSA_NONE) {
        stamp(&signature, s);
    }
    put(file, wbuf_bytes(&signature));
    wbuf_clear(&signature);
    wbuf_clear(&attrs);
}

/* ---- judging ---- */

struct row {
    struct sample sample;
    int64_t at;
    bool lifetime, require_timestamp;
    enum severity worst;
    const char *reasons; /* in order, with blanks between */
};

static void assert_reasons(const struct reasons *reasons, const struct row *row, size_t index)
{
    char text[400] = "";

    for (size_t i = 0; i < reasons->num; i++) {
        (void)strcat(strcat(text, i ? " " : ""), reason_word(reasons->list[i].reason));
    }
    if (strcmp(text, row->reasons) != 0 || reasons_worst(reasons) != row->worst) {
        fail_msg("row %zu: '%s' (%d), not '%s' (%d)", index, text, reasons_worst(reasons), row->reasons,
                 row->worst);
    }
}

static void judge(const struct row *row, struct bytes file, struct reasons *out)
{
    const struct policy_query query = {
        .anchors = anchors,
        .tsa_anchors = anchors,
        .at = {.sec = row->at},
        .lifetime = row->lifetime,
        .require_timestamp = row->require_timestamp,
    };
    struct policy_file *judged;
    struct subject subject;

    subject_parse(file, &subject);
    judged = policy_judge(&subject, &query);
    assert_non_null(judged);
    *out = judged->reasons;
    policy_free(judged);
    subject_close(&subject);
}

#define E SEVERITY_ERROR
#define W SEVERITY_WARNING
#define N SEVERITY_NOTE

static const struct row rows[] = {
    /* without a timestamp: the time of asking counts */
    {{.signer = SIGNER_PLAIN}, Y(2), false, false, N, "not-timestamped"},
    {{.signer = SIGNER_PLAIN}, Y(2), false, true, W, "not-timestamped"},
    {{.signer = SIGNER_PLAIN}, Y(4), false, false, E, "not-timestamped expired-no-timestamp"},
    {{.signer = SIGNER_PLAIN}, Y(0) + 9, false, false, E, "not-timestamped not-yet-valid"},
    /* with one: its time counts, for ever */
    {{SIGNER_PLAIN, TSA_PLAIN, .stamped = Y(2)}, Y(2), false, true, N, ""},
    {{SIGNER_PLAIN, TSA_PLAIN, .stamped = Y(2)}, Y(10), false, false, N, ""},
    {{SIGNER_PLAIN, TSA_PLAIN, true, .stamped = Y(2)}, Y(10), false, false, N, ""},
    {{SIGNER_PLAIN, TSA_PLAIN, .stamped = Y(2)}, Y(30), false, false, N, ""},
    {{SIGNER_PLAIN, TSA_SHORT, .stamped = Y(1) + 99}, Y(10), false, false, N, ""},
    {{SIGNER_PLAIN, TSA_SHORT, true, .stamped = Y(1) + 99}, Y(10), false, false, N, ""},
    {{SIGNER_PLAIN, TSA_NOT_CRITICAL, .stamped = Y(2)}, Y(10), false, false, N, ""},
    /* made when the signer's certificate was not valid: no help */
    {{SIGNER_PLAIN, TSA_PLAIN, .stamped = Y(4)},
     Y(5),
     false,
     false,
     E,
     "timestamp-outside-validity expired-no-timestamp"},
    {{SIGNER_PLAIN, TSA_PLAIN, .stamped = Y(0) + 9}, Y(2), false, false, W, "timestamp-outside-validity"},
    /* bad ones count as none */
    {{SIGNER_PLAIN, TSA_PLAIN, .stamped = Y(2), .broken_stamp = true},
     Y(2),
     false,
     false,
     W,
     "bad-timestamp"},
    {{SIGNER_PLAIN, TSA_PLAIN, true, .stamped = Y(2), .broken_stamp = true},
     Y(2),
     false,
     false,
     W,
     "bad-timestamp"},
    {{SIGNER_PLAIN, TSA_PLAIN, .stamped = Y(2), .broken_stamp = true},
     Y(4),
     false,
     false,
     E,
     "bad-timestamp expired-no-timestamp"},
    /* a wrong name is a hint alone, and must not hide that the imprint can not be compared */
    {{SIGNER_PLAIN, TSA_PLAIN, .stamped = Y(2), .odd_name = true}, Y(10), false, false, N, ""},
    {{SIGNER_PLAIN, TSA_PLAIN, .stamped = Y(2), .odd_imprint = true}, Y(2), false, false, W, "bad-timestamp"},
    {{SIGNER_PLAIN, TSA_PLAIN, .stamped = Y(2), .odd_imprint = true, .odd_name = true},
     Y(2),
     false,
     false,
     W,
     "bad-timestamp"},
    {{SIGNER_PLAIN, TSA_NO_PURPOSE, .stamped = Y(2)}, Y(2), false, false, W, "bad-timestamp"},
    {{SIGNER_PLAIN, TSA_NO_PURPOSE, true, .stamped = Y(2)}, Y(2), false, false, W, "bad-timestamp"},
    {{SIGNER_PLAIN, TSA_SHORT, .stamped = Y(2) + 99}, Y(2), false, false, W, "bad-timestamp"},
    {{SIGNER_PLAIN, TSA_STRANGE, .stamped = Y(2)}, Y(2), false, false, W, "untrusted-tsa"},
    {{SIGNER_PLAIN, TSA_STRANGE, true, .stamped = Y(2)},
     Y(4),
     false,
     false,
     E,
     "untrusted-tsa expired-no-timestamp"},
    /* lifetime signing: by the certificate, or because it was asked for */
    {{SIGNER_LIFETIME, TSA_PLAIN, .stamped = Y(2)}, Y(2), false, false, N, ""},
    {{SIGNER_LIFETIME, TSA_PLAIN, .stamped = Y(2)}, Y(4), false, false, E, "lifetime-signing"},
    {{SIGNER_PLAIN, TSA_PLAIN, .stamped = Y(2)}, Y(4), true, false, E, "lifetime-signing"},
    {{.signer = SIGNER_LIFETIME}, Y(4), false, false, E, "not-timestamped expired-no-timestamp"},
    /* the signer's chain */
    {{SIGNER_TLS, TSA_PLAIN, .stamped = Y(2)}, Y(2), false, false, E, "wrong-eku"},
    {{SIGNER_NO_USAGE, TSA_PLAIN, .stamped = Y(2)}, Y(2), false, false, N, ""},
    {{SIGNER_STRANGE, TSA_PLAIN, .stamped = Y(2)}, Y(2), false, false, E, "untrusted-root"},
    {{SIGNER_OLD_CA, TSA_PLAIN, .stamped = Y(1) + 99}, Y(10), false, false, N, ""},
    {{SIGNER_OLD_CA, TSA_PLAIN, .stamped = Y(2) + 99}, Y(10), false, false, E, "expired-chain"},
    /* what its issuer signed with a weak digest */
    {{.signer = SIGNER_SHA1}, Y(2), false, false, N, "not-timestamped weak-digest"},
    {{SIGNER_MD5, TSA_PLAIN, .stamped = Y(2)}, Y(10), false, false, W, "weak-digest"},
    {{SIGNER_PLAIN, TSA_MD5, .stamped = Y(2)}, Y(10), false, false, W, "weak-digest"},
    /* keys that Windows blocks */
    {{.signer = SIGNER_SHORT_KEY}, Y(2), false, false, E, "not-timestamped weak-key"},
    {{.signer = SIGNER_1024}, Y(2), false, false, N, "not-timestamped"},
    {{SIGNER_PLAIN, TSA_SHORT_KEY, .stamped = Y(2)}, Y(2), false, false, E, "weak-key"},
    {{SIGNER_PLAIN, TSA_SHORT_KEY, .stamped = Y(2), .broken_stamp = true},
     Y(2),
     false,
     false,
     W,
     "bad-timestamp"},
    {{SIGNER_ANCIENT, TSA_ANCIENT, .stamped = Y(-11)}, Y(2), false, false, N, "weak-key"},
    {{SIGNER_ANCIENT, TSA_ANCIENT, .stamped = Y(-9)}, Y(2), false, false, E, "weak-key"},
    /* fenced lab time is shown */
    {{SIGNER_PLAIN, TSA_PLAIN, .lab_time = true, .stamped = Y(2)}, Y(10), false, false, W, "lab-time"},
    {{SIGNER_PLAIN, TSA_PLAIN, .legacy = true, .lab_time = true, .stamped = Y(2)},
     Y(10),
     false,
     false,
     W,
     "lab-time"},
};

static void rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reasons reasons;
        struct wbuf file;

        make_file(&file, &rows[i].sample, NULL);
        judge(&rows[i], wbuf_bytes(&file), &reasons);
        assert_reasons(&reasons, &rows[i], i);
        wbuf_clear(&file);
    }
}

/* Tokens of these times on one signature. It is made twice: PKCS #1 v1.5 gives the same value each time. */
static void make_stamped_file(struct wbuf *file, const int64_t *times, size_t num)
{
    const struct sample s = {.signer = SIGNER_1024};
    const struct make_pe m = {.plus = true, .body_len = 200};
    struct make_stamp stamp = {.authority = &authorities[TSA_PLAIN]};
    struct wbuf signature, attrs, token;
    uint8_t digest[DIGEST_MAX];
    struct cms cms;

    wbuf_init(file, LIMIT);
    wbuf_init(&attrs, LIMIT);
    wbuf_init(&token, LIMIT);
    make_pe(file, &m);
    assert_int_equal(pe_ops.digest(wbuf_bytes(file), DIGEST_SHA256, digest), RC_OK);
    sign(&signature, &s, bytes_of(digest, 32), BYTES_NONE);
    assert_int_equal(cms_parse(wbuf_bytes(&signature), DER_STRICT, &cms), RC_OK);
    stamp.blob = cms.signer.signature;
    for (size_t i = 0; i < num; i++) {
        stamp.at = times[i];
        wbuf_reset(&token);
        make_token(&token, &stamp);
        make_attribute(&attrs, OID_SPC_RFC3161, wbuf_bytes(&token));
    }
    wbuf_clear(&signature);
    sign(&signature, &s, bytes_of(digest, 32), wbuf_bytes(&attrs));
    put(file, wbuf_bytes(&signature));
    wbuf_clear(&signature);
    wbuf_clear(&attrs);
    wbuf_clear(&token);
}

/* A good timestamp that does not help must not hide one that does. */
static void the_best_stamp_counts(void **state)
{
    static const struct {
        int64_t times[3];
        struct row row;
    } cases[] = {
        {{Y(4), Y(2), Y(5)}, {.at = Y(10), .worst = N, .reasons = ""}},
        {{Y(2), Y(4), Y(5)}, {.at = Y(10), .worst = N, .reasons = ""}},
        {{Y(0) + 9, Y(4), Y(2)}, {.at = Y(10), .worst = N, .reasons = ""}},
        {{Y(0) + 9, Y(4), Y(5)},
         {.at = Y(10), .worst = E, .reasons = "timestamp-outside-validity expired-no-timestamp"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reasons reasons;
        struct wbuf file;

        make_stamped_file(&file, cases[i].times, 3);
        judge(&cases[i].row, wbuf_bytes(&file), &reasons);
        assert_reasons(&reasons, &cases[i].row, i);
        wbuf_clear(&file);
    }
}

/* Every signature counts: a nested one that is bad makes the file bad, and the other way round. */
static void every_signature_counts(void **state)
{
    static const struct sample good = {SIGNER_PLAIN, TSA_PLAIN, .stamped = Y(2)};
    static const struct sample bad = {.signer = SIGNER_PLAIN};
    const struct row fine = {.at = Y(4), .worst = N, .reasons = ""};
    const struct row not = {.at = Y(4), .worst = E, .reasons = "not-timestamped expired-no-timestamp"};
    struct reasons reasons;
    struct wbuf file;

    (void)state;
    make_file(&file, &good, &good);
    judge(&fine, wbuf_bytes(&file), &reasons);
    assert_reasons(&reasons, &fine, 0);
    wbuf_clear(&file);
    make_file(&file, &good, &bad);
    judge(&not, wbuf_bytes(&file), &reasons);
    assert_reasons(&reasons, &not, 1);
    wbuf_clear(&file);
    make_file(&file, &bad, &good);
    judge(&not, wbuf_bytes(&file), &reasons);
    assert_reasons(&reasons, &not, 2);
    wbuf_clear(&file);
}

/* Each octet of the file turned: what the signature covers must not pass, what it does not cover must not crash. */
static void no_changed_octet_passes(void **state)
{
    static const struct sample good = {SIGNER_PLAIN, TSA_PLAIN, .stamped = Y(2)};
    const struct row row = {.at = Y(2)};
    const struct make_pe m = {.plus = true, .body_len = 200};
    struct reasons reasons;
    struct wbuf file;

    (void)state;
    make_file(&file, &good, NULL);
    for (size_t at = 0; at < file.len; at += at < 1000 ? 1 : 37) {
        bool covered = at < MAKE_PE_HEADERS + m.body_len &&
                       !(at >= make_pe_checksum_at(&m) && at < make_pe_checksum_at(&m) + 4);

        file.data[at] ^= 0x55;
        judge(&row, wbuf_bytes(&file), &reasons);
        if (covered && reasons_worst(&reasons) != SEVERITY_ERROR) {
            fail_msg("octet %zu can be changed", at);
        }
        file.data[at] ^= 0x55;
    }
    judge(&row, wbuf_bytes(&file), &reasons);
    assert_int_equal(reasons.num, 0);
    wbuf_clear(&file);
}

static void data_behind_the_signature(void **state)
{
    static const struct sample good = {SIGNER_PLAIN, TSA_PLAIN, .stamped = Y(2)};
    const struct row row = {.at = Y(2), .worst = E, .reasons = "digest-mismatch"};
    struct reasons reasons;
    struct wbuf file;

    (void)state;
    make_file(&file, &good, NULL);
    wbuf_put_text(&file, "appended");
    judge(&row, wbuf_bytes(&file), &reasons);
    assert_reasons(&reasons, &row, 0);
    wbuf_clear(&file);
}

/* The octets of the table are not hashed: moved to where the image's own should be, it would carry others in. */
static void the_table_must_be_last(void **state)
{
    static const struct sample good = {SIGNER_PLAIN, TSA_PLAIN, .stamped = Y(2)};
    const struct row row = {.at = Y(2), .worst = E, .reasons = "digest-mismatch"};
    const struct make_pe m = {.plus = true, .body_len = 200};
    size_t body_end = MAKE_PE_HEADERS + m.body_len;
    struct reasons reasons;
    struct wbuf file, moved;

    (void)state;
    make_file(&file, &good, NULL);
    wbuf_init(&moved, LIMIT);
    wbuf_put(&moved, bytes_of(file.data, MAKE_PE_HEADERS));
    wbuf_put(&moved, bytes_of(file.data + body_end, file.len - body_end));
    wbuf_put(&moved, bytes_of(file.data + MAKE_PE_HEADERS, m.body_len));
    make_pe_set(moved.data + make_pe_directory_at(&m), MAKE_PE_HEADERS, 4);
    judge(&row, wbuf_bytes(&moved), &reasons);
    assert_reasons(&reasons, &row, 0);
    wbuf_clear(&moved);
    wbuf_clear(&file);
}

/* A length inside that is indefinite: judged as well as before, but not changed. */
static void indefinite_length_is_judged(void **state)
{
    static const struct sample good = {SIGNER_PLAIN, TSA_PLAIN, .stamped = Y(2)};
    const struct row row = {.at = Y(2), .worst = N, .reasons = ""};
    struct bytes signature, inner, oid;
    struct wbuf file, ber, out;
    struct subject subject;
    struct reasons reasons;
    struct der d;
    size_t mark;

    (void)state;
    make_file(&file, &good, NULL);
    assert_int_equal(one_blob_get(&pe_ops, wbuf_bytes(&file), &signature), RC_OK);
    der_init(&d, signature, DER_STRICT);
    der_enter(&d, DER_SEQUENCE);
    oid = der_get_tlv(&d, DER_OID_TAG);
    inner = der_get(&d, DER_CONTEXT_CONSTRUCTED(0));
    wbuf_init(&ber, LIMIT);
    mark = der_open(&ber, DER_SEQUENCE);
    wbuf_put(&ber, oid);
    wbuf_put(&ber, bytes_of("\xa0\x80", 2));
    wbuf_put(&ber, inner);
    wbuf_put(&ber, bytes_of("\0\0", 2));
    der_close(&ber, mark);
    put(&file, wbuf_bytes(&ber));
    judge(&row, wbuf_bytes(&file), &reasons);
    assert_reasons(&reasons, &row, 0);
    subject_parse(wbuf_bytes(&file), &subject);
    assert_true(subject.indefinite);
    wbuf_init(&out, LIMIT);
    assert_int_equal(spc_change(subject.blobs.list[0], &(struct spc_change){.kind = SPC_STAMP_NONE}, &out),
                     RC_SPC_INDEFINITE);
    subject_close(&subject);
    wbuf_clear(&out);
    wbuf_clear(&file);
    wbuf_clear(&ber);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),
        cmocka_unit_test(the_best_stamp_counts),
        cmocka_unit_test(every_signature_counts),
        cmocka_unit_test(no_changed_octet_passes),
        cmocka_unit_test(data_behind_the_signature),
        cmocka_unit_test(the_table_must_be_last),
        cmocka_unit_test(indefinite_length_is_judged),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
