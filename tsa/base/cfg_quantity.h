/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers with a unit: "16 KiB", "5 s", "+400d". Exact integers inside, in octets or nanoseconds; what does not fit is refused.
 */
#ifndef TSA_BASE_CFG_QUANTITY_H
#define TSA_BASE_CFG_QUANTITY_H

#include <stdint.h>

#include "tsa/wire/rc.h"

struct cfg_unit {
    const char *name;
    int64_t factor;
};

/* Up to a NULL name, small to large; the unit of a bare number first. */
extern const struct cfg_unit cfg_size_units[];
extern const struct cfg_unit cfg_duration_units[];

/* cfg_quantity_parse reads [+-]digits[.digits] and a unit. What a fraction has beyond the smallest step is dropped. RC_CONFIG. */
enum rc cfg_quantity_parse(const char *text, const struct cfg_unit *units, int64_t *out) MUST_CHECK;

/* cfg_quantity_text writes value with the largest unit that divides it; returns out. */
#define CFG_QUANTITY_TEXT_MAX 40
char *cfg_quantity_text(int64_t value, const struct cfg_unit *units, char out[CFG_QUANTITY_TEXT_MAX]);

#endif
