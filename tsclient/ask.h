/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One timestamp from an authority, checked whole before anybody sees it. Several URLs are asked in order, and again after a pause when
 * none could be reached. It never falls back to another protocol or digest than it was told.
 */
#ifndef TSCLIENT_ASK_H
#define TSCLIENT_ASK_H

#include "tsa/wire/chain.h"
#include "tsclient/container/spc.h"
#include "tsclient/http.h"

struct ask {
    struct http *http;
    enum spc_stamp_kind kind; /* the protocol: SPC_STAMP_LEGACY or SPC_STAMP_RFC3161 */
    const char *const *urls;
    size_t num_urls;
    int64_t retries;                     /* further rounds when no URL could be reached */
    int64_t pause_ns;                    /* before the first of them; doubled each time, at most a minute */
    enum digest alg;                     /* of the imprint */
    struct bytes policy;                 /* contents octets of the OID; empty: any */
    const struct chain_anchors *anchors; /* NULL: the authority's chain is not checked */
    int64_t skew_ns;                     /* how far its time may lie from this machine's */
};

enum ask_verdict {
    ASK_GOOD,
    ASK_UNREACHABLE, /* none of the URLs */
    ASK_REFUSED,     /* at least one answered no, and none answered wrongly */
    ASK_BAD          /* at least one reply failed a check */
};

struct ask_stamp {
    enum ask_verdict verdict;
    char why[1200];            /* what was wrong, URL by URL; also of those before the good one */
    struct wbuf reply;         /* DER: TimeStampResp, or the SignedData of a legacy reply */
    struct bytes value;        /* token, or SignerInfo; views into reply */
    struct bytes certificates; /* legacy: contents of the reply's set */
    struct gentime time;
};

/* ask_timestamp gets a timestamp of data (a signature value, or a whole file); signer, where not NULL, is the certificate within whose
 * validity the time must lie. *out is always filled; clear it with ask_stamp_clear. */
void ask_timestamp(const struct ask *ask, struct bytes data, const struct cert *signer,
                   struct ask_stamp *out);
void ask_stamp_clear(struct ask_stamp *stamp);

#endif
