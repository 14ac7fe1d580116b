/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PE files. The signature stands in the attribute certificate table, which the security directory names by its offset in the
 * file. Every number is checked against the file before it is used. The digest leaves out the checksum, that directory entry
 * and the table, so the table must be the last part: neither octets behind it nor a table that was moved into the image may
 * pass for signed (Microsoft security bulletin MS12-024). put writes the PKCS #7 entries and keeps the others, and refuses a file whose table is not its last part.
 */
#include "tsclient/container/pe.h"

#include <string.h>

#include "tsa/wire/der.h"

#define ENTRY_HEADER  8
#define REVISION_2    0x0200
#define TYPE_PKCS7    0x0002
#define MAGIC_PE32    0x010b
#define MAGIC_PE32P   0x020b
#define MIN_DIRECTORY 5 /* entries that the directory must have to hold the security one */

struct pe {
    size_t checksum_at, directory_at;
    size_t table_at, table_len; /* 0, 0: none */
    size_t num_entries;
    struct entry {
        size_t at, len; /* in the file, with its padding */
        bool unpadded;  /* its dwLength leaves the padding out */
        struct bytes der;
        struct bytes tail; /* what its signer put behind the DER; empty where that is only padding */
    } pkcs7[CONTAINER_MAX_BLOBS];
    size_t num_pkcs7;
};

static uint16_t get16(struct bytes b, size_t at)
{
    return (uint16_t)(b.data[at] | b.data[at + 1] << 8);
}

static uint32_t get32(struct bytes b, size_t at)
{
    return get16(b, at) | (uint32_t)get16(b, at + 2) << 16;
}

static void put32(uint8_t out[4], uint32_t v)
{
    for (size_t i = 0; i < 4; i++) {
        out[i] = (uint8_t)(v >> 8 * i);
    }
}

static size_t padding_of(size_t len)
{
    return -len & 7u;
}

static bool is_zero(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        if (b.data[i] != 0) {
            return false;
        }
    }
    return true;
}

/* ---- structure: each part gives NULL, or the sentence that says what is wrong ---- */

static const char *read_headers(struct bytes file, struct pe *out)
{
    size_t e, x;
    uint16_t magic;

    if (file.len < 0x40 || !bytes_starts_with(file, bytes_str("MZ"))) {
        return "the file does not begin with a DOS header";
    }
    e = get32(file, 0x3c);
    if (e < 44 || e > file.len || file.len - e < 26) {
        return "the DOS header points outside the file";
    }
    if (memcmp(file.data + e, "PE\0\0", 4) != 0) {
        return "there is no PE header where the DOS header points";
    }
    magic = get16(file, e + 24);
    if (magic != MAGIC_PE32 && magic != MAGIC_PE32P) {
        return "the optional header is neither PE32 nor PE32+";
    }
    x = magic == MAGIC_PE32P ? 16 : 0;
    if (file.len - e < 160 + x) {
        return "the file ends within its headers";
    }
    if (get16(file, e + 20) < 136 + x || get32(file, e + 116 + x) < MIN_DIRECTORY) {
        return "the optional header has no room for a certificate table";
    }
    out->checksum_at = e + 88;
    out->directory_at = e + 152 + x;
    return NULL;
}

