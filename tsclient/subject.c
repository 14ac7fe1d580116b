/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a path to parsed signatures. Signatures in BER (indefinite lengths) are brought into definite form for reading; such
 * a signature can be judged, never changed.
 */
#include "tsclient/subject.h"

#include <stdio.h>
#include <stdlib.h>

#include "tsa/wire/ber.h"

static void note(struct subject *s, enum reason reason, enum rc cause, const char *why)
{
    reasons_add(&s->reasons, reason, cause);
    (void)snprintf(s->why, sizeof s->why, "%s", why);
}

static enum rc definite_form(struct subject *s, size_t index, struct bytes *out)
{
    struct bytes blob = s->blobs.list[index];
    struct wbuf *w = &s->definite[index];
    enum rc rc;

    *out = blob;
    if (!ber_is_indefinite(blob)) {
        return RC_OK;
    }
    s->indefinite = true;
    wbuf_init(w, blob.len * 2 + 1024);
    rc = ber_normalise(blob, w);
    *out = wbuf_bytes(w);
    return rc;
}

static enum rc parse_blob(struct subject *s, size_t index)
{
    struct bytes pkcs7;
    enum rc rc = definite_form(s, index, &pkcs7);

    return rc == RC_OK ? spc_add(s->spc, pkcs7) : rc;
}

static void parse_signatures(struct subject *s)
{
    enum rc rc = RC_OK;

    s->spc = calloc(1, sizeof *s->spc);
    if (!s->spc) {
        rc = RC_NO_MEMORY;
    }
    for (size_t i = 0; rc == RC_OK && i < s->blobs.num; i++) {
        rc = parse_blob(s, i);
    }
    if (rc != RC_OK) {
        note(s, rc == RC_UNSIGNED ? REASON_UNSIGNED : REASON_MALFORMED, rc, rc_text(rc));
        free(s->spc);
        s->spc = NULL;
    }
}

static void parse_file(struct subject *s, struct bytes file)
{
    const char *why = NULL;
    enum rc rc;

    s->file = file;
    s->ops = container_detect(file);
    if (!s->ops) {
        note(s, REASON_UNSUPPORTED_FORMAT, RC_FORMAT_UNKNOWN, "");
        return;
    }
    rc = s->ops->check(file, &why);
    if (rc == RC_OK) {
        rc = s->ops->get(file, &s->blobs);
    }
    if (rc == RC_OK) {
        parse_signatures(s);
    } else if (rc == RC_UNSIGNED) {
        note(s, REASON_UNSIGNED, rc, "");
    } else {
        note(s, REASON_MALFORMED, rc, why ? why : rc_text(rc));
    }
}

void subject_parse(struct bytes file, struct subject *out)
{
    *out = (struct subject){.path = "", .map = {.fd = -1}};
    parse_file(out, file);
}

void subject_open(const char *path, struct subject *out)
{
    *out = (struct subject){.path = path, .map = {.fd = -1}};
    if (safefile_map_open(path, &out->map) != RC_OK) {
        note(out, REASON_IO_ERROR, RC_IO, safefile_error_text());
        return;
    }
    parse_file(out, out->map.bytes);
}

void subject_close(struct subject *subject)
{
    safefile_map_close(&subject->map);
    container_blobs_clear(&subject->blobs);
    for (size_t i = 0; i < CONTAINER_MAX_BLOBS; i++) {
        wbuf_clear(&subject->definite[i]);
    }
    free(subject->spc);
    *subject = (struct subject){.map = {.fd = -1}};
}
