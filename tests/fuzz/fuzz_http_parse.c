/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's octets: the same requests and the same refusal however they are cut. The input's first octet says how many
 * lengths of pieces follow it; the rest is what the client sends. Each run gets a copy of exactly its size, so that a read beyond it is seen.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/view.h"
#include "tsa/http/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

static const struct http_limits limits = {.request_line = 64, .head = 512, .fields = 8, .body = 64};

/* What came out, folded into a number (FNV-1a). */
struct digest_of_run {
    uint64_t hash;
    size_t num;
};

static void fold(struct digest_of_run *run, const void *data, size_t len)
{
    const uint8_t *p = data;
    size_t i;

    for (i = 0; i < len; i++) {
        run->hash = (run->hash ^ p[i]) * 1099511628211u;
    }
    run->hash = (run->hash ^ 0x100u) * 1099511628211u;
}

/* Nothing that a head may not hold has come through. */
static void fold_view(struct digest_of_run *run, struct bytes view)
{
    size_t i;

    for (i = 0; i < view.len; i++) {
        check(view.data[i] >= 0x20 || view.data[i] == '\t');
        check(view.data[i] != 0x7f);
    }
    fold(run, view.data, view.len);
}

static void fold_request(struct digest_of_run *run, const struct http_request *r)
{
    check(r->minor <= 1);
    check(r->target.len > 0 && r->target.len <= limits.request_line);
    check(r->path.len <= r->target.len && r->query.len < r->target.len);
    check(r->body.len <= limits.body);
    fold(run, &r->method, sizeof r->method);
    fold(run, &r->minor, sizeof r->minor);
    fold(run, &r->keep_alive, sizeof r->keep_alive);
    fold_view(run, r->method_text);
    fold_view(run, r->target);
    fold_view(run, r->path);
    fold_view(run, r->query);
    fold_view(run, r->host);
    fold_view(run, r->media_type);
    fold_view(run, r->agent);
    fold(run, r->body.data, r->body.len);
    run->num++;
}

/* Runs over in[*used, end); false after a refusal. */
static bool run_part(struct http_parse *parse, struct bytes in, size_t end, size_t *used,
                     struct digest_of_run *run)
{
    enum http_parse_verdict verdict = HTTP_PARSE_REQUEST;

    while (verdict == HTTP_PARSE_REQUEST && *used < end) {
        size_t len = end - *used;
        uint8_t *copy = malloc(len);

        check(copy);
        memcpy(copy, in.data + *used, len);
        verdict = http_parse_run(parse, bytes_of(copy, len));
        if (verdict == HTTP_PARSE_REQUEST) {
            check(parse->consumed > 0 && parse->consumed <= len);
            check(parse->consumed <= http_parse_max(&limits));
            fold_request(run, &parse->request);
            *used += parse->consumed;
            http_parse_next(parse);
        } else if (verdict == HTTP_PARSE_MORE) {
            check(len < http_parse_max(&limits));
        } else {
            check(parse->refusal.status >= 400 && parse->refusal.status < 600 && parse->refusal.why);
            fold(run, &parse->refusal.status, sizeof parse->refusal.status);
        }
        free(copy);
    }
    return verdict != HTTP_PARSE_REFUSED;
}

static struct digest_of_run run_cut(struct bytes in, struct bytes cuts)
{
    struct digest_of_run run = {.hash = 14695981039346656037u};
    struct http_parse parse;
    size_t used = 0, end = 0, i = 0;
    bool goes_on = true;

    http_parse_init(&parse, &limits);
    while (goes_on && end < in.len) {
        size_t step = cuts.len ? cuts.data[i++ % cuts.len] + 1u : in.len;

        end = in.len - end < step ? in.len : end + step;
        goes_on = run_part(&parse, in, end, &used, &run);
    }
    fold(&run, &parse.phase, sizeof parse.phase);
    if (goes_on) {
        fold(&run, &used, sizeof used);
    }
    http_parse_clear(&parse);
    return run;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    static const uint8_t one = 0;
    size_t num_cuts = data_len ? data[0] % 8u : 0;
    struct digest_of_run whole, cut, single;
    struct bytes in;

    if (data_len < 1 + num_cuts || data_len > 4096) {
        return 0;
    }
    in = bytes_of(data + 1 + num_cuts, data_len - 1 - num_cuts);
    whole = run_cut(in, BYTES_NONE);
    cut = run_cut(in, bytes_of(data + 1, num_cuts));
    single = run_cut(in, bytes_of(&one, 1));
    check(whole.hash == cut.hash && whole.num == cut.num);
    check(whole.hash == single.hash && whole.num == single.num);
    return 0;
}
