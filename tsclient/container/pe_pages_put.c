/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the page hashes of a PE image ("Windows Authenticode Portable Executable Signature Format"): the headers without checksum and
 * security directory, then what the file holds of each section, page by page, each filled up with zeros; at the end where the last page
 * ends. A file of which a loader would read some octets twice gets none.
 */
#include "tsclient/container/pe_pages_put.h"

#include "tsclient/container/pe_layout.h"

#define MAX_PAGE 8192

static const uint8_t zeros[MAX_PAGE];

struct pages {
    struct bytes file;
    const struct pe *pe;
    enum digest alg;
    struct wbuf *out;
    size_t num, end;
};

static void put_entry(struct pages *pages, size_t offset, struct bytes hash)
{
    for (unsigned shift = 0; shift < 32; shift += 8) {
        wbuf_put_u8(pages->out, (uint8_t)(offset >> shift));
    }
    wbuf_put(pages->out, hash);
    pages->num++;
}

/* The page at offset, len octets of the file of which parts are hashed; the fourth part is what fills it up. */
static enum rc put_page(struct pages *pages, size_t offset, size_t len, struct bytes parts[4])
{
    uint8_t hash[DIGEST_MAX];
    enum rc rc;

    parts[3] = bytes_of(zeros, pages->pe->page_len - len);
    rc = digest_compute(pages->alg, parts, 4, hash);
    if (rc == RC_OK) {
        put_entry(pages, offset, bytes_of(hash, digest_len(pages->alg)));
    }
    pages->end = offset + len;
    return rc;
}

static enum rc put_range(struct pages *pages, size_t at, size_t len)
{
    size_t end = pages->pe->table_len > 0 ? pages->pe->table_at : pages->file.len;
    enum rc rc = at >= pages->end && at <= end && len <= end - at ? RC_OK : RC_FORMAT_MALFORMED;

    while (rc == RC_OK && len > 0) {
        size_t here = len < pages->pe->page_len ? len : pages->pe->page_len;
        struct bytes parts[4] = {bytes_of(pages->file.data + at, here)};

        rc = put_page(pages, at, here, parts);
        at += here;
        len -= here;
    }
    return rc;
}

static enum rc put_headers(struct pages *pages)
{
    const struct pe *pe = pages->pe;
    const uint8_t *file = pages->file.data;
    size_t checksum_end = pe->checksum_at + 4, directory_end = pe->directory_at + 8;
    size_t first = pe->headers_len < pe->page_len ? pe->headers_len : pe->page_len;
    enum rc rc;

    if (pe->headers_len > pages->file.len || directory_end > first) {
        return RC_FORMAT_MALFORMED;
    }
    struct bytes parts[4] = {
        bytes_of(file, pe->checksum_at),
        bytes_of(file + checksum_end, pe->directory_at - checksum_end),
        bytes_of(file + directory_end, first - directory_end),
    };
    rc = put_page(pages, 0, first, parts);
    return rc == RC_OK ? put_range(pages, first, pe->headers_len - first) : rc;
}

enum rc pe_pages_put(struct bytes file, enum digest alg, struct wbuf *out, size_t *out_num)
{
    struct pe pe;
    struct pages pages = {.file = file, .pe = &pe, .alg = alg, .out = out};
    enum rc rc;

    *out_num = 0;
    if (pe_parse(file, &pe) || pe.page_len > MAX_PAGE) {
        return RC_FORMAT_MALFORMED;
    }
    rc = put_headers(&pages);
    for (size_t i = 0; rc == RC_OK && i < pe.num_sections; i++) {
        struct pe_section section = pe_section(file, &pe, i);

        rc = section.len > 0 ? put_range(&pages, section.at, section.len) : RC_OK;
    }
    if (rc != RC_OK) {
        return rc;
    }
    put_entry(&pages, pages.end, bytes_of(zeros, digest_len(alg)));
    *out_num = pages.num;
    return wbuf_rc(out);
}
