/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An issuer's desk for tests: an authority made by libcrypto, one unit of it, its key in a file in memory, a simulated clock with its page, and
 * the core that stamps. Everything is asserted.
 */
#ifndef TESTS_ISSUER_DESK_H
#define TESTS_ISSUER_DESK_H

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "certs/certfile.h"
#include "tests/unit/tsa/wire/authority.h"
#include "tsa/base/now.h"
#include "tsa/issuer/issue.h"

#define DESK_MONO     INT64_C(5000000000000)
#define DESK_SECOND   INT64_C(1000000000)
#define DESK_MAX_STEP INT64_C(5000000)

struct desk {
    struct authority authority;
    struct settings whole; /* what is not a unit's */
    struct settings_unit settings;
    struct unit unit;
    struct clockpage *page;
    struct clockpage_record record;
    struct issue_core core;
    struct issue_thread thread;
    struct wbuf reply, ledger_body;
    char why[CLOCKGATE_WHY_MAX];
    int64_t real_ns, mono_ns; /* the simulated clock: each alone can be set, */
    int64_t passed_ns;        /* and this is how long both have run since */
    uint64_t epoch;           /* of the last record */
};

static inline void desk_real(void *arg, struct gentime *out)
{
    *out = gentime_add_ns((struct gentime){0},
                          __atomic_load_n(&((struct desk *)arg)->real_ns, __ATOMIC_SEQ_CST) +
                              __atomic_load_n(&((struct desk *)arg)->passed_ns, __ATOMIC_SEQ_CST));
}

static inline int64_t desk_mono(void *arg)
{
    return __atomic_load_n(&((struct desk *)arg)->mono_ns, __ATOMIC_SEQ_CST) +
           __atomic_load_n(&((struct desk *)arg)->passed_ns, __ATOMIC_SEQ_CST);
}

/* A proven record of this moment. */
static inline void desk_sample(struct desk *d)
{
    const int64_t difference = d->real_ns - d->mono_ns, mono = desk_mono(d);

    d->record = (struct clockpage_record){
        .epoch = ++d->epoch,
        .sampled_mono_ns = mono,
        .expires_mono_ns = mono + CLOCKPAGE_LIFE_NS,
        .real_minus_mono_ns = difference,
        .base_ns = difference,
        .measurement = 1,
        .measured_mono_ns = mono - 7 * DESK_SECOND,
        .bound_ns = 1000000,
        .figure_ns = -1,
        .state = CLOCKPAGE_SYNC,
        .proven = CLOCKPAGE_PROVEN,
        .reference = "test",
    };
    clockpage_write(d->page, &d->record);
}

static inline void desk_pass(struct desk *d, int64_t ns)
{
    __atomic_fetch_add(&d->passed_ns, ns, __ATOMIC_SEQ_CST);
}

/* The private key as PEM in a file of that mode; passphrase may be NULL. */
static inline int desk_key_file(EVP_PKEY *key, mode_t mode, const char *passphrase)
{
    int fd = memfd_create("key", MFD_CLOEXEC);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long len;

    authority_need(fd >= 0 && bio &&
                   PEM_write_bio_PKCS8PrivateKey(bio, key, passphrase ? EVP_aes_128_cbc() : NULL, passphrase,
                                                 passphrase ? (int)strlen(passphrase) : 0, NULL, NULL) == 1);
    len = BIO_get_mem_data(bio, &text);
    authority_need(write(fd, text, (size_t)len) == len && fchmod(fd, mode) == 0);
    BIO_free(bio);
    return fd;
}

static inline void desk_put_pem(struct wbuf *w, struct bytes der)
{
    wbuf_init(w, 1u << 20);
    certfile_put_pem(w, der);
    authority_need(wbuf_rc(w) == RC_OK);
}

static inline void desk_make_unit(struct desk *d)
{
    static char name[] = "unit", key[] = "unit.key", chain[] = "unit.pem", root[] = "root.pem",
                policy[] = "2.999.5";
    static char other[] = "2.999.7.8";
    static char *others[] = {other};
    struct wbuf chain_pem, root_pem;

    d->settings = (struct settings_unit){
        .name = name,
        .key = key,
        .chain = chain,
        .root = root,
        .protocols = SETTINGS_RFC3161 | SETTINGS_AUTHENTICODE,
        .policy = policy,
        .policies = {others, 1},
        .digests = 1u << DIGEST_SHA256 | 1u << DIGEST_SHA384 | 1u << DIGEST_SHA512,
        .digest = (int)d->authority.digest,
        .accuracy = 1000000000,
        .time_digits = 3,
    };
    desk_put_pem(&chain_pem, d->authority.chain[0]);
    desk_put_pem(&root_pem, d->authority.chain[1]);
    authority_need(unit_init(&d->unit, &d->settings, wbuf_bytes(&chain_pem), wbuf_bytes(&root_pem)) == RC_OK);
    wbuf_clear(&chain_pem);
    wbuf_clear(&root_pem);
}

static inline void desk_init(struct desk *d, const struct authority_spec *spec)
{
    int page_fd = memfd_create("clock", MFD_CLOEXEC);
    struct signer *signer = NULL;
    char why[SIGNER_WHY_MAX];

    memset(d, 0, sizeof(*d));
    d->real_ns = AUTHORITY_NOW * INT64_C(1000000000) + 123456789;
    d->mono_ns = DESK_MONO;
    now_set_source(&(struct now_source){.real = desk_real, .mono_ns = desk_mono, .arg = d});
    d->page = clockpage_open(page_fd, true);
    close(page_fd);
    authority_need(d->page != NULL);
    desk_sample(d);
    d->whole.node = 77;
    d->whole.clock.max_step = DESK_MAX_STEP;
    authority_init(&d->authority, spec);
    desk_make_unit(d);
    authority_need(signer_file_open(desk_key_file(d->authority.key, 0600, NULL), &d->unit, 0, why, &signer) ==
                   RC_OK);
    authority_need(issue_init(&d->core, d->page, &d->whole, 1) == RC_OK);
    authority_need(issue_set_unit(&d->core, 0, &d->unit, &signer) == RC_OK);
    authority_need(issue_thread_init(&d->thread, &d->core) == RC_OK);
    wbuf_init(&d->reply, ISSUE_REPLY_MAX);
    wbuf_init(&d->ledger_body, 8192);
}

static inline void desk_clear(struct desk *d)
{
    issue_thread_clear(&d->thread);
    issue_clear(&d->core);
    unit_clear(&d->unit);
    authority_clear(&d->authority);
    clockpage_close(d->page);
    wbuf_clear(&d->reply);
    wbuf_clear(&d->ledger_body);
    now_set_source(NULL);
}

#endif
