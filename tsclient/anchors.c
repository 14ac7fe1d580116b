/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anchors from files, folders or the system's store. A name that gives none is an error: who names a root wants it to count.
 */
#include "tsclient/anchors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "certs/certfile.h"

static bool load(const struct option_list *paths, const char *option, struct chain_anchors **out)
{
    const char *path = NULL;
    enum rc rc = RC_OK;

    errno = 0;
    *out = chain_anchors_new();
    if (!*out) {
        rc = RC_NO_MEMORY;
    } else if (paths->num == 0) {
        rc = chain_anchors_add_system(*out);
    }
    for (size_t i = 0; rc == RC_OK && i < paths->num; i++) {
        path = paths->text[i];
        rc = certfile_add_anchors(path, *out);
    }
    if (rc == RC_OK) {
        return true;
    }
    (void)fprintf(stderr, "tsclient: %s %s: %s\n", option, path ? path : "(the system's store)",
                  rc == RC_NOT_FOUND          ? "there is no certificate to trust"
                  : rc == RC_IO && errno != 0 ? strerror(errno)
                                              : rc_text(rc));
    return false;
}

bool anchors_load(const struct option_list *ca, const struct option_list *tsa_ca, struct anchors *out)
{
    *out = (struct anchors){0};
    if (!load(ca, "--ca", &out->signers)) {
        return false;
    }
    if (tsa_ca->num > 0) {
        return load(tsa_ca, "--tsa-ca", &out->authorities);
    }
    out->authorities = out->signers;
    return true;
}

static enum rc add_crl(struct anchors *anchors, struct bytes der)
{
    enum rc rc = chain_anchors_add_crl(anchors->signers, der);

    if (rc == RC_OK && anchors->authorities != anchors->signers) {
        rc = chain_anchors_add_crl(anchors->authorities, der);
    }
    return rc;
}

bool anchors_add_crls(const char *const *paths, size_t num, struct anchors *anchors)
{
    struct certfile file;
    enum rc rc = RC_OK;

    for (size_t i = 0; i < num; i++) {
        errno = 0;
        rc = certfile_read(paths[i], &file);
        if (rc == RC_OK && file.num_crls == 0) {
            rc = RC_NOT_FOUND;
        }
        for (size_t k = 0; rc == RC_OK && k < file.num_crls; k++) {
            rc = add_crl(anchors, file.crls[k]);
        }
        certfile_clear(&file);
        if (rc != RC_OK) {
            (void)fprintf(stderr, "tsclient: --crl %s: %s\n", paths[i],
                          rc == RC_NOT_FOUND          ? "there is no revocation list"
                          : rc == RC_IO && errno != 0 ? strerror(errno)
                                                      : rc_text(rc));
            return false;
        }
    }
    return true;
}

void anchors_clear(struct anchors *anchors)
{
    if (anchors->authorities != anchors->signers) {
        chain_anchors_free(anchors->authorities);
    }
    chain_anchors_free(anchors->signers);
    *anchors = (struct anchors){0};
}
