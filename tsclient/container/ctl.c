/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the list inside a catalog (Microsoft, "Certificate Trust List" and the catalog functions of wintrust). One reader of a member
 * serves the check of the whole list and every walk after it, so that what was taken once is taken again. Nothing is looked up by its
 * place: Microsoft's tools sort members and attributes, others do not. An attribute that would make a member say two things is refused.
 */
#include "tsclient/container/ctl.h"

#include <string.h>

#include "tsclient/container/utf16.h"

/* ---- attributes: type and values in a member, type and one value in an OCTET STRING in the extensions ---- */

struct attribute {
    struct bytes type;
    struct bytes values; /* one after the other */
};

static bool is(struct bytes type, enum oid oid)
{
    return bytes_equal(type, oid_bytes(oid));
}

/* Takes one attribute off the front; form is the tag of its values. */
static enum rc take_attribute(struct bytes *rest, uint8_t form, struct attribute *out)
{
    struct der d;

    der_init(&d, *rest, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    out->type = der_get_oid(&d);
    if (form == DER_OCTET_STRING_TAG && der_next_is(&d, DER_BOOLEAN_TAG)) {
        (void)der_get_bool(&d);
    }
    out->values = der_get(&d, form);
    der_leave(&d);
    if (d.rc == RC_OK) {
        *rest = bytes_of(rest->data + d.at, rest->len - d.at);
    }
    return d.rc;
}

/* The flags are a DWORD, which some writers take for a signed number. */
static uint32_t get_flags(struct der *d)
{
    struct bytes b = der_get_integer(d);
    uint32_t v = b.len > 0 && b.data[0] & 0x80 ? UINT32_MAX : 0;

    if (b.len > 5 || (b.len == 5 && b.data[0] != 0)) {
        der_fail(d, RC_DER_INTEGER);
    }
    for (size_t i = 0; i < b.len; i++) {
        v = v << 8 | b.data[i];
    }
    return v;
}

static enum rc read_name_value(struct bytes values, struct ctl_attribute *out)
{
    struct der d;

    der_init(&d, values, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    out->name = der_get(&d, DER_BMP_STRING_TAG);
    out->flags = get_flags(&d);
    out->value = der_get(&d, DER_OCTET_STRING_TAG);
    der_leave(&d);
    return out->name.len % 2 == 0 ? der_end(&d) : RC_CTL_MALFORMED;
}

bool ctl_attribute_next(struct bytes *rest, struct ctl_attribute *out)
{
    struct attribute attribute;
    struct bytes start;

    while (rest->len > 0) {
        start = *rest;
        if (take_attribute(rest, DER_SET, &attribute) != RC_OK) {
            *rest = start;
            if (take_attribute(rest, DER_OCTET_STRING_TAG, &attribute) != RC_OK) {
                return false;
            }
        }
        if (is(attribute.type, OID_CATALOG_NAME_VALUE)) {
            return read_name_value(attribute.values, out) == RC_OK;
        }
    }
    return false;
}

char *ctl_attribute_name(const struct ctl_attribute *attribute, char *out, size_t out_size)
{
    return utf16_to_utf8(attribute->name, UTF16_BE, out, out_size);
}

/* A value that MakeCat took as base64 holds any octets; what is printable of them is shown. */
static char *show_octets(struct bytes octets, char *out, size_t out_size)
{
    static const char other[] = "\xef\xbf\xbd"; /* U+FFFD */
    size_t at = 0;

    for (size_t i = 0; i < octets.len; i++) {
        bool is_printable = octets.data[i] >= ' ' && octets.data[i] <= '~';
        size_t len = is_printable ? 1 : sizeof other - 1;

        if (len >= out_size - at) {
            break;
        }
        memcpy(out + at, is_printable ? (const char *)octets.data + i : other, len);
        at += len;
    }
    out[at] = '\0';
    return out;
}

char *ctl_attribute_value(const struct ctl_attribute *attribute, char *out, size_t out_size)
{
    return attribute->flags & CTL_ATTRIBUTE_TEXT ? utf16_to_utf8(attribute->value, UTF16_LE, out, out_size)
                                                 : show_octets(attribute->value, out, out_size);
}

/* ---- what the attributes of a member say ---- */

static enum rc on_name_value(struct bytes values, struct ctl_member *out)
{
    struct ctl_attribute attribute;

