/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TimeStampReq: an accepted request is within all limits and, where it is DER, written as it was read; every reason becomes a
 * refusal that reads back. Seeds: openssl ts -query with its options, and requests put together by hand.
 */
#include <string.h>

#include "tests/fuzz/view.h"
#include "tests/fuzz/walk.h"
#include "tsa/wire/tsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

static void check_refusal(enum rc rc)
{
    struct tsp_response response;
    uint8_t storage[512];
    struct wbuf w;

    check(strcmp(tsp_failure_name(tsp_failure_of_rc(rc)), "unknown") != 0);
    wbuf_init_fixed(&w, storage, sizeof storage);
    tsp_response_build_refusal(&w, tsp_failure_of_rc(rc), rc_text(rc));
    check(tsp_response_parse(wbuf_bytes(&w), &response) == RC_OK);
    check(response.status == TSP_REJECTION && response.failure == tsp_failure_of_rc(rc));
    check(bytes_equal(response.status_string, bytes_str(rc_text(rc))));
}

/* Whether the input is DER but for a certReq FALSE that is written out. */
static bool is_der(struct bytes in)
{
    struct wbuf w;
    bool same;

    wbuf_init(&w, in.len + 16);
    same = walk(in, DER_STRICT, &w) == RC_OK && bytes_equal(wbuf_bytes(&w), in);
    wbuf_clear(&w);
    return same;
}

static void check_rebuild(struct bytes in, const struct tsp_request *request)
{
    struct tsp_request again;
    struct wbuf w, second;

    wbuf_init(&w, in.len + 16);
    tsp_request_build(&w, request);
    check(wbuf_rc(&w) == RC_OK);
    check(tsp_request_parse(wbuf_bytes(&w), &again) == RC_OK);
    wbuf_init(&second, in.len + 16);
    tsp_request_build(&second, &again);
    check(bytes_equal(wbuf_bytes(&w), wbuf_bytes(&second)));
    if (is_der(in) && !bytes_equal(wbuf_bytes(&w), in)) {
        check(!request->cert_req && in.len == w.len + 3);
    }
    wbuf_clear(&w);
    wbuf_clear(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    struct bytes in = bytes_of(data, data_len);
    struct tsp_request request;
    enum rc rc = tsp_request_parse(in, &request);

    check(view_inside(in, request.imprint.alg_oid) && view_inside(in, request.imprint.hash));
    check(view_inside(in, request.policy) && view_inside(in, request.nonce));
    if (rc != RC_OK) {
        check_refusal(rc);
        return 0;
    }
    check(request.imprint.alg != DIGEST_NONE && request.imprint.hash.len == digest_len(request.imprint.alg));
    check(request.nonce.len <= TSP_NONCE_MAX && request.policy.len <= TSP_POLICY_MAX &&
          !request.has_extensions);
    check_rebuild(in, &request);
    return 0;
}
