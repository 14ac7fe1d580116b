/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lab authority from nothing, a second time, half made, old, damaged, moved into somebody else's folder; judged by our own
 * chain check and by the openssl command.
 */
#include "certs/lab.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "certs/certext.h"
#include "certs/certfile.h"
#include "certs/issue.h"
#include "certs/pfx.h"
#include "tsa/base/now.h"
#include "tsa/base/safefile.h"

#define DAY  86400
#define YEAR (36525LL * DAY / 100)

/* Elliptic curves, so that dozens of authorities are made in a moment; one test makes the real thing. */
static const struct lab_options quick = {
    .ca_key = KEYFILE_P256, .tsa_key = KEYFILE_P256, .codesign_key = KEYFILE_P256, .codesign_days = 30};

static const struct gentime start = {.sec = 1800000000};

static char folder[] = "/tmp/test_lab.XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    char command[100];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") == 0 ? system(command) : -1;
}

static struct gentime later(int64_t seconds)
{
    return (struct gentime){.sec = start.sec + seconds};
}

__attribute__((format(printf, 1, 2))) static int run(const char *format, ...)
{
    char command[1000];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(command, sizeof command, format, args);
    va_end(args);
    return system(command);
}

static void make(const char *dir, const struct lab_options *options, struct gentime now, struct lab *lab)
{
    enum rc rc;

    assert_int_equal(lab_init(lab, dir), RC_OK);
    rc = lab_make(lab, options, now);
    if (rc != RC_OK) {
        fail_msg("%s: %s", rc_word(rc), lab->error);
    }
}

static bool did(const struct lab *lab, enum lab_deed deed, enum lab_file file)
{
    for (size_t i = 0; i < lab->num_notes; i++) {
        if (lab->notes[i].file == file && lab->notes[i].deed == deed) {
            return true;
        }
    }
    return false;
}

static void read_bytes(const char *path, struct wbuf *out)
{
    wbuf_init(out, 1 << 20);
    assert_int_equal(safefile_read(path, 1 << 20, out), RC_OK);
}

static void assert_mode(const char *path, mode_t mode)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, mode);
}

static void assert_good_chain(const struct lab *lab, enum lab_file file, enum chain_purpose purpose,
                              struct gentime at)
{
    struct chain_anchors *anchors = chain_anchors_new();
    struct certfile found;
    struct chain chain;

    assert_int_equal(certfile_add_anchors(lab->files[LAB_ROOT_PEM], anchors), RC_OK);
    assert_int_equal(certfile_read(lab->files[file], &found), RC_OK);
    assert_int_equal(found.num, 2);
    assert_int_equal(chain_check(&(struct chain_query){.anchors = anchors,
                                                       .leaf = found.certs[0],
                                                       .intermediates = found.certs[1],
                                                       .at = at,
                                                       .purpose = purpose},
                                 &chain),
                     RC_OK);
    assert_int_equal(chain.num, 3);
    assert_true(lab_is_lab_chain(chain.cert, chain.num));
    assert_false(lab_is_lab_chain(chain.cert, chain.num - 1));
    assert_false(lab_is_lab_chain(chain.cert + 2, 1));
    chain_clear(&chain);
    certfile_clear(&found);
    chain_anchors_free(anchors);
}

