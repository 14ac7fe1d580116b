/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stamping. Nothing is written before every reply was checked and the whole new file was parsed and judged again in memory;
 * then it goes out by an edit list, so that "nothing else has changed" holds by construction. A signature that is broken, or
 * that does not cover the file, gets no timestamp: it would lend it an air of order.
 */
#include "tsclient/stamping.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsclient/detached.h"

#define ROOM_FOR_STAMP (1u << 20)

struct job {
    const struct stamping *s;
    const char *target;
    struct stamping_result *out;
    struct subject before;
    struct policy_file *judged; /* the timestamps that are there */
    bool wanted[SPC_MAX_SIGNATURES];
    size_t num_wanted;
    struct ask_stamp stamps[SPC_MAX_SIGNATURES];
    struct wbuf blobs[CONTAINER_MAX_BLOBS]; /* the new ones */
};

const char *stamping_outcome_word(enum stamping_outcome outcome)
{
    static const char *const words[] = {
        [STAMPING_DONE] = "stamped",  [STAMPING_ALREADY] = "already-stamped", [STAMPING_WARNING] = "warning",
        [STAMPING_FAILED] = "failed", [STAMPING_UNREACHABLE] = "unreachable", [STAMPING_REFUSED] = "refused",
    };

    return words[outcome];
}

/* ---- outcomes ---- */

static bool is_failure(enum stamping_outcome outcome)
{
    return outcome >= STAMPING_FAILED;
}

/* The worst outcome counts; every text is kept. False after a failure. */
__attribute__((format(printf, 3, 4))) static bool say(struct job *j, enum stamping_outcome outcome,
                                                      const char *format, ...)
{
    char *text = j->out->text;
    size_t len = strlen(text), room = sizeof j->out->text - len;
    int n = len ? snprintf(text + len, room, "; ") : 0;
    va_list args;

    if (n >= 0 && (size_t)n < room) {
        va_start(args, format);
        (void)vsnprintf(text + len + (size_t)n, room - (size_t)n, format, args);
        va_end(args);
    }
    j->out->outcome = outcome > j->out->outcome ? outcome : j->out->outcome;
    return !is_failure(outcome);
}

static bool fail(struct job *j, enum rc rc, const char *what)
{
    return say(j, STAMPING_FAILED, "%s: %s", what, rc_text(rc));
}

/* Where there are several signatures, which one is meant. */
static const char *name_of(const struct job *j, size_t index, char out[40])
{
    out[0] = '\0';
    if (j->before.spc->num > 1) {
        (void)snprintf(out, 40, "signature %zu: ", index);
    }
    return out;
}

/* ---- what is to be done ---- */

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

static const char *way_out(enum reason reason)
{
    return reason == REASON_UNSUPPORTED_FORMAT ? "; with --detached any file can have a timestamp beside it"
           : reason == REASON_UNSIGNED ? "; sign it first, or put a timestamp beside it with --detached"
                                       : "";
}

static bool check_subject(struct job *j)
{
    const struct subject *subject = &j->before;

    if (subject->reasons.num > 0) {
        return say(j, STAMPING_FAILED, "%s%s%s%s", reason_text(subject->reasons.list[0].reason),
                   subject->why[0] ? ": " : "", subject->why, way_out(subject->reasons.list[0].reason));
    }
    if (subject->indefinite) {
        return say(j, STAMPING_FAILED,
                   "its signature uses indefinite lengths (BER), which can not be changed octet by octet");
    }
    if (is_sealed(subject->spc)) {
        return say(j, STAMPING_FAILED, "it is sealed, and a new timestamp would break the seal");
    }
    if (j->s->index >= (int64_t)subject->spc->num) {
        return say(j, STAMPING_FAILED, "there is no signature %lld: it has %zu, counted from 0",
                   (long long)j->s->index, subject->spc->num);
    }
    return true;
}

static const char *other_name(enum spc_stamp_kind kind)
{
    return kind == SPC_STAMP_LEGACY ? "an Authenticode" : "an RFC 3161";
}

