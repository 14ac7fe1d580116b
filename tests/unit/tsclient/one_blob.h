/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats with one signature, for tests: the only blob in and out. What is got is a view into the file.
 */
#ifndef TESTS_UNIT_TSCLIENT_ONE_BLOB_H
#define TESTS_UNIT_TSCLIENT_ONE_BLOB_H

#include "tsclient/container/container.h"

static inline enum rc one_blob_get(const struct container_ops *ops, struct bytes file, struct bytes *out)
{
    struct container_blobs blobs;
    enum rc rc = ops->get(file, &blobs);

    *out = blobs.list[0];
    container_blobs_clear(&blobs);
    return rc;
}

static inline enum rc one_blob_put(const struct container_ops *ops, struct bytes file, struct bytes blob,
                                   struct edits *out)
{
    const struct container_blobs blobs = {.list = {blob}, .num = 1};

    return ops->put(file, &blobs, out);
}

#endif
