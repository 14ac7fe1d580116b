/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of RFC 3161: TimeStampReq, TSTInfo, TimeStampResp. Parse results are views into the input.
 */
#ifndef TSA_WIRE_TSP_H
#define TSA_WIRE_TSP_H

#include "tsa/wire/der.h"
#include "tsa/wire/digest.h"
#include "tsa/wire/gentime.h"

#define TSP_NONCE_MAX  64 /* octets of a nonce's shortest form */
#define TSP_SERIAL_MAX 20 /* octets that every client must take (RFC 3161 2.4.2: 160 bits) */
#define TSP_POLICY_MAX 64 /* contents octets of a policy that is looked at */

struct tsp_imprint {
    enum digest alg;      /* DIGEST_NONE when the algorithm is not of the table */
    struct bytes alg_oid; /* contents octets as received */
    bool alg_null; /* parameters: NULL (true) or absent (false), RFC 3161 leaves both; echoed as received */
    struct bytes hash;
};

/* TimeStampReq, RFC 3161 2.4.1 */
struct tsp_request {
    struct tsp_imprint imprint;
    struct bytes policy; /* contents octets; empty when none was asked for */
    struct bytes nonce;  /* shortest contents octets of the INTEGER; empty when there is none */
    bool cert_req;
    bool has_extensions;
};

/*
 * tsp_request_parse reads a whole request; BOOLEAN and INTEGER with the liberties of DER_REQUEST. RC_DER_* is undecodable. What is
 * well-formed but not acceptable comes back by the first that applies of RC_TSP_VERSION (nothing else is read then),
 * RC_DIGEST_UNKNOWN, RC_DIGEST_LENGTH, RC_TSP_EXTENSION, RC_TSP_NONCE_SIZE, RC_TSP_POLICY (longer than TSP_POLICY_MAX), with *out
 * filled whole.
 */
enum rc tsp_request_parse(struct bytes in, struct tsp_request *out) MUST_CHECK;

/* tsp_request_build writes strict DER. */
void tsp_request_build(struct wbuf *w, const struct tsp_request *request);

struct tsp_accuracy { /* RFC 3161 2.4.2; all zero = absent */
    uint32_t seconds;
    uint16_t millis, micros; /* 0 .. 999 */
};

struct tsp_tstinfo {
    struct bytes policy;
    struct tsp_imprint imprint;
    struct bytes serial; /* contents octets of the INTEGER, shortest form */
    struct gentime time;
    unsigned
        time_digits; /* build: digits of the fraction at most, 0 .. 9; the value is written as it is, cut to them */
    struct tsp_accuracy accuracy;
    bool has_accuracy;
    bool ordering;
    struct bytes nonce;      /* empty when there is none */
    struct bytes tsa_name;   /* GeneralName with tag and length; empty when absent */
    struct bytes extensions; /* parse: contents of [1]; build: not written */
    bool has_critical_extension;
};

/* tsp_tstinfo_parse reads a TSTInfo under the given rules (DER_STRICT for our own, DER_FOREIGN for others'). RC_TSP_VERSION,
 * RC_TIME_FORM, RC_TSP_ACCURACY, RC_DER_*; RC_DIGEST_LENGTH with *out filled. An unknown imprint algorithm and a critical
 * extension are told in *out, and are RC_OK. */
enum rc tsp_tstinfo_parse(struct bytes in, enum der_rules rules, struct tsp_tstinfo *out) MUST_CHECK;

/* tsp_tstinfo_build writes DER; an accuracy of zero is left out, as are its zero parts. Latches RC_TIME_RANGE, RC_TSP_ACCURACY. */
void tsp_tstinfo_build(struct wbuf *w, const struct tsp_tstinfo *info);

/* tsp_accuracy_ns and its inverse (cut to whole microseconds). */
int64_t tsp_accuracy_ns(struct tsp_accuracy accuracy);
struct tsp_accuracy tsp_accuracy_of_ns(int64_t ns);

enum tsp_status {
    TSP_GRANTED = 0,
    TSP_GRANTED_WITH_MODS = 1,
    TSP_REJECTION = 2,
    TSP_WAITING = 3,
    TSP_REVOCATION_WARNING = 4,
    TSP_REVOCATION_NOTIFICATION = 5
};

enum tsp_failure { /* PKIFailureInfo: the number of the named bit */
    TSP_NO_FAILURE = -1,
    TSP_BAD_ALG = 0,
    TSP_BAD_REQUEST = 2,
    TSP_BAD_DATA_FORMAT = 5,
    TSP_TIME_NOT_AVAILABLE = 14,
    TSP_UNACCEPTED_POLICY = 15,
    TSP_UNACCEPTED_EXTENSION = 16,
    TSP_ADD_INFO_NOT_AVAILABLE = 17,
    TSP_SYSTEM_FAILURE = 25,
};

const char *tsp_failure_name(enum tsp_failure failure); /* "badAlg"; "none"; "unknown" */
const char *tsp_status_name(enum tsp_status status);    /* "granted" */

struct tsp_response {
    enum tsp_status status;
    enum tsp_failure failure;   /* the first bit set; TSP_NO_FAILURE */
    struct bytes status_string; /* contents of the first UTF8String; empty when absent */
    struct bytes token;         /* ContentInfo with tag and length; empty when absent */
};

/* tsp_response_parse reads a whole reply and the rule that a token is there exactly when granted. RC_TSP_STATUS (unknown status or
 * failure, or a failure beside granted), RC_TSP_TOKEN_MISSING, RC_TSP_TOKEN_UNEXPECTED: *out is filled for the report; RC_DER_*.
 * A refusal is RC_OK with status TSP_REJECTION. status_string is not checked: it may hold anything, escape it. */
enum rc tsp_response_parse(struct bytes in, struct tsp_response *out) MUST_CHECK;

/* tsp_response_open_granted starts a granted reply: put the token behind it, then der_close(mark). */
size_t tsp_response_open_granted(struct wbuf *w);

/* tsp_response_build_refusal writes status rejection, one failInfo bit, one sentence. */
void tsp_response_build_refusal(struct wbuf *w, enum tsp_failure failure, const char *text);

/* tsp_failure_of_rc tells which PKIFailureInfo a reason becomes (one table for the whole authority). */
enum tsp_failure tsp_failure_of_rc(enum rc rc);

#endif
