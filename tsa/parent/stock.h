/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one generation's roles are made from, opened once: the configuration, the certificates and the TLS files as sealed texts in memory,
 * and the key files. A role that is started again gets the same ones, whatever has become of the files meanwhile.
 */
#ifndef TSA_PARENT_STOCK_H
#define TSA_PARENT_STOCK_H

#include "tsa/parent/spawn.h"
#include "tsa/role/settings.h"

struct stock_unit {
    int key, chain, root; /* root: -1 where none is set */
};

struct stock {
    int config;
    int tls_certificate, tls_key, tls_client_ca; /* -1 where none is set */
    struct stock_unit units[SETTINGS_MAX_UNITS];
    size_t num_units;
    char error[400]; /* of the last failure */
};

#define STOCK_NONE                                                                                           \
    {                                                                                                        \
        .config = -1, .tls_certificate = -1, .tls_key = -1, .tls_client_ca = -1                              \
    } /* nothing open */

/* stock_open opens everything; text is the configuration as roles read it. RC_IO: error says why, and everything is closed again. */
enum rc stock_open(struct stock *stock, const struct settings *settings, const char *text) MUST_CHECK;
void stock_close(struct stock *stock);

/* What a role gets of it; the trial child (stock_give_trial) all that an issuer loads. */
void stock_give_clock(const struct stock *stock, struct spawn *spawn);
void stock_give_issuer(const struct stock *stock, struct spawn *spawn);
void stock_give_front(const struct stock *stock, struct spawn *spawn);
void stock_give_trial(const struct stock *stock, struct spawn *spawn);

#endif
