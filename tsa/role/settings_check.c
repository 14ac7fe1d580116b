/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a setting must be beyond its type and range, and what units must be beside one another. None of the checks opens a file: a role
 * reads the same text in a jail.
 */
#include "tsa/role/settings_check.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tsa/role/address.h"
#include "tsa/role/netaddr.h"
#include "tsa/role/settings.h"
#include "tsa/role/timeserver.h"
#include "tsa/role/unit.h"

#define MAX_LISTEN   32
#define MAX_PREFIXES 1024
#define MAX_NAME     63
#define MAX_PATHS    32

/* ---- checks of one value ---- */

const char *settings_check_not_empty(const void *value)
{
    return **(char *const *)value ? NULL : "it can not be empty";
}

/* Names of units share the first part of a URL with these. */
static const char *const reserved_names[] = {"authenticode", "rfc3161",     "tsr",     "tsa",
                                             "scripts",      "TSS",         "healthz", "readyz",
                                             "metrics",      "status.json", "log"};

const char *settings_check_unit_name(const void *value)
{
    const char *name = *(char *const *)value;
    const size_t len = strlen(name);

    if (len == 0 || len > MAX_NAME) {
        return "a name has 1 to 63 characters";
    }
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '-' && name[i] != '_') {
            return "the name stands in the URL: use letters, digits, - and _ only";
        }
    }
    for (size_t i = 0; i < sizeof(reserved_names) / sizeof(reserved_names[0]); i++) {
        if (strcmp(name, reserved_names[i]) == 0) {
            return "this name is a URL that every authority answers; choose another";
        }
    }
    return NULL;
}

static bool is_policy(const char *text)
{
    uint8_t storage[TSP_POLICY_MAX];
    struct wbuf oid;

    wbuf_init_fixed(&oid, storage, sizeof(storage));
    return oid_from_text(text, &oid) == RC_OK && oid.len > 0 && oid_is_valid(wbuf_bytes(&oid));
}

const char *settings_check_policy(const void *value)
{
    return is_policy(*(char *const *)value) ? NULL
                                            : "this is no object identifier such as \"1.3.6.1.4.1.99999.1\"";
}

const char *settings_check_policies(const void *value)
{
    const struct cfg_strings *policies = value;

    if (policies->num >= UNIT_MAX_POLICIES) {
        return "at most 15 further policies";
    }
    for (size_t i = 0; i < policies->num; i++) {
        if (!is_policy(policies->list[i])) {
            return "each must be an object identifier such as \"1.3.6.1.4.1.99999.1\"";
        }
    }
    return NULL;
}

const char *settings_check_any_word(const void *value)
{
    return *(const unsigned *)value ? NULL : "name at least one";
}

/* The first part of what every authority answers to GET, or may come to. */
static const char *const reserved_paths[] = {"healthz",   "readyz",    "metrics",  "status.json", "log",
                                             "chain.pem", "chain.p7b", "root.pem", "root.cer",    "ca.crl"};

static bool is_reserved_path(const char *path)
{
    const size_t len = strcspn(path + 1, "/");

    for (size_t i = 0; i < sizeof(reserved_paths) / sizeof(reserved_paths[0]); i++) {
        if (strlen(reserved_paths[i]) == len && memcmp(path + 1, reserved_paths[i], len) == 0) {
            return true;
        }
    }
    return false;
}

/* RFC 3986 3.3, without the characters that would need care in a configuration or a log. */
static const char *check_path(const char *path)
{
    const size_t len = strlen(path);

    if (len < 2 || len > 255 || path[0] != '/') {
        return "a path begins with / and has 2 to 255 characters";
    }
    if (path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/")]) {
        return "a path has letters, digits and - . _ ~ / only";
    }
    if (path[len - 1] == '/' || strstr(path, "//")) {
        return "write a path without empty parts; a slash at the end of a URL changes nothing";
    }
    return is_reserved_path(path) ? "this path is a URL that every authority answers; choose another" : NULL;
}

