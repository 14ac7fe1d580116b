/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of prefixes, made for looking up: sorted, and without those that another one holds already. Private to admit.
 */
#ifndef TSA_FRONT_ADMIT_LIST_H
#define TSA_FRONT_ADMIT_LIST_H

#include "tsa/front/admit.h"

/* admit_list_init dies when there is no memory, or a prefix that the settings let pass can not be read. Free with admit_list_clear. */
void admit_list_init(struct admit_list *list, const struct cfg_strings *prefixes);
void admit_list_clear(struct admit_list *list);

/* admit_list_has: an address that is not known counts as a Unix socket's. */
bool admit_list_has(const struct admit_list *list, const struct netaddr *addr);

#endif
