/* SPDX-License-Identifier: Apache-2.0 */
/* The words, and the pace at which they are said. */
#include "tsa/http/http_mishap.h"

#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>

#include "tsa/base/log.h"
#include "tsa/base/now.h"

#define PACE_NS INT64_C(1000000000)

#define REST_MAX 60

/* False: not now. */
static bool may_tell(struct http_mishap *kind, char rest[REST_MAX])
{
    int64_t now = now_mono_ns();

    if (now < kind->next_at) {
        kind->left_out++;
        return false;
    }
    rest[0] = 0;
    if (kind->left_out > 0) {
        snprintf(rest, REST_MAX, " (%" PRIu64 " more such ends were not told)", kind->left_out);
    }
    kind->next_at = now + PACE_NS;
    kind->left_out = 0;
    return true;
}

void http_mishap_header(struct http_mishap *kind, const struct netaddr *direct, const char *what)
{
    char from[NETADDR_TEXT_MAX], rest[REST_MAX];

    if (may_tell(kind, rest)) {
        log_warning("%s is listed in clients.proxy_protocol, and its connection %s; let that proxy send one, "
                    "or take it off the list%s",
                    netaddr_text(direct, from), what, rest);
    }
}

void http_mishap_handshake(struct http_mishap *kind, const struct netaddr *direct, const char *why)
{
    char from[NETADDR_TEXT_MAX], rest[REST_MAX];

    if (may_tell(kind, rest)) {
        log_info("a TLS handshake with %s failed: %s%s", netaddr_text(direct, from), why, rest);
    }
}

static const char *known_words(int reason)
{
    static const char too_old[] =
        "the client speaks only versions of TLS that are too old here (tls.min_version)";
    static const struct {
        int reason;
        const char *words;
    } known[] = {
        {SSL_R_HTTP_REQUEST, "the client speaks plain HTTP, and this port TLS alone: use an https:// URL"},
        {SSL_R_WRONG_VERSION_NUMBER, "what the client sends is not TLS"},
        {SSL_R_UNSUPPORTED_PROTOCOL, too_old},
        {SSL_R_VERSION_TOO_LOW, too_old},
        {SSL_R_NO_SHARED_CIPHER, "the client offers no cipher that is spoken here"},
        {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "the client does not trust who has signed this server's certificate"},
        {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the client refuses this server's certificate"},
        {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "the client refuses this server's certificate"},
        {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "the client holds this server's certificate for expired"},
    };
    size_t i;

    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].reason == reason) {
            return known[i].words;
        }
    }
    return NULL;
}

const char *http_mishap_why(const SSL *ssl, unsigned long code, char out[HTTP_MISHAP_WHY_MAX])
{
    const char *words = ERR_reason_error_string(code), *detail = "";

    words = words ? words : "the connection broke";
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        words = "the client's certificate is not verified: ";
        detail = X509_verify_cert_error_string(SSL_get_verify_result(ssl));
    } else if (ERR_GET_LIB(code) == ERR_LIB_SSL && known_words(ERR_GET_REASON(code))) {
        words = known_words(ERR_GET_REASON(code));
    }
    snprintf(out, HTTP_MISHAP_WHY_MAX, "%s%s", words, detail);
    return out;
}
