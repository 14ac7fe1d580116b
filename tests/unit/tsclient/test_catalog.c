/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files judged by catalogs: which of several counts, in every order; which reasons a file gets and in which order; what is said where a
 * file is not listed, or a catalog has no list. Real processes are asked in tests/system/catalog.bats.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tsclient/make_catalog.h"
#include "tests/unit/tsclient/make_pe.h"
#include "tests/unit/tsclient/make_signature.h"
#include "tsclient/catalog.h"

#define LIMIT (1u << 20)
#define FROM  1577836800 /* 2020 */
#define TO    1893456000 /* 2030 */
#define AT    1750000000

static struct made_cert root, stranger, signers[2]; /* under the root; under nobody known */
static struct chain_anchors *anchors;
static char folder[] = "/tmp/test_catalog.XXXXXX";
static struct policy_query query = {.at = {.sec = AT}};

static const char text_crlf[] = "[Version]\r\nSignature\r\n", text_lf[] = "[Version]\nSignature\n";

static void write_at(const char *path, struct bytes contents)
{
    FILE *out = fopen(path, "wb");

    assert_non_null(out);
    assert_true(contents.len == 0 || fwrite(contents.data, 1, contents.len, out) == contents.len);
    assert_int_equal(fclose(out), 0);
}

/* ---- catalogs ---- */

enum worth {
    WORTH_GOOD,
    WORTH_STRANGER,
    WORTH_UNSIGNED
};

struct listed {
    const char *file, *name; /* what is listed, and under which hint */
    size_t changed;          /* counted from the end, this octet of its page hashes is wrong */
    bool pages;
};

static void put_signed(struct wbuf *out, enum worth worth, const struct made_catalog *catalog)
{
    struct bytes cert = made_cert_der(&signers[worth]);
    const struct make_signature m = {.signer = &signers[worth],
                                     .certs = &cert,
                                     .num_certs = 1,
                                     .content_type = OID_CTL,
                                     .content = catalog->list};

    make_signature(out, &m);
}

/* A catalog of one file. */
static void write_catalog(const char *path, enum worth worth, const struct listed *listed)
{
    const struct ctl_build_attribute hint = {"File", listed->name ? listed->name : listed->file};
    struct ctl_build_member member = {0};
    const struct ctl_build build = {
        .version = 2, .updated = {.sec = MAKE_CATALOG_TIME}, .members = &member, .num_members = 1};
    struct made_catalog catalog;
    struct safefile_map map;
    struct wbuf pages, out;

    wbuf_init(&pages, LIMIT);
    wbuf_init(&out, LIMIT);
    assert_int_equal(safefile_map_open(listed->file, &map), RC_OK);
    assert_int_equal(ctl_build_measure(map.bytes, &member), RC_OK);
    member.attributes = &hint;
    member.num_attributes = 1;
    if (listed->pages) {
        assert_int_equal(ctl_build_pages(map.bytes, 2, &pages, &member), RC_OK);
        pages.data[pages.len - 1 - listed->changed] ^= listed->changed > 0;
    }
    assert_true(make_catalog(&build, &catalog));
    if (worth == WORTH_UNSIGNED) {
        wbuf_put(&out, wbuf_bytes(&catalog.file));
    } else {
        put_signed(&out, worth, &catalog);
    }
    write_at(path, wbuf_bytes(&out));
    make_catalog_clear(&catalog);
    safefile_map_close(&map);
    wbuf_clear(&pages);
    wbuf_clear(&out);
}

/* The same list with members that are something else than files, as in Windows' lists of certificates. */
static void write_other_list(const char *path, const char *file)
{
    static const uint8_t files[] = "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x0c\x01\x03";
    struct ctl_build_member member = {0};
    const struct ctl_build build = {
        .version = 2, .updated = {.sec = MAKE_CATALOG_TIME}, .members = &member, .num_members = 1};
    struct made_catalog catalog;
    struct safefile_map map;
    uint8_t *at = NULL;
    struct wbuf out;

    wbuf_init(&out, LIMIT);
    assert_int_equal(safefile_map_open(file, &map), RC_OK);
    assert_int_equal(ctl_build_measure(map.bytes, &member), RC_OK);
    assert_true(make_catalog(&build, &catalog));
    at = memmem(catalog.file.data, catalog.file.len, files, sizeof files - 1);
    assert_non_null(at);
    at[sizeof files - 2] = 9;
    put_signed(&out, WORTH_GOOD, &catalog);
    write_at(path, wbuf_bytes(&out));
    make_catalog_clear(&catalog);
    safefile_map_close(&map);
    wbuf_clear(&out);
}

