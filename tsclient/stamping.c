/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be stamped, and with what. Every reply was checked whole before it comes here (ask); the file is changed by rewrite, which judges
 * its result again. A file of no format can have its timestamp beside it.
 */
#include "tsclient/stamping.h"

#include <stdio.h>
#include <stdlib.h>

#include "tsclient/detached.h"

struct job {
    const struct stamping *s;
    struct rewrite rewrite;
    struct policy_file *judged; /* the timestamps that are there */
    struct ask_stamp stamps[SPC_MAX_SIGNATURES];
};

/* ---- what is to be done ---- */

static const char *other_name(enum spc_stamp_kind kind)
{
    return kind == SPC_STAMP_LEGACY ? "an Authenticode" : "an RFC 3161";
}

/* Whose time is yet to come was made by a clock that was wrong, or by this one if it is; either way it proves nothing yet. */
static bool is_to_come(const struct job *j, struct gentime time)
{
    return gentime_compare(time, gentime_add_ns(j->s->judge.at, j->s->ask->skew_ns)) > 0;
}

/* What is found good, and yet is not what anybody wants to keep: NULL, or a sentence. */
static const char *doubt(const struct job *j, const struct policy_stamp *stamp)
{
    if (policy_stamp_is_lab_time(stamp)) {
        return "it has only a lab timestamp, which is no evidence";
    }
    return is_to_come(j, stamp->report.time) ? "its timestamp is of a time to come" : NULL;
}

/* A timestamp is there already: good and of the wanted kind, or not. One that is not good is told whatever was asked for. */
static void consider_stamped(struct job *j, size_t index)
{
    const struct policy_signature *signature = &j->judged->signatures[index];
    const struct policy_stamp *stamp = &signature->stamp;
    struct rewrite *r = &j->rewrite;
    char name[REWRITE_NAME_MAX], time[GENTIME_TEXT_MAX] = "?";
    const char *why = doubt(j, stamp);
    size_t len;

    (void)rewrite_name(r, index, name);
    if (stamp->rc != RC_OK) {
        (void)rewrite_say(
            r, REWRITE_WARNING,
            "%sits timestamp is not good (%s) and was left as it is; %s--replace makes a new one", name,
            rc_text(stamp->rc), stamp->rc == RC_CHAIN_UNTRUSTED ? "name its root with --ca; " : "");
    } else if (why) {
        (void)rewrite_say(r, REWRITE_WARNING, "%s%s, and was left as it is; --replace makes a real one", name,
                          why);
    } else if (reasons_has(&signature->reasons, REASON_OUTSIDE_VALIDITY)) {
        (void)rewrite_say(r, REWRITE_WARNING, "%s%s", name, reason_text(REASON_OUTSIDE_VALIDITY));
    } else if (stamp->kind != j->s->ask->kind && !j->s->skip_stamped) {
        (void)rewrite_say(r, REWRITE_WARNING,
                          "%sit has %s timestamp, which was left as it is; --replace makes a new one", name,
                          other_name(stamp->kind));
    } else if (gentime_build_iso(stamp->report.time, time, &len) == RC_OK) {
        (void)rewrite_say(r, REWRITE_ALREADY, "%sit has a good timestamp of %s", name, time);
    }
}

static bool consider(struct job *j, size_t index)
{
    struct rewrite *r = &j->rewrite;
    struct reasons reasons;
    char name[REWRITE_NAME_MAX];
    enum rc rc;

    if (!rewrite_is_selected(r, index) || !rewrite_may_change(r, index)) {
        return true;
    }
    if (r->before.spc->signatures[index].num_stamps > 0 && !j->s->replace) {
        consider_stamped(j, index);
        return true;
    }
    rc = policy_check_integrity(&r->before, index, &reasons);
    if (rc != RC_OK) {
        const struct reason_entry *error = reasons_first(&reasons, SEVERITY_ERROR);

        return rewrite_say(r, REWRITE_FAILED, "%s%s (%s)", rewrite_name(r, index, name),
                           reason_text(error->reason), rc_text(rc));
    }
    r->wanted[index] = true;
    r->num_wanted++;
    return true;
}

/* What else can be done about a file that has no signature to stamp. */
static bool advise(struct rewrite *r)
{
    const struct reasons *reasons = &r->before.reasons;

    if (reasons_has(reasons, REASON_UNSUPPORTED_FORMAT)) {
        return rewrite_say(r, REWRITE_FAILED, "with --detached any file can have a timestamp beside it");
    }
    if (reasons_has(reasons, REASON_UNSIGNED)) {
        return rewrite_say(r, REWRITE_FAILED, "sign it first, or put a timestamp beside it with --detached");
    }
    return false;
}

static bool plan(struct job *j)
{
    struct rewrite *r = &j->rewrite;

    if (!rewrite_can(r)) {
        return advise(r);
    }
    j->judged = policy_judge(&r->before, &j->s->judge);
    if (!j->judged) {
        return rewrite_say(r, REWRITE_FAILED, "judging what is there: %s", rc_text(RC_NO_MEMORY));
    }
    for (size_t i = 0; i < r->before.spc->num; i++) {
        if (!consider(j, i)) {
            return false;
        }
    }
    return true;
}

/* ---- asking ---- */

