/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the headers and the attribute certificate table of a PE file. Every number is checked against the file before it is
 * used; what does not fit together is told by a sentence, and nothing is guessed.
 */
#include "tsclient/container/pe_layout.h"

#include <string.h>

#include "tsa/wire/ber.h"

#define MAGIC_PE32     0x010b
#define MAGIC_PE32P    0x020b
#define MIN_DIRECTORY  5 /* entries that the directory must have to hold the security one */
#define SECTION_HEADER 40

#define REVISION_1                                                                                           \
    0x0100 /* "only for purposes of verifying legacy Authenticode signatures": read, and kept */

#define MACHINE_ALPHA   0x0184
#define MACHINE_IA64    0x0200
#define MACHINE_ALPHA64 0x0284

uint16_t pe_get16(struct bytes b, size_t at)
{
    return (uint16_t)(b.data[at] | b.data[at + 1] << 8);
}

uint32_t pe_get32(struct bytes b, size_t at)
{
    return pe_get16(b, at) | (uint32_t)pe_get16(b, at + 2) << 16;
}

size_t pe_padding_of(size_t len)
{
    return -len & 7u;
}

/* ---- structure: each part gives NULL, or the sentence that says what is wrong ---- */

static size_t page_len_of(uint16_t machine)
{
    return machine == MACHINE_ALPHA || machine == MACHINE_ALPHA64 || machine == MACHINE_IA64 ? 8192 : 4096;
}

/* The PE header may lie over the DOS header, or far behind it: Windows has no bound but the file's end. */
const char *pe_read_headers(struct bytes file, struct pe *out)
{
    size_t e, x;
    uint16_t magic;

    if (file.len < 0x40 || !bytes_starts_with(file, bytes_str("MZ"))) {
        return "the file does not begin with a DOS header";
    }
    e = pe_get32(file, 0x3c);
    if (e > file.len || file.len - e < 26) {
        return "the DOS header points outside the file";
    }
    if (memcmp(file.data + e, "PE\0\0", 4) != 0) {
        return "there is no PE header where the DOS header points";
    }
    magic = pe_get16(file, e + 24);
    if (magic != MAGIC_PE32 && magic != MAGIC_PE32P) {
        return "the optional header is neither PE32 nor PE32+";
    }
    x = magic == MAGIC_PE32P ? 16 : 0;
    if (file.len - e < 160 + x) {
        return "the file ends within its headers";
    }
    if (pe_get16(file, e + 20) < 136 + x || pe_get32(file, e + 116 + x) < MIN_DIRECTORY) {
        return "the optional header has no room for a certificate table";
    }
    out->page_len = page_len_of(pe_get16(file, e + 4));
    out->num_sections = pe_get16(file, e + 6);
    out->sections_at = e + 24 + pe_get16(file, e + 20);
    out->headers_len = pe_get32(file, e + 84);
    out->checksum_at = e + 88;
    out->directory_at = e + 152 + x;
    return NULL;
}

/* Windows rejects a signature at any other place than a multiple of 8. Nor could one tell whether the padding that signing puts
 * before the table was hashed. */
static const char *read_table_place(struct bytes file, struct pe *out)
{
    size_t at = pe_get32(file, out->directory_at), len = pe_get32(file, out->directory_at + 4);

    if (len == 0) {
        return NULL;
    }
    if (at < out->directory_at + 8) {
        return "the certificate table lies within the headers";
    }
    if (at > file.len || len > file.len - at) {
        return "the certificate table reaches beyond the end of the file";
    }
    if (at % 8 != 0) {
        return "the certificate table does not start at a multiple of 8";
    }
    out->table_at = at;
    out->table_len = len;
    return NULL;
}

/* Without a place there is nothing of it in the file, whatever the length says: so do some linkers write uninitialised data. */
struct pe_section pe_section(struct bytes file, const struct pe *pe, size_t index)
{
    size_t at = pe->sections_at + index * SECTION_HEADER;
    size_t place = pe_get32(file, at + 20);

    return (struct pe_section){.at = place, .len = place > 0 ? pe_get32(file, at + 16) : 0};
}

