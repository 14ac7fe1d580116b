/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up alone: everything here dies with a sentence that names the unit. What is wrong with a certificate or a key is the
 * configuration's fault (78), what did not come along is ours (70).
 */
#include "tsa/issuer/issuer_load.h"

#include <stdlib.h>

#include "tsa/base/log.h"
#include "tsa/base/mem.h"
#include "tsa/role/jail.h"
#include "tsa/role/labtime.h"

#define EX_SOFTWARE 70
#define EX_CONFIG   78

void issuer_load_settings(struct issuer_load *load, struct inherit *in)
{
    log_start(in->role, LOG_LEVEL_NOTICE, LOG_FORM_TEXT);
    inherit_load(in, &load->settings, load->units, &load->num_units);
    log_start(in->role, (enum log_level)load->settings.log.level, (enum log_form)load->settings.log.form);
}

static void load_key(struct issuer_load *load, struct inherit *in, size_t index)
{
    const struct unit *unit = &load->units[index];
    const char *user = load->settings.users.issuer;
    const int fd = inherit_take_n(in, "key", index);
    struct signer *signer = NULL;
    char why[SIGNER_WHY_MAX];
    unsigned uid = 0, gid;
    enum rc rc;

    if (fd < 0) {
        log_die(EX_SOFTWARE, "unit %s: its key did not come along", unit->settings->name);
    }
    if (user && *user && jail_resolve(user, &uid, &gid) != RC_OK) {
        log_die(EX_CONFIG, "there is no user %s", user);
    }
    rc = signer_file_open(fd, unit, uid, why, &signer);
    if (rc != RC_OK) {
        log_die(EX_CONFIG, "unit %s: %s", unit->settings->name, why);
    }
    rc = issue_set_unit(&load->core, index, unit, &signer);
    if (rc != RC_OK) {
        log_die(EX_CONFIG, "unit %s: %s", unit->settings->name, rc_text(rc));
    }
}

void issuer_load_keys(struct issuer_load *load, struct inherit *in, const struct clockpage *page)
{
    const enum rc rc = issue_init(&load->core, page, &load->settings, load->num_units);

    load->core.clock.lab_time = labtime_started()->kind != LABTIME_NONE;
    if (!signer_prepare_memory()) {
        log_warning("there is no guarded memory for keys here");
    }
    if (rc != RC_OK) {
        log_die(EX_SOFTWARE, "can not prepare: %s", rc_text(rc));
    }
    for (size_t i = 0; i < load->num_units; i++) {
        load_key(load, in, i);
    }
}

void issuer_load_threads(struct issuer_load *load, size_t num)
{
    load->threads = xcalloc(num, sizeof(*load->threads));
    load->num_threads = num;
    for (size_t i = 0; i < num; i++) {
        const enum rc rc = issue_thread_init(&load->threads[i], &load->core);

        if (rc != RC_OK) {
            log_die(EX_SOFTWARE, "can not prepare to sign: %s", rc_text(rc));
        }
    }
}

void issuer_load_try(struct issuer_load *load)
{
    for (size_t i = 0; i < load->num_units; i++) {
        const char *name = load->units[i].settings->name;
        const enum rc rc = issue_trial(&load->threads[0], i);

        if (rc == RC_CERT_EXPIRED || rc == RC_CERT_NOT_YET_VALID || rc == RC_KEY_USE_OVER) {
            log_warning("unit %s refuses everything: %s", name, rc_text(rc));
        } else if (rc != RC_OK) {
            log_die(EX_CONFIG, "unit %s: the trial failed: %s", name, rc_text(rc));
        }
    }
}

void issuer_load_clear(struct issuer_load *load)
{
    for (size_t i = 0; i < load->num_threads; i++) {
        issue_thread_clear(&load->threads[i]);
    }
    free(load->threads);
    issue_clear(&load->core);
    for (size_t i = 0; i < load->num_units; i++) {
        unit_clear(&load->units[i]);
    }
    settings_clear(&load->settings);
}
