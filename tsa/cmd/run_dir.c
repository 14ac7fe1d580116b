/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration with errors still says where the authority runs that was started before them, as long as its form is good. */
#include "tsa/cmd/run_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tsa/base/mem.h"
#include "tsa/role/settings.h"

static const char *find_config(void)
{
    return access(RUN_DIR_SYSTEM_CONF, F_OK) == 0 || access(RUN_DIR_LAB_CONF, F_OK) != 0 ? RUN_DIR_SYSTEM_CONF
                                                                                         : RUN_DIR_LAB_CONF;
}

/* A file that can not be read, or is no configuration at all, leaves defaults behind: nothing to go by. */
static bool has_form(const char *path)
{
    struct cfg_errors errors = {0};
    char *text = settings_read_text(path, &errors);
    const bool good = text != NULL;

    free(text);
    cfg_errors_clear(&errors);
    return good;
}

static char *read_run_dir(const char *command, const char *path, bool *out_faulty)
{
    struct settings settings = {0};
    struct cfg_errors errors = {0};
    const bool good = settings_parse_file(path, &settings, &errors) == RC_OK;
    char *run_dir = NULL;

    *out_faulty = !good;
    if ((good || has_form(path)) && settings.run_dir) {
        run_dir = xstrdup(settings.run_dir);
    }
    for (size_t i = 0; i < errors.num; i++) {
        fprintf(stderr, "%s: %s\n", command, errors.list[i]);
    }
    settings_clear(&settings);
    cfg_errors_clear(&errors);
    return run_dir;
}

char *run_dir_find(const char *command, const struct run_dir_options *options, bool *out_faulty)
{
    char *run_dir;

    *out_faulty = false;
    if (options->run_dir) {
        return xstrdup(options->run_dir);
    }
    run_dir = read_run_dir(command, options->config ? options->config : find_config(), out_faulty);
    if (!run_dir && !options->config && access(RUN_DIR_SYSTEM_CONF, F_OK) != 0) {
        fprintf(stderr, "%s: nor is there %s here; say which one: -c FILE or --run DIR\n", command,
                RUN_DIR_LAB_CONF);
    } else if (!run_dir) {
        fprintf(stderr, "%s: so where the authority runs can not be read; --run DIR names its run_dir\n",
                command);
    }
    return run_dir;
}

void run_dir_complain(const char *command, const char *run_dir, enum rc rc)
{
    if (rc == RC_NOT_FOUND) {
        fprintf(stderr, "%s: no authority answers in %s: %s\n", command, run_dir,
                errno == ECONNREFUSED ? "it is not running any more"
                : errno == ENOENT
                    ? "there is no control socket (an authority that runs elsewhere is named by --run DIR)"
                    : strerror(errno));
    } else if (rc == RC_OK) {
        fprintf(stderr,
                "%s: the authority in %s has closed the connection without an answer; its log may tell why\n",
                command, run_dir);
    } else {
        fprintf(stderr, "%s: the authority in %s does not answer\n", command, run_dir);
    }
}
