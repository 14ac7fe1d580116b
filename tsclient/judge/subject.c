/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a path to parsed signatures. Signatures in BER (indefinite lengths) are brought into definite form for reading; such
 * a signature can be judged, never changed.
 */
#include "tsclient/judge/subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tsa/wire/ber.h"

static void note(struct subject *s, enum reason reason, enum rc cause, const char *why)
{
    reasons_add(&s->reasons, reason, cause);
    (void)snprintf(s->why, sizeof s->why, "%s", why);
}

static enum rc parse_blob(struct subject *s, size_t index)
{
    struct bytes blob = s->blobs.list[index], pkcs7;
    enum rc rc = ber_definite(blob, &s->definite[index], &pkcs7);

    s->indefinite |= pkcs7.data != blob.data;
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
        note(s, REASON_UNSUPPORTED_FORMAT, RC_FORMAT_UNKNOWN, file.len == 0 ? "it is empty" : "");
        return;
    }
    rc = s->ops->check(file, &why);
    if (rc == RC_OK) {
        rc = s->ops->get(file, &s->blobs);
    }
    if (rc == RC_OK) {
        parse_signatures(s);
    } else if (rc == RC_UNSIGNED) {
        note(s, REASON_UNSIGNED, rc, s->blobs.cause != RC_OK ? rc_text(s->blobs.cause) : "");
    } else {
        note(s, REASON_MALFORMED, rc, why ? why : rc_text(rc));
    }
}

void subject_parse(struct bytes file, struct subject *out)
{
    *out = (struct subject)SUBJECT_NONE;
    out->path = "";
    parse_file(out, file);
}

void subject_open(const char *path, struct subject *out)
{
    *out = (struct subject)SUBJECT_NONE;
    out->path = path;
    if (safefile_map_open(path, &out->map) != RC_OK) {
        note(out, REASON_IO_ERROR, RC_IO, safefile_error_text());
        return;
    }
    parse_file(out, out->map.bytes);
}

/* ---- the other file ---- */

bool subject_wants_data(const struct subject *subject)
{
    const struct cms *primary = subject->spc ? &subject->spc->signatures[0].cms : NULL;

    return primary && !subject->ops->digest &&
           (!primary->has_content || primary->content_type == OID_SPC_INDIRECT_DATA);
}

/* NAME.p7s is beside NAME. Heap; NULL where the name has no such end. */
static char *data_name(const char *path)
{
    static const char *const ends[] = {".p7s", ".p7", ".p7x"};
    size_t len = strlen(path);

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t end = strlen(ends[i]);

        if (len > end && strcasecmp(path + len - end, ends[i]) == 0) {
            return strndup(path, len - end);
        }
    }
    return NULL;
}

void subject_open_data(struct subject *subject, const char *path)
{
    enum rc rc;

    subject->data_path = path ? strdup(path) : data_name(subject->path);
    if (!subject->data_path) {
        return;
    }
    rc = safefile_map_open(subject->data_path, &subject->data_map);
    subject->has_data = rc == RC_OK;
    subject->data = subject->data_map.bytes;
    if (rc != RC_OK && (path || rc != RC_NOT_FOUND)) {
        note(subject, REASON_IO_ERROR, RC_IO, safefile_error_text());
    }
}

void subject_close(struct subject *subject)
{
    safefile_map_close(&subject->map);
    safefile_map_close(&subject->data_map);
    free(subject->data_path);
    container_blobs_clear(&subject->blobs);
    for (size_t i = 0; i < CONTAINER_MAX_BLOBS; i++) {
        wbuf_clear(&subject->definite[i]);
    }
    free(subject->spc);
    *subject = (struct subject)SUBJECT_NONE;
}
