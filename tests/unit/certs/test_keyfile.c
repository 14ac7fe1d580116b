/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of every kind there and back, plain and encrypted; files that lie open, are no keys, or are keys that nobody should use.
 */
#include "certs/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "tsa/base/safefile.h"

static char folder[] = "/tmp/test_keyfile.XXXXXX";

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

static void put_file(const char *path, const char *text, mode_t mode)
{
    assert_int_equal(safefile_write(path, bytes_str(text), mode), RC_OK);
}

static enum rc parse(const char *text, const char *passphrase)
{
    EVP_PKEY *key;
    enum rc rc = keyfile_parse(bytes_str(text), passphrase, &key);

    EVP_PKEY_free(key);
    return rc;
}

static void every_kind_there_and_back(void **state)
{
    static const char *const texts[KEYFILE_NUM] = {"RSA 2048", "RSA 3072", "RSA 4096",
                                                   "P-256",    "P-384",    "Ed25519"};
    (void)state;

    for (enum keyfile_kind kind = 0; kind < KEYFILE_NUM; kind++) {
        char text[KEYFILE_KIND_TEXT_MAX];
        EVP_PKEY *key, *again;
        struct stat st;

        assert_int_equal(keyfile_kind_of_name(keyfile_kind_names[kind]), kind);
        assert_int_equal(keyfile_make(kind, &key), RC_OK);
        assert_string_equal(keyfile_kind_text(key, text), texts[kind]);
        assert_int_equal(keyfile_check(key), RC_OK);
        assert_int_equal(keyfile_write("a.key", key, NULL), RC_OK);
        assert_int_equal(stat("a.key", &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(keyfile_read("a.key", NULL, &again), RC_OK);
        assert_int_equal(EVP_PKEY_eq(key, again), 1);
        EVP_PKEY_free(again);
        EVP_PKEY_free(key);
        assert_int_equal(unlink("a.key"), 0);
    }
    assert_int_equal(keyfile_kind_of_name("dsa"), KEYFILE_NUM);
    assert_null(keyfile_kind_names[KEYFILE_NUM]);
}

static void a_passphrase_is_needed(void **state)
{
    EVP_PKEY *key, *again;
    struct wbuf text;
    (void)state;

    assert_int_equal(keyfile_make(KEYFILE_P256, &key), RC_OK);
    assert_int_equal(keyfile_write("sealed.key", key, "open sesame"), RC_OK);
    assert_int_equal(keyfile_read("sealed.key", "open sesame", &again), RC_OK);
    assert_int_equal(EVP_PKEY_eq(key, again), 1);
    EVP_PKEY_free(again);
    assert_int_equal(keyfile_read("sealed.key", "wrong", &again), RC_KEY_PASSPHRASE);
    assert_null(again);
    assert_int_equal(keyfile_read("sealed.key", "", &again), RC_KEY_PASSPHRASE);
    assert_int_equal(keyfile_read("sealed.key", NULL, &again), RC_KEY_PASSPHRASE);
    wbuf_init(&text, 1 << 16);
    assert_int_equal(safefile_read("sealed.key", 1 << 16, &text), RC_OK);
    assert_true(bytes_starts_with(wbuf_bytes(&text), bytes_str("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")));
    wbuf_clear(&text);
    /* An encrypted one may lie open. */
    assert_int_equal(chmod("sealed.key", 0644), 0);
    assert_int_equal(keyfile_read("sealed.key", "open sesame", &again), RC_OK);
    EVP_PKEY_free(again);
    EVP_PKEY_free(key);
    assert_int_equal(ERR_peek_error(), 0);
}

static void the_traditional_forms_are_read(void **state)
{
    EVP_PKEY *key;
    (void)state;

    assert_int_equal(
        system("openssl genrsa -traditional -out rsa.key 2048 2>/dev/null && "
               "openssl genrsa -traditional -aes128 -passout pass:secret -out rsa-sealed.key 2048 "
               "2>/dev/null && "
               "openssl ecparam -name secp521r1 -genkey -noout -out ec.key && chmod 600 rsa.key ec.key && "
               "(echo some words; openssl ecparam -name prime256v1 -genkey) >both.key && chmod 600 both.key"),
        0);
    assert_int_equal(keyfile_read("rsa.key", NULL, &key), RC_OK);
    EVP_PKEY_free(key);
    assert_int_equal(keyfile_read("rsa-sealed.key", "secret", &key), RC_OK);
    EVP_PKEY_free(key);
    assert_int_equal(keyfile_read("rsa-sealed.key", NULL, &key), RC_KEY_PASSPHRASE);
    assert_int_equal(keyfile_read("ec.key", NULL, &key), RC_OK);
    EVP_PKEY_free(key);
    assert_int_equal(keyfile_read("both.key", NULL, &key), RC_OK);
    EVP_PKEY_free(key);
}

static void open_files_are_refused(void **state)
{
    static const mode_t modes[] = {0644, 0640, 0604, 0620, 0601};
    EVP_PKEY *key;
    int fd;
    (void)state;

    assert_int_equal(keyfile_make(KEYFILE_P256, &key), RC_OK);
    assert_int_equal(keyfile_write("open.key", key, NULL), RC_OK);
    EVP_PKEY_free(key);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod("open.key", modes[i]), 0);
        assert_int_equal(keyfile_read("open.key", NULL, &key), RC_KEY_EXPOSED);
        assert_int_equal(keyfile_open("open.key", &fd), RC_KEY_EXPOSED);
        assert_int_equal(fd, -1);
    }
    assert_int_equal(chmod("open.key", 0400), 0);
    assert_int_equal(keyfile_read("open.key", NULL, &key), RC_OK);
    EVP_PKEY_free(key);
}

