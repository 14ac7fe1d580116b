/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as a PE file. What the structure check takes, digest takes too. What is put, one signature or several, is got
 * again; the digest and every octet outside the edits stay; the checksum is right or zero as before; putting the same once more
 * changes nothing, and putting back what was there restores the file. Page hashes come from the end of the file.
 */
#include <stdlib.h>
#include <string.h>

#include "tsa/wire/der.h"
#include "tsclient/container/pe.h"
#include "tsclient/container/spc.h"

#define MUST(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

static enum rc get(struct bytes file, struct container_blobs *out)
{
    enum rc rc = pe_ops.get(file, out);

    MUST(rc == RC_OK ? out->num > 0 && out->num <= CONTAINER_MAX_BLOBS : out->num == 0);
    for (size_t i = 0; i < out->num; i++) {
        MUST(out->list[i].data > file.data &&
             out->list[i].len <= file.len - (size_t)(out->list[i].data - file.data));
    }
    return rc;
}

static bool same_blobs(const struct container_blobs *a, const struct container_blobs *b)
{
    bool same = a->num == b->num;

    for (size_t i = 0; same && i < a->num; i++) {
        same = bytes_equal(a->list[i], b->list[i]);
    }
    return same;
}

/* What lies before the table and what the edits do not name. */
static void check_outside(struct bytes file, struct bytes out, const struct edits *edits)
{
    size_t at = 0;

    for (size_t i = 0; i < edits->num; at = (size_t)(edits->list[i].at + edits->list[i].remove), i++) {
        size_t len = (size_t)edits->list[i].at - at, now = (size_t)edits_offset(edits, at);

        MUST(len == 0 ||
             (now <= out.len && len <= out.len - now && memcmp(file.data + at, out.data + now, len) == 0));
    }
}

/* Refused are data behind the table, a table without signature, and a section beyond the end where a table would have to come. */
static bool put(struct bytes file, const struct container_blobs *blobs, struct wbuf *out,
                size_t *out_num_edits)
{
    struct edits edits;
    size_t room = file.len + CONTAINER_MAX_BLOBS * 64;
    enum rc rc;

    for (size_t i = 0; i < blobs->num; i++) {
        room += blobs->list[i].len;
    }
    edits_init(&edits);
    wbuf_init(out, room);
    rc = pe_ops.put(file, blobs, &edits);
    if (rc == RC_OK) {
        MUST(edits_apply(&edits, file, out) == RC_OK);
        check_outside(file, wbuf_bytes(out), &edits);
    } else {
        MUST(rc == RC_FORMAT_TRAILER || rc == RC_UNSIGNED || rc == RC_TOO_LARGE || rc == RC_FORMAT_MALFORMED);
        MUST(edits.num == 0);
    }
    *out_num_edits = edits.num;
    edits_clear(&edits);
    return rc == RC_OK;
}

static void check_same_digest(struct bytes a, struct bytes b)
{
    uint8_t before[DIGEST_MAX], after[DIGEST_MAX];

    MUST(pe_ops.digest(a, DIGEST_SHA256, before) == RC_OK);
    MUST(pe_ops.digest(b, DIGEST_SHA256, after) == RC_OK);
    MUST(memcmp(before, after, digest_len(DIGEST_SHA256)) == 0);
}

/* Whether an entry has the form that a put leaves it whatever comes: dwLength in whole steps of 8, and behind the signature nothing
 * but the padding, or something that can't be taken for padding. */
static bool is_regular(struct bytes file, struct bytes blob)
{
    size_t at = (size_t)(blob.data - file.data) - 8;
    const uint8_t *p = file.data + at;
    size_t counted = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;

    return counted % 8 == 0 && (counted == ((8 + blob.len + 7) & ~(size_t)7) || p[counted - 1] != 0);
}

