/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A unit as it works: its certificates and what it accepts, prepared once. Public facts only; the private key is the issuer's
 * alone. The front uses it to route and to refuse early, the issuer to check again and to build.
 */
#ifndef TSA_ROLE_UNIT_H
#define TSA_ROLE_UNIT_H

#include "tsa/role/settings.h"
#include "tsa/wire/cms.h"
#include "tsa/wire/tsp.h"

#define UNIT_MAX_POLICIES 16

struct unit {
    const struct settings_unit *settings;
    size_t index;
    struct wbuf storage;   /* owns the views below */
    struct bytes chain[8]; /* DER: certificate, intermediates */
    size_t num_chain;
    struct bytes root;                        /* DER; empty when not configured */
    struct cert cert;                         /* facts of chain[0] */
    struct bytes policy;                      /* contents octets */
    struct bytes policies[UNIT_MAX_POLICIES]; /* the unit's own first, then the others it accepts */
    size_t num_policies;
    struct bytes tsa_name; /* GeneralName with tag; empty unless the unit names itself */
    struct tsp_accuracy accuracy;
    struct gentime key_begin, key_end; /* unit_key_begin, unit_key_end */
    bool is_lab;                       /* the lab authority's policy stands in the certificate */
    bool lab_time;                     /* it works under fenced lab time: what it makes says so */
};

/* unit_init prepares from settings and the texts of chain and root files (root may be empty). RC_CERT_*,
 * RC_CONFIG. Free with unit_clear, also after a failure. */
enum rc unit_init(struct unit *unit, const struct settings_unit *settings, struct bytes chain_pem,
                  struct bytes root_pem) MUST_CHECK;
void unit_clear(struct unit *unit);

/* unit_key_end tells until when the key may sign, the earliest of: the end of privateKeyUsagePeriod where the certificate has one, the end of key_months
 * after notBefore where the unit has that, the certificate's end. */
struct gentime unit_key_end(const struct unit *unit);

/* unit_key_begin tells from when, the latest of: the certificate's beginning, that of privateKeyUsagePeriod where it has one, this program's own year. */
struct gentime unit_key_begin(const struct unit *unit);

/* unit_check_time tells whether the key may sign a token of time t. RC_CERT_NOT_YET_VALID, RC_CERT_EXPIRED, RC_KEY_USE_OVER. */
enum rc unit_check_time(const struct unit *unit, struct gentime t) MUST_CHECK;

/* unit_accepts tells whether an RFC 3161 request is served: protocol, imprint algorithm and length, policy, extensions, nonce. One
 * place for front and issuer. RC_UNIT_PROTOCOL, RC_TSP_DIGEST_REFUSED, RC_TSP_POLICY, ... */
enum rc unit_accepts(const struct unit *unit, const struct tsp_request *request) MUST_CHECK;

/* unit_describe_refusal writes the sentence that tells a user what to change ("... this unit takes sha256, sha384, sha512"). why is what the
 * reason is about, as in struct msg_stamped; empty = nothing beyond it. */
char *unit_describe_refusal(const struct unit *unit, enum rc rc, struct bytes why, char *out,
                            size_t out_size);

#endif
