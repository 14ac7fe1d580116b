/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing writer with a cap and a latched failure: after the first failure every further put is ignored, and wbuf_rc
 * tells the reason, so that a build needs one check at its end. A zeroed struct can always be cleared.
 * On storage of the caller (wbuf_init_fixed) it never allocates.
 */
#ifndef TSA_WIRE_WBUF_H
#define TSA_WIRE_WBUF_H

#include "tsa/wire/bytes.h"

struct wbuf {
    uint8_t *data;
    size_t len, cap, limit;
    enum rc rc;
    bool fixed;
};

/* wbuf_init makes an empty writer that grows on the heap up to limit octets. Free with wbuf_clear. */
void wbuf_init(struct wbuf *w, size_t limit);

/* wbuf_init_fixed writes into storage of the caller, size octets, and never beyond. */
void wbuf_init_fixed(struct wbuf *w, void *storage, size_t size);

/* wbuf_reset empties it and forgets the failure, keeping the storage. */
void wbuf_reset(struct wbuf *w);

/* wbuf_clear frees the heap storage; the writer is then as zeroed. wbuf_cleanse overwrites the contents first. */
void wbuf_clear(struct wbuf *w);
void wbuf_cleanse(struct wbuf *w);

void wbuf_put(struct wbuf *w, struct bytes b);
void wbuf_put_u8(struct wbuf *w, uint8_t v);
void wbuf_put_text(struct wbuf *w, const char *text);
void wbuf_printf(struct wbuf *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* wbuf_reserve returns room for len octets at the end and counts them as written, or NULL (latched). Valid till the next put. */
uint8_t *wbuf_reserve(struct wbuf *w, size_t len);

/* wbuf_insert makes a gap of len octets at position at (<= len) and returns it, or NULL (latched). */
uint8_t *wbuf_insert(struct wbuf *w, size_t at, size_t len);

/* wbuf_fail latches a reason of the caller's. */
void wbuf_fail(struct wbuf *w, enum rc rc);

/* wbuf_bytes views what was written (empty after a failure); valid till the next put. */
struct bytes wbuf_bytes(const struct wbuf *w);

enum rc wbuf_rc(const struct wbuf *w) MUST_CHECK;

/* wbuf_take hands the heap storage to the caller (free()), *out_len its length; NULL after a failure or when empty. */
uint8_t *wbuf_take(struct wbuf *w, size_t *out_len);

#endif
