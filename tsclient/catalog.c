/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks files up in judged catalogs. A file is worth what the catalog is worth that lists it; the time of its signature is that of
 * the catalog's.
 */
#include "tsclient/catalog.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

#include "tsclient/container/cat.h"
#include "tsclient/report/report.h"
#include "tsclient/report/report_facts.h"
#include "tsclient/report/report_json.h"

/* ---- the catalog ---- */

/* An unsigned catalog has a list too: what it lists is told, and is not good. */
static void read_list(struct catalog *catalog)
{
    const struct container_ops *ops = catalog->subject.ops;
    const struct reason_entry *damage = reasons_first(&catalog->subject.reasons, SEVERITY_ERROR);
    enum rc rc = report_catalog(&catalog->subject, &catalog->ctl);

    /* Lists of trusted or distrusted certificates, say: their members are no files. */
    if (rc == RC_OK && catalog->ctl.version == 0) {
        rc = RC_NOT_FOUND;
    }
    catalog->has_list = rc == RC_OK;
    if (rc == RC_OK) {
        return;
    }
    catalog->ctl = (struct ctl){0};
    if (rc == RC_CTL_MALFORMED) {
        catalog->no_list = (struct reason_entry){REASON_MALFORMED, SEVERITY_ERROR, rc};
    } else if (damage && (!ops || ops == &cat_ops)) {
        catalog->no_list = *damage;
    } else {
        catalog->no_list = (struct reason_entry){REASON_UNSUPPORTED_FORMAT, SEVERITY_ERROR, rc};
    }
}

void catalog_open(const char *path, const struct policy_query *query, struct catalog *out)
{
    *out = (struct catalog){.subject = SUBJECT_NONE};
    subject_open(path, &out->subject);
    out->judged = policy_judge(&out->subject, query);
    if (out->judged) {
        read_list(out);
    }
}

void catalog_close(struct catalog *catalog)
{
    policy_free(catalog->judged);
    subject_close(&catalog->subject);
}

static const char *no_list_text(const struct catalog *catalog)
{
    if (catalog->no_list.reason == REASON_UNSUPPORTED_FORMAT) {
        return "it is no catalog";
    }
    if (catalog->no_list.cause == RC_CTL_MALFORMED) {
        return rc_text(RC_CTL_MALFORMED);
    }
    return catalog->subject.why[0] ? catalog->subject.why : reason_text(catalog->no_list.reason);
}

void catalog_print_own(FILE *out, const struct catalog *catalog, enum severity least)
{
    char path[REPORT_PATH_MAX], why[sizeof catalog->subject.why];

    if (catalog->has_list) {
        report_reasons(out, &catalog->subject, catalog->judged, least);
        return;
    }
    (void)snprintf(why, sizeof why, "%s", no_list_text(catalog));
    (void)fprintf(out, "%s: error: %s: no file can be looked up in it: %s\n",
                  report_path(catalog->subject.path, path), reason_word(catalog->no_list.reason),
                  report_safe(why));
}

/* ---- its members ---- */

static bool is_good(const struct catalog *catalog)
{
    return reasons_worst(&catalog->judged->reasons) < SEVERITY_ERROR;
}

struct search {
    const struct catalog *catalogs;
    size_t num;
    const struct safefile_map *map;
};

/* A good catalog counts more than one that is not; of good ones that in which a page differs, so that no other one hides it. */
static int weight(const struct catalog *catalog, enum rc rc)
{
    return !is_good(catalog) ? 1 : rc == RC_OK ? 2 : 3;
}

static enum rc find(const struct search *search, struct catalog_member *out, struct membership *out_missed)
{
    enum rc rc, best = RC_NOT_FOUND;
    struct membership found;
    int heaviest = 0;

    *out_missed = (struct membership){0};
    for (size_t i = 0; i < search->num; i++) {
        const struct catalog *catalog = &search->catalogs[i];

        rc = membership_find(&catalog->ctl, search->map->bytes, &found);
        if (rc == RC_NOT_FOUND) {
            out_missed->listed_with_crlf |= found.listed_with_crlf;
            out_missed->listed_with_lf |= found.listed_with_lf;
        } else if (weight(catalog, rc) > heaviest) {
            heaviest = weight(catalog, rc);
            best = rc;
            out->catalog = catalog;
            out->membership = found;
        }
    }
    return best;
}

