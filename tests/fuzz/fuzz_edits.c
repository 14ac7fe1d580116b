/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first octets as a list of edits, the rest as what they are made to. Holds: the list is in order without overlap; an application either
 * fails or gives the length that the list says; every octet that is not removed is where edits_offset tells; undoing all edits gives the original.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tsa/wire/edits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

static void insist(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Four octets an edit: place (two), octets to remove, octets to insert; 0xff as the number of edits ends them. */
static struct bytes read_edits(struct bytes in, struct edits *e)
{
    size_t num;

    if (in.len == 0) {
        return in;
    }
    num = in.data[0];
    in = bytes_of(in.data + 1, in.len - 1);
    while (num-- > 0 && in.len >= 4) {
        uint64_t at = (uint64_t)in.data[0] << 8 | in.data[1], remove = in.data[2];
        size_t insert = in.data[3] < in.len - 4 ? in.data[3] : in.len - 4;

        /* Some far outside, some that wrap round. */
        at = at == 0xffff ? UINT64_MAX - 2 : at;
        remove = remove == 0xff ? UINT64_MAX - 3 : remove;
        edits_add(e, at, remove, bytes_of(in.data + 4, insert), "fuzz");
        in = bytes_of(in.data + 4, in.len - 4);
    }
    return in;
}

static void check_order(const struct edits *e)
{
    for (size_t i = 1; i < e->num; i++) {
        insist(e->list[i - 1].at + e->list[i - 1].remove <= e->list[i].at);
    }
}

static void check_kept(const struct edits *e, struct bytes original, struct bytes edited)
{
    size_t next = 0;

    for (size_t at = 0; at < original.len; at++) {
        while (next < e->num && e->list[next].at + e->list[next].remove <= at) {
            next++;
        }
        if (next == e->num || at < e->list[next].at) {
            insist(edited.data[edits_offset(e, at)] == original.data[at]);
        }
    }
    insist(edits_offset(e, original.len) == edited.len);
}

/* Each edit turned round, on what came out. */
static void check_undo(const struct edits *e, struct bytes original, struct bytes edited)
{
    struct edits back;
    struct wbuf again;
    uint64_t grown = 0, gone = 0;

    edits_init(&back);
    wbuf_init(&again, original.len + 1);
    for (size_t i = 0; i < e->num; i++) {
        const struct edit *edit = &e->list[i];

        edits_add(&back, edit->at + grown - gone, edit->insert.len,
                  bytes_slice(original, (size_t)edit->at, (size_t)edit->remove, NULL), "undo");
        grown += edit->insert.len;
        gone += edit->remove;
    }
    insist(edits_apply(&back, edited, &again) == RC_OK && bytes_equal(wbuf_bytes(&again), original));
    wbuf_clear(&again);
    edits_clear(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    struct edits e;
    struct wbuf out;
    struct bytes original;
    enum rc rc;

    edits_init(&e);
    original = read_edits(bytes_of(data, data_len), &e);
    check_order(&e);
    wbuf_init(&out, 1u << 24);
    rc = edits_apply(&e, original, &out);
    insist(rc == RC_OK || rc == RC_FORMAT_MALFORMED);
    insist(edits_rc(&e) == RC_OK || rc == edits_rc(&e));
    if (rc == RC_OK) {
        check_kept(&e, original, wbuf_bytes(&out));
        check_undo(&e, original, wbuf_bytes(&out));
    }
    wbuf_clear(&out);
    edits_clear(&e);
    return 0;
}
