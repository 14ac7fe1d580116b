/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may ask for what: the lists of the settings, the hops of X-Forwarded-For, the certificates of units. How often and how many at once is counted
 * by source. It believes a listed proxy what that proxy has added, and nothing further left than the first hop that is no listed proxy or
 * no address at all.
 */
#include "tsa/front/admit.h"

#include <string.h>

#include "tsa/base/now.h"
#include "tsa/front/admit_list.h"

#define MAX_HOPS 32 /* more proxies one behind the other are a trick */
#define MAX_PORT 65535
#define PORT_LEN 5

void admit_init(struct admit *admit, const struct settings *settings, struct shared *shared,
                struct shared_place *place)
{
    *admit = (struct admit){.settings = settings};
    source_table_init(&admit->sources, settings, shared, place);
    admit_list_init(&admit->allow, &settings->clients.allow);
    admit_list_init(&admit->deny, &settings->clients.deny);
    admit_list_init(&admit->proxies, &settings->clients.proxies);
    admit_list_init(&admit->proxy_protocol, &settings->clients.proxy_protocol);
    for (size_t i = 0; i < settings_num_units(settings); i++) {
        admit_list_init(&admit->units[i], &settings_unit(settings, i)->allow);
    }
}

void admit_clear(struct admit *admit)
{
    admit_list_clear(&admit->allow);
    admit_list_clear(&admit->deny);
    admit_list_clear(&admit->proxies);
    admit_list_clear(&admit->proxy_protocol);
    for (size_t i = 0; i < SETTINGS_MAX_UNITS; i++) {
        admit_list_clear(&admit->units[i]);
    }
    *admit = (struct admit){0};
}

bool admit_wants_header(const struct admit *admit, const struct netaddr *from)
{
    return admit_list_has(&admit->proxy_protocol, from);
}

/* No client of its own: many stand behind it, or it is on this machine. */
static bool is_exempt(const struct admit *admit, const struct netaddr *client)
{
    return (client->family != AF_INET && client->family != AF_INET6) ||
           admit_list_has(&admit->proxies, client) || admit_list_has(&admit->proxy_protocol, client);
}

/* ---- connections ---- */

enum rc admit_connect(struct admit *admit, const struct netaddr *client, uint32_t *out_source)
{
    *out_source = ADMIT_NO_SOURCE;
    if (admit->settings->clients.connections == 0 || is_exempt(admit, client)) {
        return RC_OK;
    }
    return source_connect(&admit->sources, client, now_mono_ns(), out_source);
}

void admit_disconnect(struct admit *admit, uint32_t source)
{
    if (source != ADMIT_NO_SOURCE) {
        source_disconnect(&admit->sources, source);
    }
}

/* ---- X-Forwarded-For ---- */

static struct bytes trim(struct bytes text)
{
    while (text.len && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = bytes_of(text.data + 1, text.len - 1);
    }
    while (text.len && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

/* What stands behind the last comma; *rest is what stands before it. *out_is_last: there is no comma. */
static struct bytes last_hop(struct bytes *rest, bool *out_is_last)
{
    const uint8_t *comma = rest->len ? memrchr(rest->data, ',', rest->len) : NULL;
    const size_t begin = comma ? (size_t)(comma - rest->data) + 1 : 0;
    const struct bytes hop = bytes_of(rest->data + begin, rest->len - begin);

    *out_is_last = !comma;
    *rest = comma ? bytes_of(rest->data, begin - 1) : BYTES_NONE;
    return trim(hop);
}

static bool parse_port(struct bytes text, uint16_t *out)
{
    uint32_t port = 0;

    if (text.len == 0 || text.len > PORT_LEN) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        port = port * 10 + (uint32_t)(text.data[i] - '0');
    }
    *out = (uint16_t)port;
    return port <= MAX_PORT;
}

/* "192.0.2.1", "192.0.2.1:1234", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443". A colon after IPv6 without brackets is part of it. */
static bool parse_hop(struct bytes hop, struct netaddr *out)
{
    const uint8_t *first = hop.len ? memchr(hop.data, ':', hop.len) : NULL;
    const uint8_t *last = first ? memrchr(hop.data, ':', hop.len) : NULL;
    uint16_t port = 0;

    if (first && (first == last || (hop.data[0] == '[' && last[-1] == ']'))) {
        const size_t len = (size_t)(last - hop.data);

        if (!parse_port(bytes_of(last + 1, hop.len - len - 1), &port)) {
            return false;
        }
        hop.len = len;
    }
    if (netaddr_parse(hop, out) != RC_OK) {
        return false;
    }
    out->port = port;
    return true;
}

/* Each listed proxy has added the address that it saw; the walk ends at the first one that is not a listed proxy's, and, before it, at
 * what is no address ("unknown", "_hidden", nothing): then the proxy that wrote it is all that is known. Several lines are one list (RFC 9110 5.2):
 * some proxies add to the last line, some add a line. */
struct netaddr admit_client(const struct admit *admit, const struct netaddr *connection,
                            const struct bytes *forwarded, size_t num)
{
    struct netaddr client = *connection, hop;
    struct bytes line = BYTES_NONE;
    bool is_last = true; /* of its line */

    for (int i = 0; i < MAX_HOPS && admit_list_has(&admit->proxies, &client); i++) {
        if (is_last && num > 0) {
            line = forwarded[--num];
        }
        if (line.len == 0 || !parse_hop(last_hop(&line, &is_last), &hop)) {
            break;
        }
        client = hop;
    }
    return client;
}

/* ---- requests ---- */

enum rc admit_request(struct admit *admit, const struct netaddr *client, int64_t now, int64_t *out_wait_ns)
{
    *out_wait_ns = 0;
    if (admit_list_has(&admit->deny, client) ||
        (admit->allow.num && !admit_list_has(&admit->allow, client))) {
        return RC_FORBIDDEN;
    }
    if (admit->settings->clients.rate == 0 || is_exempt(admit, client)) {
        return RC_OK;
    }
    return source_request(&admit->sources, client, now, out_wait_ns);
}

static bool is_among(const char *name, const struct cfg_strings *names)
{
    for (size_t i = 0; i < names->num; i++) {
        if (strcmp(name, names->list[i]) == 0) {
            return true;
        }
    }
    return names->num == 0;
}

enum rc admit_unit(const struct admit *admit, const struct unit *unit, const struct netaddr *client,
                   const char *certificate)
{
    const struct admit_list *allow = &admit->units[unit->index];

    if (allow->num && !admit_list_has(allow, client)) {
        return RC_FORBIDDEN;
    }
    if (unit->settings->client_certificate &&
        (!certificate || !is_among(certificate, &unit->settings->client_names))) {
        return RC_CLIENT_CERTIFICATE;
    }
    return RC_OK;
}
