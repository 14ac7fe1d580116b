/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines are one table of texts with a few words in braces that are replaced. Those for Windows name an address that another machine can
 * reach, where there is one.
 */
#include "tsa/cmd/lab_lines.h"

#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certs/certfile.h"
#include "tsa/base/mem.h"
#include "tsa/base/now.h"

#define SKEW_MAX  48
#define VALID_MAX (2 * GENTIME_TEXT_MAX + 16)

/* {dir} {url} {tsclient}: as on this machine; {net}: the URL as other machines type it; {later}: a day in ten years; {skew}: for a client that compares clocks. */
static const struct line {
    const char *text;
    bool signs; /* with the lab's identity, which must be valid when the stamp says */
} lines[] = {
    {"", false},
    {"Sign and stamp with osslsigncode (driver.sys is yours):", true},
    {"  osslsigncode sign {identity} -h sha256 -ts {url} -in driver.sys -out signed.sys", true},
    {"  osslsigncode sign {identity} -h sha256 -t {url} -in driver.sys -out signed-legacy.sys", true},
    {"  osslsigncode add -ts {url} -in signed.sys -out stamped.sys", true},
    {"  osslsigncode verify -in signed.sys -CAfile {dir}/root.pem -TSA-CAfile {dir}/root.pem", true},
    {"Stamp what is signed already (--tr RFC 3161, -t Authenticode), and judge it, ten years later too:",
     true},
    {"  osslsigncode sign {identity} -h sha256 -in driver.sys -out plain.sys", true},
    {"  {tsclient} stamp{skew} --tr {url} --ca {dir}/root.pem plain.sys", true},
    {"  {tsclient} stamp{skew} --replace -t {url} --ca {dir}/root.pem plain.sys", true},
    {"  {tsclient} verify --ca {dir}/root.pem plain.sys", true},
    {"  {tsclient} verify --ca {dir}/root.pem --at {later} plain.sys", true},
    {"Any file, with openssl and curl:", false},
    {"  openssl ts -query -data driver.sys -sha256 -cert -out driver.tsq", false},
    {"  curl -sS -H 'Content-Type: application/timestamp-query' --data-binary @driver.tsq -o driver.tsr "
     "{url}",
     false},
    {"  openssl ts -verify -data driver.sys -in driver.tsr -CAfile {dir}/root.pem", false},
    {"A jar (app.jar is yours):", true},
    {"  keytool -importcert -noprompt -alias lab -file {dir}/root.pem {trust}", true},
    {"  jarsigner {store} -tsa {url} app.jar '{alias}'", true},
    {"  jarsigner -verify -certs -verbose {trust} app.jar", true},
    {"", false},
    {"A Windows machine trusts the lab after these two, typed in cmd as administrator (test machines only):",
     false},
    {"  curl.exe -fsSO {net}root.cer && certutil -addstore -f Root root.cer", false},
    {"  curl.exe -fsSO {net}chain.p7b && certutil -addstore -f CA chain.p7b", false},
    {"Then, with {dir}/codesign.pfx copied there (password {password}):", true},
    {"  signtool sign /fd sha256 /f codesign.pfx /p {password} /tr {net} /td sha256 driver.sys", true},
    {"  signtool sign /fd sha256 /f codesign.pfx /p {password} /t {net} driver.sys", true},
    {"  signtool timestamp /tr {net} /td sha256 driver.sys", true},
};

static const char hint[] = "  (Only this machine reaches {url}. For others: start it with --listen "
                           "0.0.0.0:3161, and open port 3161.)";

static const char out_of_date[] = "(The signing identity in {dir}/codesign.pem is valid {valid}, and the "
                                  "lab's clock shows another time: what is signed "
                                  "with it can not be stamped now. Sign and stamp without lab time, and see "
                                  "it later with tsclient verify --at.)";

struct word {
    const char *name, *value;
};

/* A path that a shell would take apart stands in quotes. */
static char *quote(const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,@%:=";
    char *out, *to;

    if (!path[strspn(path, plain)]) {
        return xstrdup(path);
    }
    out = to = xcalloc(4 * strlen(path) + 3, 1);
    *to++ = '\'';
    for (; *path; path++) {
        if (*path == '\'') {
            to = stpcpy(to, "'\\''");
        } else {
            *to++ = *path;
        }
    }
    *to = '\'';
    return out;
}

static const struct word *find_word(const struct word *words, const char *at)
{
    for (; words->name; words++) {
        if (strncmp(at, words->name, strlen(words->name)) == 0) {
            return words;
        }
    }
    return NULL;
}

static void print_line(const char *line, const struct word *words, FILE *to)
{
    while (*line) {
        const struct word *word = find_word(words, line);

        if (word) {
            fputs(word->value, to);
            line += strlen(word->name);
        } else {
            fputc(*line++, to);
        }
    }
    fputc('\n', to);
}

/* ---- the address that others can reach ---- */

static bool is_any(const struct address *address)
{
    return (address->sock.any.sa_family == AF_INET &&
            address->sock.v4.sin_addr.s_addr == htonl(INADDR_ANY)) ||
           (address->sock.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&address->sock.v6.sin6_addr));
}

/* This machine's first IPv4 address that is not the loopback's. */
static bool find_own(struct in_addr *out)
{
    struct ifaddrs *list = NULL;
    bool found = false;

    if (getifaddrs(&list) != 0) {
        return false;
    }
    for (const struct ifaddrs *one = list; one && !found; one = one->ifa_next) {
        if (one->ifa_addr && one->ifa_addr->sa_family == AF_INET && (one->ifa_flags & IFF_UP) &&
            !(one->ifa_flags & IFF_LOOPBACK)) {
            struct sockaddr_in own;

            memcpy(&own, one->ifa_addr, sizeof(own));
            *out = own.sin_addr;
            found = true;
        }
    }
    freeifaddrs(list);
    return found;
}

