/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of every setting: name, type, default, range, help. Reading, conf/tsa.conf (a test compares them) and the
 * messages come from it. What a rule needs beyond its own value stands in the checks above; none of them opens a file.
 */
#include "tsa/role/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsa/base/mem.h"
#include "tsa/role/address.h"
#include "tsa/role/unit.h"

#define SECOND      INT64_C(1000000000)
#define MINUTE      (60 * SECOND)
#define HOUR        (60 * MINUTE)
#define KIB         INT64_C(1024)
#define MAX_LISTEN  32
#define MAX_NAME    63
#define MAX_PATHS   32
#define MAX_FRONTS  64
#define MAX_NODE    32767 /* 15 bits of a serial number */
#define MAX_SIGNERS 256

/* ---- words ---- */

/* In the order of enum digest, from DIGEST_SHA1 on; settings_parse shifts. */
static const char *const digest_words[] = {"sha1", "sha256", "sha384", "sha512", NULL};
_Static_assert(DIGEST_SHA256 == DIGEST_SHA1 + 1 && DIGEST_SHA512 == DIGEST_SHA1 + 3,
               "the words follow the enum");

static const char *const protocol_words[] = {"rfc3161", "authenticode", NULL};
static const char *const self_check_words[] = {"some", "all", NULL};
static const char *const clock_words[] = {"system", NULL};
static const char *const level_words[] = {"error", "warning", "notice", "info", "debug", NULL};
static const char *const form_words[] = {"text", "json", NULL};

/* ---- checks of one value ---- */

static const char *check_not_empty(const void *value)
{
    return **(char *const *)value ? NULL : "it can not be empty";
}

/* Names of units share the first part of a URL with these. */
static const char *const reserved_names[] = {"authenticode", "rfc3161",     "tsr",     "tsa",
                                             "scripts",      "TSS",         "healthz", "readyz",
                                             "metrics",      "status.json", "log"};

static const char *check_unit_name(const void *value)
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

static const char *check_policy(const void *value)
{
    return is_policy(*(char *const *)value) ? NULL
                                            : "this is no object identifier such as \"1.3.6.1.4.1.99999.1\"";
}

static const char *check_policies(const void *value)
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

static const char *check_any_word(const void *value)
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

static const char *check_paths(const void *value)
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

