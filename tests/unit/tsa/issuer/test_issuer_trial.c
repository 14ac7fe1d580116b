/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trial before a reload, as a process: what would start passes, what would not says why and which unit, in the log that the parent reads.
 */
#include "tests/unit/tsa/issuer/role.h"
#include "tsa/issuer/issuer_trial.h"

#define EXPIRED (AUTHORITY_NOW - 1000)

static struct {
    int code;
    char said[4096];
} end;

/* It gets neither channel, clock nor record. */
static int setup(void **state)
{
    const int rc = role_setup(state);

    for (size_t i = 0; i < t.in.num; i++) {
        (void)close(t.in.fds[i].fd);
    }
    t.in.num = 0;
    t.in.role = "trial";
    return rc;
}

static void run(void)
{
    size_t len = 0;
    ssize_t n;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    t.pid = fork();
    assert_true(t.pid >= 0);
    if (t.pid == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        exit(issuer_trial_main(&t.in));
    }
    (void)close(ends[1]);
    while (len < sizeof(end.said) - 1 &&
           (n = read(ends[0], end.said + len, sizeof(end.said) - 1 - len)) > 0) {
        len += (size_t)n;
    }
    end.said[len] = 0;
    (void)close(ends[0]);
    end.code = role_exit_code();
}

static void expect_failure(int code, const char *why)
{
    run();
    assert_int_equal(end.code, code);
    if (!strstr(end.said, "level=error part=trial") || !strstr(end.said, why)) {
        fail_msg("it said: %s", end.said);
    }
}

static void add_but_key(const struct authority *of)
{
    role_add_config(0);
    role_add_pem("chain.0", of->chain[0]);
    role_add_pem("root.0", authority.chain[1]);
}

static void test_good(void **state)
{
    (void)state;
    role_add_all(0);
    run();
    assert_int_equal(end.code, 0);
    assert_string_equal(end.said, "");
    assert_int_equal(faccessat(t.dir_fd, LEDGER_FILE, F_OK, 0), -1); /* it leaves nothing behind */
}

static void test_no_key(void **state)
{
    (void)state;
    add_but_key(&authority);
    expect_failure(70, "unit unit: its key did not come along");
}

static void test_foreign_key(void **state)
{
    EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

    (void)state;
    add_but_key(&authority);
    role_add_fd("key.0", desk_key_file(other, 0600, NULL));
    EVP_PKEY_free(other);
    expect_failure(78, "unit unit: unit.key is not the key of the certificate in unit.pem");
}

static void test_exposed_key(void **state)
{
    (void)state;
    add_but_key(&authority);
    role_add_fd("key.0", desk_key_file(authority.key, 0644, NULL));
    expect_failure(78, "chmod 600 unit.key");
}

static void test_certificate_of_another_root(void **state)
{
    static struct authority other;

    (void)state;
    authority_init(&other, &(struct authority_spec){.key = "P-256"});
    add_but_key(&other);
    role_add_fd("key.0", desk_key_file(other.key, 0600, NULL));
    authority_clear(&other);
    expect_failure(78, "unit unit: the trial failed: the certificate chain reaches no trusted root");
}

static void test_certificate_for_another_use(void **state)
{
    static struct authority other;

    (void)state;
    authority_init(&other, &(struct authority_spec){.key = "P-256", .eku = "codeSigning"});
    add_but_key(&other);
    role_add_fd("key.0", desk_key_file(other.key, 0600, NULL));
    authority_clear(&other);
    expect_failure(78, "unit unit: its certificates can not be used");
}

static void test_no_configuration(void **state)
{
    (void)state;
    expect_failure(70, "the configuration did not come along");
}

static void test_bad_configuration(void **state)
{
    (void)state;
    role_add_fd("config", role_text_file(bytes_str("liisten = [ \"127.0.0.1:0\" ];")));
    expect_failure(78, "liisten");
}

/* At a start it makes a unit that refuses, so it is no reason against a reload either. */
static void test_expired_certificate(void **state)
{
    static struct authority old;

    (void)state;
    authority_init(&old, &(struct authority_spec){.key = "P-256", .to = EXPIRED});
    role_add_config(0);
    role_add_pem("chain.0", old.chain[0]);
    role_add_pem("root.0", old.chain[1]);
    role_add_fd("key.0", desk_key_file(old.key, 0600, NULL));
    authority_clear(&old);
    run();
    assert_int_equal(end.code, 0);
    assert_non_null(strstr(end.said, "level=warning part=trial msg=\"unit unit refuses everything: the "
                                     "certificate had expired at that time\""));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, role_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_good),
        TEST(test_no_key),
        TEST(test_foreign_key),
        TEST(test_exposed_key),
        TEST(test_certificate_of_another_root),
        TEST(test_certificate_for_another_use),
        TEST(test_no_configuration),
        TEST(test_bad_configuration),
        TEST(test_expired_certificate),
    };

    return cmocka_run_group_tests(tests, role_make_authority, role_clear_authority);
}
