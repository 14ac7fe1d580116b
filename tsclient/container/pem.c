/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PEM. The alphabet and the padding of base64 are taken strictly, blanks and line ends anywhere (RFC 7468 section 3, the lax form);
 * NUL and every other octet are refused. A block must end with the label that it begins with.
 */
#include "tsclient/container/pem.h"

#include <string.h>

#include "tsa/wire/base64.h"

/* ---- lines ---- */

/* Takes one line off the front, with its end. False at the end of the text. */
static bool take_line(struct bytes *rest, struct bytes *out)
{
    const uint8_t *end;
    size_t len;

    if (rest->len == 0) {
        return false;
    }
    end = memchr(rest->data, '\n', rest->len);
    len = end ? (size_t)(end - rest->data) + 1 : rest->len;
    *out = bytes_of(rest->data, len);
    *rest = bytes_of(rest->data + len, rest->len - len);
    return true;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct bytes trim_end(struct bytes line)
{
    while (line.len > 0 && is_blank(line.data[line.len - 1])) {
        line.len--;
    }
    return line;
}

/* The label of a line "-----<what> label-----"; empty when it is none. */
static struct bytes label_of(struct bytes line, const char *what)
{
    struct bytes dashes = bytes_str("-----"), start = bytes_str(what);

    line = trim_end(line);
    if (line.len < start.len + dashes.len || !bytes_starts_with(line, start) ||
        !bytes_equal(bytes_of(line.data + line.len - dashes.len, dashes.len), dashes)) {
        return BYTES_NONE;
    }
    return bytes_of(line.data + start.len, line.len - start.len - dashes.len);
}

static bool is_one_of(struct bytes label, const char *const *labels)
{
    for (; *labels; labels++) {
        if (bytes_equal(label, bytes_str(*labels))) {
            return true;
        }
    }
    return false;
}

/* Moves *rest behind the next line that begins a block of the labels. */
static bool find_begin(struct bytes *rest, const char *const *labels, struct bytes *out_line)
{
    while (take_line(rest, out_line)) {
        if (is_one_of(label_of(*out_line, "-----BEGIN "), labels)) {
            return true;
        }
    }
    return false;
}

bool pem_begins(struct bytes file, const char *const *labels)
{
    struct bytes rest = bytes_slice(file, 0, file.len < PEM_MAX_BEFORE ? file.len : PEM_MAX_BEFORE, NULL);
    struct bytes line;

    return find_begin(&rest, labels, &line) &&
           !memchr(file.data, '\0', (size_t)(line.data + line.len - file.data));
}

/* ---- parse ---- */

/* The body ends where the next line of dashes starts, which must be the right one. */
static const char *read_body(struct bytes *rest, struct pem *out)
{
    struct bytes line, end_label;
    const uint8_t *start = rest->data;

    while (take_line(rest, &line)) {
        if (!bytes_starts_with(line, bytes_str("-----"))) {
            continue;
        }
        end_label = label_of(line, "-----END ");
        if (!bytes_equal(end_label, out->label)) {
            return "the PEM block does not end with the label that it begins with";
        }
        out->body = bytes_of(start, (size_t)(line.data - start));
        return NULL;
    }
    return "the PEM block has no END line";
}

/* One line alone has no width: it stays one, however long it gets. */
static void read_form(struct bytes begin, struct pem *out)
{
    struct bytes rest = out->body, line = BYTES_NONE, second;

    out->crlf = begin.len >= 2 && begin.data[begin.len - 2] == '\r';
    while (trim_end(line).len == 0 && take_line(&rest, &line)) {
    }
    out->width = take_line(&rest, &second) ? trim_end(line).len : 0;
}

static const char *decode_body(const struct pem *pem, struct wbuf *decoded)
{
    struct wbuf digits;
    enum rc rc;

    wbuf_init(&digits, pem->body.len);
    wbuf_init(decoded, pem->body.len);
    for (size_t i = 0; i < pem->body.len; i++) {
        if (!is_blank(pem->body.data[i])) {
            wbuf_put_u8(&digits, pem->body.data[i]);
        }
    }
    rc = wbuf_rc(&digits);
    if (rc == RC_OK) {
        rc = base64_decode(wbuf_bytes(&digits), decoded);
    }
    wbuf_clear(&digits);
    return rc == RC_OK ? NULL : rc == RC_BASE64 ? "what stands in the PEM block is not base64" : rc_text(rc);
}

const char *pem_parse(struct bytes file, const char *const *labels, struct pem *out, struct wbuf *decoded)
{
    struct bytes rest = file, begin, other;
    const char *why;

    *out = (struct pem){0};
    *decoded = (struct wbuf){0};
    if (!find_begin(&rest, labels, &begin)) {
        return "there is no PEM block with a signature";
    }
    out->label = label_of(begin, "-----BEGIN ");
    why = read_body(&rest, out);
    if (why) {
        return why;
    }
    if (find_begin(&rest, labels, &other)) {
        return "there are several PEM blocks with signatures: put each into a file of its own";
    }
    read_form(begin, out);
    return decode_body(out, decoded);
}

/* ---- write ---- */

void pem_encode(const struct pem *pem, struct bytes octets, struct wbuf *out)
{
    struct bytes end = bytes_str(pem->crlf ? "\r\n" : "\n"), all;
    struct wbuf digits;

    wbuf_init(&digits, octets.len / 3 * 4 + 4);
    base64_encode(&digits, octets);
    if (wbuf_rc(&digits) != RC_OK) {
        wbuf_fail(out, wbuf_rc(&digits));
    }
    all = wbuf_bytes(&digits);
    for (size_t at = 0, len; at < all.len; at += len) {
        len = pem->width > 0 && pem->width < all.len - at ? pem->width : all.len - at;
        wbuf_put(out, bytes_of(all.data + at, len));
        wbuf_put(out, end);
    }
    wbuf_clear(&digits);
}

void pem_edit(const struct pem *pem, size_t at, struct bytes body, struct edits *out)
{
    struct bytes old = pem->body;
    size_t front = 0, back = 0;
    size_t shorter = old.len < body.len ? old.len : body.len;

    while (front < shorter && old.data[front] == body.data[front]) {
        front++;
    }
    while (back < shorter - front && old.data[old.len - 1 - back] == body.data[body.len - 1 - back]) {
        back++;
    }
    edits_add(out, at + front, old.len - front - back, bytes_of(body.data + front, body.len - front - back),
              "signature");
}