const char *settings_check_paths(const void *value)
{
    const struct cfg_strings *paths = value;
    const char *why = NULL;

    if (paths->num > MAX_PATHS) {
        return "at most 32 paths";
    }
    for (size_t i = 0; !why && i < paths->num; i++) {
        why = check_path(paths->list[i]);
    }
    return why;
}

/* Which one of a list it is. Settings are read at start and at a reload, by one thread. */
static const char *tell_which(const char *text, const char *why)
{
    static char told[300];

    (void)snprintf(told, sizeof(told), "\"%.60s\": %s", text, why);
    return told;
}

/* Among the first num of them. */
static bool has_address(const struct cfg_strings *listen, size_t num, const struct address *address)
{
    struct address other;
    const char *why;

    for (size_t i = 0; i < num; i++) {
        if (address_parse(listen->list[i], &other, &why) == RC_OK && address_equal(&other, address)) {
            return true;
        }
    }
    return false;
}

/* Those of TLS and of the metrics may be none. */
const char *settings_check_more_listen(const void *value)
{
    const struct cfg_strings *listen = value;
    const char *why = NULL;
    struct address address;

    if (listen->num > MAX_LISTEN) {
        return "name at most 32 addresses";
    }
    for (size_t i = 0; i < listen->num; i++) {
        if (address_parse(listen->list[i], &address, &why) != RC_OK) {
            return tell_which(listen->list[i], why);
        }
        if (has_address(listen, i, &address)) {
            return tell_which(listen->list[i], "the address stands there twice");
        }
    }
    return NULL;
}

const char *settings_check_listen(const void *value)
{
    return ((const struct cfg_strings *)value)->num ? settings_check_more_listen(value)
                                                    : "name 1 to 32 addresses";
}

const char *settings_check_prefixes(const void *value)
{
    const struct cfg_strings *prefixes = value;
    struct netaddr_prefix prefix;
    const char *why = NULL;

    if (prefixes->num > MAX_PREFIXES) {
        return "at most 1024 prefixes";
    }
    for (size_t i = 0; i < prefixes->num; i++) {
        if (netaddr_prefix_parse(prefixes->list[i], &prefix, &why) != RC_OK) {
            return tell_which(prefixes->list[i], why);
        }
    }
    return NULL;
}

const char *settings_check_server(const void *value)
{
    struct timeserver server;
    const char *why;

    return timeserver_parse(*(char *const *)value, TIMESERVER_PORT, &server, &why) == RC_OK ? NULL : why;
}

/* Who can speak for chronyd over a network can move the time: only this machine's own is asked. */
const char *settings_check_chrony(const void *value)
{
    struct timeserver server;
    struct address address;
    const char *why;

    if (timeserver_parse(*(char *const *)value, SETTINGS_CHRONY_PORT, &server, &why) != RC_OK) {
        return "it is an address of this machine, such as \"127.0.0.1:323\"";
    }
    return timeserver_address(&server, &address) == RC_OK && address_is_loopback(&address)
               ? NULL
               : "it is an address of this machine, such as \"127.0.0.1:323\": nobody else's chronyd is "
                 "asked";
}

/* ---- checks between units ---- */

/* The first of a that stands in b too, in another place; NULL when there is none. */
static const char *common_path(const struct cfg_strings *a, const struct cfg_strings *b)
{
    for (size_t i = 0; i < a->num; i++) {
        for (size_t j = 0; j < b->num; j++) {
            if (a != b ? strcmp(a->list[i], b->list[j]) == 0
                       : (i != j && strcmp(a->list[i], b->list[j]) == 0)) {
                return a->list[i];
            }
        }
    }
    return NULL;
}

static bool is_path_of(const char *name, const struct cfg_strings *paths)
{
    for (size_t i = 0; i < paths->num; i++) {
        if (strcmp(paths->list[i] + 1, name) == 0) {
            return true;
        }
    }
    return false;
}

