/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TimeStampResp, and TSTInfo by the same octets: a token is there exactly when granted; what is read strictly is read the same
 * way leniently, and a TSTInfo is written as it was read. Seeds: refusals and replies of openssl ts, TSTInfos cut out of them.
 */
#include "tests/fuzz/view.h"
#include "tsa/wire/tsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

static void one_response(struct bytes in)
{
    struct tsp_response r;
    enum rc rc = tsp_response_parse(in, &r);
    bool granted = r.status == TSP_GRANTED || r.status == TSP_GRANTED_WITH_MODS;

    check(view_inside(in, r.status_string) && view_inside(in, r.token));
    check(r.status <= TSP_REVOCATION_NOTIFICATION && tsp_status_name(r.status) &&
          tsp_failure_name(r.failure));
    if (rc == RC_OK) {
        check(granted == (r.token.len > 0));
        check(!granted || r.failure == TSP_NO_FAILURE);
    }
}

static bool same_info(const struct tsp_tstinfo *a, const struct tsp_tstinfo *b)
{
    return bytes_equal(a->policy, b->policy) && a->imprint.alg == b->imprint.alg &&
           bytes_equal(a->imprint.hash, b->imprint.hash) && bytes_equal(a->serial, b->serial) &&
           gentime_compare(a->time, b->time) == 0 &&
           tsp_accuracy_ns(a->accuracy) == tsp_accuracy_ns(b->accuracy) && a->ordering == b->ordering &&
           bytes_equal(a->nonce, b->nonce) && bytes_equal(a->tsa_name, b->tsa_name);
}

/* What the writer leaves out: extensions (also an empty list of them), zeros of an accuracy, an unknown digest's parameters. */
static bool is_written_whole(struct bytes in, const struct tsp_tstinfo *info)
{
    return info->extensions.len == 0 && in.data[in.len - 2] != 0xa1 &&
           (!info->has_accuracy || info->accuracy.seconds > 0) && info->imprint.alg != DIGEST_NONE;
}

static void one_info(struct bytes in)
{
    struct tsp_tstinfo strict, foreign, again;
    struct wbuf w;
    enum rc rc = tsp_tstinfo_parse(in, DER_STRICT, &strict);

    if (tsp_tstinfo_parse(in, DER_FOREIGN, &foreign) != RC_OK) {
        check(rc != RC_OK);
        return;
    }
    check(view_inside(in, foreign.policy) && view_inside(in, foreign.serial) &&
          view_inside(in, foreign.nonce));
    check(view_inside(in, foreign.tsa_name) && view_inside(in, foreign.extensions));
    wbuf_init(&w, in.len + 64);
    tsp_tstinfo_build(&w, &foreign);
    check(wbuf_rc(&w) == RC_OK);
    check(tsp_tstinfo_parse(wbuf_bytes(&w), DER_FOREIGN, &again) == RC_OK && same_info(&foreign, &again));
    if (rc == RC_OK) {
        check(same_info(&strict, &foreign));
        check(!is_written_whole(in, &strict) || bytes_equal(wbuf_bytes(&w), in));
    }
    wbuf_clear(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    one_response(bytes_of(data, data_len));
    one_info(bytes_of(data, data_len));
    return 0;
}
