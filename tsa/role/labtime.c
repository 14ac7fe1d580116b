/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fence knows nothing but the unit's own certificates: whoever has no chain of the lab has no lab time, whatever else he may set or
 * write. And no lab time lies before this program was: drivers are abused with certificates that leaked long ago, so a clock
 * that goes back further is of no use to a lab.
 */
#include "tsa/role/labtime.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/certext.h"
#include "certs/lab.h"
#include "tsa/base/cfg.h"
#include "tsa/base/cfg_quantity.h"
#include "tsa/base/now.h"

#define TEXT_MAX  64
#define NAME      80
#define CHAIN_MAX (sizeof(((struct unit *)0)->chain) / sizeof(struct bytes) + 1) /* and the root */

static struct labtime started;

/* ---- texts ---- */

enum rc labtime_parse_at(const char *text, struct labtime *out)
{
    char again[GENTIME_TEXT_MAX];
    size_t len;
    enum rc rc;

    *out = (struct labtime){0};
    /* Seconds since 1970 are no text that people can check by looking at it. */
    if (strchr(text, 'T') == NULL || (rc = gentime_parse_iso(text, &out->at)) != RC_OK) {
        return RC_TIME_FORM;
    }
    rc = gentime_build_iso(out->at, again, &len);
    out->kind = rc == RC_OK ? LABTIME_AT : LABTIME_NONE;
    return rc;
}

enum rc labtime_parse_shift(const char *text, struct labtime *out)
{
    const size_t len = strlen(text);

    *out = (struct labtime){0};
    /* A sign, so that it can not be taken for a time; a unit, so that nobody thinks that days are meant. */
    if ((*text != '+' && *text != '-') || (text[len - 1] >= '0' && text[len - 1] <= '9') ||
        cfg_parse_duration(text, &out->shift_ns) != RC_OK || out->shift_ns == 0) {
        out->shift_ns = 0;
        return RC_CONFIG;
    }
    out->kind = LABTIME_SHIFT;
    return RC_OK;
}

void labtime_put(struct wbuf *w, const struct labtime *time)
{
    char text[GENTIME_TEXT_MAX];
    size_t len;

    if (time->kind == LABTIME_NONE) {
        wbuf_put_text(w, "none");
    } else if (time->kind == LABTIME_SHIFT) {
        wbuf_printf(w, "shift %" PRId64, time->shift_ns);
    } else if (gentime_build_iso(time->at, text, &len) == RC_OK) {
        wbuf_printf(w, "at %s", text);
    } else {
        wbuf_fail(w, RC_TIME_RANGE);
    }
}

static bool says_none(const char *text, struct labtime *out)
{
    *out = (struct labtime){0};
    return strcmp(text, "none") == 0;
}

static bool says_at(const char *text, struct labtime *out)
{
    return strncmp(text, "at ", 3) == 0 && labtime_parse_at(text + 3, out) == RC_OK;
}

static bool says_shift(const char *text, struct labtime *out)
{
    *out = (struct labtime){.kind = LABTIME_SHIFT};
    if (strncmp(text, "shift ", 6) != 0) {
        return false;
    }
    out->shift_ns = strtoll(text + 6, NULL, 10);
    return out->shift_ns != 0;
}

/* Only what labtime_put writes is taken, to the octet. */
static bool is_written_so(struct bytes text, const struct labtime *time)
{
    char storage[TEXT_MAX];
    struct wbuf w;

    wbuf_init_fixed(&w, storage, sizeof(storage));
    labtime_put(&w, time);
    return wbuf_rc(&w) == RC_OK && bytes_equal(wbuf_bytes(&w), text);
}

enum rc labtime_get(struct bytes text, struct labtime *out)
{
    static bool (*const forms[])(const char *text, struct labtime *out) = {says_none, says_at, says_shift};
    char copy[TEXT_MAX] = "";

    if (text.len < sizeof(copy)) {
        memcpy(copy, text.len ? (const void *)text.data : "", text.len);
        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
            if (forms[i](copy, out) && is_written_so(text, out)) {
                return RC_OK;
            }
        }
    }
    *out = (struct labtime){0};
    return RC_CONFIG;
}

static char *put_time(struct gentime time, char out[GENTIME_TEXT_MAX])
{
    size_t len;

    if (gentime_build_iso(time, out, &len) != RC_OK) {
        (void)snprintf(out, GENTIME_TEXT_MAX, "out of range");
    }
    return out;
}

char *labtime_text(const struct labtime *time, char out[LABTIME_TEXT_MAX])
{
    char text[GENTIME_TEXT_MAX > CFG_QUANTITY_TEXT_MAX ? GENTIME_TEXT_MAX : CFG_QUANTITY_TEXT_MAX] = "";

    if (time->kind == LABTIME_AT) {
        (void)snprintf(out, LABTIME_TEXT_MAX, "lab time %.38s", put_time(time->at, text));
    } else if (time->kind == LABTIME_SHIFT) {
        (void)snprintf(out, LABTIME_TEXT_MAX, "lab time %s%.37s", time->shift_ns > 0 ? "+" : "",
                       cfg_quantity_text(time->shift_ns, cfg_duration_units, text));
    } else {
        (void)snprintf(out, LABTIME_TEXT_MAX, "no lab time");
    }
    return out;
}

