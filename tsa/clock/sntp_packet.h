/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of SNTP version 4 (RFC 4330, RFC 5905 7.3): a question out, an answer in; octets to numbers, nothing else. The question tells nothing of
 * this machine: the only field that is filled beside the first octet is the transmit time, and that is random (the answer must repeat
 * it); when it was sent is remembered here. No symmetric modes, no authentication (that is chrony's work), no extensions.
 */
#ifndef TSA_CLOCK_SNTP_PACKET_H
#define TSA_CLOCK_SNTP_PACKET_H

#include "tsa/clock/sntp_estimate.h"

#define SNTP_PACKET_LEN 48

enum sntp_answer {
    SNTP_FOREIGN, /* no answer to this question: as if it had not come */
    SNTP_TIME,
    SNTP_UNFIT, /* the server says that it can not be used, or what it says is impossible */
    SNTP_RATE,  /* kiss code RATE: it is asked too often */
    SNTP_LEAVE  /* kiss codes DENY, RSTR: it does not want to be asked */
};

struct sntp_reply {
    int64_t received_ns, sent_ns; /* T2, T3: since 1970 */
    int64_t error_ns;             /* root delay / 2 + root dispersion + precision */
    uint32_t stratum;
    enum clockpage_leap leap;
    char reference
        [20]; /* of its own reference: "GPS" (stratum 1), "192.0.2.7" (IPv4, or a hash of IPv6), "KISS RATE" */
};

/* sntp_put_question writes the question; nonce is random and never 0. */
void sntp_put_question(uint8_t out[SNTP_PACKET_LEN], uint64_t nonce);

/* sntp_get_answer reads a datagram. near_ns (since 1970; 1970 .. 2191) tells which of the eras of 136 years is meant: the nearest. *out is filled but with
 * SNTP_FOREIGN; its times with SNTP_TIME only. */
enum sntp_answer sntp_get_answer(struct bytes datagram, uint64_t nonce, int64_t near_ns,
                                 struct sntp_reply *out) MUST_CHECK;

/* sntp_time reads 64 bits of NTP time, sntp_put_time makes them (rounded down). */
int64_t sntp_time(uint64_t ntp, int64_t near_ns);
uint64_t sntp_put_time(int64_t ns);

#endif
