/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One value of libconfig's tree into one field of a struct, for every type but groups. Each complaint names the file, the line,
 * the setting and what would be right.
 */
#ifndef TSA_BASE_CFG_VALUE_H
#define TSA_BASE_CFG_VALUE_H

#include <libconfig.h>

#include "tsa/base/cfg.h"
#include "tsa/base/cfg_scan.h"

#define CFG_PATH_MAX 200

struct cfg_walk {
    const struct cfg_scan *scan;
    struct cfg_errors *errors;
    const void *whole;       /* the struct of the outermost table */
    char path[CFG_PATH_MAX]; /* of the setting that is being read: "units[0].key" */
};

/* cfg_fault tells what is wrong with setting (NULL: the whole file). Always false. */
bool cfg_fault(struct cfg_walk *walk, const config_setting_t *setting, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* cfg_value_get reads setting into *to by the type of field; false after a complaint. The field's check is not called here. */
bool cfg_value_get(struct cfg_walk *walk, const struct cfg_field *field, const config_setting_t *setting,
                   void *to);

/* cfg_value_clear frees what *to owns. */
void cfg_value_clear(const struct cfg_field *field, void *to);

/* cfg_type_text says what a type takes: "a whole number". Static. cfg_setting_text what a setting is. */
const char *cfg_type_text(enum cfg_type type);
const char *cfg_setting_text(const config_setting_t *setting);

#endif
