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

static enum rc definite_form(struct subject *s, struct bytes *out)
{
    enum rc rc;

    *out = s->signature;
    s->indefinite = ber_is_indefinite(s->signature);
    if (!s->indefinite) {
        return RC_OK;
    }
    wbuf_init(&s->definite, s->signature.len * 2 + 1024);
    rc = ber_normalise(s->signature, &s->definite);
    *out = wbuf_bytes(&s->definite);
    return rc;
}

static void parse_signature(struct subject *s)
{
    struct bytes pkcs7;
    enum rc rc = definite_form(s, &pkcs7);

    s->spc = calloc(1, sizeof *s->spc);
    if (!s->spc) {
        rc = RC_NO_MEMORY;
    }
    if (rc == RC_OK) {
        rc = spc_parse(pkcs7, s->spc);
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
        rc = s->ops->get(file, &s->signature);
    }
    if (rc == RC_OK) {
        parse_signature(s);
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
    wbuf_clear(&subject->definite);
    free(subject->spc);
    *subject = (struct subject){.map = {.fd = -1}};
}
