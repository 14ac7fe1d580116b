/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsclient query: makes a TimeStampReq (RFC 3161 2.4.1) of a file or of a digest, for authorities that are asked by other means.
 */
#include "tsclient/cmd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "tsa/base/mem.h"
#include "tsa/base/safefile.h"
#include "tsa/wire/tsp.h"

#define NONCE_LEN 8

struct settings {
    const char *td, *policy, *nonce, *digest, *output;
    bool no_nonce, no_cert;
};

#define AT(field) offsetof(struct settings, field)
static const struct option_row options[] = {
    {"output", 'o', OPTION_TEXT, AT(output), "FILE", "Write here (- is standard output) instead of FILE.tsq.",
     0, 0},
    {"td", 0, OPTION_TEXT, AT(td), "ALG", "Digest: sha256 (default), sha384, sha512, sha1.", 0, 0},
    {"digest", 0, OPTION_TEXT, AT(digest), "HEX", "The digest itself, instead of a file; needs -o.", 0, 0},
    {"policy", 0, OPTION_TEXT, AT(policy), "OID", "Ask for this policy.", 0, 0},
    {"nonce", 0, OPTION_TEXT, AT(nonce), "HEX", "This nonce instead of a random one of 64 bits.", 0, 0},
    {"no-nonce", 0, OPTION_FLAG, AT(no_nonce), NULL,
     "No nonce: then an old reply can not be told from a new one.", 0, 0},
    {"no-cert", 0, OPTION_FLAG, AT(no_cert), NULL, "Do not ask for the authority's certificates.", 0, 0},
    {0},
};

static const struct settings defaults = {.td = "sha256"};

struct query {
    const struct command *command;
    const struct settings *settings;
    struct tsp_request request;
    uint8_t hash[DIGEST_MAX];
    uint8_t nonce[TSP_NONCE_MAX + 1]; /* a zero octet before, so that it is positive */
    struct wbuf policy;
};

static int check_options(struct query *q, size_t num_files)
{
    const struct settings *s = q->settings;

    if (num_files != (s->digest ? 0 : 1)) {
        return command_usage(q->command, "%s",
                             s->digest ? "either a file or --digest" : "give one file, or --digest");
    }
    if (s->digest && !s->output) {
        return command_usage(q->command, "--digest needs -o FILE");
    }
    if (s->nonce && s->no_nonce) {
        return command_usage(q->command, "--nonce and --no-nonce exclude each other");
    }
    q->request.imprint.alg = digest_of_name(s->td);
    if (q->request.imprint.alg == DIGEST_NONE || q->request.imprint.alg == DIGEST_MD5) {
        return command_usage(q->command, "--td %s: it may be sha256, sha384, sha512 or sha1", s->td);
    }
    return EXIT_DONE;
}

static int set_policy(struct query *q)
{
    wbuf_init(&q->policy, TSP_POLICY_MAX);
    if (q->settings->policy && oid_from_text(q->settings->policy, &q->policy) != RC_OK) {
        return command_usage(q->command, "--policy %s: an OID looks like 1.2.840.113549",
                             q->settings->policy);
    }
    q->request.policy = wbuf_bytes(&q->policy);
    return EXIT_DONE;
}

static int set_nonce(struct query *q)
{
    const char *text = q->settings->nonce;
    struct bytes nonce;
    size_t len = NONCE_LEN;

    if (q->settings->no_nonce) {
        return EXIT_DONE;
    }
    if (text && (bytes_from_hex(text, q->nonce + 1, TSP_NONCE_MAX - 1, &len) != RC_OK || len == 0)) {
        return command_usage(q->command, "--nonce %s: it has an even number of hex digits, 126 at most",
                             text);
    }
    if (!text && RAND_bytes(q->nonce + 1, NONCE_LEN) != 1) {
        return EXIT_FAULT;
    }
    nonce = bytes_of(q->nonce, len + 1);
    while (nonce.len > 1 && nonce.data[0] == 0 && !(nonce.data[1] & 0x80)) {
        nonce = bytes_of(nonce.data + 1, nonce.len - 1);
    }
    q->request.nonce = nonce;
    return EXIT_DONE;
}

static int set_imprint(struct query *q, const char *path)
{
    struct tsp_imprint *imprint = &q->request.imprint;
    size_t want = digest_len(imprint->alg), len = 0;
    struct safefile_map map;
    enum rc rc;

    imprint->alg_oid = oid_bytes(digest_oid(imprint->alg));
    imprint->alg_null = true;
    imprint->hash = bytes_of(q->hash, want);
    if (q->settings->digest) {
        if (bytes_from_hex(q->settings->digest, q->hash, sizeof q->hash, &len) != RC_OK || len != want) {
            return command_usage(q->command, "--digest: %s has %zu hex digits", digest_name(imprint->alg),
                                 2 * want);
        }
        return EXIT_DONE;
    }
    if (safefile_map_open(path, &map) != RC_OK) {
        (void)fprintf(stderr, "tsclient query: %s\n", safefile_error_text());
        return EXIT_NO;
    }
    rc = digest_compute(imprint->alg, &map.bytes, 1, q->hash);
    safefile_map_close(&map);
    return rc == RC_OK ? EXIT_DONE : EXIT_FAULT;
}

static int write_query(const struct query *q, const char *path, struct bytes der)
{
    const char *target = q->settings->output;
    char *own = NULL;
    int rc = EXIT_DONE;

    if (!target) {
        target = own = xasprintf("%s.tsq", path);
    }
    if (strcmp(target, "-") == 0) {
        if (isatty(STDOUT_FILENO)) {
            rc = command_usage(q->command, "the query is binary: not to a terminal");
        } else if (fwrite(der.data, 1, der.len, stdout) != der.len) {
            rc = EXIT_NO;
        }
    } else if (safefile_write(target, der, 0644) != RC_OK) {
        (void)fprintf(stderr, "tsclient query: %s\n", safefile_error_text());
        rc = EXIT_NO;
    }
    free(own);
    return rc;
}

static int make_query(struct query *q, const char *path)
{
    struct wbuf der;
    int rc = set_policy(q);

    wbuf_init(&der, 4096);
    if (rc == EXIT_DONE) {
        rc = set_nonce(q);
    }
    if (rc == EXIT_DONE) {
        rc = set_imprint(q, path);
    }
    if (rc == EXIT_DONE) {
        q->request.cert_req = !q->settings->no_cert;
        tsp_request_build(&der, &q->request);
        rc = wbuf_rc(&der) == RC_OK ? write_query(q, path, wbuf_bytes(&der)) : EXIT_FAULT;
    }
    wbuf_clear(&der);
    return rc;
}

static int run(const struct command *command, void *arg, char **files, size_t num_files)
{
    struct query q = {.command = command, .settings = arg};
    int rc = check_options(&q, num_files);

    if (rc == EXIT_DONE) {
        rc = make_query(&q, num_files > 0 ? files[0] : NULL);
    }
    wbuf_clear(&q.policy);
    return rc;
}

const struct command cmd_query = {
    .name = "query",
    .arguments = "[FILE]",
    .summary = "Make a timestamp query (.tsq) of a file or of a digest.",
    .notes = "Send it as application/timestamp-query; `tsclient reply --queryfile` checks what comes back.\n"
             "Exit codes: 0 written, 1 a file can not be read or written, 64 wrong usage.",
    .options = options,
    .settings_size = sizeof(struct settings),
    .defaults = &defaults,
    .run = run,
};
