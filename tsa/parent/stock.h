/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one generation's roles are made from, opened once: the configuration, the certificates, the TLS files and what the clock needs as sealed texts
 * in memory, and the key files. A role that is started again gets the same ones, whatever has become of the files meanwhile.
 */
#ifndef TSA_PARENT_STOCK_H
#define TSA_PARENT_STOCK_H

#include "tsa/parent/clockstock.h"
#include "tsa/role/labtime.h"

struct stock_unit {
    int key, chain, root; /* root: -1 where none is set */
};

struct stock {
    int config;
    int lab_time; /* -1: there is none */
    struct clockstock clock;
    int tls_certificate, tls_key, tls_client_ca; /* -1 where none is set */
    struct stock_unit units[SETTINGS_MAX_UNITS];
    size_t num_units;
    char error[400]; /* of the last failure */
};

#define STOCK_NONE                                                                                           \
    {                                                                                                        \
        .config = -1, .lab_time = -1, .clock = CLOCKSTOCK_NONE, .tls_certificate = -1, .tls_key = -1,        \
        .tls_client_ca = -1                                                                                  \
    } /* nothing open */

struct stock_source {
    const struct settings *settings;
    const char *text;               /* of the configuration, as roles read it */
    const struct labtime *lab_time; /* NULL: none */
};

/* stock_open opens everything but what is the clock's, which clockstock_open opens. RC_IO: error says why, and everything is closed again. */
enum rc stock_open(struct stock *stock, const struct stock_source *source) MUST_CHECK;
void stock_close(struct stock *stock);

/* What a role gets of it; the trial child (stock_give_trial) all that an issuer loads. */
void stock_give_clock(const struct stock *stock, struct spawn *spawn);
void stock_give_issuer(const struct stock *stock, struct spawn *spawn);
void stock_give_front(const struct stock *stock, struct spawn *spawn);
void stock_give_trial(const struct stock *stock, struct spawn *spawn);

#endif
