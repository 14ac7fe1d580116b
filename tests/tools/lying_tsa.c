/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A timestamp authority that lies on demand: the path of a request names the lie (/good tells none; /cut-N cuts the reply after N octets;
 * /at/SECONDS is right but for the time, which is that many seconds after 1970's begin, under certificates that were valid then). usage:
 * lying_tsa DIR. It makes DIR/root.pem, the root of its right certificates, and signed files to try on (signed.sys, dual.sys, expired.sys,
 * big.sys) and plain.sys, prints "ready http://127.0.0.1:PORT/" and serves until it is ended. For tests alone: one process per connection,
 * keys made anew each time.
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
#include "tests/tools/lie_http.h"
#include "tests/tools/lie_reply.h"
#include "tests/unit/tsclient/make_pe.h"
#include "tests/unit/tsclient/one_blob.h"
#include "tsclient/container/pe.h"

#define OVERLONG (3u << 20)
#define SMALL    3001 /* octets of a driver's code */
#define BIG      (4u << 20)

static struct lie_keys keys;

/* ---- what is done to a finished reply ---- */

static void add_octets(struct wbuf *der)
{
    wbuf_put_text(der, "more");
}

static void grow(struct wbuf *der)
{
    memset(wbuf_reserve(der, OVERLONG), 'A', OVERLONG);
}

/* As if somebody had written the length of the outermost element in five octets. BER, and DER_FOREIGN takes it: a liberty. */
static void lengthen(struct wbuf *der)
{
    static const uint8_t zeros[2] = {0, 0};

    MAKE_CERT_MUST(der->data[1] == 0x82);
    der->data[1] = 0x84;
    memcpy(wbuf_insert(der, 2, 2), zeros, 2);
}

static void make_indefinite(struct wbuf *der)
{
    MAKE_CERT_MUST(der->data[1] == 0x82);
    der->data[1] = 0x80;
    memmove(der->data + 2, der->data + 4, der->len - 4);
    der->data[der->len - 2] = 0;
    der->data[der->len - 1] = 0;
}

/* ---- the lies, and the liberties ---- */

#define REFUSAL_TEXT                                                                                         \
    "30280c26"                                                                                               \
    "5348412d323536206973206e6f74206c696b656420686572650a"                                                   \
    "1b5b33316d"                                                                                             \
    "c29b"                                                                                                   \
    "e280ae"                                                                                                 \
    "c328"

static const struct lie lies[] = {
    {.name = "good"},
    /* TSTInfo */
    {.name = "version-2", .twist = LIE_VERSION_2},
    {.name = "wrong-nonce", .twist = LIE_OTHER_NONCE},
    {.name = "no-nonce", .twist = LIE_NO_NONCE},
    {.name = "long-nonce", .twist = LIE_LONG_NONCE},
    {.name = "wrong-imprint", .twist = LIE_OTHER_IMPRINT},
    {.name = "wrong-algorithm", .twist = LIE_SHA1_IMPRINT},
    {.name = "short-imprint", .twist = LIE_SHORT_IMPRINT},
    {.name = "wrong-policy", .twist = LIE_OTHER_POLICY},
    {.name = "accuracy-negative", .twist = LIE_ACCURACY_NEGATIVE},
    {.name = "accuracy-millis", .twist = LIE_ACCURACY_MILLIS},
    {.name = "accuracy-type", .twist = LIE_ACCURACY_TYPE},
    {.name = "critical-extension", .twist = LIE_CRITICAL},
    {.name = "extension", .twist = LIE_EXTENSION},
    {.name = "tsa-name", .twist = LIE_TSA_NAME},
    {.name = "full", .twist = LIE_FULL},
    {.name = "trailing-in-info", .twist = LIE_TRAILING_INFO},
    {.name = "trailing-behind-info", .twist = LIE_BEHIND_INFO},
    /* times */
    {.name = "late", .seconds = -3600},
    {.name = "early", .seconds = 3600},
    {.name = "fraction", .time_keep = 14, .time_tail = ".25Z"},
    {.name = "fraction-zero", .time_keep = 14, .time_tail = ".130Z"},
    {.name = "fraction-empty", .time_keep = 14, .time_tail = ".Z"},
    {.name = "comma", .time_keep = 14, .time_tail = ",5Z"},
    {.name = "no-z", .time_keep = 14, .time_tail = ""},
    {.name = "offset", .time_keep = 14, .time_tail = "+0000"},
    {.name = "second-60", .time_keep = 12, .time_tail = "60Z"},
    {.name = "no-seconds", .time_keep = 12, .time_tail = "Z"},
    {.name = "hour-24", .time_keep = 8, .time_tail = "240000Z"},
    {.name = "month-13", .time_keep = 4, .time_tail = "1301000000Z"},
    /* SignedData */
    {.name = "type-data", .twist = LIE_TYPE_DATA},
    {.name = "signed-data-version-1", .twist = LIE_VERSION_1},
    {.name = "content-type", .twist = LIE_OTHER_CONTENT},
    {.name = "no-octets", .twist = LIE_NO_OCTETS},
    {.name = "no-content", .twist = LIE_NO_CONTENT},
    {.name = "other-content", .twist = LIE_CONTENT_ALONE},
    {.name = "no-certs", .twist = LIE_NO_CERTS},
    {.name = "certs-of-others", .twist = LIE_CERTS_OF_OTHERS},
    {.name = "sibling-first", .twist = LIE_SIBLING_FIRST},
    {.name = "no-signer", .twist = LIE_NO_SIGNER},
    {.name = "two-signers", .twist = LIE_TWO_SIGNERS},
    {.name = "trailing-in-signed-data", .twist = LIE_TRAILING_SIGNED},
    {.name = "trailing-in-signer", .twist = LIE_TRAILING_SIGNER},
    /* SignerInfo */
    {.name = "no-attributes", .twist = LIE_NO_ATTRS},
    {.name = "no-content-type", .twist = LIE_NO_CONTENT_TYPE},
    {.name = "wrong-content-type", .twist = LIE_BAD_CONTENT_TYPE},
    {.name = "no-digest", .twist = LIE_NO_DIGEST},
    {.name = "wrong-digest", .twist = LIE_BAD_DIGEST},
    {.name = "digest-twice", .twist = LIE_DIGEST_TWICE},
    {.name = "two-digests", .twist = LIE_TWO_DIGESTS},
    {.name = "no-time", .twist = LIE_NO_TIME},
    {.name = "wrong-protection", .twist = LIE_BAD_PROTECTION},
    {.name = "other-name", .twist = LIE_OTHER_NAME | LIE_SIBLING_FIRST},
    {.name = "sha1", .twist = LIE_SHA1},
    {.name = "md5", .twist = LIE_MD5},
    {.name = "wrong-signature", .twist = LIE_BAD_SIGNATURE},
    {.name = "other-key", .twist = LIE_OTHER_KEY},
    {.name = "bare", .twist = LIE_BARE},
    {.name = "other-signature-algorithm", .twist = LIE_OTHER_ALGORITHM},
    /* ESS */
    {.name = "no-ess", .twist = LIE_NO_ESS},
    {.name = "wrong-ess", .twist = LIE_OTHER_ESS | LIE_SIBLING_FIRST},
    {.name = "ess-issuer-first", .twist = LIE_ISSUER_ESS},
    {.name = "ess-chain", .twist = LIE_ESS_CHAIN},
    {.name = "ess-v1", .twist = LIE_ESS_V1},
    {.name = "ess-both", .twist = LIE_ESS_V1_TOO},
    {.name = "ess-v1-wrong", .twist = LIE_ESS_V1_WRONG},
    {.name = "ess-empty", .twist = LIE_ESS_EMPTY},
    {.name = "ess-serial", .twist = LIE_ESS_SERIAL},
    /* certificates */
    {.name = "eku-not-critical", .who = WHO_NOT_CRITICAL},
    {.name = "eku-not-alone", .who = WHO_TWO_PURPOSES},
    {.name = "eku-twice", .who = WHO_TWICE},
    {.name = "eku-missing", .who = WHO_NO_PURPOSE},
    {.name = "eku-other", .who = WHO_CODE_SIGNER},
    {.name = "key-usage", .who = WHO_KEY_USAGE},
    {.name = "ca", .who = WHO_CA},
    {.name = "expired", .who = WHO_EXPIRED},
    {.name = "not-yet", .who = WHO_NOT_YET},
    {.name = "stranger", .who = WHO_STRANGER},
    {.name = "misissued", .who = WHO_MISISSUED},
    /* PKIStatusInfo and what is around the token */
    {.name = "granted-with-mods", .status = "020101"},
    {.name = "refusal",
     .status = "020102" REFUSAL_TEXT "03020780",
     .no_token = true,
     .http = "400 Bad Request"},
    {.name = "refusal-with-token", .status = "020102"},
    {.name = "waiting", .status = "020103", .no_token = true},
    {.name = "revocation-warning", .status = "020104", .no_token = true},
    {.name = "revocation-warning-with-token", .status = "020104"},
    {.name = "revocation-with-token", .status = "020105"},
    {.name = "status-6", .status = "020106"},
    {.name = "status-negative", .status = "0201ff"},
    {.name = "status-256", .status = "02020100"},
    {.name = "status-missing", .status = ""},
    {.name = "status-trailing", .status = "0201000500"},
    {.name = "failure-unknown", .status = "02010203020640", .no_token = true}, /* bit 1 */
    {.name = "failure-far", .status = "020102030f000000000000000000000000000001", .no_token = true},
    {.name = "failure-granted", .status = "02010003020780"},
    {.name = "granted-without-token", .no_token = true},
    {.name = "trailing-in-response", .tail = "0500"},
    {.name = "trailing", .reply = add_octets},
    {.name = "long-length", .reply = lengthen},
    {.name = "indefinite", .reply = make_indefinite},
    {.name = "oversize", .reply = grow},
    {.name = "garbage", .body = "this is no reply at all"},
    {.name = "empty", .body = ""},
    /* forms of a legacy body */
    {.name = "form-lf", .form = lie_form_lf},
    {.name = "form-crlf", .form = lie_form_crlf},
    {.name = "form-nul", .form = lie_form_nul},
    {.name = "form-lf-nul", .form = lie_form_lf_nul},
    {.name = "form-raw", .form = lie_form_raw},
    {.name = "form-padding", .form = lie_form_padded},
    {.name = "form-letters", .form = lie_form_letters},
    /* media types and statuses */
    {.name = "html", .body = "<html>Welcome</html>", .type = "text/html"},
    {.name = "type-none", .type = ""},
    {.name = "type-query", .type = "application/timestamp-query"},
    {.name = "type-parameter", .head = "Content-Type: %s; charset=binary\r\n", .type = ""},
    {.name = "type-upper", .head = "CONTENT-TYPE: %S\r\n", .type = ""},
    {.name = "compressed", .head = "Content-Encoding: gzip\r\n"},
    {.name = "identity", .head = "Content-Encoding: identity\r\n"},
    {.name = "http-201", .http = "201 Created"},
    {.name = "http-204", .http = "204 No Content", .send = lie_send_to_end},
    {.name = "http-206", .http = "206 Partial Content"},
    {.name = "http-301", .http = "301 Moved Permanently", .head = "Location: /good\r\n"},
    {.name = "http-302", .http = "302 Found", .head = "Location: /good\r\n", .body = ""},
    {.name = "http-303", .http = "303 See Other", .head = "Location: /good\r\n", .body = ""},
    {.name = "http-307", .http = "307 Temporary Redirect", .head = "Location: /good\r\n", .body = ""},
    {.name = "http-308", .http = "308 Permanent Redirect", .head = "Location: /good\r\n", .body = ""},
    {.name = "http-404", .http = "404 Not Found", .type = "text/plain", .body = "there is no such unit\n"},
    {.name = "http-429", .http = "429 Too Many Requests", .type = "text/plain", .body = "slower, please\n"},
    {.name = "http-500", .http = "500 Internal Server Error", .type = "text/plain", .body = "it broke\n"},
    {.name = "http-503",
     .http = "503 Service Unavailable",
     .type = "text/plain",
     .body = "the clock is not proven\n"},
    /* HTTP itself */
    {.name = "http-1.0", .send = lie_send_http_1_0},
    {.name = "to-end", .send = lie_send_to_end},
    {.name = "interim", .send = lie_send_interim},
    {.name = "chunked", .send = lie_send_chunked},
    {.name = "chunks-no-end", .send = lie_send_chunks_no_end},
    {.name = "chunks-no-number", .send = lie_send_chunks_no_number},
    {.name = "length-long", .send = lie_send_too_long},
    {.name = "length-short", .send = lie_send_too_short},
    {.name = "length-negative", .send = lie_send_negative},
    {.name = "octets", .send = lie_send_octets},
    {.name = "slow", .send = lie_send_nothing},
    {.name = "slow-head", .send = lie_send_slow_head},
    {.name = "slow-body", .send = lie_send_slow_body},
    {.name = "endless-body", .send = lie_send_endless_body},
    {.name = "endless-head", .send = lie_send_endless_head},
    {.name = "endless-interim", .send = lie_send_endless_interim},
    {.name = "no-head", .send = lie_send_bare},
    {.name = "banner", .send = lie_send_banner},
    {.name = "http-7.5", .send = lie_send_version},
    {.name = "close", .send = lie_close},
    {.name = "reset", .send = lie_reset},
    {.name = "reset-within", .send = lie_reset_within},
    {.name = "flaky", .flaky = true}, /* busy two times, then good */
};

static const struct lie *find_lie(const char *path)
{
    static struct lie at = {.name = "at", .who = WHO_OLD};
    const char *name = strncmp(path, "/cut-", 5) == 0 ? "/good" : path;

    if (strncmp(path, "/at/", 4) == 0) {
        at.at = strtoll(path + 4, NULL, 10);
        return at.at > 0 ? &at : NULL;
    }
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        if (name[0] == '/' && strcmp(name + 1, lies[i].name) == 0) {
            return &lies[i];
        }
    }
    return NULL;
}

