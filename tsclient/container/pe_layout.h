/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the parts of a PE file stand that signatures have to do with (Microsoft, "PE Format"). For the pe_*.c files alone. What
 * pe_parse gives lies within the file: its readers need no check of their own.
 */
#ifndef TSCLIENT_CONTAINER_PE_LAYOUT_H
#define TSCLIENT_CONTAINER_PE_LAYOUT_H

#include "tsclient/container/container.h"

#define PE_ENTRY_HEADER 8
#define PE_REVISION     0x0200 /* of an entry, today */
#define PE_TYPE_PKCS7   0x0002

/* An entry of the certificate table that holds a PKCS #7 signature. */
struct pe_entry {
    size_t at, len; /* in the file, with its padding */
    uint16_t revision;
    struct bytes der;  /* one element, DER or BER */
    struct bytes tail; /* what else dwLength counts behind it; empty where that is nothing but the padding */
    bool is_padded;    /* dwLength counts the padding, too */
    bool hides;        /* behind the element stand octets other than zero */
};

struct pe {
    size_t checksum_at, directory_at;
    size_t page_len;    /* of the machine that it is for */
    size_t headers_len; /* SizeOfHeaders, as the file says it */
    size_t sections_at, num_sections;
    size_t table_at, table_len; /* 0, 0: none */
    size_t num_entries;         /* of any type */
    bool others_hide;           /* entries that are no PKCS #7 signature hold octets other than zero */
    struct pe_entry pkcs7[CONTAINER_MAX_BLOBS];
    size_t num_pkcs7;
};

/* What the file holds of a section, as its header says it. */
struct pe_section {
    size_t at, len;
};

/* pe_parse reads headers and certificate table. NULL, or a static sentence that says what is wrong. pe_read_headers reads no table. */
const char *pe_parse(struct bytes file, struct pe *out);
const char *pe_read_headers(struct bytes file, struct pe *out);

/* pe_section gives the header of one of num_sections; pe_sections_end where the last of them ends, as they say it. */
struct pe_section pe_section(struct bytes file, const struct pe *pe, size_t index);
size_t pe_sections_end(struct bytes file, const struct pe *pe);

/* Little endian numbers at a place that lies within b. */
uint16_t pe_get16(struct bytes b, size_t at);
uint32_t pe_get32(struct bytes b, size_t at);

/* pe_padding_of gives the octets from len to the next multiple of 8. */
size_t pe_padding_of(size_t len);

/* pe_checksum_edited gives the checksum of the file as it will be after the edits, none of which changes the checksum itself. */
uint32_t pe_checksum_edited(struct bytes file, const struct pe *pe, const struct edits *e);

/* pe_check_pages is the operation of that name. */
enum rc pe_check_pages(struct bytes file, const struct spc_pages *pages);

#endif
