/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of the server as one struct, and the one table of every key behind it. Immutable once read; a reload reads
 * another. The parent reads the file; a role gets the same text over an inherited descriptor and reads it by the same table.
 */
#ifndef TSA_ROLE_SETTINGS_H
#define TSA_ROLE_SETTINGS_H

#include "tsa/base/cfg.h"
#include "tsa/base/log.h"
#include "tsa/wire/digest.h"

#define SETTINGS_MAX_UNITS   64
#define SETTINGS_CHRONY      "127.0.0.1:323" /* where chronyd is asked, unless it is said otherwise */
#define SETTINGS_CHRONY_PORT 323

enum settings_protocol {
    SETTINGS_RFC3161 = 1u << 0,
    SETTINGS_AUTHENTICODE = 1u << 1
};

struct settings_unit {
    char *name;                  /* stands in the URL: /NAME */
    char *key;                   /* private key file (PKCS #8 PEM) */
    char *chain;                 /* certificate of the unit, then intermediates, PEM */
    char *root;                  /* the anchor, for download and for checks; may be empty */
    unsigned protocols;          /* enum settings_protocol */
    char *policy;                /* the unit's own, dotted */
    struct cfg_strings policies; /* further ones that a request may name */
    unsigned digests;            /* bit set of enum digest: imprints taken */
    int digest;                  /* enum digest: of the signature */
    int64_t accuracy;            /* ns; 0 = not declared */
    int64_t time_digits;         /* of the fraction of genTime, 0 .. 6 */
    int64_t
        key_months; /* after the certificate's notBefore the key signs no more; 0 = as long as the certificate lets it */
    bool ordering, tsa_name;
    int self_check;                  /* enum settings_self_check */
    struct cfg_strings allow;        /* prefixes of the clients that it serves; none = all */
    bool client_certificate;         /* only over TLS, with a certificate of tls.client_ca */
    struct cfg_strings client_names; /* common names of those certificates; none = all */
    struct cfg_strings paths;        /* further URLs */
};

enum settings_self_check {
    SETTINGS_SELF_CHECK_SOME,
    SETTINGS_SELF_CHECK_ALL
};
enum settings_clock {
    SETTINGS_CLOCK_SYSTEM, /* the host is believed */
    SETTINGS_CLOCK_CHRONY,
    SETTINGS_CLOCK_KERNEL,
    SETTINGS_CLOCK_SNTP /* clock.servers alone */
};

#define SETTINGS_MAX_SERVERS 16

struct settings_server {
    char *address; /* "192.0.2.1", "[2001:db8::1]:123", "time.example.org" */
    bool smeared;
};

enum settings_tls_version {
    SETTINGS_TLS_1_2,
    SETTINGS_TLS_1_3
};

struct settings {
    struct cfg_strings listen; /* "127.0.0.1:3161", "[::1]:3161", "/run/tsa/http.sock" */
    struct {
        struct cfg_strings listen; /* none = no TLS */
        char *certificate, *key; /* PEM files: the server's certificate and intermediates; its private key */
        char *client_ca;         /* PEM file; empty = no client is asked for a certificate */
        int min_version;         /* enum settings_tls_version */
    } tls;
    struct {
        struct cfg_strings listen; /* then /metrics is answered there alone */
    } metrics;
    struct {
        struct cfg_strings allow, deny;    /* prefixes; none in allow = all */
        struct cfg_strings proxies;        /* whose X-Forwarded-For is believed */
        struct cfg_strings proxy_protocol; /* whose connections begin with a PROXY protocol header */
        int64_t connections;               /* at the same time, of one /32 or /64; 0 = any number */
        int64_t rate, burst; /* requests a second of one /32 or /64, and at once; 0 = any number */
    } clients;
    char *run_dir;   /* control socket, clock file */
    int64_t node;    /* 1 .. 32767, part of every serial number */
    int64_t fronts;  /* processes */
    int64_t signers; /* threads; 0 = one for each processor */
    struct {
        char *front, *issuer, *clock;
    } users; /* names or numbers; used where started as root; empty = stay */
    struct {
        int level, form;
        bool access; /* one line for each request */
    } log;
    struct {
        int source;   /* enum settings_clock */
        char *chrony; /* address of chronyd's command port, of this machine */
        struct cfg_groups
            servers;       /* of struct settings_server: the source, or a second opinion beside another one */
        int64_t poll;      /* ns, between two questions to a server */
        int64_t max_step;  /* ns, by which the clock may be set without a stop */
        int64_t max_age;   /* ns, since the clock was last compared with its reference */
        int64_t drift_ppm; /* of a clock that nobody measures: beside kernel and sntp */
        char *leap_list;   /* leap-seconds.list; empty = none */
        char *file;        /* the clock file of `tsa clock run`; empty = run_dir/clock, by an own role */
    } clock;
    struct {
        char *dir;
    } ledger;
    struct {
        int64_t request_line, head, fields, body, pipeline, requests, connections, queue;
    } limits;
    struct {
        int64_t handshake, header, body, write, keep_alive, connection, queue; /* ns */
    } deadlines;
    struct cfg_groups units; /* of struct settings_unit */
};

/* settings_fields is the table: every key, for reading, for conf/tsa.conf, for the reference. */
extern const struct cfg_field settings_fields[];

/* settings_parse reads text; relative paths in it are meant from the folder of name and come out absolute or from the current folder.
 * Checks that need no file (names unique, OIDs valid) are made too. RC_CONFIG with errors. Free with settings_clear. */
enum rc settings_parse(const char *name, const char *text, struct settings *out,
                       struct cfg_errors *errors) MUST_CHECK;
void settings_clear(struct settings *settings);

/* settings_parse_file the same from a file, so that messages name the file and the line that the user wrote, in included files too. */
enum rc settings_parse_file(const char *path, struct settings *out, struct cfg_errors *errors) MUST_CHECK;

/* settings_read_text reads the file with its @include lines replaced by what they name, so that roles need no file. Heap, NUL-terminated;
 * NULL with errors. */
char *settings_read_text(const char *path, struct cfg_errors *errors);

size_t settings_num_units(const struct settings *settings);
const struct settings_unit *settings_unit(const struct settings *settings, size_t index);
const struct settings_server *settings_server(const struct settings *settings, size_t index);

#endif
