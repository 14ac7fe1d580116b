/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON form of judgements. Times are ISO 8601 in UTC, serial numbers hexadecimal, policies dotted; what is not known is null.
 */
#include "tsclient/report_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsclient/report.h"

#define NAME_MAX_SHOWN 200

json_t *report_json_text(const char *text)
{
    json_t *string = json_string(text);
    char *ascii;

    if (string) {
        return string;
    }
    ascii = strdup(text);
    for (char *at = ascii; ascii && *at; at++) {
        *at = (unsigned char)*at < 0x80 ? *at : '?';
    }
    string = ascii ? json_string(ascii) : NULL;
    free(ascii);
    return string;
}

static json_t *time_of(struct gentime time)
{
    char text[GENTIME_TEXT_MAX];
    size_t len;

    return gentime_build_iso(time, text, &len) == RC_OK ? json_string(text) : json_null();
}

static json_t *name_of(const struct cert *cert)
{
    char name[NAME_MAX_SHOWN];

    return cert->der.len > 0 ? report_json_text(cert_name(cert->subject, name, sizeof name)) : json_null();
}

static json_t *digest_of(enum digest alg)
{
    return alg == DIGEST_NONE ? json_null() : json_string(digest_name(alg));
}

json_t *report_json_stamp(const struct policy_stamp *stamp)
{
    const struct tsp_tstinfo *info = &stamp->report.token.info;
    bool has_info = stamp->kind == SPC_STAMP_RFC3161 && stamp->report.has_time;
    char policy[OID_TEXT_MAX], serial[2 * 64 + 1];

    if (stamp->kind == SPC_STAMP_NONE) {
        return json_null();
    }
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "kind", report_kind_name(stamp->kind), "time",
                     stamp->report.has_time ? time_of(stamp->report.time) : json_null(), "digest",
                     digest_of(stamp->digest), "serial",
                     has_info ? json_string(bytes_to_hex(info->serial, serial, sizeof serial)) : json_null(),
                     "policy",
                     has_info ? json_string(oid_to_text(info->policy, policy, sizeof policy)) : json_null(),
                     "authority", name_of(&stamp->report.cert));
}

json_t *report_json_reasons(const struct reasons *reasons)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < reasons->num; i++) {
        if (json_array_append_new(list, json_string(reason_word(reasons->list[i].reason))) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

const char *report_json_verdict(const struct reasons *reasons)
{
    static const char *const words[] = {"good", "warning", "bad"};

    return words[reasons_worst(reasons)];
}

static json_t *signature_object(const struct policy_signature *signature, size_t index, bool judged)
{
    return json_pack("{s:I, s:o, s:o, s:o, s:s?, s:o}", "index", (json_int_t)index, "signer",
                     name_of(&signature->cert), "digest", digest_of(signature->spc->cms.signer.digest),
                     "timestamp", report_json_stamp(&signature->stamp), "verdict",
                     judged ? report_json_verdict(&signature->reasons) : NULL, "reasons",
                     report_json_reasons(&signature->reasons));
}

json_t *report_json_file(const struct subject *subject, const struct policy_file *file, const char *verdict)
{
    json_t *signatures = json_array();

    for (size_t i = 0; i < file->num; i++) {
        if (json_array_append_new(signatures, signature_object(&file->signatures[i], i, verdict != NULL)) !=
            0) {
            json_decref(signatures);
            return NULL;
        }
    }
    return json_pack("{s:o, s:s?, s:o, s:s?, s:o}", "file", report_json_text(subject->path), "format",
                     subject->ops ? subject->ops->name : NULL, "signatures", signatures, "verdict", verdict,
                     "reasons", report_json_reasons(&file->reasons));
}

bool report_json_print(json_t *object)
{
    bool ok = object && json_dumpf(object, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF;

    json_decref(object);
    return ok;
}
