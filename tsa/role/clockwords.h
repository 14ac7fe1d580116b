/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock's states, reasons and figures in words, the same wherever people read them: page, readiness, status, log. ASCII alone, since a
 * sentence may travel in a header or a log line.
 */
#ifndef TSA_ROLE_CLOCKWORDS_H
#define TSA_ROLE_CLOCKWORDS_H

#include "tsa/role/clockpage.h"

#define CLOCKWORDS_MAX 200

/* clockwords_duration writes how long |ns| is: "1.204 s", "50 ms", "364 d"; returns out. */
char *clockwords_duration(int64_t ns, char out[CLOCKWORDS_MAX]);

/* clockwords_figure writes what a figure means with its reason ("it may be wrong by 1.204 s"), empty where there is none (-1), or reason has none. */
char *clockwords_figure(enum rc reason, int64_t figure_ns, char out[CLOCKWORDS_MAX]);

/* clockwords_sentence writes reason and figure: "the clock was set: by -50 ms". A warning says what it is that does not stop anything yet. Empty
 * for RC_OK. */
char *clockwords_sentence(uint32_t state, enum rc reason, int64_t figure_ns, char out[CLOCKWORDS_MAX]);

/* Stable words of enum clockpage_state, _proof and _leap, for programs; what is none of them is "unknown". */
const char *clockwords_state(uint32_t state);
const char *clockwords_proof(uint32_t proof);
const char *clockwords_leap(uint32_t leap);

/* clockwords_proof_text says for people how far the clock is proven. */
const char *clockwords_proof_text(uint32_t proof);

#endif
