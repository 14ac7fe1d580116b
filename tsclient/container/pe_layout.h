/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the parts of a PE file stand that signatures have to do with (Microsoft, "PE Format"). For the pe_*.c files alone. What
 * pe_parse gives lies within the file: its readers need no check of their own.
 */
#ifndef TSCLIENT_CONTAINER_PE_LAYOUT_H
#define TSCLIENT_CONTAINER_PE_LAYOUT_H

#include "tsclient/container/container.h"

#define PE_ENTRY_HEADER 8
#define PE_REVISION_2   0x0200
#define PE_TYPE_PKCS7   0x0002

/* An entry of the certificate table that holds a PKCS #7 signature. */
struct pe_entry {
    size_t at, len; /* in the file, with its padding */
    bool unpadded;  /* its dwLength leaves the padding out */
    struct bytes der;
    struct bytes tail; /* what its signer put behind the DER; empty where that is only padding */
};

struct pe {
    size_t checksum_at, directory_at;
    size_t table_at, table_len; /* 0, 0: none */
    size_t num_entries;         /* of any type */
    struct pe_entry pkcs7[CONTAINER_MAX_BLOBS];
    size_t num_pkcs7;
};

/* pe_parse reads headers and certificate table. NULL, or a static sentence that says what is wrong. pe_read_headers reads no table. */
const char *pe_parse(struct bytes file, struct pe *out);
const char *pe_read_headers(struct bytes file, struct pe *out);

/* Little endian numbers at a place that lies within b. */
uint16_t pe_get16(struct bytes b, size_t at);
uint32_t pe_get32(struct bytes b, size_t at);

/* pe_padding_of gives the octets from len to the next multiple of 8. */
size_t pe_padding_of(size_t len);

/* pe_checksum_edited gives the checksum of the file as it will be after the edits, none of which changes the checksum itself. */
uint32_t pe_checksum_edited(struct bytes file, const struct pe *pe, const struct edits *e);

#endif