static const char *check_listen(const void *value)
{
    const struct cfg_strings *listen = value;
    const char *why = NULL;
    struct address address;

    if (listen->num == 0 || listen->num > MAX_LISTEN) {
        return "name 1 to 32 addresses";
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

static const char *check_units(const void *value)
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

/* ---- the table ---- */

#define AT(member)      offsetof(struct settings, member)
#define UNIT_AT(member) offsetof(struct settings_unit, member)

static const struct cfg_field user_fields[] = {
    {.name = "front",
     .type = CFG_STRING,
     .offset = AT(users.front) - AT(users),
     .preset = "\"tsa-front\"",
     .help = "Account of the processes that meet the network."},
    {.name = "issuer",
     .type = CFG_STRING,
     .offset = AT(users.issuer) - AT(users),
     .preset = "\"tsa-issuer\"",
     .help = "Account of the process that holds the keys and owns the record."},
    {.name = "clock",
     .type = CFG_STRING,
     .offset = AT(users.clock) - AT(users),
     .preset = "\"tsa-clock\"",
     .help = "Account of the process that watches the clock."},
    {0},
};

static const struct cfg_field log_fields[] = {
    {.name = "level",
     .type = CFG_WORD,
     .offset = AT(log.level) - AT(log),
     .preset = "\"info\"",
     .words = level_words,
     .help = "What is told on standard error: error, warning, notice, info or debug."},
    {.name = "form",
     .type = CFG_WORD,
     .offset = AT(log.form) - AT(log),
     .preset = "\"text\"",
     .words = form_words,
     .help = "text (name=value) or json, one line per event in both."},
    {0},
};

static const struct cfg_field clock_fields[] = {
    {.name = "source",
     .type = CFG_WORD,
     .offset = AT(clock.source) - AT(clock),
     .preset = "\"system\"",
     .words = clock_words,
     .help = "system: the host's clock is trusted without proof. It is told in the log, in status and on the "
             "page."},
    {0},
};

static const struct cfg_field ledger_fields[] = {
    {.name = "dir",
     .type = CFG_STRING,
     .offset = AT(ledger.dir) - AT(ledger),
     .preset = "\"/var/lib/tsa/ledger\"",
     .check = check_not_empty,
     .help = "Folder of the record of every token issued; made when it is missing. Never empty it: it is the "
             "evidence."},
    {0},
};

#define LIMIT(member) .offset = AT(limits.member) - AT(limits)
static const struct cfg_field limit_fields[] = {
    {.name = "request_line",
     .type = CFG_SIZE,
     LIMIT(request_line),
     .preset = "\"2 KiB\"",
     .min = 256,
     .max = 64 * KIB,
     .help = "Octets of an HTTP request line."},
    {.name = "head",
     .type = CFG_SIZE,
     LIMIT(head),
     .preset = "\"8 KiB\"",
     .min = KIB,
     .max = 64 * KIB,
     .help = "Octets of all header fields together."},
    {.name = "fields",
     .type = CFG_INT,
     LIMIT(fields),
     .preset = "64",
     .min = 8,
     .max = 256,
     .help = "Header fields of one request."},
    {.name = "body",
     .type = CFG_SIZE,
     LIMIT(body),
     .preset = "\"16 KiB\"",
     .min = KIB,
     .max = 64 * KIB,
     .help = "Octets of a request body; a real one has less than 3,000."},
    {.name = "pipeline",
     .type = CFG_INT,
     LIMIT(pipeline),
     .preset = "8",
     .min = 1,
     .max = 64,
     .help = "Requests of one connection that may wait for their answers."},
    {.name = "requests",
     .type = CFG_INT,
     LIMIT(requests),
     .preset = "1000",
     .min = 1,
     .max = 1000000,
     .help = "Requests that one connection may send before it is closed."},
    {.name = "connections",
     .type = CFG_INT,
     LIMIT(connections),
     .preset = "10000",
     .min = 1,
     .max = 1000000,
     .help = "Open connections of each front process."},
    {.name = "queue",
     .type = CFG_INT,
     LIMIT(queue),
     .preset = "1024",
     .min = 1,
     .max = 65536,
     .help = "Requests that may wait for the issuer; more are refused at once with 503."},
    {0},
};

#define DEADLINE(member) .offset = AT(deadlines.member) - AT(deadlines)
static const struct cfg_field deadline_fields[] = {
    {.name = "header",
     .type = CFG_DURATION,
     DEADLINE(header),
     .preset = "\"5 s\"",
     .min = SECOND / 10,
     .max = MINUTE,
     .help = "For a whole request head, from its first octet."},
    {.name = "body",
     .type = CFG_DURATION,
     DEADLINE(body),
     .preset = "\"10 s\"",
     .min = SECOND / 10,
     .max = 5 * MINUTE,
     .help = "For a whole body."},
    {.name = "write",
     .type = CFG_DURATION,
     DEADLINE(write),
     .preset = "\"10 s\"",
     .min = SECOND / 10,
     .max = 5 * MINUTE,
     .help = "For the client to take a whole answer."},
    {.name = "keep_alive",
     .type = CFG_DURATION,
     DEADLINE(keep_alive),
     .preset = "\"30 s\"",
     .min = 0,
     .max = HOUR,
     .help = "Between two requests of a connection."},
    {.name = "connection",
     .type = CFG_DURATION,
     DEADLINE(connection),
     .preset = "\"10 min\"",
     .min = SECOND,
     .max = 24 * HOUR,
     .help = "For a connection as a whole."},
    {0},
};

static const struct cfg_field unit_fields[] = {
    {.name = "name",
     .type = CFG_STRING,
     .offset = UNIT_AT(name),
     .required = true,
     .check = check_unit_name,
     .help = "Stands in the URL: POST /NAME. The first unit answers POST / too."},
    {.name = "key",
     .type = CFG_STRING,
     .offset = UNIT_AT(key),
     .required = true,
     .check = check_not_empty,
     .help = "Private key, a PKCS #8 PEM file that only its owner can read."},
    {.name = "chain",
     .type = CFG_STRING,
     .offset = UNIT_AT(chain),
     .required = true,
     .check = check_not_empty,
     .help = "The unit's certificate, then the intermediates, as PEM."},
    {.name = "root",
     .type = CFG_STRING,
     .offset = UNIT_AT(root),
     .preset = "\"\"",
     .help = "The root certificate, for download and for checks; never sent in a token. Empty: none."},
    {.name = "protocols",
     .type = CFG_WORDS,
     .offset = UNIT_AT(protocols),
     .preset = "( \"rfc3161\", \"authenticode\" )",
     .words = protocol_words,
     .check = check_any_word,
     .help = "What it answers: rfc3161 (signtool /tr), authenticode (signtool /t). One URL serves both."},
    {.name = "policy",
     .type = CFG_STRING,
     .offset = UNIT_AT(policy),
     .required = true,
     .check = check_policy,
     .help = "The unit's policy, an object identifier of your own; it stands in every token."},
    {.name = "policies",
     .type = CFG_STRINGS,
     .offset = UNIT_AT(policies),
     .preset = "( )",
     .check = check_policies,
     .help = "Further policies that a request may name."},
    {.name = "digests",
     .type = CFG_WORDS,
     .offset = UNIT_AT(digests),
     .preset = "( \"sha256\", \"sha384\", \"sha512\" )",
     .words = digest_words,
     .check = check_any_word,
     .help = "Digests of the imprints that it stamps: sha1 (only for old clients), sha256, sha384, sha512."},
    {.name = "digest",
     .type = CFG_WORD,
     .offset = UNIT_AT(digest),
     .preset = "\"sha256\"",
     .words = digest_words,
     .help = "Digest of its own signatures."},
    {.name = "accuracy",
     .type = CFG_DURATION,
     .offset = UNIT_AT(accuracy),
     .preset = "\"0 s\"",
     .min = 0,
     .max = HOUR,
     .help = "Accuracy that tokens declare; 0: they declare none."},
    {.name = "time_digits",
     .type = CFG_INT,
     .offset = UNIT_AT(time_digits),
     .preset = "0",
     .min = 0,
     .max = 6,
     .help = "Digits of the fraction of a second in genTime."},
    {.name = "ordering",
     .type = CFG_BOOL,
     .offset = UNIT_AT(ordering),
     .preset = "false",
     .help = "Tokens say that their times alone give their order."},
    {.name = "tsa_name",
     .type = CFG_BOOL,
     .offset = UNIT_AT(tsa_name),
     .preset = "false",
     .help = "Tokens name the authority (the certificate's subject) inside too."},
    {.name = "self_check",
     .type = CFG_WORD,
     .offset = UNIT_AT(self_check),
     .preset = "\"some\"",
     .words = self_check_words,
     .help = "Verify what was just signed: the first and each 64th signature (some), or all."},
    {.name = "paths",
     .type = CFG_STRINGS,
     .offset = UNIT_AT(paths),
     .preset = "( )",
     .check = check_paths,
     .help = "Further URLs of this unit, such as \"/timestamp\"."},
    {0},
};

const struct cfg_field settings_fields[] = {
    {.name = "listen",
     .type = CFG_STRINGS,
     .offset = AT(listen),
     .preset = "( \"127.0.0.1:3161\" )",
     .check = check_listen,
     .help = "Addresses: \"127.0.0.1:3161\", \"[::]:3161\", or the full path of a Unix socket. Sockets "
             "passed by systemd "
             "replace them."},
    {.name = "run_dir",
     .type = CFG_STRING,
     .offset = AT(run_dir),
     .preset = "\"/run/tsa\"",
     .check = check_not_empty,
     .help = "Folder of the control socket and the clock file; made when it is missing."},
    {.name = "node",
     .type = CFG_INT,
     .offset = AT(node),
     .preset = "1",
     .min = 1,
     .max = MAX_NODE,
     .help = "Number of this machine, part of every serial number: each machine of a fleet needs its own."},
    {.name = "fronts",
     .type = CFG_INT,
     .offset = AT(fronts),
     .preset = "1",
     .min = 1,
     .max = MAX_FRONTS,
     .help = "Processes that meet the network; one does for thousands of requests a second."},
    {.name = "signers",
     .type = CFG_INT,
     .offset = AT(signers),
     .preset = "0",
     .min = 0,
     .max = MAX_SIGNERS,
     .help = "Signing threads; 0: one for each processor."},
    {.name = "users",
     .type = CFG_GROUP,
     .offset = AT(users),
     .fields = user_fields,
     .help = "Accounts that the roles become where the program is started as root; names or numbers; empty: "
             "stay."},
    {.name = "log", .type = CFG_GROUP, .offset = AT(log), .fields = log_fields, .help = "The log."},
    {.name = "clock",
     .type = CFG_GROUP,
     .offset = AT(clock),
     .fields = clock_fields,
     .help = "Where the time comes from."},
    {.name = "ledger",
     .type = CFG_GROUP,
     .offset = AT(ledger),
     .fields = ledger_fields,
     .help = "The record."},
    {.name = "limits",
     .type = CFG_GROUP,
     .offset = AT(limits),
     .fields = limit_fields,
     .help = "How much a client may send."},
    {.name = "deadlines",
     .type = CFG_GROUP,
     .offset = AT(deadlines),
     .fields = deadline_fields,
     .help = "How long a client may take: for whole requests, not for single reads."},
    {.name = "units",
     .type = CFG_GROUPS,
     .offset = AT(units),
     .fields = unit_fields,
     .size = sizeof(struct settings_unit),
     .required = true,
     .check = check_units,
     .help = "What stamps: each unit has a key, a certificate and a policy; the first one is the default."},
    {0},
};

/* ---- reading ---- */

/* A path from the folder of the configuration. */
static void resolve(const char *name, char **path)
{
    const char *slash = strrchr(name, '/');
    char *whole;

    if (!*path || !**path || **path == '/' || !slash) {
        return;
    }
    whole = xasprintf("%.*s%s", (int)(slash - name + 1), name, *path);
    free(*path);
    *path = whole;
}

static void finish_unit(const char *name, struct settings_unit *unit)
{
    resolve(name, &unit->key);
    resolve(name, &unit->chain);
    resolve(name, &unit->root);
    unit->digests <<= DIGEST_SHA1;
    unit->digest += DIGEST_SHA1;
}

static void finish(const char *name, struct settings *settings)
{
    resolve(name, &settings->run_dir);
    resolve(name, &settings->ledger.dir);
    for (size_t i = 0; i < settings->units.num; i++) {
        finish_unit(name, (struct settings_unit *)settings->units.list + i);
    }
}

enum rc settings_parse(const char *name, const char *text, struct settings *out, struct cfg_errors *errors)
{
    enum rc rc;

    *out = (struct settings){0};
    rc = cfg_parse(name, text, settings_fields, out, errors);
    finish(name, out);
    return rc;
}

enum rc settings_parse_file(const char *path, struct settings *out, struct cfg_errors *errors)
{
    enum rc rc;

    *out = (struct settings){0};
    rc = cfg_parse_file(path, settings_fields, out, errors);
    finish(path, out);
    return rc;
}

void settings_clear(struct settings *settings)
{
    cfg_clear(settings_fields, settings);
    *settings = (struct settings){0};
}

char *settings_read_text(const char *path, struct cfg_errors *errors)
{
    return cfg_read_text(path, errors);
}

size_t settings_num_units(const struct settings *settings)
{
    return settings->units.num;
}

const struct settings_unit *settings_unit(const struct settings *settings, size_t index)
{
    return (const struct settings_unit *)settings->units.list + index;
}
