/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integer arithmetic throughout: a duration of days still has nanoseconds, and doubles would round them.
 */
#include "tsa/base/cfg_quantity.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tsa/base/cfg.h"

const struct cfg_unit cfg_size_units[] = {
    {"B", 1},           {"kB", 1000},       {"KiB", 1 << 10},        {"MB", 1000000},    {"MiB", 1 << 20},
    {"GB", 1000000000}, {"GiB", 1LL << 30}, {"TB", 1000000000000LL}, {"TiB", 1LL << 40}, {NULL, 0},
};

/* A bare number means seconds; so "s" stands first and once more in its place. */
const struct cfg_unit cfg_duration_units[] = {
    {"s", 1000000000},
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"s", 1000000000},
    {"min", 60000000000LL},
    {"h", 3600000000000LL},
    {"d", 86400000000000LL},
    {NULL, 0},
};

static bool find_unit(const char *name, const struct cfg_unit *units, int64_t *out)
{
    for (const struct cfg_unit *unit = units; unit->name; unit++) {
        if (*name == '\0' || strcmp(unit->name, name) == 0) {
            *out = unit->factor;
            return true;
        }
    }
    return false;
}

/* Adds digits * 10^n * factor for the whole digits; false when it does not fit. */
static bool add_whole(const char *digits, size_t num, int64_t factor, int64_t *value)
{
    int64_t whole = 0;

    for (size_t i = 0; i < num; i++) {
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, digits[i] - '0', &whole)) {
            return false;
        }
    }
    return !__builtin_mul_overflow(whole, factor, value);
}

/* Adds factor * 0.digits, rounded down; factor is taken apart, so that nothing on the way needs more than 64 bits. */
static bool add_fraction(const char *digits, size_t num, int64_t factor, int64_t *value)
{
    int64_t fraction = 0, scale = 1;

    if (num > 9) {
        return false;
    }
    for (size_t i = 0; i < num; i++) {
        fraction = fraction * 10 + (digits[i] - '0');
        scale *= 10;
    }
    return !__builtin_add_overflow(*value, factor / scale * fraction + factor % scale * fraction / scale,
                                   value);
}

enum rc cfg_quantity_parse(const char *text, const struct cfg_unit *units, int64_t *out)
{
    static const char digits[] = "0123456789";
    bool negative = *text == '-';
    const char *whole = text + (*text == '-' || *text == '+');
    size_t num_whole = strspn(whole, digits), num_fraction = 0;
    const char *fraction = whole + num_whole;
    const char *unit = fraction;
    int64_t factor, value;

    if (*fraction == '.') {
        fraction++;
        num_fraction = strspn(fraction, digits);
        unit = fraction + num_fraction;
    }
    unit += strspn(unit, " ");
    if (num_whole == 0 || (fraction > whole + num_whole && num_fraction == 0) ||
        !find_unit(unit, units, &factor) || !add_whole(whole, num_whole, factor, &value) ||
        !add_fraction(fraction, num_fraction, factor, &value)) {
        return RC_CONFIG;
    }
    *out = negative ? -value : value;
    return RC_OK;
}

char *cfg_quantity_text(int64_t value, const struct cfg_unit *units, char out[CFG_QUANTITY_TEXT_MAX])
{
    const struct cfg_unit *best = units;

    for (const struct cfg_unit *unit = units; unit->name; unit++) {
        if (value % unit->factor == 0 && (unit->factor > best->factor || value % best->factor != 0) &&
            value != 0) {
            best = unit;
        }
    }
    (void)snprintf(out, CFG_QUANTITY_TEXT_MAX, "%" PRId64 " %s", value / best->factor, best->name);
    return out;
}

enum rc cfg_parse_duration(const char *text, int64_t *out_ns)
{
    return cfg_quantity_parse(text, cfg_duration_units, out_ns);
}
