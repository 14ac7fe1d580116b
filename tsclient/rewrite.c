/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From wanted changes to a file on disk. The check of the result trusts nothing that made it: the changed octets are parsed and judged
 * from the start, and a result that fails is never written.
 */
#include "tsclient/rewrite.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ROOM_FOR_STAMP (1u << 20)

bool rewrite_is_failure(enum rewrite_outcome outcome)
{
    return outcome >= REWRITE_FAILED;
}

bool rewrite_say(struct rewrite *r, enum rewrite_outcome outcome, const char *format, ...)
{
    char *text = r->out->text;
    size_t len = strlen(text), room = sizeof r->out->text - len;
    int n = len ? snprintf(text + len, room, "; ") : 0;
    va_list args;

    if (n >= 0 && (size_t)n < room) {
        va_start(args, format);
        (void)vsnprintf(text + len + (size_t)n, room - (size_t)n, format, args);
        va_end(args);
    }
    r->out->outcome = outcome > r->out->outcome ? outcome : r->out->outcome;
    return !rewrite_is_failure(outcome);
}

static bool fail(struct rewrite *r, enum rc rc, const char *what)
{
    return rewrite_say(r, REWRITE_FAILED, "%s: %s", what, rc_text(rc));
}

const char *rewrite_name(const struct rewrite *r, size_t index, char out[REWRITE_NAME_MAX])
{
    out[0] = '\0';
    if (r->before.spc->num > 1) {
        (void)snprintf(out, REWRITE_NAME_MAX, "signature %zu: ", index);
    }
    return out;
}

/* ---- may it be changed? ---- */

/* A seal covers what stands below it too. */
static bool is_sealed(const struct spc *spc)
{
    for (size_t i = 0; i < spc->num; i++) {
        if (spc->signatures[i].is_sealed) {
            return true;
        }
    }
    return false;
}

bool rewrite_can(struct rewrite *r)
{
    const struct subject *subject = &r->before;
    char sentence[REASON_SENTENCE_MAX];

    if (subject->reasons.num > 0) {
        return rewrite_say(
            r, REWRITE_FAILED, "%s",
            reason_sentence(subject->reasons.list[0].reason, subject->why, sentence, sizeof sentence));
    }
    if (subject->indefinite) {
        return rewrite_say(r, REWRITE_FAILED,
                           "its signature uses indefinite lengths (BER), which can not be changed octet by "
                           "octet");
    }
    if (is_sealed(subject->spc)) {
        return rewrite_say(r, REWRITE_FAILED,
                           "it is sealed, and a change of timestamps would break the seal");
    }
    if (r->index >= (int64_t)subject->spc->num) {
        return rewrite_say(r, REWRITE_FAILED, "there is no signature %lld: it has %zu, counted from 0",
                           (long long)r->index, subject->spc->num);
    }
    return true;
}

bool rewrite_is_selected(const struct rewrite *r, size_t index)
{
    return r->index < 0 || (size_t)r->index == index;
}

static bool is_by_authority(const struct spc_signature *signature, const struct spc_stamp *stamp)
{
    struct cms_signer signer;
    struct cert cert;

    return stamp->kind != SPC_STAMP_LEGACY ||
           (cms_signer_parse(stamp->value, DER_FOREIGN, &signer) == RC_OK &&
            cms_signer_find_cert(&signer, signature->cms.certificates, &cert) == RC_OK &&
            (cert.eku & CERT_EKU_TIME_STAMPING) != 0);
}

/* In Authenticode every countersignature is a timestamp; RFC 5652 11.4 knows no such rule. */
bool rewrite_may_change(struct rewrite *r, size_t index)
{
    const struct spc_signature *signature = &r->before.spc->signatures[index];
    enum oid type = signature->cms.content_type;
    char name[REWRITE_NAME_MAX];

    if (signature->depth > 0 || type == OID_SPC_INDIRECT_DATA || type == OID_CTL) {
        return true;
    }
    for (size_t i = 0; i < signature->num_stamps; i++) {
        if (!is_by_authority(signature, &signature->stamps[i])) {
            (void)rewrite_say(
                r, REWRITE_WARNING,
                "%sit has a countersignature by somebody who is no timestamp authority, and was "
                "left as it is",
                rewrite_name(r, index, name));
            return false;
        }
    }
    return true;
}

/* ---- changing, in memory ---- */

static enum rc change_one(struct rewrite *r, size_t index)
{
    const struct spc_signature *signature = &r->before.spc->signatures[index];
    struct spc_change *change = &r->changes[index];
    struct wbuf *blob = &r->blobs[signature->blob], old = *blob;
    enum rc rc;

    change->index = index - signature->primary;
    wbuf_init(blob, old.len + change->value.len + change->certificates.len + ROOM_FOR_STAMP);
    rc = spc_change(wbuf_bytes(&old), change, blob);
    wbuf_clear(&old);
    return rc;
}

static enum rc change_signatures(struct rewrite *r)
{
    const struct container_blobs *before = &r->before.blobs;
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < before->num; i++) {
        wbuf_init(&r->blobs[i], before->list[i].len);
        wbuf_put(&r->blobs[i], before->list[i]);
        rc = wbuf_rc(&r->blobs[i]);
    }
    /* From the last: a nested signature stands in an attribute of an earlier one, among which the new one takes its sorted place. */
    for (size_t i = r->before.spc->num; rc == RC_OK && i > 0; i--) {
        rc = r->wanted[i - 1] ? change_one(r, i - 1) : RC_OK;
    }
    return rc;
}