    (void)out;
    return read_name_value(values, &attribute);
}

/* Version 1 names the subject's interface by the text of its GUID. */
static const struct {
    const char *guid;
    enum ctl_kind kind;
} guids[] = {
    {"{C689AAB8-8E78-11D0-8C47-00C04FC295EE}", CTL_KIND_PE},
    {"{C689AABA-8E78-11D0-8C47-00C04FC295EE}", CTL_KIND_CAB},
    {"{DE351A42-8E59-11D0-8C47-00C04FC295EE}", CTL_KIND_FLAT},
};

static enum rc on_info(struct bytes values, struct ctl_member *out)
{
    struct bytes guid;
    char text[64];
    struct der d;

    der_init(&d, values, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    guid = der_get(&d, DER_BMP_STRING_TAG);
    (void)der_get_integer(&d);
    der_leave(&d);
    (void)utf16_to_utf8(guid, UTF16_BE, text, sizeof text);
    for (size_t i = 0; i < sizeof guids / sizeof guids[0]; i++) {
        if (strcmp(text, guids[i].guid) == 0) {
            out->kind = guids[i].kind;
        }
    }
    out->is_other = out->kind == CTL_KIND_UNKNOWN;
    return der_end(&d);
}

/* Version 2 has a choice of empty elements. */
static enum rc on_info_v2(struct bytes values, struct ctl_member *out)
{
    static const enum ctl_kind kinds[] = {CTL_KIND_PE, CTL_KIND_CAB, CTL_KIND_FLAT};
    struct der d;

    der_init(&d, values, DER_FOREIGN);
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (der_next_is(&d, DER_CONTEXT(i))) {
            out->kind = kinds[i];
        }
    }
    out->is_other = out->kind == CTL_KIND_UNKNOWN;
    (void)der_get(&d, 0);
    return der_end(&d);
}

/* A digest that is not known here makes no list malformed: it is the digest of none of our files. */
static enum rc on_indirect(struct bytes values, struct ctl_member *out)
{
    struct bytes contents;
    struct der d;
    enum rc rc;

    der_init(&d, values, DER_FOREIGN);
    contents = der_get(&d, DER_SEQUENCE);
    rc = der_end(&d);
    if (rc == RC_OK) {
        rc = spc_indirect_parse(contents, &out->indirect);
    }
    out->has_indirect = true;
    if (out->indirect.is_package) { /* not one digest, but many */
        out->indirect =
            (struct spc_indirect){.data_type = out->indirect.data_type, .data = out->indirect.data};
    }
    return rc == RC_DIGEST_UNKNOWN ? RC_OK : rc;
}

static const struct reader {
    enum oid type;
    unsigned once; /* bit of what may be said once: the kind, the digest */
    enum rc (*read)(struct bytes values, struct ctl_member *out);
} readers[] = {
    {OID_CATALOG_NAME_VALUE, 0, on_name_value},
    {OID_CATALOG_MEMBER_INFO, 1, on_info},
    {OID_CATALOG_MEMBER_INFO_V2, 1, on_info_v2},
    {OID_SPC_INDIRECT_DATA, 2, on_indirect},
};

#define NUM_READERS (sizeof readers / sizeof readers[0])

static enum rc read_attribute(const struct attribute *attribute, unsigned *seen, struct ctl_member *out)
{
    for (size_t i = 0; i < NUM_READERS; i++) {
        if (is(attribute->type, readers[i].type)) {
            if (*seen & readers[i].once) {
                return RC_CTL_MALFORMED;
            }
            *seen |= readers[i].once;
            return readers[i].read(attribute->values, out);
        }
    }
    return RC_OK;
}

/* ---- members ---- */

/* TrustedSubject, contents: { subjectIdentifier OCTET STRING, subjectAttributes SET OF Attribute } */
static enum rc read_member(struct bytes contents, struct ctl_member *out)
{
    struct attribute attribute;
    struct bytes rest;
    unsigned seen = 0;
    struct der d;
    enum rc rc;

