/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reasons as sets with severities, texts that a terminal can take, times as signtool prints them, chains in its blocks; and everything
 * that stands in a signature and in a catalog, as text and as JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tsclient/make_signature.h"
#include "tests/unit/tsclient/make_stamp.h"
#include "tsclient/container/ctl_build.h"
#include "tsclient/report/report.h"
#include "tsclient/report/report_facts.h"
#include "tsclient/report/report_json.h"

#define LIMIT (1u << 20)
#define DAY   INT64_C(86400)

static void every_reason_has_its_word(void **state)
{
    (void)state;
    for (int i = 0; i < REASON_NUM; i++) {
        const char *word = reason_word((enum reason)i);

        assert_true(strlen(word) > 3 && strspn(word, "abcdefghijklmnopqrstuvwxyz-") == strlen(word));
        assert_true(strlen(reason_text((enum reason)i)) > 10);
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(word, reason_word((enum reason)k));
        }
    }
}

static void a_reason_is_a_sentence(void **state)
{
    char out[REASON_SENTENCE_MAX], small[8];

    (void)state;
    assert_string_equal(reason_sentence(REASON_UNSIGNED, "", out, sizeof out), "the file has no signature");
    assert_string_equal(reason_sentence(REASON_UNSIGNED, "why", out, sizeof out),
                        "the file has no signature: why");
    assert_string_equal(reason_sentence(REASON_IO_ERROR, "can not open x: y", out, sizeof out),
                        "can not open x: y");
    assert_string_equal(reason_sentence(REASON_IO_ERROR, "", out, sizeof out), reason_text(REASON_IO_ERROR));
    assert_string_equal(reason_sentence(REASON_UNSIGNED, "why", small, sizeof small), "the fil");
}

static void reasons_are_a_set(void **state)
{
    struct reasons a = {0}, b = {0};

    (void)state;
    assert_int_equal(reasons_worst(&a), SEVERITY_NOTE);
    reasons_add(&a, REASON_WEAK_DIGEST, RC_OK);
    reasons_add(&a, REASON_WEAK_DIGEST, RC_OK);
    assert_int_equal(a.num, 1);
    assert_string_equal(report_json_verdict(&a), "good");
    reasons_raise(&a, REASON_WEAK_DIGEST, SEVERITY_WARNING, RC_OK);
    reasons_add(&a, REASON_WEAK_DIGEST, RC_OK);
    assert_int_equal(a.num, 1);
    assert_int_equal(reasons_worst(&a), SEVERITY_WARNING);
    assert_string_equal(report_json_verdict(&a), "warning");
    reasons_add(&b, REASON_UNSIGNED, RC_UNSIGNED);
    reasons_merge(&a, &b);
    assert_int_equal(a.num, 2);
    assert_int_equal(a.list[1].cause, RC_UNSIGNED);
    assert_true(reasons_has(&a, REASON_UNSIGNED));
    assert_false(reasons_has(&a, REASON_MALFORMED));
    assert_string_equal(report_json_verdict(&a), "bad");
    for (int i = 0; i < REASON_NUM; i++) {
        reasons_add(&a, (enum reason)i, RC_OK);
    }
    assert_int_equal(a.num, REASON_NUM);
}

static void what_a_terminal_obeys_is_replaced(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", ""},
        {"plain text", "plain text"},
        {"a\nb\033[2Jc\x7f", "a?b?[2Jc?"},
        {"H\xc3\xb6glinger \xe6\x88\x90", "H\xc3\xb6glinger \xe6\x88\x90"},
        {"\xc2\x9b"
         "31m \xc2\xa0",
         "??31m \xc2\xa0"},
        {"exe.\xe2\x80\xaetxt \xe2\x81\xa6 \xe2\x80\x93", "exe.???txt ??? \xe2\x80\x93"},
        {"\xe2", "\xe2"},
        {"\xe2\x80", "\xe2?"}, /* half a character; 80 alone is a C1 */
        {"a\x9b"
         "1mb",
         "a?1mb"},
        {"\xc0\x9b", "\xc0?"}, /* a longer form than needed */
        {"\xe0\x82\x9b", "\xe0??"},
        {"\xe2\x80\xa8 \xe2\x80\x8f", "??? ???"},
        {"\xf0\x9f\x94\x92 \xe6\x97\xa5\xc2\xa0", "\xf0\x9f\x94\x92 \xe6\x97\xa5\xc2\xa0"},
    };
    char text[80];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)strcpy(text, rows[i].in);
        assert_string_equal(report_safe(text), rows[i].out);
    }
}

