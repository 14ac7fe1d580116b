/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of enum rc; see rc.h. */
#include "tsa/wire/rc.h"

static const struct {
    const char *word, *text;
} table[RC_NUM] = {
#define RC_ROW(name, word, text) {word, text},
    RC_TABLE(RC_ROW)
#undef RC_ROW
};

const char *rc_word(enum rc rc)
{
    return (unsigned)rc < RC_NUM ? table[rc].word : "unknown";
}

const char *rc_text(enum rc rc)
{
    return (unsigned)rc < RC_NUM ? table[rc].text : "unknown reason";
}
