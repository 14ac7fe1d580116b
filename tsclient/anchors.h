/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trusted roots that the command line names: one set for signers, one for timestamps.
 */
#ifndef TSCLIENT_ANCHORS_H
#define TSCLIENT_ANCHORS_H

#include "tsa/wire/chain.h"
#include "tsclient/command.h"

struct anchors {
    struct chain_anchors *signers;
    struct chain_anchors *authorities; /* the same set unless a separate one was named */
};

/* anchors_load reads ca (files or folders) for both and tsa_ca for timestamps; either may be empty: then tsa_ca is ca, and ca the
 * system's store. On failure tells on standard error and gives false. Free with anchors_clear in any case. */
bool anchors_load(const struct option_list *ca, const struct option_list *tsa_ca, struct anchors *out);

/* anchors_add_crls adds the revocation lists of files to both sets. The same on failure. */
bool anchors_add_crls(const char *const *paths, size_t num, struct anchors *anchors);
void anchors_clear(struct anchors *anchors);

#endif
