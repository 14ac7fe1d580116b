/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks that the table of settings names. Each takes the value's place in the struct and returns NULL, or a static sentence that says what
 * is wrong. Private to settings.
 */
#ifndef TSA_ROLE_SETTINGS_CHECK_H
#define TSA_ROLE_SETTINGS_CHECK_H

const char *settings_check_not_empty(const void *value);
const char *settings_check_unit_name(const void *value);
const char *settings_check_policy(const void *value);
const char *settings_check_policies(const void *value);
const char *settings_check_any_word(const void *value);
const char *settings_check_paths(const void *value);
const char *settings_check_more_listen(const void *value);
const char *settings_check_listen(const void *value);
const char *settings_check_prefixes(const void *value);
const char *settings_check_units(const void *value);
const char *settings_check_server(const void *value);
const char *settings_check_chrony(const void *value);

/* Beside the other settings; whole is the struct settings. */
const char *settings_cross_tls_listen(const void *whole, const void *value);
const char *settings_cross_tls_certificate(const void *whole, const void *value);
const char *settings_cross_tls_key(const void *whole, const void *value);
const char *settings_cross_tls_client_ca(const void *whole, const void *value);
const char *settings_cross_clock_source(const void *whole, const void *value);
const char *settings_cross_servers(const void *whole, const void *value);
const char *settings_cross_server_address(const void *whole, const void *value);
const char *settings_cross_accuracy(const void *whole, const void *value);
const char *settings_cross_ordering(const void *whole, const void *value);
const char *settings_cross_metrics_listen(const void *whole, const void *value);
const char *settings_cross_client_certificate(const void *whole, const void *value);
const char *settings_cross_client_names(const void *whole, const void *value);

#endif
