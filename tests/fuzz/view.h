/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzzers of the wire formats share: a check that ends the run, and whether a view lies within the input.
 */
#ifndef TESTS_FUZZ_VIEW_H
#define TESTS_FUZZ_VIEW_H

#include <stdbool.h>
#include <stdlib.h>

#include "tsa/wire/bytes.h"

static inline void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static inline bool view_inside(struct bytes in, struct bytes b)
{
    return b.data == NULL ||
           (b.data >= in.data && b.data <= in.data + in.len && b.len <= in.len - (size_t)(b.data - in.data));
}

#endif
