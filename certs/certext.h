/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extensions of a certificate (RFC 5280 4.2) beyond the facts that cert_parse gives. Views into the certificate.
 */
#ifndef CERTS_CERTEXT_H
#define CERTS_CERTEXT_H

#include "tsa/wire/cert.h"

/* certext_has_policy tells whether certificatePolicies (RFC 5280 4.2.1.4) names the policy. */
bool certext_has_policy(const struct cert *cert, enum oid policy);

/* certext_key_usage_end gives notAfter of privateKeyUsagePeriod (RFC 3280 4.2.1.4), certext_key_usage_begin notBefore; false where it names none. */
bool certext_key_usage_end(const struct cert *cert, struct gentime *out);
bool certext_key_usage_begin(const struct cert *cert, struct gentime *out);

#endif
