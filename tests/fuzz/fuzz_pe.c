/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as a PE file. What the structure check takes, digest takes too; what is put is got again, the digest and every
 * octet outside the edits stay, the checksum is right, and putting the same once more changes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/tsclient/one_blob.h"
#include "tsa/wire/der.h"
#include "tsclient/container/pe.h"

#define MUST(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

/* An OCTET STRING is a signature as good as any here. */
static void some_signature(struct wbuf *w, size_t len)
{
    static const uint8_t fill[600];

    wbuf_init(w, 1024);
    der_put(w, DER_OCTET_STRING_TAG, bytes_of(fill, len));
    MUST(wbuf_rc(w) == RC_OK);
}

static void check_put(struct bytes file, struct bytes signature)
{
    uint8_t before[DIGEST_MAX], after[DIGEST_MAX];
    struct edits edits, again;
    struct wbuf out;
    struct bytes got;
    enum rc rc;

    edits_init(&edits);
    edits_init(&again);
    wbuf_init(&out, file.len + 4096);
    rc = one_blob_put(&pe_ops, file, signature, &edits);
    if (rc == RC_OK) {
        MUST(edits_apply(&edits, file, &out) == RC_OK);
        MUST(one_blob_get(&pe_ops, wbuf_bytes(&out), &got) == RC_OK && bytes_equal(got, signature));
        MUST(pe_ops.digest(file, DIGEST_SHA256, before) == RC_OK);
        MUST(pe_ops.digest(wbuf_bytes(&out), DIGEST_SHA256, after) == RC_OK);
        MUST(memcmp(before, after, digest_len(DIGEST_SHA256)) == 0);
        MUST(pe_checksum(wbuf_bytes(&out)) == pe_checksum_get(wbuf_bytes(&out)));
        MUST(one_blob_put(&pe_ops, wbuf_bytes(&out), signature, &again) == RC_OK && again.num == 0);
    } else {
        MUST(rc == RC_FORMAT_TRAILER || rc == RC_UNSIGNED || rc == RC_TOO_LARGE);
    }
    edits_clear(&edits);
    edits_clear(&again);
    wbuf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    struct bytes file = bytes_of(data, data_len), got;
    uint8_t digest[DIGEST_MAX];
    struct wbuf signature;
    const char *why;
    enum rc rc = pe_ops.check(file, &why);

    MUST((rc == RC_OK) == (why == NULL));
    if (rc != RC_OK) {
        MUST(one_blob_get(&pe_ops, file, &got) == rc && pe_ops.digest(file, DIGEST_SHA1, digest) == rc);
        (void)pe_checksum(file);
        return 0;
    }
    rc = pe_ops.digest(file, DIGEST_SHA1, digest);
    MUST(rc == RC_OK || rc == RC_FORMAT_TRAILER);
    some_signature(&signature, data_len % sizeof digest * 9);
    check_put(file, wbuf_bytes(&signature));
    wbuf_clear(&signature);
    if (one_blob_get(&pe_ops, file, &got) == RC_OK) {
        check_put(file, got);
    }
    return 0;
}
