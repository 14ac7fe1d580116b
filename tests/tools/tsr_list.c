/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: tsr_list FILE...; one line for each TimeStampResp: "granted SERIAL", "refused FAILURE", or "malformed WORD". Exits with 1 when one is
 * malformed or can not be read.
 */
#include <stdio.h>

#include "tsa/base/safefile.h"
#include "tsa/wire/token.h"

#define REPLY_MAX (1u << 20)

static bool list(const char *path, struct bytes reply)
{
    struct tsp_response response;
    struct token token;
    char serial[64];
    enum rc rc = tsp_response_parse(reply, &response);

    if (rc == RC_OK && response.token.len == 0) {
        printf("refused %s\n", tsp_failure_name(response.failure));
        return true;
    }
    if (rc == RC_OK) {
        rc = token_parse(response.token, DER_STRICT, &token);
    }
    if (rc != RC_OK) {
        printf("malformed %s %s\n", rc_word(rc), path);
        return false;
    }
    printf("granted %s\n", bytes_to_hex(token.info.serial, serial, sizeof(serial)));
    return true;
}

int main(int argc, char **argv)
{
    bool good = argc > 1;

    for (int i = 1; i < argc; i++) {
        struct wbuf reply;

        wbuf_init(&reply, REPLY_MAX);
        if (safefile_read(argv[i], REPLY_MAX, &reply) != RC_OK) {
            fprintf(stderr, "tsr_list: %s\n", safefile_error_text());
            good = false;
        } else {
            good = list(argv[i], wbuf_bytes(&reply)) && good;
        }
        wbuf_clear(&reply);
    }
    return good ? 0 : 1;
}
