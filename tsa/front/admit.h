/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admission, in one place: who may connect, who may ask, how often, how many at once, and who may ask which unit. Prefixes decide who,
 * a token bucket (GCRA) and a connection cap per IPv4 address or IPv6 /64 decide how much; both are counted over all fronts, in memory of fixed size. A
 * client behind a listed proxy is judged by its own address.
 */
#ifndef TSA_FRONT_ADMIT_H
#define TSA_FRONT_ADMIT_H

#include "tsa/front/shared.h"
#include "tsa/front/source.h"
#include "tsa/role/netaddr.h"
#include "tsa/role/unit.h"

struct admit_list {
    struct netaddr_prefix *list;
    size_t num;
};

struct admit {
    const struct settings *settings;
    struct source_table sources;
    struct admit_list allow, deny, proxies, proxy_protocol;
    struct admit_list units[SETTINGS_MAX_UNITS]; /* allow lists of units */
};

#define ADMIT_NO_SOURCE UINT32_MAX

/* admit_init dies when there is no memory (start-up); settings and shared must outlive it. */
void admit_init(struct admit *admit, const struct settings *settings, struct shared *shared,
                struct shared_place *place);
void admit_clear(struct admit *admit);

/* admit_wants_header tells whether a connection from there must begin with a PROXY protocol header. */
bool admit_wants_header(const struct admit *admit, const struct netaddr *from);

/* admit_connect counts a connection of client in, into *out_source, which admit_disconnect gives back (ADMIT_NO_SOURCE: not counted). RC_CROWDED: it has too
 * many already. Proxies and Unix sockets are not counted for themselves. */
enum rc admit_connect(struct admit *admit, const struct netaddr *client, uint32_t *out_source) MUST_CHECK;
void admit_disconnect(struct admit *admit, uint32_t source);

/* admit_client finds for whom a request of a connection is: the right-most address of X-Forwarded-For (num such lines, as they came) that is no
 * listed proxy, where the connection is a listed proxy's; else the connection's own client. */
struct netaddr admit_client(const struct admit *admit, const struct netaddr *connection,
                            const struct bytes *forwarded, size_t num);

/* admit_request: RC_OK, RC_FORBIDDEN, RC_RATE (then *out_wait_ns says when to come again). now: CLOCK_MONOTONIC, ns. */
enum rc admit_request(struct admit *admit, const struct netaddr *client, int64_t now,
                      int64_t *out_wait_ns) MUST_CHECK;

/* admit_unit: RC_OK, RC_FORBIDDEN (its allow list), RC_CLIENT_CERTIFICATE (it wants one of tls.client_ca, or another name). certificate: the common name
 * of the client's verified certificate, NULL = none. */
enum rc admit_unit(const struct admit *admit, const struct unit *unit, const struct netaddr *client,
                   const char *certificate) MUST_CHECK;

#endif
