/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of every setting: name, type, default, range, help. Reading, conf/tsa.conf (a test compares them) and the
 * messages come from it. What a value must be beyond its type and range stands in settings_check.
 */
#include "tsa/role/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsa/base/mem.h"
#include "tsa/role/settings_check.h"

#define SECOND      INT64_C(1000000000)
#define MINUTE      (60 * SECOND)
#define HOUR        (60 * MINUTE)
#define KIB         INT64_C(1024)
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
static const char *const clock_words[] = {"system", "chrony", "kernel", "sntp", NULL};
static const char *const level_words[] = {"error", "warning", "notice", "info", "debug", NULL};
static const char *const form_words[] = {"text", "json", NULL};
static const char *const tls_words[] = {"1.2", "1.3", NULL};

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
    {.name = "access",
     .type = CFG_BOOL,
     .offset = AT(log.access) - AT(log),
     .preset = "true",
     .help = "One line for each request: who asked, for what, with which result."},
    {0},
};

static const struct cfg_field tls_fields[] = {
    {.name = "listen",
     .type = CFG_STRINGS,
     .offset = AT(tls.listen) - AT(tls),
     .preset = "( )",
     .check = settings_check_more_listen,
     .cross = settings_cross_tls_listen,
     .help = "Addresses for HTTPS; signtool needs plain HTTP, so this is beside the others, never instead."},
    {.name = "certificate",
     .type = CFG_STRING,
     .offset = AT(tls.certificate) - AT(tls),
     .preset = "\"\"",
     .cross = settings_cross_tls_certificate,
     .help = "The server's certificate, then the intermediates, as PEM."},
    {.name = "key",
     .type = CFG_STRING,
     .offset = AT(tls.key) - AT(tls),
     .preset = "\"\"",
     .cross = settings_cross_tls_key,
     .help = "Its private key, a PEM file that only its owner can read. Not a key that signs timestamps."},
    {.name = "client_ca",
     .type = CFG_STRING,
     .offset = AT(tls.client_ca) - AT(tls),
     .preset = "\"\"",
     .cross = settings_cross_tls_client_ca,
     .help = "Certificates (PEM) of the authorities whose client certificates are taken; empty: none is "
             "asked for."},
    {.name = "min_version",
     .type = CFG_WORD,
     .offset = AT(tls.min_version) - AT(tls),
     .preset = "\"1.2\"",
     .words = tls_words,
     .help = "The oldest version of TLS that is spoken: 1.2 or 1.3."},
    {0},
};

static const struct cfg_field metrics_fields[] = {
    {.name = "listen",
     .type = CFG_STRINGS,
     .offset = AT(metrics.listen) - AT(metrics),
     .preset = "( )",
     .check = settings_check_more_listen,
     .cross = settings_cross_metrics_listen,
     .help = "Addresses for /metrics, /healthz and /readyz alone; then /metrics is answered nowhere else."},
    {0},
};

static const struct cfg_field client_fields[] = {
    {.name = "allow",
     .type = CFG_STRINGS,
     .offset = AT(clients.allow) - AT(clients),
     .preset = "( )",
     .check = settings_check_prefixes,
     .help = "Who may ask: prefixes such as \"10.0.0.0/8\", \"2001:db8::/32\", single addresses, \"unix\". "
             "Empty: all."},
    {.name = "deny",
     .type = CFG_STRINGS,
     .offset = AT(clients.deny) - AT(clients),
     .preset = "( )",
     .check = settings_check_prefixes,
     .help = "Who may not, even where allow has them."},
    {.name = "connections",
     .type = CFG_INT,
     .offset = AT(clients.connections) - AT(clients),
     .preset = "1000",
     .min = 0,
     .max = 60000,
     .help = "Connections of one IPv4 address or one IPv6 /64 at the same time; 0: any number."},
    {.name = "rate",
     .type = CFG_INT,
     .offset = AT(clients.rate) - AT(clients),
     .preset = "0",
     .min = 0,
     .max = 1000000,
     .help = "Requests a second of one IPv4 address or one IPv6 /64; more get 429. 0: any number."},
    {.name = "burst",
     .type = CFG_INT,
     .offset = AT(clients.burst) - AT(clients),
     .preset = "100",
     .min = 1,
     .max = 1000000,
     .help = "So many may come at once before the rate counts."},
    {.name = "proxies",
     .type = CFG_STRINGS,
     .offset = AT(clients.proxies) - AT(clients),
     .preset = "( )",
     .check = settings_check_prefixes,
     .help = "Proxies whose X-Forwarded-For is believed; anybody else's is ignored."},
    {.name = "proxy_protocol",
     .type = CFG_STRINGS,
     .offset = AT(clients.proxy_protocol) - AT(clients),
     .preset = "( )",
     .check = settings_check_prefixes,
     .help = "Proxies whose connections must begin with a PROXY protocol header, version 1 or 2."},
    {0},
};

