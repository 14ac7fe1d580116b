/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies a DER tree with edits. It goes down only into elements that have an edit below them; whatever has none is one copy.
 */
#include "tsclient/container/splice.h"

#include <string.h>

void splice_add(struct splice *splice, struct splice_edit edit)
{
    size_t place = splice->num;

    if (edit.remove == 0 && edit.insert.len == 0) {
        return;
    }
    if (splice->num == SPLICE_MAX_EDITS) {
        splice->rc = RC_TOO_LARGE;
        return;
    }
    while (place > 0 && splice->edit[place - 1].at > edit.at) {
        splice->edit[place] = splice->edit[place - 1];
        place--;
    }
    splice->edit[place] = edit;
    splice->num++;
}

struct copy {
    const struct splice *splice;
    struct wbuf *out;
    size_t num_done;
    enum rc rc;
};

static bool has_edit_below(const struct splice *splice, struct bytes element)
{
    for (size_t i = 0; i < splice->num; i++) {
        const uint8_t *parent = splice->edit[i].parent;

        if (parent >= element.data && parent < element.data + element.len) {
            return true;
        }
    }
    return false;
}

/* ---- headers ---- */

static size_t header_len_of(struct bytes element)
{
    return 2 + (element.data[1] & 0x80 ? element.data[1] & 0x7fu : 0u);
}

static size_t num_octets_of(size_t len)
{
    size_t num = 1;

    while (len >>= 8) {
        num++;
    }
    return num;
}

/* Octets of tag and length for that length, in the old header's form where it fits. */
static size_t new_header_len(struct bytes element, size_t old_header_len, size_t len)
{
    bool was_shortest = old_header_len == der_header_len(element.len - old_header_len);

    return !was_shortest && 2 + num_octets_of(len) <= old_header_len ? old_header_len : der_header_len(len);
}

/* Makes room for another header than the one that stands at start: up or down. */
static uint8_t *resize_header(struct wbuf *out, size_t start, size_t old_len, size_t new_len)
{
    if (new_len > old_len) {
        return wbuf_insert(out, start, new_len - old_len);
    }
    if (new_len < old_len) {
        memmove(out->data + start + new_len, out->data + start + old_len, out->len - start - old_len);
        out->len -= old_len - new_len;
    }
    return out->data + start;
}

/* Sets the length of the element that stands in out from start on, with its old header. The length seldom changes its size: so the
 * contents seldom move, however deep the element stands. */
static void set_length(struct wbuf *out, size_t start, struct bytes element, size_t old_header_len)
{
    size_t len, header_len;
    uint8_t *at;

    if (wbuf_rc(out) != RC_OK) {
        return;
    }
    len = out->len - start - old_header_len;
    header_len = new_header_len(element, old_header_len, len);
    at = resize_header(out, start, old_header_len, header_len);
    if (!at) {
        return;
    }
    at[0] = element.data[0];
    at[1] = header_len == 2 ? (uint8_t)len : (uint8_t)(0x80 | (header_len - 2));
    for (size_t i = header_len; i > 2; i--) {
        at[i - 1] = (uint8_t)len;
        len >>= 8;
    }
}

/* ---- copy ---- */

static void fail(struct copy *c, enum rc rc)
{
    if (c->rc == RC_OK) {
        c->rc = rc;
    }
}

/* Makes the edits of parent at this place; returns how many octets of the old contents go. */
static size_t edit_here(struct copy *c, const uint8_t *parent, const uint8_t *at)
{
    size_t removed = 0;

    for (size_t i = 0; i < c->splice->num; i++) {
        const struct splice_edit *edit = &c->splice->edit[i];

        if (edit->parent == parent && edit->at == at) {
            wbuf_put(c->out, edit->insert);
            removed += edit->remove;
            c->num_done++;
        }
    }
    return removed;
}

/* The length of the child at the front of rest; 0 where there is none. */
static size_t child_len(struct copy *c, struct bytes rest)
{
    size_t len = 0;
    enum rc rc = rest.len > 0 ? der_tlv_len(rest, &len) : RC_OK;

    if (rc != RC_OK) {
        fail(c, rc);
    }
    return rc == RC_OK ? len : 0;
}

static void copy_element(struct copy *c, struct bytes element, unsigned depth);

static void copy_children(struct copy *c, struct bytes element, struct bytes rest, unsigned depth)
{
    size_t len;

    for (;;) {
        len = edit_here(c, element.data, rest.data);
        if (len > rest.len) {
            fail(c, RC_DER_TAG);
        }
        if (len == 0) {
            len = child_len(c, rest);
            if (len > 0) {
                copy_element(c, bytes_of(rest.data, len), depth + 1);
            }
        }
        if (c->rc != RC_OK || len == 0) {
            return;
        }
        rest = (struct bytes){rest.data + len, rest.len - len};
    }
}

static void copy_element(struct copy *c, struct bytes element, unsigned depth)
{
    size_t start = c->out->len, header_len = header_len_of(element);

    if (!has_edit_below(c->splice, element)) {
        wbuf_put(c->out, element);
        return;
    }
    if (depth > SPLICE_MAX_DEPTH || !(element.data[0] & 0x20)) {
        fail(c, depth > SPLICE_MAX_DEPTH ? RC_DER_DEPTH : RC_DER_TAG);
        return;
    }
    wbuf_put(c->out, bytes_of(element.data, header_len));
    copy_children(c, element, (struct bytes){element.data + header_len, element.len - header_len}, depth);
    set_length(c->out, start, element, header_len);
}

enum rc splice_apply(const struct splice *splice, struct bytes in, struct wbuf *out)
{
    struct copy c = {.splice = splice, .out = out};
    size_t len;
    enum rc rc = der_tlv_len(in, &len);

    if (splice->rc != RC_OK || rc != RC_OK) {
        return splice->rc != RC_OK ? splice->rc : rc;
    }
    if (len != in.len) {
        return RC_DER_TRAILING;
    }
    copy_element(&c, in, 0);
    if (c.rc == RC_OK && c.num_done != splice->num) {
        fail(&c, RC_DER_TAG);
    }
    return c.rc != RC_OK ? c.rc : wbuf_rc(out);
}
