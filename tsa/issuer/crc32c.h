/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C (Castagnoli, as RFC 3720 B.4 has it), with which each record of the ledger shows that it was written whole. It finds
 * accidents, not forgers.
 */
#ifndef TSA_ISSUER_CRC32C_H
#define TSA_ISSUER_CRC32C_H

#include "tsa/wire/bytes.h"

/* The tables of one user; 8 KiB. crc32c_init fills them. */
struct crc32c {
    uint32_t table[8][256];
};
void crc32c_init(struct crc32c *crc);

/* crc32c_of gives the checksum of b; start is 0, or the checksum of what stands before b. */
uint32_t crc32c_of(const struct crc32c *crc, uint32_t start, struct bytes b);

#endif