static void make_keys(void)
{
    root = make_cert(&(struct make_cert){.name = "Root", .from = FROM, .to = TO, .is_ca = true});
    stranger = make_cert(&(struct make_cert){.name = "Stranger", .from = FROM, .to = TO, .is_ca = true});
    for (size_t i = 0; i < 2; i++) {
        signers[i] = make_cert(&(struct make_cert){.name = "Signer",
                                                   .issuer = i == 0 ? &root : &stranger,
                                                   .eku = "codeSigning",
                                                   .from = FROM,
                                                   .to = TO});
    }
}

static void write_files(void)
{
    const struct make_pe m = {.plus = true, .body_len = 9000, .seed = 5};
    const struct listed driver = {.file = "driver.sys"}, text = {.file = "driver.inf"};
    const struct listed pages = {.file = "driver.sys", .pages = true};
    const struct listed wrong = {.file = "driver.sys", .pages = true, .changed = 40};
    struct wbuf w;

    wbuf_init(&w, LIMIT);
    make_pe(&w, &m);
    write_at("driver.sys", wbuf_bytes(&w));
    wbuf_clear(&w);
    write_at("driver.inf", bytes_str(text_crlf));
    write_catalog("good.cat", WORTH_GOOD, &driver);
    write_catalog("pages.cat", WORTH_GOOD, &pages);
    write_catalog("wrong.cat", WORTH_GOOD, &wrong);
    write_catalog("stranger.cat", WORTH_STRANGER, &driver);
    write_catalog("strangers_wrong.cat", WORTH_STRANGER, &wrong);
    write_catalog("unsigned.cat", WORTH_UNSIGNED, &driver);
    write_catalog("text.cat", WORTH_GOOD, &text);
    write_other_list("certificates.stl", "driver.sys");
    write_at("empty.cat", BYTES_NONE);
    write_at("cut.cat", bytes_of("\x30\x20\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", 13));
}

static int make_all(void **state)
{
    (void)state;
    make_keys();
    anchors = chain_anchors_new();
    assert_non_null(anchors);
    assert_int_equal(chain_anchors_add(anchors, made_cert_der(&root)), RC_OK);
    query.anchors = anchors;
    query.tsa_anchors = anchors;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    write_files();
    return 0;
}

static int free_all(void **state)
{
    static const char *const names[] = {"driver.sys", "driver.inf",   "good.cat",
                                        "pages.cat",  "wrong.cat",    "stranger.cat",
                                        "text.cat",   "unsigned.cat", "strangers_wrong.cat",
                                        "empty.cat",  "cut.cat",      "certificates.stl"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(unlink(names[i]), 0);
    }
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(folder), 0);
    made_cert_clear(&root);
    made_cert_clear(&stranger);
    made_cert_clear(&signers[0]);
    made_cert_clear(&signers[1]);
    chain_anchors_free(anchors);
    return 0;
}

/* ---- asking ---- */

#define MAX_CATALOGS 3

struct asked {
    char names[1000];
    struct catalog catalogs[MAX_CATALOGS];
    size_t num;
    struct catalog_member member;
};