size_t pe_sections_end(struct bytes file, const struct pe *pe)
{
    struct pe_section section;
    size_t end = 0;

    for (size_t i = 0; i < pe->num_sections; i++) {
        section = pe_section(file, pe, i);
        if (section.len > 0 && section.at + section.len > end) {
            end = section.at + section.len;
        }
    }
    return end;
}

/* A loader would map what lies in the certificate table, and no digest covers that. Where the table is not the last part, there
 * is no digest anyway. */
static const char *check_sections(struct bytes file, const struct pe *pe)
{
    bool is_last = pe->table_len > 0 && pe->table_at + pe->table_len == file.len;
    size_t end = is_last ? pe->table_at : file.len;

    if (pe->sections_at > end || pe->num_sections > (end - pe->sections_at) / SECTION_HEADER) {
        return is_last ? "the certificate table lies within the headers"
                       : "the section table reaches beyond the end of the file";
    }
    if (is_last && pe_sections_end(file, pe) > end) {
        return "a section reaches into the certificate table";
    }
    return NULL;
}

static bool is_pkcs7(struct bytes file, size_t at)
{
    uint16_t revision = pe_get16(file, at + 4);

    return (revision == REVISION_1 || revision == PE_REVISION) && pe_get16(file, at + 6) == PE_TYPE_PKCS7;
}

/* The length that counts is the element's: some signers count the padding in dwLength, some do not, and installers hide their
 * own data behind it. */
static const char *read_pkcs7(struct bytes file, size_t at, size_t room, struct pe *out)
{
    size_t counted = pe_get32(file, at), len;
    struct bytes contents = bytes_of(file.data + at + PE_ENTRY_HEADER, counted - PE_ENTRY_HEADER), rest;
    struct pe_entry *entry = &out->pkcs7[out->num_pkcs7];

    if (out->num_pkcs7 == CONTAINER_MAX_BLOBS) {
        return "the certificate table has more PKCS #7 entries than anybody signs with";
    }
    if (ber_tlv_len(contents, &len) != RC_OK) {
        return "the certificate table's PKCS #7 entry holds no DER element";
    }
    rest = bytes_of(contents.data + len, contents.len - len);
    *entry = (struct pe_entry){
        .at = at,
        .len = room,
        .revision = pe_get16(file, at + 4),
        .der = bytes_of(contents.data, len),
        .is_padded = bytes_are_zero(rest) && rest.len == pe_padding_of(PE_ENTRY_HEADER + len),
        .hides = !bytes_are_zero(bytes_of(contents.data + len, room - PE_ENTRY_HEADER - len))};
    entry->tail = entry->is_padded ? BYTES_NONE : rest;
    out->num_pkcs7++;
    return NULL;
}

static const char *read_entries(struct bytes file, struct pe *out)
{
    size_t at = out->table_at, end = out->table_at + out->table_len, len, room;
    const char *why;

    while (end - at >= PE_ENTRY_HEADER) {
        len = pe_get32(file, at);
        if (len < PE_ENTRY_HEADER || len > end - at) {
            return "an entry of the certificate table has an impossible length";
        }
        room = len + pe_padding_of(len) < end - at ? len + pe_padding_of(len) : end - at;
        if (is_pkcs7(file, at)) {
            why = read_pkcs7(file, at, room, out);
            if (why) {
                return why;
            }
        } else {
            out->others_hide |=
                !bytes_are_zero(bytes_of(file.data + at + PE_ENTRY_HEADER, room - PE_ENTRY_HEADER));
        }
        out->num_entries++;
        at += room;
    }
    return bytes_are_zero(bytes_of(file.data + at, end - at))
               ? NULL
               : "the certificate table ends within an entry's header";
}

const char *pe_parse(struct bytes file, struct pe *out)
{
    const char *why;

    *out = (struct pe){0};
    why = pe_read_headers(file, out);
    if (!why) {
        why = read_table_place(file, out);
    }
    if (!why) {
        why = check_sections(file, out);
    }
    if (!why && out->table_len > 0) {
        why = read_entries(file, out);
    }
    return why;
}
