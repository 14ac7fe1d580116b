/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a running authority says of itself over its control socket, as one JSON object: state, addresses, generation, roles, units, how the last reload
 * went, and what the issuer knows (clock, record, tokens). Facts only; no key, no client.
 */
#ifndef TSA_PARENT_STATUS_H
#define TSA_PARENT_STATUS_H

#include <jansson.h>

#include "tsa/parent/reload.h"

struct status_source {
    const char *config;             /* path of the configuration */
    const struct labtime *lab_time; /* NULL: none */
    struct gentime started;
    const struct supervise *supervise;
    const struct reload *reload;
};

/* status_build makes the object; facts is NULL when the issuer does not answer. NULL without memory. Free with json_decref. */
json_t *status_build(const struct status_source *source, const struct facts *facts);

/* status_reload_answer says how the last reload went, for whoever has asked for it. NULL without memory. Free with json_decref. */
json_t *status_reload_answer(const struct reload *reload);

#endif
