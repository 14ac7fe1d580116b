/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an issuer needs before it can sign, made from what was inherited: settings, units, their keys, and signing threads' contexts; and the
 * trial of each unit. The one way in for the issuer and for the trial before a reload, so that what passes the one passes the other.
 */
#ifndef TSA_ISSUER_ISSUER_LOAD_H
#define TSA_ISSUER_ISSUER_LOAD_H

#include "tsa/issuer/issue.h"
#include "tsa/role/inherit.h"

struct issuer_load {
    struct settings settings;
    struct unit units[SETTINGS_MAX_UNITS];
    size_t num_units;
    struct issue_core core;
    struct issue_thread *threads;
    size_t num_threads;
};

/* issuer_load_settings reads config, chain.N and root.N and starts the log as they say. Dies with 70 or 78. */
void issuer_load_settings(struct issuer_load *load, struct inherit *in);

/* issuer_load_keys reads key.N; page (NULL: no clock will be asked) must outlive it. Dies with 70 or 78. */
void issuer_load_keys(struct issuer_load *load, struct inherit *in, const struct clockpage *page);

/* issuer_load_threads prepares num threads to sign. Dies with 70. */
void issuer_load_threads(struct issuer_load *load, size_t num);

/*
 * issuer_load_try signs and verifies with every unit. Dies with 78 where one fails. A certificate that is out of its time is told and is no
 * failure: that unit refuses, and the others work; one expired certificate must neither keep an authority from starting nor from
 * taking a configuration that mends it.
 */
void issuer_load_try(struct issuer_load *load);

void issuer_load_clear(struct issuer_load *load);

#endif
