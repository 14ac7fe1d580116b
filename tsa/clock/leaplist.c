/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leap-seconds.list as the IERS describes it in the file itself: comments from '#', the day of expiry behind "#@", and lines of NTP seconds (since 1900,
 * not wrapped in 2036) and TAI - UTC from then on. Strict, since a list that is half understood would let a leap second pass. The hash behind "#h" is
 * not checked: whoever can change the file can change the hash too, and what gets damaged by accident does not keep to the form.
 */
#include "tsa/clock/leaplist.h"

#include <string.h>

#define SECONDS_1970 INT64_C(2208988800)
#define DAY_S        INT64_C(86400)
#define MOST_DIGITS  11

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct bytes skip_spaces(struct bytes line)
{
    while (line.len > 0 && is_space(line.data[0])) {
        line = bytes_of(line.data + 1, line.len - 1);
    }
    return line;
}

static struct bytes next_line(struct bytes *rest)
{
    const uint8_t *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    const struct bytes line = bytes_of(rest->data, end ? (size_t)(end - rest->data) : rest->len);

    *rest = end ? bytes_of(end + 1, rest->len - line.len - 1) : BYTES_NONE;
    return line;
}

/* Takes a number and the spaces behind it off the line. */
static bool take_number(struct bytes *line, int64_t *out)
{
    size_t len = 0;

    for (*out = 0; len < line->len && line->data[len] >= '0' && line->data[len] <= '9'; len++) {
        if (len == MOST_DIGITS) {
            return false;
        }
        *out = *out * 10 + (line->data[len] - '0');
    }
    if (len == 0 || (len < line->len && !is_space(line->data[len]))) {
        return false;
    }
    *line = skip_spaces(bytes_of(line->data + len, line->len - len));
    return true;
}

static bool take_expiry(struct bytes line, struct leaplist *list)
{
    int64_t ntp;

    if (line.len < 3 || !is_space(line.data[2])) {
        return false;
    }
    line = skip_spaces(bytes_of(line.data + 2, line.len - 2));
    if (!take_number(&line, &ntp) || line.len != 0 || ntp <= SECONDS_1970 || list->expires != 0) {
        return false;
    }
    list->expires = ntp - SECONDS_1970;
    return true;
}

/* At midnight, and by one second to the entry before. */
static bool is_possible(const struct leaplist *list, const struct leaplist_entry *entry)
{
    const struct leaplist_entry *before = list->num ? &list->list[list->num - 1] : NULL;

    return entry->at > 0 && entry->at % DAY_S == 0 &&
           (!before || (entry->at > before->at && (entry->tai_offset == before->tai_offset + 1 ||
                                                   entry->tai_offset == before->tai_offset - 1)));
}

static bool take_entry(struct bytes line, struct leaplist *list)
{
    struct leaplist_entry entry;
    int64_t ntp, offset;

    if (!take_number(&line, &ntp) || !take_number(&line, &offset) || (line.len != 0 && line.data[0] != '#') ||
        offset > INT16_MAX || list->num == LEAPLIST_MAX) {
        return false;
    }
    entry = (struct leaplist_entry){.at = ntp - SECONDS_1970, .tai_offset = (int)offset};
    if (!is_possible(list, &entry)) {
        return false;
    }
    list->list[list->num++] = entry;
    return true;
}

static bool take_line(struct bytes line, struct leaplist *list)
{
    line = skip_spaces(line);
    if (bytes_starts_with(line, bytes_str("#@"))) {
        return take_expiry(line, list);
    }
    return line.len == 0 || line.data[0] == '#' || take_entry(line, list);
}

enum rc leaplist_parse(struct bytes text, struct leaplist *out)
{
    bool ok = true;

    *out = (struct leaplist){0};
    while (ok && text.len > 0) {
        ok = take_line(next_line(&text), out);
    }
    if (!ok || out->expires == 0 || out->num == 0) {
        *out = (struct leaplist){0};
        return RC_CONFIG;
    }
    return RC_OK;
}

/* ---- asking ---- */

/* The first choice of ITU-R TF.460 for a leap second; none was ever put anywhere else. */
static bool is_half_year(int64_t midnight)
{
    char text[GENTIME_TEXT_MAX];
    size_t len;

    return gentime_build_iso((struct gentime){.sec = midnight}, text, &len) == RC_OK &&
           (memcmp(text + 4, "-07-01", 6) == 0 || memcmp(text + 4, "-01-01", 6) == 0);
}

enum clockpage_leap leaplist_near(const struct leaplist *list, int64_t now, int64_t *out_at)
{
    const int64_t ahead = now + DAY_S / 2;
    const int64_t at = ahead - (ahead % DAY_S + DAY_S) % DAY_S;

    *out_at = at;
    for (size_t i = 1; i < list->num; i++) {
        if (list->list[i].at == at) {
            return list->list[i].tai_offset > list->list[i - 1].tai_offset ? CLOCKPAGE_LEAP_INSERT
                                                                           : CLOCKPAGE_LEAP_DELETE;
        }
    }
    return at >= list->expires && is_half_year(at) ? CLOCKPAGE_LEAP_UNKNOWN : CLOCKPAGE_LEAP_NONE;
}
