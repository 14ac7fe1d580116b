/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prefixes in order of family and address. Two prefixes either lie apart or one holds the other; without the held ones all lie apart, so
 * that the last one that begins at or before an address is the only one that can hold it: one binary search, however long the list.
 */
#include "tsa/front/admit_list.h"

#include <stdlib.h>
#include <string.h>

#include "tsa/base/log.h"
#include "tsa/base/mem.h"

#define EX_CONFIG 78

static int compare_addrs(const struct netaddr *a, const struct netaddr *b)
{
    return a->family != b->family ? (a->family < b->family ? -1 : 1)
                                  : memcmp(a->addr, b->addr, sizeof(a->addr));
}

/* The wider one first, where both begin at the same address. */
static int compare_prefixes(const void *a, const void *b)
{
    const struct netaddr_prefix *first = a, *second = b;
    const int order = compare_addrs(&first->net, &second->net);

    return order ? order : (first->len > second->len) - (first->len < second->len);
}

void admit_list_init(struct admit_list *list, const struct cfg_strings *prefixes)
{
    struct netaddr_prefix *all = xcalloc(prefixes->num + 1, sizeof(*all));
    const char *why = "";
    size_t num = 0;

    for (size_t i = 0; i < prefixes->num; i++) {
        if (netaddr_prefix_parse(prefixes->list[i], &all[i], &why) != RC_OK) {
            log_die(EX_CONFIG, "%s: %s", prefixes->list[i], why);
        }
    }
    qsort(all, prefixes->num, sizeof(*all), compare_prefixes);
    for (size_t i = 0; i < prefixes->num; i++) {
        if (num == 0 || !netaddr_prefix_has(&all[num - 1], &all[i].net)) {
            all[num++] = all[i];
        }
    }
    *list = (struct admit_list){.list = all, .num = num};
}

void admit_list_clear(struct admit_list *list)
{
    free(list->list);
    *list = (struct admit_list){0};
}

bool admit_list_has(const struct admit_list *list, const struct netaddr *addr)
{
    const struct netaddr unknown = {.family = AF_UNIX};
    size_t low = 0, high = list->num;

    addr = addr->family == AF_UNSPEC ? &unknown : addr;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (compare_addrs(&list->list[middle].net, addr) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && netaddr_prefix_has(&list->list[low - 1], addr);
}
