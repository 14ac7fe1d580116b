/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as a catalog or a plain signature. check and get agree; what is put is got again, no octet outside the edits changes, the
 * same once more changes nothing, and the old one put again gives the old file (text whose lines are uneven: the file with even
 * ones).
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/view.h"
#include "tests/unit/tsclient/make_signed_data.h"
#include "tsclient/container/cat.h"
#include "tsclient/container/p7.h"
#include "tsclient/container/signed_data.h"
#include "tsclient/container/spc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

/* The edits, apart from edits_apply: what lies between them stands in both. */
static void check_kept(const struct edits *edits, struct bytes before, struct bytes after)
{
    size_t from = 0, to = 0, kept;

    for (size_t i = 0; i <= edits->num; i++) {
        kept = (i < edits->num ? (size_t)edits->list[i].at : before.len) - from;
        check(kept <= before.len - from && kept <= after.len - to);
        check(kept == 0 || memcmp(before.data + from, after.data + to, kept) == 0);
        from += kept + (i < edits->num ? (size_t)edits->list[i].remove : 0);
        to += kept + (i < edits->num ? edits->list[i].insert.len : 0);
    }
    check(from == before.len && to == after.len);
}

static void check_holds(const struct container_ops *ops, struct bytes file, struct bytes blob)
{
    struct container_blobs blobs;
    struct edits edits;

    edits_init(&edits);
    check(ops->recognise(file) && ops->get(file, &blobs) == RC_OK && blobs.num == 1);
    check(bytes_equal(blobs.list[0], blob));
    check(ops->put(file, &blobs, &edits) == RC_OK && edits.num == 0);
    edits_clear(&edits);
    container_blobs_clear(&blobs);
}

/* out is initialised here. */
static void put(const struct container_ops *ops, struct bytes file, struct bytes blob, struct wbuf *out)
{
    const struct container_blobs blobs = {.list = {blob}, .num = 1};
    struct edits edits;

    edits_init(&edits);
    wbuf_init(out, SIZE_MAX / 2);
    check(ops->put(file, &blobs, &edits) == RC_OK);
    check(edits_apply(&edits, file, out) == RC_OK);
    check_kept(&edits, file, wbuf_bytes(out));
    check_holds(ops, wbuf_bytes(out), blob);
    edits_clear(&edits);
}

static void check_there_and_back(const struct container_ops *ops, struct bytes file, struct bytes old,
                                 struct bytes fresh, bool must_be_same)
{
    struct wbuf there, back;

    put(ops, file, fresh, &there);
    put(ops, wbuf_bytes(&there), old, &back);
    if (must_be_same) {
        check(bytes_equal(wbuf_bytes(&back), file));
    } else if (fresh.len > old.len) {
        check_there_and_back(ops, wbuf_bytes(&back), old, fresh, true);
    }
    wbuf_clear(&there);
    wbuf_clear(&back);
}

static void check_put(const struct container_ops *ops, struct bytes file, const struct container_blobs *blobs)
{
    struct make_signed_data larger = {.num_signers = 1};
    const struct spc_change change = {.kind = SPC_STAMP_RFC3161,
                                      .value = bytes_of("\x30\x03\x02\x01\x07", 5)};
    bool is_text = blobs->storage.len > 0;
    struct bytes old = blobs->list[0];
    struct wbuf fresh, content;

    wbuf_init(&fresh, SIZE_MAX / 2);
    wbuf_init(&content, SIZE_MAX / 2);
    check(signed_data_begins(old, &larger.content_type));
    if (larger.content_type != OID_NONE) {
        der_put(&content, DER_OCTET_STRING_TAG, old);
        larger.content = wbuf_bytes(&content);
        make_signed_data(&fresh, &larger);
        check_there_and_back(ops, file, old, wbuf_bytes(&fresh), !is_text);
    }
    wbuf_reset(&fresh);
    if (spc_change(old, &change, &fresh) == RC_OK) {
        check_there_and_back(ops, file, old, wbuf_bytes(&fresh), !is_text);
    }
    wbuf_clear(&fresh);
    wbuf_clear(&content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    struct bytes file = bytes_of(data, data_len);
    const struct container_ops *ops = cat_ops.recognise(file) ? &cat_ops : &p7_ops;
    struct container_blobs blobs;
    struct edits none;
    const char *why;
    enum rc rc;

    check(!cat_ops.recognise(file) || p7_ops.recognise(file));
    if (!ops->recognise(file)) {
        return 0;
    }
    rc = ops->check(file, &why);
    check((rc == RC_OK) == (why == NULL));
    check((ops->get(file, &blobs) == RC_FORMAT_MALFORMED) == (rc != RC_OK));
    check((blobs.num == 1) == (rc == RC_OK && blobs.list[0].len > 0));
    if (blobs.num == 1 && !blobs.has_tail) {
        check_put(ops, file, &blobs);
    } else {
        edits_init(&none);
        check(ops->put(file, &blobs, &none) != RC_OK && none.num == 0);
        edits_clear(&none);
    }
    container_blobs_clear(&blobs);
    return 0;
}