static bool reachable(const struct address *address, struct address *out)
{
    const in_port_t port =
        address->sock.any.sa_family == AF_INET ? address->sock.v4.sin_port : address->sock.v6.sin6_port;

    *out = *address;
    if (address->sock.any.sa_family == AF_UNIX || address_is_loopback(address)) {
        return false;
    }
    if (!is_any(address)) {
        return true;
    }
    *out = (struct address){.sock.v4 = {.sin_family = AF_INET, .sin_port = port},
                            .len = sizeof(struct sockaddr_in)};
    return find_own(&out->sock.v4.sin_addr);
}

/* False when only this machine can reach it. */
static bool find_net_url(const struct listeners *listeners, char out[LISTENERS_URL_MAX])
{
    for (size_t i = 0; i < listeners->num; i++) {
        struct address address;
        char text[ADDRESS_TEXT_MAX];

        if (listeners->list[i].kind == LISTENER_PLAIN && reachable(&listeners->list[i].address, &address)) {
            (void)snprintf(out, LISTENERS_URL_MAX, "http://%s/", address_text(&address, text));
            return true;
        }
    }
    return false;
}

/* ---- all ---- */

/* The client beside this program; what the shell finds where there is none. */
static char *find_client(const char *program)
{
    const char *slash = strrchr(program, '/');
    char *path = slash ? xasprintf("%.*s/tsclient", (int)(slash - program), program) : xstrdup("tsclient");
    char *out;

    out = access(path, X_OK) == 0 ? quote(path) : xstrdup("tsclient");
    free(path);
    return out;
}

/* The day ten years from now, when the signing certificate has long expired. */
static const char *find_later(const struct labtime *time, char out[GENTIME_TEXT_MAX])
{
    const struct gentime now = now_machine(), shown = labtime_now(time);
    struct gentime later = gentime_compare(shown, now) > 0 ? shown : now;
    size_t len;

    later.sec += INT64_C(3653) * 86400;
    if (gentime_build_iso(later, out, &len) == RC_OK && len > 10) {
        out[10] = '\0';
    }
    return out;
}

/* By how much a client's clock is off the lab's; a clock that stands still is left behind while somebody reads. */
static const char *find_skew(const struct labtime *time, char out[SKEW_MAX])
{
    const int64_t off = gentime_diff_ns(labtime_now(time), now_machine()) / 1000000000;
    const int64_t days = (off < 0 ? -off : off) / 86400 + (time->kind == LABTIME_AT ? 31 : 1);

    out[0] = '\0';
    if (time->kind != LABTIME_NONE) {
        (void)snprintf(out, SKEW_MAX, " --allow-clock-skew %" PRId64 "d", days);
    }
    return out;
}

/* True where the identity is valid at the lab's time, or can not be read: then a line that fails says why. */
static bool find_validity(const struct lab_lines *lab, char out[VALID_MAX])
{
    char *path = xasprintf("%s/codesign.pem", lab->dir);
    char from[GENTIME_TEXT_MAX] = "", until[GENTIME_TEXT_MAX] = "";
    struct certfile file = {0};
    bool good = true;
    struct cert cert;
    size_t len;

    out[0] = '\0';
    if (lab->time->kind != LABTIME_NONE && certfile_read(path, &file) == RC_OK &&
        cert_parse(file.certs[0], &cert) == RC_OK &&
        gentime_build_iso(cert.not_before, from, &len) == RC_OK &&
        gentime_build_iso(cert.not_after, until, &len) == RC_OK) {
        (void)snprintf(out, VALID_MAX, "from %s until %s", from, until);
        good = cert_check_time(&cert, labtime_now(lab->time)) == RC_OK;
    }
    certfile_clear(&file);
    free(path);
    return good;
}

void lab_lines_print(const struct lab_lines *lab, FILE *to)
{
    char later[GENTIME_TEXT_MAX] = "", skew[SKEW_MAX], valid[VALID_MAX];
    char url[LISTENERS_URL_MAX], net[LISTENERS_URL_MAX];
    char *dir = quote(lab->dir), *client = find_client(lab->program);
    char *identity = xasprintf("-certs %s/codesign.pem -key %s/codesign.key", dir, dir);
    char *store = xasprintf("-keystore %s/codesign.pfx -storetype PKCS12 -storepass " LAB_PFX_PASSWORD, dir);
    const bool is_open = find_net_url(lab->listeners, net), signs = find_validity(lab, valid);
    const struct word words[] = {
        {"{dir}", dir},
        {"{url}", listeners_find_url(lab->listeners, url)},
        {"{net}", is_open ? net : url},
        {"{tsclient}", client},
        {"{identity}", identity},
        {"{store}", store},
        {"{trust}", "-keystore lab-trust.p12 -storetype PKCS12 -storepass changeit"},
        {"{later}", find_later(lab->time, later)},
        {"{skew}", find_skew(lab->time, skew)},
        {"{valid}", valid},
        {"{password}", LAB_PFX_PASSWORD},
        {"{alias}", LAB_CODESIGN_NAME},
        {NULL, NULL},
    };

    for (size_t i = 0; url[0] && i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (signs || !lines[i].signs) {
            print_line(lines[i].text, words, to);
        }
    }
    if (url[0] && !signs) {
        print_line(out_of_date, words, to);
    }
    if (url[0] && !is_open) {
        print_line(hint, words, to);
    }
    free(dir);
    free(client);
    free(identity);
    free(store);
}
