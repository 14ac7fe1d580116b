/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every form of certificate file, made by the openssl command; damaged ones; folders of anchors.
 */
#include "certs/certfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/err.h>

#include "tsa/base/safefile.h"

static char folder[] = "/tmp/test_certfile.XXXXXX";

/* Two certificates, a CRL, and what can be made of them. */
static const char script[] =
    "set -e\n"
    "for n in one two; do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
    "$n.key -out $n.pem "
    "-subj /CN=$n -days 1000; openssl x509 -in $n.pem -outform DER -out $n.der; done\n"
    "cat >ca.cnf <<END\n[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\n"
    "default_crl_days=30\nEND\n"
    ": >index.txt; echo 01 >number\n"
    "openssl ca -config ca.cnf -gencrl -keyfile one.key -cert one.pem -out crl.pem\n"
    "openssl crl -in crl.pem -outform DER -out crl.der\n"
    "openssl crl2pkcs7 -nocrl -certfile one.pem -certfile two.pem -outform DER -out two.p7b\n"
    "openssl crl2pkcs7 -in crl.pem -certfile one.pem -out pem.p7b\n"
    "openssl x509 -in one.pem -trustout -addtrust timeStamping -out trusted.pem\n"
    "cat one.der two.der >row.der\n"
    "(echo words before; openssl x509 -in one.pem -text; cat one.key two.key two.pem crl.pem) >all.pem\n"
    "sed 's/$/\\r/' all.pem >crlf.pem\n"
    "openssl cms -sign -binary -in make.sh -signer one.pem -inkey one.key -outform DER -indef -stream "
    "-nodetach "
    "-out indefinite.p7s\n"
    "mkdir anchors && cp one.pem anchors/a.pem && cp two.der anchors/b && echo read me >anchors/README && "
    "echo x >anchors/.hidden && mkdir anchors/sub && mkdir nothing && cp anchors/README nothing/\n";

static int enter_folder(void **state)
{
    FILE *f;

    (void)state;
    if (!mkdtemp(folder) || chdir(folder) != 0 || !(f = fopen("make.sh", "w"))) {
        return -1;
    }
    return fputs(script, f) >= 0 && fclose(f) == 0
               ? system("sh make.sh >log.txt 2>&1 || (cat log.txt; false)")
               : -1;
}

static int leave_folder(void **state)
{
    char command[100];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") == 0 ? system(command) : -1;
}

static struct wbuf contents(const char *path)
{
    struct wbuf w;

    wbuf_init(&w, 1 << 20);
    assert_int_equal(safefile_read(path, 1 << 20, &w), RC_OK);
    return w;
}