/* ---- serving ---- */

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
    /* A refusal by RFC 3161 is a reply as any other. */
    return lie->http && !(is_query && lie->status) ? lie->http : "200 OK";
}

/* False where there is nothing to cut. */
static bool cut(struct wbuf *der, const char *path)
{
    size_t len;

    if (strncmp(path, "/cut-", 5) != 0) {
        return true;
    }
    len = strtoul(path + 5, NULL, 10);
    if (len >= der->len) {
        return false;
    }
    der->len = len;
    return true;
}

/* Makes the reply; false where the request was none. */
static bool answer(struct wbuf *out, const struct lie *lie, const struct lie_request *r, bool is_query)
{
    struct wbuf der;
    bool ok;

    wbuf_init(&der, LIE_ROOM);
    ok =
        is_query ? lie_answer_query(&der, &keys, lie, r->body) : lie_answer_legacy(&der, &keys, lie, r->body);
    if (ok && lie->reply) {
        lie->reply(&der);
    }
    ok = ok && cut(&der, r->path);
    if (is_query) {
        wbuf_put(out, wbuf_bytes(&der));
    } else if (lie->form) {
        lie->form(out, wbuf_bytes(&der));
    } else {
        base64_encode(out, wbuf_bytes(&der));
    }
    wbuf_clear(&der);
    return ok;
}