static void paths_are_printed_safely(void **state)
{
    static char longer[2 * REPORT_PATH_MAX];
    char out[REPORT_PATH_MAX];
    const char *path = "dir/a\033[2Jb\n.sys";

    (void)state;
    assert_string_equal(report_path(path, out), "dir/a?[2Jb?.sys");
    memset(longer, 'x', sizeof longer - 1);
    assert_int_equal(strlen(report_path(longer, out)), REPORT_PATH_MAX - 1);
}

static void times_as_signtool_prints_them(void **state)
{
    char text[REPORT_TIME_MAX];

    (void)state;
    assert_string_equal(report_time((struct gentime){.sec = 1390834135}, text), "Mon Jan 27 14:48:55 2014");
    assert_string_equal(report_time((struct gentime){.sec = 0}, text), "Thu Jan  1 00:00:00 1970");
    assert_string_equal(report_time((struct gentime){.sec = INT64_MAX}, text), "an unknown time");
}

static void chains_in_blocks(void **state)
{
    struct made_cert root =
        make_cert(&(struct make_cert){.name = "Root\033", .is_ca = true, .to = 1390834135});
    struct made_cert leaf = make_cert(&(struct make_cert){.name = "Leaf", .issuer = &root, .to = 1390834135});
    struct bytes certs[] = {made_cert_der(&leaf), made_cert_der(&root), bytes_str("no certificate")};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    assert_non_null(out);
    report_chain(out, certs, 2);
    report_chain(out, certs + 2, 1);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(
        text, "    Issued to: Root?\n    Issued by: Root?\n    Expires:   Mon Jan 27 14:48:55 2014\n"));
    assert_non_null(strstr(text, "\n\n        Issued to: Leaf\n        Issued by: Root?\n"));
    assert_non_null(strstr(text, "    a certificate that can not be parsed\n"));
    free(text);
    made_cert_clear(&root);
    made_cert_clear(&leaf);
}

static void json_text_of_any_octets(void **state)
{
    json_t *text = report_json_text("na\xffme");

    (void)state;
    assert_string_equal(json_string_value(text), "na?me");
    json_decref(text);
}

/* ---- what stands in a signature ---- */

struct sample {
    struct made_cert signer, authority;
    struct wbuf file;
    struct subject subject;
    struct policy_file *facts;
};

/* One signature with a timestamp of each kind; the old form needs the authority's certificate in the outer set. */
static void add_stamps(struct wbuf *attrs, const struct sample *s, struct bytes blob)
{
    const struct make_stamp m = {.authority = &s->authority, .blob = blob, .at = 2 * DAY};
    struct wbuf reply, token;
    struct cms cms;

    wbuf_init(&reply, LIMIT);
    wbuf_init(&token, LIMIT);
    make_legacy_reply(&reply, &m);
    assert_int_equal(cms_parse(wbuf_bytes(&reply), DER_STRICT, &cms), RC_OK);
    make_attribute(attrs, OID_COUNTER_SIGNATURE, cms.signer.tlv);
    make_token(&token, &m);
    make_attribute(attrs, OID_SPC_RFC3161, wbuf_bytes(&token));
    assert_int_equal(wbuf_rc(attrs), RC_OK);
    wbuf_clear(&reply);
    wbuf_clear(&token);
}