/* Somebody else's file that we can read, as an ordinary user. */
static void strangers_files_are_refused(void **state)
{
    EVP_PKEY *key;
    int status;
    pid_t pid;
    (void)state;

    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(keyfile_make(KEYFILE_P256, &key), RC_OK);
    assert_int_equal(keyfile_write("stranger.key", key, NULL), RC_OK);
    EVP_PKEY_free(key);
    assert_int_equal(chown("stranger.key", 12345, 12345), 0);
    assert_int_equal(keyfile_read("stranger.key", NULL, &key), RC_OK); /* root may */
    EVP_PKEY_free(key);
    assert_int_equal(chmod(".", 0755), 0);
    pid = fork();
    if (pid == 0) {
        bool good = setgid(54321) == 0 && setuid(54321) == 0 &&
                    keyfile_read("stranger.key", NULL, &key) == RC_IO &&
                    strstr(safefile_error_text(), "Permission denied");
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void a_descriptor_is_read_from_its_start(void **state)
{
    EVP_PKEY *key, *again;
    struct wbuf text;
    char c;
    int fd, pipes[2];
    (void)state;

    assert_int_equal(keyfile_make(KEYFILE_P256, &key), RC_OK);
    assert_int_equal(keyfile_write("fd.key", key, NULL), RC_OK);
    assert_int_equal(keyfile_open("fd.key", &fd), RC_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(read(fd, &c, 1), 1);
        assert_int_equal(keyfile_read_fd(fd, NULL, &again), RC_OK);
        assert_int_equal(EVP_PKEY_eq(key, again), 1);
        EVP_PKEY_free(again);
    }
    close(fd);

    wbuf_init(&text, 1 << 16);
    assert_int_equal(keyfile_build(key, NULL, &text), RC_OK);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], text.data, text.len), text.len);
    close(pipes[1]);
    assert_int_equal(keyfile_read_fd(pipes[0], NULL, &again), RC_OK);
    assert_int_equal(EVP_PKEY_eq(key, again), 1);
    close(pipes[0]);
    EVP_PKEY_free(again);
    assert_int_equal(keyfile_read_fd(pipes[0], NULL, &again), RC_IO);
    assert_null(again);
    wbuf_cleanse(&text);
    EVP_PKEY_free(key);
}

