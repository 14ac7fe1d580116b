/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of the load generator, each another by its number alone, and the judgement of what comes back: by the parsers of tsa/wire, to the
 * echo of imprint and nonce, but without a look at signatures.
 */
#ifndef TESTS_TOOLS_LOAD_BODY_H
#define TESTS_TOOLS_LOAD_BODY_H

#include "tests/tools/load_count.h"
#include "tests/tools/load_options.h"
#include "tsa/base/mem.h"
#include "tsa/base/safefile.h"
#include "tsa/wire/base64.h"
#include "tsa/wire/msauth.h"
#include "tsa/wire/token.h"

#define LOAD_BODY_MAX (64u << 10)
#define LOAD_BLOB     256u

struct load_bodies {
    const struct load_options *options;
    struct wbuf *files;
    struct wbuf body, der, again;
    uint64_t seed;
};

static inline uint64_t load_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* len octets that index decides, a multiple of eight. */
static inline void load_noise(const struct load_bodies *b, uint64_t index, uint8_t *out, size_t len)
{
    uint64_t x = load_mix(b->seed ^ load_mix(index));

    for (size_t i = 0; i < len; i += 8) {
        x = load_mix(x);
        memcpy(out + i, &x, 8);
    }
}

static inline void load_body_init(struct load_bodies *b, const struct load_options *options, uint64_t seed)
{
    *b = (struct load_bodies){.options = options, .seed = seed};
    wbuf_init(&b->body, LOAD_BODY_MAX);
    wbuf_init(&b->der, LOAD_BODY_MAX);
    wbuf_init(&b->again, LOAD_BODY_MAX);
    b->files = xcalloc(options->num_files + 1, sizeof *b->files);
    for (size_t i = 0; i < options->num_files; i++) {
        wbuf_init(&b->files[i], LOAD_BODY_MAX);
        if (safefile_read(options->files[i], LOAD_BODY_MAX, &b->files[i]) != RC_OK) {
            fprintf(stderr, "load: %s\n", safefile_error_text());
            exit(64);
        }
    }
}

static inline void load_body_clear(struct load_bodies *b)
{
    for (size_t i = 0; i < b->options->num_files; i++) {
        wbuf_clear(&b->files[i]);
    }
    free(b->files);
    wbuf_clear(&b->body);
    wbuf_clear(&b->der);
    wbuf_clear(&b->again);
}

static inline bool load_is_authenticode(const struct load_bodies *b, uint64_t index)
{
    const enum load_kind kind = b->options->kind;

    return kind == LOAD_AUTHENTICODE || (kind == LOAD_MIX && index % 2 == 1);
}

static inline void load_put_query(const struct load_bodies *b, uint64_t index, struct wbuf *out)
{
    uint8_t noise[40];
    const struct tsp_request request = {
        .imprint = {.alg = DIGEST_SHA256,
                    .alg_oid = oid_bytes(digest_oid(DIGEST_SHA256)),
                    .alg_null = true,
                    .hash = bytes_of(noise, 32)},
        .nonce = bytes_of(noise + 32, 8),
        .cert_req = true,
    };

    load_noise(b, index, noise, sizeof noise);
    noise[32] = (uint8_t)((noise[32] & 0x3f) | 0x40); /* positive, and its shortest form */
    tsp_request_build(out, &request);
}

static inline void load_put_blob(struct load_bodies *b, uint64_t index, struct wbuf *out)
{
    uint8_t blob[LOAD_BLOB];

    load_noise(b, index, blob, sizeof blob);
    wbuf_reset(&b->der);
    msauth_request_build(&b->der, bytes_of(blob, sizeof blob));
    base64_encode(out, wbuf_bytes(&b->der));
}

/* The body of a request; good until the next one is made in the same place. */
static inline struct bytes load_body(struct load_bodies *b, uint64_t index, struct wbuf *out)
{
    if (b->options->num_files > 0) {
        return wbuf_bytes(&b->files[index % b->options->num_files]);
    }
    wbuf_reset(out);
    if (load_is_authenticode(b, index)) {
        load_put_blob(b, index, out);
    } else {
        load_put_query(b, index, out);
    }
    return wbuf_bytes(out);
}

static inline enum load_result load_check_token(struct load_bodies *b, uint64_t index, struct bytes der)
{
    struct tsp_request request;
    struct token token;

    if (token_parse(der, DER_STRICT, &token) != RC_OK) {
        return LOAD_MALFORMED;
    }
    if (tsp_request_parse(load_body(b, index, &b->again), &request) != RC_OK ||
        !bytes_equal(request.imprint.hash, token.info.imprint.hash) ||
        !bytes_equal(request.nonce, token.info.nonce)) {
        return LOAD_WRONG;
    }
    return LOAD_GRANTED;
}

static inline enum load_result load_judge_rfc3161(struct load_bodies *b, uint64_t index, struct bytes body,
                                                  struct load_count *count)
{
    struct tsp_response response;

    if (tsp_response_parse(body, &response) != RC_OK) {
        return LOAD_MALFORMED;
    }
    if (response.status > TSP_GRANTED_WITH_MODS) {
        count->failures[response.failure + 1]++;
        return LOAD_REFUSED;
    }
    return b->options->check ? load_check_token(b, index, response.token) : LOAD_GRANTED;
}

static inline enum load_result load_judge_authenticode(struct load_bodies *b, struct bytes body)
{
    struct cms cms;

    wbuf_reset(&b->again);
    if (body.len == 0 || base64_decode(body, &b->again) != RC_OK) {
        return LOAD_MALFORMED;
    }
    if (b->options->check && cms_parse(wbuf_bytes(&b->again), DER_STRICT, &cms) != RC_OK) {
        return LOAD_MALFORMED;
    }
    return LOAD_GRANTED;
}

/* What an answer is worth. */
static inline enum load_result load_judge(struct load_bodies *b, uint64_t index, unsigned status,
                                          struct bytes body, struct load_count *count)
{
    count->statuses[status]++;
    if (status == 503 || status == 429) {
        return LOAD_SHED;
    }
    if (status != 200) {
        return LOAD_REFUSED;
    }
    return load_is_authenticode(b, index) ? load_judge_authenticode(b, body)
                                          : load_judge_rfc3161(b, index, body, count);
}

#endif