/* names: of catalogs, up to MAX_CATALOGS, with blanks between. */
static void ask(const char *file, const char *names, struct asked *out)
{
    char *name, *rest = NULL;

    (void)snprintf(out->names, sizeof out->names, "%s", names);
    out->num = 0;
    for (name = strtok_r(out->names, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        assert_true(out->num < MAX_CATALOGS);
        catalog_open(name, &query, &out->catalogs[out->num]);
        assert_non_null(out->catalogs[out->num++].judged);
    }
    catalog_judge(file, out->catalogs, out->num, &out->member);
}

static void close_asked(struct asked *asked)
{
    while (asked->num > 0) {
        catalog_close(&asked->catalogs[--asked->num]);
    }
}

static const char *words_of(const struct reasons *reasons, char out[400])
{
    out[0] = '\0';
    for (size_t i = 0; i < reasons->num; i++) {
        (void)strcat(strcat(out, i ? " " : ""), reason_word(reasons->list[i].reason));
    }
    return out;
}

/* What comes out, and by which catalog. */
static void assert_asked(const char *file, const char *names, const char *catalog, const char *words)
{
    struct asked asked;
    char found[400];

    ask(file, names, &asked);
    if (catalog) {
        assert_non_null(asked.member.catalog);
        assert_string_equal(asked.member.catalog->subject.path, catalog);
    } else {
        assert_null(asked.member.catalog);
    }
    assert_string_equal(words_of(&asked.member.reasons, found), words);
    close_asked(&asked);
}

static void test_one_catalog(void **state)
{
    static const struct {
        const char *file, *name, *catalog, *words;
    } rows[] = {
        {"driver.sys", "good.cat", "good.cat", "not-timestamped"},
        {"driver.sys", "pages.cat", "pages.cat", "not-timestamped"},
        {"driver.sys", "wrong.cat", "wrong.cat", "page-hash-mismatch not-timestamped"},
        {"driver.sys", "stranger.cat", "stranger.cat", "not-timestamped untrusted-root"},
        {"driver.sys", "strangers_wrong.cat", "strangers_wrong.cat",
         "page-hash-mismatch not-timestamped untrusted-root"},
        {"driver.sys", "unsigned.cat", "unsigned.cat", "unsigned"},
        {"driver.inf", "good.cat", NULL, "not-in-catalog"},
        {"driver.inf", "text.cat", "text.cat", "not-timestamped"},
        {"driver.sys", "empty.cat", NULL, "not-in-catalog unsupported-format"},
        {"driver.sys", "driver.sys", NULL, "not-in-catalog unsupported-format"},
        {"driver.sys", "certificates.stl", NULL, "not-in-catalog unsupported-format"},
        {"driver.sys", "absent.cat", NULL, "not-in-catalog io-error"},
        {"driver.sys", ".", NULL, "not-in-catalog io-error"},
        {"absent", "good.cat", NULL, "io-error"},
        {".", "good.cat", NULL, "io-error"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_asked(rows[i].file, rows[i].name, rows[i].catalog, rows[i].words);
    }
}

/* Of any three, in any order, the same one counts: a page that differs, then a good one, then the first that lists the file. */
static void test_the_order_does_not_matter(void **state)
{
    static const struct {
        const char *names[MAX_CATALOGS], *catalog, *words;
    } rows[] = {
        {{"good.cat", "stranger.cat", "unsigned.cat"}, "good.cat", "not-timestamped"},
        {{"good.cat", "strangers_wrong.cat", "text.cat"}, "good.cat", "not-timestamped"},
        {{"good.cat", "wrong.cat", "stranger.cat"}, "wrong.cat", "page-hash-mismatch not-timestamped"},
        {{"pages.cat", "wrong.cat", "unsigned.cat"}, "wrong.cat", "page-hash-mismatch not-timestamped"},
        {{"text.cat", "unsigned.cat", "text.cat"}, "unsigned.cat", "unsigned"},
        {{"good.cat", "absent.cat", "stranger.cat"}, "good.cat", "not-timestamped io-error"},
        {{"good.cat", "empty.cat", "absent.cat"}, "good.cat", NULL},
    };
    static const size_t orders[][MAX_CATALOGS] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                                  {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t k = 0; k < sizeof orders / sizeof orders[0]; k++) {
            char names[200];

            (void)snprintf(names, sizeof names, "%s %s %s", rows[i].names[orders[k][0]],
                           rows[i].names[orders[k][1]], rows[i].names[orders[k][2]]);
            if (rows[i].words) {
                assert_asked("driver.sys", names, rows[i].catalog, rows[i].words);
            } else { /* two without a list stand in the order of the command line */
                struct asked asked;

                ask("driver.sys", names, &asked);
                assert_string_equal(asked.member.catalog->subject.path, rows[i].catalog);
                assert_true(reasons_has(&asked.member.reasons, REASON_IO_ERROR));
                assert_true(reasons_has(&asked.member.reasons, REASON_UNSUPPORTED_FORMAT));
                close_asked(&asked);
            }
        }
    }
}

static void test_the_first_of_equals_counts(void **state)
{
    (void)state;
    assert_asked("driver.sys", "pages.cat good.cat", "pages.cat", "not-timestamped");
    assert_asked("driver.sys", "good.cat pages.cat", "good.cat", "not-timestamped");
    assert_asked("driver.sys", "unsigned.cat stranger.cat", "unsigned.cat", "unsigned");
    assert_asked("driver.sys", "stranger.cat unsigned.cat", "stranger.cat", "not-timestamped untrusted-root");
}

/* A catalog without a list is a warning for a file that another one lists, and an error for one that none does. */
static void test_severity_without_a_list(void **state)
{
    struct asked asked;

    (void)state;
    ask("driver.sys", "absent.cat good.cat", &asked);
    assert_int_equal(reasons_worst(&asked.member.reasons), SEVERITY_WARNING);
    assert_int_equal(asked.member.num_own, 0);
    close_asked(&asked);
    ask("driver.inf", "absent.cat good.cat", &asked);
    assert_int_equal(reasons_worst(&asked.member.reasons), SEVERITY_ERROR);
    assert_int_equal(asked.member.num_own, 1);
    close_asked(&asked);
}

static void test_lists_that_are_none(void **state)
{
    static const struct {
        const char *name;
        bool has_list;
        enum reason reason;
    } rows[] = {
        {"good.cat", true, REASON_NUM},
        {"unsigned.cat", true, REASON_NUM},
        {"stranger.cat", true, REASON_NUM},
        {"empty.cat", false, REASON_UNSUPPORTED_FORMAT},
        {"driver.inf", false, REASON_UNSUPPORTED_FORMAT},
        {"driver.sys", false, REASON_UNSUPPORTED_FORMAT},
        {"absent.cat", false, REASON_IO_ERROR},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct catalog catalog;

        catalog_open(rows[i].name, &query, &catalog);
        assert_int_equal(catalog.has_list, rows[i].has_list);
        if (!rows[i].has_list) {
            assert_string_equal(reason_word(catalog.no_list.reason), reason_word(rows[i].reason));
            assert_int_equal(catalog.no_list.severity, SEVERITY_ERROR);
            assert_int_equal(catalog.ctl.num, 0);
        }
        catalog_close(&catalog);
    }
}

/* ---- hints ---- */

static void assert_hint(const char *file, const char *names, const char *part)
{
    struct asked asked;

    ask(file, names, &asked);
    assert_true(reasons_has(&asked.member.reasons, REASON_NOT_IN_CATALOG));
    if (part ? !strstr(asked.member.why, part) : asked.member.why[0] != '\0') {
        fail_msg("%s: '%s', not '%s'", file, asked.member.why, part ? part : "");
    }
    close_asked(&asked);
}

static void test_line_ends(void **state)
{
    static const char other[] = "good.cat stranger.cat";
    static const char both[] = "good.cat text.cat absent.cat";

    (void)state;
    write_at("lf.inf", bytes_str(text_lf));
    assert_hint("lf.inf", both, "CR LF");
    assert_hint("lf.inf", other, NULL);
    write_at("lf.inf", bytes_str("[Version]\nSignaturf\n"));
    assert_hint("lf.inf", both, NULL);
    assert_int_equal(unlink("lf.inf"), 0);
}

static void test_the_catalog_itself(void **state)
{
    (void)state;
    assert_int_equal(symlink("good.cat", "link"), 0);
    assert_hint("good.cat", "good.cat", "the catalog itself");
    assert_hint("link", "text.cat good.cat", "the catalog itself");
    assert_hint("text.cat", "good.cat", NULL);
    assert_hint("driver.sys", "driver.sys", "no catalog could be read");
    assert_int_equal(unlink("link"), 0);
}

static void test_names(void **state)
{
    static const struct {
        const char *listed, *file;
        bool known;
    } rows[] = {
        {"driver.sys", "other.sys", false},
        {"other.sys", "other.sys", true},
        {"OTHER.Sys", "./other.sys", true},
        {"other.sys", "other.sys.bak", false},
        {"other.sys2", "other.sys", false},
        {"gr\xc3\xbc\xc3\x9f.inf", "gr\xc3\xbc\xc3\x9f.inf", true},
        {"\xf0\x9f\x92\xbe", "\xf0\x9f\x92\xbe", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct listed listed = {.file = "driver.sys", .name = rows[i].listed};

        write_catalog("named.cat", WORTH_GOOD, &listed);
        write_at(rows[i].file, bytes_str("another file"));
        assert_hint(rows[i].file, "text.cat named.cat", rows[i].known ? "of that name" : NULL);
        assert_int_equal(unlink(rows[i].file), 0);
    }
    assert_int_equal(unlink("named.cat"), 0);
}

/* A hint may be longer than any name of a file; what is cut off must not make it one. */
static void test_a_name_too_long(void **state)
{
    char name[400];
    const struct listed listed = {.file = "driver.sys", .name = name};

    (void)state;
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    write_catalog("named.cat", WORTH_GOOD, &listed);
    name[255] = '\0';
    write_at(name, bytes_str("another file"));
    assert_hint(name, "named.cat", NULL);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(unlink("named.cat"), 0);
}

/* ---- what is told ---- */

static void print_all(const struct asked *asked, char *out, size_t out_size)
{
    FILE *stream = fmemopen(out, out_size, "w");

    assert_non_null(stream);
    for (size_t i = 0; i < asked->num; i++) {
        catalog_print_own(stream, &asked->catalogs[i], SEVERITY_WARNING);
    }
    catalog_print_reasons(stream, &asked->member, SEVERITY_WARNING);
    assert_int_equal(fclose(stream), 0);
}

static void test_lines(void **state)
{
    static const struct {
        const char *file, *names, *lines;
    } rows[] = {
        {"driver.sys", "good.cat", ""},
        {"driver.sys", "unsigned.cat",
         "unsigned.cat: error: unsigned: the file has no signature\n"
         "driver.sys: error: unsigned: it is listed in unsigned.cat, which is not good\n"},
        {"driver.sys", "wrong.cat",
         "driver.sys: error: page-hash-mismatch: a page of the file differs from its signed hash\n"},
        {"driver.inf", "good.cat", "driver.inf: error: not-in-catalog: the catalog does not list the file\n"},
        {"driver.sys", "good.cat driver.inf",
         "driver.inf: error: unsupported-format: no file can be looked up in it: it is no catalog\n"},
        {"driver.sys", "absent.cat",
         "absent.cat: error: io-error: no file can be looked up in it: can not open absent.cat: No such file "
         "or directory\n"
         "driver.sys: error: not-in-catalog: the catalog does not list the file: no catalog could be read\n"},
        {"absent", "good.cat", "absent: error: io-error: can not open absent: No such file or directory\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char lines[2000] = "";
        struct asked asked;

        ask(rows[i].file, rows[i].names, &asked);
        print_all(&asked, lines, sizeof lines);
        assert_string_equal(lines, rows[i].lines);
        close_asked(&asked);
    }
}

static const char *json_text(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static void test_json(void **state)
{
    struct asked asked;
    json_t *object;

    (void)state;
    ask("driver.sys", "pages.cat", &asked);
    object = catalog_json(&asked.member);
    assert_int_equal(json_object_size(object), 7);
    assert_string_equal(json_text(object, "file"), "driver.sys");
    assert_string_equal(json_text(object, "format"), "pe");
    assert_string_equal(json_text(object, "verdict"), "good");
    assert_string_equal(json_text(json_object_get(object, "catalog"), "file"), "pages.cat");
    assert_string_equal(json_text(json_object_get(object, "member"), "digest"), "sha256");
    assert_string_equal(json_text(json_object_get(object, "member"), "kind"), "pe");
    assert_int_equal(strlen(json_text(json_object_get(object, "member"), "value")), 64);
    assert_true(json_is_true(json_object_get(json_object_get(object, "member"), "page_hashes")));
    assert_int_equal(json_array_size(json_object_get(object, "signatures")), 1);
    json_decref(object);
    close_asked(&asked);

    ask("driver.inf", "pages.cat", &asked);
    object = catalog_json(&asked.member);
    assert_int_equal(json_object_size(object), 7);
    assert_string_equal(json_text(object, "verdict"), "bad");
    assert_true(json_is_null(json_object_get(object, "format")));
    assert_true(json_is_null(json_object_get(object, "catalog")));
    assert_true(json_is_null(json_object_get(object, "member")));
    assert_int_equal(json_array_size(json_object_get(object, "signatures")), 0);
    json_decref(object);
    close_asked(&asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_catalog),
        cmocka_unit_test(test_the_order_does_not_matter),
        cmocka_unit_test(test_the_first_of_equals_counts),
        cmocka_unit_test(test_severity_without_a_list),
        cmocka_unit_test(test_lists_that_are_none),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_the_catalog_itself),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_a_name_too_long),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_json),
    };

    return cmocka_run_group_tests(tests, make_all, free_all);
}
