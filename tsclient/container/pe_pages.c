/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page hashes of a PE image: the headers page by page (the first without checksum and security directory, as in the digest),
 * then each page of what the file holds of each section, every last page filled up with zeros. A page has the length that the
 * machine's memory gives it, whatever the section alignment says. Each page takes the next entry of the signed list, and no
 * octet of the file stands in two pages, so a hostile section table costs no more than the file and the list are long.
 */
#include "tsclient/container/pe_layout.h"
#include "tsclient/container/spc.h"

#define PAGE_MAX   8192
#define OFFSET_LEN 4

static const uint8_t zeros[PAGE_MAX];

struct walk {
    struct bytes file;
    const struct pe *pe;
    const struct spc_pages *pages;
    size_t index; /* of the next entry */
    size_t end;   /* of the page before, in the file */
};

static struct bytes hash_of(const struct walk *walk, size_t offset)
{
    size_t hash_len = digest_len(walk->pages->alg), at = walk->index * (OFFSET_LEN + hash_len);

    return pe_get32(walk->pages->entries, at) == offset
               ? bytes_slice(walk->pages->entries, at + OFFSET_LEN, hash_len, NULL)
               : BYTES_NONE;
}

/* The page at offset, of so many octets in the file, made of parts; the last entry is none of a page. */
static enum rc check_page(struct walk *walk, size_t offset, size_t len, struct bytes parts[4])
{
    uint8_t hash[DIGEST_MAX];
    enum rc rc;

    if (offset < walk->end || walk->index + 1 >= walk->pages->num) {
        return RC_SPC_PAGE_HASH;
    }
    parts[3] = bytes_of(zeros, walk->pe->page_len - len);
    rc = digest_compute(walk->pages->alg, parts, 4, hash);
    if (rc == RC_OK && !bytes_equal(hash_of(walk, offset), bytes_of(hash, digest_len(walk->pages->alg)))) {
        rc = RC_SPC_PAGE_HASH;
    }
    walk->index++;
    walk->end = offset + len;
    return rc;
}

/* What lies outside the file, or in the certificate table, is in no page. */
static enum rc check_range(struct walk *walk, size_t at, size_t len)
{
    size_t body_end = walk->pe->table_len > 0 ? walk->pe->table_at : walk->file.len, here;
    enum rc rc = at <= body_end && len <= body_end - at ? RC_OK : RC_SPC_PAGE_HASH;

    for (; rc == RC_OK && len > 0; at += here, len -= here) {
        here = len < walk->pe->page_len ? len : walk->pe->page_len;
        struct bytes parts[4] = {bytes_of(walk->file.data + at, here)};

        rc = check_page(walk, at, here, parts);
    }
    return rc;
}

/* Where the PE header stands so far behind that its first page has not all that is left out, nobody knows what is hashed. */
static enum rc check_headers(struct walk *walk)
{
    const struct pe *pe = walk->pe;
    size_t checksum_end = pe->checksum_at + 4, directory_end = pe->directory_at + 8, first;
    const uint8_t *file = walk->file.data;
    enum rc rc;

    if (pe->headers_len > walk->file.len) {
        return RC_SPC_PAGE_HASH;
    }
    first = pe->headers_len < pe->page_len ? pe->headers_len : pe->page_len;
    if (directory_end > first) {
        return RC_SPC_PAGE_HASH;
    }
    struct bytes parts[4] = {
        bytes_of(file, pe->checksum_at),
        bytes_of(file + checksum_end, pe->directory_at - checksum_end),
        bytes_of(file + directory_end, first - directory_end),
    };
    rc = check_page(walk, 0, first, parts);
    return rc == RC_OK ? check_range(walk, first, pe->headers_len - first) : rc;
}

/* The last entry tells where the last page ends, and has no hash. */
static enum rc check_end(const struct walk *walk)
{
    struct bytes hash = walk->index + 1 == walk->pages->num ? hash_of(walk, walk->end) : BYTES_NONE;

    return hash.len > 0 && bytes_equal(hash, bytes_of(zeros, hash.len)) ? RC_OK : RC_SPC_PAGE_HASH;
}

enum rc pe_check_pages(struct bytes file, const struct spc_pages *pages)
{
    struct pe pe;
    struct walk walk = {.file = file, .pe = &pe, .pages = pages};
    struct pe_section section;
    enum rc rc;

    if (pe_parse(file, &pe)) {
        return RC_FORMAT_MALFORMED;
    }
    rc = check_headers(&walk);
    for (size_t i = 0; rc == RC_OK && i < pe.num_sections; i++) {
        section = pe_section(file, &pe, i);
        if (section.len > 0) {
            rc = check_range(&walk, section.at, section.len);
        }
    }
    return rc == RC_OK ? check_end(&walk) : rc;
}
