/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a SignedData just as far as a container must: where it ends, what it signs, and whether anybody did. BER is read by way
 * of a copy in definite form. The edits of a put follow the tree of both encodings, so that what stays is in no edit; where the
 * trees differ in more than one child at a place, or there is no tree of definite lengths, the whole element is exchanged.
 */
#include "tsclient/container/signed_data.h"

#include "tsa/wire/ber.h"
#include "tsa/wire/cms.h"

/* ---- the first octets ---- */

/* Takes tag and length off the front. Where the contents end does not matter here: the file may be cut. */
static bool take_header(struct bytes *rest, uint8_t tag)
{
    size_t num;

    if (rest->len < 2 || rest->data[0] != tag) {
        return false;
    }
    num = rest->data[1] & 0x80 ? rest->data[1] & 0x7fu : 0;
    if (num == 0x7f || num > rest->len - 2) {
        return false;
    }
    *rest = bytes_of(rest->data + 2 + num, rest->len - 2 - num);
    return true;
}

static bool take_element(struct bytes *rest, uint8_t tag, struct bytes *out)
{
    size_t len;

    if (rest->len == 0 || rest->data[0] != tag || ber_tlv_len(*rest, &len) != RC_OK) {
        return false;
    }
    *out = bytes_of(rest->data, len);
    *rest = bytes_of(rest->data + len, rest->len - len);
    return true;
}

static enum oid take_oid(struct bytes *rest)
{
    struct bytes tlv;
    struct der d;

    if (!take_element(rest, DER_OID_TAG, &tlv)) {
        return OID_NONE;
    }
    der_init(&d, tlv, DER_FOREIGN);
    return oid_find(der_get_oid(&d));
}

bool signed_data_begins(struct bytes in, enum oid *out_content_type)
{
    struct bytes rest = in, skipped;

    *out_content_type = OID_NONE;
    if (!take_header(&rest, DER_SEQUENCE) || take_oid(&rest) != OID_SIGNED_DATA) {
        return false;
    }
    if (take_header(&rest, DER_CONTEXT_CONSTRUCTED(0)) && take_header(&rest, DER_SEQUENCE) &&
        take_element(&rest, DER_INTEGER_TAG, &skipped) && take_element(&rest, DER_SET, &skipped) &&
        take_header(&rest, DER_SEQUENCE)) {
        *out_content_type = take_oid(&rest);
    }
    return true;
}

/* ---- the whole ---- */

static enum rc read_facts(struct bytes definite, struct signed_data *out)
{
    struct cms cms;
    enum rc rc = cms_parse(definite, DER_FOREIGN, &cms);

    if (rc == RC_OK) {
        out->content_type = cms.content_type;
        out->num_signers = cms.num_signers;
        out->certs_only = cms.num_signers == 0 && !cms.has_content && (cms.has_certificates || cms.has_crls);
    }
    return rc;
}

const char *signed_data_parse(struct bytes in, struct signed_data *out)
{
    struct bytes definite;
    struct wbuf storage;
    size_t len;
    enum rc rc = ber_tlv_len(in, &len);

    *out = (struct signed_data){0};
    if (rc != RC_OK) {
        return rc_text(rc);
    }
    out->blob = bytes_of(in.data, len);
    out->behind = bytes_of(in.data + len, in.len - len);
    out->has_tail = !bytes_are_zero(out->behind);
    rc = ber_definite(out->blob, &storage, &definite);
    if (rc == RC_OK) {
        rc = read_facts(definite, out);
    }
    wbuf_clear(&storage);
    return rc == RC_OK ? NULL : rc_text(rc);
}

enum rc signed_data_get(struct bytes in, struct container_blobs *out)
{
    struct signed_data sd;

    if (signed_data_parse(in, &sd)) {
        return RC_FORMAT_MALFORMED;
    }
    if (sd.num_signers == 0) {
        out->cause = sd.certs_only ? RC_CMS_CERTS_ONLY : RC_OK;
        return RC_UNSIGNED;
    }
    out->list[0] = sd.blob;
    out->num = 1;
    out->has_tail = sd.has_tail;
    return RC_OK;
}

/* ---- put ---- */

enum rc signed_data_check_put(struct bytes in, const struct container_blobs *blobs, struct signed_data *out)
{
    struct signed_data after;

    if (signed_data_parse(in, out)) {
        return RC_FORMAT_MALFORMED;
    }
    if (out->num_signers == 0 || blobs->num != 1) {
        return RC_UNSIGNED;
    }
    if (out->has_tail) {
        return RC_FORMAT_TRAILER;
    }
    if (signed_data_parse(blobs->list[0], &after)) {
        return RC_FORMAT_MALFORMED;
    }
    if (after.behind.len > 0) {
        return RC_DER_TRAILING;
    }
    if (after.num_signers == 0) {
        return RC_UNSIGNED;
    }
    return after.content_type == out->content_type ? RC_OK : RC_CMS_CONTENT_TYPE;
}

