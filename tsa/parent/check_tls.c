/* SPDX-License-Identifier: Apache-2.0 */
/* The files as they are, and then together, by what the front itself makes of them. */
#include "tsa/parent/check_tls.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certs/certfile.h"
#include "tsa/base/now.h"
#include "tsa/base/safefile.h"
#include "tsa/http/tls.h"

#define FILE_MAX    (1u << 20)
#define DAY         86400
#define DAYS_WARNED 30

struct tls_look {
    const struct settings *settings;
    struct check_report *report;
    struct wbuf certificate, key, client_ca;
};

static bool read_file(const struct tls_look *look, const char *setting, const char *path, struct wbuf *out)
{
    wbuf_init(out, FILE_MAX);
    if (!*path || safefile_read(path, FILE_MAX, out) == RC_OK) {
        return true;
    }
    cfg_errors_add(&look->report->errors, "tls.%s: %s", setting, safefile_error_text());
    return false;
}

static bool check_mode(const struct tls_look *look)
{
    const char *path = look->settings->tls.key;
    struct stat st;

    if (stat(path, &st) != 0 || !(st.st_mode & (S_IRWXG | S_IRWXO))) {
        return true; /* that it can not be read is told by who reads it */
    }
    cfg_errors_add(&look->report->errors,
                   "tls.key: %s has mode %04o: others may read it; chmod 600 %s, and think about a new key",
                   path, (unsigned)(st.st_mode & 07777), path);
    return false;
}

static void tell_dates(const struct tls_look *look, const struct cert *cert)
{
    const char *path = look->settings->tls.certificate;
    const struct gentime now = now_real();
    const long long left = (cert->not_after.sec - now.sec) / DAY;
    char text[GENTIME_TEXT_MAX] = "";
    size_t len = 0;
    const enum rc rc = cert_check_time(cert, now);

    if (rc == RC_CERT_EXPIRED && gentime_build_iso(cert->not_after, text, &len) == RC_OK) {
        cfg_errors_add(&look->report->errors, "tls.certificate: %s expired on %.*s: renew it", path, (int)len,
                       text);
    } else if (rc == RC_CERT_NOT_YET_VALID && gentime_build_iso(cert->not_before, text, &len) == RC_OK) {
        cfg_errors_add(&look->report->errors,
                       "tls.certificate: %s is valid from %.*s only: is this machine's clock right?", path,
                       (int)len, text);
    } else if (rc != RC_OK) {
        cfg_errors_add(&look->report->errors, "tls.certificate: %s: %s", path, rc_text(rc));
    } else if (left < DAYS_WARNED) {
        cfg_errors_add(&look->report->warnings, "tls.certificate: %s expires in %lld days: renew it", path,
                       left);
    }
}

/* The server's certificate is the first one of the file. */
static void check_dates(const struct tls_look *look)
{
    struct certfile file = {0};
    struct cert cert;

    if (certfile_parse(wbuf_bytes(&look->certificate), &file) == RC_OK &&
        cert_parse(file.certs[0], &cert) == RC_OK) {
        tell_dates(look, &cert);
    }
    certfile_clear(&file);
}

static bool check_together(const struct tls_look *look)
{
    char why[TLS_WHY_MAX];
    SSL_CTX *ctx =
        tls_new(wbuf_bytes(&look->certificate), wbuf_bytes(&look->key), wbuf_bytes(&look->client_ca),
                (enum settings_tls_version)look->settings->tls.min_version, why);
    const bool good = ctx && tls_try(ctx, why);

    if (!good) {
        const char *ca = look->client_ca.len ? look->settings->tls.client_ca : "";

        cfg_errors_add(&look->report->errors, "tls: %s, %s%s%s: %s", look->settings->tls.certificate,
                       look->settings->tls.key, *ca ? ", " : "", ca, why);
    }
    SSL_CTX_free(ctx);
    return good;
}

static void warn_of_doors(const struct settings *settings, struct check_report *report)
{
    for (size_t i = 0; settings->tls.listen.num == 0 && i < settings_num_units(settings); i++) {
        const struct settings_unit *unit = settings_unit(settings, i);

        if (unit->client_certificate) {
            cfg_errors_add(
                &report->warnings,
                "unit %s: client_certificate is set, but tls.listen names no address: unless systemd "
                "passes a socket for TLS, nobody can ask this unit",
                unit->name);
        }
    }
}

void check_tls(const struct settings *settings, struct check_report *report)
{
    struct tls_look look = {.settings = settings, .report = report};
    bool good;

    warn_of_doors(settings, report);
    if (!*settings->tls.certificate || !*settings->tls.key) {
        return;
    }
    good = read_file(&look, "certificate", settings->tls.certificate, &look.certificate);
    good = read_file(&look, "key", settings->tls.key, &look.key) && good;
    good = read_file(&look, "client_ca", settings->tls.client_ca, &look.client_ca) && good;
    good = check_mode(&look) && good;
    if (good && check_together(&look)) {
        check_dates(&look);
    }
    wbuf_clear(&look.certificate);
    wbuf_cleanse(&look.key);
    wbuf_clear(&look.client_ca);
}