static const char *check_pair(const struct settings_unit *a, const struct settings_unit *b)
{
    const char *path;

    if (!a->name || !b->name) {
        return NULL; /* told already */
    }
    if (a != b && strcmp(a->name, b->name) == 0) {
        return tell_which(a->name, "two units have the same name");
    }
    path = common_path(&a->paths, &b->paths);
    if (path) {
        return tell_which(path, "the path is given twice");
    }
    return is_path_of(a->name, &b->paths)
               ? tell_which(a->name, "a path of that name is the URL of a unit's name already")
               : NULL;
}

const char *settings_check_units(const void *value)
{
    const struct cfg_groups *units = value;
    const struct settings_unit *list = units->list;
    const char *why = NULL;

    if (units->num == 0 || units->num > SETTINGS_MAX_UNITS) {
        return "name 1 to 64 units";
    }
    for (size_t i = 0; i < units->num; i++) {
        for (size_t j = 0; !why && j < units->num; j++) {
            why = check_pair(&list[i], &list[j]);
        }
    }
    return why;
}

/* ---- checks beside other settings ---- */

/* The first of a that stands in b too, NULL when there is none. */
static const char *common_address(const struct cfg_strings *a, const struct cfg_strings *b)
{
    struct address address;
    const char *why;

    for (size_t i = 0; i < a->num; i++) {
        if (address_parse(a->list[i], &address, &why) == RC_OK && has_address(b, b->num, &address)) {
            return a->list[i];
        }
    }
    return NULL;
}

static bool is_empty(const char *text)
{
    return !text || !*text;
}

const char *settings_cross_tls_listen(const void *whole, const void *value)
{
    const struct settings *settings = whole;
    const struct cfg_strings *listen = value;
    const char *twice;

    if (listen->num && is_empty(settings->tls.certificate) && is_empty(settings->tls.key)) {
        return "HTTPS needs `tls.certificate' and `tls.key'";
    }
    twice = common_address(listen, &settings->listen);
    return twice
               ? tell_which(twice, "it stands in `listen' already; one socket speaks HTTP or HTTPS, not both")
               : NULL;
}

const char *settings_cross_tls_certificate(const void *whole, const void *value)
{
    const struct settings *settings = whole;

    return !is_empty(*(char *const *)value) && is_empty(settings->tls.key)
               ? "a certificate needs its private key: name it in `tls.key'"
               : NULL;
}

const char *settings_cross_tls_key(const void *whole, const void *value)
{
    const struct settings *settings = whole;

    return !is_empty(*(char *const *)value) && is_empty(settings->tls.certificate)
               ? "a key needs its certificate: name it in `tls.certificate'"
               : NULL;
}

const char *settings_cross_tls_client_ca(const void *whole, const void *value)
{
    const struct settings *settings = whole;

    return !is_empty(*(char *const *)value) && is_empty(settings->tls.certificate)
               ? "clients show certificates over TLS alone, which needs `tls.certificate' and `tls.key'"
               : NULL;
}

const char *settings_cross_metrics_listen(const void *whole, const void *value)
{
    const struct settings *settings = whole;
    const char *twice = common_address(value, &settings->listen);

    twice = twice ? twice : common_address(value, &settings->tls.listen);
    return twice ? tell_which(
                       twice,
                       "it stands in `listen' or `tls.listen' already; metrics need an address of their own")
                 : NULL;
}

/* ---- the clock ---- */

const char *settings_cross_clock_source(const void *whole, const void *value)
{
    const struct settings *settings = whole;

    return *(const int *)value == SETTINGS_CLOCK_SNTP && settings->clock.servers.num == 0
               ? "\"sntp\" needs `clock.servers': at least three, so that one that is wrong is found out"
               : NULL;
}

/* The first of them that is the same; NULL when there is none. */
static const struct settings_server *find_before(const struct settings *settings,
                                                 const struct settings_server *server)
{
    struct timeserver one, other;
    const char *why;

    if (timeserver_parse(server->address, TIMESERVER_PORT, &one, &why) != RC_OK) {
        return NULL;
    }
    for (const struct settings_server *at = settings_server(settings, 0); at != server; at++) {
        if (timeserver_parse(at->address, TIMESERVER_PORT, &other, &why) == RC_OK &&
            timeserver_equal(&one, &other)) {
            return at;
        }
    }
    return NULL;
}