static void assert_consistent(const struct lab *lab, struct gentime at)
{
    struct certfile pair, in_pfx;
    struct wbuf text;
    struct cert cert;
    EVP_PKEY *key;

    assert_good_chain(lab, LAB_CHAIN, CHAIN_TIME_STAMPING, at);
    assert_good_chain(lab, LAB_CODESIGN_PEM, CHAIN_CODE_SIGNING, at);

    assert_int_equal(certfile_read(lab->files[LAB_CHAIN], &pair), RC_OK);
    assert_int_equal(cert_parse(pair.certs[0], &cert), RC_OK);
    assert_int_equal(cert_check_timestamping(&cert), RC_OK);
    assert_int_equal(keyfile_read(lab->files[LAB_TSA_KEY], NULL, &key), RC_OK);
    assert_true(keyfile_fits(key, cert.spki));
    EVP_PKEY_free(key);
    certfile_clear(&pair);

    assert_int_equal(certfile_read(lab->files[LAB_CODESIGN_PEM], &pair), RC_OK);
    read_bytes(lab->files[LAB_CODESIGN_PFX], &text);
    assert_int_equal(pfx_parse(wbuf_bytes(&text), LAB_PFX_PASSWORD, &key, &in_pfx), RC_OK);
    assert_int_equal(in_pfx.num, 3);
    assert_true(bytes_equal(in_pfx.certs[0], pair.certs[0]));
    assert_int_equal(cert_parse(in_pfx.certs[0], &cert), RC_OK);
    assert_true(keyfile_fits(key, cert.spki));
    EVP_PKEY_free(key);
    wbuf_clear(&text);
    certfile_clear(&pair);
    certfile_clear(&in_pfx);

    assert_int_equal(certfile_read(lab->files[LAB_ROOT_PEM], &pair), RC_OK);
    read_bytes(lab->files[LAB_ROOT_CER], &text);
    assert_true(bytes_equal(wbuf_bytes(&text), pair.certs[0]));
    wbuf_clear(&text);
    certfile_clear(&pair);
}

static void the_real_thing_satisfies_openssl(void **state)
{
    struct lab lab;
    (void)state;

    make("real/deep/lab", &lab_defaults, start, &lab);
    assert_int_equal(lab.num_notes, 12);
    assert_consistent(&lab, start);
    assert_int_equal(run("openssl verify -attime %lld -x509_strict -purpose timestampsign -CAfile %s "
                         "-untrusted %s %s >/dev/null",
                         (long long)start.sec, lab.files[LAB_ROOT_PEM], lab.files[LAB_CHAIN],
                         lab.files[LAB_CHAIN]),
                     0);
    assert_int_equal(run("openssl verify -attime %lld -x509_strict -CAfile %s -untrusted %s %s >/dev/null",
                         (long long)start.sec, lab.files[LAB_ROOT_PEM], lab.files[LAB_CODESIGN_PEM],
                         lab.files[LAB_CODESIGN_PEM]),
                     0);
    /* Each intermediate is for its own purpose alone. */
    assert_int_not_equal(
        run("openssl verify -attime %lld -purpose timestampsign -CAfile %s -untrusted %s %s >/dev/null 2>&1",
            (long long)start.sec, lab.files[LAB_ROOT_PEM], lab.files[LAB_CODESIGN_PEM],
            lab.files[LAB_CODESIGN_PEM]),
        0);
    assert_int_equal(run("openssl pkcs12 -legacy -in %s -passin pass:lab -nodes -info >out.txt 2>&1",
                         lab.files[LAB_CODESIGN_PFX]),
                     0);
    assert_int_equal(run("test $(grep -c 'BEGIN CERT' out.txt) = 3"), 0);
    assert_int_equal(run("grep -q 'MAC: sha1' out.txt && grep -q 'pbeWithSHA1And3-KeyTripleDES-CBC' out.txt"),
                     0);
    assert_int_equal(run("grep -q 'friendlyName: Lab Driver Signing' out.txt"), 0);
    assert_int_equal(run("openssl x509 -in %s -noout -text >out.txt", lab.files[LAB_CHAIN]), 0);
    assert_int_equal(
        run("grep -A1 'Extended Key Usage: critical' out.txt | tail -1 | grep -qx ' *Time Stamping'"), 0);
    assert_int_equal(
        run("grep -A1 'X509v3 Key Usage: critical' out.txt | tail -1 | grep -qx ' *Digital Signature'"), 0);
    assert_int_equal(run("grep -q 'Policy: 2.999.3161.1' out.txt && grep -q '(3072 bit)' out.txt"), 0);
    assert_int_equal(run("! grep -q 'CRL Distribution' out.txt"), 0);
    lab_clear(&lab);
}