static void what_is_no_key_is_told(void **state)
{
    EVP_PKEY *key;
    int fd;
    (void)state;

    assert_int_equal(parse("", NULL), RC_KEY_MALFORMED);
    assert_int_equal(parse("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", NULL),
                     RC_KEY_MALFORMED);
    assert_int_equal(parse("-----BEGIN PRIVATE KEY-----\n", NULL), RC_KEY_MALFORMED);
    put_file("not.key", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0600);
    assert_int_equal(keyfile_open("not.key", &fd), RC_KEY_MALFORMED);
    put_file("not.key", "", 0600);
    assert_int_equal(keyfile_read("not.key", NULL, &key), RC_KEY_MALFORMED);
    assert_int_equal(keyfile_read("none.key", NULL, &key), RC_NOT_FOUND);
    assert_string_equal(safefile_error_text(), "can not open none.key: No such file or directory");
    assert_int_equal(keyfile_read(".", NULL, &key), RC_IO);
    assert_string_equal(safefile_error_text(), ". is not a regular file");
    assert_int_equal(truncate("not.key", 1 << 20), 0);
    assert_int_equal(keyfile_read("not.key", NULL, &key), RC_KEY_MALFORMED);
    assert_int_equal(ERR_peek_error(), 0);
}

static void weak_and_strange_kinds_are_refused(void **state)
{
    EVP_PKEY *key;
    (void)state;

    assert_int_equal(
        system("openssl genrsa -out weak.key 1024 2>/dev/null && chmod 600 weak.key && "
               "openssl ecparam -name secp256k1 -genkey -noout -out strange.key && chmod 600 strange.key && "
               "openssl genpkey -algorithm x25519 -out dh.key && chmod 600 dh.key"),
        0);
    assert_int_equal(keyfile_read("weak.key", NULL, &key), RC_KEY_KIND);
    assert_null(key);
    assert_int_equal(keyfile_read("strange.key", NULL, &key), RC_KEY_KIND);
    assert_int_equal(keyfile_read("dh.key", NULL, &key), RC_KEY_KIND);
}

static void a_key_is_never_replaced(void **state)
{
    EVP_PKEY *key, *other, *there;
    (void)state;

    assert_int_equal(keyfile_make(KEYFILE_P256, &key), RC_OK);
    assert_int_equal(keyfile_make(KEYFILE_P256, &other), RC_OK);
    assert_int_equal(keyfile_write("once.key", key, NULL), RC_OK);
    assert_int_equal(keyfile_write("once.key", other, NULL), RC_IO);
    assert_string_equal(safefile_error_text(), "once.key is there already");
    assert_int_equal(keyfile_read("once.key", NULL, &there), RC_OK);
    assert_int_equal(EVP_PKEY_eq(key, there), 1);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    EVP_PKEY_free(there);
}

static void a_public_key_fits_or_not(void **state)
{
    EVP_PKEY *key, *other;
    unsigned char *spki = NULL;
    int len;
    (void)state;

    assert_int_equal(keyfile_make(KEYFILE_P256, &key), RC_OK);
    assert_int_equal(keyfile_make(KEYFILE_ED25519, &other), RC_OK);
    len = i2d_PUBKEY(key, &spki);
    assert_true(len > 0);
    assert_true(keyfile_fits(key, bytes_of(spki, (size_t)len)));
    assert_false(keyfile_fits(other, bytes_of(spki, (size_t)len)));
    assert_false(keyfile_fits(key, bytes_of(spki, (size_t)len - 1)));
    assert_false(keyfile_fits(key, BYTES_NONE));
    OPENSSL_free(spki);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_there_and_back),
        cmocka_unit_test(a_passphrase_is_needed),
        cmocka_unit_test(the_traditional_forms_are_read),
        cmocka_unit_test(open_files_are_refused),
        cmocka_unit_test(strangers_files_are_refused),
        cmocka_unit_test(a_descriptor_is_read_from_its_start),
        cmocka_unit_test(what_is_no_key_is_told),
        cmocka_unit_test(weak_and_strange_kinds_are_refused),
        cmocka_unit_test(a_key_is_never_replaced),
        cmocka_unit_test(a_public_key_fits_or_not),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
