/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a setting must be beyond its type and range, and what units must be beside one another. None of the checks opens a file: a role
 * reads the same text in a jail.
 */
#include "tsa/role/settings_check.h"

#include <ctype.h>
#include <string.h>

#include "tsa/role/address.h"
#include "tsa/role/netaddr.h"
#include "tsa/role/settings.h"
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
            return why;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(listen->list[i], listen->list[j]) == 0 && !address_port_is_free(&address)) {
                return "an address stands there twice";
            }
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
            return why;
        }
    }
    return NULL;
}

/* ---- checks between units ---- */

static bool have_common(const struct cfg_strings *a, const struct cfg_strings *b)
{
    for (size_t i = 0; i < a->num; i++) {
        for (size_t j = 0; j < b->num; j++) {
            if (a != b ? strcmp(a->list[i], b->list[j]) == 0
                       : (i != j && strcmp(a->list[i], b->list[j]) == 0)) {
                return true;
            }
        }
    }
    return false;
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
    if (!a->name || !b->name) {
        return NULL; /* told already */
    }
    if (a != b && strcmp(a->name, b->name) == 0) {
        return "two units have the same name";
    }
    if (have_common(&a->paths, &b->paths)) {
        return "the same path is given twice";
    }
    return is_path_of(a->name, &b->paths) ? "a path is the URL of a unit's name already" : NULL;
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
