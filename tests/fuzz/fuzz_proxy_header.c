/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PROXY protocol headers: a beginning is never judged otherwise than the whole. What is bad stays bad, what is taken stays taken as the same client
 * with the same length, what is more has not been looked into; a header that is taken is taken without a single octet that follows it, and not without its last.
 */
#include <string.h>

#include "tests/fuzz/view.h"
#include "tsa/http/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

struct judged {
    enum proxy_header_verdict verdict;
    size_t len;
    struct netaddr client;
};

/* From a copy of exactly that length, so that a read beyond it is seen. */
static struct judged judge(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    struct judged judged = {0};

    check(copy);
    if (len) {
        memcpy(copy, data, len);
    }
    judged.verdict = proxy_header_parse(bytes_of(copy, len), &judged.len, &judged.client);
    free(copy);
    return judged;
}

static void check_alone(const struct judged *judged, size_t len)
{
    const uint16_t family = judged->client.family;

    check(judged->verdict <= PROXY_HEADER_BAD);
    check(judged->len <= len && judged->len <= PROXY_HEADER_MAX);
    check((judged->verdict == PROXY_HEADER_TAKEN) == (judged->len > 0));
    check(family == AF_UNSPEC ||
          (judged->verdict == PROXY_HEADER_TAKEN && (family == AF_INET || family == AF_INET6)));
    check(family != AF_UNSPEC || judged->client.port == 0);
    check(judged->verdict != PROXY_HEADER_MORE || len < PROXY_HEADER_MAX);
}

static void check_follows(const struct judged *before, const struct judged *after, size_t len)
{
    if (before->verdict == PROXY_HEADER_MORE) {
        check(after->verdict != PROXY_HEADER_TAKEN || after->len == len);
        return;
    }
    check(after->verdict == before->verdict && after->len == before->len);
    check(netaddr_equal(&after->client, &before->client) && after->client.port == before->client.port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    struct judged before = judge(data, 0);

    check(before.verdict == PROXY_HEADER_MORE);
    for (size_t len = 1; len <= data_len && len <= PROXY_HEADER_MAX + 64; len++) {
        const struct judged after = judge(data, len);

        check_alone(&after, len);
        check_follows(&before, &after, len);
        before = after;
    }
    return 0;
}
