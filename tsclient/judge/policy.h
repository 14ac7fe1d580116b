/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows' rules for signed files. A signature with a good timestamp whose time lies within the validity of the signer's certificate is judged
 * at that time, for ever; any other one at the time of asking. The timestamp itself is judged at its own time. Every signature of a
 * file is judged, nested ones too, and a file is good when every one is: as `signtool verify /all` does it.
 */
#ifndef TSCLIENT_POLICY_H
#define TSCLIENT_POLICY_H

#include "tsa/wire/verify.h"
#include "tsclient/judge/subject.h"

struct policy_query {
    const struct chain_anchors *anchors;     /* for signers */
    const struct chain_anchors *tsa_anchors; /* for timestamps; NULL: their chains are not checked */
    struct gentime at;                       /* the time of asking */
    bool lifetime; /* a timestamp does not outlive the certificate, as with the lifetime signing purpose */
    bool require_timestamp; /* warn where there is none */
};

struct policy_stamp {
    enum spc_stamp_kind kind;    /* SPC_STAMP_NONE: there is none */
    struct verify_report report; /* facts and findings; its chain is empty */
    enum digest digest;          /* RFC 3161: the imprint's; legacy: the countersigner's */
    struct chain chain;          /* the authority's */
    enum rc rc;                  /* RC_OK: good; else what speaks against it */
};

/* policy_stamp_read reads a timestamp and makes every check but that of the chain. Free with policy_stamp_clear. */
void policy_stamp_read(const struct spc_signature *signature, size_t index, struct policy_stamp *out);

/* policy_stamp_judge checks the chain too, at the timestamp's time. */
void policy_stamp_judge(const struct spc_signature *signature, const struct chain_anchors *anchors,
                        struct policy_stamp *stamp);
void policy_stamp_clear(struct policy_stamp *stamp);

/* policy_stamp_is_lab_time tells whether it says of itself that its time is fenced lab time. */
bool policy_stamp_is_lab_time(const struct policy_stamp *stamp);

struct policy_signature {
    const struct spc_signature *spc;
    struct cert cert; /* the signer's; der empty when it is not there */
    struct chain chain;
    enum digest
        file_digest; /* of the digest that was signed; DIGEST_NONE: the signature covers its own content */
    struct spc_pages pages; /* signed page hashes; num is 0 where there are none */
    struct policy_stamp
        stamp; /* the one that counts: the first good one within the certificate's validity, else the first good one, else the first */
    bool by_stamp; /* judged at the timestamp's time */
    struct reasons reasons;
};

struct policy_file {
    struct policy_signature signatures[SPC_MAX_SIGNATURES];
    size_t num;
    struct reasons own;     /* of the file as a whole */
    struct reasons reasons; /* those, and all of its signatures' */
};

/* policy_judge judges subject, which must stay open while *out is used. NULL when out of memory; free with policy_free. */
struct policy_file *policy_judge(const struct subject *subject, const struct policy_query *query);

/* policy_read only takes the facts of signatures and timestamps: for showing. */
struct policy_file *policy_read(const struct subject *subject);
void policy_free(struct policy_file *file);

/* policy_note_weak adds REASON_WEAK_DIGEST for MD5 (a warning) and SHA-1 (a note). */
void policy_note_weak(struct reasons *reasons, enum digest alg);

/* policy_integrity fills cert, file_digest and pages of *out (whose spc is set) and adds what speaks against the signature itself: that it is
 * whole and covers the file as it is. No chains, no times. policy_check_integrity gives the first finding; a content that is not there
 * to compare is none. */
void policy_integrity(const struct subject *subject, struct policy_signature *out);
enum rc policy_check_integrity(const struct subject *subject, size_t index, struct reasons *out) MUST_CHECK;

#endif
