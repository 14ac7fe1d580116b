/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening what roles are given. The keys that sign timestamps are opened and never read here. The key of the TLS server is: a front can open no
 * file, and must find it again when it is started again.
 */
#include "tsa/parent/stock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tsa/base/safefile.h"
#include "tsa/parent/sealed.h"

#define FILE_MAX     (1u << 20)
#define LAB_TIME_MAX 100

__attribute__((format(printf, 2, 3))) static enum rc fail(struct stock *stock, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(stock->error, sizeof(stock->error), format, args);
    va_end(args);
    return RC_IO;
}

/* ---- texts ---- */

static enum rc seal(struct stock *stock, const char *name, struct bytes text, int *out_fd)
{
    *out_fd = sealed_make(name, text);
    return *out_fd >= 0 ? RC_OK : fail(stock, "can not keep %s in memory: %s", name, strerror(errno));
}

/* An empty path is a setting that is not set. */
static enum rc seal_file(struct stock *stock, const char *path, int *out_fd)
{
    struct wbuf text;
    enum rc rc;

    if (!path || !*path) {
        return RC_OK;
    }
    wbuf_init(&text, FILE_MAX);
    rc = safefile_read(path, FILE_MAX, &text);
    if (rc == RC_OK) {
        rc = seal(stock, "pem", wbuf_bytes(&text), out_fd);
    } else {
        rc = fail(stock, "%s", safefile_error_text());
    }
    wbuf_cleanse(&text); /* it may be a key */
    return rc;
}

static enum rc open_unit(struct stock *stock, const struct settings_unit *settings)
{
    struct stock_unit *unit = &stock->units[stock->num_units++];
    enum rc rc;

    *unit = (struct stock_unit){.key = -1, .chain = -1, .root = -1};
    unit->key = open(settings->key, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (unit->key < 0) {
        return fail(stock, "can not open the key %s: %s", settings->key, strerror(errno));
    }
    rc = seal_file(stock, settings->chain, &unit->chain);
    return rc == RC_OK ? seal_file(stock, settings->root, &unit->root) : rc;
}

static enum rc open_tls(struct stock *stock, const struct settings *settings)
{
    enum rc rc = seal_file(stock, settings->tls.certificate, &stock->tls_certificate);

    if (rc == RC_OK) {
        rc = seal_file(stock, settings->tls.key, &stock->tls_key);
    }
    return rc == RC_OK ? seal_file(stock, settings->tls.client_ca, &stock->tls_client_ca) : rc;
}

static enum rc seal_lab_time(struct stock *stock, const struct labtime *time)
{
    struct wbuf text;
    enum rc rc;

    if (!time || time->kind == LABTIME_NONE) {
        return RC_OK;
    }
    wbuf_init(&text, LAB_TIME_MAX);
    labtime_put(&text, time);
    rc = wbuf_rc(&text) == RC_OK ? seal(stock, "lab_time", wbuf_bytes(&text), &stock->lab_time)
                                 : fail(stock, "lab time: %s", rc_text(wbuf_rc(&text)));
    wbuf_clear(&text);
    return rc;
}

/* ---- all ---- */

enum rc stock_open(struct stock *stock, const struct stock_source *source)
{
    const struct settings *settings = source->settings;
    enum rc rc;

    *stock = (struct stock)STOCK_NONE;
    rc = seal(stock, "configuration", bytes_str(source->text), &stock->config);
    if (rc == RC_OK) {
        rc = seal_lab_time(stock, source->lab_time);
    }
    for (size_t i = 0; rc == RC_OK && i < settings_num_units(settings); i++) {
        rc = open_unit(stock, settings_unit(settings, i));
    }
    if (rc == RC_OK) {
        rc = open_tls(stock, settings);
    }
    if (rc != RC_OK) {
        stock_close(stock);
    }
    return rc;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

void stock_close(struct stock *stock)
{
    for (size_t i = 0; i < stock->num_units; i++) {
        close_fd(&stock->units[i].key);
        close_fd(&stock->units[i].chain);
        close_fd(&stock->units[i].root);
    }
    stock->num_units = 0;
    close_fd(&stock->config);
    close_fd(&stock->lab_time);
    clockstock_close(&stock->clock);
    close_fd(&stock->tls_certificate);
    close_fd(&stock->tls_key);
    close_fd(&stock->tls_client_ca);
}

/* ---- giving ---- */

static void give(struct spawn *spawn, const char *name, int fd)
{
    if (fd >= 0) {
        spawn_add(spawn, name, fd);
    }
}

static void give_config(const struct stock *stock, struct spawn *spawn)
{
    spawn_add(spawn, "config", stock->config);
    give(spawn, "lab_time", stock->lab_time);
}

static void give_certs(const struct stock *stock, struct spawn *spawn)
{
    give_config(stock, spawn);
    for (size_t i = 0; i < stock->num_units; i++) {
        spawn_add_n(spawn, "chain", i, stock->units[i].chain);
        if (stock->units[i].root >= 0) {
            spawn_add_n(spawn, "root", i, stock->units[i].root);
        }
    }
}

void stock_give_clock(const struct stock *stock, struct spawn *spawn)
{
    give_config(stock, spawn);
    clockstock_give(&stock->clock, spawn);
}

/* A descriptor that is handed on keeps its place in the file: the one before has read the keys to their ends. */
void stock_give_issuer(const struct stock *stock, struct spawn *spawn)
{
    give_certs(stock, spawn);
    for (size_t i = 0; i < stock->num_units; i++) {
        (void)lseek(stock->units[i].key, 0, SEEK_SET);
        spawn_add_n(spawn, "key", i, stock->units[i].key);
    }
}

void stock_give_trial(const struct stock *stock, struct spawn *spawn)
{
    stock_give_issuer(stock, spawn);
}

void stock_give_front(const struct stock *stock, struct spawn *spawn)
{
    give_certs(stock, spawn);
    give(spawn, "tls_certificate", stock->tls_certificate);
    give(spawn, "tls_key", stock->tls_key);
    give(spawn, "tls_client_ca", stock->tls_client_ca);
}
