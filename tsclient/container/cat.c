/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Catalogs. There is no magic number: the first octets are walked to the type of the content. One that nobody has signed yet, as
 * MakeCat writes it, is told from a damaged one. The signature holds the list that it signs, so there is no digest to take.
 */
#include "tsclient/container/cat.h"

#include "tsclient/container/signed_data.h"

static bool recognise(struct bytes file)
{
    enum oid type;

    return signed_data_begins(file, &type) && type == OID_CTL;
}

static enum rc check(struct bytes file, const char **out_why)
{
    struct signed_data sd;

    *out_why = signed_data_parse(file, &sd);
    return *out_why ? RC_FORMAT_MALFORMED : RC_OK;
}

static enum rc get(struct bytes file, struct container_blobs *out)
{
    *out = (struct container_blobs){0};
    return signed_data_get(file, out);
}

static enum rc put(struct bytes file, const struct container_blobs *blobs, struct edits *out)
{
    return signed_data_put(file, 0, blobs, out);
}

const struct container_ops cat_ops = {
    .name = "cat",
    .recognise = recognise,
    .check = check,
    .get = get,
    .put = put,
};
