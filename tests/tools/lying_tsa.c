/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A timestamp authority that lies on demand: the path of a request names the lie (/good tells none; /at/SECONDS is right but for the time,
 * which is that many seconds after 1970's begin, under certificates that were valid then). usage: lying_tsa DIR. It makes
 * DIR/root.pem, the root of its right certificates, and signed files to try on (signed.sys, dual.sys, expired.sys, big.sys) and plain.sys, prints
 * "ready http://127.0.0.1:PORT/" and serves until it is ended. For tests alone: one process per connection, keys made anew each time.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "certs/certfile.h"
#include "tests/unit/tsclient/make_pe.h"
#include "tests/unit/tsclient/make_signature.h"
#include "tests/unit/tsclient/one_blob.h"
#include "tsa/wire/base64.h"
#include "tsa/wire/msauth.h"
#include "tsa/wire/tsp.h"
#include "tsclient/container/pe.h"

#define DAY      86400
#define YEAR_90  631152000 /* before that nobody signed */
#define LIMIT    (16u << 20)
#define OVERLONG (3u << 20)
#define SMALL    3001 /* octets of a driver's code */
#define BIG      (4u << 20)

/* ---- keys ---- */

enum who {
    WHO_GOOD,
    WHO_NOT_CRITICAL, /* timeStamping, but the extension is not critical */
    WHO_TWO_PURPOSES,
    WHO_NO_PURPOSE,
    WHO_CODE_SIGNER,
    WHO_EXPIRED,
    WHO_STRANGER, /* under a root that nobody knows */
    WHO_OLD,      /* as old as the root */
    WHO_NUM
};

static struct made_cert root, strange_root, authorities[WHO_NUM];
static struct cms_profile profiles[WHO_NUM];
static struct made_cert signer, expired_signer;

struct life {
    int64_t from, to; /* from: 0 is 400 days ago; to: from now on */
};

static struct made_cert leaf(const char *name, const struct made_cert *issuer, const char *eku,
                             struct life life)
{
    const struct make_cert m = {.name = name,
                                .issuer = issuer,
                                .eku = eku,
                                .from = life.from ? life.from : time(NULL) - 400 * DAY,
                                .to = time(NULL) + life.to,
                                .rsa = true};

    return make_cert(&m);
}

static struct made_cert make_root(const char *name)
{
    const struct make_cert m = {.name = name, .is_ca = true, .from = YEAR_90, .to = time(NULL) + 3000 * DAY};

    return make_cert(&m);
}

static void make_keys(void)
{
    static const struct {
        const char *name, *eku;
        struct life life;
    } rows[WHO_NUM] = {
        [WHO_GOOD] = {"Good TSA", "critical,timeStamping", {0, 300 * DAY}},
        [WHO_NOT_CRITICAL] = {"TSA not critical", "timeStamping", {0, 300 * DAY}},
        [WHO_TWO_PURPOSES] = {"TSA with two purposes", "critical,timeStamping,codeSigning", {0, 300 * DAY}},
        [WHO_NO_PURPOSE] = {"TSA without purpose", NULL, {0, 300 * DAY}},
        [WHO_CODE_SIGNER] = {"Code signer as TSA", "critical,codeSigning", {0, 300 * DAY}},
        [WHO_EXPIRED] = {"Expired TSA", "critical,timeStamping", {0, -DAY}},
        [WHO_STRANGER] = {"Stranger TSA", "critical,timeStamping", {0, 300 * DAY}},
        [WHO_OLD] = {"Old TSA", "critical,timeStamping", {YEAR_90, 300 * DAY}},
    };
    struct bytes chain[2];

    root = make_root("Test root");
    strange_root = make_root("Strange root");
    for (size_t i = 0; i < WHO_NUM; i++) {
        const struct made_cert *issuer = i == WHO_STRANGER ? &strange_root : &root;

        authorities[i] = leaf(rows[i].name, issuer, rows[i].eku, rows[i].life);
        chain[0] = made_cert_der(&authorities[i]);
        chain[1] = made_cert_der(issuer);
        MAKE_CERT_MUST(cms_profile_init(&profiles[i], chain, 2, DIGEST_SHA256) == RC_OK);
    }
    signer = leaf("Test signer", &root, "codeSigning", (struct life){0, 300 * DAY});
    expired_signer = leaf("Expired signer", &root, "codeSigning", (struct life){0, -DAY});
}

/* ---- lies ---- */

struct lie {
    const char *name;
    enum who who;
    int64_t seconds; /* the time is off by so many */
    int64_t at;      /* or is this one, since 1970 */
    void (*info)(struct tsp_tstinfo *info);
    void (*reply)(struct wbuf *der); /* of the finished reply, either protocol */
    bool no_ess, other_ess, no_certs, other_blob, refused, no_answer, flaky;
    const char *status, *type; /* HTTP's */
    const char *body;          /* instead of all else */
};

static void twist_nonce(struct tsp_tstinfo *info)
{
    info->nonce = bytes_of("\x2a\x2b\x2c", 3);
}

static void drop_nonce(struct tsp_tstinfo *info)
{
    info->nonce = BYTES_NONE;
}

static void twist_imprint(struct tsp_tstinfo *info)
{
    static uint8_t other[DIGEST_MAX];

    memcpy(other, info->imprint.hash.data, info->imprint.hash.len);
    other[0] ^= 1;
    info->imprint.hash = bytes_of(other, info->imprint.hash.len);
}

static void twist_algorithm(struct tsp_tstinfo *info)
{
    static const uint8_t zeros[DIGEST_MAX];

    info->imprint.alg = DIGEST_SHA1;
    info->imprint.alg_oid = oid_bytes(OID_SHA1);
    info->imprint.hash = bytes_of(zeros, digest_len(DIGEST_SHA1));
}

static void twist_policy(struct tsp_tstinfo *info)
{
    info->policy = oid_bytes(OID_SHA256);
}

/* The signature is the last thing in a reply. */
static void twist_end(struct wbuf *der)
{
    der->data[der->len - 1] ^= 1;
}

static void add_octets(struct wbuf *der)
{
    wbuf_put_text(der, "more");
}

static void grow(struct wbuf *der)
{
    memset(wbuf_reserve(der, OVERLONG), 'A', OVERLONG);
}

/* status granted, and no token */
static void drop_token(struct wbuf *der)
{
    wbuf_reset(der);
    wbuf_put(der, bytes_of("\x30\x05\x30\x03\x02\x01\x00", 7));
}

static void wait_status(struct wbuf *der)
{
    wbuf_reset(der);
    wbuf_put(der, bytes_of("\x30\x05\x30\x03\x02\x01\x03", 7));
}

static void cut(struct wbuf *der)
{
    der->len /= 2;
}

static const struct lie lies[] = {
    {.name = "good"},
    {.name = "wrong-nonce", .info = twist_nonce},
    {.name = "no-nonce", .info = drop_nonce},
    {.name = "wrong-imprint", .info = twist_imprint, .other_blob = true},
    {.name = "wrong-algorithm", .info = twist_algorithm, .other_blob = true},
    {.name = "wrong-policy", .info = twist_policy},
    {.name = "wrong-signature", .reply = twist_end},
    {.name = "eku-not-critical", .who = WHO_NOT_CRITICAL},
    {.name = "eku-not-alone", .who = WHO_TWO_PURPOSES},
    {.name = "eku-missing", .who = WHO_NO_PURPOSE},
    {.name = "eku-other", .who = WHO_CODE_SIGNER},
    {.name = "expired", .who = WHO_EXPIRED},
    {.name = "stranger", .who = WHO_STRANGER},
    {.name = "no-ess", .no_ess = true},
    {.name = "wrong-ess", .other_ess = true},
    {.name = "no-certs", .no_certs = true},
    {.name = "late", .seconds = -3600},
    {.name = "early", .seconds = 3600},
    {.name = "refusal", .refused = true, .status = "400 Bad Request"},
    {.name = "granted-without-token", .reply = drop_token},
    {.name = "waiting", .reply = wait_status},
    {.name = "trailing", .reply = add_octets},
    {.name = "cut", .reply = cut},
    {.name = "oversize", .reply = grow},
    {.name = "garbage", .body = "this is no reply at all"},
    {.name = "empty", .body = ""},
    {.name = "html", .body = "<html>Welcome</html>", .type = "text/html"},
    {.name = "http-201", .status = "201 Created"},
    {.name = "http-404", .status = "404 Not Found", .type = "text/plain", .body = "there is no such unit\n"},
    {.name = "http-500", .status = "500 Internal Server Error", .type = "text/plain", .body = "it broke\n"},
    {.name = "http-503",
     .status = "503 Service Unavailable",
     .type = "text/plain",
     .body = "the clock is not proven\n"},
    {.name = "redirect", .status = "302 Found", .body = ""},
    {.name = "slow", .no_answer = true},
    {.name = "flaky", .flaky = true}, /* busy two times, then good */
};

static const struct lie *find_lie(const char *path)
{
    static struct lie at = {.name = "at", .who = WHO_OLD};

    if (strncmp(path, "/at/", 4) == 0) {
        at.at = strtoll(path + 4, NULL, 10);
        return at.at > 0 ? &at : NULL;
    }
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        if (path[0] == '/' && strcmp(path + 1, lies[i].name) == 0) {
            return &lies[i];
        }
    }
    return NULL;
}

