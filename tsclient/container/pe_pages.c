/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page hashes of a PE image: the headers page by page (the first without checksum and security directory, as in the digest),
 * then each page of what the file holds of each section, every last page filled up with zeros. A page has the length that the
 * machine's memory gives it, whatever the section alignment says. One walk serves those who compare and those who write; no octet
 * of the file stands in two pages, so a hostile section table costs no more than the file is long.
 */
#include "tsclient/container/pe.h"
#include "tsclient/container/pe_layout.h"

#define PAGE_MAX   8192
#define OFFSET_LEN 4

static const uint8_t zeros[PAGE_MAX];

struct walk {
    struct bytes file;
    const struct pe *pe;
    enum digest alg;
    size_t end; /* of the page before, in the file */
    enum rc (*take)(struct walk *walk, size_t offset, struct bytes hash);
    const struct spc_pages *pages; /* compared with */
    struct wbuf *out;              /* or written to */
    size_t index;                  /* of the next entry */
};

/* ---- the walk ---- */

/* The page at offset, of so many octets in the file, made of parts; the fourth fills it up. */
static enum rc walk_page(struct walk *walk, size_t offset, size_t len, struct bytes parts[4])
{
    uint8_t hash[DIGEST_MAX];
    enum rc rc;

    if (offset < walk->end) {
        return RC_FORMAT_MALFORMED;
    }
    parts[3] = bytes_of(zeros, walk->pe->page_len - len);
    walk->end = offset + len;
    rc = digest_compute(walk->alg, parts, 4, hash);
    return rc == RC_OK ? walk->take(walk, offset, bytes_of(hash, digest_len(walk->alg))) : rc;
}

/* What lies outside the file, or in the certificate table, is in no page. */
static enum rc walk_range(struct walk *walk, size_t at, size_t len)
{
    size_t body_end = walk->pe->table_len > 0 ? walk->pe->table_at : walk->file.len, here;
    enum rc rc = at <= body_end && len <= body_end - at ? RC_OK : RC_FORMAT_MALFORMED;

    for (; rc == RC_OK && len > 0; at += here, len -= here) {
        here = len < walk->pe->page_len ? len : walk->pe->page_len;
        struct bytes parts[4] = {bytes_of(walk->file.data + at, here)};

        rc = walk_page(walk, at, here, parts);
    }
    return rc;
}

/* Where the PE header stands so far behind that its first page has not all that is left out, nobody knows what is hashed. */
static enum rc walk_headers(struct walk *walk)
{
    const struct pe *pe = walk->pe;
    size_t checksum_end = pe->checksum_at + 4, directory_end = pe->directory_at + 8;
    size_t first = pe->headers_len < pe->page_len ? pe->headers_len : pe->page_len;
    const uint8_t *file = walk->file.data;
    enum rc rc;

    if (pe->headers_len > walk->file.len || directory_end > first) {
        return RC_FORMAT_MALFORMED;
    }
    struct bytes parts[4] = {
        bytes_of(file, pe->checksum_at),
        bytes_of(file + checksum_end, pe->directory_at - checksum_end),
        bytes_of(file + directory_end, first - directory_end),
    };
    rc = walk_page(walk, 0, first, parts);
    return rc == RC_OK ? walk_range(walk, first, pe->headers_len - first) : rc;
}

static enum rc walk_image(struct walk *walk)
{
    struct pe_section section;
    enum rc rc = walk_headers(walk);

    for (size_t i = 0; rc == RC_OK && i < walk->pe->num_sections; i++) {
        section = pe_section(walk->file, walk->pe, i);
        if (section.len > 0) {
            rc = walk_range(walk, section.at, section.len);
        }
    }
    return rc;
}

/* ---- comparing ---- */

static bool is_entry(const struct walk *walk, size_t offset, struct bytes hash)
{
    size_t at = walk->index * (OFFSET_LEN + hash.len);

    return pe_get32(walk->pages->entries, at) == offset &&
           bytes_equal(bytes_slice(walk->pages->entries, at + OFFSET_LEN, hash.len, NULL), hash);
}

/* The last entry is none of a page. */
static enum rc compare_page(struct walk *walk, size_t offset, struct bytes hash)
{
    bool same = walk->index + 1 < walk->pages->num && is_entry(walk, offset, hash);

    walk->index++;
    return same ? RC_OK : RC_SPC_PAGE_HASH;
}

/* It tells where the last page ends, and has no hash. */
static enum rc compare_end(const struct walk *walk)
{
    return walk->index + 1 == walk->pages->num &&
                   is_entry(walk, walk->end, bytes_of(zeros, digest_len(walk->alg)))
               ? RC_OK
               : RC_SPC_PAGE_HASH;
}

enum rc pe_check_pages(struct bytes file, const struct spc_pages *pages)
{
    struct pe pe;
    struct walk walk = {.file = file, .pe = &pe, .alg = pages->alg, .take = compare_page, .pages = pages};
    enum rc rc;

    if (pe_parse(file, &pe)) {
        return RC_FORMAT_MALFORMED;
    }
    rc = walk_image(&walk);
    if (rc == RC_FORMAT_MALFORMED) {
        return RC_SPC_PAGE_HASH; /* of such an image there are no page hashes: these are of another */
    }
    return rc == RC_OK ? compare_end(&walk) : rc;
}

/* ---- writing ---- */

static enum rc put_entry(struct walk *walk, size_t offset, struct bytes hash)
{
    for (unsigned shift = 0; shift < 32; shift += 8) {
        wbuf_put_u8(walk->out, (uint8_t)(offset >> shift));
    }
    wbuf_put(walk->out, hash);
    walk->index++;
    return wbuf_rc(walk->out);
}

enum rc pe_pages_put(struct bytes file, enum digest alg, struct wbuf *out, size_t *out_num)
{
    struct pe pe;
    struct walk walk = {.file = file, .pe = &pe, .alg = alg, .take = put_entry, .out = out};
    enum rc rc;

    *out_num = 0;
    if (pe_parse(file, &pe)) {
        return RC_FORMAT_MALFORMED;
    }
    rc = walk_image(&walk);
    if (rc == RC_OK) {
        rc = put_entry(&walk, walk.end, bytes_of(zeros, digest_len(alg)));
        *out_num = walk.index;
    }
    return rc;
}
