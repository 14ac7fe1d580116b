/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a list of leap seconds. What is taken is in order, at midnights, a second at a time; written out again it is the same list; each of its
 * entries is found at its midnight and nowhere else. What is not taken leaves no list.
 */
#include <inttypes.h>
#include <string.h>

#include "tests/fuzz/view.h"
#include "tsa/clock/leaplist.h"
#include "tsa/wire/wbuf.h"

#define DAY  INT64_C(86400)
#define NTP  INT64_C(2208988800)
#define YEAR (INT64_C(366) * DAY)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

static void check_order(const struct leaplist *list)
{
    check(list->expires > 0 && list->num > 0 && list->num <= LEAPLIST_MAX);
    for (size_t i = 0; i < list->num; i++) {
        check(list->list[i].at > 0 && list->list[i].at % DAY == 0 && list->list[i].tai_offset >= 0);
        check(i == 0 || list->list[i].at > list->list[i - 1].at);
        check(i == 0 || abs(list->list[i].tai_offset - list->list[i - 1].tai_offset) == 1);
    }
}

static void check_again(const struct leaplist *list)
{
    struct leaplist again;
    struct wbuf text;

    wbuf_init(&text, 1u << 16);
    wbuf_printf(&text, "#@ %" PRId64 "\n", list->expires + NTP);
    for (size_t i = 0; i < list->num; i++) {
        wbuf_printf(&text, "%" PRId64 " %d\n", list->list[i].at + NTP, list->list[i].tai_offset);
    }
    check(leaplist_parse(wbuf_bytes(&text), &again) == RC_OK);
    check(memcmp(&again, list, sizeof(again)) == 0);
    wbuf_clear(&text);
}

static bool has(const struct leaplist *list, int64_t at)
{
    bool found = false;

    for (size_t i = 1; i < list->num; i++) {
        found |= list->list[i].at == at;
    }
    return found;
}

static void check_near(const struct leaplist *list, int64_t now)
{
    int64_t at;
    const enum clockpage_leap leap = leaplist_near(list, now, &at);

    check(at % DAY == 0 && now - at < DAY / 2 && at - now <= DAY / 2);
    check(has(list, at) == (leap == CLOCKPAGE_LEAP_INSERT || leap == CLOCKPAGE_LEAP_DELETE));
    check(leap != CLOCKPAGE_LEAP_UNKNOWN || at >= list->expires);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    static struct leaplist list;
    static const struct leaplist none;

    if (leaplist_parse(bytes_of(data, data_len), &list) != RC_OK) {
        check(memcmp(&list, &none, sizeof(list)) == 0);
        check_near(&list, (int64_t)data_len * YEAR / 7);
        return 0;
    }
    check_order(&list);
    check_again(&list);
    for (size_t i = 0; i < list.num; i++) {
        for (int64_t off = -DAY; off <= DAY; off += DAY / 8) {
            check_near(&list, list.list[i].at + off - 1);
            check_near(&list, list.list[i].at + off);
        }
    }
    for (int64_t day = list.expires - YEAR; day < list.expires + YEAR; day += DAY) {
        check_near(&list, day);
    }
    return 0;
}