static const struct cfg_field server_fields[] = {
    {.name = "address",
     .type = CFG_STRING,
     .offset = offsetof(struct settings_server, address),
     .required = true,
     .check = settings_check_server,
     .cross = settings_cross_server_address,
     .help = "A name, which is resolved at start and at each reload, or an address; with :PORT where it is "
             "not 123."},
    {.name = "smeared",
     .type = CFG_BOOL,
     .offset = offsetof(struct settings_server, smeared),
     .preset = "false",
     .help = "It spreads a leap second over hours. All servers do, or none: the two kinds differ by up to a "
             "second."},
    {0},
};

static const struct cfg_field clock_fields[] = {
    {.name = "source",
     .type = CFG_WORD,
     .offset = AT(clock.source) - AT(clock),
     .preset = "\"system\"",
     .words = clock_words,
     .cross = settings_cross_clock_source,
     .help = "What proves the time: chrony (asked on its command port), kernel (what the host's time service "
             "has told it), sntp (servers below, alone); system: the host's clock is trusted without proof, "
             "which is told in the log, in status and on the page."},
    {.name = "chrony",
     .type = CFG_STRING,
     .offset = AT(clock.chrony) - AT(clock),
     .preset = "\"" SETTINGS_CHRONY "\"",
     .check = settings_check_chrony,
     .help = "Command port of this machine's chronyd."},
    {.name = "servers",
     .type = CFG_GROUPS,
     .offset = AT(clock.servers) - AT(clock),
     .fields = server_fields,
     .size = sizeof(struct settings_server),
     .cross = settings_cross_servers,
     .help = "Time servers of several operators, asked by SNTP: the source, or beside chrony and kernel a "
             "second opinion, so choose others than those have. A majority must agree."},
    {.name = "poll",
     .type = CFG_DURATION,
     .offset = AT(clock.poll) - AT(clock),
     .preset = "\"64 s\"",
     .min = SECOND,
     .max = HOUR,
     .help = "Between two questions to a server; be kind to servers that are not yours."},
    {.name = "max_step",
     .type = CFG_DURATION,
     .offset = AT(clock.max_step) - AT(clock),
     .preset = "\"5 ms\"",
     .min = SECOND / 10000,
     .max = SECOND,
     .help =
         "A clock that is set by more stops the authority until it was compared with its reference again."},
    {.name = "max_age",
     .type = CFG_DURATION,
     .offset = AT(clock.max_age) - AT(clock),
     .preset = "\"1 h\"",
     .min = SECOND,
     .max = 24 * HOUR,
     .help = "A clock that was not compared with its reference for so long stops the authority."},
    {.name = "drift",
     .type = CFG_INT,
     .offset = AT(clock.drift_ppm) - AT(clock),
     .preset = "250",
     .min = 1,
     .max = 5000,
     .help = "Parts per million by which the clock may be off between two comparisons, for kernel and sntp; "
             "chrony measures it."},
    {.name = "leap_list",
     .type = CFG_STRING,
     .offset = AT(clock.leap_list) - AT(clock),
     .preset = "\"/usr/share/zoneinfo/leap-seconds.list\"",
     .help = "The list of leap seconds, as tzdata brings it; no token is issued around one. Empty: none."},
    {.name = "file",
     .type = CFG_STRING,
     .offset = AT(clock.file) - AT(clock),
     .preset = "\"\"",
     .help = "The clock file that `tsa clock run` writes, where the clock is watched by a service of its "
             "own. Empty: by a part of this one."},
    {0},
};