static void modes_are_right(void **state)
{
    struct lab lab;
    (void)state;

    make("modes", &quick, start, &lab);
    assert_mode(lab.files[LAB_CA_DIR], 0700);
    assert_mode(lab.files[LAB_ROOT_KEY], 0600);
    assert_mode(lab.files[LAB_TSA_KEY], 0600);
    assert_mode(lab.files[LAB_CODESIGN_KEY], 0600);
    assert_mode(lab.files[LAB_CODESIGN_PFX], 0600);
    assert_mode(lab.files[LAB_ROOT_PEM], 0644);
    assert_mode(lab.files[LAB_CHAIN], 0644);
    assert_int_equal(chmod(lab.files[LAB_CA_DIR], 0755), 0);
    lab_clear(&lab);
    make("modes", &quick, start, &lab);
    assert_mode(lab.files[LAB_CA_DIR], 0700);
    lab_clear(&lab);
}

static void a_second_time_changes_nothing(void **state)
{
    struct lab lab;
    (void)state;

    make("twice", &quick, start, &lab);
    lab_clear(&lab);
    assert_int_equal(run("sha256sum twice/*.* twice/ca/* >before.txt"), 0);
    make("twice", &quick, later(19 * DAY), &lab);
    assert_int_equal(lab.num_notes, 0);
    assert_int_equal(run("sha256sum -c --quiet before.txt"), 0);
    lab_clear(&lab);
}

static void two_labs_look_different(void **state)
{
    char names[2][100];
    struct lab lab;
    (void)state;

    for (int i = 0; i < 2; i++) {
        struct certfile file;
        struct cert cert;

        make(i ? "other" : "one", &quick, start, &lab);
        assert_int_equal(certfile_read(lab.files[LAB_ROOT_PEM], &file), RC_OK);
        assert_int_equal(cert_parse(file.certs[0], &cert), RC_OK);
        (void)cert_name(cert.subject, names[i], sizeof names[i]);
        certfile_clear(&file);
        lab_clear(&lab);
    }
    assert_int_equal(strncmp(names[0], "TSA Lab Root ", 13), 0);
    assert_int_equal(strlen(names[0]), 13 + 8);
    assert_string_not_equal(names[0], names[1]);
}

static void what_is_old_is_renewed(void **state)
{
    struct lab lab;
    (void)state;

    make("old", &quick, start, &lab);
    lab_clear(&lab);
    make("old", &quick, later(21 * DAY), &lab);
    assert_true(did(&lab, LAB_RENEWED, LAB_CODESIGN_PEM));
    assert_true(did(&lab, LAB_RENEWED, LAB_CODESIGN_PFX));
    assert_int_equal(lab.num_notes, 2);
    assert_consistent(&lab, later(21 * DAY));
    lab_clear(&lab);

    make("old", &quick, later(8 * YEAR), &lab);
    assert_true(did(&lab, LAB_RENEWED, LAB_CHAIN));
    assert_false(did(&lab, LAB_RENEWED, LAB_TS_CA_PEM));
    assert_consistent(&lab, later(8 * YEAR));
    lab_clear(&lab);

    /* The whole tower; what the old root has signed is still good under the new one. */
    make("old", &quick, later(14 * YEAR), &lab);
    assert_true(did(&lab, LAB_RENEWED, LAB_ROOT_PEM));
    assert_true(did(&lab, LAB_RENEWED, LAB_ROOT_CER));
    assert_true(did(&lab, LAB_RENEWED, LAB_TS_CA_PEM));
    assert_false(did(&lab, LAB_MADE, LAB_ROOT_KEY));
    assert_consistent(&lab, later(14 * YEAR));
    lab_clear(&lab);

    /* Back to before all of it: a clock that was wrong. */
    make("old", &quick, later(-YEAR), &lab);
    assert_consistent(&lab, later(-YEAR));
    lab_clear(&lab);
}