static bool change_file(struct rewrite *r)
{
    struct rewrite_result *out = r->out;
    struct container_blobs blobs = {.num = r->before.blobs.num};
    struct bytes file = r->before.file;
    size_t room = file.len + ROOM_FOR_STAMP;
    enum rc rc = change_signatures(r);

    for (size_t i = 0; i < blobs.num; i++) {
        blobs.list[i] = wbuf_bytes(&r->blobs[i]);
        room += 2 * blobs.list[i].len;
    }
    if (rc == RC_OK) {
        rc = r->before.ops->put(file, &blobs, &out->edits);
    }
    if (rc == RC_OK) {
        wbuf_init(&out->changed, room);
        rc = edits_apply(&out->edits, file, &out->changed);
    }
    return rc == RC_OK || fail(r, rc, "the file can not be changed");
}

/* ---- judging the result as a reader would ---- */

static bool is_changed_as_wanted(const struct rewrite *r, size_t index)
{
    const struct policy_signature *signature = &r->out->file->signatures[index];
    const struct spc_signature *spc = signature->spc;
    const struct spc_change *change = &r->changes[index];

    if (change->kind == SPC_STAMP_NONE) {
        return spc->num_stamps == 0;
    }
    return spc->num_stamps == 1 && spc->stamps[0].kind == change->kind &&
           bytes_equal(spc->stamps[0].value, change->value) && signature->stamp.rc == RC_OK &&
           !reasons_has(&signature->reasons, REASON_OUTSIDE_VALIDITY);
}

/* No octet that anybody signed may differ, and what was good must be good. */
static bool is_kept(const struct rewrite *r, size_t index)
{
    const struct spc_signature *before = &r->before.spc->signatures[index];
    const struct spc_signature *after = &r->out->subject.spc->signatures[index];
    struct reasons reasons;

    return bytes_equal(before->cms.content_tlv, after->cms.content_tlv) &&
           bytes_equal(before->cms.signer.signed_attrs, after->cms.signer.signed_attrs) &&
           bytes_equal(before->cms.signer.signature, after->cms.signer.signature) &&
           (r->wanted[index] || before->num_stamps == after->num_stamps) &&
           policy_check_integrity(&r->out->subject, index, &reasons) ==
               policy_check_integrity(&r->before, index, &reasons);
}

static bool check_result(struct rewrite *r)
{
    struct rewrite_result *out = r->out;

    subject_parse(wbuf_bytes(&out->changed), &out->subject);
    out->subject.path = r->before.path;
    if (!out->subject.spc || out->subject.spc->num != r->before.spc->num) {
        return rewrite_say(
            r, REWRITE_FAILED,
            "the changed file does not parse, so it was not written; this is a bug of tsclient");
    }
    out->file = r->judge ? policy_judge(&out->subject, r->judge) : policy_read(&out->subject);
    if (!out->file) {
        return fail(r, RC_NO_MEMORY, "judging the result");
    }
    for (size_t i = 0; i < r->before.spc->num; i++) {
        if (!is_kept(r, i) || (r->wanted[i] && !is_changed_as_wanted(r, i))) {
            return rewrite_say(
                r, REWRITE_FAILED,
                "the changed file does not verify, so it was not written; this is a bug of tsclient");
        }
    }
    return true;
}

/* ---- writing ---- */

static bool write_file(struct rewrite *r)
{
    const struct safefile_edit edit = {
        .source = r->before.path,
        .target = r->target,
        .edits = &r->out->edits,
        .before = &r->before.map,
        .keep_times = true,
    };

    bool in_place = strcmp(r->before.path, r->target) == 0;

    if (r->dry_run || (r->out->edits.num == 0 && in_place)) {
        return true;
    }
    return safefile_edit(&edit) == RC_OK || rewrite_say(r, REWRITE_FAILED, "%s%s", safefile_error_text(),
                                                        in_place ? "; -o and --out-dir write elsewhere" : "");
}

bool rewrite_run(struct rewrite *r)
{
    struct rewrite_result *out = r->out;

    if (r->num_wanted == 0) {
        out->outcome = out->outcome == REWRITE_DONE ? REWRITE_ALREADY : out->outcome;
        return write_file(r);
    }
    if (!change_file(r) || !check_result(r) || !write_file(r)) {
        return false;
    }
    out->num_changed = r->num_wanted;
    out->outcome = out->outcome == REWRITE_ALREADY ? REWRITE_DONE : out->outcome;
    return true;
}

/* ---- begin and end ---- */

void rewrite_open(struct rewrite *r, const char *path)
{
    *r->out = (struct rewrite_result){.subject = SUBJECT_NONE};
    r->out->subject.path = path;
    subject_open(path, &r->before);
    safefile_map_hold(&r->before.map); /* it may be called as the target's temporary file is */
}

void rewrite_close(struct rewrite *r)
{
    struct rewrite_result *out = r->out;

    if (rewrite_is_failure(out->outcome) || !out->file) {
        policy_free(out->file);
        subject_close(&out->subject);
        out->subject = r->before;
        out->file = policy_read(&out->subject);
    } else {
        subject_close(&r->before);
    }
    for (size_t i = 0; i < CONTAINER_MAX_BLOBS; i++) {
        wbuf_clear(&r->blobs[i]);
    }
}

void rewrite_result_clear(struct rewrite_result *result)
{
    policy_free(result->file);
    subject_close(&result->subject);
    edits_clear(&result->edits);
    wbuf_clear(&result->changed);
}