/* ---- replies ---- */

static struct gentime time_for(const struct lie *lie)
{
    return (struct gentime){.sec = lie->at ? lie->at : time(NULL) + lie->seconds};
}

static void put_token(struct wbuf *out, const struct lie *lie, struct tsp_tstinfo *info)
{
    const struct cms_profile *profile = &profiles[lie->who];
    struct wbuf content;
    struct cms_build build = {
        .profile = profile,
        .version = 3,
        .content_type = OID_TST_INFO,
        .attrs = {lie->other_ess ? profiles[WHO_STRANGER].ess : profile->ess},
        .num_attrs = lie->no_ess ? 0 : 1,
        .with_certificates = !lie->no_certs,
        .sign = made_cert_sign,
        .sign_arg = authorities[lie->who].key,
    };

    wbuf_init(&content, LIMIT);
    tsp_tstinfo_build(&content, info);
    build.content = wbuf_bytes(&content);
    MAKE_CERT_MUST(cms_build(out, &build) == RC_OK);
    wbuf_clear(&content);
}

static bool answer_query(struct wbuf *out, const struct lie *lie, struct bytes body)
{
    struct tsp_request request;
    struct tsp_tstinfo info;
    size_t mark;

    if (tsp_request_parse(body, &request) != RC_OK) {
        return false;
    }
    if (lie->refused) {
        tsp_response_build_refusal(out, TSP_BAD_ALG, "SHA-256 is not liked here\n\033[31m");
        return true;
    }
    info = (struct tsp_tstinfo){
        .policy = request.policy.len ? request.policy : oid_bytes(OID_LAB_POLICY),
        .imprint = request.imprint,
        .serial = bytes_of("\x05", 1),
        .time = time_for(lie),
        .nonce = request.nonce,
    };
    if (lie->info) {
        lie->info(&info);
    }
    mark = tsp_response_open_granted(out);
    put_token(out, lie, &info);
    der_close(out, mark);
    return true;
}

