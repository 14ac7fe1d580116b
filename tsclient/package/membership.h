/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a file listed in a catalog? PE files are looked up by their Authenticode digest, so that signed and unsigned copies match, all
 * others by the digest of their octets; SHA-256 first, then SHA-1. Judges no signature: what the catalog is worth is policy's work.
 */
#ifndef TSCLIENT_PACKAGE_MEMBERSHIP_H
#define TSCLIENT_PACKAGE_MEMBERSHIP_H

#include "tsclient/container/container.h"
#include "tsclient/container/ctl.h"

struct membership {
    struct ctl_member member; /* views into the catalog */
    enum digest alg;          /* by which it was found */
    uint8_t digest[DIGEST_MAX];
    bool by_image; /* by the Authenticode digest, not by that of all octets */
    bool pages_checked;
    /* Not listed, but it would be with CR LF, or with LF alone, at the end of each line: a checkout may have changed it. */
    bool listed_with_crlf, listed_with_lf;
};

/* membership_find looks file up. RC_NOT_FOUND: it is not listed (*out says what else is known); RC_SPC_PAGE_HASH: listed, but a page
 * differs from its signed hash; RC_SPC_CONTENT: listed, but its page hashes are malformed. */
enum rc membership_find(const struct ctl *ctl, struct bytes file, struct membership *out) MUST_CHECK;

#endif
