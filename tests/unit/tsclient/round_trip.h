/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every put must keep, for cmocka tests of formats with one signature: what was put is got, once more changes nothing, and the
 * old one put again gives the old file.
 */
#ifndef TESTS_UNIT_TSCLIENT_ROUND_TRIP_H
#define TESTS_UNIT_TSCLIENT_ROUND_TRIP_H

#include "tests/unit/tsclient/one_blob.h"

/* Puts blob into file; out, which is initialised here, gets the new file. The octets that went are counted in *out_removed. */
static inline void round_trip_put(const struct container_ops *ops, struct bytes file, struct bytes blob,
                                  struct wbuf *out, size_t *out_removed)
{
    struct edits edits;

    *out_removed = 0;
    edits_init(&edits);
    wbuf_init(out, 1u << 26);
    assert_int_equal(one_blob_put(ops, file, blob, &edits), RC_OK);
    for (size_t i = 0; i < edits.num; i++) {
        *out_removed += (size_t)edits.list[i].remove;
        assert_non_null(edits.list[i].what);
    }
    assert_int_equal(edits_apply(&edits, file, out), RC_OK);
    edits_clear(&edits);
}

static inline void round_trip_assert_holds(const struct container_ops *ops, struct bytes file,
                                           struct bytes blob)
{
    struct container_blobs blobs;
    struct edits edits;

    assert_int_equal(ops->get(file, &blobs), RC_OK);
    assert_int_equal(blobs.num, 1);
    assert_true(bytes_equal(blobs.list[0], blob));
    edits_init(&edits);
    assert_int_equal(ops->put(file, &blobs, &edits), RC_OK);
    assert_int_equal(edits.num, 0);
    edits_clear(&edits);
    container_blobs_clear(&blobs);
}

/* There and back. Returns how many octets the first put took away. */
static inline size_t round_trip(const struct container_ops *ops, struct bytes file, struct bytes blob)
{
    struct container_blobs old;
    size_t removed, back_removed;
    struct wbuf there, back;
    const char *why;

    assert_ptr_equal(container_detect(file), ops);
    assert_int_equal(ops->check(file, &why), RC_OK);
    assert_null(why);
    assert_int_equal(ops->get(file, &old), RC_OK);
    round_trip_assert_holds(ops, file, old.list[0]);
    round_trip_put(ops, file, blob, &there, &removed);
    round_trip_assert_holds(ops, wbuf_bytes(&there), blob);
    round_trip_put(ops, wbuf_bytes(&there), old.list[0], &back, &back_removed);
    assert_true(bytes_equal(wbuf_bytes(&back), file));
    container_blobs_clear(&old);
    wbuf_clear(&there);
    wbuf_clear(&back);
    return removed;
}

#endif
