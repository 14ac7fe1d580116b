/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as an Authenticode signature. Where one is taken, a timestamp can be put on each signature of it and is then the only
 * one there, everything that is signed stays, and taken off again it leaves what taking off at once leaves.
 */
#include <stdlib.h>

#include "tsclient/container/spc.h"

#define LIMIT (1u << 22)
#define MUST(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);

static const uint8_t token[] = {0x30, 0x03, 0x02, 0x01, 0x07};

static void check_same(const struct spc *a, const struct spc *b, size_t index)
{
    MUST(a->num == b->num);
    for (size_t i = 0; i < a->num; i++) {
        const struct cms *x = &a->signatures[i].cms, *y = &b->signatures[i].cms;

        MUST(bytes_equal(x->content_tlv, y->content_tlv));
        MUST(bytes_equal(x->signer.signed_attrs, y->signer.signed_attrs));
        MUST(bytes_equal(x->signer.signature, y->signer.signature));
        MUST(bytes_starts_with(y->certificates, x->certificates));
        MUST(i == index || a->signatures[i].num_stamps == b->signatures[i].num_stamps);
    }
}

static void check_change(struct bytes pkcs7, const struct spc *before, size_t index, enum spc_stamp_kind kind,
                         struct spc *after)
{
    struct spc_change put = {.index = index, .kind = kind, .value = bytes_of(token, sizeof token)};
    struct spc_change drop = {.index = index, .kind = SPC_STAMP_NONE};
    struct wbuf out, back, bare;

    wbuf_init(&out, LIMIT);
    wbuf_init(&back, LIMIT);
    wbuf_init(&bare, LIMIT);
    if (spc_change(pkcs7, &put, &out) == RC_OK) {
        MUST(spc_parse(wbuf_bytes(&out), after) == RC_OK);
        check_same(before, after, index);
        MUST(after->signatures[index].num_stamps == 1 && after->signatures[index].stamps[0].kind == kind);
        MUST(bytes_equal(after->signatures[index].stamps[0].value, put.value));
        MUST(spc_change(wbuf_bytes(&out), &drop, &back) == RC_OK);
        MUST(spc_change(pkcs7, &drop, &bare) == RC_OK);
        MUST(bytes_equal(wbuf_bytes(&back), wbuf_bytes(&bare)));
    }
    wbuf_clear(&out);
    wbuf_clear(&back);
    wbuf_clear(&bare);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len)
{
    struct spc *spc = calloc(2, sizeof *spc);
    struct spc_indirect indirect;
    uint8_t digest[DIGEST_MAX];

    MUST(spc);
    if (spc_parse(bytes_of(data, data_len), &spc[0]) == RC_OK) {
        for (size_t i = 0; i < spc[0].num; i++) {
            if (spc_indirect_parse(spc[0].signatures[i].cms.content, &indirect) == RC_OK) {
                MUST(indirect.is_package || indirect.digest.len == digest_len(indirect.alg));
            }
            if (spc_content_digest(&spc[0].signatures[i], digest) == RC_OK) {
                MUST(spc[0].signatures[i].cms.has_content);
            }
            check_change(bytes_of(data, data_len), &spc[0], i, SPC_STAMP_RFC3161, &spc[1]);
            check_change(bytes_of(data, data_len), &spc[0], i, SPC_STAMP_LEGACY, &spc[1]);
        }
    }
    free(spc);
    return 0;
}
