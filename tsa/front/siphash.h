/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012) with 64 bits of output: a hash for tables whose keys strangers choose.
 * Who does not know the secret can not aim at a place. It is no digest for anything that is signed or kept.
 */
#ifndef TSA_FRONT_SIPHASH_H
#define TSA_FRONT_SIPHASH_H

#include "tsa/wire/bytes.h"

uint64_t siphash(const uint64_t secret[2], struct bytes in);

#endif