static void every_form_is_read(void **state)
{
    static const struct {
        const char *path;
        size_t num, num_crls;
        const char *first;
    } cases[] = {
        {"one.pem", 1, 0, "one.der"}, {"one.der", 1, 0, "one.der"},        {"two.p7b", 2, 0, NULL},
        {"pem.p7b", 1, 1, "one.der"}, {"row.der", 2, 0, "one.der"},        {"trusted.pem", 1, 0, "one.der"},
        {"all.pem", 2, 1, "one.der"}, {"crlf.pem", 2, 1, "one.der"},       {"crl.pem", 0, 1, NULL},
        {"crl.der", 0, 1, NULL},      {"indefinite.p7s", 1, 0, "one.der"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct certfile file;
        enum rc rc = certfile_read(cases[i].path, &file);

        if (rc != RC_OK || file.num != cases[i].num || file.num_crls != cases[i].num_crls) {
            fail_msg("%s: %s, %zu, %zu", cases[i].path, rc_word(rc), file.num, file.num_crls);
        }
        if (cases[i].first) {
            struct wbuf der = contents(cases[i].first);

            assert_true(bytes_equal(file.certs[0], wbuf_bytes(&der)));
            wbuf_clear(&der);
        }
        certfile_clear(&file);
    }
    assert_int_equal(ERR_peek_error(), 0);
}

static enum rc parse(struct bytes in)
{
    struct certfile file;
    enum rc rc = certfile_parse(in, &file);

    if (rc != RC_OK) {
        assert_int_equal(file.num + file.num_crls, 0);
    }
    certfile_clear(&file);
    return rc;
}

static void what_holds_no_certificate_is_told(void **state)
{
    struct certfile file;
    (void)state;

    assert_int_equal(parse(BYTES_NONE), RC_NOT_FOUND);
    assert_int_equal(parse(bytes_str("some words")), RC_NOT_FOUND);
    assert_int_equal(certfile_read("one.key", &file), RC_NOT_FOUND);
    assert_int_equal(certfile_read("none.pem", &file), RC_IO);
    assert_string_equal(safefile_error_text(), "can not open none.pem: No such file or directory");
    assert_int_equal(certfile_read(".", &file), RC_IO);
}

/* Cut anywhere: never taken for good, never a crash. */
static void damaged_ones_are_refused(void **state)
{
    static const char *const paths[] = {"one.der", "two.p7b", "crl.der", "indefinite.p7s", "one.pem"};
    (void)state;

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct wbuf w = contents(paths[i]);

        /* The last octet of a PEM file is a line end, the 25 before it the END line. */
        for (size_t len = 1; len + (i == 4 ? 27 : 0) < w.len; len += 3) {
            assert_int_not_equal(parse(bytes_of(w.data, len)), RC_OK);
        }
        wbuf_put_u8(&w, '0');
        assert_int_equal(parse(wbuf_bytes(&w)), i == 4 ? RC_OK : RC_CERT_MALFORMED);
        wbuf_clear(&w);
    }
    assert_int_equal(parse(bytes_str("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n")),
                     RC_CERT_MALFORMED);
    assert_int_equal(parse(bytes_str("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
                     RC_CERT_MALFORMED);
    assert_int_equal(parse(bytes_str("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")),
                     RC_CERT_MALFORMED);
    assert_int_equal(parse(bytes_str("-----BEGIN PKCS7-----\nMAA=\n-----END PKCS7-----\n")),
                     RC_CERT_MALFORMED);
    assert_int_equal(ERR_peek_error(), 0);
}

static void anchors_come_from_files_and_folders(void **state)
{
    struct chain_anchors *anchors = chain_anchors_new();
    (void)state;

    assert_int_equal(certfile_add_anchors("all.pem", anchors), RC_OK);
    assert_int_equal(chain_anchors_count(anchors), 2);
    chain_anchors_free(anchors);

    anchors = chain_anchors_new();
    assert_int_equal(certfile_add_anchors("anchors", anchors), RC_OK);
    assert_int_equal(chain_anchors_count(anchors), 2);
    assert_int_equal(certfile_add_anchors("nothing", anchors), RC_NOT_FOUND);
    assert_int_equal(certfile_add_anchors("crl.pem", anchors), RC_NOT_FOUND);
    assert_int_equal(certfile_add_anchors("one.key", anchors), RC_NOT_FOUND);
    assert_int_equal(certfile_add_anchors("none", anchors), RC_IO);
    assert_int_equal(system("head -c 100 one.der >anchors/damaged"), 0);
    assert_int_equal(certfile_add_anchors("anchors", anchors), RC_CERT_MALFORMED);
    chain_anchors_free(anchors);
}

static void pem_is_written_as_openssl_writes_it(void **state)
{
    struct wbuf der = contents("one.der"), want = contents("one.pem"), have;
    (void)state;

    wbuf_init(&have, 1 << 20);
    certfile_put_pem(&have, wbuf_bytes(&der));
    assert_true(bytes_equal(wbuf_bytes(&have), wbuf_bytes(&want)));
    wbuf_clear(&der);
    wbuf_clear(&want);
    wbuf_clear(&have);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_read),
        cmocka_unit_test(what_holds_no_certificate_is_told),
        cmocka_unit_test(damaged_ones_are_refused),
        cmocka_unit_test(anchors_come_from_files_and_folders),
        cmocka_unit_test(pem_is_written_as_openssl_writes_it),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