/* ---- the clock ---- */

struct gentime labtime_now(const struct labtime *time)
{
    return time->kind == LABTIME_AT ? time->at : gentime_add_ns(now_machine(), time->shift_ns);
}

static struct gentime show(void)
{
    return labtime_now(&started);
}

void labtime_start(const struct labtime *time)
{
    started = *time;
    now_show(time->kind == LABTIME_NONE ? NULL : show);
}

const struct labtime *labtime_started(void)
{
    return &started;
}

/* ---- the fence ---- */

/* When all certificates of a chain are valid at once, and the first's key may be used; and who sets the bounds. */
struct window {
    struct gentime from, until;
    struct bytes from_name, until_name;
    const char *until_what;
};

/* Months of key use (key_months) are the unit's own promise, told where that is checked. */
static void narrow_to_key(const struct unit *unit, struct window *out)
{
    struct gentime end;

    if (gentime_compare(unit->key_begin, out->from) > 0) {
        out->from = unit->key_begin;
        out->from_name = unit->cert.subject;
    }
    if (certext_key_usage_end(&unit->cert, &end) && gentime_compare(end, out->until) < 0) {
        out->until = end;
        out->until_name = unit->cert.subject;
        out->until_what = "private key usage period";
    }
}

static enum rc find_window(const struct bytes *certs, size_t num, struct window *out)
{
    *out = (struct window){.from.sec = NOW_PROGRAM_BORN, .until.sec = INT64_MAX, .until_what = "certificate"};
    for (size_t i = 0; i < num; i++) {
        struct cert cert;

        if (cert_parse(certs[i], &cert) != RC_OK) {
            return RC_CERT_MALFORMED;
        }
        if (gentime_compare(cert.not_before, out->from) > 0) {
            out->from = cert.not_before;
            out->from_name = cert.subject;
        }
        if (gentime_compare(cert.not_after, out->until) < 0) {
            out->until = cert.not_after;
            out->until_name = cert.subject;
            out->until_what = "certificate";
        }
    }
    return RC_OK;
}

static enum rc check_window(const struct labtime *time, const char *unit, const struct window *window,
                            char out_why[LABTIME_WHY_MAX])
{
    const struct gentime now = labtime_now(time);
    char at[GENTIME_TEXT_MAX], from[GENTIME_TEXT_MAX], until[GENTIME_TEXT_MAX], name[NAME] = "";

    (void)put_time(now, at);
    (void)put_time(window->from, from);
    (void)put_time(window->until, until);
    if (gentime_compare(now, window->from) < 0) {
        (void)snprintf(
            out_why, LABTIME_WHY_MAX,
            "unit %s: lab time %s lies before %s, when this lab was made (%s): no token may be older "
            "than that; take a time from then until %s",
            unit, at, from,
            window->from_name.len ? cert_name(window->from_name, name, sizeof(name))
                                  : "nothing of this program is older",
            until);
        return RC_CERT_NOT_YET_VALID;
    }
    if (gentime_compare(now, window->until) > 0) {
        (void)snprintf(
            out_why, LABTIME_WHY_MAX,
            "unit %s: lab time %s lies after %s, the end of the %s of %s: take a time from %s until "
            "then",
            unit, at, until, window->until_what, cert_name(window->until_name, name, sizeof(name)), from);
        return RC_CERT_EXPIRED;
    }
    return RC_OK;
}

enum rc labtime_fence(const struct labtime *time, const struct unit *unit, char out_why[LABTIME_WHY_MAX])
{
    const char *name = unit->settings->name;
    struct bytes certs[CHAIN_MAX];
    struct window window;

    out_why[0] = '\0';
    if (time->kind == LABTIME_NONE) {
        return RC_OK;
    }
    if (unit->root.len == 0) {
        (void)snprintf(
            out_why, LABTIME_WHY_MAX,
            "unit %s: lab time is only for certificates that `tsa lab` made, and no root is named to "
            "tell that by: name the lab's root.pem as root, or leave --at and --shift out",
            name);
        return RC_LAB_TIME_CHAIN;
    }
    memcpy(certs, unit->chain, unit->num_chain * sizeof(certs[0]));
    certs[unit->num_chain] = unit->root;
    if (!lab_is_lab_chain(certs, unit->num_chain + 1) ||
        find_window(certs, unit->num_chain + 1, &window) != RC_OK) {
        (void)snprintf(
            out_why, LABTIME_WHY_MAX,
            "unit %s: lab time is only for certificates that `tsa lab` made, and those of chain and "
            "root are not all its own: leave --at and --shift out, or use them in the lab's folder",
            name);
        return RC_LAB_TIME_CHAIN;
    }
    narrow_to_key(unit, &window);
    return check_window(time, name, &window, out_why);
}

void labtime_mark(const struct labtime *time, struct unit *unit)
{
    if (time->kind != LABTIME_NONE) {
        unit->policy = unit->policies[0] = oid_bytes(OID_LAB_TIME_POLICY);
        unit->num_policies = 1;
        unit->lab_time = true;
    }
}
