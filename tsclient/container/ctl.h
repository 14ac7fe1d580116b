/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list inside a catalog: a certificate trust list whose subjects are files, each with its digest and attributes (Microsoft,
 * "Certificate Trust List", wincrypt; MakeCat). Version 1 names a file by the hexadecimal text of its SHA-1, version 2 by the octets of its
 * SHA-256 and, for older readers, by those of its SHA-1 too. What was signed here is copied, never encoded again.
 */
#ifndef TSCLIENT_CONTAINER_CTL_H
#define TSCLIENT_CONTAINER_CTL_H

#include "tsa/wire/gentime.h"
#include "tsclient/container/spc.h"

struct ctl {
    unsigned version; /* 1, 2; 0: of neither's subject algorithm */
    struct bytes list_id;
    struct gentime updated;  /* thisUpdate */
    struct bytes members;    /* contents of SEQUENCE OF TrustedSubject; may be empty */
    struct bytes extensions; /* contents of Extensions; empty when absent */
    size_t num;              /* of members */
    bool has[DIGEST_NUM];    /* members with a digest of that kind */
};

/* ctl_parse reads a whole list (the SEQUENCE with tag), every member of it: what walks it afterwards meets no surprise.
 * RC_CTL_MALFORMED. */
enum rc ctl_parse(struct bytes tlv, struct ctl *out) MUST_CHECK;

enum ctl_kind {
    CTL_KIND_UNKNOWN,
    CTL_KIND_PE,
    CTL_KIND_CAB,
    CTL_KIND_FLAT
};

struct ctl_member {
    struct bytes tag; /* contents of the subject identifier */
    enum ctl_kind kind;
    bool is_other;     /* it says of which kind it is, and that one is not known here */
    bool has_indirect; /* the twin of a version 2 member has none: its tag is the digest */
    struct spc_indirect indirect;
    struct bytes attributes; /* contents of the SET OF Attribute */
};

/* ctl_next takes the next member off the front; start with *rest = ctl.members. False at the end. */
bool ctl_next(struct bytes *rest, struct ctl_member *out);

/* ctl_find looks for the member with that digest: the signed DigestInfo decides, the tag only where there is none. RC_NOT_FOUND. */
enum rc ctl_find(const struct ctl *ctl, enum digest alg, struct bytes digest,
                 struct ctl_member *out) MUST_CHECK;

/* ctl_member_digest gives the digest that a member stands for, digest_len(*out_alg) octets. RC_CTL_MALFORMED where there is neither a
 * DigestInfo nor a tag of that form; RC_DIGEST_UNKNOWN. */
enum rc ctl_member_digest(const struct ctl_member *member, enum digest *out_alg,
                          uint8_t out_digest[DIGEST_MAX]) MUST_CHECK;

/* Name and value: hints ("File") and operating system versions ("OSAttr") of a member or (in the extensions) of the whole catalog. */
#define CTL_ATTRIBUTE_TEXT 0x00010000u /* flag: the value is text */

struct ctl_attribute {
    struct bytes name; /* BMPString contents: UTF-16BE */
    uint32_t flags;
    struct bytes value; /* text: UTF-16LE with a final NUL; else any octets */
};
/* ctl_attribute_next walks them; start with *rest = member.attributes or ctl.extensions; others are skipped. False at the end. */
bool ctl_attribute_next(struct bytes *rest, struct ctl_attribute *out);

/* ctl_attribute_name, ctl_attribute_value write UTF-8 text, cut to what fits; of a value that is no text the printable octets. Return out. */
char *ctl_attribute_name(const struct ctl_attribute *attribute, char *out, size_t out_size);
char *ctl_attribute_value(const struct ctl_attribute *attribute, char *out, size_t out_size);

#endif