    *out = (struct ctl_member){0};
    der_init(&d, contents, DER_FOREIGN);
    out->tag = der_get(&d, DER_OCTET_STRING_TAG);
    if (der_more(&d)) {
        out->attributes = der_get(&d, DER_SET);
    }
    rc = der_end(&d);
    rest = out->attributes;
    while (rc == RC_OK && rest.len > 0) {
        rc = take_attribute(&rest, DER_SET, &attribute);
        if (rc == RC_OK) {
            rc = read_attribute(&attribute, &seen, out);
        }
    }
    if (rc == RC_OK && out->kind == CTL_KIND_UNKNOWN && out->indirect.data_type == OID_SPC_PE_IMAGE_DATA) {
        out->kind = CTL_KIND_PE;
    }
    return rc;
}

static enum rc take_member(struct bytes *rest, struct ctl_member *out)
{
    struct bytes contents;
    struct der d;

    der_init(&d, *rest, DER_FOREIGN);
    contents = der_get(&d, DER_SEQUENCE);
    if (d.rc != RC_OK) {
        return d.rc;
    }
    *rest = bytes_of(rest->data + d.at, rest->len - d.at);
    return read_member(contents, out);
}

bool ctl_next(struct bytes *rest, struct ctl_member *out)
{
    return rest->len > 0 && take_member(rest, out) == RC_OK;
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* The tag of version 1: each digit in 16 bits, little endian, and a NUL that not every tool writes. */
static bool sha1_of_text(struct bytes tag, uint8_t *out)
{
    size_t num = 2 * digest_len(DIGEST_SHA1);
    int digit;

    if (tag.len != 2 * num && (tag.len != 2 * num + 2 || tag.data[2 * num] || tag.data[2 * num + 1])) {
        return false;
    }
    for (size_t i = 0; i < num; i++) {
        digit = hex_digit(tag.data[2 * i]);
        if (digit < 0 || tag.data[2 * i + 1] != 0) {
            return false;
        }
        out[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
    }
    return true;
}

static enum digest of_tag(struct bytes tag, uint8_t *out)
{
    enum digest alg = tag.len == digest_len(DIGEST_SHA1)     ? DIGEST_SHA1
                      : tag.len == digest_len(DIGEST_SHA256) ? DIGEST_SHA256
                                                             : DIGEST_NONE;

    if (alg == DIGEST_NONE) {
        return sha1_of_text(tag, out) ? DIGEST_SHA1 : DIGEST_NONE;
    }
    memcpy(out, tag.data, tag.len);
    return alg;
}

enum rc ctl_member_digest(const struct ctl_member *member, enum digest *out_alg,
                          uint8_t out_digest[DIGEST_MAX])
{
    if (!member->has_indirect) {
        *out_alg = of_tag(member->tag, out_digest);
        return *out_alg == DIGEST_NONE ? RC_CTL_MALFORMED : RC_OK;
    }
    *out_alg = member->indirect.alg;
    if (member->indirect.alg == DIGEST_NONE) {
        return RC_DIGEST_UNKNOWN;
    }
    memcpy(out_digest, member->indirect.digest.data, member->indirect.digest.len);
    return RC_OK;
}

enum rc ctl_find(const struct ctl *ctl, enum digest alg, struct bytes digest, struct ctl_member *out)
{
    struct bytes rest = ctl->members;
    uint8_t octets[DIGEST_MAX];
    enum digest its;

    while (ctl_next(&rest, out)) {
        if (ctl_member_digest(out, &its, octets) == RC_OK && its == alg &&
            bytes_equal(digest, bytes_of(octets, digest_len(its)))) {
            return RC_OK;
        }
    }
    *out = (struct ctl_member){0};
    return RC_NOT_FOUND;
}

/* ---- the list ---- */

static struct gentime get_time(struct der *d)
{
    bool is_utc = der_next_is(d, DER_UTC_TIME_TAG);
    struct bytes text = der_get(d, is_utc ? DER_UTC_TIME_TAG : DER_GENERALIZED_TIME_TAG);
    struct gentime t = {0};

    if (d->rc == RC_OK && (is_utc ? gentime_parse_utc(text, &t) : gentime_parse(text, &t)) != RC_OK) {
        der_fail(d, RC_TIME_FORM);
    }
    return t;
}

static void skip_usage(struct der *d)
{
    der_enter(d, DER_SEQUENCE);
    do {
        (void)der_get_oid(d);
    } while (der_more(d));
    der_leave(d);
}

static unsigned get_version(struct der *d)
{
    enum oid algorithm;

    der_enter(d, DER_SEQUENCE);
    algorithm = oid_find(der_get_oid(d));
    der_leave_rest(d);
    return algorithm == OID_CATALOG_MEMBER ? 1 : algorithm == OID_CATALOG_MEMBER_V2 ? 2 : 0;
}

/* CertificateTrustList, with everything that is optional: { version DEFAULT v1, subjectUsage, listIdentifier OPTIONAL, sequenceNumber
 * OPTIONAL, ctlThisUpdate, ctlNextUpdate OPTIONAL, subjectAlgorithm, trustedSubjects OPTIONAL, [0] ctlExtensions OPTIONAL } */
static enum rc read_list(struct bytes tlv, struct ctl *out)
{
    struct der d;

    der_init(&d, tlv, DER_FOREIGN);
    der_enter(&d, DER_SEQUENCE);
    if (der_next_is(&d, DER_INTEGER_TAG)) {
        (void)der_get_uint(&d);
    }
    skip_usage(&d);
    if (der_next_is(&d, DER_OCTET_STRING_TAG)) {
        out->list_id = der_get(&d, DER_OCTET_STRING_TAG);
    }
    if (der_next_is(&d, DER_INTEGER_TAG)) {
        (void)der_get_integer(&d);
    }
    out->updated = get_time(&d);
    if (der_next_is(&d, DER_UTC_TIME_TAG) || der_next_is(&d, DER_GENERALIZED_TIME_TAG)) {
        (void)get_time(&d);
    }
    out->version = get_version(&d);
    if (der_next_is(&d, DER_SEQUENCE)) {
        out->members = der_get(&d, DER_SEQUENCE);
    }
    if (der_more(&d)) {
        der_enter(&d, DER_CONTEXT_CONSTRUCTED(0));
        out->extensions = der_get(&d, DER_SEQUENCE);
        der_leave(&d);
    }
    der_leave(&d);
    return der_end(&d);
}

static enum rc check_members(struct ctl *ctl)
{
    struct bytes rest = ctl->members;
    uint8_t digest[DIGEST_MAX];
    struct ctl_member member;
    enum digest alg;
    enum rc rc = RC_OK;

    while (rc == RC_OK && rest.len > 0) {
        rc = take_member(&rest, &member);
        ctl->num++;
        if (rc == RC_OK && ctl_member_digest(&member, &alg, digest) == RC_OK) {
            ctl->has[alg] = true;
        }
    }
    return rc;
}

static enum rc check_extensions(const struct ctl *ctl)
{
    struct bytes rest = ctl->extensions;
    struct ctl_attribute name_value;
    struct attribute attribute;
    enum rc rc = RC_OK;

    while (rc == RC_OK && rest.len > 0) {
        rc = take_attribute(&rest, DER_OCTET_STRING_TAG, &attribute);
        if (rc == RC_OK && is(attribute.type, OID_CATALOG_NAME_VALUE)) {
            rc = read_name_value(attribute.values, &name_value);
        }
    }
    return rc;
}

enum rc ctl_parse(struct bytes tlv, struct ctl *out)
{
    enum rc rc;

    *out = (struct ctl){0};
    rc = read_list(tlv, out);
    if (rc == RC_OK) {
        rc = check_members(out);
    }
    if (rc == RC_OK) {
        rc = check_extensions(out);
    }
    if (rc != RC_OK) {
        *out = (struct ctl){0};
        return RC_CTL_MALFORMED;
    }
    return RC_OK;
}