static const char *read_table_place(struct bytes file, struct pe *out)
{
    size_t at = get32(file, out->directory_at), len = get32(file, out->directory_at + 4);

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

/* The length that counts is the DER's: some signers count the padding in dwLength, some do not. */
static const char *read_pkcs7(struct bytes file, size_t at, size_t room, struct pe *out)
{
    size_t counted = get32(file, at), der_len;
    struct bytes contents = bytes_of(file.data + at + ENTRY_HEADER, counted - ENTRY_HEADER);
    struct entry *entry = &out->pkcs7[out->num_pkcs7];

    if (out->num_pkcs7 == CONTAINER_MAX_BLOBS) {
        return "the certificate table has more PKCS #7 entries than anybody signs with";
    }
    if (der_tlv_len(contents, &der_len) != RC_OK) {
        return "the certificate table's PKCS #7 entry holds no DER element";
    }
    *entry = (struct entry){.at = at,
                            .len = room,
                            .unpadded = counted == ENTRY_HEADER + der_len && counted % 8 != 0,
                            .der = bytes_of(contents.data, der_len),
                            .tail = bytes_of(contents.data + der_len, contents.len - der_len)};
    if (is_zero(entry->tail)) {
        entry->tail = BYTES_NONE;
    }
    out->num_pkcs7++;
    return NULL;
}

static const char *read_entries(struct bytes file, struct pe *out)
{
    size_t at = out->table_at, end = out->table_at + out->table_len, len, room;
    const char *why;

    while (end - at >= ENTRY_HEADER) {
        len = get32(file, at);
        if (len < ENTRY_HEADER || len > end - at) {
            return "an entry of the certificate table has an impossible length";
        }
        room = len + padding_of(len) < end - at ? len + padding_of(len) : end - at;
        if (get16(file, at + 4) == REVISION_2 && get16(file, at + 6) == TYPE_PKCS7) {
            why = read_pkcs7(file, at, room, out);
            if (why) {
                return why;
            }
        }
        out->num_entries++;
        at += room;
    }
    return is_zero(bytes_of(file.data + at, end - at))
               ? NULL
               : "the certificate table ends within an entry's header";
}

static const char *parse(struct bytes file, struct pe *out)
{
    const char *why;

    *out = (struct pe){0};
    why = read_headers(file, out);
    if (!why) {
        why = read_table_place(file, out);
    }
    if (!why && out->table_len > 0) {
        why = read_entries(file, out);
    }
    return why;
}

/* ---- checksum: 16-bit words added with end-around carry, then the length ---- */

struct sum {
    uint64_t total;
    bool odd; /* the next octet is the upper one of its word */
};

static void sum_add(struct sum *sum, struct bytes b)
{
    size_t i = 0;

    if (sum->odd && b.len > 0) {
        sum->total += (uint64_t)b.data[i++] << 8;
        sum->odd = false;
    }
    for (; i + 1 < b.len; i += 2) {
        sum->total += get16(b, i);
    }
    if (i < b.len) {
        sum->total += b.data[i];
        sum->odd = true;
    }
}

static uint32_t sum_end(const struct sum *sum, uint64_t file_len)
{
    uint64_t total = sum->total;

    while (total >> 16) {
        total = (total & 0xffff) + (total >> 16);
    }
    return (uint32_t)(total + file_len);
}

/* The checksum of the file as it will be: its own four octets count as zero, so they are left out. */
static uint32_t checksum_edited(struct bytes file, const struct pe *pe, const struct edits *e)
{
    struct sum sum = {0};
    size_t at = pe->checksum_at + 4;
    uint64_t len = file.len;

    sum_add(&sum, bytes_of(file.data, pe->checksum_at));
    for (size_t i = 0; i < e->num; i++) {
        const struct edit *edit = &e->list[i];

        sum_add(&sum, bytes_of(file.data + at, (size_t)edit->at - at));
        sum_add(&sum, edit->insert);
        at = (size_t)(edit->at + edit->remove);
        len += edit->insert.len - edit->remove;
    }
    sum_add(&sum, bytes_of(file.data + at, file.len - at));
    return sum_end(&sum, len);
}

uint32_t pe_checksum(struct bytes file)
{
    const struct edits none = {0};
    struct pe pe = {0};

    return read_headers(file, &pe) ? 0 : checksum_edited(file, &pe, &none);
}

uint32_t pe_checksum_get(struct bytes file)
{
    struct pe pe = {0};

    return read_headers(file, &pe) ? 0 : get32(file, pe.checksum_at);
}

size_t pe_num_entries(struct bytes file)
{
    struct pe pe;

    return parse(file, &pe) ? 0 : pe.num_entries;
}

/* ---- operations ---- */

static bool recognise(struct bytes file)
{
    return bytes_starts_with(file, bytes_str("MZ"));
}

static enum rc check(struct bytes file, const char **out_why)
{
    struct pe pe;

    *out_why = parse(file, &pe);
    return *out_why ? RC_FORMAT_MALFORMED : RC_OK;
}

static enum rc get(struct bytes file, struct container_blobs *out)
{
    struct pe pe;

    *out = (struct container_blobs){0};
    if (parse(file, &pe)) {
        return RC_FORMAT_MALFORMED;
    }
    for (size_t i = 0; i < pe.num_pkcs7; i++) {
        out->list[out->num++] = pe.pkcs7[i].der;
        out->has_tail |= pe.pkcs7[i].tail.len > 0;
    }
    return out->num > 0 ? RC_OK : RC_UNSIGNED;
}

static bool has_trailer(struct bytes file, const struct pe *pe)
{
    return pe->table_len > 0 && pe->table_at + pe->table_len != file.len;
}

/* An unsigned file is hashed as if it were padded already: signing pads it before the table is put behind. */
static enum rc digest(struct bytes file, enum digest alg, uint8_t *out)
{
    static const uint8_t zeros[8];
    struct bytes parts[4];
    struct pe pe;
    size_t after_directory, body_end;

    if (parse(file, &pe)) {
        return RC_FORMAT_MALFORMED;
    }
    if (has_trailer(file, &pe)) {
        return RC_FORMAT_TRAILER;
    }
    after_directory = pe.directory_at + 8;
    body_end = pe.table_len ? pe.table_at : file.len;
    parts[0] = bytes_of(file.data, pe.checksum_at);
    parts[1] = bytes_of(file.data + pe.checksum_at + 4, pe.directory_at - pe.checksum_at - 4);
    parts[2] = bytes_of(file.data + after_directory, body_end - after_directory);
    parts[3] = bytes_of(zeros, padding_of(body_end));
    return digest_compute(alg, parts, 4, out);
}

static void edit32(struct bytes file, struct edits *e, size_t at, uint32_t value, const char *what)
{
    uint8_t octets[4];

    if (get32(file, at) != value) {
        put32(octets, value);
        edits_add(e, at, 4, bytes_of(octets, 4), what);
    }
}

/* The entry in the form of the old one: with its tail, and with or without the padding in dwLength. */
static enum rc build_entry(const struct entry *old, struct bytes signature, struct wbuf *w)
{
    static const uint8_t zeros[8];
    size_t len = ENTRY_HEADER + signature.len + old->tail.len;
    size_t counted = old->unpadded ? len : len + padding_of(len);
    uint8_t octets[4];

    if (signature.len > UINT32_MAX / 2 || counted > UINT32_MAX) {
        return RC_TOO_LARGE;
    }
    put32(octets, (uint32_t)counted);
    wbuf_put(w, bytes_of(octets, 4));
    put32(octets, REVISION_2 | (uint32_t)TYPE_PKCS7 << 16);
    wbuf_put(w, bytes_of(octets, 4));
    wbuf_put(w, signature);
    wbuf_put(w, old->tail);
    wbuf_put(w, bytes_of(zeros, padding_of(len)));
    return wbuf_rc(w);
}

/* Replaces an entry, or (old->len is 0) puts one at the end of the file. *growth: how much longer the table gets. */
static enum rc put_entry(struct bytes file, const struct entry *old, struct bytes signature,
                         struct edits *out, int64_t *growth)
{
    struct wbuf entry;
    enum rc rc;

    wbuf_init(&entry, signature.len + old->tail.len + 2 * ENTRY_HEADER);
    rc = build_entry(old, signature, &entry);
    if (rc == RC_OK && !bytes_equal(bytes_of(file.data + old->at, old->len), wbuf_bytes(&entry))) {
        edits_add(out, old->at, old->len, wbuf_bytes(&entry), "certificate table");
    }
    *growth += (int64_t)entry.len - (int64_t)old->len;
    wbuf_clear(&entry);
    return rc != RC_OK ? rc : edits_rc(out);
}

static enum rc append_table(struct bytes file, const struct pe *pe, struct bytes signature, struct edits *out)
{
    static const uint8_t zeros[8];
    const struct entry none = {.at = file.len};
    size_t padding = padding_of(file.len);
    int64_t len = 0;
    enum rc rc;

    edits_add(out, file.len, 0, bytes_of(zeros, padding), "padding before the certificate table");
    rc = put_entry(file, &none, signature, out, &len);
    edit32(file, out, pe->directory_at, (uint32_t)(file.len + padding), "place of the certificate table");
    edit32(file, out, pe->directory_at + 4, (uint32_t)len, "size of the certificate table");
    return rc != RC_OK ? rc : edits_rc(out);
}

static enum rc replace_entries(struct bytes file, const struct pe *pe, const struct container_blobs *blobs,
                               struct edits *out)
{
    int64_t growth = 0;
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < pe->num_pkcs7; i++) {
        rc = put_entry(file, &pe->pkcs7[i], blobs->list[i], out, &growth);
    }
    edit32(file, out, pe->directory_at + 4, (uint32_t)((int64_t)pe->table_len + growth),
           "size of the certificate table");
    return rc != RC_OK ? rc : edits_rc(out);
}

