/* SPDX-License-Identifier: Apache-2.0 */
/* The context from its texts, every way in which they can be wrong, and the names of clients. No sockets. */
#include "tests/unit/tsa/http/tls_world.h"

static struct identity authority, other, rsa, elliptic;

static SSL_CTX *try_new(const char *certificate, const char *key, const char *client_ca,
                        char why[TLS_WHY_MAX])
{
    return tls_new(bytes_str(certificate), bytes_str(key), client_ca ? bytes_str(client_ca) : BYTES_NONE,
                   SETTINGS_TLS_1_2, why);
}

static void test_good(void **state)
{
    const struct identity *servers[] = {&rsa, &elliptic};
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        char why[TLS_WHY_MAX] = "";
        SSL_CTX *ctx = server_context(servers[i], i ? &authority : NULL);

        assert_true(tls_try(ctx, why));
        assert_int_equal(ERR_peek_error(), 0);
        assert_int_equal(SSL_CTX_get_session_cache_mode(ctx), SSL_SESS_CACHE_OFF);
        assert_int_equal(SSL_CTX_get_num_tickets(ctx), 0);
        SSL_CTX_free(ctx);
    }
}

static void test_only_1_3(void **state)
{
    char why[TLS_WHY_MAX] = "";
    SSL_CTX *ctx =
        tls_new(bytes_str(rsa.cert_pem), bytes_str(rsa.key_pem), BYTES_NONE, SETTINGS_TLS_1_3, why);

    (void)state;
    assert_non_null(ctx);
    assert_int_equal(SSL_CTX_get_min_proto_version(ctx), TLS1_3_VERSION);
    assert_true(tls_try(ctx, why));
    SSL_CTX_free(ctx);
}

static void test_chain(void **state)
{
    char both[8000], why[TLS_WHY_MAX] = "";
    STACK_OF(X509) *extra = NULL;
    SSL_CTX *ctx;

    (void)state;
    snprintf(both, sizeof both, "%s%s", rsa.cert_pem, authority.cert_pem);
    ctx = try_new(both, rsa.key_pem, NULL, why);
    assert_non_null(ctx);
    SSL_CTX_get0_chain_certs(ctx, &extra);
    assert_int_equal(sk_X509_num(extra), 1);
    SSL_CTX_free(ctx);
}

static char *encrypted_key(void)
{
    BIO *out = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(out, rsa.key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL),
                     1);
    return pem_of(out);
}

static void test_bad(void **state)
{
    char cut[8000], *encrypted = encrypted_key();
    const struct {
        const char *certificate, *key, *client_ca, *why;
    } bad[] = {
        {"", rsa.key_pem, NULL, "the certificate file does not hold"},
        {"nonsense", rsa.key_pem, NULL, "the certificate file does not hold"},
        {cut, rsa.key_pem, NULL, "the certificate file does not hold"},
        {rsa.key_pem, rsa.key_pem, NULL, "the certificate file does not hold"},
        {rsa.cert_pem, "", NULL, "the key can not be used"},
        {rsa.cert_pem, "nonsense", NULL, "the key can not be used"},
        {rsa.cert_pem, encrypted, NULL, "the key can not be used"},
        {rsa.cert_pem, authority.key_pem, NULL, "key values mismatch"},
        {rsa.cert_pem, elliptic.key_pem, NULL, "the key"},
        {rsa.cert_pem, rsa.key_pem, "nonsense", "the file of the clients' authorities"},
    };
    size_t i;

    (void)state;
    snprintf(cut, sizeof cut, "%s%.*s", rsa.cert_pem, 300, authority.cert_pem);
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char why[TLS_WHY_MAX] = "";

        assert_null(try_new(bad[i].certificate, bad[i].key, bad[i].client_ca, why));
        if (!strstr(why, bad[i].why)) {
            print_error("%zu: %s\n", i, why);
        }
        assert_non_null(strstr(why, bad[i].why));
        assert_int_equal(ERR_peek_error(), 0);
    }
    free(encrypted);
}

/* A handshake in memory; returns the name that the server sees, "-" for none, "!" when there is no handshake. */
static const char *name_of(SSL_CTX *ctx, const struct identity *id, int version, char out[TLS_NAME_MAX])
{
    SSL *server = SSL_new(ctx), *client = client_new(-1, id, version);
    BIO *near, *far;
    const char *name = "!";
    int turns;

    assert_int_equal(BIO_new_bio_pair(&near, 0, &far, 0), 1);
    SSL_set_bio(server, near, near);
    SSL_set_bio(client, far, far);
    SSL_set_accept_state(server);
    for (turns = 0; turns < 20; turns++) {
        (void)SSL_do_handshake(client);
        (void)SSL_do_handshake(server);
    }
    if (SSL_is_init_finished(server)) {
        name = tls_client_name(server, out);
        name = name ? name : "-";
    }
    tls_say_end(server);
    assert_int_equal(ERR_peek_error(), 0);
    SSL_free(server);
    SSL_free(client);
    return name;
}

static void test_names(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct identity good = identity_new("build farm 7", false, &authority),
                    rsa_good = identity_new("old \xc3\xbcser", true, &authority),
                    foreign = identity_new("build farm 7", false, &other),
                    control = identity_new("build\nfarm", false, &authority),
                    hidden = identity_named("build farm 7\0.evil", 18, false, &authority),
                    twice = identity_new("one", false, &authority);
    SSL_CTX *ctx = server_context(&rsa, &authority);
    char out[TLS_NAME_MAX];
    size_t i;

    (void)state;
    add_name(X509_get_subject_name(twice.cert), "two", 3);
    assert_true(X509_sign(twice.cert, authority.key, EVP_sha256()) > 0);
    for (i = 0; i < 2; i++) {
        assert_string_equal(name_of(ctx, NULL, versions[i], out), "-");
        assert_string_equal(name_of(ctx, &good, versions[i], out), "build farm 7");
        assert_string_equal(name_of(ctx, &rsa_good, versions[i], out), "old \xc3\xbcser");
        assert_string_equal(name_of(ctx, &foreign, versions[i], out), "!");
        assert_string_equal(name_of(ctx, &control, versions[i], out), "");
        assert_string_equal(name_of(ctx, &hidden, versions[i], out), "");
        assert_string_equal(name_of(ctx, &twice, versions[i], out), "");
    }
    SSL_CTX_free(ctx);
    identity_free(&good);
    identity_free(&rsa_good);
    identity_free(&foreign);
    identity_free(&control);
    identity_free(&hidden);
    identity_free(&twice);
}

static int make(void **state)
{
    (void)state;
    authority = identity_new("authority", true, NULL);
    other = identity_new("other", false, NULL);
    rsa = identity_new("rsa.test", true, &authority);
    elliptic = identity_new("elliptic.test", false, &authority);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    identity_free(&authority);
    identity_free(&other);
    identity_free(&rsa);
    identity_free(&elliptic);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good), cmocka_unit_test(test_only_1_3), cmocka_unit_test(test_chain),
        cmocka_unit_test(test_bad),  cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
