/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The growing writer. It never writes beyond its limit, and after the first failure it writes nothing at all, so that a
 * result cut in the middle can't be taken for a whole one.
 */
#include "tsa/wire/wbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#define FIRST_CAP 256

void wbuf_init(struct wbuf *w, size_t limit)
{
    *w = (struct wbuf){.limit = limit};
}

void wbuf_init_fixed(struct wbuf *w, void *storage, size_t size)
{
    *w = (struct wbuf){.data = storage, .cap = size, .limit = size, .fixed = true};
}

void wbuf_reset(struct wbuf *w)
{
    w->len = 0;
    w->rc = RC_OK;
}

void wbuf_clear(struct wbuf *w)
{
    if (!w->fixed) {
        free(w->data);
    }
    *w = (struct wbuf){0};
}

void wbuf_cleanse(struct wbuf *w)
{
    if (w->data) {
        OPENSSL_cleanse(w->data, w->cap);
    }
    wbuf_clear(w);
}

void wbuf_fail(struct wbuf *w, enum rc rc)
{
    if (w->rc == RC_OK) {
        w->rc = rc;
    }
}

/* Makes room for len more octets; need is what must fit, never more than the limit. */
static bool make_room(struct wbuf *w, size_t len)
{
    size_t need, cap = w->cap ? w->cap : FIRST_CAP;
    uint8_t *data;

    if (w->rc != RC_OK) {
        return false;
    }
    if (len > w->limit - w->len) {
        w->rc = RC_TOO_LARGE;
        return false;
    }
    need = w->len + len;
    if (need <= w->cap) {
        return true;
    }
    while (cap < need) {
        cap = cap > w->limit / 2 ? w->limit : cap * 2;
    }
    cap = cap > w->limit ? w->limit : cap;
    data = realloc(w->data, cap);
    if (!data) {
        w->rc = RC_NO_MEMORY;
        return false;
    }
    w->data = data;
    w->cap = cap;
    return true;
}

uint8_t *wbuf_reserve(struct wbuf *w, size_t len)
{
    uint8_t *at;

    if (!make_room(w, len) || !w->data) {
        return NULL;
    }
    at = w->data + w->len;
    w->len += len;
    return at;
}

uint8_t *wbuf_insert(struct wbuf *w, size_t at, size_t len)
{
    size_t tail = w->len - at;

    if (!wbuf_reserve(w, len)) {
        return NULL;
    }
    memmove(w->data + at + len, w->data + at, tail);
    return w->data + at;
}

void wbuf_put(struct wbuf *w, struct bytes b)
{
    uint8_t *at = b.len ? wbuf_reserve(w, b.len) : NULL;

    if (at) {
        memcpy(at, b.data, b.len);
    }
}

void wbuf_put_u8(struct wbuf *w, uint8_t v)
{
    uint8_t *at = wbuf_reserve(w, 1);

    if (at) {
        *at = v;
    }
}

void wbuf_put_text(struct wbuf *w, const char *text)
{
    wbuf_put(w, bytes_str(text));
}

/* vsnprintf wants room for its NUL, which is not part of what is written: so it prints apart, not in place. */
__attribute__((format(printf, 3, 0))) static void print_text(struct wbuf *w, size_t len, const char *format,
                                                             va_list args)
{
    char *text = malloc(len + 1);

    if (!text) {
        wbuf_fail(w, RC_NO_MEMORY);
        return;
    }
    vsnprintf(text, len + 1, format, args);
    wbuf_put(w, bytes_of(text, len));
    free(text);
}

void wbuf_printf(struct wbuf *w, const char *format, ...)
{
    char small[512];
    va_list args, again;
    int len;

    if (w->rc != RC_OK) {
        return;
    }
    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(small, sizeof small, format, args);
    if (len < 0) {
        wbuf_fail(w, RC_TOO_LARGE);
    } else if ((size_t)len < sizeof small) {
        wbuf_put(w, bytes_of(small, (size_t)len));
    } else if ((size_t)len > w->limit - w->len) {
        wbuf_fail(w, RC_TOO_LARGE);
    } else {
        print_text(w, (size_t)len, format, again);
    }
    va_end(again);
    va_end(args);
}

struct bytes wbuf_bytes(const struct wbuf *w)
{
    return w->rc == RC_OK ? bytes_of(w->data, w->len) : BYTES_NONE;
}

enum rc wbuf_rc(const struct wbuf *w)
{
    return w->rc;
}

uint8_t *wbuf_take(struct wbuf *w, size_t *out_len)
{
    uint8_t *data = NULL;

    *out_len = 0;
    if (w->rc == RC_OK && w->len > 0 && !w->fixed) {
        data = w->data;
        *out_len = w->len;
        w->data = NULL;
    }
    wbuf_clear(w);
    return data;
}
