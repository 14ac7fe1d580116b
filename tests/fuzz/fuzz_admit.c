/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X-Forwarded-For: whatever it holds, a client that is no listed proxy is never overruled by what stands further left, and from anybody but a
 * listed proxy it is not looked at.
 */
#include <string.h>

#include "tests/fuzz/view.h"
#include "tsa/front/admit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

#define FORGED "192.0.2.66, "

static bool is_proxy(const struct netaddr *addr)
{
    return addr->family == AF_INET && addr->addr[0] == 10;
}

static void check_client(const struct admit *admit, const uint8_t *text, size_t len)
{
    const struct netaddr proxy = {.family = AF_INET, .addr = {10, 0, 0, 1}},
                         stranger = {.family = AF_INET, .addr = {192, 0, 2, 1}},
                         forger = {.family = AF_INET, .addr = {192, 0, 2, 66}};
    const size_t skip = strlen(FORGED);
    const struct bytes lines[] = {bytes_str("192.0.2.66"), bytes_of(text + skip, len - skip)},
                       forged = bytes_of(text, len);
    const struct netaddr client = admit_client(admit, &proxy, lines + 1, 1),
                         more = admit_client(admit, &proxy, &forged, 1),
                         above = admit_client(admit, &proxy, lines, 2),
                         direct = admit_client(admit, &stranger, lines, 2);

    check(client.family == AF_INET || client.family == AF_INET6);
    check(netaddr_equal(&direct, &stranger));
    check(netaddr_equal(&more, &client) || (is_proxy(&client) && netaddr_equal(&more, &forger)));
    check(netaddr_equal(&above, &client) || (is_proxy(&client) && netaddr_equal(&above, &forger)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    static struct settings settings;
    static struct admit admit;
    static struct netaddr_prefix prefix;
    const char *why;
    const size_t len = data_len + strlen(FORGED);
    uint8_t *text = malloc(len);

    check(text);
    if (!admit.settings) {
        check(netaddr_prefix_parse("10.0.0.0/8", &prefix, &why) == RC_OK);
        admit = (struct admit){.settings = &settings, .proxies = {&prefix, 1}};
    }
    memcpy(text, FORGED, strlen(FORGED));
    if (data_len) {
        memcpy(text + strlen(FORGED), data, data_len);
    }
    check_client(&admit, text, len);
    free(text);
    return 0;
}
