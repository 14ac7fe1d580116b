/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks a file up in a catalog. A member counts only for the kind of digest that it stands for: an image's digest leaves octets out,
 * so that a plain file made of the others would have the same one. Line ends are tried last: catalogs list an INF as its author's tool
 * wrote it, and a checkout may have taken the CR of each line away, or put one there; that is told, never taken for a match.
 */
#include "tsclient/package/membership.h"

#include <string.h>

#define MAX_TEXT ((size_t)16 << 20)
#define CHUNK    8192

/* The digests are tried in this order: a member may be there under both. */
static const enum digest algs[] = {DIGEST_SHA256, DIGEST_SHA1};

#define NUM_ALGS (sizeof algs / sizeof algs[0])

/* What stands under an image's digest is an image or a cabinet, or nothing tells what it is; all else is known by all its octets. Windows
 * has each kind checked by its own code, so that what is listed as a script, say, is no image even with the same digest. */
static bool kind_fits(const struct ctl_member *member, bool by_image)
{
    if (member->kind == CTL_KIND_UNKNOWN) {
        return !by_image || (!member->is_other && !member->has_indirect);
    }
    return (member->kind == CTL_KIND_FLAT) == !by_image;
}

static bool find(const struct ctl *ctl, struct membership *out)
{
    struct bytes rest = ctl->members;
    uint8_t digest[DIGEST_MAX];
    enum digest alg;

    while (ctl_next(&rest, &out->member)) {
        if (ctl_member_digest(&out->member, &alg, digest) == RC_OK && alg == out->alg &&
            memcmp(digest, out->digest, digest_len(alg)) == 0 && kind_fits(&out->member, out->by_image)) {
            return true;
        }
    }
    out->member = (struct ctl_member){0};
    return false;
}

/* The digest of an image, where the file has one: with data behind its signature or a damaged structure it has none. */
static enum rc find_image(const struct ctl *ctl, struct bytes file, struct membership *out)
{
    const struct container_ops *ops = container_detect(file);
    enum rc rc;

    if (!ops || !ops->digest) {
        return RC_NOT_FOUND;
    }
    rc = ops->digest(file, out->alg, out->digest);
    if (rc == RC_FORMAT_MALFORMED || rc == RC_FORMAT_TRAILER) {
        return RC_NOT_FOUND;
    }
    out->by_image = true;
    return rc != RC_OK ? rc : find(ctl, out) ? RC_OK : RC_NOT_FOUND;
}

static enum rc find_plain(const struct ctl *ctl, struct bytes file, struct membership *out)
{
    enum rc rc = digest_compute(out->alg, &file, 1, out->digest);

    out->by_image = false;
    return rc != RC_OK ? rc : find(ctl, out) ? RC_OK : RC_NOT_FOUND;
}

static enum rc check_pages(struct bytes file, struct membership *out)
{
    const struct container_ops *ops = container_detect(file);
    struct spc_pages pages;
    enum rc rc;

    if (!out->by_image || !out->member.has_indirect || !ops || !ops->check_pages) {
        return RC_OK;
    }
    rc = spc_pages_parse(&out->member.indirect, &pages);
    if (rc != RC_OK) {
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    }
    out->pages_checked = true;
    return ops->check_pages(file, &pages);
}

/* ---- line ends ---- */

struct text {
    struct bytes rest;
    bool to_crlf, after_cr;
};

static bool is_crlf(struct bytes b, size_t at)
{
    return b.data[at] == '\r' && at + 1 < b.len && b.data[at + 1] == '\n';
}

/* Copies what fits into out, with a CR before each LF, or without; octets written, 0 at the end. */
static size_t convert(struct text *text, uint8_t out[CHUNK])
{
    size_t len = 0, at = 0;
    uint8_t c;

    for (; at < text->rest.len && len + 2 <= CHUNK; at++) {
        c = text->rest.data[at];
        if (!text->to_crlf && is_crlf(text->rest, at)) {
            continue;
        }
        if (text->to_crlf && c == '\n' && !text->after_cr) {
            out[len++] = '\r';
        }
        out[len++] = c;
        text->after_cr = c == '\r';
    }
    text->rest = bytes_of(text->rest.data + at, text->rest.len - at);
    return len;
}

static enum rc digest_text(struct text text, enum digest alg, uint8_t out[DIGEST_MAX])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t chunk[CHUNK];
    size_t len;
    bool ok;

    if (!ctx) {
        return RC_NO_MEMORY;
    }
    ok = EVP_DigestInit_ex(ctx, digest_md(alg), NULL) == 1;
    while (ok && (len = convert(&text, chunk)) > 0) {
        ok = EVP_DigestUpdate(ctx, chunk, len) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok ? RC_OK : RC_CRYPTO;
}

static bool is_text(struct bytes file)
{
    return file.len > 0 && file.len <= MAX_TEXT && !memchr(file.data, '\0', file.len) &&
           memchr(file.data, '\n', file.len);
}

static enum rc try_text(const struct ctl *ctl, struct text text, bool *out)
{
    struct membership with = {0};
    enum rc rc = RC_OK;

    *out = false;
    for (size_t i = 0; rc == RC_OK && i < NUM_ALGS && !*out; i++) {
        if (!ctl->has[algs[i]]) {
            continue;
        }
        with.alg = algs[i];
        rc = digest_text(text, algs[i], with.digest);
        *out = rc == RC_OK && find(ctl, &with);
    }
    return rc;
}

static enum rc try_line_ends(const struct ctl *ctl, struct bytes file, struct membership *out)
{
    enum rc rc = try_text(ctl, (struct text){.rest = file, .to_crlf = true}, &out->listed_with_crlf);

    if (rc == RC_OK) {
        rc = try_text(ctl, (struct text){.rest = file}, &out->listed_with_lf);
    }
    return rc == RC_OK ? RC_NOT_FOUND : rc;
}

enum rc membership_find(const struct ctl *ctl, struct bytes file, struct membership *out)
{
    enum rc rc = RC_NOT_FOUND;

    *out = (struct membership){0};
    for (size_t i = 0; rc == RC_NOT_FOUND && i < NUM_ALGS; i++) {
        if (!ctl->has[algs[i]]) {
            continue; /* hashing a large file takes its time */
        }
        out->alg = algs[i];
        rc = find_image(ctl, file, out);
        if (rc == RC_NOT_FOUND) {
            rc = find_plain(ctl, file, out);
        }
    }
    if (rc == RC_OK) {
        return check_pages(file, out);
    }
    *out = (struct membership){0};
    return rc == RC_NOT_FOUND && is_text(file) ? try_line_ends(ctl, file, out) : rc;
}
