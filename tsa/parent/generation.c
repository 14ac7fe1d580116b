/* SPDX-License-Identifier: Apache-2.0 */
/* Making one, step by step, so that whoever makes it can tell which step failed. */
#include "tsa/parent/generation.h"

#include <stdlib.h>
#include <string.h>

struct generation *generation_read(const char *config, struct cfg_errors *errors)
{
    struct generation *generation = calloc(1, sizeof(*generation));
    enum rc rc = RC_CONFIG;

    if (!generation) {
        cfg_errors_add(errors, "%s", rc_text(RC_NO_MEMORY));
        return NULL;
    }
    generation->stock = (struct stock)STOCK_NONE;
    generation->text = settings_read_text(config, errors);
    if (generation->text) {
        rc = settings_parse(config, generation->text, &generation->settings, errors);
    }
    if (rc != RC_OK) {
        generation_free(generation);
        return NULL;
    }
    return generation;
}

enum rc generation_open_stock(struct generation *generation, struct cfg_errors *errors)
{
    const struct stock_source source = {
        .settings = &generation->settings,
        .text = generation->text,
        .lab_time = generation->lab_time,
    };
    const enum rc rc = stock_open(&generation->stock, &source);

    if (rc != RC_OK) {
        cfg_errors_add(errors, "%s", generation->stock.error);
    }
    return rc;
}

/* Sockets for TLS may have come from systemd, of which the settings know nothing. */
static enum rc check_tls(const struct generation *generation, struct cfg_errors *errors)
{
    const struct listeners *listeners = &generation->listeners;
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < listeners->num; i++) {
        if (listeners->list[i].kind == LISTENER_TLS && generation->stock.tls_certificate < 0) {
            cfg_errors_add(errors, "%s is a socket for TLS, but tls.certificate and tls.key are not set",
                           address_text(&listeners->list[i].address, text));
            return RC_CONFIG;
        }
    }
    return RC_OK;
}

enum rc generation_listen(struct generation *generation, const struct cfg_strings *listen,
                          const struct generation *before, struct cfg_errors *errors)
{
    const struct settings *settings = &generation->settings;
    const struct listeners_wanted wanted = {
        .addresses =
            {
                [LISTENER_PLAIN] = listen && listen->num ? listen : &settings->listen,
                [LISTENER_TLS] = &settings->tls.listen,
                [LISTENER_METRICS] = &settings->metrics.listen,
            },
        .before = before ? &before->listeners : NULL,
    };
    enum rc rc = listeners_open(&generation->listeners, &wanted);

    if (rc != RC_OK) {
        cfg_errors_add(errors, "%s", generation->listeners.error);
        return rc;
    }
    rc = check_tls(generation, errors);
    if (rc != RC_OK) {
        listeners_close(&generation->listeners, wanted.before);
    }
    return rc;
}

static uint16_t find_unit(const struct settings *settings, const char *name)
{
    for (size_t i = 0; i < settings_num_units(settings); i++) {
        if (strcmp(name, settings_unit(settings, i)->name) == 0) {
            return (uint16_t)i;
        }
    }
    return MSG_UNIT_GONE;
}

void generation_units(const struct generation *old, const struct generation *now, struct msg_units *out)
{
    *out = (struct msg_units){.num = (uint16_t)settings_num_units(&old->settings)};
    for (size_t i = 0; i < out->num; i++) {
        out->now[i] = find_unit(&now->settings, settings_unit(&old->settings, i)->name);
    }
}

void generation_pass_on(struct generation *old, const struct generation *now)
{
    listeners_close(&old->listeners, &now->listeners);
}

void generation_free(struct generation *generation)
{
    if (!generation) {
        return;
    }
    listeners_close(&generation->listeners, NULL);
    stock_close(&generation->stock);
    settings_clear(&generation->settings);
    free(generation->text);
    free(generation);
}
