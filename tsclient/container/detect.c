/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of formats, in the order in which they are tried: those with a magic number first. A file that none of them
 * recognises has no signature format, and no guess is made.
 */
#include "tsclient/container/container.h"

#include <string.h>

#include "tsclient/container/cat.h"
#include "tsclient/container/p7.h"
#include "tsclient/container/pe.h"

static const struct container_ops *const formats[] = {
    &pe_ops, &cat_ops, &p7_ops, /* what is no catalog */
};

#define NUM_FORMATS (sizeof formats / sizeof formats[0])

const struct container_ops *container_at(size_t index)
{
    return index < NUM_FORMATS ? formats[index] : NULL;
}

const struct container_ops *container_detect(struct bytes file)
{
    for (size_t i = 0; i < NUM_FORMATS; i++) {
        if (formats[i]->recognise(file)) {
            return formats[i];
        }
    }
    return NULL;
}

const struct container_ops *container_find(const char *name)
{
    for (size_t i = 0; i < NUM_FORMATS; i++) {
        if (strcmp(formats[i]->name, name) == 0) {
            return formats[i];
        }
    }
    return NULL;
}

void container_blobs_clear(struct container_blobs *blobs)
{
    wbuf_clear(&blobs->storage);
    *blobs = (struct container_blobs){0};
}