const char *settings_cross_server_address(const void *whole, const void *value)
{
    const struct settings_server *server =
        (const void *)((const char *)value - offsetof(struct settings_server, address));
    struct timeserver parsed;
    const char *why;

    if (find_before(whole, server)) {
        return tell_which(server->address, "it stands there twice, and would be counted twice");
    }
    if (!server->smeared && timeserver_parse(server->address, TIMESERVER_PORT, &parsed, &why) == RC_OK &&
        timeserver_is_smeared(parsed.host)) {
        return tell_which(server->address,
                          "it is known to smear leap seconds, as Google's, Amazon's and Meta's servers do: "
                          "mark it with smeared = true, and all others too, or take another");
    }
    return NULL;
}

static const char *check_smear(const struct settings *settings)
{
    for (size_t i = 1; i < settings->clock.servers.num; i++) {
        if (settings_server(settings, i)->smeared != settings_server(settings, 0)->smeared) {
            return "servers that smear leap seconds and servers that do not are mixed: around a leap second "
                   "they differ by up to a second; keep to one kind";
        }
    }
    return NULL;
}

/* Of two that differ nobody can say which one is wrong. */
const char *settings_cross_servers(const void *whole, const void *value)
{
    const struct settings *settings = whole;

    (void)value;
    if (settings->clock.servers.num == 0) {
        return NULL;
    }
    if (settings->clock.servers.num < 3 || settings->clock.servers.num > SETTINGS_MAX_SERVERS) {
        return "name 3 to 16 servers, of several operators: of two that differ nobody can say which one is "
               "wrong";
    }
    if (settings->clock.source == SETTINGS_CLOCK_SYSTEM) {
        return "with clock.source = \"system\" nobody asks them; take \"sntp\", or \"chrony\" or \"kernel\" "
               "with these as a second opinion";
    }
    return check_smear(settings);
}

/* ---- what a unit says of its times ---- */

#define HALF_SECOND_NS INT64_C(500000000)

/* genTime is rounded to the nearest that it can be written as: nothing is proven that is not wider than this. */
const char *settings_cross_accuracy(const void *whole, const void *value)
{
    const struct settings_unit *unit =
        (const void *)((const char *)value - offsetof(struct settings_unit, accuracy));
    static char told[200];
    int64_t rounding = HALF_SECOND_NS;

    (void)whole;
    for (int64_t i = 0; i < unit->time_digits; i++) {
        rounding /= 10;
    }
    if (unit->accuracy % 1000 != 0) {
        return "a token says it in whole microseconds: take some";
    }
    if (unit->accuracy == 0 || unit->accuracy > rounding) {
        return NULL;
    }
    (void)snprintf(told, sizeof(told),
                   "with time_digits = %d the times are rounded by up to %.4g ms already, so that no token "
                   "could ever be issued: declare more, or set more `time_digits'",
                   (int)unit->time_digits, (double)rounding / 1e6);
    return told;
}

const char *settings_cross_ordering(const void *whole, const void *value)
{
    const struct settings_unit *unit =
        (const void *)((const char *)value - offsetof(struct settings_unit, ordering));

    (void)whole;
    return unit->ordering && unit->time_digits == 0 ? "it needs `time_digits' of 1 or more: of two tokens of "
                                                      "one second nobody could tell the first"
                                                    : NULL;
}

/* ---- client certificates ---- */

const char *settings_cross_client_certificate(const void *whole, const void *value)
{
    const struct settings *settings = whole;

    return *(const bool *)value && is_empty(settings->tls.client_ca)
               ? "it needs `tls.client_ca', or no client can ever show a certificate"
               : NULL;
}

/* Names that nobody looks at would be taken for a lock. */
const char *settings_cross_client_names(const void *whole, const void *value)
{
    const struct cfg_strings *names = value;
    const struct settings_unit *unit =
        (const void *)((const char *)value - offsetof(struct settings_unit, client_names));

    (void)whole;
    return names->num && !unit->client_certificate ? "it is looked at only where client_certificate = true"
                                                   : NULL;
}
