/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a role is born with: descriptors by name. The parent starts `tsa @front parent=3 config=4 issuer=5 listen.0=6`; the role
 * finds them here. Nothing else crosses from parent to role but messages on these.
 */
#ifndef TSA_ROLE_INHERIT_H
#define TSA_ROLE_INHERIT_H

#include "tsa/role/settings.h"
#include "tsa/role/unit.h"

#define INHERIT_MAX 256

struct inherit_fd {
    char name[28];
    int fd;
};

struct inherit {
    const char *role;
    struct inherit_fd fds[INHERIT_MAX];
    size_t num;
};

/* inherit_parse reads argv of a role ("@front" first); every descriptor is checked to be open and set close-on-exec. RC_CONFIG. */
enum rc inherit_parse(int argc, char **argv, struct inherit *out) MUST_CHECK;

/* inherit_take returns the descriptor of that name and forgets it (the caller owns it now); -1 when there is none. */
int inherit_take(struct inherit *in, const char *name);
/* inherit_take_n the same for "name.index". */
int inherit_take_n(struct inherit *in, const char *name, size_t index);

/* inherit_read reads a whole inherited file (a memfd) into out (initialised by the caller) and closes it. RC_NOT_FOUND, RC_IO, RC_TOO_LARGE. */
enum rc inherit_read(struct inherit *in, const char *name, struct wbuf *out) MUST_CHECK;

/* inherit_load reads "config" and, for each unit, "chain.N" and "root.N", and prepares settings and units: what front and issuer both
 * start with. Where "lab_time" came along, every unit must pass its fence, is marked, and the lab's time is shown from then on (labtime_started). Dies (log_die) when something is missing or
 * refused: the parent has checked it all before. units has room for SETTINGS_MAX_UNITS; NULL = settings alone (the clock). */
void inherit_load(struct inherit *in, struct settings *settings, struct unit *units, size_t *out_num_units);

#endif