/* Every set of missing files heals, as long as the root's key is there or its certificate is not. */
static void half_made_folders_heal(void **state)
{
    static const enum lab_file files[] = {LAB_ROOT_PEM,     LAB_ROOT_CER,     LAB_CHAIN,        LAB_TSA_KEY,
                                          LAB_CODESIGN_PEM, LAB_CODESIGN_KEY, LAB_CODESIGN_PFX, LAB_TS_CA_PEM,
                                          LAB_TS_CA_KEY,    LAB_CS_CA_PEM,    LAB_CS_CA_KEY};
    const size_t num = sizeof files / sizeof *files;
    struct lab lab;
    (void)state;

    make("half", &quick, start, &lab);
    lab_clear(&lab);
    for (unsigned set = 1; set < 1u << num; set += getenv("TSA_LONG") ? 1 : 37) {
        assert_int_equal(lab_init(&lab, "half"), RC_OK);
        for (size_t i = 0; i < num; i++) {
            /* A CA's key that nothing needed has not come back from the set before. */
            if (set & 1u << i && unlink(lab.files[files[i]]) != 0) {
                assert_int_equal(errno, ENOENT);
            }
        }
        if (lab_make(&lab, &quick, later(DAY)) != RC_OK) {
            fail_msg("set %u: %s", set, lab.error);
        }
        assert_consistent(&lab, later(DAY));
        lab_clear(&lab);
    }
}

/* From an empty folder, and while everything is renewed. */
static void a_kill_at_any_moment_heals(void **state)
{
    int runs = getenv("TSA_LONG") ? 1000 : 20;
    struct lab lab;
    (void)state;

    for (int i = 0; i < runs; i++) {
        int64_t now = i % 8 * 14 * YEAR;
        pid_t pid;

        if (i % 4 == 0) {
            assert_int_equal(run("rm -rf killed"), 0);
        }
        pid = fork();
        if (pid == 0) {
            _exit(lab_init(&lab, "killed") == RC_OK && lab_make(&lab, &quick, later(now)) == RC_OK ? 0 : 1);
        }
        assert_true(pid > 0);
        usleep((useconds_t)(random() % 30000));
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        if (i % 2) {
            make("killed", &quick, later(now), &lab);
            assert_consistent(&lab, later(now));
            lab_clear(&lab);
        }
    }
}

/* Two at once: one waits, and both find the same authority. */
static void two_at_once_make_one_lab(void **state)
{
    struct lab lab;
    pid_t pid;
    int status;
    (void)state;

    pid = fork();
    if (pid == 0) {
        _exit(lab_init(&lab, "both") == RC_OK && lab_make(&lab, &quick, start) == RC_OK ? 0 : 1);
    }
    make("both", &quick, start, &lab);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(lab.num_notes == 0 || lab.num_notes == 12);
    assert_consistent(&lab, start);
    lab_clear(&lab);
}

static void only_the_missing_is_made(void **state)
{
    struct lab lab;
    (void)state;

    make("missing", &quick, start, &lab);
    assert_int_equal(unlink(lab.files[LAB_CODESIGN_PFX]), 0);
    lab_clear(&lab);
    make("missing", &quick, start, &lab);
    assert_int_equal(lab.num_notes, 1);
    assert_true(did(&lab, LAB_MADE, LAB_CODESIGN_PFX));
    assert_string_equal(lab.notes[0].text, "password \"lab\"");

    /* A chain without its intermediate. */
    assert_int_equal(
        run("openssl x509 -in missing/chain.pem -out short.pem && cp short.pem missing/chain.pem"), 0);
    lab_clear(&lab);
    make("missing", &quick, start, &lab);
    assert_int_equal(lab.num_notes, 1);
    assert_true(did(&lab, LAB_MENDED, LAB_CHAIN));
    assert_consistent(&lab, start);

    /* Other files than the lab's stay. */
    assert_int_equal(run("echo mine >missing/tsa.conf"), 0);
    lab_clear(&lab);
    make("missing", &quick, later(25 * DAY), &lab);
    assert_int_equal(run("grep -qx mine missing/tsa.conf"), 0);
    lab_clear(&lab);
}

static void the_cas_keys_may_be_taken_away(void **state)
{
    struct lab lab;
    (void)state;

    make("offline", &quick, start, &lab);
    assert_int_equal(run("mkdir safe && mv offline/ca/*.key safe/"), 0);
    lab_clear(&lab);
    make("offline", &quick, later(DAY), &lab);
    assert_int_equal(lab.num_notes, 0);

    assert_int_equal(lab_make(&lab, &quick, later(25 * DAY)), RC_NOT_FOUND);
    assert_string_equal(
        lab.error, "offline/ca/root.key is missing, and something must be issued: put it back, or remove the "
                   "folder to make a new authority");
    assert_int_equal(run("mv safe/codesigning.key offline/ca/"), 0);
    assert_int_equal(lab_make(&lab, &quick, later(25 * DAY)), RC_OK);
    assert_consistent(&lab, later(25 * DAY));
    lab_clear(&lab);
}

