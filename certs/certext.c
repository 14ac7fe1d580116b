/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What single extensions say, read when somebody asks.
 */
#include "certs/certext.h"

bool certext_has_policy(const struct cert *cert, enum oid policy)
{
    struct bytes value;
    struct der d;
    bool found = false;

    if (!cert_get_extension(cert, OID_CE_CERTIFICATE_POLICIES, &value)) {
        return false;
    }
    der_init(&d, value, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    while (!found && der_more(&d)) {
        der_enter(&d, DER_SEQUENCE);
        found = oid_find(der_get_oid(&d)) == policy;
        der_leave_rest(&d);
    }
    return found && d.rc == RC_OK;
}

/* One end of the period; the other is read over. */
static bool read_period(const struct cert *cert, unsigned which, struct gentime *out)
{
    struct bytes value, times[2] = {BYTES_NONE, BYTES_NONE};
    struct der d;

    if (!cert_get_extension(cert, OID_CE_PRIVATE_KEY_USAGE_PERIOD, &value)) {
        return false;
    }
    der_init(&d, value, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    for (unsigned i = 0; i < 2; i++) {
        if (der_next_is(&d, DER_CONTEXT(i))) {
            times[i] = der_get(&d, DER_CONTEXT(i));
        }
    }
    der_leave(&d);
    return der_end(&d) == RC_OK && times[which].len > 0 && gentime_parse(times[which], out) == RC_OK;
}

bool certext_key_usage_begin(const struct cert *cert, struct gentime *out)
{
    return read_period(cert, 0, out);
}

bool certext_key_usage_end(const struct cert *cert, struct gentime *out)
{
    return read_period(cert, 1, out);
}
