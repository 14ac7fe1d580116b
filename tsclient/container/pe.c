/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PE files. The signature stands in the attribute certificate table, which the security directory names by its offset in the
 * file. The digest leaves out the checksum, that directory entry and the table, so the table must be the last part: neither
 * octets behind it nor a table that was moved into the image may pass for signed (Microsoft security bulletin MS12-024). put
 * writes the PKCS #7 entries and keeps the others, and refuses a file whose table is not its last part.
 */
#include "tsclient/container/pe.h"

#include "tsa/wire/ber.h"
#include "tsclient/container/pe_layout.h"

size_t pe_num_entries(struct bytes file)
{
    struct pe pe;

    return pe_parse(file, &pe) ? 0 : pe.num_entries;
}

static void put32(uint8_t out[4], uint32_t v)
{
    for (size_t i = 0; i < 4; i++) {
        out[i] = (uint8_t)(v >> 8 * i);
    }
}

static bool recognise(struct bytes file)
{
    return bytes_starts_with(file, bytes_str("MZ"));
}

static enum rc check(struct bytes file, const char **out_why)
{
    struct pe pe;

    *out_why = pe_parse(file, &pe);
    return *out_why ? RC_FORMAT_MALFORMED : RC_OK;
}

static enum rc get(struct bytes file, struct container_blobs *out)
{
    struct pe pe;

    *out = (struct container_blobs){0};
    if (pe_parse(file, &pe)) {
        return RC_FORMAT_MALFORMED;
    }
    out->has_tail = pe.num_pkcs7 > 0 && pe.others_hide;
    for (size_t i = 0; i < pe.num_pkcs7; i++) {
        out->list[out->num++] = pe.pkcs7[i].der;
        out->has_tail |= pe.pkcs7[i].hides;
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

    if (pe_parse(file, &pe)) {
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
    parts[3] = bytes_of(zeros, pe_padding_of(body_end));
    return digest_compute(alg, parts, 4, out);
}

static void edit32(struct bytes file, struct edits *e, size_t at, uint32_t value, const char *what)
{
    uint8_t octets[4];

    if (pe_get32(file, at) != value) {
        put32(octets, value);
        edits_add(e, at, 4, bytes_of(octets, 4), what);
    }
}

/* The entry in the form of the old one: revision, tail, and with or without the padding in dwLength. Behind a tail dwLength never
 * counts the padding, or the next reader would take that for a part of the tail. */
static enum rc build_entry(const struct pe_entry *old, struct bytes signature, struct wbuf *w)
{
    static const uint8_t zeros[8];
    size_t len = PE_ENTRY_HEADER + signature.len + old->tail.len;
    size_t counted = old->is_padded ? len + pe_padding_of(len) : len;
    uint8_t octets[4];

    if (signature.len > UINT32_MAX / 2 || counted > UINT32_MAX) {
        return RC_TOO_LARGE;
    }
    put32(octets, (uint32_t)counted);
    wbuf_put(w, bytes_of(octets, 4));
    put32(octets, old->revision | (uint32_t)PE_TYPE_PKCS7 << 16);
    wbuf_put(w, bytes_of(octets, 4));
    wbuf_put(w, signature);
    wbuf_put(w, old->tail);
    wbuf_put(w, bytes_of(zeros, pe_padding_of(len)));
    return wbuf_rc(w);
}

/* Replaces an entry, or (old->len is 0) puts one at the end of the file. *growth: how much longer the table gets. */
static enum rc put_entry(struct bytes file, const struct pe_entry *old, struct bytes signature,
                         struct edits *out, int64_t *growth)
{
    struct wbuf entry;
    enum rc rc;

    wbuf_init(&entry, signature.len + old->tail.len + 2 * PE_ENTRY_HEADER);
    rc = build_entry(old, signature, &entry);
    if (rc == RC_OK && !bytes_equal(bytes_of(file.data + old->at, old->len), wbuf_bytes(&entry))) {
        edits_add(out, old->at, old->len, wbuf_bytes(&entry), "certificate table");
    }
    *growth += (int64_t)entry.len - (int64_t)old->len;
    wbuf_clear(&entry);
    return rc != RC_OK ? rc : edits_rc(out);
}

/* No table may come where a section claims to be: there it would be malformed. */
static enum rc append_table(struct bytes file, const struct pe *pe, struct bytes signature, struct edits *out)
{
    static const uint8_t zeros[8];
    const struct pe_entry none = {.at = file.len, .revision = PE_REVISION, .is_padded = true};
    size_t padding = pe_padding_of(file.len);
    int64_t len = 0;
    enum rc rc;

    if (pe_sections_end(file, pe) > file.len + padding) {
        return RC_FORMAT_MALFORMED;
    }
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

/* One element each, as many as there are (or one where there is none); places in the file are 32 bits wide here. */
static enum rc check_blobs(struct bytes file, const struct pe *pe, const struct container_blobs *blobs)
{
    uint64_t end = file.len;
    size_t len;
    enum rc rc;

    if (blobs->num != (pe->table_len > 0 ? pe->num_pkcs7 : 1) || blobs->num == 0) {
        return RC_UNSIGNED;
    }
    for (size_t i = 0; i < blobs->num; i++) {
        rc = ber_tlv_len(blobs->list[i], &len);
        if (rc != RC_OK || len != blobs->list[i].len) {
            return rc != RC_OK ? rc : RC_DER_TRAILING;
        }
        end += len + PE_ENTRY_HEADER + 16;
        end -= i < pe->num_pkcs7 ? pe->pkcs7[i].der.len : 0;
    }
    return end <= UINT32_MAX ? RC_OK : RC_TOO_LARGE;
}

/* A checksum of zero says that there is none, and stays: whoever takes a timestamp off again wants the octets of before. Any other
 * is made right, also where it was wrong: it can't stay as it is, and nobody is helped by another wrong one. */
static enum rc put(struct bytes file, const struct container_blobs *blobs, struct edits *out)
{
    struct pe pe;
    enum rc rc;

    if (pe_parse(file, &pe)) {
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
    if (rc == RC_OK && pe_get32(file, pe.checksum_at) != 0) {
        edit32(file, out, pe.checksum_at, pe_checksum_edited(file, &pe, out), "checksum");
    }
    return rc != RC_OK ? rc : edits_rc(out);
}

const struct container_ops pe_ops = {
    .name = "pe",
    .recognise = recognise,
    .check = check,
    .get = get,
    .digest = digest,
    .check_pages = pe_check_pages,
    .put = put,
};