/* The media type may stand in a line of the lie's own: %s as it is, %S in capitals. */
static void set_head(struct lie *lie, const char *type, char head[200])
{
    const char *at = strchr(lie->head, '%');
    bool upper = at && at[1] == 'S';

    (void)snprintf(head, 200, "%.*s%s%s", (int)(at ? at - lie->head : (long)strlen(lie->head)), lie->head,
                   at ? type : "", at ? at + 2 : "");
    for (char *c = head; upper && *c; c++) {
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    }
    lie->head = head;
}

static void serve(int fd)
{
    struct lie_request r = {0};
    const struct lie *found;
    const char *type;
    struct wbuf out;
    char head[200];
    struct lie lie;
    bool is_query, ok;

    if (!lie_read_request(fd, &r)) {
        return;
    }
    found = find_lie(r.path);
    if (!found) {
        lie = (struct lie){.http = "404 Not Found", .type = "text/plain"};
        lie_send_plain(fd, &lie, bytes_str("no such lie"));
        return;
    }
    is_query = r.body.len > 0 && msauth_detect(r.body) == MSAUTH_NOT;
    type = is_query ? "application/timestamp-reply" : "application/octet-stream";
    wbuf_init(&out, LIE_ROOM);
    ok = answer(&out, found, &r, is_query);
    lie = *found;
    lie.http = status_of(found, is_query, ok);
    lie.type = found->type ? found->type : type;
    if (lie.head) {
        set_head(&lie, type, head);
    }
    (lie.send ? lie.send : lie_send_plain)(fd, &lie, lie.body ? bytes_str(lie.body) : wbuf_bytes(&out));
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
    struct bytes certs[2] = {made_cert_der(t->signer), made_cert_der(&keys.root)};
    struct make_signature s = {.signer = t->signer, .certs = certs, .num_certs = 2};
    struct wbuf file, signature, inner, attrs, whole;
    uint8_t digest[DIGEST_MAX];
    struct edits edits;

    wbuf_init(&file, LIE_ROOM);
    wbuf_init(&signature, LIE_ROOM);
    wbuf_init(&inner, LIE_ROOM);
    wbuf_init(&attrs, LIE_ROOM);
    wbuf_init(&whole, LIE_ROOM);
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
        {"signed.sys", &keys.signer, SMALL, false},
        {"dual.sys", &keys.signer, SMALL, true},
        {"expired.sys", &keys.expired_signer, SMALL, false},
        {"big.sys", &keys.signer, BIG, false},
    };
    const struct make_pe m = {.body_len = 512, .seed = 3};
    struct wbuf w;

    wbuf_init(&w, LIE_ROOM);
    certfile_put_pem(&w, made_cert_der(&keys.root));
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
    lie_make_keys(&keys);
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
