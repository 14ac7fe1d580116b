/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Catalogs for tests: built in memory, read back, and kept as long as a test needs the views.
 */
#ifndef TESTS_UNIT_TSCLIENT_MAKE_CATALOG_H
#define TESTS_UNIT_TSCLIENT_MAKE_CATALOG_H

#include <stdlib.h>
#include <string.h>

#include "tsclient/container/ctl_build.h"

struct made_catalog {
    struct wbuf file;
    struct bytes list; /* the list, with tag */
    struct ctl ctl;
};

#define MAKE_CATALOG_LIMIT (1u << 26)
#define MAKE_CATALOG_TIME  1749110448 /* 2025-06-05T08:00:48Z */

static inline void make_catalog_clear(struct made_catalog *made)
{
    wbuf_clear(&made->file);
}

/* False where something of it fails, which no test expects. */
static inline bool make_catalog(const struct ctl_build *build, struct made_catalog *out)
{
    struct cms cms;

    *out = (struct made_catalog){.list = BYTES_NONE};
    wbuf_init(&out->file, MAKE_CATALOG_LIMIT);
    if (ctl_build(&out->file, build) != RC_OK ||
        cms_parse(wbuf_bytes(&out->file), DER_STRICT, &cms) != RC_OK || cms.content_type != OID_CTL) {
        return false;
    }
    out->list = cms.content_tlv;
    return ctl_parse(cms.content_tlv, &out->ctl) == RC_OK;
}

#endif