static bool answer_legacy(struct wbuf *out, const struct lie *lie, struct bytes body)
{
    struct wbuf scratch, der;
    struct msauth_reply reply = {
        .profile = &profiles[lie->who],
        .time = time_for(lie),
        .sign = made_cert_sign,
        .sign_arg = authorities[lie->who].key,
    };

    wbuf_init(&scratch, LIMIT);
    wbuf_init(&der, LIMIT);
    if (msauth_body_parse(body, &scratch, &reply.blob) != RC_OK) {
        return false;
    }
    if (lie->other_blob) {
        reply.blob = bytes_of(root.der, 100);
    }
    MAKE_CERT_MUST(msauth_reply_build(&der, &reply) == RC_OK);
    if (lie->reply) {
        lie->reply(&der);
    }
    base64_encode(out, wbuf_bytes(&der));
    wbuf_clear(&scratch);
    wbuf_clear(&der);
    return true;
}

/* ---- HTTP, as much of it as libcurl needs ---- */

struct request {
    char path[64], type[64];
    struct wbuf all;
    struct bytes body;
};

static bool read_request(int fd, struct request *r)
{
    uint8_t buffer[4096];
    const char *length;
    char *head, *end;
    ssize_t n;

    wbuf_init(&r->all, LIMIT);
    while ((n = read(fd, buffer, sizeof buffer)) > 0) {
        wbuf_put(&r->all, bytes_of(buffer, (size_t)n));
        wbuf_put_u8(&r->all, 0);
        r->all.len--;
        head = (char *)r->all.data;
        end = strstr(head, "\r\n\r\n");
        length = end ? strcasestr(head, "\r\nContent-Length:") : NULL;
        if (length && r->all.len >= (size_t)(end + 4 - head) + strtoul(length + 17, NULL, 10)) {
            r->body = bytes_of(end + 4, r->all.len - (size_t)(end + 4 - head));
            return sscanf(head, "POST %63s ", r->path) == 1;
        }
    }
    return false;
}

static void send_all(int fd, struct bytes b)
{
    while (b.len > 0) {
        ssize_t n = write(fd, b.data, b.len);

        if (n <= 0) {
            return;
        }
        b = bytes_of(b.data + n, b.len - (size_t)n);
    }
}

static void send_reply(int fd, const char *status, const char *type, struct bytes body)
{
    char head[300];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n",
                     status, type, body.len, strncmp(status, "302", 3) == 0 ? "Location: /good\r\n" : "");

    send_all(fd, bytes_of(head, (size_t)n));
    send_all(fd, body);
}

/* Counts over all processes. */
static volatile int *num_flaky;

static const char *status_of(const struct lie *lie, bool is_query, bool ok)
{
    if (!ok) {
        return "400 Bad Request";
    }
    if (lie->flaky && ++*num_flaky % 3 != 0) {
        return "503 Service Unavailable";
    }
    return lie->status && !(is_query && lie->refused) ? lie->status : "200 OK";
}