/* One DER element each, as many as there are (or one where there is none); places in the file are 32 bits wide here. */
static enum rc check_blobs(struct bytes file, const struct pe *pe, const struct container_blobs *blobs)
{
    uint64_t end = file.len;
    size_t len;
    enum rc rc;

    if (blobs->num != (pe->table_len > 0 ? pe->num_pkcs7 : 1) || blobs->num == 0) {
        return RC_UNSIGNED;
    }
    for (size_t i = 0; i < blobs->num; i++) {
        rc = der_tlv_len(blobs->list[i], &len);
        if (rc != RC_OK || len != blobs->list[i].len) {
            return rc != RC_OK ? rc : RC_DER_TRAILING;
        }
        end += len + ENTRY_HEADER + 16;
        end -= i < pe->num_pkcs7 ? pe->pkcs7[i].der.len : 0;
    }
    return end <= UINT32_MAX ? RC_OK : RC_TOO_LARGE;
}

static enum rc put(struct bytes file, const struct container_blobs *blobs, struct edits *out)
{
    struct pe pe;
    enum rc rc;

    if (parse(file, &pe)) {
        return RC_FORMAT_MALFORMED;
    }
    if (has_trailer(file, &pe)) {
        return RC_FORMAT_TRAILER;
    }
    rc = check_blobs(file, &pe, blobs);
    if (rc == RC_OK) {
        rc = pe.table_len > 0 ? replace_entries(file, &pe, blobs, out)
                              : append_table(file, &pe, blobs->list[0], out);
    }
    if (rc == RC_OK) {
        edit32(file, out, pe.checksum_at, checksum_edited(file, &pe, out), "checksum");
    }
    return rc != RC_OK ? rc : edits_rc(out);
}

const struct container_ops pe_ops = {
    .name = "pe",
    .recognise = recognise,
    .check = check,
    .get = get,
    .digest = digest,
    .put = put,
};