static const struct cfg_field ledger_fields[] = {
    {.name = "dir",
     .type = CFG_STRING,
     .offset = AT(ledger.dir) - AT(ledger),
     .preset = "\"/var/lib/tsa/ledger\"",
     .check = settings_check_not_empty,
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
    {.name = "handshake",
     .type = CFG_DURATION,
     DEADLINE(handshake),
     .preset = "\"5 s\"",
     .min = SECOND / 10,
     .max = MINUTE,
     .help = "For a whole TLS handshake, and for a PROXY protocol header."},
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
    {.name = "queue",
     .type = CFG_DURATION,
     DEADLINE(queue),
     .preset = "\"5 s\"",
     .min = SECOND / 100,
     .max = 5 * MINUTE,
     .help = "For a request to wait for its signature; while the oldest has waited that long, new ones get "
             "503 at "
             "once."},
    {0},
};

static const struct cfg_field unit_fields[] = {
    {.name = "name",
     .type = CFG_STRING,
     .offset = UNIT_AT(name),
     .required = true,
     .check = settings_check_unit_name,
     .help = "Stands in the URL: POST /NAME. The first unit answers POST / too."},
    {.name = "key",
     .type = CFG_STRING,
     .offset = UNIT_AT(key),
     .required = true,
     .check = settings_check_not_empty,
     .help = "Private key, a PKCS #8 PEM file that only its owner can read."},
    {.name = "chain",
     .type = CFG_STRING,
     .offset = UNIT_AT(chain),
     .required = true,
     .check = settings_check_not_empty,
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
     .check = settings_check_any_word,
     .help = "What it answers: rfc3161 (signtool /tr), authenticode (signtool /t). One URL serves both."},
    {.name = "policy",
     .type = CFG_STRING,
     .offset = UNIT_AT(policy),
     .required = true,
     .check = settings_check_policy,
     .help = "The unit's policy, an object identifier of your own; it stands in every token."},
    {.name = "policies",
     .type = CFG_STRINGS,
     .offset = UNIT_AT(policies),
     .preset = "( )",
     .check = settings_check_policies,
     .help = "Further policies that a request may name."},
    {.name = "digests",
     .type = CFG_WORDS,
     .offset = UNIT_AT(digests),
     .preset = "( \"sha256\", \"sha384\", \"sha512\" )",
     .words = digest_words,
     .check = settings_check_any_word,
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
     .cross = settings_cross_accuracy,
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
     .cross = settings_cross_ordering,
     .help = "Tokens say that their times alone give their order: needs time_digits, and that no other "
             "machine has this authority's name."},
    {.name = "key_months",
     .type = CFG_INT,
     .offset = UNIT_AT(key_months),
     .preset = "0",
     .min = 0,
     .max = 600,
     .help = "Months after the certificate's notBefore for which the key signs; 15 is what the CA/Browser "
             "Forum asks. 0: as long as the certificate lets it."},
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
     .check = settings_check_paths,
     .help = "Further URLs of this unit, such as \"/timestamp\"."},
    {.name = "allow",
     .type = CFG_STRINGS,
     .offset = UNIT_AT(allow),
     .preset = "( )",
     .check = settings_check_prefixes,
     .help = "Who may ask this unit, as in clients.allow. Empty: all who may ask at all."},
    {.name = "client_certificate",
     .type = CFG_BOOL,
     .offset = UNIT_AT(client_certificate),
     .preset = "false",
     .cross = settings_cross_client_certificate,
     .help = "It answers over TLS only, to clients with a certificate of tls.client_ca."},
    {.name = "client_names",
     .type = CFG_STRINGS,
     .offset = UNIT_AT(client_names),
     .preset = "( )",
     .cross = settings_cross_client_names,
     .help = "Common names (CN) of those certificates. Empty: all of them."},
    {0},
};

const struct cfg_field settings_fields[] = {
    {.name = "listen",
     .type = CFG_STRINGS,
     .offset = AT(listen),
     .preset = "( \"127.0.0.1:3161\" )",
     .check = settings_check_listen,
     .help = "Addresses: \"127.0.0.1:3161\", \"[::]:3161\", or the full path of a Unix socket. Sockets "
             "passed by systemd "
             "replace them."},
    {.name = "tls",
     .type = CFG_GROUP,
     .offset = AT(tls),
     .fields = tls_fields,
     .help = "HTTPS, beside plain HTTP."},
    {.name = "metrics",
     .type = CFG_GROUP,
     .offset = AT(metrics),
     .fields = metrics_fields,
     .help = "What Prometheus reads."},
    {.name = "clients",
     .type = CFG_GROUP,
     .offset = AT(clients),
     .fields = client_fields,
     .help = "Who may ask, and how much."},
    {.name = "run_dir",
     .type = CFG_STRING,
     .offset = AT(run_dir),
     .preset = "\"/run/tsa\"",
     .check = settings_check_not_empty,
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
     .check = settings_check_units,
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
    resolve(name, &settings->clock.leap_list);
    resolve(name, &settings->clock.file);
    resolve(name, &settings->tls.certificate);
    resolve(name, &settings->tls.key);
    resolve(name, &settings->tls.client_ca);
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

const struct settings_server *settings_server(const struct settings *settings, size_t index)
{
    return (const struct settings_server *)settings->clock.servers.list + index;
}
