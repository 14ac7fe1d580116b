/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this key and this chain fit to sign timestamps? RFC 3161 2.3, RFC 5280, and of the CA/Browser Forum's Code Signing requirements what can be
 * seen from outside. All findings at once, each a sentence that says what to do; for `tsa check` and for the start.
 */
#ifndef CERTS_CERTRULES_H
#define CERTS_CERTRULES_H

#include <openssl/evp.h>

#include "tsa/wire/cert.h"

enum certrules_severity {
    CERTRULES_ERROR,   /* do not start */
    CERTRULES_WARNING, /* works, but not for long or not for everybody */
    CERTRULES_NOTE,
};

#define CERTRULES_MAX       48
#define CERTRULES_MAX_CHAIN 8

struct certrules_finding {
    enum certrules_severity severity;
    enum rc rc; /* RC_OK where no reason of the table fits */
    char text[300];
};

struct certrules {
    struct certrules_finding list[CERTRULES_MAX];
    size_t num;
};

struct certrules_query {
    const struct bytes *chain; /* DER as it is configured: the unit's certificate, then intermediates */
    size_t num;
    struct bytes root;   /* DER; empty = not known */
    const EVP_PKEY *key; /* NULL = not looked at */
    struct gentime now;
    bool authenticode; /* legacy clients are served too */
};

void certrules_check(const struct certrules_query *query, struct certrules *out);

/* certrules_verdict gives the reason of the first error, RC_OK without one (RC_CERT_MALFORMED where an error has no reason of its own). */
enum rc certrules_verdict(const struct certrules *rules) MUST_CHECK;

/* certrules_severity_text: "error", "warning", "note". Static. */
const char *certrules_severity_text(enum certrules_severity severity);

#endif