static void serve(int fd)
{
    struct request r = {0};
    const struct lie *lie;
    struct wbuf out;
    bool is_query, ok;

    if (!read_request(fd, &r)) {
        return;
    }
    lie = find_lie(r.path);
    is_query = r.body.len > 0 && msauth_detect(r.body) == MSAUTH_NOT;
    if (!lie) {
        send_reply(fd, "404 Not Found", "text/plain", bytes_str("no such lie"));
        return;
    }
    if (lie->no_answer) {
        (void)sleep(30);
        return;
    }
    wbuf_init(&out, LIMIT);
    ok = is_query ? answer_query(&out, lie, r.body) : answer_legacy(&out, lie, r.body);
    if (is_query && lie->reply) {
        lie->reply(&out);
    }
    send_reply(fd, status_of(lie, is_query, ok),
               lie->type  ? lie->type
               : is_query ? "application/timestamp-reply"
                          : "application/octet-stream",
               lie->body ? bytes_str(lie->body) : wbuf_bytes(&out));
    wbuf_clear(&out);
    wbuf_clear(&r.all);
}

/* ---- files to try on ---- */

static void write_file(const char *dir, const char *name, struct bytes contents)
{
    char path[4096];
    FILE *out;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    out = fopen(path, "wb");
    MAKE_CERT_MUST(out && fwrite(contents.data, 1, contents.len, out) == contents.len && fclose(out) == 0);
}

struct try_on {
    const char *name;
    const struct made_cert *signer;
    size_t body_len;
    bool nested;
};

static void sign_file(const char *dir, const struct try_on *t)
{
    const struct make_pe m = {.plus = true, .body_len = t->body_len, .seed = 7};
    struct bytes certs[2] = {made_cert_der(t->signer), made_cert_der(&root)};
    struct make_signature s = {.signer = t->signer, .certs = certs, .num_certs = 2};
    struct wbuf file, signature, inner, attrs, whole;
    uint8_t digest[DIGEST_MAX];
    struct edits edits;

    wbuf_init(&file, LIMIT);
    wbuf_init(&signature, LIMIT);
    wbuf_init(&inner, LIMIT);
    wbuf_init(&attrs, LIMIT);
    wbuf_init(&whole, LIMIT);
    edits_init(&edits);
    make_pe(&file, &m);
    MAKE_CERT_MUST(pe_ops.digest(wbuf_bytes(&file), DIGEST_SHA256, digest) == RC_OK);
    s.file_digest = bytes_of(digest, 32);
    if (t->nested) {
        make_signature(&inner, &s);
        make_attribute(&attrs, OID_SPC_NESTED_SIGNATURE, wbuf_bytes(&inner));
        s.unsigned_attrs = wbuf_bytes(&attrs);
    }
    make_signature(&signature, &s);
    MAKE_CERT_MUST(one_blob_put(&pe_ops, wbuf_bytes(&file), wbuf_bytes(&signature), &edits) == RC_OK);
    MAKE_CERT_MUST(edits_apply(&edits, wbuf_bytes(&file), &whole) == RC_OK);
    write_file(dir, t->name, wbuf_bytes(&whole));
    edits_clear(&edits);
    wbuf_clear(&file);
    wbuf_clear(&signature);
    wbuf_clear(&inner);
    wbuf_clear(&attrs);
    wbuf_clear(&whole);
}

static void write_files(const char *dir)
{
    const struct try_on files[] = {
        {"signed.sys", &signer, SMALL, false},
        {"dual.sys", &signer, SMALL, true},
        {"expired.sys", &expired_signer, SMALL, false},
        {"big.sys", &signer, BIG, false},
    };
    const struct make_pe m = {.body_len = 512, .seed = 3};
    struct wbuf w;

    wbuf_init(&w, LIMIT);
    certfile_put_pem(&w, made_cert_der(&root));
    write_file(dir, "root.pem", wbuf_bytes(&w));
    wbuf_reset(&w);
    make_pe(&w, &m);
    write_file(dir, "plain.sys", wbuf_bytes(&w));
    wbuf_clear(&w);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        sign_file(dir, &files[i]);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    if (argc != 2) {
        (void)fprintf(stderr, "usage: lying_tsa DIR\n");
        return 64;
    }
    (void)signal(SIGCHLD, SIG_IGN);
    num_flaky = mmap(NULL, sizeof *num_flaky, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MAKE_CERT_MUST(num_flaky != MAP_FAILED);
    make_keys();
    write_files(argv[1]);
    MAKE_CERT_MUST(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 &&
                   listen(listener, 64) == 0);
    MAKE_CERT_MUST(getsockname(listener, (struct sockaddr *)&address, &len) == 0);
    (void)printf("ready http://127.0.0.1:%d/\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd >= 0 && fork() == 0) {
            serve(fd);
            _exit(0);
        }
        close(fd);
    }
}