/* ---- why it is not listed ---- */

static bool is_itself(const struct search *search)
{
    for (size_t i = 0; i < search->num; i++) {
        const struct stat *st = &search->catalogs[i].subject.map.st;

        if (st->st_dev == search->map->st.st_dev && st->st_ino == search->map->st.st_ino &&
            search->catalogs[i].has_list) {
            return true;
        }
    }
    return false;
}

static bool lists_name(const struct ctl *ctl, const char *name)
{
    struct bytes rest = ctl->members;
    struct ctl_attribute attribute;
    struct ctl_member member;
    char listed[NAME_MAX + 5]; /* what is cut to that is longer than any name, whatever its last character */

    while (ctl_next(&rest, &member)) {
        if (report_attribute_find(member.attributes, "File", &attribute) &&
            strcasecmp(ctl_attribute_value(&attribute, listed, sizeof listed), name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_name_listed(const struct search *search, const char *path)
{
    const char *slash = strrchr(path, '/');

    for (size_t i = 0; i < search->num; i++) {
        if (lists_name(&search->catalogs[i].ctl, slash ? slash + 1 : path)) {
            return true;
        }
    }
    return false;
}

static bool is_any_read(const struct search *search)
{
    for (size_t i = 0; i < search->num; i++) {
        if (search->catalogs[i].has_list) {
            return true;
        }
    }
    return false;
}

#define LINE_ENDS(ends)                                                                                      \
    "with " ends                                                                                             \
    " at its line ends it would be; a checkout may have changed them, use the file as it was shipped"

static const char *hint(const struct search *search, const char *path, const struct membership *missed)
{
    if (!is_any_read(search)) {
        return "no catalog could be read";
    }
    if (missed->listed_with_crlf || missed->listed_with_lf) {
        return missed->listed_with_crlf ? LINE_ENDS("CR LF") : LINE_ENDS("LF alone");
    }
    if (is_itself(search)) {
        return "it is the catalog itself, which is judged when it is verified without --catalog";
    }
    return is_name_listed(search, path) ? "it lists a file of that name with another digest; this one was "
                                          "changed, or is of another version"
                                        : "";
}

static void note_find(struct catalog_member *member, enum rc rc)
{
    if (rc == RC_SPC_PAGE_HASH) {
        reasons_add(&member->reasons, REASON_PAGE_HASH_MISMATCH, rc);
    } else if (rc == RC_NOT_FOUND) {
        reasons_add(&member->reasons, REASON_NOT_IN_CATALOG, rc);
    } else if (rc != RC_OK) {
        reasons_add(&member->reasons, REASON_MALFORMED, rc);
        (void)snprintf(member->why, sizeof member->why, "%s", rc_text(rc));
    }
    policy_note_weak(&member->reasons, member->catalog ? member->membership.alg : DIGEST_NONE);
}

/* The file may stand in one that can not be read: bad, then, and for that reason. One that is good without it is so with a warning. */
static void note_without_list(const struct search *search, struct catalog_member *member)
{
    for (size_t i = 0; i < search->num; i++) {
        if (!search->catalogs[i].has_list) {
            reasons_raise(&member->reasons, search->catalogs[i].no_list.reason,
                          member->catalog ? SEVERITY_WARNING : SEVERITY_ERROR,
                          search->catalogs[i].no_list.cause);
        }
    }
}

static void look_up(const struct search *search, struct catalog_member *out)
{
    struct membership missed;
    enum rc rc = find(search, out, &missed);

    note_find(out, rc);
    if (rc == RC_NOT_FOUND) {
        (void)snprintf(out->why, sizeof out->why, "%s", hint(search, out->path, &missed));
    }
}

void catalog_judge(const char *path, const struct catalog *catalogs, size_t num, struct catalog_member *out)
{
    struct safefile_map map;
    const struct search search = {catalogs, num, &map};

    *out = (struct catalog_member){.path = path};
    if (safefile_map_open(path, &map) != RC_OK) {
        reasons_add(&out->reasons, REASON_IO_ERROR, RC_IO);
        (void)snprintf(out->why, sizeof out->why, "%s", safefile_error_text());
        out->num_own = out->reasons.num;
        return;
    }
    out->ops = container_detect(map.bytes);
    look_up(&search, out);
    out->num_own = out->reasons.num;
    if (out->catalog) {
        reasons_merge(&out->reasons, &out->catalog->judged->reasons);
    }
    note_without_list(&search, out);
    safefile_map_close(&map);
}

/* ---- what is told ---- */

void catalog_print(FILE *out, const struct catalog_member *member)
{
    const struct catalog *catalog = member->catalog;
    const struct membership *found = &member->membership;
    char path[REPORT_PATH_MAX];

    (void)fprintf(out, "Verifying: %s\n", report_path(member->path, path));
    if (catalog) {
        (void)fprintf(out, "File is signed in catalog: %s\n", report_path(catalog->subject.path, path));
        report_hash(out, found->alg, bytes_of(found->digest, digest_len(found->alg)));
    }
    (void)fputc('\n', out);
    if (catalog) {
        report_signatures(out, catalog->judged);
    }
}

/* The catalog's own reasons are told once, with its name; here it is enough to say that it is not good. */
void catalog_print_reasons(FILE *out, const struct catalog_member *member, enum severity least)
{
    char path[REPORT_PATH_MAX], catalog[REPORT_PATH_MAX], sentence[REASON_SENTENCE_MAX];
    const struct reason_entry *entry;

    (void)report_path(member->path, path);
    for (size_t i = 0; i < member->num_own; i++) {
        entry = &member->reasons.list[i];
        if (entry->severity >= least) {
            (void)reason_sentence(entry->reason, i == 0 ? member->why : "", sentence, sizeof sentence);
            (void)fprintf(out, "%s: %s: %s: %s\n", path, report_severity(entry->severity),
                          reason_word(entry->reason), report_safe(sentence));
        }
    }
    if (member->catalog && !is_good(member->catalog)) {
        entry = reasons_first(&member->catalog->judged->reasons, SEVERITY_ERROR);
        (void)fprintf(out, "%s: error: %s: it is listed in %s, which is not good\n", path,
                      reason_word(entry->reason), report_path(member->catalog->subject.path, catalog));
    }
}

static json_t *member_object(const struct membership *membership)
{
    static const char *const kinds[] = {
        [CTL_KIND_UNKNOWN] = NULL, [CTL_KIND_PE] = "pe", [CTL_KIND_CAB] = "cab", [CTL_KIND_FLAT] = "flat"};
    char hex[2 * DIGEST_MAX + 1];

    return json_pack("{s:s, s:s, s:s?, s:b}", "digest", digest_name(membership->alg), "value",
                     bytes_to_hex(bytes_of(membership->digest, digest_len(membership->alg)), hex, sizeof hex),
                     "kind", kinds[membership->member.kind], "page_hashes", membership->pages_checked);
}

/* Which list, and where; what stands in it is told by `show`. */
static json_t *list_object(const struct catalog *catalog)
{
    json_t *object = report_json_catalog(&catalog->subject, false);

    if (object && json_object_set_new(object, "file", report_json_text(catalog->subject.path)) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *signatures_of(const struct catalog *catalog)
{
    json_t *whole =
        report_json_file(&catalog->subject, catalog->judged, report_json_verdict(&catalog->judged->reasons));
    json_t *signatures = json_incref(json_object_get(whole, "signatures"));

    json_decref(whole);
    return signatures;
}

json_t *catalog_json(const struct catalog_member *member)
{
    const struct catalog *catalog = member->catalog;

    return json_pack("{s:o, s:s?, s:o, s:s, s:o, s:o, s:o}", "file", report_json_text(member->path), "format",
                     member->ops ? member->ops->name : NULL, "signatures",
                     catalog ? signatures_of(catalog) : json_array(), "verdict",
                     report_json_verdict(&member->reasons), "reasons", report_json_reasons(&member->reasons),
                     "catalog", catalog ? list_object(catalog) : json_null(), "member",
                     catalog ? member_object(&member->membership) : json_null());
}
