/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading what a role is born with. The parent made it a moment ago, so that anything odd is our own fault: it is told and the
 * role does not start.
 */
#include "tsa/role/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tsa/role/labtime.h"

#define FIRST_FD     3 /* below stand input, output and the log */
#define CONFIG_MAX   (4u * 1024u * 1024u)
#define CERTS_MAX    (1u * 1024u * 1024u)
#define LAB_TIME_MAX 100u
#define READ_CHUNK   16384u
#define EX_SOFTWARE  70
#define EX_CONFIG    78

static struct inherit_fd *find(struct inherit *in, const char *name)
{
    for (size_t i = 0; i < in->num; i++) {
        if (strcmp(in->fds[i].name, name) == 0) {
            return &in->fds[i];
        }
    }
    return NULL;
}

static bool has_fd(const struct inherit *in, int fd)
{
    for (size_t i = 0; i < in->num; i++) {
        if (in->fds[i].fd == fd) {
            return true;
        }
    }
    return false;
}

/* "name=N" with a name that is new and a descriptor that is open and not somebody else's. */
static bool add(struct inherit *in, const char *arg)
{
    const char *equals = strchr(arg, '=');
    struct inherit_fd *slot = &in->fds[in->num];
    char *end;
    long fd;
    size_t len;

    if (!equals || equals == arg || in->num == INHERIT_MAX || equals[1] < '0' || equals[1] > '9') {
        return false;
    }
    len = (size_t)(equals - arg);
    errno = 0;
    fd = strtol(equals + 1, &end, 10);
    if (errno || *end || fd < FIRST_FD || fd > 1000000 || len >= sizeof(slot->name)) {
        return false;
    }
    *slot = (struct inherit_fd){.fd = (int)fd};
    memcpy(slot->name, arg, len);
    if (find(in, slot->name) || has_fd(in, slot->fd) || fcntl(slot->fd, F_SETFD, FD_CLOEXEC) != 0) {
        return false;
    }
    in->num++;
    return true;
}

enum rc inherit_parse(int argc, char **argv, struct inherit *out)
{
    *out = (struct inherit){0};
    if (argc < 1 || argv[0][0] != '@') {
        return RC_CONFIG;
    }
    out->role = argv[0] + 1;
    for (int i = 1; i < argc; i++) {
        if (!add(out, argv[i])) {
            return RC_CONFIG;
        }
    }
    return RC_OK;
}

int inherit_take(struct inherit *in, const char *name)
{
    struct inherit_fd *found = find(in, name);
    int fd = found ? found->fd : -1;

    if (found) {
        *found = in->fds[--in->num];
    }
    return fd;
}

int inherit_take_n(struct inherit *in, const char *name, size_t index)
{
    char full[sizeof(in->fds[0].name) + 24];

    (void)snprintf(full, sizeof(full), "%s.%zu", name, index);
    return inherit_take(in, full);
}

static enum rc read_all(int fd, struct wbuf *out)
{
    uint8_t chunk[READ_CHUNK];
    off_t at = 0;
    ssize_t len;

    while ((len = pread(fd, chunk, sizeof(chunk), at)) != 0) {
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len < 0) {
            return RC_IO;
        }
        wbuf_put(out, bytes_of(chunk, (size_t)len));
        at += len;
    }
    return wbuf_rc(out);
}

static enum rc read_and_close(int fd, struct wbuf *out)
{
    enum rc rc;

    if (fd < 0) {
        return RC_NOT_FOUND;
    }
    rc = read_all(fd, out);
    (void)close(fd);
    return rc;
}

enum rc inherit_read(struct inherit *in, const char *name, struct wbuf *out)
{
    return read_and_close(inherit_take(in, name), out);
}

static void load_settings(struct inherit *in, struct settings *settings)
{
    struct cfg_errors errors = {0};
    struct wbuf text;
    enum rc rc;

    wbuf_init(&text, CONFIG_MAX);
    rc = inherit_read(in, "config", &text);
    if (rc != RC_OK) {
        log_die(EX_SOFTWARE, "@%s: the configuration did not come along: %s", in->role, rc_text(rc));
    }
    wbuf_put_u8(&text, 0);
    if (wbuf_rc(&text) != RC_OK || memchr(text.data, 0, text.len - 1) != NULL) {
        log_die(EX_CONFIG, "the configuration is not a text");
    }
    rc = settings_parse("configuration", (const char *)text.data, settings, &errors);
    cfg_errors_tell(&errors, log_error);
    if (rc != RC_OK) {
        log_die(EX_CONFIG, "@%s: the configuration was not taken", in->role);
    }
    cfg_errors_clear(&errors);
    wbuf_clear(&text);
}

static void load_unit(struct inherit *in, const struct settings_unit *settings, size_t index,
                      struct unit *unit)
{
    struct wbuf chain, root;
    enum rc rc;

    wbuf_init(&chain, CERTS_MAX);
    wbuf_init(&root, CERTS_MAX);
    rc = read_and_close(inherit_take_n(in, "chain", index), &chain);
    if (rc == RC_OK) {
        rc = read_and_close(inherit_take_n(in, "root", index), &root);
        rc = rc == RC_NOT_FOUND ? RC_OK : rc;
    }
    if (rc == RC_OK) {
        rc = unit_init(unit, settings, wbuf_bytes(&chain), wbuf_bytes(&root));
    }
    if (rc != RC_OK) {
        log_die(EX_CONFIG, "unit %s: its certificates can not be used: %s", settings->name, rc_text(rc));
    }
    unit->index = index;
    wbuf_clear(&chain);
    wbuf_clear(&root);
}

/* No lab time, unless a text came along that says which. */
static void load_labtime(struct inherit *in, struct labtime *out)
{
    struct wbuf text;
    enum rc rc;

    *out = (struct labtime){0};
    wbuf_init(&text, LAB_TIME_MAX);
    rc = inherit_read(in, "lab_time", &text);
    if (rc == RC_OK) {
        rc = labtime_get(wbuf_bytes(&text), out);
    }
    wbuf_clear(&text);
    if (rc != RC_OK && rc != RC_NOT_FOUND) {
        log_die(EX_SOFTWARE, "@%s: the lab time that came along can not be read", in->role);
    }
}

/* Whoever started this role: it does not take the word of its parent that its units are a lab's. */
static void fence_units(const struct labtime *time, struct unit *units, size_t num)
{
    char why[LABTIME_WHY_MAX];

    for (size_t i = 0; i < num; i++) {
        if (labtime_fence(time, &units[i], why) != RC_OK) {
            log_die(EX_CONFIG, "%s", why);
        }
        labtime_mark(time, &units[i]);
    }
    labtime_start(time);
}

void inherit_load(struct inherit *in, struct settings *settings, struct unit *units, size_t *out_num_units)
{
    struct labtime time;

    *settings = (struct settings){0};
    load_settings(in, settings);
    if (!units) {
        return;
    }
    *out_num_units = settings_num_units(settings);
    for (size_t i = 0; i < *out_num_units; i++) {
        load_unit(in, settings_unit(settings, i), i, &units[i]);
    }
    load_labtime(in, &time);
    fence_units(&time, units, *out_num_units);
}
