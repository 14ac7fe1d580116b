/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes an unsigned catalog of files, as MakeCat does. usage:
 *     mkcat [-1|-2] [--os ATTR] [--os-each ATTR] [--time T] [--pages] -o OUT.cat FILE...
 * -1 and -2 choose the version (2); --os puts the attribute OSAttr ("2:10.0") on the whole catalog, --os-each on every member; --pages adds
 * page hashes of images; --time is ISO 8601 or @seconds, and with it the same files make the same catalog. Without FILE it is empty.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tsa/base/safefile.h"
#include "tsclient/container/ctl_build.h"

#define LIMIT (1u << 30)

struct options {
    struct ctl_build build;
    struct ctl_build_attribute os;
    const char *os_each, *out;
    bool with_pages;
    char **files;
};

/* What the views of a member point into. */
struct listed {
    struct ctl_build_attribute attributes[2];
    struct wbuf pages;
};

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "mkcat: %s: %s\n", what, why);
    exit(1);
}

static void usage(void)
{
    (void)fprintf(
        stderr,
        "usage: mkcat [-1|-2] [--os ATTR] [--os-each ATTR] [--time T] [--pages] -o OUT.cat FILE...\n");
    exit(64);
}

/* ---- options ---- */

static bool read_flag(struct options *o, const char *name)
{
    if (strcmp(name, "-1") == 0 || strcmp(name, "-2") == 0) {
        o->build.version = name[1] == '1' ? 1 : 2;
    } else if (strcmp(name, "--pages") == 0) {
        o->with_pages = true;
    } else {
        return false;
    }
    return true;
}

static void read_value(struct options *o, const char *name, const char *value)
{
    if (strcmp(name, "-o") == 0) {
        o->out = value;
    } else if (strcmp(name, "--os") == 0) {
        o->os = (struct ctl_build_attribute){"OSAttr", value};
        o->build.attributes = &o->os;
        o->build.num_attributes = 1;
    } else if (strcmp(name, "--os-each") == 0) {
        o->os_each = value;
    } else if (strcmp(name, "--time") != 0 || gentime_parse_iso(value, &o->build.updated) != RC_OK) {
        usage();
    }
}

static void read_options(struct options *o, char **argv)
{
    o->build.version = 2;
    o->build.updated.sec = time(NULL);
    for (argv++; *argv && **argv == '-'; argv++) {
        if (!read_flag(o, *argv)) {
            if (!argv[1]) {
                usage();
            }
            read_value(o, argv[0], argv[1]);
            argv++;
        }
    }
    if (!o->out) {
        usage();
    }
    o->files = argv;
    while (argv[o->build.num_members]) {
        o->build.num_members++;
    }
}

/* ---- members ---- */

static void list_file(const struct options *o, const char *path, struct listed *listed,
                      struct ctl_build_member *member)
{
    const char *slash = strrchr(path, '/');
    struct safefile_map map;
    enum rc rc;

    if (safefile_map_open(path, &map) != RC_OK) {
        die(path, safefile_error_text());
    }
    wbuf_init(&listed->pages, LIMIT);
    rc = ctl_build_measure(map.bytes, member);
    if (rc == RC_OK && o->with_pages) {
        rc = ctl_build_pages(map.bytes, o->build.version, &listed->pages, member);
    }
    if (rc != RC_OK) {
        die(path, rc_text(rc));
    }
    safefile_map_close(&map);
    listed->attributes[member->num_attributes++] =
        (struct ctl_build_attribute){"File", slash ? slash + 1 : path};
    if (o->os_each) {
        listed->attributes[member->num_attributes++] = (struct ctl_build_attribute){"OSAttr", o->os_each};
    }
    member->attributes = listed->attributes;
}

static void write_catalog(const struct options *o)
{
    struct wbuf catalog;
    enum rc rc;

    wbuf_init(&catalog, LIMIT);
    rc = ctl_build(&catalog, &o->build);
    if (rc != RC_OK) {
        die(o->out, rc_text(rc));
    }
    if (safefile_write(o->out, wbuf_bytes(&catalog), 0644) != RC_OK) {
        die(o->out, safefile_error_text());
    }
    wbuf_clear(&catalog);
}

int main(int argc, char **argv)
{
    struct ctl_build_member *members = calloc((size_t)argc, sizeof *members);
    struct listed *listed = calloc((size_t)argc, sizeof *listed);
    struct options o = {0};

    if (!members || !listed) {
        die("memory", rc_text(RC_NO_MEMORY));
    }
    read_options(&o, argv);
    for (size_t i = 0; i < o.build.num_members; i++) {
        list_file(&o, o.files[i], &listed[i], &members[i]);
    }
    o.build.members = members;
    write_catalog(&o);
    for (size_t i = 0; i < o.build.num_members; i++) {
        wbuf_clear(&listed[i].pages);
    }
    free(listed);
    free(members);
    return 0;
}