/* A timestamp is there already: good and of the wanted kind, or not. */
static void consider_stamped(struct job *j, size_t index)
{
    const struct policy_signature *signature = &j->judged->signatures[index];
    const struct policy_stamp *stamp = &signature->stamp;
    char name[40], time[GENTIME_TEXT_MAX] = "?";
    size_t len;

    (void)name_of(j, index, name);
    if (j->s->skip_stamped) {
        return;
    }
    if (stamp->rc != RC_OK) {
        (void)say(j, STAMPING_WARNING,
                  "%sits timestamp is not good (%s) and was left as it is; %s--replace makes a new one", name,
                  rc_text(stamp->rc), stamp->rc == RC_CHAIN_UNTRUSTED ? "name its root with --ca; " : "");
    } else if (reasons_has(&signature->reasons, REASON_OUTSIDE_VALIDITY)) {
        (void)say(j, STAMPING_WARNING, "%s%s", name, reason_text(REASON_OUTSIDE_VALIDITY));
    } else if (stamp->kind != j->s->ask->kind) {
        (void)say(j, STAMPING_WARNING,
                  "%sit has %s timestamp, which was left as it is; --replace makes a new one", name,
                  other_name(stamp->kind));
    } else if (gentime_build_iso(stamp->report.time, time, &len) == RC_OK) {
        (void)say(j, STAMPING_ALREADY, "%sit has a good timestamp of %s", name, time);
    }
}

static bool consider(struct job *j, size_t index)
{
    struct reasons reasons;
    char name[40];

    if (j->s->index >= 0 && (size_t)j->s->index != index) {
        return true;
    }
    if (j->before.spc->signatures[index].num_stamps > 0 && !j->s->replace) {
        consider_stamped(j, index);
        return true;
    }
    if (policy_check_integrity(&j->before, index, &reasons) != RC_OK) {
        const struct reason_entry *error = reasons_first(&reasons, SEVERITY_ERROR);

        return say(j, STAMPING_FAILED, "%s%s (%s)", name_of(j, index, name), reason_text(error->reason),
                   rc_text(error->cause));
    }
    j->wanted[index] = true;
    j->num_wanted++;
    return true;
}

static bool plan(struct job *j)
{
    if (!check_subject(j)) {
        return false;
    }
    j->judged = policy_judge(&j->before, &j->s->judge);
    if (!j->judged) {
        return fail(j, RC_NO_MEMORY, "judging what is there");
    }
    for (size_t i = 0; i < j->before.spc->num; i++) {
        if (!consider(j, i)) {
            return false;
        }
    }
    return true;
}

/* ---- asking ---- */

static bool note_verdict(struct job *j, const struct ask_stamp *stamp, const char *name)
{
    static const enum stamping_outcome outcomes[] = {[ASK_UNREACHABLE] = STAMPING_UNREACHABLE,
                                                     [ASK_REFUSED] = STAMPING_REFUSED,
                                                     [ASK_BAD] = STAMPING_FAILED};

    if (stamp->verdict == ASK_GOOD) {
        return stamp->why[0] == '\0' ||
               say(j, STAMPING_DONE, "%sanother URL answered, but %s", name, stamp->why);
    }
    return say(j, outcomes[stamp->verdict], "%s%s", name, stamp->why);
}

static bool ask_all(struct job *j)
{
    const struct cert *signer;
    char name[40];

    for (size_t i = 0; i < j->before.spc->num; i++) {
        if (!j->wanted[i]) {
            continue;
        }
        signer = &j->judged->signatures[i].cert;
        ask_timestamp(j->s->ask, j->before.spc->signatures[i].cms.signer.signature, signer, &j->stamps[i]);
        if (!note_verdict(j, &j->stamps[i], name_of(j, i, name))) {
            return false;
        }
    }
    return true;
}

/* ---- changing ---- */

static enum rc change_one(struct job *j, size_t index)
{
    const struct spc_signature *signature = &j->before.spc->signatures[index];
    const struct ask_stamp *stamp = &j->stamps[index];
    const struct spc_change change = {.index = index - signature->primary,
                                      .kind = j->s->ask->kind,
                                      .value = stamp->value,
                                      .certificates = stamp->certificates};
    struct wbuf *blob = &j->blobs[signature->blob], old = *blob;
    enum rc rc;

