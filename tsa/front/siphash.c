/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash-2-4. libcrypto has it as a MAC behind a context that is fetched and allocated, which costs more than what it is for here: a look into a
 * table on every request.
 */
#include "tsa/front/siphash.h"

#define ROUNDS_WORD 2
#define ROUNDS_END  4

static uint64_t turn(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static void mix(uint64_t v[4], int rounds)
{
    for (; rounds > 0; rounds--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = turn(v[1], 13) ^ v[0];
        v[3] = turn(v[3], 16) ^ v[2];
        v[0] = turn(v[0], 32) + v[3];
        v[2] += v[1];
        v[3] = turn(v[3], 21) ^ v[0];
        v[1] = turn(v[1], 17) ^ v[2];
        v[2] = turn(v[2], 32);
    }
}

static uint64_t word_at(const uint8_t *at, size_t len)
{
    uint64_t word = 0;

    for (size_t i = 0; i < len; i++) {
        word |= (uint64_t)at[i] << (8 * i);
    }
    return word;
}

static void take(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    mix(v, ROUNDS_WORD);
    v[0] ^= word;
}

uint64_t siphash(const uint64_t secret[2], struct bytes in)
{
    /* "somepseudorandomlygeneratedbytes" */
    uint64_t v[4] = {UINT64_C(0x736f6d6570736575) ^ secret[0], UINT64_C(0x646f72616e646f6d) ^ secret[1],
                     UINT64_C(0x6c7967656e657261) ^ secret[0], UINT64_C(0x7465646279746573) ^ secret[1]};
    size_t at = 0;

    for (; in.len - at >= 8; at += 8) {
        take(v, word_at(in.data + at, 8));
    }
    take(v, (uint64_t)in.len << 56 | word_at(in.data + at, in.len - at));
    v[2] ^= 0xff;
    mix(v, ROUNDS_END);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