struct difference {
    struct edits *out;
    const uint8_t *start; /* of the old element */
    size_t at;            /* where it stands in the file */
};

/* Exchanges len octets at place, which may be none, for others. */
static void exchange(struct difference *d, const uint8_t *place, size_t len, struct bytes after,
                     const char *what)
{
    if (!bytes_equal(bytes_of(place, len), after)) {
        edits_add(d->out, d->at + (size_t)(place - d->start), len, after, what);
    }
}

/* Splits one constructed element into header and contents; false where it is none of definite length. */
static bool open_element(struct bytes tlv, struct bytes *out_header, struct bytes *out_contents)
{
    struct der d;

    size_t header_len;

    der_init(&d, tlv, DER_FOREIGN);
    header_len = tlv.len - der_get(&d, 0).len;
    *out_header = bytes_of(tlv.data, header_len);
    *out_contents = bytes_of(tlv.data + header_len, tlv.len - header_len);
    return der_end(&d) == RC_OK && tlv.data[0] & 0x20;
}

static bool split_first(struct bytes children, struct bytes *out_first, struct bytes *out_rest)
{
    size_t len;

    if (children.len == 0 || der_tlv_len(children, &len) != RC_OK) {
        return false;
    }
    *out_first = bytes_of(children.data, len);
    *out_rest = bytes_of(children.data + len, children.len - len);
    return true;
}

static void compare(struct difference *d, struct bytes before, struct bytes after, unsigned depth);

/* How many octets before and after have in common at their ends. */
static size_t same_at_end(struct bytes before, struct bytes after)
{
    size_t len = 0, shorter = before.len < after.len ? before.len : after.len;

    while (len < shorter && before.data[before.len - 1 - len] == after.data[after.len - 1 - len]) {
        len++;
    }
    return len;
}

/* The same in whole children of both. */
static size_t children_at_end(struct bytes before, struct bytes after)
{
    size_t same = same_at_end(before, after);
    struct bytes first;

    while (before.len != after.len || before.len > same) {
        struct bytes *longer = before.len >= after.len ? &before : &after;

        if (!split_first(*longer, &first, longer)) {
            return 0;
        }
    }
    return before.len;
}

static bool are_as_many(struct bytes before, struct bytes after)
{
    struct bytes first;

    while (split_first(before, &first, &before)) {
        if (!split_first(after, &first, &after)) {
            return false;
        }
    }
    return before.len == 0 && after.len == 0;
}

/* The children start at place. Between those that are the same in front and at the end, as many on both sides are compared one by
 * one; anything else is exchanged as a whole. Nothing is searched for further on: that would take the square of their number. */
static void compare_children(struct difference *d, const uint8_t *place, struct bytes before,
                             struct bytes after, unsigned depth)
{
    struct bytes old_first, old_rest, new_first, new_rest;
    size_t tail;

    while (split_first(before, &old_first, &old_rest) && split_first(after, &new_first, &new_rest) &&
           bytes_equal(old_first, new_first)) {
        place += old_first.len;
        before = old_rest;
        after = new_rest;
    }
    tail = children_at_end(before, after);
    before.len -= tail;
    after.len -= tail;
    if (!are_as_many(before, after)) {
        exchange(d, place, before.len, after, "signature");
        return;
    }
    while (split_first(before, &old_first, &before) && split_first(after, &new_first, &after)) {
        compare(d, old_first, new_first, depth);
    }
}

static void compare(struct difference *d, struct bytes before, struct bytes after, unsigned depth)
{
    struct bytes old_header, new_header, old_contents, new_contents;

    if (bytes_equal(before, after)) {
        return;
    }
    if (depth == DER_MAX_DEPTH || before.data[0] != after.data[0] ||
        !open_element(before, &old_header, &old_contents) ||
        !open_element(after, &new_header, &new_contents)) {
        exchange(d, before.data, before.len, after, "signature");
        return;
    }
    exchange(d, before.data, old_header.len, new_header, "lengths");
    compare_children(d, before.data + old_header.len, old_contents, new_contents, depth + 1);
}

enum rc signed_data_put(struct bytes in, size_t at, const struct container_blobs *blobs, struct edits *out)
{
    struct difference d = {.out = out, .start = in.data, .at = at};
    struct signed_data sd;
    enum rc rc = signed_data_check_put(in, blobs, &sd);

    if (rc != RC_OK) {
        return rc;
    }
    compare(&d, sd.blob, blobs->list[0], 1);
    return edits_rc(out);
}