static bool note_verdict(struct job *j, const struct ask_stamp *stamp, const char *name)
{
    static const enum rewrite_outcome outcomes[] = {
        [ASK_UNREACHABLE] = REWRITE_UNREACHABLE, [ASK_REFUSED] = REWRITE_REFUSED, [ASK_BAD] = REWRITE_FAILED};

    if (stamp->verdict == ASK_GOOD) {
        return stamp->why[0] == '\0' ||
               rewrite_say(&j->rewrite, REWRITE_DONE, "%sanother URL answered, but %s", name, stamp->why);
    }
    return rewrite_say(&j->rewrite, outcomes[stamp->verdict], "%s%s", name, stamp->why);
}

static bool ask_all(struct job *j)
{
    struct rewrite *r = &j->rewrite;
    char name[REWRITE_NAME_MAX];

    for (size_t i = 0; i < r->before.spc->num; i++) {
        struct ask_stamp *stamp = &j->stamps[i];

        if (!r->wanted[i]) {
            continue;
        }
        ask_timestamp(j->s->ask, r->before.spc->signatures[i].cms.signer.signature,
                      &j->judged->signatures[i].cert, stamp);
        if (!note_verdict(j, stamp, rewrite_name(r, i, name))) {
            return false;
        }
        r->changes[i] = (struct spc_change){
            .kind = j->s->ask->kind, .value = stamp->value, .certificates = stamp->certificates};
    }
    return true;
}

static void stamp_embedded(struct job *j)
{
    if (plan(j) && ask_all(j)) {
        (void)rewrite_run(&j->rewrite);
    }
}

/* ---- detached ---- */

/* Told before anything is asked for, or waited for: a pipe would be. */
static bool can_be_target(struct rewrite *r)
{
    const struct stat *source = &r->before.map.st;
    struct stat st;

    if (stat(r->target, &st) != 0) {
        return true;
    }
    if (st.st_dev == source->st_dev && st.st_ino == source->st_ino) {
        return rewrite_say(r, REWRITE_FAILED, "its timestamp would take the place of the file itself");
    }
    return S_ISREG(st.st_mode) ||
           rewrite_say(r, REWRITE_FAILED, "can not write %s: it is not a regular file", r->target);
}

static void tell_tsr(struct job *j, const struct detached *old)
{
    const char *why = old->stamp.rc == RC_OK ? doubt(j, &old->stamp) : NULL;
    struct rewrite *r = &j->rewrite;

    if (reasons_worst(&old->reasons) >= SEVERITY_ERROR) {
        (void)rewrite_say(r, REWRITE_WARNING,
                          "%s is not good (%s) and was left as it is; --replace makes a new one", r->target,
                          old->why);
    } else if (why) {
        (void)rewrite_say(r, REWRITE_WARNING, "%s: %s, and was left as it is; --replace makes a real one",
                          r->target, why);
    } else {
        (void)rewrite_say(r, REWRITE_ALREADY, "%s is there already", r->target);
    }
}

/* A .tsr that is there already and good stays, a bad one is told. True when one is to be made. */
static bool needs_tsr(struct job *j)
{
    const char *target = j->rewrite.target;
    struct detached old;
    bool missing;

    detached_open(target, &old);
    missing = old.reasons.num > 0 && old.reasons.list[0].cause == RC_NOT_FOUND;
    if (old.reasons.num > 0 && old.reasons.list[0].cause == RC_IO) { /* nobody knows whether it is one */
        (void)rewrite_say(&j->rewrite, REWRITE_FAILED, "%s", old.why);
        detached_close(&old);
        return false;
    }
    if (!missing && !j->s->replace) {
        detached_check_file(&old, j->rewrite.before.path, j->s->judge.tsa_anchors);
        tell_tsr(j, &old);
    }
    detached_close(&old);
    return missing || j->s->replace;
}

static void stamp_detached(struct job *j)
{
    struct ask_stamp *stamp = &j->stamps[0];
    struct rewrite *r = &j->rewrite;

    if (reasons_has(&r->before.reasons, REASON_IO_ERROR)) {
        (void)rewrite_say(r, REWRITE_FAILED, "%s", r->before.why);
        return;
    }
    r->before.reasons = (struct reasons){0}; /* it needs neither signature nor format */
    if (!can_be_target(r) || !needs_tsr(j)) {
        return;
    }
    ask_timestamp(j->s->ask, r->before.file, NULL, stamp);
    if (!note_verdict(j, stamp, "")) {
        return;
    }
    if (!j->s->dry_run && safefile_write(r->target, wbuf_bytes(&stamp->reply), 0644) != RC_OK) {
        (void)rewrite_say(r, REWRITE_FAILED, "%s", safefile_error_text());
        return;
    }
    r->out->num_changed = 1;
}

/* ---- the whole ---- */

void stamping_run(const struct stamping *stamping, const char *path, const char *target,
                  struct rewrite_result *out)
{
    struct job *j = calloc(1, sizeof *j);

    if (!j) {
        *out = (struct rewrite_result){.outcome = REWRITE_FAILED, .subject = SUBJECT_NONE};
        return;
    }
    *j = (struct job){.s = stamping,
                      .rewrite = {.out = out,
                                  .target = target,
                                  .index = stamping->index,
                                  .dry_run = stamping->dry_run,
                                  .judge = &stamping->judge}};
    rewrite_open(&j->rewrite, path);
    if (stamping->detached) {
        stamp_detached(j);
    } else {
        stamp_embedded(j);
    }
    rewrite_close(&j->rewrite);
    for (size_t i = 0; i < SPC_MAX_SIGNATURES; i++) {
        ask_stamp_clear(&j->stamps[i]);
    }
    policy_free(j->judged);
    free(j);
}
