/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which certificates of a SignedData come and go with a legacy timestamp. Such a timestamp has no set of its own: what it needs
 * stands among the signer's certificates. It only weighs, by issuer, serial and names (RFC 5652 5.1, RFC 5280 4.1.2.4); it builds and
 * trusts no chain. Private to spc_change.
 */
#ifndef TSCLIENT_CONTAINER_SPC_CERTS_H
#define TSCLIENT_CONTAINER_SPC_CERTS_H

#include <openssl/x509.h>

#include "tsclient/container/spc.h"

struct spc_certs_one {
    struct bytes tlv; /* an element of the set, or a certificate of the reply */
    bool in_set;
    bool is_cert; /* and one that can be read */
    struct cert cert;
    X509_NAME *issuer, *subject; /* NULL where libcrypto can't read the name */
    unsigned marks;
};

struct spc_certs {
    struct spc_certs_one
        one[SPC_MAX_CERTIFICATES]; /* those of the set in its order, then those of the reply that it lacks */
    size_t num;
    size_t queue[SPC_MAX_CERTIFICATES]; /* whose issuers are still to be looked for */
    size_t num_queued;
    bool is_whole; /* every element of the set was read */
};

/* spc_certs_weigh reads the set of the changed signature and the reply's certificates and decides (start with a zeroed struct); free with spc_certs_clear, also after
 * a failure. spc is what spc_parse gave of the whole blob. RC_TOO_LARGE. */
enum rc spc_certs_weigh(struct spc_certs *certs, const struct spc *spc,
                        const struct spc_change *change) MUST_CHECK;
void spc_certs_clear(struct spc_certs *certs);

/* The decision, for one of them: it leaves the set; it joins the set. */
bool spc_certs_goes(const struct spc_certs_one *one);
bool spc_certs_comes(const struct spc_certs_one *one);

#endif
