/* SPDX-License-Identifier: Apache-2.0 */
/* Ordering is a promise of a name (RFC 3161 2.4.2: of tokens of the same TSA), and two units with one name issue at the same time. */
#include "tsa/parent/check_promise.h"

#include <stdlib.h>

#include "certs/certfile.h"
#include "tsa/base/mem.h"
#include "tsa/role/clockwords.h"

#define SOON_S         (INT64_C(30) * 86400)
#define HALF_SECOND_NS INT64_C(500000000)
#define NAME_MAX_LEN   120
#define PPM            1000000
#define FINE_NS        INT64_C(2000000)

static const char *date_of(struct gentime t, char out[GENTIME_TEXT_MAX])
{
    size_t len;

    return gentime_build_iso(gentime_round(t, 0), out, &len) == RC_OK ? out : "?";
}

/* ---- keys ---- */

void check_promise_key(const struct unit *unit, struct gentime now, struct check_report *report)
{
    const struct settings_unit *settings = unit->settings;
    const struct gentime end = unit_key_end(unit);
    char date[GENTIME_TEXT_MAX];

    if (settings->key_months == 0) {
        return;
    }
    if (gentime_compare(end, unit->cert.not_after) >= 0) {
        cfg_errors_add(
            &report->notes,
            "unit %s: key_months = %lld reaches beyond the end of the certificate (%s), so that it changes "
            "nothing",
            settings->name, (long long)settings->key_months, date_of(unit->cert.not_after, date));
    } else if (gentime_compare(now, end) >= 0) {
        cfg_errors_add(
            &report->errors,
            "unit %s: by key_months = %lld its key has signed nothing since %s: take a new key and a "
            "certificate for it into use",
            settings->name, (long long)settings->key_months, date_of(end, date));
    } else {
        cfg_errors_add(end.sec - now.sec < SOON_S ? &report->warnings : &report->notes,
                       "unit %s: by key_months = %lld its key signs until %s: have a new key and its "
                       "certificate by then",
                       settings->name, (long long)settings->key_months, date_of(end, date));
    }
}

/* ---- accuracy ---- */

int64_t check_promise_rounding(const struct settings_unit *unit)
{
    int64_t rounding = HALF_SECOND_NS;

    for (int64_t i = 0; i < unit->time_digits; i++) {
        rounding /= 10;
    }
    return rounding;
}

static void check_accuracy(const struct settings_unit *unit, bool is_proven, struct check_report *report)
{
    const int64_t rounding = check_promise_rounding(unit);
    char accuracy[CLOCKWORDS_MAX], left[CLOCKWORDS_MAX], rounded[CLOCKWORDS_MAX];

    if (unit->accuracy == 0) {
        if (is_proven && (unit->protocols & SETTINGS_RFC3161)) {
            cfg_errors_add(
                &report->notes,
                "unit %s: the time is proven, and its tokens say nothing of it: accuracy = \"1 s\" would",
                unit->name);
        }
        return;
    }
    (void)clockwords_duration(unit->accuracy, accuracy);
    if (!is_proven) {
        cfg_errors_add(&report->warnings,
                       "unit %s: its tokens claim an accuracy of %s, and with clock.source = \"system\" "
                       "nothing proves it: "
                       "take another source, or leave accuracy out",
                       unit->name, accuracy);
        return;
    }
    if (unit->accuracy < 2 * rounding) {
        cfg_errors_add(
            &report->warnings,
            "unit %s: of its accuracy of %s the rounding of times to %lld digits takes %s, so that the clock "
            "may be wrong by %s at most: set time_digits",
            unit->name, accuracy, (long long)unit->time_digits, clockwords_duration(rounding, rounded),
            clockwords_duration(unit->accuracy - rounding, left));
    }
}

