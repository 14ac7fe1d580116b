/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a token costs beside its signature: tokens built by token_build against raw EVP_PKEY_sign with the same prepared
 * context, CPU time of one thread, rounds in turn, medians. Reported, never a gate: figures of one machine are for ratios.
 *
 *     bench_token [SECONDS_PER_ROUND [ROUNDS]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/tsa/wire/authority.h"
#include "tsa/wire/token.h"

#define MAX_ROUNDS 101

struct key {
    struct authority authority;
    EVP_PKEY_CTX *ctx; /* initialised once, as a signing thread does */
    EVP_MD_CTX *md_ctx;
};

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void need(bool good)
{
    if (!good) {
        fprintf(stderr, "bench_token: failed\n");
        exit(1);
    }
}

static enum rc sign(void *arg, struct bytes digest, struct wbuf *out)
{
    struct key *key = arg;
    uint8_t signature[1024];
    size_t len = sizeof signature;

    need(EVP_PKEY_sign(key->ctx, signature, &len, digest.data, digest.len) == 1);
    wbuf_put(out, bytes_of(signature, len));
    return wbuf_rc(out);
}

static void one_raw(struct key *key)
{
    static const uint8_t digest[32] = {1, 2, 3};
    uint8_t signature[1024];
    size_t len = sizeof signature;

    need(EVP_PKEY_sign(key->ctx, signature, &len, digest, sizeof digest) == 1);
}

static struct wbuf reply;

static void one_token(struct key *key)
{
    static const uint8_t policy[] = {0x2a, 0x03, 0x04}, hash[32] = {7},
                         nonce[8] = {0x12, 1, 2, 3, 4, 5, 6, 7};
    static uint8_t serial[19] = {1};
    struct tsp_tstinfo info = {
        .policy = bytes_of(policy, sizeof policy),
        .imprint = {.alg = DIGEST_SHA256, .alg_null = true, .hash = bytes_of(hash, sizeof hash)},
        .serial = bytes_of(serial, sizeof serial),
        .time = {.sec = AUTHORITY_NOW},
        .accuracy = {.seconds = 1},
        .has_accuracy = true,
        .nonce = bytes_of(nonce, sizeof nonce),
    };
    struct token_build build = {.profile = &key->authority.profile,
                                .info = &info,
                                .with_certificates = true,
                                .sign = sign,
                                .sign_arg = key,
                                .md_ctx = key->md_ctx};
    size_t mark;

    serial[18]++;
    wbuf_reset(&reply);
    mark = tsp_response_open_granted(&reply);
    need(token_build(&reply, &build) == RC_OK);
    der_close(&reply, mark);
}

/* Calls per CPU-second. */
static double measure(void (*one)(struct key *), struct key *key, double seconds)
{
    double start = cpu_seconds(), now = start;
    size_t num = 0;

    while (now - start < seconds) {
        for (int i = 0; i < 16; i++) {
            one(key);
        }
        num += 16;
        now = cpu_seconds();
    }
    return (double)num / (now - start);
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double median(double *values, int num)
{
    qsort(values, (size_t)num, sizeof *values, compare);
    return values[num / 2];
}

static void run(const char *name, double seconds, int rounds)
{
    double raw[MAX_ROUNDS], token[MAX_ROUNDS], ratio[MAX_ROUNDS];
    struct key key;

    authority_init(&key.authority, &(struct authority_spec){.key = name});
    key.ctx = EVP_PKEY_CTX_new(key.authority.key, NULL);
    key.md_ctx = EVP_MD_CTX_new();
    need(key.md_ctx && key.ctx && EVP_PKEY_sign_init(key.ctx) == 1);
    need(EVP_PKEY_CTX_set_signature_md(key.ctx, EVP_sha256()) == 1);
    for (int i = 0; i < rounds; i++) {
        raw[i] = measure(one_raw, &key, seconds);
        token[i] = measure(one_token, &key, seconds);
        ratio[i] = token[i] / raw[i];
    }
    printf("%-9s %10.0f raw %10.0f tokens per CPU-second, ratio %.3f (%zu octets)\n", name,
           median(raw, rounds), median(token, rounds), median(ratio, rounds), reply.len);
    EVP_MD_CTX_free(key.md_ctx);
    EVP_PKEY_CTX_free(key.ctx);
    authority_clear(&key.authority);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.2;
    int rounds = argc > 2 ? atoi(argv[2]) : 15;

    if (seconds <= 0 || rounds < 1 || rounds > MAX_ROUNDS) {
        fprintf(stderr, "usage: bench_token [SECONDS_PER_ROUND [ROUNDS]]\n");
        return 64;
    }
    wbuf_init(&reply, 65536);
    run("RSA", seconds, rounds);
    run("P-256", seconds, rounds);
    wbuf_clear(&reply);
    return 0;
}
