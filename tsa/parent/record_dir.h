/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of the record and whose it is. Where the parent is root, the folder is handed over to the issuer's account once; a folder that
 * has other uses is never given away. A check foresees what a start will do, so both look here.
 */
#ifndef TSA_PARENT_RECORD_DIR_H
#define TSA_PARENT_RECORD_DIR_H

#include "tsa/role/settings.h"

#define RECORD_DIR_WHY_MAX 400

/* record_dir_judge tells whether the open folder can be handed over to the account of the settings, or need not be. RC_OK; else why says what stands
 * against it: RC_NOT_FOUND (no such account), RC_IO. *out_wanted: there is something to hand over. */
enum rc record_dir_judge(int dir, const struct settings *settings, bool *out_wanted,
                         char why[RECORD_DIR_WHY_MAX]) MUST_CHECK;

/* record_dir_hand_over judges, and then does it. */
enum rc record_dir_hand_over(int dir, const struct settings *settings,
                             char why[RECORD_DIR_WHY_MAX]) MUST_CHECK;

#endif