/* How much the bound grows until the servers are asked again, where nobody measures how fast the clock is. */
static void check_growth(const struct settings *settings, const struct settings_unit *unit,
                         struct check_report *report)
{
    const int64_t growth = settings->clock.poll / PPM * settings->clock.drift_ppm;
    const int64_t left = unit->accuracy - check_promise_rounding(unit);
    char poll[CLOCKWORDS_MAX], grown[CLOCKWORDS_MAX], spare[CLOCKWORDS_MAX];

    if (settings->clock.servers.num && settings->clock.source != SETTINGS_CLOCK_CHRONY && unit->accuracy &&
        growth > left / 2) {
        cfg_errors_add(
            &report->warnings,
            "unit %s: from one question to the servers to the next (clock.poll, %s) the clock may go wrong "
            "by %s (clock.drift, %lld ppm), and its accuracy leaves %s in all: ask more often",
            unit->name, clockwords_duration(settings->clock.poll, poll), clockwords_duration(growth, grown),
            (long long)settings->clock.drift_ppm, clockwords_duration(left, spare));
    }
}

/* chronyd is asked once a second, and may slew the clock meanwhile. */
static void check_slew(const struct settings *settings, const struct settings_unit *unit,
                       struct check_report *report)
{
    char accuracy[CLOCKWORDS_MAX];

    if (settings->clock.source == SETTINGS_CLOCK_CHRONY && unit->accuracy && unit->accuracy < FINE_NS) {
        cfg_errors_add(
            &report->warnings,
            "unit %s: of its accuracy of %s much is needed for what chronyd may do between two looks: with "
            "maxslewrate 500 it moves the clock by 0.5 ms a second, and by default by more",
            unit->name, clockwords_duration(unit->accuracy, accuracy));
    }
}

void check_promise_accuracy(const struct settings *settings, struct check_report *report)
{
    const bool is_proven = settings->clock.source != SETTINGS_CLOCK_SYSTEM;

    for (size_t i = 0; i < settings_num_units(settings); i++) {
        check_accuracy(settings_unit(settings, i), is_proven, report);
        if (is_proven) {
            check_growth(settings, settings_unit(settings, i), report);
            check_slew(settings, settings_unit(settings, i), report);
        }
    }
}

/* ---- order ---- */

struct named_unit {
    const struct settings_unit *settings;
    struct certfile file;
    struct cert cert;
    bool good;
};

static void read_name(struct named_unit *unit)
{
    unit->good = certfile_read(unit->settings->chain, &unit->file) == RC_OK &&
                 chain_order(unit->file.certs, unit->file.num) == RC_OK &&
                 cert_parse(unit->file.certs[0], &unit->cert) == RC_OK;
}

static void check_pair(const struct named_unit *a, const struct named_unit *b, struct check_report *report)
{
    const struct named_unit *ordered = a->settings->ordering ? a : b;
    char name[NAME_MAX_LEN];

    if (ordered->settings->ordering && a->good && b->good && bytes_equal(a->cert.subject, b->cert.subject)) {
        cfg_errors_add(
            &report->errors,
            "units %s and %s: both certificates have the same subject (%s), and %s promises ordering, which "
            "holds for all tokens of that name: give each a certificate with a subject of its own, or take "
            "ordering out",
            a->settings->name, b->settings->name, cert_name(a->cert.subject, name, sizeof(name)),
            ordered->settings->name);
    }
}

static bool any_ordered(const struct settings *settings)
{
    for (size_t i = 0; i < settings_num_units(settings); i++) {
        if (settings_unit(settings, i)->ordering) {
            return true;
        }
    }
    return false;
}

void check_promise_order(const struct settings *settings, struct check_report *report)
{
    const size_t num = any_ordered(settings) ? settings_num_units(settings) : 0;
    struct named_unit *units = num ? xcalloc(num, sizeof(*units)) : NULL;

    for (size_t i = 0; i < num; i++) {
        units[i].settings = settings_unit(settings, i);
        read_name(&units[i]);
        for (size_t j = 0; j < i; j++) {
            check_pair(&units[j], &units[i], report);
        }
    }
    for (size_t i = 0; i < num; i++) {
        certfile_clear(&units[i].file);
    }
    free(units);
}
