/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A unit is read as the roles read it, so that what is judged here is what will be judged there.
 */
#include "tsa/parent/check_labtime.h"

#include "tsa/base/safefile.h"

#define CERTS_MAX (1u << 20)

bool check_labtime_unit(const struct labtime *time, const struct unit *unit, struct check_report *report)
{
    char why[LABTIME_WHY_MAX];

    if (labtime_fence(time, unit, why) == RC_OK) {
        return true;
    }
    cfg_errors_add(&report->errors, "%s", why);
    return false;
}

void check_labtime_settings(const struct labtime *time, const struct settings *settings,
                            struct check_report *report)
{
    char text[LABTIME_TEXT_MAX], now[GENTIME_TEXT_MAX] = "";
    size_t len;

    if (time->kind == LABTIME_NONE) {
        return;
    }
    if (settings->clock.file && *settings->clock.file) {
        cfg_errors_add(&report->errors,
                       "clock.file: %s is written by a clock service, which knows nothing of lab time: take "
                       "clock.file out, or leave --at and --shift out",
                       settings->clock.file);
    }
    if (gentime_build_iso(gentime_round(labtime_now(time), 0), now, &len) == RC_OK) {
        cfg_errors_add(
            &report->notes,
            "%s: the clock shows %s and %s; tokens are no evidence of any time, and say so by policy "
            "2.999.3161.2",
            labtime_text(time, text), now, time->kind == LABTIME_AT ? "stands still" : "runs");
    }
}

/* RC_OK too where the unit can not be made. */
static enum rc check_chain(const struct settings_unit *settings, const struct labtime *time,
                           struct cfg_errors *errors)
{
    struct wbuf chain, root;
    struct unit unit = {0};
    char why[LABTIME_WHY_MAX];
    enum rc rc;

    wbuf_init(&chain, CERTS_MAX);
    wbuf_init(&root, CERTS_MAX);
    rc = safefile_read(settings->chain, CERTS_MAX, &chain);
    if (rc == RC_OK && settings->root && *settings->root) {
        rc = safefile_read(settings->root, CERTS_MAX, &root);
    }
    if (rc == RC_OK) {
        rc = unit_init(&unit, settings, wbuf_bytes(&chain), wbuf_bytes(&root));
    }
    rc = rc == RC_OK ? labtime_fence(time, &unit, why) : RC_OK;
    if (rc == RC_LAB_TIME_CHAIN) {
        cfg_errors_add(errors, "%s", why);
    }
    unit_clear(&unit);
    wbuf_clear(&chain);
    wbuf_clear(&root);
    return rc == RC_LAB_TIME_CHAIN ? rc : RC_OK;
}

enum rc check_labtime_chains(const char *config, const struct labtime *time, struct cfg_errors *errors)
{
    struct cfg_errors others = {0};
    struct settings settings = {0};
    enum rc rc = RC_OK;

    if (settings_parse_file(config, &settings, &others) == RC_OK) {
        for (size_t i = 0; i < settings_num_units(&settings); i++) {
            const enum rc one = check_chain(settings_unit(&settings, i), time, errors);

            rc = one == RC_OK ? rc : one;
        }
    }
    cfg_errors_clear(&others);
    settings_clear(&settings);
    return rc;
}
