/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A catalog's list as JSON: {version, updated, list_id, attributes, count, members}. A name that stands several times among the
 * attributes of one member has an array of its values.
 */
#include "tsclient/report/report_json.h"

#include <stdlib.h>

#include "tsclient/report/report.h"
#include "tsclient/report/report_facts.h"

#define NAME_MAX_SHOWN 200

/* Sets name, or makes an array of what stands there and value. */
static int put_value(json_t *object, const char *name, json_t *value)
{
    json_t *old = json_object_get(object, name);

    if (!old) {
        return json_object_set_new(object, name, value);
    }
    if (json_is_array(old)) {
        return json_array_append_new(old, value);
    }
    return json_object_set_new(object, name, json_pack("[O, o]", old, value));
}

static int put_attribute(json_t *object, const struct ctl_attribute *attribute)
{
    char name[NAME_MAX_SHOWN], *value = report_attribute_value(attribute);
    int failed = -1;

    if (value) {
        failed = put_value(object, ctl_attribute_name(attribute, name, sizeof name), report_json_text(value));
    }
    free(value);
    return failed;
}

static json_t *attributes_of(struct bytes rest)
{
    struct ctl_attribute attribute;
    json_t *object = json_object();

    while (object && ctl_attribute_next(&rest, &attribute)) {
        if (put_attribute(object, &attribute) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *file_of(const struct ctl_member *member)
{
    struct ctl_attribute attribute;
    json_t *text = NULL;
    char *value;

    if (!report_attribute_find(member->attributes, "File", &attribute)) {
        return json_null();
    }
    value = report_attribute_value(&attribute);
    text = value ? report_json_text(value) : NULL;
    free(value);
    return text;
}

static json_t *member_of(const struct ctl_member *member)
{
    char hex[2 * DIGEST_MAX + 1] = "";
    enum digest alg = DIGEST_NONE;
    uint8_t digest[DIGEST_MAX];
    bool known = ctl_member_digest(member, &alg, digest) == RC_OK;

    if (known) {
        (void)bytes_to_hex(bytes_of(digest, digest_len(alg)), hex, sizeof hex);
    }
    return json_pack("{s:s?, s:s?, s:s?, s:o, s:o}", "digest", known ? hex : NULL, "algorithm",
                     known ? digest_name(alg) : NULL, "kind", report_kind_of_member(member->kind), "file",
                     file_of(member), "attributes", attributes_of(member->attributes));
}

static json_t *members_of(const struct ctl *ctl)
{
    struct bytes rest = ctl->members;
    struct ctl_member member;
    json_t *list = json_array();

    while (list && ctl_next(&rest, &member)) {
        if (json_array_append_new(list, member_of(&member)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *report_json_catalog(const struct subject *subject, bool with_members)
{
    char id[2 * 64 + 1];
    struct ctl ctl;
    json_t *object;

    if (report_catalog(subject, &ctl) != RC_OK) {
        return json_null();
    }
    object = json_pack("{s:I, s:o, s:s, s:o, s:I}", "version", (json_int_t)ctl.version, "updated",
                       report_json_time(ctl.updated), "list_id", bytes_to_hex(ctl.list_id, id, sizeof id),
                       "attributes", attributes_of(ctl.extensions), "count", (json_int_t)ctl.num);
    if (object && with_members && json_object_set_new(object, "members", members_of(&ctl)) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}