/* The signature value must not change between the two times that it is made: so the first one is kept, its attributes added. */
static void sign_sample(struct sample *s)
{
    struct bytes certs[] = {made_cert_der(&s->signer), made_cert_der(&s->authority)};
    uint8_t digest[32] = {7};
    struct make_signature m = {
        .signer = &s->signer, .certs = certs, .num_certs = 2, .file_digest = bytes_of(digest, 32)};
    struct wbuf first, attrs;
    struct cms cms;

    wbuf_init(&first, LIMIT);
    wbuf_init(&attrs, LIMIT);
    wbuf_init(&s->file, LIMIT);
    make_signature(&first, &m);
    assert_int_equal(cms_parse(wbuf_bytes(&first), DER_STRICT, &cms), RC_OK);
    add_stamps(&attrs, s, cms.signer.signature);
    m.unsigned_attrs = wbuf_bytes(&attrs);
    make_signature(&s->file, &m);
    wbuf_clear(&first);
    wbuf_clear(&attrs);
}

static void sample_make(struct sample *s)
{
    s->signer = make_cert(
        &(struct make_cert){.name = "Signer \033[1m", .eku = "codeSigning", .to = 1000 * DAY, .rsa = true});
    s->authority =
        make_cert(&(struct make_cert){.name = "TSA", .eku = "critical,timeStamping", .to = 3000 * DAY});
    sign_sample(s);
    subject_parse(wbuf_bytes(&s->file), &s->subject);
    s->subject.path = "a\tb.p7";
    s->facts = policy_read(&s->subject);
    assert_non_null(s->facts);
    assert_int_equal(s->facts->num, 1);
}

static void sample_clear(struct sample *s)
{
    policy_free(s->facts);
    subject_close(&s->subject);
    wbuf_clear(&s->file);
    made_cert_clear(&s->signer);
    made_cert_clear(&s->authority);
}

static char *shown(const struct subject *subject, const struct policy_file *facts)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    report_show(out, subject, facts);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void assert_text(const json_t *object, const char *key, const char *expected)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (!text || strcmp(text, expected) != 0) {
        fail_msg("%s is %s instead of %s", key, text ? text : "no text", expected);
    }
}

static void assert_signature(const json_t *signature)
{
    const json_t *cert = json_object_get(signature, "certificate");
    const json_t *stamps = json_object_get(signature, "timestamps");

    assert_text(signature, "issuer", "Signer ?[1m");
    assert_text(signature, "digest", "sha256");
    assert_text(signature, "file_digest", "sha256");
    assert_text(signature, "content", "authenticode");
    assert_true(json_is_false(json_object_get(signature, "detached")));
    assert_true(json_is_null(json_object_get(signature, "page_hashes")));
    assert_int_equal(json_integer_value(json_object_get(signature, "nested")), 0);
    assert_int_equal(json_integer_value(json_object_get(signature, "entry")), 0);
    assert_text(cert, "key", "rsa2048");
    assert_text(cert, "not_before", "1970-01-01T00:00:00Z");
    assert_text(cert, "not_after", "1972-09-27T00:00:00Z");
    assert_int_equal(strlen(json_string_value(json_object_get(cert, "sha1"))), 40);
    assert_int_equal(json_array_size(stamps), 2);
    assert_text(json_array_get(stamps, 0), "kind", "authenticode");
    assert_text(json_array_get(stamps, 1), "kind", "rfc3161");
    assert_text(json_array_get(stamps, 1), "form", "standard");
    assert_text(json_object_get(json_array_get(stamps, 1), "certificate"), "key", "ec256");
    assert_int_equal(json_array_size(json_object_get(signature, "certificates")), 2);
}