    wbuf_init(blob, old.len + stamp->reply.len + ROOM_FOR_STAMP);
    rc = spc_change(wbuf_bytes(&old), &change, blob);
    wbuf_clear(&old);
    return rc;
}

static enum rc change_signatures(struct job *j)
{
    const struct container_blobs *before = &j->before.blobs;
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < before->num; i++) {
        wbuf_init(&j->blobs[i], before->list[i].len);
        wbuf_put(&j->blobs[i], before->list[i]);
        rc = wbuf_rc(&j->blobs[i]);
    }
    for (size_t i = 0; rc == RC_OK && i < j->before.spc->num; i++) {
        rc = j->wanted[i] ? change_one(j, i) : RC_OK;
    }
    return rc;
}

static bool change_file(struct job *j)
{
    struct stamping_result *out = j->out;
    struct container_blobs blobs = {.num = j->before.blobs.num};
    struct bytes file = j->before.file;
    size_t room = file.len + ROOM_FOR_STAMP;
    enum rc rc = change_signatures(j);

    for (size_t i = 0; i < blobs.num; i++) {
        blobs.list[i] = wbuf_bytes(&j->blobs[i]);
        room += 2 * blobs.list[i].len;
    }
    if (rc == RC_OK) {
        rc = j->before.ops->put(file, &blobs, &out->edits);
    }
    if (rc == RC_OK) {
        wbuf_init(&out->changed, room);
        rc = edits_apply(&out->edits, file, &out->changed);
    }
    return rc == RC_OK || fail(j, rc, "the file can not be changed");
}

/* ---- judging the result as a reader would ---- */

static bool has_new_stamp(const struct job *j, size_t index)
{
    const struct policy_signature *signature = &j->out->file->signatures[index];
    const struct spc_signature *spc = signature->spc;

    return spc->num_stamps == 1 && spc->stamps[0].kind == j->s->ask->kind &&
           bytes_equal(spc->stamps[0].value, j->stamps[index].value) && signature->stamp.rc == RC_OK &&
           !reasons_has(&signature->reasons, REASON_OUTSIDE_VALIDITY);
}

/* No octet that anybody signed may differ, and what was good must be good. */
static bool is_kept(const struct job *j, size_t index)
{
    const struct spc_signature *before = &j->before.spc->signatures[index];
    const struct spc_signature *after = &j->out->subject.spc->signatures[index];
    struct reasons reasons;

    return bytes_equal(before->cms.content_tlv, after->cms.content_tlv) &&
           bytes_equal(before->cms.signer.signed_attrs, after->cms.signer.signed_attrs) &&
           bytes_equal(before->cms.signer.signature, after->cms.signer.signature) &&
           policy_check_integrity(&j->out->subject, index, &reasons) ==
               policy_check_integrity(&j->before, index, &reasons);
}

static bool check_result(struct job *j)
{
    struct stamping_result *out = j->out;

    subject_parse(wbuf_bytes(&out->changed), &out->subject);
    out->subject.path = j->before.path;
    if (!out->subject.spc || out->subject.spc->num != j->before.spc->num) {
        return say(j, STAMPING_FAILED,
                   "the changed file does not parse, so it was not written; this is a bug of tsclient");
    }
    out->file = policy_judge(&out->subject, &j->s->judge);
    if (!out->file) {
        return fail(j, RC_NO_MEMORY, "judging the result");
    }
    for (size_t i = 0; i < j->before.spc->num; i++) {
        if (!is_kept(j, i) || (j->wanted[i] && !has_new_stamp(j, i))) {
            return say(j, STAMPING_FAILED,
                       "the changed file does not verify, so it was not written; this is a bug of tsclient");
        }
    }
    return true;
}

/* ---- writing ---- */

static bool write_file(struct job *j)
{
    const struct safefile_edit edit = {
        .source = j->before.path,
        .target = j->target,
        .edits = &j->out->edits,
        .before = &j->before.map,
        .keep_times = true,
    };

    if (j->s->dry_run || (j->out->edits.num == 0 && strcmp(j->before.path, j->target) == 0)) {
        return true;
    }
    return safefile_edit(&edit) == RC_OK || say(j, STAMPING_FAILED, "%s", safefile_error_text());
}