static enum rc make_refused(const char *dir, const char *wanted)
{
    struct lab lab;
    enum rc rc;

    assert_int_equal(lab_init(&lab, dir), RC_OK);
    assert_int_equal(run("find %s -type f | sort | xargs sha256sum >before.txt", dir), 0);
    rc = lab_make(&lab, &quick, later(25 * DAY));
    assert_string_equal(lab.error, wanted);
    assert_int_equal(run("find %s -type f | sort | xargs sha256sum | cmp - before.txt", dir), 0);
    lab_clear(&lab);
    return rc;
}

static void what_is_not_the_labs_is_left_alone(void **state)
{
    struct lab lab;
    (void)state;

    make("theirs", &quick, start, &lab);
    lab_clear(&lab);
    assert_int_equal(
        run("cp -a theirs t1 && cp -a theirs t2 && cp -a theirs t3 && cp -a theirs t4 && cp -a theirs t5 && "
            "cp -a theirs t6"),
        0);
    assert_int_equal(run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
                         "real.key -out real.pem "
                         "-subj /CN=Real 2>/dev/null && cp real.pem t1/chain.pem"),
                     0);
    assert_int_equal(
        make_refused(
            "t1",
            "t1/chain.pem was not made by the lab authority, and is left as it is: take another folder"),
        RC_CERT_MALFORMED);
    assert_int_equal(run("echo x >t2/codesign.pem"), 0);
    assert_int_equal(
        make_refused(
            "t2",
            "t2/codesign.pem was not made by the lab authority, and is left as it is: take another folder"),
        RC_CERT_MALFORMED);
    assert_int_equal(
        run("openssl pkcs12 -export -inkey real.key -in real.pem -passout pass:own -out t3/codesign.pfx"), 0);
    assert_int_equal(
        make_refused(
            "t3",
            "t3/codesign.pfx was not made by the lab authority, and is left as it is: take another folder"),
        RC_CERT_MALFORMED);
    assert_int_equal(chmod("t4/tsa.key", 0640), 0);
    assert_int_equal(
        make_refused("t4",
                     "t4/tsa.key: the private key lies open: the file must be yours and have mode 0600"),
        RC_KEY_EXPOSED);
    assert_int_equal(run("install -m 600 real.key t5/ca/root.key"), 0);
    assert_int_equal(
        make_refused("t5", "t5/ca/root.key does not belong to t5/root.pem: take one of them away"),
        RC_CERT_KEY_MISMATCH);
    assert_int_equal(run("echo broken >t6/ca/codesigning.key"), 0);
    assert_int_equal(make_refused("t6", "t6/ca/codesigning.key: this is no private key"), RC_KEY_MALFORMED);
}

static void folders_that_can_not_be_made_are_told(void **state)
{
    struct lab lab;
    (void)state;

    assert_int_equal(run("echo x >file"), 0);
    assert_int_equal(lab_init(&lab, "file/lab"), RC_OK);
    assert_int_equal(lab_make(&lab, &quick, start), RC_IO);
    assert_string_equal(lab.error, "can not make the folder file/lab/ca: Not a directory");
    lab_clear(&lab);
}

static void foreign_chains_are_no_lab_chains(void **state)
{
    struct bytes chain[3];
    struct certfile real, lab_certs, root;
    struct lab lab;
    (void)state;

    make("mixed", &quick, start, &lab);
    assert_int_equal(run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
                         "real.key -out real.pem "
                         "-subj /CN=Real -addext certificatePolicies=2.999.3161.1 2>/dev/null"),
                     0);
    assert_int_equal(certfile_read("real.pem", &real), RC_OK);
    assert_int_equal(certfile_read(lab.files[LAB_CHAIN], &lab_certs), RC_OK);
    assert_int_equal(certfile_read(lab.files[LAB_ROOT_PEM], &root), RC_OK);
    chain[0] = lab_certs.certs[0];
    chain[1] = lab_certs.certs[1];
    chain[2] = root.certs[0];
    assert_true(lab_is_lab_chain(chain, 3));
    chain[2] = real.certs[0]; /* marked, but it has signed nothing here */
    assert_false(lab_is_lab_chain(chain, 3));
    chain[2] = BYTES_NONE;
    assert_false(lab_is_lab_chain(chain, 3));
    assert_false(lab_is_lab_chain(NULL, 0));
    certfile_clear(&real);
    certfile_clear(&lab_certs);
    certfile_clear(&root);
    lab_clear(&lab);
}

