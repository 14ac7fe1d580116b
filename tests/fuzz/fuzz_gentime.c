/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times: a DER text that is taken is the one text of its time; any time that can be written is read back; arithmetic
 * agrees with itself.
 */
#include <stdlib.h>
#include <string.h>

#include "tsa/wire/gentime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool same(struct gentime a, struct gentime b)
{
    return gentime_compare(a, b) == 0 && a.sec == b.sec && a.nsec == b.nsec;
}

static void read_texts(struct bytes in)
{
    char text[GENTIME_TEXT_MAX], copy[64];
    struct gentime t, back;
    size_t len;

    if (gentime_parse(in, &t) == RC_OK) {
        check(gentime_build(t, text, &len) == RC_OK && bytes_equal(bytes_of(text, len), in));
    }
    if (gentime_parse_utc(in, &t) == RC_OK) {
        check(gentime_build_utc(t, text, &len) == RC_OK && bytes_equal(bytes_of(text, len), in));
    }
    if (in.len < sizeof copy) {
        memcpy(copy, in.len ? (const void *)in.data : "", in.len);
        copy[in.len] = '\0';
        if (gentime_parse_iso(copy, &t) == RC_OK) {
            check(gentime_build_iso(t, text, &len) == RC_OK);
            check(gentime_parse_iso(text, &back) == RC_OK && same(t, back));
        }
    }
}

static void write_texts(struct gentime t)
{
    char text[GENTIME_TEXT_MAX];
    struct gentime back;
    size_t len;

    if (gentime_build(t, text, &len) == RC_OK) {
        check(strlen(text) == len && gentime_parse(bytes_of(text, len), &back) == RC_OK && same(t, back));
    }
    if (gentime_build_utc(t, text, &len) == RC_OK) {
        check(gentime_parse_utc(bytes_of(text, len), &back) == RC_OK && back.sec == t.sec);
    }
    if (gentime_build_iso(t, text, &len) == RC_OK) {
        check(gentime_parse_iso(text, &back) == RC_OK && same(t, back));
    }
}

static void reckon(struct gentime t, int64_t ns, unsigned digits)
{
    struct gentime moved = gentime_add_ns(t, ns), rounded = gentime_round(t, digits);
    int64_t off = gentime_diff_ns(rounded, t);

    check(moved.nsec < 1000000000 && rounded.nsec < 1000000000);
    if (t.sec > INT64_MIN / 2 && t.sec < INT64_MAX / 2) {
        check(gentime_diff_ns(moved, t) == ns);
        check(gentime_compare(moved, t) == (ns > 0) - (ns < 0));
        check(off <= 500000000 && off > -500000000);
    }
    check(same(gentime_round(rounded, digits), rounded));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    struct gentime t;
    int64_t ns;

    read_texts(bytes_of(data, data_len));
    if (data_len >= 21) {
        memcpy(&t.sec, data, 8);
        memcpy(&t.nsec, data + 8, 4);
        memcpy(&ns, data + 12, 8);
        t.nsec %= 1000000000;
        write_texts(t);
        write_texts((struct gentime){t.sec % 400000000000, t.nsec});
        reckon(t, ns, data[20] % 10);
    }
    return 0;
}
