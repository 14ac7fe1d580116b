/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes an unsigned catalog, as MakeCat and Inf2Cat do, for a signing tool to sign: SignedData without signers around a list of files.
 * The same input makes the same octets. It opens no file and reads no clock.
 */
#ifndef TSCLIENT_CONTAINER_CTL_BUILD_H
#define TSCLIENT_CONTAINER_CTL_BUILD_H

#include "tsclient/container/ctl.h"

/* A hint ("File", "OSAttr", "HWID1"); both are UTF-8. */
struct ctl_build_attribute {
    const char *name, *value;
};

#define CTL_BUILD_MAX_ATTRIBUTES 8 /* of one member */

struct ctl_build_member {
    enum ctl_kind kind;
    uint8_t sha1[20], sha256[32];
    struct spc_pages pages; /* of a PE image; num 0: none */
    const struct ctl_build_attribute *attributes;
    size_t num_attributes;
};

struct ctl_build {
    unsigned version;       /* 1: SHA-1 alone; 2: SHA-256, and SHA-1 for older readers */
    struct bytes list_id;   /* empty: 16 octets that follow from the rest */
    struct gentime updated; /* whole seconds of it */
    const struct ctl_build_attribute *attributes; /* of the whole catalog */
    size_t num_attributes;
    const struct ctl_build_member *members; /* in any order; of those with the same digest the first counts */
    size_t num_members;
};

/* ctl_build_measure makes a member of a file, without hints: the Authenticode digest of an image (or a cabinet), that of all octets else.
 * RC_FORMAT_* where the structure is damaged or data stand behind a signature; RC_FORMAT_UNKNOWN for a cabinet whose digest nobody here
 * knows, since listed by all its octets it would not be found. */
enum rc ctl_build_measure(struct bytes file, struct ctl_build_member *out) MUST_CHECK;

/* ctl_build_pages adds page hashes of an image (one that is none stays as it is) in the digest of that version of catalog; storage, which
 * holds them, must live as long. RC_FORMAT_MALFORMED. */
enum rc ctl_build_pages(struct bytes file, unsigned version, struct wbuf *storage,
                        struct ctl_build_member *out) MUST_CHECK;

/* ctl_build writes the catalog. RC_CTL_MALFORMED for another version, an unknown kind or too many attributes; RC_TIME_RANGE,
 * RC_TOO_LARGE, RC_NO_MEMORY. */
enum rc ctl_build(struct wbuf *out, const struct ctl_build *build) MUST_CHECK;

#endif
