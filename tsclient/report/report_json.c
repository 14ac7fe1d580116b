/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON form of judgements. Times are ISO 8601 in UTC, serial numbers hexadecimal, policies dotted; what is not known is null.
 */
#include "tsclient/report/report_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsclient/report/report.h"
#include "tsclient/report/report_facts.h"

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

json_t *report_json_time(struct gentime time)
{
    char text[GENTIME_TEXT_MAX];
    size_t len;

    return gentime_build_iso(time, text, &len) == RC_OK ? json_string(text) : json_null();
}

static json_t *name_of(const struct cert *cert, struct bytes name)
{
    char text[NAME_MAX_SHOWN];

    return cert->der.len > 0 ? report_json_text(cert_name(name, text, sizeof text)) : json_null();
}

static json_t *digest_of(enum digest alg)
{
    return alg == DIGEST_NONE ? json_null() : json_string(digest_name(alg));
}

static json_t *certificate_of(const struct cert *cert)
{
    char hex[2 * DIGEST_MAX + 1] = "", serial[2 * 64 + 1], key[REPORT_KEY_MAX];
    uint8_t hash[DIGEST_MAX];

    if (cert->der.len == 0) {
        return json_null();
    }
    if (cert_hash(cert, DIGEST_SHA1, hash) == RC_OK) {
        (void)bytes_to_hex(bytes_of(hash, digest_len(DIGEST_SHA1)), hex, sizeof hex);
    }
    return json_pack("{s:o, s:o, s:s, s:o, s:o, s:s?, s:s?}", "subject", name_of(cert, cert->subject),
                     "issuer", name_of(cert, cert->issuer), "serial",
                     bytes_to_hex(cert->serial, serial, sizeof serial), "not_before",
                     report_json_time(cert->not_before), "not_after", report_json_time(cert->not_after),
                     "key", report_key_text(cert, key)[0] ? key : NULL, "sha1", hex[0] ? hex : NULL);
}

/* All that came with the signature; one that can not be parsed is null. */
static json_t *certificates_of(struct bytes rest)
{
    json_t *list = json_array();
    struct bytes der;
    struct cert cert;

    while (list && cert_next(&rest, &der)) {
        if (cert_parse(der, &cert) != RC_OK) {
            cert = (struct cert){0};
        }
        if (json_array_append_new(list, certificate_of(&cert)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* ---- timestamps ---- */

/* The issuer that was not found, where a chain reaches no trusted root. */
static json_t *missing_of(const struct chain *chain)
{
    return chain->missing[0] ? report_json_text(chain->missing) : json_null();
}

json_t *report_json_stamp(const struct policy_stamp *stamp)
{
    const struct verify_report *report = &stamp->report;
    const struct tsp_tstinfo *info = &report->token.info;
    bool has_info = stamp->kind == SPC_STAMP_RFC3161 && report->has_time;
    char policy[OID_TEXT_MAX], serial[2 * 64 + 1];

    if (stamp->kind == SPC_STAMP_NONE) {
        return json_null();
    }
    return json_pack(
        "{s:s, s:o, s:o, s:s?, s:s?, s:o, s:o, s:s, s:o, s:b, s:o}", "kind", report_kind_name(stamp->kind),
        "time", report->has_time ? report_json_time(report->time) : json_null(), "digest",
        digest_of(stamp->digest), "serial",
        has_info ? bytes_to_hex(info->serial, serial, sizeof serial) : NULL, "policy",
        has_info ? oid_to_text(info->policy, policy, sizeof policy) : NULL, "authority",
        name_of(&report->cert, report->cert.subject), "signer_digest", digest_of(report->signer.digest),
        "form", report_form_name(report->form), "certificate", certificate_of(&report->cert),
        "attribute_certificate", (int)report_has_attribute_cert(report->token.cms.certificates),
        "missing_root", missing_of(&stamp->chain));
}

static json_t *stamps_of(const struct policy_signature *signature)
{
    json_t *list = json_array();
    struct policy_stamp stamp;
    int failed = 0;

    for (size_t i = 0; list && !failed && i < signature->spc->num_stamps; i++) {
        policy_stamp_read(signature->spc, i, &stamp);
        failed = json_array_append_new(list, report_json_stamp(&stamp));
        policy_stamp_clear(&stamp);
    }
    if (failed) {
        json_decref(list);
        return NULL;
    }
    return list;
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

/* ---- signatures ---- */

static json_t *pages_of(const struct spc_pages *pages)
{
    return pages->num == 0
               ? json_null()
               : json_pack("{s:o, s:I}", "digest", digest_of(pages->alg), "entries", (json_int_t)pages->num);
}

/* What was there from the first day, in its order. */
static json_t *judged_object(const struct policy_signature *signature, size_t index, bool judged)
{
    return json_pack("{s:I, s:o, s:o, s:o, s:s?, s:o}", "index", (json_int_t)index, "signer",
                     name_of(&signature->cert, signature->cert.subject), "digest",
                     digest_of(signature->spc->cms.signer.digest), "timestamp",
                     report_json_stamp(&signature->stamp), "verdict",
                     judged ? report_json_verdict(&signature->reasons) : NULL, "reasons",
                     report_json_reasons(&signature->reasons));
}

static json_t *facts_object(const struct policy_signature *signature)
{
    const struct spc_signature *spc = signature->spc;
    char content[OID_TEXT_MAX];

    return json_pack("{s:I, s:I, s:o, s:o, s:o, s:s, s:b, s:o, s:b, s:o}", "nested", (json_int_t)spc->depth,
                     "entry", (json_int_t)spc->blob, "issuer",
                     name_of(&signature->cert, signature->cert.issuer), "certificate",
                     certificate_of(&signature->cert), "file_digest", digest_of(signature->file_digest),
                     "content", report_content_text(&spc->cms, content), "detached",
                     (int)!spc->cms.has_content, "page_hashes", pages_of(&signature->pages), "sealed",
                     (int)spc->is_sealed, "missing_root", missing_of(&signature->chain));
}

/* Shown, not repeated in each judgement: all timestamps, not only the one that counts, and the set of certificates. */
static int add_rest(json_t *object, const struct policy_signature *signature)
{
    int failed = json_object_set_new(object, "timestamps", stamps_of(signature));

    return failed ? failed
                  : json_object_set_new(object, "certificates",
                                        certificates_of(signature->spc->cms.certificates));
}

static json_t *signature_object(const struct policy_signature *signature, size_t index, bool judged)
{
    json_t *object = judged_object(signature, index, judged), *facts = facts_object(signature);
    int failed = !object || json_object_update(object, facts);

    if (!failed && !judged) {
        failed = add_rest(object, signature);
    }
    json_decref(facts);
    if (failed) {
        json_decref(object);
        return NULL;
    }
    return object;
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
    return json_pack("{s:o, s:s?, s:o, s:s?, s:o, s:o, s:o}", "file", report_json_text(subject->path),
                     "format", subject->ops ? subject->ops->name : NULL, "signatures", signatures, "verdict",
                     verdict, "reasons", report_json_reasons(&file->reasons), "catalog",
                     report_json_catalog(subject, verdict == NULL), "why",
                     subject->why[0] ? report_json_text(subject->why) : json_null());
}

bool report_json_print(json_t *object)
{
    bool ok = object && json_dumpf(object, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF;

    json_decref(object);
    return ok;
}