static void json_of_a_signature(void **state)
{
    struct sample s = {0};
    json_t *object;

    (void)state;
    sample_make(&s);
    object = report_json_file(&s.subject, s.facts, NULL);
    assert_non_null(object);
    assert_text(object, "file", "a\tb.p7");
    assert_true(json_is_null(json_object_get(object, "catalog")));
    assert_signature(json_array_get(json_object_get(object, "signatures"), 0));
    json_decref(object);
    object = report_json_file(&s.subject, s.facts, "bad"); /* a judgement does not repeat the set */
    assert_null(json_object_get(json_array_get(json_object_get(object, "signatures"), 0), "certificates"));
    json_decref(object);
    sample_clear(&s);
}

static void text_of_a_signature(void **state)
{
    static const char *const lines[] = {
        "a?b.p7: ",
        "\nsignature 0\n  signer:      Signer ?[1m\n  issuer:      Signer ?[1m\n",
        "\n  certificate: 1970-01-01 to 1972-09-27, rsa2048\n  with it:     TSA, issued by TSA\n",
        "\n  content:     authenticode\n  file digest: sha256\n  digest:      sha256\n",
        "\n  timestamp:   Authenticode, 1970-01-03T00:00:00Z, sha256, by TSA\n",
        "\n  authority:   TSA, issued by TSA, until 1978-03-20, ec256\n",
        "\n  timestamp:   RFC 3161, 1970-01-03T00:00:00Z, sha256, by TSA\n",
        "\n  policy:      2.999.3161.1\n  serial:      0102\n",
    };
    struct sample s = {0};
    char *text;

    (void)state;
    sample_make(&s);
    text = shown(&s.subject, s.facts);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (!strstr(text, lines[i])) {
            fail_msg("no '%s' in '%s'", lines[i], text);
        }
    }
    free(text);
    sample_clear(&s);
}

static void attribute_certificates_are_seen(void **state)
{
    static const char plain[] = "\x30\x00", version1[] = "\x30\x00\xa1\x00", version2[] = "\xa2\x00\x30\x00";

    (void)state;
    assert_false(report_has_attribute_cert(BYTES_NONE));
    assert_false(report_has_attribute_cert(bytes_of(plain, 2)));
    assert_true(report_has_attribute_cert(bytes_of(version1, 4)));
    assert_true(report_has_attribute_cert(bytes_of(version2, 4)));
    assert_false(report_has_attribute_cert(bytes_of("\xa1\x05\x30", 3))); /* cut off */
}

/* ---- catalogs ---- */

static void make_catalog(struct wbuf *out, unsigned version)
{
    static const struct ctl_build_attribute whole[] = {{"OSAttr", "2:6.1"}};
    static const struct ctl_build_attribute hints[] = {
        {"File", "my\xc3\xa4\033.sys"}, {"HWID", "a"}, {"HWID", "b"}, {"HWID", "c"}};
    const struct ctl_build_member members[] = {
        {.kind = CTL_KIND_PE, .sha1 = {1}, .sha256 = {0x11}, .attributes = hints, .num_attributes = 4},
        {.kind = CTL_KIND_FLAT, .sha1 = {2}, .sha256 = {0x22}},
    };
    const struct ctl_build build = {.version = version,
                                    .list_id = bytes_of("\xab\xcd", 2),
                                    .updated = {.sec = 1390834135},
                                    .attributes = whole,
                                    .num_attributes = 1,
                                    .members = members,
                                    .num_members = 2};

    wbuf_init(out, LIMIT);
    assert_int_equal(ctl_build(out, &build), RC_OK);
}

static json_t *catalog_json(struct bytes file, bool with_members)
{
    struct subject subject;
    json_t *object;

    subject_parse(file, &subject);
    assert_true(reasons_has(&subject.reasons, REASON_UNSIGNED));
    object = report_json_catalog(&subject, with_members);
    subject_close(&subject);
    return object;
}

static const json_t *member_with_file(const json_t *members, const char *algorithm)
{
    const json_t *member;
    size_t index;

    json_array_foreach(members, index, member)
    {
        if (json_is_string(json_object_get(member, "file")) &&
            strcmp(json_string_value(json_object_get(member, "algorithm")), algorithm) == 0) {
            return member;
        }
    }
    fail_msg("no member names a file");
    return NULL;
}