/* A lab's own leaf may sign, but not as a CA; what lies below it was made by whoever has its key. */
static void a_leaf_of_the_lab_makes_no_lab_chain(void **state)
{
    struct certfile lab_certs, root;
    struct bytes chain[4];
    struct wbuf below;
    EVP_PKEY *key;
    struct lab lab;
    (void)state;

    make("leaf", &quick, start, &lab);
    assert_int_equal(certfile_read(lab.files[LAB_CHAIN], &lab_certs), RC_OK);
    assert_int_equal(certfile_read(lab.files[LAB_ROOT_PEM], &root), RC_OK);
    assert_int_equal(keyfile_read(lab.files[LAB_TSA_KEY], NULL, &key), RC_OK);
    wbuf_init(&below, 1u << 16);
    const struct issue issue = {.common_name = "Below",
                                .not_before = start,
                                .not_after = later(DAY),
                                .key = key,
                                .path_len = -1,
                                .key_usage = CERT_USAGE_DIGITAL_SIGNATURE,
                                .policy = OID_LAB_POLICY,
                                .issuer = lab_certs.certs[0],
                                .issuer_key = key,
                                .digest = DIGEST_SHA256};
    assert_int_equal(issue_certificate(&issue, &below), RC_OK);
    chain[0] = wbuf_bytes(&below);
    chain[1] = lab_certs.certs[0];
    chain[2] = lab_certs.certs[1];
    chain[3] = root.certs[0];
    assert_false(lab_is_lab_chain(chain, 4));
    assert_true(lab_is_lab_chain(chain + 1, 3));
    assert_false(lab_is_lab_chain(chain + 2, 2)); /* a CA first */
    EVP_PKEY_free(key);
    wbuf_clear(&below);
    certfile_clear(&lab_certs);
    certfile_clear(&root);
    lab_clear(&lab);
}

/* Its certificates would be valid in years whose code signing keys have leaked. */
static void no_lab_begins_before_this_program(void **state)
{
    struct stat st;
    struct lab lab;
    (void)state;

    assert_int_equal(lab_init(&lab, "early"), RC_OK);
    assert_int_equal(lab_make(&lab, &quick, (struct gentime){.sec = NOW_PROGRAM_BORN - 1}), RC_TIME_RANGE);
    assert_string_equal(
        lab.error,
        "this machine's clock shows 2025-12-31T23:59:59Z, before there was this program: set it first");
    assert_int_not_equal(stat("early", &st), 0);
    assert_int_equal(lab_make(&lab, &quick, (struct gentime){.sec = NOW_PROGRAM_BORN}), RC_OK);
    lab_clear(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_real_thing_satisfies_openssl),
        cmocka_unit_test(modes_are_right),
        cmocka_unit_test(a_second_time_changes_nothing),
        cmocka_unit_test(two_labs_look_different),
        cmocka_unit_test(what_is_old_is_renewed),
        cmocka_unit_test(half_made_folders_heal),
        cmocka_unit_test(a_kill_at_any_moment_heals),
        cmocka_unit_test(two_at_once_make_one_lab),
        cmocka_unit_test(only_the_missing_is_made),
        cmocka_unit_test(the_cas_keys_may_be_taken_away),
        cmocka_unit_test(what_is_not_the_labs_is_left_alone),
        cmocka_unit_test(folders_that_can_not_be_made_are_told),
        cmocka_unit_test(foreign_chains_are_no_lab_chains),
        cmocka_unit_test(a_leaf_of_the_lab_makes_no_lab_chain),
        cmocka_unit_test(no_lab_begins_before_this_program),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
