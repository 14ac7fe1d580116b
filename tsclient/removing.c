/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every timestamp of a wanted signature goes, of either kind. Whether it was a good one makes no difference; whether it is one does.
 */
#include "tsclient/removing.h"

#include <stdlib.h>

static void plan(struct rewrite *r)
{
    for (size_t i = 0; i < r->before.spc->num; i++) {
        r->wanted[i] = rewrite_is_selected(r, i) && r->before.spc->signatures[i].num_stamps > 0 &&
                       rewrite_may_change(r, i);
        r->num_wanted += r->wanted[i];
    }
    if (r->num_wanted == 0 && r->out->outcome == REWRITE_DONE) {
        (void)rewrite_say(r, REWRITE_ALREADY, "there is no timestamp");
    }
}

void removing_run(const struct removing *removing, const char *path, const char *target,
                  struct rewrite_result *out)
{
    struct rewrite *r = calloc(1, sizeof *r);

    if (!r) {
        *out = (struct rewrite_result){.outcome = REWRITE_FAILED, .subject = SUBJECT_NONE};
        return;
    }
    *r = (struct rewrite){
        .out = out, .target = target, .index = removing->index, .dry_run = removing->dry_run};
    rewrite_open(r, path);
    if (rewrite_can(r)) {
        plan(r);
        (void)rewrite_run(r);
    }
    rewrite_close(r);
    free(r);
}