static void json_of_a_catalog(void **state)
{
    static const struct {
        unsigned version;
        size_t num;
        const char *algorithm;
    } rows[] = {{1, 2, "sha1"}, {2, 4, "sha256"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const json_t *members, *member;
        struct wbuf file;
        json_t *object;

        make_catalog(&file, rows[i].version);
        object = catalog_json(wbuf_bytes(&file), true);
        members = json_object_get(object, "members");
        assert_int_equal(json_integer_value(json_object_get(object, "version")), rows[i].version);
        assert_int_equal(json_integer_value(json_object_get(object, "count")), rows[i].num);
        assert_text(object, "updated", "2014-01-27T14:48:55Z");
        assert_text(object, "list_id", "abcd");
        assert_text(json_object_get(object, "attributes"), "OSAttr", "2:6.1");
        assert_int_equal(json_array_size(members), rows[i].num);
        member = member_with_file(members, rows[i].algorithm);
        assert_text(member, "kind", "pe");
        assert_text(member, "file", "my\xc3\xa4\033.sys");
        assert_int_equal(json_array_size(json_object_get(json_object_get(member, "attributes"), "HWID")), 3);
        json_decref(object);
        object = catalog_json(wbuf_bytes(&file), false);
        assert_null(json_object_get(object, "members"));
        json_decref(object);
        wbuf_clear(&file);
    }
}

static void text_of_a_catalog(void **state)
{
    struct policy_file *facts;
    struct subject subject;
    struct wbuf file;
    char *text;

    (void)state;
    make_catalog(&file, 2);
    subject_parse(wbuf_bytes(&file), &subject);
    subject.path = "my.cat";
    facts = policy_read(&subject);
    text = shown(&subject, facts);
    assert_non_null(strstr(text, "my.cat: cat, not signed\n"
                                 "catalog version 2, list abcd, of 2014-01-27T14:48:55Z, 4 members\n"
                                 "  OSAttr: 2:6.1\n"));
    assert_non_null(strstr(text, "\nmember sha256 1100"));
    assert_non_null(strstr(text, "\n  File: my\xc3\xa4?.sys\n"));
    assert_non_null(strstr(text, "\n  HWID: a\n  HWID: b\n  HWID: c\n"));
    assert_non_null(strstr(text, "\nmember sha1 0200"));
    free(text);
    policy_free(facts);
    subject_close(&subject);
    wbuf_clear(&file);
}

/* MakeCat writes a value that was given in base64 as the octets that it stands for. */
static void values_of_attributes(void **state)
{
    static const struct {
        uint32_t flags;
        const char *value;
        size_t len;
        const char *text;
    } rows[] = {
        {0x10010001, "a\0b\0\0\0", 6, "ab"},
        {0x10020001, "ab.c", 4, "ab.c"},
        {0x10020001, "a\0\xff", 3, "6100ff"},
        {0x10020001, "", 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ctl_attribute attribute = {.flags = rows[i].flags,
                                                .value = bytes_of(rows[i].value, rows[i].len)};
        char *text = report_attribute_value(&attribute);

        assert_string_equal(text, rows[i].text);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_has_its_word),
        cmocka_unit_test(a_reason_is_a_sentence),
        cmocka_unit_test(reasons_are_a_set),
        cmocka_unit_test(what_a_terminal_obeys_is_replaced),
        cmocka_unit_test(paths_are_printed_safely),
        cmocka_unit_test(times_as_signtool_prints_them),
        cmocka_unit_test(chains_in_blocks),
        cmocka_unit_test(json_text_of_any_octets),
        cmocka_unit_test(json_of_a_signature),
        cmocka_unit_test(text_of_a_signature),
        cmocka_unit_test(attribute_certificates_are_seen),
        cmocka_unit_test(json_of_a_catalog),
        cmocka_unit_test(text_of_a_catalog),
        cmocka_unit_test(values_of_attributes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