static void check_put_back(struct bytes file, struct bytes now, const struct container_blobs *old)
{
    uint32_t checksum = pe_checksum_get(file);
    size_t num_edits;
    struct wbuf out;
    bool regular = checksum == 0 || checksum == pe_checksum(file);

    for (size_t i = 0; i < old->num; i++) {
        regular = regular && is_regular(file, old->list[i]);
    }
    MUST(put(file, old, &out, &num_edits));
    regular = regular && num_edits == 0;
    wbuf_clear(&out);
    MUST(put(now, old, &out, &num_edits));
    MUST(!regular || bytes_equal(wbuf_bytes(&out), file));
    wbuf_clear(&out);
}

static void check_put(struct bytes file, const struct container_blobs *blobs,
                      const struct container_blobs *old)
{
    struct container_blobs got;
    struct wbuf out, again;
    size_t num_edits;

    if (put(file, blobs, &out, &num_edits)) {
        MUST(get(wbuf_bytes(&out), &got) == RC_OK && same_blobs(&got, blobs));
        check_same_digest(file, wbuf_bytes(&out));
        MUST(pe_checksum_get(wbuf_bytes(&out)) ==
             (pe_checksum_get(file) != 0 ? pe_checksum(wbuf_bytes(&out)) : 0));
        MUST(put(wbuf_bytes(&out), blobs, &again, &num_edits) && num_edits == 0);
        wbuf_clear(&again);
        if (old->num > 0) {
            check_put_back(file, wbuf_bytes(&out), old);
        }
    }
    wbuf_clear(&out);
}

/* OCTET STRINGs are signatures as good as any here. */
static void check_others(struct bytes file, const struct container_blobs *old)
{
    static const uint8_t fill[600];
    struct container_blobs others = {.num = old->num > 0 ? old->num : 1};
    struct wbuf w[CONTAINER_MAX_BLOBS];

    for (size_t i = 0; i < others.num; i++) {
        wbuf_init(&w[i], 1024);
        der_put(&w[i], DER_OCTET_STRING_TAG, bytes_of(fill, (file.len + i * 131) % sizeof fill));
        others.list[i] = wbuf_bytes(&w[i]);
    }
    check_put(file, &others, old);
    for (size_t i = 0; i < others.num; i++) {
        wbuf_clear(&w[i]);
    }
}

/* The last octets of the file as a list of page hashes, of as many entries as the octet before says. */
static void check_pages(struct bytes file)
{
    size_t num = file.data[file.len - 1] % 8u, len = num * (4 + digest_len(DIGEST_SHA1));
    struct spc_pages pages = {.alg = DIGEST_SHA1, .num = num};
    enum rc rc;

    if (len < file.len) {
        pages.entries = bytes_of(file.data + file.len - 1 - len, len);
        rc = pe_ops.check_pages(file, &pages);
        MUST(rc == RC_SPC_PAGE_HASH || (rc == RC_OK && num >= 2));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    struct bytes file = bytes_of(data, data_len);
    struct container_blobs old;
    uint8_t digest[DIGEST_MAX];
    const char *why;
    enum rc rc = pe_ops.check(file, &why);

    MUST((rc == RC_OK) == (why == NULL));
    if (rc != RC_OK) {
        const struct spc_pages none = {.alg = DIGEST_SHA1};

        MUST(get(file, &old) == rc && pe_ops.digest(file, DIGEST_SHA1, digest) == rc);
        MUST(pe_ops.check_pages(file, &none) == rc);
        (void)pe_checksum(file);
        return 0;
    }
    rc = pe_ops.digest(file, DIGEST_SHA1, digest);
    MUST(rc == RC_OK || rc == RC_FORMAT_TRAILER);
    check_pages(file);
    rc = get(file, &old);
    MUST(rc == RC_OK || rc == RC_UNSIGNED);
    check_others(file, &old);
    if (rc == RC_OK) {
        check_put(file, &old, &old);
    }
    container_blobs_clear(&old);
    return 0;
}