/* Nothing to stamp: the result is the file as it is, which somebody may still want elsewhere. */
static void keep(struct job *j)
{
    (void)write_file(j);
}

static void stamp_embedded(struct job *j)
{
    if (!plan(j)) {
        return;
    }
    if (j->num_wanted == 0) {
        keep(j);
        j->out->outcome = j->out->outcome == STAMPING_DONE ? STAMPING_ALREADY : j->out->outcome;
        return;
    }
    if (ask_all(j) && change_file(j) && check_result(j) && write_file(j)) {
        j->out->num_stamped = j->num_wanted;
        j->out->outcome = j->out->outcome == STAMPING_ALREADY ? STAMPING_DONE : j->out->outcome;
    }
}

/* ---- detached ---- */

static bool is_source(const struct job *j)
{
    struct stat st;

    return stat(j->target, &st) == 0 && st.st_dev == j->before.map.st.st_dev &&
           st.st_ino == j->before.map.st.st_ino;
}

/* A .tsr that is there already and good stays, a bad one is told. True when one is to be made. */
static bool needs_tsr(struct job *j)
{
    struct detached old;
    bool missing;

    detached_open(j->target, &old);
    missing = old.reasons.num > 0 && old.reasons.list[0].cause == RC_NOT_FOUND;
    if (!missing && !j->s->replace) {
        detached_check_file(&old, j->before.path, j->s->judge.tsa_anchors);
        if (j->s->skip_stamped || reasons_worst(&old.reasons) < SEVERITY_ERROR) {
            (void)say(j, STAMPING_ALREADY, "%s is there already", j->target);
        } else {
            (void)say(j, STAMPING_WARNING,
                      "%s is not good (%s) and was left as it is; --replace makes a new one", j->target,
                      old.why);
        }
    }
    detached_close(&old);
    return missing || j->s->replace;
}

static void stamp_detached(struct job *j)
{
    struct ask_stamp *stamp = &j->stamps[0];

    if (reasons_has(&j->before.reasons, REASON_IO_ERROR)) {
        (void)say(j, STAMPING_FAILED, "%s", j->before.why);
        return;
    }
    if (is_source(j)) {
        (void)say(j, STAMPING_FAILED, "its timestamp would take the place of the file itself");
        return;
    }
    if (!needs_tsr(j)) {
        return;
    }
    ask_timestamp(j->s->ask, j->before.file, NULL, stamp);
    if (!note_verdict(j, stamp, "")) {
        return;
    }
    if (!j->s->dry_run && safefile_write(j->target, wbuf_bytes(&stamp->reply), 0644) != RC_OK) {
        (void)say(j, STAMPING_FAILED, "%s", safefile_error_text());
        return;
    }
    j->out->num_stamped = 1;
}

/* ---- the whole ---- */

void stamping_run(const struct stamping *stamping, const char *path, const char *target,
                  struct stamping_result *out)
{
    struct job *j = calloc(1, sizeof *j);

    *out = (struct stamping_result){.subject = SUBJECT_NONE};
    out->subject.path = path;
    if (!j) {
        out->outcome = STAMPING_FAILED;
        return;
    }
    *j = (struct job){.s = stamping, .target = target, .out = out};
    subject_open(path, &j->before);
    if (stamping->detached) {
        stamp_detached(j);
    } else {
        stamp_embedded(j);
    }
    if (is_failure(out->outcome) || !out->file) {
        policy_free(out->file);
        subject_close(&out->subject);
        out->subject = j->before;
        out->file = policy_read(&out->subject);
    } else {
        subject_close(&j->before);
    }
    for (size_t i = 0; i < SPC_MAX_SIGNATURES; i++) {
        ask_stamp_clear(&j->stamps[i]);
    }
    policy_free(j->judged);
    for (size_t i = 0; i < CONTAINER_MAX_BLOBS; i++) {
        wbuf_clear(&j->blobs[i]);
    }
    free(j);
}

void stamping_clear(struct stamping_result *result)
{
    policy_free(result->file);
    subject_close(&result->subject);
    edits_clear(&result->edits);
    wbuf_clear(&result->changed);
}
