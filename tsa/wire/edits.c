/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of changes to a sequence of octets, kept in the order of their places. It knows nothing of formats and touches no
 * file. Of several edits at one place, those that only insert come first, in the order in which they were added: an
 * insertion stands before the octet it names, so it can not overlap the removal of that octet.
 */
#include "tsa/wire/edits.h"

#include <stdlib.h>
#include <string.h>

void edits_init(struct edits *e)
{
    *e = (struct edits){0};
}

/* The list owns what its views show; a view is const for everybody else. */
static void insert_free(struct bytes insert)
{
    free((void *)(uintptr_t)insert.data);
}

void edits_clear(struct edits *e)
{
    for (size_t i = 0; i < e->num; i++) {
        insert_free(e->list[i].insert);
    }
    free(e->list);
    *e = (struct edits){0};
}

enum rc edits_rc(const struct edits *e)
{
    return e->rc;
}

static bool goes_before(const struct edit *a, const struct edit *b)
{
    return a->at < b->at || (a->at == b->at && a->remove == 0 && b->remove > 0);
}

/* The place of a new edit in the list: behind everything that does not have to follow it. */
static size_t find_place(const struct edits *e, const struct edit *edit)
{
    size_t place = e->num;

    while (place > 0 && goes_before(edit, &e->list[place - 1])) {
        place--;
    }
    return place;
}

static bool overlaps(const struct edits *e, size_t place, const struct edit *edit)
{
    const struct edit *before = place > 0 ? &e->list[place - 1] : NULL;
    const struct edit *after = place < e->num ? &e->list[place] : NULL;

    return (before && before->at + before->remove > edit->at) ||
           (after && edit->at + edit->remove > after->at);
}

static bool grow(struct edits *e)
{
    size_t cap = e->cap ? e->cap * 2 : 8;
    struct edit *list = e->num < e->cap ? e->list : reallocarray(e->list, cap, sizeof *list);

    if (!list) {
        return false;
    }
    e->cap = e->num < e->cap ? e->cap : cap;
    e->list = list;
    return true;
}

static bool copy_insert(struct bytes insert, struct bytes *out)
{
    uint8_t *copy = NULL;

    if (insert.len > 0) {
        copy = malloc(insert.len);
        if (!copy) {
            return false;
        }
        memcpy(copy, insert.data, insert.len);
    }
    *out = bytes_of(copy, insert.len);
    return true;
}

void edits_add(struct edits *e, uint64_t at, uint64_t remove, struct bytes insert, const char *what)
{
    struct edit edit = {.at = at, .remove = remove, .what = what};
    size_t place;

    if (e->rc != RC_OK || (remove == 0 && insert.len == 0)) {
        return;
    }
    place = find_place(e, &edit);
    if (remove > UINT64_MAX - at || overlaps(e, place, &edit)) {
        e->rc = RC_FORMAT_MALFORMED;
        return;
    }
    if (!grow(e) || !copy_insert(insert, &edit.insert)) {
        e->rc = RC_NO_MEMORY;
        return;
    }
    memmove(&e->list[place + 1], &e->list[place], (e->num - place) * sizeof *e->list);
    e->list[place] = edit;
    e->num++;
}

/* original[from, to), which lies within it: an empty view has no place to count from. */
static void put_kept(struct wbuf *out, struct bytes original, size_t from, size_t to)
{
    wbuf_put(out, bytes_slice(original, from, to - from, NULL));
}

enum rc edits_apply(const struct edits *e, struct bytes original, struct wbuf *out)
{
    size_t at = 0;

    if (e->rc != RC_OK) {
        return e->rc;
    }
    for (size_t i = 0; i < e->num; i++) {
        const struct edit *edit = &e->list[i];

        if (edit->at > original.len || edit->remove > original.len - edit->at) {
            return RC_FORMAT_MALFORMED;
        }
        put_kept(out, original, at, (size_t)edit->at);
        wbuf_put(out, edit->insert);
        at = (size_t)(edit->at + edit->remove);
    }
    put_kept(out, original, at, original.len);
    return wbuf_rc(out);
}

uint64_t edits_offset(const struct edits *e, uint64_t at)
{
    uint64_t come = 0, go = 0;

    for (size_t i = 0; i < e->num && e->list[i].at <= at; i++) {
        const struct edit *edit = &e->list[i];

        if (at < edit->at + edit->remove) {
            /* Within a replaced range: as far into what came instead, or behind it. */
            uint64_t into = at - edit->at;
            return edit->at + come - go + (into < edit->insert.len ? into : edit->insert.len);
        }
        come += edit->insert.len;
        go += edit->remove;
    }
    return at + come - go;
}
